//! A state of the model as the spec has it: a value for each variable of `TwoPhaseCommit.tla`.
//!
//! Nothing is left out. What is a constant of the spec (that all participants take part in each
//! transaction, whom a participant may ask) is checked to be that constant.

use std::collections::{BTreeMap, BTreeSet};

use quorate::protocol::{Pending, ProcessId, Release};
use quorate::two_phase_commit::{
    COORDINATOR, Coordinator, Decision, Durable, Message, Output, Participant, Progress, Published,
    Record, Refusal, State, Status, TransactionId, TwoPhaseCommit,
};
use quorate_models::atomic_commit::application::{Clients, Told};
use quorate_models::system::{Envelope, ProcessSet, SystemState};
use quorate_models::two_phase_commit::parameters::Parameters;

use super::value::Value;

type Protocol = TwoPhaseCommit<Published>;

/// The variables of the spec, in a state of the model with these parameters.
///
/// # Panics
///
/// If the state has something that the spec has not.
pub fn render(
    parameters: &Parameters,
    state: &SystemState<Protocol, Clients>,
) -> BTreeMap<String, Value> {
    assert!(!state.view.name_reused, "the spec never reuses a name");
    let spec = Rendering { parameters };
    // What a process that is down knows is what it knew before it first started.
    let mut coordinator = &Coordinator::default();
    let nothing = Participant::default();
    let mut participants = vec![&nothing; usize::from(parameters.participants)];
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
        let entries = process.hold_back.pending();
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
    parameters: &'a Parameters,
}

impl Rendering<'_> {
    /// A function of all transactions. One of a transaction that the spec does not have is a function
    /// that the spec does not have.
    fn each<T>(
        &self,
        known: &BTreeMap<TransactionId, T>,
        unknown: Value,
        value: impl Fn(&T) -> Value,
    ) -> Value {
        let epochs = 1..=u64::from(self.parameters.environment.crashes) + 1;
        let mut values = BTreeMap::new();
        for epoch in epochs {
            for number in 1..=u64::from(self.parameters.transactions) {
                values.insert(name(TransactionId { epoch, number }), unknown.clone());
            }
        }
        values.extend(known.iter().map(|(&t, known)| (name(t), value(known))));
        Value::Function(values)
    }

    fn all_participants(&self) -> BTreeSet<ProcessId> {
        (1..=self.parameters.participants).map(ProcessId).collect()
    }

    fn check_participants(&self, participants: &BTreeSet<ProcessId>) {
        assert_eq!(*participants, self.all_participants(), "all take part");
    }

    fn check_peers(&self, of: ProcessId, peers: &BTreeSet<ProcessId>) {
        let mut expected = BTreeSet::new();
        if self.parameters.cooperative {
            expected = self.all_participants();
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

fn process_id(process: ProcessId) -> Value {
    u64::from(process.0).into()
}

fn process_ids(processes: &BTreeSet<ProcessId>) -> Value {
    Value::set(processes.iter().map(|&process| process_id(process)))
}

fn name(transaction: TransactionId) -> Value {
    Value::sequence([transaction.epoch.into(), transaction.number.into()])
}

fn phase(progress: &Progress) -> Value {
    match progress {
        Progress::Working => "working".into(),
        Progress::Voting { .. } => "voting".into(),
        Progress::Committed { .. } => "committed".into(),
    }
}

fn output(of: ProcessId, output: &Output) -> Value {
    let (transaction, fact) = match *output {
        Output::Begun(transaction) => (transaction, "begun"),
        Output::Working(transaction) => (transaction, "working"),
        Output::Prepared(transaction) => (transaction, "prepared"),
        Output::Decided(transaction, Decision::Commit) => (transaction, "committed"),
        Output::Decided(transaction, Decision::Abort) => (transaction, "aborted"),
        Output::Refused(transaction, Refusal::Unknown) => (transaction, "refused as unknown"),
        Output::Refused(transaction, Refusal::Prepared) => (transaction, "refused as prepared"),
        Output::Refused(transaction, Refusal::Finished) => (transaction, "refused as finished"),
        Output::Refused(_, Refusal::Participants | Refusal::Role) => {
            panic!("an orderly application is never told {output:?}")
        }
    };
    Value::record([
        ("type", "Output".into()),
        ("from", process_id(of)),
        ("transaction", name(transaction)),
        ("fact", fact.into()),
    ])
}

fn facts(told: &Told) -> Value {
    let by = |processes: ProcessSet| Value::set(processes.iter().map(process_id));
    let begun = told.begun.then(|| process_id(COORDINATOR));
    Value::record([
        ("begun", Value::set(begun)),
        ("working", by(told.working)),
        ("prepared", by(told.prepared)),
        ("committed", by(told.committed)),
        ("aborted", by(told.aborted)),
    ])
}
