//! How fast the protocols are by themselves: messages by function call, one thread, no disk.

use criterion::{criterion_group, criterion_main};

mod paxos;
mod raft;
mod replicas;

criterion_group!(benches, paxos::decrees, raft::commands);
criterion_main!(benches);
