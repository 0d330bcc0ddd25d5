//! What Paxos claims of fair runs: with one campaign at a time something is chosen; without, it need not be.
//!
//! Any number of ballots: states are taken for one that differ in the numbers of ballots only ([`super::ballots`]).
//! That two proposers can reject each other for ever is *Paxos Made Simple*, §2.4. It must be so: no protocol that is
//! safe in an asynchronous network decides in every fair run there, if one process may fail (Fischer, Lynch,
//! Paterson: *Impossibility of distributed consensus with one faulty process*, JACM 32(2), 1985).

use quorate::paxos::{Learner, Progress, State};
use quorate::protocol::ProcessId;
use quorate_checker::quotient::{Quotient, Representative};
use quorate_checker::{Condition, Fairness, Property};

use super::Model;
use super::application::{Clients, Value};
use super::ballots::canonical;
use super::parameters::Parameters;
use super::properties::{
    AGREEMENT, AnyPaxos, PROMISES_GROW, RECOVERY_READS_BACK, VALIDITY, agree, is_valid,
    promises_grow,
};
use crate::system::{Campaigns, SystemState, Timers};

/// Paxos with any number of ballots.
pub type Unbounded<P> = Quotient<Model<P>>;
type ModelState<P> = Representative<SystemState<P, Clients>>;

/// The model of Paxos with any number of ballots.
pub fn unbounded<P: AnyPaxos>(model: Model<P>) -> Unbounded<P> {
    Quotient::new(model, canonical)
}

/// What may fail to happen for ever, if campaigns come as they will: that something is chosen.
pub const LIVELOCK: &str = "a proposal leads to a decision, whatever delays are (FLP: it need not)";
/// Progress: with one campaign at a time.
pub const PROGRESS: &str = "once campaigns come one at a time, whoever is up and asks learns";
/// Progress: with one stable proposer.
pub const PROGRESS_OF_LEADER: &str =
    "once one proposer leads, it and all learners that are up learn";

/// The claims that apply under these parameters.
pub fn properties<P: AnyPaxos>(parameters: &Parameters) -> Vec<Property<Unbounded<P>>> {
    use Condition::{Always, EveryStep, LeadsTo, Sometimes};
    let environment = &parameters.environment;
    let cases = usize::from(parameters.proposers + parameters.learners);
    let goal = |model: &Unbounded<P>, state: &ModelState<P>, case| {
        !waits(state, process::<P>(model, case))
    };
    let mut properties = vec![
        Property::holds(
            AGREEMENT,
            Always(|_: &Unbounded<P>, state: &ModelState<P>| agree(state)),
        ),
        Property::holds(
            VALIDITY,
            Always(|model: &Unbounded<P>, state: &ModelState<P>| is_valid(&model.model, state)),
        ),
        Property::holds(
            RECOVERY_READS_BACK,
            Always(|model: &Unbounded<P>, state: &ModelState<P>| {
                model.model.recovery_reads_back(state)
            }),
        ),
        Property::holds(
            PROMISES_GROW,
            EveryStep(
                |model: &Unbounded<P>, state: &ModelState<P>, action, next: &ModelState<P>| {
                    promises_grow(&model.model, state, action, next)
                },
            ),
        ),
        Property::holds(
            "a value is learned",
            Sometimes(|_: &Unbounded<P>, state: &ModelState<P>| !state.view.chosen.is_empty()),
        ),
    ];
    if !environment.stabilises && environment.timers != Timers::Accurate {
        properties.push(Property {
            // Nobody is there to thwart a proposer that is alone.
            expected: parameters.proposers == 1,
            bound: Some(|model: &Unbounded<P>, state| model.model.is_held_up(state)),
            ..Property::holds(
                LIVELOCK,
                LeadsTo {
                    cases,
                    trigger: |model: &Unbounded<P>, state: &ModelState<P>, case| {
                        is_proposed(model, state) && waits(state, process::<P>(model, case))
                    },
                    goal,
                },
            )
        });
    } else if environment.campaigns == Campaigns::InTurn {
        properties.push(Property::holds(
            PROGRESS,
            LeadsTo {
                cases,
                trigger: |model: &Unbounded<P>, state: &ModelState<P>, case| {
                    model.model.has_accurate_timers(state)
                        && somebody_can_learn(model, state)
                        && is_proposed(model, state)
                        && waits(state, process::<P>(model, case))
                },
                goal,
            },
        ));
    } else {
        properties.push(Property::holds(
            PROGRESS_OF_LEADER,
            LeadsTo {
                cases,
                trigger: |model: &Unbounded<P>, state: &ModelState<P>, case| {
                    let process = process::<P>(model, case);
                    model.model.has_accurate_timers(state)
                        && somebody_can_learn(model, state)
                        && leads(state)
                        && follows(model, state, process)
                        && waits(state, process)
                },
                // Whoever takes over the lead need not have a proposal.
                goal: |model: &Unbounded<P>, state: &ModelState<P>, case| {
                    let process = process::<P>(model, case);
                    !leads(state) || !follows(model, state, process) || !waits(state, process)
                },
            },
        ));
    }
    properties
}

/// What these claims rely on.
pub fn fairness<P: AnyPaxos>(parameters: &Parameters) -> Vec<Fairness<Unbounded<P>>> {
    let environment = &parameters.environment;
    Model::<P>::fairness_of_classes(environment, environment.crashes > 0 && environment.recovery)
}

/// The process that a case is about.
fn process<P: AnyPaxos>(model: &Unbounded<P>, case: usize) -> ProcessId {
    waiting_process(&model.model, case)
}

/// Whoever may wait for a decision: proposers, then learners.
pub(super) fn waiting_process<P: AnyPaxos>(model: &Model<P>, case: usize) -> ProcessId {
    let proposers = usize::from(model.application().proposers);
    let acceptors = model.protocol().quorums().acceptors();
    let index = match case < proposers {
        true => case,
        false => case + acceptors,
    };
    ProcessId(u16::try_from(index).expect("few processes"))
}

/// Whether a process is up, wants to know what is chosen, and does not.
pub(super) fn waits<P: AnyPaxos>(state: &SystemState<P, Clients>, process: ProcessId) -> bool {
    match state.processes[process.index()].state() {
        Some(State::Proposer(proposer)) => match proposer.progress {
            Progress::Idle | Progress::Decided { .. } => false,
            Progress::Preparing { .. } | Progress::Accepting { .. } | Progress::Waiting { .. } => {
                true
            }
        },
        Some(State::Learner(Learner::Counting(_))) => true,
        Some(State::Learner(Learner::Learned(_)) | State::Acceptor(_)) | None => false,
    }
}

/// Whether a proposer that is up has a proposal, or knows the decision.
fn is_proposed<P: AnyPaxos>(model: &Unbounded<P>, state: &SystemState<P, Clients>) -> bool {
    let mut proposers = (0..model.model.application().proposers).map(ProcessId);
    proposers.any(|proposer| has_proposal(state, proposer))
}

fn has_proposal<P: AnyPaxos>(state: &SystemState<P, Clients>, process: ProcessId) -> bool {
    match state.processes[process.index()].state() {
        Some(State::Proposer(proposer)) => !matches!(proposer.progress, Progress::Idle),
        _ => false,
    }
}

/// Whether a learner is up, or will be: if none is, for good, proposers never hear what is chosen.
fn somebody_can_learn<P: AnyPaxos>(model: &Unbounded<P>, state: &SystemState<P, Clients>) -> bool {
    let is_learner = |knows: &State<Value>| matches!(knows, State::Learner(_));
    model.model.environment().recovery || state.live().any(|(_, knows)| is_learner(knows))
}

/// Whether the one whom all follow has a proposal.
fn leads<P: AnyPaxos>(state: &SystemState<P, Clients>) -> bool {
    state
        .leader()
        .is_some_and(|leader| has_proposal(state, leader))
}

/// Whether a process is the leader, or a learner: the other proposers do not try.
fn follows<P: AnyPaxos>(
    model: &Unbounded<P>,
    state: &SystemState<P, Clients>,
    process: ProcessId,
) -> bool {
    process.0 >= model.model.application().proposers || state.leader() == Some(process)
}
