//! What two-phase commit claims, over what processes have told.
//!
//! AC1–AC4 are the conditions of Bernstein, Hadzilacos, Goodman: *Concurrency Control and Recovery in
//! Database Systems*, 1987, §7.3.

use quorate::protocol::{ProcessId, Protocol};
use quorate::two_phase_commit::{
    COORDINATOR, Decision, Durable, Message, Output, Phase, Progress, Record, Request, State,
    Status, Timer, TransactionId,
};
use quorate_checker::{Condition, Property};

use super::parameters::Parameters;
use crate::atomic_commit::application::Clients;
use crate::atomic_commit::{
    AGREEMENT, NAMES_ARE_UNIQUE, PROMISE_NEEDS_WORK, RECOVERY_READS_BACK, STABILITY, VALIDITY,
    aborts, agreement, commits, stability, validity,
};
use crate::framework::RequestOrder;
use crate::system::{Action, Envelope, System, SystemState, Timers};

/// Two-phase commit, by whatever rules.
pub trait AnyTwoPhaseCommit:
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

impl<P> AnyTwoPhaseCommit for P where
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

pub(super) type Model<P> = System<P, Clients>;
pub(super) type ModelState<P> = SystemState<P, Clients>;

/// AC4, its safety half: without failure, time-out or abort by the application, nothing aborts.
pub const NO_ABORT_WITHOUT_CAUSE: &str = "no abort without cause (AC4)";
/// The coordinator does not go back on a decision while it is up.
pub const DECISION_NEVER_UNDONE: &str = "a coordinator's decision is never undone";
/// A participant that has told commit never promises again.
pub const COMMITTED_NEVER_PREPARED: &str = "a committed transaction is never prepared again";

/// The properties that apply under these parameters.
pub fn properties<P: AnyTwoPhaseCommit>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    use Condition::{Always, EveryStep, SomeStep, Sometimes};
    let environment = &parameters.environment;
    let crashes = environment.crashes > 0;
    let mut properties: Vec<Property<Model<P>>> = vec![
        Property::holds(
            AGREEMENT,
            Always(|_, state: &ModelState<P>| agreement(&state.view)),
        ),
        Property::holds(
            STABILITY,
            Always(|_, state: &ModelState<P>| stability(&state.view)),
        ),
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
        Property::holds(DECISION_NEVER_UNDONE, EveryStep(decision_never_undone)),
        Property::holds(COMMITTED_NEVER_PREPARED, Always(committed_never_prepared)),
        Property::holds(PROMISE_NEEDS_WORK, EveryStep(promise_needs_work)),
        Property::holds(
            "a commit",
            Sometimes(|_, state: &ModelState<P>| commits(&state.view)),
        ),
        Property::holds("a participant in doubt", Sometimes(in_doubt)),
    ];
    // A time-out (the application can be late for any timer), an abort by the application, work lost in a
    // crash, or a commit asked for before there is work.
    let cause = environment.timers != Timers::Never
        || parameters.aborts
        || (crashes && environment.recovery)
        || parameters.requests == RequestOrder::Any;
    properties.push(if cause {
        let condition = Sometimes(|_, state: &ModelState<P>| aborts(&state.view));
        Property::holds("an abort", condition)
    } else {
        let condition = Always(|_, state: &ModelState<P>| !aborts(&state.view));
        Property::holds(NO_ABORT_WITHOUT_CAUSE, condition)
    });
    if crashes && environment.recovery {
        properties.push(Property::holds(
            "a recovery that finds a decision",
            SomeStep(recovery_finds_decision),
        ));
    }
    // With accurate timers these need more losses, or others.
    let timeouts = environment.timers == Timers::Asynchronous;
    // Otherwise the coordinator says no more than it has said when it decided.
    if timeouts && (environment.drops > 0 || (crashes && environment.recovery)) {
        properties.push(Property::holds(
            "a presumed abort",
            SomeStep(presumed_abort),
        ));
    }
    if timeouts && parameters.cooperative && parameters.participants > 1 {
        properties.push(Property::holds(
            "a decision learnt from a peer",
            SomeStep(learnt_from_peer),
        ));
    }
    properties
}

/// Who has told commit is not bound, and does not work, for the transaction again.
fn committed_never_prepared<P: AnyTwoPhaseCommit>(_: &Model<P>, state: &ModelState<P>) -> bool {
    state.live().all(|(id, knows)| match knows {
        State::Coordinator(_) => true,
        State::Participant(participant) => {
            participant.statuses.iter().all(|(transaction, status)| {
                let told = state.view.transactions.get(transaction);
                status.is_finished() || told.is_none_or(|told| !told.committed.contains(id))
            })
        }
    })
}

/// While the coordinator stays up: what is committed stays so until it is forgotten, and what is
/// forgotten stays so.
fn decision_never_undone<P: AnyTwoPhaseCommit>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    if state.processes[COORDINATOR.index()] == next.processes[COORDINATOR.index()] {
        return true;
    }
    let (Some(before), Some(after)) = (coordinator(state), coordinator(next)) else {
        return true;
    };
    let stays_committed = |(transaction, progress): (&TransactionId, &Progress)| {
        let later = after.transactions.get(transaction).map(Progress::phase);
        progress.phase() != Phase::Committed || matches!(later, None | Some(Phase::Committed))
    };
    let stays_forgotten = |transaction: &TransactionId| {
        before.transactions.contains_key(transaction)
            || (transaction.epoch, transaction.number) > (before.epoch, before.begun)
    };
    before.transactions.iter().all(stays_committed)
        && after.transactions.keys().all(stays_forgotten)
}

fn coordinator<P: AnyTwoPhaseCommit>(
    state: &ModelState<P>,
) -> Option<&quorate::two_phase_commit::Coordinator> {
    match state.processes[COORDINATOR.index()].state()? {
        State::Coordinator(coordinator) => Some(coordinator),
        State::Participant(_) => None,
    }
}

fn status<P: AnyTwoPhaseCommit>(
    state: &ModelState<P>,
    process: ProcessId,
    transaction: TransactionId,
) -> Option<&Status> {
    match state.processes[process.index()].state()? {
        State::Coordinator(_) => None,
        State::Participant(participant) => participant.statuses.get(&transaction),
    }
}

/// What a participant has newly promised, it was working on.
fn promise_needs_work<P: AnyTwoPhaseCommit>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    state.changed(next).all(|(before, now)| {
        // A recovery makes no promises, it remembers them.
        let (Some(State::Participant(before)), Some(State::Participant(now))) =
            (before.state(), now.state())
        else {
            return true;
        };
        now.statuses.iter().all(|(transaction, now)| {
            let before = before.statuses.get(transaction);
            before == Some(now)
                || !matches!(now, Status::Prepared { .. })
                || before == Some(&Status::Working)
        })
    })
}

/// A participant has promised, and does not know the outcome.
fn in_doubt<P: AnyTwoPhaseCommit>(_: &Model<P>, state: &ModelState<P>) -> bool {
    state.view.transactions.iter().any(|(&transaction, told)| {
        told.prepared.iter().any(|participant| {
            matches!(
                status(state, participant, transaction),
                Some(Status::Prepared { .. })
            )
        })
    })
}

/// A process that comes up knows an outcome.
fn recovery_finds_decision<P: AnyTwoPhaseCommit>(
    _: &Model<P>,
    _: &ModelState<P>,
    action: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    let Action::Recover(process) = action else {
        return false;
    };
    match next.processes[process.index()].state() {
        Some(State::Coordinator(coordinator)) => !coordinator.transactions.is_empty(),
        Some(State::Participant(participant)) => {
            participant.statuses.values().any(Status::is_finished)
        }
        None => false,
    }
}

/// A participant in doubt asks a coordinator that does not know the transaction, and is answered abort.
fn presumed_abort<P: AnyTwoPhaseCommit>(
    _: &Model<P>,
    state: &ModelState<P>,
    action: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    let Action::Deliver(envelope) = action else {
        return false;
    };
    let Message::Inquire { transaction } = envelope.message else {
        return false;
    };
    let is_in_doubt = matches!(
        status(state, envelope.from, transaction),
        Some(Status::Prepared { .. })
    );
    let decision = Decision::Abort;
    let answer = Envelope {
        from: COORDINATOR,
        to: envelope.from,
        message: Message::Decision {
            transaction,
            decision,
        },
    };
    let has_answer = |state: &ModelState<P>| state.network.in_flight().any(|e| *e == answer);
    envelope.to == COORDINATOR
        && is_in_doubt
        && coordinator(state).is_some_and(|c| !c.transactions.contains_key(&transaction))
        && !has_answer(state)
        && has_answer(next)
}

/// A participant's outcome is news to it, and from another participant.
fn learnt_from_peer<P: AnyTwoPhaseCommit>(
    _: &Model<P>,
    state: &ModelState<P>,
    action: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    let Action::Deliver(envelope) = action else {
        return false;
    };
    let Message::Decision {
        transaction,
        decision,
    } = envelope.message
    else {
        return false;
    };
    let learnt = match decision {
        Decision::Commit => Status::Committed,
        Decision::Abort => Status::Aborted,
    };
    envelope.from != COORDINATOR
        && status(state, envelope.to, transaction) != Some(&learnt)
        && status(next, envelope.to, transaction) == Some(&learnt)
}
