//! The checker finds bugs: each mutant of each model, where it is said to be found.

use std::collections::BTreeSet;

use clap::Command;
use quorate::protocol::Protocol;
use quorate_checker::check::Claimed;
use quorate_checker::instances::instance;
use quorate_checker::report::{Engine, Outcome};
use quorate_checker::{Options, explore};
use quorate_models::catalogue::MODELS;
use quorate_models::entry::mutant;
use quorate_models::mutant::{Bug, Mutant};
use quorate_models::reduction::SPENT;
use quorate_models::{paxos, raft, three_phase_commit, two_phase_commit};

/// The names of the methods that a trait declares in a source file.
fn methods_of_trait<'a>(source: &'a str, name: &str) -> BTreeSet<&'a str> {
    let (_, body) = source.split_once(name).expect("the trait is there");
    let (body, _) = body.split_once("\n}").expect("the trait ends");
    let declarations = body.lines().filter_map(|line| line.strip_prefix("    fn "));
    declarations
        .map(|declaration| declaration.split('(').next().expect("a name"))
        .collect()
}

/// Whether what a mutant breaks is that something happens at all.
fn model_says_that_nothing_happens(breaks: &str) -> bool {
    let happenings = [
        paxos::properties::CHOSEN,
        paxos::properties::ADOPTS,
        raft::properties::LEADS,
    ];
    happenings.contains(&breaks)
}

#[test]
fn every_mutant_is_found_in_the_instance_that_it_names() {
    for model in MODELS {
        // Sketches are wrong as they are.
        assert_eq!(model.mutants().is_empty(), model.name() == "sketches");
        for mutant in model.mutants() {
            let report = model
                .check_mutant(mutant.mutant, &Options::default())
                .expect("a listed mutant");
            assert!(report.found, "{} survives", mutant.mutant);
            // That something never happens has no run to show it; what is forgotten has one of the whole model, which the
            // Explorer does not serve.
            let has_run = mutant.breaks != SPENT && !model_says_that_nothing_happens(mutant.breaks);
            if mutant.breaks == SPENT {
                assert!(report.steps.is_some(), "a run of {}", mutant.mutant);
            }
            let name = mutant.mutant;
            assert_eq!(report.address.is_some(), has_run, "the address of {name}");
        }
    }
}

#[test]
fn the_published_protocol_breaks_nothing_in_the_instances_of_the_mutants() {
    for model in MODELS {
        let flags = model.flags(Command::new("flags"));
        let flags = flags.get_matches_from(["flags"]);
        let instances: BTreeSet<&str> = model.mutants().iter().map(|m| m.instance).collect();
        for instance in instances {
            let check = model.check(instance, &flags, Engine::Quorate, &Options::default());
            let report = check.expect("a listed instance");
            assert_eq!(report.outcome(), Outcome::AsExpected, "{report:#?}");
        }
    }
}

/// What of its claims does not come out as expected.
macro_rules! broken_in {
    ($protocol:ident, $mutant:expr, $instance:expr) => {{
        let mutant = mutant("", $mutant, $protocol::mutants::MUTANTS).expect("a listed mutant");
        let instances = $protocol::parameters::instances();
        let parameters = instance("", $instance, instances).expect("a named instance");
        let parameters = parameters.parameters;
        let Claimed {
            model,
            properties,
            fairness,
        } = $protocol::model(&parameters, mutant.protocol(&parameters));
        let found = explore(&model, &properties, &fairness, &Options::default());
        assert!(found.exhausted());
        let broken = found.verdicts.into_iter();
        let broken = broken.filter(|verdict| !verdict.as_expected());
        broken
            .map(|verdict| verdict.property.name)
            .collect::<Vec<_>>()
    }};
}

/// Instances that differ from a mutant's own in what it takes to find it.
#[test]
fn without_what_an_instance_was_made_for_its_mutant_survives() {
    for (mutant, instances) in [
        (
            "sends-no-sessions",
            &["snapshot", "snapshot-cut-short", "sessions"][..],
        ),
        ("restores-no-sessions", &["snapshot-crash", "sessions"]),
        ("counts-earlier-rounds", &["reads", "commands"]),
        ("commits-with-two", &["replication", "figure-8"]),
    ] {
        for instance in instances {
            let broken = broken_in!(raft, mutant, instance);
            assert!(broken.is_empty(), "{mutant} in {instance}: {broken:?}");
        }
    }
    let mutant = "acknowledges-once";
    for instance in ["default", "recovering", "three", "successive", "any-order"] {
        let broken = broken_in!(three_phase_commit, mutant, instance);
        assert!(broken.is_empty(), "{mutant} in {instance}: {broken:?}");
    }
}

/// Asserts that each method of a protocol's `Rules` is overridden by a mutant.
fn assert_every_rule_is_overridden<R: Copy, P: Protocol>(source: &str, mutants: &[Mutant<R, P>]) {
    let rules = methods_of_trait(source, "pub trait Rules");
    let overridden = mutants.iter().filter_map(|mutant| match mutant.bug {
        Bug::Rule(name, _) => Some(name),
        Bug::Effects(_) | Bug::Recovered(_) | Bug::Forgotten(_) => None,
    });
    assert_eq!(rules, overridden.collect());
    assert!(!rules.is_empty());
}

#[test]
fn every_rule_of_two_phase_commit_has_a_mutant() {
    let source = include_str!("../../src/two_phase_commit/rules.rs");
    assert_every_rule_is_overridden(source, two_phase_commit::mutants::MUTANTS);
}

#[test]
fn every_rule_of_three_phase_commit_has_a_mutant() {
    let source = include_str!("../../src/three_phase_commit/rules.rs");
    assert_every_rule_is_overridden(source, three_phase_commit::mutants::MUTANTS);
}

#[test]
fn every_rule_of_paxos_has_a_mutant() {
    let source = include_str!("../../src/paxos/rules.rs");
    assert_every_rule_is_overridden(source, paxos::mutants::MUTANTS);
}

#[test]
fn every_rule_of_raft_has_a_mutant() {
    let source = include_str!("../../src/raft/rules.rs");
    assert_every_rule_is_overridden(source, raft::mutants::MUTANTS);
}
