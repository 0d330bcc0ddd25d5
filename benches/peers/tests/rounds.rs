//! What is measured is checked: a replica that applies less than the others, or something else, is noticed.

use bytes::Bytes;
use quorate_peers::raft_rs::Encode;
use quorate_peers::replicas::{Checksum, Command, REPLICAS, Replicas, Rounds, Servers};
use quorate_peers::{omni_paxos, raft_rs};

/// Replicas, all of which but the last apply everything.
struct Unequal {
    applied: Vec<Checksum<[u8; 8]>>,
    /// What the last applies of the numbers proposed.
    last: fn(Vec<u64>) -> Vec<u64>,
}

impl Unequal {
    fn new(last: fn(Vec<u64>) -> Vec<u64>) -> Self {
        let applied = vec![Checksum::default(); REPLICAS];
        Self { applied, last }
    }
}

impl Replicas<[u8; 8]> for Unequal {
    fn propose(&mut self, commands: impl Iterator<Item = [u8; 8]>) {
        let proposed: Vec<u64> = commands.map(|command| command.number()).collect();
        let (last, others) = self.applied.split_last_mut().expect("there are replicas");
        for checksum in others {
            proposed.iter().for_each(|number| checksum.add(*number));
        }
        (self.last)(proposed)
            .into_iter()
            .for_each(|number| last.add(number));
    }

    fn compact(&mut self) {}

    fn applied(&self) -> impl Iterator<Item = &Checksum<[u8; 8]>> {
        self.applied.iter()
    }
}

#[test]
#[should_panic(expected = "some have not applied all commands")]
fn a_replica_that_applies_nothing_fails_the_round() {
    Rounds::new(Unequal::new(|_| Vec::new())).pass(2);
}

#[test]
#[should_panic(expected = "some have not applied all commands")]
fn a_replica_that_lacks_one_command_fails_the_round() {
    let mut rounds = Rounds::new(Unequal::new(|mut numbers| {
        numbers.pop();
        numbers
    }));
    rounds.pass(64);
}

#[test]
#[should_panic(expected = "other commands were applied")]
fn a_replica_that_applies_in_another_order_fails_the_check() {
    let mut rounds = Rounds::new(Unequal::new(|mut numbers| {
        numbers.reverse();
        numbers
    }));
    rounds.pass(2);
    rounds.check();
}

/// More rounds than there are between compactions.
fn pass_rounds<C: Command>(replicas: impl Replicas<C>) {
    let mut rounds = Rounds::new(replicas);
    (0..200).for_each(|_| rounds.pass(16));
    rounds.check();
}

fn all_apply_the_same<C: Encode>() {
    pass_rounds::<C>(Servers::elected());
    pass_rounds::<C>(omni_paxos::Cluster::elected(16));
    pass_rounds::<C>(raft_rs::Cluster::elected());
}

#[test]
fn all_replicas_of_all_apply_all_commands() {
    all_apply_the_same::<[u8; 8]>();
    all_apply_the_same::<Bytes>();
}
