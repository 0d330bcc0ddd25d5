//! Every claim comes out as expected under every combination of small parameters, and not only in the
//! instances that have names.

use itertools::iproduct;
use quorate::two_phase_commit::Published;
use quorate_checker::{Options, explore};
use quorate_models::framework::RequestOrder;
use quorate_models::system::{Disk, Environment, NetworkKind, Timers};
use quorate_models::two_phase_commit::liveness;
use quorate_models::two_phase_commit::parameters::Parameters;
use quorate_models::two_phase_commit::{model, protocol};

fn assert_as_expected(parameters: &Parameters) {
    assert_eq!(parameters.validate(), Ok(()), "{parameters:?}");
    let (model, properties) = model(parameters, protocol(parameters, Published));
    let exploration = explore(
        &model,
        &properties,
        &liveness::fairness(parameters),
        &Options::default(),
    );
    assert!(exploration.exhausted());
    for verdict in &exploration.verdicts {
        assert!(verdict.as_expected(), "{verdict:?} under {parameters:#?}");
    }
}

const NETWORKS: [NetworkKind; 3] = [NetworkKind::Set, NetworkKind::Bag, NetworkKind::Fifo];
const BOTH: [bool; 2] = [false, true];

fn environments(disks: &[Disk], drops: &[u8]) -> Vec<Environment> {
    let faults = [(0, false), (1, false), (1, true)];
    let timers = [
        (Timers::Asynchronous, false),
        (Timers::Asynchronous, true),
        (Timers::Accurate, false),
        (Timers::Never, false),
    ];
    let environment = |(network, drops, (crashes, recovery), disk, (timers, stabilises)): (
        _,
        &u8,
        _,
        &Disk,
        _,
    )| Environment {
        network,
        drops: *drops,
        crashes,
        recovery,
        disk: *disk,
        timers,
        stabilises,
        ..Environment::default()
    };
    iproduct!(NETWORKS, drops, faults, disks, timers)
        .map(environment)
        .collect()
}

/// The same with a partition: it heals, or it is for good.
fn with_a_partition(environments: Vec<Environment>) -> Vec<Environment> {
    let parts = |(environment, heals)| Environment {
        partitions: 1,
        heals,
        ..environment
    };
    let makes_sense = |environment: &Environment| environment.heals || !environment.stabilises;
    iproduct!(environments, BOTH)
        .map(parts)
        .filter(makes_sense)
        .collect()
}

fn assert_all(participants: u16, environments: Vec<Environment>) {
    let requests = [RequestOrder::Orderly, RequestOrder::Any];
    for (environment, cooperative, aborts, requests) in
        iproduct!(environments, BOTH, BOTH, requests)
    {
        assert_as_expected(&Parameters {
            participants,
            cooperative,
            aborts,
            requests,
            environment,
            ..Parameters::default()
        });
    }
}

#[test]
fn every_claim_is_as_expected_with_1_participant_and_any_faults() {
    assert_all(1, environments(&[Disk::Atomic, Disk::Buffered], &[0, 1]));
}

#[test]
fn every_claim_is_as_expected_with_2_participants_and_any_crash() {
    assert_all(2, environments(&[Disk::Atomic], &[0]));
}

#[test]
fn every_claim_is_as_expected_with_1_participant_and_a_partition() {
    let environments = environments(&[Disk::Atomic, Disk::Buffered], &[0, 1]);
    assert_all(1, with_a_partition(environments));
}

#[test]
fn every_claim_is_as_expected_with_2_participants_and_a_partition() {
    let mut environments = environments(&[Disk::Atomic], &[0, 1]);
    environments.retain(|environment| environment.crashes == 0);
    assert_all(2, with_a_partition(environments));
}
