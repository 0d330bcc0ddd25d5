//! Stateright's own checkers on the same models, to compare with.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stateright::{Checker, Model};

use super::explore::{is_beyond, message_of};
use super::{
    Condition, End, Exploration, Memory, Options, Panic, Progress, Property, Run, Verdict,
};

const TO_THE_END: &str = "every state is visited";
/// How often the memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Which of Stateright's searches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StaterightSearch {
    /// `spawn_bfs`.
    BreadthFirst,
    /// `spawn_dfs`.
    DepthFirst,
}

/// The properties as Stateright has them: those over states. It has none over steps, and its *eventually*
/// does not mean what it says: it is evaluated only where a run ends.
pub fn stateright_properties<M: Model>(properties: &[Property<M>]) -> Vec<stateright::Property<M>> {
    let property = |property: &Property<M>| match property.condition {
        Condition::Always(condition) => {
            Some(stateright::Property::always(property.name, condition))
        }
        Condition::Sometimes(condition) => {
            Some(stateright::Property::sometimes(property.name, condition))
        }
        _ => None,
    };
    properties.iter().filter_map(property).collect()
}

/// A property that never has a discovery: Stateright's checkers stop once each property has one, so a model
/// that is to be visited to the end carries this too.
pub fn to_the_end<M: Model>() -> stateright::Property<M> {
    stateright::Property::always(TO_THE_END, |_, _| true)
}

/// Visits every reachable state with one of Stateright's checkers. `model.properties()` are
/// [`stateright_properties`] of `properties`, and [`to_the_end`]; the model has no boundary. There are
/// verdicts only on properties over states, and what is reported as a witness need not be shortest.
///
/// Stateright's searches cannot be interrupted: one that runs into the memory limit is reported as not
/// exhausted, and left behind. Nor do they keep where they are: of a model that panics, only the message is known,
/// and no claim is decided.
///
/// # Panics
///
/// If the model lacks [`to_the_end`], so that the search might stop earlier.
pub fn check_with_stateright<M>(
    model: M,
    properties: &[Property<M>],
    search: StaterightSearch,
    options: &Options<'_>,
) -> Exploration<M>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let start = Instant::now();
    let names = model.properties().into_iter().map(|property| property.name);
    assert!(
        names.into_iter().any(|name| name == TO_THE_END),
        "without the property {TO_THE_END:?} the search may stop before that"
    );
    let builder = model.checker().threads(options.threads);
    match search {
        StaterightSearch::BreadthFirst => report(builder.spawn_bfs(), properties, options, start),
        StaterightSearch::DepthFirst => report(builder.spawn_dfs(), properties, options, start),
    }
}

fn report<M>(
    mut checker: impl Checker<M>,
    properties: &[Property<M>],
    options: &Options<'_>,
    start: Instant,
) -> Exploration<M>
where
    M: Model,
    M::State: Clone + Debug + Hash + PartialEq,
    M::Action: Clone + Debug + PartialEq,
{
    // A thread of its own joins the workers, so that their end is noticed at once.
    let workers = checker.handles();
    let (over, is_over) = mpsc::channel();
    let join = move || {
        let joined: Result<Vec<()>, _> = workers.into_iter().map(JoinHandle::join).collect();
        // Nobody listens to a search that was left behind.
        let _ = over.send(joined.err());
    };
    std::thread::spawn(join);
    let mut end = End::Exhausted;
    let mut panic = None;
    loop {
        match is_over.recv_timeout(LOOK_EVERY) {
            Ok(Some(caught)) => {
                end = End::Panicked;
                panic = Some(Panic {
                    message: message_of(&*caught),
                    run: None,
                    action: None,
                });
                break;
            }
            Ok(None) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if is_beyond(options.memory_max) => {
                end = End::Memory;
                break;
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    let progress = Progress {
        unique: checker.unique_state_count(),
        generated: checker.state_count(),
        depth: checker.max_depth(),
        frontier: 0,
        elapsed: start.elapsed(),
    };
    // Their paths are found by stepping the model, which may panic again.
    let mut discoveries = match end {
        End::Panicked => HashMap::new(),
        _ => checker.discoveries(),
    };
    let over_states = properties.iter().filter(|property| {
        matches!(
            property.condition,
            Condition::Always(_) | Condition::Sometimes(_)
        )
    });
    let is_exhausted = end == End::Exhausted;
    let verdicts = over_states.map(|&property| {
        let witness = discoveries.remove(property.name);
        Verdict {
            is_vacuous: is_exhausted
                && progress.unique == 0
                && matches!(property.condition, Condition::Always(_)),
            ..Verdict::new(property, witness.map(to_run), is_exhausted)
        }
    });
    Exploration {
        progress,
        end,
        verdicts: verdicts.collect(),
        steps: 0,
        classes: 0,
        memory: Memory::default(),
        fingerprint_bits: 64,
        panic,
    }
}

fn to_run<M: Model>(path: stateright::Path<M::State, M::Action>) -> Run<M>
where
    M::State: PartialEq,
{
    let mut actions = Vec::new();
    let mut states = Vec::new();
    for (state, action) in path.into_vec() {
        states.push(state);
        actions.extend(action);
    }
    let mut states = states.into_iter();
    Run {
        initial: states.next().expect("a path has a state"),
        steps: actions.into_iter().zip(states).collect(),
        cycle: None,
    }
}
