//! Three durable nodes as processes on this machine: `quorate bench`, with what else is said behind `--`, and a plot in
//! `target/cluster.svg`. Unless it is to be measured (`cargo bench`), it is tried for a moment only.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let (cargo, said): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument == "--bench" || argument == "--test");
    let is_measured = cargo == ["--bench"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.arg("bench").env("RUST_LOG", "warn").args(&said);
    if !said.iter().any(|argument| argument == "--directory") {
        command.args([
            "--directory",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/cluster"),
        ]);
    }
    match is_measured {
        true => command.args([
            "--plot",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/../cluster.svg"),
        ]),
        false => command.args(["--clients", "1,8", "--seconds", "0.5"]),
    };
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("quorate bench: {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("quorate cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
