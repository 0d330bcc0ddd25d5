//! A cluster in memory: several processes in one thread, messages by function call, disks that are values, chance from a
//! seed. For examples, tests and benchmarks.
//!
//! The caller says what happens next: a request, a timer, a message that arrives, is lost or is duplicated, a crash, a
//! restart. Or a seed says it ([`Cluster::happen`]): equal seeds give equal runs. Each process is driven by the same
//! [`Driver`] as in the models and on a node.
//!
//! ```
//! use quorate::cluster::Cluster;
//! use quorate::paxos::{Output, Paxos, Quorums, Request};
//!
//! // A proposer, three acceptors, and a learner.
//! let paxos = Paxos::new(1, 1, Quorums::majorities(3)?)?;
//! let proposer = paxos.proposers().next().expect("there is one");
//! let mut cluster = Cluster::new(paxos, 0);
//! cluster.submit(proposer, Request::Propose("blue".to_owned()));
//! cluster.settle();
//! let chosen = Output::Chosen("blue".to_owned());
//! assert!(cluster.outputs.iter().all(|(_, output)| *output == chosen));
//! assert_eq!(cluster.outputs.len(), 2, "the proposer's and the learner's");
//! # Ok::<(), quorate::paxos::ConfigurationError>(())
//! ```

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use derive_where::derive_where;
use fastrand::Rng;

use crate::protocol::{Driver, Input, Outside, ProcessId, Protocol};

/// A message in flight.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope<M> {
    /// Its sender.
    pub from: ProcessId,
    /// Its receiver.
    pub to: ProcessId,
    /// The message.
    pub message: M,
}

/// Processes by id, with their disks, and what is in flight between them.
pub struct Cluster<P: Protocol> {
    protocol: P,
    processes: Vec<Machine<P>>,
    /// In flight, oldest first.
    pub in_flight: VecDeque<Envelope<P::Message>>,
    /// Every output that was released, oldest first. The caller takes them out.
    pub outputs: Vec<(ProcessId, P::Output)>,
    /// Whether records wait for [`Cluster::flush`]. Otherwise they are durable at once.
    pub disks_are_slow: bool,
    keeps_disks: bool,
    chance: Rng,
}

/// A process with its disk.
struct Machine<P: Protocol> {
    /// Nothing while it is down.
    driver: Option<Driver<P>>,
    disk: P::Durable,
}

/// The surroundings of one process while it takes a step.
struct Around<'a, P: Protocol> {
    me: ProcessId,
    in_flight: &'a mut VecDeque<Envelope<P::Message>>,
    outputs: &'a mut Vec<(ProcessId, P::Output)>,
    /// Nothing where disks are not kept.
    disk: Option<&'a mut P::Durable>,
}

impl<P: Protocol> Outside<P> for Around<'_, P> {
    fn send(&mut self, to: ProcessId, message: P::Message) {
        let from = self.me;
        self.in_flight.push_back(Envelope { from, to, message });
    }

    fn emit(&mut self, output: P::Output) {
        self.outputs.push((self.me, output));
    }

    // Timers are read off the state.
    fn set_timer(&mut self, _: P::Timer) {}

    fn cancel_timer(&mut self, _: P::Timer) {}

    fn record_durable(&mut self, record: P::Record) {
        if let Some(disk) = &mut self.disk {
            P::apply(disk, &record);
        }
    }
}

/// How often each kind of event is chosen by [`Cluster::happen`], relative to the others. 0: never.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Weights {
    /// A message arrives: any that is in flight.
    pub deliver: u32,
    /// A message is lost.
    pub lose: u32,
    /// A message is duplicated.
    pub duplicate: u32,
    /// A timer expires: any that is set.
    pub expire: u32,
    /// The oldest pending record of a process becomes durable.
    pub flush: u32,
    /// A process goes down.
    pub crash: u32,
    /// A process that is down comes up.
    pub restart: u32,
}

impl Default for Weights {
    /// Mostly progress, and now and then a fault.
    fn default() -> Self {
        Self {
            deliver: 100,
            lose: 5,
            duplicate: 5,
            expire: 10,
            flush: 50,
            crash: 1,
            restart: 20,
        }
    }
}

/// What has happened.
#[derive_where(Clone, Debug, Eq, PartialEq)]
pub enum Event<P: Protocol> {
    /// This message has arrived; at a process that is down in vain.
    Delivered(Envelope<P::Message>),
    /// This message is lost.
    Lost(Envelope<P::Message>),
    /// This message is in flight once more.
    Duplicated(Envelope<P::Message>),
    /// This timer has expired.
    Expired(ProcessId, P::Timer),
    /// The oldest pending record is durable.
    Flushed(ProcessId),
    /// This process has gone down.
    Crashed(ProcessId),
    /// This process has come up.
    Restarted(ProcessId),
}

impl<P: Protocol> Cluster<P> {
    /// All processes of a protocol, which have started with empty disks. Chance comes from the seed.
    pub fn new(protocol: P, seed: u64) -> Self {
        Self::start(protocol, seed, true)
    }

    /// The same without disks, for benchmarks: records are dropped once they are durable, so that no process can restart.
    pub fn without_disks(protocol: P, seed: u64) -> Self {
        Self::start(protocol, seed, false)
    }

    fn start(protocol: P, seed: u64, keeps_disks: bool) -> Self {
        let machine = |_| Machine {
            driver: None,
            disk: P::Durable::default(),
        };
        let mut cluster = Self {
            processes: (0..protocol.processes()).map(machine).collect(),
            protocol,
            in_flight: VecDeque::new(),
            outputs: Vec::new(),
            disks_are_slow: false,
            keeps_disks,
            chance: Rng::with_seed(seed),
        };
        for process in cluster.ids() {
            cluster.come_up(process);
        }
        cluster
    }

    /// The protocol.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }

    /// The ids of all processes.
    pub fn ids(&self) -> impl Iterator<Item = ProcessId> + use<P> {
        (0..).map(ProcessId).take(self.processes.len())
    }

    /// The state of a process, if it is up.
    pub fn state(&self, process: ProcessId) -> Option<&P::State> {
        self.driver(process).map(|driver| &driver.state)
    }

    /// What drives a process, if it is up.
    pub fn driver(&self, process: ProcessId) -> Option<&Driver<P>> {
        self.processes[process.index()].driver.as_ref()
    }

    /// What the disk of a process holds.
    pub fn disk(&self, process: ProcessId) -> &P::Durable {
        &self.processes[process.index()].disk
    }

    /// The timers that are set at a process: none if it is down.
    pub fn timers(&self, process: ProcessId) -> Vec<P::Timer> {
        let state = self.state(process);
        state.map_or_else(Vec::new, |state| self.protocol.timers(state))
    }

    /// A request is submitted to a process; to one that is down in vain.
    pub fn submit(&mut self, process: ProcessId, request: P::Request) {
        self.step(process, Input::Submit(request));
    }

    /// A timer of a process expires.
    ///
    /// # Panics
    ///
    /// If it is not set.
    pub fn expire(&mut self, process: ProcessId, timer: P::Timer) {
        assert!(
            self.timers(process).contains(&timer),
            "{timer:?} is not set at {}",
            self.protocol.name(process)
        );
        self.step(process, Input::Timeout(timer));
    }

    /// A message arrives, whether it was in flight or not; at a process that is down in vain.
    pub fn deliver(&mut self, envelope: Envelope<P::Message>) {
        let Envelope { from, to, message } = envelope;
        self.step(to, Input::Receive { from, message });
    }

    /// The oldest message in flight arrives. Returns whether there was one.
    pub fn deliver_next(&mut self) -> bool {
        let next = self.in_flight.pop_front();
        next.map(|envelope| self.deliver(envelope)).is_some()
    }

    /// Delivers messages, oldest first, until none is in flight.
    pub fn settle(&mut self) {
        while self.deliver_next() {}
    }

    /// The `count` oldest pending records of a process become durable, or all if there are fewer.
    pub fn flush(&mut self, process: ProcessId, count: usize) {
        self.drive(process, |protocol, driver, around| {
            if let Some(driver) = driver {
                let count = count.min(driver.hold_back.len());
                driver.durable(protocol, around.me, count, around);
            }
        });
    }

    /// A process goes down: its state and its pending records are gone.
    pub fn crash(&mut self, process: ProcessId) {
        self.processes[process.index()].driver = None;
    }

    /// A process that is down comes up, with what its disk holds. One that is up crashes first.
    ///
    /// # Panics
    ///
    /// If disks are not kept.
    pub fn restart(&mut self, process: ProcessId) {
        assert!(self.keeps_disks, "this cluster keeps no disks");
        self.crash(process);
        self.come_up(process);
    }

    /// An event that the seed chooses happens: one of those that are possible now, by their weights. Nothing if none is.
    ///
    /// # Panics
    ///
    /// If a process is to be restarted, and disks are not kept.
    pub fn happen(&mut self, weights: &Weights) -> Option<Event<P>> {
        let (up, down): (Vec<_>, Vec<_>) = self.ids().partition(|id| self.state(*id).is_some());
        let timers = up.iter().flat_map(|id| {
            let timers = self.timers(*id).into_iter();
            timers.map(|timer| (*id, timer))
        });
        let mut timers: Vec<_> = timers.collect();
        let pending = |id: &ProcessId| self.driver(*id).is_some_and(|d| !d.hold_back.is_empty());
        let writing: Vec<_> = up.iter().copied().filter(pending).collect();
        let flying = self.in_flight.len();
        let kinds = [
            (weights.deliver, flying),
            (weights.lose, flying),
            (weights.duplicate, flying),
            (weights.expire, timers.len()),
            (weights.flush, writing.len()),
            (weights.crash, up.len()),
            (weights.restart, down.len()),
        ];
        let weight = |(weight, count): (u32, usize)| match count {
            0 => 0,
            _ => u64::from(weight),
        };
        let sum: u64 = kinds.into_iter().map(weight).sum();
        if sum == 0 {
            return None;
        }
        let mut left = self.chance.u64(..sum);
        let kind = kinds.into_iter().position(|kind| {
            let is_it = left < weight(kind);
            left = left.saturating_sub(weight(kind));
            is_it
        });
        let kind = kind.expect("less than the sum");
        let which = self.chance.usize(..kinds[kind].1);
        Some(match kind {
            0 => {
                let envelope = self.take_out(which);
                self.deliver(envelope.clone());
                Event::Delivered(envelope)
            }
            1 => Event::Lost(self.take_out(which)),
            2 => {
                let envelope = self.in_flight[which].clone();
                self.in_flight.push_back(envelope.clone());
                Event::Duplicated(envelope)
            }
            3 => {
                let (process, timer) = timers.swap_remove(which);
                self.step(process, Input::Timeout(timer.clone()));
                Event::Expired(process, timer)
            }
            4 => {
                self.flush(writing[which], 1);
                Event::Flushed(writing[which])
            }
            5 => {
                self.crash(up[which]);
                Event::Crashed(up[which])
            }
            _ => {
                self.restart(down[which]);
                Event::Restarted(down[which])
            }
        })
    }

    fn take_out(&mut self, place: usize) -> Envelope<P::Message> {
        self.in_flight.remove(place).expect("a message in flight")
    }

    fn come_up(&mut self, process: ProcessId) {
        let durable = self.processes[process.index()].disk.clone();
        self.drive(process, |protocol, driver, around| {
            *driver = Some(Driver::start(protocol, around.me, durable, around));
        });
    }

    fn step(&mut self, process: ProcessId, input: Input<P>) {
        self.drive(process, |protocol, driver, around| {
            if let Some(driver) = driver {
                driver.step(protocol, around.me, input, around);
            }
        });
    }

    /// Does something with a process. Afterwards all its records are durable, unless disks are slow.
    fn drive(
        &mut self,
        process: ProcessId,
        act: impl FnOnce(&P, &mut Option<Driver<P>>, &mut Around<'_, P>),
    ) {
        let Machine { driver, disk } = &mut self.processes[process.index()];
        let mut around = Around {
            me: process,
            in_flight: &mut self.in_flight,
            outputs: &mut self.outputs,
            disk: self.keeps_disks.then_some(disk),
        };
        act(&self.protocol, driver, &mut around);
        if let (Some(driver), false) = (driver, self.disks_are_slow) {
            while !driver.hold_back.is_empty() {
                let count = driver.hold_back.len();
                driver.durable(&self.protocol, process, count, &mut around);
            }
        }
    }
}

/// For people: a line per process, and per message in flight.
impl<P: Protocol> Debug for Cluster<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for id in self.ids() {
            let name = self.protocol.name(id);
            match self.state(id) {
                Some(state) => writeln!(f, "{name}: {state:?}")?,
                None => writeln!(f, "{name}: down")?,
            }
        }
        for Envelope { from, to, message } in &self.in_flight {
            let (from, to) = (self.protocol.name(*from), self.protocol.name(*to));
            writeln!(f, "from {from} to {to}: {message:?}")?;
        }
        Ok(())
    }
}
