//! How an instance of a model is checked, and a mutant looked for, with a report of what came out.

use std::fmt::Debug;
use std::hash::Hash;

use stateright::Model;

use crate::entry::MutantSummary;
use crate::explorer::{DEFAULT_ADDRESS, address_of_run};
use crate::instances::Named;
use crate::report::{CheckReport, Engine, MutantReport, PanicReport, check_report};
use crate::{
    Answer, End, Exploration, Fairness, Options, Property, Run, StaterightSearch,
    check_with_stateright, explore, to_the_end,
};

/// A model, what is claimed of it, and what that relies on.
#[derive(Debug)]
pub struct Claimed<M: Model> {
    /// The model.
    pub model: M,
    /// The claims about states, steps and fair runs.
    pub properties: Vec<Property<M>>,
    /// The fairness assumptions of the claims about fair runs.
    pub fairness: Vec<Fairness<M>>,
}

/// The actions of a run, as the model writes them.
pub fn written_actions<M>(model: &M, run: &Run<M>) -> Vec<String>
where
    M: Model<Action: Debug>,
{
    let actions = run.steps.iter().map(|(action, _)| action);
    actions.map(|action| model.format_action(action)).collect()
}

/// Checks what is claimed of a model, with the engine asked for. `sentences` describes a run.
pub fn check<M>(
    (model, instance, parameters): Named,
    build: impl Fn() -> Claimed<M>,
    for_stateright: impl Fn(&mut M) -> &mut Vec<stateright::Property<M>>,
    engine: Engine,
    options: &Options<'_>,
    sentences: impl Fn(&M, &Run<M>) -> Vec<String>,
) -> CheckReport
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let named = (model, instance, parameters);
    let searched = (engine, options);
    let (report, _) = check_and(named, build, for_stateright, searched, sentences, |_, _| ());
    report
}

/// Checks what is claimed of a model, as [`check`](check()) does, and tells what `finally` makes of Quorate's search and of the
/// model that it has searched.
pub fn check_and<M, T>(
    (model, instance, parameters): Named,
    build: impl Fn() -> Claimed<M>,
    for_stateright: impl Fn(&mut M) -> &mut Vec<stateright::Property<M>>,
    (engine, options): (Engine, &Options<'_>),
    sentences: impl Fn(&M, &Run<M>) -> Vec<String>,
    finally: impl Fn(&M, &Exploration<M>) -> T,
) -> (CheckReport, Option<T>)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let mut claimed = build();
    let mut found = None;
    let (properties, fairness) = (&claimed.properties, &claimed.fairness);
    let exploration: Exploration<M> = match engine {
        Engine::Quorate => {
            let exploration = explore(&claimed.model, properties, fairness, options);
            found = Some(finally(&claimed.model, &exploration));
            exploration
        }
        Engine::StaterightBfs | Engine::StaterightDfs => {
            for_stateright(&mut claimed.model).push(to_the_end());
            let search = match engine {
                Engine::StaterightBfs => StaterightSearch::BreadthFirst,
                _ => StaterightSearch::DepthFirst,
            };
            check_with_stateright(claimed.model, properties, search, options)
        }
    };
    let Claimed { model: again, .. } = build();
    let claims = (&claimed.properties[..], &claimed.fairness[..]);
    let named = (model, instance);
    let describe_run = |run: &Run<M>| {
        let address = address_of_run(DEFAULT_ADDRESS, &again, run);
        (sentences(&again, run), address)
    };
    let describe_action = |action: &M::Action| again.format_action(action);
    let report = check_report(
        named,
        parameters,
        engine,
        claims,
        &exploration,
        describe_run,
        describe_action,
    );
    (report, found)
}

/// Looks for a mutant. `narrate` tells its run.
pub fn check_mutant<M>(
    mutant: &MutantSummary,
    claimed: &Claimed<M>,
    options: &Options<'_>,
    narrate: impl Fn(&M, &Run<M>) -> Vec<String>,
) -> MutantReport
where
    M: Model + Sync,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send,
{
    let options = Options {
        stop_at: Some(mutant.breaks),
        ..options.clone()
    };
    let model = &claimed.model;
    let exploration = explore(model, &claimed.properties, &claimed.fairness, &options);
    mutant_report(mutant, model, &exploration, narrate)
}

/// The report of a search for a mutant. `narrate` writes its counterexample in sentences.
pub fn mutant_report<M>(
    mutant: &MutantSummary,
    model: &M,
    exploration: &Exploration<M>,
    narrate: impl Fn(&M, &Run<M>) -> Vec<String>,
) -> MutantReport
where
    M: Model<State: PartialEq, Action: Clone + Debug + PartialEq>,
{
    let verdict = exploration.verdict(mutant.breaks);
    let run = verdict.and_then(|verdict| verdict.counterexample());
    let panic = exploration.panic.as_ref().map(|panic| {
        let describe_action = |action: &M::Action| model.format_action(action);
        PanicReport::new(panic, |run| narrate(model, run), describe_action)
    });
    MutantReport {
        model: mutant.model,
        mutant: mutant.mutant,
        breaks: mutant.breaks,
        instance: mutant.instance,
        // That something never happens has no run to show it.
        found: verdict.is_some_and(|verdict| verdict.answer == Answer::Fails),
        panic,
        steps: run.map(|run| run.steps.len()),
        seconds: exploration.progress.elapsed.as_secs_f64(),
        summary: mutant.summary,
        complete: matches!(exploration.end, End::Exhausted | End::Found),
        run: run.map(|run| narrate(model, run)).unwrap_or_default(),
        address: run.map(|run| address_of_run(DEFAULT_ADDRESS, model, run)),
    }
}
