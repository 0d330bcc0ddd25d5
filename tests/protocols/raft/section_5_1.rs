//! §5.1, terms: a logical clock that every message carries.

use quorate::raft::{Chunk, Entries, Role, Sessions, Term, Timer};

use super::cluster::{Cluster, Message, ONE, THREE, TWO, command, disk, entries, position, sent};

/// A request of each kind, of this term.
fn requests(term: Term) -> Vec<Message> {
    vec![
        Message::RequestVote {
            term,
            last: position(7, 7),
        },
        Message::AppendEntries {
            term,
            previous: position(0, 0),
            entries: entries(1, &[1]),
            commit: 1,
            round: 0,
        },
        Message::Commit {
            term,
            last: position(7, 7),
            commit: 1,
        },
        Message::InstallSnapshot {
            term,
            last: position(7, 7),
            number: 0,
            chunks: 2,
            chunk: Chunk::Sessions(Sessions::default()),
            round: 0,
        },
    ]
}

/// An answer of each kind, of this term.
fn answers(term: Term) -> Vec<Message> {
    vec![
        Message::Vote {
            term,
            granted: true,
        },
        Message::Appended {
            term,
            matched: 1,
            round: 1,
        },
        Message::NotAppended {
            term,
            rejected: 1,
            conflict: None,
            first: 1,
            round: 1,
        },
        Message::Received {
            term,
            last: position(1, 1),
            next: 1,
            round: 1,
        },
    ]
}

/// Three servers of which the first is a follower, a candidate, a leader: in term 3.
fn in_each_role() -> Vec<Cluster> {
    let cluster = || {
        let mut cluster = Cluster::on(vec![disk(2, &[1]), disk(2, &[1]), disk(2, &[1])]);
        cluster.campaign(ONE);
        cluster
    };
    let mut follower = cluster();
    follower.receive(
        TWO,
        ONE,
        Message::AppendEntries {
            term: 3,
            previous: position(1, 1),
            entries: Entries::default(),
            commit: 0,
            round: 0,
        },
    );
    let candidate = cluster();
    let mut leader = cluster();
    leader.deliver(ONE, THREE);
    leader.deliver(THREE, ONE);
    assert!(leader.leads(ONE));
    let mut clusters = vec![follower, candidate, leader];
    for cluster in &mut clusters {
        cluster.lose_all();
    }
    clusters
}

#[test]
fn whatever_message_tells_of_a_higher_term_a_server_in_any_role_follows_into_it() {
    for message in [requests(9), answers(9)].concat() {
        for mut cluster in in_each_role() {
            cluster.receive(TWO, ONE, message.clone());
            assert_eq!(cluster.state(ONE).term, 9, "{message:?}");
            assert_eq!(cluster.server(ONE).durable.term, 9, "{message:?}");
            assert!(
                matches!(cluster.state(ONE).role, Role::Follower(_)),
                "{message:?}"
            );
            assert!(cluster.server(ONE).timers.contains(&Timer::Election));
        }
    }
}

#[test]
fn only_who_sends_what_leaders_send_is_taken_for_the_leader_of_a_higher_term() {
    for (message, leads) in requests(9).into_iter().zip([false, true, true, true]) {
        for mut cluster in in_each_role() {
            cluster.receive(TWO, ONE, message.clone());
            let leader = leads.then_some(TWO);
            assert_eq!(cluster.follower(ONE).leader, leader, "{message:?}");
        }
    }
    for message in answers(9) {
        for mut cluster in in_each_role() {
            cluster.receive(TWO, ONE, message.clone());
            assert_eq!(cluster.follower(ONE).leader, None, "{message:?}");
        }
    }
}

#[test]
fn a_request_of_an_earlier_term_is_answered_with_the_current_one_and_changes_nothing() {
    for message in requests(2) {
        for mut cluster in in_each_role() {
            let before = cluster.state(ONE).clone();
            let effects = cluster.receive(TWO, ONE, message.clone());
            assert_eq!(*cluster.state(ONE), before, "{message:?}");
            let answers = sent(&effects);
            let [(TWO, answer)] = &answers[..] else {
                panic!("{effects:?}");
            };
            assert_eq!(effects.len(), 1, "{effects:?}");
            assert_eq!(answer.term(), 3);
            assert!(matches!(
                answer,
                Message::Vote { granted: false, .. } | Message::NotAppended { .. }
            ));
        }
    }
}

#[test]
fn an_answer_of_an_earlier_term_changes_nothing() {
    for message in answers(2) {
        for mut cluster in in_each_role() {
            let before = cluster.state(ONE).clone();
            let effects = cluster.receive(TWO, ONE, message.clone());
            assert_eq!(*cluster.state(ONE), before, "{message:?}");
            assert_eq!(effects, []);
        }
    }
}

#[test]
fn a_deposed_leader_learns_of_the_new_term_when_its_messages_are_rejected() {
    let mut cluster = Cluster::led(3);
    cluster.campaign(TWO);
    cluster.settle_among(&[TWO, THREE]);
    assert!(cluster.leads(ONE) && cluster.leads(TWO));
    cluster.lose_all();
    cluster.propose(ONE, [command(1)]);
    cluster.settle_among(&[ONE, THREE]);
    assert!(!cluster.leads(ONE));
    assert_eq!(cluster.state(ONE).term, 2);
}

#[test]
fn a_new_term_is_on_disk_before_anything_is_sent_in_it() {
    for message in [requests(9), answers(9)].concat() {
        for mut cluster in in_each_role() {
            cluster.disks_are_slow = true;
            cluster.receive(TWO, ONE, message.clone());
            assert_eq!(cluster.network, [], "{message:?}");
            cluster.restart(ONE);
            assert_eq!(cluster.state(ONE).term, 3, "the term went with the crash");
        }
    }
}

#[test]
fn a_restart_forgets_neither_term_nor_log() {
    for mut cluster in in_each_role() {
        let before = cluster.state(ONE).clone();
        cluster.restart(ONE);
        let after = cluster.state(ONE);
        assert_eq!((after.term, &after.log), (before.term, &before.log));
        assert_eq!(after.voted_for, before.voted_for);
    }
}

#[test]
fn a_server_that_has_the_term_already_writes_nothing_to_answer() {
    let mut cluster = Cluster::led(3);
    let written = cluster.server(TWO).written.len();
    cluster.beat(ONE);
    cluster.settle();
    assert_eq!(cluster.server(TWO).written.len(), written);
}
