//! §5.3, log replication: a leader makes its followers' logs agree with its own.

use quorate::raft::{ENTRY_BYTES, Limits, Sending, Term};

use super::cluster::{
    Cluster, FIVE, FOUR, Message, ONE, Output, Record, THREE, TWO, command, disk, entries, forced,
    log, position, sent, told,
};

/// What a leader of this term, which has committed to `commit`, sends.
fn append(term: Term, previous: (Term, u64), terms: &[Term], commit: u64) -> Message {
    Message::AppendEntries {
        term,
        previous: position(previous.0, previous.1),
        entries: entries(previous.1 + 1, terms),
        commit,
        round: 0,
    }
}

/// What the leader of term 9 sends that has committed to `commit`, to who lacks nothing.
fn commit(last: (Term, u64), commit: u64) -> Message {
    Message::Commit {
        term: 9,
        last: position(last.0, last.1),
        commit,
    }
}

fn appended(term: Term, matched: u64) -> Message {
    Message::Appended {
        term,
        matched,
        round: 0,
    }
}

fn not_appended(rejected: u64, conflict: Option<Term>, first: u64) -> Message {
    Message::NotAppended {
        term: 9,
        rejected,
        conflict,
        first,
        round: 0,
    }
}

#[test]
fn a_leader_appends_what_clients_propose_and_sends_it_in_the_same_step() {
    let mut cluster = Cluster::led(3);
    let effects = cluster.propose(ONE, [command(1), command(2)]);
    let message = Message::AppendEntries {
        term: 1,
        previous: position(1, 1),
        entries: cluster.state(ONE).log.slice(2, usize::MAX, |_| 1).0,
        commit: 1,
        round: 0,
    };
    assert_eq!(cluster.terms(ONE), [1, 1, 1]);
    assert_eq!(sent(&effects), [(TWO, message.clone()), (THREE, message)]);
}

#[test]
fn an_entry_is_committed_when_a_majority_has_it_and_no_sooner() {
    for servers in 1..=7 {
        let mut cluster = Cluster::led(servers);
        cluster.disks_are_slow = true;
        cluster.propose(ONE, [command(7)]);
        cluster.flush(ONE, 1);
        let others = cluster.ids().into_iter().skip(1);
        for (have, follower) in (2..).zip(others) {
            assert_eq!(cluster.state(ONE).commit == 2, 2 * (have - 1) > servers);
            cluster.receive(follower, ONE, appended(1, 2));
            assert_eq!(
                cluster.state(ONE).commit == 2,
                2 * have > servers,
                "{have} of {servers}"
            );
        }
        assert_eq!(cluster.applied(ONE), [7]);
    }
}

#[test]
fn an_acknowledgement_counts_once_however_often_it_arrives() {
    let mut cluster = Cluster::led(5);
    cluster.propose(ONE, [command(7)]);
    for _ in 0..3 {
        cluster.receive(TWO, ONE, appended(1, 2));
    }
    assert_eq!(cluster.state(ONE).commit, 1);
}

#[test]
fn an_entry_commits_all_that_come_before_it() {
    let mut cluster = Cluster::led(3);
    for number in 1..=3 {
        cluster.propose(ONE, [command(number)]);
    }
    cluster.receive(TWO, ONE, appended(1, 4));
    assert_eq!(cluster.state(ONE).commit, 4);
    assert_eq!(cluster.applied(ONE), [1, 2, 3]);
}

#[test]
fn followers_learn_what_is_committed_with_the_next_message_and_apply_it_in_order() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(3), command(1)]);
    cluster.deliver(ONE, TWO);
    assert!(cluster.applied(TWO).is_empty());
    cluster.deliver(TWO, ONE);
    assert_eq!(cluster.applied(ONE), [3, 1]);
    let effects = cluster.deliver(ONE, TWO);
    assert_eq!(cluster.applied(TWO), [3, 1]);
    let committed = Output::Committed {
        by: 1,
        term: 1,
        first: 2,
        last: 3,
    };
    assert_eq!(told(&effects), [committed]);
}

#[test]
fn who_lacks_nothing_is_told_of_a_commit_and_does_not_answer() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(3)]);
    cluster.deliver(ONE, TWO);
    cluster.deliver(TWO, ONE);
    let told = Message::Commit {
        term: 1,
        last: position(1, 2),
        commit: 2,
    };
    assert_eq!(cluster.in_flight(ONE, TWO), [told]);
    let effects = cluster.deliver(ONE, TWO);
    assert_eq!(cluster.state(TWO).commit, 2);
    assert_eq!(sent(&effects), []);
}

#[test]
fn who_lacks_something_answers_a_commit_that_it_does_and_commits_nothing() {
    for (last, answer) in [
        ((2, 4), not_appended(4, None, 4)),
        ((2, 6), not_appended(6, None, 4)),
        ((2, 3), not_appended(3, Some(1), 1)),
    ] {
        let mut cluster = Cluster::on(vec![disk(9, &[1, 1, 1]); 3]);
        let effects = cluster.receive(TWO, ONE, commit(last, 3));
        assert_eq!(sent(&effects), [(TWO, answer)], "{last:?}");
        assert_eq!(cluster.state(ONE).commit, 0);
    }
}

#[test]
fn an_entry_whose_message_was_lost_is_found_missing_when_a_later_one_is_committed() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1)]);
    cluster.lose(|envelope| envelope.to == TWO);
    cluster.settle();
    assert_eq!(cluster.applied(TWO), [1]);
}

#[test]
fn a_slow_minority_holds_nobody_up() {
    let mut cluster = Cluster::led(5);
    cluster.crash(FOUR);
    cluster.crash(FIVE);
    cluster.propose(ONE, [command(1)]);
    cluster.settle();
    for server in [ONE, TWO, THREE] {
        assert_eq!(cluster.applied(server), [1]);
    }
}

#[test]
fn without_a_majority_nothing_is_committed() {
    let mut cluster = Cluster::led(5);
    for server in [THREE, FOUR, FIVE] {
        cluster.crash(server);
    }
    cluster.propose(ONE, [command(1)]);
    for _ in 0..3 {
        cluster.settle();
        cluster.beat(ONE);
    }
    assert_eq!(cluster.state(ONE).commit, 1);
}

#[test]
fn a_leader_sends_until_a_follower_that_was_down_has_everything() {
    let mut cluster = Cluster::led(3);
    cluster.crash(THREE);
    for number in 1..=5 {
        cluster.propose(ONE, [command(number)]);
        cluster.settle();
    }
    cluster.start(THREE);
    cluster.beat(ONE);
    cluster.settle();
    assert_eq!(cluster.applied(THREE), [1, 2, 3, 4, 5]);
    assert_eq!(cluster.state(THREE).log, cluster.state(ONE).log);
}

#[test]
fn what_was_lost_is_found_missing_by_the_next_message_and_sent_again() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1)]);
    cluster.lose_all();
    cluster.propose(ONE, [command(2)]);
    cluster.settle();
    assert_eq!(cluster.applied(TWO), [1, 2]);
}

#[test]
fn what_was_lost_last_is_found_missing_by_a_heartbeat() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1)]);
    cluster.lose_all();
    cluster.beat(ONE);
    cluster.settle();
    assert_eq!(cluster.applied(TWO), [1]);
}

#[test]
fn an_acknowledgement_that_was_lost_comes_again_after_a_heartbeat() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1)]);
    cluster.deliver(ONE, TWO);
    cluster.lose_all();
    cluster.beat(ONE);
    cluster.settle();
    assert_eq!(cluster.applied(ONE), [1]);
}

/// What a follower whose log is 1 2 2 3 answers.
#[test]
fn a_follower_takes_entries_only_behind_one_that_it_has() {
    for (previous, answer) in [
        ((0, 0), appended(9, 1)),
        ((1, 1), appended(9, 2)),
        ((2, 2), appended(9, 3)),
        ((2, 3), appended(9, 4)),
        ((3, 4), appended(9, 5)),
        // Another term is there.
        ((2, 1), not_appended(1, Some(1), 1)),
        ((1, 2), not_appended(2, Some(2), 2)),
        ((3, 3), not_appended(3, Some(2), 2)),
        ((4, 4), not_appended(4, Some(3), 4)),
        // Nothing is there.
        ((3, 5), not_appended(5, None, 5)),
        ((4, 9), not_appended(9, None, 5)),
    ] {
        let mut cluster = Cluster::on(vec![disk(9, &[1, 2, 2, 3]); 3]);
        let before = cluster.state(ONE).log.clone();
        let effects = cluster.receive(TWO, ONE, append(9, previous, &[9], 0));
        assert_eq!(sent(&effects), [(TWO, answer)], "after {previous:?}");
        if let (_, Message::NotAppended { .. }) = sent(&effects)[0] {
            assert_eq!(cluster.state(ONE).log, before);
            assert_eq!(forced(&effects), []);
        }
    }
}

#[test]
fn entries_that_conflict_go_with_all_that_follow_and_others_stay() {
    for (previous, new, result) in [
        // New ones at the end.
        ((2, 2), &[3][..], &[1, 2, 3][..]),
        ((2, 2), &[3, 4], &[1, 2, 3, 4]),
        // A conflict.
        ((1, 1), &[3, 4], &[1, 3, 4]),
        ((0, 0), &[3], &[3]),
        ((1, 1), &[4], &[1, 4]),
        // A conflict behind what both have.
        ((0, 0), &[1, 4, 4], &[1, 4, 4]),
        // Nothing new: a late message does not shorten a log.
        ((0, 0), &[1], &[1, 2]),
        ((0, 0), &[], &[1, 2]),
        ((1, 1), &[2], &[1, 2]),
        ((0, 0), &[1, 2], &[1, 2]),
    ] {
        let mut cluster = Cluster::on(vec![disk(9, &[1, 2]); 3]);
        let effects = cluster.receive(TWO, ONE, append(9, previous, new, 0));
        assert_eq!(
            cluster.state(ONE).log,
            log(result),
            "{new:?} after {previous:?}"
        );
        assert_eq!(cluster.server(ONE).durable.log, log(result));
        let matched = previous.1 + new.len() as u64;
        assert_eq!(sent(&effects), [(TWO, appended(9, matched))]);
    }
}

#[test]
fn only_what_is_new_is_written() {
    let mut cluster = Cluster::on(vec![disk(9, &[1, 2]); 3]);
    cluster.receive(TWO, ONE, append(9, (0, 0), &[1, 2], 0));
    assert_eq!(cluster.server(ONE).written, []);
    let effects = cluster.receive(TWO, ONE, append(9, (0, 0), &[1, 2, 3], 0));
    let record = Record::Append {
        after: 2,
        entries: entries(3, &[3]),
    };
    assert_eq!(forced(&effects), [record]);
}

#[test]
fn a_follower_acknowledges_entries_once_they_are_on_disk() {
    let mut cluster = Cluster::led(3);
    cluster.disks_are_slow = true;
    cluster.propose(ONE, [command(1)]);
    cluster.deliver(ONE, TWO);
    assert_eq!(cluster.in_flight(TWO, ONE), []);
    // Nor what it has already, while that is being written.
    cluster.beat(ONE);
    cluster.deliver(ONE, TWO);
    assert_eq!(cluster.in_flight(TWO, ONE), []);
    cluster.flush(TWO, 1);
    assert_eq!(
        cluster.in_flight(TWO, ONE),
        [appended(1, 2), appended(1, 2)]
    );
}

#[test]
fn entries_that_went_with_a_crash_were_not_acknowledged_and_are_sent_again() {
    let mut cluster = Cluster::led(3);
    cluster.crash(THREE);
    cluster.disks_are_slow = true;
    cluster.propose(ONE, [command(1)]);
    cluster.deliver(ONE, TWO);
    cluster.restart(TWO);
    cluster.flush_all();
    cluster.settle();
    assert_eq!(cluster.state(ONE).commit, 1);
    cluster.disks_are_slow = false;
    cluster.beat(ONE);
    cluster.settle();
    assert_eq!(cluster.applied(TWO), [1]);
}

#[test]
fn a_follower_commits_no_further_than_its_log_is_known_to_agree() {
    for (previous, new, leader, commit) in [
        ((1, 1), &[][..], 1, 1),
        ((1, 1), &[], 4, 1),
        ((0, 0), &[1], 4, 1),
        ((1, 1), &[2], 4, 2),
        ((1, 1), &[2, 2], 2, 2),
        ((2, 3), &[2], 3, 3),
    ] {
        // What it has from index 2 on may be somebody else's.
        let mut cluster = Cluster::on(vec![disk(9, &[1, 2, 2, 2]); 3]);
        cluster.receive(TWO, ONE, append(9, previous, new, leader));
        assert_eq!(cluster.state(ONE).commit, commit, "{previous:?} {new:?}");
    }
}

#[test]
fn a_follower_that_is_told_of_a_commit_commits_no_further_than_its_log_is_known_to_agree() {
    for (last, told, expected) in [
        ((1, 1), 4, 1),
        ((2, 3), 4, 3),
        ((2, 4), 3, 3),
        ((0, 0), 4, 0),
    ] {
        let mut cluster = Cluster::on(vec![disk(9, &[1, 2, 2, 2]); 3]);
        cluster.receive(TWO, ONE, commit(last, told));
        assert_eq!(cluster.state(ONE).commit, expected, "{last:?} {told}");
    }
}

#[test]
fn a_commit_index_never_decreases() {
    let mut cluster = Cluster::on(vec![disk(9, &[1, 2, 2]); 3]);
    cluster.receive(TWO, ONE, append(9, (2, 3), &[], 3));
    cluster.receive(TWO, ONE, append(9, (2, 2), &[], 2));
    cluster.receive(TWO, ONE, append(9, (2, 3), &[], 0));
    cluster.receive(TWO, ONE, commit((2, 3), 2));
    assert_eq!(cluster.state(ONE).commit, 3);
    assert_eq!(cluster.applied(ONE), [11, 22, 23]);
}

#[test]
fn a_leader_never_takes_entries_in_its_own_term() {
    let mut cluster = Cluster::led(3);
    let before = cluster.state(ONE).clone();
    let effects = cluster.receive(TWO, ONE, append(1, (0, 0), &[1, 1], 2));
    assert_eq!(effects, []);
    assert_eq!(*cluster.state(ONE), before);
}

/// The six followers of Figure 7, and the leader of term 8.
pub const FIGURE_7: [&[Term]; 7] = [
    &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6],
    &[1, 1, 1, 4, 4, 5, 5, 6, 6],
    &[1, 1, 1, 4],
    &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    &[1, 1, 1, 4, 4, 4, 4],
    &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
];

/// The seven servers of Figure 7, before the first campaigns.
pub fn figure_7() -> Cluster {
    Cluster::on(FIGURE_7.map(|terms| disk(7, terms)).into())
}

#[test]
fn a_leader_brings_each_of_the_six_logs_of_figure_7_into_line() {
    let mut cluster = figure_7();
    cluster.elect(ONE);
    cluster.settle();
    let led = [FIGURE_7[0], &[8]].concat();
    for server in cluster.ids() {
        assert_eq!(cluster.terms(server), led, "{server:?}");
        assert_eq!(cluster.state(server).log, cluster.state(ONE).log);
        assert_eq!(cluster.state(server).commit, 11);
        assert_eq!(cluster.applied(server), cluster.applied(ONE));
    }
}

#[test]
fn a_leader_looks_for_the_common_entry_a_term_at_a_time() {
    for (follower, rejections_max) in FIGURE_7[1..].iter().zip([1, 1, 0, 0, 2, 2]) {
        let mut cluster = Cluster::on(vec![
            disk(7, FIGURE_7[0]),
            disk(7, FIGURE_7[0]),
            disk(7, follower),
        ]);
        cluster.campaign(ONE);
        cluster.settle_among(&[ONE, TWO]);
        let mut rejections = 0;
        while !cluster.network.is_empty() {
            let message = &cluster.network[0].message;
            rejections += usize::from(matches!(message, Message::NotAppended { .. }));
            cluster.deliver_at(0);
        }
        assert_eq!(rejections, rejections_max, "{follower:?}");
        assert_eq!(cluster.state(THREE).log, cluster.state(ONE).log);
    }
}

#[test]
fn a_rejection_that_is_late_changes_nothing() {
    let mut cluster = Cluster::on(vec![
        disk(1, &[1, 1, 1]),
        disk(1, &[1, 1, 1]),
        disk(1, &[1]),
    ]);
    cluster.elect(ONE);
    cluster.deliver(ONE, THREE);
    let rejection = cluster.take(THREE, ONE);
    cluster.receive(THREE, ONE, rejection.clone());
    cluster.settle();
    assert_eq!(cluster.state(THREE).commit, 4);
    let before = cluster.state(ONE).clone();
    let effects = cluster.receive(THREE, ONE, rejection);
    assert_eq!(effects, []);
    assert_eq!(*cluster.state(ONE), before);
}

#[test]
fn while_a_leader_looks_for_the_common_entry_it_sends_one_message_at_a_time() {
    let mut cluster = Cluster::new(3);
    cluster.elect(ONE);
    for number in 1..=3 {
        cluster.propose(ONE, [command(number)]);
    }
    assert_eq!(cluster.in_flight(ONE, TWO).len(), 1, "the no-op");
    let progress = &cluster.leader(ONE).progress[TWO.index()];
    assert_eq!(progress.sending, Sending::Probe);
    cluster.settle();
    assert_eq!(cluster.applied(TWO), [1, 2, 3]);
}

#[test]
fn entries_are_applied_once_and_alike_whatever_their_batches_are() {
    let limits = Limits {
        message_bytes_max: 2 * ENTRY_BYTES,
        ..Limits::default()
    };
    let mut cluster = Cluster::led_with(3, limits);
    cluster.propose(ONE, (1..=7).map(command));
    cluster.propose(ONE, (8..=9).map(command));
    cluster.settle();
    for server in cluster.ids() {
        assert_eq!(cluster.applied(server), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}

#[test]
fn nothing_is_appended_where_nothing_is_proposed() {
    let mut cluster = Cluster::led(3);
    let effects = cluster.propose(ONE, []);
    assert_eq!(effects, []);
    assert_eq!(cluster.terms(ONE), [1]);
}

#[test]
fn outputs_tell_of_each_entry_once_while_a_server_is_up_and_in_order() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1), command(2)]);
    cluster.propose(ONE, [command(3)]);
    cluster.settle();
    cluster.beat(ONE);
    cluster.settle();
    for server in cluster.ids() {
        let mut next = 1;
        for output in &cluster.server(server).told {
            if let Output::Committed { first, last, .. } = output {
                assert_eq!(*first, next);
                next = last + 1;
            }
        }
        assert_eq!(next, 5);
    }
}
