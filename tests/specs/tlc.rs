//! TLC, through the script that people use.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::instance::specs;

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
    let output = script(&["--find".as_ref()])?;
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
    // Tests run side by side, so each takes one worker.
    let mut arguments = vec![configuration, "-workers".as_ref(), "1".as_ref()];
    if let Some(dump) = dump {
        arguments.extend(["-dump".as_ref(), "dot,actionlabels".as_ref(), dump]);
    }
    let output = script(&arguments)?;
    let out = text(&output.stdout);
    let distinct = (out.lines())
        .filter_map(|line| line.strip_suffix(" distinct states found, 0 states left on queue."))
        .find_map(|line| line.rsplit(' ').next()?.parse().ok());
    match distinct {
        Some(distinct) if output.status.success() => Ok(Run { distinct }),
        _ => Err(format!(
            "TLC on {} ({}):\n{out}{}",
            configuration.display(),
            output.status,
            text(&output.stderr)
        )),
    }
}

fn script(arguments: &[&Path]) -> Result<Output, String> {
    let script = specs().join("tlc");
    let mut command = Command::new(&script);
    command.args(arguments);
    if std::env::var_os("JAVA_TOOL_OPTIONS").is_none() {
        // Runs are short: compiling well takes longer than it saves.
        command.env("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1");
    }
    let output = command.output();
    output.map_err(|error| format!("{}: {error}", script.display()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
