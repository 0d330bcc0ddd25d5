//! The map itself: a state machine.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::ops::Bound;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Command, Query, Reply};
use quorate::raft::StateMachine;

/// Bytes of pairs in a part of a snapshot, and in an answer to a range: at least one pair, and no more than reaches this.
const CHUNK_BYTES: usize = 1 << 20;

/// A part of a map: some of its pairs, in order.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Chunk {
    written: u64,
    pairs: Vec<(Bytes, Bytes)>,
}

/// A key in the map. A search compares many: short ones stand where they are compared, and not elsewhere in memory.
type Key = SmallVec<[u8; 24]>;

/// The map. Values are found by a hash of their keys: what is put most often is there already, and to search for it would be
/// most of the work. Keys are kept in order beside it, for ranges.
///
/// A value has memory of its own, for it may be here for long, and would keep whatever its command was decoded with. One that
/// is as long as the one before takes its place: what was put long ago is in no cache, and whoever frees it waits for it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Map {
    values: HashMap<Key, Box<[u8]>>,
    /// Those of `values`.
    keys: BTreeSet<Key>,
    /// Bytes of all commands that were applied.
    written: u64,
}

impl Hash for Map {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.written.hash(state);
        self.keys.len().hash(state);
        self.pairs(Bound::Unbounded, Bound::Unbounded)
            .for_each(|pair| pair.hash(state));
    }
}

impl Map {
    /// Bytes of all commands that were applied, ever.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Gives a key a value.
    fn put(&mut self, key: &[u8], value: &[u8]) {
        match self.values.get_mut(key) {
            Some(old) if old.len() == value.len() => old.copy_from_slice(value),
            Some(old) => *old = value.into(),
            None => {
                let key = Key::from_slice(key);
                self.keys.insert(key.clone());
                self.values.insert(key, value.into());
            }
        }
    }

    /// Takes a key out. Returns whether it was there.
    fn delete(&mut self, key: &[u8]) -> bool {
        self.keys.remove(key);
        self.values.remove(key).is_some()
    }

    fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.values.get(key).map(|value| &value[..])
    }

    /// Keys in order, and their values.
    fn pairs(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> impl Iterator<Item = (&[u8], &[u8])> {
        let keys = self.keys.range::<[u8], _>((from, to));
        keys.filter_map(|key| Some((&key[..], self.get(key)?)))
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
        for (key, value) in self.pairs(Bound::Included(from), to) {
            if pairs.len() as u64 >= limit || bytes >= CHUNK_BYTES {
                return Reply::Pairs { pairs, more: true };
            }
            bytes += key.len() + value.len();
            pairs.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
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
                self.put(key, value);
                Reply::Done
            }
            Command::Delete { key } => Reply::Swapped(self.delete(key)),
            Command::CompareAndSwap { key, expected, new } => {
                let is_expected = self.get(key) == expected.as_deref();
                match new {
                    _ if !is_expected => {}
                    Some(value) => self.put(key, value),
                    None => {
                        self.delete(key);
                    }
                }
                Reply::Swapped(is_expected)
            }
        }
    }

    fn query(&self, query: &Query) -> Reply {
        match query {
            Query::Get { key } => Reply::Value(self.get(key).map(Bytes::copy_from_slice)),
            Query::Range { from, to, limit } => self.range(from, to.as_ref(), *limit),
        }
    }

    fn snapshot(&self) -> Vec<Chunk> {
        let written = self.written;
        let (mut chunks, mut pairs, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (key, value) in self.pairs(Bound::Unbounded, Bound::Unbounded) {
            bytes += key.len() + value.len();
            pairs.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
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
        let pairs = pairs.map(|(key, value)| (Key::from_slice(key), value[..].into()));
        let values: HashMap<_, _> = pairs.collect();
        Some(Self {
            keys: values.keys().cloned().collect(),
            values,
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
