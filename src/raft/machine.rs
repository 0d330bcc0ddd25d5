//! What is replicated: a deterministic state machine.

use alloc::vec::Vec;
use core::fmt::Debug;
use core::hash::Hash;

use crate::protocol::Data;

/// A state machine: equal commands in equal order give equal states and replies, on every server. The default is its
/// first state.
pub trait StateMachine: Clone + Debug + Default + Eq + Hash {
    /// What changes it.
    type Command: Data;
    /// What asks it, and changes nothing.
    type Query: Data;
    /// What it answers to either.
    type Reply: Data;
    /// A part of what it knows, small enough for one message.
    type Chunk: Data;

    /// Applies one command.
    fn apply(&mut self, command: &Self::Command) -> Self::Reply;

    /// Answers, without changing anything.
    fn query(&self, query: &Self::Query) -> Self::Reply;

    /// All that it knows, in parts.
    fn snapshot(&self) -> Vec<Self::Chunk>;

    /// The state machine that gave these parts, or nothing if none did.
    fn restore(chunks: &[Self::Chunk]) -> Option<Self>;

    /// How much room a command takes in a message, in bytes: for flow control, so roughly.
    fn size(command: &Self::Command) -> usize {
        let _ = command;
        size_of::<Self::Command>()
    }
}
