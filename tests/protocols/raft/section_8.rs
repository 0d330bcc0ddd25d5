//! §8, client interaction: what a leader begins with, and whom clients are answered by. Sessions and reads are in the
//! thesis, §6.3 and §6.4.

use quorate::raft::{Entry, Proposal, Refusal};

use super::cluster::{Cluster, ONE, Output, Request, THREE, TWO, command, numbered, told};

#[test]
fn a_leader_begins_its_term_with_an_entry_that_does_nothing() {
    let mut cluster = Cluster::new(3);
    cluster.elect(ONE);
    let entries: Vec<_> = cluster.state(ONE).log.entries().collect();
    assert_eq!(entries, [(1, &Entry::NoOp)]);
    cluster.settle();
    assert_eq!(cluster.state(ONE).commit, 1);
    for server in cluster.ids() {
        assert!(cluster.applied(server).is_empty());
    }
}

#[test]
fn what_is_refused_is_handed_back() {
    let mut cluster = Cluster::led(3);
    for request in [
        Request::Propose(vec![command(1), command(2)]),
        Request::Read(vec![(1, ()), (2, ())]),
    ] {
        let effects = cluster.submit(TWO, request.clone());
        let why = Refusal::NotLeader { leader: Some(ONE) };
        assert_eq!(told(&effects), [Output::Refused { request, why }]);
        assert_eq!(effects.len(), 1);
    }
}

#[test]
fn a_client_is_answered_by_the_leader_when_its_command_is_committed_and_applied() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [Proposal::OpenSession { ticket: 5 }]);
    cluster.settle();
    let opened = Output::Opened {
        ticket: 5,
        session: 2,
    };
    assert!(cluster.server(ONE).told.contains(&opened));
    let effects = cluster.propose(ONE, [numbered(2, 1, 77)]);
    assert_eq!(told(&effects), []);
    cluster.settle();
    let origin = quorate::raft::Origin {
        session: 2,
        sequence: 1,
    };
    let replied = Output::Replied { origin, reply: 77 };
    assert!(cluster.server(ONE).told.contains(&replied));
    for follower in [TWO, THREE] {
        let mut told = cluster.server(follower).told.iter();
        assert!(told.all(|output| matches!(output, Output::Committed { .. })));
    }
}

#[test]
fn what_a_deposed_leader_had_not_committed_may_be_gone_and_nobody_was_told_otherwise() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1)]);
    cluster.lose_all();
    cluster.campaign(TWO);
    cluster.settle_among(&[TWO, THREE]);
    cluster.settle();
    assert_eq!(cluster.terms(ONE), [1, 2]);
    for server in cluster.ids() {
        assert!(cluster.applied(server).is_empty());
    }
}
