//! Three searches, one state space: Quorate's and Stateright's two.

use quorate_models::catalogue::{self, MODELS};
use quorate_models::checker::Options;
use quorate_models::report::{CheckReport, Engine, Outcome};

fn check(model: &str, instance: &str, engine: Engine) -> CheckReport {
    let model = catalogue::model(model).expect("a listed model");
    let flags = model.flags(clap::Command::new("flags"));
    let flags = flags.get_matches_from(["flags"]);
    let check = model.check(instance, &flags, engine, &Options::default());
    check.expect("a listed instance")
}

/// How many states README's table says that an instance has; tools/checks sees that this is so.
fn states(model: &str, instance: &str) -> usize {
    let readme = include_str!("../README.md");
    let cells = |line: &'static str| line.split(['│', '┆']).map(str::trim).skip(1);
    let mut rows = readme.lines().map(|line| cells(line).collect::<Vec<_>>());
    let row = rows.find(|row| row.starts_with(&[model, instance]));
    let row = row.unwrap_or_else(|| panic!("README has no row of {model} {instance}"));
    let states = row[2].replace(',', "");
    states.parse().expect("a number of states")
}

/// Larger ones take minutes: they are compared if all ignored tests are asked for.
const SMALL_MAX: usize = 300_000;
/// Larger ones are not compared: Stateright's searches keep more.
const LARGE_MAX: usize = 1_000_000;

/// Compares the default instances that have so many states, and says how often.
fn compare(sizes: std::ops::RangeInclusive<usize>) -> usize {
    let listed = MODELS.iter().flat_map(|model| model.instances());
    let listed = listed.filter(|listed| listed.by_default);
    let mut compared = 0;
    for listed in listed {
        let states = states(listed.model, listed.instance);
        if !sizes.contains(&states) {
            continue;
        }
        let ours = check(listed.model, listed.instance, Engine::Quorate);
        assert_eq!(ours.outcome(), Outcome::AsExpected, "{ours:#?}");
        assert_eq!(
            ours.states.unique, states,
            "README's row of {}",
            ours.instance
        );
        // Stateright's breadth-first search is slower, and keeps more.
        let breadth_first = (states <= SMALL_MAX).then_some(Engine::StaterightBfs);
        for engine in [Engine::StaterightDfs].into_iter().chain(breadth_first) {
            let theirs = check(listed.model, listed.instance, engine);
            let counts = |r: &CheckReport| (r.states.unique, r.states.generated);
            let instance = listed.instance;
            assert_eq!(counts(&ours), counts(&theirs), "{instance} {engine:?}");
            assert_eq!(theirs.outcome(), Outcome::AsExpected, "{theirs:#?}");
            let checked = theirs.properties.len() + theirs.unchecked.len();
            assert_eq!(checked, ours.properties.len());
            compared += 1;
        }
    }
    compared
}

#[test]
fn three_searches_count_the_same_states_and_all_is_as_expected() {
    let compared = compare(0..=SMALL_MAX);
    assert!(compared > 100, "{compared} comparisons only");
}

#[test]
#[ignore = "it takes minutes"]
fn two_searches_count_the_same_states_of_larger_instances() {
    let compared = compare(SMALL_MAX + 1..=LARGE_MAX);
    assert!(compared > 15, "{compared} comparisons only");
}
