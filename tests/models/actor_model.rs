//! Two environments, one protocol: what `System` and Stateright's `ActorModel` have in common.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::hash::Hash;

use quorate::atomic_commit::{Output, Request};
use quorate::protocol::{ProcessId, Protocol};
use quorate::raft::Register;
use quorate_checker::to_the_end;
use quorate_models::atomic_commit::actor_model::{
    Actors, ActorsState, actor_model, requests_left, view,
};
use quorate_models::atomic_commit::application::{Clients, View};
use quorate_models::framework::RequestOrder;
use quorate_models::system::{Action, Environment, System, SystemState};
use quorate_models::{paxos, raft, three_phase_commit, two_phase_commit};
use stateright::actor::Network;
use stateright::{Checker, Model, StateRecorder};

/// What both have: what each process knows, the messages that may be delivered, and what the application
/// has asked and been told.
type Common<P> = (
    Vec<<P as Protocol>::State>,
    BTreeSet<(ProcessId, ProcessId, <P as Protocol>::Message)>,
    View,
);

/// The same of Paxos, whose application is told what is chosen, and by whom.
type CommonOfPaxos = (
    Vec<quorate::paxos::State<u8>>,
    BTreeSet<(ProcessId, ProcessId, quorate::paxos::Message<u8>)>,
    BTreeSet<(ProcessId, u8)>,
);

/// The same of Raft, whose application is told who leads, and what is committed; and has proposed.
type CommonOfRaft = (
    Vec<quorate::raft::State<Register>>,
    BTreeSet<(ProcessId, ProcessId, quorate::raft::Message<Register>)>,
    raft::application::View,
);

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

fn of_system<P>(protocol: P, clients: Clients) -> HashSet<Common<P>>
where
    P: Protocol<Request = Request, Output = Output> + 'static,
    System<P, Clients>: Send + Sync,
    SystemState<P, Clients>: Send + Sync,
    Action<P>: Send + Sync,
{
    let mut system = System::new(protocol, clients, Environment::default());
    system.properties = vec![to_the_end()];
    let common = |state: &SystemState<P, Clients>| {
        let knows = state.live().map(|(_, knows)| knows.clone()).collect();
        let in_flight = state.network.in_flight();
        let network = in_flight
            .map(|e| (e.from, e.to, e.message.clone()))
            .collect();
        (knows, network, (*state.view).clone())
    };
    states(system).iter().map(common).collect()
}

fn of_actor_model<P>(protocol: &P, clients: &Clients) -> HashSet<Common<P>>
where
    P: Protocol<Request = Request, Output = Output> + Clone + 'static,
    Actors<P>: Send + Sync,
    ActorsState<P>: Send + Sync,
{
    let (mut actors, _) = actor_model(protocol, clients, true);
    actors.properties = vec![to_the_end()];
    let process = |id| ProcessId(u16::try_from(usize::from(id)).expect("few actors"));
    let common = |state: &ActorsState<P>| {
        let knows = state.actor_states.iter().map(|actor| actor.process.clone());
        let Network::UnorderedDuplicating(in_flight, _) = &state.network else {
            panic!("the network is a set");
        };
        let network = in_flight.iter();
        let network = network.map(|e| (process(e.src), process(e.dst), e.msg.clone()));
        let mut told = view(state);
        told.begins =
            clients.transactions - u8::try_from(requests_left(state)).expect("few transactions");
        (knows.collect(), network.collect(), told)
    };
    states(actors).iter().map(common).collect()
}

fn clients(participants: u16, transactions: u8) -> Clients {
    Clients {
        participants,
        transactions,
        // Two transactions with aborts are large in ActorModel, which remembers the last message.
        aborts: transactions == 1,
        requests: RequestOrder::Any,
    }
}

fn two_phase_commit(participants: u16) -> quorate::two_phase_commit::TwoPhaseCommit {
    let parameters = two_phase_commit::parameters::Parameters {
        participants,
        ..Default::default()
    };
    two_phase_commit::protocol(&parameters, quorate::two_phase_commit::Published)
}

fn three_phase_commit(participants: u16) -> quorate::three_phase_commit::ThreePhaseCommit {
    let parameters = three_phase_commit::parameters::Parameters {
        participants,
        ..Default::default()
    };
    three_phase_commit::protocol(&parameters, quorate::three_phase_commit::Published)
}

/// Asserts that both environments have the same states of a protocol below an application.
macro_rules! assert_equal_sets {
    ($protocol:expr, $clients:expr) => {{
        let (protocol, clients) = ($protocol, $clients);
        let actors = of_actor_model(&protocol, &clients);
        let system = of_system(protocol, clients);
        let only_system: Vec<_> = system.difference(&actors).take(1).collect();
        let only_actors: Vec<_> = actors.difference(&system).take(1).collect();
        assert!(only_system.is_empty(), "only in System: {only_system:#?}");
        assert!(
            only_actors.is_empty(),
            "only in ActorModel: {only_actors:#?}"
        );
        assert!(system.len() > 50, "{} states", system.len());
    }};
}

#[test]
fn system_and_actor_model_have_the_same_states() {
    assert_equal_sets!(two_phase_commit(2), clients(2, 1));
}

#[test]
fn system_and_actor_model_have_the_same_states_with_cooperative_termination() {
    assert_equal_sets!(two_phase_commit(2).cooperative(true), clients(2, 1));
}

#[test]
fn system_and_actor_model_have_the_same_states_with_two_transactions() {
    assert_equal_sets!(two_phase_commit(1), clients(1, 2));
}

#[test]
fn system_and_actor_model_have_the_same_states_of_three_phase_commit() {
    assert_equal_sets!(three_phase_commit(1), clients(1, 1));
}

#[test]
#[ignore = "it takes most of a minute"]
fn system_and_actor_model_have_the_same_states_of_three_phase_commit_with_two_participants() {
    assert_equal_sets!(three_phase_commit(2), clients(2, 1));
}

/// Two ballots of Paxos, and whether learners may ask.
fn paxos_parameters(inquiries: bool) -> paxos::parameters::Parameters {
    paxos::parameters::Parameters {
        acceptors: 2,
        ballots: 2,
        inquiries,
        forgets_spent: false,
        requests: RequestOrder::Any,
        ..Default::default()
    }
}

fn paxos_in_system(parameters: &paxos::parameters::Parameters) -> HashSet<CommonOfPaxos> {
    let mut system = System::new(
        paxos::protocol(parameters, quorate::paxos::Published),
        paxos::clients(parameters),
        Environment::default(),
    );
    system.properties = vec![to_the_end()];
    let common = states(system).into_iter().map(|state| {
        let knows = state.live().map(|(_, knows)| knows.clone()).collect();
        let in_flight = state.network.in_flight();
        let network = in_flight
            .map(|e| (e.from, e.to, e.message.clone()))
            .collect();
        (knows, network, state.view.chosen.clone())
    });
    common.collect()
}

fn paxos_in_actor_model(parameters: &paxos::parameters::Parameters) -> HashSet<CommonOfPaxos> {
    let mut actors = paxos::actor_model::actor_model(parameters).model;
    actors.properties = vec![to_the_end()];
    let process = |id| ProcessId(u16::try_from(usize::from(id)).expect("few actors"));
    let common = states(actors).into_iter().map(|state| {
        let knows = state.actor_states.iter().map(|actor| actor.process.clone());
        let Network::UnorderedDuplicating(in_flight, _) = &state.network else {
            panic!("the network is a set");
        };
        let network = in_flight.iter();
        let network = network.map(|e| (process(e.src), process(e.dst), e.msg.clone()));
        let chosen = paxos::actor_model::view(&state).chosen;
        (knows.collect(), network.collect(), chosen)
    });
    common.collect()
}

#[test]
fn system_and_actor_model_have_the_same_states_of_paxos() {
    let parameters = paxos_parameters(false);
    let system = paxos_in_system(&parameters);
    assert!(system == paxos_in_actor_model(&parameters));
    assert!(system.len() > 5_000, "{} states", system.len());
}

#[test]
fn the_comparison_of_paxos_sees_a_difference() {
    let one_ballot = |inquiries| paxos::parameters::Parameters {
        ballots: 1,
        ..paxos_parameters(inquiries)
    };
    let system = paxos_in_system(&one_ballot(false));
    assert!(system == paxos_in_actor_model(&one_ballot(false)));
    let actors = paxos_in_actor_model(&one_ballot(true));
    assert!(system != actors, "learners ask in one of them only");
}

/// Raft in both.
fn of_raft(
    in_system: &raft::parameters::Parameters,
    in_actors: &raft::parameters::Parameters,
) -> [HashSet<CommonOfRaft>; 2] {
    let mut system = System::new(
        raft::protocol(in_system, quorate::raft::Published),
        raft::clients(in_system),
        Environment::default(),
    );
    system.properties = vec![to_the_end()];
    let of_system = states(system).into_iter().map(|state| {
        let knows = state.live().map(|(_, knows)| knows.clone()).collect();
        let in_flight = state.network.in_flight();
        let network = in_flight
            .map(|e| (e.from, e.to, e.message.clone()))
            .collect();
        (knows, network, (*state.view).clone())
    });
    let mut actors = raft::actor_model::actor_model(in_actors).model;
    actors.properties = vec![to_the_end()];
    let clients = raft::clients(in_actors);
    let process = |id| ProcessId(u16::try_from(usize::from(id)).expect("few actors"));
    let of_actors = states(actors).into_iter().map(|state| {
        let knows = state.actor_states.iter().map(|actor| actor.process.clone());
        let Network::UnorderedDuplicating(in_flight, _) = &state.network else {
            panic!("the network is a set");
        };
        let network = in_flight.iter();
        let network = network.map(|e| (process(e.src), process(e.dst), e.msg.clone()));
        let mut view = raft::actor_model::view(&clients, &state);
        view.proposed = raft::actor_model::proposed(&clients, &state);
        (knows.collect(), network.collect(), view)
    });
    [of_system.collect(), of_actors.collect()]
}

/// Servers that are asked in any order, so many of them.
fn raft_parameters(servers: u16, terms: u64, commands: u8) -> raft::parameters::Parameters {
    raft::parameters::Parameters {
        servers,
        terms,
        commands,
        forgets_spent: false,
        requests: RequestOrder::Any,
        environment: Environment::default(),
        ..Default::default()
    }
}

#[test]
fn system_and_actor_model_have_the_same_states_of_raft() {
    for (servers, terms, commands) in [(2, 2, 1), (2, 1, 2), (3, 1, 0)] {
        let parameters = raft_parameters(servers, terms, commands);
        let [system, actors] = of_raft(&parameters, &parameters);
        assert!(system == actors, "{parameters:?}");
        assert!(system.len() > 100, "{} states", system.len());
    }
}

#[test]
fn the_comparison_of_raft_sees_a_difference() {
    let parameters = raft_parameters(2, 1, 1);
    let beating = raft::parameters::Parameters {
        heartbeats: true,
        ..parameters.clone()
    };
    let [system, actors] = of_raft(&parameters, &parameters);
    assert!(system == actors);
    let [_, actors] = of_raft(&parameters, &beating);
    assert!(
        system != actors,
        "leaders send heartbeats in one of them only"
    );
}

#[test]
fn the_comparison_sees_a_difference() {
    let any = clients(1, 1);
    let orderly = Clients {
        requests: RequestOrder::Orderly,
        ..any.clone()
    };
    let actors = of_actor_model(&two_phase_commit(1), &any);
    assert_eq!(of_system(two_phase_commit(1), any), actors);
    assert_ne!(of_system(two_phase_commit(1), orderly), actors);
}
