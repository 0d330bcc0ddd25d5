//! Values kept once, and what is remembered about them.
//!
//! A state of a system is made of parts (a process, what it has in flight, the application's view) that are
//! few, however many states they make up. Each is kept once and never freed, so that a handle to it is one
//! word that is copied, compared and hashed without looking at the value; and beside it is kept what happens to
//! it under each input, so that this is worked out once. The memory that it takes is bounded by the
//! number of distinct parts and of their steps, which a search meets many times over.
//!
//! Everything is only ever added: whoever reads takes no lock and writes nothing.

use std::fmt::{self, Debug};
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Deref;

use foldhash::{fast, quality};
use once_cell::race::OnceRef;

/// A handle to a value that is kept once, with a memo about it.
///
/// Handles to equal values are equal and hash alike, whoever has made them, and in whichever order.
pub struct Interned<T: 'static, M: 'static = ()>(&'static Kept<T, M>);

struct Kept<T, M> {
    hash: u128,
    value: T,
    memo: M,
}

impl<T: Hash> Interned<T> {
    /// Keeps a value, for ever.
    pub fn new(value: T) -> Self {
        Self::with_memo(value, ())
    }
}

impl<T: Hash, M> Interned<T, M> {
    fn with_memo(value: T, memo: M) -> Self {
        let hash = content_hash(&value);
        Self(Box::leak(Box::new(Kept { hash, value, memo })))
    }
}

impl<T, M> Interned<T, M> {
    /// A number that depends on the value only, and is in practice another for each.
    pub fn content_hash(self) -> u128 {
        self.0.hash
    }

    pub(super) fn memo(self) -> &'static M {
        &self.0.memo
    }
}

/// The same on every run: two hashes, independent of each other.
pub(super) fn content_hash<T: Hash>(value: &T) -> u128 {
    const SEEDS: [u64; 2] = [0x5155_4f52_4154_4521, 0x494e_5445_524e_4544];
    let [high, low] = SEEDS.map(|seed| quality::FixedState::with_seed(seed).hash_one(value));
    u128::from(high) << 64 | u128::from(low)
}

impl<T, M> Clone for Interned<T, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, M> Copy for Interned<T, M> {}

impl<T, M> Deref for Interned<T, M> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: PartialEq, M> PartialEq for Interned<T, M> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0) || (self.0.hash == other.0.hash && **self == **other)
    }
}

impl<T: Eq, M> Eq for Interned<T, M> {}

impl<T, M> Hash for Interned<T, M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.0.hash);
    }
}

impl<T: Debug, M> Debug for Interned<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Keeps each of equal values once.
pub struct Interner<T: 'static, M: 'static>(Table<Interned<T, M>, ()>);

impl<T: Eq + Hash, M> Interner<T, M> {
    /// The handle to this value; if it is new, with this memo.
    pub fn intern(&self, value: T, memo: impl FnOnce(&T) -> M) -> Interned<T, M> {
        let hash = content_hash(&value) as u64;
        if let Some((known, ())) = self.0.find(hash, |known| **known == value) {
            return *known;
        }
        let memo = memo(&value);
        self.0.insert(hash, Interned::with_memo(value, memo), ()).0
    }
}

impl<T, M> Interner<T, M> {
    /// All values that are kept, in no particular order.
    pub fn all(&self) -> Vec<Interned<T, M>> {
        self.0.pairs().into_iter().map(|(kept, ())| *kept).collect()
    }
}

impl<T, M> Default for Interner<T, M> {
    fn default() -> Self {
        Self(Table::default())
    }
}

/// Without its values, which may be millions.
impl<T, M> Debug for Interner<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interner").finish_non_exhaustive()
    }
}

/// Remembers what was worked out for a key.
pub struct Memo<K: 'static, V: 'static>(Table<K, V>);

impl<K: Copy + Eq + Hash, V: Copy> Memo<K, V> {
    /// What belongs to a key: remembered, or else worked out now.
    #[inline]
    pub fn recall(&self, key: K, work_out: impl FnOnce() -> V) -> V {
        let hash = fast::FixedState::default().hash_one(key);
        match self.0.find(hash, |known| *known == key) {
            Some((_, value)) => *value,
            None => self.learn(hash, key, work_out),
        }
    }

    #[cold]
    #[inline(never)]
    fn learn(&self, hash: u64, key: K, work_out: impl FnOnce() -> V) -> V {
        self.0.insert(hash, key, work_out()).1
    }
}

impl<K, V> Memo<K, V> {
    /// All that is remembered, in no particular order.
    pub fn pairs(&self) -> Vec<&'static (K, V)> {
        self.0.pairs()
    }
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Table::default())
    }
}

/// What is remembered is nobody's business.
impl<K, V> Debug for Memo<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}

const ROOTS: usize = 16;
const BRANCHES: usize = 4;

/// An insert-only hash table that is read without locks: trees whose branches are chosen by the bits of
/// the hash.
struct Table<K: 'static, V: 'static> {
    roots: [Branch<K, V>; ROOTS],
}

type Branch<K, V> = OnceRef<'static, Entry<K, V>>;

struct Entry<K: 'static, V: 'static> {
    hash: u64,
    pair: (K, V),
    branches: [Branch<K, V>; BRANCHES],
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            roots: Default::default(),
        }
    }
}

impl<K, V> Table<K, V> {
    fn find(&self, hash: u64, is_it: impl Fn(&K) -> bool) -> Option<&'static (K, V)> {
        self.descend(hash, is_it).ok()
    }

    /// Adds a pair, unless another thread has added an equal key meanwhile. Returns the one that counts.
    fn insert(&self, hash: u64, key: K, value: V) -> &'static (K, V)
    where
        K: PartialEq,
    {
        let entry: &'static _ = Box::leak(Box::new(Entry {
            hash,
            pair: (key, value),
            branches: Default::default(),
        }));
        loop {
            match self.descend(hash, |known| *known == entry.pair.0) {
                Ok(pair) => return pair,
                // If somebody else takes the place, its branches are next.
                Err(place) => drop(place.set(entry)),
            }
        }
    }

    /// All pairs, in no particular order.
    fn pairs(&self) -> Vec<&'static (K, V)> {
        let mut pairs = Vec::new();
        let mut open: Vec<&'static Entry<K, V>> =
            self.roots.iter().filter_map(Branch::get).collect();
        while let Some(entry) = open.pop() {
            pairs.push(&entry.pair);
            open.extend(entry.branches.iter().filter_map(Branch::get));
        }
        pairs
    }

    /// The pair of this key, or the place where it belongs.
    fn descend(
        &self,
        hash: u64,
        is_it: impl Fn(&K) -> bool,
    ) -> Result<&'static (K, V), &Branch<K, V>> {
        let mut branch = &self.roots[hash as usize % ROOTS];
        let mut path = hash as usize / ROOTS;
        while let Some(entry) = branch.get() {
            if entry.hash == hash && is_it(&entry.pair.0) {
                return Ok(&entry.pair);
            }
            branch = &entry.branches[path % BRANCHES];
            path /= BRANCHES;
        }
        Err(branch)
    }
}
