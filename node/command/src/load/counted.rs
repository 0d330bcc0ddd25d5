//! What nodes have done, as they tell Prometheus.

use std::io;
use std::net::SocketAddr;
use std::ops::Sub;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

/// What the nodes of a cluster have done since they were started, together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    /// How often they have synced their disks.
    pub syncs: f64,
    /// How many messages they have sent each other.
    pub messages: f64,
}

impl Counted {
    /// Asks the nodes that tell it at these addresses.
    ///
    /// # Errors
    ///
    /// If one does not answer, or does not tell it.
    pub async fn of_all(nodes: &[SocketAddr]) -> io::Result<Self> {
        let mut all = Self::default();
        for node in nodes {
            let told = told(node).await?;
            all.syncs += value(&told, "quorate_syncs_total")?;
            all.messages += value(&told, "quorate_messages_sent")?;
        }
        Ok(all)
    }
}

impl Sub for Counted {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            syncs: self.syncs - other.syncs,
            messages: self.messages - other.messages,
        }
    }
}

async fn told(node: &SocketAddr) -> io::Result<String> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let address = format!("http://{node}/metrics").parse();
    let answer = client.get(address.map_err(io::Error::other)?).await;
    let body = answer.map_err(io::Error::other)?.into_body();
    let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
    String::from_utf8(bytes.into()).map_err(io::Error::other)
}

/// What stands behind a name.
fn value(told: &str, name: &str) -> io::Result<f64> {
    let mut lines = told.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.ok_or_else(|| io::Error::other(format!("a node does not tell {name}")))
}
