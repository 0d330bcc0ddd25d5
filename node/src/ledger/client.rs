//! The client's end: transfers are asked of the coordinator, balances of the shard that has the account.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::service::{ACCOUNT_MAX, Answer, CHANGES_MAX, Operation, Status};
use crate::transport::{CallError, Calls, NoAnswer};
use quorate::atomic_commit::{COORDINATOR, Decision};
use quorate::ledger::{Amount, Change, Obstacle, shard_of};
use quorate::protocol::ProcessId;

/// How long to wait before it is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// A client of a ledger.
#[derive(Debug)]
pub struct Client {
    calls: Calls<Answer>,
    patience: Duration,
}

impl Client {
    /// A client of the cluster of this name, whose nodes run this protocol: the coordinator and the shards, in the order of
    /// their numbers. It goes on asking for so long.
    pub fn new(cluster: &str, protocol: &str, nodes: Vec<SocketAddr>, patience: Duration) -> Self {
        let calls = Calls::new(cluster, protocol, nodes);
        Self { calls, patience }
    }

    /// The nodes, by number.
    pub fn nodes(&self) -> impl Iterator<Item = (ProcessId, SocketAddr)> {
        self.calls.nodes()
    }

    /// Which shard has this account.
    pub fn shard(&self, account: &str) -> ProcessId {
        shard_of(account, self.calls.count().saturating_sub(1))
    }

    /// Makes all these changes, or none. It is asked once.
    ///
    /// # Errors
    ///
    /// If none is made, or nobody has said in time whether they are.
    pub async fn transfer(&self, changes: Vec<Change>) -> Result<(), CallError> {
        let deadline = Instant::now() + self.patience;
        let operation = Operation::Transfer(changes);
        let answer = loop {
            match self.calls.ask(COORDINATOR, &operation, deadline).await {
                Ok(answer) => break answer,
                Err(NoAnswer::NotConnected(_)) if Instant::now() + 2 * PAUSE < deadline => {
                    sleep(PAUSE).await;
                }
                Err(why) => return Err(why.into()),
            }
        };
        match answer {
            Answer::Finished {
                decision: Decision::Commit,
                ..
            } => Ok(()),
            Answer::Finished { obstacle, .. } => Err(match obstacle {
                Some(obstacle) => CallError::not_done(obstacle),
                None => CallError::not_done("a shard has voted no, or not in time"),
            }),
            other => Err(unexpected(&other)),
        }
    }

    /// How much there is on an account. While that is in doubt it is asked again.
    ///
    /// # Errors
    ///
    /// If that is not known in time.
    pub async fn balance(&self, account: &str) -> Result<Amount, CallError> {
        let deadline = Instant::now() + self.patience;
        let operation = Operation::Balance(account.to_owned());
        loop {
            let answer = self.calls.ask(self.shard(account), &operation, deadline);
            let why = match answer.await {
                Ok(Answer::Balance(Ok(balance))) => return Ok(balance),
                Ok(Answer::Balance(Err(obstacle @ Obstacle::Locked { .. }))) => {
                    obstacle.to_string()
                }
                Ok(Answer::Balance(Err(obstacle))) => return Err(CallError::not_done(obstacle)),
                Ok(other) => return Err(unexpected(&other)),
                Err(why) => why.to_string(),
            };
            if Instant::now() + 2 * PAUSE >= deadline {
                return Err(CallError::not_done(why));
            }
            sleep(PAUSE).await;
        }
    }

    /// How a node is, as it says itself.
    ///
    /// # Errors
    ///
    /// If it does not answer in time.
    pub async fn status(&self, node: ProcessId) -> Result<Status, CallError> {
        let deadline = Instant::now() + self.patience;
        match self.calls.ask(node, Operation::Status, deadline).await {
            Ok(Answer::Status(status)) => Ok(status),
            Ok(other) => Err(unexpected(&other)),
            Err(why) => Err(CallError::not_done(why)),
        }
    }
}

fn unexpected(answer: &Answer) -> CallError {
    match answer {
        Answer::TooLong => CallError::not_done(format_args!(
            "a name has at most {ACCOUNT_MAX} bytes, a transfer at most {CHANGES_MAX} changes"
        )),
        Answer::Full => CallError::not_done("too much is under way: try again later"),
        other => CallError::senseless(other),
    }
}
