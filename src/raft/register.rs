//! A state machine for tests and models of Raft.

use alloc::vec::Vec;

use super::StateMachine;

/// A register that knows all values that were ever written to it: so that one that was written twice shows.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Register(pub Vec<u8>);

impl StateMachine for Register {
    type Command = u8;
    type Query = ();
    type Reply = u8;
    type Chunk = u8;

    fn apply(&mut self, command: &u8) -> u8 {
        self.0.push(*command);
        *command
    }

    fn query(&self, (): &()) -> u8 {
        self.0.last().copied().unwrap_or(0)
    }

    fn snapshot(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn restore(chunks: &[u8]) -> Option<Self> {
        Some(Self(chunks.to_vec()))
    }

    /// As much as any other entry.
    fn size(_: &u8) -> usize {
        ENTRY_BYTES
    }
}

/// What an entry takes in a message.
pub const ENTRY_BYTES: usize = size_of::<u64>();
