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
