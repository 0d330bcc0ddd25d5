//! A ledger, as the command line sees it.

use std::convert::Infallible;

use clap::{ArgMatches, Args, Command};
use quorate::ledger::Ledger;
use quorate::three_phase_commit::ThreePhaseCommit;
use quorate::two_phase_commit::TwoPhaseCommit;
use quorate_checker::Options;
use quorate_checker::check::{Claimed, check_mutant};
use quorate_checker::entry::{Entry, InstanceSummary, MutantSummary, Subject, UsageError};
use quorate_checker::explorer;
use quorate_checker::instances::{self, Instance, instance, named};
use quorate_checker::report::{AddedTable, CheckReport, Engine, MutantReport};

use super::mutants::{MUTANTS, Mutant};
use super::parameters::{Commitment, ParameterFlags, Parameters, SHARDS, instances};
use super::{Checked, Model, clients, model};
use crate::entry::{check_system, mutant};
use crate::mutant::Mutated;
use crate::system::System;

/// The entry of the ledger.
#[derive(Clone, Copy, Debug)]
pub struct LedgerEntry;

const NAME: &str = "ledger";

/// An instance, and its parameters with the given flags in place of its own.
fn parameters(
    name: &str,
    flags: &ArgMatches,
) -> Result<(Instance<Parameters>, Parameters), UsageError> {
    let named = (NAME, name, instances());
    instances::parameters(named, flags, ParameterFlags::apply, Parameters::validate)
}

fn two_phase_commit() -> Ledger<TwoPhaseCommit> {
    Ledger::new(TwoPhaseCommit::new(SHARDS).expect("there are shards"))
}

fn three_phase_commit() -> Ledger<ThreePhaseCommit> {
    Ledger::new(ThreePhaseCommit::new(SHARDS).expect("there are shards"))
}

/// The model of a ledger without bugs, and what is claimed of it.
fn published<P: Checked>(parameters: &Parameters, ledger: Ledger<P>) -> Claimed<Model<Ledger<P>>> {
    model(parameters, clients(parameters, &ledger), ledger)
}

/// The model of a wrong ledger, and what would be claimed of it.
fn wrong(
    parameters: &Parameters,
    mutant: &Mutant,
) -> Result<Claimed<Model<Mutated<Ledger<TwoPhaseCommit>>>>, UsageError> {
    if parameters.commitment != Commitment::TwoPhaseCommit {
        return Err(UsageError(
            "mutants of the ledger are above two-phase commit: choose --commitment two-phase-commit, or another instance"
                .into(),
        ));
    }
    let clients = clients(parameters, &two_phase_commit());
    let protocol = mutant.bug.put_into(|_| two_phase_commit());
    Ok(model(parameters, clients, protocol))
}

impl Entry for LedgerEntry {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "accounts over shards, above two-phase or three-phase commit"
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
        Ok(match parameters.commitment {
            Commitment::TwoPhaseCommit => check_system(
                named,
                || published(&parameters, two_phase_commit()),
                engine,
                options,
            ),
            Commitment::ThreePhaseCommit => check_system(
                named,
                || published(&parameters, three_phase_commit()),
                engine,
                options,
            ),
        })
    }

    fn tables(&self, _: &Options<'_>) -> Vec<AddedTable> {
        Vec::new()
    }

    fn check_mutant(&self, name: &str, options: &Options<'_>) -> Result<MutantReport, UsageError> {
        let mutant = mutant(NAME, name, MUTANTS)?;
        let parameters = instance(NAME, mutant.instance, instances())?.parameters;
        let claimed = wrong(&parameters, mutant)?;
        let summary = mutant.summary(NAME);
        Ok(check_mutant(&summary, &claimed, options, System::narrate))
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
                match parameters.commitment {
                    Commitment::TwoPhaseCommit => {
                        let claimed = published(&parameters, two_phase_commit());
                        explorer::serve(claimed.model, address)
                    }
                    Commitment::ThreePhaseCommit => {
                        let claimed = published(&parameters, three_phase_commit());
                        explorer::serve(claimed.model, address)
                    }
                }
            }
            Subject::Mutant { name, instance } => {
                let mutant = mutant(NAME, name, MUTANTS)?;
                let (_, parameters) = parameters(instance.unwrap_or(mutant.instance), flags)?;
                explorer::serve(wrong(&parameters, mutant)?.model, address)
            }
        }
        .map_err(|error| UsageError(error.to_string()))
    }
}
