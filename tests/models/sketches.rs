//! What the sketches violate, each claim in its shortest run; and that the page on consistency says the same.

use std::collections::BTreeSet;

use clap::Command;
use quorate_checker::Options;
use quorate_checker::entry::Entry;
use quorate_checker::report::{Engine, Outcome};
use quorate_models::atomic_commit::{AGREEMENT as AC1, ALL_COMMIT, STABILITY};
use quorate_models::catalogue::{MODELS, model};
use quorate_models::paxos::bounded_liveness::ALL_LEARN;
use quorate_models::paxos::properties as paxos;
use quorate_models::raft::properties as raft;
use quorate_models::sketches::entry::SketchesEntry;
use quorate_models::sketches::raft::CAN_ELECT;
use quorate_models::sketches::two_phase_commit::CAN_STILL_COMMIT;
use quorate_models::two_phase_commit::liveness::IN_DOUBT_DECIDES;
use quorate_models::two_phase_commit::properties::{
    COMMITTED_NEVER_PREPARED, NO_ABORT_WITHOUT_CAUSE,
};

/// A claim that an instance violates, and the steps of its shortest run. That something never happens has no run.
type Violated = (&'static str, Option<usize>);

const VIOLATED: &[(&str, &[Violated])] = &[
    (
        "2pc-empty",
        &[
            ("a commit", None),
            (NO_ABORT_WITHOUT_CAUSE, Some(6)),
            (ALL_COMMIT, Some(9)),
        ],
    ),
    ("2pc", &[]),
    ("2pc-refusing", &[]),
    ("2pc-lossy", &[(IN_DOUBT_DECIDES, Some(6))]),
    (
        "2pc-crash",
        &[
            (AC1, Some(16)),
            (STABILITY, Some(16)),
            (CAN_STILL_COMMIT, Some(6)),
            (COMMITTED_NEVER_PREPARED, Some(11)),
            (IN_DOUBT_DECIDES, Some(6)),
        ],
    ),
    (
        "raft-others-2",
        &[
            (raft::ELECTION_SAFETY, Some(6)),
            (raft::ANSWERS_ARE_DURABLE, Some(2)),
        ],
    ),
    (
        "raft-others-3",
        &[
            (raft::ELECTION_SAFETY, Some(10)),
            (raft::ANSWERS_ARE_DURABLE, Some(2)),
            (CAN_ELECT, Some(7)),
        ],
    ),
    (
        "raft-others-4",
        &[
            (raft::ELECTION_SAFETY, Some(14)),
            (raft::ANSWERS_ARE_DURABLE, Some(2)),
            (CAN_ELECT, Some(10)),
        ],
    ),
    (
        "raft-all-2",
        &[(raft::ANSWERS_ARE_DURABLE, Some(2)), (CAN_ELECT, Some(4))],
    ),
    (
        "raft-all-3",
        &[
            (raft::ELECTION_SAFETY, Some(10)),
            (raft::ANSWERS_ARE_DURABLE, Some(2)),
            (CAN_ELECT, Some(7)),
        ],
    ),
    (
        "raft-all-crash",
        &[
            (raft::ELECTION_SAFETY, Some(8)),
            (raft::TERMS_GROW, Some(2)),
            (raft::ANSWERS_ARE_DURABLE, Some(2)),
            (CAN_ELECT, Some(4)),
        ],
    ),
    (
        "raft-others-commands",
        &[
            (raft::ELECTION_SAFETY, Some(6)),
            (raft::ANSWERS_ARE_DURABLE, Some(2)),
            (raft::LEADER_APPEND_ONLY, Some(10)),
            (raft::LOG_MATCHING, Some(12)),
            (raft::LOG_TERMS_GROW, Some(14)),
            (raft::COMMITS, None),
        ],
    ),
    (
        "raft-all-commands",
        &[
            (raft::ELECTION_SAFETY, Some(10)),
            (raft::ANSWERS_ARE_DURABLE, Some(2)),
            (CAN_ELECT, Some(7)),
            (raft::LEADER_APPEND_ONLY, Some(16)),
            (raft::LOG_MATCHING, Some(20)),
            (raft::COMMITS, None),
        ],
    ),
    (
        "paxos-accepted",
        &[
            (paxos::AGREEMENT, Some(20)),
            (paxos::CHOSEN_ONCE, Some(16)),
            (paxos::HIGHER_BALLOTS, Some(14)),
            (paxos::PROMISES_GROW, Some(4)),
            (paxos::ANSWERS_ARE_DURABLE, Some(2)),
        ],
    ),
    (
        "paxos-accepted-crash",
        &[
            (paxos::AGREEMENT, Some(20)),
            (paxos::CHOSEN_ONCE, Some(16)),
            (paxos::HIGHER_BALLOTS, Some(14)),
            (paxos::ONE_VALUE_A_BALLOT, Some(19)),
            (paxos::PROMISES_GROW, Some(4)),
            (paxos::ANSWERS_ARE_DURABLE, Some(2)),
        ],
    ),
    (
        "paxos-accepted-alone",
        &[(paxos::ANSWERS_ARE_DURABLE, Some(2))],
    ),
    (
        "paxos-promised",
        &[(paxos::ANSWERS_ARE_DURABLE, Some(2)), (paxos::CHOSEN, None)],
    ),
    (
        "paxos-promised-alone",
        &[
            (paxos::ANSWERS_ARE_DURABLE, Some(2)),
            (paxos::CHOSEN, None),
            (ALL_LEARN, Some(7)),
        ],
    ),
    (
        "paxos-promised-crash",
        &[(paxos::ANSWERS_ARE_DURABLE, Some(2)), (ALL_LEARN, Some(7))],
    ),
];

#[test]
fn each_sketch_violates_what_its_protocol_does_not_in_so_many_steps() {
    let flags = SketchesEntry.flags(Command::new("flags"));
    let flags = flags.get_matches_from(["flags"]);
    for (instance, violated) in VIOLATED {
        let report = SketchesEntry.check(instance, &flags, Engine::Quorate, &Options::default());
        let report = report.expect("a listed instance");
        assert_eq!(report.outcome(), Outcome::AsExpected, "{report:#?}");
        let properties = report.properties.into_iter();
        let found = properties.filter(|property| property.holds == Some(false));
        let found = found.map(|property| {
            let run = property.counterexample;
            (property.name, run.map(|run| run.len()))
        });
        assert_eq!(found.collect::<Vec<_>>(), *violated, "{instance}");
    }
    let instances = SketchesEntry.instances();
    let instances: BTreeSet<&str> = instances.iter().map(|instance| instance.instance).collect();
    let told = VIOLATED.iter().map(|(instance, _)| *instance);
    assert_eq!(told.collect::<BTreeSet<_>>(), instances);
}

const PAGE: &str = include_str!("../../docs/consistency.md");

/// The page says of all instances of a sketch that they violate these.
const OF_ALL: [&str; 3] = [
    raft::ANSWERS_ARE_DURABLE,
    paxos::ANSWERS_ARE_DURABLE,
    CAN_ELECT,
];

#[test]
fn the_page_on_consistency_says_what_each_sketch_violates_in_how_many_steps() {
    for (instance, violated) in VIOLATED {
        let mut lines = PAGE.lines();
        let row = lines.find(|line| line.starts_with(&format!("| `{instance}` |")));
        let row = row.unwrap_or_else(|| panic!("{instance} is not on the page"));
        let steps = row.split('|').nth(4).expect("a column of steps").trim();
        let violated = violated.iter().filter(|(claim, _)| !OF_ALL.contains(claim));
        let told = violated.map(|(_, steps)| steps.map_or("–".into(), |steps| steps.to_string()));
        assert_eq!(
            steps,
            told.collect::<Vec<String>>().join(", "),
            "{instance}"
        );
    }
}

#[test]
fn the_page_on_consistency_names_models_instances_and_mutants_that_there_are() {
    let words = PAGE.split([' ', '\n', '`', ')', ':', ',', ';']);
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let (mut models, mut instances, mut mutants) = (0, 0, 0);
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).copied().unwrap_or_default();
        match *word {
            "check" | "mutants" if words[at - 1] == "models" => {
                models += 1;
                assert!(model(next).is_ok(), "{next}");
            }
            "--instance" => {
                instances += 1;
                let mut all = MODELS.iter().flat_map(|model| model.instances());
                assert!(all.any(|instance| instance.instance == next), "{next}");
            }
            "--mutant" => {
                mutants += 1;
                let mut all = MODELS.iter().flat_map(|model| model.mutants());
                assert!(all.any(|mutant| mutant.mutant == next), "{next}");
            }
            _ => {}
        }
    }
    assert!(models > 10 && instances > 10 && mutants > 3);
}
