//! One process with its disk, and what happens to it: the only place where a protocol is stepped.
//!
//! What a process makes of something depends on nothing but the process, its protocol and the environment's
//! disk: so it is a function, worked out once for each process and thing that can happen to it.

use std::hash::{Hash, Hasher};

use derive_where::derive_where;
use quorate::protocol::{
    Driver, Effect, HoldBack, Input, Outside, Pending, ProcessId, Protocol, Release,
};

use super::interned::{Interned, Memo};
use super::network::Envelopes;
use super::timers::TimersRunning;
use super::{Disk, Envelope, Environment, Event, NetworkKind};

/// One process: up or down, with its disk.
#[derive_where(Clone, Debug, Eq, PartialEq)]
pub struct Process<P: Protocol> {
    /// Which one.
    pub id: ProcessId,
    /// What drives it while it is up: its state, the records that are not durable, and what waits for them.
    pub driver: Option<Driver<P>>,
    /// What its disk is known to hold.
    pub durable: P::Durable,
}

/// In this order, so that fingerprints stay what they were before there was a driver: addresses in the Explorer are made of
/// them, and they decide which of equally short runs is told.
impl<P: Protocol> Hash for Process<P> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.id.hash(hasher);
        self.state().hash(hasher);
        self.durable.hash(hasher);
        match &self.driver {
            Some(driver) => driver.hold_back.hash(hasher),
            None => HoldBack::<P>::new().hash(hasher),
        }
    }
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
            driver: None,
            durable: P::Durable::default(),
        }
    }

    /// Its state, if it is up.
    pub fn state(&self) -> Option<&P::State> {
        self.driver.as_ref().map(|driver| &driver.state)
    }

    /// Whether it is up.
    pub fn is_up(&self) -> bool {
        self.driver.is_some()
    }

    /// The records that are not durable, oldest first, each with what waits for it: none if it is down.
    pub fn pending(&self) -> impl Iterator<Item = &Pending<P>> {
        let driver = self.driver.iter();
        driver.flat_map(|driver| driver.hold_back.pending())
    }

    /// How many records are not durable.
    pub fn pending_len(&self) -> usize {
        let driver = self.driver.as_ref();
        driver.map_or(0, |driver| driver.hold_back.len())
    }

    /// Whether it is up and takes inputs, or first needs a flush.
    pub(super) fn takes_input(&self, environment: &Environment) -> bool {
        self.is_up() && self.pending_len() < usize::from(environment.pending_max)
    }

    /// Whether the fold of pending records onto durable ones is what the process believes: what a crash leaves
    /// behind is then what a recovery would have been told.
    pub(super) fn reads_back(&self, protocol: &P) -> bool {
        let Some(driver) = &self.driver else {
            return true;
        };
        let mut durable = self.durable.clone();
        for record in driver.pending() {
            P::apply(&mut durable, record);
        }
        durable == protocol.durable(&driver.state)
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
        let mut surroundings = Surroundings {
            id: self.id,
            protocol,
            environment,
            timers: TimersRunning::of(protocol, self.state()),
            durable: self.durable.clone(),
            events: Vec::new(),
        };
        let driver = self.driver.clone();
        let driver = surroundings.happen(driver, happening);
        let process = Self {
            id: self.id,
            driver,
            durable: surroundings.durable,
        };
        (process, surroundings.events)
    }
}

/// The surroundings of a process that takes a step: its disk, and the events so far.
struct Surroundings<'a, P: Protocol> {
    id: ProcessId,
    protocol: &'a P,
    environment: &'a Environment,
    timers: TimersRunning<P>,
    durable: P::Durable,
    /// What has happened so far.
    events: Vec<Event<P>>,
}

impl<P: Protocol + 'static> Surroundings<'_, P> {
    fn happen(&mut self, driver: Option<Driver<P>>, happening: Happening<P>) -> Option<Driver<P>> {
        let (protocol, id) = (self.protocol, self.id);
        let is_up = "something other than a start happens to a live process";
        let mut driver = match happening {
            Happening::Start => Driver::start(protocol, id, self.durable.clone(), self),
            Happening::Crash => {
                for record in driver.iter().flat_map(Driver::pending) {
                    self.events.push(Event::Lost(id, record.clone()));
                }
                return None;
            }
            Happening::Flush => {
                let mut driver = driver.expect(is_up);
                driver.durable(protocol, id, 1, self);
                driver
            }
            Happening::Receive(envelope) => {
                let (from, message) = (envelope.from, envelope.message.clone());
                self.input(driver.expect(is_up), Input::Receive { from, message })
            }
            Happening::Timeout(timer) => {
                let timer = P::Timer::clone(&timer);
                self.input(driver.expect(is_up), Input::Timeout(timer))
            }
            Happening::Submit(request) => {
                let request = P::Request::clone(&request);
                self.input(driver.expect(is_up), Input::Submit(request))
            }
        };
        while self.environment.disk == Disk::Atomic && !driver.hold_back.is_empty() {
            driver.durable(protocol, id, driver.hold_back.len(), self);
        }
        Some(driver)
    }

    fn input(&mut self, mut driver: Driver<P>, input: Input<P>) -> Driver<P> {
        driver.step(self.protocol, self.id, input, self);
        driver
    }
}

impl<P: Protocol + 'static> Outside<P> for Surroundings<'_, P> {
    fn send(&mut self, to: ProcessId, message: P::Message) {
        let from = self.id;
        let envelope = Envelope { from, to, message };
        self.events.push(Event::Sent(envelope, true));
    }

    fn emit(&mut self, output: P::Output) {
        self.events.push(Event::Told(self.id, output));
    }

    /// Timers are read off the state.
    fn set_timer(&mut self, _: P::Timer) {}

    fn cancel_timer(&mut self, _: P::Timer) {}

    fn record_durable(&mut self, record: P::Record) {
        P::apply(&mut self.durable, &record);
        assert_eq!(
            rewritten::<P>(&self.durable),
            self.durable,
            "what is on a disk, and what it would be if it were written anew"
        );
        self.events.push(Event::Durable(self.id, record));
    }

    fn looks(&self) -> bool {
        true
    }

    fn look(&mut self, input: &Input<P>, state: &P::State, effects: &[Effect<P>]) {
        self.timers
            .assert_after(self.protocol, input, state, effects);
        for effect in effects {
            let (record, forced) = match effect {
                Effect::Persist(record) => (record.clone(), true),
                Effect::Append(record) => (record.clone(), false),
                _ => continue,
            };
            self.events.push(Event::Wrote(self.id, record, forced));
        }
    }

    /// Not if an equal output waits, so that one more would change nothing; or so many equal sends that
    /// one more would be lost when it is released: on a bag or FIFO those that are released together
    /// with it, for a copy released earlier may be delivered before; on a set any.
    fn admits(&mut self, queue: &HoldBack<P>, effect: &Effect<P>) -> bool {
        let pending = queue.pending();
        match effect {
            Effect::Send { to, message } => {
                let is_equal = |release: &&Release<P>| {
                    matches!(release, Release::Send { to: other, message: waiting }
                        if other == to && waiting == message)
                };
                let mut forced = pending.filter(|pending| pending.forced);
                if self.environment.network == NetworkKind::Set {
                    return !forced.any(|pending| pending.releases.iter().any(|r| is_equal(&r)));
                }
                forced.last().is_none_or(|pending| {
                    let waiting = pending.releases.iter().filter(is_equal).count();
                    waiting < usize::from(self.environment.copies_max)
                })
            }
            Effect::Emit(output) => {
                let mut waiting = pending.flat_map(|pending| &pending.releases);
                !waiting.any(|release| matches!(release, Release::Emit(other) if other == output))
            }
            _ => true,
        }
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
