//! The thesis, §6.3, sessions: a command that a client sends again is applied once.

use quorate::protocol::ProcessId;
use quorate::raft::{
    ENTRY_BYTES, Entry, Index, Limits, Origin, Outcome, Proposal, Published, Raft, SESSIONS_MAX,
    Sessions,
};

use super::cluster::{Cluster, ONE, Output, THREE, TWO, numbered};

/// Opens a session with the leader.
fn open(cluster: &mut Cluster) -> Index {
    cluster.propose(ONE, [Proposal::OpenSession { ticket: 0 }]);
    cluster.settle();
    match cluster.server(ONE).told.last() {
        Some(Output::Opened { session, .. }) => *session,
        other => panic!("{other:?}"),
    }
}

/// What a server has told about a command of a session, in order.
fn answers(cluster: &Cluster, session: Index, sequence: u64) -> Vec<Output> {
    let about = Origin { session, sequence };
    let told = cluster.servers.iter().flat_map(|server| &server.told);
    let told = told.filter(|output| match output {
        Output::Replied { origin, .. } | Output::Ended { origin } => *origin == about,
        _ => false,
    });
    told.cloned().collect()
}

fn replied(session: Index, sequence: u64, reply: u8) -> Output {
    let origin = Origin { session, sequence };
    Output::Replied { origin, reply }
}

#[test]
fn a_session_is_named_by_the_index_of_its_entry_so_that_no_two_are_alike() {
    let mut cluster = Cluster::led(3);
    assert_eq!([open(&mut cluster), open(&mut cluster)], [2, 3]);
}

#[test]
fn a_command_that_is_sent_again_is_applied_once_and_answered_alike() {
    let mut cluster = Cluster::led(3);
    let session = open(&mut cluster);
    for _ in 0..3 {
        cluster.propose(ONE, [numbered(session, 1, 7)]);
        cluster.settle();
    }
    assert_eq!(cluster.terms(ONE).len(), 5, "it is in the log three times");
    for server in cluster.ids() {
        assert_eq!(cluster.applied(server), [7]);
    }
    assert_eq!(
        answers(&cluster, session, 1),
        vec![replied(session, 1, 7); 3]
    );
}

#[test]
fn it_is_applied_once_though_another_leads_when_it_is_sent_again() {
    let mut cluster = Cluster::led(3);
    let session = open(&mut cluster);
    cluster.propose(ONE, [numbered(session, 1, 7)]);
    cluster.settle_among(&[ONE, TWO]);
    cluster.crash(ONE);
    cluster.lose_all();
    cluster.campaign(TWO);
    cluster.settle();
    cluster.propose(TWO, [numbered(session, 1, 7)]);
    cluster.settle();
    for server in [TWO, THREE] {
        assert_eq!(cluster.applied(server), [7]);
    }
    // Once by each leader when it committed the first, and by the second again.
    assert_eq!(
        answers(&cluster, session, 1),
        vec![replied(session, 1, 7); 2]
    );
}

#[test]
fn it_is_applied_once_though_a_snapshot_has_taken_the_place_of_the_first() {
    let mut cluster = Cluster::led(3);
    let session = open(&mut cluster);
    cluster.crash(THREE);
    cluster.propose(ONE, [numbered(session, 1, 7)]);
    cluster.settle();
    cluster.compact(ONE);
    // One comes up with the snapshot, another is sent it.
    cluster.restart(ONE);
    cluster.start(THREE);
    cluster.campaign(ONE);
    cluster.settle();
    cluster.propose(ONE, [numbered(session, 1, 7)]);
    cluster.settle();
    for server in cluster.ids() {
        assert_eq!(cluster.applied(server), [7], "{server:?}");
        let applied = &cluster.state(server).applied;
        assert_eq!(*applied, cluster.state(ONE).applied);
    }
    assert_eq!(cluster.state(THREE).log.before().index, 3);
}

#[test]
fn a_command_that_comes_after_a_later_one_of_its_session_is_neither_applied_nor_answered() {
    let mut cluster = Cluster::led(3);
    let session = open(&mut cluster);
    for sequence in [1, 2, 1] {
        cluster.propose(ONE, [numbered(session, sequence, sequence as u8)]);
        cluster.settle();
    }
    assert_eq!(cluster.applied(ONE), [1, 2]);
    assert_eq!(answers(&cluster, session, 1), [replied(session, 1, 1)]);
}

#[test]
fn sessions_do_not_see_each_others_numbers() {
    let mut cluster = Cluster::led(3);
    let (one, other) = (open(&mut cluster), open(&mut cluster));
    cluster.propose(ONE, [numbered(one, 1, 1), numbered(other, 1, 2)]);
    cluster.settle();
    assert_eq!(cluster.applied(ONE), [1, 2]);
}

#[test]
fn without_a_session_nobody_notices_that_a_command_is_sent_again() {
    let mut cluster = Cluster::led(3);
    for _ in 0..2 {
        cluster.propose(ONE, [super::cluster::command(7)]);
        cluster.settle();
    }
    assert_eq!(cluster.applied(TWO), [7, 7]);
}

#[test]
fn a_command_of_a_session_that_never_was_is_not_applied() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [numbered(9, 1, 7)]);
    cluster.settle();
    let origin = Origin {
        session: 9,
        sequence: 1,
    };
    assert_eq!(
        cluster.server(ONE).told.last(),
        Some(&Output::Ended { origin })
    );
    assert!(cluster.applied(ONE).is_empty());
}

#[test]
fn of_too_many_sessions_the_one_ends_that_was_not_used_for_longest_on_all_servers_alike() {
    let limits = Limits {
        sessions_max: 2,
        ..Limits::default()
    };
    let mut cluster = Cluster::led_with(3, limits);
    let (first, second) = (open(&mut cluster), open(&mut cluster));
    cluster.propose(ONE, [numbered(first, 1, 1)]);
    cluster.settle();
    let third = open(&mut cluster);
    for session in [first, second, third] {
        cluster.propose(ONE, [numbered(session, 2, 10 + session as u8)]);
        cluster.settle();
    }
    for server in cluster.ids() {
        let sessions = &cluster.state(server).applied.sessions;
        let open: Vec<Index> = sessions.iter().map(|(session, _)| session).collect();
        assert_eq!(open, [first, third]);
        assert_eq!(cluster.applied(server), [1, 12, 15]);
    }
    let origin = Origin {
        session: second,
        sequence: 2,
    };
    assert_eq!(answers(&cluster, second, 2), [Output::Ended { origin }]);
}

/// The limits of a server, none of which is that of a server with another number.
fn limits_of(number: usize) -> Limits {
    Limits {
        message_bytes_max: number * ENTRY_BYTES,
        in_flight_messages_max: number,
        in_flight_bytes_max: number * ENTRY_BYTES,
        uncommitted_max: 10 + number as u64,
        reads_max: number,
        sessions_max: number,
    }
}

/// The sessions that are open on a server.
fn open_sessions(cluster: &Cluster, server: ProcessId) -> Vec<Index> {
    let sessions = cluster.state(server).applied.sessions.iter();
    sessions.map(|(session, _)| session).collect()
}

/// Opens a session with this leader, and has all others know.
fn open_with(cluster: &mut Cluster, leader: ProcessId) -> Index {
    cluster.propose(leader, [Proposal::OpenSession { ticket: 0 }]);
    cluster.settle();
    match cluster.server(leader).told.last() {
        Some(Output::Opened { session, .. }) => *session,
        other => panic!("{other:?}"),
    }
}

/// Which sessions end is replicated, so it may depend on nothing that is a server's own.
#[test]
fn servers_of_which_every_limit_differs_have_the_same_state_and_the_same_sessions() {
    let all = [3, 1, 2].map(limits_of);
    let protocols = all.map(|limits| Raft::new(3, limits).expect("a sensible number"));
    let disks = vec![quorate::raft::Durable::default(); 3];
    let mut cluster = Cluster::each(protocols.to_vec(), disks);
    let assert_alike = |cluster: &Cluster, expected: &[Index]| {
        for server in cluster.ids() {
            assert_eq!(open_sessions(cluster, server), expected, "{server:?}");
            let (one, other) = (cluster.state(ONE), cluster.state(server));
            assert_eq!(one.commit, other.commit, "{server:?}");
            assert_eq!(one.applied, other.applied, "{server:?}");
        }
    };

    cluster.elect(ONE);
    cluster.settle();
    let opened: Vec<Index> = (0..4).map(|_| open_with(&mut cluster, ONE)).collect();
    assert_alike(&cluster, &opened[1..]);

    // The one whose limit is lowest is sent a snapshot with more sessions than that.
    cluster.crash(TWO);
    cluster.propose(ONE, [numbered(opened[1], 1, 7)]);
    cluster.settle();
    cluster.compact(ONE);
    cluster.start(TWO);
    cluster.beat(ONE);
    cluster.settle();
    cluster.beat(ONE);
    cluster.settle();
    assert_eq!(cluster.state(TWO).log.before().index, 6);
    assert_alike(&cluster, &opened[1..]);

    // All come up again, some from a snapshot and some from their logs; and lead in turn.
    cluster.ids().into_iter().for_each(|server| {
        cluster.restart(server);
    });
    cluster.elect(THREE);
    cluster.settle();
    assert_alike(&cluster, &opened[1..]);
    let by_three = open_with(&mut cluster, THREE);
    assert_alike(&cluster, &[opened[1], by_three]);
    cluster.elect(TWO);
    cluster.settle();
    let by_two = open_with(&mut cluster, TWO);
    assert_alike(&cluster, &[by_two]);
    cluster.compact(THREE);
    cluster.ids().into_iter().for_each(|server| {
        cluster.restart(server);
    });
    cluster.elect(ONE);
    cluster.settle();
    let last = open_with(&mut cluster, ONE);
    assert_alike(&cluster, &[by_two, last]);
}

#[test]
fn a_lower_limit_ends_the_sessions_that_were_not_used_for_longest_at_once() {
    let mut sessions = Sessions::<u8>::default();
    (1..=6).for_each(|session| sessions.open(session, 10));
    let origin = Origin {
        session: 2,
        sequence: 1,
    };
    assert_eq!(
        sessions.apply(&Published, 7, origin, || 0),
        Outcome::Applied(0)
    );
    sessions.open(8, 3);
    let open: Vec<Index> = sessions.iter().map(|(session, _)| session).collect();
    assert_eq!(open, [2, 6, 8]);
    sessions.open(9, 0);
    assert_eq!(sessions.iter().count(), 0);
}

/// The limit comes from a peer.
#[test]
fn no_more_sessions_are_open_than_any_server_takes_whatever_the_entry_says() {
    let mut sessions = Sessions::<u8>::default();
    (1..=SESSIONS_MAX).for_each(|session| sessions.open(session, u64::MAX));
    assert_eq!(sessions.iter().count() as u64, SESSIONS_MAX);
    sessions.open(SESSIONS_MAX + 1, u64::MAX);
    assert_eq!(sessions.iter().count() as u64, SESSIONS_MAX);
    assert_eq!(sessions.iter().next().map(|(session, _)| session), Some(2));
}

#[test]
fn what_a_client_proposes_says_nothing_about_how_many_sessions_stay_open() {
    let mut cluster = Cluster::led_with(1, limits_of(5));
    let session = open(&mut cluster);
    let log = &cluster.state(ONE).log;
    let entries: Vec<_> = log.entries().collect();
    let expected = Entry::OpenSession {
        ticket: 0,
        sessions_max: 5,
    };
    assert_eq!(entries[session as usize - 1], (1, &expected));
}
