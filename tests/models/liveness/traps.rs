//! The known traps for checkers of liveness, by name. Stateright's `eventually` falls into most of them.

use std::collections::BTreeSet;

use quorate_checker::{Answer, Options, Strength};

use super::brute_force;
use super::graph::{Graph, Kind};

const GOAL: u8 = 9;

/// The verdict: that it fails comes with where the run ends, and how long its cycle is.
#[derive(Debug, PartialEq)]
enum Verdict {
    Holds,
    Fails { at: u8, cycle: usize },
    Undecided,
}

fn verdict(graph: &Graph) -> Verdict {
    let exploration = graph.explore(&Options::default());
    let verdict = &exploration.verdicts[0];
    assert_eq!(verdict.answer, brute_force::answer(graph));
    match verdict.answer {
        Answer::Holds => Verdict::Holds,
        Answer::Undecided => Verdict::Undecided,
        Answer::Fails => {
            let run = verdict.counterexample().expect("what fails has a run");
            let begins = run.cycle.expect("a run that goes on for ever");
            Verdict::Fails {
                at: *run.last(),
                cycle: run.steps.len() - begins,
            }
        }
    }
}

const FAIR: Option<u8> = Some(0);
const OTHER: Option<u8> = Some(2);
const UNFAIR: Option<u8> = None;

fn strong(graph: Graph) -> Graph {
    Graph {
        strengths: [Strength::Strong; 2],
        ..graph
    }
}

#[test]
fn a_cycle_of_two_without_the_goal_refutes_it() {
    let graph = Graph::new(&[(0, 1, FAIR), (1, 0, OTHER)], &[GOAL]);
    assert_eq!(verdict(&graph), Verdict::Fails { at: 0, cycle: 2 });
}

#[test]
fn a_step_to_the_same_state_is_stuttering() {
    let graph = Graph::new(&[(0, 0, FAIR)], &[GOAL]);
    assert_eq!(verdict(&graph), Verdict::Fails { at: 0, cycle: 0 });
}

#[test]
fn a_cycle_with_an_exit_is_left_if_the_exit_is_fair_and_always_open() {
    let steps = [(0, 1, OTHER), (1, 0, OTHER), (0, 2, FAIR), (1, 2, FAIR)];
    assert_eq!(verdict(&Graph::new(&steps, &[2])), Verdict::Holds);
    // Unfair, or open only now and then, it may be passed by for ever.
    let unfair = [(0, 1, OTHER), (1, 0, OTHER), (0, 2, UNFAIR), (1, 2, UNFAIR)];
    assert_eq!(
        verdict(&Graph::new(&unfair, &[2])),
        Verdict::Fails { at: 0, cycle: 2 }
    );
    let now_and_then = [(0, 1, OTHER), (1, 0, OTHER), (1, 2, FAIR)];
    let graph = Graph::new(&now_and_then, &[2]);
    assert_eq!(verdict(&graph), Verdict::Fails { at: 0, cycle: 2 });
    assert_eq!(verdict(&strong(graph)), Verdict::Holds);
}

/// Stateright answers by whichever way it comes first.
#[test]
fn a_join_of_two_ways_remembers_that_one_of_them_missed_the_goal() {
    // 0 to 3 by way of 1, which is the goal, or by way of 2, which is not.
    for goal in [1, 2] {
        let graph = Graph::new(
            &[(0, 1, FAIR), (0, 2, FAIR), (1, 3, FAIR), (2, 3, FAIR)],
            &[goal],
        );
        assert_eq!(verdict(&graph), Verdict::Fails { at: 3, cycle: 0 });
    }
}

/// Stateright evaluates only runs that end, and none does.
#[test]
fn a_crash_that_may_always_happen_hides_nothing() {
    // Work is fair, and ends in 1; from everywhere a crash leads to 2, and recovery back.
    let crash = |from| (from, 2, UNFAIR);
    let steps = [(0, 1, FAIR), crash(0), crash(1), (2, 0, OTHER)];
    assert_eq!(
        verdict(&Graph::new(&steps, &[GOAL])),
        Verdict::Fails { at: 1, cycle: 0 }
    );
    // It may crash again and again before it has worked.
    assert_eq!(
        verdict(&Graph::new(&steps, &[1])),
        Verdict::Fails { at: 0, cycle: 2 }
    );
    assert_eq!(verdict(&strong(Graph::new(&steps, &[1]))), Verdict::Holds);
}

#[test]
fn a_fair_action_that_changes_nothing_forces_nothing() {
    // The only fair class leads from 0 to 0. What would help is unfair.
    let graph = Graph::new(&[(0, 0, FAIR), (0, 1, UNFAIR)], &[1]);
    assert_eq!(verdict(&graph), Verdict::Fails { at: 0, cycle: 0 });
    // Enabled by a step elsewhere: in 0 it is disabled, though it has an action there.
    let graph = Graph::new(
        &[(0, 0, FAIR), (0, 1, OTHER), (1, 0, OTHER), (1, 2, FAIR)],
        &[2],
    );
    assert_eq!(verdict(&graph), Verdict::Fails { at: 0, cycle: 2 });
}

#[test]
fn a_goal_met_only_on_the_stem_is_not_met_again_and_again() {
    let steps = [(0, 1, FAIR), (1, 2, FAIR), (2, 3, OTHER), (3, 2, OTHER)];
    let graph = Graph::new(&steps, &[1]);
    assert_eq!(verdict(&graph), Verdict::Holds);
    let again = graph.clone().claiming(Kind::InfinitelyOften);
    assert_eq!(verdict(&again), Verdict::Fails { at: 2, cycle: 2 });
    let for_ever = graph.claiming(Kind::EventuallyAlways);
    assert_eq!(verdict(&for_ever), Verdict::Fails { at: 2, cycle: 2 });
}

#[test]
fn a_run_that_may_stand_still_before_the_goal_refutes_it() {
    let graph = Graph::new(&[(0, 1, UNFAIR)], &[1]);
    assert_eq!(verdict(&graph), Verdict::Fails { at: 0, cycle: 0 });
    assert_eq!(verdict(&Graph::new(&[(0, 1, FAIR)], &[1])), Verdict::Holds);
}

#[test]
fn weak_fairness_of_two_classes_is_not_that_of_both_together() {
    // Now the one exit is open, now the other: neither stays open. As one class they would.
    let exits = |other| {
        [
            (0, 1, Some(1)),
            (1, 0, Some(1)),
            (0, 2, FAIR),
            (1, 2, other),
        ]
    };
    let two = Graph::new(&exits(OTHER), &[2]);
    assert_eq!(verdict(&two), Verdict::Fails { at: 0, cycle: 2 });
    assert_eq!(verdict(&Graph::new(&exits(FAIR), &[2])), Verdict::Holds);
}

/// A strong class forbids part of a component, and what is left falls into parts.
#[test]
fn a_component_that_is_unfair_as_a_whole_may_have_a_fair_part() {
    // 0 and 1 in a cycle, 1 and 2 in another; in 2 the strong exit is open.
    let cycle = [
        (0, 1, UNFAIR),
        (1, 0, UNFAIR),
        (1, 2, UNFAIR),
        (2, 1, UNFAIR),
    ];
    let with_exit: Vec<_> = cycle.into_iter().chain([(2, 3, FAIR)]).collect();
    let graph = strong(Graph::new(&with_exit, &[3]));
    assert_eq!(verdict(&graph), Verdict::Fails { at: 0, cycle: 0 });
    let pressed: Vec<_> = [
        (0, 1, Some(1)),
        (1, 0, Some(1)),
        (1, 2, Some(1)),
        (2, 1, Some(1)),
    ]
    .into_iter()
    .chain([(2, 3, FAIR)])
    .collect();
    let graph = strong(Graph::new(&pressed, &[3]));
    assert_eq!(verdict(&graph), Verdict::Fails { at: 0, cycle: 2 });
}

#[test]
fn a_trigger_counts_wherever_it_is_reached_and_each_case_apart() {
    let graph = |triggers: [&[u8]; 2]| Graph {
        trigger: triggers.map(|states| states.iter().copied().collect()),
        goal: [BTreeSet::from([2]), BTreeSet::from([3])],
        ..Graph::new(&[(0, 1, FAIR), (1, 2, FAIR), (0, 3, UNFAIR)], &[]).claiming(Kind::LeadsTo(2))
    };
    // 1 leads to 2; 0 may go to 3 instead, or never.
    assert_eq!(verdict(&graph([&[1], &[]])), Verdict::Holds);
    assert_eq!(
        verdict(&graph([&[0], &[]])),
        Verdict::Fails { at: 3, cycle: 0 }
    );
    assert_eq!(
        verdict(&graph([&[1], &[1]])),
        Verdict::Fails { at: 2, cycle: 0 }
    );
    // A goal met with its trigger is met.
    assert_eq!(verdict(&graph([&[2], &[3]])), Verdict::Holds);
}

#[test]
fn a_claim_that_only_a_bound_keeps_is_inconclusive() {
    // The counter could go on from 2, if the model did not end there.
    let steps = [(0, 1, FAIR), (1, 2, FAIR)];
    let bounded = Graph {
        bound: BTreeSet::from([2]),
        ..Graph::new(&steps, &[GOAL])
    };
    assert_eq!(verdict(&bounded), Verdict::Undecided);
    // A goal before the bound is met all the same; a cycle that never comes to it counts.
    let goal_before = Graph {
        goal: [BTreeSet::from([1]), BTreeSet::new()],
        ..bounded.clone()
    };
    assert_eq!(verdict(&goal_before), Verdict::Holds);
    let cycle = Graph {
        bound: BTreeSet::from([2]),
        ..Graph::new(&[(0, 1, FAIR), (1, 0, FAIR), (1, 2, UNFAIR)], &[GOAL])
    };
    assert_eq!(verdict(&cycle), Verdict::Fails { at: 0, cycle: 2 });
}

#[test]
fn an_action_that_leads_beyond_the_boundary_is_enabled() {
    // Out of 0 there is only a way out: whether it leads to the goal is not known.
    let graph = Graph {
        beyond: BTreeSet::from([1]),
        ..Graph::new(&[(0, 1, FAIR)], &[1])
    };
    assert_eq!(verdict(&graph), Verdict::Undecided);
    let unfair = Graph {
        beyond: BTreeSet::from([1]),
        ..Graph::new(&[(0, 1, UNFAIR)], &[1])
    };
    assert_eq!(verdict(&unfair), Verdict::Fails { at: 0, cycle: 0 });
}

#[test]
fn the_shortest_dead_end_is_reported() {
    // By way of 1 it is two steps to the end, by way of 2 and 3 three.
    let steps = [
        (0, 2, FAIR),
        (0, 1, FAIR),
        (2, 3, FAIR),
        (3, 4, FAIR),
        (1, 5, FAIR),
    ];
    let graph = Graph::new(&steps, &[GOAL]);
    assert_eq!(verdict(&graph), Verdict::Fails { at: 5, cycle: 0 });
}
