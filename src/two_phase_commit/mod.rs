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

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::{self, Debug, Display};

use serde::{Deserialize, Serialize};

use crate::protocol::{Effects, Input, ProcessId, Protocol};

mod coordinator;
mod disk;
mod display;
mod participant;
mod rules;

pub use coordinator::{Coordinator, Phase, Progress};
pub use disk::{Durable, Record};
pub use participant::{Participant, Standing, Status};
pub use rules::{Published, Rules};

/// The process that coordinates.
pub const COORDINATOR: ProcessId = ProcessId(0);

/// A transaction's name, never reused: ordered by the coordinator's epoch, then by number.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct TransactionId {
    /// The coordinator's start in which it was named, from 1.
    pub epoch: u64,
    /// The transaction within that epoch, from 1.
    pub number: u64,
}

/// A participant's answer to Prepare.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Vote {
    /// It will commit or abort as it is told, whatever happens.
    Yes,
    /// It has aborted.
    No,
}

/// A transaction's outcome.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Decision {
    /// Its effects stay.
    Commit,
    /// It never was.
    Abort,
}

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

/// What the application asks of a process.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Request {
    /// Coordinator: name a new transaction. Answered by [`Output::Begun`].
    Begin,
    /// Participant: the application begins to work for this transaction here. It says so with its first
    /// operation only; work that a crash has lost is gone, unless the application redoes all of it.
    /// It ends what it has begun: work that is never prepared is kept until [`Request::Abort`].
    /// Answered by [`Output::Working`].
    Work(TransactionId),
    /// Coordinator: the work is done everywhere; commit it. Answered by [`Output::Decided`].
    Commit {
        /// What.
        transaction: TransactionId,
        /// Where its work was done: all participants that work for it, at least one. Whoever is left
        /// out has no say and is not told. While votes are coming in, asking again changes nothing.
        participants: BTreeSet<ProcessId>,
    },
    /// Either role: the application gives up. A coordinator aborts what is undecided; a participant
    /// what it still works on, and is bound once it is prepared.
    Abort(TransactionId),
}

/// What a process tells the application, at least once.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Output {
    /// Coordinator: a new transaction has this name.
    Begun(TransactionId),
    /// Participant: it is working for the transaction.
    Working(TransactionId),
    /// Participant: it has promised to follow the coordinator, and is in doubt until it hears: what
    /// the transaction has locked stays locked.
    Prepared(TransactionId),
    /// Either role: the outcome, never contradicted. An abort that a participant was told is not forced:
    /// after a crash it may be in doubt again, and will be told abort again.
    Decided(TransactionId, Decision),
    /// A request that cannot be met; nothing has changed.
    Refused(TransactionId, Refusal),
}

/// Why a request cannot be met.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Refusal {
    /// The transaction is not known here: never begun, lost in a crash, or finished and forgotten.
    Unknown,
    /// The participant is prepared: only the outcome ends the transaction.
    Prepared,
    /// The transaction is finished here.
    Finished,
    /// A commit needs at least one participant, and only participants of this system.
    Participants,
    /// The request is one for the other role.
    Role,
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

/// A configuration that makes no sense.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConfigurationError {
    /// There is nobody to commit anything.
    NoParticipants,
    /// Ids of processes are 16 bits, and the coordinator has one.
    TooManyParticipants,
}

impl Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoParticipants => "two-phase commit needs at least 1 participant",
            Self::TooManyParticipants => "two-phase commit takes at most 65,535 participants",
        })
    }
}

impl Error for ConfigurationError {}

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
        if participants == 0 {
            return Err(ConfigurationError::NoParticipants);
        }
        let participants =
            u16::try_from(participants).map_err(|_| ConfigurationError::TooManyParticipants)?;
        Ok(Self {
            participants,
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
        match process {
            COORDINATOR => "coordinator".to_owned(),
            ProcessId(number) => format!("participant {number}"),
        }
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
        effects: &mut Effects<Self>,
    ) {
        // Only processes of this system have a say, or get an answer.
        if let Input::Receive { from, .. } = input
            && from.index() >= self.processes()
        {
            return;
        }
        match state {
            State::Coordinator(coordinator) => self.step_coordinator(coordinator, input, effects),
            State::Participant(participant) => self.step_participant(participant, input, effects),
        }
    }

    fn timers(&self, state: &State) -> Vec<Timer> {
        match state {
            State::Coordinator(coordinator) => coordinator.timers(),
            State::Participant(participant) => participant.timers(),
        }
    }

    fn apply(durable: &mut Durable, record: &Record) {
        durable.apply(record);
    }

    fn durable(&self, state: &State) -> Durable {
        match state {
            State::Coordinator(coordinator) => coordinator.durable(),
            State::Participant(participant) => participant.durable(),
        }
    }
}
