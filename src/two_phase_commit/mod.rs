//! Two-phase commit with presumed abort.
//!
//! *Sources.* C. Mohan, B. Lindsay, R. Obermarck: *Transaction Management in the R\* Distributed Database
//! Management System*, ACM TODS 11(4), 1986 (presumed abort: §3); P. Bernstein, V. Hadzilacos,
//! N. Goodman: *Concurrency Control and Recovery in Database Systems*, 1987, chapter 7 (two-phase commit
//! and its time-outs: §7.4, cooperative termination: §7.4); J. Gray, L. Lamport: *Consensus on
//! Transaction Commit*, ACM TODS 31(1), 2006.
//!
//! # One transaction
//!
//! ```text
//! application        coordinator (0)                        participant (1 …)
//! Begin          →   names it, Begun
//! Work           →                                          Working
//! Commit         →   Prepare to each participant        →   forces Prepared, votes Yes, is now in doubt
//!                    all Yes: forces Commit; Commit     →   forces Committed, acknowledges
//!                    all acknowledged: writes End lazily and forgets
//! ```
//!
//! A vote No, or a vote that does not come in time, aborts: the coordinator forgets the transaction
//! without writing anything, tells those who may have voted Yes, and answers whoever asks later with
//! abort, because it does not know the transaction: *presumed abort*. A participant forces its own abort
//! before anyone learns of it; an abort that it is told is written lazily. A committed transaction of *n*
//! participants costs 2n+1 forced writes.
//!
//! # What never happens, and why
//!
//! * **A participant votes Yes only for work that it still has.** Work is volatile until Prepared is
//!   durable; a Prepare for a transaction that a participant does not know is answered No, and that No is
//!   forced, so that work redone later cannot turn it into a Yes.
//! * **A finished transaction is never prepared again**, though networks deliver late: outcomes are kept
//!   until the coordinator says, on its Prepares, that it has no unfinished transaction below some id.
//!   The participant then retires them all with one record: it forgets outcomes below the *watermark*
//!   and refuses every transaction below it that it does not know. So it keeps the outcomes since its
//!   last Prepare, and of that time.
//! * **An id is never reused**: it is the coordinator's *epoch*, forced at each start before any id of it is
//!   told, and a number within it.
//!
//! The modules, in the order in which to read them: [`Rules`] names every decision with its source,
//! [`Coordinator`] and [`Participant`] are the two roles, [`Durable`] is what their disks hold.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::atomic_commit;
use crate::protocol::{Effects, Input, ProcessId, Protocol, TimerKind, with_timers};

mod coordinator;
mod disk;
mod display;
mod participant;
mod rules;

pub use crate::atomic_commit::{
    COORDINATOR, ConfigurationError, Decision, Output, Refusal, Request, TransactionId, Vote,
};
pub use coordinator::{Coordinator, Phase, Progress};
pub use disk::{Durable, Record};
pub use participant::{Participant, Standing, Status};
pub use rules::{Published, Rules};

/// What the processes send each other.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Message {
    /// The coordinator asks a participant to vote.
    Prepare {
        /// On what.
        transaction: TransactionId,
        /// Whom else it may ask when in doubt: the other participants under cooperative termination,
        /// nobody otherwise.
        peers: BTreeSet<ProcessId>,
        /// The coordinator will never again ask about an id below this one that is not prepared.
        retired_below: TransactionId,
    },
    /// A participant votes.
    Vote {
        /// On what.
        transaction: TransactionId,
        /// How.
        vote: Vote,
    },
    /// The outcome: told by the coordinator, or in answer to an inquiry.
    Decision {
        /// Of what.
        transaction: TransactionId,
        /// Which.
        decision: Decision,
    },
    /// A participant's commit is durable.
    Acknowledge {
        /// Of what.
        transaction: TransactionId,
    },
    /// A participant in doubt asks for the outcome.
    Inquire {
        /// Of what.
        transaction: TransactionId,
    },
}

impl Message {
    /// The transaction that the message is about.
    pub fn transaction(&self) -> TransactionId {
        match *self {
            Message::Prepare { transaction, .. }
            | Message::Vote { transaction, .. }
            | Message::Decision { transaction, .. }
            | Message::Acknowledge { transaction }
            | Message::Inquire { transaction } => transaction,
        }
    }
}

/// What a process may wait for.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Timer {
    /// Coordinator: the transaction is still undecided.
    Deadline(TransactionId),
    /// Coordinator: somebody has not acknowledged the commit.
    Resend(TransactionId),
    /// Participant: in doubt, and nothing heard.
    Inquire(TransactionId),
}

/// A process: one of the two roles.
#[derive(Clone, Eq, Hash, PartialEq)]
pub enum State {
    /// Process [`COORDINATOR`].
    Coordinator(Coordinator),
    /// Every other process.
    Participant(Participant),
}

/// Two-phase commit: who takes part, and the rules. Production uses the [`Published`] rules.
#[derive(Clone, Copy, Debug)]
pub struct TwoPhaseCommit<R = Published> {
    participants: u16,
    cooperative: bool,
    rules: R,
}

impl TwoPhaseCommit {
    /// A coordinator and `participants` participants, without cooperative termination, by the
    /// published rules.
    ///
    /// # Errors
    ///
    /// If there would be no participant, or more than ids.
    pub fn new(participants: usize) -> Result<Self, ConfigurationError> {
        Self::with_rules(participants, Published)
    }
}

impl<R: Rules> TwoPhaseCommit<R> {
    /// The same by other rules.
    ///
    /// # Errors
    ///
    /// See [`TwoPhaseCommit::new`].
    pub fn with_rules(participants: usize, rules: R) -> Result<Self, ConfigurationError> {
        Ok(Self {
            participants: atomic_commit::participants(participants)?,
            cooperative: false,
            rules,
        })
    }

    /// Whether a participant in doubt asks its peers too (cooperative termination, Bernstein,
    /// Hadzilacos, Goodman 1987, §7.4).
    #[must_use]
    pub fn cooperative(self, cooperative: bool) -> Self {
        Self {
            cooperative,
            ..self
        }
    }

    /// The ids of all participants.
    pub fn participants(&self) -> impl Iterator<Item = ProcessId> + use<R> {
        (1..=self.participants).map(ProcessId)
    }

    fn is_participant(&self, process: ProcessId) -> bool {
        (1..=self.participants).contains(&process.0)
    }
}

impl State {
    /// The transaction whose timer an input may change, if it is one.
    fn transaction<R: Rules>(&self, input: &Input<TwoPhaseCommit<R>>) -> Option<TransactionId> {
        match (input, self) {
            (Input::Receive { message, .. }, _) => Some(message.transaction()),
            (
                Input::Timeout(
                    Timer::Deadline(transaction)
                    | Timer::Resend(transaction)
                    | Timer::Inquire(transaction),
                )
                | Input::Submit(
                    Request::Work(transaction)
                    | Request::Commit { transaction, .. }
                    | Request::Abort(transaction),
                ),
                _,
            ) => Some(*transaction),
            (Input::Submit(Request::Begin), State::Coordinator(coordinator)) => {
                Some(coordinator.next())
            }
            (Input::Submit(Request::Begin) | Input::Start(_) | Input::Durable(_), _) => None,
        }
    }

    /// The timer of a transaction, if one is set.
    fn timer_of(&self, transaction: TransactionId) -> Option<Timer> {
        match self {
            State::Coordinator(coordinator) => coordinator.timer_of(transaction),
            State::Participant(participant) => participant.timer_of(transaction),
        }
    }
}

impl<R: Rules> Protocol for TwoPhaseCommit<R> {
    type State = State;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Durable = Durable;
    type Request = Request;
    type Output = Output;

    fn processes(&self) -> usize {
        1 + usize::from(self.participants)
    }

    fn name(&self, process: ProcessId) -> String {
        atomic_commit::name(process)
    }

    fn initial(&self, me: ProcessId) -> State {
        match me {
            COORDINATOR => State::Coordinator(Coordinator::default()),
            _ => State::Participant(Participant::default()),
        }
    }

    fn step(
        &self,
        _me: ProcessId,
        state: &mut State,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        // Only processes of this system have a say, or get an answer.
        if let Input::Receive { from, .. } = input
            && from.index() >= self.processes()
        {
            return;
        }
        // Nobody but whoever comes up changes the timers of more than one transaction.
        let transaction = state.transaction(&input);
        let is_start = matches!(input, Input::Start(_));
        let timers = |state: &State| match transaction {
            Some(transaction) => Vec::from_iter(state.timer_of(transaction)),
            None if is_start => self.timers(state),
            None => Vec::new(),
        };
        with_timers(
            state,
            timers,
            input,
            effects,
            |state, input, effects| match state {
                State::Coordinator(coordinator) => {
                    self.step_coordinator(coordinator, input, effects);
                }
                State::Participant(participant) => {
                    self.step_participant(participant, input, effects);
                }
            },
        );
    }

    fn timers(&self, state: &State) -> Vec<Timer> {
        match state {
            State::Coordinator(coordinator) => coordinator.timers(),
            State::Participant(participant) => participant.timers(),
        }
    }

    fn timer_kind(&self, _: &State, _: &Timer) -> TimerKind {
        TimerKind::Plain
    }

    fn apply(durable: &mut Durable, record: &Record) {
        durable.apply(record);
    }

    fn records(durable: &Durable) -> Vec<Record> {
        durable.records()
    }

    fn sums_up(_: &Record) -> bool {
        false
    }

    fn durable(&self, state: &State) -> Durable {
        match state {
            State::Coordinator(coordinator) => coordinator.durable(),
            State::Participant(participant) => participant.durable(),
        }
    }
}
