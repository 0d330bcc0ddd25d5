//! What a person reads: in the Explorer, in counterexamples, in logs.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use super::{
    Coordinator, Durable, Message, Participant, Progress, Record, State, Status, TransactionId,
};

impl Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Prepare {
                transaction,
                peers,
                retired_below,
            } => {
                write!(f, "Prepare({transaction}")?;
                if !peers.is_empty() {
                    write!(f, ", peers {peers:?}")?;
                }
                // Retiring everything below the transaction itself is what is always said of the
                // only transaction under way.
                if retired_below != transaction {
                    write!(f, ", retired below {retired_below}")?;
                }
                write!(f, ")")
            }
            Message::Vote { transaction, vote } => write!(f, "{vote:?}({transaction})"),
            Message::Decision {
                transaction,
                decision,
            } => write!(f, "{decision:?}({transaction})"),
            Message::Acknowledge { transaction } => write!(f, "Acknowledge({transaction})"),
            Message::Inquire { transaction } => write!(f, "Inquire({transaction})"),
        }
    }
}

impl Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Coordinator(coordinator) => coordinator.fmt(f),
            State::Participant(participant) => participant.fmt(f),
        }
    }
}

impl Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Started { epoch } => write!(f, "Started(epoch {epoch})"),
            Record::Commit {
                transaction,
                participants,
            } => write!(f, "Commit({transaction} at {participants:?})"),
            Record::End { transaction } => write!(f, "End({transaction})"),
            Record::Prepared { transaction, peers } if peers.is_empty() => {
                write!(f, "Prepared({transaction})")
            }
            Record::Prepared { transaction, peers } => {
                write!(f, "Prepared({transaction}, peers {peers:?})")
            }
            Record::Committed { transaction } => write!(f, "Committed({transaction})"),
            Record::Aborted { transaction } => write!(f, "Aborted({transaction})"),
            Record::Retired { below } => write!(f, "Retired(below {below})"),
        }
    }
}

impl Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.epoch > 0 {
            parts.push(format!("epoch {}", self.epoch));
        }
        for (transaction, participants) in &self.committed {
            parts.push(format!("{transaction} committed for {participants:?}"));
        }
        if self.watermark != TransactionId::default() {
            parts.push(format!("retired below {}", self.watermark));
        }
        for (transaction, status) in &self.statuses {
            parts.push(format!("{transaction} {status:?}"));
        }
        if parts.is_empty() {
            parts.push("empty".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}

impl Debug for Coordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}", self.epoch)?;
        if self.begun > 0 {
            write!(f, ", {} begun", self.begun)?;
        }
        for (transaction, progress) in &self.transactions {
            write!(f, ", {transaction} {progress:?}")?;
        }
        Ok(())
    }
}

impl Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Progress::Working => write!(f, "working"),
            Progress::Voting { participants, yes } => {
                write!(f, "voting (yes {yes:?} of {participants:?})")
            }
            Progress::Committed {
                participants,
                unacknowledged,
            } => write!(
                f,
                "committed (unacknowledged {unacknowledged:?} of {participants:?})"
            ),
        }
    }
}

impl Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.watermark != TransactionId::default() {
            parts.push(format!("retired below {}", self.watermark));
        }
        for (transaction, status) in &self.statuses {
            parts.push(format!("{transaction} {status:?}"));
        }
        if parts.is_empty() {
            parts.push("idle".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}

impl Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Working => write!(f, "working"),
            Status::Prepared { peers } if peers.is_empty() => write!(f, "prepared"),
            Status::Prepared { peers } => write!(f, "prepared (peers {peers:?})"),
            Status::Committed => write!(f, "committed"),
            Status::Aborted => write!(f, "aborted"),
        }
    }
}
