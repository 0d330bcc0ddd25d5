//! A replicated map from keys to values, over Raft.
//!
//! [`Map`] is the state machine: what the log's commands do. [`KeyValue`] is what a node offers to clients: it collects what
//! they ask, so that all of a turn is one proposal and one round of reads, and answers when the process tells. [`Client`] is
//! the other end: it finds the leader, asks again within its session, and says so when an outcome is unknown.
//!
//! Writes are applied once, however often they are asked, within a [`Session`]. Reads are linearizable.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use quorate::raft::Raft;

mod client;
mod map;
mod packed;
mod service;

pub use client::{Client, Session};
pub use map::{Chunk, Map};
pub use service::{Answer, KeyValue, Operation, Refusal, Role, Settings, Status};

/// The protocol that the nodes run.
pub type Protocol = Raft<Map>;

/// What the nodes run, as they tell each other.
pub const PROTOCOL: &str = "raft key-value";

/// Bytes of the longest key.
pub const KEY_MAX: usize = 1 << 10;
/// Bytes of the longest value.
pub const VALUE_MAX: usize = 1 << 20;

/// What changes the map.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Command {
    /// Gives a key a value. Answered by [`Reply::Done`].
    Put {
        /// Which.
        #[serde(deserialize_with = "packed::deserialize")]
        key: Bytes,
        /// What.
        #[serde(deserialize_with = "packed::deserialize")]
        value: Bytes,
    },
    /// Takes a key out. Answered by [`Reply::Swapped`]: whether it was there.
    Delete {
        /// Which.
        key: Bytes,
    },
    /// Gives a key a value, or takes it out, if it has the value that is expected. Answered by [`Reply::Swapped`].
    CompareAndSwap {
        /// Which.
        key: Bytes,
        /// What it has; nothing if it is not there.
        expected: Option<Bytes>,
        /// What it shall have; nothing if it shall not be there.
        new: Option<Bytes>,
    },
}

/// What asks the map.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Query {
    /// The value of a key. Answered by [`Reply::Value`].
    Get {
        /// Which.
        key: Bytes,
    },
    /// Keys and their values, in order. Answered by [`Reply::Pairs`].
    Range {
        /// From this key on.
        from: Bytes,
        /// And before this one, if there is one.
        to: Option<Bytes>,
        /// At most so many.
        limit: u64,
    },
}

/// What the map answers.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// Whether it was done.
    Swapped(bool),
    /// The value, if the key is there.
    Value(Option<Bytes>),
    /// Keys and values, and whether there are more: ask again from behind the last.
    Pairs {
        /// In order.
        pairs: Vec<(Bytes, Bytes)>,
        /// Whether there are more.
        more: bool,
    },
}
