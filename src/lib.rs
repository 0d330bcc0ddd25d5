//! Atomic commit and consensus, written once.
//!
//! A protocol here is a value with one deterministic step function: no I/O, no clock, no randomness,
//! no threads. The compiler sees to that: the crate is `no_std`. The model checker (package `quorate-models`) steps it
//! through every behaviour that an environment of losses, crashes and time-outs allows; a server (package `quorate-node`)
//! steps the same function with disks and sockets.
//!
//! * [`protocol`] is the vocabulary: [`Protocol`](protocol::Protocol), its
//!   [`Input`](protocol::Input)s and [`Effects`](protocol::Effects), and the
//!   [`HoldBack`](protocol::HoldBack) queue that keeps "durable before told", and the one
//!   [`Driver`](protocol::Driver) around both.
//! * [`atomic_commit`] is what protocols of atomic commit have in common.
//! * [`two_phase_commit`] is two-phase commit with presumed abort.
//! * [`three_phase_commit`] is three-phase commit with its termination protocol.
//! * [`paxos`] is single-decree Paxos.
//! * [`raft`] is Raft: a replicated log.
//! * [`ledger`] is accounts over several shards, over a protocol of atomic commit.
//! * [`registers`] is registers that are written once, over Paxos.
//! * [`consistency`] is histories of operations, and the consistency models that they satisfy.
//!
//! # What a driver owes a protocol
//!
//! Whoever runs a process, the checker or a server, does this, in this order. [`Driver`](protocol::Driver) does all of it
//! but the disk, the network and the clock:
//!
//! 1. Read the disk: fold every durable record with [`Protocol::apply`](protocol::Protocol::apply)
//!    onto the default [`Durable`](protocol::Protocol::Durable), take
//!    [`Protocol::initial`](protocol::Protocol::initial) as the state, step it with
//!    [`Input::Start`](protocol::Input::Start).
//! 2. Feed one input at a time to [`Protocol::step`](protocol::Protocol::step).
//! 3. Carry out timer effects at once, and put all other effects into the process's
//!    [`HoldBack`](protocol::HoldBack) queue, in order.
//! 4. Make the records of the queue durable, in order, as many at a time as it likes, and report each
//!    number to the queue; send and emit only what the queue releases. A released report of durability is an input of its
//!    own: step it when everything else that was released has been carried out.
//! 5. Deliver nothing to a process that is down. After a crash begin again at 1: the queue and the
//!    state are gone; records not yet reported durable may or may not have survived, but those that
//!    survived are a prefix.
//!
//! Messages may be lost, duplicated and reordered at will; outputs are released at least once.
//!
//! [`cluster`] is several processes in memory, driven so.

#![no_std]

extern crate alloc;

pub mod atomic_commit;
pub mod cluster;
pub mod consistency;
pub mod ledger;
pub mod paxos;
pub mod protocol;
pub mod raft;
pub mod registers;
pub mod three_phase_commit;
pub mod two_phase_commit;
