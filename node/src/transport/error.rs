//! Why a connection is closed, or nothing is sent by it.

use std::fmt::{self, Display};
use std::io;
use std::net::SocketAddr;

use super::VERSION;
use quorate::protocol::ProcessId;

/// Why a connection is closed, or nothing is sent by it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The network, or the other side's machine.
    Network(io::Error),
    /// This address can be reached from elsewhere, and nobody has allowed that.
    NotLoopback {
        /// Which.
        address: SocketAddr,
    },
    /// The other side has said nothing for too long.
    Silent,
    /// It is closed.
    Closed,
    /// As much waits to be sent as may.
    Full,
    /// A frame is longer than frames may be.
    TooLong {
        /// Bytes that are allowed.
        max: usize,
    },
    /// A frame is not what one can decode.
    Malformed(postcard::Error),
    /// A frame is longer than what is in it.
    Trailing {
        /// By so many bytes.
        bytes: usize,
    },
    /// A message has no encoding.
    NotEncoded(postcard::Error),
    /// The other side speaks something else.
    Foreign,
    /// The other side is of another version.
    Version {
        /// Which.
        found: u16,
    },
    /// The other side is of another cluster.
    OtherCluster {
        /// Which.
        found: String,
        /// Which it should be.
        expected: String,
    },
    /// The other side runs another protocol.
    OtherProtocol {
        /// Which.
        found: String,
        /// Which it should be.
        expected: String,
    },
    /// The other side is no node that is known here.
    Stranger {
        /// Who it says it is.
        node: ProcessId,
    },
    /// Somebody else has answered.
    OtherNode {
        /// Who.
        found: Option<ProcessId>,
        /// Who should have.
        expected: ProcessId,
    },
    /// The other side does not want to speak.
    Refused {
        /// As it says.
        why: String,
    },
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => write!(f, "{error}"),
            Self::NotLoopback { address } => write!(
                f,
                "{address} can be reached from other machines, and what is said is neither encrypted nor authenticated: \
                 listen on 127.0.0.1, or allow it if all who can reach it may be trusted"
            ),
            Self::Silent => write!(f, "it says nothing"),
            Self::Closed => write!(f, "the connection is closed"),
            Self::Full => write!(f, "too much waits to be sent"),
            Self::TooLong { max } => write!(f, "a frame has more than {max} bytes"),
            Self::Malformed(error) => write!(f, "a frame cannot be decoded: {error}"),
            Self::Trailing { bytes } => {
                write!(f, "a frame has {bytes} bytes more than what is in it")
            }
            Self::NotEncoded(error) => write!(f, "a message cannot be encoded: {error}"),
            Self::Foreign => write!(f, "it does not speak as a node or client of Quorate"),
            Self::Version { found } => write!(
                f,
                "it speaks version {found}, and this program only {VERSION}: run the same version on both sides"
            ),
            Self::OtherCluster { found, expected } => write!(
                f,
                "it is of cluster {found:?}, not {expected:?}: give the addresses of one cluster only"
            ),
            Self::OtherProtocol { found, expected } => write!(
                f,
                "it runs {found}, not {expected}: give the addresses of one cluster only"
            ),
            Self::Stranger { node } => write!(
                f,
                "node {node:?} is none of the peers here: give all nodes of a cluster the same addresses"
            ),
            Self::OtherNode {
                found: Some(found),
                expected,
            } => write!(
                f,
                "node {found:?} has answered, not {expected:?}: give all nodes of a cluster the same addresses"
            ),
            Self::OtherNode {
                found: None,
                expected,
            } => write!(f, "a client has answered, not node {expected:?}"),
            Self::Refused { why } => write!(f, "it refuses: {why}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Network(error) => Some(error),
            Self::Malformed(error) | Self::NotEncoded(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Network(error)
    }
}
