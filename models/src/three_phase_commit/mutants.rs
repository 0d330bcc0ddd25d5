//! Bugs of three-phase commit, each with the property that it must break and the instance that shows it.

use quorate::protocol::Effect;
use quorate::three_phase_commit::{
    Decision, Message, Published, Record, Rules, Standing, State, Termination, ThreePhaseCommit,
    Timer, Vote,
};

use super::parameters::Parameters;
use super::{properties, protocol};
use crate::atomic_commit;
use crate::mutant::{self, Mutated, unforced, wrong_rule};

/// All mutants are of one type: rules as a trait object, wrapped for those whose bug is no rule.
pub type MutatedThreePhaseCommit = Mutated<ThreePhaseCommit<&'static dyn Rules>>;

/// A wrong three-phase commit.
pub type Mutant = mutant::Mutant<&'static dyn Rules, ThreePhaseCommit<&'static dyn Rules>>;
/// Where its bug is.
pub type Bug = mutant::Bug<&'static dyn Rules, ThreePhaseCommit<&'static dyn Rules>>;

impl Mutant {
    /// The wrong protocol.
    pub fn protocol(&self, parameters: &Parameters) -> MutatedThreePhaseCommit {
        self.bug
            .put_into(|wrong| protocol(parameters, wrong.unwrap_or(&Published)))
    }
}

type Effects = Vec<Effect<ThreePhaseCommit<&'static dyn Rules>>>;

wrong_rule!(
    SameEpoch,
    fn epoch(&self, recovered: u64) -> u64 {
        recovered.max(1)
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
    YesAfterAbort,
    fn vote(&self, standing: Standing) -> Option<Vote> {
        match standing {
            Standing::Aborted => Some(Vote::Yes),
            _ => Published.vote(standing),
        }
    }
);
wrong_rule!(
    AnyYes,
    fn pre_commits(&self, yes: usize, _: usize) -> bool {
        yes > 0
    }
);
wrong_rule!(
    CommitsLate,
    fn deadline(&self, _: usize, _: usize) -> Decision {
        Decision::Commit
    }
);
wrong_rule!(
    CommitsAtOnce,
    fn commits(&self, _: usize, _: usize) -> bool {
        true
    }
);
wrong_rule!(
    /// The three phases without the termination protocol, as in many a textbook.
    pub TimeoutsAlone,
    fn coordinator_failed(&self, standing: Standing) -> Option<Decision> {
        Some(match standing {
            Standing::Committable => Decision::Commit,
            _ => Decision::Abort,
        })
    }
);
wrong_rule!(
    FollowsTheFailed,
    fn follows(&self, _: bool) -> bool {
        true
    }
);
wrong_rule!(
    AbortsCommittable,
    fn terminates(&self, aborted: usize, committed: usize, committable: usize) -> Termination {
        match Published.terminates(aborted, committed, committable) {
            Termination::PreCommit => Termination::Decide(Decision::Abort),
            decide @ Termination::Decide(_) => decide,
        }
    }
);
wrong_rule!(
    CommitsUncertain,
    fn terminates(&self, aborted: usize, committed: usize, committable: usize) -> Termination {
        match Published.terminates(aborted, committed, committable) {
            Termination::PreCommit => Termination::Decide(Decision::Commit),
            decide @ Termination::Decide(_) => decide,
        }
    }
);
wrong_rule!(
    UncertainAnswersAbort,
    fn answer(&self, standing: Standing) -> Option<Decision> {
        match standing {
            Standing::Uncertain => Some(Decision::Abort),
            _ => Published.answer(standing),
        }
    }
);
wrong_rule!(
    RecoveringAborts,
    fn recovering(&self) -> Option<Decision> {
        Some(Decision::Abort)
    }
);

/// A participant that is committable already acknowledges no more.
fn acknowledges_once(before: &State, after: &State, mut effects: Effects) -> Effects {
    let acknowledges = |effect: &Effect<_>| {
        matches!(
            effect,
            Effect::Send {
                message: Message::Acknowledge { .. },
                ..
            }
        )
    };
    if before == after {
        effects.retain(|effect| !acknowledges(effect));
    }
    effects
}

/// All mutants.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "timeouts-alone",
        summary: "no termination protocol: uncertain participants abort, committable ones commit",
        breaks: atomic_commit::AGREEMENT,
        instance: "default",
        bug: TimeoutsAlone::BUG,
    },
    Mutant {
        name: "recovering-aborts",
        summary: "a recovered participant terminates alone, from what it knew when it failed",
        breaks: atomic_commit::AGREEMENT,
        instance: "recovering",
        bug: RecoveringAborts::BUG,
    },
    Mutant {
        name: "commits-without-acknowledgements",
        summary: "a coordinator commits without acknowledgements from participants that it does not suspect",
        breaks: atomic_commit::AGREEMENT,
        instance: "default",
        bug: CommitsAtOnce::BUG,
    },
    Mutant {
        name: "epoch-reused",
        summary: "a restarted coordinator names transactions in the same epoch again",
        breaks: atomic_commit::NAMES_ARE_UNIQUE,
        instance: "successive",
        bug: SameEpoch::BUG,
    },
    Mutant {
        name: "yes-without-work",
        summary: "a participant votes Yes for work that it does not have",
        breaks: atomic_commit::PROMISE_NEEDS_WORK,
        instance: "recovering",
        bug: YesWithoutWork::BUG,
    },
    Mutant {
        name: "yes-after-abort",
        summary: "a participant votes Yes for what it has aborted",
        breaks: atomic_commit::STABILITY,
        instance: "recovering",
        bug: YesAfterAbort::BUG,
    },
    Mutant {
        name: "promise-not-forced",
        summary: "a participant votes Yes before its promise is durable",
        breaks: properties::NON_BLOCKING,
        instance: "recovering-buffered",
        bug: Bug::Effects(|_, _, effects| {
            unforced(effects, |record| matches!(record, Record::Prepared { .. }))
        }),
    },
    Mutant {
        name: "own-abort-not-forced",
        summary: "a participant's own abort is not durable when it tells of it",
        breaks: atomic_commit::STABILITY,
        instance: "duplicating",
        bug: Bug::Effects(|_, _, effects| {
            unforced(effects, |record| matches!(record, Record::Aborted { .. }))
        }),
    },
    Mutant {
        name: "epoch-not-forced",
        summary: "the coordinator names transactions before its epoch is durable",
        breaks: atomic_commit::NAMES_ARE_UNIQUE,
        instance: "successive-buffered",
        bug: Bug::Effects(|_, _, effects| {
            unforced(effects, |record| matches!(record, Record::Started { .. }))
        }),
    },
    Mutant {
        name: "acknowledges-once",
        summary: "a participant does not acknowledge again when it is asked again",
        breaks: properties::NON_BLOCKING,
        instance: "lossy",
        bug: Bug::Effects(acknowledges_once),
    },
    Mutant {
        name: "never-resends",
        summary: "nobody says again what may have been lost",
        breaks: properties::NON_BLOCKING,
        instance: "lossy",
        bug: Bug::Forgotten(|timer| matches!(timer, Timer::Resend { .. })),
    },
    Mutant {
        name: "any-yes-pre-commits",
        summary: "the coordinator begins the second phase at the first Yes",
        breaks: atomic_commit::VALIDITY,
        instance: "default",
        bug: AnyYes::BUG,
    },
    Mutant {
        name: "deadline-commits",
        summary: "the coordinator commits when votes do not come in time",
        breaks: atomic_commit::VALIDITY,
        instance: "default",
        bug: CommitsLate::BUG,
    },
    Mutant {
        name: "failed-coordinators-obeyed",
        summary: "a process still listens to coordinators that it takes to have failed, older ones among them",
        breaks: properties::NON_BLOCKING,
        instance: "recovering",
        bug: FollowsTheFailed::BUG,
    },
    Mutant {
        name: "committable-aborts",
        summary: "termination aborts where somebody is committable (against TR4)",
        breaks: atomic_commit::AGREEMENT,
        instance: "default",
        bug: AbortsCommittable::BUG,
    },
    Mutant {
        name: "commits-over-uncertain",
        summary: "termination commits without first making all committable (against TR4)",
        breaks: atomic_commit::AGREEMENT,
        instance: "three",
        bug: CommitsUncertain::BUG,
    },
    Mutant {
        name: "uncertain-answers-abort",
        summary: "an uncertain participant tells abort to one that has recovered",
        breaks: atomic_commit::AGREEMENT,
        instance: "recovering",
        bug: UncertainAnswersAbort::BUG,
    },
];
