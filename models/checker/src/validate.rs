//! Replays what a search found before it is reported: a small check that shares nothing with the search.
//!
//! It knows the model, the property and the run, compares whole states, and reads fairness off the model's
//! actions, as TLA+ means it: a step from one state to another is a step of every class that has an
//! action which leads from the one to the other.

use std::collections::BTreeSet;

use stateright::Model;

use super::Run;
use super::property::{Condition, Fairness, Property, Strength, class_of};

type ClassName = (usize, u64);

/// Whether a run of the model shows what a witness of the property must show.
///
/// # Errors
///
/// What it does not show.
pub fn validate<M>(
    model: &M,
    property: &Property<M>,
    fairness: &[Fairness<M>],
    run: &Run<M>,
) -> Result<(), String>
where
    M: Model,
    M::State: PartialEq,
    M::Action: Clone,
{
    if !model.init_states().contains(&run.initial) {
        return Err("the run does not begin in an initial state".into());
    }
    for (number, (from, _, to)) in (1..).zip(steps(run)) {
        if !leads_to(model, from, to) {
            return Err(format!("step {number} is no step of the model"));
        }
    }
    let last = run.last();
    let shows = match property.condition {
        Condition::Always(condition) => !condition(model, last),
        Condition::Sometimes(condition) => condition(model, last),
        Condition::EveryStep(condition) => steps(run)
            .last()
            .is_some_and(|(from, action, to)| !condition(model, from, action, to)),
        Condition::SomeStep(condition) => steps(run)
            .last()
            .is_some_and(|(from, action, to)| condition(model, from, action, to)),
        Condition::Eventually(_)
        | Condition::LeadsTo { .. }
        | Condition::InfinitelyOften(_)
        | Condition::EventuallyAlways(_) => return validate_lasso(model, property, fairness, run),
    };
    match shows {
        true => Ok(()),
        false => Err("the run does not end where the property says".into()),
    }
}

/// The steps of a run: from where, by what, to where.
fn steps<M: Model>(run: &Run<M>) -> impl Iterator<Item = (&M::State, &M::Action, &M::State)> {
    let froms = std::iter::once(&run.initial).chain(run.steps.iter().map(|(_, state)| state));
    let steps = froms.zip(&run.steps);
    steps.map(|(from, (action, to))| (from, action, to))
}

/// Whether some action leads from one state to another, within the boundary.
fn leads_to<M: Model>(model: &M, from: &M::State, to: &M::State) -> bool
where
    M::State: PartialEq,
{
    let mut actions = Vec::new();
    model.actions(from, &mut actions);
    model.within_boundary(to)
        && actions
            .into_iter()
            .any(|action| model.next_state(from, action).as_ref() == Some(to))
}

/// The classes that are enabled in a state, and those of a step from it to another, if given.
fn classes<M: Model>(
    model: &M,
    fairness: &[Fairness<M>],
    state: &M::State,
    next: Option<&M::State>,
) -> BTreeSet<ClassName>
where
    M::State: PartialEq,
    M::Action: Clone,
{
    let mut actions = Vec::new();
    model.actions(state, &mut actions);
    let leads = |action: &M::Action| {
        let to = model.next_state(state, action.clone());
        to.is_some_and(|to| to != *state && next.is_none_or(|next| to == *next))
    };
    let actions = actions.into_iter().filter(leads);
    actions
        .filter_map(|action| class_of(fairness, model, &action))
        .collect()
}

fn validate_lasso<M>(
    model: &M,
    property: &Property<M>,
    fairness: &[Fairness<M>],
    run: &Run<M>,
) -> Result<(), String>
where
    M: Model,
    M::State: PartialEq,
    M::Action: Clone,
{
    let Some(begins) = run.cycle else {
        return Err(
            "the run ends, and a claim about what happens some time takes one that does not".into(),
        );
    };
    let states: Vec<&M::State> = std::iter::once(&run.initial)
        .chain(run.steps.iter().map(|(_, state)| state))
        .collect();
    let Some(cycle) = states.get(begins..).filter(|cycle| !cycle.is_empty()) else {
        return Err("the cycle begins behind the end of the run".into());
    };
    if cycle[0] != run.last() {
        return Err("the cycle does not close".into());
    }
    is_fair(model, fairness, cycle)?;
    let condition = property.condition;
    let refutes = (0..condition.cases()).any(|case| {
        let is_goal = |state: &&M::State| condition.is_goal(model, state, case);
        let is_trigger = |state: &&M::State| condition.is_trigger(model, state, case);
        match condition {
            Condition::Eventually(_) => !states.iter().any(&is_goal),
            Condition::LeadsTo { .. } => {
                // After the last goal, and on the cycle there is none.
                let after = states.iter().rposition(&is_goal).map_or(0, |at| at + 1);
                after <= begins && states[after..].iter().any(is_trigger)
            }
            Condition::InfinitelyOften(_) => !cycle.iter().any(&is_goal),
            Condition::EventuallyAlways(_) => !cycle.iter().all(is_goal),
            Condition::Always(_)
            | Condition::Sometimes(_)
            | Condition::EveryStep(_)
            | Condition::SomeStep(_) => false,
        }
    });
    match refutes {
        true => Ok(()),
        false => Err("the run meets its goal".into()),
    }
}

/// Whether a run that goes round these states for ever keeps every assumption. The first is the last.
fn is_fair<M>(model: &M, fairness: &[Fairness<M>], cycle: &[&M::State]) -> Result<(), String>
where
    M: Model,
    M::State: PartialEq,
    M::Action: Clone,
{
    let enabled: Vec<BTreeSet<ClassName>> = (cycle.iter())
        .map(|state| classes(model, fairness, state, None))
        .collect();
    let taken: BTreeSet<ClassName> = (cycle.windows(2))
        .flat_map(|pair| classes(model, fairness, pair[0], Some(pair[1])))
        .collect();
    for class in enabled.iter().flatten() {
        let assumption = &fairness[class.0];
        let is_put_off = match assumption.strength {
            Strength::Weak => enabled.iter().all(|enabled| enabled.contains(class)),
            Strength::Strong => true,
        };
        if is_put_off && !taken.contains(class) {
            return Err(format!(
                "the cycle is not fair: {} is put off for ever",
                assumption.name
            ));
        }
    }
    Ok(())
}
