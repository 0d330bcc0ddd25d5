//! Models as the command line sees them: named instances, mutants, and how to check and to explore them.

use clap::{ArgMatches, Command};
use serde::Serialize;

use crate::Options;
use crate::report::{AddedTable, CheckReport, Engine, MutantReport};

/// A model: its instances, its mutants, and how to check and to explore them.
pub trait Entry: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// What it is, in a line.
    fn summary(&self) -> &'static str;

    /// Its named instances.
    fn instances(&self) -> Vec<InstanceSummary>;

    /// Its mutants.
    fn mutants(&self) -> Vec<MutantSummary>;

    /// Adds a flag for each parameter to a command.
    fn flags(&self, command: Command) -> Command;

    /// Checks an instance, with the given flags in place of its own parameters.
    ///
    /// # Errors
    ///
    /// If there is no such instance, or the parameters make no sense.
    fn check(
        &self,
        instance: &str,
        flags: &ArgMatches,
        engine: Engine,
        options: &Options<'_>,
    ) -> Result<CheckReport, UsageError>;

    /// Tables beside the model's checks: the costs of a decision, say, or a comparison with other protocols. `options` are those
    /// of the searches that a table needs.
    fn tables(&self, options: &Options<'_>) -> Vec<AddedTable>;

    /// Looks for a mutant.
    ///
    /// # Errors
    ///
    /// If there is no such mutant.
    fn check_mutant(&self, mutant: &str, options: &Options<'_>)
    -> Result<MutantReport, UsageError>;

    /// Serves an instance, or a mutant's, in Stateright's Explorer at `HOST:PORT`. Returns only if it cannot:
    /// [`explorer::serve`](crate::explorer::serve).
    ///
    /// # Errors
    ///
    /// If there is no such instance or mutant, the parameters make no sense, or the address is not to be
    /// had.
    fn explore(
        &self,
        subject: Subject<'_>,
        flags: &ArgMatches,
        address: &str,
    ) -> Result<std::convert::Infallible, UsageError>;
}

/// The model of this name.
///
/// # Errors
///
/// If there is none.
pub fn find(models: &[&'static dyn Entry], name: &str) -> Result<&'static dyn Entry, UsageError> {
    let known = || models.iter().map(|model| model.name());
    let found = models.iter().find(|model| model.name() == name);
    found
        .copied()
        .ok_or_else(|| UsageError::unknown("model", name, known()))
}

/// What to explore.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// The model, in an instance of this name.
    Instance(&'a str),
    /// A mutant, in the instance in which it must be found or in the one named.
    Mutant {
        /// Its name.
        name: &'a str,
        /// The instance's.
        instance: Option<&'a str>,
    },
}

/// A named instance, for lists.
#[derive(Clone, Debug, Serialize)]
pub struct InstanceSummary {
    /// The model's name.
    pub model: &'static str,
    /// Its name.
    pub instance: &'static str,
    /// What it shows.
    pub summary: &'static str,
    /// Whether it is checked when none is named.
    pub by_default: bool,
    /// Its parameters.
    pub parameters: serde_json::Value,
}

/// A mutant, for lists.
#[derive(Clone, Debug, Serialize)]
pub struct MutantSummary {
    /// The model's name.
    pub model: &'static str,
    /// Its name.
    pub mutant: &'static str,
    /// What it does wrong.
    pub summary: &'static str,
    /// The property that it must break.
    pub breaks: &'static str,
    /// The instance in which that must be found.
    pub instance: &'static str,
}

/// What was asked for makes no sense: a sentence that says what does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsageError(pub String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

impl UsageError {
    /// Nothing has this name; these would be known.
    pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        Self(format!(
            "there is no {what} '{name}'; the known ones are: {}",
            known.join(", ")
        ))
    }
}
