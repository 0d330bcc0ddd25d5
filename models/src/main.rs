//! The model checker's command line: see `cargo models --help`.

use std::process::ExitCode;

use quorate_checker::cli::CommandLine;
use quorate_histories::{HistoryCommand, LatticeCommand};
use quorate_models::catalogue::MODELS;

fn main() -> ExitCode {
    let line = CommandLine {
        name: "cargo models",
        about: "Checks, breaks and explores Quorate's protocol models",
        models: MODELS,
        commands: &[&HistoryCommand, &LatticeCommand],
    };
    line.run(std::env::args_os())
}
