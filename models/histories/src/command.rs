//! `cargo models history`: judges histories of files.

use std::fs::{self, File};
use std::io::{BufReader, stdin};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::builder::EnumValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clojure_reader::edn;
use quorate::consistency::{Budget, Consistency, Inapplicable, Least};
use quorate_checker::cli::{AddedCommand, Format};
use quorate_checker::entry::UsageError;
use quorate_checker::report::Outcome;
use serde::Serialize;

use crate::datum::Datum;
use crate::history::{
    FailedCas, FileHistory, Finding, Judgement, ObjectKind, Reading, Reason, ToldOperation, read,
};
use crate::picture;

/// The command `history`.
#[derive(Clone, Copy, Debug)]
pub struct HistoryCommand;

/// Names of models that are families, and of all models.
const DELTA_ATOMIC: &str = "delta-atomic";
const K_ATOMIC: &str = "k-atomic";
const ALL: &str = "all";

/// What stands for standard input in place of a file.
const STANDARD_INPUT: &str = "-";

/// The endings of files' names that are read in a directory.
const ENDINGS: [&str; 6] = ["edn", "json", "jsonl", "log", "ndjson", "txt"];

/// How many operations a picture in text has: the last of a violation.
const PICTURE_MAX: usize = 24;

const AFTER_HELP: &str = "\
A file has one event a line, as JSON:

  {\"process\": 3, \"type\": \"invoke\", \"f\": \"write\", \"key\": \"x\", \"value\": 5, \"time\": 12000}

A process does one operation after the other. The type is invoke; ok, if it was done; fail, if it was not done and will not
be; or info, if nobody knows. key names the object, and may be missing where there is one only; so may value and time
(nanoseconds). A cas that is ok with the value false found another value than it expected. Other fields are ignored. Jepsen's
EDN (the same fields in maps) and the lines of its log are read, too.

Exit codes: 0 every history satisfies the model (with --consistency all: every model was decided), 1 one does not, 2 wrong
usage or a file that is no history, 3 undecided.";

impl AddedCommand for HistoryCommand {
    fn command(&self) -> Command {
        let models = Consistency::ALL.iter().map(|model| model.name());
        Command::new("history")
            .about("Judges histories of anybody's system by a consistency model")
            .after_long_help(AFTER_HELP)
            .arg(
                Arg::new("file")
                    .value_name("FILE")
                    .help("Files, directories of files, or - for standard input")
                    .required(true)
                    .num_args(1..),
            )
            .arg(
                Arg::new("object")
                    .long("object")
                    .value_name("OBJECT")
                    .help("The object that operations are about [default: what their functions tell]")
                    .value_parser(EnumValueParser::<ObjectKind>::new()),
            )
            .arg(
                Arg::new("consistency")
                    .long("consistency")
                    .value_name("MODEL")
                    .help("The consistency model, or all: the strongest that hold")
                    .value_parser(clap::builder::PossibleValuesParser::new(
                        models.chain([DELTA_ATOMIC, K_ATOMIC, ALL]),
                    ))
                    .default_value(Consistency::Linearizable.name()),
            )
            .arg(
                Arg::new("delta")
                    .long("delta")
                    .value_name("NANOSECONDS")
                    .help("How much earlier reads may be invoked, of delta-atomic [default: the least that holds]")
                    .value_parser(value_parser!(u64)),
            )
            .arg(
                Arg::new("k")
                    .long("k")
                    .value_name("COUNT")
                    .help("Of how many last writes a read may return one, of k-atomic [default: the least that holds]")
                    .value_parser(value_parser!(NonZeroU32)),
            )
            .arg(
                Arg::new("initial")
                    .long("initial")
                    .value_name("VALUE")
                    .help("The value that an object has at first, as EDN [default: nil; 0 of a counter]")
                    .allow_hyphen_values(true),
            )
            .arg(
                Arg::new("failed-cas")
                    .long("failed-cas")
                    .value_name("MEANING")
                    .help("What it means that a compare-and-swap failed")
                    .value_parser(EnumValueParser::<FailedCas>::new())
                    .default_value("not-done"),
            )
            .arg(
                Arg::new("steps")
                    .long("steps")
                    .value_name("COUNT")
                    .help("Steps of a search after which an object is undecided")
                    .value_parser(value_parser!(u64))
                    .default_value("10000000"),
            )
            .arg(
                Arg::new("svg")
                    .long("svg")
                    .value_name("FILE")
                    .help("Draws the violations into this file")
                    .value_parser(value_parser!(PathBuf))
                    .action(ArgAction::Set),
            )
    }

    fn run(&self, matches: &ArgMatches, format: Format) -> Result<Outcome, UsageError> {
        let initial = matches.get_one::<String>("initial");
        let initial = initial.map(|text| datum(text)).transpose()?;
        let reading = Reading {
            object: matches.get_one("object").copied(),
            initial,
            failed_cas: *matches.get_one("failed-cas").expect("has a default"),
        };
        let consistency: &String = matches.get_one("consistency").expect("has a default");
        let session = Judging {
            reading,
            question: question(consistency, matches)?,
            budget: Budget::new(*matches.get_one("steps").expect("has a default")),
            format,
        };
        let paths = matches.get_many::<String>("file").expect("is required");
        let mut files = Vec::new();
        for path in paths {
            match Path::new(path) {
                directory if directory.is_dir() => files_of(directory, &mut files)?,
                _ => files.push(path.clone()),
            }
        }
        let mut pictures = Vec::new();
        let mut outcome = Outcome::AsExpected;
        let mut bad_files = 0;
        for file in &files {
            match session.file(file, &mut pictures) {
                Ok(of_file) => outcome = outcome.max(of_file),
                Err(error) => {
                    bad_files += 1;
                    eprintln!("error: {error}");
                }
            }
        }
        if let Some(path) = matches.get_one::<PathBuf>("svg") {
            let written = fs::write(path, picture::svg(&pictures));
            written.map_err(|error| UsageError(format!("{}: {error}", path.display())))?;
        }
        match bad_files {
            0 => Ok(outcome),
            _ => Err(UsageError(format!(
                "of {} files, {bad_files} could not be judged",
                files.len()
            ))),
        }
    }
}

/// What is asked by these flags.
fn question(consistency: &str, matches: &ArgMatches) -> Result<Question, UsageError> {
    let delta = matches.get_one::<u64>("delta");
    let k = matches.get_one::<NonZeroU32>("k");
    for (flag, is_given, of) in [
        ("--delta", delta.is_some(), DELTA_ATOMIC),
        ("--k", k.is_some(), K_ATOMIC),
    ] {
        if is_given && consistency != of {
            return Err(UsageError(format!(
                "{flag} has a meaning for --consistency {of} only"
            )));
        }
    }
    Ok(match consistency {
        DELTA_ATOMIC => delta.map_or(Question::LeastDelta, |delta| {
            Question::Is(Consistency::DeltaAtomic(*delta))
        }),
        K_ATOMIC => k.map_or(Question::LeastK, |k| Question::Is(Consistency::KAtomic(*k))),
        name => {
            let mut models = Consistency::ALL.into_iter();
            let named = models.find(|model| model.name() == name);
            named.map_or(Question::Strongest, Question::Is)
        }
    })
}

fn datum(text: &str) -> Result<Datum, UsageError> {
    let read = edn::read_string(text);
    let read = read.map_err(|_| UsageError(format!("--initial: {text} is no EDN value")))?;
    Ok(Datum::from(&read))
}

/// The files of a directory and of those in it that may have histories, in the order of their names.
fn files_of(directory: &Path, files: &mut Vec<String>) -> Result<(), UsageError> {
    let error = |error| UsageError(format!("{}: {error}", directory.display()));
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(error)? {
        paths.push(entry.map_err(error)?.path());
    }
    paths.sort();
    for path in paths {
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_dir() {
            files_of(&path, files)?;
        } else if ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
            files.push(path.to_string_lossy().into_owned());
        } else {
            eprintln!("{}: not read, by its name", path.display());
        }
    }
    Ok(())
}

/// What is asked of a history.
#[derive(Clone, Copy)]
enum Question {
    /// Whether it satisfies this model.
    Is(Consistency),
    /// The strongest models that it satisfies.
    Strongest,
    /// The least Δ for which it is Δ-atomic.
    LeastDelta,
    /// The least k for which it is k-atomic.
    LeastK,
}

/// How files are judged.
struct Judging {
    reading: Reading,
    question: Question,
    budget: Budget,
    format: Format,
}

/// A judgement as JSON.
#[derive(Serialize)]
struct JsonJudgement<'a> {
    file: &'a str,
    kind: &'static str,
    consistency: String,
    /// Missing if the judgement is about all objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    operations: usize,
    verdict: &'static str,
    #[serde(flatten)]
    reason: Option<&'a Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    violation: Option<&'a [ToldOperation]>,
}

/// Which models hold, as JSON.
#[derive(Serialize)]
struct JsonStrongest<'a> {
    file: &'a str,
    kind: &'static str,
    operations: usize,
    strongest: Vec<&'static str>,
    holding: Vec<&'static str>,
    undecided: Vec<&'static str>,
}

/// The least member of a family that holds, as JSON.
#[derive(Serialize)]
struct JsonLeast<'a> {
    file: &'a str,
    kind: &'static str,
    operations: usize,
    consistency: &'static str,
    verdict: &'static str,
    least: Option<u64>,
}

impl Judging {
    /// Judges a file, and keeps the pictures of violations.
    fn file(
        &self,
        file: &str,
        pictures: &mut Vec<(String, Vec<ToldOperation>)>,
    ) -> Result<Outcome, UsageError> {
        let history = match file {
            STANDARD_INPUT => read(stdin().lock(), &self.reading),
            path => {
                let opened = File::open(path);
                let opened = opened.map_err(|error| UsageError(format!("{path}: {error}")))?;
                read(BufReader::with_capacity(1 << 16, opened), &self.reading)
            }
        };
        let history = history.map_err(|error| match error.line {
            Some(line) => UsageError(format!("{file}:{line}: {}", error.message)),
            None => UsageError(format!("{file}: {}", error.message)),
        })?;
        let asks_of_time = matches!(
            self.question,
            Question::LeastDelta | Question::Is(Consistency::DeltaAtomic(_))
        );
        if asks_of_time && !history.has_times() {
            return Err(UsageError(format!(
                "{file}: delta-atomic is about nanoseconds, and not every event has its time"
            )));
        }
        match self.question {
            Question::Is(consistency) => {
                let judged = history.judge(consistency, self.budget);
                let judged = judged.map_err(|error| UsageError(format!("{file}: {error}")))?;
                self.report(file, &*history, consistency, &judged, pictures);
                let outcomes = judged.iter().map(|judgement| match judgement.finding {
                    Finding::Holds(_) => Outcome::AsExpected,
                    Finding::Violated(_) => Outcome::NotAsExpected,
                    Finding::Undecided => Outcome::NotExhausted,
                });
                Ok(outcomes.max().unwrap_or(Outcome::AsExpected))
            }
            Question::Strongest => self.strongest(file, &*history),
            Question::LeastDelta => {
                let least = history.least_delta(self.budget);
                self.least(file, &*history, DELTA_ATOMIC, "delta", least)
            }
            Question::LeastK => {
                let least = history.least_k(self.budget);
                self.least(file, &*history, K_ATOMIC, "k", least)
            }
        }
    }

    /// Reports the least member of a family that holds.
    fn least(
        &self,
        file: &str,
        history: &dyn FileHistory,
        family: &'static str,
        parameter: &'static str,
        least: Result<Least<u64>, Inapplicable>,
    ) -> Result<Outcome, UsageError> {
        let least = least.map_err(|error| UsageError(format!("{file}: {error}")))?;
        let (verdict, told, outcome) = match least {
            Least::Is(least) => (
                "holds",
                format!("{family}: the least {parameter} is {least}"),
                Outcome::AsExpected,
            ),
            Least::None => (
                "violated",
                format!("not {family}, for any {parameter}"),
                Outcome::NotAsExpected,
            ),
            Least::Undecided => (
                "undecided",
                format!("{family}: undecided"),
                Outcome::NotExhausted,
            ),
        };
        match self.format {
            Format::Table => {
                self.heading(file, history);
                println!("  {told}");
            }
            Format::Json => {
                let judgement = JsonLeast {
                    file,
                    kind: history.object_kind(),
                    operations: history.operations(),
                    consistency: family,
                    verdict,
                    least: match least {
                        Least::Is(least) => Some(least),
                        Least::None | Least::Undecided => None,
                    },
                };
                let line = serde_json::to_string(&judgement);
                println!("{}", line.expect("texts and numbers"));
            }
        }
        Ok(outcome)
    }

    /// Judges a file by all models, and names the strongest that hold.
    fn strongest(&self, file: &str, history: &dyn FileHistory) -> Result<Outcome, UsageError> {
        let (mut holding, mut undecided) = (Vec::new(), Vec::new());
        for consistency in Consistency::ALL {
            // A model that is not about such operations is not asked.
            match history.satisfies(consistency, self.budget) {
                Ok(Some(true)) => holding.push(consistency),
                Ok(None) => undecided.push(consistency),
                Ok(Some(false)) | Err(_) => {}
            }
        }
        // What a model that holds implies needs no search.
        undecided.retain(|model| !holding.iter().any(|stronger| stronger.implies(*model)));
        let is_strongest = |model: &Consistency| {
            let mut others = holding.iter().filter(|other| *other != model);
            !others.any(|other| other.implies(*model))
        };
        let names = |models: &[Consistency]| models.iter().map(|model| model.name()).collect();
        let strongest: Vec<Consistency> = holding.iter().copied().filter(is_strongest).collect();
        let (strongest, undecided): (Vec<&str>, Vec<&str>) = (names(&strongest), names(&undecided));
        match self.format {
            Format::Table => {
                self.heading(file, history);
                println!("  strongest: {}", listed(&strongest));
                if !undecided.is_empty() {
                    println!("  undecided: {}", listed(&undecided));
                }
            }
            Format::Json => {
                let judgement = JsonStrongest {
                    file,
                    kind: history.object_kind(),
                    operations: history.operations(),
                    strongest,
                    holding: names(&holding),
                    undecided: undecided.clone(),
                };
                let line = serde_json::to_string(&judgement);
                println!("{}", line.expect("texts and numbers"));
            }
        }
        Ok(match undecided.is_empty() {
            true => Outcome::AsExpected,
            false => Outcome::NotExhausted,
        })
    }

    fn heading(&self, file: &str, history: &dyn FileHistory) {
        println!(
            "{file}: {}, {}, {}",
            history.object_kind(),
            counted(history.operations(), "operation"),
            counted(history.sessions(), "process"),
        );
    }

    fn report(
        &self,
        file: &str,
        history: &dyn FileHistory,
        consistency: Consistency,
        judged: &[Judgement],
        pictures: &mut Vec<(String, Vec<ToldOperation>)>,
    ) {
        if self.format == Format::Table {
            self.heading(file, history);
        }
        for judgement in judged {
            let (verdict, told) = match &judgement.finding {
                Finding::Holds(_) => ("holds", consistency.to_string()),
                Finding::Violated(_) => ("violated", format!("not {consistency}")),
                Finding::Undecided => ("undecided", format!("{consistency}: undecided")),
            };
            let object = judgement.object.as_deref();
            match self.format {
                Format::Json => {
                    let (reason, violation) = match &judgement.finding {
                        Finding::Holds(reason) => (Some(reason), None),
                        Finding::Violated(operations) => (None, Some(&operations[..])),
                        Finding::Undecided => (None, None),
                    };
                    let judgement = JsonJudgement {
                        file,
                        kind: history.object_kind(),
                        consistency: consistency.to_string(),
                        object,
                        operations: judgement.operations,
                        verdict,
                        reason,
                        violation,
                    };
                    let line = serde_json::to_string(&judgement);
                    println!("{}", line.expect("texts and numbers"));
                }
                Format::Table => match object {
                    Some(object) => println!(
                        "  {object}: {told} ({})",
                        counted(judgement.operations, "operation")
                    ),
                    None => println!("  {told}"),
                },
            }
            if let Finding::Violated(operations) = &judgement.finding {
                if self.format == Format::Table {
                    let hidden = operations.len().saturating_sub(PICTURE_MAX);
                    if hidden > 0 {
                        println!(
                            "    {hidden} operations before these: --format json and --svg show all"
                        );
                    }
                    for line in picture::text(&operations[hidden..]).lines() {
                        println!("    {line}");
                    }
                }
                let object = object
                    .map(|object| format!(", {object}"))
                    .unwrap_or_default();
                pictures.push((format!("{file}{object}: {told}"), operations.clone()));
            }
        }
    }
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".into(),
        names => names.join(", "),
    }
}

fn counted(count: usize, thing: &str) -> String {
    match (count, thing.ends_with('s')) {
        (1, _) => format!("1 {thing}"),
        (_, true) => format!("{count} {thing}es"),
        (_, false) => format!("{count} {thing}s"),
    }
}
