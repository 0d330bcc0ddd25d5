//! Flow control: a limit on everything that may pile up.

use quorate::raft::{ENTRY_BYTES, Entries, Limits, Refusal, Sending};

use super::cluster::{Cluster, Message, ONE, Output, Request, THREE, TWO, command, told};

/// How many entries are in each message in flight from the leader to server 2.
fn sizes(cluster: &Cluster) -> Vec<usize> {
    let messages = cluster.in_flight(ONE, TWO).into_iter();
    let sizes = messages.map(|message| match message {
        Message::AppendEntries { entries, .. } => entries.len(),
        other => panic!("{other:?}"),
    });
    sizes.collect()
}

#[test]
fn a_message_takes_so_many_bytes_of_entries_and_at_least_one_entry() {
    for (entries_max, bytes_max) in [
        (1, 0),
        (1, ENTRY_BYTES),
        (1, 2 * ENTRY_BYTES - 1),
        (2, 2 * ENTRY_BYTES),
        (5, 5 * ENTRY_BYTES + 1),
    ] {
        let limits = Limits {
            message_bytes_max: bytes_max,
            ..Limits::default()
        };
        let mut cluster = Cluster::led_with(3, limits);
        cluster.propose(ONE, (1..=5).map(command));
        let sizes = sizes(&cluster);
        assert_eq!(sizes.iter().sum::<usize>(), 5);
        assert_eq!(sizes[0], entries_max, "{bytes_max} bytes");
        assert!(sizes.iter().all(|size| *size <= entries_max));
        cluster.settle();
        assert_eq!(cluster.applied(TWO), [1, 2, 3, 4, 5]);
    }
}

#[test]
fn no_more_messages_with_entries_are_ahead_of_answers_than_the_limit() {
    let limits = Limits {
        in_flight_messages_max: 2,
        ..Limits::default()
    };
    let mut cluster = Cluster::led_with(3, limits);
    for number in 1..=5 {
        cluster.propose(ONE, [command(number)]);
    }
    assert_eq!(sizes(&cluster), [1, 1]);
    cluster.deliver(ONE, TWO);
    cluster.deliver(TWO, ONE);
    // One is answered, and all that waits fits in the next.
    let Sending::Pipeline { in_flight } = &cluster.leader(ONE).progress[TWO.index()].sending else {
        panic!("a pipeline");
    };
    assert_eq!(in_flight.len(), 2);
    assert_eq!(sizes(&cluster), [1, 3]);
    cluster.settle();
    assert_eq!(cluster.applied(TWO), [1, 2, 3, 4, 5]);
}

#[test]
fn no_more_bytes_are_ahead_of_answers_than_the_limit_and_one_message() {
    let limits = Limits {
        message_bytes_max: 2 * ENTRY_BYTES,
        in_flight_bytes_max: 3 * ENTRY_BYTES,
        ..Limits::default()
    };
    let mut cluster = Cluster::led_with(3, limits);
    cluster.propose(ONE, (1..=9).map(command));
    assert_eq!(sizes(&cluster), [2, 2]);
    cluster.settle();
    assert_eq!(cluster.applied(TWO), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn heartbeats_are_sent_though_nothing_else_may_be() {
    let limits = Limits {
        in_flight_messages_max: 1,
        ..Limits::default()
    };
    let mut cluster = Cluster::led_with(3, limits);
    cluster.propose(ONE, [command(1)]);
    cluster.propose(ONE, [command(2)]);
    cluster.beat(ONE);
    assert_eq!(sizes(&cluster), [1, 0]);
    let message = cluster.in_flight(ONE, TWO).pop();
    let is_empty = matches!(
        message,
        Some(Message::AppendEntries { entries, .. }) if entries == Entries::default()
    );
    assert!(is_empty);
}

#[test]
fn a_limit_that_a_message_lost_has_used_up_is_free_again_when_that_is_known() {
    let limits = Limits {
        in_flight_messages_max: 1,
        ..Limits::default()
    };
    let mut cluster = Cluster::led_with(3, limits);
    cluster.propose(ONE, [command(1)]);
    cluster.lose_all();
    cluster.propose(ONE, [command(2)]);
    assert_eq!(cluster.network, []);
    cluster.beat(ONE);
    cluster.settle();
    for server in [ONE, TWO, THREE] {
        assert_eq!(cluster.applied(server), [1, 2]);
    }
}

#[test]
fn a_leader_takes_no_more_entries_beyond_the_committed_than_the_limit() {
    let limits = Limits {
        uncommitted_max: 3,
        ..Limits::default()
    };
    let mut cluster = Cluster::led_with(3, limits);
    let refused = |cluster: &mut Cluster, count: u8| {
        let entries: Vec<_> = (1..=count).map(command).collect();
        let effects = cluster.propose(ONE, entries.clone());
        match &told(&effects)[..] {
            [] => None,
            [Output::Refused { request, why }] => {
                assert_eq!(*request, Request::Propose(entries), "handed back whole");
                Some(*why)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(&mut cluster, 4), Some(Refusal::TooMuch { max: 3 }));
    assert_eq!(refused(&mut cluster, 2), None);
    assert_eq!(refused(&mut cluster, 2), Some(Refusal::Full));
    assert_eq!(refused(&mut cluster, 1), None);
    assert_eq!(refused(&mut cluster, 1), Some(Refusal::Full));
    cluster.settle();
    assert_eq!(refused(&mut cluster, 3), None);
    cluster.settle();
    assert_eq!(cluster.applied(TWO), [1, 2, 1, 1, 2, 3]);
}
