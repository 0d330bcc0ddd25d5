//! The network between nodes: each link a proxy that can be cut, or slowed down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

/// How a link is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition {
    Good,
    /// Nothing arrives, in either direction, and connections are closed.
    Cut,
    /// What is sent arrives later by so much.
    Slow(Duration),
}

/// The link from one node to another: what it dials in the other's place.
#[derive(Debug)]
pub struct Link {
    pub address: SocketAddr,
    condition: watch::Sender<Condition>,
    task: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (condition, watched) = watch::channel(Condition::Good);
        let task = tokio::spawn(forward_all(listener, target, watched)).abort_handle();
        Self {
            address,
            condition,
            task,
        }
    }

    pub fn set(&self, condition: Condition) {
        self.condition.send_replace(condition);
    }
}

async fn forward_all(
    listener: TcpListener,
    target: SocketAddr,
    condition: watch::Receiver<Condition>,
) {
    while let Ok((from, _)) = listener.accept().await {
        if *condition.borrow() != Condition::Cut {
            tokio::spawn(forward(from, target, condition.clone()));
        }
    }
}

/// Forwards a connection until it ends, or the link is cut.
async fn forward(from: TcpStream, target: SocketAddr, mut condition: watch::Receiver<Condition>) {
    let Ok(to) = TcpStream::connect(target).await else {
        return;
    };
    let streams = Arc::new((from, to));
    let (from, to) = Arc::try_unwrap(streams).unwrap();
    let (from_read, from_write) = from.into_split();
    let (to_read, to_write) = to.into_split();
    let slowness = condition.clone();
    tokio::select! {
        () = copy(from_read, to_write, slowness.clone()) => {}
        () = copy(to_read, from_write, slowness) => {}
        _ = condition.wait_for(|condition| *condition == Condition::Cut) => {}
    }
}

/// Each part of what comes goes on when it is due, while later ones are on their way already.
async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    condition: watch::Receiver<Condition>,
) {
    let (sender, mut on_its_way) = mpsc::channel::<(Instant, Vec<u8>)>(1 << 10);
    let read = async move {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            let delay = match *condition.borrow() {
                Condition::Slow(time) => time,
                Condition::Good | Condition::Cut => Duration::ZERO,
            };
            let part = (Instant::now() + delay, bytes[..count].to_vec());
            if sender.send(part).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = on_its_way.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}
