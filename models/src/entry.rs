//! What the entries of all models have in common: named instances, mutants, and how to check them.

use std::fmt::Debug;
use std::hash::Hash;

use clap::{ArgMatches, FromArgMatches};
use itertools::Itertools;
use quorate::protocol::Protocol;
use serde::Serialize;
use stateright::Model;

use crate::catalogue::{InstanceSummary, MutantSummary, UsageError};
use crate::checker::{
    Answer, End, Exploration, Fairness, Options, Property, Run, StaterightSearch,
    check_with_stateright, explore, to_the_end,
};
use crate::explorer::{DEFAULT_ADDRESS, address_of_run};
use crate::mutant::Mutant;
use crate::reduction::{self, Forgetful, SPENT};
use crate::report::{CheckReport, Engine, MutantReport, PanicReport, check_report};
use crate::system::{Action, Application, System, SystemState};

/// A named instance.
#[derive(Clone, Debug)]
pub struct Instance<P> {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub summary: &'static str,
    /// Whether it is checked when none is named.
    pub by_default: bool,
    /// Its parameters.
    pub parameters: P,
}

impl<P: Serialize> Instance<P> {
    /// The instance, for lists.
    pub fn summary(&self, model: &'static str) -> InstanceSummary {
        InstanceSummary {
            model,
            instance: self.name,
            summary: self.summary,
            by_default: self.by_default,
            parameters: json(&self.parameters),
        }
    }
}

/// The instance of this name.
///
/// # Errors
///
/// If there is none.
pub fn instance<P>(
    model: &str,
    name: &str,
    instances: Vec<Instance<P>>,
) -> Result<Instance<P>, UsageError> {
    let known: Vec<&str> = instances.iter().map(|instance| instance.name).collect();
    let unknown = UsageError::unknown(&format!("instance of {model}"), name, known);
    let found = instances.into_iter().find(|i| i.name == name);
    found.ok_or(unknown)
}

/// The mutant of this name.
///
/// # Errors
///
/// If there is none.
pub fn mutant<R: Copy, P: Protocol>(
    model: &str,
    name: &str,
    mutants: &'static [Mutant<R, P>],
) -> Result<&'static Mutant<R, P>, UsageError> {
    let found = mutants.iter().find(|mutant| mutant.name == name);
    found.ok_or_else(|| {
        let known = mutants.iter().map(|mutant| mutant.name);
        UsageError::unknown(&format!("mutant of {model}"), name, known)
    })
}

/// Puts a flag's value, if it is given, in the place of a parameter's.
pub(crate) fn put<T>(parameter: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *parameter = value;
    }
}

/// Parameters as a table of names and values.
pub fn json<P: Serialize>(parameters: &P) -> serde_json::Value {
    serde_json::to_value(parameters).expect("parameters are plain data")
}

/// The instance of this name, and its parameters with the given flags in place of its own.
///
/// # Errors
///
/// If there is none, or the parameters make no sense.
pub fn parameters<P: Clone, F: FromArgMatches>(
    (model, name, instances): (&str, &str, Vec<Instance<P>>),
    flags: &ArgMatches,
    apply: fn(&F, P) -> P,
    validate: fn(&P) -> Result<(), String>,
) -> Result<(Instance<P>, P), UsageError> {
    let instance = instance(model, name, instances)?;
    let flags = F::from_arg_matches(flags).map_err(|error| UsageError(error.to_string()))?;
    let parameters = apply(&flags, instance.parameters.clone());
    validate(&parameters).map_err(UsageError)?;
    Ok((instance, parameters))
}

/// An instance's name, with the parameters that are not its own.
fn name_with_changes<P: Serialize>(instance: &Instance<P>, parameters: &P) -> String {
    let own = json(&instance.parameters);
    let all = json(parameters);
    let all = all.as_object().into_iter().flatten();
    let changed = all.filter(|(parameter, value)| own[parameter.as_str()] != **value);
    let name = std::iter::once(instance.name.to_owned());
    let changed = changed.map(|(parameter, value)| format!("{parameter}={value}"));
    name.chain(changed).join(" ")
}

/// A model, what is claimed of it, and what that relies on.
#[derive(Debug)]
pub struct Claimed<M: Model> {
    /// The model.
    pub model: M,
    /// What is claimed.
    pub properties: Vec<Property<M>>,
    /// What claims about fair runs rely on.
    pub fairness: Vec<Fairness<M>>,
}

/// An instance to check: whose, its name, its parameters.
pub type Named = (&'static str, String, serde_json::Value);

/// An instance to check, with these parameters.
pub fn named<P: Serialize>(model: &'static str, instance: &Instance<P>, parameters: &P) -> Named {
    (
        model,
        name_with_changes(instance, parameters),
        json(parameters),
    )
}

/// Checks what is claimed of processes in [`System`]: see [`check`].
pub fn check_system<P: Protocol, A: Application<P>>(
    named: Named,
    build: impl Fn() -> Claimed<System<P, A>>,
    engine: Engine,
    options: &Options<'_>,
) -> CheckReport
where
    System<P, A>: Model<State = SystemState<P, A>, Action = Action<P>> + Send + Sync + 'static,
    SystemState<P, A>: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    Action<P>: Clone + Debug + PartialEq + Send + Sync,
{
    check_forgetful(
        named,
        build,
        |system| &mut system.properties,
        engine,
        options,
        System::sentences,
    )
}

/// Checks what is claimed of a model in which messages may be forgotten: see [`check`]; and that what it forgets changes
/// nothing.
pub fn check_forgetful<M>(
    named: Named,
    build: impl Fn() -> Claimed<M>,
    for_stateright: impl Fn(&mut M) -> &mut Vec<stateright::Property<M>>,
    engine: Engine,
    options: &Options<'_>,
    sentences: impl Fn(&M, &Run<M>) -> Vec<String>,
) -> CheckReport
where
    M: Forgetful + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let Claimed { model, .. } = build();
    let forgets = model.forgets_spent();
    let finding = |model: &M, exploration: &Exploration<M>| {
        let whole = || build().model.whole();
        reduction::check(model, exploration, whole, options)
    };
    let searched = (engine, options);
    let (mut report, finding) =
        check_and(named, &build, for_stateright, searched, &sentences, finding);
    match finding.flatten() {
        Some(finding) => {
            report.seconds += finding.seconds;
            report.properties.push(finding.report(sentences));
        }
        // Stateright's searches keep the model to themselves.
        None if forgets => report.unchecked.push(SPENT),
        None => {}
    }
    report
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

/// The same, and what `finally` makes of Quorate's search and of the model that it has searched.
fn check_and<M, T>(
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
    let verdict = exploration.verdict(mutant.breaks);
    let run = verdict.and_then(|verdict| verdict.counterexample());
    let panic = panic_report(model, &exploration, &narrate);
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

/// The panic that ended a search, if one did.
fn panic_report<M: Model<Action: Debug>>(
    model: &M,
    exploration: &Exploration<M>,
    narrate: impl Fn(&M, &Run<M>) -> Vec<String>,
) -> Option<PanicReport> {
    let panic = exploration.panic.as_ref()?;
    let describe_action = |action: &M::Action| model.format_action(action);
    Some(PanicReport::new(
        panic,
        |run| narrate(model, run),
        describe_action,
    ))
}

/// Looks for a mutant in a model in which messages may be forgotten: see [`check_mutant`]. `build` makes the model.
pub fn check_forgetful_mutant<M>(
    mutant: &MutantSummary,
    build: impl Fn() -> Claimed<M>,
    options: &Options<'_>,
    narrate: impl Fn(&M, &Run<M>) -> Vec<String>,
) -> MutantReport
where
    M: Forgetful + Sync,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send,
{
    let claimed = build();
    if mutant.breaks != SPENT {
        return check_mutant(mutant, &claimed, options, narrate);
    }
    let exploration = explore(&claimed.model, &[], &[], options);
    let whole = || build().model.whole();
    let finding = reduction::check(&claimed.model, &exploration, whole, options);
    let finding = finding.as_ref();
    let shown = finding.and_then(|finding| finding.shown.as_ref());
    let run = shown.map(|(whole, run)| narrate(whole, run));
    let violation = finding.map(|finding| finding.violation.clone());
    MutantReport {
        model: mutant.model,
        mutant: mutant.mutant,
        breaks: mutant.breaks,
        instance: mutant.instance,
        found: finding.is_some_and(|finding| finding.holds == Some(false)),
        steps: shown.map(|(_, run)| run.steps.len()),
        seconds: exploration.progress.elapsed.as_secs_f64()
            + finding.map_or(0.0, |finding| finding.seconds),
        summary: mutant.summary,
        complete: exploration.exhausted(),
        run: [run, violation].into_iter().flatten().flatten().collect(),
        panic: panic_report(&claimed.model, &exploration, &narrate),
        // It is a run of another model than the one that is served.
        address: None,
    }
}

/// A mutant was asked for in Stateright's `ActorModel`.
pub fn no_mutants_in_actor_model() -> UsageError {
    UsageError(
        "mutants live in Quorate's own environment: choose --framework system, or another instance"
            .into(),
    )
}
