//! A sketch of Paxos. An acceptor compares the ballot of Prepare and of Accept with one number of its own, and rejects what is not
//! higher. A promise returns the accepted value without its ballot. No rule says which value a proposer proposes: its own, or any
//! returned one.
//!
//! Rejections are not sent, since no rule of the sketch reacts to them.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};

use itertools::Itertools;
use quorate::paxos::Ballot;
use quorate::protocol::{Effects, ProcessId};
use quorate_checker::check::Claimed;
use quorate_checker::{Condition, Property};
use serde::{Deserialize, Serialize};

use super::parameters::Parameters;
use super::{Sketch, Volatile, claimed};
use crate::paxos::bounded_liveness::ALL_LEARN;
use crate::paxos::properties::{
    AGREEMENT, ANSWERS_ARE_DURABLE, CHOSEN, CHOSEN_ONCE, HIGHER_BALLOTS, ONE_VALUE_A_BALLOT,
    PROMISES_GROW, VALIDITY,
};
use crate::system::{Action, Application, NetworkKind, System, SystemState};

/// Two readings of the number that an acceptor compares with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compares {
    /// The ballot of the accepted value: a promise changes nothing.
    Accepted,
    /// The promised ballot: it is not higher than itself, so that the acceptor rejects what it has promised to accept.
    Promised,
}

/// The sketch.
#[derive(Clone, Copy, Debug)]
pub struct Paxos {
    /// How many proposers: processes from 0.
    pub proposers: u16,
    /// How many acceptors: the others.
    pub acceptors: u16,
    /// The number that an acceptor compares with.
    pub compares: Compares,
}

/// A value. Each proposer has one of its own: its index and one.
pub type Value = u16;

/// The phase of a proposer.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Proposer {
    /// It has not prepared yet.
    Idle,
    /// It has sent Prepare.
    Preparing {
        /// Its ballot.
        ballot: Ballot,
        /// The acceptors that have promised.
        promises: BTreeSet<ProcessId>,
        /// The values that they have returned.
        returned: BTreeSet<Value>,
    },
    /// It has sent Accept.
    Accepting {
        /// Its ballot.
        ballot: Ballot,
        /// The proposed value.
        value: Value,
        /// The acceptors that have accepted.
        accepted: BTreeSet<ProcessId>,
    },
}

/// What an acceptor knows.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Acceptor {
    /// The ballot that it compares with.
    pub number: Option<Ballot>,
    /// The value that it has accepted.
    pub accepted: Option<Value>,
}

/// What a process knows.
#[derive(Clone, Eq, Hash, PartialEq)]
pub enum State {
    /// A proposer's.
    Proposer(Proposer),
    /// An acceptor's.
    Acceptor(Acceptor),
}

impl Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proposer(proposer) => proposer.fmt(f),
            Self::Acceptor(Acceptor { number, accepted }) => {
                match number {
                    Some(number) => write!(f, "compares with {number:?}")?,
                    None => write!(f, "compares with nothing")?,
                }
                match accepted {
                    Some(value) => write!(f, ", accepted {value}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// What they send each other.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Message {
    /// Requests a promise for this ballot.
    Prepare(Ballot),
    /// Promises this ballot; returns the accepted value.
    Promise(Ballot, Option<Value>),
    /// Requests that this value is accepted.
    Accept(Ballot, Value),
    /// The value is accepted.
    Accepted(Ballot, Value),
}

/// What the application asks of a proposer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Request {
    /// Prepare a ballot of this round.
    Prepare(u64),
    /// Propose this value, if it is the proposer's own or was returned: the choice that no rule makes.
    Propose(Value),
}

/// A majority has accepted this value in the proposer's ballot.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Chosen(pub Value);

type Outside<'a> = &'a mut dyn Effects<Volatile<Paxos>>;

impl Paxos {
    fn acceptors(&self) -> impl Iterator<Item = ProcessId> + use<> {
        (self.proposers..self.proposers + self.acceptors).map(ProcessId)
    }

    fn is_majority(&self, of: &BTreeSet<ProcessId>) -> bool {
        of.len() > usize::from(self.acceptors) / 2
    }
}

/// A proposer's own value.
fn own(proposer: ProcessId) -> Value {
    proposer.0 + 1
}

impl Sketch for Paxos {
    type State = State;
    type Message = Message;
    type Timer = ();
    type Request = Request;
    type Output = Chosen;

    fn processes(&self) -> u16 {
        self.proposers + self.acceptors
    }

    fn name(&self, process: ProcessId) -> String {
        match process.0.checked_sub(self.proposers) {
            None => format!("proposer {}", process.0),
            Some(acceptor) => format!("acceptor {acceptor}"),
        }
    }

    fn initial(&self, me: ProcessId, _: u8) -> State {
        match me.0 < self.proposers {
            true => State::Proposer(Proposer::Idle),
            false => State::Acceptor(Acceptor::default()),
        }
    }

    fn receive(
        &self,
        _: ProcessId,
        state: &mut State,
        from: ProcessId,
        message: Message,
        effects: Outside<'_>,
    ) {
        match (state, message) {
            (State::Acceptor(acceptor), Message::Prepare(ballot))
                if Some(ballot) > acceptor.number =>
            {
                if self.compares == Compares::Promised {
                    acceptor.number = Some(ballot);
                }
                effects.send(from, Message::Promise(ballot, acceptor.accepted));
            }
            (State::Acceptor(acceptor), Message::Accept(ballot, value))
                if Some(ballot) > acceptor.number =>
            {
                acceptor.number = Some(ballot);
                acceptor.accepted = Some(value);
                effects.send(from, Message::Accepted(ballot, value));
            }
            (
                State::Proposer(Proposer::Preparing {
                    ballot,
                    promises,
                    returned,
                }),
                Message::Promise(of, value),
            ) if of == *ballot => {
                promises.insert(from);
                returned.extend(value);
            }
            (
                State::Proposer(Proposer::Accepting {
                    ballot,
                    value,
                    accepted,
                }),
                Message::Accepted(of, _),
            ) if of == *ballot => {
                accepted.insert(from);
                if self.is_majority(accepted) {
                    effects.emit(Chosen(*value));
                }
            }
            _ => {}
        }
    }

    fn submit(&self, me: ProcessId, state: &mut State, request: Request, effects: Outside<'_>) {
        let State::Proposer(proposer) = state else {
            return;
        };
        match (request, &*proposer) {
            (Request::Prepare(round), before) => {
                let ballot = Ballot {
                    round,
                    proposer: me,
                };
                let is_higher = match before {
                    Proposer::Idle => true,
                    Proposer::Preparing { ballot: own, .. }
                    | Proposer::Accepting { ballot: own, .. } => ballot > *own,
                };
                if is_higher {
                    *proposer = Proposer::Preparing {
                        ballot,
                        promises: BTreeSet::new(),
                        returned: BTreeSet::new(),
                    };
                    effects.send_all(self.acceptors(), &Message::Prepare(ballot));
                }
            }
            (
                Request::Propose(value),
                Proposer::Preparing {
                    ballot,
                    promises,
                    returned,
                },
            ) if self.is_majority(promises) && (value == own(me) || returned.contains(&value)) => {
                let ballot = *ballot;
                *proposer = Proposer::Accepting {
                    ballot,
                    value,
                    accepted: BTreeSet::new(),
                };
                effects.send_all(self.acceptors(), &Message::Accept(ballot, value));
            }
            _ => {}
        }
    }

    fn timeout(&self, _: ProcessId, _: &mut State, (): (), _: Outside<'_>) {}

    fn timers(&self, _: &State) -> Vec<()> {
        Vec::new()
    }
}

/// The application. It lets each proposer prepare once a round, and chooses the value to propose.
#[derive(Clone, Copy, Debug)]
pub struct Clients {
    proposers: u16,
    rounds: u64,
}

/// The values that proposers have learned.
pub type View = BTreeSet<Value>;

type Processes = Volatile<Paxos>;

impl Application<Processes> for Clients {
    type View = View;

    fn initial(&self) -> View {
        View::new()
    }

    fn requests(&self, _: &View, requests: &mut Vec<(ProcessId, Request)>) {
        for proposer in (0..self.proposers).map(ProcessId) {
            let prepares = (1..=self.rounds).map(Request::Prepare);
            let proposes = (1..=self.proposers).map(Request::Propose);
            let asked = prepares.chain(proposes);
            requests.extend(asked.map(|request| (proposer, request)));
        }
    }

    fn submitted(&self, _: &View, _: ProcessId, _: &Request) -> Option<View> {
        None
    }

    fn told(&self, view: &View, _: ProcessId, Chosen(value): &Chosen) -> Option<View> {
        let mut next = view.clone();
        next.insert(*value).then_some(next)
    }
}

/// The sketch in an environment.
pub type Model = System<Processes, Clients>;
type ModelState = SystemState<Processes, Clients>;

/// The model under these parameters, and what is claimed of it, as if the sketch were the protocol.
pub fn model(parameters: &Parameters, compares: Compares) -> Claimed<Model> {
    use Condition::{Always, EveryStep, LeadsTo, Sometimes};
    let sketch = Paxos {
        proposers: parameters.values.into(),
        acceptors: parameters.members,
        compares,
    };
    let application = Clients {
        proposers: sketch.proposers,
        rounds: parameters.rounds.into(),
    };
    let mut properties = vec![
        Property::holds(
            AGREEMENT,
            Always(|_: &Model, state: &ModelState| state.view.len() <= 1),
        ),
        Property::holds(
            VALIDITY,
            Always(|model: &Model, state: &ModelState| {
                let proposers = model.application().proposers;
                let mut chosen = state.view.iter();
                chosen.all(|value| (1..=proposers).contains(value))
            }),
        ),
    ];
    let environment = &parameters.environment;
    // A set network keeps each message that was ever sent.
    if environment.network == NetworkKind::Set && environment.drops == 0 {
        properties.extend([
            Property::holds(
                CHOSEN_ONCE,
                Always(|model: &Model, state: &ModelState| {
                    let chosen = chosen(model, state);
                    chosen.iter().map(|(_, value)| value).all_equal()
                }),
            ),
            Property::holds(HIGHER_BALLOTS, Always(higher_ballots_propose_it)),
            Property::holds(ONE_VALUE_A_BALLOT, Always(one_value_a_ballot)),
            Property::holds(PROMISES_GROW, EveryStep(promises_grow)),
            Property::holds(ANSWERS_ARE_DURABLE, Always(answers_nothing)),
            Property::holds(
                CHOSEN,
                Sometimes(|model: &Model, state: &ModelState| !chosen(model, state).is_empty()),
            ),
        ]);
    }
    if parameters.values == 1 && parameters.rounds == 1 && environment.drops == 0 {
        let decides = LeadsTo {
            cases: 1,
            trigger: |_, state: &ModelState, _| !proposed(state).is_empty(),
            goal: |_, state: &ModelState, _| !state.view.is_empty(),
        };
        properties.push(Property::holds(ALL_LEARN, decides));
    }
    claimed(parameters, sketch, application, properties)
}

/// The proposals of all ballots. A set network keeps each message that was ever sent.
fn proposed(state: &ModelState) -> BTreeSet<(Ballot, Value)> {
    let sent = state.network.in_flight();
    let accepts = sent.filter_map(|envelope| match envelope.message {
        Message::Accept(ballot, value) => Some((ballot, value)),
        _ => None,
    });
    accepts.collect()
}

/// The proposals that a majority has accepted.
fn chosen(model: &Model, state: &ModelState) -> Vec<(Ballot, Value)> {
    let sketch = model.protocol().0;
    let has_majority = |(ballot, value): &(Ballot, Value)| {
        let sent = state.network.in_flight();
        let accepted = sent.filter(|sent| sent.message == Message::Accepted(*ballot, *value));
        sketch.is_majority(&accepted.map(|sent| sent.from).collect())
    };
    proposed(state).into_iter().filter(has_majority).collect()
}

fn higher_ballots_propose_it(model: &Model, state: &ModelState) -> bool {
    let proposed = proposed(state);
    let chosen = chosen(model, state);
    chosen.iter().all(|(ballot, value)| {
        let mut higher = proposed.iter().filter(|(other, _)| other > ballot);
        higher.all(|(_, other)| other == value)
    })
}

fn one_value_a_ballot(_: &Model, state: &ModelState) -> bool {
    proposed(state)
        .iter()
        .map(|(ballot, _)| ballot)
        .all_unique()
}

/// No acceptor promises a ballot after a higher one.
fn promises_grow(_: &Model, state: &ModelState, _: &Action<Processes>, next: &ModelState) -> bool {
    let promises = |state: &ModelState| {
        let sent = state.network.in_flight();
        let promises = sent.filter_map(|envelope| match envelope.message {
            Message::Promise(ballot, _) => Some((envelope.from, ballot)),
            _ => None,
        });
        promises.collect::<BTreeSet<_>>()
    };
    let (earlier, all) = (promises(state), promises(next));
    all.difference(&earlier).all(|(acceptor, ballot)| {
        let mut others = earlier.iter().filter(|(other, _)| other == acceptor);
        others.all(|(_, other)| other <= ballot)
    })
}

/// No response in flight depends on volatile state.
fn answers_nothing(_: &Model, state: &ModelState) -> bool {
    state.network.in_flight().all(|envelope| {
        !matches!(
            envelope.message,
            Message::Promise(..) | Message::Accepted(..)
        )
    })
}
