//! The hold-back queue against its definition: an effect may happen when all forced records before it are
//! durable; a report, when all records before it are.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use quorate::protocol::{CarryOut, Effect, HoldBack, Input, ProcessId, Release};
use quorate::two_phase_commit::{
    COORDINATOR, Durable, Message, Output, Record, Request, Timer, TransactionId, TwoPhaseCommit,
    Vote,
};
use quorate_node::runtime::{Host, Process};
use quorate_node::storage::Batch;

type Queue = HoldBack<TwoPhaseCommit>;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Forced,
    Lazy,
    Send,
    Emit,
    Report,
    SetTimer,
    CancelTimer,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Push(Kind),
    /// The oldest so many pending records, or all if there are fewer, become durable.
    Flush(usize),
    Crash,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let kind = prop_oneof![
        3 => Just(Kind::Forced),
        2 => Just(Kind::Lazy),
        3 => Just(Kind::Send),
        2 => Just(Kind::Emit),
        2 => Just(Kind::Report),
        1 => Just(Kind::SetTimer),
        1 => Just(Kind::CancelTimer),
    ];
    let operation = prop_oneof![
        12 => kind.prop_map(Operation::Push),
        4 => (0_usize..4).prop_map(Operation::Flush),
        1 => Just(Operation::Crash),
    ];
    prop::collection::vec(operation, 0..80)
}

fn name(number: usize) -> TransactionId {
    let number = number as u64;
    TransactionId { epoch: 1, number }
}

fn record(number: usize) -> Record {
    let transaction = name(number);
    Record::Committed { transaction }
}

/// The effect of this kind, recognisable by its number.
fn effect(kind: Kind, number: usize) -> Effect<TwoPhaseCommit> {
    let transaction = name(number);
    match kind {
        Kind::Forced => Effect::Persist(record(number)),
        Kind::Lazy => Effect::Append(record(number)),
        Kind::Send => Effect::Send {
            to: ProcessId(1),
            message: Message::Acknowledge { transaction },
        },
        Kind::Emit => Effect::Emit(Output::Begun(transaction)),
        Kind::Report => Effect::ReportDurable(number as u64),
        Kind::SetTimer => Effect::SetTimer(Timer::Inquire(transaction)),
        Kind::CancelTimer => Effect::CancelTimer(Timer::Inquire(transaction)),
    }
}

fn number_of(release: &Release<TwoPhaseCommit>) -> usize {
    let number = match release {
        Release::Send { message, .. } => message.transaction().number,
        Release::Emit(Output::Begun(transaction)) => transaction.number,
        Release::Emit(_) => unreachable!("only Begun is emitted"),
        Release::Durable(position) => *position,
    };
    number as usize
}

/// All effects since the last crash, by number, and how many records of them are durable.
#[derive(Default)]
struct Reference {
    effects: Vec<(usize, Kind)>,
    durable: usize,
    released: Vec<usize>,
}

impl Reference {
    fn records(&self) -> impl Iterator<Item = (usize, Kind)> {
        let effects = self.effects.iter().copied();
        effects.filter(|(_, kind)| matches!(kind, Kind::Forced | Kind::Lazy))
    }

    /// What may happen now and has not yet.
    fn release(&mut self) -> Vec<(usize, Kind)> {
        let pending: Vec<_> = self.records().skip(self.durable).collect();
        let may_happen = |&(number, kind): &(usize, Kind)| match kind {
            Kind::Send | Kind::Emit => !pending
                .iter()
                .any(|&(record, how)| record < number && how == Kind::Forced),
            Kind::Report => !pending.iter().any(|&(record, _)| record < number),
            Kind::Forced | Kind::Lazy | Kind::SetTimer | Kind::CancelTimer => false,
        };
        let now = self.effects.iter().copied().filter(may_happen);
        let now: Vec<_> = now.filter(|(n, _)| !self.released.contains(n)).collect();
        self.released.extend(now.iter().map(|(number, _)| number));
        now
    }
}

/// The numbers of sends and outputs, and those of reports.
fn split(numbers: impl Iterator<Item = (usize, bool)>) -> (Vec<usize>, Vec<usize>) {
    let (reports, told): (Vec<_>, Vec<_>) = numbers.partition(|(_, is_report)| *is_report);
    let numbers = |list: Vec<(usize, bool)>| list.into_iter().map(|(number, _)| number).collect();
    (numbers(told), numbers(reports))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_effect_is_released_in_order_as_soon_as_what_it_waits_for_is_durable(
        operations in operations(),
    ) {
        let mut queue = Queue::new();
        let mut reference = Reference::default();
        for (number, operation) in operations.into_iter().enumerate() {
            let mut released = Vec::new();
            match operation {
                Operation::Push(kind) => {
                    reference.effects.push((number, kind));
                    queue.push(effect(kind, number), &mut released);
                }
                Operation::Flush(count) => {
                    let count = count.min(queue.len());
                    let records = reference.records().skip(reference.durable);
                    let expected: Vec<_> = records.take(count).collect();
                    let flushed: Vec<_> = queue.durable(count).collect();
                    prop_assert_eq!(flushed.len(), count);
                    for (pending, (written, kind)) in flushed.iter().zip(expected) {
                        prop_assert_eq!(&pending.record, &record(written));
                        prop_assert_eq!(pending.forced, kind == Kind::Forced);
                    }
                    reference.durable += count;
                    released.extend(flushed.into_iter().flat_map(|pending| pending.releases));
                }
                Operation::Crash => {
                    queue = Queue::new();
                    reference = Reference::default();
                }
            }
            let is_report = |r: &Release<TwoPhaseCommit>| matches!(r, Release::Durable(_));
            let released = released.iter().map(|r| (number_of(r), is_report(r)));
            let expected = reference.release().into_iter();
            let expected = expected.map(|(number, kind)| (number, kind == Kind::Report));
            prop_assert_eq!(split(released), split(expected));
            let pending: Vec<_> = reference.records().skip(reference.durable).collect();
            prop_assert_eq!(queue.len(), pending.len());
            prop_assert_eq!(queue.is_empty(), pending.is_empty());
        }
    }
}

/// How much may happen at once because of an effect.
fn released(queue: &mut Queue, effect: Effect<TwoPhaseCommit>) -> usize {
    let mut released = Vec::new();
    queue.push(effect, &mut released);
    released.len()
}

#[test]
fn a_lazy_record_holds_nothing_back() {
    let mut queue = Queue::new();
    assert_eq!(released(&mut queue, effect(Kind::Lazy, 0)), 0);
    assert_eq!(released(&mut queue, effect(Kind::Send, 1)), 1);
    assert_eq!(released(&mut queue, effect(Kind::Emit, 2)), 1);
}

#[test]
fn what_follows_a_lazy_record_behind_a_forced_one_waits_for_the_forced_one_only() {
    let mut queue = Queue::new();
    for (number, kind) in [Kind::Forced, Kind::Lazy, Kind::Send]
        .into_iter()
        .enumerate()
    {
        assert_eq!(released(&mut queue, effect(kind, number)), 0);
    }
    let first = queue.durable(1).next().expect("one became durable");
    assert_eq!(first.releases.len(), 1);
    assert_eq!(queue.len(), 1);
}

#[test]
fn a_report_waits_for_lazy_records_too() {
    let mut queue = Queue::new();
    assert_eq!(released(&mut queue, effect(Kind::Report, 0)), 1);
    assert_eq!(released(&mut queue, effect(Kind::Lazy, 1)), 0);
    assert_eq!(released(&mut queue, effect(Kind::Report, 2)), 0);
    let first = queue.durable(1).next().expect("one became durable");
    assert_eq!(first.releases.as_slice(), [Release::Durable(2)]);
}

#[test]
#[should_panic(expected = "2 records reported durable, 1 pending")]
fn a_driver_that_has_lost_count_of_its_disk_is_stopped() {
    let mut queue = Queue::new();
    released(&mut queue, effect(Kind::Forced, 0));
    let _ = queue.durable(2);
}

/// A driver that notes when timers are set and cancelled.
#[derive(Default)]
struct Watch(Vec<(Timer, bool)>);

impl CarryOut<TwoPhaseCommit> for Watch {
    fn send(&mut self, _: ProcessId, _: Message) {}

    fn emit(&mut self, _: Output) {}

    fn report_durable(&mut self, _: u64) {}

    fn set_timer(&mut self, timer: Timer) {
        self.0.push((timer, true));
    }

    fn cancel_timer(&mut self, timer: Timer) {
        self.0.push((timer, false));
    }
}

#[test]
fn timers_wait_for_no_record() {
    let (mut queue, mut watch) = (Queue::new(), Watch::default());
    let kinds = [Kind::Forced, Kind::SetTimer, Kind::Lazy, Kind::CancelTimer];
    for (number, kind) in kinds.into_iter().enumerate() {
        queue.push(effect(kind, number), &mut watch);
    }
    let timer = |number| Timer::Inquire(name(number));
    assert_eq!(watch.0, [(timer(1), true), (timer(3), false)]);
}

/// What the runtime's process has done: what it has sent and told, and which timers it has set; and, if it is watched, what
/// it was about to do.
struct Noted {
    is_watched: bool,
    done: Vec<String>,
}

impl Host<TwoPhaseCommit> for Noted {
    fn send(&mut self, to: ProcessId, message: Message) {
        self.done.push(format!("send {message:?} to {to:?}"));
    }

    fn emit(&mut self, output: Output) {
        self.done.push(format!("tell {output:?}"));
    }

    fn duration(&mut self, timer: &Timer) -> Duration {
        self.done.push(format!("set {timer:?}"));
        Duration::from_secs(1)
    }

    fn step(&mut self, input: &Input<TwoPhaseCommit>, effects: &[Effect<TwoPhaseCommit>]) {
        self.done.push(format!("shown {input:?} {effects:?}"));
    }

    fn durable(&mut self, count: usize) {
        self.done.push(format!("{count} durable"));
    }

    fn watches(&self) -> bool {
        self.is_watched
    }
}

/// What a coordinator does that commits a transaction of one participant, step by step.
fn commits(is_watched: bool) -> Vec<Vec<String>> {
    let done = Vec::new();
    let mut outside = Noted { is_watched, done };
    let now = Instant::now();
    let protocol = TwoPhaseCommit::new(1).expect("a sensible number");
    let transaction = TransactionId {
        epoch: 1,
        number: 1,
    };
    let empty = Durable::default();
    let mut process = Process::start(protocol, COORDINATOR, empty, now, &mut outside);
    let participant = ProcessId(1);
    let vote = Message::Vote {
        transaction,
        vote: Vote::Yes,
    };
    let inputs = [
        Input::Submit(Request::Begin),
        Input::Submit(Request::Commit {
            transaction,
            participants: [participant].into(),
        }),
        Input::Receive {
            from: participant,
            message: vote,
        },
        Input::Receive {
            from: participant,
            message: Message::Acknowledge { transaction },
        },
    ];
    let mut steps = vec![std::mem::take(&mut outside.done)];
    for input in inputs {
        process.step(input, now, &mut outside);
        steps.push(std::mem::take(&mut outside.done));
        let given = process.give(&mut Batch::new()).expect("records encode");
        process.durable(given.records, now, &mut outside);
        steps.push(std::mem::take(&mut outside.done));
    }
    steps
}

#[test]
fn a_process_does_the_same_whether_it_is_watched_or_not_and_is_shown_before() {
    let is_shown = |done: &String| done.starts_with("shown");
    let (unwatched, mut watched) = (commits(false), commits(true));
    assert!(unwatched.concat().len() > 10, "{unwatched:#?}");
    assert!(!unwatched.concat().iter().any(is_shown));
    // Every other step is one of the disk.
    for step in watched.iter_mut().skip(1).step_by(2) {
        assert!(is_shown(&step.remove(0)));
    }
    assert!(is_shown(&watched[0].remove(0)));
    assert_eq!(watched, unwatched);
}
