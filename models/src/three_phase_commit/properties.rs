//! What three-phase commit claims: it is atomic and does not block where failures can be told from slowness, and
//! where it is not, or does.
//!
//! Conditions are those of Bernstein, Hadzilacos, Goodman: *Concurrency Control and Recovery in Database
//! Systems*, 1987, §7.3 and §7.5.

use quorate::protocol::{ProcessId, Protocol};
use quorate::three_phase_commit::{
    Durable, Message, Output, Progress, Record, Remembered, Request, Standing, State, Timer,
    TransactionId,
};
use quorate_checker::{Condition, Fairness, Property, Strength};

use super::Model;
use super::parameters::{OnFailure, Parameters};
use crate::atomic_commit::application::Clients;
use crate::atomic_commit::cases::{epochs, process, transaction};
use crate::atomic_commit::{
    AGREEMENT, ALL_COMMIT, NAMES_ARE_UNIQUE, PROMISE_NEEDS_WORK, RECOVERY_READS_BACK, STABILITY,
    VALIDITY, aborts, agreement, commits, stability, validity,
};
use crate::framework::RequestOrder;
use crate::system::{Action, Disk, NetworkKind, System, SystemState, Timers};

/// Three-phase commit, by whatever rules.
pub trait AnyThreePhaseCommit:
    Protocol<
        State = State,
        Message = Message,
        Timer = Timer,
        Record = Record,
        Durable = Durable,
        Request = Request,
        Output = Output,
    > + 'static
{
}

impl<P> AnyThreePhaseCommit for P where
    P: Protocol<
            State = State,
            Message = Message,
            Timer = Timer,
            Record = Record,
            Durable = Durable,
            Request = Request,
            Output = Output,
        > + 'static
{
}

type ModelState<P> = SystemState<P, Clients>;

/// What a partition takes away: those who suspect each other decide each on its own.
pub const AGREEMENT_PARTED: &str = "agreement, though the network parts";
/// What timers that err take away, in the same way.
pub const AGREEMENT_ERRING: &str = "agreement, though timers err";
/// What three phases do not give without the termination protocol.
pub const AGREEMENT_ALONE: &str = "agreement without the termination protocol";
/// Non-blocking, its safety half: no process is committed while an operational one is uncertain.
pub const NONE_UNCERTAIN: &str = "nobody commits while an operational process is uncertain (NB)";
/// Non-blocking: whoever takes part and does not fail decides, whoever else has failed.
pub const NON_BLOCKING: &str = "whoever does not fail decides: non-blocking";
/// Recovery: whoever has failed and come back decides (AC5).
pub const RECOVERED_LEARN: &str = "whoever has failed and come back learns the outcome (AC5)";

/// The properties that apply under these parameters, with what is expected of each.
pub fn properties<P: AnyThreePhaseCommit>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    use Condition::{Always, Sometimes};
    let environment = &parameters.environment;
    let crashes = environment.crashes > 0;
    let is_atomic = is_atomic(parameters);
    let mut properties = vec![
        Property::holds(
            VALIDITY,
            Always(|model: &Model<P>, state: &ModelState<P>| {
                validity(&state.view, model.application().participants)
            }),
        ),
        Property::holds(
            RECOVERY_READS_BACK,
            Always(|model: &Model<P>, state: &ModelState<P>| model.recovery_reads_back(state)),
        ),
        Property::holds(
            NAMES_ARE_UNIQUE,
            Always(|_, state: &ModelState<P>| !state.view.name_reused),
        ),
        Property::holds(PROMISE_NEEDS_WORK, Condition::EveryStep(promise_needs_work)),
        Property::holds(
            "a commit",
            Sometimes(|_, state: &ModelState<P>| commits(&state.view)),
        ),
    ];
    if let Some(expected) = is_atomic {
        let condition = Always(|_, state: &ModelState<P>| agreement(&state.view));
        properties.push(Property {
            expected,
            ..Property::holds(agreement_name(parameters, expected), condition)
        });
    }
    if is_atomic == Some(true) && parameters.on_failure == OnFailure::Terminate {
        properties.push(Property::holds(NONE_UNCERTAIN, Always(none_uncertain)));
    }
    // An abort that was told is not forced: if others then err, a crash lets a process be told commit.
    if is_atomic == Some(true) || !crashes || environment.disk == Disk::Atomic {
        properties.push(Property::holds(
            STABILITY,
            Always(|_, state: &ModelState<P>| stability(&state.view)),
        ));
    }
    let suspects = crashes || !is_synchronous(parameters);
    if (environment.timers != Timers::Never && suspects) || parameters.aborts {
        properties.push(Property::holds(
            "an abort",
            Sometimes(|_, state: &ModelState<P>| aborts(&state.view)),
        ));
    }
    let terminates_together =
        parameters.on_failure == OnFailure::Terminate && parameters.participants > 1;
    if terminates_together && environment.timers != Timers::Never && suspects {
        properties.push(Property::holds(
            "a coordinator fails, and another terminates the transaction",
            Sometimes(terminates),
        ));
    }
    properties.extend(claims(parameters).into_iter().filter_map(|claim| {
        let expected = is_expected(parameters, claim.name)?;
        Some(Property { expected, ..claim })
    }));
    properties
}

/// All claims about fair runs, as if each were a theorem.
pub fn claims<P: AnyThreePhaseCommit>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    let processes = usize::from(parameters.participants) + 1;
    let transactions = epochs(&parameters.environment) * usize::from(parameters.transactions);
    vec![
        Property::holds(
            NON_BLOCKING,
            Condition::LeadsTo {
                cases: transactions * processes,
                trigger: |model: &Model<P>, state, case| {
                    let (transaction, process) = process(model.application(), case);
                    is_operational(state, process, transaction)
                },
                goal: |model: &Model<P>, state, case| {
                    let (transaction, process) = process(model.application(), case);
                    !is_operational(state, process, transaction)
                },
            },
        ),
        Property::holds(
            RECOVERED_LEARN,
            Condition::LeadsTo {
                cases: transactions * processes,
                trigger: |model: &Model<P>, state, case| {
                    let (transaction, process) = process(model.application(), case);
                    is_in_doubt(state, process, transaction)
                },
                goal: |model: &Model<P>, state, case| {
                    let (transaction, process) = process(model.application(), case);
                    !is_in_doubt(state, process, transaction)
                },
            },
        ),
        Property::holds(
            ALL_COMMIT,
            Condition::LeadsTo {
                cases: transactions,
                trigger: |model: &Model<P>, state, case| {
                    let transaction = transaction(model.application(), case);
                    is_operational(state, ProcessId(0), transaction)
                },
                goal: |model: &Model<P>, state, case| {
                    let transaction = transaction(model.application(), case);
                    let told = state.view.transactions.get(&transaction);
                    let everybody = u32::from(model.application().participants) + 1;
                    told.is_some_and(|told| told.committed.len() == everybody)
                },
            },
        ),
    ]
}

/// Whether a claim about fair runs holds under these parameters, if it is made.
fn is_expected(parameters: &Parameters, claim: &str) -> Option<bool> {
    let environment = &parameters.environment;
    let fails = environment.crashes > 0
        || environment.drops > 0
        || environment.partitions > 0
        || parameters.aborts;
    match claim {
        NON_BLOCKING => {
            let terminates = parameters.on_failure == OnFailure::Terminate;
            (terminates && is_synchronous(parameters)).then_some(true)
        }
        RECOVERED_LEARN => {
            let recovers = environment.crashes > 0 && environment.recovery;
            // Total failure: if all have failed while they were undecided, all ask, and nobody knows.
            let somebody_never_fails =
                usize::from(environment.crashes) < usize::from(parameters.participants) + 1;
            (recovers && is_synchronous(parameters)).then_some(somebody_never_fails)
        }
        _ => {
            let is_in_time = environment.timers != Timers::Asynchronous;
            let is_orderly = parameters.requests == RequestOrder::Orderly;
            (!fails && is_in_time && is_orderly).then_some(true)
        }
    }
}

/// What the claims rely on.
pub fn fairness<P: AnyThreePhaseCommit>(parameters: &Parameters) -> Vec<Fairness<Model<P>>> {
    let environment = &parameters.environment;
    let mut fairness = vec![System::deliveries()];
    // Without failures and aborts nothing has to be said twice.
    let fails = environment.crashes > 0 || environment.drops > 0 || environment.partitions > 0;
    let aborts = parameters.aborts || parameters.requests == RequestOrder::Any;
    if environment.timers != Timers::Never && (fails || aborts) {
        // They fire only at rest, so that one which fires again and again disables the others again and again.
        fairness.push(Fairness {
            strength: Strength::Strong,
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

/// Whether failures can be told from slowness.
pub fn is_synchronous(parameters: &Parameters) -> bool {
    let environment = &parameters.environment;
    environment.timers == Timers::Accurate && environment.partitions == 0
}

/// The name under which agreement is claimed: where it fails, of what makes it fail.
fn agreement_name(parameters: &Parameters, holds: bool) -> &'static str {
    if holds {
        AGREEMENT
    } else if parameters.on_failure == OnFailure::DecideAlone {
        AGREEMENT_ALONE
    } else if parameters.environment.timers == Timers::Accurate {
        AGREEMENT_PARTED
    } else {
        AGREEMENT_ERRING
    }
}

/// Whether the protocol is atomic there, if that is claimed.
fn is_atomic(parameters: &Parameters) -> Option<bool> {
    let environment = &parameters.environment;
    let errs = environment.timers == Timers::Asynchronous
        || (environment.timers == Timers::Accurate && environment.partitions > 0);
    let crashes = environment.crashes > 0;
    match parameters.on_failure {
        OnFailure::Terminate => Some(!errs),
        OnFailure::DecideAlone if errs => Some(false),
        OnFailure::DecideAlone if !crashes => Some(true),
        // It takes a broadcast to at least two, that a crash cuts short; on a set none is.
        OnFailure::DecideAlone => {
            let is_cut_short = environment.network != NetworkKind::Set;
            let is_noticed = environment.timers == Timers::Accurate;
            let fails = is_cut_short && is_noticed && parameters.participants > 1;
            fails.then_some(false)
        }
    }
}

/// The process takes part, has not failed since, and is undecided.
fn is_operational<P: AnyThreePhaseCommit>(
    state: &ModelState<P>,
    process: ProcessId,
    transaction: TransactionId,
) -> bool {
    let knows = state.processes[process.index()].state();
    knows.is_some_and(|knows| {
        matches!(
            knows.transactions.get(&transaction),
            Some(Progress::Undecided(_))
        )
    })
}

/// The process's disk says that it takes part, and not the outcome.
fn is_in_doubt<P: AnyThreePhaseCommit>(
    state: &ModelState<P>,
    process: ProcessId,
    transaction: TransactionId,
) -> bool {
    let durable = &state.processes[process.index()].durable;
    matches!(
        durable.transactions.get(&transaction),
        Some(Remembered::Prepared { .. })
    )
}

/// Nobody has told commit while a process that has not failed is uncertain.
pub fn none_uncertain<P: AnyThreePhaseCommit>(_: &Model<P>, state: &ModelState<P>) -> bool {
    let committed = state.view.transactions.iter();
    let mut committed = committed.filter(|(_, told)| !told.committed.is_empty());
    committed.all(|(&transaction, _)| {
        let mut live = state.live();
        live.all(|(_, knows)| knows.standing(transaction) != Standing::Uncertain)
    })
}

/// What a participant has newly promised, it was working on.
fn promise_needs_work<P: AnyThreePhaseCommit>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    state.changed(next).all(|(before, now)| {
        // A recovery makes no promises, it remembers them.
        let (Some(before), Some(now)) = (before.state(), now.state()) else {
            return true;
        };
        now.transactions.keys().all(|&transaction| {
            let promises = now.standing(transaction) == Standing::Uncertain;
            let standing = before.standing(transaction);
            !promises || matches!(standing, Standing::Working | Standing::Uncertain)
        })
    })
}

/// A participant coordinates.
fn terminates<P: AnyThreePhaseCommit>(_: &Model<P>, state: &ModelState<P>) -> bool {
    state.live().any(|(id, knows)| {
        id != ProcessId(0)
            && knows.transactions.values().any(|progress| {
                matches!(progress, Progress::Undecided(undecided) if undecided.round.is_some())
            })
    })
}
