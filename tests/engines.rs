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

/// Whether README's table has this instance with these counts.
fn is_in_readme(report: &CheckReport) -> bool {
    let readme = include_str!("../README.md").replace(',', "");
    let counts = [report.states.unique, report.states.generated];
    let counts = counts.map(|count| format!(" {count} "));
    let name = format!(" {} ", report.instance);
    let is_row = |line: &&str| line.contains(report.model) && line.contains(&name);
    let mut rows = readme.lines().filter(is_row);
    rows.any(|row| counts.iter().all(|count| row.contains(count)))
}

/// Up to so many states Stateright's breadth-first search, the slowest, counts too.
const BREADTH_FIRST_MAX: usize = 300_000;

#[test]
fn searches_count_the_same_states_in_every_default_instance_and_all_is_as_expected() {
    let listed = MODELS.iter().flat_map(|model| model.instances());
    for listed in listed.filter(|listed| listed.by_default) {
        let ours = check(listed.model, listed.instance, Engine::Quorate);
        assert_eq!(ours.outcome(), Outcome::AsExpected, "{ours:#?}");
        assert!(is_in_readme(&ours), "README's row of {}", ours.instance);
        let breadth_first =
            (ours.states.unique <= BREADTH_FIRST_MAX).then_some(Engine::StaterightBfs);
        for engine in [Engine::StaterightDfs].into_iter().chain(breadth_first) {
            let theirs = check(listed.model, listed.instance, engine);
            let counts = |r: &CheckReport| (r.states.unique, r.states.generated);
            let instance = listed.instance;
            assert_eq!(counts(&ours), counts(&theirs), "{instance} {engine:?}");
            assert_eq!(theirs.outcome(), Outcome::AsExpected, "{theirs:#?}");
            let checked = theirs.properties.len() + theirs.unchecked.len();
            assert_eq!(checked, ours.properties.len());
        }
    }
}
