//! Every decision of Paxos, each under its name and with its source.
//!
//! The default methods are the published protocol. Whoever overrides one has another protocol: the
//! model checker does so on purpose, to show that it would notice.

use super::{AcceptorSet, Ballot, Phase, Quorums};
use crate::protocol::ProcessId;
use auto_impl::auto_impl;

/// The decisions of Paxos: pure functions that return what to do, so that any thread may ask. Sections are those of
/// Lamport 2001.
#[auto_impl(&)]
pub trait Rules: Send + Sync {
    /// The next ballot of `proposer`, whose last one was `last`, and that has heard of `heard`: its lowest above
    /// both (§2.2: proposers choose from disjoint sets of numbers; §2.3: a higher one than any that it has used).
    fn ballot(&self, last: Option<Ballot>, heard: Option<Ballot>, proposer: ProcessId) -> Ballot {
        let Some(above) = last.max(heard) else {
            return Ballot { round: 1, proposer };
        };
        let round = above.round + u64::from(above.proposer >= proposer);
        Ballot { round, proposer }
    }

    /// Whether an acceptor that has promised `promised` answers Prepare with a promise (§2.2, phase 1b): if it has
    /// promised no higher ballot. An equal one it has promised already, and says so again. (To promise a lower one
    /// would be in vain and not wrong: it would not accept in it.)
    fn promises(&self, promised: Option<Ballot>, ballot: Ballot) -> bool {
        promised <= Some(ballot)
    }

    /// Whether an acceptor that has promised `promised`, and accepted last in `accepted`, accepts in `ballot`
    /// (§2.2, phase 2b, P1a): unless it has promised a higher one.
    fn accepts(&self, promised: Option<Ballot>, accepted: Option<Ballot>, ballot: Ballot) -> bool {
        let _ = accepted;
        promised <= Some(ballot)
    }

    /// What an acceptor has promised once it has answered `ballot` in this phase: nothing below it. That accepting
    /// is a promise too follows from P1a: who accepts has answered that ballot.
    fn promised(&self, phase: Phase, before: Option<Ballot>, ballot: Ballot) -> Option<Ballot> {
        let _ = phase;
        before.max(Some(ballot))
    }

    /// Whether a promise reports what was accepted in `accepted` (§2.2, phase 1b): always.
    fn reports(&self, accepted: Ballot) -> bool {
        let _ = accepted;
        true
    }

    /// Whether a proposer whose last ballot is `current` counts a promise of `promised` (§2.2, phase 2a: responses to its
    /// prepare requests numbered n): one of this ballot only. An earlier promise does not report what was accepted since.
    fn counts_promise(&self, current: Option<Ballot>, promised: Ballot) -> bool {
        current == Some(promised)
    }

    /// Whether a proposer whose last ballot is `current` gives it up because `rejected` was rejected (§2.5: a proposer
    /// should abandon its proposal if some proposer has begun a higher-numbered one): if that is this ballot.
    fn gives_up(&self, current: Option<Ballot>, rejected: Ballot) -> bool {
        current == Some(rejected)
    }

    /// Whether a proposer that holds a value reported of ballot `held`, or none, takes the one of `offered` instead,
    /// when `earlier` have promised before (§2.2, phase 2a, P2c): that of the highest ballot.
    fn adopts(&self, held: Option<Ballot>, offered: Ballot, earlier: usize) -> bool {
        let _ = earlier;
        held < Some(offered)
    }

    /// Whether these acceptors suffice in this phase (§2.2; Howard, Malkhi, Spiegelman 2016).
    fn is_quorum(&self, quorums: &Quorums, phase: Phase, acceptors: AcceptorSet) -> bool {
        quorums.is_quorum(phase, acceptors)
    }

    /// Whether a learner counts an acceptance in ballot `vote` towards a value's being chosen in `ballot` (§2.3):
    /// in that ballot only.
    fn counts(&self, vote: Ballot, ballot: Ballot) -> bool {
        vote == ballot
    }
}

/// The published rules: the default of each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Published;

impl Rules for Published {}
