//! `quorate` as a program that tests run.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A command of `quorate`.
pub fn quorate<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

/// A program that goes on, and what it tells.
pub struct Running {
    pub child: Child,
    errors: BufReader<std::process::ChildStderr>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // What is tested may have ended it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        Self { child, errors }
    }

    /// Waits until it says so.
    pub fn says(&mut self, what: &str) {
        let mut last = VecDeque::new();
        let mut line = String::new();
        while self.errors.read_line(&mut line).unwrap() > 0 {
            if line.contains(what) {
                return;
            }
            last.push_back(std::mem::take(&mut line));
            last.truncate(50);
        }
        panic!("it has ended, and has not said {what:?}: {last:?}");
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Tells it to stop, which it should.
    pub fn stop(&mut self) {
        self.signal(Signal::INT);
        // It may have more to say until then.
        std::io::copy(&mut self.errors, &mut std::io::sink()).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

/// A command that starts a node.
pub fn serve(file: &Path, node: usize, directory: &Path) -> Command {
    let mut command = quorate(["serve", "--config"]);
    command.arg(file).args(["--node", &node.to_string()]);
    command.arg("--directory").arg(directory);
    command
}

/// That a command fails at once, and says so.
pub fn fails(mut command: Command, why: &str) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{command:?}: {told}");
    assert!(told.contains(why), "{command:?}: {told}");
}
