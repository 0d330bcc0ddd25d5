//! What a node offers to clients: it collects what they ask, and answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{Gauge, Histogram, gauge, histogram};
use serde::{Deserialize, Serialize};

use super::{Command, KEY_MAX, Map, Query, Reply, VALUE_MAX};
use crate::runtime::Service;
use crate::transport::{self, Caller, Outbox};
use quorate::protocol::{ProcessId, Protocol};
use quorate::raft::{
    self, Index, Origin, Output, Proposal, Request, Role as RaftRole, State, Term, Ticket, Timer,
};

/// What a client may ask.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// To open a session. Answered by [`Answer::Opened`].
    Open,
    /// To change the map. Answered by [`Answer::Replied`].
    Execute {
        /// Which command of which session.
        origin: Origin,
        /// What.
        command: Command,
    },
    /// To read. Answered by [`Answer::Replied`].
    Read(Query),
    /// How this node is: it answers whether it leads or not, with [`Answer::Status`].
    Status,
}

/// What a node answers.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// A session, by its name.
    Opened(Index),
    /// What the map says.
    Replied(Reply),
    /// How the node is.
    Status(Status),
}

/// Why a node does not do what it is asked.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Refusal {
    /// It does not lead. It is not done.
    NotLeader {
        /// Who does, as far as it knows.
        leader: Option<ProcessId>,
    },
    /// It has led when it was asked, and does no more. Whether it is done is not known.
    Deposed {
        /// Who leads, as far as it knows.
        leader: Option<ProcessId>,
    },
    /// Too much is under way. It is not done.
    Full,
    /// The session has ended, or never was. It is not done; of the same command asked earlier that is not known.
    Ended,
    /// A key or value is too long. It is not done.
    TooLong {
        /// Of how many bytes a key may be.
        key_max: u64,
        /// Of how many bytes a value may be.
        value_max: u64,
    },
}

/// How a node is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Which.
    pub node: ProcessId,
    /// What it is.
    pub role: Role,
    /// The latest term that it has seen.
    pub term: Term,
    /// Who leads, as far as it knows.
    pub leader: Option<ProcessId>,
    /// The index up to which it has committed, and applied.
    pub commit: Index,
    /// The last index in its log.
    pub last: Index,
    /// The index up to which a snapshot has taken the log's place.
    pub snapshot: Index,
    /// How many keys there are.
    pub keys: u64,
    /// If it leads, up to where the others' logs are known to agree.
    pub matched: Vec<(ProcessId, Index)>,
}

/// What a node is in its term.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Role {
    /// It follows.
    Follower,
    /// It would lead.
    Candidate,
    /// It leads.
    Leader,
}

/// How a node times, and when it compacts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often a leader says that it leads.
    pub heartbeat: Duration,
    /// How long a follower waits at least until it campaigns, and at most twice as long, by chance.
    pub election: Duration,
    /// Bytes of commands applied after which a snapshot takes their place; or, by chance, up to half as many more: while a
    /// node takes one, others serve.
    pub snapshot_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(50),
            election: Duration::from_millis(300),
            snapshot_bytes: 64 << 20,
        }
    }
}

impl Settings {
    fn compact_after(&self) -> u64 {
        let more = fastrand::u64(..=self.snapshot_bytes / 2);
        self.snapshot_bytes.saturating_add(more)
    }
}

/// A client that waits.
#[derive(Clone, Debug)]
struct Waiting {
    caller: Caller,
    since: Instant,
    latency: Histogram,
}

impl Waiting {
    fn answer(&self, result: Result<Answer, Refusal>) {
        self.latency.record(self.since.elapsed());
        self.caller.answer(result);
    }
}

/// The service of a node.
#[derive(Debug)]
pub struct KeyValue {
    me: ProcessId,
    settings: Settings,
    proposals: Vec<Proposal<Command>>,
    reads: Vec<(Ticket, Query)>,
    /// Who waits for a session, or for what it reads.
    by_ticket: HashMap<Ticket, Waiting>,
    /// Who waits for a command.
    by_origin: HashMap<Origin, Waiting>,
    /// The term in which it leads, as far as clients wait for it.
    leads: Option<Term>,
    /// What [`Map::written`] was when a snapshot was last asked for.
    compacted: u64,
    /// How much more it must be then, before the next one is.
    compact_after: u64,
    compacts: bool,
    metrics: Metrics,
}

#[derive(Debug)]
struct Metrics {
    leads: Gauge,
    term: Gauge,
    commit: Gauge,
    last: Gauge,
    waiting: Gauge,
    latency: Histogram,
}

impl KeyValue {
    /// Nobody has asked anything yet.
    pub fn new(me: ProcessId, settings: Settings) -> Self {
        Self {
            me,
            compact_after: settings.compact_after(),
            settings,
            proposals: Vec::new(),
            reads: Vec::new(),
            by_ticket: HashMap::new(),
            by_origin: HashMap::new(),
            leads: None,
            compacted: 0,
            compacts: false,
            metrics: Metrics {
                leads: gauge!("quorate_raft_leads"),
                term: gauge!("quorate_raft_term"),
                commit: gauge!("quorate_raft_commit_index"),
                last: gauge!("quorate_raft_last_index"),
                waiting: gauge!("quorate_requests_waiting"),
                latency: histogram!("quorate_request_seconds"),
            },
        }
    }

    fn status(&self, state: &State<Map>) -> Status {
        let (role, leader, matched) = match &state.role {
            RaftRole::Follower(follower) => (Role::Follower, follower.leader, Vec::new()),
            RaftRole::Candidate { .. } => (Role::Candidate, None, Vec::new()),
            RaftRole::Leader(leader) => {
                let matched = leader.progress.iter().map(|progress| progress.matched);
                let servers = (0..).map(ProcessId).zip(matched);
                let others = servers.filter(|(server, _)| *server != self.me);
                (Role::Leader, Some(self.me), others.collect())
            }
        };
        Status {
            node: self.me,
            role,
            term: state.term,
            leader,
            commit: state.commit,
            last: state.log.last().index,
            snapshot: state.log.before().index,
            keys: state.applied.machine.len() as u64,
            matched,
        }
    }

    fn refuse(&mut self, request: Request<Map>, why: raft::Refusal) {
        let refusal = match why {
            raft::Refusal::NotLeader { leader } => Refusal::NotLeader { leader },
            raft::Refusal::Full | raft::Refusal::TooMuch { .. } => Refusal::Full,
        };
        let proposals = |proposal: Proposal<Command>| match proposal {
            Proposal::OpenSession { ticket } => self.by_ticket.remove(&ticket),
            Proposal::Command { origin, .. } => self.by_origin.remove(&origin?),
        };
        let waiting: Vec<_> = match request {
            Request::Propose(refused) => refused.into_iter().filter_map(proposals).collect(),
            Request::Read(refused) => {
                let tickets = refused.into_iter().map(|(ticket, _)| ticket);
                tickets
                    .filter_map(|ticket| self.by_ticket.remove(&ticket))
                    .collect()
            }
            Request::Compact => Vec::new(),
        };
        for waiting in waiting {
            waiting.answer(Err(refusal.clone()));
        }
    }
}

/// Whether keys and values are short enough.
fn fits(operation: &Operation) -> bool {
    let is_value =
        |value: &Option<bytes::Bytes>| value.as_ref().is_none_or(|value| value.len() <= VALUE_MAX);
    match operation {
        Operation::Execute { command, .. } => match command {
            Command::Put { key, value } => key.len() <= KEY_MAX && value.len() <= VALUE_MAX,
            Command::Delete { key } => key.len() <= KEY_MAX,
            Command::CompareAndSwap { key, expected, new } => {
                key.len() <= KEY_MAX && is_value(expected) && is_value(new)
            }
        },
        Operation::Open | Operation::Read(_) | Operation::Status => true,
    }
}

/// For Raft, or whatever looks like it.
impl<P> Service<P> for KeyValue
where
    P: Protocol<State = State<Map>, Timer = Timer, Request = Request<Map>, Output = Output<Map>>,
{
    type Request = transport::Request<Operation>;

    fn ask(&mut self, state: &State<Map>, client: &Arc<Outbox>, request: Self::Request) {
        let operation = request.query;
        let waiting = Waiting {
            caller: Caller::new(client, request.number),
            since: Instant::now(),
            latency: self.metrics.latency.clone(),
        };
        if !fits(&operation) {
            let (key_max, value_max) = (KEY_MAX as u64, VALUE_MAX as u64);
            return waiting.answer(Err(Refusal::TooLong { key_max, value_max }));
        }
        match operation {
            Operation::Open => {
                // By chance, so that none is another's: who replies may be another node than the one that was asked.
                let ticket = fastrand::u64(..);
                self.proposals.push(Proposal::OpenSession { ticket });
                self.by_ticket.insert(ticket, waiting);
            }
            Operation::Execute { origin, command } => {
                self.proposals.push(Proposal::Command {
                    origin: Some(origin),
                    command,
                });
                self.by_origin.insert(origin, waiting);
            }
            Operation::Read(query) => {
                let ticket = fastrand::u64(..);
                self.reads.push((ticket, query));
                self.by_ticket.insert(ticket, waiting);
            }
            Operation::Status => waiting.answer(Ok(Answer::Status(self.status(state)))),
        }
    }

    fn submit(&mut self, _: &State<Map>) -> Vec<Request<Map>> {
        let proposals = std::mem::take(&mut self.proposals);
        let reads = std::mem::take(&mut self.reads);
        let compacts = std::mem::take(&mut self.compacts);
        let requests = [
            (!proposals.is_empty()).then_some(Request::Propose(proposals)),
            (!reads.is_empty()).then_some(Request::Read(reads)),
            compacts.then_some(Request::Compact),
        ];
        requests.into_iter().flatten().collect()
    }

    fn tell(&mut self, output: Output<Map>) {
        let (waiting, result) = match output {
            Output::Opened { ticket, session } => {
                (self.by_ticket.remove(&ticket), Ok(Answer::Opened(session)))
            }
            Output::Replied { origin, reply } => {
                (self.by_origin.remove(&origin), Ok(Answer::Replied(reply)))
            }
            Output::Ended { origin } => (self.by_origin.remove(&origin), Err(Refusal::Ended)),
            Output::Answered { ticket, reply } => {
                (self.by_ticket.remove(&ticket), Ok(Answer::Replied(reply)))
            }
            Output::Refused { request, why } => return self.refuse(request, why),
            Output::Leads { term } => return tracing::info!(term, "leads"),
            Output::Compacted { last } => return tracing::info!(?last, "snapshot taken"),
            Output::Malformed { last } => {
                return tracing::error!(?last, "the snapshot that the leader has sent is none");
            }
            Output::Committed { .. } => return,
        };
        if let Some(waiting) = waiting {
            waiting.answer(result);
        }
    }

    fn turned(&mut self, state: &State<Map>) {
        let leads = matches!(state.role, RaftRole::Leader(_)).then_some(state.term);
        if self.leads.is_some() && leads != self.leads {
            // What waits is done by the next leader or not at all, and nobody here will hear of it.
            let leader = match &state.role {
                RaftRole::Follower(follower) => follower.leader,
                RaftRole::Candidate { .. } | RaftRole::Leader(_) => None,
            };
            let by_ticket = self.by_ticket.drain().map(|(_, waiting)| waiting);
            let by_origin = self.by_origin.drain().map(|(_, waiting)| waiting);
            for waiting in by_ticket.chain(by_origin) {
                waiting.answer(Err(Refusal::Deposed { leader }));
            }
        }
        self.leads = leads;
        let written = state.applied.machine.written();
        // After a snapshot of the leader's it may be anything.
        self.compacted = self.compacted.min(written);
        if written - self.compacted >= self.compact_after {
            self.compacted = written;
            self.compact_after = self.settings.compact_after();
            self.compacts = true;
        }
        self.metrics.leads.set(f64::from(u8::from(leads.is_some())));
        self.metrics.term.set(state.term as f64);
        self.metrics.commit.set(state.commit as f64);
        self.metrics.last.set(state.log.last().index as f64);
        let waiting = self.by_ticket.len() + self.by_origin.len();
        self.metrics.waiting.set(waiting as f64);
    }

    fn duration(&mut self, timer: &Timer) -> Duration {
        match timer {
            Timer::Heartbeat => self.settings.heartbeat,
            Timer::Election => self.settings.election.mul_f64(1.0 + fastrand::f64()),
        }
    }
}
