//! A state of a [`System`](super::System), and how it reads.

use std::fmt::{self, Debug};
use std::sync::Arc;

use derive_where::derive_where;
use quorate::protocol::{HoldBack, ProcessId, Protocol};

use super::{Application, Network, journal};

/// One process: up or down, with its disk.
#[derive_where(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Process<P: Protocol> {
    /// What it knows, or nothing if it is down.
    pub state: Option<P::State>,
    /// What its disk is known to hold.
    pub durable: Arc<P::Durable>,
    /// What it is writing, and what waits for that.
    pub hold_back: HoldBack<P>,
}

/// A state of a [`System`](super::System).
#[derive_where(Clone, Eq, Hash, PartialEq)]
pub struct SystemState<P: Protocol, A: Application<P>> {
    /// Each process, by id.
    pub processes: Vec<Arc<Process<P>>>,
    /// The messages in flight.
    pub network: Arc<Network<P::Message>>,
    /// What the application has asked and been told.
    pub view: Arc<A::View>,
    /// Crashes so far.
    pub crashes: u8,
    /// Drops so far.
    pub drops: u8,
}

impl<P: Protocol, A: Application<P>> SystemState<P, A> {
    /// The processes that are up, with what they know.
    pub fn live(&self) -> impl Iterator<Item = (ProcessId, &P::State)> {
        self.processes().filter_map(|(id, process)| {
            let state = process.state.as_ref()?;
            Some((id, state))
        })
    }

    /// All processes with their ids.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, &Process<P>)> {
        (0..)
            .map(ProcessId)
            .zip(self.processes.iter().map(|p| &**p))
    }

    /// How many processes are down.
    pub fn down(&self) -> usize {
        self.processes.iter().filter(|p| p.state.is_none()).count()
    }
}

/// For people: a line per process and per message.
impl<P: Protocol, A: Application<P>> Debug for SystemState<P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, process) in self.processes() {
            match &process.state {
                Some(knows) => writeln!(f, "process {id:?}: {knows:?}")?,
                None => writeln!(f, "process {id:?}: down")?,
            }
            writeln!(f, "   disk: {:?}", process.durable)?;
            for pending in process.hold_back.pending() {
                let how = if pending.forced { "forced" } else { "lazy" };
                writeln!(f, "   pending, {how}: {:?}", pending.record)?;
                for release in &pending.releases {
                    let held = journal::release(release, |id| format!("process {id:?}"));
                    writeln!(f, "      holds back {held}")?;
                }
            }
        }
        if !self.network.in_flight().is_empty() {
            writeln!(f, "network:")?;
        }
        for envelope in self.network.in_flight() {
            writeln!(f, "   {envelope:?}")?;
        }
        writeln!(f, "application: {:?}", self.view)?;
        write!(f, "faults: {} crashes, {} drops", self.crashes, self.drops)
    }
}
