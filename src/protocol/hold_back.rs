//! "Durable before told": the queue of records that are not yet durable, each with what waits for it.
//!
//! Write-ahead logging in one place. The model's environment and the runtime drive the same queue, so
//! that the rule is checked and not only intended.

use std::collections::VecDeque;

use derive_where::derive_where;

use super::{Effect, ProcessId, Protocol};

/// Something that may happen now.
#[derive_where(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Release<P: Protocol + ?Sized> {
    /// Send this message.
    Send {
        /// To whom.
        to: ProcessId,
        /// What.
        message: P::Message,
    },
    /// Tell the application.
    Emit(P::Output),
    /// Step the process with [`Input::Durable`](super::Input::Durable) of this position, after
    /// everything else that was released with it.
    Durable(u64),
}

/// A record that is not known to be durable.
#[derive_where(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Pending<P: Protocol + ?Sized> {
    /// What is being written.
    pub record: P::Record,
    /// Whether later sends and outputs wait for it.
    pub forced: bool,
    /// What becomes possible when it is durable, in order.
    pub releases: Vec<Release<P>>,
}

/// The hold-back queue of one process: pending records, oldest first, and what waits behind them.
///
/// While a forced record is pending, whatever the process sends or emits, in later steps too, waits for
/// the *last* such record; so effects are released in the order in which the process had them. A
/// lazy record keeps its place among the records and holds nothing back. A crash drops the queue.
#[derive_where(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct HoldBack<P: Protocol + ?Sized> {
    pending: VecDeque<Pending<P>>,
}

impl<P: Protocol + ?Sized> HoldBack<P> {
    /// An empty queue: everything written so far is durable.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one effect. Returns what may happen now, if anything; timers are never held back and
    /// are the driver's to carry out before it calls this.
    pub fn push(&mut self, effect: Effect<P>) -> Option<Release<P>> {
        match effect {
            Effect::Persist(record) => self.write(record, true),
            Effect::Append(record) => self.write(record, false),
            Effect::ReportDurable(position) => {
                let release = Release::Durable(position);
                match self.pending.back_mut() {
                    Some(last) => last.releases.push(release),
                    None => return Some(release),
                }
                None
            }
            Effect::Send { to, message } => self.hold(Release::Send { to, message }),
            Effect::Emit(output) => self.hold(Release::Emit(output)),
            Effect::SetTimer(_) | Effect::CancelTimer(_) => None,
        }
    }

    /// Reports that the `count` oldest pending records have become durable. Returns them, oldest
    /// first, each with what it releases.
    ///
    /// # Panics
    ///
    /// If fewer than `count` records are pending: the driver has lost count of its disk.
    pub fn durable(&mut self, count: usize) -> impl Iterator<Item = Pending<P>> + use<'_, P> {
        assert!(
            count <= self.pending.len(),
            "{count} records reported durable, {} pending",
            self.pending.len()
        );
        self.pending.drain(..count)
    }

    /// The pending records, oldest first.
    pub fn pending(&self) -> impl ExactSizeIterator<Item = &Pending<P>> {
        self.pending.iter()
    }

    /// Whether everything written so far is durable.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// How many records are pending.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    fn write(&mut self, record: P::Record, forced: bool) -> Option<Release<P>> {
        self.pending.push_back(Pending {
            record,
            forced,
            releases: Vec::new(),
        });
        None
    }

    fn hold(&mut self, release: Release<P>) -> Option<Release<P>> {
        match self.pending.iter_mut().rev().find(|pending| pending.forced) {
            Some(last_forced) => {
                last_forced.releases.push(release);
                None
            }
            None => Some(release),
        }
    }
}
