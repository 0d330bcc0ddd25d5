//! What the two roles write to their disks, and what a disk holds.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Status, TransactionId};
use crate::protocol::ProcessId;

/// A record of the log.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Record {
    /// Coordinator, forced at each start: it names transactions in this epoch.
    Started {
        /// The epoch.
        epoch: u64,
    },
    /// Coordinator, forced: the decision to commit, and who must learn of it.
    Commit {
        /// What.
        transaction: TransactionId,
        /// Who takes part.
        participants: BTreeSet<ProcessId>,
    },
    /// Coordinator, lazy: all have acknowledged the commit; it may be forgotten.
    End {
        /// What.
        transaction: TransactionId,
    },
    /// Participant, forced: its promise, and whom it may ask when in doubt.
    Prepared {
        /// What.
        transaction: TransactionId,
        /// The other participants, under cooperative termination.
        peers: BTreeSet<ProcessId>,
    },
    /// Participant, forced: the outcome was commit.
    Committed {
        /// What.
        transaction: TransactionId,
    },
    /// Participant, forced if it is its own abort, lazy if it was told: the outcome was abort.
    Aborted {
        /// What.
        transaction: TransactionId,
    },
    /// Participant, lazy: outcomes below this id are forgotten, and unknown ids below it refused.
    Retired {
        /// The watermark.
        below: TransactionId,
    },
}

/// What a disk holds: the fold of its records. Of a coordinator's the first two fields are used, of a
/// participant's the last two.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Durable {
    /// The coordinator's last epoch, 0 if it never started.
    pub epoch: u64,
    /// Committed transactions that have not ended, and who takes part in them.
    pub committed: BTreeMap<TransactionId, BTreeSet<ProcessId>>,
    /// What a participant has promised or finished, and not retired.
    pub statuses: BTreeMap<TransactionId, Status>,
    /// The watermark, zero at first.
    pub watermark: TransactionId,
}

impl Durable {
    /// Folds one record in.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Started { epoch } => self.epoch = *epoch,
            Record::Commit {
                transaction,
                participants,
            } => {
                self.committed.insert(*transaction, participants.clone());
            }
            Record::End { transaction } => {
                self.committed.remove(transaction);
            }
            Record::Prepared { transaction, peers } => {
                let peers = peers.clone();
                self.statuses
                    .insert(*transaction, Status::Prepared { peers });
            }
            Record::Committed { transaction } => {
                self.statuses.insert(*transaction, Status::Committed);
            }
            Record::Aborted { transaction } => {
                self.statuses.insert(*transaction, Status::Aborted);
            }
            Record::Retired { below } => {
                forget_finished(&mut self.statuses, *below);
                self.watermark = *below;
            }
        }
    }
}

impl Durable {
    /// The fewest records whose fold this is.
    pub fn records(&self) -> Vec<Record> {
        let Self {
            epoch,
            committed,
            statuses,
            watermark,
        } = self;
        let started = (*epoch > 0).then_some(Record::Started { epoch: *epoch });
        let commits = committed.iter().map(|(transaction, participants)| {
            let (transaction, participants) = (*transaction, participants.clone());
            Record::Commit {
                transaction,
                participants,
            }
        });
        let below = *watermark;
        let retired = (below != TransactionId::default()).then_some(Record::Retired { below });
        let statuses = statuses.iter().filter_map(|(transaction, status)| {
            let transaction = *transaction;
            Some(match status {
                // No record says so.
                Status::Working => return None,
                Status::Prepared { peers } => {
                    let peers = peers.clone();
                    Record::Prepared { transaction, peers }
                }
                Status::Committed => Record::Committed { transaction },
                Status::Aborted => Record::Aborted { transaction },
            })
        });
        let coordinators = started.into_iter().chain(commits);
        coordinators.chain(retired).chain(statuses).collect()
    }
}

/// Forgets outcomes below a watermark. What is still in progress stays.
pub(super) fn forget_finished(
    statuses: &mut BTreeMap<TransactionId, Status>,
    below: TransactionId,
) {
    statuses.retain(|&transaction, status| transaction >= below || !status.is_finished());
}
