//! Two-phase commit in Stateright's `ActorModel`.

use quorate::protocol::{ProcessId, Protocol};
use quorate::two_phase_commit::{Output, Published, TwoPhaseCommit};
use stateright::actor::{ActorModel, ActorModelState, Network};

use super::parameters::Parameters;
use super::{clients, protocol};
use crate::actor::{ActorTimer, ProcessActor};
use crate::atomic_commit::application::View;
use crate::atomic_commit::{self, AGREEMENT, STABILITY, VALIDITY};
use crate::checker::{Condition, Property, stateright_properties};

/// The published protocol's processes as actors.
pub type Actors = ActorModel<ProcessActor<TwoPhaseCommit>, u16>;
/// Their states.
pub type ActorsState = ActorModelState<ProcessActor<TwoPhaseCommit>>;

/// The actors that these parameters describe, and their properties: a duplicating network, asynchronous
/// timers, requests in any order, and nothing else.
pub fn actor_model(parameters: &Parameters) -> (Actors, Vec<Property<Actors>>) {
    use Condition::{Always, Sometimes};
    let protocol = protocol(parameters, Published);
    let clients = clients(parameters);
    let processes = (0..).map(ProcessId).take(protocol.processes());
    let actors = processes.map(|me| ProcessActor {
        protocol,
        me,
        requests: clients.any_order(me),
        keeps: |output| !matches!(output, Output::Refused(..)),
    });
    let mut model = ActorModel::new(parameters.participants, ())
        .actors(actors)
        .init_network(Network::new_unordered_duplicating([]));
    let properties: Vec<Property<Actors>> = vec![
        Property::holds(AGREEMENT, Always(|_, s| atomic_commit::agreement(&view(s)))),
        Property::holds(STABILITY, Always(|_, s| atomic_commit::stability(&view(s)))),
        Property::holds(
            VALIDITY,
            Always(|model, s| atomic_commit::validity(&view(s), model.cfg)),
        ),
        Property::holds(
            "a commit",
            Sometimes(|_, s| atomic_commit::commits(&view(s))),
        ),
        Property::holds(
            "an abort",
            Sometimes(|_, s| atomic_commit::aborts(&view(s))),
        ),
    ];
    model.properties = stateright_properties(&properties);
    (model, properties)
}

/// What the application has asked and been told, read off the actors: what [`crate::system::System`]
/// keeps in its state.
pub fn view(state: &ActorsState) -> View {
    let mut view = View::default();
    for (id, actor) in (0..).map(ProcessId).zip(&state.actor_states) {
        for output in &actor.outputs {
            view.told(id, output);
        }
    }
    view
}

/// How many of the requests that can be made once have not been made.
pub fn requests_left(state: &ActorsState) -> usize {
    let timers = state.timers_set.iter().flat_map(|timers| timers.iter());
    timers
        .filter(|timer| matches!(timer, ActorTimer::RequestOnce(..)))
        .count()
}
