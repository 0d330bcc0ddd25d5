//! Why a node does not start, or comes to an end.

use std::fmt::{self, Display};
use std::io;
use std::sync::Arc;

use crate::storage;

/// Why a node does not start, or comes to an end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Its disk.
    Storage(Arc<storage::Error>),
    /// What is traced cannot be written.
    Trace(io::Error),
    /// The thread that writes has panicked.
    WriterPanicked,
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => write!(f, "{error}"),
            Self::Trace(error) => write!(f, "the trace cannot be written: {error}"),
            Self::WriterPanicked => write!(f, "the thread that writes to the disk has panicked"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Storage(error) => Some(error),
            Self::Trace(error) => Some(error),
            Self::WriterPanicked => None,
        }
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        Self::Storage(Arc::new(error))
    }
}
