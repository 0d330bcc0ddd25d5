//! Two-phase commit, as the command line sees it.

use std::convert::Infallible;

use clap::{ArgMatches, Args, Command};
use quorate::two_phase_commit::{Published, TwoPhaseCommit};
use quorate_checker::Options;
use quorate_checker::check::{Claimed, check, check_mutant, written_actions};
use quorate_checker::entry::{Entry, InstanceSummary, MutantSummary, Subject, UsageError};
use quorate_checker::explorer;
use quorate_checker::instances::{self, instance, named};
use quorate_checker::report::{AddedTable, CheckReport, Engine, MutantReport};

use super::mutants::MUTANTS;
use super::parameters::{Framework, Instance, ParameterFlags, Parameters, instances};
use super::properties::AnyTwoPhaseCommit;
use super::{Model, clients, liveness, model, protocol};
use crate::atomic_commit::actor_model::{Actors, actor_model};
use crate::atomic_commit::cost::{PARTICIPANTS, costs};
use crate::cost;
use crate::entry::{check_system, mutant, no_mutants_in_actor_model};

/// The entry of two-phase commit.
#[derive(Clone, Copy, Debug)]
pub struct TwoPhaseCommitEntry;

const NAME: &str = "two-phase-commit";

/// An instance, and its parameters with the given flags in place of its own.
fn parameters(
    name: &str,
    flags: &ArgMatches,
) -> Result<(Instance<Parameters>, Parameters), UsageError> {
    let named = (NAME, name, instances());
    instances::parameters(named, flags, ParameterFlags::apply, Parameters::validate)
}

fn claimed<P: AnyTwoPhaseCommit>(parameters: &Parameters, protocol: P) -> Claimed<Model<P>> {
    let (model, properties) = model(parameters, protocol);
    Claimed {
        model,
        properties,
        fairness: liveness::fairness(parameters),
    }
}

fn claimed_of_actors(parameters: &Parameters) -> Claimed<Actors<TwoPhaseCommit>> {
    let protocol = protocol(parameters, Published);
    let (model, properties) = actor_model(&protocol, &clients(parameters), true);
    Claimed {
        model,
        properties,
        fairness: Vec::new(),
    }
}

impl Entry for TwoPhaseCommitEntry {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "atomic commit with presumed abort; cooperative termination by configuration"
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
        Ok(match parameters.framework {
            Framework::System => check_system(
                named,
                || claimed(&parameters, protocol(&parameters, Published)),
                engine,
                options,
            ),
            Framework::ActorModel => check(
                named,
                || claimed_of_actors(&parameters),
                |actors| &mut actors.properties,
                engine,
                options,
                written_actions,
            ),
        })
    }

    fn tables(&self, _: &Options<'_>) -> Vec<AddedTable> {
        let participants = usize::from(PARTICIPANTS);
        let protocol = || TwoPhaseCommit::new(participants).expect("there are participants");
        vec![cost::table(&costs(NAME, protocol))]
    }

    fn check_mutant(&self, name: &str, options: &Options<'_>) -> Result<MutantReport, UsageError> {
        let mutant = mutant(NAME, name, MUTANTS)?;
        let parameters = instance(NAME, mutant.instance, instances())?.parameters;
        let claimed = claimed(&parameters, mutant.protocol(&parameters));
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
                match parameters.framework {
                    Framework::System => {
                        let (system, _) = model(&parameters, protocol(&parameters, Published));
                        explorer::serve(system, address).map_err(served)
                    }
                    Framework::ActorModel => {
                        explorer::serve(claimed_of_actors(&parameters).model, address)
                            .map_err(served)
                    }
                }
            }
            Subject::Mutant { name, instance } => {
                let mutant = mutant(NAME, name, MUTANTS)?;
                let (_, parameters) = parameters(instance.unwrap_or(mutant.instance), flags)?;
                if parameters.framework == Framework::ActorModel {
                    return Err(no_mutants_in_actor_model());
                }
                let (system, _) = model(&parameters, mutant.protocol(&parameters));
                explorer::serve(system, address).map_err(served)
            }
        }
    }
}
