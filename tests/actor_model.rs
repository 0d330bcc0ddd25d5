//! Two environments, one protocol: what `System` and Stateright's `ActorModel` have in common.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::hash::Hash;

use quorate::protocol::ProcessId;
use quorate::two_phase_commit::{Message, Published, State, TwoPhaseCommit};
use quorate_models::atomic_commit::application::{Clients, RequestOrder, View};
use quorate_models::checker::to_the_end;
use quorate_models::system::SystemState;
use quorate_models::two_phase_commit::actor_model::{
    ActorsState, actor_model, requests_left, view,
};
use quorate_models::two_phase_commit::parameters::{Framework, Parameters};
use quorate_models::two_phase_commit::{model, protocol};
use stateright::actor::Network;
use stateright::{Checker, Model, StateRecorder};

/// What both have: what each process knows, the messages that may be delivered, and what the application
/// has asked and been told.
type Common = (Vec<State>, BTreeSet<(ProcessId, ProcessId, Message)>, View);

fn states<M>(model: M) -> Vec<M::State>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + PartialEq,
{
    let (recorder, recorded) = StateRecorder::new_with_accessor();
    model.checker().visitor(recorder).spawn_dfs().join();
    recorded()
}

fn of_system(parameters: &Parameters) -> HashSet<Common> {
    let (mut system, _) = model(parameters, protocol(parameters, Published));
    system.properties = vec![to_the_end()];
    let common = |state: &SystemState<TwoPhaseCommit, Clients>| {
        let knows = state.live().map(|(_, knows)| knows.clone()).collect();
        let in_flight = state.network.in_flight();
        let network = in_flight
            .map(|e| (e.from, e.to, e.message.clone()))
            .collect();
        (knows, network, (*state.view).clone())
    };
    states(system).iter().map(common).collect()
}

fn of_actor_model(parameters: &Parameters) -> HashSet<Common> {
    let (mut actors, _) = actor_model(parameters);
    actors.properties = vec![to_the_end()];
    let process = |id| ProcessId(u16::try_from(usize::from(id)).expect("few actors"));
    let common = |state: &ActorsState| {
        let knows = state.actor_states.iter().map(|actor| actor.process.clone());
        let Network::UnorderedDuplicating(in_flight, _) = &state.network else {
            panic!("the network is a set");
        };
        let network = in_flight.iter();
        let network = network.map(|e| (process(e.src), process(e.dst), e.msg.clone()));
        let mut told = view(state);
        told.begins =
            parameters.transactions - u8::try_from(requests_left(state)).expect("few transactions");
        (knows.collect(), network.collect(), told)
    };
    states(actors).iter().map(common).collect()
}

fn assert_equal_sets(participants: u16, transactions: u8, cooperative: bool) -> usize {
    let in_system = Parameters {
        participants,
        transactions,
        cooperative,
        // Two transactions with aborts are large in ActorModel, which remembers the last message.
        aborts: transactions == 1,
        requests: RequestOrder::Any,
        ..Parameters::default()
    };
    let in_actor_model = Parameters {
        framework: Framework::ActorModel,
        ..in_system.clone()
    };
    let (system, actors) = (of_system(&in_system), of_actor_model(&in_actor_model));
    let only_system: Vec<_> = system.difference(&actors).take(1).collect();
    let only_actors: Vec<_> = actors.difference(&system).take(1).collect();
    assert!(only_system.is_empty(), "only in System: {only_system:#?}");
    assert!(
        only_actors.is_empty(),
        "only in ActorModel: {only_actors:#?}"
    );
    system.len()
}

#[test]
fn system_and_actor_model_have_the_same_states() {
    assert!(assert_equal_sets(2, 1, false) > 100);
}

#[test]
fn system_and_actor_model_have_the_same_states_with_cooperative_termination() {
    assert!(assert_equal_sets(2, 1, true) > 100);
}

#[test]
fn system_and_actor_model_have_the_same_states_with_two_transactions() {
    assert!(assert_equal_sets(1, 2, false) > 100);
}

#[test]
fn the_comparison_sees_a_difference() {
    let any = Parameters {
        participants: 1,
        requests: RequestOrder::Any,
        ..Parameters::default()
    };
    let orderly = Parameters {
        requests: RequestOrder::Orderly,
        ..any.clone()
    };
    let actors = of_actor_model(&Parameters {
        framework: Framework::ActorModel,
        ..any.clone()
    });
    assert_eq!(of_system(&any), actors);
    assert_ne!(of_system(&orderly), actors);
}
