//! What may be wrong with a store, and what to do.

use std::fmt::{self, Display};
use std::io;

use super::{Identity, VERSION};
use quorate::protocol::ProcessId;

/// Why a store is not opened, or nothing is written.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A new node's store would be where there is something already.
    NotEmpty,
    /// There is no store where a node is said to have one.
    Empty,
    /// There is one that was never finished.
    Unfinished,
    /// It is another's.
    Foreign {
        /// Whose.
        found: Identity,
        /// Whose it should be.
        expected: Identity,
    },
    /// Another version has laid it out.
    Format {
        /// Which.
        found: u64,
    },
    /// Another version has written a record.
    Version {
        /// Whose.
        process: ProcessId,
        /// Which of its records.
        number: u64,
        /// Which version.
        found: u8,
    },
    /// A record is not what this version writes.
    Unreadable {
        /// Whose.
        process: ProcessId,
        /// Which of its records.
        number: u64,
    },
    /// A record, or a piece of it, is not there, though a later one is.
    Missing {
        /// Whose.
        process: ProcessId,
        /// Which of its records.
        number: u64,
    },
    /// What was durable is not there any more.
    Damaged(String),
    /// Somebody else has opened it.
    InUse,
    /// It cannot be read or written.
    Disk(io::Error),
    /// Something could not be written before.
    Stopped,
    /// A record has no encoding.
    NotEncoded(postcard::Error),
    /// The storage engine has failed.
    Engine(redb::Error),
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FROM_ANOTHER: &str =
            "do not start this node on it: remove the node from the cluster, and add a new one";
        match self {
            Self::NotEmpty => write!(
                f,
                "there is data already: a new node needs an empty directory; to start a node that has run before, open it"
            ),
            Self::Empty => write!(
                f,
                "there is no data, though this node has run before: give the directory that it had; if that is lost, {FROM_ANOTHER}"
            ),
            Self::Unfinished => write!(
                f,
                "this node was being made when something came between, and has never run: start it as a new one"
            ),
            Self::Foreign { found, expected } => write!(
                f,
                "this is the data of node {} of cluster {:?}, which runs {}; this is node {} of cluster {:?}, which runs {}: give its own directory",
                found.node,
                found.cluster,
                found.protocol,
                expected.node,
                expected.cluster,
                expected.protocol
            ),
            Self::Format { found } => write!(
                f,
                "the data is laid out by format {found}, and this program knows only {}: run the version that has written it",
                super::FORMAT
            ),
            Self::Version {
                process,
                number,
                found,
            } => write!(
                f,
                "record {number} of process {process:?} is of version {found}, and this program knows only {VERSION}: run the version that has written it"
            ),
            Self::Unreadable { process, number } => write!(
                f,
                "record {number} of process {process:?} cannot be read: {FROM_ANOTHER}"
            ),
            Self::Missing { process, number } => write!(
                f,
                "record {number} of process {process:?} is not there, or not all of it, and what was written later is: {FROM_ANOTHER}"
            ),
            Self::Damaged(what) => write!(f, "the data is damaged ({what}): {FROM_ANOTHER}"),
            Self::InUse => write!(
                f,
                "the data is in use: stop the process that has opened it, or give another directory"
            ),
            Self::Disk(error) if error.kind() == io::ErrorKind::StorageFull => write!(
                f,
                "the disk is full ({error}): make room, and start the node again; what it has acknowledged is kept"
            ),
            Self::Disk(error) => write!(
                f,
                "the disk has failed ({error}): nothing more is written; see to it, and start the node again"
            ),
            Self::Stopped => write!(
                f,
                "something could not be written before, and nothing more is: start the node again"
            ),
            Self::NotEncoded(error) => write!(f, "a record cannot be encoded: {error}"),
            Self::Engine(error) => write!(f, "the storage engine has failed: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Disk(error) => Some(error),
            Self::NotEncoded(error) => Some(error),
            Self::Engine(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // So redb tells that a file is none of its own.
            io::ErrorKind::InvalidData => Self::Damaged(error.to_string()),
            _ => Self::Disk(error),
        }
    }
}

impl From<redb::Error> for Error {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::Corrupted(what) => Self::Damaged(what),
            redb::Error::RepairAborted | redb::Error::UpgradeRequired(_) => {
                Self::Damaged(error.to_string())
            }
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::PreviousIo => Self::Stopped,
            error => Self::Engine(error),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident)*) => {$(
        impl From<redb::$error> for Error {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}

from_redb! { CommitError DatabaseError StorageError TableError TransactionError }
