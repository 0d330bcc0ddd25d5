//! Frames: a length, and so many bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::LengthDelimitedCodec;

use super::Error;

/// Bytes of the length.
const HEAD: usize = size_of::<u32>();

/// Reads frames of at most so many bytes.
pub(super) fn codec(frame_max: usize) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .little_endian()
        .length_field_type::<u32>()
        .max_frame_length(frame_max)
        .new_codec()
}

/// Puts the frame of a value behind these bytes, or leaves them as they are.
pub(super) fn put(
    bytes: &mut Vec<u8>,
    value: &impl Serialize,
    frame_max: usize,
) -> Result<(), Error> {
    let begin = bytes.len();
    bytes.extend([0; HEAD]);
    let framed = encode_behind(bytes, begin + HEAD, value, frame_max);
    match &framed {
        Ok(head) => bytes[begin..begin + HEAD].copy_from_slice(head),
        Err(_) => bytes.truncate(begin),
    }
    framed.map(|_| ())
}

fn encode_behind(
    bytes: &mut Vec<u8>,
    begin: usize,
    value: &impl Serialize,
    frame_max: usize,
) -> Result<[u8; HEAD], Error> {
    postcard::to_io(value, &mut *bytes).map_err(Error::NotEncoded)?;
    let length = bytes.len() - begin;
    match u32::try_from(length) {
        Ok(head) if length <= frame_max => Ok(head.to_le_bytes()),
        Ok(_) | Err(_) => Err(Error::TooLong { max: frame_max }),
    }
}

/// The value whose encoding these bytes are: all of them.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(Error::Trailing { bytes: rest.len() }),
        Err(error) => Err(Error::Malformed(error)),
    }
}
