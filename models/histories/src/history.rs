//! A history of a file, whatever its object is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use clap::ValueEnum;
use hashbrown::HashMap;
use quorate::consistency::{
    Budget, Call, Consistency, Counter, Explanation, Inapplicable, Least, Map, MultiRegister,
    Mutex, Object, Operation, Queue, Register, Session, Set, Verdict, judge, least_delta, least_k,
    satisfies,
};
use serde::Serialize;

use crate::datum::{Data, Datum, DatumId};
use crate::event::{Event, EventKind, Function, Process};
use crate::files::{Events, FileError, Numbered, events};
use crate::notation::Notation;

/// The object that a history's operations are about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ObjectKind {
    /// read, write, cas
    Register,
    /// txn: reads and writes of several registers at once
    MultiRegister,
    /// get, put, append, delete, cas
    Map,
    /// read, add
    Counter,
    /// read, add, remove
    Set,
    /// enqueue, dequeue
    Queue,
    /// acquire, release
    Mutex,
}

/// What it means that a compare-and-swap failed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum FailedCas {
    /// It was not done, for whatever reason: it says nothing of the value (Jepsen's definition)
    #[default]
    NotDone,
    /// It found another value than the expected one
    FoundAnother,
}

/// How a file is read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reading {
    /// The object; `None` where the functions tell it.
    pub object: Option<ObjectKind>,
    /// The value that an object has at first; `None` for the object's usual one.
    pub initial: Option<Datum>,
    /// What it means that a compare-and-swap failed.
    pub failed_cas: FailedCas,
}

/// A history that was read from a file.
pub trait FileHistory {
    /// The object's name.
    fn object_kind(&self) -> &'static str;

    /// How many operations there are, without those that were not done.
    fn operations(&self) -> usize;

    /// How many sessions there are.
    fn sessions(&self) -> usize;

    /// Whether the history satisfies a consistency model: one judgement for each object where the model is local, and one for
    /// all objects elsewhere.
    ///
    /// # Errors
    ///
    /// If the model is not about such operations.
    fn judge(
        &self,
        consistency: Consistency,
        budget: Budget,
    ) -> Result<Vec<Judgement>, Inapplicable>;

    /// Whether the history satisfies a consistency model, without a reason; `None` if it is undecided.
    ///
    /// # Errors
    ///
    /// If the model is not about such operations.
    fn satisfies(
        &self,
        consistency: Consistency,
        budget: Budget,
    ) -> Result<Option<bool>, Inapplicable>;

    /// Whether each event has its time: then moments are nanoseconds, and Δ-atomicity has a meaning.
    fn has_times(&self) -> bool;

    /// How stale reads are, in nanoseconds: [`least_delta`].
    ///
    /// # Errors
    ///
    /// If the model is not about such operations.
    fn least_delta(&self, budget: Budget) -> Result<Least<u64>, Inapplicable>;

    /// How stale reads are, in writes: [`least_k`].
    ///
    /// # Errors
    ///
    /// If the model is not about such operations.
    fn least_k(&self, budget: Budget) -> Result<Least<u64>, Inapplicable>;
}

/// A verdict on an object of a file's history, or on all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    /// The object; `None` for all.
    pub object: Option<String>,
    /// How many operations it is about.
    pub operations: usize,
    /// How it came out.
    pub finding: Finding,
}

/// How a judgement came out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// The history satisfies the model.
    Holds(Reason),
    /// It does not: these operations alone do not.
    Violated(Vec<ToldOperation>),
    /// The budget was too small.
    Undecided,
}

/// Why a history satisfies a model: [`quorate::consistency::Explanation`], with operations by the lines on which they were
/// invoked.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Reason {
    /// Orders of operations.
    pub orders: Vec<Vec<u64>>,
    /// Each read with the write that it has its value from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reads_from: Vec<(u64, Option<u64>)>,
}

/// An operation, as people read it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ToldOperation {
    /// The process.
    pub process: String,
    /// When it was invoked: which of the events that are told with it this was, from 1.
    pub invoked: u64,
    /// When it returned, likewise; `None` if its outcome is unknown.
    pub returned: Option<u64>,
    /// The request, and what is known of the response.
    #[serde(rename = "operation")]
    pub text: String,
}

/// Reads a history.
///
/// # Errors
///
/// If the file is none.
pub fn read(input: impl BufRead, reading: &Reading) -> Result<Box<dyn FileHistory>, FileError> {
    let mut events = events(input)?;
    let mut buffered = Vec::new();
    let kind = match reading.object {
        Some(kind) => kind,
        None => told_kind(&mut events, &mut buffered)?,
    };
    let events = Box::new(buffered.into_iter().map(Ok).chain(events));
    match kind {
        ObjectKind::Register => history::<Register<DatumId>>(events, reading),
        ObjectKind::MultiRegister => history::<MultiRegister<DatumId>>(events, reading),
        ObjectKind::Map => history::<Map>(events, reading),
        ObjectKind::Counter => history::<Counter>(events, reading),
        ObjectKind::Set => history::<Set<DatumId>>(events, reading),
        ObjectKind::Queue => history::<Queue<DatumId>>(events, reading),
        ObjectKind::Mutex => history::<Mutex>(events, reading),
    }
}

/// The object that the first events tell, which stay in `buffered`.
fn told_kind(
    events: &mut Events<'_>,
    buffered: &mut Vec<Numbered>,
) -> Result<ObjectKind, FileError> {
    let (mut adds, mut adds_others) = (false, false);
    for event in events {
        let (line, event) = event?;
        let told = match event.function {
            Function::Write => Some(ObjectKind::Register),
            Function::Txn => Some(ObjectKind::MultiRegister),
            Function::Get | Function::Put | Function::Append | Function::Delete => {
                Some(ObjectKind::Map)
            }
            Function::Remove => Some(ObjectKind::Set),
            Function::Enqueue | Function::Dequeue => Some(ObjectKind::Queue),
            Function::Acquire | Function::Release => Some(ObjectKind::Mutex),
            Function::Add => {
                adds = true;
                adds_others |= !matches!(event.value, Datum::Integer(_) | Datum::Nil);
                None
            }
            // What is read tells a set from a counter.
            Function::Read if event.kind == EventKind::Ok && adds => match event.value {
                Datum::Integer(_) => Some(ObjectKind::Counter),
                Datum::List(_) => Some(ObjectKind::Set),
                _ => None,
            },
            Function::Read | Function::Cas => None,
        };
        buffered.push((line, event));
        if let Some(kind) = told {
            return Ok(kind);
        }
    }
    Ok(match (adds, adds_others) {
        (true, true) => ObjectKind::Set,
        (true, false) => ObjectKind::Counter,
        _ => ObjectKind::Register,
    })
}

/// A history of operations on objects of one specification.
struct Read<S: Notation> {
    specification: S,
    operations: Vec<Call<S>>,
    /// The line on which each operation was invoked.
    lines: Vec<u64>,
    processes: Vec<Process>,
    objects: Vec<Datum>,
    has_times: bool,
    data: Data,
}

fn history<'a, S: Notation + 'static>(
    events: Events<'a>,
    reading: &Reading,
) -> Result<Box<dyn FileHistory>, FileError> {
    let mut data = Data::default();
    let initial = reading.initial.clone();
    let specification = S::new(initial, &mut data).map_err(|message| FileError {
        line: None,
        message,
    })?;
    let mut reader = Reader {
        history: Read {
            specification,
            operations: Vec::new(),
            lines: Vec::new(),
            processes: Vec::new(),
            objects: Vec::new(),
            has_times: true,
            data,
        },
        sessions: HashMap::new(),
        objects: HashMap::new(),
        pending: Vec::new(),
        not_done: Vec::new(),
        moment: 0,
        failed_cas: reading.failed_cas,
    };
    for event in events {
        let (line, event) = event?;
        let added = reader.add(line, event);
        added.map_err(|message| FileError::at(line, message))?;
    }
    let mut history = reader.finish();
    if reading.initial.is_none() {
        history.specification = history.specification.inferred(&history.operations);
    }
    Ok(Box::new(history))
}

/// A history in the making.
struct Reader<S: Notation> {
    history: Read<S>,
    sessions: HashMap<Process, Session>,
    objects: HashMap<Datum, Object>,
    /// The pending operation of each session.
    pending: Vec<Option<usize>>,
    /// Operations that were not done.
    not_done: Vec<usize>,
    moment: u64,
    failed_cas: FailedCas,
}

impl<S: Notation> Reader<S> {
    fn add(&mut self, line: u64, event: Event) -> Result<(), String> {
        let history = &mut self.history;
        let session = match self.sessions.get(&event.process) {
            Some(session) => *session,
            None => {
                let session = number(history.processes.len())?;
                history.processes.push(event.process.clone());
                self.sessions.insert(event.process.clone(), session);
                self.pending.push(None);
                session
            }
        };
        let pending = &mut self.pending[session as usize];
        let data = &mut history.data;
        if event.time.is_some_and(|time| time > TIME_MAX) {
            return Err(format!("a time is at most {TIME_MAX} nanoseconds"));
        }
        // In the order of the file: events of one time are a nanosecond apart, and one that is said to be earlier is not.
        history.has_times &= event.time.is_some();
        self.moment = event.time.unwrap_or(0).max(self.moment + 1);
        if event.kind == EventKind::Invoke {
            if let Some(pending) = pending {
                return Err(format!(
                    "process {} invokes an operation before the last one, of line {}, has ended",
                    event.process, history.lines[*pending]
                ));
            }
            let object = match self.objects.get(&event.key) {
                Some(object) => *object,
                None => {
                    let object = number(history.objects.len())?;
                    history.objects.push(event.key.clone());
                    self.objects.insert(event.key, object);
                    object
                }
            };
            let request = history
                .specification
                .request(event.function, event.value, data)?;
            *pending = Some(history.operations.len());
            history.lines.push(line);
            history.operations.push(Operation {
                session,
                object,
                invoked: self.moment,
                returned: None,
                request,
                response: None,
            });
            return Ok(());
        }
        let Some(place) = pending.take() else {
            return Err(format!(
                "process {} ends an operation, and has invoked none",
                event.process
            ));
        };
        let operation = &mut history.operations[place];
        let refusal = || history.specification.refusal(&operation.request);
        let response = match (event.kind, self.failed_cas) {
            // It was done, in that it found another value.
            (EventKind::Ok, _) if event.value == Datum::Bool(false) && refusal().is_some() => {
                refusal()
            }
            (EventKind::Ok, _) => {
                let request = &operation.request;
                Some(history.specification.response(request, event.value, data)?)
            }
            (EventKind::Fail, FailedCas::FoundAnother) => refusal(),
            _ => None,
        };
        match response {
            Some(response) => {
                operation.response = Some(response);
                operation.returned = Some(self.moment);
            }
            None if event.kind == EventKind::Fail => self.not_done.push(place),
            None => {}
        }
        Ok(())
    }

    fn finish(mut self) -> Read<S> {
        self.not_done.sort_unstable();
        let keeps = || {
            let mut not_done = self.not_done.iter().copied().peekable();
            let mut place = 0;
            move || {
                let is_done = not_done.next_if_eq(&place).is_none();
                place += 1;
                is_done
            }
        };
        let (mut keeps_operation, mut keeps_line) = (keeps(), keeps());
        self.history.operations.retain(|_| keeps_operation());
        self.history.lines.retain(|_| keeps_line());
        self.history
    }
}

/// The latest time of an event, in nanoseconds: there is room for moments that come after it.
const TIME_MAX: u64 = 1 << 62;

/// The number of one more.
fn number(count: usize) -> Result<u32, String> {
    u32::try_from(count).map_err(|_| "more processes or objects than can be numbered".into())
}

impl<S: Notation> FileHistory for Read<S> {
    fn object_kind(&self) -> &'static str {
        S::NAME
    }

    fn operations(&self) -> usize {
        self.operations.len()
    }

    fn sessions(&self) -> usize {
        self.processes.len()
    }

    fn judge(
        &self,
        consistency: Consistency,
        budget: Budget,
    ) -> Result<Vec<Judgement>, Inapplicable> {
        let verdicts = judge(consistency, &self.specification, &self.operations, budget)?;
        let mut counts = vec![0; self.objects.len()];
        for operation in &self.operations {
            counts[operation.object as usize] += 1;
        }
        let judgements = verdicts.into_iter().map(|(object, verdict)| Judgement {
            object: object.and_then(|object| match &self.objects[object as usize] {
                Datum::Nil => None,
                key => Some(key.to_string()),
            }),
            operations: match object {
                Some(object) => counts[object as usize],
                None => self.operations.len(),
            },
            finding: self.finding(verdict),
        });
        Ok(judgements.collect())
    }

    fn satisfies(
        &self,
        consistency: Consistency,
        budget: Budget,
    ) -> Result<Option<bool>, Inapplicable> {
        satisfies(consistency, &self.specification, &self.operations, budget)
    }

    fn has_times(&self) -> bool {
        self.has_times
    }

    fn least_delta(&self, budget: Budget) -> Result<Least<u64>, Inapplicable> {
        least_delta(&self.specification, &self.operations, budget)
    }

    fn least_k(&self, budget: Budget) -> Result<Least<u64>, Inapplicable> {
        least_k(&self.specification, &self.operations, budget)
    }
}

impl<S: Notation> Read<S> {
    fn finding(&self, verdict: Verdict<S>) -> Finding {
        match verdict {
            Verdict::Holds(Explanation { orders, reads_from }) => {
                let line = |place: usize| self.lines[place];
                let lines = |order: Vec<usize>| order.into_iter().map(line).collect();
                let reads_from = reads_from.into_iter();
                Finding::Holds(Reason {
                    orders: orders.into_iter().map(lines).collect(),
                    reads_from: reads_from
                        .map(|(read, write)| (line(read), write.map(line)))
                        .collect(),
                })
            }
            Verdict::Violated(violation) => Finding::Violated(self.told_all(&violation.operations)),
            Verdict::Undecided => Finding::Undecided,
        }
    }

    fn told_all(&self, calls: &[Call<S>]) -> Vec<ToldOperation> {
        let moments = calls
            .iter()
            .flat_map(|call| [Some(call.invoked), call.returned]);
        let moments: BTreeSet<u64> = moments.flatten().collect();
        let numbers: BTreeMap<u64, u64> = moments.into_iter().zip(1..).collect();
        let told = calls.iter().map(|call| ToldOperation {
            invoked: numbers[&call.invoked],
            returned: call.returned.map(|returned| numbers[&returned]),
            ..self.told(call)
        });
        told.collect()
    }

    fn told(&self, call: &Call<S>) -> ToldOperation {
        let response = call.response.as_ref();
        let text = self.specification.tell(&call.request, response, &self.data);
        let object = &self.objects[call.object as usize];
        ToldOperation {
            process: self.processes[call.session as usize].to_string(),
            invoked: call.invoked,
            returned: call.returned,
            text: match object {
                Datum::Nil => text,
                object => format!("{object}: {text}"),
            },
        }
    }
}
