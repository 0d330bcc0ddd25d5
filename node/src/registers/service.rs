//! What a node of registers offers to clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use metrics::{Gauge, Histogram, gauge, histogram};
use serde::{Deserialize, Serialize};

use crate::runtime;
use crate::transport::{self, Caller, Outbox};
use quorate::paxos::{self, Rules};
use quorate::registers::{Name, Output, Register, Registers, Request, State, Ticket, Timer};

/// What nodes run, as they tell each other.
pub const PROTOCOL: &str = "paxos registers";

/// Bytes of the longest name of a register.
pub const NAME_MAX: usize = 1 << 10;
/// Bytes of the longest value.
pub const VALUE_MAX: usize = 1 << 20;

/// So many requests may be under way at a node.
const WAITING_MAX: usize = 1 << 16;

/// What a client may ask, of any node.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// Write a register, unless something is written there. Answered by [`Answer::Holds`].
    Write {
        /// Which.
        name: Name,
        /// What.
        value: Bytes,
    },
    /// Read a register. Answered by [`Answer::Holds`].
    Read(Name),
    /// How this node is. Answered by [`Answer::Status`].
    Status,
}

/// What a node answers.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// What the register holds for good; or nothing, yet.
    Holds(Option<Bytes>),
    /// How the node is.
    Status(Status),
    /// A name or a value is too long. It is not done.
    TooLong,
    /// Too much is under way. It is not done.
    Full,
}

/// How a node is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Registers of which it knows what they hold.
    pub chosen: u64,
    /// Registers of which it knows something, but not that.
    pub open: u64,
    /// Requests that it has not answered.
    pub waiting: u64,
}

/// How long a node waits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Until a proposer that was rejected tries again: at least so long, and at most twice.
    pub campaign: Duration,
    /// Until it says again, or asks again, what may have been lost.
    pub resend: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            campaign: Duration::from_millis(50),
            resend: Duration::from_millis(200),
        }
    }
}

/// The service of a node.
#[derive(Debug)]
pub struct Service {
    settings: Settings,
    requests: Vec<Request<Bytes>>,
    waiting: HashMap<Ticket, (Caller, Instant)>,
    metrics: Metrics,
}

#[derive(Debug)]
struct Metrics {
    waiting: Gauge,
    latency: Histogram,
}

impl Service {
    /// Nobody has asked anything yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            requests: Vec::new(),
            waiting: HashMap::new(),
            metrics: Metrics {
                waiting: gauge!("quorate_requests_waiting"),
                latency: histogram!("quorate_request_seconds"),
            },
        }
    }

    fn status(&self, state: &State<Bytes>) -> Status {
        let chosen = state.values();
        let chosen = chosen.filter(|register| matches!(register, Register::Chosen(_)));
        let chosen = chosen.count() as u64;
        Status {
            chosen,
            open: state.len() as u64 - chosen,
            waiting: self.waiting.len() as u64,
        }
    }
}

impl<R: Rules + 'static> runtime::Service<Registers<Bytes, R>> for Service {
    type Request = transport::Request<Operation>;

    fn ask(&mut self, state: &State<Bytes>, client: &Arc<Outbox>, request: Self::Request) {
        let caller = Caller::new(client, request.number);
        // By chance, so that none is that of before a crash.
        let ticket = fastrand::u64(..);
        self.requests.push(match request.query {
            Operation::Status => return caller.answer(Answer::Status(self.status(state))),
            _ if self.waiting.len() >= WAITING_MAX => return caller.answer(Answer::Full),
            Operation::Write { name, value }
                if name.len() <= NAME_MAX && value.len() <= VALUE_MAX =>
            {
                Request::Write {
                    ticket,
                    name,
                    value,
                }
            }
            Operation::Read(name) if name.len() <= NAME_MAX => Request::Read { ticket, name },
            Operation::Write { .. } | Operation::Read(_) => {
                return caller.answer(Answer::TooLong);
            }
        });
        self.waiting.insert(ticket, (caller, Instant::now()));
    }

    fn submit(&mut self, _: &State<Bytes>) -> Vec<Request<Bytes>> {
        std::mem::take(&mut self.requests)
    }

    fn tell(&mut self, Output { ticket, value }: Output<Bytes>) {
        if let Some((caller, since)) = self.waiting.remove(&ticket) {
            self.metrics.latency.record(since.elapsed());
            caller.answer(Answer::Holds(value));
        }
    }

    fn turned(&mut self, _: &State<Bytes>) {
        self.metrics.waiting.set(self.waiting.len() as f64);
    }

    fn duration(&mut self, timer: &Timer) -> Duration {
        match timer {
            // Two that reject each other do not go on doing so.
            Timer::Decree {
                timer: paxos::Timer::Campaign,
                ..
            } => self.settings.campaign.mul_f64(1.0 + fastrand::f64()),
            Timer::Decree { .. } | Timer::Read(_) => self.settings.resend,
        }
    }
}
