//! The vocabulary that every protocol shares: processes, inputs, effects, durability.
//!
//! A [`Protocol`] is rules and configuration. Its processes are plain values stepped by
//! [`Protocol::step`], which only reads its arguments: time is a timer that fired, chance is an input.
//! What a step wants done it tells as [`Effects`]; the [`HoldBack`] queue says when each may happen.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Debug};
use core::hash::Hash;

use derive_where::derive_where;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

mod driver;
mod hold_back;
mod timers;

pub use driver::{Driver, Outside};
pub use hold_back::{CarryOut, HoldBack, Holding, Pending, Release};
pub use timers::with_timers;

/// A process of a protocol: its index, from zero.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct ProcessId(pub u16);

impl ProcessId {
    /// The process as an index into a list of all processes.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Debug for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The highest number, be it a term, a ballot or an index, that a process takes from another. No cluster ever counts so far:
/// whoever says more is mistaken, and to compute with it might overflow.
pub const NUMBER_MAX: u64 = 1 << 62;

/// What travels, is stored or is shown: plain data that can be compared, hashed and encoded.
pub trait Data: Clone + Debug + Eq + Ord + Hash + Serialize + DeserializeOwned {}
impl<T: Clone + Debug + Eq + Ord + Hash + Serialize + DeserializeOwned> Data for T {}

/// A protocol: rules and configuration, and the one step function of all its processes.
///
/// Equal arguments give equal results: `step` has no other source of information.
///
/// No method has a default, so that a protocol around a protocol cannot forget to forward one.
pub trait Protocol {
    /// What a process knows while it is up. Small and canonical: its hash is what a checker explores.
    type State: Clone + Debug + Eq + Hash;
    /// What processes send each other.
    type Message: Data;
    /// What a process may wait for.
    type Timer: Data;
    /// What a process writes to its disk.
    type Record: Data;
    /// What a disk holds: the fold of its records. The default is an empty disk.
    type Durable: Clone + Debug + Default + Eq + Hash;
    /// What the application asks of a process.
    type Request: Data;
    /// What a process tells the application.
    type Output: Data;

    /// The number of processes. Their ids are `0..processes()`.
    fn processes(&self) -> usize;

    /// The process's name for people: its role, and a number where there are several.
    fn name(&self, process: ProcessId) -> String;

    /// The state of `me` before its [`Input::Start`].
    fn initial(&self, me: ProcessId) -> Self::State;

    /// Takes one step of `me`: changes `state` and tells what is to be done, in order.
    fn step(
        &self,
        me: ProcessId,
        state: &mut Self::State,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    );

    /// The timers that are set in `state`, in order. A driver that follows
    /// [`Effect::SetTimer`] and [`Effect::CancelTimer`] has exactly these running; a checker reads
    /// them off the state, so that they are not part of what it explores.
    fn timers(&self, state: &Self::State) -> Vec<Self::Timer>;

    /// What a timer that is set in `state` means. Only an environment whose timers are accurate asks: a driver with a clock
    /// does not.
    fn timer_kind(&self, state: &Self::State, timer: &Self::Timer) -> TimerKind;

    /// Folds one record into what a disk holds. Total: any record may follow any other.
    fn apply(durable: &mut Self::Durable, record: &Self::Record);

    /// The fewest records whose fold is this, in an order in which they may be written: what a disk may hold in place of all
    /// that was written before.
    fn records(durable: &Self::Durable) -> Vec<Self::Record>;

    /// Whether a record makes most of the earlier records needless: then it is time to replace the log by the fewest
    /// records.
    fn sums_up(record: &Self::Record) -> bool;

    /// What `state` believes that the disk holds once all its records are durable. Checked: the fold
    /// of the pending records onto the durable ones equals this.
    fn durable(&self, state: &Self::State) -> Self::Durable;
}

/// What a timer means to an environment whose timers are accurate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimerKind {
    /// Time has passed.
    Plain,
    /// A failure detector: nothing was heard of this process for too long. An accurate timer fires only if the process is
    /// down, or cut off from the one that suspects it.
    Suspects(ProcessId),
    /// Begins a campaign: the process tries to lead, which may thwart others that try. Accurate timers begin one campaign at
    /// a time.
    Campaigns {
        /// The epoch (a term) whose leader the process waits for; 0 where leaders send no heartbeats.
        epoch: u64,
    },
    /// A heartbeat: it restarts, at each process that it reaches, a timer that would campaign in this epoch or in an earlier
    /// one. An accurate such timer does not fire meanwhile: it is the longer one.
    Heartbeat {
        /// The epoch of the leader.
        epoch: u64,
    },
}

impl TimerKind {
    /// Whether it begins a campaign.
    pub fn campaigns(self) -> bool {
        matches!(self, Self::Campaigns { .. })
    }

    /// Whether this is a heartbeat that restarts the other timer.
    pub fn restarts(self, other: Self) -> bool {
        match (self, other) {
            (Self::Heartbeat { epoch }, Self::Campaigns { epoch: of }) => epoch >= of,
            _ => false,
        }
    }
}

/// What can happen to a process.
#[derive_where(Clone, Debug, Eq, PartialEq)]
pub enum Input<P: Protocol + ?Sized> {
    /// The process comes up, for the first time or after a crash, and finds this on its disk.
    Start(P::Durable),
    /// A message arrives.
    Receive {
        /// Who sent it.
        from: ProcessId,
        /// What was sent.
        message: P::Message,
    },
    /// A timer that was set has fired, and is set no more.
    Timeout(P::Timer),
    /// The application asks for something.
    Submit(P::Request),
    /// All records that were written before [`Effects::report_durable`] was called with this position
    /// are durable.
    Durable(u64),
}

/// One thing that a step wants done.
#[derive_where(Clone, Debug, Eq, PartialEq)]
pub enum Effect<P: Protocol + ?Sized> {
    /// Write a *forced* record: nothing that follows may be sent or emitted before it is durable.
    Persist(P::Record),
    /// Write a *lazy* record: durable some time, after all records before it; nothing waits for it.
    Append(P::Record),
    /// When all records so far are durable, step the process with [`Input::Durable`] of this position.
    ReportDurable(u64),
    /// Send a message. It may be lost, duplicated or overtaken.
    Send {
        /// To whom.
        to: ProcessId,
        /// What.
        message: P::Message,
    },
    /// Tell the application. At least once: a restart may tell it again.
    Emit(P::Output),
    /// Start a timer, or start it anew. At once, and forgotten in a crash.
    SetTimer(P::Timer),
    /// Stop a timer. At once.
    CancelTimer(P::Timer),
}

/// Who is told what a step wants done, in order: a list, or a driver that does it. See [`Effect`] for the meaning of each.
pub trait Effects<P: Protocol + ?Sized> {
    /// [`Effect::Persist`].
    fn persist(&mut self, record: P::Record);

    /// [`Effect::Append`].
    fn append(&mut self, record: P::Record);

    /// [`Effect::ReportDurable`].
    fn report_durable(&mut self, position: u64);

    /// [`Effect::Send`].
    fn send(&mut self, to: ProcessId, message: P::Message);

    /// [`Effect::Emit`].
    fn emit(&mut self, output: P::Output);

    /// [`Effect::SetTimer`].
    fn set_timer(&mut self, timer: P::Timer);

    /// [`Effect::CancelTimer`].
    fn cancel_timer(&mut self, timer: P::Timer);

    /// Any of these.
    fn push(&mut self, effect: Effect<P>) {
        match effect {
            Effect::Persist(record) => self.persist(record),
            Effect::Append(record) => self.append(record),
            Effect::ReportDurable(position) => self.report_durable(position),
            Effect::Send { to, message } => self.send(to, message),
            Effect::Emit(output) => self.emit(output),
            Effect::SetTimer(timer) => self.set_timer(timer),
            Effect::CancelTimer(timer) => self.cancel_timer(timer),
        }
    }
}

impl<P: Protocol + ?Sized> dyn Effects<P> + '_ {
    /// One [`Effect::Send`] of the same message to each of `to`.
    pub fn send_all(&mut self, to: impl IntoIterator<Item = ProcessId>, message: &P::Message) {
        for to in to {
            self.send(to, message.clone());
        }
    }
}

/// What a step wants done, as a list: for whoever looks at it first.
#[derive_where(Clone, Debug, Default, Eq, PartialEq)]
pub struct EffectList<P: Protocol + ?Sized>(Vec<Effect<P>>);

impl<P: Protocol + ?Sized> EffectList<P> {
    /// No effects.
    pub fn new() -> Self {
        Self::default()
    }

    /// The effects so far.
    pub fn as_slice(&self) -> &[Effect<P>] {
        &self.0
    }

    /// Takes the effects out, one after the other, and keeps the room for more.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect<P>> + use<'_, P> {
        self.0.drain(..)
    }

    /// Takes the effects out, leaving none.
    pub fn take(&mut self) -> Vec<Effect<P>> {
        core::mem::take(&mut self.0)
    }
}

impl<P: Protocol + ?Sized> Effects<P> for EffectList<P> {
    fn persist(&mut self, record: P::Record) {
        self.push(Effect::Persist(record));
    }

    fn append(&mut self, record: P::Record) {
        self.push(Effect::Append(record));
    }

    fn report_durable(&mut self, position: u64) {
        self.push(Effect::ReportDurable(position));
    }

    fn send(&mut self, to: ProcessId, message: P::Message) {
        self.push(Effect::Send { to, message });
    }

    fn emit(&mut self, output: P::Output) {
        self.push(Effect::Emit(output));
    }

    fn set_timer(&mut self, timer: P::Timer) {
        self.push(Effect::SetTimer(timer));
    }

    fn cancel_timer(&mut self, timer: P::Timer) {
        self.push(Effect::CancelTimer(timer));
    }

    fn push(&mut self, effect: Effect<P>) {
        self.0.push(effect);
    }
}
