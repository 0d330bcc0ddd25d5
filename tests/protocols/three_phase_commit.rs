//! What three-phase commit claims, one sentence at a time: phases, termination rules, recovery.

use crate::harness::{Cluster, Envelope, ONE, TWO, id, ids};
use quorate::protocol::{EffectList, Input, ProcessId, Protocol};
use quorate::three_phase_commit::{
    COORDINATOR, Decision, Message, Output, Progress, Record, Refusal, Request, Standing,
    ThreePhaseCommit, Timer, TransactionId, Vote,
};

type Three = Cluster<ThreePhaseCommit>;

const THREE: ProcessId = ProcessId(3);

fn cluster(participants: usize) -> Three {
    Cluster::of(ThreePhaseCommit::new(participants).expect("a sensible number"))
}

fn standing(cluster: &Three, process: ProcessId, transaction: TransactionId) -> Standing {
    let knows = cluster.nodes[process.index()].state.as_ref();
    knows.expect("a live process").standing(transaction)
}

fn suspect(transaction: TransactionId, process: ProcessId) -> Timer {
    Timer::Suspect {
        transaction,
        process,
    }
}

/// Delivers what is in flight from one process to another, oldest first, until nothing is.
fn deliver_between(cluster: &mut Three, from: ProcessId, to: ProcessId) {
    let is_between = |envelope: &Envelope<Message>| envelope.from == from && envelope.to == to;
    while let Some(at) = cluster.network.iter().position(is_between) {
        let Envelope { message, .. } = cluster.network.remove(at);
        cluster.receive(from, to, message);
    }
}

fn lose_all_from(cluster: &mut Three, from: ProcessId) {
    cluster.network.retain(|envelope| envelope.from != from);
}

fn told_last(cluster: &Three, process: ProcessId) -> Option<Output> {
    cluster.nodes[process.index()].outputs.last().copied()
}

/// All have voted Yes, and the coordinator's messages of the second phase are in flight.
fn voted(participants: u16) -> (Three, TransactionId) {
    let mut cluster = cluster(usize::from(participants));
    let transaction = cluster.prepare(1..=participants);
    for _ in 0..2 * participants {
        cluster.deliver();
    }
    (cluster, transaction)
}

/// The coordinator's `Started`, one per start and none per transaction, is not counted.
#[test]
fn a_committed_transaction_of_n_participants_costs_2n_plus_2_forced_writes_and_5n_messages() {
    for n in 1..=6_u16 {
        let mut cluster = cluster(usize::from(n));
        let before = cluster.forced();
        let transaction = cluster.commit(1..=n);
        assert_eq!(cluster.forced() - before, 2 * usize::from(n) + 2);
        assert_eq!(cluster.sent.len(), 5 * usize::from(n));
        for node in &cluster.nodes {
            let last = Output::Decided(transaction, Decision::Commit);
            assert_eq!(node.outputs.last(), Some(&last));
            assert_eq!(node.lazy, []);
            assert!(node.timers.is_empty());
        }
    }
}

#[test]
fn a_no_aborts_and_whoever_has_said_it_is_not_told() {
    let mut cluster = cluster(2);
    let transaction = cluster.begin();
    cluster.work(transaction, [2]);
    cluster.ask_commit(transaction, [1, 2]);
    cluster.deliver_all();
    let abort = Message::Decision {
        transaction,
        decision: Decision::Abort,
    };
    let told = cluster.sent.iter().filter(|e| e.message == abort);
    assert_eq!(told.map(|e| e.to).collect::<Vec<_>>(), [TWO]);
    for process in [COORDINATOR, ONE, TWO] {
        let aborted = Output::Decided(transaction, Decision::Abort);
        assert_eq!(told_last(&cluster, process), Some(aborted));
    }
    let own = Record::Aborted { transaction };
    assert!(cluster.node(1).forced.contains(&own), "before it says No");
    assert_eq!(cluster.node(2).lazy, [own], "it was told");
}

#[test]
fn votes_that_do_not_come_abort_and_who_votes_yes_too_late_asks_for_the_outcome() {
    let mut cluster = cluster(2);
    let transaction = cluster.prepare([1, 2]);
    deliver_between(&mut cluster, COORDINATOR, ONE);
    let told = cluster.fire(COORDINATOR, Timer::Deadline { transaction });
    assert_eq!(told, [Output::Decided(transaction, Decision::Abort)]);
    lose_all_from(&mut cluster, COORDINATOR);
    cluster.deliver_all();
    assert_eq!(standing(&cluster, ONE, transaction), Standing::Uncertain);
    cluster.fire(ONE, Timer::Resend { transaction });
    cluster.deliver_all();
    assert_eq!(standing(&cluster, ONE, transaction), Standing::Aborted);
}

#[test]
fn tr3_if_all_are_uncertain_the_next_participant_aborts() {
    let (mut cluster, transaction) = voted(2);
    cluster.crash(COORDINATOR);
    lose_all_from(&mut cluster, COORDINATOR);
    cluster.fire(ONE, suspect(transaction, COORDINATOR));
    cluster.deliver_all();
    for process in [ONE, TWO] {
        assert_eq!(standing(&cluster, process, transaction), Standing::Aborted);
    }
}

#[test]
fn tr4_if_one_is_committable_all_become_so_before_it_commits() {
    let (mut cluster, transaction) = voted(3);
    deliver_between(&mut cluster, COORDINATOR, THREE);
    cluster.crash(COORDINATOR);
    lose_all_from(&mut cluster, COORDINATOR);
    cluster.fire(ONE, suspect(transaction, COORDINATOR));
    for other in [TWO, THREE] {
        deliver_between(&mut cluster, ONE, other);
        deliver_between(&mut cluster, other, ONE);
    }
    assert_eq!(standing(&cluster, ONE, transaction), Standing::Committable);
    let pre_commits = cluster.network.iter().filter(|e| e.from == ONE);
    let pre_commits: Vec<_> = pre_commits.map(|e| (e.to, e.message.clone())).collect();
    assert_eq!(pre_commits, [(TWO, Message::PreCommit { transaction })]);
    cluster.deliver_all();
    for process in [ONE, TWO, THREE] {
        assert_eq!(
            standing(&cluster, process, transaction),
            Standing::Committed
        );
    }
}

#[test]
fn tr1_and_tr2_if_one_has_decided_all_follow() {
    for (decision, finished) in [
        (Decision::Abort, Standing::Aborted),
        (Decision::Commit, Standing::Committed),
    ] {
        let (mut cluster, transaction) = voted(2);
        cluster.network.clear();
        for process in [ONE, TWO] {
            let pre_commit = Message::PreCommit { transaction };
            if decision == Decision::Commit {
                cluster.receive(COORDINATOR, process, pre_commit);
            }
        }
        let message = Message::Decision {
            transaction,
            decision,
        };
        cluster.receive(COORDINATOR, TWO, message);
        cluster.network.clear();
        cluster.crash(COORDINATOR);
        cluster.fire(ONE, suspect(transaction, COORDINATOR));
        cluster.deliver_all();
        assert_eq!(standing(&cluster, ONE, transaction), finished);
    }
}

#[test]
fn a_participant_that_has_not_voted_is_counted_as_aborted_and_never_votes_yes() {
    let mut cluster = cluster(2);
    let transaction = cluster.prepare([1, 2]);
    deliver_between(&mut cluster, COORDINATOR, ONE);
    cluster.crash(COORDINATOR);
    cluster.fire(ONE, suspect(transaction, COORDINATOR));
    deliver_between(&mut cluster, ONE, TWO);
    assert_eq!(standing(&cluster, TWO, transaction), Standing::Aborted);
    cluster.deliver_all();
    assert_eq!(standing(&cluster, ONE, transaction), Standing::Aborted);
    assert_eq!(standing(&cluster, TWO, transaction), Standing::Aborted);
}

#[test]
fn whoever_has_answered_a_later_coordinator_ignores_the_one_before() {
    let (mut cluster, transaction) = voted(2);
    let request = Message::StateRequest { transaction };
    cluster.receive(ONE, TWO, request);
    deliver_between(&mut cluster, COORDINATOR, TWO);
    assert_eq!(standing(&cluster, TWO, transaction), Standing::Uncertain);
    let acknowledges =
        |e: &Envelope<Message>| e.from == TWO && matches!(e.message, Message::Acknowledge { .. });
    assert!(!cluster.network.iter().any(acknowledges));
}

#[test]
fn if_the_one_that_is_elected_fails_the_next_is() {
    let (mut cluster, transaction) = voted(3);
    cluster.crash(COORDINATOR);
    cluster.crash(ONE);
    cluster.network.clear();
    cluster.fire(TWO, suspect(transaction, COORDINATOR));
    cluster.fire(TWO, suspect(transaction, ONE));
    cluster.deliver_all();
    for process in [TWO, THREE] {
        assert_eq!(standing(&cluster, process, transaction), Standing::Aborted);
    }
}

#[test]
fn a_recovered_participant_is_not_counted_and_asks_until_somebody_knows() {
    let (mut cluster, transaction) = voted(2);
    cluster.network.clear();
    cluster.restart(ONE);
    assert_eq!(standing(&cluster, ONE, transaction), Standing::Recovering);
    // It neither coordinates nor reports.
    cluster.network.clear();
    cluster.receive(TWO, ONE, Message::Elected { transaction });
    cluster.receive(TWO, ONE, Message::StateRequest { transaction });
    assert_eq!(cluster.network, []);
    // Its question says that it has failed, so the coordinator does not wait for it.
    cluster.fire(ONE, Timer::Inquire { transaction });
    let pre_commit = Message::PreCommit { transaction };
    cluster.receive(COORDINATOR, TWO, pre_commit);
    cluster.deliver_all();
    assert_eq!(standing(&cluster, TWO, transaction), Standing::Committed);
    assert_eq!(standing(&cluster, ONE, transaction), Standing::Recovering);
    cluster.fire(ONE, Timer::Inquire { transaction });
    cluster.deliver_all();
    assert_eq!(standing(&cluster, ONE, transaction), Standing::Committed);
}

#[test]
fn what_was_lost_is_said_again() {
    let (mut cluster, transaction) = voted(2);
    cluster.network.clear();
    cluster.fire(COORDINATOR, Timer::Resend { transaction });
    cluster.deliver_all();
    assert_eq!(
        standing(&cluster, COORDINATOR, transaction),
        Standing::Committed
    );

    // The outcome is asked of a coordinator that has decided.
    let (mut cluster, transaction) = voted(1);
    deliver_between(&mut cluster, COORDINATOR, ONE);
    deliver_between(&mut cluster, ONE, COORDINATOR);
    cluster.network.clear();
    cluster.fire(ONE, Timer::Resend { transaction });
    cluster.deliver_all();
    assert_eq!(standing(&cluster, ONE, transaction), Standing::Committed);
}

#[test]
fn strangers_and_messages_for_the_other_role_change_nothing() {
    let (mut cluster, transaction) = voted(2);
    let before: Vec<_> = cluster
        .nodes
        .iter()
        .map(|node| node.state.clone())
        .collect();
    cluster.network.clear();
    for message in [
        Message::Inquire { transaction },
        Message::Acknowledge { transaction },
        Message::PreCommit { transaction },
    ] {
        cluster.receive(ProcessId(7), ONE, message.clone());
        cluster.receive(ProcessId(7), COORDINATOR, message);
    }
    let vote = Vote::No;
    cluster.receive(TWO, ONE, Message::Vote { transaction, vote });
    let participants = ids([1, 2]);
    let prepare = Message::Prepare {
        transaction,
        participants,
    };
    cluster.receive(TWO, ONE, prepare);
    let after: Vec<_> = cluster
        .nodes
        .iter()
        .map(|node| node.state.clone())
        .collect();
    assert!(before == after);
    assert_eq!(cluster.network, []);
}

#[test]
fn whoever_takes_no_part_has_no_say() {
    let mut cluster = cluster(3);
    let transaction = cluster.prepare([1, 2]);
    deliver_between(&mut cluster, COORDINATOR, ONE);
    cluster.network.clear();
    let before = cluster.node(1).state.clone();
    let decision = Decision::Commit;
    let standing = Standing::Committed;
    for message in [
        Message::Elected { transaction },
        Message::StateRequest { transaction },
        Message::StateReport {
            transaction,
            standing,
        },
        Message::PreCommit { transaction },
        Message::Decision {
            transaction,
            decision,
        },
        Message::Inquire { transaction },
    ] {
        cluster.receive(THREE, ONE, message);
    }
    assert!(cluster.node(1).state == before);
    // Nor does a Prepare with processes that do not exist, or the coordinator among its participants.
    for participants in [ids([1, 7]), ids([0, 1])] {
        let transaction = id(1, 2);
        let prepare = Message::Prepare {
            transaction,
            participants,
        };
        cluster.receive(COORDINATOR, ONE, prepare);
    }
    assert!(cluster.node(1).state == before);
    assert_eq!(cluster.network, []);
}

#[test]
fn a_report_of_what_no_process_reports_is_not_counted() {
    let (mut cluster, transaction) = voted(2);
    cluster.network.clear();
    cluster.crash(COORDINATOR);
    cluster.fire(ONE, suspect(transaction, COORDINATOR));
    for standing in [Standing::Unknown, Standing::Working, Standing::Recovering] {
        let report = Message::StateReport {
            transaction,
            standing,
        };
        cluster.receive(TWO, ONE, report);
    }
    assert_eq!(standing(&cluster, ONE, transaction), Standing::Uncertain);
}

#[test]
fn whoever_has_decided_answers_a_pre_commit_with_the_outcome() {
    let (mut cluster, transaction) = voted(1);
    cluster.network.clear();
    cluster.fire(ONE, suspect(transaction, COORDINATOR));
    assert_eq!(standing(&cluster, ONE, transaction), Standing::Aborted);
    cluster.fire(COORDINATOR, Timer::Resend { transaction });
    cluster.deliver_all();
    assert_eq!(
        standing(&cluster, COORDINATOR, transaction),
        Standing::Aborted
    );
}

#[test]
fn a_timer_that_is_not_set_fires_too_late_and_changes_nothing() {
    let (mut cluster, transaction) = voted(3);
    cluster.network.clear();
    let before = cluster.node(1).state.clone();
    // It waits for the coordinator, and not for another participant.
    let mut state = before.clone().expect("a live process");
    let mut effects = EffectList::new();
    let late = Input::Timeout(suspect(transaction, TWO));
    cluster.protocol.step(ONE, &mut state, late, &mut effects);
    assert!(Some(state) == before);
    assert_eq!(effects.as_slice(), []);
}

#[test]
fn requests_that_cannot_be_met_are_refused() {
    let (mut cluster, transaction) = voted(2);
    let refused = |refusal| [Output::Refused(transaction, refusal)];
    let abort = Request::Abort(transaction);
    assert_eq!(
        cluster.submit(ONE, abort.clone()),
        refused(Refusal::Prepared)
    );
    assert_eq!(
        cluster.submit(COORDINATOR, abort.clone()),
        refused(Refusal::Prepared)
    );
    assert_eq!(
        cluster.submit(COORDINATOR, Request::Work(transaction)),
        refused(Refusal::Role)
    );
    cluster.deliver_all();
    assert_eq!(
        cluster.submit(ONE, abort.clone()),
        refused(Refusal::Finished)
    );
    assert_eq!(
        cluster.submit(COORDINATOR, abort),
        refused(Refusal::Finished)
    );
    let again = cluster.ask_commit(transaction, [1, 2]);
    assert_eq!(again, [Output::Decided(transaction, Decision::Commit)]);
    let unknown = id(9, 9);
    assert_eq!(
        cluster.ask_commit(unknown, [1]),
        [Output::Refused(unknown, Refusal::Unknown)]
    );
    let next = cluster.begin();
    for nobody in [vec![], vec![0], vec![3]] {
        let refused = [Output::Refused(next, Refusal::Participants)];
        assert_eq!(cluster.ask_commit(next, nobody), refused);
    }
    assert_eq!(
        cluster.submit(ONE, Request::Begin),
        [Output::Refused(TransactionId::default(), Refusal::Role)]
    );
}

#[test]
fn a_configuration_without_participants_or_with_too_many_is_refused() {
    assert!(ThreePhaseCommit::new(0).is_err());
    assert!(ThreePhaseCommit::new(65_536).is_err());
    assert!(ThreePhaseCommit::new(65_535).is_ok());
}

#[test]
fn a_process_reads_well() {
    let (mut cluster, transaction) = voted(2);
    cluster.crash(COORDINATOR);
    lose_all_from(&mut cluster, COORDINATOR);
    cluster.fire(ONE, suspect(transaction, COORDINATOR));
    let reads = |process: u16| format!("{:?}", cluster.node(process).state.as_ref().unwrap());
    assert_eq!(
        reads(1),
        "t1.1 uncertain, asks for states ({1: Uncertain}), suspects {0}"
    );
    assert_eq!(reads(2), "t1.1 uncertain, follows 0");
    assert!(matches!(
        cluster.node(2).state.as_ref().unwrap().transactions[&transaction],
        Progress::Undecided(_)
    ));
}
