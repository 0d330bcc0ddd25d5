//! Paxos with any number of ballots: that states may be taken for one by the order of their ballots, and what fair
//! runs rely on.

use std::collections::{HashSet, VecDeque};

use quorate::paxos::{Paxos, Published, State};
use quorate_checker::check::Claimed;
use quorate_checker::quotient::Quotient;
use quorate_checker::{Answer, Options, explore};
use quorate_models::paxos::application::{Clients, Value};
use quorate_models::paxos::ballots::canonical_with_gaps;
use quorate_models::paxos::liveness::{LIVELOCK, PROGRESS, PROGRESS_OF_LEADER, Unbounded};
use quorate_models::paxos::parameters::{Parameters, instances};
use quorate_models::paxos::{protocol, unbounded_model};
use quorate_models::system::{Event, SystemState};
use stateright::Model;

use crate::quotients::{assert_commutes, assert_commutes_everywhere, turns, walks};

type Protocol = Paxos<Value>;
type ModelState = SystemState<Protocol, Clients>;

fn parameters(instance: &str) -> Parameters {
    let mut instances = instances().into_iter();
    let instance = instances.find(|known| known.name == instance);
    instance.expect("a named instance").parameters
}

fn claimed(parameters: &Parameters) -> Claimed<Unbounded<Protocol>> {
    unbounded_model(parameters, protocol(parameters, Published))
}

/// Nothing is accepted yet, and the system has not stabilised: ballots grow.
fn is_open(state: &ModelState) -> bool {
    !state.stable && !state.live().any(|(_, knows)| has_accepted(knows))
}

fn has_accepted(knows: &State<Value>) -> bool {
    matches!(knows, State::Acceptor(acceptor) if acceptor.accepted.is_some())
}

fn highest_round(state: &ModelState) -> u64 {
    let rounds = state.live().filter_map(|(_, knows)| match knows {
        State::Proposer(proposer) => proposer.ballot(),
        State::Acceptor(_) | State::Learner(_) => None,
    });
    rounds.map(|ballot| ballot.round).max().unwrap_or(0)
}

const UNBOUNDED: [&str; 8] = [
    "duel",
    "back-off",
    "leader",
    "back-off-asynchronous",
    "leader-asynchronous",
    "back-off-recovering",
    "leader-recovering",
    "minority-fails",
];

#[test]
fn canonical_form_commutes_with_every_step_of_long_walks() {
    for instance in UNBOUNDED {
        let Claimed {
            model, fairness, ..
        } = claimed(&parameters(instance));
        let states = walks(&model.model, 2_000, 300, is_open);
        assert_commutes(&model, &fairness, &states);
        let highest = states.iter().map(highest_round).max();
        assert!(
            instance == "minority-fails" || highest > Some(5),
            "{instance}: ballots up to {highest:?} show little"
        );
    }
}

#[test]
fn canonical_form_commutes_with_every_step_of_each_representative() {
    for instance in ["leader-asynchronous", "back-off-recovering"] {
        let Claimed {
            model, fairness, ..
        } = claimed(&parameters(instance));
        assert!(assert_commutes_everywhere(&model, &fairness) > 10_000);
    }
}

/// A proposer that comes up again campaigns anew, in ballot 2; the other takes its first, which is below. With its
/// ballot called 1 it would be above.
#[test]
fn without_gaps_canonical_form_does_not_commute() {
    let parameters = parameters("back-off-recovering");
    let commutes = |canonical| {
        let classes = Quotient::new(claimed(&parameters).model.model, canonical);
        let mut seen: HashSet<_> = classes.init_states().into_iter().collect();
        let mut frontier: VecDeque<_> = seen.iter().cloned().collect();
        while let Some(state) = frontier.pop_front() {
            if !classes.commutes(&state, &[]) {
                return false;
            }
            for (_, next) in classes.next_steps(&state) {
                if seen.insert(next.clone()) {
                    frontier.push_back(next);
                }
            }
        }
        true
    };
    assert!(!commutes(|model, state| canonical_with_gaps(
        model, state, 0
    )));
}

#[test]
fn more_proposers_than_two_with_any_number_of_ballots_are_refused() {
    let three = Parameters {
        proposers: 3,
        ..parameters("duel")
    };
    let refused = three.validate().expect_err("three proposers");
    assert!(refused.contains("at most 2 proposers"), "{refused}");
    let mut endless = parameters("duel");
    endless.environment.link_max = 0;
    let refused = endless.validate().expect_err("messages without end");
    assert!(refused.contains("--link-max 1"), "{refused}");
}

/// Nothing fails and nothing is lost, and yet two proposers reject each other for ever.
#[test]
fn the_livelock_of_duelling_proposers_goes_on_for_three_turns_of_the_model_itself() {
    const TURNS: usize = 3;
    let Claimed {
        model,
        properties,
        fairness,
    } = claimed(&parameters("duel"));
    let found = explore(&model, &properties, &fairness, &Options::default());
    assert!(found.exhausted());
    let verdict = found.verdict(LIVELOCK).expect("it is claimed");
    let lasso = verdict.counterexample().expect("it fails");
    let (unrolled, ends) = turns(&model, lasso, TURNS);
    let mut at = unrolled.initial.clone();
    for (number, (action, next)) in (1..).zip(&unrolled.steps) {
        let (after, events) = model.model.explain(&at, action).expect("a step");
        assert!(after == *next, "step {number} is one of the model");
        let is_lost = |event: &Event<_>| {
            matches!(
                event,
                Event::PushedOut(_) | Event::Sent(_, false) | Event::Lost(..)
            )
        };
        assert!(
            !events.iter().any(is_lost),
            "nothing is lost in step {number}"
        );
        at = after;
    }
    let rounds: Vec<u64> = ends.iter().map(highest_round).collect();
    assert!(rounds.windows(2).all(|two| two[0] < two[1]), "{rounds:?}");
}

#[test]
fn each_assumption_of_fairness_is_needed() {
    let mut needed = HashSet::new();
    for (instance, claim) in [
        ("back-off-recovering", PROGRESS),
        ("leader-recovering", PROGRESS_OF_LEADER),
    ] {
        let Claimed {
            model,
            properties,
            fairness,
        } = claimed(&parameters(instance));
        for without in 0..fairness.len() {
            let mut left = fairness.clone();
            let dropped = left.remove(without);
            let found = explore(&model, &properties, &left, &Options::default());
            let verdict = found.verdict(claim).expect("it is claimed");
            assert_eq!(
                verdict.answer,
                Answer::Fails,
                "{instance} without fairness of {}",
                dropped.name
            );
            needed.insert(dropped.name);
        }
    }
    assert_eq!(needed.len(), 4);
}
