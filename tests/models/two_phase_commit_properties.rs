//! That what is claimed of every step of two-phase commit can be broken.

use std::collections::BTreeSet;

use quorate::protocol::ProcessId;
use quorate::two_phase_commit::{
    COORDINATOR, Progress, Published, State, TransactionId, TwoPhaseCommit,
};
use quorate_checker::Condition;
use quorate_models::atomic_commit::application::Clients;
use quorate_models::system::{Action, Process, SystemState};
use quorate_models::two_phase_commit::parameters::Parameters;
use quorate_models::two_phase_commit::properties::DECISION_NEVER_UNDONE;
use quorate_models::two_phase_commit::{Model, model, protocol};
use stateright::Model as _;

type TheModel = Model<TwoPhaseCommit>;

/// A state whose coordinator has begun one transaction, which has come so far.
fn with(progress: Option<Progress>) -> (TheModel, SystemState<TwoPhaseCommit, Clients>) {
    let parameters = Parameters::default();
    let (model, _) = model(&parameters, protocol(&parameters, Published));
    let mut state = model.init_states().remove(0);
    let mut process = Process::clone(&state.processes[COORDINATOR.index()]);
    let driver = process.driver.as_mut();
    let Some(State::Coordinator(coordinator)) = driver.map(|driver| &mut driver.state) else {
        panic!("the coordinator is up");
    };
    coordinator.begun = 1;
    let first = TransactionId {
        epoch: coordinator.epoch,
        number: 1,
    };
    coordinator
        .transactions
        .extend(progress.map(|progress| (first, progress)));
    state.processes[COORDINATOR.index()] = model.intern_process(process);
    (model, state)
}

#[test]
fn a_decision_that_a_step_undoes_is_seen() {
    let participants = BTreeSet::from([ProcessId(1)]);
    let voting = Progress::Voting {
        participants: participants.clone(),
        yes: BTreeSet::new(),
    };
    let committed = Progress::Committed {
        participants: participants.clone(),
        unacknowledged: participants,
    };
    let parameters = Parameters::default();
    let (_, properties) = model(&parameters, protocol(&parameters, Published));
    let mut properties = properties.into_iter();
    let claim = properties.find(|property| property.name == DECISION_NEVER_UNDONE);
    let Some(Condition::EveryStep(is_kept)) = claim.map(|claim| claim.condition) else {
        panic!("it is claimed of every step");
    };
    let stays = |before: Option<&Progress>, after: Option<&Progress>| {
        let (model, state) = with(before.cloned());
        let (_, next) = with(after.cloned());
        let action = Action::Flush(COORDINATOR);
        is_kept(&model, &state, &action, &next)
    };
    assert!(stays(Some(&voting), Some(&committed)));
    assert!(stays(Some(&voting), None));
    assert!(stays(Some(&committed), None));
    assert!(!stays(Some(&committed), Some(&voting)));
    assert!(!stays(None, Some(&voting)));
    assert!(!stays(None, Some(&committed)));
}
