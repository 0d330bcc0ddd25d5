//! What Paxos claims of fair runs where there are so many ballots and no more.
//!
//! A proposer that is alone takes a new ballot only when it comes up again: with more ballots than crashes it never
//! runs out of them, so that nothing is owed to the bound. Two can use up any number between them, and what is claimed
//! of them is what one ballot brings. `specs/Paxos.tla` has the same claims.

use quorate::paxos::State;
use quorate_checker::{Condition, Fairness, Property};

use super::Model;
use super::application::Clients;
use super::liveness::{waiting_process, waits};
use super::parameters::Parameters;
use super::properties::AnyPaxos;
use crate::system::{Disk, NetworkKind, System, SystemState, Timers};

/// Progress: of proposers and learners.
pub const ALL_LEARN: &str = "a proposal leads to a decision, and whoever is up learns it";
/// Progress of a ballot: what can keep it from a decision is a higher one.
pub const BALLOT_DECIDES: &str = "a ballot leads to a decision, or to a higher ballot";

/// All claims, as if each were a theorem.
pub fn claims<P: AnyPaxos>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    vec![
        Property::holds(
            ALL_LEARN,
            Condition::LeadsTo {
                cases: usize::from(parameters.proposers + parameters.learners),
                trigger: |model: &Model<P>, state, case| {
                    may_decide(model, state) && waits(state, waiting_process(model, case))
                },
                goal: |model: &Model<P>, state, case| {
                    !may_decide(model, state) || !waits(state, waiting_process(model, case))
                },
            },
        ),
        Property::holds(
            BALLOT_DECIDES,
            Condition::LeadsTo {
                cases: usize::try_from(parameters.ballots).expect("few ballots"),
                trigger: |model: &Model<P>, state, case| {
                    ballots(model, state).any(|ballot| ballot == case)
                },
                goal: |model: &Model<P>, state, case| {
                    !state.view.chosen.is_empty()
                        || ballots(model, state).any(|ballot| ballot > case)
                },
            },
        ),
    ]
}

/// The claims that apply under these parameters, with what is expected of them.
pub fn properties<P: AnyPaxos>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    let environment = &parameters.environment;
    let is_asynchronous = environment.timers == Timers::Asynchronous
        && !environment.stabilises
        && environment.partitions == 0
        && environment.link_max == 0;
    let applies = parameters.proposers == 1 && parameters.learners > 0 && is_asynchronous;
    let expected = |name: &str| {
        (applies && name == ALL_LEARN)
            .then(|| has_ballots(parameters) && has_quorum(parameters) && is_heard(parameters))
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
pub fn fairness<P: AnyPaxos>(parameters: &Parameters) -> Vec<Fairness<Model<P>>> {
    let environment = &parameters.environment;
    let mut fairness = vec![System::deliveries(), System::timers()];
    if environment.disk == Disk::Buffered {
        fairness.push(System::flushes());
    }
    if environment.crashes > 0 && environment.recovery {
        fairness.push(System::recoveries());
    }
    fairness
}

/// Whether a proposer that crashes again and again is left with a ballot.
fn has_ballots(parameters: &Parameters) -> bool {
    let environment = &parameters.environment;
    !environment.recovery || parameters.ballots > u64::from(environment.crashes)
}

/// Whether enough acceptors stay up, or come up again.
fn has_quorum(parameters: &Parameters) -> bool {
    let environment = &parameters.environment;
    let majority = parameters.acceptors / 2 + 1;
    let needed = [parameters.phase_1, parameters.phase_2].map(|count| match count {
        0 => majority,
        count => count,
    });
    let left = (parameters.acceptors).saturating_sub(u16::from(environment.crashes));
    environment.recovery || needed.into_iter().all(|needed| left >= needed)
}

/// Whether a learner hears of what it has missed or forgotten: it asks, or votes are still there, or will be.
fn is_heard(parameters: &Parameters) -> bool {
    let environment = &parameters.environment;
    let crashes = environment.crashes > 0;
    let is_lossy = match environment.network {
        // The vote must be lost, and what asked for it, which would be received again.
        NetworkKind::Set => environment.drops > 1,
        // A message is gone when it has arrived, and may go with its sender.
        NetworkKind::Bag | NetworkKind::Fifo => environment.drops > 0 || crashes,
    };
    let forgets = crashes && environment.recovery;
    parameters.inquiries || !is_lossy || !forgets && parameters.learners == 1
}

/// Whether there is somebody, or will be again, who goes on with a proposal, and somebody who counts votes.
fn may_decide<P: AnyPaxos>(model: &Model<P>, state: &SystemState<P, Clients>) -> bool {
    let recovers = model.environment().recovery;
    let proposes = state
        .processes()
        .any(|(_, process)| process.durable.campaign.is_some() && (recovers || process.is_up()));
    let mut live = state.live();
    proposes && (recovers || live.any(|(_, knows)| matches!(knows, State::Learner(_))))
}

/// The last ballots of proposers that have any, on disk, counted from 0.
fn ballots<'a, P: AnyPaxos>(
    model: &'a Model<P>,
    state: &'a SystemState<P, Clients>,
) -> impl Iterator<Item = usize> + 'a {
    let campaigns = state.processes().filter_map(|(_, p)| p.durable.campaign);
    campaigns.map(|(ballot, _)| {
        let rank = model.application().rank(ballot);
        usize::try_from(rank).expect("few ballots") - 1
    })
}
