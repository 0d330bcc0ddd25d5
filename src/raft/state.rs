//! What a server knows while it is up.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use derive_where::derive_where;
use serde::{Deserialize, Serialize};

use super::{
    Index, Limits, Log, Position, ServerSet, Sessions, StateMachine, Term, Timer, reads::Waiting,
    snapshot::Installing,
};
use crate::protocol::ProcessId;

/// What a server knows.
#[derive_where(Clone, Eq, Hash, PartialEq)]
pub struct State<M: StateMachine> {
    /// The latest term that it has seen. On disk.
    pub term: Term,
    /// Whom it has voted for in that term. On disk.
    pub voted_for: Option<ProcessId>,
    /// The entries that are in no snapshot. On disk.
    pub log: Log<M::Command>,
    /// What came before them. On disk.
    pub snapshot: Option<Arc<Snapshot<M>>>,
    /// The index up to which it knows entries to be committed, and has applied them.
    pub commit: Index,
    /// What they did.
    pub applied: Applied<M>,
    /// What it is in this term.
    pub role: Role<M>,
}

impl<M: StateMachine> State<M> {
    /// The timer that is set: a function of the role (§5.2).
    pub(super) fn timer(&self) -> Timer {
        match self.role {
            Role::Follower(_) | Role::Candidate { .. } => Timer::Election,
            Role::Leader(_) => Timer::Heartbeat,
        }
    }
}

/// What all entries that were applied amount to: equal on all servers that have applied the same.
#[derive_where(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Applied<M: StateMachine> {
    /// The state machine.
    pub machine: M,
    /// The sessions of its clients.
    pub sessions: Sessions<M::Reply>,
}

/// What a server has applied up to some position, in place of the entries.
#[derive_where(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Snapshot<M: StateMachine> {
    /// The position of the last entry that is in it.
    pub last: Position,
    /// What it consists of.
    pub chunks: Vec<Chunk<M>>,
}

/// A part of a snapshot.
#[derive_where(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Chunk<M: StateMachine> {
    /// Who has sent what: the first part.
    Sessions(Sessions<M::Reply>),
    /// A part of the state machine.
    Machine(M::Chunk),
}

/// What a server is in a term.
#[derive_where(Clone, Eq, Hash, PartialEq)]
pub enum Role<M: StateMachine> {
    /// It follows whoever leads.
    Follower(Follower<M>),
    /// It would lead.
    Candidate {
        /// Who has voted for it.
        votes: ServerSet,
    },
    /// It leads.
    Leader(Leader<M>),
}

/// A follower.
#[derive_where(Clone, Default, Eq, Hash, PartialEq)]
pub struct Follower<M: StateMachine> {
    /// Whom it has heard lead in this term.
    pub leader: Option<ProcessId>,
    /// The snapshot that it is being sent.
    pub installing: Option<Installing<M>>,
}

/// A leader.
#[derive_where(Clone, Eq, Hash, PartialEq)]
pub struct Leader<M: StateMachine> {
    /// The index of the no-op that its term began with.
    pub first: Index,
    /// The index up to which its own log is durable, as far as it is of this term.
    pub durable: Index,
    /// What it knows of each server. Of itself, nothing.
    pub progress: Vec<Progress>,
    /// The reads that wait, oldest first.
    pub reads: VecDeque<Waiting<M>>,
    /// How often it has asked who still follows, for them.
    pub round: u64,
}

/// What a leader knows of a follower (Figure 2).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Progress {
    /// The highest index at which its log is known to agree.
    pub matched: Index,
    /// The index of the next entry to send.
    pub next: Index,
    /// How it is sent entries.
    pub sending: Sending,
    /// The last round that it has answered.
    pub round: u64,
}

/// How a follower is sent entries.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Sending {
    /// Where its log agrees is not known: one message, and its answer, at a time.
    Probe,
    /// Ahead of its answers.
    Pipeline {
        /// What was sent and not answered: the last index of each message, and its bytes.
        in_flight: VecDeque<(Index, usize)>,
    },
    /// A snapshot comes first.
    Snapshot {
        /// Its chunk that is sent.
        chunk: u64,
    },
}

impl Progress {
    /// What a new leader knows, whose log ends just before `next`.
    pub(super) fn unknown(next: Index) -> Self {
        Self {
            matched: 0,
            next,
            sending: Sending::Probe,
            round: 0,
        }
    }

    /// Whether another message with entries may be sent ahead of answers.
    pub(super) fn has_room(&self, limits: &Limits) -> bool {
        match &self.sending {
            Sending::Pipeline { in_flight } => {
                let bytes: usize = in_flight.iter().map(|(_, bytes)| bytes).sum();
                in_flight.len() < limits.in_flight_messages_max
                    && bytes < limits.in_flight_bytes_max
            }
            Sending::Probe | Sending::Snapshot { .. } => false,
        }
    }

    /// It has told that its log agrees up to this index.
    pub(super) fn agrees(&mut self, index: Index) {
        self.matched = self.matched.max(index);
        self.next = self.next.max(self.matched + 1);
        match &mut self.sending {
            Sending::Pipeline { in_flight } => {
                while in_flight.front().is_some_and(|(last, _)| *last <= index) {
                    in_flight.pop_front();
                }
            }
            Sending::Probe | Sending::Snapshot { .. } => {
                self.next = self.matched + 1;
                self.sending = Sending::Pipeline {
                    in_flight: VecDeque::new(),
                };
            }
        }
    }

    /// There is a newer snapshot: whoever is sent one is sent this one.
    pub(super) fn start_over(&mut self) {
        if let Sending::Snapshot { chunk } = &mut self.sending {
            *chunk = 0;
        }
    }
}
