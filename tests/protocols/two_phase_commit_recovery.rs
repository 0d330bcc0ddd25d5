//! What two-phase commit remembers: names, promises and outcomes across crashes, and no more than it needs.

use std::collections::BTreeSet;

use crate::harness::{Cluster, ONE, decided, fold, id, ids, prepare};
use quorate::protocol::{Input, ProcessId, Protocol};
use quorate::two_phase_commit::{
    COORDINATOR, Decision, Message, Output, Progress, Record, Refusal, Request, State, Status,
    Timer, TwoPhaseCommit, Vote,
};

/// A cluster whose disks have seen every kind of record, with transactions in every phase.
fn busy_cluster() -> Cluster {
    let mut cluster = Cluster::new(2);
    cluster.commit([1, 2]);
    cluster.commit([2]);
    let refused = cluster.begin();
    cluster.work(refused, [1]);
    cluster.ask_commit(refused, [1, 2]);
    cluster.deliver_all();
    cluster.restart(COORDINATOR);
    // Committed and not acknowledged by participant 2.
    cluster.prepare([1, 2]);
    for _ in 0..5 {
        cluster.deliver();
    }
    cluster.network.clear();
    // In doubt, and at work.
    cluster.prepare([1, 2]);
    for _ in 0..2 {
        cluster.deliver();
    }
    cluster.network.clear();
    let working = cluster.begin();
    cluster.work(working, [1, 2]);
    cluster
}

#[test]
fn ids_are_unique_across_restarts_whatever_crashes_lose() {
    let mut cluster = Cluster::new(1);
    cluster.disks_are_slow = true;
    let mut names = BTreeSet::new();
    for round in 0..200_u32 {
        for _ in 0..round % 4 {
            cluster.submit(COORDINATOR, Request::Begin);
        }
        if round % 3 != 0 {
            cluster.flush(COORDINATOR);
        }
        let told = std::mem::take(&mut cluster.nodes[0].outputs);
        for output in told {
            if let Output::Begun(name) = output {
                assert!(names.insert(name), "{name} is used twice");
            }
        }
        if round % 2 == 0 {
            cluster.restart(COORDINATOR);
        }
    }
    assert!(names.len() > 50);
}

#[test]
fn a_coordinator_takes_up_what_it_committed_and_forgets_what_it_did_not() {
    let mut cluster = Cluster::new(2);
    let committed = cluster.prepare([1, 2]);
    for _ in 0..4 {
        cluster.deliver();
    }
    cluster.network.clear();
    let voting = cluster.prepare([1]);
    let working = cluster.begin();
    let told = cluster.restart(COORDINATOR);
    assert_eq!(told, [Output::Decided(committed, Decision::Commit)]);
    assert_eq!(cluster.progress(voting), None);
    assert_eq!(cluster.progress(working), None);
    let all = Progress::Committed {
        participants: ids([1, 2]),
        unacknowledged: ids([1, 2]),
    };
    assert_eq!(cluster.progress(committed), Some(&all));
    cluster.network.clear();
    cluster.fire(COORDINATOR, Timer::Resend(committed));
    cluster.deliver_all();
    assert_eq!(cluster.status(1, committed), Some(Status::Committed));
    assert_eq!(cluster.status(2, committed), Some(Status::Committed));
    assert_eq!(cluster.progress(committed), None);
}

#[test]
fn a_coordinator_that_forgot_its_end_sees_the_commit_through_again() {
    let mut cluster = Cluster::new(2);
    let first = cluster.commit([1, 2]);
    let second = cluster.commit([1, 2]);
    let is_end = |record: &Record| matches!(record, Record::End { .. });
    cluster.nodes[0].log.retain(|record| !is_end(record));
    let told = cluster.restart(COORDINATOR);
    let again = [first, second].map(|t| Output::Decided(t, Decision::Commit));
    assert_eq!(told, again);
    for transaction in [first, second] {
        cluster.fire(COORDINATOR, Timer::Resend(transaction));
    }
    cluster.deliver_all();
    assert!(cluster.coordinator().transactions.is_empty());
}

#[test]
fn a_participant_takes_up_its_promises_and_outcomes_and_not_its_work() {
    let cluster = &mut busy_cluster();
    let before = cluster.participant(1).clone();
    let told = cluster.restart(ONE);
    let after = cluster.participant(1);
    assert_eq!(after.watermark, before.watermark);
    let kept = before
        .statuses
        .iter()
        .filter(|(_, s)| **s != Status::Working);
    assert!(after.statuses.iter().eq(kept));
    assert!(after.statuses.len() < before.statuses.len());
    for (&transaction, status) in &after.statuses {
        assert!(told.contains(&match status {
            Status::Prepared { .. } => Output::Prepared(transaction),
            Status::Committed => Output::Decided(transaction, Decision::Commit),
            Status::Aborted => Output::Decided(transaction, Decision::Abort),
            Status::Working => unreachable!("work is volatile"),
        }));
    }
}

/// A disk may have kept any prefix of what was written, and the process may crash again as often as it
/// likes while it recovers.
#[test]
fn either_role_recovers_from_any_prefix_of_its_records_also_after_a_crash_during_recovery() {
    for process in [COORDINATOR, ONE, ProcessId(2)] {
        let log = busy_cluster().nodes[process.index()].log.clone();
        for length in 0..=log.len() {
            let mut cluster = Cluster::new(2);
            cluster.crash(process);
            cluster.nodes[process.index()].log = log[..length].to_vec();
            cluster.disks_are_slow = true;
            cluster.recover(process);
            let first = cluster.nodes[process.index()].state.clone();
            // What the recovery wrote is lost.
            cluster.restart(process);
            assert_eq!(cluster.nodes[process.index()].state, first);
            // It is not.
            cluster.flush(process);
            cluster.restart(process);
            let mut expected = fold::<TwoPhaseCommit>(&log[..length]);
            if process == COORDINATOR {
                expected.epoch += 2;
            }
            let state = cluster.nodes[process.index()].state.as_ref();
            let state = state.expect("a live process");
            assert_eq!(cluster.protocol.durable(state), expected);
        }
    }
}

#[test]
fn the_busy_clusters_disks_have_seen_every_kind_of_record() {
    let cluster = busy_cluster();
    let records = cluster.nodes.iter().flat_map(|node| &node.log);
    let kinds: std::collections::HashSet<_> = records.map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 7);
}

#[test]
fn a_told_abort_that_a_crash_has_lost_is_learnt_again() {
    let mut cluster = Cluster::new(1);
    let transaction = cluster.prepare([1]);
    cluster.deliver();
    cluster.submit(COORDINATOR, Request::Abort(transaction));
    cluster.disks_are_slow = true;
    cluster.deliver_all();
    assert_eq!(cluster.status(1, transaction), Some(Status::Aborted));
    cluster.restart(ONE);
    let in_doubt = Status::Prepared { peers: ids([]) };
    assert_eq!(cluster.status(1, transaction), Some(in_doubt));
    cluster.fire(ONE, Timer::Inquire(transaction));
    cluster.deliver_all();
    assert_eq!(cluster.status(1, transaction), Some(Status::Aborted));
}

#[test]
fn a_retired_transaction_is_refused_and_its_prepare_not_answered_also_after_a_crash() {
    let mut cluster = Cluster::new(1);
    let committed = cluster.commit([1]);
    let aborted = cluster.begin();
    cluster.ask_commit(aborted, [1]);
    cluster.deliver_all();
    let last = cluster.commit([1]);
    assert_eq!(cluster.participant(1).watermark, last);
    cluster.restart(ONE);
    assert_eq!(cluster.participant(1).watermark, last);
    for transaction in [committed, aborted] {
        assert_eq!(cluster.status(1, transaction), None);
        cluster.receive(COORDINATOR, ONE, prepare(transaction, transaction));
        assert_eq!(cluster.network, []);
        let told = cluster.submit(ONE, Request::Work(transaction));
        assert!(matches!(told[..], [Output::Refused(..)]));
    }
    assert_eq!(cluster.participant(1).watermark, last);
}

#[test]
fn what_is_at_work_or_in_doubt_below_the_watermark_is_not_retired() {
    let mut cluster = Cluster::new(1);
    cluster.commit([1]);
    let in_doubt = cluster.prepare([1]);
    cluster.deliver();
    cluster.network.clear();
    cluster.commit([1]);
    let working = cluster.begin();
    cluster.work(working, [1]);
    cluster.restart(COORDINATOR);
    let later = cluster.commit([1]);
    assert_eq!(cluster.participant(1).watermark, later);
    assert_eq!(cluster.status(1, working), Some(Status::Working));
    cluster.restart(ONE);
    let prepared = Status::Prepared { peers: ids([]) };
    assert_eq!(cluster.status(1, in_doubt), Some(prepared));
    cluster.fire(ONE, Timer::Inquire(in_doubt));
    cluster.deliver_all();
    assert_eq!(cluster.status(1, in_doubt), Some(Status::Aborted));
}

#[test]
fn the_watermark_stays_below_a_commit_that_is_not_acknowledged_by_all() {
    let mut cluster = Cluster::new(2);
    let held_up = cluster.prepare([1, 2]);
    cluster.deliver();
    cluster.deliver();
    cluster.deliver();
    cluster.deliver();
    cluster.network.clear();
    cluster.restart(COORDINATOR);
    for _ in 0..5 {
        cluster.commit([1]);
    }
    assert!(cluster.participant(1).watermark <= held_up);
    cluster.fire(COORDINATOR, Timer::Resend(held_up));
    cluster.deliver_all();
    cluster.commit([1]);
    assert!(cluster.participant(1).watermark > held_up);
}

#[test]
fn memory_stays_bounded_over_a_thousand_transactions() {
    let mut cluster = Cluster::new(3);
    for round in 0..1_000_u16 {
        match round % 5 {
            // A refusal.
            0 => {
                let transaction = cluster.begin();
                cluster.work(transaction, [1, 2]);
                cluster.ask_commit(transaction, [1, 2, 3]);
                cluster.deliver_all();
            }
            // A vote that does not come.
            1 => {
                let transaction = cluster.prepare([1, 2, 3]);
                cluster.network.pop();
                cluster.deliver_all();
                cluster.fire(COORDINATOR, Timer::Deadline(transaction));
                cluster.deliver_all();
            }
            // A change of mind.
            2 => {
                let transaction = cluster.prepare([1, 2, 3]);
                cluster.submit(COORDINATOR, Request::Abort(transaction));
                cluster.deliver_all();
            }
            _ => {
                cluster.commit([1, 2, 3]);
            }
        }
        if round % 7 == 0 {
            cluster.restart(ProcessId(round % 4));
        }
        assert!(cluster.coordinator().transactions.is_empty());
        assert!(
            fold::<TwoPhaseCommit>(&cluster.node(0).log)
                .committed
                .is_empty()
        );
        for participant in 1..=3 {
            assert!(cluster.participant(participant).statuses.len() <= 2);
            assert!(
                fold::<TwoPhaseCommit>(&cluster.node(participant).log)
                    .statuses
                    .len()
                    <= 2
            );
        }
    }
}

/// The price of telling the watermark on Prepares only.
#[test]
fn aborts_at_a_participant_are_kept_until_its_next_prepare() {
    let mut cluster = Cluster::new(1);
    for _ in 0..100 {
        let transaction = cluster.begin();
        cluster.work(transaction, [1]);
        cluster.submit(ONE, Request::Abort(transaction));
        cluster.submit(COORDINATOR, Request::Abort(transaction));
    }
    assert_eq!(cluster.participant(1).statuses.len(), 100);
    cluster.commit([1]);
    assert_eq!(cluster.participant(1).statuses.len(), 1);
}

/// Its inquiry comes so late that it knows itself, and everybody else has forgotten.
#[test]
fn an_answer_to_an_old_inquiry_changes_no_outcome() {
    let mut cluster = Cluster::new(1);
    let transaction = cluster.commit([1]);
    cluster.receive(ONE, COORDINATOR, Message::Inquire { transaction });
    assert_eq!(cluster.network.len(), 1, "abort, presumed");
    cluster.deliver_all();
    assert_eq!(cluster.status(1, transaction), Some(Status::Committed));
    let stale = Message::Vote {
        transaction,
        vote: Vote::No,
    };
    assert_eq!(cluster.receive(ONE, COORDINATOR, stale), []);
}

#[test]
fn a_start_twice_in_a_row_finds_the_same() {
    let mut cluster = busy_cluster();
    for process in [ONE, ProcessId(2)] {
        cluster.restart(process);
        let first = cluster.nodes[process.index()].state.clone();
        cluster.restart(process);
        assert_eq!(cluster.nodes[process.index()].state, first);
    }
    let durable = fold::<TwoPhaseCommit>(&cluster.node(0).log);
    cluster.crash(COORDINATOR);
    cluster.nodes[0].state = Some(State::Coordinator(Default::default()));
    cluster.step(COORDINATOR, Input::Start(durable.clone()));
    assert_eq!(cluster.coordinator().epoch, durable.epoch + 1);
    assert_eq!(id(cluster.coordinator().epoch, 1), cluster.begin());
}

#[test]
fn an_old_prepare_does_not_lower_the_watermark() {
    let mut cluster = Cluster::new(1);
    cluster.work(id(1, 1), [1]);
    cluster.receive(COORDINATOR, ONE, prepare(id(1, 1), id(1, 1)));
    // Unknown, so aborted: 1.2, and 1.5, which retires 1.2. Then 1.1, in doubt so far, is finished too.
    cluster.receive(COORDINATOR, ONE, prepare(id(1, 2), id(1, 1)));
    cluster.receive(COORDINATOR, ONE, prepare(id(1, 5), id(1, 4)));
    cluster.receive(COORDINATOR, ONE, decided(id(1, 1), Decision::Abort));
    // An old Prepare finds that outcome to retire.
    cluster.receive(COORDINATOR, ONE, prepare(id(1, 3), id(1, 2)));
    assert_eq!(cluster.status(1, id(1, 1)), None);
    assert_eq!(cluster.participant(1).watermark, id(1, 4));
    let told = cluster.submit(ONE, Request::Work(id(1, 2)));
    assert_eq!(told, [Output::Refused(id(1, 2), Refusal::Finished)]);
}
