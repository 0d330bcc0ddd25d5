//! TLC, through the script that people use.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::instance::specs;

/// TLC's exit status if an invariant is violated.
const VIOLATION_SAFETY: i32 = 12;

/// TLC's exit status if a property of steps or of fair runs is violated.
const VIOLATION_LIVENESS: i32 = 13;

/// What TLC found.
#[derive(Debug)]
pub struct Run {
    /// How many distinct states.
    pub distinct: usize,
}

/// Where TLC is.
///
/// # Errors
///
/// What is missing, and what to do.
pub fn find() -> Result<PathBuf, String> {
    let output = output(script().arg("--find"))?;
    match output.status.success() {
        true => Ok(text(&output.stdout).trim().into()),
        false => Err(text(&output.stderr).trim().to_owned()),
    }
}

/// Runs TLC on a `.cfg` to the end, and has it dump its graph if a file is named.
///
/// # Errors
///
/// What TLC writes, if it finds an error.
pub fn run(configuration: &Path, dump: Option<&Path>) -> Result<Run, String> {
    let mut command = check(configuration);
    if let Some(dump) = dump {
        command.args(["-dump", "dot,actionlabels"]).arg(dump);
    }
    let output = output(&mut command)?;
    let out = text(&output.stdout);
    let distinct = (out.lines())
        .filter_map(|line| line.strip_suffix(" distinct states found, 0 states left on queue."))
        .find_map(|line| line.rsplit(' ').next()?.parse().ok());
    match distinct {
        Some(distinct) if output.status.success() => Ok(Run { distinct }),
        _ => Err(failure(configuration, &output)),
    }
}

/// Whether the one invariant of a `.cfg` is violated.
///
/// # Errors
///
/// What TLC writes, if it is anything but that it holds or does not.
pub fn invariant_is_violated(configuration: &Path, invariant: &str) -> Result<bool, String> {
    let message = format!("Error: Invariant {invariant} is violated.");
    is_violated(configuration, VIOLATION_SAFETY, |line| line == message)
}

/// Whether the one property of a `.cfg`, which is one of steps, is violated.
///
/// # Errors
///
/// What TLC writes, if it is anything but that it holds or does not.
pub fn steps_violate(configuration: &Path) -> Result<bool, String> {
    is_violated(configuration, VIOLATION_LIVENESS, |line| {
        // It says where the property stands, and not its name.
        line.starts_with("Error: Action property ") && line.ends_with(" is violated.")
    })
}

fn is_violated(
    configuration: &Path,
    status: i32,
    says_so: impl Fn(&str) -> bool,
) -> Result<bool, String> {
    let output = output(&mut check(configuration))?;
    let out = text(&output.stdout);
    let mut lines = out.lines();
    let holds =
        (lines.clone()).any(|line| line == "Model checking completed. No error has been found.");
    match (holds, lines.any(says_so), output.status.code()) {
        (true, false, Some(0)) => Ok(false),
        (false, true, Some(found)) if found == status => Ok(true),
        _ => Err(failure(configuration, &output)),
    }
}

/// Whether all temporal properties of a `.cfg` hold. If not, TLC does not say which.
///
/// # Errors
///
/// What TLC writes, if it is anything but that they hold or do not.
pub fn temporal_properties_hold(configuration: &Path) -> Result<bool, String> {
    let output = output(&mut check(configuration))?;
    verdict(&text(&output.stdout), output.status.code())
        .ok_or_else(|| failure(configuration, &output))
}

/// Whether all temporal properties hold, from what TLC writes and its exit status; or nothing if it says
/// neither that they do nor that they do not.
pub fn verdict(out: &str, status: Option<i32>) -> Option<bool> {
    let says = |message| out.lines().any(|line| line == message);
    let hold = says("Model checking completed. No error has been found.")
        // There were properties, and all states had been found.
        && out.contains(" temporal properties for the complete state space ");
    let violated = says("Error: Temporal properties were violated.");
    match (hold, violated, status) {
        (true, false, Some(0)) => Some(true),
        (false, true, Some(VIOLATION_LIVENESS)) => Some(false),
        _ => None,
    }
}

/// What TLC wrote.
fn failure(configuration: &Path, output: &Output) -> String {
    format!(
        "TLC on {} ({}):\n{}{}",
        configuration.display(),
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    )
}

fn script() -> Command {
    Command::new(specs().join("tlc"))
}

/// Tests run side by side, so each takes one worker.
fn check(configuration: &Path) -> Command {
    let mut command = script();
    command.arg(configuration).args(["-workers", "1"]);
    if std::env::var_os("TLC_JAVA_OPTIONS").is_none() {
        // Runs are short: to compile well takes longer than it saves, and there is little to collect.
        command.env(
            "TLC_JAVA_OPTIONS",
            "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        );
    }
    command
}

fn output(command: &mut Command) -> Result<Output, String> {
    let output = command.output();
    output.map_err(|error| format!("specs/tlc: {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
