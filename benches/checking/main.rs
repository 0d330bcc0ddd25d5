//! How fast states are checked: distinct states a second.
//!
//! The same model under Quorate's explorer and under Stateright's two searches. All properties over states
//! are evaluated in each; Quorate's explorer is also timed with properties of steps, and with claims about
//! fair runs, which Stateright's do not have. The largest two are two-phase commit with 4 participants, two
//! crashes and a buffered disk, and Gray and Lamport's abstract two-phase commit with 8 resource
//! managers, a model that knows nothing of Quorate.
//!
//! All searches share one allocator: the system's.

use std::fmt::Debug;
use std::hash::Hash;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group,
    criterion_main,
};
use quorate::two_phase_commit::{Published, TwoPhaseCommit};
use quorate_checker::{
    Condition, Fairness, Options, Property, StaterightSearch, check_with_stateright, explore,
    to_the_end,
};
use quorate_models::atomic_commit::actor_model::{Actors, actor_model};
use quorate_models::framework::RequestOrder;
use quorate_models::two_phase_commit::parameters::{Framework, Parameters, instances};
use quorate_models::two_phase_commit::{self as model_of, Model, liveness};
use stateright::Model as StaterightModel;

mod gray_lamport;

use gray_lamport::TwoPhase;

type System = Model<TwoPhaseCommit>;

/// A model with what is claimed of it.
struct Subject<M: StaterightModel> {
    model: M,
    properties: Vec<Property<M>>,
    fairness: Vec<Fairness<M>>,
}

fn system(parameters: &Parameters) -> Subject<System> {
    let protocol = model_of::protocol(parameters, Published);
    let (mut model, properties) = model_of::model(parameters, protocol);
    model.properties.push(to_the_end());
    Subject {
        model,
        properties,
        fairness: liveness::fairness(parameters),
    }
}

fn actors(parameters: &Parameters) -> Subject<Actors<TwoPhaseCommit>> {
    let protocol = model_of::protocol(parameters, Published);
    let (mut model, properties) = actor_model(&protocol, &model_of::clients(parameters), true);
    model.properties.push(to_the_end());
    Subject {
        model,
        properties,
        fairness: Vec::new(),
    }
}

fn gray_lamport(resource_managers: usize) -> Subject<TwoPhase> {
    Subject {
        model: TwoPhase { resource_managers },
        properties: gray_lamport::claims(),
        fairness: gray_lamport::fairness().into(),
    }
}

fn over_states<M: StaterightModel>(property: &Property<M>) -> bool {
    let condition = property.condition;
    matches!(condition, Condition::Always(_) | Condition::Sometimes(_))
}

/// Times each search of one model with these numbers of threads.
fn searches<M>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    threads: &[usize],
    build: impl Fn() -> Subject<M>,
) where
    M: StaterightModel + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let Subject {
        model,
        properties,
        fairness,
    } = build();
    let exploration = explore(&model, &properties, &fairness, &Options::default());
    let unique = exploration.progress.unique;
    let kept = exploration.memory;
    println!(
        "{name}: {unique} states, {} bytes each; {} steps, {} bytes each",
        kept.states / unique,
        exploration.steps,
        kept.steps / exploration.steps.max(1),
    );
    drop(exploration);
    group.throughput(Throughput::Elements(unique as u64));
    let is_safety = |property: &&Property<M>| !property.condition.is_liveness();
    let is_over_states = |property: &&Property<M>| over_states(property);
    let states: Vec<_> = properties.iter().filter(is_over_states).copied().collect();
    let safety: Vec<_> = properties.iter().filter(is_safety).copied().collect();
    for &threads in threads {
        let options = Options {
            threads,
            ..Options::default()
        };
        let mut quorate = |which: &str, properties: &[Property<M>]| {
            let id = BenchmarkId::new(format!("{name}, {which}"), threads);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let model = black_box(&model);
                    let exploration = explore(model, properties, &fairness, &options);
                    assert_eq!(exploration.progress.unique, unique);
                });
            });
        };
        quorate("quorate, states", &states);
        if safety.len() > states.len() {
            quorate("quorate, steps too", &safety);
        }
        if properties.len() > safety.len() {
            quorate("quorate, fair runs too", &properties);
        }
        for (which, search) in [
            ("stateright-bfs", StaterightSearch::BreadthFirst),
            ("stateright-dfs", StaterightSearch::DepthFirst),
        ] {
            let id = BenchmarkId::new(format!("{name}, {which}"), threads);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let model = build().model;
                    let exploration = check_with_stateright(model, &states, search, &options);
                    assert_eq!(exploration.progress.unique, unique);
                });
            });
        }
    }
}

fn instance(name: &str) -> Parameters {
    let mut instances = instances().into_iter();
    let found = instances.find(|listed| listed.name == name);
    found.expect("a named instance").parameters
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_secs(1));
    group
}

fn small(criterion: &mut Criterion) {
    let mut group = group(criterion, "two-phase-commit");
    let two_crashes = instance("two-crashes");
    searches(&mut group, "two-crashes", &[1, 2], || system(&two_crashes));
    let any_order = Parameters {
        requests: RequestOrder::Any,
        ..Parameters::default()
    };
    searches(&mut group, "any order in System", &[2], || {
        system(&any_order)
    });
    let in_actor_model = Parameters {
        framework: Framework::ActorModel,
        ..any_order
    };
    searches(&mut group, "any order in ActorModel", &[2], || {
        actors(&in_actor_model)
    });
    group.finish();
}

fn large(criterion: &mut Criterion) {
    let mut group = group(criterion, "large");
    let large = instance("large");
    searches(&mut group, "two-phase-commit large", &[2], || {
        system(&large)
    });
    searches(&mut group, "Gray and Lamport, 8", &[2], || gray_lamport(8));
    group.finish();
}

criterion_group!(benches, small, large);
criterion_main!(benches);
