//! What protocols of atomic commit have in common: names of transactions, votes and decisions, and what the
//! application asks and is told.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use core::error::Error;
use core::fmt::{self, Debug, Display};

use serde::{Deserialize, Serialize};

use crate::protocol::ProcessId;

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
    /// Either role: the application gives up. A coordinator aborts what is undecided, as long as it still
    /// may; a participant what it still works on, and is bound once it is prepared.
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
    /// The process is bound: only the outcome ends the transaction.
    Prepared,
    /// The transaction is finished here.
    Finished,
    /// A commit needs at least one participant, and only participants of this system.
    Participants,
    /// The request is one for the other role.
    Role,
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
            Self::NoParticipants => "atomic commit needs at least 1 participant",
            Self::TooManyParticipants => "atomic commit takes at most 65,535 participants",
        })
    }
}

impl Error for ConfigurationError {}

/// As many participants, beside the coordinator, as ids allow, and at least one.
pub(crate) fn participants(count: usize) -> Result<u16, ConfigurationError> {
    match u16::try_from(count) {
        Ok(0) => Err(ConfigurationError::NoParticipants),
        Ok(count) => Ok(count),
        Err(_) => Err(ConfigurationError::TooManyParticipants),
    }
}

/// A process's name for people.
pub(crate) fn name(process: ProcessId) -> String {
    match process {
        COORDINATOR => "coordinator".to_owned(),
        ProcessId(number) => format!("participant {number}"),
    }
}

impl Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}.{}", self.epoch, self.number)
    }
}

impl Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Begin => write!(f, "Begin"),
            Request::Work(transaction) => write!(f, "Work({transaction})"),
            Request::Commit {
                transaction,
                participants,
            } => write!(f, "Commit({transaction} at {participants:?})"),
            Request::Abort(transaction) => write!(f, "Abort({transaction})"),
        }
    }
}
