//! What two-phase commit takes for nonsense, and what its messages and records are on a wire.

use std::collections::BTreeSet;

use crate::harness::{Cluster, ONE, TWO, decided, id, ids, prepare, vote};
use quorate::protocol::ProcessId;
use quorate::two_phase_commit::{
    COORDINATOR, Decision, Message, Output, Record, Refusal, Request, Timer, TransactionId,
    TwoPhaseCommit, Vote,
};

#[test]
fn requests_that_make_no_sense_are_refused_with_their_reason_and_change_nothing() {
    let mut cluster = Cluster::new(2);
    let working = cluster.begin();
    let committed = cluster.prepare([1]);
    for _ in 0..3 {
        cluster.deliver();
    }
    let in_doubt = cluster.prepare([2]);
    cluster.deliver_all();
    let unknown = id(1, 99);
    let prepared = id(2, 1);
    cluster.submit(ONE, Request::Work(prepared));
    cluster.receive(COORDINATOR, ONE, prepare(prepared, id(1, 1)));
    let commit = |transaction, participants: &[u16]| Request::Commit {
        transaction,
        participants: ids(participants.iter().copied()),
    };
    let nothing = TransactionId::default();
    for (process, request, transaction, refusal) in [
        (COORDINATOR, Request::Work(working), working, Refusal::Role),
        (ONE, Request::Begin, nothing, Refusal::Role),
        (ONE, commit(working, &[1]), working, Refusal::Role),
        (
            COORDINATOR,
            commit(unknown, &[1]),
            unknown,
            Refusal::Unknown,
        ),
        (
            COORDINATOR,
            commit(working, &[]),
            working,
            Refusal::Participants,
        ),
        (
            COORDINATOR,
            commit(working, &[0, 1]),
            working,
            Refusal::Participants,
        ),
        (
            COORDINATOR,
            commit(working, &[1, 3]),
            working,
            Refusal::Participants,
        ),
        (
            COORDINATOR,
            Request::Abort(unknown),
            unknown,
            Refusal::Unknown,
        ),
        (
            COORDINATOR,
            Request::Abort(in_doubt),
            in_doubt,
            Refusal::Unknown,
        ),
        (ONE, Request::Abort(unknown), unknown, Refusal::Unknown),
        (ONE, Request::Abort(prepared), prepared, Refusal::Prepared),
        (ONE, Request::Work(prepared), prepared, Refusal::Prepared),
        (ONE, Request::Abort(committed), committed, Refusal::Finished),
        (ONE, Request::Work(committed), committed, Refusal::Finished),
    ] {
        let state = cluster.nodes[process.index()].state.clone();
        let (writes, sent) = (cluster.forced(), cluster.sent.len());
        let told = cluster.submit(process, request.clone());
        assert_eq!(told, [Output::Refused(transaction, refusal)], "{request:?}");
        assert_eq!(cluster.nodes[process.index()].state, state, "{request:?}");
        assert_eq!((cluster.forced(), cluster.sent.len()), (writes, sent));
    }
}

#[test]
fn a_commit_that_is_decided_can_be_asked_for_again_and_not_aborted() {
    let mut cluster = Cluster::new(2);
    let transaction = cluster.prepare([1, 2]);
    for _ in 0..4 {
        cluster.deliver();
    }
    let told = cluster.ask_commit(transaction, [1, 2]);
    assert_eq!(told, [Output::Decided(transaction, Decision::Commit)]);
    let told = cluster.submit(COORDINATOR, Request::Abort(transaction));
    assert_eq!(told, [Output::Refused(transaction, Refusal::Finished)]);
}

/// Of every message, to either role, from every process that has no business sending it.
#[test]
fn messages_of_the_other_role_and_from_strangers_change_nothing() {
    let mut cluster = Cluster::new(2);
    let voting = cluster.prepare([1]);
    let in_doubt = cluster.prepare([2]);
    cluster.receive(COORDINATOR, TWO, prepare(in_doubt, voting));
    cluster.work(id(1, 9), [2]);
    let stranger = ProcessId(3);
    for transaction in [voting, in_doubt, id(1, 9), id(7, 7)] {
        let acknowledge = Message::Acknowledge { transaction };
        let inquire = Message::Inquire { transaction };
        let all = [
            prepare(transaction, id(9, 9)),
            vote(transaction, Vote::Yes),
            vote(transaction, Vote::No),
            decided(transaction, Decision::Commit),
            decided(transaction, Decision::Abort),
            acknowledge.clone(),
            inquire.clone(),
        ];
        let from_strangers = all
            .iter()
            .flat_map(|message| [COORDINATOR, ONE, TWO].map(|to| (stranger, to, message.clone())));
        let of_the_other_role = [
            (ONE, COORDINATOR, all[0].clone()),
            (ONE, COORDINATOR, all[3].clone()),
            (ONE, COORDINATOR, all[4].clone()),
            (TWO, COORDINATOR, vote(voting, Vote::Yes)),
            (TWO, COORDINATOR, vote(voting, Vote::No)),
            (ONE, TWO, all[0].clone()),
            (ONE, TWO, all[1].clone()),
            (COORDINATOR, TWO, all[1].clone()),
            (COORDINATOR, TWO, acknowledge),
            (COORDINATOR, TWO, inquire),
        ];
        for (from, to, message) in from_strangers.chain(of_the_other_role) {
            let state = cluster.nodes[to.index()].state.clone();
            let (writes, sent) = (cluster.forced(), cluster.sent.len());
            let what = format!("{message:?} from {from:?} to {to:?}");
            assert_eq!(cluster.receive(from, to, message), [], "{what}");
            assert_eq!(cluster.nodes[to.index()].state, state, "{what}");
            assert_eq!(
                (cluster.forced(), cluster.sent.len()),
                (writes, sent),
                "{what}"
            );
        }
    }
}

#[test]
fn every_message_and_every_record_survives_its_encoding() {
    let protocol = TwoPhaseCommit::new(3).expect("a sensible number");
    let mut cluster = Cluster::of(protocol.cooperative(true));
    cluster.commit([1, 2]);
    let refused = cluster.begin();
    cluster.work(refused, [1]);
    cluster.ask_commit(refused, [1, 2, 3]);
    cluster.deliver();
    cluster.fire(ONE, Timer::Inquire(refused));
    cluster.deliver_all();
    let messages: BTreeSet<Message> = cluster.sent.into_iter().map(|e| e.message).collect();
    let records = cluster.nodes.iter().flat_map(|node| node.log.clone());
    let records: BTreeSet<Record> = records.collect();
    assert_eq!(kinds(&messages), 5, "{messages:?}");
    assert_eq!(kinds(&records), 7, "{records:?}");
    for message in messages {
        let text = serde_json::to_string(&message).expect("it can be encoded");
        assert_eq!(
            serde_json::from_str::<Message>(&text).expect("and decoded"),
            message
        );
    }
    for record in records {
        let text = serde_json::to_string(&record).expect("it can be encoded");
        assert_eq!(
            serde_json::from_str::<Record>(&text).expect("and decoded"),
            record
        );
    }
}

fn kinds<T>(values: &BTreeSet<T>) -> usize {
    let kinds = values.iter().map(std::mem::discriminant);
    kinds.collect::<std::collections::HashSet<_>>().len()
}
