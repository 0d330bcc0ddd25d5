//! Terms by what they mean: states of elections that differ in the numbers of terms only.
//!
//! Servers compare terms, and take the next one. So nothing changes if all terms are lowered, or raised, by as much. A
//! message of a term lower than that of any server is late for everybody, and for ever: how late does not matter. The terms
//! of entries are compared with each other, and no next one is taken of them: of those that nobody is in any more only
//! the order matters.
//!
//! Gaps between terms stay what they are. The order alone is not enough: how often a server that lags can campaign in
//! vain, before it is ahead of another, depends on how far it lags.

use std::collections::{BTreeMap, BTreeSet};

use itertools::Itertools;
use quorate::protocol::Driver;
use quorate::raft::{
    Batch, Durable, Entries, Entry, Log, Message, Position, Record, Register, State, Term,
};

use super::Model;
use super::application::Clients;
use super::properties::AnyRaft;
use crate::other_words::hold_back_in_other_words;
use crate::system::{Envelope, Interned, Process, SystemState};

/// The same state with other terms: entries of terms that nobody is in are of the first, in order; late messages are of the
/// next, and servers in those behind it.
pub fn canonical<P: AnyRaft>(
    model: &Model<P>,
    state: &SystemState<P, Clients>,
) -> SystemState<P, Clients> {
    canonical_with_gaps(model, state, Term::MAX)
}

/// The same, with gaps up to this size only: 0 for the order alone, which does not do.
pub fn canonical_with_gaps<P: AnyRaft>(
    model: &Model<P>,
    state: &SystemState<P, Clients>,
    gap_max: Term,
) -> SystemState<P, Clients> {
    let (clients, environment) = (model.application(), model.environment());
    let mut current = BTreeSet::new();
    let mut all = BTreeSet::new();
    let mut of_entries = BTreeSet::new();
    let mut note = |kind, term| {
        all.insert(term);
        if let Kind::OfEntry = kind {
            of_entries.insert(term);
        }
        term
    };
    for (server, process) in state.processes() {
        if clients.takes_part(environment, server, process) {
            current.insert(process.durable.term);
            current.extend(process.state().map(|knows| knows.term));
        }
        renamed_process(process, &mut note);
    }
    for envelope in state.network.in_flight() {
        renamed_message(&envelope.message, &mut note);
    }
    let lowest = current.first().copied().unwrap_or(0);
    let past: Vec<Term> = of_entries.range(..lowest).copied().collect();
    let late = past.len() as Term + 1;
    let mut names = BTreeMap::new();
    let mut below = (lowest, late + 1);
    for &term in all.range(lowest..) {
        let gap = (term - below.0).min(gap_max.saturating_add(1));
        below = (term, below.1 + gap);
        names.insert(term, below.1);
    }
    let rename = |kind, term| match (names.get(&term), kind) {
        (Some(name), _) => *name,
        (None, Kind::Current) => late,
        (None, Kind::OfEntry) => past.partition_point(|other| *other < term) as Term + 1,
    };
    model.in_other_words(
        state,
        |process| renamed_process(process, &mut { rename }),
        |message| renamed_message(message, &mut { rename }),
    )
}

/// These messages with each other term in the place of their own, up to the highest among them. Nobody is in term 0.
pub fn with_other_terms(
    sent: &[Interned<Envelope<Message<Register>>>],
) -> Vec<Envelope<Message<Register>>> {
    let highest = sent.iter().map(|envelope| envelope.message.term()).max();
    let terms = || 0..=highest.unwrap_or(0);
    let renamed = sent.iter().flat_map(|envelope| {
        terms().map(|other| Envelope {
            message: renamed_message(&envelope.message, &mut |kind, term| match kind {
                Kind::Current => other,
                Kind::OfEntry => term,
            }),
            ..Envelope::clone(envelope)
        })
    });
    renamed.unique().collect()
}

/// Whose term.
#[derive(Clone, Copy)]
enum Kind {
    /// A server's, or a message's.
    Current,
    /// An entry's.
    OfEntry,
}

type Rename<'a> = &'a mut dyn FnMut(Kind, Term) -> Term;

fn renamed_process<P: AnyRaft>(process: &Process<P>, rename: Rename<'_>) -> Process<P> {
    let driver = process.driver.as_ref().map(|driver| {
        let hold_back = hold_back_in_other_words(
            &driver.hold_back,
            &mut (&mut *rename),
            |record, rename| renamed_record(record, *rename),
            |message, rename| renamed_message(message, *rename),
        );
        let state = renamed_state(&driver.state, rename);
        Driver { state, hold_back }
    });
    Process {
        id: process.id,
        driver,
        durable: Durable {
            term: rename(Kind::Current, process.durable.term),
            log: renamed_log(&process.durable.log, rename),
            ..process.durable.clone()
        },
    }
}

fn renamed_state(knows: &State<Register>, rename: Rename<'_>) -> State<Register> {
    State {
        term: rename(Kind::Current, knows.term),
        log: renamed_log(&knows.log, rename),
        ..knows.clone()
    }
}

fn renamed_log(log: &Log<u8>, rename: Rename<'_>) -> Log<u8> {
    let mut renamed = Log::after(log.before());
    for (term, entry) in log.entries() {
        let term = rename(Kind::OfEntry, term);
        renamed.append(Batch::new(term, vec![Entry::clone(entry)]));
    }
    renamed
}

fn renamed_entries(entries: &Entries<u8>, rename: Rename<'_>) -> Entries<u8> {
    let mut log = Log::default();
    log.extend(entries);
    let renamed = renamed_log(&log, rename);
    renamed.slice(1, usize::MAX, |_| 0).0
}

fn renamed_position(position: Position, rename: Rename<'_>) -> Position {
    let Position { term, index } = position;
    match index {
        0 => position,
        _ => Position {
            term: rename(Kind::OfEntry, term),
            index,
        },
    }
}

fn renamed_record(record: &Record<Register>, rename: Rename<'_>) -> Record<Register> {
    let mut record = record.clone();
    match &mut record {
        Record::Term { term, .. } => *term = rename(Kind::Current, *term),
        Record::Append { entries, .. } => *entries = renamed_entries(entries, rename),
        Record::Snapshot { .. } => {}
    }
    record
}

fn renamed_message(message: &Message<Register>, rename: Rename<'_>) -> Message<Register> {
    let mut message = message.clone();
    match &mut message {
        Message::RequestVote { term, last } | Message::Commit { term, last, .. } => {
            *term = rename(Kind::Current, *term);
            *last = renamed_position(*last, rename);
        }
        Message::AppendEntries {
            term,
            previous,
            entries,
            ..
        } => {
            *term = rename(Kind::Current, *term);
            *previous = renamed_position(*previous, rename);
            *entries = renamed_entries(entries, rename);
        }
        Message::Vote { term, .. }
        | Message::Appended { term, .. }
        | Message::NotAppended { term, .. }
        | Message::InstallSnapshot { term, .. }
        | Message::Received { term, .. } => *term = rename(Kind::Current, *term),
    }
    message
}
