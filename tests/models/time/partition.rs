//! What a cut keeps apart, how often it is made, and how it ends.

use std::collections::BTreeSet;

use quorate::protocol::ProcessId;
use quorate_checker::{Condition, Fairness, Options, Property, explore};
use quorate_models::system::{
    Action, Disk, Environment, EnvironmentFlags, NetworkKind, ProcessSet, Timers,
};
use stateright::Model;

use super::town::{
    ALL, Message, ONE, OnStep, TWO, TheAction, TheState, TheSystem, Timer, ZERO,
    always_and_sometimes, explored, is_at_rest, letter, steps, system,
};

const NETWORKS: [NetworkKind; 3] = [NetworkKind::Set, NetworkKind::Bag, NetworkKind::Fifo];

/// The network parts, and nothing else fails.
fn parting(timers: Timers) -> Environment {
    Environment {
        network: NetworkKind::Bag,
        partitions: 1,
        timers,
        ..Environment::default()
    }
}

fn set(processes: &[ProcessId]) -> ProcessSet {
    processes.iter().copied().collect()
}

fn offered(system: &TheSystem, state: &TheState) -> Vec<TheAction> {
    let mut actions = Vec::new();
    system.actions(state, &mut actions);
    actions
}

/// The state after these steps, each of which is offered and changes something.
fn after(system: &TheSystem, path: &[TheAction]) -> TheState {
    let mut state = system.init_states().remove(0);
    for action in path {
        assert!(offered(system, &state).contains(action), "{action:?}");
        state = system.next_state(&state, *action).expect("it changes");
    }
    state
}

/// Process 0 is asked.
fn asked(system: &TheSystem) -> TheAction {
    let actions = offered(system, &system.init_states().remove(0));
    let mut requests = actions.into_iter();
    let request = requests.find(|action| matches!(action, Action::Submit(..)));
    request.expect("it may be asked at once")
}

fn news(to: ProcessId) -> TheAction {
    Action::Deliver(letter(ZERO, to, Message::News))
}

fn answer(from: ProcessId) -> TheAction {
    Action::Deliver(letter(from, ZERO, Message::Heard))
}

/// The deliveries that are offered, sorted for comparison.
fn deliveries(system: &TheSystem, state: &TheState) -> BTreeSet<String> {
    let actions = offered(system, state).into_iter();
    let deliveries = actions.filter(|action| matches!(action, Action::Deliver(_)));
    deliveries.map(|action| format!("{action:?}")).collect()
}

fn named(actions: &[TheAction]) -> BTreeSet<String> {
    actions.iter().map(|action| format!("{action:?}")).collect()
}

#[test]
fn what_is_in_flight_when_the_network_parts_and_what_is_sent_later_waits_at_the_cut_until_it_heals()
{
    for network in NETWORKS {
        let environment = Environment {
            network,
            ..parting(Timers::Never)
        };
        let system = system(&[], environment);
        // A set keeps what was delivered, so something may always arrive again.
        let again = |action| match network {
            NetworkKind::Set => vec![action],
            NetworkKind::Bag | NetworkKind::Fifo => Vec::new(),
        };
        let ask = asked(&system);
        let before = after(&system, &[ask]);
        assert_eq!(deliveries(&system, &before), named(&[news(ONE), news(TWO)]));
        let cut = Action::Partition(set(&[TWO]));
        // In flight already: only to process 1 is it delivered.
        let parted = after(&system, &[ask, cut]);
        assert_eq!(deliveries(&system, &parted), named(&[news(ONE)]));
        // Within the group messages go to and fro.
        let path = [ask, cut, news(ONE), answer(ONE)];
        let within = after(&system, &path);
        let repeated = [again(news(ONE)), again(answer(ONE))].concat();
        assert_eq!(deliveries(&system, &within), named(&repeated));
        let healed = after(&system, &[&path[..], &[Action::Heal]].concat());
        let arrives = [repeated, vec![news(TWO)]].concat();
        assert_eq!(deliveries(&system, &healed), named(&arrives));
        // Sent while there is a cut.
        let path = [cut, ask];
        let sent = after(&system, &path);
        assert_eq!(deliveries(&system, &sent), named(&[news(ONE)]));
        let healed = after(&system, &[&path[..], &[Action::Heal]].concat());
        assert_eq!(deliveries(&system, &healed), named(&[news(ONE), news(TWO)]));
    }
}

#[test]
fn a_message_crosses_only_where_there_is_no_cut_and_a_cut_may_lose_it() {
    let stays_apart: OnStep = |_, state, action, _| match action {
        Action::Deliver(e) => state.cut.contains(e.from) == state.cut.contains(e.to),
        _ => true,
    };
    let is_lost_there: OnStep = |_, state, action, _| match action {
        Action::Drop(e) => state.cut.contains(e.from) != state.cut.contains(e.to),
        _ => false,
    };
    for network in NETWORKS {
        let environment = Environment {
            network,
            drops: 1,
            ..parting(Timers::Asynchronous)
        };
        let system = system(&[], environment);
        let holds = always_and_sometimes(&system, stays_apart, is_lost_there);
        assert_eq!(holds, (true, true), "{network:?}");
    }
}

#[test]
fn each_cut_is_made_in_one_form_and_there_are_no_more_than_the_budget() {
    for partitions in 0..=2 {
        let environment = Environment {
            partitions,
            ..parting(Timers::Never)
        };
        let system = system(&[], environment);
        let (mut cuts, mut counts) = (BTreeSet::new(), BTreeSet::new());
        for (state, action, next) in steps(&system) {
            let is_partition = matches!(action, Action::Partition(_));
            assert_eq!(next.partitions - state.partitions, u8::from(is_partition));
            counts.insert(next.partitions);
            if let Action::Partition(cut) = action {
                assert!(state.cut.is_empty(), "there is one cut at a time");
                assert_eq!(next.cut, cut);
                cuts.insert(format!("{cut:?}"));
            }
        }
        assert_eq!(counts, (0..=partitions).collect());
        let expected = ["{1}", "{2}", "{1, 2}"].map(str::to_owned);
        match partitions {
            0 => assert!(cuts.is_empty()),
            _ => assert_eq!(cuts, BTreeSet::from(expected)),
        }
    }
    let count = |processes| ProcessSet::cuts(processes).count();
    assert_eq!([1, 2, 3, 4, 16].map(count), [0, 1, 3, 7, 32_767]);
}

#[test]
fn a_cut_that_does_not_heal_stays_and_one_that_does_may_be_made_again() {
    let stays: OnStep = |_, state, _, next| state.cut.is_empty() || next.cut == state.cut;
    let comes_again: OnStep =
        |_, state, action, _| state.partitions == 1 && matches!(action, Action::Partition(_));
    let with = |partitions, heals| {
        let environment = Environment {
            partitions,
            heals,
            ..parting(Timers::Asynchronous)
        };
        always_and_sometimes(&system(&[], environment), stays, comes_again)
    };
    assert_eq!(with(1, false), (true, false));
    assert_eq!(with(1, true), (false, false));
    assert_eq!(with(2, true), (false, true));
}

#[test]
fn when_the_system_has_stabilised_there_is_no_cut_and_none_is_made() {
    let environment = Environment {
        stabilises: true,
        ..parting(Timers::Asynchronous)
    };
    let system = system(&[ZERO], environment);
    let is_whole: fn(&TheSystem, &TheState) -> bool =
        |_, state| !state.stable || state.cut.is_empty();
    assert!(explored(&system, Condition::Always(is_whole)));
    let is_calm: OnStep = |_, state, action, _| {
        !state.stable || !matches!(action, Action::Partition(_) | Action::Heal)
    };
    let ends_a_cut: OnStep =
        |_, state, action, _| matches!(action, Action::Stabilise) && !state.cut.is_empty();
    assert_eq!(
        always_and_sometimes(&system, is_calm, ends_a_cut),
        (true, true)
    );
    // A partition that is left is not made: it is the moment that forbids it, and not the budget.
    let has_some_left: OnStep = |_, state, _, _| state.stable && state.partitions == 0;
    assert!(explored(&system, Condition::SomeStep(has_some_left)));
}

#[test]
fn an_accurate_timer_suspects_who_is_across_the_cut_and_not_who_is_on_the_same_side() {
    let suspicions = |system: &TheSystem, state: &TheState| -> BTreeSet<(ProcessId, ProcessId)> {
        let suspicion = |action| match action {
            Action::Timeout(by, timer) => match *timer {
                Timer::Suspect(of) => Some((by, of)),
                Timer::Resend | Timer::Campaign => None,
            },
            _ => None,
        };
        let actions = offered(system, state).into_iter();
        actions.filter_map(suspicion).collect()
    };
    let environment = Environment {
        crashes: 1,
        ..parting(Timers::Accurate)
    };
    let system = system(&ALL, environment);
    assert!(suspicions(&system, &after(&system, &[])).is_empty());
    let cut = Action::Partition(set(&[ONE, TWO]));
    let parted = after(&system, &[cut]);
    let apart = BTreeSet::from([(ZERO, ONE), (ZERO, TWO), (ONE, ZERO), (TWO, ZERO)]);
    assert_eq!(suspicions(&system, &parted), apart);
    // Who is down is suspected on both sides.
    let actions = offered(&system, &parted).into_iter();
    let mut crashes = actions.filter(|action| matches!(action, Action::Crash(ONE, _)));
    let crash = crashes.next().expect("it may crash");
    let without_one = after(&system, &[cut, crash]);
    let expected = BTreeSet::from([(ZERO, ONE), (ZERO, TWO), (TWO, ZERO), (TWO, ONE)]);
    assert_eq!(suspicions(&system, &without_one), expected);
    assert!(suspicions(&system, &after(&system, &[cut, Action::Heal])).is_empty());
}

#[test]
fn quiescence_does_not_wait_for_what_is_across_the_cut_and_waits_for_all_else() {
    let fires_at_rest: OnStep = |system, state, action, _| {
        !matches!(action, Action::Timeout(..)) || is_at_rest(system, state)
    };
    // It would arrive, and change something, if there were no cut.
    let waits_at_the_cut: OnStep = |system, state, action, _| {
        let mut waiting = state.network.in_flight();
        matches!(action, Action::Timeout(..))
            && waiting.any(|e| system.next_state(state, Action::Deliver(e)).is_some())
    };
    for network in NETWORKS {
        let with = |timers, partitions| {
            let environment = Environment {
                network,
                disk: Disk::Buffered,
                partitions,
                ..parting(timers)
            };
            always_and_sometimes(
                &system(&[ZERO], environment),
                fires_at_rest,
                waits_at_the_cut,
            )
        };
        assert_eq!(with(Timers::Accurate, 1), (true, true), "{network:?}");
        assert_eq!(with(Timers::Accurate, 0), (true, false), "{network:?}");
        assert_eq!(with(Timers::Asynchronous, 1), (false, true), "{network:?}");
    }
}

/// Whether all hear of it in the end, on every fair run.
fn news_spread(heals: bool, fairness: &[Fairness<TheSystem>]) -> bool {
    let everybody = Property::holds(
        "everybody hears of it",
        Condition::LeadsTo {
            cases: 1,
            trigger: |_: &TheSystem, state: &TheState, _| {
                state.processes[0].durable.0.contains(&ZERO)
            },
            goal: |_, state, _| {
                let mut live = state.live();
                live.all(|(id, citizen)| citizen.heard.0.contains(&id))
            },
        },
    );
    let environment = Environment {
        heals,
        ..parting(Timers::Asynchronous)
    };
    let system = system(&[], environment);
    let exploration = explore(&system, &[everybody], fairness, &Options::default());
    assert!(exploration.exhausted());
    exploration.verdicts[0].holds()
}

#[test]
fn a_cut_stays_for_ever_unless_it_may_heal_and_healing_is_fair() {
    let most = [TheSystem::deliveries(), TheSystem::timers()];
    let all = [&most[..], &[TheSystem::heals()]].concat();
    assert!(news_spread(true, &all));
    assert!(!news_spread(true, &most));
    assert!(!news_spread(false, &all));
}

#[test]
fn healing_is_a_class_of_its_own_and_partitions_are_in_none() {
    let system = system(&[], parting(Timers::Asynchronous));
    let heals = TheSystem::heals();
    let others = [
        TheSystem::deliveries(),
        TheSystem::timers(),
        TheSystem::flushes(),
        TheSystem::recoveries(),
    ];
    let mut classes = BTreeSet::new();
    for (_, action, _) in steps(&system) {
        let is_heal = action == Action::Heal;
        let class = (heals.class)(&system, &action);
        assert_eq!(class.is_some(), is_heal, "{action:?}");
        classes.extend(class);
        if is_heal || matches!(action, Action::Partition(_)) {
            assert!(others.iter().all(|f| (f.class)(&system, &action).is_none()));
        }
    }
    assert_eq!(classes.len(), 1);
}

#[test]
fn a_state_shows_its_cut_while_there_is_one() {
    let system = system(&[], parting(Timers::Never));
    let cut = Action::Partition(set(&[ONE, TWO]));
    let parted = format!("{:?}", after(&system, &[cut]));
    let healed = format!("{:?}", after(&system, &[cut, Action::Heal]));
    assert!(
        parted.contains("1 partitions\npartition: 0 | 1, 2"),
        "{parted}"
    );
    assert!(healed.contains("1 partitions"), "{healed}");
    assert!(!healed.contains("partition:"), "{healed}");
}

#[test]
fn partitions_that_cannot_be_are_refused_with_the_reason() {
    let refused = |processes: usize, change: fn(&mut Environment)| {
        let mut environment = parting(Timers::Asynchronous);
        change(&mut environment);
        environment.validate(processes).err().unwrap_or_default()
    };
    assert_eq!(refused(2, |_| {}), "");
    assert!(refused(1, |_| {}).contains("at least 2 processes"));
    assert_eq!(refused(16, |_| {}), "");
    assert!(refused(17, |_| {}).contains("at most 16 processes"));
    assert_eq!(refused(3, |e| e.heals = false), "");
    let more = |e: &mut Environment| (e.heals, e.partitions) = (false, 2);
    assert!(refused(3, more).contains("give partitions 1"));
    assert_eq!(refused(3, |e| e.stabilises = true), "");
    let for_good = |e: &mut Environment| (e.heals, e.stabilises) = (false, true);
    assert!(refused(3, for_good).contains("leave heals at true"));
    // Where nothing parts, it does not matter whether it would heal.
    let nothing = |e: &mut Environment| (e.heals, e.partitions) = (false, 0);
    assert_eq!(refused(1, nothing), "");
}

#[test]
fn partitions_are_flags() {
    let mut environment = Environment::default();
    assert_eq!((environment.partitions, environment.heals), (0, true));
    let flags = EnvironmentFlags {
        partitions: Some(2),
        heals: Some(false),
        ..EnvironmentFlags::default()
    };
    flags.apply(&mut environment);
    assert_eq!((environment.partitions, environment.heals), (2, false));
}
