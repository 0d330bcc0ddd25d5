//! Elections of Raft with any number of terms: that states may be taken for one by their terms, that votes can be split
//! for ever, and what fair runs rely on.

use std::collections::HashSet;

use quorate::raft::{Published, Raft};
use quorate_models::checker::{Answer, Options, Run, explore};
use quorate_models::entry::Claimed;
use quorate_models::quotient::Quotient;
use quorate_models::raft::application::{Clients, Register, somebody_has_led};
use quorate_models::raft::bounded_liveness::{APPLIES, CATCHES_UP, LEADS_FOR_GOOD};
use quorate_models::raft::liveness::{ELECTED, SPLIT_VOTES, Unbounded};
use quorate_models::raft::parameters::{Parameters, instances};
use quorate_models::raft::terms::canonical_with_gaps;
use quorate_models::raft::{Model as Concrete, model, protocol, unbounded_model};
use quorate_models::system::SystemState;
use stateright::Model;

type Protocol = Raft<Register>;
type ModelState = SystemState<Protocol, Clients>;

fn parameters(instance: &str) -> Parameters {
    let mut instances = instances().into_iter();
    let instance = instances.find(|known| known.name == instance);
    instance.expect("a named instance").parameters
}

fn claimed(parameters: &Parameters) -> Claimed<Unbounded<Protocol>> {
    unbounded_model(parameters, protocol(parameters, Published))
}

fn highest_term(state: &ModelState) -> u64 {
    let terms = state.live().map(|(_, knows)| knows.term);
    terms.max().unwrap_or(0)
}

/// States on long walks of the model itself. On every second one terms grow: as long as possible nobody leads, and the
/// system does not stabilise.
fn walks(model: &Concrete<Protocol>, walks: u64, steps: usize) -> HashSet<ModelState> {
    let mut met = HashSet::new();
    for seed in 1..=walks {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut state = model.init_states().remove(0);
        for _ in 0..steps {
            let mut next = model.next_steps(&state);
            let is_open = |state: &ModelState| !state.stable && !somebody_has_led(state);
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

const UNBOUNDED: [&str; 4] = [
    "split-votes",
    "elected",
    "elected-without-one",
    "elected-recovering",
];

#[test]
fn canonical_form_commutes_with_every_step_of_long_walks() {
    for instance in UNBOUNDED {
        let Claimed {
            model, fairness, ..
        } = claimed(&parameters(instance));
        let states = walks(&model.model, 600, 200);
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
        let highest = states.iter().map(highest_term).max();
        assert!(
            highest > Some(10),
            "{instance}: terms up to {highest:?} show little"
        );
    }
}

#[test]
fn canonical_form_commutes_with_every_step_of_each_representative() {
    let Claimed {
        model, fairness, ..
    } = claimed(&parameters("elected-without-one"));
    let mut seen: HashSet<_> = model.init_states().into_iter().collect();
    let mut frontier: Vec<_> = seen.iter().cloned().collect();
    while let Some(state) = frontier.pop() {
        assert!(model.commutes(&state, &fairness), "{state:#?}");
        for (_, next) in model.next_steps(&state) {
            if seen.insert(next.clone()) {
                frontier.push(next);
            }
        }
    }
    assert!(seen.len() > 5_000);
}

/// A server that lags by two terms can campaign in vain twice, one that lags by one once.
#[test]
fn without_gaps_canonical_form_does_not_commute() {
    let model = claimed(&parameters("elected-without-one")).model.model;
    let states = walks(&model, 100, 100);
    let classes = Quotient::new(model, |model, state| canonical_with_gaps(model, state, 0));
    assert!(!states.iter().all(|state| classes.commutes(state, &[])));
}

/// Three candidates of each term, each of whom has its own vote: and again.
#[test]
fn split_votes_go_on_for_three_turns_of_the_model_itself() {
    const TURNS: usize = 3;
    let Claimed {
        model,
        properties,
        fairness,
    } = claimed(&parameters("split-votes"));
    let found = explore(&model, &properties, &fairness, &Options::default());
    assert!(found.exhausted());
    let verdict = found.verdict(SPLIT_VOTES).expect("it is claimed");
    let lasso = verdict.counterexample().expect("it fails");
    let begins = lasso.cycle.expect("a lasso");
    let length = lasso.steps.len() - begins;
    let unrolled: Run<_> = model.unroll(lasso, TURNS);
    let mut at = unrolled.initial.clone();
    let mut ends = Vec::new();
    for (number, (action, next)) in (1..).zip(&unrolled.steps) {
        let (after, _) = model.model.explain(&at, action).expect("a step");
        assert!(after == *next, "step {number} is one of the model");
        assert!(!somebody_has_led(&after));
        at = after;
        if number >= begins && (number - begins) % length == 0 {
            ends.push(at.clone());
        }
    }
    assert_eq!(ends.len(), TURNS + 1);
    let terms: Vec<u64> = ends.iter().map(highest_term).collect();
    assert!(terms.windows(2).all(|two| two[0] < two[1]), "{terms:?}");
    let classes: HashSet<_> = ends.into_iter().map(|s| model.representative(s)).collect();
    assert_eq!(
        classes.len(),
        1,
        "each turn ends where it begins, but for terms"
    );
}

#[test]
fn each_assumption_of_fairness_is_needed() {
    let mut needed = HashSet::new();
    let mut fails = |instance: &str, claim: &str, dropped: &'static str, answer: Answer| {
        assert_eq!(
            answer,
            Answer::Fails,
            "{claim} in {instance} without fairness of {dropped}"
        );
        needed.insert(dropped);
    };
    let of_elections = parameters("elected-without-one");
    let Claimed {
        model: elections,
        properties,
        fairness,
    } = claimed(&of_elections);
    for without in 0..fairness.len() {
        let mut left = fairness.clone();
        let dropped = left.remove(without).name;
        let found = explore(&elections, &properties, &left, &Options::default());
        let verdict = found.verdict(ELECTED).expect("it is claimed");
        fails("elected-without-one", ELECTED, dropped, verdict.answer);
    }
    for (instance, claim) in [
        ("catches-up", LEADS_FOR_GOOD),
        ("catches-up", CATCHES_UP),
        ("persistent", APPLIES),
    ] {
        let parameters = parameters(instance);
        let Claimed {
            model,
            properties,
            fairness,
        } = model(&parameters, protocol(&parameters, Published));
        for without in 0..fairness.len() {
            let mut left = fairness.clone();
            let dropped = left.remove(without).name;
            let found = explore(&model, &properties, &left, &Options::default());
            let verdict = found.verdict(claim).expect("it is claimed");
            fails(instance, claim, dropped, verdict.answer);
        }
    }
    assert_eq!(needed.len(), 4, "{needed:?}");
}

#[test]
fn any_number_of_terms_needs_bounded_links_and_elections_alone() {
    let refused = |parameters: Parameters| parameters.validate().expect_err("no sense");
    let mut endless = parameters("elected");
    endless.environment.link_max = 0;
    assert!(refused(endless).contains("--link-max 1"));
    let replicates = Parameters {
        replicates: true,
        ..parameters("elected")
    };
    assert!(refused(replicates).contains("--replicates false"));
    let alone = Parameters {
        absent: 3,
        ..parameters("elected")
    };
    assert!(refused(alone).contains("absent 3"));
    let out_of_terms = Parameters {
        terms_left: 0,
        ..parameters("catches-up")
    };
    assert!(refused(out_of_terms).contains("terms-left at least 1"));
}
