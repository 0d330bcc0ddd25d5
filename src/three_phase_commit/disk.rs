//! What processes write to their disks, and what a disk holds.
//!
//! That a process is committable is not written: whoever fails while it is undecided learns the outcome from
//! the others, so that nobody would read it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::TransactionId;
use crate::protocol::ProcessId;

/// A record of the log.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Record {
    /// Coordinator, forced at each start: it names transactions in this epoch.
    Started {
        /// The epoch.
        epoch: u64,
    },
    /// Forced: by the coordinator before it asks for votes, by a participant before it votes Yes. From here
    /// on the process cannot decide on its own when it has failed, and these are whom it asks.
    Prepared {
        /// What.
        transaction: TransactionId,
        /// Who takes part, beside the coordinator.
        participants: BTreeSet<ProcessId>,
    },
    /// Forced: the outcome is commit. That it is forced keeps what was told through a failure of all; as long as one
    /// process never fails, the others could learn it again.
    Committed {
        /// What.
        transaction: TransactionId,
    },
    /// Forced if the process decides it, lazy if it was told: the outcome is abort.
    Aborted {
        /// What.
        transaction: TransactionId,
    },
}

/// What a disk holds: the fold of its records.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Durable {
    /// The coordinator's last epoch, 0 if it never started.
    pub epoch: u64,
    /// Where transactions stand.
    pub transactions: BTreeMap<TransactionId, Remembered>,
}

/// Where a transaction stands on a disk.
#[derive(Clone, Eq, Hash, PartialEq)]
pub enum Remembered {
    /// Undecided.
    Prepared {
        /// Who takes part, beside the coordinator.
        participants: BTreeSet<ProcessId>,
    },
    /// Finished.
    Committed,
    /// Finished.
    Aborted,
}

impl Durable {
    /// Folds one record in.
    pub fn apply(&mut self, record: &Record) {
        let (transaction, remembered) = match record {
            Record::Started { epoch } => {
                self.epoch = *epoch;
                return;
            }
            Record::Prepared {
                transaction,
                participants,
            } => {
                let participants = participants.clone();
                (transaction, Remembered::Prepared { participants })
            }
            Record::Committed { transaction } => (transaction, Remembered::Committed),
            Record::Aborted { transaction } => (transaction, Remembered::Aborted),
        };
        self.transactions.insert(*transaction, remembered);
    }

    /// The fewest records whose fold this is.
    pub fn records(&self) -> Vec<Record> {
        let epoch = self.epoch;
        let started = (epoch > 0).then_some(Record::Started { epoch });
        let transactions = self.transactions.iter().map(|(transaction, remembered)| {
            let transaction = *transaction;
            match remembered {
                Remembered::Prepared { participants } => Record::Prepared {
                    transaction,
                    participants: participants.clone(),
                },
                Remembered::Committed => Record::Committed { transaction },
                Remembered::Aborted => Record::Aborted { transaction },
            }
        });
        started.into_iter().chain(transactions).collect()
    }
}
