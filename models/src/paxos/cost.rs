//! What a decree costs, counted on the model.

use quorate::paxos::{Paxos, Progress, Published, State};

use super::application::{Clients, Value};
use super::parameters::Parameters;
use super::{clients, protocol};
use crate::cost::{CostReport, Counted, cost};
use crate::system::SystemState;

/// How many acceptors there are in the decree whose cost is told.
pub const ACCEPTORS: u16 = 3;

type Decree = SystemState<Paxos<Value>, Clients>;

/// What a decree of one proposer, majorities of so many acceptors, and one learner costs: from the request, in two
/// phases; and where the leader, as the proposer is then called, holds its promises already. Delays are until the
/// learner knows.
///
/// The second is what each of a sequence of decrees costs: a leader asks for promises once, for all that are to come
/// (Lamport 2001, §3).
pub fn costs(model: &'static str, acceptors: u16) -> Vec<CostReport> {
    let parameters = Parameters {
        proposers: 1,
        acceptors,
        forgets_spent: false,
        ..Parameters::default()
    };
    let in_two_phases = Counted {
        asks: |_, _| true,
        begins: |_: &Decree| true,
        ends: learner_knows,
        // All but the acceptors share the node of the first of them.
        node: |protocol, process| protocol.acceptor(process).unwrap_or(0),
    };
    let holding_promises = Counted {
        begins: has_promises,
        ..in_two_phases
    };
    let runs = [
        ("decides in two phases", in_two_phases),
        ("decides, its leader holds promises", holding_promises),
    ];
    let reports = runs.into_iter().map(|(run, counted)| CostReport {
        model,
        processes: format!("{acceptors} acceptors"),
        run,
        cost: cost(
            protocol(&parameters, Published),
            clients(&parameters),
            &counted,
        ),
    });
    reports.collect()
}

/// Whether a quorum has promised, so that the proposer asks to accept.
fn has_promises(state: &Decree) -> bool {
    state.live().any(|(_, knows)| match knows {
        State::Proposer(proposer) => matches!(proposer.progress, Progress::Accepting { .. }),
        State::Acceptor(_) | State::Learner(_) => false,
    })
}

/// Whether the learner, the last of the processes, has told what is chosen.
fn learner_knows(state: &Decree) -> bool {
    let mut told = state.view.chosen.iter();
    told.any(|(process, _)| process.index() + 1 == state.processes.len())
}
