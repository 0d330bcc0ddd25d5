//! That a model in which messages are forgotten that can change nothing any more is the whole model, with them left out.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

use itertools::Itertools;
use quorate::protocol::{Protocol, Release};
use quorate_models::system::{Application, Envelope, System, SystemState};
use stateright::Model;

/// A state in words, without the messages that are spent.
type Words = Vec<String>;

fn is_spent<P: Protocol, A: Application<P>>(
    model: &System<P, A>,
    state: &SystemState<P, A>,
    envelope: &Envelope<P::Message>,
) -> bool {
    model.application().is_lost(envelope) || model.is_spent(state, envelope)
}

fn without_spent<P, A>(model: &System<P, A>, state: &SystemState<P, A>) -> Words
where
    P: Protocol<State: Debug, Durable: Debug, Record: Debug, Message: Debug, Output: Debug>,
    A: Application<P, View: Debug>,
{
    // What is held back and would be spent when it is sent is left out as well.
    let is_left = |from, release: &&Release<P>| match release {
        Release::Send { to, message } => {
            let (to, message) = (*to, message.clone());
            !is_spent(model, state, &Envelope { from, to, message })
        }
        Release::Emit(_) | Release::Durable(_) => true,
    };
    let mut lines = Words::new();
    for (from, process) in state.processes() {
        lines.push(format!("{:?} {:?}", process.state(), process.durable));
        for pending in process.pending() {
            let (record, forced) = (&pending.record, pending.forced);
            let releases = pending.releases.iter();
            let releases: Vec<_> = releases.filter(|release| is_left(from, release)).collect();
            lines.push(format!("{from:?}: {record:?} {forced} {releases:?}"));
        }
    }
    let in_flight = state.network.in_flight();
    let left = in_flight.filter(|envelope| !is_spent(model, state, envelope));
    let left = left.map(|envelope| format!("{envelope:?}"));
    lines.extend(left.sorted());
    lines.push(format!("{:?} {}", state.view, state.crashes));
    lines
}

fn all_states<M: Model<State: Clone + Eq + Hash>>(model: &M) -> HashSet<M::State> {
    let mut all: HashSet<M::State> = model.init_states().into_iter().collect();
    let mut frontier: Vec<M::State> = all.iter().cloned().collect();
    while let Some(state) = frontier.pop() {
        for (_, next) in model.next_steps(&state) {
            if all.insert(next.clone()) {
                frontier.push(next);
            }
        }
    }
    all
}

/// Each state of the model without spent messages is one of the whole model, with them left out, and the other way
/// round; and what can happen next is the same.
pub fn assert_nothing_is_lost<P, A>(forgetful: &System<P, A>, whole: &System<P, A>)
where
    P: Protocol<State: Debug, Durable: Debug, Record: Debug, Message: Debug, Output: Debug>,
    A: Application<P, View: Debug>,
    System<P, A>: Model<State = SystemState<P, A>>,
    SystemState<P, A>: Clone + Eq + Hash,
{
    let states = [all_states(forgetful), all_states(whole)];
    assert!(states[0].len() < states[1].len(), "something is forgotten");
    let [few, all] = states.each_ref().map(|states| {
        let words = states.iter().map(|state| without_spent(forgetful, state));
        words.collect::<HashSet<Words>>()
    });
    for state in &states[0] {
        let mut left = state.network.in_flight();
        let is_left = left.any(|envelope| is_spent(forgetful, state, &envelope));
        assert!(!is_left, "nothing spent is left");
    }
    let least = |words: &HashSet<Words>, of: &HashSet<Words>| {
        let only = words.difference(of).min_by_key(|words| words.len());
        only.map(|words| words.join("\n"))
    };
    assert_eq!(least(&few, &all), None, "only without");
    assert_eq!(least(&all, &few), None, "only in the whole");
    let steps = |model: &System<P, A>, states: &HashSet<SystemState<P, A>>| {
        let steps = states.iter().flat_map(|state| {
            let before = without_spent(forgetful, state);
            let next = model.next_steps(state).into_iter();
            next.map(move |(_, next)| (before.clone(), without_spent(forgetful, &next)))
        });
        let steps = steps.filter(|(before, after)| before != after);
        steps.collect::<HashSet<(Words, Words)>>()
    };
    assert!(
        steps(forgetful, &states[0]) == steps(whole, &states[1]),
        "steps differ"
    );
}
