//! What clients have asked and were answered, in a file as `quorate bench --history` writes it, and whether that is linearizable,
//! as `cargo models history` judges it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use quorate::consistency::{Budget, Consistency, RegisterRequest, RegisterResponse, Session};
use quorate_command::history::{self, End, Recorder};
use quorate_histories::{Finding, Reading, picture, read};

/// The value of a key, if it has one.
pub type Value = Option<Bytes>;

/// What is done to a key: a register.
pub type Operation = RegisterRequest<Value>;

/// What it answers.
pub type Answer = RegisterResponse<Value>;

/// What all clients have seen.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    recorder: Recorder,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    pending: BTreeMap<Session, (Bytes, Operation)>,
    keys: BTreeSet<Bytes>,
    answered: usize,
}

/// How much there was.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    pub keys: usize,
    pub answered: usize,
    pub unknown: usize,
}

/// Far more than a key needs.
const BUDGET: Budget = Budget { steps: 10_000_000 };

fn recorded(operation: &Operation) -> history::Operation<'_> {
    match operation {
        Operation::Read => history::Operation::Read,
        Operation::Write(value) => history::Operation::Write(value.as_deref()),
        Operation::Swap { expected, new } => history::Operation::Swap {
            expected: expected.as_deref(),
            new: new.as_deref(),
        },
    }
}

impl History {
    /// A history in this file.
    pub fn create(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            recorder: Recorder::create(path).expect("a history can be written"),
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client asks something of a key.
    pub fn asked(&self, client: Session, key: &Bytes, operation: Operation) {
        let told = self
            .recorder
            .invoked(client.into(), key, recorded(&operation));
        told.expect("a history can be written");
        let mut seen = self.seen();
        seen.keys.insert(key.clone());
        seen.pending.insert(client, (key.clone(), operation));
    }

    fn ended(&self, client: Session, end: End<'_>) {
        let (key, operation) = self.seen().pending.remove(&client).expect("it has asked");
        let told = self
            .recorder
            .ended(client.into(), &key, recorded(&operation), end);
        told.expect("a history can be written");
    }

    /// It was answered.
    pub fn answered(&self, client: Session, answer: Answer) {
        let end = match &answer {
            Answer::Value(value) => End::Read(value.as_deref()),
            Answer::Written => End::Written,
            Answer::Swapped(is_swapped) => End::Swapped(*is_swapped),
        };
        self.ended(client, end);
        self.seen().answered += 1;
    }

    /// It knows that it is not done.
    pub fn refused(&self, client: Session) {
        self.ended(client, End::NotDone);
    }

    /// All keys.
    pub fn keys(&self) -> Vec<Bytes> {
        self.seen().keys.iter().cloned().collect()
    }

    /// How much there was, or the part of a key's history that is not linearizable.
    pub fn check(&self) -> Result<Totals, String> {
        self.recorder.flush().expect("a history can be written");
        let file = File::open(&self.path).expect("it was written");
        let history = read(BufReader::new(file), &Reading::default());
        let history = history.expect("what is recorded is a history");
        let seen = self.seen();
        let totals = Totals {
            keys: seen.keys.len(),
            answered: seen.answered,
            unknown: history.operations() - seen.answered,
        };
        let judged = history.judge(Consistency::Linearizable, BUDGET);
        for judgement in judged.expect("of registers") {
            let key = judgement.object.unwrap_or_default();
            match judgement.finding {
                Finding::Holds(_) => {}
                Finding::Undecided => return Err(format!("{key} is undecided")),
                Finding::Violated(operations) => {
                    return Err(format!(
                        "{key} is not linearizable:\n{}\nsee cargo models history {}",
                        picture::text(&operations),
                        self.path.display()
                    ));
                }
            }
        }
        Ok(totals)
    }
}
