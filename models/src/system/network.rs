//! What is in flight between processes.

use std::fmt::{self, Debug};

use clap::ValueEnum;
use itertools::Itertools;
use quorate::protocol::{Data, ProcessId};
use serde::Serialize;

/// What the network may do to messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkKind {
    /// A message once sent may be delivered at any time, any number of times, or never: loss,
    /// duplication and reordering come for free.
    Set,
    /// Each copy sent is delivered once, in any order.
    Bag,
    /// Each copy sent is delivered once, in the order of sending on each link from one process to
    /// another.
    Fifo,
}

/// A message on its way.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Envelope<M> {
    /// Who sent it.
    pub from: ProcessId,
    /// Who is to receive it.
    pub to: ProcessId,
    /// What was sent.
    pub message: M,
}

impl<M: Debug> Debug for Envelope<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} → {:?}: {:?}", self.from, self.to, self.message)
    }
}

impl<M> Envelope<M> {
    fn link(&self) -> (ProcessId, ProcessId) {
        (self.from, self.to)
    }
}

/// The messages in flight, in canonical order: sorted; on a FIFO network by link, and within a link by
/// the order of sending.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Network<M> {
    in_flight: Vec<Envelope<M>>,
}

impl<M> Default for Network<M> {
    fn default() -> Self {
        Self {
            in_flight: Vec::new(),
        }
    }
}

impl<M: Data> Network<M> {
    /// All copies in flight.
    pub fn in_flight(&self) -> &[Envelope<M>] {
        &self.in_flight
    }

    /// Whether `copies_max` copies of the envelope are in flight, so that one more would be lost.
    pub fn is_full(&self, envelope: &Envelope<M>, copies_max: u8) -> bool {
        let copies = self.in_flight.iter().filter(|other| *other == envelope);
        copies.count() >= usize::from(copies_max)
    }

    /// Puts one copy on its way. The caller has asked [`Network::is_full`].
    pub fn send(&mut self, kind: NetworkKind, envelope: Envelope<M>) {
        let at = match kind {
            NetworkKind::Set | NetworkKind::Bag => {
                self.in_flight.partition_point(|other| *other <= envelope)
            }
            NetworkKind::Fifo => self
                .in_flight
                .partition_point(|other| other.link() <= envelope.link()),
        };
        self.in_flight.insert(at, envelope);
    }

    /// The distinct envelopes of which a copy may be delivered, or dropped, next.
    pub fn deliverable(&self, kind: NetworkKind) -> impl Iterator<Item = &Envelope<M>> {
        let same = move |a: &&Envelope<M>, b: &&Envelope<M>| match kind {
            NetworkKind::Set | NetworkKind::Bag => a == b,
            NetworkKind::Fifo => a.link() == b.link(),
        };
        self.in_flight.iter().dedup_by(same)
    }

    /// Whether this envelope may be delivered next.
    pub fn is_deliverable(&self, kind: NetworkKind, envelope: &Envelope<M>) -> bool {
        match kind {
            NetworkKind::Set | NetworkKind::Bag => self.in_flight.binary_search(envelope).is_ok(),
            NetworkKind::Fifo => self.deliverable(kind).contains(envelope),
        }
    }

    /// Takes one copy of a deliverable envelope out.
    pub fn remove(&mut self, envelope: &Envelope<M>) {
        // The first equal copy: on a FIFO link, the head.
        let at = self.in_flight.iter().position(|other| other == envelope);
        self.in_flight
            .remove(at.expect("what is removed is in flight"));
    }

    /// Every part of what `from` has in flight that its crash may take along: on a bag any part; on a
    /// FIFO link what was sent last, as when a connection breaks; on a set nothing, for there a
    /// message need never be delivered anyhow.
    pub fn parts(&self, kind: NetworkKind, from: ProcessId) -> Vec<Vec<Envelope<M>>> {
        let sent = self.in_flight.iter().filter(|e| e.from == from);
        let groups: Vec<Vec<&Envelope<M>>> = match kind {
            NetworkKind::Set => return vec![Vec::new()],
            NetworkKind::Bag => group(sent, |e| *e),
            NetworkKind::Fifo => group(sent, |e| e.link()),
        };
        if groups.is_empty() {
            return vec![Vec::new()];
        }
        let tails = groups
            .iter()
            .map(|group| (0..=group.len()).map(move |kept| &group[kept..]));
        tails
            .multi_cartesian_product()
            .map(|tails| tails.concat().into_iter().cloned().collect())
            .collect()
    }

    /// Takes out what a crash has taken along: of each envelope the copies sent last.
    pub fn remove_last(&mut self, envelopes: &[Envelope<M>]) {
        for envelope in envelopes.iter().rev() {
            let at = self.in_flight.iter().rposition(|other| other == envelope);
            self.in_flight
                .remove(at.expect("what is removed is in flight"));
        }
    }
}

fn group<'a, M, K: PartialEq>(
    envelopes: impl Iterator<Item = &'a Envelope<M>>,
    key: impl Fn(&&'a Envelope<M>) -> K,
) -> Vec<Vec<&'a Envelope<M>>> {
    let groups = envelopes.chunk_by(key);
    groups
        .into_iter()
        .map(|(_, group)| group.collect())
        .collect()
}
