//! What clients do with keys, as lines of JSON: a history that `cargo models history` judges.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

/// What a key holds, if anything. Bytes are written as text: of values that are none, some may look the same.
pub type Value<'a> = Option<&'a [u8]>;

/// What a client asks of a key.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// What it holds.
    Read,
    /// To hold this.
    Write(Value<'a>),
    /// To hold the new value, if it holds the expected one.
    Swap {
        /// What is replaced.
        expected: Value<'a>,
        /// What it is replaced by.
        new: Value<'a>,
    },
}

/// How an operation ended. One whose outcome nobody knows does not end: its process invokes nothing more.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// The key held this.
    Read(Value<'a>),
    /// It is written.
    Written,
    /// Whether the key held what was expected.
    Swapped(bool),
    /// It was not done, and will not be.
    NotDone,
}

/// A file that events are written to, in the order in which they are told.
#[derive(Debug)]
pub struct Recorder {
    file: Mutex<BufWriter<File>>,
    begin: Instant,
}

/// A line of the file.
#[derive(Serialize)]
struct Event<'a> {
    process: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    f: &'static str,
    key: Cow<'a, str>,
    value: Told<'a>,
    /// In nanoseconds.
    time: u64,
}

/// An argument, or a result.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    Value(Option<Cow<'a, str>>),
    Swap([Option<Cow<'a, str>>; 2]),
    FoundAnother(bool),
}

fn text(value: Value<'_>) -> Option<Cow<'_, str>> {
    value.map(String::from_utf8_lossy)
}

impl Recorder {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Mutex::new(BufWriter::new(File::create(path)?)),
            begin: Instant::now(),
        })
    }

    /// A process invokes an operation: to be told before anything is sent.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn invoked(&self, process: u64, key: &[u8], operation: Operation<'_>) -> io::Result<()> {
        self.event(process, "invoke", key, operation, None)
    }

    /// Its operation has ended: to be told once the answer is there.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn ended(
        &self,
        process: u64,
        key: &[u8],
        operation: Operation<'_>,
        end: End<'_>,
    ) -> io::Result<()> {
        let kind = match end {
            End::Read(_) | End::Written | End::Swapped(_) => "ok",
            End::NotDone => "fail",
        };
        self.event(process, kind, key, operation, Some(end))
    }

    fn event(
        &self,
        process: u64,
        kind: &'static str,
        key: &[u8],
        operation: Operation<'_>,
        end: Option<End<'_>>,
    ) -> io::Result<()> {
        let (f, argument) = match operation {
            Operation::Read => ("read", Told::Value(None)),
            Operation::Write(value) => ("write", Told::Value(text(value))),
            Operation::Swap { expected, new } => ("cas", Told::Swap([text(expected), text(new)])),
        };
        let value = match end {
            Some(End::Read(value)) => Told::Value(text(value)),
            Some(End::Swapped(false)) => Told::FoundAnother(false),
            None | Some(End::Written | End::Swapped(true) | End::NotDone) => argument,
        };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: the order of times is that of lines.
        let time = u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let event = Event {
            process,
            kind,
            f,
            key: String::from_utf8_lossy(key),
            value,
            time,
        };
        serde_json::to_writer(&mut *file, &event)?;
        file.write_all(b"\n")
    }

    /// Writes what is not written yet.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn flush(&self) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush()
    }
}
