//! The log of batches that are shared and cut, beside a list of entries that each have their term.

use proptest::prelude::*;
use quorate::raft::{Batch, Entries, Entry, Index, Log, Position, Term};

use super::cluster::logged;

/// What happens to a log. Indexes and counts are reduced to what is there.
#[derive(Clone, Debug)]
enum Change {
    /// So many entries of a term that is so much higher.
    Append(u64, u8),
    Truncate(u64),
    Compact(u64),
    /// A part of itself, at its end again: batches that are parts of batches.
    Repeat(u64, u64),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (0_u64..3, 0_u8..5).prop_map(|(term, count)| Change::Append(term, count)),
        1 => any::<u64>().prop_map(Change::Truncate),
        1 => any::<u64>().prop_map(Change::Compact),
        1 => (any::<u64>(), 1_u64..8).prop_map(|(from, bytes)| Change::Repeat(from, bytes)),
    ];
    prop::collection::vec(change, 0..30)
}

/// All entries ever, with their terms, as far as they were not cut off; and how many a snapshot covers.
#[derive(Clone, Debug, Default)]
struct Naive {
    entries: Vec<(Term, Entry<u8>)>,
    before: usize,
}

impl Naive {
    fn term(&self, index: Index) -> Option<Term> {
        let index = usize::try_from(index).expect("small");
        match index {
            0 => (self.before == 0).then_some(0),
            _ if index < self.before => None,
            _ => self.entries.get(index - 1).map(|(term, _)| *term),
        }
    }

    fn last(&self) -> Position {
        let index = self.entries.len() as u64;
        Position {
            term: self.entries.last().map_or(0, |(term, _)| *term),
            index,
        }
    }

    /// The indexes whose entries are there.
    fn indexes(&self) -> std::ops::RangeInclusive<Index> {
        self.before as u64 + 1..=self.entries.len() as u64
    }
}

fn run(changes: &[Change]) -> (Log<u8>, Naive) {
    let (mut log, mut naive) = (Log::default(), Naive::default());
    let mut number = 0;
    for change in changes {
        let (before, last) = (naive.before as u64, naive.entries.len() as u64);
        match change {
            Change::Append(more, count) => {
                let term = naive.last().term + more;
                let commands = (0..*count).map(|_| {
                    number += 1;
                    logged((number % 256) as u8)
                });
                let entries: Vec<Entry<u8>> = commands.collect();
                log.append(Batch::new(term, entries.clone()));
                let entries = entries.into_iter().map(|entry| (term, entry));
                naive.entries.extend(entries);
            }
            Change::Truncate(index) => {
                let index = before + index % (last - before + 1);
                log.truncate(index);
                naive.entries.truncate(index as usize);
            }
            Change::Compact(index) => {
                let index = before + index % (last - before + 1);
                let term = naive.term(index).expect("it is there");
                log.compact(Position { term, index });
                naive.before = index as usize;
            }
            Change::Repeat(from, bytes) => {
                let from = before + from % (last - before + 1) + 1;
                let (entries, size) = log.slice(from, *bytes as usize, |_| 1);
                let there = naive.entries[from as usize - 1..].iter();
                let there: Vec<_> = there.take(*bytes as usize).cloned().collect();
                assert_eq!((entries.len(), size), (there.len(), there.len()));
                assert_eq!(entries.last_term(), there.last().map(|(term, _)| *term));
                // As if it were of the last term, so that terms do not decrease.
                let term = naive.last().term;
                let same_term: Vec<_> = there.iter().map(|(_, entry)| entry.clone()).collect();
                log.extend(&Entries::from(Batch::new(term, same_term.clone())));
                naive
                    .entries
                    .extend(same_term.into_iter().map(|entry| (term, entry)));
            }
        }
        agree(&log, &naive);
    }
    (log, naive)
}

fn agree(log: &Log<u8>, naive: &Naive) {
    assert_eq!(log.last(), naive.last());
    assert_eq!(log.before().index as usize, naive.before);
    let entries: Vec<_> = log
        .entries()
        .map(|(term, entry)| (term, entry.clone()))
        .collect();
    assert_eq!(entries, naive.entries[naive.before..]);
    for index in 0..=naive.last().index + 2 {
        assert_eq!(log.term(index), naive.term(index), "at {index}");
    }
    let is_run = |from: Index, index: Index| {
        (from..=index).all(|other| naive.term(other) == naive.term(index))
    };
    for index in naive.indexes() {
        let first = naive.indexes().find(|from| is_run(*from, index));
        assert_eq!(log.first_of_run(index), first, "at {index}");
    }
    for term in 0..=naive.last().term + 1 {
        let last = naive
            .indexes()
            .rev()
            .find(|index| naive.term(*index) == Some(term));
        assert_eq!(log.last_of_term(term), last, "of term {term}");
    }
}

proptest! {
    #[test]
    fn a_log_of_batches_is_a_list_of_entries_with_terms(changes in changes()) {
        run(&changes);
    }

    #[test]
    fn a_range_of_a_log_is_that_part_of_the_list(
        changes in changes(),
        from in any::<u64>(),
        count in 0_u64..9,
    ) {
        let (log, naive) = run(&changes);
        let length = naive.last().index - naive.before as u64;
        let from = naive.before as u64 + from % (length + 1) + 1;
        let mut next = from;
        for (first, term, entries) in log.range(from, from + count) {
            prop_assert_eq!(first, next);
            for entry in entries {
                prop_assert_eq!(&(term, entry.clone()), &naive.entries[next as usize - 1]);
                next += 1;
            }
        }
        prop_assert_eq!(next, (from + count + 1).min(naive.last().index + 1));
    }

    #[test]
    fn the_first_conflict_is_that_of_the_lists(
        changes in changes(),
        other in changes(),
        from in any::<u64>(),
    ) {
        let (log, naive) = run(&changes);
        let (_, other) = run(&other);
        let mut entries = Log::default();
        for (term, entry) in &other.entries {
            entries.append(Batch::new(*term, vec![entry.clone()]));
        }
        let first = from % (naive.last().index + 2) + 1;
        let (entries, _) = entries.slice(1, usize::MAX, |_| 1);
        let terms = (first..).zip(other.entries.iter().map(|(term, _)| *term));
        let mut conflicts = terms.filter(|(index, term)| {
            naive.indexes().contains(index) && naive.term(*index) != Some(*term)
        });
        let conflict = conflicts.next().map(|(index, _)| index);
        prop_assert_eq!(log.conflict(first, &entries), conflict);
    }

    #[test]
    fn how_a_log_is_cut_into_batches_is_no_part_of_what_it_is(changes in changes()) {
        use std::hash::{BuildHasher, RandomState};
        let (log, _) = run(&changes);
        let mut one_by_one = Log::after(log.before());
        for (term, entry) in log.entries() {
            one_by_one.append(Batch::new(term, vec![entry.clone()]));
        }
        prop_assert_eq!(&one_by_one, &log);
        let state = RandomState::new();
        prop_assert_eq!(state.hash_one(&one_by_one), state.hash_one(&log));
    }

    #[test]
    fn entries_come_back_from_their_encoding(changes in changes(), skipped in 0_usize..9) {
        let (log, _) = run(&changes);
        let (entries, _) = log.slice(log.before().index + 1, usize::MAX, |_| 1);
        let entries = entries.skip(skipped);
        let encoded = serde_json::to_string(&entries).expect("plain data");
        let decoded: Entries<u8> = serde_json::from_str(&encoded).expect("it was encoded");
        prop_assert_eq!(decoded, entries);
    }
}
