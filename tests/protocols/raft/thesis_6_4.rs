//! The thesis, §6.4, reads without an entry in the log: a leader asks who still follows it.

use quorate::raft::{Limits, Raft, Refusal};

use super::cluster::{Cluster, Durable, Message, ONE, Output, Request, THREE, TWO, command, told};

fn answered(ticket: u64, reply: u8) -> Output {
    Output::Answered { ticket, reply }
}

fn answers(cluster: &Cluster) -> Vec<Output> {
    let told = cluster.servers.iter().flat_map(|server| &server.told);
    let told = told.filter(|output| matches!(output, Output::Answered { .. }));
    told.cloned().collect()
}

#[test]
fn a_read_is_answered_when_a_majority_has_answered_a_message_that_was_sent_after_it() {
    for servers in 2..=7 {
        let mut cluster = Cluster::led(servers);
        cluster.propose(ONE, [command(7)]);
        cluster.settle();
        let effects = cluster.read(ONE, 5);
        assert_eq!(told(&effects), []);
        let others = cluster.ids().into_iter().skip(1);
        for (answers, follower) in (2..).zip(others) {
            cluster.deliver(ONE, follower);
            let effects = cluster.deliver(follower, ONE);
            let is_enough = answers == servers / 2 + 1;
            let expected = Vec::from_iter(is_enough.then(|| answered(5, 7)));
            assert_eq!(told(&effects), expected, "{answers} of {servers}");
        }
    }
}

#[test]
fn a_lone_server_reads_at_once() {
    let mut cluster = Cluster::led(1);
    let effects = cluster.read(ONE, 5);
    assert_eq!(told(&effects), [answered(5, 0)]);
}

#[test]
fn an_answer_to_what_was_sent_before_the_read_does_not_count() {
    let mut cluster = Cluster::led(3);
    cluster.beat(ONE);
    cluster.deliver(ONE, TWO);
    cluster.deliver(ONE, THREE);
    cluster.read(ONE, 5);
    cluster.deliver(TWO, ONE);
    cluster.deliver(THREE, ONE);
    assert_eq!(answers(&cluster), []);
    cluster.deliver(ONE, TWO);
    cluster.deliver(TWO, ONE);
    assert_eq!(answers(&cluster), [answered(5, 0)]);
}

#[test]
fn an_answer_counts_for_all_reads_that_were_asked_before() {
    let mut cluster = Cluster::led(3);
    cluster.read(ONE, 1);
    cluster.lose_all();
    cluster.read(ONE, 2);
    cluster.deliver(ONE, TWO);
    cluster.read(ONE, 3);
    cluster.deliver(TWO, ONE);
    assert_eq!(answers(&cluster), [answered(1, 0), answered(2, 0)]);
}

#[test]
fn reads_that_come_together_are_one_round() {
    let mut cluster = Cluster::led(3);
    cluster.submit(ONE, Request::Read(vec![(1, ()), (2, ()), (3, ())]));
    assert_eq!(cluster.network.len(), 2);
    cluster.settle();
    assert_eq!(answers(&cluster).len(), 3);
}

#[test]
fn a_read_whose_messages_were_lost_is_answered_after_a_heartbeat() {
    let mut cluster = Cluster::led(3);
    cluster.read(ONE, 5);
    cluster.lose_all();
    cluster.beat(ONE);
    cluster.settle();
    assert_eq!(answers(&cluster), [answered(5, 0)]);
}

#[test]
fn a_rejection_of_entries_confirms_as_well_that_its_sender_follows() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(7)]);
    cluster.settle_among(&[ONE, TWO]);
    cluster.lose_all();
    cluster.read(ONE, 5);
    cluster.deliver(ONE, THREE);
    let rejection = &cluster.in_flight(THREE, ONE)[0];
    assert!(matches!(rejection, Message::NotAppended { .. }));
    cluster.deliver(THREE, ONE);
    assert_eq!(answers(&cluster), [answered(5, 7)]);
}

#[test]
fn a_new_leader_reads_only_when_an_entry_of_its_own_term_is_committed() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(7)]);
    cluster.settle_among(&[ONE, TWO]);
    // Server 2 has not heard that it is committed.
    cluster.crash(TWO);
    cluster.start(TWO);
    cluster.crash(ONE);
    cluster.lose_all();
    cluster.elect(TWO);
    cluster.lose_all();
    cluster.read(TWO, 5);
    cluster.deliver(TWO, THREE);
    cluster.deliver(THREE, TWO);
    let waiting = &cluster.leader(TWO).reads[0];
    assert_eq!((waiting.index, waiting.round), (3, 1));
    assert!(cluster.leader(TWO).progress[THREE.index()].round >= 1);
    assert_eq!(answers(&cluster), [], "though who follows has answered");
    cluster.settle();
    assert_eq!(answers(&cluster), [answered(5, 7)]);
}

#[test]
fn a_read_sees_all_that_was_acknowledged_before_it_was_asked() {
    let mut cluster = Cluster::led(3);
    for number in 1..=9 {
        cluster.propose(ONE, [command(number)]);
        cluster.settle();
        cluster.read(ONE, number.into());
        cluster.propose(ONE, [command(100 + number)]);
        cluster.settle();
    }
    for (number, output) in (1..).zip(answers(&cluster)) {
        let Output::Answered { ticket, reply } = output else {
            unreachable!("answers only");
        };
        assert_eq!(ticket, number);
        let seen = cluster.applied(ONE).iter().position(|held| *held == reply);
        assert!(seen >= Some(2 * (ticket as usize - 1)));
    }
}

#[test]
fn a_deposed_leader_answers_no_read() {
    let mut cluster = Cluster::led(3);
    cluster.campaign(TWO);
    cluster.settle_among(&[TWO, THREE]);
    cluster.propose(TWO, [command(7)]);
    cluster.settle_among(&[TWO, THREE]);
    cluster.lose_all();
    let effects = cluster.read(ONE, 5);
    assert_eq!(told(&effects), []);
    cluster.settle();
    assert_eq!(answers(&cluster), []);
    let request = Request::Read(vec![(5, ())]);
    let why = Refusal::NotLeader { leader: None };
    let refused = Output::Refused { request, why };
    assert!(cluster.server(ONE).told.contains(&refused));
}

#[test]
fn a_read_writes_nothing() {
    let mut cluster = Cluster::led(3);
    let written = |cluster: &Cluster| -> usize {
        let servers = cluster.servers.iter();
        servers.map(|server| server.written.len()).sum()
    };
    let before = written(&cluster);
    cluster.read(ONE, 5);
    cluster.settle();
    assert_eq!(answers(&cluster).len(), 1);
    assert_eq!(written(&cluster), before);
}

#[test]
fn more_reads_than_may_wait_are_refused_and_more_than_ever_may_for_good() {
    let limits = Limits {
        reads_max: 2,
        ..Limits::default()
    };
    let raft = Raft::new(3, limits).expect("a sensible number");
    let mut cluster = Cluster::of(raft, vec![Durable::default(); 3]);
    cluster.elect(ONE);
    cluster.settle();
    let refused = |cluster: &mut Cluster, tickets: &[u64]| {
        let reads = tickets.iter().map(|ticket| (*ticket, ())).collect();
        let effects = cluster.submit(ONE, Request::Read(reads));
        match &told(&effects)[..] {
            [Output::Refused { why, .. }] => Some(*why),
            _ => None,
        }
    };
    assert_eq!(
        refused(&mut cluster, &[1, 2, 3]),
        Some(Refusal::TooMuch { max: 2 })
    );
    assert_eq!(refused(&mut cluster, &[1]), None);
    assert_eq!(refused(&mut cluster, &[2, 3]), Some(Refusal::Full));
    assert_eq!(refused(&mut cluster, &[2]), None);
    assert_eq!(refused(&mut cluster, &[3]), Some(Refusal::Full));
    cluster.settle();
    assert_eq!(answers(&cluster), [answered(1, 0), answered(2, 0)]);
    assert_eq!(refused(&mut cluster, &[3]), None);
}
