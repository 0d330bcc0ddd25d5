//! A process, with what it holds back and the timers that it has set: what a driver owes a protocol, without any I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::protocol::{CarryOut, Effect, Effects, HoldBack, Input, ProcessId, Protocol};
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
    effects: Effects<P>,
    timers: Timers<P::Timer>,
    /// How many of the pending records the disk was given.
    given: usize,
    /// What was reported durable, and not stepped.
    reported: VecDeque<u64>,
}

/// Carries out what is not held back.
struct Carrier<'a, O> {
    outside: &'a mut O,
    reported: &'a mut VecDeque<u64>,
}

impl<P: Protocol, O: Outside<P>> CarryOut<P> for Carrier<'_, O> {
    fn send(&mut self, to: ProcessId, message: P::Message) {
        self.outside.send(to, message);
    }

    fn emit(&mut self, output: P::Output) {
        self.outside.emit(output);
    }

    fn report_durable(&mut self, position: u64) {
        self.reported.push_back(position);
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
            effects: Effects::new(),
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
        };
        for pending in self.hold_back.durable(count) {
            for release in pending.releases {
                release.carry_out(&mut carrier);
            }
        }
        self.step_reported(now, outside);
    }

    /// Gives the disk what it was not given: puts it into the batch. Returns how many records that is.
    ///
    /// # Errors
    ///
    /// If one cannot be encoded.
    pub fn give(&mut self, batch: &mut Batch) -> Result<usize, storage::Error> {
        let mut count = 0;
        for pending in self.hold_back.pending().skip(self.given) {
            batch.append::<P>(self.me, &pending.record)?;
            count += 1;
        }
        self.given += count;
        Ok(count)
    }

    /// What its disk holds once all that it was given is durable.
    pub fn on_disk(&self) -> P::Durable {
        self.protocol.durable(&self.state)
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
        let (me, state, effects) = (self.me, &mut self.state, &mut self.effects);
        self.protocol.step(me, state, input, effects);
        if let Some(input) = watched {
            outside.step(&input, effects.as_slice());
        }
        for effect in effects.drain() {
            match &effect {
                Effect::SetTimer(timer) => {
                    let after = outside.duration(timer);
                    self.timers.set(timer.clone(), now, after);
                }
                Effect::CancelTimer(timer) => self.timers.cancel(timer),
                _ => {}
            }
            let mut carrier = Carrier {
                outside: &mut *outside,
                reported: &mut self.reported,
            };
            self.hold_back.push(effect, &mut carrier);
        }
    }
}
