//! What the command line understands.

use std::num::{NonZeroU16, NonZeroU64};
use std::time::Duration;

use clap::builder::{EnumValueParser, PossibleValuesParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueEnum, value_parser};

use super::CommandLine;
use crate::FingerprintBits;
use crate::entry::Entry;
use crate::explorer::DEFAULT_ADDRESS;
use crate::report::Engine;

/// How to report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// Tables, for people.
    Table,
    /// One JSON object a line.
    Json,
}

/// The whole command line.
pub fn command(line: &CommandLine) -> Command {
    Command::new(line.name)
        .bin_name(line.name)
        .about(line.about)
        .long_about(format!(
            "{}.\n\n\
             Without a command it checks the default instances of every model.\n\n\
             Exit codes: 0 every claim came out as expected, 1 not as expected, 2 wrong usage, \
             3 not exhausted.",
            line.about
        ))
        .disable_help_subcommand(true)
        .arg(
            Arg::new("format")
                .long("format")
                .help("How to report")
                .global(true)
                .value_parser(EnumValueParser::<Format>::new())
                .default_value("table"),
        )
        .arg(
            Arg::new("threads")
                .long("threads")
                .help("Worker threads [default: as many as the machine has]")
                .global(true)
                .value_name("COUNT")
                .value_parser(value_parser!(NonZeroU16)),
        )
        .arg(
            Arg::new("memory")
                .long("memory")
                .help("Resident memory at which a search stops, in MiB")
                .global(true)
                .value_name("MIB")
                .value_parser(value_parser!(NonZeroU64))
                .default_value("8192"),
        )
        .arg(
            Arg::new("time")
                .long("time")
                .help("Seconds after which a search stops [default: none]")
                .global(true)
                .value_name("SECONDS")
                .value_parser(value_parser!(NonZeroU64)),
        )
        .arg(
            Arg::new("fingerprint")
                .long("fingerprint")
                .help("Bits that a state is known by: two states with equal ones are taken for one")
                .global(true)
                .value_name("BITS")
                .value_parser(["64", "128"])
                .default_value("64"),
        )
        .subcommand(Command::new("list").about("Lists models, their instances and their mutants"))
        .subcommand(check(line))
        .subcommand(
            Command::new("mutants")
                .about("Looks for each mutant: a bug that survives is a failure")
                .arg(
                    Arg::new("model")
                        .value_name("MODEL")
                        .help("Only this model's"),
                )
                .arg(
                    Arg::new("mutant")
                        .long("mutant")
                        .value_name("NAME")
                        .help("Only this mutant"),
                ),
        )
        .subcommand(explore(line))
        .subcommands(line.commands.iter().map(|added| added.command()))
}

fn check(line: &CommandLine) -> Command {
    let check = Command::new("check")
        .about("Checks one model, or all: the default instances, or one named or described")
        .subcommand_value_name("MODEL")
        .subcommand_help_heading("Models")
        .disable_help_subcommand(true)
        .allow_external_subcommands(true)
        .arg(instance_argument())
        .arg(engine_argument())
        .arg(
            Arg::new("except")
                .long("except")
                .value_name("MODEL")
                .help("Not this model, if all are checked; may be given several times")
                .action(ArgAction::Append)
                .value_parser(PossibleValuesParser::new(
                    line.models.iter().map(|model| model.name()),
                )),
        );
    let model = |entry: &&dyn Entry| {
        model_command(*entry)
            .arg(instance_argument())
            .arg(engine_argument())
    };
    check.subcommands(line.models.iter().map(model))
}

fn explore(line: &CommandLine) -> Command {
    let explore = Command::new("explore")
        .about("Serves a model, or a mutant, in Stateright's web Explorer")
        .subcommand_value_name("MODEL")
        .subcommand_help_heading("Models")
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .allow_external_subcommands(true);
    let model = |entry: &&dyn Entry| {
        model_command(*entry)
            .arg(instance_argument())
            .arg(
                Arg::new("mutant")
                    .long("mutant")
                    .value_name("NAME")
                    .help("Explore this mutant, in the instance that shows it"),
            )
            .arg(
                Arg::new("address")
                    .long("address")
                    .value_name("HOST:PORT")
                    .help("Where to serve; port 0 takes a free one")
                    .default_value(DEFAULT_ADDRESS),
            )
    };
    explore.subcommands(line.models.iter().map(model))
}

/// A model by its name, with a flag for each of its parameters.
fn model_command(entry: &dyn Entry) -> Command {
    let heading = "Parameters, in place of the instance's own";
    let model = entry.flags(Command::new(entry.name()).next_help_heading(heading));
    // The flags bring a description of their own.
    model
        .about(entry.summary())
        .long_about(None)
        .next_help_heading(None)
}

fn instance_argument() -> Arg {
    Arg::new("instance")
        .long("instance")
        .value_name("NAME")
        .help("A named instance; see 'list'")
}

fn engine_argument() -> Arg {
    Arg::new("engine")
        .long("engine")
        .help("Which search visits the states; Stateright's cannot check properties of steps and of fair runs [default: quorate]")
        .value_parser(EnumValueParser::<Engine>::new())
}

/// The threads asked for, or as many as the machine has.
pub fn threads(matches: &ArgMatches) -> usize {
    match matches.get_one::<NonZeroU16>("threads") {
        Some(threads) => usize::from(threads.get()),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// The memory limit in bytes.
pub fn memory_max(matches: &ArgMatches) -> usize {
    let mebibytes: NonZeroU64 = *matches.get_one("memory").expect("has a default");
    usize::try_from(mebibytes.get())
        .map_or(usize::MAX, |mebibytes| mebibytes.saturating_mul(1 << 20))
}

/// The time limit.
pub fn time_max(matches: &ArgMatches) -> Option<Duration> {
    let seconds: Option<&NonZeroU64> = matches.get_one("time");
    seconds.map(|seconds| Duration::from_secs(seconds.get()))
}

/// How many bits states are known by.
pub fn fingerprint_bits(matches: &ArgMatches) -> FingerprintBits {
    match matches.get_one::<String>("fingerprint").map(String::as_str) {
        Some("128") => FingerprintBits::Bits128,
        _ => FingerprintBits::Bits64,
    }
}

/// What a model's parser makes of no flags at all.
pub fn no_flags(entry: &dyn Entry) -> ArgMatches {
    entry
        .flags(Command::new(entry.name()))
        .get_matches_from([entry.name()])
}

/// Whether any of the model's own parameters is given.
pub fn has_parameters(entry: &dyn Entry, flags: &ArgMatches) -> bool {
    let command = entry.flags(Command::new(entry.name()));
    command
        .get_arguments()
        .any(|flag| flags.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine))
}

/// The models that are left out.
pub fn except(check: &ArgMatches) -> Vec<&str> {
    let except = check.get_many::<String>("except");
    except.into_iter().flatten().map(String::as_str).collect()
}
