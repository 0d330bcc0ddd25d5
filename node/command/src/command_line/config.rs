//! A cluster's file: the same for its nodes and its clients.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A cluster.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Cluster {
    /// Its name, by which its nodes and clients know each other.
    pub(crate) name: String,
    /// What its nodes run.
    #[serde(default)]
    pub(crate) protocol: Protocol,
    /// The address of each node, in the order of their numbers, which begin with 0.
    pub(crate) nodes: Vec<SocketAddr>,
    /// Where each tells Prometheus how it is; nobody does if there are none.
    #[serde(default)]
    pub(crate) metrics: Vec<SocketAddr>,
    /// Whether addresses may be such as can be reached from other machines. Nothing is encrypted or authenticated yet.
    #[serde(default)]
    pub(crate) allow_remote: bool,
    /// How many bytes each new node sets aside on its disk. Its log may need more, and has it, at the pace of the file system.
    #[serde(default = "room_bytes")]
    pub(crate) room_bytes: u64,
    /// How Raft is run.
    #[serde(default)]
    pub(crate) raft: RaftSettings,
    /// How atomic commit is run.
    #[serde(default)]
    pub(crate) commit: CommitSettings,
    /// How Paxos is run.
    #[serde(default)]
    pub(crate) paxos: PaxosSettings,
}

/// As much as a log has between two snapshots, and as much again.
fn room_bytes() -> u64 {
    2 * RaftSettings::default().snapshot_bytes
}

/// What nodes run.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Protocol {
    /// A key-value store, replicated by Raft.
    #[default]
    Raft,
    /// Accounts over shards: node 0 coordinates, each other one is a shard. It blocks while the coordinator is down.
    TwoPhaseCommit,
    /// The same; it does not block, and is atomic only where failures can be told from slowness.
    ThreePhaseCommit,
    /// Registers that are written once, each chosen by a decree of Paxos.
    Paxos,
}

impl Protocol {
    /// What clients find there.
    fn offers(self) -> &'static str {
        match self {
            Self::Raft => "keys",
            Self::TwoPhaseCommit | Self::ThreePhaseCommit => "accounts",
            Self::Paxos => "registers",
        }
    }
}

impl Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raft => "raft",
            Self::TwoPhaseCommit => "two-phase-commit",
            Self::ThreePhaseCommit => "three-phase-commit",
            Self::Paxos => "paxos",
        })
    }
}

/// How Raft is run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RaftSettings {
    /// How often a leader says that it leads, in milliseconds.
    pub(crate) heartbeat_milliseconds: u64,
    /// How long a follower waits at least, and at most twice as long, until it campaigns, in milliseconds.
    pub(crate) election_milliseconds: u64,
    /// After so many bytes of commands, and at most half as many more, a snapshot takes the log's place.
    pub(crate) snapshot_bytes: u64,
}

impl Default for RaftSettings {
    fn default() -> Self {
        Self {
            heartbeat_milliseconds: 50,
            election_milliseconds: 300,
            snapshot_bytes: 64 << 20,
        }
    }
}

/// How atomic commit is run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct CommitSettings {
    /// How long work, and votes, may take, in milliseconds.
    pub(crate) deadline_milliseconds: u64,
    /// After how many milliseconds it is said again what may have been lost.
    pub(crate) resend_milliseconds: u64,
    /// Three-phase commit: after how many milliseconds a process from which nothing was heard is taken to have failed.
    pub(crate) suspect_milliseconds: u64,
    /// Three-phase commit: whether it is assumed that it then has.
    pub(crate) assume_synchronous: bool,
}

impl Default for CommitSettings {
    fn default() -> Self {
        Self {
            deadline_milliseconds: 2000,
            resend_milliseconds: 200,
            suspect_milliseconds: 5000,
            assume_synchronous: false,
        }
    }
}

/// How Paxos is run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PaxosSettings {
    /// How long a proposer that was rejected waits at least, and at most twice as long, until it tries again, in milliseconds.
    pub(crate) campaign_milliseconds: u64,
    /// After how many milliseconds it is said again, or asked again, what may have been lost.
    pub(crate) resend_milliseconds: u64,
}

impl Default for PaxosSettings {
    fn default() -> Self {
        Self {
            campaign_milliseconds: 50,
            resend_milliseconds: 200,
        }
    }
}

impl Cluster {
    /// A cluster of so many nodes on this machine, at ports from this one on.
    pub(crate) fn local(
        name: &str,
        protocol: Protocol,
        nodes: u16,
        port: u16,
        metrics: bool,
    ) -> Result<Self> {
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
        Ok(Self {
            name: name.to_owned(),
            protocol,
            nodes: ports(port)?,
            metrics,
            allow_remote: false,
            room_bytes: room_bytes(),
            raft: RaftSettings::default(),
            commit: CommitSettings::default(),
            paxos: PaxosSettings::default(),
        })
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

    /// Reads the file of a cluster that has this for its clients: keys, accounts or registers.
    pub(crate) fn read_with(file: &Path, wanted: &str) -> Result<Self> {
        let cluster = Self::read(file)?;
        let offers = cluster.protocol.offers();
        if offers != wanted {
            bail!(
                "{} is a cluster of {}, which has {offers} and no {wanted}: see `quorate --help`",
                file.display(),
                cluster.protocol
            );
        }
        Ok(cluster)
    }

    /// Whether it makes sense.
    pub(crate) fn check(&self) -> Result<()> {
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
        let RaftSettings {
            heartbeat_milliseconds,
            election_milliseconds,
            ..
        } = self.raft;
        if heartbeat_milliseconds == 0 {
            bail!("heartbeat-milliseconds is 0: give at least 1");
        }
        if election_milliseconds / 2 < heartbeat_milliseconds {
            bail!(
                "election-milliseconds is less than twice heartbeat-milliseconds: followers would campaign against a leader that \
                 is up"
            );
        }
        match self.protocol {
            Protocol::Raft => Ok(()),
            Protocol::TwoPhaseCommit | Protocol::ThreePhaseCommit => self.check_commit(),
            Protocol::Paxos => self.check_paxos(),
        }
    }

    fn check_paxos(&self) -> Result<()> {
        quorate::paxos::Quorums::majorities(self.nodes.len())?;
        let PaxosSettings {
            campaign_milliseconds,
            resend_milliseconds,
        } = self.paxos;
        if campaign_milliseconds == 0 || resend_milliseconds == 0 {
            bail!("campaign-milliseconds and resend-milliseconds must be at least 1");
        }
        Ok(())
    }

    fn check_commit(&self) -> Result<()> {
        if self.nodes.len() < 2 {
            bail!(
                "atomic commit needs a coordinator and at least one shard: give at least 2 nodes"
            );
        }
        let CommitSettings {
            deadline_milliseconds,
            resend_milliseconds,
            suspect_milliseconds,
            assume_synchronous,
        } = self.commit;
        if deadline_milliseconds == 0 || resend_milliseconds == 0 {
            bail!("deadline-milliseconds and resend-milliseconds must be at least 1");
        }
        if self.protocol == Protocol::ThreePhaseCommit && !assume_synchronous {
            bail!(
                "three-phase commit is atomic only where whoever does not answer in time has failed: if the network parts, or is \
                 slow, money is lost; give --assume-synchronous if you assume that it never is, or else --protocol two-phase-commit"
            );
        }
        if self.protocol == Protocol::ThreePhaseCommit
            && suspect_milliseconds / 2 < deadline_milliseconds
        {
            bail!(
                "suspect-milliseconds is less than twice deadline-milliseconds: who still waits for another would be suspected"
            );
        }
        Ok(())
    }

    /// Writes the file, and syncs it.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = toml::to_string(self)?;
        let written = File::create(file).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.with_context(|| format!("{} cannot be written", file.display()))
    }
}
