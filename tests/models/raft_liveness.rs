//! Elections of Raft with any number of terms: that states may be taken for one by their terms, that votes can be split
//! for ever, and what fair runs rely on.

use std::collections::HashSet;

use itertools::iproduct;
use quorate::raft::{Published, Raft, Register};
use quorate_checker::check::Claimed;
use quorate_checker::quotient::Quotient;
use quorate_checker::{Answer, Options, explore};
use quorate_models::raft::application::{Clients, somebody_has_led};
use quorate_models::raft::bounded_liveness::{APPLIES, CATCHES_UP, LEADS_FOR_GOOD};
use quorate_models::raft::liveness::{ELECTED, SPLIT_VOTES, Unbounded};
use quorate_models::raft::parameters::{Parameters, instances};
use quorate_models::raft::terms::canonical_with_gaps;
use quorate_models::raft::{model, protocol, unbounded_model};
use quorate_models::system::{Disk, SystemState, Timers};

use crate::quotients::{assert_commutes, assert_commutes_everywhere, turns, walks};

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

/// Nobody leads, and the system has not stabilised: terms grow.
fn is_open(state: &ModelState) -> bool {
    !state.stable && !somebody_has_led(state)
}

const UNBOUNDED: [&str; 5] = [
    "split-votes",
    "elected",
    "large-elected",
    "elected-without-one",
    "elected-recovering",
];

#[test]
fn canonical_form_commutes_with_every_step_of_long_walks() {
    for instance in UNBOUNDED {
        let Claimed {
            model, fairness, ..
        } = claimed(&parameters(instance));
        let states = walks(&model.model, 600, 200, is_open);
        assert_commutes(&model, &fairness, &states);
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
    assert!(assert_commutes_everywhere(&model, &fairness) > 5_000);
}

/// A server that lags by two terms can campaign in vain twice, one that lags by one once.
#[test]
fn without_gaps_canonical_form_does_not_commute() {
    let model = claimed(&parameters("elected-without-one")).model.model;
    let states = walks(&model, 100, 100, is_open);
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
    let (unrolled, ends) = turns(&model, lasso, TURNS);
    let mut at = unrolled.initial.clone();
    for (number, (action, next)) in (1..).zip(&unrolled.steps) {
        let (after, _) = model.model.explain(&at, action).expect("a step");
        assert!(after == *next, "step {number} is one of the model");
        assert!(!somebody_has_led(&after));
        at = after;
    }
    let terms: Vec<u64> = ends.iter().map(highest_term).collect();
    assert!(terms.windows(2).all(|two| two[0] < two[1]), "{terms:?}");
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

/// Each claim comes out as expected, or the parameters are refused: with majorities and without, with and without
/// recovery.
#[test]
fn elections_of_small_size_come_out_as_expected() {
    let timers = [Timers::Asynchronous, Timers::Accurate];
    let disks = [Disk::Atomic, Disk::Buffered];
    let mut counted = [0, 0];
    for (servers, absent, crashes, recovery, disk, timers, stabilises) in iproduct!(
        1..=3,
        0..=2,
        0..=1,
        [false, true],
        disks,
        timers,
        [false, true]
    ) {
        // Of 3 servers these are many states: `elected-recovering` has them.
        let is_many = crashes == 1 || disk == Disk::Buffered && timers == Timers::Asynchronous;
        if servers - absent.min(servers) == 3 && is_many {
            continue;
        }
        let mut parameters = Parameters {
            servers,
            absent,
            ahead_max: 2,
            ..parameters("split-votes")
        };
        let environment = &mut parameters.environment;
        (environment.crashes, environment.recovery) = (crashes, recovery);
        environment.down_max = crashes;
        (environment.disk, environment.timers) = (disk, timers);
        environment.stabilises = stabilises;
        if parameters.validate().is_err() {
            continue;
        }
        let Claimed {
            model,
            properties,
            fairness,
        } = claimed(&parameters);
        let found = explore(&model, &properties, &fairness, &Options::default());
        assert!(found.exhausted(), "{parameters:?}");
        for verdict in &found.verdicts {
            assert!(verdict.as_expected(), "{verdict:?}: {parameters:?}");
            if verdict.property.condition.is_liveness() {
                counted[usize::from(verdict.property.expected)] += 1;
            }
        }
    }
    let [fail, hold] = counted;
    assert!(fail > 20 && hold > 20, "{hold} hold, {fail} fail");
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
    let mut alone_for_long = parameters("elected-recovering");
    alone_for_long.servers = 2;
    assert!(refused(alone_for_long).contains("give more servers"));
    let mut cut = parameters("split-votes");
    cut.environment.partitions = 1;
    assert!(refused(cut).contains("--stabilises"));
    let replicates_without_one = Parameters {
        absent: 1,
        ..parameters("catches-up")
    };
    assert!(refused(replicates_without_one).contains("absent 1"));
    let out_of_terms = Parameters {
        terms_left: 0,
        ..parameters("catches-up")
    };
    assert!(refused(out_of_terms).contains("terms-left at least 1"));
}
