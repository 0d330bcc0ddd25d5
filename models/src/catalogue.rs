//! All models, as the command line sees them.

use quorate_checker::entry::{Entry, UsageError, find};

use crate::ledger::entry::LedgerEntry;
use crate::paxos::entry::PaxosEntry;
use crate::raft::entry::RaftEntry;
use crate::registers::entry::RegistersEntry;
use crate::sketches::entry::SketchesEntry;
use crate::three_phase_commit::entry::ThreePhaseCommitEntry;
use crate::two_phase_commit::entry::TwoPhaseCommitEntry;

/// All models.
pub const MODELS: &[&dyn Entry] = &[
    &TwoPhaseCommitEntry,
    &ThreePhaseCommitEntry,
    &PaxosEntry,
    &RaftEntry,
    &RegistersEntry,
    &LedgerEntry,
    &SketchesEntry,
];

/// The model of this name.
///
/// # Errors
///
/// If there is none.
pub fn model(name: &str) -> Result<&'static dyn Entry, UsageError> {
    find(MODELS, name)
}
