//! The states that a search has visited: a fingerprint and a number for each.
//!
//! States get their numbers level by level, and within a level in the order of their fingerprints, so
//! that numbers do not depend on threads. While a level is being generated, its new states have
//! provisional numbers.

use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use foldhash::quality::FixedState;

/// What a state is known by: uniform bits, the same in every run. Two states with equal ones are taken for
/// one.
pub trait Fingerprint: Copy + Eq + Ord + Send + Sync {
    /// How many bits it has.
    const BITS: u32;
    /// Its form in memory.
    type Words: Copy + Default + Eq + Send + Sync;

    /// The fingerprint of a state.
    fn of<S: Hash>(state: &S) -> Self;
    /// Its upper 64 bits.
    fn upper(self) -> u64;
    /// To its form in memory.
    fn to_words(self) -> Self::Words;
    /// From its form in memory.
    fn from_words(words: Self::Words) -> Self;
}

const SEED: u64 = 0x5155_4f52_4154_4521;

fn hash<S: Hash>(seed: u64, state: &S) -> u64 {
    FixedState::with_seed(seed).hash_one(state)
}

impl Fingerprint for u64 {
    const BITS: u32 = 64;
    type Words = [u32; 2];

    fn of<S: Hash>(state: &S) -> Self {
        hash(SEED, state)
    }
    fn upper(self) -> u64 {
        self
    }
    fn to_words(self) -> [u32; 2] {
        [(self >> 32) as u32, self as u32]
    }
    fn from_words([upper, lower]: [u32; 2]) -> Self {
        u64::from(upper) << 32 | u64::from(lower)
    }
}

impl Fingerprint for u128 {
    const BITS: u32 = 128;
    type Words = [u32; 4];

    fn of<S: Hash>(state: &S) -> Self {
        u128::from(hash(SEED, state)) << 64 | u128::from(hash(!SEED, state))
    }
    fn upper(self) -> u64 {
        (self >> 64) as u64
    }
    fn to_words(self) -> [u32; 4] {
        [96, 64, 32, 0].map(|shift| (self >> shift) as u32)
    }
    fn from_words(words: [u32; 4]) -> Self {
        words
            .iter()
            .fold(0, |all, &word| all << 32 | u128::from(word))
    }
}

/// A state's number, or a provisional one if it is new on the level that is being generated.
pub type Number = u32;

/// How many states a search can number.
pub const NUMBERS_MAX: usize = (1 << 31) - 1;
const PROVISIONAL: Number = 1 << 31;
const VACANT: Number = Number::MAX;
const SHARD_BITS: u32 = 8;
const SHARDS: usize = 1 << SHARD_BITS;

/// A table that is this full grows …
const LOAD_MAX: f64 = 0.85;
/// … by this factor: little, for what a table has free it takes from the states.
const GROWTH: f64 = 1.2;
const CAPACITY_MIN: usize = 8;

#[derive(Clone, Copy)]
struct Entry<F: Fingerprint> {
    fingerprint: F::Words,
    number: Number,
}

/// A new state of the level that is being generated.
#[derive(Clone, Copy)]
struct Fresh<F> {
    fingerprint: F,
    /// The smallest number of a state from which it was reached.
    parent: Number,
}

/// A table of its own for each part of the fingerprints' range, so that threads rarely meet, and only a
/// small part is there twice while it grows. Places are in the order of fingerprints, and collisions go
/// to the next.
#[repr(align(64))]
struct Shard<F: Fingerprint> {
    entries: Vec<Entry<F>>,
    len: usize,
    grows_at: usize,
    fresh: Vec<Fresh<F>>,
}

impl<F: Fingerprint> Shard<F> {
    fn new() -> Self {
        Self {
            entries: Vec::new(),
            len: 0,
            grows_at: 0,
            fresh: Vec::new(),
        }
    }

    /// The entry of a fingerprint, or the vacant one where it belongs.
    fn find(&self, fingerprint: F) -> usize {
        let words = fingerprint.to_words();
        let capacity = self.entries.len();
        let place = u128::from(fingerprint.upper() << SHARD_BITS) * capacity as u128;
        let mut at = (place >> 64) as usize;
        loop {
            let entry = &self.entries[at];
            if entry.number == VACANT || entry.fingerprint == words {
                return at;
            }
            at += 1;
            if at == capacity {
                at = 0;
            }
        }
    }

    /// Grows if it must to take one more. Returns by how many bytes, and how many more it takes
    /// meanwhile.
    fn reserve(&mut self) -> Option<(usize, usize)> {
        if self.len < self.grows_at {
            return None;
        }
        let old = self.entries.len();
        let new = ((old as f64 * GROWTH) as usize).max(old + CAPACITY_MIN);
        let vacant = Entry {
            fingerprint: F::Words::default(),
            number: VACANT,
        };
        let old_entries = std::mem::replace(&mut self.entries, vec![vacant; new]);
        self.grows_at = (new as f64 * LOAD_MAX) as usize;
        for entry in old_entries.into_iter().filter(|e| e.number != VACANT) {
            let at = self.find(F::from_words(entry.fingerprint));
            self.entries[at] = entry;
        }
        let bytes = size_of::<Entry<F>>();
        Some(((new - old) * bytes, old * bytes))
    }

    /// Numbers the new states from `first` on, in the order of their fingerprints. Returns the number
    /// of each in the order in which they came, and their parents in the order of their numbers.
    fn settle(&mut self, first: usize) -> (Vec<Number>, Vec<Number>) {
        let fresh = std::mem::take(&mut self.fresh);
        let mut order: Vec<u32> = (0..fresh.len() as u32).collect();
        order.sort_unstable_by_key(|&at| fresh[at as usize].fingerprint);
        let mut numbers = vec![0; fresh.len()];
        let mut parents = Vec::with_capacity(fresh.len());
        for (number, at) in (first as Number..).zip(order) {
            let Fresh {
                fingerprint,
                parent,
            } = fresh[at as usize];
            let entry = self.find(fingerprint);
            self.entries[entry].number = number;
            numbers[at as usize] = number;
            parents.push(parent);
        }
        (numbers, parents)
    }
}

/// What a visit finds.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// The state's number, provisional if it is of the level that is being generated.
    pub number: Number,
    /// Whether the state was never visited before.
    pub is_new: bool,
}

/// The final numbers of a level's new states.
pub struct Level {
    numbers: Vec<Vec<Number>>,
    /// Where each is reached from, in the order of their numbers.
    pub parents: Vec<Vec<Number>>,
}

impl Level {
    /// The number of a state that had this one while the level was generated.
    pub fn number(&self, number: Number) -> Number {
        if number & PROVISIONAL == 0 {
            return number;
        }
        let at = (number & !PROVISIONAL) as usize;
        self.numbers[at % SHARDS][at / SHARDS]
    }
}

/// A concurrent table of visits.
pub struct Visited<F: Fingerprint> {
    shards: Vec<Mutex<Shard<F>>>,
    bytes: AtomicUsize,
    bytes_peak: AtomicUsize,
}

impl<F: Fingerprint> Visited<F> {
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(Shard::new())).collect(),
            bytes: AtomicUsize::new(0),
            bytes_peak: AtomicUsize::new(0),
        }
    }

    /// Notes that a state is reached from a parent on the level before. Of the parents on that level the
    /// one with the smallest number is kept.
    pub fn visit(&self, fingerprint: F, parent: Number) -> Visit {
        let index = shard_of(fingerprint);
        let mut shard = self.shard(index);
        if let Some((more, meanwhile)) = shard.reserve() {
            let bytes = self.bytes.fetch_add(more, Ordering::Relaxed) + more;
            self.bytes_peak
                .fetch_max(bytes + meanwhile, Ordering::Relaxed);
        }
        let at = shard.find(fingerprint);
        let number = shard.entries[at].number;
        if number == VACANT {
            let number = PROVISIONAL | (shard.fresh.len() * SHARDS + index) as Number;
            shard.fresh.push(Fresh {
                fingerprint,
                parent,
            });
            shard.entries[at] = Entry {
                fingerprint: fingerprint.to_words(),
                number,
            };
            shard.len += 1;
            return Visit {
                number,
                is_new: true,
            };
        }
        if number & PROVISIONAL != 0 {
            let fresh = &mut shard.fresh[(number & !PROVISIONAL) as usize / SHARDS];
            fresh.parent = fresh.parent.min(parent);
        }
        Visit {
            number,
            is_new: false,
        }
    }

    /// The number of a visited state, when its level has been settled.
    pub fn number(&self, fingerprint: F) -> Option<Number> {
        let shard = self.shard(shard_of(fingerprint));
        if shard.len == 0 {
            return None;
        }
        let number = shard.entries[shard.find(fingerprint)].number;
        (number != VACANT).then_some(number)
    }

    /// Ends a level, and numbers its new states from `first` on.
    pub fn settle(&self, first: usize, threads: usize) -> Level {
        let mut next = first;
        let firsts = (0..SHARDS).map(|index| {
            let first = next;
            next += self.shard(index).fresh.len();
            first
        });
        let firsts: Vec<usize> = firsts.collect();
        let settle = &|indices: std::ops::Range<usize>| -> Vec<(Vec<Number>, Vec<Number>)> {
            let settled = indices.map(|index| self.shard(index).settle(firsts[index]));
            settled.collect()
        };
        // A small level is not worth a thread.
        let threads = threads.clamp(1, 1 + (next - first) / 4096).min(SHARDS);
        let part = SHARDS.div_ceil(threads);
        let part = &|thread: usize| thread * part..SHARDS.min((thread + 1) * part);
        let parts = std::thread::scope(|scope| {
            let spawn = |thread| scope.spawn(move || settle(part(thread)));
            let others: Vec<_> = (1..threads).map(spawn).collect();
            let mut parts = settle(part(0));
            for other in others {
                parts.extend(other.join().expect("numbering does not panic"));
            }
            parts
        });
        let (numbers, parents) = parts.into_iter().unzip();
        Level { numbers, parents }
    }

    /// How many bytes the table has taken at most.
    pub fn bytes_peak(&self) -> usize {
        self.bytes_peak.load(Ordering::Relaxed) + size_of::<Mutex<Shard<F>>>() * SHARDS
    }

    fn shard(&self, index: usize) -> MutexGuard<'_, Shard<F>> {
        self.shards[index]
            .lock()
            .expect("no worker panics while it holds a shard")
    }
}

fn shard_of<F: Fingerprint>(fingerprint: F) -> usize {
    (fingerprint.upper() >> (64 - SHARD_BITS)) as usize
}
