//! Keys and values that are put, packed: what is decoded one after the other shares its memory.
//!
//! A log holds many short pieces, which come together and are dropped together. So they are not allocated one by one.

use std::cell::RefCell;
use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::Deserializer;
use serde::de::{SeqAccess, Visitor};

/// Bytes that are allocated at once. A piece keeps all of them in memory, and so whatever was decoded beside it.
const BLOCK_BYTES: usize = 1 << 16;
/// Bytes of the longest piece that is packed: no more than that is left over at the end of a block.
const PIECE_MAX: usize = BLOCK_BYTES / 16;

thread_local! {
    /// What is left of the block that this thread packs into.
    static BLOCK: RefCell<BytesMut> = RefCell::default();
}

/// A copy, which shares a block with others if it is short.
fn pack(bytes: &[u8]) -> Bytes {
    if bytes.len() > PIECE_MAX {
        return Bytes::copy_from_slice(bytes);
    }
    BLOCK.with_borrow_mut(|block| {
        if block.capacity() < bytes.len() {
            *block = BytesMut::with_capacity(BLOCK_BYTES);
        }
        block.extend_from_slice(bytes);
        block.split().freeze()
    })
}

/// Decodes a piece.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    deserializer.deserialize_bytes(Piece)
}

struct Piece;

impl<'de> Visitor<'de> for Piece {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(pack(bytes))
    }

    /// Of encodings that know lists only.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element()? {
            bytes.push(byte);
        }
        Ok(pack(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{BLOCK_BYTES, PIECE_MAX, pack};
    use crate::key_value::Command;

    fn put(length: usize) -> Command {
        let bytes = |seed: usize| Bytes::from_iter((seed..seed + length).map(|byte| byte as u8));
        let (key, value) = (bytes(1), bytes(2));
        Command::Put { key, value }
    }

    #[test]
    fn what_is_decoded_is_what_was_encoded() {
        for length in [0, 1, 256, PIECE_MAX, PIECE_MAX + 1, 3 * BLOCK_BYTES] {
            let encoded = postcard::to_stdvec(&put(length)).unwrap();
            assert_eq!(put(length), postcard::from_bytes(&encoded).unwrap());
            let encoded = serde_json::to_string(&put(length)).unwrap();
            assert_eq!(put(length), serde_json::from_str(&encoded).unwrap());
        }
    }

    #[test]
    fn pieces_of_a_block_keep_their_bytes_when_the_next_is_begun() {
        let lengths = (0..3 * BLOCK_BYTES / 100).map(|number| number % 200);
        let pieces = lengths.map(|length| (length, pack(&vec![length as u8; length])));
        for (length, piece) in pieces.collect::<Vec<_>>() {
            assert_eq!(vec![length as u8; length], piece);
        }
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let encoded = postcard::to_stdvec(&put(100)).unwrap();
        for length in 0..encoded.len() {
            assert!(postcard::from_bytes::<Command>(&encoded[..length]).is_err());
        }
    }
}
