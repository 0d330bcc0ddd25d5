//! Who speaks: the first frame of either side.

use serde::{Deserialize, Serialize};

use super::{Error, frame};
use quorate::protocol::ProcessId;

/// The version of what follows. Others are refused. Since 2 an entry of Raft's log that opens a session carries the limit by which
/// sessions end.
pub const VERSION: u16 = 2;

/// What the first frame begins with, whatever the version.
const NAME: &[u8] = b"quorate";

/// Bytes of the longest first frame.
pub(super) const HELLO_MAX: usize = 1 << 12;

/// Who speaks, and of what.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The cluster's name.
    pub cluster: String,
    /// What its processes run.
    pub protocol: String,
    /// Who.
    pub speaker: Speaker,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Speaker {
    /// A node of the cluster: that of this process.
    Node(ProcessId),
    /// Somebody who asks something of it.
    Client,
}

/// What whoever listens answers: who it is, or why it does not want to speak.
pub(super) type Answer = Result<Hello, String>;

impl Hello {
    /// Whether this is of the same cluster and protocol.
    pub(super) fn check(&self, found: &Self) -> Result<(), Error> {
        if found.cluster != self.cluster {
            return Err(Error::OtherCluster {
                found: found.cluster.clone(),
                expected: self.cluster.clone(),
            });
        }
        if found.protocol != self.protocol {
            return Err(Error::OtherProtocol {
                found: found.protocol.clone(),
                expected: self.protocol.clone(),
            });
        }
        Ok(())
    }
}

/// The frame with this first in it.
pub(super) fn first(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut encoded = [NAME, &VERSION.to_le_bytes()].concat();
    postcard::to_io(value, &mut encoded).map_err(Error::NotEncoded)?;
    match u32::try_from(encoded.len()) {
        Ok(length) if encoded.len() <= HELLO_MAX => {
            Ok([&length.to_le_bytes(), &encoded[..]].concat())
        }
        Ok(_) | Err(_) => Err(Error::TooLong { max: HELLO_MAX }),
    }
}

/// What a first frame says.
pub(super) fn read<T: serde::de::DeserializeOwned>(frame: &[u8]) -> Result<T, Error> {
    let rest = frame.strip_prefix(NAME).ok_or(Error::Foreign)?;
    let (version, encoded) = rest.split_first_chunk().ok_or(Error::Foreign)?;
    match u16::from_le_bytes(*version) {
        VERSION => frame::decode(encoded),
        found => Err(Error::Version { found }),
    }
}
