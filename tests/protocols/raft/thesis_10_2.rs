//! The thesis, §10.2: a leader writes its disk while its messages travel (§10.2.1), and sends ahead of answers (§10.2.2).

use super::cluster::{Cluster, Message, ONE, Record, THREE, TWO, command};

/// Three servers with slow disks; the first leads, has proposed a command, and its messages have arrived.
fn overlapped() -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.disks_are_slow = true;
    cluster.propose(ONE, [command(7)]);
    cluster.deliver(ONE, TWO);
    cluster.deliver(ONE, THREE);
    cluster
}

#[test]
fn a_leaders_messages_do_not_wait_for_its_disk() {
    let mut cluster = Cluster::led(3);
    cluster.disks_are_slow = true;
    cluster.propose(ONE, [command(7)]);
    assert_eq!(cluster.network.len(), 2);
    assert_eq!(cluster.server(ONE).pending(), 1);
    let written = cluster.server(ONE).written.last();
    assert!(matches!(written, Some((Record::Append { .. }, false))));
}

#[test]
fn a_leader_counts_itself_only_when_its_own_entries_are_on_disk() {
    let mut cluster = overlapped();
    cluster.flush(TWO, 1);
    cluster.deliver(TWO, ONE);
    assert_eq!(cluster.state(ONE).commit, 1);
    cluster.flush(ONE, 1);
    assert_eq!(cluster.state(ONE).commit, 2);
}

#[test]
fn a_majority_of_followers_commits_before_the_leaders_disk_has_it() {
    let mut cluster = overlapped();
    cluster.flush(TWO, 1);
    cluster.flush(THREE, 1);
    cluster.deliver(TWO, ONE);
    cluster.deliver(THREE, ONE);
    assert_eq!(cluster.state(ONE).commit, 2);
    assert_eq!(cluster.server(ONE).pending(), 1);
    // And if the leader crashes now, it is sent what it had not on disk.
    cluster.restart(ONE);
    assert_eq!(cluster.terms(ONE), [1]);
    cluster.disks_are_slow = false;
    cluster.lose_all();
    cluster.campaign(TWO);
    cluster.settle();
    assert_eq!(cluster.applied(ONE), [7]);
}

#[test]
fn a_leader_whose_disk_has_lost_its_entries_is_one_of_a_minority_that_has_them_not() {
    let mut cluster = overlapped();
    cluster.flush(TWO, 1);
    cluster.deliver(TWO, ONE);
    cluster.restart(ONE);
    assert_eq!(cluster.state(ONE).commit, 0);
    let mut told = cluster.servers.iter().flat_map(|server| &server.told);
    let is_second =
        |output: &_| matches!(output, super::cluster::Output::Committed { last, .. } if *last >= 2);
    assert!(!told.any(is_second));
}

#[test]
fn a_report_of_an_earlier_term_does_not_count_for_a_deposed_leader() {
    let mut cluster = overlapped();
    cluster.receive(
        TWO,
        ONE,
        Message::Vote {
            term: 2,
            granted: false,
        },
    );
    assert!(!cluster.leads(ONE));
    cluster.flush_all();
    assert_eq!(cluster.state(ONE).commit, 1);
}

#[test]
fn entries_are_sent_ahead_of_the_answers_to_those_before() {
    let mut cluster = Cluster::led(3);
    for number in 1..=4 {
        cluster.propose(ONE, [command(number)]);
    }
    assert_eq!(cluster.in_flight(ONE, TWO).len(), 4);
    cluster.settle();
    assert_eq!(cluster.applied(TWO), [1, 2, 3, 4]);
}

#[test]
fn what_is_proposed_together_is_one_record_and_one_message_to_each() {
    let mut cluster = Cluster::led(3);
    let before = cluster.server(ONE).written.len();
    cluster.propose(ONE, (1..=50).map(command));
    assert_eq!(cluster.network.len(), 2);
    assert_eq!(cluster.server(ONE).written.len(), before + 1);
    cluster.deliver(ONE, TWO);
    assert_eq!(cluster.in_flight(TWO, ONE).len(), 1);
}

#[test]
fn messages_sent_ahead_may_overtake_each_other() {
    let mut cluster = Cluster::led(3);
    for number in 1..=3 {
        cluster.propose(ONE, [command(number)]);
    }
    cluster.network.reverse();
    cluster.settle();
    cluster.beat(ONE);
    cluster.settle();
    for server in cluster.ids() {
        assert_eq!(cluster.applied(server), [1, 2, 3]);
    }
}
