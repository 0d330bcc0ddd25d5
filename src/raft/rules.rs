//! Every decision of Raft, each under its name and with its source.
//!
//! The default methods are the published protocol. Whoever overrides one has another protocol: the
//! model checker does so on purpose, to show that it would notice.

use super::{Configuration, Index, Position, ServerSet, Term};
use crate::protocol::ProcessId;
use auto_impl::auto_impl;

/// What servers agree to in a quorum.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Purpose {
    /// Who leads a term: votes.
    Election,
    /// That entries are committed: logs that have them.
    Commitment,
    /// That nobody leads a higher term yet: answers to a leader that is about to read.
    Reading,
}

/// The decisions of Raft: pure functions that return what to do, so that any thread may ask. Sections are those of
/// Ongaro & Ousterhout 2014, and of Ongaro's thesis where that is said.
#[auto_impl(&)]
pub trait Rules: Send + Sync {
    /// The term of a server that has heard of another (§5.1): the higher.
    fn term(&self, current: Term, heard: Term) -> Term {
        current.max(heard)
    }

    /// Whom a server has voted for that comes to a higher term, having voted for `voted_for` in the one before
    /// (§5.2: one vote in each term): nobody.
    fn vote_in_new_term(&self, voted_for: Option<ProcessId>) -> Option<ProcessId> {
        let _ = voted_for;
        None
    }

    /// The votes that a candidate begins with (§5.2): its own.
    fn first_votes(&self, candidate: ProcessId) -> ServerSet {
        ServerSet::from_iter([candidate])
    }

    /// Whether a server in term `current` that has voted for `voted_for` there may vote for `candidate`, which asks
    /// in term `asked` (§5.2): in its own term, and for one candidate.
    fn may_vote(
        &self,
        current: Term,
        asked: Term,
        voted_for: Option<ProcessId>,
        candidate: ProcessId,
    ) -> bool {
        asked == current && voted_for.is_none_or(|other| other == candidate)
    }

    /// Whether a candidate's log, which ends at `candidate`, is at least as up to date as one that ends at `own`
    /// (§5.4.1): the later term wins, then the longer log.
    fn is_up_to_date(&self, candidate: Position, own: Position) -> bool {
        candidate >= own
    }

    /// Whether a candidate in term `current` counts an answer of term `answered` as a vote (§5.2): if it was granted, in its
    /// own term.
    fn counts_vote(&self, current: Term, answered: Term, granted: bool) -> bool {
        answered == current && granted
    }

    /// Whether a leader in term `current` learns from an answer of term `answered` what its follower has (thesis, appendix
    /// B: DropStaleResponse): of its own term only. What it sent as the leader of an earlier term may have been replaced
    /// since.
    fn counts_answer(&self, current: Term, answered: Term) -> bool {
        answered == current
    }

    /// Whether these servers are enough (§5.2, §5.3; thesis §6.4): a quorum of the configuration.
    fn is_quorum(
        &self,
        configuration: &Configuration,
        purpose: Purpose,
        servers: ServerSet,
    ) -> bool {
        let _ = purpose;
        configuration.is_quorum(servers)
    }

    /// Whether a log whose entry at the index before the new ones is of term `here`, if it has one, takes them from
    /// a leader for whom that entry is of term `previous` (§5.3, the consistency check).
    fn matches(&self, here: Option<Term>, previous: Term) -> bool {
        here == Some(previous)
    }

    /// From which index on a log is replaced by new entries after `previous`, if it is: `conflict` is the first at
    /// which both have an entry, of different terms (§5.3): from there. An entry that does not conflict stays, and all
    /// that follow it: a late message must not shorten a log.
    fn replaces_from(&self, previous: Index, conflict: Option<Index>) -> Option<Index> {
        let _ = previous;
        conflict
    }

    /// How far a follower may commit whose leader has committed to `leader`, when its log is known to agree with the
    /// leader's to `last_new` (Figure 2, AppendEntries 5): no further than that.
    fn commits_to(&self, leader: Index, last_new: Index) -> Index {
        leader.min(last_new)
    }

    /// Whether a leader of term `current` commits an entry of term `entry` because a quorum has it (§5.4.2):
    /// only one of its own; the earlier ones go with it.
    fn commits(&self, entry: Term, current: Term) -> bool {
        entry == current
    }

    /// The index that must be applied before a leader reads: it has committed to `commit`, and its first own entry is
    /// `first` (thesis §6.4): what any leader before it may have committed comes before that.
    fn read_index(&self, commit: Index, first: Index) -> Index {
        commit.max(first)
    }

    /// Whether a read of round `round` may be answered, when a quorum has answered a leader in round `confirmed`
    /// (thesis §6.4): if that was asked no earlier than the read.
    fn is_confirmed(&self, round: u64, confirmed: u64) -> bool {
        confirmed >= round
    }

    /// Whether an answer of term `answered` confirms, for a read, that a server leads in term `current` (thesis §6.4):
    /// only one to what it said in that term. Rounds are numbered anew in each term, and an earlier one of the same
    /// number says nothing of who leads now.
    fn confirms(&self, current: Term, answered: Term) -> bool {
        answered == current
    }

    /// Whether a snapshot that ends at `last` tells a server nothing that has committed to `commit` (§7).
    fn is_old_snapshot(&self, commit: Index, last: Index) -> bool {
        last <= commit
    }

    /// Whether a server keeps the entries behind a snapshot's last, whose term in its own log is `here`, if it has it,
    /// and in the snapshot `last` (§7): if they are the same entry.
    fn keeps_suffix(&self, here: Option<Term>, last: Term) -> bool {
        here == Some(last)
    }

    /// Whether a session's command `sequence` was applied before, when `applied` was the last (§8; thesis §6.3).
    fn is_repeated(&self, applied: u64, sequence: u64) -> bool {
        sequence <= applied
    }
}

/// The published rules: the default of each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Published;

impl Rules for Published {}
