//! What a person reads: in the Explorer, in counterexamples, in logs.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use super::{Acceptor, Ballot, Durable, Learner, Message, Progress, Proposer, Record, State, Vote};

impl Debug for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}.{}", self.round, self.proposer.0)
    }
}

/// A vote in words.
struct In<'a, V>(&'a Vote<V>);

impl<V: Debug> Debug for In<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ballot, value) = self.0;
        write!(f, "{value:?} in {ballot:?}")
    }
}

impl<V: Debug> Debug for Message<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Prepare { ballot } => write!(f, "Prepare({ballot:?})"),
            Message::Promise { ballot, accepted } => match accepted {
                Some(vote) => write!(f, "Promise({ballot:?}, accepted {:?})", In(vote)),
                None => write!(f, "Promise({ballot:?})"),
            },
            Message::Accept { ballot, value } => write!(f, "Accept({value:?} in {ballot:?})"),
            Message::Accepted { ballot, value } => write!(f, "Accepted({value:?} in {ballot:?})"),
            Message::Rejected { ballot, promised } => {
                write!(f, "Rejected({ballot:?}, promised {promised:?})")
            }
            Message::Decision { value } => write!(f, "Decision({value:?})"),
            Message::Inquire => write!(f, "Inquire"),
        }
    }
}

impl<V: Debug> Debug for Record<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Campaign { ballot, proposal } => {
                write!(f, "Campaign({ballot:?} for {proposal:?})")
            }
            Record::Promised { ballot } => write!(f, "Promised({ballot:?})"),
            Record::Accepted { ballot, value } => write!(f, "Accepted({value:?} in {ballot:?})"),
        }
    }
}

impl<V: Debug> Debug for Durable<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some((ballot, proposal)) = &self.campaign {
            parts.push(format!("campaign {ballot:?} for {proposal:?}"));
        }
        if let Some(promised) = self.promised {
            parts.push(format!("promised {promised:?}"));
        }
        if let Some(vote) = &self.accepted {
            parts.push(format!("accepted {:?}", In(vote)));
        }
        if parts.is_empty() {
            parts.push("empty".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}

impl<V: Debug> Debug for State<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Proposer(proposer) => proposer.fmt(f),
            State::Acceptor(acceptor) => acceptor.fmt(f),
            State::Learner(learner) => learner.fmt(f),
        }
    }
}

impl<V: Debug> Debug for Proposer<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((ballot, proposal)) = &self.campaign {
            write!(f, "{ballot:?} for {proposal:?}: ")?;
        }
        self.progress.fmt(f)
    }
}

impl<V: Debug> Debug for Progress<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Progress::Idle => write!(f, "idle"),
            Progress::Preparing { promises, adopted } => {
                write!(f, "preparing, promises {promises:?}")?;
                match adopted {
                    Some(vote) => write!(f, ", adopts {:?}", In(vote)),
                    None => Ok(()),
                }
            }
            Progress::Accepting { value } => write!(f, "accepting {value:?}"),
            Progress::Waiting { heard } => write!(f, "waiting, has heard of {heard:?}"),
            Progress::Decided { value } => write!(f, "knows {value:?}"),
        }
    }
}

impl<V: Debug> Debug for Acceptor<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.promised {
            None => write!(f, "has promised nothing")?,
            Some(promised) => write!(f, "promised {promised:?}")?,
        }
        match &self.accepted {
            None => Ok(()),
            Some(vote) => write!(f, ", accepted {:?}", In(vote)),
        }
    }
}

impl<V: Debug> Debug for Learner<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Learner::Counting(votes) if votes.is_empty() => write!(f, "has heard nothing"),
            Learner::Counting(votes) => {
                let votes = votes.iter().map(|(acceptor, vote)| (acceptor, In(vote)));
                f.debug_map().entries(votes).finish()
            }
            Learner::Learned(value) => write!(f, "learned {value:?}"),
        }
    }
}
