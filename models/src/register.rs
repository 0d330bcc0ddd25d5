//! Registers that clients write and read, and the history of what they did: for claims of linearizability.
//!
//! A register is linearizable if each operation seems to happen at one moment between its invocation and its return
//! (Herlihy, Wing: *Linearizability: A Correctness Condition for Concurrent Objects*, TOPLAS 12(3), 1990). Stateright's
//! tester decides whether there are such moments. An operation that never returns may have happened, or not.

use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// What is written. 0 is what a register holds before anything is.
pub type Value = u8;

/// What a client does.
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
    /// What it holds.
    pub holds: Value,
    /// Whether it can be written once only.
    pub once: bool,
}

impl SequentialSpec for Register {
    type Op = Operation;
    type Ret = Value;

    fn invoke(&mut self, operation: &Operation) -> Value {
        match operation {
            Operation::Write(value) if !self.once || self.holds == 0 => self.holds = *value,
            Operation::Write(_) | Operation::Read => {}
        }
        self.holds
    }
}

/// What clients, each known by a number, did to a register. A client does one thing after the other.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct History {
    tester: LinearizabilityTester<u16, Register>,
    /// Who is waiting for an answer.
    waiting: Vec<u16>,
    /// How often each has invoked something.
    invoked: Vec<u8>,
}

impl History {
    /// Nothing was done yet, by so many clients.
    pub fn new(register: Register, clients: u16) -> Self {
        Self {
            tester: LinearizabilityTester::new(register),
            waiting: Vec::new(),
            invoked: vec![0; clients.into()],
        }
    }

    /// How many operations a client has invoked.
    pub fn invoked(&self, client: u16) -> u8 {
        self.invoked[usize::from(client)]
    }

    /// Whether a client is waiting for an answer.
    pub fn waits(&self, client: u16) -> bool {
        self.waiting.contains(&client)
    }

    /// A client begins; one that waits only asks again.
    pub fn invoke(&mut self, client: u16, operation: Operation) {
        if self.waits(client) {
            return;
        }
        self.waiting.push(client);
        self.waiting.sort_unstable();
        self.invoked[usize::from(client)] += 1;
        let invoked = self.tester.on_invoke(client, operation);
        invoked.expect("one thing after the other");
    }

    /// A client is answered. If it waits for nothing, it has had the answer before.
    pub fn answer(&mut self, client: u16, holds: Value) {
        if self.waits(client) {
            self.waiting.retain(|waiting| *waiting != client);
            let returned = self.tester.on_return(client, holds);
            returned.expect("it was invoked");
        }
    }

    /// Whether each operation seems to have happened at one moment while its client waited.
    pub fn is_linearizable(&self) -> bool {
        self.tester.is_consistent()
    }
}
