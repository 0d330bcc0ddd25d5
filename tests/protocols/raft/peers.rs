//! What peers send that makes no sense: nothing changes, and a snapshot that is none is reported.

use quorate::protocol::{Input, NUMBER_MAX, ProcessId};
use quorate::raft::{Chunk, Register, Sending, Sessions};

use super::cluster::{
    Cluster, Message, ONE, Output, THREE, TWO, command, disk, entries, position, sent, told,
};

/// A chunk from the leader of term 9.
fn install(number: u64, chunks: u64, chunk: Chunk<Register>) -> Message {
    Message::InstallSnapshot {
        term: 9,
        last: position(8, 40),
        number,
        chunks,
        chunk,
        round: 0,
    }
}

#[test]
fn nothing_counts_that_a_stranger_says_nor_what_a_server_seems_to_say_to_itself() {
    for from in [
        ONE,
        ProcessId(3),
        ProcessId(63),
        ProcessId(64),
        ProcessId(u16::MAX),
    ] {
        let mut cluster = Cluster::led(3);
        let before = cluster.state(ONE).clone();
        for term in [1, 2] {
            for message in [
                Message::RequestVote {
                    term,
                    last: position(9, 9),
                },
                Message::AppendEntries {
                    term,
                    previous: position(0, 0),
                    entries: entries(1, &[2]),
                    commit: 9,
                    round: 0,
                },
                Message::Appended {
                    term,
                    matched: 1,
                    round: 0,
                },
            ] {
                let message = Input::Receive { from, message };
                assert_eq!(cluster.step(ONE, message), []);
            }
        }
        assert_eq!(*cluster.state(ONE), before, "{from:?}");
    }
}

#[test]
fn a_snapshot_that_is_none_is_reported_and_asked_for_again_and_nothing_changes() {
    for chunks in [
        // Without its first part, and with it twice.
        [Chunk::Machine(1), Chunk::Machine(2)],
        [
            Chunk::Sessions(Sessions::default()),
            Chunk::Sessions(Sessions::default()),
        ],
    ] {
        let mut cluster = Cluster::on(vec![disk(9, &[1, 1]); 3]);
        let before = cluster.state(ONE).clone();
        let [first, second] = chunks;
        cluster.receive(TWO, ONE, install(0, 2, first));
        let effects = cluster.receive(TWO, ONE, install(1, 2, second));
        let last = position(8, 40);
        assert_eq!(told(&effects), [Output::Malformed { last }]);
        let again = Message::Received {
            term: 9,
            last,
            next: 0,
            round: 0,
        };
        assert_eq!(sent(&effects), [(TWO, again)]);
        let after = cluster.state(ONE);
        assert_eq!((&after.log, &after.applied), (&before.log, &before.applied));
        assert_eq!((after.commit, &after.snapshot), (0, &None));
        assert_eq!(cluster.server(ONE).written, []);
    }
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_changes_nothing() {
    for matched in [2, 3, NUMBER_MAX] {
        let mut cluster = Cluster::led(3);
        let before = cluster.state(ONE).clone();
        let appended = Message::Appended {
            term: 1,
            matched,
            round: 0,
        };
        assert_eq!(cluster.receive(TWO, ONE, appended), []);
        assert_eq!(*cluster.state(ONE), before);
    }
}

#[test]
fn a_rejection_of_what_was_never_sent_or_is_known_to_be_there_changes_nothing() {
    for rejected in [0, 1, 2, 3, NUMBER_MAX] {
        for (conflict, first) in [(None, 0), (Some(7), NUMBER_MAX), (Some(1), 1)] {
            let mut cluster = Cluster::led(3);
            let before = cluster.state(ONE).clone();
            let message = Message::NotAppended {
                term: 1,
                rejected,
                conflict,
                first,
                round: 0,
            };
            assert_eq!(cluster.receive(TWO, ONE, message), [], "{rejected}");
            assert_eq!(*cluster.state(ONE), before);
        }
    }
}

#[test]
fn a_rejection_tells_a_leader_nothing_that_is_not_below_what_was_rejected() {
    for (conflict, first) in [(None, 0), (None, 99), (Some(1), 99), (Some(7), NUMBER_MAX)] {
        let mut cluster = Cluster::on(vec![disk(1, &[1, 1, 1]); 3]);
        cluster.elect(ONE);
        cluster.lose_all();
        let message = Message::NotAppended {
            term: 2,
            rejected: 3,
            conflict,
            first,
            round: 0,
        };
        let effects = cluster.receive(TWO, ONE, message);
        assert_eq!(sent(&effects).len(), 1);
        let progress = &cluster.leader(ONE).progress[TWO.index()];
        assert!((1..=3).contains(&progress.next), "{}", progress.next);
        assert_eq!(progress.sending, Sending::Probe);
    }
}

#[test]
fn a_round_that_was_never_asked_confirms_no_later_read() {
    let mut cluster = Cluster::led(3);
    let appended = Message::Appended {
        term: 1,
        matched: 1,
        round: NUMBER_MAX,
    };
    cluster.receive(TWO, ONE, appended);
    let effects = cluster.read(ONE, 5);
    assert_eq!(told(&effects), []);
}

#[test]
fn who_is_sent_no_snapshot_asks_for_its_chunks_in_vain() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1)]);
    cluster.settle();
    cluster.compact(ONE);
    let before = cluster.state(ONE).clone();
    let received = Message::Received {
        term: 1,
        last: position(1, 2),
        next: 1,
        round: 0,
    };
    assert_eq!(cluster.receive(THREE, ONE, received), []);
    assert_eq!(*cluster.state(ONE), before);
}

#[test]
fn chunks_that_are_not_there_and_of_other_snapshots_are_not_sent() {
    let mut cluster = Cluster::led(3);
    cluster.crash(THREE);
    cluster.propose(ONE, [command(1)]);
    cluster.settle();
    cluster.compact(ONE);
    cluster.start(THREE);
    cluster.beat(ONE);
    cluster.deliver(ONE, THREE);
    cluster.deliver(THREE, ONE);
    let before = cluster.state(ONE).clone();
    for (last, next) in [((1, 2), 2), ((1, 2), NUMBER_MAX), ((1, 1), 1), ((9, 9), 0)] {
        let received = Message::Received {
            term: 1,
            last: position(last.0, last.1),
            next,
            round: 0,
        };
        assert_eq!(cluster.receive(THREE, ONE, received), []);
        assert_eq!(*cluster.state(ONE), before);
    }
}
