//! What clients have asked and were answered, and whether that is linearizable: each key for itself, by Stateright's tester.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// What is done to a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Operation {
    Put(Bytes),
    Get,
    Swap(Option<Bytes>, Option<Bytes>),
}

/// What it answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    Done,
    Value(Option<Bytes>),
    Swapped(bool),
}

/// A key, by what it should do.
#[derive(Clone, Debug, Default)]
struct Key(Option<Bytes>);

impl SequentialSpec for Key {
    type Op = Operation;
    type Ret = Answer;

    fn invoke(&mut self, operation: &Operation) -> Answer {
        match operation {
            Operation::Put(value) => {
                self.0 = Some(value.clone());
                Answer::Done
            }
            Operation::Get => Answer::Value(self.0.clone()),
            Operation::Swap(expected, new) => {
                let is_expected = self.0 == *expected;
                if is_expected {
                    self.0 = new.clone();
                }
                Answer::Swapped(is_expected)
            }
        }
    }
}

/// Something that has happened at a client: in the order of this list.
#[derive(Clone, Debug)]
enum Event {
    Asked(Operation),
    Answered(Answer),
    /// It is known not to be done.
    Refused,
}

/// What all clients have seen.
#[derive(Debug, Default)]
pub struct History(Mutex<BTreeMap<Bytes, Vec<(u64, Event)>>>);

/// How much there was.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    pub keys: usize,
    pub answered: usize,
    pub unknown: usize,
}

impl History {
    /// A client asks something of a key.
    pub fn asked(&self, client: u64, key: &Bytes, operation: Operation) {
        self.note(client, key, Event::Asked(operation));
    }

    /// It was answered.
    pub fn answered(&self, client: u64, key: &Bytes, answer: Answer) {
        self.note(client, key, Event::Answered(answer));
    }

    /// It knows that it is not done.
    pub fn refused(&self, client: u64, key: &Bytes) {
        self.note(client, key, Event::Refused);
    }

    fn note(&self, client: u64, key: &Bytes, event: Event) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.entry(key.clone()).or_default().push((client, event));
    }

    /// All keys.
    pub fn keys(&self) -> Vec<Bytes> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.keys().cloned().collect()
    }

    /// How much there was, or a key whose history is not linearizable.
    pub fn check(&self) -> Result<Totals, String> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut totals = Totals {
            keys: keys.len(),
            ..Totals::default()
        };
        for (key, events) in keys.iter() {
            let events = without_refused(events);
            let answers = |(_, event): &&(u64, Event)| matches!(event, Event::Answered(_));
            let answered = events.iter().filter(answers).count();
            totals.answered += answered;
            totals.unknown += events.len() - 2 * answered;
            let mut tester = LinearizabilityTester::new(Key::default());
            for (client, event) in &events {
                let noted = match event {
                    Event::Asked(operation) => tester.on_invoke(*client, operation.clone()),
                    Event::Answered(answer) => tester.on_return(*client, answer.clone()),
                    Event::Refused => Ok(&mut tester),
                };
                noted.expect("a client asks one thing at a time");
            }
            if !tester.is_consistent() {
                let events = events
                    .iter()
                    .map(|(client, event)| format!("  {client}: {event:?}"));
                let events = events.collect::<Vec<_>>().join("\n");
                return Err(format!("{key:?} is not linearizable:\n{events}"));
            }
        }
        Ok(totals)
    }
}

/// All but what is known not to be done.
fn without_refused(events: &[(u64, Event)]) -> Vec<(u64, Event)> {
    let mut kept: Vec<(u64, Event)> = Vec::new();
    for (client, event) in events {
        match event {
            Event::Refused => {
                let asked = kept.iter().rposition(|(other, _)| other == client);
                kept.remove(asked.expect("it was asked"));
            }
            event => kept.push((*client, event.clone())),
        }
    }
    kept
}
