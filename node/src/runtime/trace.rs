//! A trace: every step of a process, and every time that records became durable, a line of JSON each, so that a run can be
//! looked at, and checked, afterwards. A step's effects are what it wants done; what of them waits for a record, by the rule of
//! [`HoldBack`](quorate::protocol::HoldBack), is done when that is durable.

use std::fmt::{self, Debug};
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use quorate::protocol::{Effect, Input, ProcessId, Protocol};

/// Where steps are written to.
pub struct Trace {
    writer: Box<dyn Write + Send>,
    failure: Option<io::Error>,
}

impl Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Line<Event> {
    /// Since 1970, in microseconds.
    microseconds: u128,
    process: ProcessId,
    #[serde(flatten)]
    event: Event,
}

#[derive(Serialize)]
#[serde(bound = "")]
struct Step<'a, P: Protocol> {
    input: Happened<'a, P>,
    effects: Vec<Done<'a, P>>,
}

#[derive(Serialize)]
struct Durable {
    durable: usize,
}

#[derive(Serialize)]
#[serde(bound = "")]
enum Happened<'a, P: Protocol> {
    Start(Vec<P::Record>),
    Receive {
        from: ProcessId,
        message: &'a P::Message,
    },
    Timeout(&'a P::Timer),
    Submit(&'a P::Request),
    Durable(u64),
}

#[derive(Serialize)]
#[serde(bound = "")]
enum Done<'a, P: Protocol> {
    Persist(&'a P::Record),
    Append(&'a P::Record),
    ReportDurable(u64),
    Send {
        to: ProcessId,
        message: &'a P::Message,
    },
    Emit(&'a P::Output),
    SetTimer(&'a P::Timer),
    CancelTimer(&'a P::Timer),
}

impl Trace {
    /// Writes there, in small parts: give it a buffer.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self {
            writer: Box::new(writer),
            failure: None,
        }
    }

    /// Writes a step. After a failure no more.
    pub fn step<P: Protocol>(
        &mut self,
        process: ProcessId,
        input: &Input<P>,
        effects: &[Effect<P>],
    ) {
        let step = Step {
            input: happened(input),
            effects: effects.iter().map(done).collect(),
        };
        self.line(process, step);
    }

    /// Writes that so many of the oldest records have become durable. After a failure no more.
    pub fn durable(&mut self, process: ProcessId, count: usize) {
        self.line(process, Durable { durable: count });
    }

    fn line(&mut self, process: ProcessId, event: impl Serialize) {
        if self.failure.is_some() {
            return;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let line = Line {
            microseconds: since.unwrap_or_default().as_micros(),
            process,
            event,
        };
        let written = serde_json::to_writer(&mut self.writer, &line).map_err(io::Error::from);
        let written = written.and_then(|()| self.writer.write_all(b"\n"));
        self.failure = written.err();
    }

    /// Writes what is in the buffer.
    ///
    /// # Errors
    ///
    /// If that, or something before, could not be written.
    pub fn flush(&mut self) -> io::Result<()> {
        match self.failure.take() {
            Some(error) => Err(error),
            None => self.writer.flush(),
        }
    }
}

fn happened<P: Protocol>(input: &Input<P>) -> Happened<'_, P> {
    match input {
        Input::Start(durable) => Happened::Start(P::records(durable)),
        Input::Receive { from, message } => Happened::Receive {
            from: *from,
            message,
        },
        Input::Timeout(timer) => Happened::Timeout(timer),
        Input::Submit(request) => Happened::Submit(request),
        Input::Durable(position) => Happened::Durable(*position),
    }
}

fn done<P: Protocol>(effect: &Effect<P>) -> Done<'_, P> {
    match effect {
        Effect::Persist(record) => Done::Persist(record),
        Effect::Append(record) => Done::Append(record),
        Effect::ReportDurable(position) => Done::ReportDurable(*position),
        Effect::Send { to, message } => Done::Send { to: *to, message },
        Effect::Emit(output) => Done::Emit(output),
        Effect::SetTimer(timer) => Done::SetTimer(timer),
        Effect::CancelTimer(timer) => Done::CancelTimer(timer),
    }
}
