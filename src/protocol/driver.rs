//! The one loop around a process: step it, hold back what waits for its disk, release that when records are durable.
//!
//! The models' environment, the runtime, tests and benchmarks all drive processes by this type, so that the loop that a
//! server runs is the loop that is checked. It does no I/O and has no clock. Records come out as records: to encode them, to
//! store them, and to count those that a disk was given is its caller's.

use derive_where::derive_where;
use smallvec::SmallVec;

use super::{CarryOut, Effect, EffectList, HoldBack, Input, ProcessId, Protocol};

/// A process that is up: its state, and the records that are not durable with all that waits for them.
///
/// There is nothing else in it, and its hash is what a checker explores.
#[derive_where(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Driver<P: Protocol> {
    /// The process's state.
    pub state: P::State,
    /// The records that are not durable, and what waits for them.
    pub hold_back: HoldBack<P>,
}

/// The surroundings of a driven process: they carry out its sends, outputs and timers, and may look at each step first.
pub trait Outside<P: Protocol> {
    /// Sends a message. It may be lost, duplicated or overtaken.
    fn send(&mut self, to: ProcessId, message: P::Message);

    /// Hands an output to the application.
    fn emit(&mut self, output: P::Output);

    /// Starts a timer, or restarts it.
    fn set_timer(&mut self, timer: P::Timer);

    /// Stops a timer.
    fn cancel_timer(&mut self, timer: P::Timer);

    /// A record has become durable. Called oldest record first, each before what waited for it is released.
    fn record_durable(&mut self, _record: P::Record) {}

    /// Whether [`Outside::look`] and [`Outside::admits`] are called for each step.
    fn looks(&self) -> bool {
        false
    }

    /// A step was taken. Called before any of its effects enters the queue.
    fn look(&mut self, _input: &Input<P>, _state: &P::State, _effects: &[Effect<P>]) {}

    /// Whether an effect enters the queue as it is now. One that does not has no effect.
    fn admits(&mut self, _queue: &HoldBack<P>, _effect: &Effect<P>) -> bool {
        true
    }
}

impl<P: Protocol> Driver<P> {
    /// Comes up with what is on its disk: step 1 of [what a driver owes a protocol](crate#what-a-driver-owes-a-protocol).
    pub fn start(
        protocol: &P,
        me: ProcessId,
        durable: P::Durable,
        outside: &mut impl Outside<P>,
    ) -> Self {
        let mut driver = Self {
            state: protocol.initial(me),
            hold_back: HoldBack::new(),
        };
        driver.step(protocol, me, Input::Start(durable), outside);
        driver
    }

    /// Steps the process with an input, and then with each report of durability that this released.
    pub fn step(
        &mut self,
        protocol: &P,
        me: ProcessId,
        input: Input<P>,
        outside: &mut impl Outside<P>,
    ) {
        let mut reports = Reports::new();
        self.step_once(protocol, me, input, &mut reports, outside);
        self.step_reports(protocol, me, reports, outside);
    }

    /// The `count` oldest pending records have become durable: releases what waited for them, and then steps the process with
    /// the reports of durability among that.
    ///
    /// # Panics
    ///
    /// If fewer records are pending: the caller has lost count of its disk.
    pub fn durable(
        &mut self,
        protocol: &P,
        me: ProcessId,
        count: usize,
        outside: &mut impl Outside<P>,
    ) {
        let mut reports = Reports::new();
        let mut releasing = Releasing {
            outside: &mut *outside,
            reports: &mut reports,
        };
        for pending in self.hold_back.durable(count) {
            releasing.outside.record_durable(pending.record);
            for release in pending.releases {
                release.carry_out(&mut releasing);
            }
        }
        self.step_reports(protocol, me, reports, outside);
    }

    /// The records that are not durable, oldest first.
    pub fn pending(&self) -> impl ExactSizeIterator<Item = &P::Record> {
        self.hold_back.pending().map(|pending| &pending.record)
    }

    fn step_reports(
        &mut self,
        protocol: &P,
        me: ProcessId,
        mut reports: Reports,
        outside: &mut impl Outside<P>,
    ) {
        let mut next = 0;
        while let Some(&position) = reports.get(next) {
            next += 1;
            let input = Input::Durable(position);
            self.step_once(protocol, me, input, &mut reports, outside);
        }
    }

    fn step_once(
        &mut self,
        protocol: &P,
        me: ProcessId,
        input: Input<P>,
        reports: &mut Reports,
        outside: &mut impl Outside<P>,
    ) {
        let Self { state, hold_back } = self;
        let looked_at = outside.looks().then(|| input.clone());
        let mut releasing = Releasing { outside, reports };
        let Some(input_before) = looked_at else {
            // The effects go straight into the queue, without a list on the way.
            let effects = &mut hold_back.taking(&mut releasing);
            return protocol.step(me, state, input, effects);
        };
        let mut effects = EffectList::new();
        protocol.step(me, state, input, &mut effects);
        let outside = &mut *releasing.outside;
        outside.look(&input_before, state, effects.as_slice());
        for effect in effects.drain() {
            if releasing.outside.admits(hold_back, &effect) {
                hold_back.push(effect, &mut releasing);
            }
        }
    }
}

/// Positions that are durable, in the order in which the process is stepped with them. Mostly there is one.
type Reports = SmallVec<[u64; 1]>;

/// Carries out what is released, and collects the reports of durability.
struct Releasing<'a, O> {
    outside: &'a mut O,
    reports: &'a mut Reports,
}

impl<P: Protocol, O: Outside<P>> CarryOut<P> for Releasing<'_, O> {
    fn send(&mut self, to: ProcessId, message: P::Message) {
        self.outside.send(to, message);
    }

    fn emit(&mut self, output: P::Output) {
        self.outside.emit(output);
    }

    fn report_durable(&mut self, position: u64) {
        self.reports.push(position);
    }

    fn set_timer(&mut self, timer: P::Timer) {
        self.outside.set_timer(timer);
    }

    fn cancel_timer(&mut self, timer: P::Timer) {
        self.outside.cancel_timer(timer);
    }
}
