//! That the check of what is forgotten fails in each of its parts: a small protocol, wrong in one way or another.

use quorate::protocol::{Effects, Input, ProcessId, Protocol, TimerKind};
use quorate_checker::{Options, explore};
use quorate_models::reduction::{self, Finding, Forgetful, SPENT};
use quorate_models::system::{
    Application, Asked, Disk, Envelope, Environment, Fault, Knowledge, System,
};
use serde::{Deserialize, Serialize};

/// What is wrong with the protocol, or with the claim about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Bug {
    None,
    /// The counter counts every acknowledgement.
    CountsAny,
    /// The counter writes the number of every acknowledgement.
    Writes,
    /// The counter tells the application of every acknowledgement.
    Tells,
    /// The follower acknowledges its last number, whatever it was told.
    AcknowledgesLast,
    /// The counter says a number again that was acknowledged late.
    Repeats,
    /// An acknowledgement counts as spent once it has arrived, which a crash forgets.
    SpentOnceHeard,
    /// A number counts as spent until the application is told something.
    SpentUntilTold,
}

const COUNTER: ProcessId = ProcessId(0);
const FOLLOWER: ProcessId = ProcessId(1);
const LAST: u8 = 2;

/// A counter says each of its numbers to a follower, which acknowledges it.
struct Counting(Bug);

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Counted {
    /// Whether it is the counter.
    counts: bool,
    /// The last number. On disk.
    number: u8,
    /// Whether it was acknowledged.
    heard: bool,
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
enum Message {
    Number(u8),
    Acknowledged(u8),
}

impl Protocol for Counting {
    type State = Counted;
    type Message = Message;
    type Timer = ();
    type Record = u8;
    type Durable = u8;
    type Request = ();
    type Output = u8;

    fn processes(&self) -> usize {
        2
    }

    fn name(&self, process: ProcessId) -> String {
        ["counter", "follower"][process.index()].to_owned()
    }

    fn initial(&self, me: ProcessId) -> Counted {
        Counted {
            counts: me == COUNTER,
            ..Counted::default()
        }
    }

    fn step(
        &self,
        _: ProcessId,
        state: &mut Counted,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        let Self(bug) = *self;
        match input {
            Input::Start(number) => {
                state.number = number;
                effects.cancel_timer(());
                self.timers(state)
                    .into_iter()
                    .for_each(|()| effects.set_timer(()));
            }
            Input::Timeout(()) => {
                state.number += 1;
                state.heard = false;
                effects.persist(state.number);
                effects.send(FOLLOWER, Message::Number(state.number));
                self.timers(state)
                    .into_iter()
                    .for_each(|()| effects.set_timer(()));
            }
            Input::Receive { message, .. } => match message {
                Message::Number(number) => {
                    if state.number < number {
                        state.number = number;
                        effects.persist(number);
                    }
                    let acknowledged = match bug {
                        Bug::AcknowledgesLast => state.number,
                        _ => number,
                    };
                    effects.send(COUNTER, Message::Acknowledged(acknowledged));
                }
                Message::Acknowledged(number) => {
                    if number == state.number && !state.heard {
                        state.heard = true;
                        effects.emit(number);
                    }
                    match bug {
                        Bug::CountsAny => state.heard = true,
                        Bug::Writes => effects.append(number),
                        Bug::Tells => effects.emit(number),
                        Bug::Repeats if number < state.number => {
                            effects.send(FOLLOWER, Message::Number(number));
                        }
                        _ => {}
                    }
                }
            },
            Input::Submit(()) | Input::Durable(_) => {}
        }
    }

    fn timers(&self, state: &Counted) -> Vec<()> {
        Vec::from_iter((state.counts && state.number < LAST).then_some(()))
    }

    fn apply(durable: &mut u8, record: &u8) {
        *durable = *record;
    }

    fn records(durable: &u8) -> Vec<u8> {
        Vec::from_iter((*durable > 0).then_some(*durable))
    }

    fn timer_kind(&self, _: &Counted, (): &()) -> TimerKind {
        TimerKind::Plain
    }

    fn sums_up(_: &u8) -> bool {
        false
    }

    fn durable(&self, state: &Counted) -> u8 {
        state.number
    }
}

/// It has heard of numbers, or not.
struct Audience(Bug);

impl Application<Counting> for Audience {
    type View = bool;

    fn initial(&self) -> bool {
        false
    }

    fn requests(&self, _: &bool, _: &mut Vec<(ProcessId, ())>) {}

    fn submitted(&self, _: &bool, _: ProcessId, (): &()) -> Option<bool> {
        None
    }

    fn told(&self, view: &bool, _: ProcessId, _: &u8) -> Option<bool> {
        (!view).then_some(true)
    }

    fn forgets(&self) -> bool {
        true
    }

    fn spent_rules(&self) -> usize {
        1
    }

    fn is_past_for_sender(
        &self,
        _: usize,
        envelope: &Envelope<Message>,
        sender: Knowledge<'_, Counting>,
    ) -> bool {
        match envelope.message {
            Message::Number(number) => *sender.durable > number,
            Message::Acknowledged(number) => *sender.durable >= number,
        }
    }

    fn is_past_for_receiver(
        &self,
        _: usize,
        envelope: &Envelope<Message>,
        receiver: Knowledge<'_, Counting>,
    ) -> bool {
        match envelope.message {
            Message::Number(number) => *receiver.durable >= number,
            Message::Acknowledged(number) => {
                let is_heard = receiver.state.is_some_and(|knows| knows.heard);
                *receiver.durable > number || self.0 == Bug::SpentOnceHeard && is_heard
            }
        }
    }

    const SPENDS_BY_VIEW: bool = true;

    fn is_past_for_view(&self, _: usize, envelope: &Envelope<Message>, is_told: &bool) -> bool {
        let is_number = matches!(envelope.message, Message::Number(_));
        self.0 != Bug::SpentUntilTold || !is_number || !is_told
    }
}

fn model(bug: Bug, disk: Disk) -> System<Counting, Audience> {
    // What is lost, an answer would put in flight again.
    let environment = Environment {
        crashes: 1,
        drops: 1,
        disk,
        ..Environment::default()
    };
    System::new(Counting(bug), Audience(bug), environment)
}

/// Searches the model, and checks what it forgets.
fn asked(bug: Bug) -> Asked<Counting> {
    let model = model(bug, Disk::Atomic);
    let exploration = explore(&model, &[], &[], &Options::default());
    assert!(exploration.exhausted());
    model.check_forgetting()
}

fn fault(bug: Bug) -> Fault<Counting> {
    let violation = asked(bug).violation;
    violation.expect("something is wrong").fault
}

fn finding(bug: Bug, disk: Disk) -> Finding<System<Counting, Audience>> {
    let forgetful = model(bug, disk);
    let options = Options::default();
    let exploration = explore(&forgetful, &[], &[], &options);
    let whole = || model(bug, disk).whole();
    let finding = reduction::check(&forgetful, &exploration, whole, &options);
    finding.expect("messages are forgotten")
}

#[test]
fn nothing_is_wrong_with_messages_that_are_spent() {
    for disk in [Disk::Atomic, Disk::Buffered] {
        let finding = finding(Bug::None, disk);
        assert_eq!(finding.holds, Some(true));
        assert!(!finding.is_vacuous && finding.violation.is_empty() && finding.shown.is_none());
    }
    let asked = asked(Bug::None);
    assert!(asked.violation.is_none() && asked.messages > 0 && asked.deliveries > 0);
}

#[test]
fn a_message_that_changes_what_its_receiver_knows_is_found() {
    assert!(matches!(fault(Bug::CountsAny), Fault::Changes { .. }));
}

#[test]
fn a_message_that_makes_its_receiver_write_is_found() {
    assert!(matches!(fault(Bug::Writes), Fault::Changes { .. }));
}

#[test]
fn a_message_that_makes_its_receiver_emit_is_found() {
    assert!(matches!(fault(Bug::Tells), Fault::Changes { .. }));
}

#[test]
fn a_message_whose_answer_is_not_spent_is_found() {
    assert!(matches!(
        fault(Bug::AcknowledgesLast),
        Fault::Answered { .. }
    ));
}

#[test]
fn messages_that_are_answered_without_end_are_found() {
    assert!(matches!(fault(Bug::Repeats), Fault::Endless));
}

#[test]
fn a_message_that_is_spent_until_a_crash_is_found() {
    let Fault::Revived { before, after } = fault(Bug::SpentOnceHeard) else {
        panic!("another fault");
    };
    assert!(before.is_up() && !after.is_up());
}

#[test]
fn a_message_that_is_spent_until_the_application_is_told_something_is_found() {
    assert!(matches!(fault(Bug::SpentUntilTold), Fault::RevivedByView));
}

#[test]
fn a_violation_is_shown_by_a_run_of_the_whole_model() {
    let of_one_delivery = [
        Bug::CountsAny,
        Bug::Writes,
        Bug::Tells,
        Bug::AcknowledgesLast,
        Bug::SpentOnceHeard,
        Bug::SpentUntilTold,
    ];
    for bug in of_one_delivery {
        let finding = finding(bug, Disk::Atomic);
        assert_eq!(finding.holds, Some(false), "{bug:?}");
        let shown = finding.shown.as_ref();
        let (whole, run) = shown.unwrap_or_else(|| panic!("no run shows {bug:?}"));
        assert!(!run.steps.is_empty(), "{bug:?}");
        let report = finding.report(System::narrate);
        assert_eq!(report.name, SPENT);
        let sentences = report.counterexample.expect("sentences");
        let told = whole.narrate(run);
        assert!(sentences.starts_with(&told) && sentences.len() > told.len());
    }
}

#[test]
fn without_a_run_the_finding_says_so() {
    // Each delivery changes nothing; that they never end no single step shows.
    let finding = finding(Bug::Repeats, Disk::Atomic);
    assert!(finding.holds == Some(false) && finding.shown.is_none());
    let why = finding.violation.last().expect("a reason");
    assert!(why.starts_with("no run of the whole model"), "{why}");
}

#[test]
fn a_search_that_was_stopped_leaves_the_claim_undecided() {
    let forgetful = model(Bug::CountsAny, Disk::Atomic);
    let options = Options {
        time_max: Some(std::time::Duration::ZERO),
        ..Options::default()
    };
    let exploration = explore(&forgetful, &[], &[], &options);
    assert!(!exploration.exhausted());
    let whole = || unreachable!("nothing is found");
    let finding = reduction::check(&forgetful, &exploration, whole, &options);
    assert_eq!(finding.expect("messages are forgotten").holds, None);
    assert!(forgetful.forgets_spent());
}
