//! A replicated map from keys to values, over Raft.
//!
//! [`Map`] is the state machine: what the log's commands do. [`KeyValue`] is what a node offers to clients: it collects what
//! they ask, so that all of a turn is one proposal and one round of reads, and answers when the process tells. [`Client`] is
//! the other end: it finds the leader, asks again within its session, and says so when an outcome is unknown.
//!
//! Writes are applied once, however often they are asked, within a [`Session`]. Reads are linearizable.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::raft::{Raft, StateMachine};

mod client;
mod packed;
mod service;

pub use client::{Client, Session};
pub use service::{Answer, KeyValue, Operation, Refusal, Role, Settings, Status};

/// The protocol that the nodes run.
pub type Protocol = Raft<Map>;

/// What the nodes run, as they tell each other.
pub const PROTOCOL: &str = "raft key-value";

/// Bytes of the longest key.
pub const KEY_MAX: usize = 1 << 10;
/// Bytes of the longest value.
pub const VALUE_MAX: usize = 1 << 20;
/// Bytes of pairs in a part of a snapshot, and in an answer to a range: at least one pair, and no more than reaches this.
const CHUNK_BYTES: usize = 1 << 20;

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

/// A part of a map: some of its pairs, in order.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Chunk {
    written: u64,
    pairs: Vec<(Bytes, Bytes)>,
}

/// A key in the map. A search compares many: short ones stand where they are compared, and not elsewhere in memory.
type Key = SmallVec<[u8; 24]>;

/// The map.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Map {
    pairs: BTreeMap<Key, Bytes>,
    /// Bytes of all commands that were applied.
    written: u64,
}

impl Map {
    /// Bytes of all commands that were applied, ever.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn put(&mut self, key: &Bytes, value: Option<&Bytes>) -> Option<Bytes> {
        match value {
            // A copy: it may be here for long, and would keep in memory whatever the command was decoded with.
            Some(value) => {
                let value = Bytes::copy_from_slice(value);
                self.pairs.insert(Key::from_slice(key), value)
            }
            None => self.pairs.remove(&key[..]),
        }
    }

    fn range(&self, from: &Bytes, to: Option<&Bytes>, limit: u64) -> Reply {
        let mut pairs = Vec::new();
        let mut bytes = 0;
        let to = match to {
            // A range whose end is before its beginning is empty.
            Some(to) if to <= from => return Reply::Pairs { pairs, more: false },
            Some(to) => Bound::Excluded(&to[..]),
            None => Bound::Unbounded,
        };
        for (key, value) in (self.pairs).range::<[u8], _>((Bound::Included(&from[..]), to)) {
            if pairs.len() as u64 >= limit || bytes >= CHUNK_BYTES {
                return Reply::Pairs { pairs, more: true };
            }
            bytes += key.len() + value.len();
            pairs.push((Bytes::copy_from_slice(key), value.clone()));
        }
        Reply::Pairs { pairs, more: false }
    }
}

impl StateMachine for Map {
    type Command = Command;
    type Query = Query;
    type Reply = Reply;
    type Chunk = Chunk;

    fn apply(&mut self, command: &Command) -> Reply {
        self.written += Self::size(command) as u64;
        match command {
            Command::Put { key, value } => {
                self.put(key, Some(value));
                Reply::Done
            }
            Command::Delete { key } => Reply::Swapped(self.put(key, None).is_some()),
            Command::CompareAndSwap { key, expected, new } => {
                let is_expected = self.pairs.get(&key[..]) == expected.as_ref();
                if is_expected {
                    self.put(key, new.as_ref());
                }
                Reply::Swapped(is_expected)
            }
        }
    }

    fn query(&self, query: &Query) -> Reply {
        match query {
            Query::Get { key } => Reply::Value(self.pairs.get(&key[..]).cloned()),
            Query::Range { from, to, limit } => self.range(from, to.as_ref(), *limit),
        }
    }

    fn snapshot(&self) -> Vec<Chunk> {
        let written = self.written;
        let (mut chunks, mut pairs, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (key, value) in &self.pairs {
            bytes += key.len() + value.len();
            pairs.push((Bytes::copy_from_slice(key), value.clone()));
            if bytes >= CHUNK_BYTES {
                let pairs = std::mem::take(&mut pairs);
                chunks.push(Chunk { written, pairs });
                bytes = 0;
            }
        }
        chunks.push(Chunk { written, pairs });
        chunks
    }

    fn restore(chunks: &[Chunk]) -> Option<Self> {
        let pairs = chunks.iter().flat_map(|chunk| &chunk.pairs);
        let pairs = pairs.map(|(key, value)| (Key::from_slice(key), value.clone()));
        Some(Self {
            pairs: pairs.collect(),
            written: chunks.first()?.written,
        })
    }

    fn size(command: &Command) -> usize {
        /// What there is besides keys and values, roughly.
        const REST: usize = 16;
        let length = |value: &Option<Bytes>| value.as_ref().map_or(0, Bytes::len);
        REST + match command {
            Command::Put { key, value } => key.len() + value.len(),
            Command::Delete { key } => key.len(),
            Command::CompareAndSwap { key, expected, new } => {
                key.len() + length(expected) + length(new)
            }
        }
    }
}
