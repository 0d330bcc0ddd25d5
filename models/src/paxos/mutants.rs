//! Bugs of Paxos, each with the property that it must break and the instance that shows it.

use quorate::paxos::{AcceptorSet, Ballot, Paxos, Phase, Published, Quorums, Record, Rules, Timer};
use quorate::protocol::ProcessId;

use super::application::Value;
use super::parameters::Parameters;
use super::{liveness, properties, protocol};
use crate::mutant::{self, Mutated, unforced, wrong_rule};
use crate::reduction::SPENT;

/// All mutants are of one type: rules as a trait object, wrapped for those whose bug is no rule.
pub type MutatedPaxos = Mutated<Paxos<Value, &'static dyn Rules>>;

/// A wrong Paxos.
pub type Mutant = mutant::Mutant<&'static dyn Rules, Paxos<Value, &'static dyn Rules>>;
/// Where its bug is.
pub type Bug = mutant::Bug<&'static dyn Rules, Paxos<Value, &'static dyn Rules>>;

impl Mutant {
    /// The wrong protocol.
    pub fn protocol(&self, parameters: &Parameters) -> MutatedPaxos {
        self.bug
            .put_into(|wrong| protocol(parameters, wrong.unwrap_or(&Published)))
    }
}

wrong_rule!(
    SharedBallots,
    fn ballot(&self, last: Option<Ballot>, heard: Option<Ballot>, proposer: ProcessId) -> Ballot {
        Ballot {
            proposer: ProcessId(0),
            ..Published.ballot(last, heard, proposer)
        }
    }
);
wrong_rule!(
    PromisesOnce,
    fn promises(&self, promised: Option<Ballot>, _: Ballot) -> bool {
        promised.is_none()
    }
);
wrong_rule!(
    RejectsItsPromise,
    fn accepts(&self, promised: Option<Ballot>, _: Option<Ballot>, ballot: Ballot) -> bool {
        promised < Some(ballot)
    }
);
wrong_rule!(
    ComparesWithAccepted,
    fn accepts(&self, _: Option<Ballot>, accepted: Option<Ballot>, ballot: Ballot) -> bool {
        accepted <= Some(ballot)
    }
);
wrong_rule!(
    AcceptsAnything,
    fn accepts(&self, _: Option<Ballot>, _: Option<Ballot>, _: Ballot) -> bool {
        true
    }
);
wrong_rule!(
    ForgetsPromise,
    fn promised(&self, phase: Phase, before: Option<Ballot>, ballot: Ballot) -> Option<Ballot> {
        match phase {
            Phase::One => before,
            Phase::Two => Published.promised(phase, before, ballot),
        }
    }
);
wrong_rule!(
    AcceptingIsNoPromise,
    fn promised(&self, phase: Phase, before: Option<Ballot>, ballot: Ballot) -> Option<Ballot> {
        match phase {
            Phase::One => Published.promised(phase, before, ballot),
            Phase::Two => before,
        }
    }
);
wrong_rule!(
    ReportsNothing,
    fn reports(&self, _: Ballot) -> bool {
        false
    }
);
wrong_rule!(
    CountsAnyPromise,
    fn counts_promise(&self, _: Option<Ballot>, _: Ballot) -> bool {
        true
    }
);
wrong_rule!(
    GivesUpForAny,
    fn gives_up(&self, _: Option<Ballot>, _: Ballot) -> bool {
        true
    }
);
wrong_rule!(
    AdoptsFirst,
    fn adopts(&self, held: Option<Ballot>, _: Ballot, _: usize) -> bool {
        held.is_none()
    }
);
wrong_rule!(
    AdoptsLowest,
    fn adopts(&self, held: Option<Ballot>, offered: Ballot, _: usize) -> bool {
        held.is_none_or(|held| offered < held)
    }
);
wrong_rule!(
    AdoptsIfAllAccepted,
    fn adopts(&self, held: Option<Ballot>, offered: Ballot, earlier: usize) -> bool {
        match held {
            None => earlier == 0,
            Some(_) => Published.adopts(held, offered, earlier),
        }
    }
);
wrong_rule!(
    SkipsPhaseOne,
    fn is_quorum(&self, quorums: &Quorums, phase: Phase, acceptors: AcceptorSet) -> bool {
        phase == Phase::One || Published.is_quorum(quorums, phase, acceptors)
    }
);
wrong_rule!(
    HalfIsEnough,
    fn is_quorum(&self, quorums: &Quorums, _: Phase, acceptors: AcceptorSet) -> bool {
        acceptors.len() >= quorums.acceptors() / 2
    }
);
wrong_rule!(
    OneIsEnough,
    fn is_quorum(&self, _: &Quorums, _: Phase, acceptors: AcceptorSet) -> bool {
        !acceptors.is_empty()
    }
);
wrong_rule!(
    TwoAndTwoOfFour,
    fn is_quorum(&self, _: &Quorums, _: Phase, acceptors: AcceptorSet) -> bool {
        acceptors.len() >= 2
    }
);
wrong_rule!(
    CountsAcrossBallots,
    fn counts(&self, _: Ballot, _: Ballot) -> bool {
        true
    }
);

/// All mutants.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "rejects-its-promise",
        summary: "an acceptor rejects an Accept whose ballot equals its promise",
        breaks: properties::CHOSEN,
        instance: "two-ballots",
        bug: RejectsItsPromise::BUG,
    },
    Mutant {
        name: "compares-with-accepted",
        summary: "an Accept is compared with the last accepted ballot, not with the promised one",
        breaks: properties::CHOSEN_ONCE,
        instance: "two-ballots",
        bug: ComparesWithAccepted::BUG,
    },
    Mutant {
        name: "accepts-anything",
        summary: "an acceptor accepts whatever it is asked to",
        breaks: properties::CHOSEN_ONCE,
        instance: "two-ballots",
        bug: AcceptsAnything::BUG,
    },
    Mutant {
        name: "promises-once",
        summary: "an acceptor that has promised promises no higher ballot",
        breaks: properties::ADOPTS,
        instance: "two-ballots",
        bug: PromisesOnce::BUG,
    },
    Mutant {
        name: "promise-not-recorded",
        summary: "an acceptor does not record its promise",
        breaks: properties::CHOSEN_ONCE,
        instance: "two-ballots",
        bug: ForgetsPromise::BUG,
    },
    Mutant {
        name: "accepting-is-no-promise",
        summary: "accepting does not raise the promise",
        breaks: properties::CHOSEN_ONCE,
        instance: "default",
        bug: AcceptingIsNoPromise::BUG,
    },
    Mutant {
        name: "promise-omits-accepted",
        summary: "a promise omits the accepted value",
        breaks: properties::CHOSEN_ONCE,
        instance: "two-ballots",
        bug: ReportsNothing::BUG,
    },
    Mutant {
        name: "counts-earlier-promises",
        summary: "a proposer counts promises of earlier ballots",
        breaks: SPENT,
        instance: "two",
        bug: CountsAnyPromise::BUG,
    },
    Mutant {
        name: "gives-up-for-earlier-ballots",
        summary: "a proposer gives up its ballot because an earlier one was rejected",
        breaks: SPENT,
        instance: "two",
        bug: GivesUpForAny::BUG,
    },
    Mutant {
        name: "adopts-first",
        summary: "a proposer adopts the first value that it receives",
        breaks: properties::CHOSEN_ONCE,
        instance: "default",
        bug: AdoptsFirst::BUG,
    },
    Mutant {
        name: "adopts-lowest",
        summary: "a proposer adopts the value of the lowest ballot",
        breaks: properties::CHOSEN_ONCE,
        instance: "default",
        bug: AdoptsLowest::BUG,
    },
    Mutant {
        name: "adopts-if-all-accepted",
        summary: "a proposer adopts only if all that promised before had accepted too",
        breaks: properties::CHOSEN_ONCE,
        instance: "three-two-ballots",
        bug: AdoptsIfAllAccepted::BUG,
    },
    Mutant {
        name: "skips-phase-1",
        summary: "a proposer asks to accept without any promise",
        breaks: properties::CHOSEN_ONCE,
        instance: "two-ballots",
        bug: SkipsPhaseOne::BUG,
    },
    Mutant {
        name: "two-values-in-one-ballot",
        summary: "proposers use each other's ballots",
        breaks: properties::ONE_VALUE_A_BALLOT,
        instance: "two-ballots",
        bug: SharedBallots::BUG,
    },
    Mutant {
        name: "half-is-a-quorum",
        summary: "half of the acceptors are a quorum",
        breaks: properties::AGREEMENT,
        instance: "two-learners",
        bug: HalfIsEnough::BUG,
    },
    Mutant {
        name: "one-is-a-quorum",
        summary: "one acceptor is a quorum",
        breaks: properties::AGREEMENT,
        instance: "two-learners",
        bug: OneIsEnough::BUG,
    },
    Mutant {
        name: "quorums-need-not-intersect",
        summary: "2 of 4 acceptors promise, 2 of 4 accept",
        breaks: properties::CHOSEN_ONCE,
        instance: "flexible",
        bug: TwoAndTwoOfFour::BUG,
    },
    Mutant {
        name: "restart-loses-promise",
        summary: "an acceptor's restart loses its promise",
        breaks: properties::CHOSEN_ONCE,
        instance: "crash",
        bug: Bug::Recovered(|_, durable| durable.promised = None),
    },
    Mutant {
        name: "restart-loses-accepted",
        summary: "an acceptor's restart loses what it has accepted",
        breaks: properties::CHOSEN_ONCE,
        instance: "crash",
        bug: Bug::Recovered(|_, durable| durable.accepted = None),
    },
    Mutant {
        name: "restart-loses-both",
        summary: "an acceptor's restart loses its promise and what it has accepted",
        breaks: properties::CHOSEN_ONCE,
        instance: "crash",
        bug: Bug::Recovered(|_, durable| {
            durable.promised = None;
            durable.accepted = None;
        }),
    },
    Mutant {
        name: "restart-reuses-ballot",
        summary: "a proposer's restart forgets which ballots it has used",
        breaks: properties::ONE_VALUE_A_BALLOT,
        instance: "crash-any",
        bug: Bug::Recovered(|_, durable| durable.campaign = None),
    },
    Mutant {
        name: "promise-not-forced",
        summary: "an acceptor promises before that is durable",
        breaks: properties::ANSWERS_ARE_DURABLE,
        instance: "buffered",
        bug: Bug::Effects(|_, _, effects| {
            unforced(effects, |record| matches!(record, Record::Promised { .. }))
        }),
    },
    Mutant {
        name: "acceptance-not-forced",
        summary: "an acceptor says that it has accepted before that is durable",
        breaks: properties::ANSWERS_ARE_DURABLE,
        instance: "buffered",
        bug: Bug::Effects(|_, _, effects| {
            unforced(effects, |record| matches!(record, Record::Accepted { .. }))
        }),
    },
    Mutant {
        name: "counts-across-ballots",
        summary: "a learner counts acceptances of one value in different ballots",
        breaks: properties::LEARNED_IS_CHOSEN,
        instance: "three-two-ballots",
        bug: CountsAcrossBallots::BUG,
    },
    Mutant {
        name: "learns-from-one",
        summary: "one acceptor is a quorum, and clients read what it has accepted",
        breaks: properties::LINEARIZABLE,
        instance: "register",
        bug: OneIsEnough::BUG,
    },
    Mutant {
        name: "never-resends",
        summary: "a proposer says nothing again that may have been lost",
        breaks: liveness::PROGRESS,
        instance: "back-off-asynchronous",
        bug: Bug::Forgotten(|timer| *timer == Timer::Resend),
    },
    Mutant {
        name: "never-campaigns-again",
        summary: "a proposer that was rejected does not try again",
        breaks: liveness::PROGRESS,
        instance: "back-off-asynchronous",
        bug: Bug::Forgotten(|timer| *timer == Timer::Campaign),
    },
    Mutant {
        name: "never-inquires",
        summary: "a learner that has missed the decision does not ask",
        breaks: liveness::PROGRESS_OF_LEADER,
        instance: "leader-recovering",
        bug: Bug::Forgotten(|timer| *timer == Timer::Inquire),
    },
];
