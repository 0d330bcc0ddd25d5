//! The runtime: a process of any [`Protocol`] on a disk and a network.
//!
//! A *node* is one process, its [`Store`](crate::storage::Store), its [`Transport`](crate::transport::Transport), and a
//! [`Service`]: what its clients may ask, and what the process is asked for that. [`Node::run`] is its one thread of control.
//! Each of its turns takes in what has come meanwhile, be it messages, requests, timers that have fired, records that are
//! durable; steps the process with each; and has all records that this made written, in one batch. What waits for a record is
//! held back by the same [`Driver`](quorate::protocol::Driver) that the models step, so that nothing is told that is not
//! durable.
//!
//! While records are being synced the next turns go on; what they write is synced together afterwards
//! ([`Writer`](crate::storage::Writer)). A node whose disk has failed comes to an end: what was not reported durable was told
//! to nobody.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::transport::Outbox;
use quorate::protocol::Protocol;

mod error;
mod metrics;
mod node;
mod process;
mod timers;
mod trace;

pub use error::Error;
pub use node::{Node, Settings};
pub use process::{Given, Host, Log, Process};
pub use timers::Timers;
pub use trace::Trace;

/// What a node offers to clients, on top of its process.
pub trait Service<P: Protocol>: Send + 'static {
    /// What a client asks.
    type Request: DeserializeOwned + Send + 'static;

    /// A client asks something, and is to be answered there. What the process is asked for it is collected.
    fn ask(&mut self, state: &P::State, client: &Arc<Outbox>, request: Self::Request);

    /// What the process is asked, of all that was collected: then nothing is left. It is asked one after the other.
    fn submit(&mut self, state: &P::State) -> Vec<P::Request>;

    /// The process tells something.
    fn tell(&mut self, output: P::Output);

    /// A turn is over.
    fn turned(&mut self, state: &P::State);

    /// How long a timer runs that is set now. With chance, where the protocol wants it.
    fn duration(&mut self, timer: &P::Timer) -> Duration;
}
