//! Paxos: quorums, ballots, and that states which differ in spent messages only are one.

use quorate::paxos::{
    AcceptorSet, Ballot, ConfigurationError, Paxos, Phase, Published, Quorums, Rules,
};
use quorate::protocol::ProcessId;
use quorate_models::paxos::application::{Clients, Value};
use quorate_models::paxos::parameters::instances;
use quorate_models::paxos::{clients, protocol};
use quorate_models::system::System;

use crate::nothing_is_lost::assert_nothing_is_lost;

fn set(acceptors: &[usize]) -> AcceptorSet {
    acceptors.iter().copied().collect()
}

#[test]
fn majorities_of_every_size_are_quorums_and_halves_are_not() {
    for acceptors in 1..=9 {
        let quorums = Quorums::majorities(acceptors).expect("majorities intersect");
        let first = |count| (0..count).collect::<AcceptorSet>();
        for phase in [Phase::One, Phase::Two] {
            assert!(quorums.is_quorum(phase, first(acceptors / 2 + 1)));
            assert!(!quorums.is_quorum(phase, first(acceptors / 2)));
        }
    }
}

#[test]
fn quorums_that_need_not_intersect_are_refused_and_two_of_them_named() {
    let refused = Quorums::counts(4, 2, 2).expect_err("2 + 2 is not more than 4");
    let ConfigurationError::Disjoint { one, two } = &refused else {
        panic!("{refused}");
    };
    assert_eq!((one.len(), two.len()), (2, 2));
    assert!(one.iter().all(|acceptor| !two.contains(acceptor)));
    assert!(refused.to_string().contains("ask for more in either phase"));
    assert!(Quorums::counts(4, 3, 2).is_ok());
    assert!(Quorums::counts(4, 2, 3).is_ok());
    assert!(matches!(
        Quorums::weights(vec![3, 1, 1, 1], 3, 3),
        Err(ConfigurationError::Disjoint { .. })
    ));
    assert!(Quorums::weights(vec![3, 1, 1, 1], 4, 3).is_ok());
    assert!(Quorums::weights(vec![u64::MAX, u64::MAX], u64::MAX, u64::MAX).is_err());
}

#[test]
fn a_row_and_a_column_of_a_grid_always_intersect() {
    let quorums = Quorums::grid(6, 3).expect("two full rows");
    assert!(quorums.is_quorum(Phase::One, set(&[3, 4, 5])));
    assert!(!quorums.is_quorum(Phase::One, set(&[0, 1, 3, 4])));
    assert!(quorums.is_quorum(Phase::Two, set(&[1, 4])));
    assert!(!quorums.is_quorum(Phase::Two, set(&[0, 1, 2])));
}

#[test]
fn quorums_that_make_no_sense_are_refused_with_a_reason() {
    let reasons = [
        Quorums::majorities(0),
        Quorums::majorities(17),
        Quorums::counts(3, 4, 1),
        Quorums::grid(5, 2),
        Quorums::grid(4, 0),
    ];
    for reason in reasons {
        let reason = reason.expect_err("no sense").to_string();
        assert!(reason.contains("give") || reason.contains("ask for") || reason.contains("needs"));
    }
    let three = || Quorums::majorities(3).expect("majorities intersect");
    assert!(Paxos::<Value>::new(0, 1, three()).is_err());
    assert!(Paxos::<Value>::new(70_000, 1, three()).is_err());
}

#[test]
fn the_next_ballot_is_the_lowest_above_all_that_are_known_and_its_proposers_own() {
    let ballot = |round, proposer| Ballot {
        round,
        proposer: ProcessId(proposer),
    };
    let mut known: Vec<Option<Ballot>> = vec![None];
    known.extend((1..5).flat_map(|round| (0..3).map(move |p| Some(ballot(round, p)))));
    for &last in &known {
        for &heard in &known {
            for proposer in (0..3).map(ProcessId) {
                let next = Published.ballot(last, heard, proposer);
                assert_eq!(next.proposer, proposer);
                assert!(Some(next) > last && Some(next) > heard);
                let before = next.round.checked_sub(1).filter(|round| *round > 0);
                let before = before.map(|round| ballot(round, proposer.0));
                assert!(before <= last.max(heard), "{next:?} is not the lowest");
            }
        }
    }
}

/// The whole model is that in which nothing is forgotten.
#[test]
fn forgetting_spent_messages_loses_no_state_and_no_step() {
    let mut parameters = (instances().into_iter())
        .find(|instance| instance.name == "two-ballots")
        .expect("a named instance")
        .parameters;
    for crashes in [0, 1] {
        parameters.environment.crashes = crashes;
        // A crash makes the whole model large: one ballot is then enough to repeat.
        parameters.ballots = 2;
        let clients = clients(&parameters);
        let remembering = Clients {
            forgets_spent: false,
            ..clients.clone()
        };
        let paxos = || protocol(&parameters, Published);
        let environment = parameters.environment.clone();
        let forgetful = System::new(paxos(), clients, environment.clone());
        let whole = System::new(paxos(), remembering, environment);
        assert_nothing_is_lost(&forgetful, &whole);
    }
}
