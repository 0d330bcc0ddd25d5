//! Bugs of two-phase commit, each with the property that it must break and the instance that shows it.

use quorate::protocol::{Effect, ProcessId};
use quorate::two_phase_commit::{
    COORDINATOR, Decision, Durable, Phase, Published, Record, Rules, Standing, Timer,
    TransactionId, TwoPhaseCommit, Vote,
};

use super::parameters::Parameters;
use super::{liveness, properties, protocol};
use crate::atomic_commit;
use crate::mutant::{self, Mutated, unforced, wrong_rule};

/// All mutants are of one type: rules as a trait object, wrapped for those whose bug is no rule.
pub type MutatedTwoPhaseCommit = Mutated<TwoPhaseCommit<&'static dyn Rules>>;

/// A wrong two-phase commit.
pub type Mutant = mutant::Mutant<&'static dyn Rules, TwoPhaseCommit<&'static dyn Rules>>;
/// Where its bug is.
pub type Bug = mutant::Bug<&'static dyn Rules, TwoPhaseCommit<&'static dyn Rules>>;

impl Mutant {
    /// The wrong protocol.
    pub fn protocol(&self, parameters: &Parameters) -> MutatedTwoPhaseCommit {
        self.bug
            .put_into(|wrong| protocol(parameters, wrong.unwrap_or(&Published)))
    }
}

wrong_rule!(
    SameEpoch,
    fn epoch(&self, recovered: u64) -> u64 {
        recovered.max(1)
    }
);
wrong_rule!(
    YesAfterAbort,
    fn vote(&self, standing: Standing) -> Option<Vote> {
        match standing {
            Standing::Aborted => Some(Vote::Yes),
            _ => Published.vote(standing),
        }
    }
);
wrong_rule!(
    YesWithoutWork,
    fn vote(&self, standing: Standing) -> Option<Vote> {
        match standing {
            Standing::Unknown => Some(Vote::Yes),
            _ => Published.vote(standing),
        }
    }
);
wrong_rule!(
    NoWithWork,
    fn vote(&self, standing: Standing) -> Option<Vote> {
        match standing {
            Standing::Working => Some(Vote::No),
            _ => Published.vote(standing),
        }
    }
);
wrong_rule!(
    AnyYesCommits,
    fn commits(&self, yes: usize, _: usize) -> bool {
        yes > 0
    }
);
wrong_rule!(
    MajorityCommits,
    fn commits(&self, yes: usize, participants: usize) -> bool {
        yes > participants / 2
    }
);
wrong_rule!(
    MissingVoteIsYes,
    fn deadline(&self, _: usize, _: usize) -> Decision {
        Decision::Commit
    }
);
wrong_rule!(
    AbortWhileVoting,
    fn answer(&self, phase: Option<Phase>) -> Option<Decision> {
        match phase {
            Some(Phase::Voting) => Some(Decision::Abort),
            _ => Published.answer(phase),
        }
    }
);
wrong_rule!(
    PresumedCommit,
    fn answer(&self, phase: Option<Phase>) -> Option<Decision> {
        match phase {
            None => Some(Decision::Commit),
            _ => Published.answer(phase),
        }
    }
);
wrong_rule!(
    ForgetsAtOnce,
    fn forgets(&self, _: usize) -> bool {
        true
    }
);
wrong_rule!(
    AbortsInDoubt,
    fn in_doubt(&self, _: usize) -> Option<Decision> {
        Some(Decision::Abort)
    }
);
wrong_rule!(
    CommitsInDoubt,
    fn in_doubt(&self, _: usize) -> Option<Decision> {
        Some(Decision::Commit)
    }
);
wrong_rule!(
    PreparedPeersDecide,
    fn in_doubt(&self, peers: usize) -> Option<Decision> {
        // All of no peers are prepared.
        (peers == 0).then_some(Decision::Commit)
    }
);
wrong_rule!(
    UncertainPeerCommits,
    fn answer_peer(&self, standing: Standing) -> Option<Decision> {
        match standing {
            Standing::Prepared => Some(Decision::Commit),
            _ => Published.answer_peer(standing),
        }
    }
);
wrong_rule!(
    UncertainPeerAborts,
    fn answer_peer(&self, standing: Standing) -> Option<Decision> {
        match standing {
            Standing::Prepared => Some(Decision::Abort),
            _ => Published.answer_peer(standing),
        }
    }
);
wrong_rule!(
    NothingRetired,
    fn retired(&self, _: TransactionId, _: TransactionId) -> bool {
        false
    }
);

type Effects = Vec<Effect<TwoPhaseCommit<&'static dyn Rules>>>;

/// Moves a coordinator's commit record behind everything else.
fn logged_last(mut effects: Effects) -> Effects {
    let is_commit = |effect: &_| matches!(effect, Effect::Persist(Record::Commit { .. }));
    effects.sort_by_key(is_commit);
    effects
}

fn coordinator_without_log(me: ProcessId, durable: &mut Durable) {
    if me == COORDINATOR {
        durable.committed.clear();
    }
}

fn participant_without_promises(me: ProcessId, durable: &mut Durable) {
    if me != COORDINATOR {
        durable.statuses.retain(|_, status| status.is_finished());
    }
}

fn participant_without_outcomes(me: ProcessId, durable: &mut Durable) {
    if me != COORDINATOR {
        durable.statuses.retain(|_, status| !status.is_finished());
    }
}

/// All mutants.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "coordinator-keeps-no-log",
        summary: "the coordinator keeps no log, and aborts after a restart what it had committed",
        breaks: atomic_commit::AGREEMENT,
        instance: "small",
        bug: Bug::Recovered(coordinator_without_log),
    },
    Mutant {
        name: "commit-sent-before-logged",
        summary: "the coordinator sends Commit before its commit record is durable",
        breaks: atomic_commit::AGREEMENT,
        instance: "small-buffered",
        bug: Bug::Effects(|_, _, effects| logged_last(effects)),
    },
    Mutant {
        name: "forgets-before-all-acknowledge",
        summary: "the coordinator forgets a commit at the first acknowledgement, and presumes abort",
        breaks: atomic_commit::AGREEMENT,
        instance: "no-crash",
        bug: ForgetsAtOnce::BUG,
    },
    Mutant {
        name: "own-abort-not-forced",
        summary: "a participant's own abort is not durable when it tells of it",
        breaks: atomic_commit::AGREEMENT,
        instance: "small-buffered",
        bug: Bug::Effects(|_, _, effects| {
            unforced(effects, |record| matches!(record, Record::Aborted { .. }))
        }),
    },
    Mutant {
        name: "outcome-forgotten-too-early",
        summary: "a participant forgets an outcome, and does not refuse a Prepare that still arrives",
        breaks: atomic_commit::STABILITY,
        instance: "successive",
        bug: NothingRetired::BUG,
    },
    Mutant {
        name: "in-doubt-aborts",
        summary: "a prepared participant aborts when it hears nothing",
        breaks: atomic_commit::AGREEMENT,
        instance: "no-crash",
        bug: AbortsInDoubt::BUG,
    },
    Mutant {
        name: "in-doubt-commits",
        summary: "a prepared participant commits when it hears nothing",
        breaks: atomic_commit::VALIDITY,
        instance: "no-crash",
        bug: CommitsInDoubt::BUG,
    },
    Mutant {
        name: "any-yes-commits",
        summary: "the coordinator commits when any participant has voted Yes",
        breaks: atomic_commit::VALIDITY,
        instance: "no-crash",
        bug: AnyYesCommits::BUG,
    },
    Mutant {
        name: "majority-commits",
        summary: "the coordinator commits when a majority has voted Yes",
        breaks: atomic_commit::VALIDITY,
        instance: "no-crash-3",
        bug: MajorityCommits::BUG,
    },
    Mutant {
        name: "missing-vote-is-yes",
        summary: "a vote that does not come in time counts as a Yes",
        breaks: atomic_commit::VALIDITY,
        instance: "no-crash",
        bug: MissingVoteIsYes::BUG,
    },
    Mutant {
        name: "yes-after-abort",
        summary: "a participant votes Yes after it has aborted on its own",
        breaks: atomic_commit::AGREEMENT,
        instance: "no-crash",
        bug: YesAfterAbort::BUG,
    },
    Mutant {
        name: "prepared-peers-decide",
        summary: "participants that are all prepared commit without the coordinator: here the only one",
        breaks: atomic_commit::AGREEMENT,
        instance: "lone-participant",
        bug: PreparedPeersDecide::BUG,
    },
    Mutant {
        name: "epoch-reused",
        summary: "the coordinator names transactions from the beginning after a restart",
        breaks: atomic_commit::NAMES_ARE_UNIQUE,
        instance: "successive-crash",
        bug: SameEpoch::BUG,
    },
    Mutant {
        name: "epoch-not-forced",
        summary: "the coordinator's epoch is not durable when it names a transaction",
        breaks: atomic_commit::NAMES_ARE_UNIQUE,
        instance: "successive-crash",
        bug: Bug::Effects(|_, _, effects| {
            unforced(effects, |record| matches!(record, Record::Started { .. }))
        }),
    },
    Mutant {
        name: "yes-without-work",
        summary: "a participant votes Yes on a transaction whose work a crash has lost",
        breaks: atomic_commit::PROMISE_NEEDS_WORK,
        instance: "small",
        bug: YesWithoutWork::BUG,
    },
    Mutant {
        name: "no-with-work",
        summary: "a participant votes No though it has the work and nothing has failed",
        breaks: properties::NO_ABORT_WITHOUT_CAUSE,
        instance: "failure-free",
        bug: NoWithWork::BUG,
    },
    Mutant {
        name: "abort-while-voting",
        summary: "the coordinator answers an inquiry with abort while it still collects votes",
        breaks: atomic_commit::AGREEMENT,
        instance: "no-crash",
        bug: AbortWhileVoting::BUG,
    },
    Mutant {
        name: "presumed-commit",
        summary: "the coordinator answers commit about a transaction that it does not know",
        breaks: atomic_commit::AGREEMENT,
        instance: "no-crash",
        bug: PresumedCommit::BUG,
    },
    Mutant {
        name: "uncertain-peer-commits",
        summary: "a peer that is in doubt itself answers commit",
        breaks: atomic_commit::VALIDITY,
        instance: "cooperative-3",
        bug: UncertainPeerCommits::BUG,
    },
    Mutant {
        name: "uncertain-peer-aborts",
        summary: "a peer that is in doubt itself answers abort",
        breaks: atomic_commit::AGREEMENT,
        instance: "cooperative-2",
        bug: UncertainPeerAborts::BUG,
    },
    Mutant {
        name: "promise-not-forced",
        summary: "a participant's promise is not durable when it votes Yes",
        breaks: atomic_commit::AGREEMENT,
        instance: "small-buffered",
        bug: Bug::Effects(|_, _, effects| {
            unforced(effects, |record| matches!(record, Record::Prepared { .. }))
        }),
    },
    Mutant {
        name: "commit-not-forced",
        summary: "a participant's commit is not durable when it acknowledges it",
        breaks: atomic_commit::STABILITY,
        instance: "small-buffered",
        bug: Bug::Effects(|_, _, effects| {
            unforced(effects, |record| matches!(record, Record::Committed { .. }))
        }),
    },
    Mutant {
        name: "promise-forgotten",
        summary: "a participant's disk forgets its promises",
        breaks: atomic_commit::AGREEMENT,
        instance: "small",
        bug: Bug::Recovered(participant_without_promises),
    },
    Mutant {
        name: "outcome-forgotten",
        summary: "a participant's disk forgets outcomes",
        breaks: atomic_commit::AGREEMENT,
        instance: "small",
        bug: Bug::Recovered(participant_without_outcomes),
    },
    Mutant {
        name: "commit-sent-once",
        summary: "the coordinator does not resend a commit that is not acknowledged",
        breaks: liveness::COMMIT_FORGOTTEN,
        instance: "lossy",
        bug: Bug::Forgotten(|timer| matches!(timer, Timer::Resend(_))),
    },
    Mutant {
        name: "no-inquiry",
        summary: "a participant in doubt does not ask for the outcome",
        breaks: liveness::IN_DOUBT_DECIDES,
        instance: "lossy",
        bug: Bug::Forgotten(|timer| matches!(timer, Timer::Inquire(_))),
    },
];
