//! What clients have asked and were answered, and whether that is linearizable.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use quorate::consistency::{
    self, Budget, Consistency, Object, Register, RegisterRequest, RegisterResponse, Session,
    Verdict, judge,
};

/// The value of a key, if it has one.
pub type Value = Option<Bytes>;

/// What is done to a key: a register.
pub type Operation = RegisterRequest<Value>;

/// What it answers.
pub type Answer = RegisterResponse<Value>;

/// What all clients have seen.
#[derive(Debug, Default)]
pub struct History(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    operations: consistency::History<Operation, Answer>,
    keys: BTreeMap<Bytes, Object>,
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

impl History {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client asks something of a key.
    pub fn asked(&self, client: Session, key: &Bytes, operation: Operation) {
        let mut seen = self.seen();
        let fresh = Object::try_from(seen.keys.len()).expect("few keys");
        let object = *seen.keys.entry(key.clone()).or_insert(fresh);
        let invoked = seen.operations.invoke(client, object, operation);
        invoked.expect("a client asks one thing at a time");
    }

    /// It was answered.
    pub fn answered(&self, client: Session, answer: Answer) {
        let returned = self.seen().operations.respond(client, answer);
        returned.expect("it has asked");
    }

    /// It knows that it is not done.
    pub fn refused(&self, client: Session) {
        let failed = self.seen().operations.fail(client);
        failed.expect("it has asked");
    }

    /// All keys.
    pub fn keys(&self) -> Vec<Bytes> {
        self.seen().keys.keys().cloned().collect()
    }

    /// How much there was, or the part of a key's history that is not linearizable.
    pub fn check(&self) -> Result<Totals, String> {
        let seen = self.seen();
        let operations = seen.operations.operations();
        let answered = operations.iter().filter(|o| o.returned.is_some()).count();
        let totals = Totals {
            keys: seen.keys.len(),
            answered,
            unknown: operations.len() - answered,
        };
        let absent = Register { initial: None };
        let verdicts = judge(Consistency::Linearizable, &absent, operations, BUDGET);
        for (object, verdict) in verdicts.expect("of all objects") {
            let mut keys = seen.keys.iter();
            let key = keys.find(|(_, number)| Some(**number) == object);
            match verdict {
                Verdict::Holds(_) => {}
                Verdict::Undecided => return Err(format!("{key:?} is undecided")),
                Verdict::Violated(violation) => {
                    let operations = violation.operations.iter();
                    let operations = operations.map(|operation| format!("  {operation:?}"));
                    let operations = operations.collect::<Vec<_>>().join("\n");
                    return Err(format!("{key:?} is not linearizable:\n{operations}"));
                }
            }
        }
        Ok(totals)
    }
}
