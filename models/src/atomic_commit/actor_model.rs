//! Protocols of atomic commit in Stateright's `ActorModel`.

use std::sync::Arc;

use quorate::atomic_commit::{Output, Request};
use quorate::protocol::{ProcessId, Protocol};
use quorate_checker::{Condition, Property, stateright_properties};
use stateright::actor::{ActorModel, ActorModelState, Network};

use super::application::{Clients, View};
use super::{AGREEMENT, STABILITY, VALIDITY, aborts, agreement, commits, stability, validity};
use crate::actor::{ActorTimer, ProcessActor};

/// A protocol's processes as actors, and how many participants there are.
pub type Actors<P> = ActorModel<ProcessActor<P>, u16>;
/// Their states.
pub type ActorsState<P> = ActorModelState<ProcessActor<P>>;

/// A protocol's processes as actors below an application, and their properties: a duplicating network, asynchronous
/// timers, requests in any order, and nothing else. `is_atomic` says whether the protocol is expected to be
/// atomic there.
pub fn actor_model<P>(
    protocol: &P,
    clients: &Clients,
    is_atomic: bool,
) -> (Actors<P>, Vec<Property<Actors<P>>>)
where
    P: Protocol<Request = Request, Output = Output> + Clone + 'static,
{
    use Condition::{Always, Sometimes};
    let processes = (0..).map(ProcessId).take(protocol.processes());
    let actors = processes.map(|me| ProcessActor {
        protocol: protocol.clone(),
        me,
        requests: clients.any_order(me),
        keeps: |output| !matches!(output, Output::Refused(..)),
        permits: Arc::new(|_, _, _| true),
    });
    let mut model = ActorModel::new(clients.participants, ())
        .actors(actors)
        .init_network(Network::new_unordered_duplicating([]));
    let properties: Vec<Property<Actors<P>>> = vec![
        Property {
            expected: is_atomic,
            ..Property::holds(AGREEMENT, Always(|_, s| agreement(&view(s))))
        },
        Property::holds(STABILITY, Always(|_, s| stability(&view(s)))),
        Property::holds(VALIDITY, Always(|model, s| validity(&view(s), model.cfg))),
        Property::holds("a commit", Sometimes(|_, s| commits(&view(s)))),
        Property::holds("an abort", Sometimes(|_, s| aborts(&view(s)))),
    ];
    model.properties = stateright_properties(&properties);
    (model, properties)
}

/// What the application has asked and been told, read off the actors: what [`crate::system::System`]
/// keeps in its state.
pub fn view<P>(state: &ActorsState<P>) -> View
where
    P: Protocol<Request = Request, Output = Output>,
{
    let mut view = View::default();
    for (id, actor) in (0..).map(ProcessId).zip(&state.actor_states) {
        for output in &actor.outputs {
            view.told(id, output);
        }
    }
    view
}

/// How many of the requests that can be made once have not been made.
pub fn requests_left<P: Protocol>(state: &ActorsState<P>) -> usize {
    let timers = state.timers_set.iter().flat_map(|timers| timers.iter());
    timers
        .filter(|timer| matches!(timer, ActorTimer::RequestOnce(..)))
        .count()
}
