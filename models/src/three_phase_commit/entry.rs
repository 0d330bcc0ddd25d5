//! Three-phase commit, as the command line sees it.

use std::convert::Infallible;

use clap::{ArgMatches, Args, Command};
use quorate::three_phase_commit::{Published, ThreePhaseCommit};
use quorate::two_phase_commit::TwoPhaseCommit;
use quorate_checker::Options;
use quorate_checker::check::{Claimed, check, check_mutant, written_actions};
use quorate_checker::entry::{Entry, InstanceSummary, MutantSummary, Subject, UsageError};
use quorate_checker::explorer;
use quorate_checker::instances::{self, Instance, instance, named};
use quorate_checker::report::{AddedTable, CheckReport, Engine, MutantReport};

use super::mutants::{MUTANTS, TimeoutsAlone};
use super::parameters::{OnFailure, ParameterFlags, Parameters, instances};
use super::{clients, model, protocol};
use crate::atomic_commit::actor_model::{Actors, actor_model};
use crate::atomic_commit::comparison::{self, Comparison, compared};
use crate::atomic_commit::cost::{PARTICIPANTS, costs};
use crate::cost;
use crate::entry::{check_system, mutant, no_mutants_in_actor_model};
use crate::framework::Framework;

/// The entry of three-phase commit.
#[derive(Clone, Copy, Debug)]
pub struct ThreePhaseCommitEntry;

const NAME: &str = "three-phase-commit";

/// An instance, and its parameters with the given flags in place of its own.
fn parameters(
    name: &str,
    flags: &ArgMatches,
) -> Result<(Instance<Parameters>, Parameters), UsageError> {
    let named = (NAME, name, instances());
    instances::parameters(named, flags, ParameterFlags::apply, Parameters::validate)
}

/// The published protocol in Stateright's `ActorModel`, whose timers err: it is not atomic there.
fn actors(parameters: &Parameters) -> Claimed<Actors<ThreePhaseCommit>> {
    let protocol = protocol(parameters, Published);
    let (model, properties) = actor_model(&protocol, &clients(parameters), false);
    Claimed {
        model,
        properties,
        fairness: Vec::new(),
    }
}

impl Entry for ThreePhaseCommitEntry {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "atomic commit that does not block, where failures can be told from slowness"
    }

    fn instances(&self) -> Vec<InstanceSummary> {
        instances().iter().map(|i| i.summary(NAME)).collect()
    }

    fn mutants(&self) -> Vec<MutantSummary> {
        MUTANTS.iter().map(|mutant| mutant.summary(NAME)).collect()
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
        let (instance, parameters) = parameters(instance, flags)?;
        let named = named(NAME, &instance, &parameters);
        Ok(match (parameters.framework, parameters.on_failure) {
            (Framework::ActorModel, _) => check(
                named,
                || actors(&parameters),
                |actors| &mut actors.properties,
                engine,
                options,
                written_actions,
            ),
            (Framework::System, OnFailure::Terminate) => check_system(
                named,
                || model(&parameters, protocol(&parameters, Published)),
                engine,
                options,
            ),
            (Framework::System, OnFailure::DecideAlone) => check_system(
                named,
                || model(&parameters, protocol(&parameters, TimeoutsAlone)),
                engine,
                options,
            ),
        })
    }

    fn tables(&self, options: &Options<'_>) -> Vec<AddedTable> {
        let participants = usize::from(PARTICIPANTS);
        let two = || TwoPhaseCommit::new(participants).expect("there are participants");
        let three = || ThreePhaseCommit::new(participants).expect("there are participants");
        let environments = comparison::environments().into_iter();
        let comparison = Comparison {
            participants: PARTICIPANTS,
            environments: environments.map(|(what, _)| what).collect(),
            protocols: vec![
                compared("two-phase-commit (presumed abort)", two, options),
                compared("three-phase-commit", three, options),
            ],
        };
        vec![cost::table(&costs(NAME, three)), comparison.table()]
    }

    fn check_mutant(&self, name: &str, options: &Options<'_>) -> Result<MutantReport, UsageError> {
        let mutant = mutant(NAME, name, MUTANTS)?;
        let parameters = instance(NAME, mutant.instance, instances())?.parameters;
        let claimed = model(&parameters, mutant.protocol(&parameters));
        let summary = mutant.summary(NAME);
        Ok(check_mutant(&summary, &claimed, options, |system, run| {
            system.narrate(run)
        }))
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
                let (_, parameters) = parameters(name, flags)?;
                match (parameters.framework, parameters.on_failure) {
                    (Framework::ActorModel, _) => {
                        explorer::serve(actors(&parameters).model, address).map_err(served)
                    }
                    (Framework::System, OnFailure::Terminate) => {
                        let claimed = model(&parameters, protocol(&parameters, Published));
                        explorer::serve(claimed.model, address).map_err(served)
                    }
                    (Framework::System, OnFailure::DecideAlone) => {
                        let claimed = model(&parameters, protocol(&parameters, TimeoutsAlone));
                        explorer::serve(claimed.model, address).map_err(served)
                    }
                }
            }
            Subject::Mutant { name, instance } => {
                let mutant = mutant(NAME, name, MUTANTS)?;
                let (_, parameters) = parameters(instance.unwrap_or(mutant.instance), flags)?;
                if parameters.framework == Framework::ActorModel {
                    return Err(no_mutants_in_actor_model());
                }
                let claimed = model(&parameters, mutant.protocol(&parameters));
                explorer::serve(claimed.model, address).map_err(served)
            }
        }
    }
}
