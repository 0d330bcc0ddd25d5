//! A state of the model as the spec has it: a value for each variable of `ThreePhaseCommit.tla`.
//!
//! Nothing is left out. That all participants take part in each transaction, which is a constant of the spec, is
//! checked.

use std::collections::{BTreeMap, BTreeSet};

use quorate::protocol::{Pending, ProcessId, Release};
use quorate::three_phase_commit::{
    COORDINATOR, Durable, Message, Progress, Published, Record, Remembered, Round, Rules, Standing,
    State, ThreePhaseCommit, Timer, TransactionId, Undecided,
};
use quorate_checker::{Condition, Fairness, Property};
use quorate_models::atomic_commit::ALL_COMMIT;
use quorate_models::atomic_commit::application::{Clients, Told};
use quorate_models::framework::Framework;
use quorate_models::framework::RequestOrder;
use quorate_models::system::{
    Action, Disk, Envelope, Environment, NetworkKind, System, SystemState, Timers,
};
use quorate_models::three_phase_commit::parameters::{OnFailure, Parameters};
use quorate_models::three_phase_commit::properties::{
    self, NON_BLOCKING, NONE_UNCERTAIN, RECOVERED_LEARN, none_uncertain,
};
use quorate_models::three_phase_commit::{self, model, mutants::TimeoutsAlone, protocol};

use super::atomic_commit::{
    each, facts, invariants, name, output, participants as participants_of, process_ids,
};
use super::instance::Instance;
use super::spec::{self, Named, Spec};
use super::value::{Value, process_id};

type Protocol = ThreePhaseCommit<&'static dyn Rules>;

type Model = three_phase_commit::Model<Protocol>;

/// `ThreePhaseCommit.tla`.
pub struct ThreePhaseCommitSpec;

impl Spec for ThreePhaseCommitSpec {
    const NAME: &'static str = "ThreePhaseCommit";

    const MATTERS_IN: &'static [(&'static str, &'static str)] = &[
        ("Begin", "one-buffered"),
        ("Work", "one-buffered"),
        ("RequestVotes", "one-buffered"),
        ("CastVote", "one-buffered"),
        ("CountVote", "one-buffered"),
        ("BecomeCommittable", "one-buffered"),
        ("CountAcknowledge", "one-buffered"),
        ("Learn", "one-buffered"),
        ("AcceptElection", "default"),
        ("Report", "default"),
        ("CountReport", "default"),
        ("Recover", "one-buffered"),
        ("Answer", "one-buffered"),
        ("GiveUp", "one-buffered"),
        ("TellAgain", "overlapping"),
        ("Refuse", "one-buffered"),
        ("Deadline", "lossy"),
        ("Resend", "default"),
        ("Suspect", "default"),
        ("Inquire", "live-one"),
        ("Flush", "one-buffered"),
        ("Crash", "one-buffered"),
        ("Drop", "lossy"),
        ("Partition", "partition"),
        ("Heal", "live-partition"),
    ];

    const FAIRNESS_MATTERS_IN: &'static [(&'static str, &'static str, &'static str)] = &[
        ("Receive", "live-one", "RecoveredLearn"),
        ("StopWaiting", "live-one", "NonBlocking"),
        ("SayAgain", "live-one", "NonBlocking"),
        ("InquireAgain", "live-one", "RecoveredLearn"),
        ("Flush", "live-one", "RecoveredLearn"),
        ("Recover", "live-one", "RecoveredLearn"),
        ("Heal", "live-partition", "RecoveredLearn"),
    ];

    type Model = Model;

    fn model(instance: &Instance) -> Model {
        let parameters = parameters(instance);
        let rules: &'static dyn Rules = match parameters.on_failure {
            OnFailure::Terminate => &Published,
            OnFailure::DecideAlone => &TimeoutsAlone,
        };
        model(&parameters, protocol(&parameters, rules)).model
    }

    fn render(instance: &Instance, state: &spec::State<Self>) -> BTreeMap<String, Value> {
        render(instance, state)
    }

    fn invariants() -> Vec<Named<Property<Model>>> {
        let none_uncertain = Named {
            name: "NoneUncertain",
            of_model: Property::holds(NONE_UNCERTAIN, Condition::Always(none_uncertain)),
        };
        invariants().into_iter().chain([none_uncertain]).collect()
    }

    fn claims(instance: &Instance) -> Vec<Named<Property<Model>>> {
        let names = [
            ("NonBlocking", NON_BLOCKING),
            ("RecoveredLearn", RECOVERED_LEARN),
            ("AllCommit", ALL_COMMIT),
        ];
        spec::named(names, properties::claims(&parameters(instance)))
    }

    fn fairness() -> Vec<Named<Fairness<Model>>> {
        let fair = |name, of_model| Named { name, of_model };
        let strong = |name, class| fair(name, Fairness::strong(name, class));
        vec![
            fair("Receive", System::deliveries()),
            strong("StopWaiting", |_, action| {
                timer_at(action, |timer| {
                    matches!(timer, Timer::Deadline { .. } | Timer::Suspect { .. })
                })
            }),
            strong("SayAgain", |_, action| {
                timer_at(action, |timer| matches!(timer, Timer::Resend { .. }))
            }),
            strong("InquireAgain", |_, action| {
                timer_at(action, |timer| matches!(timer, Timer::Inquire { .. }))
            }),
            fair("Flush", System::flushes()),
            fair("Recover", System::recoveries()),
            fair("Heal", System::heals()),
        ]
    }
}

/// Where one of these timers fires, if that is what the action is.
fn timer_at(action: &Action<Protocol>, is_one: fn(&Timer) -> bool) -> Option<u64> {
    match action {
        Action::Timeout(process, timer) if is_one(timer) => Some(process.0.into()),
        _ => None,
    }
}

/// The same instance of the model.
fn parameters(instance: &Instance) -> Parameters {
    let parameters = Parameters {
        framework: Framework::System,
        participants: instance.count("Participants"),
        transactions: instance.number("TransactionsMax"),
        on_failure: match instance.flag("Terminates") {
            true => OnFailure::Terminate,
            false => OnFailure::DecideAlone,
        },
        aborts: instance.flag("Aborts"),
        requests: RequestOrder::Orderly,
        environment: Environment {
            network: match instance.flag("Duplicates") {
                true => NetworkKind::Set,
                false => NetworkKind::Bag,
            },
            drops: instance.number("DropsMax"),
            crashes: instance.number("CrashesMax"),
            down_max: instance.number("DownMax"),
            recovery: instance.flag("Recovery"),
            partitions: instance.number("PartitionsMax"),
            heals: instance.flag("Heals"),
            disk: match instance.flag("Buffered") {
                true => Disk::Buffered,
                false => Disk::Atomic,
            },
            pending_max: instance.number("PendingMax"),
            timers: match instance.text("Timers") {
                "never" => Timers::Never,
                "asynchronous" => Timers::Asynchronous,
                "accurate" => Timers::Accurate,
                other => panic!("no timers are {other}"),
            },
            ..Environment::default()
        },
    };
    if let Err(why) = parameters.validate() {
        panic!("{}: {why}", instance.path.display());
    }
    parameters
}

fn render(instance: &Instance, state: &SystemState<Protocol, Clients>) -> BTreeMap<String, Value> {
    assert!(!state.view.name_reused, "the spec never reuses a name");
    assert!(!state.stable && state.campaigned.is_none());
    let spec = Rendering { instance };
    // What a process that is down knows is what it knew before it first started.
    let nothing = State::default();
    let mut processes = vec![&nothing; usize::from(instance.count("Participants")) + 1];
    for (id, knows) in state.live() {
        processes[id.index()] = knows;
        assert!(id == COORDINATOR || (knows.epoch == 0 && knows.begun == 0));
    }
    let coordinator = processes[0];
    let knows = (0..).map(ProcessId).zip(&processes);
    let knows = knows.map(|(id, knows)| {
        let unknown = stands("unknown");
        let each = each(instance, &knows.transactions, unknown, |p| spec.progress(p));
        (process_id(id), each)
    });
    let disks = state.processes();
    let disks = disks.map(|(id, process)| (process_id(id), spec.disk(id, &process.durable)));
    let pending = state.processes().map(|(id, process)| {
        let entries = process.pending();
        let entries = entries.map(|entry| spec.pending(id, entry));
        (process_id(id), Value::sequence(entries))
    });
    let in_flight = state.network.in_flight();
    let variables = [
        ("up", Value::set(state.live().map(|(id, _)| process_id(id)))),
        ("epoch", coordinator.epoch.into()),
        ("begun", coordinator.begun.into()),
        ("knows", Value::function(knows)),
        ("disk", Value::function(disks)),
        ("pending", Value::function(pending)),
        ("messages", Value::set(in_flight.map(|e| spec.message(&e)))),
        ("cut", Value::set(state.cut.iter().map(process_id))),
        ("begins", u64::from(state.view.begins).into()),
        (
            "told",
            each(
                instance,
                &state.view.transactions,
                facts(&Told::default()),
                facts,
            ),
        ),
        ("crashes", u64::from(state.crashes).into()),
        ("drops", u64::from(state.drops).into()),
        ("partitions", u64::from(state.partitions).into()),
    ];
    variables
        .map(|(variable, value)| (variable.to_owned(), value))
        .into()
}

struct Rendering<'a> {
    instance: &'a Instance,
}

impl Rendering<'_> {
    fn check_participants(&self, participants: &BTreeSet<ProcessId>) {
        let all = participants_of(self.instance);
        assert_eq!(*participants, all, "all take part");
    }

    fn progress(&self, progress: &Progress) -> Value {
        match progress {
            Progress::Working => stands("working"),
            Progress::Undecided(undecided) => {
                self.check_participants(&undecided.participants);
                knowledge(undecided)
            }
            Progress::Recovering { participants } => {
                self.check_participants(participants);
                stands("recovering")
            }
            Progress::Committed => stands("committed"),
            Progress::Aborted => stands("aborted"),
        }
    }

    fn disk(&self, of: ProcessId, durable: &Durable) -> Value {
        let Durable {
            epoch,
            transactions,
        } = durable;
        assert!(of == COORDINATOR || *epoch == 0);
        let remembered = |remembered: &Remembered| match remembered {
            Remembered::Prepared { participants } => {
                self.check_participants(participants);
                "prepared".into()
            }
            Remembered::Committed => "committed".into(),
            Remembered::Aborted => "aborted".into(),
        };
        Value::record([
            ("epoch", (*epoch).into()),
            (
                "remembered",
                each(self.instance, transactions, "unknown".into(), remembered),
            ),
        ])
    }

    fn pending(&self, of: ProcessId, entry: &Pending<Protocol>) -> Value {
        let waiting = entry.releases.iter().map(|release| match release {
            Release::Send { to, message } => self.message(&Envelope {
                from: of,
                to: *to,
                message: message.clone(),
            }),
            Release::Emit(told) => output(of, told),
            Release::Durable(_) => panic!("three-phase commit asks for no report"),
        });
        Value::record([
            ("record", self.record(&entry.record)),
            ("forced", entry.forced.into()),
            ("waiting", Value::sequence(waiting)),
        ])
    }

    fn record(&self, record: &Record) -> Value {
        let about = |kind: &str, transaction: TransactionId| {
            Value::record([("type", kind.into()), ("transaction", name(transaction))])
        };
        match record {
            Record::Started { epoch } => {
                Value::record([("type", "Started".into()), ("epoch", (*epoch).into())])
            }
            Record::Prepared {
                transaction,
                participants,
            } => {
                self.check_participants(participants);
                about("Prepared", *transaction)
            }
            Record::Committed { transaction } => about("Committed", *transaction),
            Record::Aborted { transaction } => about("Aborted", *transaction),
        }
    }

    fn message(&self, envelope: &Envelope<Message>) -> Value {
        let (kind, more) = match &envelope.message {
            Message::Prepare { participants, .. } => {
                self.check_participants(participants);
                ("Prepare", None)
            }
            Message::Vote { vote, .. } => {
                ("Vote", Some(("vote", format!("{vote:?}").as_str().into())))
            }
            Message::PreCommit { .. } => ("PreCommit", None),
            Message::Acknowledge { .. } => ("Acknowledge", None),
            Message::Decision { decision, .. } => {
                let decision = format!("{decision:?}").as_str().into();
                ("Decision", Some(("decision", decision)))
            }
            Message::Elected { .. } => ("Elected", None),
            Message::StateRequest { .. } => ("StateRequest", None),
            Message::StateReport { standing, .. } => {
                ("StateReport", Some(("standing", standing_of(*standing))))
            }
            Message::Inquire { .. } => ("Inquire", None),
        };
        let fields = [
            ("type", kind.into()),
            ("from", process_id(envelope.from)),
            ("to", process_id(envelope.to)),
            ("transaction", name(envelope.message.transaction())),
        ];
        let fields = fields.into_iter().chain(more);
        Value::function(fields.map(|(field, value)| (field.into(), value)))
    }
}

/// What a process knows that knows no more than where the transaction stands.
fn stands(standing: &str) -> Value {
    Value::record([
        ("standing", standing.into()),
        ("coordinator", process_id(COORDINATOR)),
        ("failed", Value::set([])),
        ("round", "none".into()),
        ("yes", Value::set([])),
        ("reports", Value::sequence([])),
        ("acknowledged", Value::set([])),
    ])
}

fn knowledge(undecided: &Undecided) -> Value {
    let (mut yes, mut acknowledged) = (Value::set([]), Value::set([]));
    let mut reports = Value::sequence([]);
    let round = match &undecided.round {
        None => "none",
        Some(Round::Votes { yes: all }) => {
            yes = process_ids(all);
            "votes"
        }
        Some(Round::Reports { reports: all }) => {
            let all = all.iter();
            reports = Value::function(all.map(|(p, s)| (process_id(*p), standing_of(*s))));
            "reports"
        }
        Some(Round::Acknowledgements { from }) => {
            acknowledged = process_ids(from);
            "acknowledgements"
        }
    };
    Value::record([
        (
            "standing",
            match undecided.is_committable {
                true => "committable".into(),
                false => "uncertain".into(),
            },
        ),
        ("coordinator", process_id(undecided.coordinator)),
        ("failed", process_ids(&undecided.failed)),
        ("round", round.into()),
        ("yes", yes),
        ("reports", reports),
        ("acknowledged", acknowledged),
    ])
}

fn standing_of(standing: Standing) -> Value {
    format!("{standing:?}").to_lowercase().as_str().into()
}
