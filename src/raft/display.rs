//! What a person reads: in the Explorer, in counterexamples, in logs.

use core::fmt::{self, Debug};

use super::{
    Durable, Follower, Leader, Message, Origin, Position, Progress, Proposal, Record, Role,
    Sending, Snapshot, State, StateMachine,
};

impl<C: Debug> Debug for Proposal<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Proposal::OpenSession { ticket } => write!(f, "open({ticket})"),
            Proposal::Command { origin, command } => write_command(f, *origin, command),
        }
    }
}

/// A command, with the session that it is of, if it is of one.
pub(super) fn write_command<C: Debug>(
    f: &mut fmt::Formatter<'_>,
    origin: Option<Origin>,
    command: &C,
) -> fmt::Result {
    match origin {
        None => write!(f, "{command:?}"),
        Some(Origin { session, sequence }) => write!(f, "{command:?} ({session}#{sequence})"),
    }
}

impl<M: StateMachine> Debug for Message<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::RequestVote { term, last } => {
                write!(f, "RequestVote(term {term}, log ends at {last:?})")
            }
            Message::Vote { term, granted } => {
                let granted = if *granted { "yes" } else { "no" };
                write!(f, "Vote(term {term}, {granted})")
            }
            Message::AppendEntries {
                term,
                previous,
                entries,
                commit,
                round,
            } => {
                write!(
                    f,
                    "AppendEntries(term {term}, after {previous:?}: {entries:?}"
                )?;
                write!(f, ", committed {commit}")?;
                write_round(f, *round)
            }
            Message::Commit { term, last, commit } => {
                write!(
                    f,
                    "Commit(term {term}, log ends at {last:?}, committed {commit})"
                )
            }
            Message::Appended {
                term,
                matched,
                round,
            } => {
                write!(f, "Appended(term {term}, up to {matched}")?;
                write_round(f, *round)
            }
            Message::NotAppended {
                term,
                rejected,
                conflict,
                first,
                round,
            } => {
                write!(f, "NotAppended(term {term}, not after {rejected}, ")?;
                match conflict {
                    Some(conflict) => write!(f, "there is term {conflict} from {first}")?,
                    None => write!(f, "next is {first}")?,
                }
                write_round(f, *round)
            }
            Message::InstallSnapshot {
                term,
                last,
                number,
                chunks,
                chunk,
                round,
            } => {
                write!(f, "InstallSnapshot(term {term}, up to {last:?}, ")?;
                write!(f, "part {} of {chunks}: {chunk:?}", number + 1)?;
                write_round(f, *round)
            }
            Message::Received {
                term,
                last,
                next,
                round,
            } => {
                write!(
                    f,
                    "Received(term {term}, snapshot up to {last:?}, {next} parts"
                )?;
                write_round(f, *round)
            }
        }
    }
}

fn write_round(f: &mut fmt::Formatter<'_>, round: u64) -> fmt::Result {
    match round {
        0 => write!(f, ")"),
        round => write!(f, ", round {round})"),
    }
}

impl<M: StateMachine> Debug for Record<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Term { term, voted_for } => match voted_for {
                Some(server) => write!(f, "Term({term}, voted for {})", server.0 + 1),
                None => write!(f, "Term({term})"),
            },
            Record::Append { after, entries } => write!(f, "Append(after {after}: {entries:?})"),
            Record::Snapshot {
                snapshot,
                keeps_suffix,
            } => {
                let rest = if *keeps_suffix {
                    ""
                } else {
                    ", all else dropped"
                };
                write!(f, "Snapshot({snapshot:?}{rest})")
            }
        }
    }
}

impl<M: StateMachine> Debug for Snapshot<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "up to {:?}, {} parts", self.last, self.chunks.len())
    }
}

impl<M: StateMachine> Debug for Durable<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "term {}", self.term)?;
        if let Some(server) = self.voted_for {
            write!(f, ", voted for {}", server.0 + 1)?;
        }
        write!(f, ", log {:?}", self.log)
    }
}

impl<M: StateMachine> Debug for State<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in term {}", self.role, self.term)?;
        if let Some(server) = self.voted_for {
            write!(f, ", voted for {}", server.0 + 1)?;
        }
        write!(f, ", log {:?}, committed {}", self.log, self.commit)
    }
}

impl<M: StateMachine> Debug for Role<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Follower(follower) => follower.fmt(f),
            Role::Candidate { votes } => write!(f, "candidate, votes {votes:?}"),
            Role::Leader(leader) => leader.fmt(f),
        }
    }
}

impl<M: StateMachine> Debug for Follower<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.leader {
            Some(leader) => write!(f, "follower of {}", leader.0 + 1)?,
            None => write!(f, "follower")?,
        }
        match &self.installing {
            Some(installing) => {
                let (last, parts) = (installing.last, installing.chunks.len());
                write!(f, ", has {parts} parts of the snapshot up to {last:?}")
            }
            None => Ok(()),
        }
    }
}

impl<M: StateMachine> Debug for Leader<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leader, durable {}", self.durable)?;
        for (number, progress) in (1..).zip(&self.progress) {
            let Progress {
                matched,
                next,
                sending,
                ..
            } = progress;
            write!(f, ", {number}: {matched}/{next}")?;
            match sending {
                Sending::Probe => write!(f, "?")?,
                Sending::Pipeline { .. } => {}
                Sending::Snapshot { chunk } => write!(f, " part {}", chunk + 1)?,
            }
        }
        if !self.reads.is_empty() {
            write!(f, ", {} reads wait, round {}", self.reads.len(), self.round)?;
        }
        Ok(())
    }
}

/// A position: term, a dot, index.
impl Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.index)
    }
}
