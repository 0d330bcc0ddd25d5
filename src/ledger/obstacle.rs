//! Why a transfer or a balance is not to be had, and how people read that.

use alloc::string::String;
use core::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::atomic_commit::TransactionId;

/// Why something is not done.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Obstacle {
    /// The account is locked by another transaction.
    Locked {
        /// Which account.
        account: String,
        /// By which.
        by: TransactionId,
    },
    /// There is not so much on the account, or, if it is to have more, no number for it.
    Insufficient {
        /// Which account.
        account: String,
    },
    /// A transfer changes at least one account, and each once.
    Malformed,
    /// The process asked has another role, or another's accounts.
    Role,
    /// The transaction was given up: somebody did not work in time.
    Late,
}

impl Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { account, by } => write!(
                f,
                "{account} is locked by transaction {by}; if it stays so, `quorate in-doubt` tells whether that is in doubt"
            ),
            Self::Insufficient { account } => {
                write!(f, "there is not so much on {account}, or too much")
            }
            Self::Malformed => write!(f, "name at least one account, and each once"),
            Self::Role => write!(
                f,
                "the node asked has another role: are all nodes of one cluster?"
            ),
            Self::Late => write!(
                f,
                "a shard did not answer in time: see whether all nodes are up"
            ),
        }
    }
}
