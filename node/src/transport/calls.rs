//! Requests and their responses: a client's end of its connections to nodes.

use std::collections::HashMap;
use std::fmt::{self, Debug, Display};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Connection, Error, Hello, Outbox, Receiver, Settings, Speaker};
use quorate::protocol::ProcessId;

/// A request, and by which number whoever asks knows the response.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Request<Q> {
    /// The number.
    pub number: u64,
    /// What is asked.
    pub query: Q,
}

/// A response, and to what.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Response<A> {
    /// The number of the request.
    pub number: u64,
    /// The answer.
    pub answer: A,
}

/// A request that waits for its answer, at the node that was asked.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Arc<Outbox>,
    number: u64,
}

impl Caller {
    /// Whoever has sent this request, by this connection.
    pub fn new(client: &Arc<Outbox>, number: u64) -> Self {
        let client = Arc::clone(client);
        Self { client, number }
    }

    /// Answers it. If whoever has asked is gone, or does not read, it will ask again.
    pub fn answer(&self, answer: impl Serialize) {
        let number = self.number;
        if let Err(error) = self.client.put(&Response { number, answer }) {
            tracing::debug!(%error, "a client was not answered");
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// It was not asked.
    NotConnected(Error),
    /// The connection ended after it was asked.
    Broken,
    /// It was asked, and has not answered in time.
    Silent,
}

impl NoAnswer {
    /// Whether it may have been done what was asked.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Broken | Self::Silent)
    }
}

impl Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected(error) => write!(f, "no node could be asked: {error}"),
            Self::Broken => write!(f, "the connection broke before there was an answer"),
            Self::Silent => write!(f, "there was no answer in time"),
        }
    }
}

/// Why a client is not answered, whomever it has asked and however often.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CallError {
    /// It was asked, and not answered in time: it may have been done, or be done later, or never.
    Unknown {
        /// What was heard last.
        why: String,
    },
    /// It is not done, and will not be: nobody could be asked in time, or whoever was has refused; or it was to read.
    NotDone {
        /// What was heard last.
        why: String,
    },
}

impl CallError {
    /// Whether it may have been done, and why there is no answer.
    pub(crate) fn new(is_unknown: bool, why: impl Display) -> Self {
        let why = why.to_string();
        match is_unknown {
            true => Self::Unknown { why },
            false => Self::NotDone { why },
        }
    }

    /// It is not done.
    pub(crate) fn not_done(why: impl Display) -> Self {
        Self::new(false, why)
    }

    /// The answer is none to what was asked.
    pub(crate) fn senseless(answer: &impl Debug) -> Self {
        Self::new(true, format!("an answer that makes no sense: {answer:?}"))
    }

    /// What was heard last.
    pub fn why(&self) -> &str {
        match self {
            Self::Unknown { why } | Self::NotDone { why } => why,
        }
    }
}

/// What was asked once.
impl From<NoAnswer> for CallError {
    fn from(why: NoAnswer) -> Self {
        Self::new(why.is_unknown(), why)
    }
}

impl Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { why } => write!(
                f,
                "the outcome is unknown: it was asked for, and may have been done or not ({why}); read to find out"
            ),
            Self::NotDone { why } => write!(f, "it is not done: {why}"),
        }
    }
}

impl std::error::Error for CallError {}

/// A client's connections to nodes: one to each that it has asked something. Many may ask at the same time.
#[derive(Debug)]
pub struct Calls<A> {
    hello: Hello,
    nodes: Vec<SocketAddr>,
    settings: Settings,
    connections: Mutex<HashMap<ProcessId, Arc<Calling<A>>>>,
}

/// A connection to a node.
#[derive(Debug)]
struct Calling<A> {
    outbox: Arc<Outbox>,
    numbers: AtomicU64,
    /// Who waits for which answer; nothing once the connection has ended.
    waiting: Arc<Mutex<Option<Waiting<A>>>>,
    _running: DropGuard,
}

type Waiting<A> = HashMap<u64, oneshot::Sender<A>>;

impl<A: DeserializeOwned + Send + 'static> Calls<A> {
    /// To the nodes of this cluster, which run this protocol, in the order of their numbers.
    pub fn new(cluster: &str, protocol: &str, nodes: Vec<SocketAddr>) -> Self {
        Self {
            hello: Hello {
                cluster: cluster.to_owned(),
                protocol: protocol.to_owned(),
                speaker: Speaker::Client,
            },
            nodes,
            settings: Settings::default(),
            connections: Mutex::default(),
        }
    }

    /// The nodes, by number.
    pub fn nodes(&self) -> impl Iterator<Item = (ProcessId, SocketAddr)> {
        (0..).map(ProcessId).zip(self.nodes.iter().copied())
    }

    /// How many there are.
    pub fn count(&self) -> u16 {
        u16::try_from(self.nodes.len()).unwrap_or(u16::MAX)
    }

    /// Asks a node.
    ///
    /// # Errors
    ///
    /// If it has not answered by then.
    ///
    /// # Panics
    ///
    /// If there is no such node.
    pub async fn ask(
        &self,
        node: ProcessId,
        query: impl Serialize,
        deadline: Instant,
    ) -> Result<A, NoAnswer> {
        let connection = match self.known(node) {
            Some(connection) => connection,
            None => match timeout_at(deadline, self.connect(node)).await {
                Ok(connection) => connection.map_err(NoAnswer::NotConnected)?,
                Err(_) => return Err(NoAnswer::NotConnected(Error::Silent)),
            },
        };
        let number = connection.numbers.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        match lock(&connection.waiting).as_mut() {
            Some(waiting) => drop(waiting.insert(number, sender)),
            None => return Err(NoAnswer::NotConnected(Error::Closed)),
        }
        if let Err(error) = connection.outbox.put(&Request { number, query }) {
            connection.forget(number);
            return Err(NoAnswer::NotConnected(error));
        }
        match timeout_at(deadline, receiver).await {
            Ok(answer) => answer.map_err(|_| NoAnswer::Broken),
            Err(_) => {
                connection.forget(number);
                Err(NoAnswer::Silent)
            }
        }
    }

    /// The connection to a node, if there is one.
    fn known(&self, node: ProcessId) -> Option<Arc<Calling<A>>> {
        let known = lock(&self.connections).get(&node).cloned();
        known.filter(|known| known.is_up())
    }

    /// Connects to a node.
    async fn connect(&self, node: ProcessId) -> Result<Arc<Calling<A>>, Error> {
        let address = self.nodes[node.index()];
        let connection = Connection::dial(address, &self.hello, &self.settings).await?;
        if connection.hello.speaker != Speaker::Node(node) {
            return Err(Error::OtherNode {
                found: match connection.hello.speaker {
                    Speaker::Node(found) => Some(found),
                    Speaker::Client => None,
                },
                expected: node,
            });
        }
        let mut connections = lock(&self.connections);
        // Somebody else may have dialled meanwhile: one connection is enough.
        if let Some(other) = connections.get(&node).filter(|other| other.is_up()) {
            return Ok(Arc::clone(other));
        }
        let calling = Arc::new(Calling::new(connection, &self.settings));
        connections.insert(node, Arc::clone(&calling));
        Ok(calling)
    }
}

impl<A> Calling<A> {
    fn is_up(&self) -> bool {
        lock(&self.waiting).is_some()
    }

    /// Nobody waits for this answer any more.
    fn forget(&self, number: u64) {
        if let Some(waiting) = lock(&self.waiting).as_mut() {
            waiting.remove(&number);
        }
    }
}

impl<A: DeserializeOwned + Send + 'static> Calling<A> {
    fn new(connection: Connection, settings: &Settings) -> Self {
        let Connection {
            receiver,
            mut sender,
            ..
        } = connection;
        let outbox = Arc::new(Outbox::new(settings));
        let waiting = Arc::new(Mutex::new(Some(Waiting::new())));
        let stop = CancellationToken::new();
        let exchange = {
            let (outbox, waiting) = (Arc::clone(&outbox), Arc::clone(&waiting));
            async move {
                let end = tokio::select! {
                    error = sender.send_all(&outbox) => error,
                    error = hand_out(receiver, &waiting) => error,
                };
                tracing::debug!(error = %end, "a connection has ended");
                // Whoever waits is told so.
                *lock(&waiting) = None;
            }
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(exchange));
        Self {
            outbox,
            numbers: AtomicU64::new(0),
            waiting,
            _running: stop.drop_guard(),
        }
    }
}

/// Gives each answer to who waits for it.
async fn hand_out<A: DeserializeOwned>(
    mut receiver: Receiver,
    waiting: &Mutex<Option<Waiting<A>>>,
) -> Error {
    loop {
        let response = match receiver.next::<Response<A>>().await {
            Ok(Some(response)) => response,
            Ok(None) => return Error::Closed,
            Err(error) => return error,
        };
        let sender = lock(waiting)
            .as_mut()
            .and_then(|waiting| waiting.remove(&response.number));
        if let Some(sender) = sender {
            // Who has lost patience does not wait any more.
            let _ = sender.send(response.answer);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
