//! Paxos with any number of ballots: that states may be taken for one by the order of their ballots, and what fair
//! runs rely on.

use std::collections::{HashSet, VecDeque};

use quorate::paxos::{Paxos, Published, State};
use quorate_models::checker::{Answer, Options, Run, explore};
use quorate_models::entry::Claimed;
use quorate_models::paxos::application::{Clients, Value};
use quorate_models::paxos::ballots::canonical_with_gaps;
use quorate_models::paxos::liveness::{LIVELOCK, PROGRESS, PROGRESS_OF_LEADER, Unbounded};
use quorate_models::paxos::parameters::{Parameters, instances};
use quorate_models::paxos::{Model as Concrete, protocol, unbounded_model};
use quorate_models::quotient::Quotient;
use quorate_models::system::{Event, SystemState};
use stateright::Model;

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

/// States on long walks of the model itself. On every second one ballots grow: as long as possible nothing is
/// accepted, and the system does not stabilise.
fn walks(model: &Concrete<Protocol>, walks: u64, steps: usize) -> HashSet<ModelState> {
    let mut met = HashSet::new();
    for seed in 1..=walks {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut state = model.init_states().remove(0);
        for _ in 0..steps {
            let mut next = model.next_steps(&state);
            let is_open = |state: &ModelState| {
                !state.stable && !state.live().any(|(_, knows)| has_accepted(knows))
            };
            if seed % 2 == 0 && next.iter().any(|(_, next)| is_open(next)) {
                next.retain(|(_, next)| is_open(next));
            }
            if next.is_empty() {
                break;
            }
            (_, state) = next.swap_remove(chance.usize(..next.len()));
            met.insert(state.clone());
        }
    }
    met
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
        let states = walks(&model.model, 2_000, 300);
        for state in &states {
            assert!(
                model.commutes(state, &fairness),
                "in {instance}:\n{state:#?}"
            );
            let canonical = model.representative(state.clone()).canonical().clone();
            let again = model.representative(canonical.clone());
            assert!(
                *again.canonical() == canonical,
                "canonical once and for all"
            );
        }
        eprintln!(
            "{instance} {} {:?}",
            states.len(),
            states.iter().map(highest_round).max()
        );
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
        let mut seen: HashSet<_> = model.init_states().into_iter().collect();
        let mut frontier: Vec<_> = seen.iter().cloned().collect();
        while let Some(state) = frontier.pop() {
            assert!(
                model.commutes(&state, &fairness),
                "in {instance}:\n{state:#?}"
            );
            for (_, next) in model.next_steps(&state) {
                if seen.insert(next.clone()) {
                    frontier.push(next);
                }
            }
        }
        assert!(seen.len() > 10_000);
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
    let begins = lasso.cycle.expect("a lasso");
    let length = lasso.steps.len() - begins;
    assert!(length > 0, "it goes round");
    let unrolled: Run<_> = model.unroll(lasso, TURNS);
    let mut at = unrolled.initial.clone();
    let mut ends = Vec::new();
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
        if number >= begins && (number - begins) % length == 0 {
            ends.push(at.clone());
        }
    }
    assert_eq!(ends.len(), TURNS + 1);
    let rounds: Vec<u64> = ends.iter().map(highest_round).collect();
    assert!(rounds.windows(2).all(|two| two[0] < two[1]), "{rounds:?}");
    let classes: HashSet<_> = ends.into_iter().map(|s| model.representative(s)).collect();
    assert_eq!(
        classes.len(),
        1,
        "each turn ends where it begins, but for ballots"
    );
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
