//! What two-phase commit claims about fair runs: that what is to happen does happen, and where it need not.
//!
//! AC4 and AC5 are the conditions of Bernstein, Hadzilacos, Goodman: *Concurrency Control and Recovery in
//! Database Systems*, 1987, §7.3; blocking is their §7.4. `specs/TwoPhaseCommit.tla` has the same claims.

use quorate::protocol::ProcessId;
use quorate::two_phase_commit::{COORDINATOR, Phase, Progress, State, Status, TransactionId};
use quorate_checker::{Condition, Fairness, Property, Strength};

use super::parameters::Parameters;
use super::properties::{AnyTwoPhaseCommit, Model, ModelState};
use crate::atomic_commit::ALL_COMMIT;
use crate::atomic_commit::cases::{epochs, participant, process, transaction};
use crate::framework::RequestOrder;
use crate::system::{Disk, NetworkKind, System, Timers};

/// AC5: if failures are repaired, whoever has promised decides: it tells an outcome, and has it on disk.
pub const IN_DOUBT_DECIDES: &str = "whoever is in doubt decides (AC5)";
/// Presumed abort: a commit need not be remembered for ever.
pub const COMMIT_FORGOTTEN: &str = "a commit is forgotten when all have acknowledged it";
/// What two-phase commit does not have: nobody who has promised waits for a process that is down.
pub const NON_BLOCKING: &str = "nobody in doubt waits for a process that is down for good";
/// What cooperative termination adds: if one participant knows, whoever stays up and is in doubt learns.
pub const ONE_KNOWS_ALL_LEARN: &str = "if one participant knows, whoever is in doubt learns";
/// What presumed abort gives up: where somebody has promised, the coordinator tells an outcome too.
pub const EVERYBODY_DECIDES: &str = "everybody who took part decides";

/// All claims, as if each were a theorem.
pub fn claims<P: AnyTwoPhaseCommit>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    let participants = usize::from(parameters.participants);
    let transactions = epochs(&parameters.environment) * usize::from(parameters.transactions);
    let each = participants * transactions;
    let pairs = each * participants;
    let processes = each + transactions;
    vec![
        Property::holds(
            IN_DOUBT_DECIDES,
            Condition::LeadsTo {
                cases: each,
                trigger: |model: &Model<P>, state, case| {
                    let (t, p) = participant(model.application(), case);
                    in_doubt(state, p, t)
                },
                goal: |model: &Model<P>, state, case| {
                    let (t, p) = participant(model.application(), case);
                    decided(state, p, t) && !in_doubt(state, p, t)
                },
            },
        ),
        Property::holds(
            COMMIT_FORGOTTEN,
            Condition::LeadsTo {
                cases: transactions,
                trigger: |model: &Model<P>, state, case| {
                    remembers_commit(state, transaction(model.application(), case))
                },
                goal: |model: &Model<P>, state, case| {
                    !remembers_commit(state, transaction(model.application(), case))
                },
            },
        ),
        Property::holds(
            NON_BLOCKING,
            Condition::LeadsTo {
                cases: each,
                trigger: |model: &Model<P>, state, case| {
                    let (t, p) = participant(model.application(), case);
                    in_doubt(state, p, t)
                },
                goal: |model: &Model<P>, state, case| {
                    let (t, p) = participant(model.application(), case);
                    decided(state, p, t) || !is_up(state, p)
                },
            },
        ),
        Property::holds(
            ONE_KNOWS_ALL_LEARN,
            Condition::LeadsTo {
                cases: pairs,
                trigger: |model: &Model<P>, state, case| {
                    let (t, p, q) = pair(model, case);
                    in_doubt(state, p, t) && decided(state, q, t)
                },
                goal: |model: &Model<P>, state, case| {
                    let (t, p, q) = pair(model, case);
                    decided(state, p, t) || !is_up(state, p) || !is_up(state, q)
                },
            },
        ),
        Property::holds(
            EVERYBODY_DECIDES,
            Condition::LeadsTo {
                cases: processes,
                trigger: |model: &Model<P>, state, case| {
                    let (t, p) = process(model.application(), case);
                    let told = state.view.transactions.get(&t);
                    told.is_some_and(|told| {
                        let prepared = told.prepared;
                        prepared.contains(p) || (p == COORDINATOR && !prepared.is_empty())
                    })
                },
                goal: |model: &Model<P>, state, case| {
                    let (t, p) = process(model.application(), case);
                    decided(state, p, t)
                },
            },
        ),
        Property::holds(
            ALL_COMMIT,
            Condition::LeadsTo {
                cases: transactions,
                trigger: |model: &Model<P>, state, case| {
                    let knows = state.processes[COORDINATOR.index()].state();
                    matches!(knows, Some(State::Coordinator(coordinator)) if matches!(
                        coordinator.transactions.get(&transaction(model.application(), case)).map(Progress::phase),
                        Some(Phase::Voting)
                    ))
                },
                goal: |model: &Model<P>, state, case| {
                    let told = state
                        .view
                        .transactions
                        .get(&transaction(model.application(), case));
                    let everybody = u32::from(model.application().participants) + 1;
                    told.is_some_and(|told| told.committed.len() == everybody)
                },
            },
        ),
    ]
}

/// The claims that apply under these parameters, with what is expected of them.
pub fn properties<P: AnyTwoPhaseCommit>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    let environment = &parameters.environment;
    let crashes = environment.crashes > 0;
    let times_out = environment.timers != Timers::Never;
    let for_good = crashes && !environment.recovery;
    let parts = environment.partitions > 0;
    let parted_for_good = parts && !environment.heals;
    let expected = |name: &str| match name {
        IN_DOUBT_DECIDES | COMMIT_FORGOTTEN => {
            (times_out && !for_good && !parted_for_good).then_some(true)
        }
        // Blocking: the coordinator may be what is gone.
        NON_BLOCKING => (times_out && for_good).then_some(false),
        ONE_KNOWS_ALL_LEARN => {
            (times_out && for_good && parameters.participants > 1 && environment.drops > 0)
                .then_some(parameters.cooperative && !parted_for_good)
        }
        // A coordinator that crashed before it logged has nothing left to decide.
        EVERYBODY_DECIDES => (times_out && crashes && environment.recovery).then_some(false),
        // A timer that fires too soon is a failure, and so is a partition.
        ALL_COMMIT => {
            let is_orderly = parameters.requests == RequestOrder::Orderly && !parameters.aborts;
            let fails = is_lossy(parameters) || parts || environment.stabilises;
            (is_orderly && !fails).then_some(environment.timers != Timers::Asynchronous)
        }
        _ => None,
    };
    let claims = claims(parameters).into_iter();
    claims
        .filter_map(|claim| {
            let expected = expected(claim.name)?;
            Some(Property { expected, ..claim })
        })
        .collect()
}

/// What the claims rely on: only what may be needed under these parameters.
pub fn fairness<P: AnyTwoPhaseCommit>(parameters: &Parameters) -> Vec<Fairness<Model<P>>> {
    let environment = &parameters.environment;
    let mut fairness = vec![System::deliveries()];
    if environment.timers != Timers::Never && is_lossy(parameters) {
        // Accurate timers fire only at rest, so that one which fires again and again disables the others
        // again and again: a bag has a run in which inquiries keep the coordinator from its deadline.
        let only_at_rest = environment.timers == Timers::Accurate || environment.stabilises;
        fairness.push(Fairness {
            strength: match only_at_rest {
                true => Strength::Strong,
                false => Strength::Weak,
            },
            ..System::timers()
        });
    }
    if environment.disk == Disk::Buffered {
        fairness.push(System::flushes());
    }
    if environment.crashes > 0 && environment.recovery {
        fairness.push(System::recoveries());
    }
    if environment.partitions > 0 && environment.heals {
        fairness.push(System::heals());
    }
    fairness
}

/// Whether something may be lost that was said, or was to be said.
fn is_lossy(parameters: &Parameters) -> bool {
    let environment = &parameters.environment;
    environment.crashes > 0 || environment.drops > 0 || environment.network != NetworkKind::Set
}

/// Two participants; where they are one, nothing is claimed of them.
fn pair<P: AnyTwoPhaseCommit>(
    model: &Model<P>,
    case: usize,
) -> (TransactionId, ProcessId, ProcessId) {
    let participants = usize::from(model.application().participants);
    let (transaction, first) = participant(model.application(), case / participants);
    let second = ProcessId((case % participants + 1) as u16);
    (transaction, first, second)
}

fn is_up<P: AnyTwoPhaseCommit>(state: &ModelState<P>, process: ProcessId) -> bool {
    state.processes[process.index()].is_up()
}

/// The participant's promise is on its disk, and no outcome is.
fn in_doubt<P: AnyTwoPhaseCommit>(
    state: &ModelState<P>,
    participant: ProcessId,
    transaction: TransactionId,
) -> bool {
    let durable = &state.processes[participant.index()].durable;
    matches!(
        durable.statuses.get(&transaction),
        Some(Status::Prepared { .. })
    )
}

/// The process has told an outcome.
fn decided<P: AnyTwoPhaseCommit>(
    state: &ModelState<P>,
    process: ProcessId,
    transaction: TransactionId,
) -> bool {
    let told = state.view.transactions.get(&transaction);
    told.is_some_and(|told| told.has_decided(process))
}

/// The coordinator's disk remembers that it has committed.
fn remembers_commit<P: AnyTwoPhaseCommit>(
    state: &ModelState<P>,
    transaction: TransactionId,
) -> bool {
    let durable = &state.processes[COORDINATOR.index()].durable;
    durable.committed.contains_key(&transaction)
}
