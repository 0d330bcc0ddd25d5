//! What a decision of each protocol costs, and which failures those of atomic commit survive, side by side.

use quorate::three_phase_commit::ThreePhaseCommit;
use quorate::two_phase_commit::TwoPhaseCommit;
use quorate_checker::Options;
use quorate_models::atomic_commit::comparison::{Compared, compared, environments};
use quorate_models::atomic_commit::cost::{self, PARTICIPANTS};
use quorate_models::cost::{Cost, CostReport};
use quorate_models::paxos;

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
}

fn costs<const N: usize>(reports: Vec<CostReport>) -> [Cost; N] {
    let costs: Vec<Cost> = reports.into_iter().map(|report| report.cost).collect();
    costs.try_into().expect("so many runs are counted")
}

#[test]
fn two_phase_commit_takes_four_messages_and_two_forced_writes_a_participant_and_one_more_to_commit()
{
    let n = usize::from(PARTICIPANTS);
    let protocol = || TwoPhaseCommit::new(n).expect("there are participants");
    let [commits, aborts] = costs(cost::costs("two-phase-commit", protocol));
    // Prepare, Yes, Commit and its acknowledgement, of which the decision waits for three. Whoever shares the
    // coordinator's node costs none.
    let committed = Cost {
        messages: 4 * n,
        between_nodes: 4 * (n - 1),
        delays: 3,
        // Prepared and Committed of each, the coordinator's Commit; and its End, which is lazy (Mohan, Lindsay,
        // Obermarck 1986, §3).
        forced: 2 * n + 1,
        lazy: 1,
    };
    assert_eq!(commits, committed);
    // Prepare and a vote of each, Abort to those who voted Yes. Each forces its vote, and who voted Yes writes the
    // abort lazily: it is presumed.
    let aborted = Cost {
        messages: 2 * n + (n - 1),
        between_nodes: 3 * (n - 1),
        delays: 3,
        forced: n,
        lazy: n - 1,
    };
    assert_eq!(aborts, aborted);
}

#[test]
fn three_phase_commit_takes_a_round_more_and_a_forced_write_more_than_two_phase_commit() {
    let n = usize::from(PARTICIPANTS);
    let protocol = || ThreePhaseCommit::new(n).expect("there are participants");
    let [commits, aborts] = costs(cost::costs("three-phase-commit", protocol));
    // Prepare, Yes, PreCommit, its acknowledgement, Commit. All processes force Prepared and Committed.
    let committed = Cost {
        messages: 5 * n,
        between_nodes: 5 * (n - 1),
        delays: 5,
        forced: 2 * (n + 1),
        lazy: 0,
    };
    assert_eq!(commits, committed);
    assert_eq!((aborts.messages, aborts.delays), (2 * n + (n - 1), 3));
}

#[test]
fn a_decree_takes_four_message_delays_and_two_where_the_leader_holds_its_promises() {
    for acceptors in [1, 3, 5] {
        let [in_two_phases, holding_promises] = costs(paxos::cost::costs("paxos", acceptors));
        let n = usize::from(acceptors);
        let majority = n / 2 + 1;
        let decisions = 1 + (n - majority);
        // Prepare, Promise, Accept and Accepted of each acceptor, and a Decision to the proposer, which the learner does
        // not wait for: when a majority has accepted, and again for each acceptance that comes later. Whichever acceptor shares the node of proposer and learner costs none. Written are the
        // ballot and, of each acceptor, what it promises and what it accepts.
        let both_phases = Cost {
            messages: 4 * n + decisions,
            between_nodes: 4 * (n - 1),
            delays: 4,
            forced: 1 + 2 * n,
            lazy: 0,
        };
        assert_eq!(in_two_phases, both_phases);
        // Accept and Accepted, and the Decisions.
        let second_phase = Cost {
            messages: 2 * n + decisions,
            between_nodes: 2 * (n - 1),
            delays: 2,
            forced: n,
            lazy: 0,
        };
        assert_eq!(holding_promises, second_phase);
    }
}
