//! The command line: parses, dispatches, and turns outcomes into exit codes.
//!
//! 0 as expected, 1 not as expected, 2 wrong usage, 3 not exhausted.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ArgMatches;
use quorate_models::atomic_commit::comparison::Comparison;
use quorate_models::catalogue::{self, Entry, MODELS, Subject, UsageError};
use quorate_models::checker::{FingerprintBits, Options};
use quorate_models::cost::CostReport;
use quorate_models::report::{CheckReport, Engine, MutantReport, Outcome};

mod arguments;
mod output;
mod progress;

use arguments::Format;
use progress::Watch;

const WRONG_USAGE: u8 = 2;

/// Runs the command line with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Wrong usage that the parser finds itself ends with exit code 2 here.
    let matches = arguments::command().get_matches_from(arguments);
    match dispatch(&matches) {
        Ok(outcome) => ExitCode::from(outcome.exit_code()),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(WRONG_USAGE)
        }
    }
}

fn dispatch(matches: &ArgMatches) -> Result<Outcome, UsageError> {
    let session = Session {
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
        None => session.check_all(MODELS, None, Engine::default()),
        Some(("list", _)) => {
            output::list(session.format);
            Ok(Outcome::AsExpected)
        }
        Some(("check", check)) => {
            let engine = check.get_one::<Engine>("engine").copied();
            let instance = check.get_one::<String>("instance").map(String::as_str);
            match check.subcommand() {
                None => {
                    let except = arguments::except(check);
                    let models = MODELS.iter().copied();
                    let models = models.filter(|model| !except.contains(&model.name()));
                    let models: Vec<_> = models.collect();
                    session.check_all(&models, instance, engine.unwrap_or_default())
                }
                // Flags may stand before the model's name or after it.
                Some((name, flags)) => {
                    let entry = catalogue::model(name)?;
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
            let entry = catalogue::model(name)?;
            let instance = flags.get_one::<String>("instance").map(String::as_str);
            let subject = match flags.get_one::<String>("mutant") {
                Some(name) => Subject::Mutant { name, instance },
                None => Subject::Instance(instance.unwrap_or_else(|| unnamed(entry))),
            };
            let address = flags.get_one::<String>("address").expect("has a default");
            match entry.explore(subject, flags, address)? {}
        }
        Some((other, _)) => unreachable!("the parser knows no command {other}"),
    }
}

/// How this run of the program checks and reports.
struct Session {
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

impl Session {
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
        let compared = if instance.is_none() { models } else { &[] };
        Ok(self.finish_checks(&reports, compared))
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
                let check =
                    |i: catalogue::InstanceSummary| self.check(entry, i.instance, flags, engine);
                instances.map(check).collect::<Result<_, _>>()?
            }
        };
        let compared = if named.is_none() { &[entry][..] } else { &[] };
        Ok(self.finish_checks(&reports, compared))
    }

    /// What a decision of these models' protocols costs.
    fn costs(&self, entries: &[&dyn Entry]) -> Vec<CostReport> {
        let costs: Vec<_> = entries.iter().flat_map(|entry| entry.costs()).collect();
        if self.format == Format::Json {
            costs.iter().for_each(output::json);
        }
        costs
    }

    /// How a model's protocol compares with others, if it does.
    fn comparison(&self, entry: &dyn Entry) -> Option<Comparison> {
        let watch = Watch::start(format!("{} compared", entry.name()));
        let comparison = entry.comparison(&self.options(&|p| watch.report(p)));
        watch.finish(None);
        if let (Format::Json, Some(comparison)) = (self.format, &comparison) {
            output::json(comparison);
        }
        comparison
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

    /// Reports on the checks, and on what these protocols cost and how they compare.
    fn finish_checks(&self, reports: &[CheckReport], compared: &[&dyn Entry]) -> Outcome {
        let costs = self.costs(compared);
        let comparisons = compared.iter();
        let comparisons: Vec<_> = comparisons.filter_map(|e| self.comparison(*e)).collect();
        if self.format == Format::Table {
            output::checks(reports);
            output::costs(&costs);
            comparisons.iter().for_each(output::comparison);
        }
        let is_complete = comparisons.iter().all(Comparison::is_complete);
        let incomplete = (!is_complete).then_some(Outcome::NotExhausted);
        worst(reports.iter().map(CheckReport::outcome).chain(incomplete))
    }

    fn mutants(&self, model: Option<&str>, mutant: Option<&str>) -> Result<Outcome, UsageError> {
        let models = match model {
            Some(name) => vec![catalogue::model(name)?],
            None => MODELS.to_vec(),
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
                Format::Table => output::mutant(&report),
            }
            reports.push(report);
        }
        if self.format == Format::Table {
            output::mutants(&reports);
        }
        Ok(worst(reports.iter().map(MutantReport::outcome)))
    }

    fn options<'a>(
        &self,
        progress: &'a (dyn Fn(&quorate_models::checker::Progress) + Sync),
    ) -> Options<'a> {
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
