//! "Durable before told": the queue of records that are not yet durable, each with what waits for it.
//!
//! Write-ahead logging in one place. The model's environment and the runtime drive the same queue, so
//! that the rule is checked and not only intended.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use derive_where::derive_where;
use smallvec::SmallVec;

use super::{Effect, Effects, ProcessId, Protocol};

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

/// Who carries out what may happen, as soon as it may.
pub trait CarryOut<P: Protocol + ?Sized> {
    /// Sends a message.
    fn send(&mut self, to: ProcessId, message: P::Message);
    /// Tells the application.
    fn emit(&mut self, output: P::Output);
    /// Steps the process with [`Input::Durable`](super::Input::Durable) of this position, after everything else that is
    /// carried out with it.
    fn report_durable(&mut self, position: u64);
    /// Starts a timer, or starts it anew.
    fn set_timer(&mut self, timer: P::Timer);
    /// Stops a timer.
    fn cancel_timer(&mut self, timer: P::Timer);
}

impl<P: Protocol + ?Sized> Release<P> {
    /// Lets it happen.
    pub fn carry_out(self, driver: &mut impl CarryOut<P>) {
        match self {
            Release::Send { to, message } => driver.send(to, message),
            Release::Emit(output) => driver.emit(output),
            Release::Durable(position) => driver.report_durable(position),
        }
    }
}

/// Carries nothing out: for whoever looks at it first. Timers, which are never held back, such a one sees among the effects.
impl<P: Protocol + ?Sized> CarryOut<P> for Vec<Release<P>> {
    fn send(&mut self, to: ProcessId, message: P::Message) {
        self.push(Release::Send { to, message });
    }

    fn emit(&mut self, output: P::Output) {
        self.push(Release::Emit(output));
    }

    fn report_durable(&mut self, position: u64) {
        self.push(Release::Durable(position));
    }

    fn set_timer(&mut self, _: P::Timer) {}

    fn cancel_timer(&mut self, _: P::Timer) {}
}

/// A record that is not known to be durable.
#[derive_where(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Pending<P: Protocol + ?Sized> {
    /// What is being written.
    pub record: P::Record,
    /// Whether later sends and outputs wait for it.
    pub forced: bool,
    /// What becomes possible when it is durable, in order.
    pub releases: SmallVec<[Release<P>; 1]>,
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

    /// Takes in what a step wants done, and has carried out what may happen now.
    pub fn taking<'a, D: CarryOut<P>>(&'a mut self, driver: &'a mut D) -> Holding<'a, P, D> {
        Holding {
            hold_back: self,
            driver,
        }
    }

    /// Takes in one effect, and has carried out what may happen now.
    pub fn push(&mut self, effect: Effect<P>, driver: &mut impl CarryOut<P>) {
        self.taking(driver).push(effect);
    }

    /// Reports that the `count` oldest pending records have become durable. Returns them, oldest
    /// first, each with what it releases: it is pending until it is taken.
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
        (0..count).map_while(|_| self.pending.pop_front())
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

    fn write(&mut self, record: P::Record, forced: bool) {
        self.pending.push_back(Pending {
            record,
            forced,
            releases: SmallVec::new(),
        });
    }

    /// What sends and outputs wait for.
    fn last_forced(&mut self) -> Option<&mut Pending<P>> {
        self.pending.iter_mut().rfind(|pending| pending.forced)
    }
}

/// A hold-back queue that takes in what a step wants done, and a driver that carries out what may happen now.
#[derive(Debug)]
pub struct Holding<'a, P: Protocol + ?Sized, D> {
    hold_back: &'a mut HoldBack<P>,
    driver: &'a mut D,
}

// A release is made of what is held back only: a message is large.
impl<P: Protocol + ?Sized, D: CarryOut<P>> Effects<P> for Holding<'_, P, D> {
    fn persist(&mut self, record: P::Record) {
        self.hold_back.write(record, true);
    }

    fn append(&mut self, record: P::Record) {
        self.hold_back.write(record, false);
    }

    fn report_durable(&mut self, position: u64) {
        match self.hold_back.pending.back_mut() {
            Some(last) => last.releases.push(Release::Durable(position)),
            None => self.driver.report_durable(position),
        }
    }

    fn send(&mut self, to: ProcessId, message: P::Message) {
        match self.hold_back.last_forced() {
            Some(last) => last.releases.push(Release::Send { to, message }),
            None => self.driver.send(to, message),
        }
    }

    fn emit(&mut self, output: P::Output) {
        match self.hold_back.last_forced() {
            Some(last) => last.releases.push(Release::Emit(output)),
            None => self.driver.emit(output),
        }
    }

    fn set_timer(&mut self, timer: P::Timer) {
        self.driver.set_timer(timer);
    }

    fn cancel_timer(&mut self, timer: P::Timer) {
        self.driver.cancel_timer(timer);
    }
}
