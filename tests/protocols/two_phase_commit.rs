//! What two-phase commit with presumed abort claims, one sentence at a time: costs, votes and
//! answers.

use crate::harness::{Cluster, Envelope, ONE, TWO, decided, ids, prepare, vote};
use quorate::protocol::ProcessId;
use quorate::two_phase_commit::{
    COORDINATOR, Decision, Message, Output, Record, Refusal, Request, Status, Timer,
    TwoPhaseCommit, Vote,
};

/// What is in flight from one process to another.
fn in_flight(cluster: &Cluster, from: ProcessId, to: ProcessId) -> Vec<Message> {
    let network = cluster.network.iter();
    let between = network.filter(|envelope| envelope.from == from && envelope.to == to);
    between.map(|envelope| envelope.message.clone()).collect()
}

/// The coordinator's `Started`, one per start and none per transaction, is not counted.
#[test]
fn a_committed_transaction_of_n_participants_costs_2n_plus_1_forced_writes_and_4n_messages() {
    for n in 1..=6_u16 {
        let mut cluster = Cluster::new(usize::from(n));
        let before = cluster.forced();
        let transaction = cluster.commit(1..=n);
        let n = usize::from(n);
        assert_eq!(cluster.forced() - before, 2 * n + 1);
        assert_eq!(cluster.sent.len(), 4 * n);
        assert_eq!(cluster.node(0).forced.len(), 2, "Started and Commit");
        assert_eq!(cluster.node(0).lazy, [Record::End { transaction }]);
        for participant in 1..=n {
            let told = &cluster.nodes[participant].outputs;
            let last = Output::Decided(transaction, Decision::Commit);
            assert_eq!(told.last(), Some(&last));
            assert_eq!(cluster.nodes[participant].lazy, []);
        }
        assert!(cluster.coordinator().transactions.is_empty());
    }
}

#[test]
fn a_transaction_that_one_of_n_refuses_costs_n_forced_writes_none_of_them_the_coordinators() {
    for n in 1..=6_u16 {
        let mut cluster = Cluster::new(usize::from(n));
        let before = cluster.forced();
        let transaction = cluster.begin();
        cluster.work(transaction, 2..=n);
        cluster.ask_commit(transaction, 1..=n);
        cluster.deliver_all();
        let n = usize::from(n);
        assert_eq!(cluster.forced() - before, n, "a No, and Prepared elsewhere");
        // Prepare and a vote of each; Abort to all but the one who knows.
        assert_eq!(cluster.sent.len(), 3 * n - 1);
        assert_eq!(cluster.node(0).forced, [Record::Started { epoch: 1 }]);
        assert_eq!(cluster.node(0).lazy, []);
        assert!(cluster.coordinator().transactions.is_empty());
        for node in &cluster.nodes {
            let last = Output::Decided(transaction, Decision::Abort);
            assert_eq!(node.outputs.last(), Some(&last));
        }
    }
}

#[test]
fn an_abort_that_is_told_is_written_lazily_and_not_acknowledged() {
    let mut cluster = Cluster::new(1);
    let transaction = cluster.prepare([1]);
    cluster.deliver();
    cluster.network.clear();
    let told = cluster.receive(COORDINATOR, ONE, decided(transaction, Decision::Abort));
    assert_eq!(told, [Output::Decided(transaction, Decision::Abort)]);
    assert_eq!(cluster.node(1).lazy, [Record::Aborted { transaction }]);
    assert_eq!(cluster.network, []);
}

#[test]
fn nobody_learns_of_a_promise_a_commit_or_an_own_abort_before_it_is_durable() {
    let mut cluster = Cluster::new(2);
    cluster.disks_are_slow = true;
    cluster.flush(COORDINATOR);
    let refused = cluster.begin();
    cluster.work(refused, [1]);
    assert_eq!(cluster.submit(ONE, Request::Abort(refused)), []);
    let transaction = cluster.prepare([1, 2]);
    cluster.deliver_all();
    assert_eq!(cluster.network, [], "no votes");
    cluster.flush(ONE);
    cluster.flush(TWO);
    let aborted = Output::Decided(refused, Decision::Abort);
    assert!(cluster.node(1).outputs.contains(&aborted));
    cluster.deliver_all();
    assert_eq!(cluster.network, [], "no commits");
    let committed = Output::Decided(transaction, Decision::Commit);
    assert!(!cluster.node(0).outputs.contains(&committed));
    cluster.flush(COORDINATOR);
    assert_eq!(in_flight(&cluster, COORDINATOR, TWO).len(), 1);
    cluster.deliver_all();
    assert_eq!(cluster.network, [], "no acknowledgements");
    cluster.flush(ONE);
    cluster.flush(TWO);
    assert_eq!(cluster.network.len(), 2);
}

#[test]
fn a_vote_that_does_not_come_aborts() {
    let mut cluster = Cluster::new(2);
    let transaction = cluster.prepare([1, 2]);
    cluster.deliver();
    cluster.deliver();
    cluster.deliver();
    cluster.network.clear();
    let told = cluster.fire(COORDINATOR, Timer::Deadline(transaction));
    assert_eq!(told, [Output::Decided(transaction, Decision::Abort)]);
    // The vote comes after all.
    assert_eq!(
        cluster.receive(TWO, COORDINATOR, vote(transaction, Vote::Yes)),
        []
    );
    cluster.deliver_all();
    assert_eq!(cluster.status(1, transaction), Some(Status::Aborted));
    assert_eq!(cluster.status(2, transaction), Some(Status::Aborted));
}

#[test]
fn an_unknown_transaction_is_answered_with_abort() {
    let mut cluster = Cluster::new(1);
    let transaction = cluster.prepare([1]);
    cluster.deliver();
    cluster.network.clear();
    cluster.restart(COORDINATOR);
    cluster.fire(ONE, Timer::Inquire(transaction));
    cluster.deliver_all();
    assert_eq!(cluster.status(1, transaction), Some(Status::Aborted));
}

#[test]
fn an_inquiry_is_not_answered_while_votes_come_in_and_with_commit_after() {
    let mut cluster = Cluster::new(2);
    let transaction = cluster.prepare([1, 2]);
    cluster.receive(ONE, COORDINATOR, Message::Inquire { transaction });
    assert!(
        in_flight(&cluster, COORDINATOR, ONE).len() == 1,
        "Prepare only"
    );
    cluster.deliver_all();
    let transaction = cluster.prepare([1, 2]);
    cluster.deliver();
    cluster.deliver();
    cluster.deliver();
    cluster.deliver();
    cluster.network.clear();
    cluster.fire(ONE, Timer::Inquire(transaction));
    cluster.deliver_all();
    assert_eq!(cluster.status(1, transaction), Some(Status::Committed));
    assert_eq!(
        cluster.status(2, transaction),
        Some(Status::Prepared { peers: ids([]) })
    );
}

#[test]
fn a_commit_is_resent_to_those_who_have_not_acknowledged_and_then_forgotten() {
    let mut cluster = Cluster::new(2);
    let transaction = cluster.prepare([1, 2]);
    for _ in 0..5 {
        cluster.deliver();
    }
    cluster.network.retain(|envelope| envelope.from == ONE);
    cluster.deliver_all();
    cluster.fire(COORDINATOR, Timer::Resend(transaction));
    let again = Envelope {
        from: COORDINATOR,
        to: TWO,
        message: decided(transaction, Decision::Commit),
    };
    assert_eq!(cluster.network, [again]);
    cluster.deliver_all();
    assert_eq!(cluster.progress(transaction), None);
    assert!(cluster.node(0).timers.is_empty());
}

#[test]
fn a_participant_that_lost_its_work_votes_no_and_does_not_take_the_work_up_again() {
    let mut cluster = Cluster::new(1);
    let transaction = cluster.prepare([1]);
    cluster.restart(ONE);
    cluster.deliver();
    let no = vote(transaction, Vote::No);
    assert_eq!(in_flight(&cluster, ONE, COORDINATOR), [no]);
    cluster.restart(ONE);
    let refused = Output::Refused(transaction, Refusal::Finished);
    assert_eq!(cluster.submit(ONE, Request::Work(transaction)), [refused]);
}

#[test]
fn a_participant_that_aborted_votes_no_also_after_a_crash() {
    let mut cluster = Cluster::new(1);
    let transaction = cluster.prepare([1]);
    cluster.submit(ONE, Request::Abort(transaction));
    cluster.restart(ONE);
    cluster.deliver();
    let no = vote(transaction, Vote::No);
    assert_eq!(in_flight(&cluster, ONE, COORDINATOR), [no]);
}

#[test]
fn a_repeated_prepare_is_answered_the_same_and_one_of_a_decided_transaction_not() {
    for answer in [Vote::Yes, Vote::No] {
        let mut cluster = Cluster::new(1);
        let transaction = cluster.begin();
        if answer == Vote::Yes {
            cluster.work(transaction, [1]);
        }
        for _ in 0..3 {
            cluster.receive(COORDINATOR, ONE, prepare(transaction, transaction));
        }
        let votes = in_flight(&cluster, ONE, COORDINATOR);
        assert_eq!(votes, vec![vote(transaction, answer); 3]);
        assert_eq!(cluster.node(1).forced.len(), 1);
    }
    let mut cluster = Cluster::new(1);
    let transaction = cluster.commit([1]);
    assert_eq!(
        cluster.receive(COORDINATOR, ONE, prepare(transaction, transaction)),
        []
    );
    assert_eq!(cluster.network, []);
}

#[test]
fn a_late_commit_is_acknowledged_again_also_when_its_outcome_is_retired() {
    let mut cluster = Cluster::new(1);
    let first = cluster.commit([1]);
    let second = cluster.commit([1]);
    assert_eq!(cluster.status(1, first), None);
    for transaction in [first, second] {
        let writes = cluster.forced();
        let late = decided(transaction, Decision::Commit);
        assert_eq!(cluster.receive(COORDINATOR, ONE, late), []);
        let acknowledgement = Message::Acknowledge { transaction };
        assert_eq!(in_flight(&cluster, ONE, COORDINATOR), [acknowledgement]);
        cluster.deliver_all();
        assert_eq!(cluster.forced(), writes);
    }
}

#[test]
fn transactions_at_once_with_different_participants_do_not_disturb_each_other() {
    let mut cluster = Cluster::new(3);
    let both = cluster.prepare([1, 2]);
    let other = cluster.prepare([2, 3]);
    let lost = cluster.begin();
    cluster.ask_commit(lost, [1, 3]);
    cluster.network.reverse();
    cluster.deliver_all();
    for (participant, transaction, status) in [
        (1, both, Some(Status::Committed)),
        (2, both, Some(Status::Committed)),
        (3, both, None),
        (1, other, None),
        (2, other, Some(Status::Committed)),
        (3, other, Some(Status::Committed)),
        (1, lost, Some(Status::Aborted)),
        (2, lost, None),
        (3, lost, Some(Status::Aborted)),
    ] {
        assert_eq!(cluster.status(participant, transaction), status);
    }
}

#[test]
fn a_participant_in_doubt_asks_its_peers_if_it_is_configured_to() {
    for is_cooperative in [false, true] {
        let protocol = TwoPhaseCommit::new(3).expect("a sensible number");
        let mut cluster = Cluster::of(protocol.cooperative(is_cooperative));
        let transaction = cluster.prepare([1, 2, 3]);
        for _ in 0..7 {
            cluster.deliver();
        }
        // Commit has reached participant 1, and no other ever.
        cluster.network.clear();
        cluster.crash(COORDINATOR);
        cluster.fire(TWO, Timer::Inquire(transaction));
        cluster.deliver_all();
        let learnt = cluster.status(2, transaction) == Some(Status::Committed);
        assert_eq!(learnt, is_cooperative);
    }
}

#[test]
fn a_peer_that_has_not_voted_aborts_durably_before_it_says_so() {
    let protocol = TwoPhaseCommit::new(2).expect("a sensible number");
    let mut cluster = Cluster::of(protocol.cooperative(true));
    let transaction = cluster.prepare([1, 2]);
    cluster.deliver();
    let late = cluster.network.remove(0);
    cluster.network.clear();
    cluster.fire(ONE, Timer::Inquire(transaction));
    cluster.disks_are_slow = true;
    cluster.deliver_all();
    assert_eq!(
        cluster.status(1, transaction),
        Some(Status::Prepared { peers: ids([2]) })
    );
    cluster.flush(TWO);
    cluster.deliver_all();
    assert_eq!(cluster.status(1, transaction), Some(Status::Aborted));
    cluster.restart(TWO);
    cluster.receive(late.from, late.to, late.message);
    assert_eq!(
        in_flight(&cluster, TWO, COORDINATOR),
        [vote(transaction, Vote::No)]
    );
}

#[test]
fn a_peer_that_has_retired_a_transaction_says_that_it_was_aborted() {
    let protocol = TwoPhaseCommit::new(2).expect("a sensible number");
    let mut cluster = Cluster::of(protocol.cooperative(true));
    let transaction = cluster.prepare([1, 2]);
    cluster.deliver();
    cluster.deliver();
    // Both are in doubt, their votes are lost, and the abort reaches one of them.
    cluster.network.clear();
    cluster.fire(COORDINATOR, Timer::Deadline(transaction));
    cluster.deliver();
    cluster.network.clear();
    cluster.commit([1]);
    assert_eq!(cluster.status(1, transaction), None);
    cluster.crash(COORDINATOR);
    cluster.fire(TWO, Timer::Inquire(transaction));
    cluster.deliver_all();
    assert_eq!(cluster.status(2, transaction), Some(Status::Aborted));
}
