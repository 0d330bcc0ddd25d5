//! When timers fire, and what stabilisation ends.

use std::collections::{BTreeMap, BTreeSet};

use quorate::protocol::{Effect, ProcessId, Protocol, TimerKind};
use quorate_checker::{Condition, Options, explore};
use quorate_models::mutant::Mutated;
use quorate_models::system::{Action, Environment, NetworkKind, System, Timers};
use stateright::Model;

use super::town::{
    ALL, Citizen, Mayor, ONE, OnStep, TWO, TheState, TheSystem, Timer, Town, ZERO,
    always_and_sometimes, explored, harsh, is_at_rest, is_up, steps, system,
};

#[test]
fn an_accurate_timer_fires_only_when_no_delivery_and_no_flush_would_change_anything() {
    let fires_at_rest: OnStep = |system, state, action, _| {
        !matches!(action, Action::Timeout(..)) || is_at_rest(system, state)
    };
    let resends: OnStep =
        |_, _, action, _| matches!(action, Action::Timeout(_, timer) if **timer == Timer::Resend);
    for network in [NetworkKind::Set, NetworkKind::Bag, NetworkKind::Fifo] {
        let with = |timers| {
            let environment = Environment {
                network,
                ..harsh(timers, false)
            };
            always_and_sometimes(&system(&[ZERO, ONE], environment), fires_at_rest, resends)
        };
        assert_eq!(with(Timers::Accurate), (true, true), "{network:?}");
        assert_eq!(with(Timers::Asynchronous), (false, true), "{network:?}");
    }
}

#[test]
fn an_accurate_timer_suspects_only_who_is_down() {
    // It changes nothing in this town, so it is offered and not taken.
    let suspected = |system: &TheSystem, state: &TheState, by: ProcessId, timer: &Timer| {
        let citizen = state.processes[by.index()].state()?;
        match system.protocol().timer_kind(citizen, timer) {
            TimerKind::Suspects(process) => Some((by, process)),
            _ => None,
        }
    };
    let suspicions = |system: &TheSystem, state: &TheState| -> BTreeSet<(ProcessId, ProcessId)> {
        let mut actions = Vec::new();
        system.actions(state, &mut actions);
        let suspicion = |action| match action {
            Action::Timeout(by, timer) => suspected(system, state, by, &timer),
            _ => None,
        };
        actions.into_iter().filter_map(suspicion).collect()
    };
    let accurate = system(&ALL, harsh(Timers::Accurate, false));
    let initial = accurate.init_states().remove(0);
    assert!(suspicions(&accurate, &initial).is_empty());
    let crash = |system: &TheSystem, victim| {
        let steps = system.next_steps(&initial).into_iter();
        let mut steps = steps.filter(|(a, _)| matches!(a, Action::Crash(id, _) if *id == victim));
        steps.next().expect("anybody can crash").1
    };
    let without_one = crash(&accurate, ONE);
    let expected = BTreeSet::from([(ZERO, ONE), (TWO, ONE)]);
    assert_eq!(suspicions(&accurate, &without_one), expected);
    let asynchronous = system(&ALL, harsh(Timers::Asynchronous, false));
    assert_eq!(suspicions(&asynchronous, &initial).len(), 6);
    assert_eq!(
        suspicions(&asynchronous, &crash(&asynchronous, ONE)).len(),
        4
    );
}

/// The next in turn, among those who are up and campaign at all.
fn turn(system: &TheSystem, state: &TheState, last: Option<ProcessId>) -> Option<ProcessId> {
    let campaigners = &system.protocol().campaigners;
    let from = last.map_or(0, |last| last.0 + 1);
    let mut round = (0..3).map(|n| ProcessId((from + n) % 3));
    round.find(|id| campaigners.contains(id) && is_up(state, *id))
}

#[test]
fn with_accurate_timers_campaigns_take_turns() {
    let in_turn: OnStep = |system, state, action, _| match action {
        Action::Timeout(id, timer) if **timer == Timer::Campaign => {
            Some(*id) == turn(system, state, state.view.campaigned)
        }
        _ => true,
    };
    let passes_on: OnStep = |_, state, _, next| {
        (state.view.campaigned, next.view.campaigned) == (Some(TWO), Some(ZERO))
    };
    for campaigners in [&ALL[..], &[ZERO, TWO]] {
        let with = |timers| {
            let system = system(campaigners, harsh(timers, false));
            always_and_sometimes(&system, in_turn, passes_on)
        };
        assert_eq!(with(Timers::Accurate), (true, true), "{campaigners:?}");
        assert_eq!(with(Timers::Asynchronous), (false, true), "{campaigners:?}");
    }
}

#[test]
fn a_campaign_that_changes_nothing_else_passes_the_turn_on() {
    /// Nobody is told of a campaign.
    fn silently(_: &Citizen, _: &Citizen, effects: Vec<Effect<Town>>) -> Vec<Effect<Town>> {
        let effects = effects.into_iter();
        effects.filter(|e| !matches!(e, Effect::Emit(_))).collect()
    }
    let town = Mutated {
        effects: Some(silently),
        ..Mutated::of(Town::of(&ALL))
    };
    let environment = Environment {
        timers: Timers::Accurate,
        ..Environment::default()
    };
    let system = System::new(town, Mayor, environment);
    let mut state = system.init_states().remove(0);
    let mut turns = Vec::new();
    for _ in 0..4 {
        let steps = system.next_steps(&state).into_iter();
        let mut campaigns = steps.filter(|(action, _)| matches!(action, Action::Timeout(..)));
        let Some((Action::Timeout(id, _), next)) = campaigns.next() else {
            panic!("somebody's turn");
        };
        assert!(campaigns.next().is_none());
        turns.push(id);
        state = next;
    }
    assert_eq!(turns, [ZERO, ONE, TWO, ZERO]);
}

#[test]
fn where_timers_are_not_accurate_nobody_keeps_in_mind_who_campaigned() {
    let nobody: fn(&TheSystem, &TheState) -> bool =
        |_, state| state.stable || state.campaigned.is_none();
    let somebody: fn(&TheSystem, &TheState) -> bool = |_, state| state.campaigned.is_some();
    for (environment, may_happen) in [
        (harsh(Timers::Asynchronous, false), false),
        (harsh(Timers::Asynchronous, true), true),
    ] {
        let system = system(&ALL, environment);
        assert!(explored(&system, Condition::Always(nobody)));
        assert_eq!(
            explored(&system, Condition::Sometimes(somebody)),
            may_happen
        );
    }
}

#[test]
fn when_the_system_has_stabilised_no_fault_happens_and_timers_are_accurate_but_who_is_down_recovers()
 {
    let system = system(&[ZERO, ONE], harsh(Timers::Asynchronous, true));
    let is_calm: OnStep = |system, state, action, next| {
        let is_fault = matches!(
            action,
            Action::Crash(..) | Action::Drop(_) | Action::Stabilise
        );
        let fires = matches!(action, Action::Timeout(..));
        !state.stable || (!is_fault && next.stable && (!fires || is_at_rest(system, state)))
    };
    let fires_early: OnStep = |system, state, action, _| {
        matches!(action, Action::Timeout(..)) && !is_at_rest(system, state)
    };
    assert_eq!(
        always_and_sometimes(&system, is_calm, fires_early),
        (true, true)
    );
    // What happens at all, and whether it does afterwards, too.
    let mut happened = BTreeMap::new();
    for (state, action, _) in steps(&system) {
        let kind = format!("{action:?}");
        let kind = kind.split('(').next().unwrap_or_default().to_owned();
        let when: &mut BTreeSet<bool> = happened.entry(kind).or_default();
        when.insert(state.stable);
    }
    for (kind, when) in happened {
        let afterwards = !["Crash", "Drop", "Stabilise"].contains(&&*kind);
        assert_eq!(when, BTreeSet::from([false, afterwards]), "{kind}");
    }
}

#[test]
fn a_mutated_protocol_suspects_and_campaigns_as_the_protocol_does() {
    let town = Town::of(&ALL);
    let mutated = Mutated::of(town.clone());
    let citizen = town.initial(ONE);
    for timer in [Timer::Resend, Timer::Suspect(TWO), Timer::Campaign] {
        let kind = town.timer_kind(&citizen, &timer);
        assert_eq!(mutated.timer_kind(&citizen, &timer), kind);
    }
}

/// Leaves out every start of the resend timer.
fn silent_about_resends(_: &Citizen, _: &Citizen, effects: Vec<Effect<Town>>) -> Vec<Effect<Town>> {
    let is_told = |effect: &Effect<Town>| !matches!(effect, Effect::SetTimer(Timer::Resend));
    effects.into_iter().filter(is_told).collect()
}

#[test]
fn a_timer_that_is_read_off_and_was_not_told_ends_the_search_with_the_run_to_it() {
    let silent = Mutated {
        effects: Some(silent_about_resends),
        ..Mutated::of(Town::of(&[]))
    };
    let system = System::new(silent, Mayor, harsh(Timers::Asynchronous, false));
    let exploration = explore(&system, &[], &[], &Options::default());
    let panic = exploration.panic.expect("the comparison");
    assert!(panic.message.contains("timers set are"), "{panic:?}");
    // Once process 0 has heard, it says so again until all have.
    assert!(panic.run.is_some() && panic.action.is_some());
}
