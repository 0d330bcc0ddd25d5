//! Raft in Stateright's `ActorModel`.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate::protocol::ProcessId;
use quorate::raft::{Output, Proposal, Published, Raft, Register, Request};
use quorate_checker::check::Claimed;
use quorate_checker::{Condition, Property, stateright_properties};
use stateright::actor::{ActorModel, ActorModelState, Network};

use super::application::{Clients, View};
use super::parameters::Parameters;
use super::properties::{COMMITS, ELECTION_SAFETY, LEADS, STATE_MACHINE_SAFETY};
use super::{clients, protocol};
use crate::actor::{ActorTimer, ProcessActor};
use crate::system::Application;

/// The servers as actors, and the application above them.
pub type Actors = ActorModel<ProcessActor<Raft<Register>>, Clients>;
/// Their states.
pub type ActorsState = ActorModelState<ProcessActor<Raft<Register>>>;

/// The servers as actors, and what is claimed of them: a duplicating network, asynchronous timers, requests in any
/// order, and nothing else.
pub fn actor_model(parameters: &Parameters) -> Claimed<Actors> {
    use Condition::{Always, Sometimes};
    let clients = clients(parameters);
    let protocol = protocol(parameters, Published);
    let actors = (0..parameters.servers).map(ProcessId).map(|me| {
        let above = clients.clone();
        let request = clients.any_order(me);
        ProcessActor {
            protocol: protocol.clone(),
            me,
            requests: request
                .map(|request| (request, Some(1)))
                .into_iter()
                .collect(),
            keeps: |output| matches!(output, Output::Leads { .. } | Output::Committed { .. }),
            permits: Arc::new(move |server, knows, timer| {
                Application::<Raft<Register>>::permits(&above, server, knows, timer)
            }),
        }
    });
    let mut model = ActorModel::new(clients.clone(), ())
        .actors(actors)
        .init_network(Network::new_unordered_duplicating([]));
    let mut properties: Vec<Property<Actors>> = vec![
        Property::holds(
            ELECTION_SAFETY,
            Always(|model: &Actors, state| view(&model.cfg, state).has_one_leader_a_term()),
        ),
        Property::holds(
            STATE_MACHINE_SAFETY,
            Always(|model: &Actors, state| view(&model.cfg, state).has_one_entry_an_index()),
        ),
        Property::holds(
            LEADS,
            Sometimes(|model: &Actors, state| !view(&model.cfg, state).leaders.is_empty()),
        ),
    ];
    if parameters.commands > 0 {
        properties.push(Property::holds(
            COMMITS,
            Sometimes(|_, state: &ActorsState| {
                let mut applied = state
                    .actor_states
                    .iter()
                    .map(|actor| &actor.process.applied);
                applied.any(|applied| !applied.machine.0.is_empty())
            }),
        ));
    }
    model.properties = stateright_properties(&properties);
    Claimed {
        model,
        properties,
        fairness: Vec::new(),
    }
}

/// What the application has been told, read off the actors: what [`crate::system::System`] keeps in its state.
pub fn view(clients: &Clients, state: &ActorsState) -> View {
    let mut view = View::default();
    for (server, actor) in (0..).map(ProcessId).zip(&state.actor_states) {
        for output in &actor.outputs {
            view.told(clients, server, output);
        }
    }
    view
}

/// What the application has proposed, and how often, read off the actors too.
pub fn proposed(clients: &Clients, state: &ActorsState) -> BTreeMap<Proposal<u8>, u8> {
    let timers = state.timers_set.iter().flat_map(|timers| timers.iter());
    let left: Vec<&Request<Register>> = timers
        .filter_map(|timer| match timer {
            ActorTimer::RequestOnce(request, _) => Some(request),
            ActorTimer::Timer(_) | ActorTimer::Request(_) => None,
        })
        .collect();
    let all = (0..clients.servers).filter_map(|server| clients.any_order(ProcessId(server)));
    let made = all.filter(|request| !left.contains(&request));
    let entries = made.flat_map(|request| match request {
        Request::Propose(entries) => entries,
        Request::Read(_) | Request::Compact => Vec::new(),
    });
    entries.map(|entry| (entry, 1)).collect()
}
