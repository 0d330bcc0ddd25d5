//! `quorate`: nodes of a cluster, and its clients, on the command line.

mod command_line;

fn main() -> std::process::ExitCode {
    command_line::run()
}
