//! What a node of a ledger offers to clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{Gauge, Histogram, gauge, histogram};
use serde::{Deserialize, Serialize};

use crate::runtime::Service;
use crate::transport::{self, Caller, Outbox};
use quorate::atomic_commit::{Decision, TransactionId};
use quorate::ledger::{
    Amount, AtomicCommit, Change, Ledger, Obstacle, Output, Request, Role, State, Ticket, Timer,
};
use quorate::{three_phase_commit, two_phase_commit};

/// Bytes of the longest name of an account.
pub const ACCOUNT_MAX: usize = 1 << 10;
/// So many changes there may be in one transfer.
pub const CHANGES_MAX: usize = 1 << 10;

/// So many requests may be under way at a node.
const WAITING_MAX: usize = 1 << 16;

/// What a client may ask.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// Coordinator: all these changes, or none. Answered by [`Answer::Finished`].
    Transfer(Vec<Change>),
    /// Shard: the balance of an account. Answered by [`Answer::Balance`].
    Balance(String),
    /// How this node is. Answered by [`Answer::Status`].
    Status,
}

/// What a node answers.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// What has become of a transfer.
    Finished {
        /// All or nothing.
        decision: Decision,
        /// Why nothing, if that is known.
        obstacle: Option<Obstacle>,
    },
    /// How much there is, or why that is not known.
    Balance(Result<Amount, Obstacle>),
    /// How the node is.
    Status(Status),
    /// A name, or a list, is too long. It is not done.
    TooLong,
    /// Too much is under way. It is not done.
    Full,
}

/// How a node is.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// A coordinator's transfers that are not finished, a shard's transactions that are not decided here.
    pub under_way: u64,
    /// A shard's accounts.
    pub accounts: u64,
    /// What a shard is bound to, without knowing the outcome.
    pub in_doubt: Vec<(TransactionId, Vec<Change>)>,
}

/// How long a node waits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For work, and for votes.
    pub deadline: Duration,
    /// Until it says again, or asks again, what may have been lost.
    pub resend: Duration,
    /// Until it takes it that another has failed (three-phase commit only). Whoever is up and can be reached must always have
    /// answered by then, or atomicity fails.
    pub suspect: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(2),
            resend: Duration::from_millis(200),
            suspect: Duration::from_secs(5),
        }
    }
}

/// A protocol whose timers have durations.
pub trait Timed: AtomicCommit {
    /// What nodes of a ledger above it run, as they tell each other.
    const NAME: &'static str;

    /// How long a timer runs.
    fn duration(timer: &Self::Timer, settings: &Settings) -> Duration;
}

impl<R: two_phase_commit::Rules> Timed for two_phase_commit::TwoPhaseCommit<R> {
    const NAME: &'static str = "two-phase commit ledger";

    fn duration(timer: &two_phase_commit::Timer, settings: &Settings) -> Duration {
        match timer {
            // Work and votes.
            two_phase_commit::Timer::Deadline(_) => 2 * settings.deadline,
            two_phase_commit::Timer::Resend(_) | two_phase_commit::Timer::Inquire(_) => {
                settings.resend
            }
        }
    }
}

impl<R: three_phase_commit::Rules> Timed for three_phase_commit::ThreePhaseCommit<R> {
    const NAME: &'static str = "three-phase commit ledger";

    fn duration(timer: &three_phase_commit::Timer, settings: &Settings) -> Duration {
        match timer {
            three_phase_commit::Timer::Deadline { .. } => settings.deadline,
            three_phase_commit::Timer::Suspect { .. } => settings.suspect,
            three_phase_commit::Timer::Resend { .. }
            | three_phase_commit::Timer::Inquire { .. } => settings.resend,
        }
    }
}

/// The service of a node.
#[derive(Debug)]
pub struct Accounts {
    settings: Settings,
    requests: Vec<Request>,
    waiting: HashMap<Ticket, Waiting>,
    metrics: Metrics,
}

#[derive(Debug)]
struct Waiting {
    caller: Caller,
    since: Instant,
}

#[derive(Debug)]
struct Metrics {
    waiting: Gauge,
    in_doubt: Gauge,
    latency: Histogram,
}

impl Accounts {
    /// Nobody has asked anything yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            requests: Vec::new(),
            waiting: HashMap::new(),
            metrics: Metrics {
                waiting: gauge!("quorate_requests_waiting"),
                in_doubt: gauge!("quorate_transactions_in_doubt"),
                latency: histogram!("quorate_request_seconds"),
            },
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        if let Some(Waiting { caller, since }) = self.waiting.remove(&ticket) {
            self.metrics.latency.record(since.elapsed());
            caller.answer(answer);
        }
    }
}

fn status<S>(state: &State<S>) -> Status {
    match &state.role {
        Role::Coordinator(coordinator) => Status {
            under_way: coordinator.transfers.len() as u64,
            ..Status::default()
        },
        Role::Shard(shard) => Status {
            under_way: shard.work.len() as u64,
            accounts: shard.balances.len() as u64,
            in_doubt: shard
                .in_doubt()
                .map(|(transaction, changes)| (transaction, changes.to_vec()))
                .collect(),
        },
    }
}

impl<P: Timed> Service<Ledger<P>> for Accounts {
    type Request = transport::Request<Operation>;

    fn ask(&mut self, state: &State<P::State>, client: &Arc<Outbox>, request: Self::Request) {
        let caller = Caller::new(client, request.number);
        let fits = |account: &String| account.len() <= ACCOUNT_MAX;
        // By chance, so that none is that of before a crash.
        let ticket = fastrand::u64(..);
        self.requests.push(match request.query {
            Operation::Status => return caller.answer(Answer::Status(status(state))),
            _ if self.waiting.len() >= WAITING_MAX => return caller.answer(Answer::Full),
            Operation::Balance(account) if fits(&account) => Request::Balance { ticket, account },
            Operation::Transfer(changes)
                if changes.len() <= CHANGES_MAX
                    && changes.iter().all(|change| fits(&change.account)) =>
            {
                Request::Transfer { ticket, changes }
            }
            Operation::Balance(_) | Operation::Transfer(_) => {
                return caller.answer(Answer::TooLong);
            }
        });
        let since = Instant::now();
        self.waiting.insert(ticket, Waiting { caller, since });
    }

    fn submit(&mut self, _: &State<P::State>) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    fn tell(&mut self, output: Output) {
        match output {
            Output::Finished {
                ticket,
                decision,
                obstacle,
                ..
            } => self.answer(ticket, Answer::Finished { decision, obstacle }),
            Output::Balance { ticket, balance } => self.answer(ticket, Answer::Balance(balance)),
            Output::Prepared(transaction) => tracing::debug!(%transaction, "prepared"),
            Output::Decided(transaction, decision) => {
                tracing::debug!(%transaction, ?decision, "decided");
            }
        }
    }

    fn turned(&mut self, state: &State<P::State>) {
        let in_doubt = match &state.role {
            Role::Coordinator(_) => 0,
            Role::Shard(shard) => shard.in_doubt().count(),
        };
        self.metrics.in_doubt.set(in_doubt as f64);
        self.metrics.waiting.set(self.waiting.len() as f64);
    }

    fn duration(&mut self, timer: &Timer<P::Timer>) -> Duration {
        match timer {
            Timer::Commitment(timer) => P::duration(timer, &self.settings),
            Timer::Work(_) => self.settings.deadline,
            Timer::Resend(_) => self.settings.resend,
        }
    }
}
