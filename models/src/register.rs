//! Registers that clients write and read, and the history of what they did: for claims of linearizability.

use core::convert::Infallible;

use quorate::consistency::{
    self, AsRegister, Budget, Consistency, Session, Specification, satisfies,
};

/// A value that is written. A register holds 0 before any is.
pub type Value = u8;

/// A request of a client.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operation {
    /// It writes.
    Write(Value),
    /// It reads.
    Read,
}

/// A register, which takes what is written; or the first that is written, and that for good. An operation returns
/// what it then holds.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Register {
    /// The value that it holds at first.
    pub holds: Value,
    /// Whether it can be written once only.
    pub once: bool,
}

impl Specification for Register {
    type State = Value;
    type Request = Operation;
    type Response = Value;
    type Value = Infallible;

    fn initial(&self) -> Value {
        self.holds
    }

    fn step(&self, holds: &Value, operation: &Operation, answer: Option<&Value>) -> Option<Value> {
        let after = match operation {
            Operation::Write(value) if !self.once || *holds == 0 => *value,
            Operation::Write(_) | Operation::Read => *holds,
        };
        answer
            .is_none_or(|answer| *answer == after)
            .then_some(after)
    }

    fn is_read(&self, operation: &Operation, _: Option<&Value>) -> bool {
        *operation == Operation::Read
    }

    fn as_register(&self) -> Option<&AsRegister<'_, Self>> {
        None
    }
}

/// What clients, each known by a number, did to a register. A client does one thing after the other.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct History {
    register: Register,
    operations: consistency::History<Operation, Value>,
}

/// More steps than the histories of a model that can be searched may need.
const BUDGET: Budget = Budget { steps: 1 << 32 };

impl History {
    /// A history of no operations.
    pub fn new(register: Register) -> Self {
        Self {
            register,
            operations: consistency::History::new(),
        }
    }

    /// How many operations a client has invoked.
    pub fn invoked(&self, client: u16) -> u8 {
        let operations = self.operations.operations().iter();
        let its = operations.filter(|operation| operation.session == Session::from(client));
        u8::try_from(its.count()).expect("a history of a model is small")
    }

    /// Whether a client is waiting for an answer.
    pub fn waits(&self, client: u16) -> bool {
        self.operations.is_pending(client.into())
    }

    /// A client begins; one that waits only asks again.
    pub fn invoke(&mut self, client: u16, operation: Operation) {
        if !self.waits(client) {
            let invoked = self.operations.invoke(client.into(), 0, operation);
            invoked.expect("one thing after the other");
        }
    }

    /// A client is answered. If it waits for nothing, it has had the answer before.
    pub fn answer(&mut self, client: u16, holds: Value) {
        if self.waits(client) {
            let returned = self.operations.respond(client.into(), holds);
            returned.expect("it was invoked");
        }
    }

    /// Whether each operation seems to have happened at one moment while its client waited: [`Consistency::Linearizable`].
    pub fn is_linearizable(&self) -> bool {
        let operations = self.operations.operations();
        let linearizable = Consistency::Linearizable;
        let holds = satisfies(linearizable, &self.register, operations, BUDGET);
        let holds = holds.expect("of all objects");
        holds.expect("a history of a model is small")
    }
}
