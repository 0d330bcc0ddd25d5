//! Two transactions at once, each with participants of its own: every state.

use std::collections::BTreeSet;

use crate::subsets::{AnyRules, Model, ModelState, Subsets, violation};
use quorate::protocol::ProcessId;
use quorate::two_phase_commit::{Published, TwoPhaseCommit};
use quorate_checker::{Condition, Options, Property, explore};
use quorate_models::system::{Disk, Environment, System};

/// The participants of the first transaction, and those of the second.
fn model(plans: [&[u16]; 2], is_cooperative: bool, environment: Environment) -> Model {
    let published: AnyRules = &Published;
    let participants = plans.concat().into_iter().max().map_or(0, usize::from);
    let protocol = TwoPhaseCommit::with_rules(participants, published).expect("a sensible number");
    // The first transaction's turn is 2, its epoch and its number added up.
    let plans = plans.map(|plan| plan.iter().copied().map(ProcessId).collect::<BTreeSet<_>>());
    let application = Subsets {
        begins: 2,
        plans: plans.to_vec(),
        aborts: false,
        is_hasty: false,
    };
    System::new(
        protocol.cooperative(is_cooperative),
        application,
        environment,
    )
}

fn assert_claims_hold(model: &Model) {
    let properties = [
        Property::holds(
            "no claim is violated",
            Condition::Always(|model: &Model, state: &ModelState| {
                violation(model, state).is_none()
            }),
        ),
        Property::holds(
            "both commit",
            Condition::Sometimes(|_: &Model, state: &ModelState| {
                let told = state.view.transactions.values();
                told.filter(|told| !told.committed.is_empty()).count() == 2
            }),
        ),
        Property::holds(
            "an outcome is retired",
            Condition::Sometimes(|_: &Model, state: &ModelState| {
                let mut disks = state.processes().map(|(_, process)| &process.durable);
                disks.any(|disk| disk.watermark > Default::default())
            }),
        ),
    ];
    let exploration = explore(model, &properties, &[], &Options::default());
    assert!(exploration.exhausted());
    for verdict in exploration.verdicts {
        assert!(verdict.holds(), "{}: {verdict:?}", verdict.property.name);
    }
}

#[test]
fn one_transaction_of_one_participant_and_one_of_both_with_a_crash() {
    let environment = Environment {
        crashes: 1,
        ..Environment::default()
    };
    assert_claims_hold(&model([&[1], &[1, 2]], false, environment));
}

#[test]
fn participants_that_ask_each_other_with_a_crash() {
    let environment = Environment {
        crashes: 1,
        ..Environment::default()
    };
    assert_claims_hold(&model([&[1, 2], &[2]], true, environment));
}

#[test]
fn one_participant_twice_with_crashes_that_lose_what_was_not_flushed() {
    let environment = Environment {
        crashes: 2,
        disk: Disk::Buffered,
        pending_max: 1,
        ..Environment::default()
    };
    assert_claims_hold(&model([&[1], &[1]], false, environment));
}
