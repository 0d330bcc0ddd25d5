//! What a person reads: in the Explorer, in counterexamples, in logs.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use super::{Durable, Message, Progress, Record, Remembered, Round, State, Timer, Undecided};

impl Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Prepare {
                transaction,
                participants,
            } => write!(f, "Prepare({transaction} at {participants:?})"),
            Message::Vote { transaction, vote } => write!(f, "{vote:?}({transaction})"),
            Message::PreCommit { transaction } => write!(f, "PreCommit({transaction})"),
            Message::Acknowledge { transaction } => write!(f, "Acknowledge({transaction})"),
            Message::Decision {
                transaction,
                decision,
            } => write!(f, "{decision:?}({transaction})"),
            Message::Elected { transaction } => write!(f, "Elected({transaction})"),
            Message::StateRequest { transaction } => write!(f, "StateRequest({transaction})"),
            Message::StateReport {
                transaction,
                standing,
            } => write!(f, "StateReport({transaction}, {standing:?})"),
            Message::Inquire { transaction } => write!(f, "Inquire({transaction})"),
        }
    }
}

impl Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Timer::Deadline { transaction } => write!(f, "Deadline({transaction})"),
            Timer::Resend { transaction } => write!(f, "Resend({transaction})"),
            Timer::Suspect {
                transaction,
                process,
            } => write!(f, "Suspect({process:?} in {transaction})"),
            Timer::Inquire { transaction } => write!(f, "Inquire({transaction})"),
        }
    }
}

impl Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Started { epoch } => write!(f, "Started(epoch {epoch})"),
            Record::Prepared {
                transaction,
                participants,
            } => write!(f, "Prepared({transaction} at {participants:?})"),
            Record::Committed { transaction } => write!(f, "Committed({transaction})"),
            Record::Aborted { transaction } => write!(f, "Aborted({transaction})"),
        }
    }
}

impl Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.epoch > 0 {
            parts.push(format!("epoch {}", self.epoch));
        }
        for (transaction, remembered) in &self.transactions {
            parts.push(format!("{transaction} {remembered:?}"));
        }
        if parts.is_empty() {
            parts.push("empty".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}

impl Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remembered::Prepared { participants } => write!(f, "prepared (at {participants:?})"),
            Remembered::Committed => write!(f, "committed"),
            Remembered::Aborted => write!(f, "aborted"),
        }
    }
}

impl Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.epoch > 0 {
            parts.push(format!("epoch {}, {} begun", self.epoch, self.begun));
        }
        for (transaction, progress) in &self.transactions {
            parts.push(format!("{transaction} {progress:?}"));
        }
        if parts.is_empty() {
            parts.push("idle".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}

impl Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Progress::Working => write!(f, "working"),
            Progress::Undecided(undecided) => undecided.fmt(f),
            Progress::Recovering { .. } => write!(f, "recovering"),
            Progress::Committed => write!(f, "committed"),
            Progress::Aborted => write!(f, "aborted"),
        }
    }
}

impl Debug for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.is_committable {
            true => "committable",
            false => "uncertain",
        })?;
        match &self.round {
            None => write!(f, ", follows {:?}", self.coordinator)?,
            Some(round) => write!(f, ", {round:?}")?,
        }
        if !self.failed.is_empty() {
            write!(f, ", suspects {:?}", self.failed)?;
        }
        Ok(())
    }
}

impl Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Round::Votes { yes } => write!(f, "asks for votes (yes {yes:?})"),
            Round::Reports { reports } => write!(f, "asks for states ({reports:?})"),
            Round::Acknowledgements { from } => write!(f, "asks for acknowledgements ({from:?})"),
        }
    }
}
