//! Three searches, one state space: Quorate's and Stateright's two.

use quorate_models::catalogue::MODELS;
use quorate_models::checker::Options;
use quorate_models::report::{CheckReport, Engine, Outcome};

/// Above so many states Stateright's searches take too long for a test.
const STATES_MAX: usize = 150_000;

fn check_defaults(engine: Engine, of: &[CheckReport]) -> Vec<CheckReport> {
    let mut reports = Vec::new();
    for model in MODELS {
        let flags = model.flags(clap::Command::new("flags"));
        let flags = flags.get_matches_from(["flags"]);
        for listed in model.instances().iter().filter(|listed| listed.by_default) {
            let skip =
                |r: &CheckReport| r.instance == listed.instance && r.states.unique > STATES_MAX;
            if !of.iter().any(skip) {
                let check = model.check(listed.instance, &flags, engine, &Options::default());
                reports.push(check.expect("a listed instance"));
            }
        }
    }
    reports
}

#[test]
fn every_default_instance_is_exhausted_as_expected_and_stateright_counts_the_same_states() {
    let quorate = check_defaults(Engine::Quorate, &[]);
    for report in &quorate {
        assert_eq!(report.outcome(), Outcome::AsExpected, "{report:#?}");
    }
    for engine in [Engine::StaterightBfs, Engine::StaterightDfs] {
        let compared = check_defaults(engine, &quorate);
        assert!(compared.len() > 5, "most instances are compared");
        for theirs in compared {
            let same = |ours: &&CheckReport| ours.instance == theirs.instance;
            let ours = quorate.iter().find(same).expect("checked above");
            let counts = |r: &CheckReport| (r.states.unique, r.states.generated);
            assert_eq!(
                counts(ours),
                counts(&theirs),
                "{} {engine:?}",
                ours.instance
            );
            assert_eq!(theirs.outcome(), Outcome::AsExpected, "{theirs:#?}");
            let states_only = ours.properties.iter().filter(|p| !p.kind.contains("step"));
            assert_eq!(states_only.count(), theirs.properties.len());
        }
    }
}
