//! §5.2, leader election.

use quorate::raft::{Refusal, Timer};

use super::cluster::{
    Cluster, FIVE, FOUR, Message, ONE, Output, Record, THREE, TWO, command, disk, forced, position,
    sent, sets, told,
};

fn vote(term: u64, granted: bool) -> Message {
    Message::Vote { term, granted }
}

#[test]
fn a_server_starts_as_a_follower_that_waits_for_a_leader() {
    let cluster = Cluster::new(3);
    for server in cluster.ids() {
        assert_eq!(cluster.follower(server).leader, None);
        assert_eq!(cluster.state(server).term, 0);
        assert!(cluster.server(server).timers.contains(&Timer::Election));
    }
    assert_eq!(cluster.network, []);
}

#[test]
fn a_follower_that_hears_nothing_votes_for_itself_in_the_next_term_and_asks_all_others() {
    let mut cluster = Cluster::on(vec![disk(4, &[1, 3]); 3]);
    let effects = cluster.campaign(TWO);
    let request = Message::RequestVote {
        term: 5,
        last: position(3, 2),
    };
    assert!(cluster.is_candidate(TWO));
    assert_eq!(
        forced(&effects),
        [Record::Term {
            term: 5,
            voted_for: Some(TWO)
        }]
    );
    assert_eq!(sent(&effects), [(ONE, request.clone()), (THREE, request)]);
    assert!(sets(&effects, Timer::Election));
}

#[test]
fn a_candidate_asks_for_no_vote_before_its_own_is_on_disk() {
    let mut cluster = Cluster::new(3);
    cluster.disks_are_slow = true;
    cluster.campaign(ONE);
    assert_eq!(cluster.network, []);
    cluster.flush(ONE, 1);
    assert_eq!(cluster.network.len(), 2);
}

#[test]
fn a_candidate_that_wins_nothing_campaigns_again_in_the_next_term() {
    let mut cluster = Cluster::new(3);
    cluster.campaign(ONE);
    cluster.lose_all();
    cluster.campaign(ONE);
    assert!(cluster.is_candidate(ONE));
    assert_eq!(cluster.state(ONE).term, 2);
    assert_eq!(cluster.in_flight(ONE, TWO)[0].term(), 2);
}

#[test]
fn a_candidate_leads_with_the_votes_of_a_majority_and_no_sooner() {
    for servers in 2..=9 {
        let mut cluster = Cluster::new(servers);
        cluster.campaign(ONE);
        let voters = cluster.ids().into_iter().skip(1);
        for (votes, voter) in (2..).zip(voters) {
            assert_eq!(cluster.leads(ONE), 2 * (votes - 1) > servers);
            cluster.receive(voter, ONE, vote(1, true));
            assert_eq!(
                cluster.leads(ONE),
                2 * votes > servers,
                "{votes} of {servers}"
            );
        }
    }
}

#[test]
fn a_lone_server_leads_once_its_vote_is_on_disk() {
    let mut cluster = Cluster::new(1);
    cluster.disks_are_slow = true;
    cluster.campaign(ONE);
    assert_eq!(cluster.server(ONE).told, []);
    cluster.flush_all();
    let told = &cluster.server(ONE).told;
    assert_eq!(told[0], Output::Leads { term: 1 });
    assert!(matches!(told[1], Output::Committed { last: 1, .. }));
}

#[test]
fn a_vote_counts_once_however_often_it_arrives() {
    let mut cluster = Cluster::new(5);
    cluster.campaign(ONE);
    for _ in 0..3 {
        cluster.receive(TWO, ONE, vote(1, true));
    }
    assert!(cluster.is_candidate(ONE));
}

#[test]
fn a_refusal_does_not_count() {
    let mut cluster = Cluster::new(3);
    cluster.campaign(ONE);
    cluster.receive(TWO, ONE, vote(1, false));
    cluster.receive(THREE, ONE, vote(1, false));
    assert!(cluster.is_candidate(ONE));
}

#[test]
fn a_vote_for_an_earlier_campaign_does_not_count() {
    let mut cluster = Cluster::new(3);
    cluster.campaign(ONE);
    cluster.lose_all();
    cluster.campaign(ONE);
    cluster.receive(TWO, ONE, vote(1, true));
    assert!(cluster.is_candidate(ONE));
    cluster.receive(TWO, ONE, vote(2, true));
    assert!(cluster.leads(ONE));
}

#[test]
fn a_server_votes_in_a_term_for_the_first_that_asks_and_for_no_other() {
    let ask = Message::RequestVote {
        term: 1,
        last: position(0, 0),
    };
    let mut cluster = Cluster::new(3);
    let effects = cluster.receive(TWO, ONE, ask.clone());
    assert_eq!(sent(&effects), [(TWO, vote(1, true))]);
    let effects = cluster.receive(THREE, ONE, ask.clone());
    assert_eq!(sent(&effects), [(THREE, vote(1, false))]);
    // Its answer may have been lost.
    let effects = cluster.receive(TWO, ONE, ask.clone());
    assert_eq!(sent(&effects), [(TWO, vote(1, true))]);
    assert_eq!(forced(&effects), [], "it is on disk already");
    // And in the next term it may vote anew.
    let ask = Message::RequestVote {
        term: 2,
        last: position(0, 0),
    };
    let effects = cluster.receive(THREE, ONE, ask);
    assert_eq!(sent(&effects), [(THREE, vote(2, true))]);
}

#[test]
fn a_candidate_and_a_leader_have_voted_for_themselves() {
    let ask = Message::RequestVote {
        term: 1,
        last: position(5, 5),
    };
    let mut cluster = Cluster::new(3);
    cluster.campaign(ONE);
    let effects = cluster.receive(TWO, ONE, ask.clone());
    assert_eq!(sent(&effects), [(TWO, vote(1, false))]);
    cluster.receive(THREE, ONE, vote(1, true));
    assert!(cluster.leads(ONE));
    let effects = cluster.receive(TWO, ONE, ask);
    assert_eq!(sent(&effects), [(TWO, vote(1, false))]);
}

#[test]
fn term_and_vote_are_one_record_and_on_disk_before_the_answer_is_sent() {
    let mut cluster = Cluster::new(3);
    cluster.disks_are_slow = true;
    cluster.campaign(TWO);
    cluster.flush(TWO, 1);
    let effects = cluster.deliver(TWO, ONE);
    assert_eq!(
        forced(&effects),
        [Record::Term {
            term: 1,
            voted_for: Some(TWO)
        }]
    );
    assert_eq!(cluster.in_flight(ONE, TWO), []);
    cluster.flush(ONE, 1);
    assert_eq!(cluster.in_flight(ONE, TWO), [vote(1, true)]);
}

#[test]
fn a_vote_survives_a_crash() {
    let mut cluster = Cluster::new(3);
    cluster.campaign(TWO);
    cluster.deliver(TWO, ONE);
    cluster.restart(ONE);
    cluster.campaign(THREE);
    let effects = cluster.deliver(THREE, ONE);
    assert_eq!(sent(&effects), [(THREE, vote(1, false))]);
}

#[test]
fn a_vote_that_went_with_a_crash_was_not_given_and_may_go_to_another() {
    let mut cluster = Cluster::new(3);
    cluster.campaign(TWO);
    cluster.campaign(THREE);
    cluster.disks_are_slow = true;
    cluster.deliver(TWO, ONE);
    cluster.restart(ONE);
    assert_eq!(cluster.in_flight(ONE, TWO), []);
    cluster.deliver(THREE, ONE);
    cluster.flush(ONE, 1);
    assert_eq!(cluster.in_flight(ONE, THREE), [vote(1, true)]);
}

#[test]
fn a_leader_tells_all_at_once_and_again_whenever_its_timer_fires() {
    let mut cluster = Cluster::new(3);
    cluster.campaign(ONE);
    let effects = cluster.receive(TWO, ONE, vote(1, true));
    assert_eq!(told(&effects)[0], Output::Leads { term: 1 });
    let is_announcement =
        |(_, message): &(_, Message)| matches!(message, Message::AppendEntries { term: 1, .. });
    assert_eq!(sent(&effects).len(), 2);
    assert!(sent(&effects).iter().all(is_announcement));
    assert!(sets(&effects, Timer::Heartbeat));
    assert!(!cluster.server(ONE).timers.contains(&Timer::Election));
    for _ in 0..2 {
        let effects = cluster.beat(ONE);
        assert_eq!(sent(&effects).len(), 2);
        assert!(sent(&effects).iter().all(is_announcement));
        assert!(sets(&effects, Timer::Heartbeat));
    }
}

#[test]
fn a_candidate_follows_whoever_leads_its_term() {
    let mut cluster = Cluster::new(3);
    cluster.campaign(TWO);
    cluster.campaign(ONE);
    cluster.deliver(ONE, THREE);
    cluster.deliver(THREE, ONE);
    assert!(cluster.leads(ONE));
    let effects = cluster.deliver(ONE, TWO);
    assert_eq!(sent(&effects), [(ONE, vote(1, false))]);
    cluster.deliver(ONE, TWO);
    assert_eq!(cluster.follower(TWO).leader, Some(ONE));
    assert_eq!(cluster.state(TWO).term, 1);
}

#[test]
fn a_candidate_does_not_follow_who_leads_an_earlier_term() {
    let mut cluster = Cluster::led(3);
    cluster.campaign(TWO);
    cluster.beat(ONE);
    cluster.deliver(ONE, TWO);
    assert!(cluster.is_candidate(TWO));
}

#[test]
fn when_votes_are_split_nobody_leads_until_somebody_campaigns_again() {
    let mut cluster = Cluster::new(4);
    cluster.campaign(ONE);
    cluster.campaign(TWO);
    cluster.deliver(ONE, THREE);
    cluster.deliver(TWO, FOUR);
    cluster.settle();
    assert!(cluster.is_candidate(ONE) && cluster.is_candidate(TWO));
    cluster.campaign(TWO);
    cluster.settle();
    assert!(cluster.leads(TWO));
    assert_eq!(cluster.follower(ONE).leader, Some(TWO));
}

#[test]
fn four_servers_need_three_votes_so_that_no_two_lead_a_term() {
    let mut cluster = Cluster::new(4);
    cluster.campaign(ONE);
    cluster.deliver(ONE, TWO);
    cluster.deliver(TWO, ONE);
    assert!(cluster.is_candidate(ONE));
    cluster.deliver(ONE, THREE);
    cluster.deliver(THREE, ONE);
    assert!(cluster.leads(ONE));
}

#[test]
fn a_minority_elects_nobody() {
    let mut cluster = Cluster::new(5);
    for _ in 0..3 {
        cluster.campaign(ONE);
        cluster.settle_among(&[ONE, TWO]);
        cluster.lose_all();
    }
    assert!(cluster.is_candidate(ONE));
    assert_eq!(cluster.state(TWO).term, 3);
    cluster.campaign(FIVE);
    cluster.settle_among(&[THREE, FOUR, FIVE]);
    assert!(cluster.leads(FIVE));
}

#[test]
fn who_does_not_lead_refuses_and_says_who_does_as_far_as_it_knows() {
    let mut cluster = Cluster::new(3);
    let refused = |cluster: &mut Cluster, server| {
        let effects = cluster.propose(server, [command(1)]);
        match &told(&effects)[..] {
            [Output::Refused { why, .. }] => *why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        refused(&mut cluster, TWO),
        Refusal::NotLeader { leader: None }
    );
    cluster.campaign(ONE);
    assert_eq!(
        refused(&mut cluster, ONE),
        Refusal::NotLeader { leader: None }
    );
    cluster.settle();
    let leader = Some(ONE);
    assert_eq!(refused(&mut cluster, TWO), Refusal::NotLeader { leader });
    cluster.restart(TWO);
    assert_eq!(
        refused(&mut cluster, TWO),
        Refusal::NotLeader { leader: None }
    );
}

#[test]
fn a_restarted_leader_leads_no_more_and_has_not_forgotten_that_it_voted_for_itself() {
    let mut cluster = Cluster::led(3);
    cluster.restart(ONE);
    assert_eq!(cluster.follower(ONE).leader, None);
    let ask = Message::RequestVote {
        term: 1,
        last: position(9, 9),
    };
    let effects = cluster.receive(TWO, ONE, ask);
    assert_eq!(sent(&effects), [(TWO, vote(1, false))]);
}
