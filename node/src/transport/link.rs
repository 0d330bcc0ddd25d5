//! What goes to one peer: dialled again, whenever it must be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{Connection, Counters, Error, Hello, Outbox, Settings, Speaker, count};
use quorate::protocol::ProcessId;

/// What goes to one peer.
pub(super) struct Link {
    pub(super) hello: Hello,
    pub(super) peer: ProcessId,
    pub(super) address: SocketAddr,
    pub(super) outbox: Arc<Outbox>,
    pub(super) counters: Arc<Counters>,
    pub(super) settings: Settings,
}

impl Link {
    /// Sends what is in the outbox, for ever.
    pub(super) async fn keep_up(self) {
        let (peer, address) = (self.peer.0, self.address);
        let mut wait = self.settings.redial_min;
        let mut told = String::new();
        loop {
            let error = match self.dial().await {
                Ok(connection) => {
                    count(&self.counters.dialled);
                    tracing::info!(peer, %address, "connected");
                    wait = self.settings.redial_min;
                    self.outbox.open();
                    let error = send_until_it_breaks(connection, &self.outbox).await;
                    self.outbox.close();
                    error
                }
                Err(error) => error,
            }
            .to_string();
            // Once for each reason, and not each time.
            if error != told {
                tracing::warn!(peer, %address, %error, "not connected: dialled again from time to time");
                told = error;
            }
            sleep(with_chance(wait)).await;
            wait = (wait * 2).min(self.settings.redial_max);
        }
    }

    async fn dial(&self) -> Result<Connection, Error> {
        let connection = Connection::dial(self.address, &self.hello, &self.settings).await?;
        let found = match connection.hello.speaker {
            Speaker::Node(found) if found == self.peer => return Ok(connection),
            Speaker::Node(found) => Some(found),
            Speaker::Client => None,
        };
        Err(Error::OtherNode {
            found,
            expected: self.peer,
        })
    }
}

async fn send_until_it_breaks(connection: Connection, outbox: &Outbox) -> Error {
    let Connection {
        mut receiver,
        mut sender,
        ..
    } = connection;
    tokio::select! {
        error = sender.send_all(outbox) => error,
        // Nothing comes by a connection that this side has dialled, but its end.
        end = receiver.next::<()>() => end.err().unwrap_or(Error::Closed),
    }
}

/// Between half and all of it: peers that were cut off together do not dial together.
fn with_chance(wait: Duration) -> Duration {
    wait.mul_f64(0.5 + fastrand::f64() / 2.0)
}
