//! Twelve thousand random graphs.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use quorate_checker::{Answer, FingerprintBits, Options, Strength};

use super::brute_force::answer;
use super::graph::{Edge, Graph, Kind};

fn graphs() -> impl Strategy<Value = Graph> {
    (1_u8..7).prop_flat_map(|size| {
        let state = 0..size;
        let class = prop::option::weighted(0.8, 0..4_u8);
        let edge = (state.clone(), class).prop_map(|(to, class)| Edge { to, class });
        let row = prop::collection::vec(edge, 0..4);
        let states = |most: usize| prop::collection::btree_set(state.clone(), 0..=most);
        let strength = prop_oneof![Just(Strength::Weak), Just(Strength::Strong)];
        let kind = prop_oneof![
            Just(Kind::Eventually),
            (1..3_usize).prop_map(Kind::LeadsTo),
            Just(Kind::InfinitelyOften),
            Just(Kind::EventuallyAlways),
        ];
        let rarely = |most| prop_oneof![3 => Just(BTreeSet::new()), 1 => states(most)];
        (
            prop::collection::vec(state.clone(), 1..3),
            prop::collection::vec(row, usize::from(size)),
            [strength.clone(), strength],
            kind,
            [states(2), states(2)],
            [states(3), states(3)],
            rarely(1),
            prop_oneof![9 => Just(BTreeSet::new()), 1 => states(1)],
        )
            .prop_map(
                |(initial, edges, strengths, kind, goal, trigger, bound, beyond)| Graph {
                    initial,
                    edges,
                    strengths,
                    kind,
                    goal,
                    trigger,
                    bound,
                    beyond,
                },
            )
    })
}

/// What is to be met often enough, and how many were.
#[derive(Debug, Default)]
struct Tally {
    graphs: usize,
    hold: usize,
    fail: usize,
    undecided: usize,
    need_strong_fairness: usize,
    with_self_loop: usize,
    with_dead_end: usize,
    with_several_initial_states: usize,
    end_standing_still: usize,
    end_in_a_cycle: usize,
}

/// Of each answer, and of the graphs whose answer rests on strong fairness, so many.
const EACH: usize = 3_000;

impl Tally {
    /// Counts the graph, unless there are enough of its sort.
    fn takes(&mut self, graph: &Graph, answer: Answer, needs_strong_fairness: bool) -> bool {
        let count = match (needs_strong_fairness, answer) {
            (true, _) => &mut self.need_strong_fairness,
            (false, Answer::Holds) => &mut self.hold,
            (false, Answer::Fails) => &mut self.fail,
            (false, Answer::Undecided) => &mut self.undecided,
        };
        if *count == EACH {
            return false;
        }
        *count += 1;
        self.graphs += 1;
        let rows = || (0..).zip(&graph.edges);
        let has_self_loop = rows().any(|(state, row)| row.iter().any(|edge| edge.to == state));
        self.with_self_loop += usize::from(has_self_loop);
        let has_dead_end = rows().any(|(state, row)| row.iter().all(|edge| edge.to == state));
        self.with_dead_end += usize::from(has_dead_end);
        let several = graph.initial.iter().collect::<BTreeSet<_>>().len() > 1;
        self.with_several_initial_states += usize::from(several);
        true
    }
}

/// Each verdict is a quarter of them, and a quarter rests on strong fairness: with weak fairness in its
/// place the answer is another.
#[test]
fn verdicts_are_those_of_an_enumeration_of_all_sets_of_states() {
    let mut runner = TestRunner::deterministic();
    let strategy = graphs();
    let mut tally = Tally::default();
    while tally.graphs < 4 * EACH {
        let graph = strategy.new_tree(&mut runner).expect("a graph").current();
        let expected = answer(&graph);
        let weakened = Graph {
            strengths: [Strength::Weak; 2],
            ..graph.clone()
        };
        if !tally.takes(&graph, expected, answer(&weakened) != expected) {
            continue;
        }
        let one = Options {
            threads: 1,
            ..Options::default()
        };
        let exploration = graph.explore(&one);
        let verdict = &exploration.verdicts[0];
        assert_eq!(verdict.answer, expected, "{graph:#?}");
        if let Some(run) = verdict.counterexample() {
            match run.is_dead_end() {
                true => tally.end_standing_still += 1,
                false => tally.end_in_a_cycle += 1,
            }
        }
        let more = Options {
            threads: 2,
            fingerprint_bits: FingerprintBits::Bits128,
            ..Options::default()
        };
        let again = graph.explore(&more);
        assert_eq!(again.verdicts[0].answer, expected, "{graph:#?}");
    }
    println!("{tally:#?}");
    let often = tally.graphs / 10;
    assert!(
        tally.with_self_loop > often && tally.with_dead_end > often,
        "{tally:#?}"
    );
    assert!(tally.with_several_initial_states > often, "{tally:#?}");
    // A quarter fails.
    let seldom = tally.graphs / 50;
    assert!(
        tally.end_standing_still > seldom && tally.end_in_a_cycle > seldom,
        "{tally:#?}"
    );
}

/// Wide enough for several workers: a ring of levels, with chords.
fn wide(size: u16, seed: u64) -> Wide {
    Wide { size, seed }
}

#[derive(Debug)]
struct Wide {
    size: u16,
    seed: u64,
}

impl Wide {
    fn random(&self, state: u16, salt: u64) -> u64 {
        let mixed = self.seed ^ (u64::from(state) << 32) ^ salt;
        let mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
    }
}

impl stateright::Model for Wide {
    type State = u16;
    type Action = u16;

    fn init_states(&self) -> Vec<u16> {
        vec![0, 1]
    }

    fn actions(&self, state: &u16, actions: &mut Vec<u16>) {
        actions
            .extend((0..4).map(|salt| (self.random(*state, salt) % u64::from(self.size)) as u16));
    }

    fn next_state(&self, _: &u16, action: u16) -> Option<u16> {
        Some(action)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_number_of_threads_reports_the_same_lassos(size in 1_000_u16..4_000, seed in any::<u64>()) {
        use quorate_checker::{Condition, Fairness, Property, explore};
        let model = wide(size, seed);
        let properties: [Property<Wide>; 3] = [
            Property::holds("eventually", Condition::Eventually(|_, s| s % 5 == 4)),
            Property::holds("infinitely often", Condition::InfinitelyOften(|_, s| s % 3 == 2)),
            Property::holds("eventually always", Condition::EventuallyAlways(|_, s| s % 7 != 0)),
        ];
        let fairness: [Fairness<Wide>; 2] = [
            Fairness::weak("even", |_, to| (to % 2 == 0).then_some(u64::from(to % 64))),
            Fairness::strong("odd", |_, to| (to % 5 == 1).then_some(u64::from(to % 3))),
        ];
        let runs = |threads| {
            let options = Options { threads, ..Options::default() };
            let exploration = explore(&model, &properties, &fairness, &options);
            let runs = exploration.verdicts.into_iter().map(|verdict| {
                verdict.witness.map(|run| (run.initial, run.steps, run.cycle))
            });
            runs.collect::<Vec<_>>()
        };
        let one = runs(1);
        prop_assert!(one.iter().flatten().count() >= 1);
        prop_assert_eq!(&runs(2), &one);
        prop_assert_eq!(&runs(4), &one);
    }
}
