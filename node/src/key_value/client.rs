//! The client's end: it finds the leader, asks again, and says so when an outcome is unknown.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::service::{Answer, Operation, Refusal, Status};
use super::{Command, PROTOCOL, Query, Reply};
use crate::transport::{CallError, Calls, NoAnswer};
use quorate::protocol::ProcessId;
use quorate::raft::{Index, Origin};

/// How long one node is given to answer, before another is asked.
const TURN: Duration = Duration::from_secs(2);
/// How long to wait when nobody leads, or a node has too much to do.
const PAUSE: Duration = Duration::from_millis(20);

/// A client of a cluster. It has one connection to each node that it has asked something.
#[derive(Debug)]
pub struct Client {
    calls: Calls<Result<Answer, Refusal>>,
    /// How long it goes on asking.
    patience: Duration,
    /// How long one node is given to answer, before another is asked.
    turn: Duration,
    /// Whom it asks next.
    next: AtomicU16,
}

/// A client's session: its commands are done one after the other, each once.
#[derive(Debug)]
pub struct Session {
    client: Arc<Client>,
    session: Index,
    sequence: u64,
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
        // Anybody: a cluster's first node may be down.
        let next = AtomicU16::new(fastrand::u16(..calls.count()));
        Self {
            calls,
            patience,
            turn: TURN,
            next,
        }
    }

    /// Gives one node so long to answer, before it asks another.
    #[must_use]
    pub fn with_turn(self, turn: Duration) -> Self {
        Self { turn, ..self }
    }

    /// Opens a session.
    ///
    /// # Errors
    ///
    /// If nobody opens it in time.
    pub async fn session(self: &Arc<Self>) -> Result<Session, CallError> {
        match self.ask(&Operation::Open).await {
            Ok(Answer::Opened(session)) => Ok(Session {
                client: Arc::clone(self),
                session,
                sequence: 0,
            }),
            Ok(other) => Err(CallError::senseless(&other)),
            // A session that nobody uses does no harm.
            Err(Failed { why, .. }) => Err(CallError::not_done(why)),
        }
    }

    /// Reads: what is answered was so at some moment since it was asked.
    ///
    /// # Errors
    ///
    /// If nobody answers in time.
    pub async fn read(&self, query: Query) -> Result<Reply, CallError> {
        match self.ask(&Operation::Read(query)).await {
            Ok(Answer::Replied(reply)) => Ok(reply),
            Ok(other) => Err(CallError::senseless(&other)),
            Err(Failed { why, .. }) => Err(CallError::not_done(why)),
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    ///
    /// If nobody answers in time.
    pub async fn get(&self, key: Bytes) -> Result<Option<Bytes>, CallError> {
        match self.read(Query::Get { key }).await? {
            Reply::Value(value) => Ok(value),
            other => Err(CallError::senseless(&Answer::Replied(other))),
        }
    }

    /// How a node is, as it says itself.
    ///
    /// # Errors
    ///
    /// If it does not answer in time.
    pub async fn status(&self, node: ProcessId) -> Result<Status, CallError> {
        let deadline = Instant::now() + self.patience;
        match self.ask_node(node, &Operation::Status, deadline).await {
            Ok(Answer::Status(status)) => Ok(status),
            Ok(other) => Err(CallError::senseless(&other)),
            Err(trouble) => Err(CallError::not_done(trouble)),
        }
    }

    /// The nodes, by number.
    pub fn nodes(&self) -> impl Iterator<Item = (ProcessId, SocketAddr)> {
        self.calls.nodes()
    }

    /// Asks whoever leads, for as long as patience lasts.
    async fn ask(&self, operation: &Operation) -> Result<Answer, Failed> {
        let deadline = Instant::now() + self.patience;
        let mut is_unknown = false;
        loop {
            let node = ProcessId(self.next.load(Ordering::Relaxed));
            let trouble = match self.ask_node(node, operation, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            is_unknown |= trouble.is_unknown();
            let has_ended = matches!(trouble, Trouble::Refused(Refusal::Ended));
            let is_final =
                matches!(trouble, Trouble::Refused(Refusal::TooLong { .. })) || has_ended;
            // What cannot be answered any more is not asked.
            if is_final || Instant::now() + 2 * PAUSE >= deadline {
                let why = trouble.to_string();
                return Err(Failed {
                    is_unknown,
                    has_ended,
                    why,
                });
            }
            let leader = match trouble {
                Trouble::Refused(Refusal::NotLeader { leader } | Refusal::Deposed { leader }) => {
                    leader.filter(|leader| leader.0 < self.calls.count())
                }
                Trouble::Refused(_) => Some(node),
                Trouble::NoAnswer(_) => None,
            };
            let next = leader.unwrap_or(ProcessId((node.0 + 1) % self.calls.count()));
            // Others may have moved on already.
            let order = Ordering::Relaxed;
            let _ = self.next.compare_exchange(node.0, next.0, order, order);
            if leader.is_none_or(|leader| leader == node) {
                sleep(PAUSE.mul_f64(0.5 + fastrand::f64())).await;
            }
        }
    }

    async fn ask_node(
        &self,
        node: ProcessId,
        operation: &Operation,
        deadline: Instant,
    ) -> Result<Answer, Trouble> {
        let deadline = deadline.min(Instant::now() + self.turn);
        let answer = self.calls.ask(node, operation, deadline).await;
        answer.map_err(Trouble::NoAnswer)?.map_err(Trouble::Refused)
    }
}

impl Session {
    /// Whose session it is.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Does a command, once.
    ///
    /// # Errors
    ///
    /// If it is not done, or nobody has said in time whether it is.
    pub async fn execute(&mut self, command: Command) -> Result<Reply, CallError> {
        loop {
            self.sequence += 1;
            let operation = Operation::Execute {
                origin: Origin {
                    session: self.session,
                    sequence: self.sequence,
                },
                command: command.clone(),
            };
            match self.client.ask(&operation).await {
                Ok(Answer::Replied(reply)) => return Ok(reply),
                Ok(other) => return Err(CallError::senseless(&other)),
                // It was not used for long. What was not done before is done in a new one.
                Err(failed) if failed.has_ended && !failed.is_unknown => {
                    *self = self.client.session().await?;
                }
                Err(failed) => return Err(failed.into()),
            }
        }
    }

    /// Gives a key a value.
    ///
    /// # Errors
    ///
    /// If it is not done, or nobody has said in time whether it is.
    pub async fn put(&mut self, key: Bytes, value: Bytes) -> Result<(), CallError> {
        match self.execute(Command::Put { key, value }).await? {
            Reply::Done => Ok(()),
            other => Err(CallError::senseless(&Answer::Replied(other))),
        }
    }

    /// Takes a key out. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// If it is not done, or nobody has said in time whether it is.
    pub async fn delete(&mut self, key: Bytes) -> Result<bool, CallError> {
        self.swap(Command::Delete { key }).await
    }

    /// Gives a key a value, or takes it out, if it has the value that is expected. Returns whether it had.
    ///
    /// # Errors
    ///
    /// If it is not done, or nobody has said in time whether it is.
    pub async fn compare_and_swap(
        &mut self,
        key: Bytes,
        expected: Option<Bytes>,
        new: Option<Bytes>,
    ) -> Result<bool, CallError> {
        self.swap(Command::CompareAndSwap { key, expected, new })
            .await
    }

    async fn swap(&mut self, command: Command) -> Result<bool, CallError> {
        match self.execute(command).await? {
            Reply::Swapped(swapped) => Ok(swapped),
            other => Err(CallError::senseless(&Answer::Replied(other))),
        }
    }
}

/// Why asking has come to an end.
struct Failed {
    /// Whether it may have been done.
    is_unknown: bool,
    /// Whether there is no such session.
    has_ended: bool,
    why: String,
}

impl From<Failed> for CallError {
    fn from(failed: Failed) -> Self {
        Self::new(failed.is_unknown, failed.why)
    }
}

/// Why one node has not done it.
#[derive(Debug)]
enum Trouble {
    NoAnswer(NoAnswer),
    Refused(Refusal),
}

impl Trouble {
    /// Whether it may have been done.
    fn is_unknown(&self) -> bool {
        match self {
            Self::NoAnswer(why) => why.is_unknown(),
            Self::Refused(refusal) => matches!(refusal, Refusal::Deposed { .. }),
        }
    }
}

impl Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(why) => write!(f, "{why}"),
            Self::Refused(Refusal::NotLeader { .. } | Refusal::Deposed { .. }) => {
                write!(f, "nobody leads: a majority of the nodes must be up")
            }
            Self::Refused(Refusal::Full) => write!(f, "too much is under way: try again later"),
            Self::Refused(Refusal::Ended) => write!(f, "the session has ended"),
            Self::Refused(Refusal::TooLong { key_max, value_max }) => {
                write!(f, "a key has at most {key_max} bytes, a value {value_max}")
            }
        }
    }
}
