//! What comes in: other nodes, and clients.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    Connection, Counters, Error, Hello, Inboxes, Outbox, Receiver, Settings, Speaker, count,
};
use quorate::protocol::ProcessId;

/// How long to wait when the system cannot accept a connection: it may lack files.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Listens at an address of this machine alone, unless others are allowed.
///
/// # Errors
///
/// If the address can be reached from elsewhere, or is taken.
pub async fn bind(address: SocketAddr, allows_remote: bool) -> Result<TcpListener, Error> {
    if !address.ip().is_loopback() && !allows_remote {
        return Err(Error::NotLoopback { address });
    }
    Ok(TcpListener::bind(address).await?)
}

/// Whom a node receives, and where it goes what they say.
pub(super) struct Reception<Message, Request> {
    pub(super) hello: Hello,
    pub(super) peers: BTreeSet<ProcessId>,
    pub(super) counters: Arc<Counters>,
    pub(super) settings: Settings,
    pub(super) inboxes: Inboxes<Message, Request>,
    pub(super) stop: CancellationToken,
}

impl<Message, Request> Reception<Message, Request>
where
    Message: DeserializeOwned + Send + 'static,
    Request: DeserializeOwned + Send + 'static,
{
    /// Receives whoever dials, for ever.
    pub(super) async fn receive_all(self: Arc<Self>, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(self.settings.connections_max));
        loop {
            let (stream, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    sleep(AFTER_REFUSAL).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                count(&self.counters.refused);
                let max = self.settings.connections_max;
                tracing::warn!(%from, max, "closed: there are as many connections as there may be");
                continue;
            };
            let reception = Arc::clone(&self);
            let receive = async move {
                match reception.receive(stream).await {
                    Ok(()) => tracing::debug!(%from, "ended"),
                    Err(Error::Network(error)) => tracing::info!(%from, %error, "broken"),
                    Err(error) => {
                        count(&reception.counters.refused);
                        tracing::warn!(%from, %error, "closed");
                    }
                }
                drop(place);
            };
            tokio::spawn(self.stop.clone().run_until_cancelled_owned(receive));
        }
    }

    /// Receives one, until it ends.
    async fn receive(&self, stream: TcpStream) -> Result<(), Error> {
        let check = |found: &Hello| match found.speaker {
            Speaker::Node(node) if !self.peers.contains(&node) => Err(Error::Stranger { node }),
            Speaker::Node(_) | Speaker::Client => Ok(()),
        };
        let connection = Connection::answer(stream, &self.hello, &self.settings, check).await?;
        let Connection {
            hello,
            receiver,
            mut sender,
        } = connection;
        match hello.speaker {
            Speaker::Node(from) => self.receive_messages(from, receiver).await,
            Speaker::Client => {
                let outbox = Arc::new(Outbox::new(&self.settings));
                let ended = tokio::select! {
                    error = sender.send_all(&outbox) => Err(error),
                    ended = self.receive_requests(&outbox, receiver) => ended,
                };
                outbox.close();
                ended
            }
        }
    }

    async fn receive_messages(&self, from: ProcessId, mut receiver: Receiver) -> Result<(), Error> {
        while let Some(message) = receiver.next().await? {
            count(&self.counters.received);
            if self.inboxes.messages.send((from, message)).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn receive_requests(
        &self,
        outbox: &Arc<Outbox>,
        mut receiver: Receiver,
    ) -> Result<(), Error> {
        while let Some(request) = receiver.next().await? {
            let request = (Arc::clone(outbox), request);
            if self.inboxes.requests.send(request).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}
