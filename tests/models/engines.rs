//! Three searches, one state space: Quorate's, as README has it, and Stateright's two.

use quorate_checker::Options;
use quorate_checker::report::{CheckReport, Engine, Outcome};
use quorate_models::catalogue::{self, MODELS};

fn check(model: &str, instance: &str, engine: Engine) -> CheckReport {
    let model = catalogue::model(model).expect("a listed model");
    let flags = model.flags(clap::Command::new("flags"));
    let flags = flags.get_matches_from(["flags"]);
    let check = model.check(instance, &flags, engine, &Options::default());
    check.expect("a listed instance")
}

/// A row of README's table: the counts of Quorate's own search. `tools/checks` compares the table with a run.
#[derive(Debug)]
struct Row {
    states: usize,
    generated: usize,
    claims: usize,
}

fn row(model: &str, instance: &str) -> Row {
    let readme = include_str!("../../README.md");
    let cells = |line: &'static str| line.split(['│', '┆']).map(str::trim).skip(1);
    let mut rows = readme.lines().map(|line| cells(line).collect::<Vec<_>>());
    let row = rows.find(|row| row.starts_with(&[model, instance]));
    let row = row.unwrap_or_else(|| panic!("README has no row of {model} {instance}"));
    let number = |cell: &str| -> usize {
        let number = cell.replace(',', "");
        number.parse().expect("a number")
    };
    let claims = row[7].split(' ').collect::<Vec<_>>();
    let ["as", "expected"] = claims[3..] else {
        panic!("README says of {model} {instance}: {claims:?}");
    };
    assert_eq!(claims[0], claims[2], "all claims of {model} {instance}");
    Row {
        states: number(row[2]),
        generated: number(row[3]),
        claims: number(claims[0]),
    }
}

/// Larger ones take minutes: they are compared if all ignored tests are asked for.
const SMALL_MAX: usize = 100_000;
/// Larger ones are compared by one of Stateright's searches: its breadth-first search is slower, and keeps more.
const BREADTH_FIRST_MAX: usize = 300_000;
/// Larger ones are not compared: Stateright's searches keep more.
const LARGE_MAX: usize = 1_000_000;

/// Compares the default instances that have so many states, and says how often.
fn compare(sizes: std::ops::RangeInclusive<usize>) -> usize {
    let listed = MODELS.iter().flat_map(|model| model.instances());
    let listed = listed.filter(|listed| listed.by_default);
    let mut compared = 0;
    for listed in listed {
        let ours = row(listed.model, listed.instance);
        if !sizes.contains(&ours.states) {
            continue;
        }
        let breadth_first = (ours.states <= BREADTH_FIRST_MAX).then_some(Engine::StaterightBfs);
        for engine in [Engine::StaterightDfs].into_iter().chain(breadth_first) {
            let theirs = check(listed.model, listed.instance, engine);
            let instance = listed.instance;
            let states = (theirs.states.unique, theirs.states.generated);
            assert_eq!(
                states,
                (ours.states, ours.generated),
                "{instance} {engine:?}"
            );
            assert_eq!(theirs.outcome(), Outcome::AsExpected, "{theirs:#?}");
            let checked = theirs.properties.len() + theirs.unchecked.len();
            assert_eq!(checked, ours.claims, "{instance} {engine:?}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn three_searches_count_the_same_states_and_all_is_as_expected() {
    let compared = compare(0..=SMALL_MAX);
    assert!(compared > 70, "{compared} comparisons only");
}

#[test]
#[ignore = "it takes minutes"]
fn three_searches_or_two_count_the_same_states_of_larger_instances() {
    let compared = compare(SMALL_MAX + 1..=LARGE_MAX);
    assert!(compared > 50, "{compared} comparisons only");
}
