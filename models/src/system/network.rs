//! What is in flight between processes.
//!
//! The network is kept by sender: an [`Outbox`] has what one process has in flight. What others send does
//! not touch it, so of each process there are few.

use std::fmt::{self, Debug};
use std::sync::OnceLock;

use clap::ValueEnum;
use derive_where::derive_where;
use itertools::Itertools;
use quorate::protocol::{Data, ProcessId};
use serde::Serialize;
use smallvec::SmallVec;

use super::interned::{Interned, Memo};
use super::{Environment, FullLinks};

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
    /// From whom to whom.
    pub fn link(&self) -> (ProcessId, ProcessId) {
        (self.from, self.to)
    }
}

/// The messages in flight.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Network<M: 'static> {
    /// By sender.
    pub(super) outboxes: SmallVec<[InternedOutbox<M>; 8]>,
}

impl<M: Data> Network<M> {
    /// All copies in flight, in canonical order: sorted; on a FIFO network by link, and within a link by the
    /// order of sending.
    pub fn in_flight(&self) -> impl Iterator<Item = Interned<Envelope<M>>> {
        let outboxes = self.outboxes.iter();
        outboxes.flat_map(|outbox| outbox.in_flight.iter().copied())
    }
}

/// What one process has in flight, in canonical order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[derive_where(Default)]
pub struct Outbox<M: 'static> {
    in_flight: Vec<Interned<Envelope<M>>>,
}

/// An outbox as states have it.
pub type InternedOutbox<M> = Interned<Outbox<M>, OutboxMemo<M>>;

/// Messages, in order.
pub type Envelopes<M> = Interned<Vec<Interned<Envelope<M>>>>;

/// What happens to an outbox.
#[derive(Eq, Hash, PartialEq)]
#[derive_where(Clone, Copy)]
pub enum Traffic<M: 'static> {
    /// These are sent.
    Send(Envelopes<M>),
    /// One copy is delivered, or dropped.
    Remove(Interned<Envelope<M>>),
    /// These are taken along by a crash.
    TakeAlong(Envelopes<M>),
}

/// What became of a message that was sent.
#[derive(Debug)]
pub enum Sending<M: 'static> {
    /// It is on its way.
    WentOut,
    /// It was lost at once.
    Lost,
    /// It is on its way, and the oldest one on its link was lost for it.
    PushedOut(Interned<Envelope<M>>),
}

/// What is known about an outbox.
pub struct OutboxMemo<M: 'static> {
    /// The system that knows it.
    pub(super) system: u64,
    /// What of it may be delivered next.
    pub(super) deliverable: Vec<Interned<Envelope<M>>>,
    /// What its sender's crash may take along.
    pub(super) parts: OnceLock<Vec<Envelopes<M>>>,
    /// What becomes of it.
    pub(super) after: Memo<Traffic<M>, InternedOutbox<M>>,
}

impl<M: Data> Outbox<M> {
    /// Puts one copy on its way. It is lost at once if enough copies are in flight; and if enough messages are in
    /// flight on its link, the oldest is.
    pub fn send(
        &mut self,
        environment: &Environment,
        envelope: Interned<Envelope<M>>,
    ) -> Sending<M> {
        let copies = self.in_flight.iter().filter(|other| **other == envelope);
        if copies.count() >= usize::from(environment.copies_max) {
            return Sending::Lost;
        }
        let mut sending = Sending::WentOut;
        if environment.link_max > 0 && environment.full_links == FullLinks::PushOut {
            let is_on_link = |other: &Interned<Envelope<M>>| other.link() == envelope.link();
            let on_link = self.in_flight.iter().filter(|other| is_on_link(other));
            if on_link.count() >= usize::from(environment.link_max) {
                let oldest = self.in_flight.iter().position(is_on_link);
                let oldest = oldest.expect("a full link has an oldest message");
                sending = Sending::PushedOut(self.in_flight.remove(oldest));
            }
        }
        let at = match environment.network {
            NetworkKind::Set | NetworkKind::Bag => {
                self.in_flight.partition_point(|other| **other <= *envelope)
            }
            NetworkKind::Fifo => {
                let is_before = |other: &Interned<Envelope<M>>| other.link() <= envelope.link();
                self.in_flight.partition_point(is_before)
            }
        };
        self.in_flight.insert(at, envelope);
        sending
    }

    /// Whether a link has more messages than it takes.
    pub(super) fn overflows(&self, link_max: u8) -> bool {
        let links = self
            .in_flight
            .chunk_by(|one, other| one.link() == other.link());
        links
            .into_iter()
            .any(|link| link.len() > usize::from(link_max))
    }

    /// The distinct envelopes of which a copy may be delivered, or dropped, next.
    pub fn deliverable(
        &self,
        kind: NetworkKind,
    ) -> impl Iterator<Item = Interned<Envelope<M>>> + use<'_, M> {
        let same = move |a: &Interned<Envelope<M>>, b: &Interned<Envelope<M>>| match kind {
            NetworkKind::Set | NetworkKind::Bag => a == b,
            NetworkKind::Fifo => a.link() == b.link(),
        };
        self.in_flight.iter().copied().dedup_by(same)
    }

    /// The same with other messages in the place of these, in canonical order.
    pub(super) fn map(
        &self,
        kind: NetworkKind,
        other: impl FnMut(&Interned<Envelope<M>>) -> Interned<Envelope<M>>,
    ) -> Self {
        let mut in_flight: Vec<_> = self.in_flight.iter().map(other).collect();
        if kind != NetworkKind::Fifo {
            in_flight.sort_by(|one, other| Envelope::cmp(one, other));
        }
        Self { in_flight }
    }

    /// Takes one copy of a deliverable envelope out.
    pub fn remove(&mut self, envelope: Interned<Envelope<M>>) {
        // The first equal copy: on a FIFO link, the head.
        let at = self.in_flight.iter().position(|other| *other == envelope);
        self.in_flight
            .remove(at.expect("what is removed is in flight"));
    }

    /// The copies that it has and another has not.
    pub(super) fn beyond(&self, other: &Self) -> Vec<Interned<Envelope<M>>> {
        let mut rest = other.in_flight.clone();
        let mut beyond = self.in_flight.clone();
        beyond.retain(
            |envelope| match rest.iter().position(|known| known == envelope) {
                Some(known) => {
                    rest.swap_remove(known);
                    false
                }
                None => true,
            },
        );
        beyond
    }

    /// What is left without these envelopes, if there are any.
    pub fn without(&self, is_out: impl Fn(&Envelope<M>) -> bool) -> Option<Self> {
        let is_in = |envelope: &&Interned<Envelope<M>>| !is_out(envelope);
        if self.in_flight.iter().all(|envelope| is_in(&envelope)) {
            return None;
        }
        let in_flight = self.in_flight.iter().filter(is_in).copied().collect();
        Some(Self { in_flight })
    }

    /// Every part of it that its sender's crash may take along: on a bag any part; on a FIFO link what was
    /// sent last, as when a connection breaks; on a set nothing, for there a message need never be delivered
    /// anyhow.
    pub fn parts(&self, kind: NetworkKind) -> Vec<Vec<Interned<Envelope<M>>>> {
        let in_flight = &self.in_flight;
        let groups: Vec<&[Interned<Envelope<M>>]> = match kind {
            NetworkKind::Set => Vec::new(),
            NetworkKind::Bag => in_flight.chunk_by(|a, b| a == b).collect(),
            NetworkKind::Fifo => in_flight.chunk_by(|a, b| a.link() == b.link()).collect(),
        };
        if groups.is_empty() {
            return vec![Vec::new()];
        }
        let tails = groups
            .iter()
            .map(|group| (0..=group.len()).map(move |kept| &group[kept..]));
        tails
            .multi_cartesian_product()
            .map(|tails| tails.concat())
            .collect()
    }

    /// Takes out what a crash has taken along: of each envelope the copies sent last.
    pub fn remove_last(&mut self, envelopes: &[Interned<Envelope<M>>]) {
        for envelope in envelopes.iter().rev() {
            let at = self.in_flight.iter().rposition(|other| other == envelope);
            self.in_flight
                .remove(at.expect("what is removed is in flight"));
        }
    }
}
