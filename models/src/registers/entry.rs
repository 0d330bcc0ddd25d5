//! Registers, as the command line sees them.

use std::convert::Infallible;

use clap::{ArgMatches, Args, Command};
use quorate_checker::Options;
use quorate_checker::entry::{Entry, InstanceSummary, MutantSummary, Subject, UsageError};
use quorate_checker::explorer;
use quorate_checker::instances::{self, Instance, instance, named};
use quorate_checker::report::{AddedTable, CheckReport, Engine, MutantReport};

use super::mutants::MUTANTS;
use super::parameters::{ParameterFlags, Parameters, instances};
use super::{model, protocol};
use crate::entry::{check_forgetful_mutant, check_system, mutant};
use crate::system::System;

/// The entry of registers.
#[derive(Clone, Copy, Debug)]
pub struct RegistersEntry;

const NAME: &str = "registers";

/// An instance, and its parameters with the given flags in place of its own.
fn parameters(
    name: &str,
    flags: &ArgMatches,
) -> Result<(Instance<Parameters>, Parameters), UsageError> {
    let named = (NAME, name, instances());
    instances::parameters(named, flags, ParameterFlags::apply, Parameters::validate)
}

impl Entry for RegistersEntry {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "registers that are written once, above Paxos"
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
        let build = || model(&parameters, protocol(&parameters));
        Ok(check_system(named, build, engine, options))
    }

    fn tables(&self, _: &Options<'_>) -> Vec<AddedTable> {
        Vec::new()
    }

    fn check_mutant(&self, name: &str, options: &Options<'_>) -> Result<MutantReport, UsageError> {
        let mutant = mutant(NAME, name, MUTANTS)?;
        let parameters = instance(NAME, mutant.instance, instances())?.parameters;
        let build = || model(&parameters, mutant.protocol(&parameters));
        let summary = mutant.summary(NAME);
        Ok(check_forgetful_mutant(
            &summary,
            build,
            options,
            System::narrate,
        ))
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
                let claimed = model(&parameters, protocol(&parameters));
                explorer::serve(claimed.model, address)
            }
            Subject::Mutant { name, instance } => {
                let mutant = mutant(NAME, name, MUTANTS)?;
                let (_, parameters) = parameters(instance.unwrap_or(mutant.instance), flags)?;
                let claimed = model(&parameters, mutant.protocol(&parameters));
                explorer::serve(claimed.model, address)
            }
        }
        .map_err(|error| UsageError(error.to_string()))
    }
}
