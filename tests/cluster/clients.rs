//! Clients that do this and that, and note what they see.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use quorate::consistency;
use quorate_node::key_value::{Client, Session};
use quorate_node::transport::CallError;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::history::{Answer, History, Operation, Value};

/// Clients of a group work on the same key at the same time.
const GROUPS: u64 = 4;
/// So many in each.
const GROUP: u64 = 3;
/// And go on to another key after so many operations.
const OPERATIONS_A_KEY: u64 = 200;
/// Between two operations of a client.
const PAUSE: Duration = Duration::from_millis(4);
/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Before it asks another node.
const TURN: Duration = Duration::from_millis(500);

/// Who reads what there is in the end.
const READER: consistency::Session = consistency::Session::MAX;

/// Clients that are at work.
pub struct Clients {
    pub history: Arc<History>,
    /// What is under way, and what was answered.
    pub counts: Arc<Counts>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// How much is under way, and was answered.
#[derive(Debug, Default)]
pub struct Counts {
    pub in_flight: AtomicU64,
    pub answered: AtomicU64,
}

/// A client, by a name that is new after each operation whose outcome it does not know.
struct Worker {
    client: Arc<Client>,
    session: Option<Session>,
    name: consistency::Session,
    names: Arc<AtomicU32>,
    history: Arc<History>,
    counts: Arc<Counts>,
}

impl Clients {
    /// Sets clients to work, whose history is written to this file.
    pub fn start(nodes: &[SocketAddr], history: &Path) -> Self {
        let history = Arc::new(History::create(history));
        let counts = Arc::new(Counts::default());
        let stop = CancellationToken::new();
        let names = Arc::new(AtomicU32::new(0));
        let mut tasks = JoinSet::new();
        for group in 0..GROUPS {
            let done = Arc::new(AtomicU64::new(0));
            for member in 0..GROUP {
                let worker = Worker {
                    client: client(nodes),
                    session: None,
                    name: names.fetch_add(1, Ordering::Relaxed),
                    names: Arc::clone(&names),
                    history: Arc::clone(&history),
                    counts: Arc::clone(&counts),
                };
                // The first of a group only reads, so that it is where it was when the others have moved on.
                let reads_only = member == 0;
                let work = worker.work(group, Arc::clone(&done), reads_only);
                tasks.spawn(stop.clone().run_until_cancelled_owned(async {
                    work.await;
                }));
            }
        }
        Self {
            history,
            counts,
            stop,
            tasks: {
                let mut all = JoinSet::new();
                all.spawn(async move { while tasks.join_next().await.is_some() {} });
                all
            },
        }
    }

    /// Stops them, and reads what there is in the end, by these clients of their own.
    pub async fn finish(mut self, nodes: &[SocketAddr]) -> Arc<History> {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        let client = Arc::new(Client::new(
            "faults",
            nodes.to_vec(),
            Duration::from_secs(30),
        ));
        for key in self.history.keys() {
            self.history.asked(READER, &key, Operation::Read);
            let value = client
                .get(key.clone())
                .await
                .expect("the cluster serves again");
            self.history.answered(READER, Answer::Value(value));
        }
        self.history
    }
}

fn client(nodes: &[SocketAddr]) -> Arc<Client> {
    Arc::new(Client::new("faults", nodes.to_vec(), PATIENCE).with_turn(TURN))
}

/// A swap of what was seen last.
fn swap(seen: &Value, new: Value) -> Operation {
    Operation::Swap {
        expected: seen.clone(),
        new,
    }
}

impl Worker {
    async fn work(mut self, group: u64, done: Arc<AtomicU64>, reads_only: bool) {
        let mut seen = None;
        loop {
            let number = done.fetch_add(1, Ordering::Relaxed);
            let key = Bytes::from(format!("{group}-{}", number / OPERATIONS_A_KEY));
            let value = Bytes::from(format!("{}-{number}", self.name));
            let operation = match fastrand::u8(..10) {
                _ if reads_only => Operation::Read,
                0..4 => Operation::Write(Some(value)),
                4..6 => swap(&seen, Some(value)),
                6 => swap(&seen, None),
                _ => Operation::Read,
            };
            if let Some(value) = self.operate(&key, operation).await {
                seen = value;
            }
            sleep(PAUSE).await;
        }
    }

    /// Does one operation. Returns what was read, if anything was.
    async fn operate(&mut self, key: &Bytes, operation: Operation) -> Option<Value> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.client.session().await.ok()?,
        };
        self.history.asked(self.name, key, operation.clone());
        self.counts.in_flight.fetch_add(1, Ordering::Relaxed);
        let answer = match operation {
            Operation::Write(value) => {
                let value = value.expect("nobody deletes");
                let put = session.put(key.clone(), value).await;
                put.map(|()| Answer::Written)
            }
            Operation::Read => self.client.get(key.clone()).await.map(Answer::Value),
            Operation::Swap { expected, new } => {
                let swapped = session.compare_and_swap(key.clone(), expected, new).await;
                swapped.map(Answer::Swapped)
            }
        };
        self.counts.in_flight.fetch_sub(1, Ordering::Relaxed);
        match answer {
            Ok(answer) => {
                self.counts.answered.fetch_add(1, Ordering::Relaxed);
                self.history.answered(self.name, answer.clone());
                self.session = Some(session);
                match answer {
                    Answer::Value(value) => Some(value),
                    Answer::Written | Answer::Swapped(_) => None,
                }
            }
            Err(CallError::NotDone { .. }) => {
                self.history.refused(self.name);
                self.session = Some(session);
                None
            }
            Err(CallError::Unknown { .. }) => {
                // Whoever asked is still waiting, for ever.
                self.name = self.names.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}
