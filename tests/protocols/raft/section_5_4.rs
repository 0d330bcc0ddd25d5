//! §5.4, safety: who may lead (§5.4.1), and what a leader may commit (§5.4.2).

use quorate::raft::{ENTRY_BYTES, Limits, Raft, Term};

use super::cluster::{
    Cluster, Durable, FIVE, FOUR, Message, ONE, Output, THREE, TWO, command, disk, position, sent,
    sets,
};
use quorate::raft::Timer;

#[test]
fn a_server_votes_for_whose_log_is_at_least_as_up_to_date_as_its_own() {
    for (own, candidate, granted) in [
        // The same last term: the longer log, or as long.
        (&[1][..], (1, 1), true),
        (&[1], (1, 2), true),
        (&[1, 1], (1, 1), false),
        // A later last term wins, however long.
        (&[1], (2, 1), true),
        (&[1], (2, 2), true),
        (&[1, 1], (2, 1), true),
        // An earlier loses.
        (&[2], (1, 1), false),
        (&[2], (1, 2), false),
        (&[2, 2], (1, 1), false),
        (&[1, 1, 2], (1, 9), false),
        // An empty log is up to date with an empty one only.
        (&[], (0, 0), true),
        (&[1], (0, 0), false),
    ] {
        let mut cluster = Cluster::on(vec![disk(3, own); 3]);
        let ask = Message::RequestVote {
            term: 4,
            last: position(candidate.0, candidate.1),
        };
        let effects = cluster.receive(TWO, ONE, ask);
        let vote = Message::Vote { term: 4, granted };
        assert_eq!(sent(&effects), [(TWO, vote)], "{candidate:?} asks {own:?}");
        assert_eq!(cluster.server(ONE).durable.term, 4);
        assert_eq!(cluster.state(ONE).voted_for, granted.then_some(TWO));
        assert_eq!(sets(&effects, Timer::Election), granted);
    }
}

#[test]
fn who_lacks_something_that_is_committed_is_not_elected() {
    let mut cluster = Cluster::led(3);
    cluster.crash(THREE);
    cluster.propose(ONE, [command(1)]);
    cluster.settle();
    cluster.start(THREE);
    cluster.campaign(THREE);
    cluster.settle();
    assert!(cluster.is_candidate(THREE));
    cluster.campaign(TWO);
    cluster.settle();
    assert!(cluster.leads(TWO));
    assert_eq!(cluster.applied(THREE), [1]);
}

#[test]
fn a_leader_commits_by_counting_only_entries_of_its_own_term() {
    for (matched, commit) in [(1, 0), (2, 0), (3, 3)] {
        let terms: &[Term] = &[1, 2];
        let mut cluster = Cluster::on(vec![disk(2, terms); 3]);
        cluster.elect(ONE);
        cluster.lose_all();
        let appended = Message::Appended {
            term: 3,
            matched,
            round: 0,
        };
        cluster.receive(TWO, ONE, appended);
        assert_eq!(cluster.state(ONE).commit, commit, "up to {matched}");
    }
}

/// Five servers as in Figure 8 (c): server 1, which led term 2, leads term 4, and a majority has its entry of term 2,
/// but not that of term 4; server 5, which led term 3, is down. A message takes one entry.
pub fn figure_8(cluster: &mut Cluster) {
    cluster
        .transcript
        .part("(a) server 1 leads term 2, and server 2 has its entry");
    cluster.elect(ONE);
    cluster.deliver(ONE, TWO);
    cluster.lose_all();
    cluster
        .transcript
        .part("(b) server 1 crashes, server 5 leads term 3");
    cluster.crash(ONE);
    cluster.elect(FIVE);
    cluster.lose_all();
    cluster.transcript.part(
        "(c) server 5 crashes, server 1 leads term 4, and server 3 has the entry of term 2 too",
    );
    cluster.crash(FIVE);
    cluster.start(ONE);
    cluster.campaign(ONE);
    cluster.settle();
    cluster.elect(ONE);
    cluster.lose(|envelope| envelope.to == TWO || envelope.to == FOUR);
    for _ in 0..2 {
        cluster.deliver(ONE, THREE);
        cluster.deliver(THREE, ONE);
    }
}

/// Before Figure 8 begins.
pub fn before_figure_8() -> Cluster {
    let limits = Limits {
        message_bytes_max: ENTRY_BYTES,
        ..Limits::default()
    };
    let raft = Raft::new(5, limits).expect("a sensible number");
    Cluster::of(raft, vec![disk(1, &[1]); 5])
}

fn committed(cluster: &Cluster) -> bool {
    let mut told = cluster.servers.iter().flat_map(|server| &server.told);
    told.any(|output| matches!(output, Output::Committed { last, .. } if *last >= 2))
}

#[test]
fn an_entry_of_an_earlier_term_is_not_committed_because_a_majority_has_it_as_in_figure_8() {
    let mut cluster = before_figure_8();
    figure_8(&mut cluster);
    for server in [ONE, TWO, THREE] {
        assert_eq!(cluster.terms(server)[..2], [1, 2]);
    }
    assert!(!committed(&cluster));
}

/// Figure 8 (d).
pub fn overwritten(cluster: &mut Cluster) {
    cluster.transcript.part(
        "(d) server 1 crashes, server 5 leads term 5, and the entry of term 2 is overwritten",
    );
    cluster.crash(ONE);
    cluster.lose_all();
    cluster.start(FIVE);
    cluster.campaign(FIVE);
    cluster.settle();
    cluster.campaign(FIVE);
    cluster.settle();
}

#[test]
fn it_may_still_be_overwritten() {
    let mut cluster = before_figure_8();
    figure_8(&mut cluster);
    overwritten(&mut cluster);
    assert!(cluster.leads(FIVE));
    for server in [TWO, THREE, FOUR, FIVE] {
        assert_eq!(cluster.terms(server), [1, 3, 5]);
        assert_eq!(cluster.state(server).commit, 3);
    }
}

/// Figure 8 (e).
pub fn committed_by_a_later_entry(cluster: &mut Cluster) {
    cluster.transcript.part("(e) instead, a majority has server 1's entry of term 4: both are committed, and server 5 is not elected");
    cluster.beat(ONE);
    cluster.settle();
    cluster.crash(ONE);
    cluster.start(FIVE);
    for _ in 0..3 {
        cluster.campaign(FIVE);
        cluster.settle();
    }
}

#[test]
fn it_is_committed_with_an_entry_of_the_leaders_own_term_and_then_it_stays() {
    let mut cluster = before_figure_8();
    figure_8(&mut cluster);
    committed_by_a_later_entry(&mut cluster);
    assert!(committed(&cluster));
    assert!(cluster.is_candidate(FIVE));
    for server in [TWO, THREE, FOUR] {
        assert_eq!(cluster.terms(server), [1, 2, 4]);
    }
}

#[test]
fn a_leader_commits_what_its_predecessors_left_with_its_no_op() {
    let mut cluster = Cluster::on(vec![disk(2, &[1, 2]), disk(2, &[1, 2]), Durable::default()]);
    cluster.elect(ONE);
    cluster.settle();
    for server in cluster.ids() {
        assert_eq!(cluster.state(server).commit, 3);
        assert_eq!(cluster.applied(server), [11, 22]);
    }
}
