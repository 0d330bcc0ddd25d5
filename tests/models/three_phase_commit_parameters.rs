//! Every claim of three-phase commit comes out as expected under every combination of small parameters, and
//! not only in the instances that have names.

use itertools::iproduct;
use quorate::three_phase_commit::{Published, Rules};
use quorate_checker::{Options, explore};
use quorate_models::framework::RequestOrder;
use quorate_models::system::{Disk, Environment, NetworkKind, Timers};
use quorate_models::three_phase_commit::mutants::TimeoutsAlone;
use quorate_models::three_phase_commit::parameters::{OnFailure, Parameters};
use quorate_models::three_phase_commit::{model, protocol};

const NETWORKS: [NetworkKind; 3] = [NetworkKind::Set, NetworkKind::Bag, NetworkKind::Fifo];
const BOTH: [bool; 2] = [false, true];

fn assert_as_expected(parameters: &Parameters, rules: impl Rules + 'static) {
    assert_eq!(parameters.validate(), Ok(()), "{parameters:?}");
    let claimed = model(parameters, protocol(parameters, rules));
    let options = Options::default();
    let exploration = explore(
        &claimed.model,
        &claimed.properties,
        &claimed.fairness,
        &options,
    );
    assert!(exploration.exhausted());
    for verdict in &exploration.verdicts {
        assert!(verdict.as_expected(), "{verdict:?} under {parameters:#?}");
    }
}

fn environments(
    disks: &[Disk],
    drops: &[u8],
    crashes: &[u8],
    partitions: &[u8],
) -> Vec<Environment> {
    let timers = [
        (Timers::Asynchronous, false),
        (Timers::Asynchronous, true),
        (Timers::Accurate, false),
        (Timers::Never, false),
    ];
    let all = iproduct!(
        NETWORKS, disks, drops, crashes, partitions, BOTH, BOTH, timers
    );
    let environment = |(network, &disk, &drops, &crashes, &partitions, recovery, heals, timers)| {
        let (timers, stabilises) = timers;
        Environment {
            network,
            disk,
            drops,
            crashes,
            down_max: crashes,
            recovery,
            partitions,
            heals,
            timers,
            stabilises,
            ..Environment::default()
        }
    };
    // What does not matter is varied once.
    let matters = |environment: &Environment| {
        (environment.crashes > 0 || environment.recovery)
            && (environment.partitions > 0 || environment.heals)
            && (environment.heals || !environment.stabilises)
    };
    all.map(environment).filter(matters).collect()
}

fn assert_all(participants: u16, environments: Vec<Environment>) {
    let requests = [RequestOrder::Orderly, RequestOrder::Any];
    for (environment, aborts, requests) in iproduct!(environments, BOTH, requests) {
        let parameters = Parameters {
            participants,
            aborts,
            requests,
            environment,
            ..Parameters::default()
        };
        assert_as_expected(&parameters, Published);
        let parameters = Parameters {
            on_failure: OnFailure::DecideAlone,
            ..parameters
        };
        assert_as_expected(&parameters, TimeoutsAlone);
    }
}

#[test]
fn every_claim_is_as_expected_with_1_participant_and_a_crash_or_a_drop() {
    let disks = [Disk::Atomic, Disk::Buffered];
    assert_all(1, environments(&disks, &[0, 1], &[0, 1], &[0]));
}

#[test]
fn every_claim_is_as_expected_with_1_participant_and_a_partition() {
    assert_all(1, environments(&[Disk::Atomic], &[0], &[0, 1], &[1]));
}

#[test]
fn every_claim_is_as_expected_with_1_participant_that_fails_with_its_coordinator() {
    assert_all(1, environments(&[Disk::Atomic], &[0], &[2], &[0]));
}

#[test]
fn every_claim_is_as_expected_with_2_participants_and_a_crash() {
    let mut environments = environments(&[Disk::Atomic], &[0], &[0, 1], &[0]);
    environments.retain(|environment| environment.timers != Timers::Asynchronous);
    assert_all(2, environments);
}
