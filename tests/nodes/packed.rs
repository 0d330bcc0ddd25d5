//! Keys and values that share their memory when they are decoded.

use bytes::Bytes;

use quorate_node::key_value::Command;

/// Bytes that are allocated at once, and of the longest piece that is packed into them.
const BLOCK_BYTES: usize = 1 << 16;
const PIECE_MAX: usize = BLOCK_BYTES / 16;

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
    let pieces = lengths.map(|length| {
        let encoded = postcard::to_stdvec(&put(length)).unwrap();
        (length, postcard::from_bytes::<Command>(&encoded).unwrap())
    });
    for (length, piece) in pieces.collect::<Vec<_>>() {
        assert_eq!(put(length), piece);
    }
}

#[test]
fn what_is_cut_short_is_refused() {
    let encoded = postcard::to_stdvec(&put(100)).unwrap();
    for length in 0..encoded.len() {
        assert!(postcard::from_bytes::<Command>(&encoded[..length]).is_err());
    }
}
