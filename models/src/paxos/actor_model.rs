//! Paxos in Stateright's `ActorModel`.

use std::sync::Arc;

use quorate::paxos::{Output, Paxos, Published};
use quorate::protocol::ProcessId;
use quorate_checker::check::Claimed;
use quorate_checker::{Condition, Property, stateright_properties};
use stateright::actor::{ActorModel, ActorModelState, Network};

use super::application::{Clients, Value, View};
use super::parameters::Parameters;
use super::properties::{AGREEMENT, VALIDITY};
use super::{clients, protocol};
use crate::actor::ProcessActor;
use crate::system::Application;

/// The processes as actors, and the application above them.
pub type Actors = ActorModel<ProcessActor<Paxos<Value>>, Clients>;
/// Their states.
pub type ActorsState = ActorModelState<ProcessActor<Paxos<Value>>>;

/// The processes as actors, and what is claimed of them: a duplicating network, asynchronous timers, requests in any
/// order, and nothing else.
pub fn actor_model(parameters: &Parameters) -> Claimed<Actors> {
    use Condition::{Always, Sometimes};
    let clients = clients(parameters);
    let protocol = protocol(parameters, Published);
    let processes = parameters.proposers + parameters.acceptors + parameters.learners;
    let actors = (0..processes).map(ProcessId).map(|me| {
        let above = clients.clone();
        ProcessActor {
            protocol: protocol.clone(),
            me,
            requests: match me.0 < clients.proposers {
                true => clients.any_order(me),
                false => Vec::new(),
            },
            keeps: |output| !matches!(output, Output::Refused(_)),
            permits: Arc::new(move |process, knows, timer| {
                Application::<Paxos<Value>>::permits(&above, process, knows, timer)
            }),
        }
    });
    let mut model = ActorModel::new(clients.clone(), ())
        .actors(actors)
        .init_network(Network::new_unordered_duplicating([]));
    let properties: Vec<Property<Actors>> = vec![
        Property::holds(
            AGREEMENT,
            Always(|_, state| view(state).values().len() <= 1),
        ),
        Property::holds(
            VALIDITY,
            Always(|model: &Actors, state| {
                let proposed =
                    |value: &Value| (1..=model.cfg.proposers).contains(&u16::from(*value));
                view(state).values().iter().all(proposed)
            }),
        ),
        Property::holds(
            "a value is learned",
            Sometimes(|_, state| !view(state).chosen.is_empty()),
        ),
    ];
    model.properties = stateright_properties(&properties);
    Claimed {
        model,
        properties,
        fairness: Vec::new(),
    }
}

/// What the application has been told, read off the actors: what [`crate::system::System`] keeps in its state.
pub fn view(state: &ActorsState) -> View {
    let mut view = View::default();
    for (process, actor) in (0..).map(ProcessId).zip(&state.actor_states) {
        for output in &actor.outputs {
            view.told(process, output);
        }
    }
    view
}
