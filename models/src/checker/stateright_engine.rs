//! Stateright's own checkers on the same models, to compare with.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use stateright::{Checker, Model};

use super::{Condition, End, Exploration, Progress, Property, Run, Verdict};

/// Which of Stateright's searches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StaterightSearch {
    /// `spawn_bfs`.
    BreadthFirst,
    /// `spawn_dfs`.
    DepthFirst,
}

/// The properties as Stateright has them: those over states. It has none over steps.
pub fn stateright_properties<M: Model>(properties: &[Property<M>]) -> Vec<stateright::Property<M>> {
    let property = |property: &Property<M>| match property.condition {
        Condition::Always(condition) => {
            Some(stateright::Property::always(property.name, condition))
        }
        Condition::Sometimes(condition) => {
            Some(stateright::Property::sometimes(property.name, condition))
        }
        Condition::EveryStep(_) | Condition::SomeStep(_) => None,
    };
    properties.iter().filter_map(property).collect()
}

/// A property that never has a discovery: Stateright's checkers stop once each property has one, so a model
/// that is to be visited to the end carries this too.
pub fn to_the_end<M: Model>() -> stateright::Property<M> {
    stateright::Property::always("every state is visited", |_, _| true)
}

/// Visits every reachable state with one of Stateright's checkers. `model.properties()` are
/// [`stateright_properties`] of `properties`, and [`to_the_end`]. There are verdicts only on properties
/// over states, and what is reported as a witness need not be shortest.
pub fn check_with_stateright<M>(
    model: M,
    properties: &[Property<M>],
    search: StaterightSearch,
    threads: usize,
) -> Exploration<M>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let start = Instant::now();
    let builder = model.checker().threads(threads);
    match search {
        StaterightSearch::BreadthFirst => report(builder.spawn_bfs().join(), properties, start),
        StaterightSearch::DepthFirst => report(builder.spawn_dfs().join(), properties, start),
    }
}

fn report<M>(checker: impl Checker<M>, properties: &[Property<M>], start: Instant) -> Exploration<M>
where
    M: Model,
    M::State: Clone + Hash + PartialEq,
    M::Action: Clone + PartialEq,
{
    let progress = Progress {
        unique: checker.unique_state_count(),
        generated: checker.state_count(),
        depth: checker.max_depth(),
        frontier: 0,
        elapsed: start.elapsed(),
    };
    let mut discoveries = checker.discoveries();
    let over_states = properties.iter().filter(|property| {
        matches!(
            property.condition,
            Condition::Always(_) | Condition::Sometimes(_)
        )
    });
    let verdicts = over_states.map(|&property| Verdict {
        property,
        witness: discoveries.remove(property.name).map(|path| {
            let mut path = path.into_vec();
            let mut actions = Vec::new();
            let mut states = Vec::new();
            for (state, action) in path.drain(..) {
                states.push(state);
                actions.extend(action);
            }
            let mut states = states.into_iter();
            Run {
                initial: states.next().expect("a path has a state"),
                steps: actions.into_iter().zip(states).collect(),
            }
        }),
    });
    Exploration {
        progress,
        end: End::Exhausted,
        verdicts: verdicts.collect(),
    }
}
