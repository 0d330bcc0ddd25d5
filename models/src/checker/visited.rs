//! The states that a search has visited: fingerprint, depth and parent of each.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::sync::{Mutex, MutexGuard};

use foldhash::quality::FixedState;

/// A state's 64-bit fingerprint. Two states with equal ones are taken for one.
pub type Fingerprint = u64;

/// The fingerprint of a state: the same on every run.
pub fn fingerprint<S: Hash>(state: &S) -> Fingerprint {
    FixedState::with_seed(0x5155_4f52_4154_4521).hash_one(state)
}

/// Fingerprints are uniform already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, _: &[u8]) {
        unreachable!("fingerprints are hashed by write_u64");
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Clone, Copy)]
struct Visit {
    /// Its own fingerprint, of an initial state.
    parent: Fingerprint,
    depth: u32,
}

type Shard = HashMap<Fingerprint, Visit, BuildHasherDefault<Identity>>;

/// A concurrent table of visits.
pub struct Visited {
    shards: Vec<Mutex<Shard>>,
}

const SHARDS: u64 = 256;

impl Visited {
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Notes that a state is reached from a parent at a depth, and returns whether it is new. Levels are
    /// visited in order, so a state that is not new was reached at this depth or before it; at this
    /// depth the smallest parent wins.
    pub fn insert(&self, state: Fingerprint, parent: Fingerprint, depth: u32) -> bool {
        let mut is_new = false;
        let mut shard = self.shard(state);
        let visit = shard.entry(state).or_insert_with(|| {
            is_new = true;
            Visit { parent, depth }
        });
        if visit.depth == depth && parent < visit.parent {
            visit.parent = parent;
        }
        is_new
    }

    /// The fingerprints on the way from an initial state to this one.
    pub fn way(&self, state: Fingerprint) -> Vec<Fingerprint> {
        let mut way = vec![state];
        let mut at = state;
        loop {
            let visit = self.shard(at)[&at];
            // The depth, and not the parent, tells an initial state: 1.
            if visit.depth == 1 {
                break;
            }
            at = visit.parent;
            way.push(at);
        }
        way.reverse();
        way
    }

    // Shards use the upper bits, the tables in them the lower ones.
    fn shard(&self, state: Fingerprint) -> MutexGuard<'_, Shard> {
        let index = (state >> 48) % SHARDS;
        self.shards[index as usize]
            .lock()
            .expect("no worker panics while it holds a shard")
    }
}
