//! Records as bytes: a version, and the encoding.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Error;
use quorate::protocol::ProcessId;

/// The version of the records that are written. Others are refused. Since 2 an entry of Raft's log that opens a session carries
/// the limit by which sessions end.
pub const VERSION: u8 = 2;

/// The bytes of a record.
pub(super) fn encode<R: Serialize>(record: &R) -> Result<Vec<u8>, Error> {
    postcard::to_extend(record, vec![VERSION]).map_err(Error::NotEncoded)
}

/// The record of these bytes: all of them.
pub(super) fn decode<R: DeserializeOwned>(
    process: ProcessId,
    number: u64,
    bytes: &[u8],
) -> Result<R, Error> {
    match bytes.split_first() {
        Some((&VERSION, encoded)) => match postcard::take_from_bytes(encoded) {
            Ok((record, [])) => Ok(record),
            Ok(_) | Err(_) => Err(Error::Unreadable { process, number }),
        },
        Some((&found, _)) => Err(Error::Version {
            process,
            number,
            found,
        }),
        None => Err(Error::Unreadable { process, number }),
    }
}
