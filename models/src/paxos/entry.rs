//! Paxos, as the command line sees it.

use std::convert::Infallible;

use clap::{ArgMatches, Args, Command};
use quorate::paxos::Published;
use quorate_checker::Options;
use quorate_checker::check::{check, written_actions};
use quorate_checker::entry::{Entry, InstanceSummary, MutantSummary, Subject, UsageError};
use quorate_checker::explorer;
use quorate_checker::instances::{self, Instance, instance, named};
use quorate_checker::report::{AddedTable, CheckReport, Engine, MutantReport};

use super::actor_model::actor_model;
use super::cost::{ACCEPTORS, costs};
use super::liveness::Unbounded;
use super::mutants::MUTANTS;
use super::parameters::{ParameterFlags, Parameters, instances};
use super::properties::AnyPaxos;
use super::{Model, model, protocol, unbounded_model};
use crate::cost;
use crate::entry::{
    check_forgetful, check_forgetful_mutant, check_system, mutant, no_mutants_in_actor_model,
};
use crate::framework::Framework;
use crate::system::System;

/// The entry of Paxos.
#[derive(Clone, Copy, Debug)]
pub struct PaxosEntry;

const NAME: &str = "paxos";

/// How many turns are shown of a run that goes round.
const TURNS: usize = 3;

/// An instance, and its parameters with the given flags in place of its own.
fn parameters(
    name: &str,
    flags: &ArgMatches,
) -> Result<(Instance<Parameters>, Parameters), UsageError> {
    let named = (NAME, name, instances());
    instances::parameters(named, flags, ParameterFlags::apply, Parameters::validate)
}

impl Entry for PaxosEntry {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "agreement on one value in an asynchronous network"
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
        Ok(match (parameters.framework, parameters.is_unbounded()) {
            (Framework::ActorModel, _) => check(
                named,
                || actor_model(&parameters),
                |actors| &mut actors.properties,
                engine,
                options,
                written_actions,
            ),
            (Framework::System, false) => check_system(
                named,
                || model(&parameters, protocol(&parameters, Published)),
                engine,
                options,
            ),
            (Framework::System, true) => check_forgetful(
                named,
                || unbounded_model(&parameters, protocol(&parameters, Published)),
                |quotient| &mut quotient.properties,
                engine,
                options,
                |quotient, run| quotient.model.sentences(&quotient.unroll(run, TURNS)),
            ),
        })
    }

    fn tables(&self, _: &Options<'_>) -> Vec<AddedTable> {
        vec![cost::table(&costs(NAME, ACCEPTORS))]
    }

    fn check_mutant(&self, name: &str, options: &Options<'_>) -> Result<MutantReport, UsageError> {
        let mutant = mutant(NAME, name, MUTANTS)?;
        let parameters = instance(NAME, mutant.instance, instances())?.parameters;
        let summary = mutant.summary(NAME);
        let protocol = || mutant.protocol(&parameters);
        Ok(match parameters.is_unbounded() {
            false => {
                let build = || model(&parameters, protocol());
                check_forgetful_mutant(&summary, build, options, System::narrate)
            }
            true => {
                let build = || unbounded_model(&parameters, protocol());
                check_forgetful_mutant(&summary, build, options, |quotient, run| {
                    quotient.model.narrate(&quotient.unroll(run, TURNS))
                })
            }
        })
    }

    fn explore(
        &self,
        subject: Subject<'_>,
        flags: &ArgMatches,
        address: &str,
    ) -> Result<Infallible, UsageError> {
        match subject {
            Subject::Instance(name) => {
                let (_, parameters) = parameters(name, flags)?;
                match parameters.framework {
                    Framework::System => {
                        serve(&parameters, protocol(&parameters, Published), address)
                    }
                    Framework::ActorModel => {
                        explorer::serve(actor_model(&parameters).model, address)
                    }
                }
            }
            Subject::Mutant { name, instance } => {
                let mutant = mutant(NAME, name, MUTANTS)?;
                let (_, parameters) = parameters(instance.unwrap_or(mutant.instance), flags)?;
                if parameters.framework == Framework::ActorModel {
                    return Err(no_mutants_in_actor_model());
                }
                serve(&parameters, mutant.protocol(&parameters), address)
            }
        }
        .map_err(|error| UsageError(error.to_string()))
    }
}

fn serve<P: AnyPaxos>(
    parameters: &Parameters,
    protocol: P,
    address: &str,
) -> Result<Infallible, explorer::ServeError>
where
    Model<P>: Send + Sync,
    Unbounded<P>: Send + Sync,
{
    match parameters.is_unbounded() {
        false => explorer::serve(model(parameters, protocol).model, address),
        true => explorer::serve(unbounded_model(parameters, protocol).model, address),
    }
}
