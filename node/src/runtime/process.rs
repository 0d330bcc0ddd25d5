//! A process on a clock and a disk, without any I/O: its driver, the timers that are set, and the records that its disk was
//! given.

use std::time::{Duration, Instant};

use quorate::protocol::{Driver, Effect, Input, Outside, ProcessId, Protocol};

use super::Timers;

/// The host of a process: carries out its sends and outputs, and chooses how long its timers run.
pub trait Host<P: Protocol> {
    /// Sends a message to another process, or loses it.
    fn send(&mut self, to: ProcessId, message: P::Message);

    /// Hands an output to the application.
    fn emit(&mut self, output: P::Output);

    /// How long a timer runs that is set now.
    fn duration(&mut self, timer: &P::Timer) -> Duration;

    /// A step was taken, and these are its effects. None of them is carried out yet.
    fn step(&mut self, input: &Input<P>, effects: &[Effect<P>]);

    /// The `count` oldest records have become durable. What waited for them is carried out next.
    fn durable(&mut self, count: usize);

    /// Whether [`Host::step`] is called.
    fn watches(&self) -> bool;
}

/// Whoever encodes and stores the records of a process, in order.
pub trait Log<P: Protocol> {
    /// Why a record is not taken.
    type Error;

    /// Takes a record, behind all others of the process.
    ///
    /// # Errors
    ///
    /// If it is not taken.
    fn append(&mut self, process: ProcessId, record: &P::Record) -> Result<(), Self::Error>;

    /// Takes the fewest records whose fold is this ([`Protocol::records`]), in place of all others of the process.
    ///
    /// # Errors
    ///
    /// If they are not taken.
    fn replace(&mut self, process: ProcessId, durable: &P::Durable) -> Result<(), Self::Error>;
}

/// A process that is up.
#[derive(Debug)]
pub struct Process<P: Protocol> {
    protocol: P,
    me: ProcessId,
    driver: Driver<P>,
    timers: Timers<P::Timer>,
    /// How many of the pending records the log was given.
    given: usize,
}

/// What the log was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Given {
    /// How many records it had not been given before: these are durable with it.
    pub records: usize,
    /// Whether it was replaced.
    pub replaced: bool,
}

/// A host with a clock.
struct Clocked<'a, P: Protocol, H> {
    host: &'a mut H,
    timers: &'a mut Timers<P::Timer>,
    now: Instant,
}

impl<P: Protocol, H: Host<P>> Outside<P> for Clocked<'_, P, H> {
    fn send(&mut self, to: ProcessId, message: P::Message) {
        self.host.send(to, message);
    }

    fn emit(&mut self, output: P::Output) {
        self.host.emit(output);
    }

    fn set_timer(&mut self, timer: P::Timer) {
        let after = self.host.duration(&timer);
        self.timers.set(timer, self.now, after);
    }

    fn cancel_timer(&mut self, timer: P::Timer) {
        self.timers.cancel(&timer);
    }

    fn looks(&self) -> bool {
        self.host.watches()
    }

    fn look(&mut self, input: &Input<P>, _: &P::State, effects: &[Effect<P>]) {
        self.host.step(input, effects);
    }
}

impl<P: Protocol> Process<P> {
    /// Comes up, with what is on its disk.
    pub fn start(
        protocol: P,
        me: ProcessId,
        durable: P::Durable,
        now: Instant,
        host: &mut impl Host<P>,
    ) -> Self {
        let mut timers = Timers::default();
        let outside = &mut Clocked {
            host,
            timers: &mut timers,
            now,
        };
        let driver = Driver::start(&protocol, me, durable, outside);
        Self {
            protocol,
            me,
            driver,
            timers,
            given: 0,
        }
    }

    /// Takes a step.
    pub fn step(&mut self, input: Input<P>, now: Instant, host: &mut impl Host<P>) {
        let timers = &mut self.timers;
        let outside = &mut Clocked { host, timers, now };
        self.driver.step(&self.protocol, self.me, input, outside);
    }

    /// Steps the process with each timer that has expired by now.
    pub fn fire(&mut self, now: Instant, host: &mut impl Host<P>) {
        while let Some(timer) = self.timers.fired(now) {
            self.step(Input::Timeout(timer), now, host);
        }
    }

    /// The disk has made the `count` oldest records durable.
    ///
    /// # Panics
    ///
    /// If its log was not given as many.
    pub fn durable(&mut self, count: usize, now: Instant, host: &mut impl Host<P>) {
        assert!(
            count <= self.given,
            "{count} records durable, {} given to the log",
            self.given
        );
        self.given -= count;
        host.durable(count);
        let timers = &mut self.timers;
        let outside = &mut Clocked { host, timers, now };
        self.driver.durable(&self.protocol, self.me, count, outside);
    }

    /// Gives the log what it was not given; or, if a record among that sums the log up, replaces it
    /// ([`Process::replace`]).
    ///
    /// # Errors
    ///
    /// If the log does not take a record.
    pub fn give<L: Log<P>>(&mut self, log: &mut L) -> Result<Given, L::Error> {
        let records = || self.driver.pending().skip(self.given);
        if records().any(P::sums_up) {
            return self.replace(log);
        }
        for record in records() {
            log.append(self.me, record)?;
        }
        Ok(self.all_given(false))
    }

    /// Replaces the log by the fewest records whose fold is the same, those that it was not given included.
    ///
    /// # Errors
    ///
    /// If the log does not take one.
    pub fn replace<L: Log<P>>(&mut self, log: &mut L) -> Result<Given, L::Error> {
        log.replace(self.me, &self.protocol.durable(&self.driver.state))?;
        Ok(self.all_given(true))
    }

    fn all_given(&mut self, replaced: bool) -> Given {
        let records = self.pending() - self.given;
        self.given += records;
        Given { records, replaced }
    }

    /// Whether there are records that the log was not given.
    pub fn has_more(&self) -> bool {
        self.pending() > self.given
    }

    /// When the next timer expires.
    pub fn next_timer(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The process's state.
    pub fn state(&self) -> &P::State {
        &self.driver.state
    }

    /// Which process this is.
    pub fn me(&self) -> ProcessId {
        self.me
    }

    /// How many records are pending.
    pub fn pending(&self) -> usize {
        self.driver.hold_back.len()
    }
}
