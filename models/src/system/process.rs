//! One process with its disk, and what happens to it: the only place where a protocol is stepped.
//!
//! What a process makes of something depends on nothing but the process, its protocol and the environment's
//! disk: so it is a function, worked out once for each process and thing that can happen to it.

use std::collections::VecDeque;

use derive_where::derive_where;
use quorate::protocol::{Effect, EffectList, HoldBack, Input, ProcessId, Protocol, Release};

use super::interned::{Interned, Memo};
use super::network::Envelopes;
#[cfg(debug_assertions)]
use super::timers::TimersRunning;
use super::{Disk, Envelope, Environment, Event, NetworkKind};

/// One process: up or down, with its disk.
#[derive_where(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Process<P: Protocol> {
    /// Which one.
    pub id: ProcessId,
    /// What it knows, or nothing if it is down.
    pub state: Option<P::State>,
    /// What its disk is known to hold.
    pub durable: P::Durable,
    /// What it is writing, and what waits for that.
    pub hold_back: HoldBack<P>,
}

/// A process as states have it.
pub type InternedProcess<P> = Interned<Process<P>, ProcessMemo<P>>;

/// What happens to a process.
#[derive_where(Clone, Copy, Eq, Hash, PartialEq)]
pub enum Happening<P: Protocol + 'static> {
    /// It comes up, for the first time or again.
    Start,
    /// It receives a message.
    Receive(Interned<Envelope<P::Message>>),
    /// Its timer fires.
    Timeout(Interned<P::Timer>),
    /// The application asks for something.
    Submit(Interned<P::Request>),
    /// Its oldest pending record becomes durable.
    Flush,
    /// It goes down.
    Crash,
}

/// What a process makes of what happens to it.
#[derive_where(Clone, Copy)]
pub struct Outcome<P: Protocol + 'static> {
    /// What becomes of it.
    pub(super) process: InternedProcess<P>,
    /// What it sends, if anything.
    pub(super) sent: Option<Envelopes<P::Message>>,
    /// What it tells the application, if anything.
    pub(super) told: Option<Interned<Vec<P::Output>>>,
}

/// What is known about a process.
#[derive_where(Debug)]
pub struct ProcessMemo<P: Protocol + 'static> {
    /// The system that knows it.
    pub(super) system: u64,
    /// Whether it is up and takes inputs, or first needs a flush.
    pub(super) takes_input: bool,
    /// The timers that are set.
    pub(super) timers: Vec<Interned<P::Timer>>,
    /// Whether a recovery would find what it believes durable.
    pub(super) reads_back: bool,
    /// What it makes of what happens.
    pub(super) outcomes: Memo<Happening<P>, Outcome<P>>,
}

impl<P: Protocol> Process<P> {
    /// Before its first start.
    pub(super) fn blank(id: ProcessId) -> Self {
        Self {
            id,
            state: None,
            durable: P::Durable::default(),
            hold_back: HoldBack::new(),
        }
    }

    /// Whether it is up and takes inputs, or first needs a flush.
    pub(super) fn takes_input(&self, environment: &Environment) -> bool {
        self.state.is_some() && self.hold_back.len() < usize::from(environment.pending_max)
    }

    /// Whether the fold of pending records onto durable ones is what the process believes: what a crash leaves
    /// behind is then what a recovery would have been told.
    pub(super) fn reads_back(&self, protocol: &P) -> bool {
        let Some(knows) = &self.state else {
            return true;
        };
        let mut durable = self.durable.clone();
        for pending in self.hold_back.pending() {
            P::apply(&mut durable, &pending.record);
        }
        durable == protocol.durable(knows)
    }

    /// What becomes of it when this happens, and what happens in consequence, in order.
    pub(super) fn after(
        &self,
        happening: Happening<P>,
        protocol: &P,
        environment: &Environment,
    ) -> (Self, Vec<Event<P>>)
    where
        P: 'static,
    {
        let mut stepping = Stepping {
            protocol,
            environment,
            process: self.clone(),
            events: Vec::new(),
        };
        stepping.happen(happening);
        (stepping.process, stepping.events)
    }
}

/// A process to which something happens.
struct Stepping<'a, P: Protocol> {
    protocol: &'a P,
    environment: &'a Environment,
    process: Process<P>,
    /// What has happened so far.
    events: Vec<Event<P>>,
}

impl<P: Protocol + 'static> Stepping<'_, P> {
    fn happen(&mut self, happening: Happening<P>) {
        match happening {
            Happening::Start => {
                self.process.state = Some(self.protocol.initial(self.process.id));
                self.input(Input::Start(self.process.durable.clone()));
            }
            Happening::Receive(envelope) => self.input(Input::Receive {
                from: envelope.from,
                message: envelope.message.clone(),
            }),
            Happening::Timeout(timer) => self.input(Input::Timeout(P::Timer::clone(&timer))),
            Happening::Submit(request) => self.input(Input::Submit(P::Request::clone(&request))),
            Happening::Flush => {
                for position in self.flush(1) {
                    self.input(Input::Durable(position));
                }
            }
            Happening::Crash => {
                self.process.state = None;
                for pending in std::mem::take(&mut self.process.hold_back).pending() {
                    let lost = Event::Lost(self.process.id, pending.record.clone());
                    self.events.push(lost);
                }
            }
        }
    }

    /// Steps the process, and lets happen what its hold-back queue allows. Reports of durability are
    /// inputs of their own: each is stepped when everything of the step before it is done.
    fn input(&mut self, input: Input<P>) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let reports = self.step(input);
            inputs.extend(reports.into_iter().map(Input::Durable));
        }
    }

    /// Takes one step. Returns the positions to be reported durable.
    fn step(&mut self, input: Input<P>) -> Vec<u64> {
        let knows = self.process.state.as_mut().expect("a live process");
        let mut effects = EffectList::new();
        #[cfg(debug_assertions)]
        let running = TimersRunning::before(self.protocol, knows, &input);
        self.protocol
            .step(self.process.id, knows, input, &mut effects);
        #[cfg(debug_assertions)]
        running.assert_after(self.protocol, knows, &effects);

        let mut releases = Vec::new();
        for effect in effects.take() {
            self.note(&effect);
            if !self.waits_already(&effect) {
                self.process.hold_back.push(effect, &mut releases);
            }
        }
        let mut reports = self.release(releases);
        if self.environment.disk == Disk::Atomic {
            reports.extend(self.flush(self.process.hold_back.len()));
        }
        reports
    }

    fn note(&mut self, effect: &Effect<P>) {
        let (record, forced) = match effect {
            Effect::Persist(record) => (record.clone(), true),
            Effect::Append(record) => (record.clone(), false),
            _ => return,
        };
        let wrote = Event::Wrote(self.process.id, record, forced);
        self.events.push(wrote);
    }

    /// Whether an equal output waits, so that one more would change nothing; or so many equal sends that
    /// one more would be lost when it is released: on a bag or FIFO those that are released together
    /// with it, for a copy released earlier may be delivered before; on a set any.
    fn waits_already(&self, effect: &Effect<P>) -> bool {
        let pending = self.process.hold_back.pending();
        match effect {
            Effect::Send { to, message } => {
                let is_equal = |release: &&Release<P>| {
                    matches!(release, Release::Send { to: other, message: waiting }
                        if other == to && waiting == message)
                };
                let mut forced = pending.filter(|pending| pending.forced);
                if self.environment.network == NetworkKind::Set {
                    return forced.any(|pending| pending.releases.iter().any(|r| is_equal(&r)));
                }
                forced.last().is_some_and(|pending| {
                    let waiting = pending.releases.iter().filter(is_equal).count();
                    waiting >= usize::from(self.environment.copies_max)
                })
            }
            Effect::Emit(output) => {
                let mut waiting = pending.flat_map(|pending| &pending.releases);
                waiting.any(|release| matches!(release, Release::Emit(other) if other == output))
            }
            _ => false,
        }
    }

    /// Makes the oldest pending records durable. Returns the positions to be reported durable.
    fn flush(&mut self, count: usize) -> Vec<u64> {
        let flushed: Vec<_> = self.process.hold_back.durable(count).collect();
        let mut reports = Vec::new();
        for pending in flushed {
            P::apply(&mut self.process.durable, &pending.record);
            debug_assert_eq!(
                rewritten::<P>(&self.process.durable),
                self.process.durable,
                "what is on a disk, and what it would be if it were written anew"
            );
            let durable = Event::Durable(self.process.id, pending.record);
            self.events.push(durable);
            reports.extend(self.release(pending.releases));
        }
        reports
    }

    /// Carries out releases. Reports of durability are the caller's to make, when all else is done.
    fn release(&mut self, releases: impl IntoIterator<Item = Release<P>>) -> Vec<u64> {
        let from = self.process.id;
        let mut reports = Vec::new();
        for release in releases {
            match release {
                Release::Send { to, message } => {
                    let envelope = Envelope { from, to, message };
                    self.events.push(Event::Sent(envelope, true));
                }
                Release::Emit(output) => self.events.push(Event::Told(from, output)),
                Release::Durable(position) => reports.push(position),
            }
        }
        reports
    }
}

/// What a disk holds whose records are replaced by the fewest that say the same.
fn rewritten<P: Protocol>(durable: &P::Durable) -> P::Durable {
    let mut rewritten = P::Durable::default();
    for record in P::records(durable) {
        P::apply(&mut rewritten, &record);
    }
    rewritten
}
