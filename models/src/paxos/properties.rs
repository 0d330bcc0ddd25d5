//! What Paxos claims of every state and every step: that one value is chosen, and why.
//!
//! P1, P2 and their refinements are those of Lamport: *Paxos Made Simple*, 2001, §2.2.

use std::collections::BTreeMap;

use quorate::paxos::{
    AcceptorSet, Ballot, Durable, Message, Output, Phase, Progress, Quorums, Record, Request,
    State, Timer,
};
use quorate::protocol::{ProcessId, Protocol};
use quorate_checker::{Condition, Property};

use super::Model;
use super::application::{Clients, Value};
use super::parameters::Parameters;
use crate::register::History;
use crate::system::{Action, NetworkKind, SystemState};

/// Paxos, by whatever rules.
pub trait AnyPaxos:
    Protocol<
        State = State<Value>,
        Message = Message<Value>,
        Timer = Timer,
        Record = Record<Value>,
        Durable = Durable<Value>,
        Request = Request<Value>,
        Output = Output<Value>,
    > + 'static
{
    /// Who has to answer.
    fn quorums(&self) -> &Quorums;

    /// An acceptor's number.
    fn acceptor(&self, process: ProcessId) -> Option<usize>;
}

pub(super) type ModelState<P> = SystemState<P, Clients>;

/// What is told as chosen is one value, whoever tells it, and whenever.
pub const AGREEMENT: &str = "agreement: one value is learned, by all and for ever";
/// What is told as chosen was proposed.
pub const VALIDITY: &str = "validity: what is learned was proposed";
/// P2: whatever is ever chosen is one value.
pub const CHOSEN_ONCE: &str = "one value is chosen (P2)";
/// P2b: if a value is chosen, every higher ballot proposes it.
pub const HIGHER_BALLOTS: &str = "once a value is chosen every higher ballot proposes it (P2b)";
/// A ballot proposes one value.
pub const ONE_VALUE_A_BALLOT: &str = "a ballot proposes one value";
/// Whatever an acceptor has answered is on its disk.
pub const ANSWERS_ARE_DURABLE: &str = "what an acceptor has answered is on its disk";
/// Promises never decrease, also across a crash.
pub const PROMISES_GROW: &str = "promises never decrease";
/// A recovery finds what its process believed durable.
pub const RECOVERY_READS_BACK: &str = "recovery reads back what was believed durable";
/// What is told as chosen was chosen.
pub const LEARNED_IS_CHOSEN: &str = "what is learned is chosen";
/// A proposer gives way to what others have chosen, or may have.
pub const ADOPTS: &str = "a proposer proposes another's value";
/// A decree is a register that is written once.
pub const LINEARIZABLE: &str = "a register that is a decree is linearizable";
/// Something is chosen.
pub const CHOSEN: &str = "a value is chosen";

/// The properties that apply under these parameters.
pub fn properties<P: AnyPaxos>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    use Condition::{Always, EveryStep, Sometimes};
    let environment = &parameters.environment;
    let mut properties = vec![
        Property::holds(AGREEMENT, Always(|_, state: &ModelState<P>| agree(state))),
        Property::holds(VALIDITY, Always(is_valid)),
        Property::holds(
            RECOVERY_READS_BACK,
            Always(|model: &Model<P>, state: &ModelState<P>| model.recovery_reads_back(state)),
        ),
        Property::holds(PROMISES_GROW, EveryStep(promises_grow)),
        Property::holds(
            "a value is learned",
            Sometimes(|_, state: &ModelState<P>| !state.view.chosen.is_empty()),
        ),
    ];
    if parameters.reads > 0 {
        properties.push(Property::holds(
            LINEARIZABLE,
            Always(|_, state: &ModelState<P>| {
                let history = state.view.history.as_ref();
                history.is_none_or(History::is_linearizable)
            }),
        ));
    }
    if parameters.proposers > 1 {
        properties.push(Property::holds(
            "a proposer is rejected",
            Sometimes(is_rejected),
        ));
    }
    // There every message that was ever sent is still there, unless it is spent.
    if environment.network == NetworkKind::Set && environment.drops == 0 {
        properties.extend([
            Property::holds(
                CHOSEN_ONCE,
                Always(|model: &Model<P>, state: &ModelState<P>| {
                    chosen(model, state)
                        .windows(2)
                        .all(|two| two[0].1 == two[1].1)
                }),
            ),
            Property::holds(
                LEARNED_IS_CHOSEN,
                Always(|model: &Model<P>, state: &ModelState<P>| {
                    let chosen = chosen(model, state);
                    let mut learned = state.view.values().into_iter();
                    learned.all(|value| chosen.iter().any(|(_, chosen)| *chosen == value))
                }),
            ),
            Property::holds(HIGHER_BALLOTS, Always(higher_ballots_propose_it)),
            Property::holds(ONE_VALUE_A_BALLOT, Always(one_value_a_ballot)),
            Property::holds(ANSWERS_ARE_DURABLE, Always(answers_are_durable)),
            Property::holds(
                CHOSEN,
                Sometimes(|model: &Model<P>, state: &ModelState<P>| {
                    !chosen(model, state).is_empty()
                }),
            ),
        ]);
        if parameters.proposers > 1 {
            properties.extend([
                Property::holds(ADOPTS, Sometimes(adopts_anothers)),
                Property::holds(
                    "two ballots propose different values",
                    Sometimes(two_values),
                ),
            ]);
        }
    }
    if environment.crashes > 0 && environment.recovery {
        properties.push(Property::holds(
            "a proposer comes up again in mid-ballot",
            Sometimes(is_in_mid_ballot),
        ));
    }
    properties
}

/// Whether all tell the same.
pub(super) fn agree<P: AnyPaxos>(state: &ModelState<P>) -> bool {
    state.view.values().len() <= 1
}

/// All proposals that were ever sent: by ballot.
fn proposals<P: AnyPaxos>(state: &ModelState<P>) -> impl Iterator<Item = (Ballot, Value)> + '_ {
    state
        .network
        .in_flight()
        .filter_map(|envelope| match &envelope.message {
            Message::Accept { ballot, value } => Some((*ballot, *value)),
            _ => None,
        })
}

/// The ballots in which something was chosen, in order, and what: a quorum has accepted it, at whatever time.
pub fn chosen<P: AnyPaxos>(model: &Model<P>, state: &ModelState<P>) -> Vec<(Ballot, Value)> {
    let protocol = model.protocol();
    let mut accepted: BTreeMap<(Ballot, Value), AcceptorSet> = BTreeMap::new();
    for envelope in state.network.in_flight() {
        if let Message::Accepted { ballot, value } = &envelope.message
            && let Some(acceptor) = protocol.acceptor(envelope.from)
        {
            accepted
                .entry((*ballot, *value))
                .or_default()
                .insert(acceptor);
        }
    }
    let quorums = protocol.quorums();
    accepted.retain(|_, by| quorums.is_quorum(Phase::Two, *by));
    accepted.into_keys().collect()
}

pub(super) fn is_valid<P: AnyPaxos>(model: &Model<P>, state: &ModelState<P>) -> bool {
    let clients = model.application();
    let proposed = |value: &Value| (1..=clients.proposers).contains(&u16::from(*value));
    state.view.values().iter().all(proposed)
}

fn higher_ballots_propose_it<P: AnyPaxos>(model: &Model<P>, state: &ModelState<P>) -> bool {
    let chosen = chosen(model, state);
    let Some((first, value)) = chosen.first() else {
        return true;
    };
    let mut higher = proposals(state).filter(|(ballot, _)| ballot > first);
    higher.all(|(_, proposed)| proposed == *value)
}

fn one_value_a_ballot<P: AnyPaxos>(_: &Model<P>, state: &ModelState<P>) -> bool {
    let mut values = BTreeMap::new();
    proposals(state).all(|(ballot, value)| *values.entry(ballot).or_insert(value) == value)
}

fn answers_are_durable<P: AnyPaxos>(_: &Model<P>, state: &ModelState<P>) -> bool {
    state.network.in_flight().all(|envelope| {
        let durable = &state.processes[envelope.from.index()].durable;
        match &envelope.message {
            Message::Promise { ballot, .. } => durable.promised >= Some(*ballot),
            Message::Accepted { ballot, .. } => {
                let accepted = durable.accepted.as_ref().map(|(ballot, _)| *ballot);
                accepted >= Some(*ballot) && durable.promised >= Some(*ballot)
            }
            _ => true,
        }
    })
}

/// On disk; and a process that comes up believes what is there.
pub(super) fn promises_grow<P: AnyPaxos>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    state.changed(next).all(|(before, now)| {
        let knows = match now.state() {
            Some(State::Acceptor(acceptor)) => acceptor.promised,
            _ => return now.durable.promised >= before.durable.promised,
        };
        let knew = match before.state() {
            Some(State::Acceptor(acceptor)) => acceptor.promised,
            _ => before.durable.promised,
        };
        now.durable.promised >= before.durable.promised && knows >= knew
    })
}

fn proposers<P: AnyPaxos>(
    state: &ModelState<P>,
) -> impl Iterator<Item = (ProcessId, &quorate::paxos::Proposer<Value>)> {
    state.live().filter_map(|(id, knows)| match knows {
        State::Proposer(proposer) => Some((id, proposer)),
        State::Acceptor(_) | State::Learner(_) => None,
    })
}

fn is_rejected<P: AnyPaxos>(_: &Model<P>, state: &ModelState<P>) -> bool {
    proposers(state).any(|(_, proposer)| match &proposer.progress {
        Progress::Waiting { heard } => Some(*heard) > proposer.ballot(),
        _ => false,
    })
}

fn adopts_anothers<P: AnyPaxos>(model: &Model<P>, state: &ModelState<P>) -> bool {
    proposers(state).any(|(id, proposer)| match &proposer.progress {
        Progress::Accepting { value } => *value != model.application().value(id),
        _ => false,
    })
}

fn two_values<P: AnyPaxos>(_: &Model<P>, state: &ModelState<P>) -> bool {
    let first = proposals(state).next();
    first.is_some_and(|(_, value)| proposals(state).any(|(_, other)| other != value))
}

fn is_in_mid_ballot<P: AnyPaxos>(_: &Model<P>, state: &ModelState<P>) -> bool {
    proposers(state).any(|(_, proposer)| match &proposer.progress {
        Progress::Waiting { heard } => Some(*heard) == proposer.ballot(),
        _ => false,
    })
}

impl<R: quorate::paxos::Rules + 'static> AnyPaxos for quorate::paxos::Paxos<Value, R> {
    fn quorums(&self) -> &Quorums {
        self.quorums()
    }

    fn acceptor(&self, process: ProcessId) -> Option<usize> {
        self.acceptor(process)
    }
}

impl<P: AnyPaxos> AnyPaxos for crate::mutant::Mutated<P> {
    fn quorums(&self) -> &Quorums {
        self.protocol.quorums()
    }

    fn acceptor(&self, process: ProcessId) -> Option<usize> {
        self.protocol.acceptor(process)
    }
}
