//! Every decision of three-phase commit, each under its name and with its source.
//!
//! The default methods are the published protocol. Whoever overrides one has another protocol: the
//! model checker does so on purpose, to show that it would notice.

use super::{Decision, Standing, Vote};
use auto_impl::auto_impl;

/// What a coordinator of the termination protocol does when all processes that it knows to be operational
/// have reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Termination {
    /// It decides.
    Decide(Decision),
    /// It first makes all of them committable.
    PreCommit,
}

/// The decisions of three-phase commit: pure functions that return what to do, so that any thread may ask.
/// Sections are those of Bernstein, Hadzilacos, Goodman 1987.
#[auto_impl(&)]
pub trait Rules: Send + Sync {
    /// The epoch in which a coordinator names transactions, when its disk says that the last one was
    /// `recovered`. A new one at each start, so that no id is used twice, whatever a crash has lost.
    fn epoch(&self, recovered: u64) -> u64 {
        recovered + 1
    }

    /// How a participant in this standing answers Prepare, or that it does not (§7.5, step 2). Yes if it
    /// has the work. One that is undecided repeats its Yes; one that is committed has no need to.
    fn vote(&self, standing: Standing) -> Option<Vote> {
        match standing {
            Standing::Working | Standing::Uncertain | Standing::Committable => Some(Vote::Yes),
            Standing::Unknown | Standing::Aborted => Some(Vote::No),
            Standing::Recovering | Standing::Committed => None,
        }
    }

    /// Whether the coordinator begins the second phase, having `yes` votes of `participants`: all of them
    /// (§7.5, step 3).
    fn pre_commits(&self, yes: usize, participants: usize) -> bool {
        yes == participants
    }

    /// What the coordinator decides when votes do not come in time, or a participant fails, having `yes` of
    /// `participants`: abort, for nobody can have been committed (§7.5, time-out action of step 3).
    fn deadline(&self, yes: usize, participants: usize) -> Decision {
        let _ = (yes, participants);
        Decision::Abort
    }

    /// Whether a coordinator commits when so many of the other processes that it knows to be `operational`
    /// have acknowledged that they are committable: all of them. Those that have failed are not waited for
    /// (§7.5, step 5, and TR4).
    fn commits(&self, acknowledged: usize, operational: usize) -> bool {
        acknowledged == operational
    }

    /// What an undecided participant whose coordinator has failed decides on its own: nothing, it takes
    /// part in the termination protocol (§7.5, time-out actions of steps 4 and 6).
    fn coordinator_failed(&self, standing: Standing) -> Option<Decision> {
        let _ = standing;
        None
    }

    /// Whether a process follows a coordinator that, as far as it knows, has failed or not. Coordinators come in
    /// the order of their ids: whoever follows one takes all before it to have failed, and so ignores what
    /// they have sent (§7.5, the termination protocol).
    fn follows(&self, has_failed: bool) -> bool {
        !has_failed
    }

    /// The termination rules, given how many reported each standing (§7.5): TR1, somebody has aborted;
    /// TR2, somebody has committed; TR3, all are uncertain; TR4, somebody is committable, and nobody has
    /// committed.
    fn terminates(&self, aborted: usize, committed: usize, committable: usize) -> Termination {
        match (aborted, committed, committable) {
            (1.., _, _) => Termination::Decide(Decision::Abort),
            (0, 1.., _) => Termination::Decide(Decision::Commit),
            (0, 0, 0) => Termination::Decide(Decision::Abort),
            (0, 0, 1..) => Termination::PreCommit,
        }
    }

    /// What a process in this standing answers to one that has failed and come back, or that it cannot
    /// answer yet (§7.5, recovery). One that has not voted aborts on the spot, and may say so.
    fn answer(&self, standing: Standing) -> Option<Decision> {
        match standing {
            Standing::Committed => Some(Decision::Commit),
            Standing::Unknown | Standing::Working | Standing::Aborted => Some(Decision::Abort),
            Standing::Uncertain | Standing::Committable | Standing::Recovering => None,
        }
    }

    /// What a process that has failed while it was undecided decides on its own: nothing, for the others may
    /// have decided either way (§7.5, recovery).
    fn recovering(&self) -> Option<Decision> {
        None
    }
}

/// The published rules: the default of each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Published;

impl Rules for Published {}
