//! Quorate's Raft beside other libraries that replicate a log: the same commands, the same replicas, the same checks.
//!
//! Three replicas in one thread. A message is a value that is handed on by a call: nothing is encoded, nothing is written to
//! a disk. In a round so many commands are proposed to the leader, and messages are delivered until there are no more; then
//! all three must have *applied* all commands, each to a [`Checksum`](replicas::Checksum), or the round fails. After 64
//! rounds whoever has a log shortens it. All this is in [`replicas`], the same code for all. What differs is
//! how a library is driven, and each is as its documentation recommends:
//!
//! * **Quorate**, as `quorate::raft` says: what is proposed in a round is one request; effects go through the hold-back
//!   queue, every record of which is durable at once. The state machine is a part of the replica, so that commands are
//!   applied where they lie in the log.
//! * **omnipaxos** ([`omni_paxos`]): commands are appended one by one, as its interface has it, with batching on and
//!   batches of the size of a round, so that each round is one AcceptDecide to each follower and none waits for a tick; entries are
//!   in its own `MemoryStorage`; whoever has decided more applies what `read_decided_suffix` gives.
//!   It hands out clones; there is no other way into its log.
//! * **raft-rs** ([`raft_rs`]): its example's loop: all messages that have arrived are stepped, then one `Ready` is
//!   handled in the order that its documentation gives. Its `propose` takes one command, and appends and sends it by itself;
//!   here all of a round are one `MsgPropose`, which is several times faster. Messages are up to 1 MiB, as it
//!   recommends, not of one entry, its default; entries are in its own `MemStorage`; commands are its `Bytes`, which are shared
//!   and not copied where the command is `Bytes`.
//!
//! Why that is fair: each has as many messages as it needs, batches as large as the round, a log in memory by its own
//! authors, and none is asked for durability or an encoding. What Quorate gains, it gains by its design: entries that a leader
//! takes in one step are one piece of memory, which its log, its messages and the followers' logs share.
//! Where processes are apart, everybody copies onto the network; that is not measured here.

#[path = "../../protocol/replicas.rs"]
pub mod replicas;

pub mod omni_paxos;
pub mod raft_rs;
