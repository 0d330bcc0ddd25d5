//! The validator says no to whatever is not a counterexample.

use quorate_checker::{Answer, Condition, Options, Property, Run, validate};

use super::graph::{Edge, Graph, Kind};

const FAIR: Option<u8> = Some(0);
const OTHER: Option<u8> = Some(2);

/// 0 leads to a cycle of 1 and 2, from both of which a fair step leads to the goal, 3; and 4 is a dead end.
fn graph() -> Graph {
    let steps = [
        (0, 1, OTHER),
        (1, 2, OTHER),
        (2, 1, OTHER),
        (1, 3, FAIR),
        (2, 3, FAIR),
        (0, 4, OTHER),
    ];
    Graph::new(&steps, &[3])
}

fn run(graph: &Graph, states: &[u8], cycle: Option<usize>) -> Run<Graph> {
    let steps = states.windows(2).map(|pair| {
        let edges = graph.edges[usize::from(pair[0])].iter();
        let edge = edges.copied().find(|edge| edge.to == pair[1]);
        let none = Edge {
            to: pair[1],
            class: None,
        };
        (edge.unwrap_or(none), pair[1])
    });
    Run {
        initial: states[0],
        steps: steps.collect(),
        cycle,
    }
}

fn refusal(graph: &Graph, states: &[u8], cycle: Option<usize>) -> String {
    let property = graph.property();
    let run = run(graph, states, cycle);
    let validated = validate(graph, &property, &graph.fairness(), &run);
    validated.expect_err("it is no counterexample")
}

#[test]
fn a_counterexample_is_accepted() {
    let graph = graph();
    let dead_end = run(&graph, &[0, 4], Some(1));
    let validated = validate(&graph, &graph.property(), &graph.fairness(), &dead_end);
    assert_eq!(validated, Ok(()));
    // Without the assumption of the exit, the cycle is one too.
    let cycle = run(&graph, &[0, 1, 2, 1], Some(1));
    let [_, other] = graph.fairness();
    assert_eq!(
        validate(&graph, &graph.property(), &[other], &cycle),
        Ok(())
    );
}

#[test]
fn what_is_no_counterexample_is_refused_with_the_reason() {
    let graph = graph();
    let refusals = [
        (refusal(&graph, &[1, 2, 1], Some(0)), "initial state"),
        (refusal(&graph, &[0, 2, 1, 2], Some(1)), "step 1 is no step"),
        (refusal(&graph, &[0, 1, 2], Some(1)), "does not close"),
        (
            refusal(&graph, &[0, 1, 2, 1], Some(1)),
            "the first is put off",
        ),
        (refusal(&graph, &[0, 4], Some(2)), "behind the end"),
        (refusal(&graph, &[0, 4], None), "the run ends"),
        (refusal(&graph, &[0, 1], Some(1)), "put off"),
        (refusal(&graph, &[0, 1, 3], Some(2)), "meets its goal"),
    ];
    for (refusal, reason) in refusals {
        assert!(refusal.contains(reason), "{refusal:?} says {reason:?}");
    }
}

#[test]
fn a_goal_after_its_trigger_refutes_nothing() {
    let triggered = |states: &[u8]| Graph {
        trigger: [states.iter().copied().collect(), Default::default()],
        ..graph().claiming(Kind::LeadsTo(1))
    };
    let to_the_goal = [0, 1, 3];
    let refused = refusal(&triggered(&[0, 1]), &to_the_goal, Some(2));
    assert!(refused.contains("meets its goal"));
    // A dead end that nothing has triggered.
    assert!(refusal(&triggered(&[1]), &[0, 4], Some(1)).contains("meets its goal"));
    let graph = triggered(&[0]);
    let dead_end = run(&graph, &[0, 4], Some(1));
    let validated = validate(&graph, &graph.property(), &graph.fairness(), &dead_end);
    assert_eq!(validated, Ok(()));
}

#[test]
fn a_run_that_ends_elsewhere_is_no_witness_of_a_claim_about_states() {
    let graph = graph();
    let never_four = Property::holds("never 4", Condition::Always(|_, state: &u8| *state != 4));
    let at = |states: &[u8]| validate(&graph, &never_four, &[], &run(&graph, states, None));
    assert_eq!(at(&[0, 4]), Ok(()));
    assert!(at(&[0, 1]).is_err());
}

/// A model that is not what it was: the search and the replay see different steps.
#[test]
#[should_panic(expected = "not deterministic")]
fn a_model_that_changes_its_mind_is_found_out() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    struct Fickle(AtomicUsize);
    impl stateright::Model for Fickle {
        type State = usize;
        type Action = ();
        fn init_states(&self) -> Vec<usize> {
            vec![0]
        }
        fn actions(&self, _: &usize, actions: &mut Vec<()>) {
            actions.push(());
        }
        fn next_state(&self, state: &usize, (): ()) -> Option<usize> {
            let calls = self.0.fetch_add(1, Ordering::Relaxed);
            (*state < 3).then_some(state + 1 + calls * 10)
        }
    }
    let model = Fickle(AtomicUsize::new(0));
    let small = Property::holds("small", Condition::Always(|_, state: &usize| *state == 0));
    let exploration = quorate_checker::explore(&model, &[small], &[], &Options::default());
    assert_eq!(exploration.verdicts[0].answer, Answer::Fails);
}
