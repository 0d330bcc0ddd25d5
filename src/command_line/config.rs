//! A cluster's file: the same for its nodes and its clients.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// A cluster.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Cluster {
    /// Its name, by which its nodes and clients know each other.
    pub(crate) name: String,
    /// The address of each node, in the order of their numbers, which begin with 0.
    pub(crate) nodes: Vec<SocketAddr>,
    /// Where each tells Prometheus how it is; nobody does if there are none.
    #[serde(default)]
    pub(crate) metrics: Vec<SocketAddr>,
    /// Whether addresses may be such as can be reached from other machines. Nothing is encrypted or authenticated yet.
    #[serde(default)]
    pub(crate) allow_remote: bool,
    /// How often a leader says that it leads, in milliseconds.
    #[serde(default = "heartbeat_milliseconds")]
    pub(crate) heartbeat_milliseconds: u64,
    /// How long a follower waits at least, and at most twice as long, until it campaigns, in milliseconds.
    #[serde(default = "election_milliseconds")]
    pub(crate) election_milliseconds: u64,
    /// After so many bytes of commands a snapshot takes the log's place.
    #[serde(default = "snapshot_bytes")]
    pub(crate) snapshot_bytes: u64,
}

fn heartbeat_milliseconds() -> u64 {
    50
}

fn election_milliseconds() -> u64 {
    300
}

fn snapshot_bytes() -> u64 {
    64 << 20
}

impl Cluster {
    /// A cluster of so many nodes on this machine, at ports from this one on.
    pub(crate) fn local(name: &str, nodes: u16, port: u16, metrics: bool) -> Result<Self> {
        let ports = |first: u16| -> Result<Vec<SocketAddr>> {
            let ports = (0..nodes).map(|node| first.checked_add(node));
            let ports: Option<Vec<_>> = ports.collect();
            let ports = ports.context("there are not so many ports: give a lower --port")?;
            let addresses = ports.into_iter().map(|port| ([127, 0, 0, 1], port).into());
            Ok(addresses.collect())
        };
        let metrics = match metrics {
            true => ports(port.saturating_add(nodes))?,
            false => Vec::new(),
        };
        let cluster = Self {
            name: name.to_owned(),
            nodes: ports(port)?,
            metrics,
            allow_remote: false,
            heartbeat_milliseconds: heartbeat_milliseconds(),
            election_milliseconds: election_milliseconds(),
            snapshot_bytes: snapshot_bytes(),
        };
        cluster.check()?;
        Ok(cluster)
    }

    /// Reads a cluster's file.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let what = || {
            format!(
                "{}: give --config FILE, as `quorate cluster` writes one",
                file.display()
            )
        };
        let text = fs::read_to_string(file).with_context(what)?;
        let cluster: Self = toml::from_str(&text).with_context(what)?;
        cluster.check().with_context(what)?;
        Ok(cluster)
    }

    fn check(&self) -> Result<()> {
        if self.nodes.is_empty() {
            bail!("a cluster needs at least one node");
        }
        if self.nodes.len() > quorate::raft::ServerSet::SERVERS_MAX {
            bail!(
                "{} nodes are too many: give at most {}",
                self.nodes.len(),
                quorate::raft::ServerSet::SERVERS_MAX
            );
        }
        let addresses: BTreeSet<_> = self.nodes.iter().chain(&self.metrics).collect();
        if addresses.len() < self.nodes.len() + self.metrics.len() {
            bail!("an address is given twice: give each node its own");
        }
        if !self.metrics.is_empty() && self.metrics.len() != self.nodes.len() {
            bail!("give as many addresses for metrics as there are nodes, or none");
        }
        if self.heartbeat_milliseconds == 0 {
            bail!("heartbeat-milliseconds is 0: give at least 1");
        }
        if self.election_milliseconds < 2 * self.heartbeat_milliseconds {
            bail!(
                "election-milliseconds is less than twice heartbeat-milliseconds: followers would campaign against a leader that \
                 is up"
            );
        }
        Ok(())
    }

    /// Writes the file.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = toml::to_string(self)?;
        fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }
}
