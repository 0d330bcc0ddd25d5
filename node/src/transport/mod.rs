//! Transport: messages between the nodes of a cluster, and requests of their clients, over TCP.
//!
//! A [`Transport`] is a node's end. It listens for other nodes and for clients, and dials each other node; a message
//! goes by the connection that its sender has dialled. Messages may be lost, as the protocols allow: while a peer cannot be
//! reached, or does not keep up, what does not fit into its [`Outbox`] is dropped and counted, and nothing grows.
//!
//! # On the wire
//!
//! A *frame* is its length, four bytes, least significant first, and then so many bytes. The first frame of whoever dials is
//! its [`Hello`]; whoever listens answers with its own, or says why not and closes. Every further frame is the
//! [postcard] encoding of one message, request or response. A frame that is too long or malformed closes the
//! connection that it came by, with the reason in the log, and nothing else.
//!
//! [postcard]: https://docs.rs/postcard

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use derive_where::derive_where;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use quorate::protocol::ProcessId;

mod calls;
mod connection;
mod error;
mod frame;
mod hello;
mod link;
mod listener;
mod outbox;

pub use calls::{CallError, Caller, Calls, NoAnswer, Request, Response};
pub use connection::{Connection, Receiver, Sender};
pub use error::Error;
pub use hello::{Hello, Speaker, VERSION};
pub use listener::bind;
pub use outbox::Outbox;

/// How much a node says and hears, and how long it waits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of the longest frame. A longer one is not sent, and not read.
    pub frame_max: usize,
    /// Bytes that wait to be sent by one connection. What is more is dropped.
    pub outbox_max: usize,
    /// Connections that others have dialled. While there are so many, further ones are closed.
    pub connections_max: usize,
    /// How long it may take to connect, and each side to say its [`Hello`].
    pub hello_timeout: Duration,
    /// How long what was sent may be on its way until the connection is given up.
    pub stall_timeout: Duration,
    /// How long to wait before a peer is dialled again: at first. Then twice as long each time, up to the maximum, with some
    /// chance.
    pub redial_min: Duration,
    /// How long at most.
    pub redial_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            frame_max: 8 << 20,
            outbox_max: 64 << 20,
            connections_max: 1 << 10,
            hello_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(5),
            redial_min: Duration::from_millis(20),
            redial_max: Duration::from_secs(1),
        }
    }
}

/// Where it goes what comes in. While an inbox is full, nothing more of its kind is read.
#[derive(Debug)]
#[derive_where(Clone)]
pub struct Inboxes<Message, Request> {
    /// The messages of other nodes, each with who sent it.
    pub messages: mpsc::Sender<(ProcessId, Message)>,
    /// The requests of clients, each with where its responses go.
    pub requests: mpsc::Sender<(Arc<Outbox>, Request)>,
}

/// What has happened so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages put into an outbox.
    pub sent: AtomicU64,
    /// Messages dropped: their peer could not be reached or did not keep up, or they were too long.
    pub dropped: AtomicU64,
    /// Messages that came in.
    pub received: AtomicU64,
    /// Connections by which something came that was none of a node's or client's, or that were too many.
    pub refused: AtomicU64,
    /// How often a peer was dialled with success.
    pub dialled: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A node's end of all its connections. They are closed when it is dropped.
#[derive(Debug)]
pub struct Transport {
    outboxes: BTreeMap<ProcessId, Arc<Outbox>>,
    counters: Arc<Counters>,
    _running: DropGuard,
}

impl Transport {
    /// Listens here, and dials these peers. To be called within a runtime of tokio, whose tasks do all else.
    pub fn start<Message, Request>(
        hello: &Hello,
        listener: TcpListener,
        peers: &BTreeMap<ProcessId, SocketAddr>,
        settings: &Settings,
        inboxes: Inboxes<Message, Request>,
    ) -> Self
    where
        Message: DeserializeOwned + Send + 'static,
        Request: DeserializeOwned + Send + 'static,
    {
        let counters = Arc::new(Counters::default());
        let stop = CancellationToken::new();
        let mut outboxes = BTreeMap::new();
        for (&peer, &address) in peers {
            let outbox = Arc::new(Outbox::closed(settings));
            outboxes.insert(peer, Arc::clone(&outbox));
            let link = link::Link {
                hello: hello.clone(),
                peer,
                address,
                outbox,
                counters: Arc::clone(&counters),
                settings: settings.clone(),
            };
            tokio::spawn(stop.clone().run_until_cancelled_owned(link.keep_up()));
        }
        let reception = listener::Reception {
            hello: hello.clone(),
            peers: peers.keys().copied().collect(),
            counters: Arc::clone(&counters),
            settings: settings.clone(),
            inboxes,
            stop: stop.clone(),
        };
        let receive = Arc::new(reception).receive_all(listener);
        tokio::spawn(stop.clone().run_until_cancelled_owned(receive));
        Self {
            outboxes,
            counters,
            _running: stop.drop_guard(),
        }
    }

    /// Sends a peer a message, or drops it.
    pub fn send(&self, to: ProcessId, message: &impl Serialize) {
        let outbox = self.outboxes.get(&to);
        let is_put = outbox.is_some_and(|outbox| match outbox.put(message) {
            Ok(()) => true,
            // Is told by who dials.
            Err(Error::Closed) => false,
            Err(error) => {
                tracing::debug!(peer = to.0, %error, "message dropped");
                false
            }
        });
        count(match is_put {
            true => &self.counters.sent,
            false => &self.counters.dropped,
        });
    }

    /// What has happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
