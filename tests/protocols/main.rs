//! What each protocol does, one sentence at a time: its processes stepped by hand, without an environment.

mod consistency;
mod driver;
mod harness;
mod ledger;
mod raft;
mod raft_allocations;
mod strange_messages;
mod three_phase_commit;
mod two_phase_commit;
mod two_phase_commit_messages;
mod two_phase_commit_recovery;
