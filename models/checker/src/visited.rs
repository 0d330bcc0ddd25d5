//! The states that a search has visited: a fingerprint and a number for each.
//!
//! States get their numbers level by level, and within a level in the order of their fingerprints, so
//! that numbers do not depend on threads. While a level is being generated, its new states have
//! provisional numbers.

use std::hash::{BuildHasher, Hash};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard};

use foldhash::quality::FixedState;

use crate::FingerprintBits;

/// A state's fingerprint: uniform bits, the same in every run, the highest of them if fewer than 128 are wanted. Two states
/// with equal ones are taken for one.
pub type Fingerprint = u128;

/// As many bits of fingerprints as a table stores.
trait Stored: Copy + Eq + Ord + Send + Sync {
    /// Its form in memory.
    type Words: AsRef<[AtomicU32]> + Send + Sync;

    /// The part of a fingerprint that a table stores.
    fn of(fingerprint: Fingerprint) -> Self;
    /// Its upper 64 bits.
    fn upper(self) -> u64;
    /// Its 32-bit words, the lowest first.
    fn word(self, at: usize) -> u32;
    /// A place for its words.
    fn vacant() -> Self::Words;
    /// What stands in a place.
    fn read(words: &Self::Words) -> Self;
}

const SEED: u64 = 0x5155_4f52_4154_4521;

fn hash<S: Hash>(seed: u64, state: &S) -> u64 {
    FixedState::with_seed(seed).hash_one(state)
}

impl Stored for u64 {
    type Words = [AtomicU32; 2];

    fn of(fingerprint: Fingerprint) -> Self {
        (fingerprint >> 64) as u64
    }
    fn upper(self) -> u64 {
        self
    }
    fn word(self, at: usize) -> u32 {
        (self >> (32 * at)) as u32
    }
    fn vacant() -> Self::Words {
        Default::default()
    }
    fn read(words: &Self::Words) -> Self {
        (words.iter().rev()).fold(0, |all, w| {
            all << 32 | Self::from(w.load(Ordering::Relaxed))
        })
    }
}

impl Stored for u128 {
    type Words = [AtomicU32; 4];

    fn of(fingerprint: Fingerprint) -> Self {
        fingerprint
    }
    fn upper(self) -> u64 {
        (self >> 64) as u64
    }
    fn word(self, at: usize) -> u32 {
        (self >> (32 * at)) as u32
    }
    fn vacant() -> Self::Words {
        Default::default()
    }
    fn read(words: &Self::Words) -> Self {
        (words.iter().rev()).fold(0, |all, w| {
            all << 32 | Self::from(w.load(Ordering::Relaxed))
        })
    }
}

/// A state's number, or a provisional one if it is new on the level that is being generated.
pub type Number = u32;

/// How many states a search can number.
pub const NUMBERS_MAX: usize = (1 << 31) - 1;
const PROVISIONAL: Number = 1 << 31;
const VACANT: Number = Number::MAX;
const SHARD_BITS: u32 = 7;
const SHARDS: usize = 1 << SHARD_BITS;

/// A table that is this full grows …
const LOAD_MAX: f64 = 0.85;
/// … by this factor: little, for what a table has free it takes from the states.
const GROWTH: f64 = 1.2;
/// All wait while tables grow; with one that is full grow those of which no larger part is free than this.
const FREE_PART: usize = 32;
const CAPACITY_MIN: usize = 8;

/// A place of a table. It is read without a lock: its number is written last, and as long as that is
/// vacant nothing else counts.
struct Entry<F: Stored> {
    fingerprint: F::Words,
    number: AtomicU32,
    /// Of a new state: the smallest number of a state from which it was reached.
    parent: AtomicU32,
}

impl<F: Stored> Entry<F> {
    fn vacant() -> Self {
        Self {
            fingerprint: F::vacant(),
            number: AtomicU32::new(VACANT),
            parent: AtomicU32::new(0),
        }
    }

    fn has(&self, fingerprint: F) -> bool {
        let words = self.fingerprint.as_ref().iter().enumerate();
        let mut words =
            words.map(|(at, word)| (word.load(Ordering::Relaxed), fingerprint.word(at)));
        words.all(|(word, wanted)| word == wanted)
    }

    fn fill(&self, fingerprint: F, number: Number, parent: Number) {
        for (at, word) in self.fingerprint.as_ref().iter().enumerate() {
            word.store(fingerprint.word(at), Ordering::Relaxed);
        }
        self.parent.store(parent, Ordering::Relaxed);
        self.number.store(number, Ordering::Release);
    }
}

/// A table of its own for each part of the fingerprints' range, so that threads rarely meet, and only a
/// small part is there twice while it grows. Places are in the order of fingerprints, and collisions go
/// to the next.
struct Shard<F: Stored> {
    entries: Vec<Entry<F>>,
    /// How many entries it may have.
    room: usize,
    /// Whoever adds an entry holds this.
    filling: Apart<Mutex<Filling<F>>>,
    /// When no more states are visited: all of them, in the order of their fingerprints.
    packed: (Vec<F>, Vec<Number>),
}

struct Filling<F> {
    /// How many entries there are.
    len: usize,
    /// The new states of the level that is being generated, as they came.
    fresh: Vec<F>,
}

/// In cache lines of its own, so that writing it does not disturb those who read what stands beside it.
#[repr(align(128))]
struct Apart<T>(T);

/// There is no room for another entry.
struct Full;

impl<F: Stored> Shard<F> {
    fn new() -> Self {
        Self {
            entries: Vec::new(),
            room: 0,
            filling: Apart(Mutex::new(Filling {
                len: 0,
                fresh: Vec::new(),
            })),
            packed: (Vec::new(), Vec::new()),
        }
    }

    /// Where a fingerprint belongs, if nothing else stands there.
    fn place(&self, fingerprint: F) -> usize {
        let place = u128::from(fingerprint.upper() << SHARD_BITS) * self.entries.len() as u128;
        (place >> 64) as usize
    }

    /// The entry of a fingerprint and its number, or the vacant one where it is to stand, from a place
    /// on. None if there are no entries.
    fn find(&self, fingerprint: F, mut at: usize) -> Option<(usize, Number)> {
        loop {
            let entry = self.entries.get(at)?;
            let number = entry.number.load(Ordering::Acquire);
            if number == VACANT || entry.has(fingerprint) {
                return Some((at, number));
            }
            at += 1;
            if at == self.entries.len() {
                at = 0;
            }
        }
    }

    fn visit(&self, fingerprint: F, parent: Number, index: usize) -> Result<Visit, Full> {
        let found = self.find(fingerprint, self.place(fingerprint));
        let (mut at, mut number) = found.ok_or(Full)?;
        if number == VACANT {
            let mut filling = self.filling();
            // Somebody may have come first.
            (at, number) = self.find(fingerprint, at).ok_or(Full)?;
            if number == VACANT {
                if filling.len == self.room {
                    return Err(Full);
                }
                number = PROVISIONAL | (filling.fresh.len() * SHARDS + index) as Number;
                self.entries[at].fill(fingerprint, number, parent);
                filling.fresh.push(fingerprint);
                filling.len += 1;
                return Ok(Visit {
                    number,
                    is_new: true,
                });
            }
        }
        if number & PROVISIONAL != 0 {
            let smallest = &self.entries[at].parent;
            if parent < smallest.load(Ordering::Relaxed) {
                smallest.fetch_min(parent, Ordering::Relaxed);
            }
        }
        Ok(Visit {
            number,
            is_new: false,
        })
    }

    /// How many more entries it may have.
    fn free(&self) -> usize {
        self.room - self.filling().len
    }

    /// Grows. Returns by how many bytes, and how many more it took meanwhile.
    fn grow(&mut self) -> (usize, usize) {
        let old = self.entries.len();
        let new = ((old as f64 * GROWTH) as usize).max(old + CAPACITY_MIN);
        let vacant = (0..new).map(|_| Entry::vacant()).collect();
        let entries = std::mem::replace(&mut self.entries, vacant);
        self.room = (new as f64 * LOAD_MAX) as usize;
        for entry in entries {
            let number = entry.number.into_inner();
            if number != VACANT {
                let fingerprint = F::read(&entry.fingerprint);
                let place = self.place(fingerprint);
                if let Some((at, _)) = self.find(fingerprint, place) {
                    self.entries[at].fill(fingerprint, number, entry.parent.into_inner());
                }
            }
        }
        let bytes = size_of::<Entry<F>>();
        ((new - old) * bytes, old * bytes)
    }

    /// Numbers the new states from `first` on, in the order of their fingerprints. Returns the number
    /// of each in the order in which they came, and their parents in the order of their numbers.
    fn settle(&self, first: usize) -> (Vec<Number>, Vec<Number>) {
        let fresh = std::mem::take(&mut self.filling().fresh);
        let mut order: Vec<(F, u32)> = fresh.into_iter().zip(0..).collect();
        order.sort_unstable();
        let mut numbers = vec![0; order.len()];
        let mut parents = Vec::with_capacity(order.len());
        for (number, (fingerprint, came)) in (first as Number..).zip(order) {
            let found = self.find(fingerprint, self.place(fingerprint));
            let (at, _) = found.expect("a new state has an entry");
            self.entries[at].number.store(number, Ordering::Relaxed);
            parents.push(self.entries[at].parent.load(Ordering::Relaxed));
            numbers[came as usize] = number;
        }
        (numbers, parents)
    }

    /// Gives back what the table has free. Returns how many bytes are left.
    fn pack(&mut self) -> usize {
        let entries = std::mem::take(&mut self.entries).into_iter();
        let entries = entries.map(|e| (F::read(&e.fingerprint), e.number.into_inner()));
        let mut packed: Vec<_> = entries.filter(|(_, number)| *number != VACANT).collect();
        packed.sort_unstable();
        self.room = 0;
        self.packed = packed.iter().copied().unzip();
        self.packed.0.shrink_to_fit();
        self.packed.1.shrink_to_fit();
        packed.len() * (size_of::<F>() + size_of::<Number>())
    }

    fn number(&self, fingerprint: F) -> Option<Number> {
        let (fingerprints, numbers) = &self.packed;
        if let Ok(at) = fingerprints.binary_search(&fingerprint) {
            return Some(numbers[at]);
        }
        let (_, number) = self.find(fingerprint, self.place(fingerprint))?;
        (number != VACANT).then_some(number)
    }

    fn filling(&self) -> MutexGuard<'_, Filling<F>> {
        let filling = self.filling.0.lock();
        filling.expect("no worker panics while it fills an entry")
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

/// The states that were visited, known by so many bits: a table for either number.
pub struct Visited(Bits<Table<u64>, Table<u128>>);

/// Visits states. Nothing grows while there is another.
pub struct Visitor<'a>(Bits<TableVisitor<'a, u64>, TableVisitor<'a, u128>>);

enum Bits<T64, T128> {
    Bits64(T64),
    Bits128(T128),
}

/// The same of either table.
macro_rules! of_either {
    ($bits:expr, $fingerprint:ident: $known:expr, |$table:ident| $does:expr) => {
        match $bits {
            Bits::Bits64($table) => {
                let $fingerprint = u64::of($known);
                $does
            }
            Bits::Bits128($table) => {
                let $fingerprint = u128::of($known);
                $does
            }
        }
    };
    ($bits:expr, |$table:ident| $does:expr) => {
        match $bits {
            Bits::Bits64($table) => $does,
            Bits::Bits128($table) => $does,
        }
    };
}

impl Visited {
    /// No states, each of which is known by so many bits.
    pub fn new(bits: FingerprintBits) -> Self {
        Self(match bits {
            FingerprintBits::Bits64 => Bits::Bits64(Table::new()),
            FingerprintBits::Bits128 => Bits::Bits128(Table::new()),
        })
    }

    /// The fingerprint of a state.
    pub fn fingerprint<S: Hash>(&self, state: &S) -> Fingerprint {
        let upper = Fingerprint::from(hash(SEED, state)) << 64;
        match self.0 {
            Bits::Bits64(_) => upper,
            Bits::Bits128(_) => upper | Fingerprint::from(hash(!SEED, state)),
        }
    }

    /// Begins to visit.
    pub fn visitor(&self) -> Visitor<'_> {
        Visitor(match &self.0 {
            Bits::Bits64(table) => Bits::Bits64(table.visitor()),
            Bits::Bits128(table) => Bits::Bits128(table.visitor()),
        })
    }

    /// The number of a visited state, when its level has been settled.
    pub fn number(&self, fingerprint: Fingerprint) -> Option<Number> {
        of_either!(&self.0, stored: fingerprint, |table| table.number(stored))
    }

    /// Gives back what the table has free, when no more states are visited. Returns how many bytes are
    /// left.
    pub fn pack(&self) -> usize {
        of_either!(&self.0, |table| table.pack())
    }

    /// Ends a level, and numbers its new states from `first` on.
    pub fn settle(&self, first: usize, threads: usize) -> Level {
        of_either!(&self.0, |table| table.settle(first, threads))
    }

    /// How many bytes the table has taken at most.
    pub fn bytes_peak(&self) -> usize {
        of_either!(&self.0, |table| table.bytes_peak())
    }
}

impl Visitor<'_> {
    /// Notes that a state is reached from a parent on the level before. Of the parents on that level the
    /// one with the smallest number is kept.
    pub fn visit(&mut self, fingerprint: Fingerprint, parent: Number) -> Visit {
        of_either!(&mut self.0, stored: fingerprint, |visitor| visitor.visit(stored, parent))
    }
}

/// A concurrent table of visits, which stores so many bits of fingerprints.
struct Table<F: Stored> {
    /// Locked for writing only while a shard grows.
    shards: RwLock<Vec<Shard<F>>>,
    bytes: AtomicUsize,
    bytes_peak: AtomicUsize,
}

/// Visits states of a table.
struct TableVisitor<'a, F: Stored> {
    table: &'a Table<F>,
    shards: Option<RwLockReadGuard<'a, Vec<Shard<F>>>>,
}

const NOT_POISONED: &str = "no worker panics while a table grows";

impl<F: Stored> Table<F> {
    fn new() -> Self {
        Self {
            shards: RwLock::new((0..SHARDS).map(|_| Shard::new()).collect()),
            bytes: AtomicUsize::new(0),
            bytes_peak: AtomicUsize::new(0),
        }
    }

    fn visitor(&self) -> TableVisitor<'_, F> {
        TableVisitor {
            table: self,
            shards: Some(self.shards()),
        }
    }

    fn number(&self, fingerprint: F) -> Option<Number> {
        self.shards()[shard_of(fingerprint)].number(fingerprint)
    }

    fn pack(&self) -> usize {
        let mut shards = self.shards.write().expect(NOT_POISONED);
        shards.iter_mut().map(Shard::pack).sum()
    }

    fn settle(&self, first: usize, threads: usize) -> Level {
        let shards = &*self.shards();
        let mut next = first;
        let firsts = shards.iter().map(|shard| {
            let first = next;
            next += shard.filling().fresh.len();
            first
        });
        let firsts: Vec<usize> = firsts.collect();
        let settle = &|indices: Range<usize>| -> Vec<(Vec<Number>, Vec<Number>)> {
            let settled = indices.map(|index| shards[index].settle(firsts[index]));
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

    fn bytes_peak(&self) -> usize {
        self.bytes_peak.load(Ordering::Relaxed) + size_of::<Shard<F>>() * SHARDS
    }

    fn shards(&self) -> RwLockReadGuard<'_, Vec<Shard<F>>> {
        self.shards.read().expect(NOT_POISONED)
    }

    fn grow(&self, index: usize) {
        let mut shards = self.shards.write().expect(NOT_POISONED);
        if shards[index].free() > 0 {
            return;
        }
        // Fingerprints are uniform: where one part is full, most are soon.
        for shard in &mut *shards {
            if shard.free() > shard.room / FREE_PART {
                continue;
            }
            let (more, meanwhile) = shard.grow();
            let bytes = self.bytes.fetch_add(more, Ordering::Relaxed) + more;
            self.bytes_peak
                .fetch_max(bytes + meanwhile, Ordering::Relaxed);
        }
    }
}

impl<F: Stored> TableVisitor<'_, F> {
    fn visit(&mut self, fingerprint: F, parent: Number) -> Visit {
        let index = shard_of(fingerprint);
        loop {
            let table = self.table;
            let shards = self.shards.get_or_insert_with(|| table.shards());
            match shards[index].visit(fingerprint, parent, index) {
                Ok(visit) => return visit,
                Err(Full) => {
                    self.shards = None;
                    table.grow(index);
                }
            }
        }
    }
}

fn shard_of<F: Stored>(fingerprint: F) -> usize {
    (fingerprint.upper() >> (64 - SHARD_BITS)) as usize
}
