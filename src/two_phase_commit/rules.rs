//! Every decision of two-phase commit, each under its name and with its source.
//!
//! The default methods are the published protocol. Whoever overrides one has another protocol: the
//! model checker does so on purpose, to show that it would notice.

use super::{Decision, Phase, Standing, TransactionId, Vote};
use auto_impl::auto_impl;

/// The decisions of two-phase commit: pure functions that return what to do, so that any thread may ask.
#[auto_impl(&)]
pub trait Rules: Send + Sync {
    /// The epoch in which a coordinator names transactions, when its disk says that the last one was
    /// `recovered`. A new one at each start, so that no id is used twice, whatever a crash has lost.
    fn epoch(&self, recovered: u64) -> u64 {
        recovered + 1
    }

    /// How a participant answers Prepare, or that it does not.
    ///
    /// Yes if it has the work, and again for a repeated Prepare. No if it has aborted, or does not know
    /// the transaction: it never worked on it, or a crash has lost the work (Mohan, Lindsay, Obermarck
    /// 1986, §2.1). Nothing if the transaction has been finished, for then the coordinator has decided.
    fn vote(&self, standing: Standing) -> Option<Vote> {
        match standing {
            Standing::Working | Standing::Prepared => Some(Vote::Yes),
            Standing::Unknown | Standing::Aborted => Some(Vote::No),
            Standing::Committed | Standing::Retired => None,
        }
    }

    /// Whether the coordinator commits, having `yes` votes of `participants`: all of them (AC3 of
    /// Bernstein, Hadzilacos, Goodman 1987, §7.3).
    fn commits(&self, yes: usize, participants: usize) -> bool {
        yes == participants
    }

    /// What the coordinator decides when votes do not come in time, having `yes` of `participants`
    /// (Bernstein, Hadzilacos, Goodman 1987, §7.4, time-out actions: it may still abort).
    fn deadline(&self, yes: usize, participants: usize) -> Decision {
        let _ = (yes, participants);
        Decision::Abort
    }

    /// What the coordinator answers to an inquiry about a transaction in this phase, or that it cannot
    /// answer yet. One that it does not know has aborted or will: *presumed abort* (Mohan, Lindsay,
    /// Obermarck 1986, §3).
    fn answer(&self, phase: Option<Phase>) -> Option<Decision> {
        match phase {
            None => Some(Decision::Abort),
            Some(Phase::Working | Phase::Voting) => None,
            Some(Phase::Committed) => Some(Decision::Commit),
        }
    }

    /// Whether the coordinator may forget a committed transaction that so many participants have not
    /// acknowledged: only if none, for whoever asks later is told abort (Mohan, Lindsay, Obermarck 1986,
    /// §3).
    fn forgets(&self, unacknowledged: usize) -> bool {
        unacknowledged == 0
    }

    /// What a participant in doubt with this many peers to ask does on its own when it hears nothing:
    /// no decision, it can only ask (Bernstein, Hadzilacos, Goodman 1987, §7.4: the uncertainty period).
    fn in_doubt(&self, peers: usize) -> Option<Decision> {
        let _ = peers;
        None
    }

    /// What a participant answers to a peer in doubt, or that it cannot help (Bernstein, Hadzilacos,
    /// Goodman 1987, §7.4, cooperative termination). One that has not voted aborts on the spot, and may
    /// say so. Of one that is retired the outcome is forgotten, but had it been commit, the peer would have
    /// acknowledged it and not be in doubt: it was abort.
    fn answer_peer(&self, standing: Standing) -> Option<Decision> {
        match standing {
            Standing::Committed => Some(Decision::Commit),
            Standing::Aborted | Standing::Working | Standing::Unknown | Standing::Retired => {
                Some(Decision::Abort)
            }
            Standing::Prepared => None,
        }
    }

    /// Whether a transaction that a participant has no trace of is refused for good, because it may be
    /// one whose outcome has been forgotten.
    fn retired(&self, transaction: TransactionId, watermark: TransactionId) -> bool {
        transaction < watermark
    }
}

/// The published rules: the default of each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Published;

impl Rules for Published {}
