//! A sketch of Raft. A node that times out requests votes of its peers, one after the other; with enough votes it leads, and
//! sends its whole log once. A node grants its vote if the term is newer than its own and the node has voted for nobody. It does
//! not adopt the term, and never resets its vote. A node that receives a log, leaders included, replaces its own log with it,
//! unless its own term is higher. No leader steps down, and nothing commits.
//!
//! As printed, no entry is ever appended: claims about logs are vacuous. With commands, a leader appends each command and sends
//! its log again.

use std::collections::BTreeSet;

use itertools::Itertools;
use quorate::protocol::{Effects, ProcessId};
use quorate_checker::check::Claimed;
use quorate_checker::{Condition, Property};
use serde::{Deserialize, Serialize};

use super::parameters::Parameters;
use super::{CallId, Sketch, Up, Volatile, claimed};
use crate::raft::properties::{
    ANSWERS_ARE_DURABLE, COMMITS, ELECTION_SAFETY, LEADER_APPEND_ONLY, LEADS, LOG_MATCHING,
    LOG_TERMS_GROW, TERMS_GROW,
};
use crate::system::{Action, Application, Process, System, SystemState};

/// Two readings of a node's `peers`, more than half of which have to vote for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peers {
    /// All others.
    Others,
    /// All nodes. A node rejects its own request for a vote, because the term is not newer.
    All,
}

/// The sketch.
#[derive(Clone, Copy, Debug)]
pub struct Raft {
    /// How many nodes.
    pub nodes: u16,
    /// The nodes that a node calls.
    pub peers: Peers,
}

/// A term.
pub type Term = u8;

/// An entry of a log. No rule of the sketch reads the term; claims about logs do.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that has appended it.
    pub term: Term,
    /// The command.
    pub command: u8,
}

/// The role of a node.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// Has not campaigned yet.
    Follower,
    /// Has campaigned.
    Candidate,
    /// Has won an election, and leads for good.
    Leader,
}

/// A call without a response yet, by the index of the called peer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Call {
    /// `vote`.
    Vote {
        /// The peer's index.
        peer: u16,
        /// Votes so far, including the candidate's own.
        votes: u16,
    },
    /// `append_entries`.
    Append {
        /// The peer's index.
        peer: u16,
    },
}

/// What a node knows.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State {
    /// Its role.
    pub role: Role,
    /// The term of its own last campaign, from 1; 0 before that.
    pub term: Term,
    /// The candidate that the node has voted for last.
    pub voted_for: Option<ProcessId>,
    /// Its log.
    pub log: Vec<Entry>,
    /// The call that it waits for.
    pub call: Option<Call>,
    /// Its last call.
    pub last: CallId,
}

/// A call of a peer's method, or its answer.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Message {
    /// `vote`.
    Vote(CallId, Term),
    /// The response to `vote`: whether the vote is granted.
    Voted(CallId, bool),
    /// `append_entries`.
    Append(CallId, Term, Vec<Entry>),
    /// The response to `append_entries`: whether the log was replaced.
    Appended(CallId, bool),
}

/// The election timer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Election;

/// A client's command. Only a leader without a call in progress accepts it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Propose(pub u8);

/// What a node tells the application.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Output {
    /// The node leads this term.
    Leads(Term),
    /// The node has appended this command.
    Appended(u8),
}

type Outside<'a> = &'a mut dyn Effects<Volatile<Raft>>;

impl Raft {
    /// The node's peers, in the order in which it calls them.
    fn peers(&self, me: ProcessId) -> Vec<ProcessId> {
        let all = (0..self.nodes).map(ProcessId);
        all.filter(|peer| self.peers == Peers::All || *peer != me)
            .collect()
    }

    fn start_election(&self, me: ProcessId, state: &mut State, effects: Outside<'_>) {
        state.role = Role::Candidate;
        state.term += 1;
        state.voted_for = Some(me);
        self.ask_for_votes(me, state, 0, 1, effects);
    }

    /// Calls `vote` of the peers from this index on.
    fn ask_for_votes(
        &self,
        me: ProcessId,
        state: &mut State,
        peer: u16,
        votes: u16,
        effects: Outside<'_>,
    ) {
        let peers = self.peers(me);
        match peers.get(usize::from(peer)) {
            Some(asked) if *asked == me => {
                let granted = u16::from(vote(state, state.term, me));
                self.ask_for_votes(me, state, peer + 1, votes + granted, effects);
            }
            Some(asked) => {
                state.call = Some(Call::Vote { peer, votes });
                state.last.number += 1;
                effects.send(*asked, Message::Vote(state.last, state.term));
            }
            None => {
                state.call = None;
                if usize::from(votes) > peers.len() / 2 {
                    self.become_leader(me, state, effects);
                }
            }
        }
    }

    fn become_leader(&self, me: ProcessId, state: &mut State, effects: Outside<'_>) {
        state.role = Role::Leader;
        effects.emit(Output::Leads(state.term));
        self.send_append_entries(me, state, 0, effects);
    }

    /// Calls `append_entries` of the peers from this index on.
    fn send_append_entries(
        &self,
        me: ProcessId,
        state: &mut State,
        peer: u16,
        effects: Outside<'_>,
    ) {
        match self.peers(me).get(usize::from(peer)) {
            // A node that is its own peer replaces its log with itself.
            Some(sent) if *sent == me => self.send_append_entries(me, state, peer + 1, effects),
            Some(sent) => {
                state.call = Some(Call::Append { peer });
                state.last.number += 1;
                let append = Message::Append(state.last, state.term, state.log.clone());
                effects.send(*sent, append);
            }
            None => state.call = None,
        }
    }
}

/// `vote`: whether the node grants its vote.
fn vote(state: &mut State, term: Term, candidate: ProcessId) -> bool {
    let grants = term > state.term && state.voted_for.is_none();
    if grants {
        state.voted_for = Some(candidate);
    }
    grants
}

/// `append_entries`: whether the node replaces its log.
fn append_entries(state: &mut State, term: Term, log: Vec<Entry>) -> bool {
    let takes = term >= state.term;
    if takes {
        state.log = log;
    }
    takes
}

impl Sketch for Raft {
    type State = State;
    type Message = Message;
    type Timer = Election;
    type Request = Propose;
    type Output = Output;

    fn processes(&self) -> u16 {
        self.nodes
    }

    fn name(&self, process: ProcessId) -> String {
        format!("node {}", process.0)
    }

    fn initial(&self, _: ProcessId, start: u8) -> State {
        State {
            role: Role::Follower,
            term: 0,
            voted_for: None,
            log: Vec::new(),
            call: None,
            last: CallId { start, number: 0 },
        }
    }

    fn receive(
        &self,
        me: ProcessId,
        state: &mut State,
        from: ProcessId,
        message: Message,
        effects: Outside<'_>,
    ) {
        match message {
            Message::Vote(call, term) => {
                let granted = vote(state, term, from);
                effects.send(from, Message::Voted(call, granted));
            }
            Message::Append(call, term, log) => {
                let replaced = append_entries(state, term, log);
                effects.send(from, Message::Appended(call, replaced));
            }
            Message::Voted(call, granted) => {
                if let Some(Call::Vote { peer, votes }) = state.call
                    && call == state.last
                {
                    let votes = votes + u16::from(granted);
                    self.ask_for_votes(me, state, peer + 1, votes, effects);
                }
            }
            Message::Appended(call, _) => {
                if let Some(Call::Append { peer }) = state.call
                    && call == state.last
                {
                    self.send_append_entries(me, state, peer + 1, effects);
                }
            }
        }
    }

    fn submit(
        &self,
        me: ProcessId,
        state: &mut State,
        Propose(command): Propose,
        effects: Outside<'_>,
    ) {
        if state.role == Role::Leader && state.call.is_none() {
            let term = state.term;
            state.log.push(Entry { term, command });
            effects.emit(Output::Appended(command));
            self.send_append_entries(me, state, 0, effects);
        }
    }

    fn timeout(&self, me: ProcessId, state: &mut State, _: Election, effects: Outside<'_>) {
        self.start_election(me, state, effects);
    }

    fn timers(&self, state: &State) -> Vec<Election> {
        match state.role {
            Role::Follower | Role::Candidate => vec![Election],
            Role::Leader => Vec::new(),
        }
    }
}

/// The application. It proposes each command until a leader has appended it.
#[derive(Clone, Copy, Debug)]
pub struct Clients {
    nodes: u16,
    commands: u8,
    /// The highest term that a node campaigns in: a model bound.
    terms: Term,
}

/// The history of outputs.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct View {
    /// The leaders of each term.
    pub leaders: BTreeSet<(Term, ProcessId)>,
    /// The commands that a leader has appended.
    pub appended: BTreeSet<u8>,
}

type Nodes = Volatile<Raft>;

impl Application<Nodes> for Clients {
    type View = View;

    fn initial(&self) -> View {
        View::default()
    }

    fn requests(&self, view: &View, requests: &mut Vec<(ProcessId, Propose)>) {
        let left = (1..=self.commands).filter(|command| !view.appended.contains(command));
        let asked = left.flat_map(|command| {
            let nodes = (0..self.nodes).map(ProcessId);
            nodes.map(move |node| (node, Propose(command)))
        });
        requests.extend(asked);
    }

    fn submitted(&self, _: &View, _: ProcessId, _: &Propose) -> Option<View> {
        None
    }

    fn told(&self, view: &View, process: ProcessId, output: &Output) -> Option<View> {
        let mut next = view.clone();
        let is_new = match *output {
            Output::Leads(term) => next.leaders.insert((term, process)),
            Output::Appended(command) => next.appended.insert(command),
        };
        is_new.then_some(next)
    }

    fn permits(&self, _: ProcessId, state: &Up<State>, _: &Election) -> bool {
        state.knows.term < self.terms
    }
}

/// The sketch in an environment.
pub type Model = System<Nodes, Clients>;
type ModelState = SystemState<Nodes, Clients>;

/// In Raft a vote is for one term (§5.2), so that each term may have a leader.
pub const CAN_ELECT: &str = "if no server leads, some server can still get a vote of another";

/// The model under these parameters, and what is claimed of it, as if the sketch were the protocol.
pub fn model(parameters: &Parameters, peers: Peers) -> Claimed<Model> {
    use Condition::{Always, EveryStep, Sometimes};
    let sketch = Raft {
        nodes: parameters.members,
        peers,
    };
    let application = Clients {
        nodes: parameters.members,
        commands: parameters.values,
        terms: parameters.rounds,
    };
    let mut properties = vec![
        Property::holds(ELECTION_SAFETY, Always(one_leader_a_term)),
        Property::holds(TERMS_GROW, EveryStep(terms_grow)),
        Property::holds(ANSWERS_ARE_DURABLE, Always(answers_nothing)),
        Property::holds(
            LEADS,
            Sometimes(|_: &Model, state: &ModelState| !state.view.leaders.is_empty()),
        ),
    ];
    if parameters.members > 1 {
        properties.push(Property::holds(CAN_ELECT, Always(can_elect)));
    }
    properties.extend([
        Property::holds(LEADER_APPEND_ONLY, EveryStep(leaders_append)),
        Property::holds(LOG_MATCHING, Always(logs_match)),
    ]);
    // In one term there is nothing to compare.
    if parameters.rounds > 1 {
        properties.push(Property::holds(LOG_TERMS_GROW, Always(log_terms_grow)));
    }
    if parameters.values > 0 {
        // The sketch has no commit index.
        properties.push(Property::holds(COMMITS, Sometimes(|_, _| false)));
    }
    claimed(parameters, sketch, application, properties)
}

fn one_leader_a_term(_: &Model, state: &ModelState) -> bool {
    state.view.leaders.iter().map(|(term, _)| term).all_unique()
}

/// No response in flight depends on volatile state: a granted vote, a replaced log.
fn answers_nothing(_: &Model, state: &ModelState) -> bool {
    state.network.in_flight().all(|envelope| {
        !matches!(
            envelope.message,
            Message::Voted(_, true) | Message::Appended(_, true)
        )
    })
}

/// The states of live nodes that a step changes, before and after it.
fn steps<'a>(
    state: &'a ModelState,
    next: &'a ModelState,
) -> impl Iterator<Item = (&'a State, &'a State)> {
    let changed = state.changed(next);
    changed.filter_map(|(before, now)| Some((&before.state()?.knows, &now.state()?.knows)))
}

/// Also across a crash, which erases a term that is not durable.
fn terms_grow(_: &Model, state: &ModelState, _: &Action<Nodes>, next: &ModelState) -> bool {
    let term = |process: &Process<Nodes>| process.state().map_or(0, |up| up.knows.term);
    let mut changed = state.changed(next);
    changed.all(|(before, now)| term(before) <= term(now))
}

/// A vote is never reset but by a crash: only a server that has not voted yet grants one.
fn can_elect(_: &Model, state: &ModelState) -> bool {
    let mut processes = state.processes();
    processes.any(|(_, process)| {
        process.state().is_none_or(|Up { knows, .. }| {
            knows.role == Role::Leader || knows.call.is_some() || knows.voted_for.is_none()
        })
    })
}

fn leaders_append(_: &Model, state: &ModelState, _: &Action<Nodes>, next: &ModelState) -> bool {
    steps(state, next).all(|(before, now)| {
        let leads = before.role == Role::Leader && now.role == Role::Leader;
        !leads || now.log.starts_with(&before.log)
    })
}

fn logs_match(_: &Model, state: &ModelState) -> bool {
    let logs = state.live().map(|(_, up)| &up.knows.log);
    let mut pairs = logs.collect_vec().into_iter().array_combinations();
    pairs.all(|[one, other]| {
        let both = one.iter().zip(other).collect_vec();
        let shared = both.iter().rposition(|(one, other)| one.term == other.term);
        shared.is_none_or(|shared| both[..=shared].iter().all(|(one, other)| one == other))
    })
}

fn log_terms_grow(_: &Model, state: &ModelState) -> bool {
    let mut logs = state.live().map(|(_, up)| &up.knows.log);
    logs.all(|log| log.iter().map(|entry| entry.term).is_sorted())
}
