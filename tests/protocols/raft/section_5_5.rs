//! §5.5, followers and candidates that crash: requests are repeated, and a repetition does no harm. §5.6, timing: who
//! hears of a leader does not campaign.

use quorate::raft::Timer;

use super::cluster::{Cluster, ONE, THREE, TWO, command, sent, sets};

#[test]
fn a_request_that_arrives_twice_is_answered_alike_and_changes_nothing_the_second_time() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1)]);
    let message = cluster.take(ONE, TWO);
    let first = cluster.receive(ONE, TWO, message.clone());
    let once = cluster.state(TWO).clone();
    let second = cluster.receive(ONE, TWO, message);
    assert_eq!(sent(&first), sent(&second));
    assert_eq!(*cluster.state(TWO), once);
}

#[test]
fn a_request_that_comes_after_a_crash_is_answered_as_it_would_have_been() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1)]);
    let message = cluster.take(ONE, TWO);
    let first = cluster.receive(ONE, TWO, message.clone());
    cluster.restart(TWO);
    let second = cluster.receive(ONE, TWO, message);
    assert_eq!(sent(&first), sent(&second));
}

#[test]
fn a_candidate_that_crashed_campaigns_in_a_term_of_its_own() {
    let mut cluster = Cluster::new(3);
    cluster.campaign(ONE);
    cluster.restart(ONE);
    cluster.campaign(ONE);
    assert_eq!(cluster.state(ONE).term, 2);
}

#[test]
fn what_was_committed_before_all_crashed_is_applied_again_when_somebody_leads() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(1), command(2)]);
    cluster.settle();
    for server in cluster.ids() {
        cluster.restart(server);
        assert!(cluster.applied(server).is_empty());
    }
    cluster.campaign(THREE);
    cluster.settle();
    for server in cluster.ids() {
        assert_eq!(cluster.applied(server), [1, 2]);
    }
}

#[test]
fn who_hears_of_its_terms_leader_waits_anew_before_it_campaigns() {
    let mut cluster = Cluster::led(3);
    cluster.beat(ONE);
    let effects = cluster.deliver(ONE, TWO);
    assert!(sets(&effects, Timer::Election));
}

#[test]
fn who_hears_of_an_earlier_terms_leader_does_not() {
    let mut cluster = Cluster::led(3);
    cluster.beat(ONE);
    cluster.campaign(TWO);
    let effects = cluster.deliver(ONE, TWO);
    assert!(!sets(&effects, Timer::Election));
}
