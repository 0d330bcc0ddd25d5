//! What fairness is of which actions.

use std::collections::{BTreeMap, BTreeSet};

use itertools::Itertools;
use quorate::protocol::Protocol;
use quorate_checker::{Condition, Fairness, Options, Property, Strength, explore};
use quorate_models::mutant::Mutated;
use quorate_models::system::{Action, Environment, NetworkKind, System, SystemState, Timers};
use stateright::Model;

use super::town::{
    ALL, Campaigned, Citizen, Heard, Mayor, TheAction, TheSystem, Timer, Town, ZERO, harsh, steps,
    system,
};

/// Whether all are up and have heard of it in the end, on every fair run.
fn news_spread<P>(
    protocol: P,
    environment: Environment,
    fairness: &[Fairness<System<P, Mayor>>],
) -> bool
where
    P: Protocol<State = Citizen, Durable = Heard, Request = (), Output = Campaigned>
        + Sync
        + 'static,
    System<P, Mayor>: Model<State = SystemState<P, Mayor>, Action = Action<P>> + Sync,
    SystemState<P, Mayor>: Send + Sync,
    Action<P>: Send,
{
    let everybody = Property::holds(
        "everybody hears of it",
        Condition::LeadsTo {
            cases: 1,
            trigger: |_: &System<P, Mayor>, state: &SystemState<P, Mayor>, _| {
                // A crash can no longer undo that it was asked.
                state.processes[0].durable.0.contains(&ZERO)
            },
            goal: |_, state, _| {
                let mut live = state.live();
                live.all(|(id, citizen)| citizen.heard.0.contains(&id)) && state.down() == 0
            },
        },
    );
    let system = System::new(protocol, Mayor, environment);
    let exploration = explore(&system, &[everybody], fairness, &Options::default());
    assert!(exploration.exhausted());
    exploration.verdicts[0].holds()
}

#[test]
fn with_every_assumption_of_fairness_all_hear_of_it_and_without_any_one_they_need_not() {
    for network in [NetworkKind::Set, NetworkKind::Bag, NetworkKind::Fifo] {
        let environment = Environment {
            network,
            ..harsh(Timers::Asynchronous, false)
        };
        let all = [
            TheSystem::deliveries(),
            TheSystem::timers(),
            TheSystem::flushes(),
            TheSystem::recoveries(),
        ];
        let spread = |fairness: &[_]| news_spread(Town::of(&[]), environment.clone(), fairness);
        assert!(spread(&all), "{network:?}");
        for left_out in 0..all.len() {
            let rest = [&all[..left_out], &all[left_out + 1..]].concat();
            assert!(!spread(&rest), "{network:?} without {}", all[left_out].name);
        }
    }
}

#[test]
fn without_the_timer_to_send_it_again_what_is_lost_is_never_heard() {
    type Forgetful = System<Mutated<Town>, Mayor>;
    let fairness = [
        Forgetful::deliveries(),
        Forgetful::timers(),
        Forgetful::flushes(),
        Forgetful::recoveries(),
    ];
    let right = Mutated::of(Town::of(&[]));
    let forgetful = Mutated {
        forgotten: Some(|timer| *timer == Timer::Resend),
        ..Mutated::of(Town::of(&[]))
    };
    let environment = harsh(Timers::Asynchronous, false);
    assert!(news_spread(right, environment.clone(), &fairness));
    assert!(!news_spread(forgetful, environment, &fairness));
}

#[test]
fn the_classes_of_fairness_are_as_fine_as_they_say() {
    for network in [NetworkKind::Set, NetworkKind::Bag, NetworkKind::Fifo] {
        let environment = Environment {
            network,
            copies_max: if network == NetworkKind::Set { 1 } else { 2 },
            ..harsh(Timers::Asynchronous, true)
        };
        let system = system(&ALL, environment.clone());
        let other = super::town::system(&ALL, environment);
        let fairness = [
            TheSystem::deliveries(),
            TheSystem::timers(),
            TheSystem::flushes(),
            TheSystem::recoveries(),
        ];
        let mut classes: [BTreeMap<u64, BTreeSet<String>>; 4] = Default::default();
        let offered: Vec<TheAction> = steps(&system).map(|(_, action, _)| action).collect();
        for action in offered {
            let numbers = fairness.map(|f| (f.class)(&system, &action));
            assert_eq!(numbers, fairness.map(|f| (f.class)(&other, &action)));
            assert!(numbers.iter().flatten().count() <= 1, "{action:?}");
            let what = match &action {
                Action::Deliver(e) if network == NetworkKind::Fifo => format!("{:?}", e.link()),
                Action::Deliver(envelope) => format!("{envelope:?}"),
                Action::Timeout(id, timer) => format!("{timer:?} at {id:?}"),
                Action::Flush(id) | Action::Recover(id) => format!("{id:?}"),
                _ => {
                    assert_eq!(numbers, [None; 4], "{action:?} is unfair");
                    continue;
                }
            };
            let (class, number) = numbers
                .into_iter()
                .enumerate()
                .find_map(|(c, n)| Some((c, n?)))
                .expect("it is fair");
            classes[class].entry(number).or_default().insert(what);
        }
        for classes in &classes {
            assert!(classes.len() > 2);
            assert!(classes.values().all(|what| what.len() == 1), "{classes:?}");
            assert!(classes.values().flatten().all_unique(), "{classes:?}");
        }
        assert!(fairness.iter().all(|f| f.strength == Strength::Weak));
    }
}
