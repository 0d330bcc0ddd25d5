//! A state of the model as the spec has it: a value for each variable of `TwoPhaseCommit.tla`.
//!
//! Nothing is left out. What is a constant of the spec (that all participants take part in each
//! transaction, whom a participant may ask) is checked to be that constant.

use std::collections::{BTreeMap, BTreeSet};

use quorate::protocol::{Pending, ProcessId, Release};
use quorate::two_phase_commit::{
    COORDINATOR, Coordinator, Durable, Message, Participant, Progress, Published, Record, State,
    Status, Timer, TransactionId, TwoPhaseCommit,
};
use quorate_checker::{Fairness, Property};
use quorate_models::atomic_commit::ALL_COMMIT;
use quorate_models::atomic_commit::application::{Clients, Told};
use quorate_models::framework::RequestOrder;
use quorate_models::system::{
    Action, Disk, Envelope, Environment, NetworkKind, System, SystemState, Timers,
};
use quorate_models::two_phase_commit::liveness::{
    self, COMMIT_FORGOTTEN, EVERYBODY_DECIDES, IN_DOUBT_DECIDES, NON_BLOCKING, ONE_KNOWS_ALL_LEARN,
};
use quorate_models::two_phase_commit::parameters::{Framework, Parameters};
use quorate_models::two_phase_commit::{self, model, protocol};

use super::atomic_commit::{
    each, facts, invariants, name, output, participants as participants_of, process_ids,
};
use super::instance::Instance;
use super::spec::{self, Named, Spec};
use super::value::{Value, process_id};

type Protocol = TwoPhaseCommit<Published>;

type Model = two_phase_commit::Model<Protocol>;

/// `TwoPhaseCommit.tla`.
pub struct TwoPhaseCommitSpec;

impl Spec for TwoPhaseCommitSpec {
    const NAME: &'static str = "TwoPhaseCommit";

    const MATTERS_IN: &'static [(&'static str, &'static str)] = &[
        ("Begin", "one"),
        ("Prepare", "one"),
        ("CountYes", "patient"),
        ("Commit", "one"),
        ("CountNo", "one"),
        ("Abort", "patient"),
        ("Deadline", "one-buffered"),
        ("CountAcknowledge", "one"),
        ("Resend", "one-buffered"),
        ("Answer", "one"),
        ("TellAgain", "overlapping"),
        ("Refuse", "one-buffered"),
        ("RecoverCoordinator", "one"),
        ("Work", "one"),
        ("VoteYes", "one"),
        ("VoteNo", "one"),
        ("IgnorePrepare", "retiring"),
        ("ReceiveCommit", "one"),
        ("ReceiveAbort", "one"),
        ("AbortWork", "one"),
        ("AskAround", "one"),
        ("AnswerPeer", "cooperative"),
        ("RefuseWork", "one-buffered"),
        ("RecoverParticipant", "one"),
        ("Flush", "one-buffered"),
        ("CrashCoordinator", "one"),
        ("CrashParticipant", "one"),
        ("Drop", "lossy"),
    ];

    const FAIRNESS_MATTERS_IN: &'static [(&'static str, &'static str, &'static str)] = &[
        ("Receive", "live-one", "InDoubtDecides"),
        ("Deadline", "live-one", "InDoubtDecides"),
        // Two messages must be lost: the Commit, once it is received, and its acknowledgement.
        ("Resend", "live-one", "CommitForgotten"),
        ("AskAround", "live-one", "InDoubtDecides"),
        ("Flush", "live-one", "InDoubtDecides"),
        ("RecoverCoordinator", "live-one", "InDoubtDecides"),
        ("RecoverParticipant", "live-one", "InDoubtDecides"),
    ];

    type Model = Model;

    fn model(instance: &Instance) -> Model {
        let parameters = parameters(instance);
        model(&parameters, protocol(&parameters, Published)).0
    }

    fn render(instance: &Instance, state: &spec::State<Self>) -> BTreeMap<String, Value> {
        render(instance, state)
    }

    fn invariants() -> Vec<Named<Property<Model>>> {
        invariants()
    }

    fn claims(instance: &Instance) -> Vec<Named<Property<Model>>> {
        let names = [
            ("InDoubtDecides", IN_DOUBT_DECIDES),
            ("CommitForgotten", COMMIT_FORGOTTEN),
            ("NonBlocking", NON_BLOCKING),
            ("OneKnowsAllLearn", ONE_KNOWS_ALL_LEARN),
            ("EverybodyDecides", EVERYBODY_DECIDES),
            ("AllCommit", ALL_COMMIT),
        ];
        spec::named(names, liveness::claims(&parameters(instance)))
    }

    fn fairness() -> Vec<Named<Fairness<Model>>> {
        let weak = |name, class| Named {
            name,
            of_model: Fairness::weak(name, class),
        };
        vec![
            weak("Receive", System::deliveries().class),
            weak("Deadline", |model, action| {
                timer(model, action, |timer| matches!(timer, Timer::Deadline(_)))
            }),
            weak("Resend", |model, action| {
                timer(model, action, |timer| matches!(timer, Timer::Resend(_)))
            }),
            weak("AskAround", |model, action| {
                timer(model, action, |timer| matches!(timer, Timer::Inquire(_)))
            }),
            weak("Flush", System::flushes().class),
            weak("RecoverCoordinator", |model, action| match action {
                Action::Recover(COORDINATOR) => (System::recoveries().class)(model, action),
                _ => None,
            }),
            weak("RecoverParticipant", |model, action| match action {
                Action::Recover(process) if *process != COORDINATOR => {
                    (System::recoveries().class)(model, action)
                }
                _ => None,
            }),
        ]
    }
}

/// The class of an action that is the firing of one of these timers.
fn timer(model: &Model, action: &Action<Protocol>, is_one: fn(&Timer) -> bool) -> Option<u64> {
    match action {
        Action::Timeout(_, timer) if is_one(timer) => (System::timers().class)(model, action),
        _ => None,
    }
}

/// The same instance of the model.
fn parameters(instance: &Instance) -> Parameters {
    let parameters = Parameters {
        framework: Framework::System,
        participants: instance.count("Participants"),
        transactions: instance.number("TransactionsMax"),
        cooperative: instance.flag("Cooperative"),
        aborts: instance.flag("Aborts"),
        requests: RequestOrder::Orderly,
        environment: Environment {
            network: NetworkKind::Set,
            drops: instance.number("DropsMax"),
            crashes: instance.number("CrashesMax"),
            down_max: instance.number("DownMax"),
            recovery: instance.flag("Recovery"),
            partitions: 0,
            heals: true,
            disk: match instance.flag("Buffered") {
                true => Disk::Buffered,
                false => Disk::Atomic,
            },
            pending_max: instance.number("PendingMax"),
            timers: match instance.flag("Timeouts") {
                true => Timers::Asynchronous,
                false => Timers::Never,
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
    let spec = Rendering { instance };
    // What a process that is down knows is what it knew before it first started.
    let mut coordinator = &Coordinator::default();
    let nothing = Participant::default();
    let mut participants = vec![&nothing; usize::from(instance.count("Participants"))];
    for (id, knows) in state.live() {
        match knows {
            State::Coordinator(knows) => coordinator = knows,
            State::Participant(knows) => participants[id.index() - 1] = knows,
        }
    }
    let progress = &coordinator.transactions;
    let statuses = (1..).map(ProcessId).zip(&participants);
    let statuses = statuses.map(|(id, participant)| spec.statuses(id, &participant.statuses));
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
        ("phase", spec.each(progress, "unknown".into(), phase)),
        ("yes", spec.each(progress, Value::set([]), |p| spec.yes(p))),
        (
            "unacknowledged",
            spec.each(progress, Value::set([]), |p| spec.unacknowledged(p)),
        ),
        ("status", Value::sequence(statuses)),
        (
            "watermark",
            Value::sequence(participants.iter().map(|p| name(p.watermark))),
        ),
        ("disk", Value::function(disks)),
        ("pending", Value::function(pending)),
        ("messages", Value::set(in_flight.map(|e| spec.message(&e)))),
        ("begins", u64::from(state.view.begins).into()),
        (
            "told",
            spec.each(&state.view.transactions, facts(&Told::default()), facts),
        ),
        ("crashes", u64::from(state.crashes).into()),
        ("drops", u64::from(state.drops).into()),
    ];
    variables
        .map(|(variable, value)| (variable.to_owned(), value))
        .into()
}

struct Rendering<'a> {
    instance: &'a Instance,
}

impl Rendering<'_> {
    fn each<T>(
        &self,
        known: &BTreeMap<TransactionId, T>,
        unknown: Value,
        value: impl Fn(&T) -> Value,
    ) -> Value {
        each(self.instance, known, unknown, value)
    }

    fn check_participants(&self, participants: &BTreeSet<ProcessId>) {
        assert_eq!(
            *participants,
            participants_of(self.instance),
            "all take part"
        );
    }

    fn check_peers(&self, of: ProcessId, peers: &BTreeSet<ProcessId>) {
        let mut expected = BTreeSet::new();
        if self.instance.flag("Cooperative") {
            expected = participants_of(self.instance);
            expected.remove(&of);
        }
        assert_eq!(*peers, expected, "whom {of:?} may ask");
    }

    fn yes(&self, progress: &Progress) -> Value {
        match progress {
            Progress::Voting { participants, yes } => {
                self.check_participants(participants);
                process_ids(yes)
            }
            Progress::Working | Progress::Committed { .. } => Value::set([]),
        }
    }

    fn unacknowledged(&self, progress: &Progress) -> Value {
        match progress {
            Progress::Committed {
                participants,
                unacknowledged,
            } => {
                self.check_participants(participants);
                process_ids(unacknowledged)
            }
            Progress::Working | Progress::Voting { .. } => Value::set([]),
        }
    }

    fn statuses(&self, of: ProcessId, statuses: &BTreeMap<TransactionId, Status>) -> Value {
        self.each(statuses, "unknown".into(), |status| match status {
            Status::Working => "working".into(),
            Status::Prepared { peers } => {
                self.check_peers(of, peers);
                "prepared".into()
            }
            Status::Committed => "committed".into(),
            Status::Aborted => "aborted".into(),
        })
    }

    fn disk(&self, of: ProcessId, durable: &Durable) -> Value {
        let Durable {
            epoch,
            committed,
            statuses,
            watermark,
        } = durable;
        if of == COORDINATOR {
            assert!(statuses.is_empty() && *watermark == TransactionId::default());
            committed
                .values()
                .for_each(|all| self.check_participants(all));
            let committed = committed.keys().map(|&transaction| name(transaction));
            return Value::record([
                ("epoch", (*epoch).into()),
                ("committed", Value::set(committed)),
            ]);
        }
        assert!(*epoch == 0 && committed.is_empty());
        Value::record([
            ("status", self.statuses(of, statuses)),
            ("watermark", name(*watermark)),
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
            Release::Durable(_) => panic!("two-phase commit asks for no report"),
        });
        Value::record([
            ("record", self.record(of, &entry.record)),
            ("forced", entry.forced.into()),
            ("waiting", Value::sequence(waiting)),
        ])
    }

    fn record(&self, of: ProcessId, record: &Record) -> Value {
        let about = |kind: &str, transaction: TransactionId| {
            Value::record([("type", kind.into()), ("transaction", name(transaction))])
        };
        match record {
            Record::Started { epoch } => {
                Value::record([("type", "Started".into()), ("epoch", (*epoch).into())])
            }
            Record::Commit {
                transaction,
                participants,
            } => {
                self.check_participants(participants);
                about("Commit", *transaction)
            }
            Record::End { transaction } => about("End", *transaction),
            Record::Prepared { transaction, peers } => {
                self.check_peers(of, peers);
                about("Prepared", *transaction)
            }
            Record::Committed { transaction } => about("Committed", *transaction),
            Record::Aborted { transaction } => about("Aborted", *transaction),
            Record::Retired { below } => {
                Value::record([("type", "Retired".into()), ("below", name(*below))])
            }
        }
    }

    fn message(&self, envelope: &Envelope<Message>) -> Value {
        let mut fields = vec![
            ("from", process_id(envelope.from)),
            ("to", process_id(envelope.to)),
            ("transaction", name(envelope.message.transaction())),
        ];
        fields.extend(match &envelope.message {
            Message::Prepare {
                peers,
                retired_below,
                ..
            } => {
                self.check_peers(envelope.to, peers);
                let below = name(*retired_below);
                vec![("type", "Prepare".into()), ("retiredBelow", below)]
            }
            Message::Vote { vote, .. } => {
                vec![
                    ("type", "Vote".into()),
                    ("vote", Value::Text(format!("{vote:?}"))),
                ]
            }
            Message::Decision { decision, .. } => vec![
                ("type", "Decision".into()),
                ("decision", Value::Text(format!("{decision:?}"))),
            ],
            Message::Acknowledge { .. } => vec![("type", "Acknowledge".into())],
            Message::Inquire { .. } => vec![("type", "Inquire".into())],
        });
        Value::function(
            fields
                .into_iter()
                .map(|(field, value)| (field.into(), value)),
        )
    }
}

fn phase(progress: &Progress) -> Value {
    match progress {
        Progress::Working => "working".into(),
        Progress::Voting { .. } => "voting".into(),
        Progress::Committed { .. } => "committed".into(),
    }
}
