//! How fast states are checked: distinct states a second.
//!
//! The same model under Quorate's explorer and under Stateright's two searches; and the same processes
//! in Stateright's `ActorModel`. All properties over states are evaluated in each; Quorate's explorer
//! evaluates properties of steps too, except where "states only" says otherwise.

use std::fmt::Debug;
use std::hash::Hash;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use quorate::two_phase_commit::{Published, TwoPhaseCommit};
use quorate_models::checker::{
    Condition, Options, Property, StaterightSearch, check_with_stateright, explore, to_the_end,
};
use quorate_models::two_phase_commit::actor_model::{Actors, actor_model};
use quorate_models::two_phase_commit::application::RequestOrder;
use quorate_models::two_phase_commit::parameters::{Framework, Parameters, instances};
use quorate_models::two_phase_commit::{self as model_of, Model};
use stateright::Model as StaterightModel;

type System = Model<TwoPhaseCommit>;

fn system(parameters: &Parameters) -> (System, Vec<Property<System>>) {
    let protocol = model_of::protocol(parameters, Published);
    let (mut model, properties) = model_of::model(parameters, protocol);
    model.properties.push(to_the_end());
    (model, properties)
}

fn actors(parameters: &Parameters) -> (Actors, Vec<Property<Actors>>) {
    let (mut model, properties) = actor_model(parameters);
    model.properties.push(to_the_end());
    (model, properties)
}

fn over_states<M: StaterightModel>(properties: &[Property<M>]) -> Vec<Property<M>> {
    let over_states = |property: &&Property<M>| {
        matches!(
            property.condition,
            Condition::Always(_) | Condition::Sometimes(_)
        )
    };
    properties.iter().filter(over_states).copied().collect()
}

/// Times each search of one model with 1 and 2 threads.
fn searches<M>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    build: impl Fn() -> (M, Vec<Property<M>>),
) where
    M: StaterightModel + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let (model, properties) = build();
    let unique = explore(&model, &properties, &[], &Options::default())
        .progress
        .unique;
    group.throughput(Throughput::Elements(unique as u64));
    for threads in [1, 2] {
        let options = Options {
            threads,
            ..Options::default()
        };
        let mut quorate = |which: &str, properties: &[Property<M>]| {
            let id = BenchmarkId::new(format!("{name}, {which}"), threads);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let exploration = explore(black_box(&model), properties, &[], &options);
                    assert_eq!(exploration.progress.unique, unique);
                });
            });
        };
        quorate("quorate", &properties);
        quorate("quorate, states only", &over_states(&properties));
        for (which, search) in [
            ("stateright-bfs", StaterightSearch::BreadthFirst),
            ("stateright-dfs", StaterightSearch::DepthFirst),
        ] {
            let id = BenchmarkId::new(format!("{name}, {which}"), threads);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let (model, properties) = build();
                    let exploration = check_with_stateright(model, &properties, search, &options);
                    assert_eq!(exploration.progress.unique, unique);
                });
            });
        }
    }
}

fn checking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("two-phase-commit");
    group.sample_size(10);
    group.warm_up_time(Duration::from_secs(1));
    let two_crashes = instances().into_iter().find(|i| i.name == "two-crashes");
    let two_crashes = two_crashes.expect("there is one").parameters;
    searches(&mut group, "two crashes", || system(&two_crashes));
    let any_order = Parameters {
        requests: RequestOrder::Any,
        ..Parameters::default()
    };
    searches(&mut group, "any order in System", || system(&any_order));
    let in_actor_model = Parameters {
        framework: Framework::ActorModel,
        ..any_order
    };
    searches(&mut group, "any order in ActorModel", || {
        actors(&in_actor_model)
    });
    group.finish();
}

criterion_group!(benches, checking);
criterion_main!(benches);
