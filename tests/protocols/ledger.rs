//! Accounts over shards: where each is. Every run of small ledgers, and bugs, are in `cargo models`.

use quorate::ledger::Ledger;
use quorate::protocol::{ProcessId, Protocol};
use quorate::two_phase_commit::TwoPhaseCommit;

fn ledger() -> Ledger<TwoPhaseCommit> {
    Ledger::new(TwoPhaseCommit::new(2).unwrap())
}

/// As the models rely on.
#[test]
fn accounts_are_at_both_shards() {
    let ledger = ledger();
    assert_ne!(ledger.shard("a"), ledger.shard("b"));
}

#[test]
fn only_a_shard_has_balances_and_only_a_coordinator_transfers() {
    let ledger = ledger();
    assert_eq!(ledger.name(ProcessId(0)), "coordinator");
    assert_eq!(ledger.name(ProcessId(2)), "shard 2");
}
