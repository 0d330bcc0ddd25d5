//! The sketches, as the command line sees them.

use std::convert::Infallible;

use clap::{ArgMatches, Args, Command};
use quorate_checker::check::check;
use quorate_checker::entry::{Entry, InstanceSummary, MutantSummary, Subject, UsageError};
use quorate_checker::instances::{self, Instance, named};
use quorate_checker::report::{AddedTable, CheckReport, Engine, MutantReport};
use quorate_checker::{Options, explorer};

use super::parameters::{ParameterFlags, Parameters, Which, instances};
use super::{paxos, raft, two_phase_commit};
use crate::system::System;

/// The entry of the sketches.
#[derive(Clone, Copy, Debug)]
pub struct SketchesEntry;

const NAME: &str = "sketches";

/// An instance, and its parameters with the given flags in place of its own.
fn parameters(
    name: &str,
    flags: &ArgMatches,
) -> Result<(Instance<Parameters>, Parameters), UsageError> {
    let named = (NAME, name, instances());
    instances::parameters(named, flags, ParameterFlags::apply, Parameters::validate)
}

/// Does something with the model under these parameters.
macro_rules! with_model {
    ($parameters:expr, |$build:ident| $with:expr) => {{
        let parameters: &Parameters = $parameters;
        match parameters.sketch {
            Which::TwoPhaseCommit(reading) => {
                let $build = || two_phase_commit::model(parameters, reading);
                $with
            }
            Which::Raft(reading) => {
                let $build = || raft::model(parameters, reading);
                $with
            }
            Which::Paxos(reading) => {
                let $build = || paxos::model(parameters, reading);
                $with
            }
        }
    }};
}

impl Entry for SketchesEntry {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "two-phase commit, Raft and Paxos as a textbook sketches them, and what that breaks"
    }

    fn instances(&self) -> Vec<InstanceSummary> {
        instances().iter().map(|i| i.summary(NAME)).collect()
    }

    fn mutants(&self) -> Vec<MutantSummary> {
        Vec::new()
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
        Ok(with_model!(&parameters, |build| check(
            named,
            build,
            |system| &mut system.properties,
            engine,
            options,
            System::sentences,
        )))
    }

    fn tables(&self, _: &Options<'_>) -> Vec<AddedTable> {
        Vec::new()
    }

    fn check_mutant(&self, name: &str, _: &Options<'_>) -> Result<MutantReport, UsageError> {
        Err(UsageError(format!(
            "there is no mutant '{name}': sketches are wrong as they are, see cargo models check {NAME}"
        )))
    }

    fn explore(
        &self,
        subject: Subject<'_>,
        flags: &ArgMatches,
        address: &str,
    ) -> Result<Infallible, UsageError> {
        let name = match subject {
            Subject::Instance(name) => name,
            Subject::Mutant { name, .. } => {
                return Err(UsageError(format!(
                    "there is no mutant '{name}': sketches are wrong as they are, name an instance"
                )));
            }
        };
        let (_, parameters) = parameters(name, flags)?;
        let served = with_model!(&parameters, |build| explorer::serve(build().model, address));
        served.map_err(|error| UsageError(error.to_string()))
    }
}
