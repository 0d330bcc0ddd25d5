//! What two-phase and three-phase commit cost, and which failures they survive, side by side.

use quorate::three_phase_commit::ThreePhaseCommit;
use quorate::two_phase_commit::TwoPhaseCommit;
use quorate_models::atomic_commit::comparison::{
    Compared, Cost, PARTICIPANTS, compared, environments,
};
use quorate_models::checker::Options;

fn fares(compared: &Compared) -> Vec<(&'static str, &'static str)> {
    let environments = environments().into_iter().map(|(what, _)| what);
    let survivals = compared.survivals.iter();
    let words = survivals.map(|survival| survival.expect("all states were visited").words());
    environments.zip(words).collect()
}

#[test]
fn two_phase_commit_is_atomic_under_all_failures_and_blocks_where_somebody_is_gone_for_good() {
    let participants = usize::from(PARTICIPANTS);
    let protocol = || TwoPhaseCommit::new(participants).expect("there are participants");
    let compared = compared("two-phase-commit", protocol, &Options::default());
    assert_eq!(
        fares(&compared),
        [
            ("nothing", "atomic, decides"),
            ("one process, for good", "atomic, BLOCKS"),
            ("all but one, for good", "atomic, BLOCKS"),
            ("all but one, and come up again", "atomic, decides"),
            ("all, and come up again", "atomic, decides"),
            ("the network parts, for good", "atomic, BLOCKS"),
            ("the network parts, and heals", "atomic, decides"),
            (
                "nothing, but timers err and messages arrive twice",
                "atomic, decides"
            ),
        ]
    );
    let committed = Cost {
        messages: 8,
        delays: 3,
        forced: 5,
        lazy: 1,
    };
    assert_eq!(compared.committed, committed);
}

#[test]
fn three_phase_commit_decides_unless_all_fail_and_is_atomic_only_if_failures_can_be_told() {
    let participants = usize::from(PARTICIPANTS);
    let protocol = || ThreePhaseCommit::new(participants).expect("there are participants");
    let compared = compared("three-phase-commit", protocol, &Options::default());
    assert_eq!(
        fares(&compared),
        [
            ("nothing", "atomic, decides"),
            ("one process, for good", "atomic, decides"),
            ("all but one, for good", "atomic, decides"),
            ("all but one, and come up again", "atomic, decides"),
            ("all, and come up again", "atomic, BLOCKS"),
            ("the network parts, for good", "NOT ATOMIC, decides"),
            ("the network parts, and heals", "NOT ATOMIC, decides"),
            (
                "nothing, but timers err and messages arrive twice",
                "NOT ATOMIC, decides"
            ),
        ]
    );
    let committed = Cost {
        messages: 10,
        delays: 5,
        forced: 6,
        lazy: 0,
    };
    assert_eq!(compared.committed, committed);
}
