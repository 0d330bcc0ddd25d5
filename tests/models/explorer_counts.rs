//! The explorer against a naive search, and against Stateright's own, on random graphs.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::thread::{self, ThreadId};

use proptest::prelude::*;
use quorate_checker::{
    Answer, Condition, End, Exploration, Options, Property, Run, StaterightSearch,
    check_with_stateright, explore, to_the_end,
};
use stateright::Model;

/// A model given as a table: the actions of a state are the places of its row, and an entry is where
/// the action leads, if anywhere.
#[derive(Clone, Debug)]
struct Graph {
    initial: Vec<u16>,
    rows: Vec<Vec<Option<u16>>>,
    /// States beyond the boundary.
    beyond: BTreeSet<u16>,
    /// States that the state properties are about.
    marked: BTreeSet<u16>,
    /// Steps that the step properties are about: state and action.
    marked_steps: BTreeSet<(u16, usize)>,
}

impl Model for Graph {
    type State = u16;
    type Action = usize;

    fn init_states(&self) -> Vec<u16> {
        self.initial.clone()
    }

    fn actions(&self, state: &u16, actions: &mut Vec<usize>) {
        actions.extend(0..self.rows[usize::from(*state)].len());
    }

    fn next_state(&self, state: &u16, action: usize) -> Option<u16> {
        self.rows[usize::from(*state)][action]
    }

    fn within_boundary(&self, state: &u16) -> bool {
        !self.beyond.contains(state)
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        vec![to_the_end()]
    }
}

const ALWAYS: &str = "never marked";
const SOMETIMES: &str = "marked";
const EVERY_STEP: &str = "never a marked step";
const SOME_STEP: &str = "a marked step";

fn properties() -> Vec<Property<Graph>> {
    fn marked(graph: &Graph, state: &u16) -> bool {
        graph.marked.contains(state)
    }
    fn marked_step(graph: &Graph, state: &u16, action: &usize, _: &u16) -> bool {
        graph.marked_steps.contains(&(*state, *action))
    }
    vec![
        Property::holds(ALWAYS, Condition::Always(|g, s| !marked(g, s))),
        Property::holds(SOMETIMES, Condition::Sometimes(marked)),
        Property::holds(
            EVERY_STEP,
            Condition::EveryStep(|g, s, a, n| !marked_step(g, s, a, n)),
        ),
        Property::holds(SOME_STEP, Condition::SomeStep(marked_step)),
    ]
}

/// What a search should find, found without thinking.
struct Reference {
    /// How many steps each reachable state is away.
    distances: BTreeMap<u16, usize>,
    generated: usize,
    cut: usize,
}

impl Reference {
    fn of(graph: &Graph) -> Self {
        let is_inside = |state: &&u16| !graph.beyond.contains(state);
        let (inside, beyond): (Vec<u16>, Vec<u16>) = graph.initial.iter().partition(is_inside);
        let mut distances: BTreeMap<u16, usize> = inside.iter().map(|&s| (s, 0)).collect();
        let (mut generated, mut cut) = (inside.len(), beyond.len());
        let mut distance = 0;
        loop {
            let level: Vec<u16> = distances
                .iter()
                .filter_map(|(&s, &d)| (d == distance).then_some(s))
                .collect();
            if level.is_empty() {
                break;
            }
            distance += 1;
            for state in level {
                for next in graph.rows[usize::from(state)].iter().flatten() {
                    if graph.beyond.contains(next) {
                        cut += 1;
                    } else {
                        generated += 1;
                        distances.entry(*next).or_insert(distance);
                    }
                }
            }
        }
        Self {
            distances,
            generated,
            cut,
        }
    }

    /// States on a longest shortest run.
    fn depth(&self) -> usize {
        self.distances.values().max().map_or(0, |steps| steps + 1)
    }

    fn steps_to_marked(&self, graph: &Graph) -> Option<usize> {
        let marked = self
            .distances
            .iter()
            .filter(|(s, _)| graph.marked.contains(s));
        marked.map(|(_, &steps)| steps).min()
    }

    fn steps_through_marked_step(&self, graph: &Graph) -> Option<usize> {
        let marked = graph.marked_steps.iter().filter_map(|&(state, action)| {
            let next = (*graph.rows[usize::from(state)].get(action)?)?;
            let before = self.distances.get(&state)?;
            (!graph.beyond.contains(&next)).then_some(before + 1)
        });
        marked.min()
    }
}

/// That the run is one of the graph's.
fn assert_is_run(graph: &Graph, run: &Run<Graph>) {
    assert!(graph.initial.contains(&run.initial) && graph.within_boundary(&run.initial));
    let mut at = run.initial;
    for &(action, next) in &run.steps {
        assert_eq!(graph.next_state(&at, action), Some(next));
        assert!(graph.within_boundary(&next));
        at = next;
    }
}

/// What is not found may be beyond the boundary.
fn answer(is_found: bool, is_example: bool, cut: usize) -> Answer {
    match is_found {
        false if cut > 0 => Answer::Undecided,
        is_found if is_found == is_example => Answer::Holds,
        _ => Answer::Fails,
    }
}

fn assert_equals_reference(graph: &Graph, exploration: &Exploration<Graph>) {
    let reference = Reference::of(graph);
    let progress = exploration.progress;
    assert_eq!(progress.unique, reference.distances.len());
    assert_eq!(progress.generated, reference.generated);
    assert_eq!(progress.depth, reference.depth());
    assert_eq!(progress.frontier, 0);
    let end = match reference.cut {
        0 => End::Exhausted,
        cut => End::Boundary(cut),
    };
    assert_eq!(exploration.end, end);
    for (name, is_example) in [(ALWAYS, false), (SOMETIMES, true)] {
        let verdict = exploration.verdict(name).expect("asked for");
        let run = verdict.witness.as_ref();
        let steps = reference.steps_to_marked(graph);
        assert_eq!(run.map(|run| run.steps.len()), steps);
        assert_eq!(
            verdict.answer,
            answer(steps.is_some(), is_example, reference.cut)
        );
        if let Some(run) = run {
            assert_is_run(graph, run);
            assert!(graph.marked.contains(run.last()));
        }
    }
    for (name, is_example) in [(EVERY_STEP, false), (SOME_STEP, true)] {
        let verdict = exploration.verdict(name).expect("asked for");
        let run = verdict.witness.as_ref();
        let steps = reference.steps_through_marked_step(graph);
        assert_eq!(run.map(|run| run.steps.len()), steps);
        assert_eq!(
            verdict.answer,
            answer(steps.is_some(), is_example, reference.cut)
        );
        if let Some(run) = run {
            assert_is_run(graph, run);
            let (action, _) = *run.steps.last().expect("a step");
            let before = run.steps.iter().rev().nth(1);
            let before = before.map_or(run.initial, |(_, state)| *state);
            assert!(graph.marked_steps.contains(&(before, action)));
        }
    }
}

fn search(graph: &Graph, options: &Options<'_>) -> Exploration<Graph> {
    explore(graph, &properties(), &[], options)
}

fn with_threads(threads: usize) -> Options<'static> {
    Options {
        threads,
        ..Options::default()
    }
}

/// A run's initial state and its steps.
type Steps = (u16, Vec<(usize, u16)>);

fn runs(exploration: &Exploration<Graph>) -> Vec<Option<Steps>> {
    let runs = exploration.verdicts.iter().map(|v| v.witness.as_ref());
    runs.map(|run| run.map(|run| (run.initial, run.steps.clone())))
        .collect()
}

fn small_graphs() -> impl Strategy<Value = Graph> {
    (1_u16..24).prop_flat_map(|size| {
        let state = 0..size;
        let entry = prop::option::weighted(0.9, state.clone());
        let row = prop::collection::vec(entry, 0..5);
        let states = |most| prop::collection::btree_set(state.clone(), 0..=most);
        (
            prop::collection::vec(state.clone(), 0..4),
            prop::collection::vec(row, usize::from(size)),
            states(2),
            states(3),
            prop::collection::btree_set((state.clone(), 0_usize..5), 0..6),
        )
            .prop_map(|(initial, rows, beyond, marked, marked_steps)| Graph {
                initial,
                rows,
                beyond,
                marked,
                marked_steps,
            })
    })
}

/// A graph with levels wide enough for several workers, and few marks.
fn wide_graph(size: u16, seed: u64) -> Graph {
    let random = |state: u16, action: u64| {
        let mixed = (seed ^ (u64::from(state) << 32) ^ action).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed >> 32) % u64::from(size)) as u16
    };
    let row = |state| (0..4).map(|action| Some(random(state, action))).collect();
    Graph {
        initial: vec![0, 1, 1],
        rows: (0..size).map(row).collect(),
        beyond: BTreeSet::from([size - 1]),
        marked: (0..size).filter(|&s| random(s, 9) < size / 500).collect(),
        marked_steps: (0..size)
            .filter(|&s| random(s, 10) < size / 500)
            .flat_map(|s| [(s, 2), (s, 3)])
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_reachable_state_is_counted_once_and_every_run_is_shortest(graph in small_graphs()) {
        assert_equals_reference(&graph, &search(&graph, &with_threads(1)));
    }

    #[test]
    fn stopping_at_a_property_gives_the_run_that_going_on_gives(graph in small_graphs()) {
        let to_the_end = search(&graph, &with_threads(1));
        for (index, property) in properties().iter().enumerate() {
            let options = Options { stop_at: Some(property.name), ..with_threads(1) };
            let stopped = search(&graph, &options);
            prop_assert_eq!(&runs(&stopped)[index], &runs(&to_the_end)[index]);
            let is_found = to_the_end.verdicts[index].witness.is_some();
            prop_assert_eq!(stopped.end == End::Found, is_found);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_number_of_threads_reports_the_same(size in 4_000_u16..12_000, seed in any::<u64>()) {
        let graph = wide_graph(size, seed);
        let one = search(&graph, &with_threads(1));
        assert_equals_reference(&graph, &one);
        for threads in [2, 4] {
            let several = search(&graph, &with_threads(threads));
            assert_equals_reference(&graph, &several);
            prop_assert_eq!(runs(&several), runs(&one));
        }
    }

    #[test]
    fn the_searches_of_stateright_visit_as_many_states(graph in small_graphs()) {
        let expected = Reference::of(&graph).distances.len();
        for order in [StaterightSearch::BreadthFirst, StaterightSearch::DepthFirst] {
            let theirs = check_with_stateright(graph.clone(), &[], order, &with_threads(1));
            prop_assert_eq!(theirs.progress.unique, expected);
        }
    }
}

#[test]
fn a_search_out_of_memory_is_not_exhausted() {
    let options = Options {
        memory_max: 1,
        ..with_threads(2)
    };
    let exploration = search(&wide_graph(1_000, 7), &options);
    assert_eq!(exploration.end, End::Memory);
    assert!(!exploration.exhausted());
}

#[test]
fn the_last_step_of_a_run_is_by_the_action_that_the_property_is_about() {
    let graph = Graph {
        initial: vec![0],
        rows: vec![vec![Some(1), Some(1)], vec![]],
        beyond: BTreeSet::new(),
        marked: BTreeSet::new(),
        marked_steps: BTreeSet::from([(0, 1)]),
    };
    let exploration = search(&graph, &with_threads(1));
    for name in [EVERY_STEP, SOME_STEP] {
        let run = exploration.verdict(name).and_then(|v| v.witness.as_ref());
        assert_eq!(run.expect("there is one").steps, [(1, 1)]);
    }
}

#[test]
fn a_panic_of_the_model_ends_the_search() {
    struct Panics;
    impl Model for Panics {
        type State = u16;
        type Action = u16;
        fn init_states(&self) -> Vec<u16> {
            (0..2_000).collect()
        }
        fn actions(&self, state: &u16, _: &mut Vec<u16>) {
            assert!(*state < 1_500, "the model panics");
        }
        fn next_state(&self, _: &u16, _: u16) -> Option<u16> {
            None
        }
    }
    let progress = |_: &quorate_checker::Progress| {};
    for threads in [1, 2, 3] {
        let options = Options {
            progress: Some(&progress),
            ..with_threads(threads)
        };
        let exploration = explore(&Panics, &[], &[], &options);
        assert_eq!(exploration.end, End::Panicked);
        let panic = exploration.panic.expect("it panicked");
        assert_eq!(panic.message, "the model panics");
        let run = panic.run.expect("it is known");
        // Of all that panic it is always the same.
        assert!(run.initial >= 1_500 && run.steps.is_empty());
        let first = explore(&Panics, &[], &[], &with_threads(1));
        let first = first.panic.and_then(|panic| panic.run);
        assert_eq!(first.map(|run| run.initial), Some(run.initial));
    }
}

#[test]
fn a_panic_in_another_worker_ends_the_search() {
    struct Panics {
        caller: ThreadId,
        both: Barrier,
    }
    impl Model for Panics {
        type State = u16;
        type Action = u16;
        fn init_states(&self) -> Vec<u16> {
            (0..2_000).collect()
        }
        fn actions(&self, _: &u16, _: &mut Vec<u16>) {
            thread_local! {
                static HAS_COME: Cell<bool> = const { Cell::new(false) };
            }
            if !HAS_COME.replace(true) {
                self.both.wait();
            }
            let here = thread::current().id();
            assert!(here == self.caller, "the model panics in another thread");
        }
        fn next_state(&self, _: &u16, _: u16) -> Option<u16> {
            None
        }
    }
    let model = Panics {
        caller: thread::current().id(),
        both: Barrier::new(2),
    };
    let exploration = explore(&model, &[], &[], &with_threads(2));
    let panic = exploration.panic.expect("it panicked");
    assert_eq!(panic.message, "the model panics in another thread");
}
