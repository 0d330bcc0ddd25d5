//! §7, log compaction: a snapshot takes the place of the log, and is sent in chunks to who lacks that part of it.

use std::sync::Arc;

use quorate::raft::{Chunk, Log, Register, Sending, Sessions, Snapshot, Term};

use super::cluster::{
    Cluster, Durable, Message, ONE, Output, Record, THREE, TWO, command, disk, entries, forced,
    log, logged, position, sent, told,
};

/// What a snapshot consists of whose state machine has applied these commands.
fn chunks(applied: &[u8]) -> Vec<Chunk<Register>> {
    let sessions = Chunk::Sessions(Sessions::default());
    let machine = applied.iter().copied().map(Chunk::Machine);
    std::iter::once(sessions).chain(machine).collect()
}

/// A chunk of such a snapshot, from the leader of term 9.
fn install(last: (Term, u64), applied: &[u8], number: u64) -> Message {
    let chunks = chunks(applied);
    Message::InstallSnapshot {
        term: 9,
        last: position(last.0, last.1),
        number,
        chunks: chunks.len() as u64,
        chunk: chunks[number as usize].clone(),
        round: 0,
    }
}

fn received(last: (Term, u64), next: u64) -> Message {
    Message::Received {
        term: 9,
        last: position(last.0, last.1),
        next,
        round: 0,
    }
}

fn appended(matched: u64) -> Message {
    Message::Appended {
        term: 9,
        matched,
        round: 0,
    }
}

/// Sends all chunks, in order. Returns the last answer.
fn install_all(cluster: &mut Cluster, last: (Term, u64), applied: &[u8]) -> Message {
    let answers = (0..=applied.len() as u64).map(|number| {
        let effects = cluster.receive(TWO, ONE, install(last, applied, number));
        sent(&effects).remove(0).1
    });
    answers.last().expect("at least one chunk")
}

/// Server 3 is down; the others have committed entries 1 to 4, commands 1 to 3, and the leader has compacted them.
fn compacted() -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.crash(THREE);
    cluster.propose(ONE, (1..=3).map(command));
    cluster.settle();
    cluster.compact(ONE);
    cluster
}

#[test]
fn a_snapshot_takes_the_place_of_what_was_applied_and_of_nothing_else() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1), command(2)]);
    cluster.settle();
    cluster.propose(ONE, [command(3)]);
    let effects = cluster.compact(ONE);
    let state = cluster.state(ONE);
    assert_eq!(state.log.before(), position(1, 3));
    let rest: Vec<_> = state.log.entries().collect();
    assert_eq!(rest, [(1, &logged(3))]);
    let snapshot = state.snapshot.as_ref().expect("a snapshot");
    assert_eq!(snapshot.chunks, chunks(&[1, 2]));
    assert_eq!(
        told(&effects),
        [Output::Compacted {
            last: position(1, 3)
        }]
    );
    assert_eq!(cluster.applied(ONE), [1, 2]);
}

#[test]
fn where_nothing_new_was_applied_there_is_nothing_to_compact() {
    let mut cluster = Cluster::new(3);
    assert_eq!(cluster.compact(ONE), []);
    let mut cluster = compacted();
    assert_eq!(cluster.compact(ONE), []);
}

#[test]
fn any_server_compacts_on_its_own() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1)]);
    cluster.settle();
    cluster.compact(TWO);
    assert_eq!(cluster.state(TWO).log, Log::after(position(1, 2)));
    assert_eq!(cluster.terms(ONE), [1, 1]);
    cluster.propose(ONE, [command(2)]);
    cluster.settle();
    assert_eq!(cluster.applied(TWO), [1, 2]);
}

#[test]
fn nothing_waits_for_a_snapshot_that_a_server_makes() {
    let mut cluster = compacted();
    cluster.disks_are_slow = true;
    cluster.propose(ONE, [command(4)]);
    cluster.deliver(ONE, TWO);
    cluster.flush_all();
    cluster.settle_among(&[ONE, TWO]);
    cluster.compact(ONE);
    cluster.beat(ONE);
    assert_eq!(cluster.in_flight(ONE, TWO).len(), 1);
}

#[test]
fn a_restart_begins_with_the_snapshot_and_applies_what_comes_behind() {
    let mut cluster = compacted();
    cluster.propose(ONE, [command(4)]);
    cluster.settle();
    cluster.restart(ONE);
    assert_eq!(cluster.state(ONE).commit, 4);
    assert_eq!(cluster.applied(ONE), [1, 2, 3]);
    cluster.campaign(ONE);
    cluster.settle();
    assert_eq!(cluster.applied(ONE), [1, 2, 3, 4]);
}

#[test]
fn a_snapshot_that_went_with_a_crash_leaves_the_log() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1)]);
    cluster.settle();
    cluster.disks_are_slow = true;
    cluster.compact(ONE);
    cluster.restart(ONE);
    assert_eq!(cluster.terms(ONE), [1, 1]);
    assert_eq!(cluster.state(ONE).snapshot, None);
}

#[test]
fn who_lacks_what_is_compacted_is_sent_the_snapshot_chunk_by_chunk_and_then_the_log() {
    let mut cluster = compacted();
    cluster.propose(ONE, [command(4)]);
    cluster.settle();
    cluster.start(THREE);
    cluster.beat(ONE);
    let mut numbers = Vec::new();
    while !cluster.network.is_empty() {
        if let Message::InstallSnapshot { number, .. } = cluster.network[0].message {
            numbers.push(number);
        }
        cluster.deliver_at(0);
    }
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert_eq!(cluster.applied(THREE), [1, 2, 3, 4]);
    assert_eq!(cluster.state(THREE).log.before(), position(1, 4));
    assert_eq!(cluster.state(THREE).commit, 5);
}

#[test]
fn a_follower_asks_for_the_chunk_that_it_wants_next() {
    let mut cluster = Cluster::on(vec![disk(9, &[]); 3]);
    let last = (8, 40);
    for (number, next) in [
        (0, 1),
        // Repeated, or too early: it says again what it wants.
        (0, 1),
        (2, 1),
        (1, 2),
    ] {
        let effects = cluster.receive(TWO, ONE, install(last, &[1, 2, 3], number));
        assert_eq!(sent(&effects), [(TWO, received(last, next))]);
        assert_eq!(forced(&effects), []);
    }
    assert!(cluster.applied(ONE).is_empty());
}

#[test]
fn a_snapshot_is_installed_with_its_last_chunk_and_on_disk_before_that_is_said() {
    let mut cluster = Cluster::on(vec![disk(9, &[1, 1]); 3]);
    cluster.disks_are_slow = true;
    for number in 0..2 {
        cluster.receive(TWO, ONE, install((8, 40), &[1, 2], number));
    }
    cluster.lose_all();
    let effects = cluster.receive(TWO, ONE, install((8, 40), &[1, 2], 2));
    let snapshot = Arc::new(Snapshot {
        last: position(8, 40),
        chunks: chunks(&[1, 2]),
    });
    assert_eq!(
        forced(&effects),
        [Record::Snapshot {
            snapshot,
            keeps_suffix: false
        }]
    );
    assert_eq!(cluster.network, []);
    cluster.flush(ONE, 1);
    assert_eq!(cluster.in_flight(ONE, TWO), [appended(40)]);
    assert_eq!(cluster.applied(ONE), [1, 2]);
    assert_eq!(cluster.state(ONE).commit, 40);
    let committed = Output::Committed {
        by: 9,
        term: 8,
        first: 40,
        last: 40,
    };
    assert_eq!(cluster.server(ONE).told, [committed]);
}

#[test]
fn a_log_that_conflicts_with_a_snapshot_goes_and_one_that_has_its_last_entry_keeps_the_rest() {
    for (own, last, rest) in [
        // Shorter.
        (&[1, 1][..], (1, 3), &[][..]),
        (&[], (1, 3), &[]),
        // With another entry there.
        (&[1, 1, 1, 1], (2, 3), &[]),
        (&[1, 3, 3, 3], (2, 3), &[]),
        // With the same.
        (&[1, 1, 1], (1, 3), &[]),
        (&[1, 1, 1, 1, 2], (1, 3), &[1, 2]),
    ] {
        let mut cluster = Cluster::on(vec![disk(9, own); 3]);
        let answer = install_all(&mut cluster, last, &[5]);
        assert_eq!(answer, appended(3));
        assert_eq!(cluster.terms(ONE), rest, "{own:?} under {last:?}");
        assert_eq!(cluster.state(ONE).log.before(), position(last.0, last.1));
        assert_eq!(cluster.server(ONE).durable.log, cluster.state(ONE).log);
        assert_eq!(cluster.applied(ONE), [5]);
        cluster.restart(ONE);
        assert_eq!(cluster.terms(ONE), rest, "after a restart");
        assert_eq!(cluster.applied(ONE), [5]);
    }
}

#[test]
fn a_snapshot_that_is_behind_what_was_applied_changes_nothing() {
    let mut cluster = Cluster::on(vec![disk(9, &[1, 1, 1, 1]); 3]);
    let entries = entries(5, &[9]);
    cluster.receive(
        TWO,
        ONE,
        Message::AppendEntries {
            term: 9,
            previous: position(1, 4),
            entries,
            commit: 4,
            round: 0,
        },
    );
    let before = cluster.state(ONE).clone();
    for last in [3, 4] {
        let effects = cluster.receive(TWO, ONE, install((1, last), &[5], 0));
        assert_eq!(sent(&effects), [(TWO, appended(4))]);
        assert_eq!(*cluster.state(ONE), before);
    }
}

#[test]
fn a_crash_forgets_the_chunks_and_the_leader_begins_anew() {
    let mut cluster = compacted();
    cluster.start(THREE);
    cluster.beat(ONE);
    cluster.deliver(ONE, THREE);
    cluster.deliver(THREE, ONE);
    for _ in 0..2 {
        cluster.deliver(ONE, THREE);
        cluster.deliver(THREE, ONE);
    }
    let progress = &cluster.leader(ONE).progress[THREE.index()];
    assert_eq!(progress.sending, Sending::Snapshot { chunk: 2 });
    cluster.restart(THREE);
    cluster.lose_all();
    cluster.beat(ONE);
    cluster.deliver(ONE, THREE);
    cluster.deliver(THREE, ONE);
    let progress = &cluster.leader(ONE).progress[THREE.index()];
    assert_eq!(progress.sending, Sending::Snapshot { chunk: 0 });
    cluster.settle();
    assert_eq!(cluster.applied(THREE), [1, 2, 3]);
}

#[test]
fn a_chunk_that_was_lost_is_sent_again_by_a_heartbeat() {
    let mut cluster = compacted();
    cluster.start(THREE);
    cluster.beat(ONE);
    while cluster.leader(ONE).progress[THREE.index()].sending != (Sending::Snapshot { chunk: 2 }) {
        cluster.deliver_at(0);
    }
    cluster.lose_all();
    cluster.beat(ONE);
    cluster.settle();
    assert_eq!(cluster.applied(THREE), [1, 2, 3]);
}

#[test]
fn a_newer_snapshot_is_sent_from_its_beginning_and_takes_the_place_of_the_chunks_of_the_older() {
    let mut cluster = compacted();
    cluster.start(THREE);
    cluster.beat(ONE);
    while cluster.leader(ONE).progress[THREE.index()].sending != (Sending::Snapshot { chunk: 2 }) {
        cluster.deliver_at(0);
    }
    cluster.propose(ONE, [command(4)]);
    cluster.settle_among(&[ONE, TWO]);
    cluster.compact(ONE);
    let progress = &cluster.leader(ONE).progress[THREE.index()];
    assert_eq!(progress.sending, Sending::Snapshot { chunk: 0 });
    cluster.settle();
    cluster.beat(ONE);
    cluster.settle();
    assert_eq!(cluster.applied(THREE), [1, 2, 3, 4]);
    assert_eq!(cluster.state(THREE).log.before(), position(1, 5));
}

#[test]
fn a_new_leader_goes_on_from_its_own_snapshot() {
    let mut cluster = compacted();
    cluster.compact(TWO);
    cluster.start(THREE);
    cluster.beat(ONE);
    while cluster.leader(ONE).progress[THREE.index()].sending != (Sending::Snapshot { chunk: 2 }) {
        cluster.deliver_at(0);
    }
    cluster.lose_all();
    cluster.crash(ONE);
    cluster.campaign(TWO);
    cluster.settle();
    assert!(cluster.leads(TWO));
    assert_eq!(cluster.applied(THREE), [1, 2, 3]);
}

#[test]
fn entries_that_a_snapshot_covers_are_passed_over() {
    let mut cluster = Cluster::on(vec![disk(9, &[]); 3]);
    install_all(&mut cluster, (1, 3), &[5]);
    let terms: &[Term] = &[1, 1, 1, 2];
    let effects = cluster.receive(
        TWO,
        ONE,
        Message::AppendEntries {
            term: 9,
            previous: position(0, 0),
            entries: entries(1, terms),
            commit: 0,
            round: 0,
        },
    );
    assert_eq!(sent(&effects), [(TWO, appended(4))]);
    assert_eq!(cluster.terms(ONE), [2]);
    // All of them: it has more than that.
    let effects = cluster.receive(
        TWO,
        ONE,
        Message::AppendEntries {
            term: 9,
            previous: position(0, 0),
            entries: entries(1, &[1, 1]),
            commit: 0,
            round: 0,
        },
    );
    assert_eq!(sent(&effects), [(TWO, appended(3))]);
    assert_eq!(cluster.terms(ONE), [2]);
}

#[test]
fn a_late_word_of_what_a_snapshot_covers_changes_nothing_and_is_not_answered() {
    let mut cluster = Cluster::on(vec![disk(9, &[]); 3]);
    install_all(&mut cluster, (1, 3), &[5]);
    let before = cluster.state(ONE).clone();
    let (last, commit) = (position(1, 2), 2);
    let late = Message::Commit {
        term: 9,
        last,
        commit,
    };
    let effects = cluster.receive(TWO, ONE, late);
    assert_eq!(*cluster.state(ONE), before);
    assert_eq!(sent(&effects), []);
}

#[test]
fn who_has_a_snapshot_votes_by_where_it_ends() {
    let mut cluster = Cluster::on(vec![disk(9, &[]); 3]);
    install_all(&mut cluster, (5, 3), &[5]);
    for (last, granted) in [((5, 2), false), ((4, 9), false), ((5, 3), true)] {
        let term = cluster.state(ONE).term + 1;
        let ask = Message::RequestVote {
            term,
            last: position(last.0, last.1),
        };
        let effects = cluster.receive(TWO, ONE, ask);
        assert_eq!(sent(&effects), [(TWO, Message::Vote { term, granted })]);
    }
}

#[test]
fn what_a_disk_holds_after_a_snapshot_is_what_the_server_knows() {
    let durable = Durable {
        snapshot: Some(Arc::new(Snapshot {
            last: position(2, 3),
            chunks: chunks(&[8, 9]),
        })),
        log: {
            let mut log = log(&[1, 1, 2, 3]);
            log.compact(position(2, 3));
            log
        },
        ..disk(3, &[])
    };
    let mut cluster = Cluster::on(vec![durable.clone(), durable.clone(), durable]);
    assert_eq!(cluster.applied(ONE), [8, 9]);
    assert_eq!(cluster.state(ONE).commit, 3);
    cluster.campaign(ONE);
    cluster.settle();
    assert_eq!(cluster.applied(TWO), [8, 9, 34]);
}
