//! The one driver against a naive one, and the cluster in memory that is made of it.

use std::collections::VecDeque;

use proptest::prelude::*;
use quorate::cluster::{Cluster, Event, Weights};
use quorate::paxos::{self, Paxos, Quorums};
use quorate::protocol::{
    Driver, Effect, Effects, HoldBack, Input, Outside, ProcessId, Protocol, TimerKind,
};
use serde::{Deserialize, Serialize};

const ME: ProcessId = ProcessId(0);

/// A process that does what its requests say, whatever that is: each effect has a number of its own.
#[derive(Debug)]
struct Script;

/// What a request, or a report of durability, has the process do.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
enum Kind {
    Forced,
    Lazy,
    Send,
    Emit,
    /// A report; when it comes, these many records are written, each with a send behind it.
    Report(u8),
    Set,
    Cancel,
}

impl Script {
    fn does(effects: &mut dyn Effects<Self>, kind: Kind, number: u64) {
        match kind {
            Kind::Forced => effects.persist(number),
            Kind::Lazy => effects.append(number),
            Kind::Send => effects.send(ProcessId(1), number),
            Kind::Emit => effects.emit(number),
            Kind::Report(writes) => effects.report_durable(number << 8 | u64::from(writes)),
            Kind::Set => effects.set_timer(()),
            Kind::Cancel => effects.cancel_timer(()),
        }
    }
}

impl Protocol for Script {
    /// The next number.
    type State = u64;
    type Message = u64;
    type Timer = ();
    type Record = u64;
    type Durable = Vec<u64>;
    type Request = Vec<Kind>;
    type Output = u64;

    fn processes(&self) -> usize {
        2
    }

    fn name(&self, process: ProcessId) -> String {
        format!("process {process:?}")
    }

    fn initial(&self, _: ProcessId) -> u64 {
        0
    }

    fn step(
        &self,
        _: ProcessId,
        next: &mut u64,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        let kinds = match input {
            Input::Submit(kinds) => kinds,
            Input::Durable(position) => {
                let writes = position as u8;
                (0..writes)
                    .flat_map(|_| [Kind::Forced, Kind::Send])
                    .collect()
            }
            _ => Vec::new(),
        };
        for kind in kinds {
            *next += 1;
            Self::does(effects, kind, *next);
        }
    }

    fn timers(&self, _: &u64) -> Vec<()> {
        Vec::new()
    }

    fn timer_kind(&self, _: &u64, (): &()) -> TimerKind {
        TimerKind::Plain
    }

    fn apply(durable: &mut Vec<u64>, record: &u64) {
        durable.push(*record);
    }

    fn records(durable: &Vec<u64>) -> Vec<u64> {
        durable.clone()
    }

    fn sums_up(_: &u64) -> bool {
        false
    }

    fn durable(&self, _: &u64) -> Vec<u64> {
        Vec::new()
    }
}

/// What happens outside, in order.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Seen {
    Sent(u64),
    Told(u64),
    Durable(u64),
    Set,
    Cancelled,
}

/// Notes what it is asked for.
#[derive(Default)]
struct Notes {
    seen: Vec<Seen>,
    looks: bool,
    looked: Vec<(Input<Script>, Vec<Effect<Script>>)>,
    /// What does not enter the queue.
    refused: Option<Effect<Script>>,
}

impl Outside<Script> for Notes {
    fn send(&mut self, _: ProcessId, message: u64) {
        self.seen.push(Seen::Sent(message));
    }

    fn emit(&mut self, output: u64) {
        self.seen.push(Seen::Told(output));
    }

    fn set_timer(&mut self, (): ()) {
        self.seen.push(Seen::Set);
    }

    fn cancel_timer(&mut self, (): ()) {
        self.seen.push(Seen::Cancelled);
    }

    fn record_durable(&mut self, record: u64) {
        self.seen.push(Seen::Durable(record));
    }

    fn looks(&self) -> bool {
        self.looks
    }

    fn look(&mut self, input: &Input<Script>, _: &u64, effects: &[Effect<Script>]) {
        self.looked.push((input.clone(), effects.to_vec()));
    }

    fn admits(&mut self, _: &HoldBack<Script>, effect: &Effect<Script>) -> bool {
        self.refused.as_ref() != Some(effect)
    }
}

/// A driver by the definition: all effects ever, of which each happens when the records that it waits for are durable.
#[derive(Default)]
struct Naive {
    next: u64,
    /// Each effect that has not happened.
    waiting: VecDeque<(Kind, u64)>,
    seen: Vec<Seen>,
}

impl Naive {
    fn step(&mut self, kinds: Vec<Kind>) {
        let mut reports = self.step_once(kinds);
        self.step_reports(&mut reports);
    }

    fn step_reports(&mut self, reports: &mut VecDeque<u8>) {
        while let Some(writes) = reports.pop_front() {
            let writes = (0..writes).flat_map(|_| [Kind::Forced, Kind::Send]);
            let more = self.step_once(writes.collect());
            reports.extend(more);
        }
    }

    fn step_once(&mut self, kinds: Vec<Kind>) -> VecDeque<u8> {
        let mut reports = VecDeque::new();
        for kind in kinds {
            self.next += 1;
            self.waiting.push_back((kind, self.next));
            reports.extend(self.release());
        }
        reports
    }

    /// Everything happens that waits for nothing.
    fn release(&mut self) -> VecDeque<u8> {
        let mut reports = VecDeque::new();
        let mut left = VecDeque::new();
        let (mut forced, mut any) = (false, false);
        for (kind, number) in std::mem::take(&mut self.waiting) {
            let waits = match kind {
                Kind::Forced | Kind::Lazy => {
                    forced |= kind == Kind::Forced;
                    any = true;
                    true
                }
                Kind::Report(_) => any,
                Kind::Send | Kind::Emit => forced,
                Kind::Set | Kind::Cancel => false,
            };
            match kind {
                _ if waits => left.push_back((kind, number)),
                Kind::Report(writes) => reports.push_back(writes),
                Kind::Send => self.seen.push(Seen::Sent(number)),
                Kind::Emit => self.seen.push(Seen::Told(number)),
                Kind::Set => self.seen.push(Seen::Set),
                Kind::Cancel => self.seen.push(Seen::Cancelled),
                Kind::Forced | Kind::Lazy => unreachable!("a record waits for a flush"),
            }
        }
        self.waiting = left;
        reports
    }

    fn pending(&self) -> usize {
        let is_record = |(kind, _): &&(Kind, u64)| matches!(kind, Kind::Forced | Kind::Lazy);
        self.waiting.iter().filter(is_record).count()
    }

    fn flush(&mut self, count: usize) {
        let mut reports = VecDeque::new();
        for _ in 0..count {
            let is_record = |(kind, _): &(Kind, u64)| matches!(kind, Kind::Forced | Kind::Lazy);
            let oldest = self.waiting.iter().position(is_record);
            let (_, record) = self.waiting.remove(oldest.unwrap()).unwrap();
            self.seen.push(Seen::Durable(record));
            reports.extend(self.release());
        }
        self.step_reports(&mut reports);
    }
}

fn kinds() -> impl Strategy<Value = Vec<Kind>> {
    let kind = prop_oneof![
        3 => Just(Kind::Forced),
        2 => Just(Kind::Lazy),
        3 => Just(Kind::Send),
        2 => Just(Kind::Emit),
        2 => (0_u8..3).prop_map(Kind::Report),
        1 => Just(Kind::Set),
        1 => Just(Kind::Cancel),
    ];
    prop::collection::vec(kind, 0..8)
}

proptest! {
    #[test]
    fn a_driver_does_what_a_naive_one_does_in_the_same_order_whether_it_is_looked_at_or_not(
        operations in prop::collection::vec((kinds(), 0_usize..4), 0..20),
    ) {
        let mut naive = Naive::default();
        let mut outside = [false, true].map(|looks| Notes { looks, ..Notes::default() });
        let mut drivers = outside.each_mut().map(|outside| {
            Driver::start(&Script, ME, Vec::new(), outside)
        });
        for (kinds, flushes) in operations {
            naive.step(kinds.clone());
            let flushes = flushes.min(naive.pending());
            naive.flush(flushes);
            for (driver, outside) in drivers.iter_mut().zip(&mut outside) {
                driver.step(&Script, ME, Input::Submit(kinds.clone()), outside);
                driver.durable(&Script, ME, flushes, outside);
                prop_assert_eq!(&outside.seen, &naive.seen);
                prop_assert_eq!(driver.pending().len(), naive.pending());
                prop_assert_eq!(driver.state, naive.next);
            }
            prop_assert!(drivers[0] == drivers[1], "what is explored does not depend on who looks");
        }
    }
}

#[test]
fn a_step_is_looked_at_before_any_of_its_effects_enters_and_one_that_is_not_admitted_has_no_effect()
{
    let mut outside = Notes {
        looks: true,
        refused: Some(Effect::Emit(2)),
        ..Notes::default()
    };
    let mut driver = Driver::start(&Script, ME, Vec::new(), &mut outside);
    let kinds = vec![Kind::Send, Kind::Emit, Kind::Forced, Kind::Emit];
    driver.step(&Script, ME, Input::Submit(kinds.clone()), &mut outside);
    let effects = vec![
        Effect::Send {
            to: ProcessId(1),
            message: 1,
        },
        Effect::Emit(2),
        Effect::Persist(3),
        Effect::Emit(4),
    ];
    assert_eq!(outside.looked[1], (Input::Submit(kinds), effects));
    assert_eq!(outside.seen, [Seen::Sent(1)]);
    driver.durable(&Script, ME, 1, &mut outside);
    assert_eq!(outside.seen[1..], [Seen::Durable(3), Seen::Told(4)]);
}

fn paxos() -> Paxos<u8> {
    let quorums = Quorums::majorities(3).expect("there are acceptors");
    Paxos::new(2, 1, quorums).expect("there are proposers")
}

/// What happens by chance, and who tells which value.
type Run = (Vec<Event<Paxos<u8>>>, Vec<(ProcessId, u8)>);

fn run(seed: u64, disks_are_slow: bool) -> Run {
    let mut cluster = Cluster::new(paxos(), seed);
    cluster.disks_are_slow = disks_are_slow;
    for (value, proposer) in (1..).zip(paxos().proposers()) {
        cluster.submit(proposer, paxos::Request::Propose(value));
    }
    let mut events = Vec::new();
    for _ in 0..400 {
        events.extend(cluster.happen(&Weights::default()));
    }
    let chosen = cluster.outputs.drain(..).map(|(process, output)| {
        let paxos::Output::Chosen(value) = output else {
            panic!("{output:?}");
        };
        (process, value)
    });
    (events, chosen.collect())
}

#[test]
fn equal_seeds_give_equal_runs_and_in_none_are_two_values_chosen() {
    let mut chosen = 0;
    for seed in 0..200 {
        let slow = seed % 2 == 0;
        let (events, told) = run(seed, slow);
        assert_eq!((events, told.clone()), run(seed, slow));
        chosen += usize::from(!told.is_empty());
        let values = told.iter().map(|(_, value)| *value);
        let mut values: Vec<_> = values.collect();
        values.dedup();
        assert!(values.len() <= 1, "seed {seed}: {told:?}");
    }
    assert!(chosen > 100, "in {chosen} of 200 runs a value was chosen");
    assert_ne!(run(0, true).0, run(2, true).0);
}

#[test]
fn every_kind_of_event_happens_and_one_of_weight_0_does_not() {
    let kind = |event: &Event<Paxos<u8>>| match event {
        Event::Delivered(_) => 0,
        Event::Lost(_) => 1,
        Event::Duplicated(_) => 2,
        Event::Expired(..) => 3,
        Event::Flushed(_) => 4,
        Event::Crashed(_) => 5,
        Event::Restarted(_) => 6,
    };
    let mut seen = [false; 7];
    for seed in 0..50 {
        for event in run(seed, true).0 {
            seen[kind(&event)] = true;
        }
    }
    assert_eq!(seen, [true; 7]);
    let mut cluster = Cluster::new(paxos(), 0);
    let calm = Weights {
        lose: 0,
        duplicate: 0,
        crash: 0,
        ..Weights::default()
    };
    cluster.submit(ME, paxos::Request::Propose(1));
    for _ in 0..100 {
        let event = cluster.happen(&calm);
        assert!(event.is_none_or(|event| [0, 3].contains(&kind(&event))));
    }
}

#[test]
fn a_crash_takes_state_and_pending_records_and_a_restart_finds_what_was_durable() {
    let mut cluster = Cluster::new(Script, 0);
    cluster.disks_are_slow = true;
    cluster.submit(ME, vec![Kind::Forced, Kind::Send, Kind::Lazy, Kind::Emit]);
    assert!(cluster.in_flight.is_empty() && cluster.outputs.is_empty());
    cluster.flush(ME, 1);
    assert_eq!(cluster.in_flight.len(), 1);
    assert_eq!(cluster.outputs, [(ME, 4)]);
    cluster.crash(ME);
    assert_eq!(cluster.state(ME), None);
    // In vain.
    cluster.submit(ME, vec![Kind::Emit]);
    cluster.restart(ME);
    assert_eq!((cluster.state(ME), cluster.disk(ME)), (Some(&0), &vec![1]));
    assert_eq!(cluster.outputs.len(), 1);
}

#[test]
#[should_panic(expected = "is not set at proposer 0")]
fn a_timer_that_is_not_set_does_not_expire() {
    Cluster::new(paxos(), 0).expire(ME, paxos::Timer::Resend);
}

#[test]
#[should_panic(expected = "keeps no disks")]
fn without_disks_nothing_restarts() {
    Cluster::without_disks(paxos(), 0).restart(ME);
}
