//! A state of a [`System`](super::System), and how it reads.

use std::fmt::{self, Debug};

use derive_where::derive_where;
use quorate::protocol::{ProcessId, Protocol};
use smallvec::SmallVec;

use super::network::InternedOutbox;
use super::process::InternedProcess;
use super::view::InternedView;
use super::{Application, Network, Process, ProcessSet, journal};

/// A state of a [`System`](super::System): handles to its parts, which read like the parts themselves.
#[derive_where(Clone, Eq, Hash, PartialEq)]
pub struct SystemState<P: Protocol + 'static, A: Application<P> + 'static> {
    /// Each process, by id.
    pub processes: SmallVec<[InternedProcess<P>; 8]>,
    /// The messages in flight.
    pub network: Network<P::Message>,
    /// What the application has asked and been told.
    pub view: InternedView<P, A>,
    /// Crashes so far.
    pub crashes: u8,
    /// Drops so far.
    pub drops: u8,
    /// Partitions so far.
    pub partitions: u8,
    /// Who is on the other side of a cut than process 0: nobody, if there is no cut.
    pub cut: ProcessSet,
    /// Whether the environment has stabilised.
    pub stable: bool,
    /// Who campaigned last, where timers are accurate.
    pub campaigned: Option<ProcessId>,
}

impl<P: Protocol + 'static, A: Application<P> + 'static> SystemState<P, A> {
    /// The processes that are up, with what they know.
    pub fn live(&self) -> impl Iterator<Item = (ProcessId, &P::State)> {
        self.processes().filter_map(|(id, process)| {
            let state = process.state()?;
            Some((id, state))
        })
    }

    /// Whom all follow, where there is an oracle that says so: the first of the processes that are up.
    pub fn leader(&self) -> Option<ProcessId> {
        self.live().map(|(id, _)| id).next()
    }

    /// All processes with their ids.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, &Process<P>)> {
        self.processes
            .iter()
            .map(|process| (process.id, &**process))
    }

    /// The processes that are not the same in another state, as they are here and as they are there.
    pub fn changed<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (&'a Process<P>, &'a Process<P>)> {
        let both = self.processes.iter().zip(&other.processes);
        both.filter(|(here, there)| here != there)
            .map(|(here, there)| (&**here, &**there))
    }

    /// How many processes are down.
    pub fn down(&self) -> usize {
        self.processes.iter().filter(|p| !p.is_up()).count()
    }

    /// Whether there is a cut, and these are on different sides of it.
    pub fn are_apart(&self, one: ProcessId, other: ProcessId) -> bool {
        !self.cut.is_empty() && self.cut.contains(one) != self.cut.contains(other)
    }
}

/// A state that is being changed. It is copied when something is found to be different, and not before.
#[derive_where(Clone)]
pub(super) struct Change<'a, P: Protocol + 'static, A: Application<P> + 'static> {
    before: &'a SystemState<P, A>,
    next: Option<SystemState<P, A>>,
}

impl<'a, P: Protocol + 'static, A: Application<P> + 'static> Change<'a, P, A> {
    /// No change yet.
    pub(super) fn of(before: &'a SystemState<P, A>) -> Self {
        Self { before, next: None }
    }

    /// The state so far.
    pub(super) fn now(&self) -> &SystemState<P, A> {
        self.next.as_ref().unwrap_or(self.before)
    }

    /// The state so far, to be changed.
    pub(super) fn next(&mut self) -> &mut SystemState<P, A> {
        self.next.get_or_insert_with(|| self.before.clone())
    }

    pub(super) fn set_process(&mut self, process: InternedProcess<P>) {
        let index = process.id.index();
        if self.now().processes[index] != process {
            self.next().processes[index] = process;
        }
    }

    pub(super) fn set_outbox(&mut self, of: ProcessId, outbox: InternedOutbox<P::Message>) {
        if self.now().network.outboxes[of.index()] != outbox {
            self.next().network.outboxes[of.index()] = outbox;
        }
    }

    pub(super) fn set_view(&mut self, view: InternedView<P, A>) {
        if self.now().view != view {
            self.next().view = view;
        }
    }

    /// The state in the end, if it is another than before.
    pub(super) fn into_next(self) -> Option<SystemState<P, A>> {
        self.next.filter(|next| next != self.before)
    }
}

/// For people: a line per process and per message.
impl<P: Protocol + 'static, A: Application<P> + 'static> Debug for SystemState<P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, process) in self.processes() {
            match process.state() {
                Some(knows) => writeln!(f, "process {id:?}: {knows:?}")?,
                None => writeln!(f, "process {id:?}: down")?,
            }
            writeln!(f, "   disk: {:?}", process.durable)?;
            for pending in process.pending() {
                let how = if pending.forced { "forced" } else { "lazy" };
                writeln!(f, "   pending, {how}: {:?}", pending.record)?;
                for release in &pending.releases {
                    let held = journal::release(release, |id| format!("process {id:?}"));
                    writeln!(f, "      holds back {held}")?;
                }
            }
        }
        for (number, envelope) in self.network.in_flight().enumerate() {
            if number == 0 {
                writeln!(f, "network:")?;
            }
            writeln!(f, "   {envelope:?}")?;
        }
        writeln!(f, "application: {:?}", self.view)?;
        write!(f, "faults: {} crashes, {} drops", self.crashes, self.drops)?;
        write!(f, ", {} partitions", self.partitions)?;
        if !self.cut.is_empty() {
            let ids = self.processes.iter().map(|process| process.id);
            let sides = journal::sides(self.cut, ids, |id| format!("{id:?}"));
            write!(f, "\npartition: {sides}")?;
        }
        if self.stable {
            write!(f, "\nstable")?;
        }
        if let Some(id) = self.campaigned {
            write!(f, "\nthe last to campaign: process {id:?}")?;
        }
        Ok(())
    }
}
