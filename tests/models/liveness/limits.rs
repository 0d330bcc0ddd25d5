//! A search that was stopped says so, and passes nothing; what it has found counts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use quorate_checker::{Answer, Condition, End, Exploration, Fairness, Options, Property, explore};
use stateright::Model;

/// Counts for ever, by fair steps. From 7 there may be a way to a cycle of 10,000 and 10,001.
#[derive(Default)]
struct Counter {
    has_cycle: bool,
    /// Becomes true when the counter has come to 1,100.
    interrupt: AtomicBool,
}

impl Model for Counter {
    type State = u64;
    type Action = u64;

    fn init_states(&self) -> Vec<u64> {
        vec![0]
    }

    fn actions(&self, state: &u64, actions: &mut Vec<u64>) {
        match state {
            7 if self.has_cycle => actions.extend([8, 10_000]),
            10_000 if self.has_cycle => actions.push(10_001),
            10_001 if self.has_cycle => actions.push(10_000),
            _ => actions.push(state + 1),
        }
    }

    fn next_state(&self, state: &u64, action: u64) -> Option<u64> {
        if *state == 1_100 {
            self.interrupt.store(true, Ordering::Relaxed);
        }
        Some(action)
    }
}

fn search(counter: &Counter, options: &Options<'_>) -> Exploration<Counter> {
    let reaches = Property::holds("50 is reached", Condition::Eventually(|_, &s| s == 50));
    let steps = Fairness::weak("every step", |_, &to| Some(to));
    explore(counter, &[reaches], &[steps], options)
}

#[test]
fn without_time_nothing_is_decided() {
    let options = Options {
        time_max: Some(Duration::ZERO),
        ..Options::default()
    };
    let exploration = search(&Counter::default(), &options);
    assert_eq!(exploration.end, End::Time);
    assert!(!exploration.exhausted());
    assert_eq!(exploration.verdicts[0].answer, Answer::Undecided);
}

#[test]
fn without_memory_nothing_is_decided() {
    let options = Options {
        memory_max: 1,
        ..Options::default()
    };
    let exploration = search(&Counter::default(), &options);
    assert_eq!(exploration.end, End::Memory);
    assert_eq!(exploration.verdicts[0].answer, Answer::Undecided);
}

#[test]
fn an_interrupted_search_says_how_far_it_came_and_passes_nothing() {
    let counter = Counter::default();
    let options = Options {
        interrupt: Some(&counter.interrupt),
        ..Options::default()
    };
    let exploration = search(&counter, &options);
    assert_eq!(exploration.end, End::Interrupted);
    assert_eq!(exploration.progress.unique, 1_102);
    assert_eq!(exploration.verdicts[0].answer, Answer::Undecided);
}

#[test]
fn a_lasso_counts_though_the_search_was_interrupted() {
    let counter = Counter {
        has_cycle: true,
        ..Counter::default()
    };
    let options = Options {
        interrupt: Some(&counter.interrupt),
        ..Options::default()
    };
    let exploration = search(&counter, &options);
    assert_eq!(exploration.end, End::Interrupted);
    let run = exploration.verdicts[0].counterexample();
    let run = run.expect("there is a cycle");
    assert_eq!((run.steps.len(), run.cycle), (10, Some(8)));
}
