//! Sequence diagrams, read back: what is drawn, and where.

use itertools::Itertools;
use proptest::prelude::*;
use quorate::protocol::ProcessId;
use quorate::two_phase_commit::{
    COORDINATOR, Message, Output, Published, Record, Request, Timer, TransactionId, TwoPhaseCommit,
};
use quorate_models::system::{
    Action, Disk, Envelope, Environment, Event, Interned, NetworkKind, sequence_diagram,
};
use quorate_models::two_phase_commit::parameters::{Parameters, instances};
use quorate_models::two_phase_commit::{self, Model};
use roxmltree::{Document, Node};
use stateright::{Model as _, Path};

type Protocol = TwoPhaseCommit<Published>;

fn model(environment: Environment) -> Model<Protocol> {
    with_parameters(&Parameters {
        participants: 2,
        environment,
        ..Parameters::default()
    })
}

fn with_parameters(parameters: &Parameters) -> Model<Protocol> {
    let protocol = two_phase_commit::protocol(parameters, Published);
    two_phase_commit::model(parameters, protocol).0
}

/// Everything can go wrong once, each message is delivered once, and the disk takes its time.
fn harsh() -> Environment {
    Environment {
        network: NetworkKind::Bag,
        disk: Disk::Buffered,
        crashes: 1,
        drops: 1,
        ..Environment::default()
    }
}

/// The diagram of the run that takes these steps.
fn diagram(model: &Model<Protocol>, sentences: &[&str]) -> String {
    let mut state = model.init_states().remove(0);
    let initial = state.clone();
    let mut actions = Vec::new();
    for sentence in sentences {
        let steps = model.next_steps(&state);
        let same = |(action, _): &(Action<Protocol>, _)| model.sentence(action) == *sentence;
        let (action, next) = steps.into_iter().find(same).expect(sentence);
        actions.push(action);
        state = next;
    }
    let path = Path::from_actions(model, initial, &actions).expect("a path of the model");
    model.as_svg(path).expect("a diagram")
}

const PREPARED: [&str; 8] = [
    "coordinator's oldest pending record becomes durable",
    "the application asks coordinator to Begin",
    "the application asks participant 1 to Work(t1.1)",
    "the application asks participant 2 to Work(t1.1)",
    "the application asks coordinator to Commit(t1.1 at {1, 2})",
    "participant 1 receives Prepare(t1.1) from coordinator",
    "participant 2 receives Prepare(t1.1) from coordinator",
    "participant 2's oldest pending record becomes durable",
];

/// What is drawn in the diagram itself, without the legend.
fn drawn<'a>(document: &'a Document<'a>, class: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    let groups = document.descendants();
    let mut steps = groups.filter(|node| node.attribute("class") == Some("quorate-steps"));
    let steps = steps.next().expect("the diagram itself");
    steps
        .descendants()
        .filter(move |node| node.attribute("class") == Some(class))
}

fn number(node: &Node<'_, '_>, attribute: &str) -> i32 {
    let value = node.attribute(attribute).expect(attribute);
    value.parse().expect("a number")
}

/// The rows in which the lines of this class begin and end, in order.
fn ways(document: &Document<'_>, class: &str) -> Vec<(usize, usize)> {
    let rows: Vec<i32> = drawn(document, "quorate-step")
        .map(|step| number(&step, "y"))
        .collect();
    // A row is around its number and below: arrows leave below it, and arrive just above it.
    let sent = |y: i32| rows.iter().rposition(|row| *row < y).expect("a row");
    let ended = |y: i32| rows.iter().position(|row| *row > y).expect("a row");
    let ways = drawn(document, class);
    ways.map(|way| (sent(number(&way, "y1")), ended(number(&way, "y2"))))
        .sorted()
        .collect()
}

#[test]
fn a_drop_a_crash_a_recovery_a_flush_and_a_timeout_are_each_drawn_and_distinct() {
    let kinds = ["drop-end", "crash", "recovery", "flush", "timeout"];
    let steps = [
        "the network loses Prepare(t1.1) from coordinator to participant 1",
        "participant 1 crashes",
        "participant 1 recovers",
        "coordinator's oldest pending record becomes durable",
        "coordinator's timer Deadline(t1.1) fires",
    ];
    let begun = [
        PREPARED[0],
        PREPARED[1],
        PREPARED[2],
        PREPARED[3],
        PREPARED[4],
    ];
    let count = |path: &[&str]| {
        let diagram = diagram(&model(harsh()), path);
        let document = Document::parse(&diagram).expect("well-formed XML");
        kinds.map(|kind| drawn(&document, &format!("quorate-{kind}")).count())
    };
    // The first of its requests needs the start's flush.
    assert_eq!(count(&begun), [0, 0, 0, 1, 0]);
    assert_eq!(count(&[&begun[..], &[steps[0]]].concat()), [1, 0, 0, 1, 0]);
    assert_eq!(count(&[&begun[..], &[steps[1]]].concat()), [0, 1, 0, 1, 0]);
    assert_eq!(count(&[&begun[..], &steps[1..3]].concat()), [0, 1, 1, 1, 0]);
    assert_eq!(count(&[&begun[..], &[steps[4]]].concat()), [0, 0, 0, 1, 1]);
}

#[test]
fn stabilisation_is_a_line_across_all_lanes_of_its_own_kind() {
    let environment = Environment {
        stabilises: true,
        ..harsh()
    };
    let path = [&PREPARED[..2], &["the system stabilises"]].concat();
    let diagram = diagram(&model(environment), &path);
    let document = Document::parse(&diagram).expect("well-formed XML");
    let lines: Vec<_> = drawn(&document, "quorate-stabilisation").collect();
    assert_eq!(lines.len(), 1);
    for lane in drawn(&document, "quorate-lane") {
        let x = number(&lane, "x1");
        assert!(number(&lines[0], "x1") < x && x < number(&lines[0], "x2"));
    }
    assert!(diagram.contains("stable: no faults, accurate timers"));
}

#[test]
fn a_partition_and_its_healing_are_lines_across_all_lanes_and_are_told_in_words() {
    let environment = Environment {
        partitions: 2,
        ..harsh()
    };
    let model = model(environment);
    let parts = "the network parts: coordinator, participant 2 | participant 1";
    let path = [&PREPARED[..2], &[parts, "the network heals"]].concat();
    let kinds = ["quorate-partition", "quorate-healing"];
    let lines = |path: &[&str]| {
        let diagram = diagram(&model, path);
        let document = Document::parse(&diagram).expect("well-formed XML");
        let lanes: Vec<i32> = drawn(&document, "quorate-lane")
            .map(|lane| number(&lane, "x1"))
            .collect();
        kinds.map(|kind| {
            let lines = drawn(&document, kind).inspect(|line| {
                let (left, right) = (number(line, "x1"), number(line, "x2"));
                assert!(lanes.iter().all(|x| left < *x && *x < right));
            });
            lines.count()
        })
    };
    assert_eq!(lines(&path[..2]), [0, 0]);
    assert_eq!(lines(&path[..3]), [1, 0]);
    assert_eq!(lines(&path), [1, 1]);
    assert!(diagram(&model, &path).contains("partition: 0, 2 | 1"));
    let cut = [ProcessId(1)].into_iter().collect();
    let initial = model.init_states().remove(0);
    let told = |state: &_, action| {
        let step = model.format_step(state, action);
        step.expect("it changes something")
    };
    let parted = told(&initial, Action::Partition(cut));
    for line in [
        "no message crosses any more: coordinator, participant 2 | participant 1\n",
        "partitions     1 of 2\n",
        "parted         coordinator, participant 2 | participant 1\n",
    ] {
        assert!(parted.contains(line), "{parted}");
    }
    let state = model.next_state(&initial, Action::Partition(cut));
    let healed = told(&state.expect("it changes something"), Action::Heal);
    assert!(healed.contains("messages reach all again\n"), "{healed}");
    assert!(!healed.contains("parted"), "{healed}");
}

#[test]
fn an_arrow_goes_from_the_row_in_which_its_message_was_released_to_the_row_in_which_it_arrived() {
    let rest = [
        "participant 1's oldest pending record becomes durable",
        "coordinator receives Yes(t1.1) from participant 1",
        "coordinator receives Yes(t1.1) from participant 2",
    ];
    let diagram = diagram(&model(harsh()), &[&PREPARED[..], &rest].concat());
    let document = Document::parse(&diagram).expect("well-formed XML");
    // Votes leave with the flushes 8 and 9 and not with the deliveries 6 and 7.
    let expected = [(5, 6), (5, 7), (8, 11), (9, 10)];
    assert_eq!(ways(&document, "quorate-message"), expected);
}

#[test]
fn a_lost_messages_arrow_goes_to_the_row_in_which_it_was_lost_and_not_to_a_lane() {
    let loss = "the network loses Yes(t1.1) from participant 2 to coordinator";
    let diagram = diagram(&model(harsh()), &[&PREPARED[..], &[loss]].concat());
    let document = Document::parse(&diagram).expect("well-formed XML");
    assert_eq!(ways(&document, "quorate-drop"), [(8, 9)]);
    let end = drawn(&document, "quorate-drop").map(|way| number(&way, "x2"));
    let [end] = end.collect::<Vec<_>>()[..] else {
        panic!("one drop")
    };
    assert!(drawn(&document, "quorate-lane").all(|lane| number(&lane, "x1") != end));
}

#[test]
fn a_crash_is_drawn_with_the_messages_and_the_records_that_it_takes_along() {
    let crash = "coordinator crashes, and with it go Prepare(t1.1) to participant 2";
    let diagram = diagram(&model(harsh()), &[&PREPARED[..6], &[crash]].concat());
    let document = Document::parse(&diagram).expect("well-formed XML");
    assert_eq!(ways(&document, "quorate-drop"), [(5, 7)]);
    assert!(diagram.contains("Prepare(t1.1) ⇢ 2"));
    assert_eq!(drawn(&document, "quorate-down").count(), 1);
}

#[test]
fn what_is_still_on_its_way_is_a_stub_beside_the_row_of_its_sending() {
    let diagram = diagram(&model(harsh()), &PREPARED[..5]);
    let document = Document::parse(&diagram).expect("well-formed XML");
    assert_eq!(drawn(&document, "quorate-in-flight").count(), 1);
    assert!(diagram.contains("Prepare(t1.1) ⇢ 1, 2"), "{diagram}");
    assert_eq!(drawn(&document, "quorate-message").count(), 0);
}

#[test]
fn on_a_set_network_a_message_comes_from_its_latest_sending_and_may_come_again() {
    let transaction = TransactionId {
        epoch: 1,
        number: 1,
    };
    let envelope = Envelope {
        from: ProcessId(1),
        to: COORDINATOR,
        message: Message::Inquire { transaction },
    };
    let sends = Action::Timeout(ProcessId(1), Interned::new(Timer::Inquire(transaction)));
    let delivery = Action::Deliver(Interned::new(envelope.clone()));
    let sent = |first| vec![Event::Sent(envelope.clone(), first)];
    let steps = [
        (sends, sent(true)),
        (sends, sent(false)),
        (delivery, Vec::new()),
        (delivery, Vec::new()),
    ];
    let names = vec!["0".to_owned(), "1".to_owned()];
    let diagram = sequence_diagram::<Protocol>(names, NetworkKind::Set, Vec::new(), steps);
    let document = Document::parse(&diagram).expect("well-formed XML");
    assert_eq!(ways(&document, "quorate-message"), [(2, 3), (2, 4)]);
}

#[test]
fn text_is_escaped() {
    let names = vec!["a < b && c > \"d\"\u{1}".to_owned()];
    let diagram = sequence_diagram::<Protocol>(names, NetworkKind::Set, Vec::new(), []);
    let document = Document::parse(&diagram).expect("well-formed XML");
    let mut texts = document.descendants().filter_map(|node| node.text());
    assert!(texts.any(|text| text == "a < b && c > \"d\"\u{fffd}"));
}

/// The diagram of a run that takes one of the possible steps at a time, and its actions.
fn random_diagram(
    model: &Model<Protocol>,
    choices: &[prop::sample::Index],
) -> (String, Vec<Action<Protocol>>) {
    let mut state = model.init_states().remove(0);
    let initial = state.clone();
    let mut actions = Vec::new();
    for choice in choices {
        let mut steps = model.next_steps(&state);
        if steps.is_empty() {
            break;
        }
        let (action, next) = steps.swap_remove(choice.index(steps.len()));
        actions.push(action);
        state = next;
    }
    let path = Path::from_actions(model, initial, &actions).expect("a path of the model");
    (model.as_svg(path).expect("a diagram"), actions)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_every_delivery_and_every_loss_has_its_arrow(
        choices in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        for instance in instances().into_iter().filter(|i| i.name != "actor-model") {
            let mut parameters = instance.parameters;
            parameters.environment.drops = 1;
            parameters.environment.partitions = 1;
            let model = with_parameters(&parameters);
            let (diagram, actions) = random_diagram(&model, &choices);
            let document = Document::parse(&diagram).expect("well-formed XML");
            let deliveries = actions.iter().filter(|a| matches!(a, Action::Deliver(_))).count();
            let losses = actions.iter().map(|action| match action {
                Action::Drop(_) => 1,
                Action::Crash(_, lost) => lost.len(),
                _ => 0,
            });
            prop_assert_eq!(drawn(&document, "quorate-message").count(), deliveries);
            prop_assert_eq!(drawn(&document, "quorate-drop").count(), losses.sum::<usize>());
            prop_assert_eq!(drawn(&document, "quorate-step").count(), actions.len() + 1);
        }
    }
}

#[test]
fn requests_records_and_outputs_read_as_messages_do() {
    let transaction = TransactionId {
        epoch: 1,
        number: 1,
    };
    let participants = [1, 2, 3].map(ProcessId).into_iter().collect();
    let request = Request::Commit {
        transaction,
        participants,
    };
    assert_eq!(format!("{request:?}"), "Commit(t1.1 at {1, 2, 3})");
    let record = Record::Committed { transaction };
    assert_eq!(format!("{record:?}"), "Committed(t1.1)");
    let output = Output::Begun(transaction);
    assert_eq!(format!("{output:?}"), "Begun(t1.1)");
}
