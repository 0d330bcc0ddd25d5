//! A process, with what it holds back and the timers that it has set: what a driver owes a protocol, without any I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::protocol::{
    CarryOut, Effect, EffectList, Effects, HoldBack, Input, ProcessId, Protocol,
};
use crate::storage::{self, Batch};

use super::Timers;

/// Whom a process speaks to.
pub trait Outside<P: Protocol> {
    /// Sends a message to another process, or loses it.
    fn send(&mut self, to: ProcessId, message: P::Message);

    /// Tells the application.
    fn emit(&mut self, output: P::Output);

    /// How long a timer runs that is set now.
    fn duration(&mut self, timer: &P::Timer) -> Duration;

    /// Is shown each step: what has happened, and what is to be done about it.
    fn step(&mut self, input: &Input<P>, effects: &[Effect<P>]);

    /// Is shown that so many of the oldest records have become durable: what waited for them is carried out next.
    fn durable(&mut self, count: usize);

    /// Whether it wants to be shown steps.
    fn watches(&self) -> bool;
}

/// A process that is up.
#[derive(Debug)]
pub struct Process<P: Protocol> {
    protocol: P,
    me: ProcessId,
    state: P::State,
    hold_back: HoldBack<P>,
    timers: Timers<P::Timer>,
    /// How many of the pending records the disk was given.
    given: usize,
    /// What was reported durable, and not stepped.
    reported: VecDeque<u64>,
}

/// What the disk was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Given {
    /// How many records it had not been given before: these are durable with it.
    pub records: usize,
    /// Whether it takes the place of all that was written before.
    pub anew: bool,
}

/// Carries out what is not held back.
struct Carrier<'a, P: Protocol, O> {
    outside: &'a mut O,
    reported: &'a mut VecDeque<u64>,
    timers: &'a mut Timers<P::Timer>,
    now: Instant,
}

impl<P: Protocol, O: Outside<P>> CarryOut<P> for Carrier<'_, P, O> {
    fn send(&mut self, to: ProcessId, message: P::Message) {
        self.outside.send(to, message);
    }

    fn emit(&mut self, output: P::Output) {
        self.outside.emit(output);
    }

    fn report_durable(&mut self, position: u64) {
        self.reported.push_back(position);
    }

    fn set_timer(&mut self, timer: P::Timer) {
        let after = self.outside.duration(&timer);
        self.timers.set(timer, self.now, after);
    }

    fn cancel_timer(&mut self, timer: P::Timer) {
        self.timers.cancel(&timer);
    }
}

impl<P: Protocol> Process<P> {
    /// Comes up, with what is on its disk.
    pub fn start(
        protocol: P,
        me: ProcessId,
        durable: P::Durable,
        now: Instant,
        outside: &mut impl Outside<P>,
    ) -> Self {
        let mut process = Self {
            state: protocol.initial(me),
            protocol,
            me,
            hold_back: HoldBack::new(),
            timers: Timers::default(),
            given: 0,
            reported: VecDeque::new(),
        };
        process.step(Input::Start(durable), now, outside);
        process
    }

    /// Something happens.
    pub fn step(&mut self, input: Input<P>, now: Instant, outside: &mut impl Outside<P>) {
        self.step_once(input, now, outside);
        self.step_reported(now, outside);
    }

    /// All timers that have fired by now.
    pub fn fire(&mut self, now: Instant, outside: &mut impl Outside<P>) {
        while let Some(timer) = self.timers.fired(now) {
            self.step(Input::Timeout(timer), now, outside);
        }
    }

    /// The disk has made so many more records durable.
    ///
    /// # Panics
    ///
    /// If it was not given as many.
    pub fn durable(&mut self, count: usize, now: Instant, outside: &mut impl Outside<P>) {
        assert!(
            count <= self.given,
            "{count} records durable, {} given to the disk",
            self.given
        );
        self.given -= count;
        outside.durable(count);
        let mut carrier = Carrier {
            outside: &mut *outside,
            reported: &mut self.reported,
            timers: &mut self.timers,
            now,
        };
        for pending in self.hold_back.durable(count) {
            for release in pending.releases {
                release.carry_out(&mut carrier);
            }
        }
        self.step_reported(now, outside);
    }

    /// Gives the disk what it was not given: puts it into the batch; or, if a record among it makes most of the earlier ones
    /// needless, all anew ([`Process::give_anew`]).
    ///
    /// # Errors
    ///
    /// If a record cannot be encoded.
    pub fn give(&mut self, batch: &mut Batch) -> Result<Given, storage::Error> {
        let pending = || self.hold_back.pending().skip(self.given);
        if pending().any(|pending| P::sums_up(&pending.record)) {
            return self.give_anew(batch);
        }
        for pending in pending() {
            batch.append::<P>(self.me, &pending.record)?;
        }
        Ok(self.all_given(false))
    }

    /// Gives the disk what it was not given, and what it was, anew: puts into the batch the fewest records that say the
    /// same, in the place of all.
    ///
    /// # Errors
    ///
    /// If one cannot be encoded.
    pub fn give_anew(&mut self, batch: &mut Batch) -> Result<Given, storage::Error> {
        batch.replace::<P>(self.me, &self.protocol.durable(&self.state))?;
        Ok(self.all_given(true))
    }

    fn all_given(&mut self, anew: bool) -> Given {
        let records = self.hold_back.len() - self.given;
        self.given += records;
        Given { records, anew }
    }

    /// Whether there are records that the disk was not given.
    pub fn has_more(&self) -> bool {
        self.hold_back.len() > self.given
    }

    /// When the next timer fires.
    pub fn next_timer(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// What it knows.
    pub fn state(&self) -> &P::State {
        &self.state
    }

    /// Who it is.
    pub fn me(&self) -> ProcessId {
        self.me
    }

    /// How many records are pending.
    pub fn pending(&self) -> usize {
        self.hold_back.len()
    }

    fn step_reported(&mut self, now: Instant, outside: &mut impl Outside<P>) {
        while let Some(position) = self.reported.pop_front() {
            self.step_once(Input::Durable(position), now, outside);
        }
    }

    fn step_once(&mut self, input: Input<P>, now: Instant, outside: &mut impl Outside<P>) {
        let watched = outside.watches().then(|| input.clone());
        let mut carrier = Carrier {
            outside,
            reported: &mut self.reported,
            timers: &mut self.timers,
            now,
        };
        let (me, state) = (self.me, &mut self.state);
        let Some(watched) = watched else {
            let effects = &mut self.hold_back.taking(&mut carrier);
            return self.protocol.step(me, state, input, effects);
        };
        // It is shown before any of it is done.
        let mut effects = EffectList::new();
        self.protocol.step(me, state, input, &mut effects);
        carrier.outside.step(&watched, effects.as_slice());
        let mut holding = self.hold_back.taking(&mut carrier);
        effects.drain().for_each(|effect| holding.push(effect));
    }
}
