//! Nodes: processes of Quorate's protocols on disks and sockets, and what they offer to clients.
//!
//! * [`storage`] keeps the records that processes write, [`transport`] carries the messages that they send, and [`runtime`]
//!   drives them. They know no protocol.
//! * [`key_value`] is a replicated map, over Raft.
//! * [`ledger`] is accounts over several shards, over a protocol of atomic commit.
//! * [`registers`] is registers that are written once, over Paxos.
//!
//! The processes are those that `quorate-models` checks, driven by the same [`Driver`](quorate::protocol::Driver).

pub mod key_value;
pub mod ledger;
pub mod registers;
pub mod runtime;
pub mod storage;
pub mod transport;
