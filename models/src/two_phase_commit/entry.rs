//! Two-phase commit, as the command line sees it.

use std::convert::Infallible;
use std::fmt::Debug;
use std::hash::Hash;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use itertools::Itertools;
use quorate::two_phase_commit::Published;
use stateright::Model as _;

use super::actor_model::actor_model;
use super::mutants::{MUTANTS, Mutant};
use super::parameters::{Framework, Instance, ParameterFlags, Parameters, instances};
use super::{liveness, model, protocol};
use crate::catalogue::{Entry, InstanceSummary, MutantSummary, Subject, UsageError};
use crate::checker::{
    End, Exploration, Fairness, Options, Property, StaterightSearch, check_with_stateright,
    explore, to_the_end,
};
use crate::explorer::{self, address_of_run};
use crate::report::{CheckReport, Engine, MutantReport, check_report};

/// The entry of two-phase commit.
#[derive(Clone, Copy, Debug)]
pub struct TwoPhaseCommitEntry;

const NAME: &str = "two-phase-commit";

fn instance(name: &str) -> Result<Instance, UsageError> {
    let instances = instances();
    let known: Vec<&str> = instances.iter().map(|instance| instance.name).collect();
    let unknown = UsageError::unknown("instance of two-phase-commit", name, known);
    let found = instances.into_iter().find(|i| i.name == name);
    found.ok_or(unknown)
}

fn mutant(name: &str) -> Result<&'static Mutant, UsageError> {
    let found = MUTANTS.iter().find(|mutant| mutant.name == name);
    found.ok_or_else(|| {
        let known = MUTANTS.iter().map(|mutant| mutant.name);
        UsageError::unknown("mutant of two-phase-commit", name, known)
    })
}

/// An instance's parameters, with the given flags in place of its own.
fn parameters(name: &str, flags: &ArgMatches) -> Result<Parameters, UsageError> {
    let instance = instance(name)?;
    let flags = ParameterFlags::from_arg_matches(flags).map_err(|e| UsageError(e.to_string()))?;
    let parameters = flags.apply(instance.parameters);
    parameters.validate().map_err(UsageError)?;
    Ok(parameters)
}

/// An instance's name, with the parameters that are not its own.
fn instance_name(name: &str, parameters: &serde_json::Value) -> Result<String, UsageError> {
    let own = json(&instance(name)?.parameters);
    let all = parameters.as_object().into_iter().flatten();
    let changed = all.filter(|(parameter, value)| own[parameter.as_str()] != **value);
    let name = std::iter::once(name.to_owned());
    let changed = changed.map(|(parameter, value)| format!("{parameter}={value}"));
    Ok(name.chain(changed).join(" "))
}

fn json(parameters: &Parameters) -> serde_json::Value {
    serde_json::to_value(parameters).expect("parameters are plain data")
}

/// Visits a model's states with the engine asked for.
fn search<M>(
    mut model: M,
    properties: &[Property<M>],
    fairness: &[Fairness<M>],
    for_stateright: fn(&mut M) -> &mut Vec<stateright::Property<M>>,
    engine: Engine,
    options: &Options<'_>,
) -> Exploration<M>
where
    M: stateright::Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let search = match engine {
        Engine::Quorate => return explore(&model, properties, fairness, options),
        Engine::StaterightBfs => StaterightSearch::BreadthFirst,
        Engine::StaterightDfs => StaterightSearch::DepthFirst,
    };
    for_stateright(&mut model).push(to_the_end());
    check_with_stateright(model, properties, search, options)
}

impl Entry for TwoPhaseCommitEntry {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "atomic commit with presumed abort; cooperative termination by configuration"
    }

    fn instances(&self) -> Vec<InstanceSummary> {
        let summary = |instance: Instance| InstanceSummary {
            model: NAME,
            instance: instance.name,
            summary: instance.summary,
            by_default: instance.by_default,
            parameters: json(&instance.parameters),
        };
        instances().into_iter().map(summary).collect()
    }

    fn mutants(&self) -> Vec<MutantSummary> {
        let summary = |mutant: &Mutant| MutantSummary {
            model: NAME,
            mutant: mutant.name,
            summary: mutant.summary,
            breaks: mutant.breaks,
            instance: mutant.instance,
        };
        MUTANTS.iter().map(summary).collect()
    }

    fn flags(&self, command: Command) -> Command {
        ParameterFlags::augment_args(command)
    }

    fn check(
        &self,
        instance: &str,
        flags: &ArgMatches,
        engine: Engine,
        options: &Options<'_>,
    ) -> Result<CheckReport, UsageError> {
        let parameters = parameters(instance, flags)?;
        let shown = json(&parameters);
        let named = (NAME, instance_name(instance, &shown)?);
        Ok(match parameters.framework {
            Framework::System => {
                let (system, properties) = model(&parameters, protocol(&parameters, Published));
                let fairness = liveness::fairness(&parameters);
                let exploration = search(
                    system,
                    &properties,
                    &fairness,
                    |m| &mut m.properties,
                    engine,
                    options,
                );
                let (system, _) = model(&parameters, protocol(&parameters, Published));
                let claims = (&properties[..], &fairness[..]);
                check_report(named, shown, engine, claims, &exploration, |run| {
                    let address = address_of_run(explorer::DEFAULT_ADDRESS, &system, run);
                    (system.sentences(run), address)
                })
            }
            Framework::ActorModel => {
                let (actors, properties) = actor_model(&parameters);
                let exploration = search(
                    actors,
                    &properties,
                    &[],
                    |m| &mut m.properties,
                    engine,
                    options,
                );
                let (actors, _) = actor_model(&parameters);
                let claims = (&properties[..], &[][..]);
                check_report(named, shown, engine, claims, &exploration, |run| {
                    let actions = run.steps.iter().map(|(action, _)| action);
                    let sentences = actions.map(|action| actors.format_action(action));
                    let address = address_of_run(explorer::DEFAULT_ADDRESS, &actors, run);
                    (sentences.collect(), address)
                })
            }
        })
    }

    fn check_mutant(&self, name: &str, options: &Options<'_>) -> Result<MutantReport, UsageError> {
        let mutant = mutant(name)?;
        let parameters = instance(mutant.instance)?.parameters;
        let (system, properties) = model(&parameters, mutant.protocol(&parameters));
        let fairness = liveness::fairness(&parameters);
        let options = Options {
            stop_at: Some(mutant.breaks),
            ..options.clone()
        };
        let exploration = explore(&system, &properties, &fairness, &options);
        let verdict = exploration.verdict(mutant.breaks);
        let run = verdict.and_then(|verdict| verdict.counterexample());
        Ok(MutantReport {
            model: NAME,
            mutant: mutant.name,
            breaks: mutant.breaks,
            instance: mutant.instance,
            found: run.is_some(),
            steps: run.map(|run| run.steps.len()),
            seconds: exploration.progress.elapsed.as_secs_f64(),
            summary: mutant.summary,
            complete: matches!(exploration.end, End::Exhausted | End::Found),
            run: run.map(|run| system.narrate(run)).unwrap_or_default(),
            address: run.map(|run| address_of_run(explorer::DEFAULT_ADDRESS, &system, run)),
        })
    }

    fn explore(
        &self,
        subject: Subject<'_>,
        flags: &ArgMatches,
        address: &str,
    ) -> Result<Infallible, UsageError> {
        let served = |error: explorer::ServeError| UsageError(error.to_string());
        match subject {
            Subject::Instance(name) => {
                let parameters = parameters(name, flags)?;
                match parameters.framework {
                    Framework::System => {
                        let (system, _) = model(&parameters, protocol(&parameters, Published));
                        explorer::serve(system, address).map_err(served)
                    }
                    Framework::ActorModel => {
                        explorer::serve(actor_model(&parameters).0, address).map_err(served)
                    }
                }
            }
            Subject::Mutant { name, instance } => {
                let mutant = mutant(name)?;
                let parameters = parameters(instance.unwrap_or(mutant.instance), flags)?;
                if parameters.framework == Framework::ActorModel {
                    return Err(UsageError(
                        "mutants live in Quorate's own environment: choose --framework system, or \
                         another instance"
                            .into(),
                    ));
                }
                let (system, _) = model(&parameters, mutant.protocol(&parameters));
                explorer::serve(system, address).map_err(served)
            }
        }
    }
}
