//! The client's end: any node will do, and asking again does no harm.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::service::{Answer, NAME_MAX, Operation, PROTOCOL, Status, VALUE_MAX};
use crate::transport::{CallError, Calls, NoAnswer};
use quorate::protocol::ProcessId;
use quorate::registers::Name;

/// How long one node is given to answer, before another is asked.
const TURN: Duration = Duration::from_secs(2);
/// How long to wait when a node cannot be asked, or has too much to do.
const PAUSE: Duration = Duration::from_millis(20);

/// A client of registers.
#[derive(Debug)]
pub struct Client {
    calls: Calls<Answer>,
    patience: Duration,
    /// Whom it asks next.
    next: AtomicU16,
}

impl Client {
    /// A client of the cluster of this name and these nodes, in the order of their numbers. It goes on asking for so long.
    ///
    /// # Panics
    ///
    /// If there are no nodes.
    pub fn new(cluster: &str, nodes: Vec<SocketAddr>, patience: Duration) -> Self {
        assert!(!nodes.is_empty(), "a cluster has nodes");
        let calls = Calls::new(cluster, PROTOCOL, nodes);
        let next = AtomicU16::new(fastrand::u16(..calls.count()));
        Self {
            calls,
            patience,
            next,
        }
    }

    /// The nodes, by number.
    pub fn nodes(&self) -> impl Iterator<Item = (ProcessId, SocketAddr)> {
        self.calls.nodes()
    }

    /// Writes a register, unless something is written there. Returns what it holds for good.
    ///
    /// # Errors
    ///
    /// If nobody says so in time.
    pub async fn write(&self, name: Name, value: Bytes) -> Result<Bytes, CallError> {
        match self.ask(&Operation::Write { name, value }).await? {
            Answer::Holds(Some(value)) => Ok(value),
            other => Err(unexpected(&other)),
        }
    }

    /// What a register holds for good; or nothing, yet.
    ///
    /// # Errors
    ///
    /// If nobody says so in time.
    pub async fn read(&self, name: Name) -> Result<Option<Bytes>, CallError> {
        match self.ask(&Operation::Read(name)).await {
            Ok(Answer::Holds(value)) => Ok(value),
            Ok(other) => Err(unexpected(&other)),
            // To read changes nothing that clients see.
            Err(error) => Err(CallError::not_done(error.why())),
        }
    }

    /// How a node is, as it says itself.
    ///
    /// # Errors
    ///
    /// If it does not answer in time.
    pub async fn status(&self, node: ProcessId) -> Result<Status, CallError> {
        let deadline = Instant::now() + self.patience;
        match self.calls.ask(node, &Operation::Status, deadline).await {
            Ok(Answer::Status(status)) => Ok(status),
            Ok(other) => Err(unexpected(&other)),
            Err(why) => Err(CallError::not_done(why)),
        }
    }

    /// Asks one node after the other: what is asked twice is done once, for a register is written once.
    async fn ask(&self, operation: &Operation) -> Result<Answer, CallError> {
        let deadline = Instant::now() + self.patience;
        let mut is_unknown = false;
        loop {
            let node = ProcessId(self.next.load(Ordering::Relaxed) % self.calls.count());
            let turn = deadline.min(Instant::now() + TURN);
            let why = match self.calls.ask(node, operation, turn).await {
                Ok(Answer::Full) => "too much is under way".to_owned(),
                Ok(answer) => return Ok(answer),
                Err(why) => {
                    is_unknown |= NoAnswer::is_unknown(&why);
                    why.to_string()
                }
            };
            let next = (node.0 + 1) % self.calls.count();
            self.next.store(next, Ordering::Relaxed);
            if Instant::now() + 2 * PAUSE >= deadline {
                return Err(CallError::new(is_unknown, why));
            }
            sleep(PAUSE).await;
        }
    }
}

fn unexpected(answer: &Answer) -> CallError {
    match answer {
        Answer::TooLong => CallError::not_done(format_args!(
            "a name has at most {NAME_MAX} bytes, a value at most {VALUE_MAX}"
        )),
        other => CallError::senseless(other),
    }
}
