//! The log: entries in batches that are shared with messages and records, terms by run.
//!
//! An entry has neither term nor index of its own: a batch has one term for all, and a place. What a leader takes in one
//! step is one batch, and nobody copies it again: the log, messages to followers, records, and in one process
//! the followers' logs, hold the same memory.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt::{self, Debug};
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use derive_where::derive_where;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::display::write_command;
use super::{Index, Origin, Term};
use crate::protocol::Data;

/// A place in a log: two logs that have the same position agree up to it (Log Matching, §5.3). The later of two is the
/// more up to date (§5.4.1).
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Position {
    /// The term in which a leader took the entry; 0 before the first.
    pub term: Term,
    /// The entry's index, from 1; 0 before the first.
    pub index: Index,
}

impl Position {
    /// The higher of its numbers.
    pub(super) fn highest(&self) -> u64 {
        self.term.max(self.index)
    }
}

/// What a log consists of.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Entry<C> {
    /// Nothing: a leader begins its term with it, so that it has an entry of its own to commit (§8).
    NoOp,
    /// A client opens a session.
    OpenSession {
        /// By which the client knows the reply.
        ticket: u64,
        /// How many sessions stay open when this entry is applied: the limit of the leader that appended it
        /// ([`Limits::sessions_max`](super::Limits::sessions_max)). It is replicated, so that servers with other limits
        /// of their own end the same sessions.
        sessions_max: u64,
    },
    /// The state machine shall do something.
    Command {
        /// Whose it is. Without, nobody is answered, and nobody notices that it is repeated.
        origin: Option<Origin>,
        /// What.
        command: C,
    },
}

/// Some entries of one term, in order: a part of what somebody took in one step.
///
/// Small, for it is moved with every message: what it points to is where the entries lie.
#[derive_where(Clone)]
pub struct Batch<C> {
    taken: Arc<Taken<C>>,
    begin: usize,
    end: usize,
}

/// What somebody took in one step.
struct Taken<C> {
    term: Term,
    entries: Vec<Entry<C>>,
}

/// Entries that follow each other, of any terms: what a message carries, and a record.
#[derive_where(Clone)]
#[derive(Serialize)]
#[serde(bound(serialize = "C: Serialize"), transparent)]
pub struct Entries<C>(SmallVec<[Batch<C>; 1]>);

impl<C> Batch<C> {
    /// These entries, of this term.
    pub fn new(term: Term, entries: Vec<Entry<C>>) -> Self {
        Self {
            begin: 0,
            end: entries.len(),
            taken: Arc::new(Taken { term, entries }),
        }
    }

    /// Their term.
    pub fn term(&self) -> Term {
        self.taken.term
    }

    /// Those from `begin` on, and before `end`: counted from the first of this batch.
    fn part(&self, begin: usize, end: usize) -> Self {
        Self {
            taken: Arc::clone(&self.taken),
            begin: self.begin + begin,
            end: self.begin + end,
        }
    }
}

impl<C> Deref for Batch<C> {
    type Target = [Entry<C>];

    fn deref(&self) -> &[Entry<C>] {
        &self.taken.entries[self.begin..self.end]
    }
}

/// The log behind its last snapshot.
#[derive_where(Clone)]
pub struct Log<C> {
    before: Position,
    last: Position,
    /// Each with the index of its first entry. None is empty.
    batches: VecDeque<(Index, Batch<C>)>,
}

impl<C> Default for Log<C> {
    fn default() -> Self {
        Self::after(Position::default())
    }
}

impl<C> Log<C> {
    /// A log without entries, behind a snapshot that ends there.
    pub fn after(before: Position) -> Self {
        Self {
            before,
            last: before,
            batches: VecDeque::new(),
        }
    }

    /// Where the snapshot ends: the position before the first entry.
    pub fn before(&self) -> Position {
        self.before
    }

    /// The position of the last entry, or where the snapshot ends.
    pub fn last(&self) -> Position {
        self.last
    }

    /// The place of the batch that has this index.
    fn place(&self, index: Index) -> Option<usize> {
        if index <= self.before.index || index > self.last.index {
            return None;
        }
        let starts_before = |(first, _): &(Index, Batch<C>)| *first <= index;
        let is_behind = |place: &usize| starts_before(&self.batches[*place]);
        // Mostly it is about the end.
        let last = self.batches.len() - 1;
        let at_end = Some(last).filter(is_behind);
        let at_end = at_end.or_else(|| last.checked_sub(1).filter(is_behind));
        Some(at_end.unwrap_or_else(|| self.batches.partition_point(starts_before) - 1))
    }

    /// The batches from this place on.
    fn batches_from(&self, place: usize) -> impl Iterator<Item = &(Index, Batch<C>)> {
        (place..self.batches.len()).map(|place| &self.batches[place])
    }

    /// The term of the entry at this index, if it is known: that at the end of the snapshot is.
    pub fn term(&self, index: Index) -> Option<Term> {
        if index == self.last.index {
            return Some(self.last.term);
        }
        if index == self.before.index {
            return Some(self.before.term);
        }
        self.place(index).map(|place| self.batches[place].1.term())
    }

    /// The first index of the run of entries that have the same term as the one at this index.
    pub fn first_of_run(&self, index: Index) -> Option<Index> {
        let mut place = self.place(index)?;
        let term = self.batches[place].1.term();
        while place > 0 && self.batches[place - 1].1.term() == term {
            place -= 1;
        }
        Some(self.batches[place].0)
    }

    /// The last index of this term, if there is one.
    pub fn last_of_term(&self, term: Term) -> Option<Index> {
        let end = self
            .batches
            .partition_point(|(_, batch)| batch.term() <= term);
        let (first, batch) = self.batches.get(end.checked_sub(1)?)?;
        (batch.term() == term).then(|| first + batch.len() as Index - 1)
    }

    /// The first index at which this log and these entries, the first of which comes at `first`, have entries of
    /// different terms.
    pub fn conflict(&self, first: Index, entries: &Entries<C>) -> Option<Index> {
        let mut index = first;
        for batch in &entries.0 {
            let next = index + batch.len() as Index;
            for index in index..next.min(self.last.index + 1) {
                // What the snapshot covers is committed, and the same everywhere.
                if index > self.before.index && self.term(index) != Some(batch.term()) {
                    return Some(index);
                }
            }
            index = next;
        }
        None
    }

    /// Puts a batch at the end.
    pub fn append(&mut self, batch: Batch<C>) {
        if batch.is_empty() {
            return;
        }
        let first = self.last.index + 1;
        self.last = Position {
            term: batch.term(),
            index: self.last.index + batch.len() as Index,
        };
        self.batches.push_back((first, batch));
    }

    /// Puts entries at the end.
    pub fn extend(&mut self, entries: &Entries<C>) {
        entries
            .0
            .iter()
            .for_each(|batch| self.append(batch.clone()));
    }

    /// Drops what comes behind this index.
    pub fn truncate(&mut self, index: Index) {
        while let Some((first, batch)) = self.batches.back_mut() {
            let kept = (index + 1).saturating_sub(*first);
            if kept >= batch.len() as Index {
                break;
            }
            if kept > 0 {
                *batch = batch.part(0, kept as usize);
                break;
            }
            self.batches.pop_back();
        }
        self.last = self
            .batches
            .back()
            .map_or(self.before, |(first, batch)| Position {
                term: batch.term(),
                index: first + batch.len() as Index - 1,
            });
    }

    /// Drops what a snapshot covers that ends there. What comes behind is kept.
    pub fn compact(&mut self, before: Position) {
        while let Some((first, batch)) = self.batches.front_mut() {
            let covered = (before.index + 1).saturating_sub(*first);
            if covered < batch.len() as Index {
                *batch = batch.part(covered as usize, batch.len());
                *first += covered;
                break;
            }
            self.batches.pop_front();
        }
        self.before = before;
        if self.batches.is_empty() {
            self.last = before;
        }
    }

    /// The entries from this index on, up to `through`, each run in its batches.
    pub fn range(
        &self,
        from: Index,
        through: Index,
    ) -> impl Iterator<Item = (Index, Term, &[Entry<C>])> {
        let place = self.place(from).unwrap_or(self.batches.len());
        self.batches_from(place)
            .take_while(move |(first, _)| *first <= through)
            .map(move |(first, batch)| {
                let begin = from.saturating_sub(*first) as usize;
                let end = batch.len().min((through + 1 - first) as usize);
                (first + begin as Index, batch.term(), &batch[begin..end])
            })
    }

    /// The entries from this index on: as many as fit in so many bytes, and at least one; and how many bytes they are.
    pub fn slice(
        &self,
        from: Index,
        bytes_max: usize,
        size: impl Fn(&Entry<C>) -> usize,
    ) -> (Entries<C>, usize) {
        let mut entries = Entries::default();
        let mut bytes = 0;
        let Some(place) = self.place(from) else {
            return (entries, bytes);
        };
        for (first, batch) in self.batches_from(place) {
            let begin = from.saturating_sub(*first) as usize;
            let mut end = begin;
            for entry in &batch[begin..] {
                let more = bytes + size(entry);
                if more > bytes_max && bytes > 0 {
                    break;
                }
                bytes = more;
                end += 1;
            }
            if end > begin {
                entries.0.push(batch.part(begin, end));
            }
            if end < batch.len() {
                break;
            }
        }
        (entries, bytes)
    }

    /// All entries, each with its term.
    pub fn entries(&self) -> impl Iterator<Item = (Term, &Entry<C>)> {
        let batches = self.batches.iter();
        batches.flat_map(|(_, batch)| batch.iter().map(|entry| (batch.term(), entry)))
    }
}

impl<C> Entries<C> {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|batch| batch.is_empty())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|batch| batch.len()).sum()
    }

    /// The term of the last.
    pub fn last_term(&self) -> Option<Term> {
        let mut batches = self.0.iter().rev();
        Some(batches.find(|batch| !batch.is_empty())?.term())
    }

    /// The batches that they come in.
    pub fn batches(&self) -> impl Iterator<Item = &Batch<C>> {
        self.0.iter()
    }

    /// All but the first so many.
    pub fn skip(mut self, mut count: usize) -> Self {
        if count == 0 {
            return self;
        }
        self.0.retain(|batch| {
            let skipped = count.min(batch.len());
            count -= skipped;
            *batch = batch.part(skipped, batch.len());
            !batch.is_empty()
        });
        self
    }

    fn iter(&self) -> impl Iterator<Item = (Term, &Entry<C>)> {
        let batches = self.0.iter();
        batches.flat_map(|batch| batch.iter().map(|entry| (batch.term(), entry)))
    }
}

impl<C> Default for Entries<C> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<C> From<Batch<C>> for Entries<C> {
    fn from(batch: Batch<C>) -> Self {
        Self(SmallVec::from([batch]))
    }
}

// How entries are cut into batches is no part of what they are.

impl<C: PartialEq> PartialEq for Log<C> {
    fn eq(&self, other: &Self) -> bool {
        self.before == other.before && self.last == other.last && self.entries().eq(other.entries())
    }
}

impl<C: Eq> Eq for Log<C> {}

impl<C: Hash> Hash for Log<C> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.before.hash(state);
        self.last.index.hash(state);
        self.entries().for_each(|entry| entry.hash(state));
    }
}

impl<C: PartialEq> PartialEq for Entries<C> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<C: Eq> Eq for Entries<C> {}

impl<C: Ord> Ord for Entries<C> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl<C: Ord> PartialOrd for Entries<C> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<C: Hash> Hash for Entries<C> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len().hash(state);
        self.iter().for_each(|entry| entry.hash(state));
    }
}

impl<C: Serialize> Serialize for Batch<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.term(), &**self).serialize(serializer)
    }
}

impl<'de, C: Data> Deserialize<'de> for Batch<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (term, entries) = Deserialize::deserialize(deserializer)?;
        Ok(Self::new(term, entries))
    }
}

/// By way of a list, which takes no more room than what has come: a length may be anything.
impl<'de, C: Data> Deserialize<'de> for Entries<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let batches: Vec<Batch<C>> = Deserialize::deserialize(deserializer)?;
        match batches.iter().any(|batch| batch.is_empty()) {
            true => Err(D::Error::custom("a batch has no entries")),
            false => Ok(Self(batches.into())),
        }
    }
}

impl<C: Debug> Debug for Entry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::NoOp => write!(f, "no-op"),
            Entry::OpenSession {
                ticket,
                sessions_max,
            } => write!(f, "open({ticket}, at most {sessions_max})"),
            Entry::Command { origin, command } => write_command(f, *origin, command),
        }
    }
}

impl<C: Debug> Debug for Batch<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_entries(f, self.iter().map(|entry| (self.term(), entry)))
    }
}

impl<C: Debug> Debug for Entries<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_entries(f, self.iter())
    }
}

impl<C: Debug> Debug for Log<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.before != Position::default() {
            write!(f, "..{:?} ", self.before)?;
        }
        write_entries(f, self.entries())
    }
}

fn write_entries<'a, C: Debug + 'a>(
    f: &mut fmt::Formatter<'_>,
    entries: impl Iterator<Item = (Term, &'a Entry<C>)>,
) -> fmt::Result {
    let entries = entries.map(|(term, entry)| format!("{term}:{entry:?}"));
    write!(f, "[{}]", entries.collect::<Vec<_>>().join(" "))
}
