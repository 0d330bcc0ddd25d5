//! What the specs of atomic commit have in common: how transactions, and what the application was told, are
//! written.

use std::collections::{BTreeMap, BTreeSet};

use quorate::atomic_commit::Request;
use quorate::atomic_commit::{COORDINATOR, Decision, Output, Refusal, TransactionId};
use quorate::protocol::{ProcessId, Protocol};
use quorate_checker::{Condition, OnState, Property};
use quorate_models::atomic_commit::application::{Clients, Told};
use quorate_models::atomic_commit::{
    AGREEMENT, RECOVERY_READS_BACK, STABILITY, VALIDITY, agreement, stability, validity,
};
use quorate_models::system::{ProcessSet, System};

use super::instance::Instance;
use super::spec::Named;
use super::value::{Value, process_id};

/// What both specs claim of every state.
pub fn invariants<P>() -> Vec<Named<Property<System<P, Clients>>>>
where
    P: Protocol<Request = Request, Output = Output> + 'static,
{
    let always = |name, of, condition: OnState<System<P, Clients>>| Named {
        name,
        of_model: Property::holds(of, Condition::Always(condition)),
    };
    vec![
        always("Agreement", AGREEMENT, |_, state| agreement(&state.view)),
        always("Stability", STABILITY, |_, state| stability(&state.view)),
        always("Validity", VALIDITY, |model, state| {
            validity(&state.view, model.application().participants)
        }),
        always("RecoveryReadsBack", RECOVERY_READS_BACK, |model, state| {
            model.recovery_reads_back(state)
        }),
    ]
}

/// All participants of an instance.
pub fn participants(instance: &Instance) -> BTreeSet<ProcessId> {
    let participants = 1..=instance.count("Participants");
    participants.map(ProcessId).collect()
}

/// A function of all transactions. One of a transaction that the spec does not have is a function
/// that the spec does not have.
pub fn each<T>(
    instance: &Instance,
    known: &BTreeMap<TransactionId, T>,
    unknown: Value,
    value: impl Fn(&T) -> Value,
) -> Value {
    let restarts = match instance.flag("Recovery") {
        true => u64::from(instance.number("CrashesMax")),
        false => 0,
    };
    let epochs = 1..=restarts + 1;
    let mut values = BTreeMap::new();
    for epoch in epochs {
        for number in 1..=u64::from(instance.number("TransactionsMax")) {
            values.insert(name(TransactionId { epoch, number }), unknown.clone());
        }
    }
    values.extend(known.iter().map(|(&t, known)| (name(t), value(known))));
    Value::Function(values)
}

/// A set of processes.
pub fn process_ids(processes: &BTreeSet<ProcessId>) -> Value {
    Value::set(processes.iter().map(|&process| process_id(process)))
}

/// A transaction.
pub fn name(transaction: TransactionId) -> Value {
    Value::sequence([transaction.epoch.into(), transaction.number.into()])
}

/// What a process tells the application.
pub fn output(of: ProcessId, output: &Output) -> Value {
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

/// Who has told which fact of a transaction.
pub fn facts(told: &Told) -> Value {
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
