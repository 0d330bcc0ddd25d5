//! Atomic commit, whatever the protocol: the application above it, and what is claimed over what that was told.
//!
//! AC1–AC4 are the conditions of Bernstein, Hadzilacos, Goodman: *Concurrency Control and Recovery in
//! Database Systems*, 1987, §7.3.

use quorate::protocol::ProcessId;

pub mod actor_model;
pub mod application;
pub mod cases;
pub mod comparison;
pub mod cost;

use application::View;

/// AC1, agreement: no two processes decide differently, the coordinator included.
pub const AGREEMENT: &str = "agreement (AC1)";
/// AC2, stability: no process contradicts its own decision, also across a crash.
pub const STABILITY: &str = "stability (AC2)";
/// AC3, validity: commit only if all participants have promised.
pub const VALIDITY: &str = "validity (AC3)";
/// AC4: if nothing fails and all vote Yes, all commit.
pub const ALL_COMMIT: &str = "without failure all commit (AC4)";
/// A recovery finds what its process believed durable (Bernstein, Hadzilacos, Goodman 1987, §7.6).
pub const RECOVERY_READS_BACK: &str = "recovery reads back what was believed durable";
/// No two transactions have one name.
pub const NAMES_ARE_UNIQUE: &str = "a transaction's name is never reused";
/// A participant promises only for work that it has at hand.
pub const PROMISE_NEEDS_WORK: &str = "a promise is made only for work at hand";

/// No process is told to have committed what another is told to have aborted.
pub fn agreement(view: &View) -> bool {
    view.transactions.values().all(|told| {
        told.committed
            .iter()
            .all(|p| told.aborted.iter().all(|q| p == q))
    })
}

/// No process has told both outcomes of one transaction.
pub fn stability(view: &View) -> bool {
    let told = view.transactions.values();
    told.map(|told| told.committed.both(told.aborted))
        .all(|both| both.is_empty())
}

/// Whoever has committed, all participants have promised.
pub fn validity(view: &View, participants: u16) -> bool {
    view.transactions.values().all(|told| {
        told.committed.is_empty()
            || (1..=participants).all(|p| told.prepared.contains(ProcessId(p)))
    })
}

/// Somebody has committed something.
pub fn commits(view: &View) -> bool {
    view.transactions.values().any(|t| !t.committed.is_empty())
}

/// Somebody has aborted something.
pub fn aborts(view: &View) -> bool {
    view.transactions.values().any(|t| !t.aborted.is_empty())
}
