//! The command line: parses, dispatches, and turns outcomes into exit codes.
//!
//! 0 as expected, 1 not as expected, 2 wrong usage, 3 not exhausted.

use std::ffi::OsString;
use std::fmt::{self, Debug};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{ArgMatches, Command};

use crate::entry::{Entry, InstanceSummary, Subject, UsageError, find};
use crate::report::{AddedTable, CheckReport, Engine, MutantReport, Outcome};
use crate::{FingerprintBits, Options, Progress};

mod arguments;
mod output;
mod progress;

pub use arguments::Format;
use progress::Watch;

const WRONG_USAGE: u8 = 2;

/// The command line of a program that checks models.
#[derive(Clone, Copy)]
pub struct CommandLine {
    /// The command that starts the program, as a user types it.
    pub name: &'static str,
    /// The program's purpose in a line, without a full stop.
    pub about: &'static str,
    /// The models, in the order in which they are checked.
    pub models: &'static [&'static dyn Entry],
    /// Commands that the program has beside the checker's.
    pub commands: &'static [&'static dyn AddedCommand],
}

/// A command of a program, beside those of the checker.
pub trait AddedCommand: Sync {
    /// Its name and its arguments. Those of the checker that are global are understood, too.
    fn command(&self) -> Command;

    /// Runs it.
    ///
    /// # Errors
    ///
    /// If the usage is wrong: exit code 2.
    fn run(&self, matches: &ArgMatches, format: Format) -> Result<Outcome, UsageError>;
}

impl Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let models: Vec<&str> = self.models.iter().map(|model| model.name()).collect();
        f.debug_struct("CommandLine")
            .field("name", &self.name)
            .field("models", &models)
            .finish_non_exhaustive()
    }
}

impl CommandLine {
    /// Runs it with these arguments, the program's name first.
    pub fn run(&self, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
        // Wrong usage that the parser finds itself ends with exit code 2 here.
        let matches = arguments::command(self).get_matches_from(arguments);
        match dispatch(self, &matches) {
            Ok(outcome) => ExitCode::from(outcome.exit_code()),
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(WRONG_USAGE)
            }
        }
    }
}

fn dispatch(line: &CommandLine, matches: &ArgMatches) -> Result<Outcome, UsageError> {
    let session = Session {
        line,
        format: *matches.get_one("format").expect("has a default"),
        threads: arguments::threads(matches),
        memory_max: arguments::memory_max(matches),
        time_max: arguments::time_max(matches),
        fingerprint_bits: arguments::fingerprint_bits(matches),
    };
    if !matches!(matches.subcommand(), Some(("explore" | "list", _))) {
        stop_when_interrupted();
    }
    match matches.subcommand() {
        None => session.check_all(line.models, None, Engine::default()),
        Some(("list", _)) => {
            output::list(line, session.format);
            Ok(Outcome::AsExpected)
        }
        Some(("check", check)) => {
            let engine = check.get_one::<Engine>("engine").copied();
            let instance = check.get_one::<String>("instance").map(String::as_str);
            match check.subcommand() {
                None => {
                    let except = arguments::except(check);
                    let models = line.models.iter().copied();
                    let models = models.filter(|model| !except.contains(&model.name()));
                    let models: Vec<_> = models.collect();
                    session.check_all(&models, instance, engine.unwrap_or_default())
                }
                // Flags may stand before the model's name or after it.
                Some((name, flags)) => {
                    let entry = find(line.models, name)?;
                    let after = flags.try_get_one::<String>("instance").ok().flatten();
                    let instance = after.map(String::as_str).or(instance);
                    let after = flags.try_get_one::<Engine>("engine").ok().flatten();
                    let engine = after.copied().or(engine).unwrap_or_default();
                    session.check_model(entry, instance, flags, engine)
                }
            }
        }
        Some(("mutants", mutants)) => {
            let model = mutants.get_one::<String>("model").map(String::as_str);
            let mutant = mutants.get_one::<String>("mutant").map(String::as_str);
            session.mutants(model, mutant)
        }
        Some(("explore", explore)) => {
            let Some((name, flags)) = explore.subcommand() else {
                unreachable!("the parser demands a model");
            };
            let entry = find(line.models, name)?;
            let instance = flags.get_one::<String>("instance").map(String::as_str);
            let subject = match flags.get_one::<String>("mutant") {
                Some(name) => Subject::Mutant { name, instance },
                None => Subject::Instance(instance.unwrap_or_else(|| unnamed(entry))),
            };
            let address = flags.get_one::<String>("address").expect("has a default");
            match entry.explore(subject, flags, address)? {}
        }
        Some((name, matches)) => {
            let mut added = line.commands.iter();
            let command = added.find(|command| command.command().get_name() == name);
            let command = command.expect("the parser knows the command");
            command.run(matches, session.format)
        }
    }
}

/// How this run of the program checks and reports.
struct Session<'a> {
    line: &'a CommandLine,
    format: Format,
    threads: usize,
    memory_max: usize,
    time_max: Option<Duration>,
    fingerprint_bits: FingerprintBits,
}

/// Whether Ctrl-C was pressed.
static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Lets Ctrl-C stop a search, so that what it found is still reported; a second one ends the program.
fn stop_when_interrupted() {
    let stop = || {
        if INTERRUPT.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(Outcome::NotExhausted.exit_code()));
        }
    };
    if let Err(error) = ctrlc::set_handler(stop) {
        eprintln!("warning: Ctrl-C will end the program without a report: {error}");
    }
}

impl Session<'_> {
    /// Checks the instances of these models that are checked by default, or those of the given name.
    fn check_all(
        &self,
        models: &[&dyn Entry],
        instance: Option<&str>,
        engine: Engine,
    ) -> Result<Outcome, UsageError> {
        let mut reports = Vec::new();
        for entry in models {
            let flags = arguments::no_flags(*entry);
            for listed in entry.instances() {
                if instance.map_or(listed.by_default, |name| name == listed.instance) {
                    reports.push(self.check(*entry, listed.instance, &flags, engine)?);
                }
            }
        }
        if let (true, Some(name)) = (reports.is_empty(), instance) {
            let all = models.iter().flat_map(|model| model.instances());
            let known: Vec<&str> = all.map(|listed| listed.instance).collect();
            return Err(UsageError::unknown("instance", name, known));
        }
        let adding = if instance.is_none() { models } else { &[] };
        Ok(self.finish_checks(&reports, adding))
    }

    /// Checks one instance of a model: the one named, or `default` if parameters are given; or without
    /// either all that are checked by default.
    fn check_model(
        &self,
        entry: &dyn Entry,
        instance: Option<&str>,
        flags: &ArgMatches,
        engine: Engine,
    ) -> Result<Outcome, UsageError> {
        let named = match instance {
            Some(name) => Some(name),
            None => arguments::has_parameters(entry, flags).then(|| unnamed(entry)),
        };
        let reports = match named {
            Some(name) => vec![self.check(entry, name, flags, engine)?],
            None => {
                let instances = entry.instances().into_iter().filter(|i| i.by_default);
                let check = |i: InstanceSummary| self.check(entry, i.instance, flags, engine);
                instances.map(check).collect::<Result<_, _>>()?
            }
        };
        let adding = if named.is_none() { &[entry][..] } else { &[] };
        Ok(self.finish_checks(&reports, adding))
    }

    /// The tables of a model beside its checks.
    fn tables(&self, entry: &dyn Entry) -> Vec<AddedTable> {
        let watch = Watch::start(format!("{} beside its checks", entry.name()));
        let tables = entry.tables(&self.options(&|p| watch.report(p)));
        watch.finish(None);
        if self.format == Format::Json {
            let objects = tables.iter().flat_map(|table| &table.objects);
            objects.for_each(|object| output::print(object));
        }
        tables
    }

    fn check(
        &self,
        entry: &dyn Entry,
        instance: &str,
        flags: &ArgMatches,
        engine: Engine,
    ) -> Result<CheckReport, UsageError> {
        let watch = Watch::start(format!("{} {instance}", entry.name()));
        let report = entry.check(instance, flags, engine, &self.options(&|p| watch.report(p)));
        watch.finish(report.as_ref().ok().map(output::check_line));
        let report = report?;
        if self.format == Format::Json {
            output::json(&report);
        }
        Ok(report)
    }

    /// Reports on the checks, and on what these models add to them.
    fn finish_checks(&self, reports: &[CheckReport], adding: &[&dyn Entry]) -> Outcome {
        let tables: Vec<_> = adding.iter().flat_map(|e| self.tables(*e)).collect();
        if self.format == Format::Table {
            output::checks(self.line, reports);
            output::tables(&tables);
        }
        let is_complete = tables.iter().all(|table| table.is_complete);
        let incomplete = (!is_complete).then_some(Outcome::NotExhausted);
        worst(reports.iter().map(CheckReport::outcome).chain(incomplete))
    }

    fn mutants(&self, model: Option<&str>, mutant: Option<&str>) -> Result<Outcome, UsageError> {
        let models = match model {
            Some(name) => vec![find(self.line.models, name)?],
            None => self.line.models.to_vec(),
        };
        let all = models
            .iter()
            .flat_map(|&entry| entry.mutants().into_iter().map(move |m| (entry, m.mutant)));
        let (chosen, others): (Vec<_>, Vec<_>) =
            all.partition(|(_, name)| mutant.is_none_or(|wanted| wanted == *name));
        if let (true, Some(name)) = (chosen.is_empty(), mutant) {
            let known = others.iter().map(|(_, known)| *known);
            return Err(UsageError::unknown("mutant", name, known));
        }
        let mut reports = Vec::new();
        for (entry, name) in chosen {
            let watch = Watch::start(format!("{} mutant {name}", entry.name()));
            let report = entry.check_mutant(name, &self.options(&|p| watch.report(p)));
            watch.finish(None);
            let report = report?;
            match self.format {
                Format::Json => output::json(&report),
                Format::Table => output::mutant(self.line, &report),
            }
            reports.push(report);
        }
        if self.format == Format::Table {
            output::mutants(&reports);
        }
        Ok(worst(reports.iter().map(MutantReport::outcome)))
    }

    fn options<'a>(&self, progress: &'a (dyn Fn(&Progress) + Sync)) -> Options<'a> {
        Options {
            threads: self.threads,
            memory_max: self.memory_max,
            time_max: self.time_max,
            interrupt: Some(&INTERRUPT),
            fingerprint_bits: self.fingerprint_bits,
            stop_at: None,
            progress: Some(progress),
        }
    }
}

/// The instance that is meant if none is named: `default`, or the first.
fn unnamed(entry: &dyn Entry) -> &'static str {
    let mut names = entry.instances().into_iter().map(|known| known.instance);
    let first = names.next().expect("a model has instances");
    names.find(|name| *name == "default").unwrap_or(first)
}

fn worst(outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    outcomes.max().unwrap_or(Outcome::AsExpected)
}
