//! Bugs of registers, each with the property that it must break and the instance that shows it. Those of Paxos beneath
//! them are in [`crate::paxos::mutants`].

use quorate::paxos;
use quorate::protocol::{Effect, Protocol};
use quorate::registers::{Durable, Kept, Message, Registers};

use super::parameters::Parameters;
use super::{AGREEMENT, LINEARIZABLE, protocol};
use crate::mutant::{self, Bug, Mutated};
use crate::register::Value;

/// Wrong registers. Their rules are those of Paxos.
pub type Mutant = mutant::Mutant<(), Registers<Value>>;

impl Mutant {
    /// The wrong protocol.
    pub fn protocol(&self, parameters: &Parameters) -> Mutated<Registers<Value>> {
        self.bug.put_into(|_| protocol(parameters))
    }
}

type State = <Registers<Value> as Protocol>::State;
type Effects = Vec<Effect<Registers<Value>>>;

/// The node's own records are lazy that it writes in a step in which it sends such a message.
fn does_not_wait(effects: Effects, sends: fn(&paxos::Message<Value>) -> bool) -> Effects {
    let is_sent = effects.iter().any(|effect| match effect {
        Effect::Send {
            message: Message::Decree { message, .. },
            ..
        } => sends(message),
        _ => false,
    });
    let rewrite = |effect| match effect {
        Effect::Persist(record) if is_sent => Effect::Append(record),
        other => other,
    };
    effects.into_iter().map(rewrite).collect()
}

fn hides_accepted(_: &State, _: &State, mut effects: Effects) -> Effects {
    for effect in &mut effects {
        if let Effect::Send { message, .. } = effect
            && let Message::Vote { accepted, .. } = message
        {
            *accepted = None;
        }
    }
    effects
}

fn accepts_lazily(_: &State, _: &State, effects: Effects) -> Effects {
    does_not_wait(effects, |sent| {
        matches!(sent, paxos::Message::Accept { .. })
    })
}

fn promises_lazily(_: &State, _: &State, effects: Effects) -> Effects {
    does_not_wait(effects, |sent| {
        matches!(sent, paxos::Message::Prepare { .. })
    })
}

/// All mutants.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "accepted-hidden",
        summary: "a node does not say, to whoever reads, what it has accepted",
        breaks: LINEARIZABLE,
        instance: "read",
        bug: Bug::Effects(hides_accepted),
    },
    Mutant {
        name: "own-acceptance-not-awaited",
        summary: "a node asks others to accept before its own acceptance is durable",
        breaks: LINEARIZABLE,
        instance: "buffered",
        bug: Bug::Effects(accepts_lazily),
    },
    // Who learns the other value has forgotten who had asked.
    Mutant {
        name: "own-promise-not-awaited",
        summary: "a node asks others to promise before its own promise is durable",
        breaks: AGREEMENT,
        instance: "buffered",
        bug: Bug::Effects(promises_lazily),
    },
    Mutant {
        name: "chosen-forgotten",
        summary: "a node forgets what was chosen when it crashes",
        breaks: LINEARIZABLE,
        instance: "read-crash",
        bug: Bug::Recovered(|_, durable: &mut Durable<Value>| {
            let is_open = |kept: &Kept<Value>| matches!(kept, Kept::Decree(_));
            durable.0.retain(|_, kept| is_open(kept));
        }),
    },
];
