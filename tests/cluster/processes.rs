//! Nodes as processes: started, killed, paused, cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use quorate::protocol::ProcessId;
use quorate_command::load::free_ports;
use quorate_node::key_value::{Client, Role};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::links::{Condition, Link};
use crate::node::{Arguments, Bug};

/// How many nodes there are.
pub const NODES: u16 = 3;
/// How long to wait for what must come about.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster of processes on this machine.
pub struct Processes {
    directory: TempDir,
    pub addresses: Vec<SocketAddr>,
    links: BTreeMap<(u16, u16), Link>,
    running: BTreeMap<u16, Child>,
    bug: Bug,
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.kill_all();
    }
}

impl Processes {
    /// Starts all.
    pub async fn start(bug: Bug) -> Self {
        let first = free_ports(NODES);
        let ports = first..first + NODES;
        let addresses: Vec<_> = ports
            .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
            .collect();
        let mut links = BTreeMap::new();
        for from in 0..NODES {
            for to in (0..NODES).filter(|to| *to != from) {
                let link = Link::to(addresses[usize::from(to)]).await;
                links.insert((from, to), link);
            }
        }
        let mut processes = Self {
            directory: tempfile::tempdir().unwrap(),
            addresses,
            links,
            running: BTreeMap::new(),
            bug,
        };
        for node in 0..NODES {
            processes.restart(node);
        }
        processes
    }

    fn trace(&self, node: u16) -> PathBuf {
        self.directory.path().join(format!("trace-{node}"))
    }

    /// Starts a node that is down.
    pub fn restart(&mut self, node: u16) {
        let others = (0..NODES).filter(|other| *other != node);
        let arguments = Arguments {
            bug: self.bug,
            node,
            address: self.addresses[usize::from(node)],
            peers: others
                .map(|other| (other, self.links[&(node, other)].address))
                .collect(),
            directory: self.directory.path().join(format!("node-{node}")),
            trace: self.trace(node),
            heartbeat: Duration::from_millis(30),
            election: Duration::from_millis(250),
            snapshot_bytes: 2_000,
        };
        let child = Command::new(std::env::current_exe().unwrap())
            .arg(crate::NODE)
            .arg(serde_json::to_string(&arguments).unwrap())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        self.running.insert(node, child);
    }

    /// kill -9.
    pub fn kill(&mut self, node: u16) {
        if let Some(mut child) = self.running.remove(&node) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// All at once, as when the power fails.
    pub fn kill_all(&mut self) {
        for child in self.running.values_mut() {
            child.kill().unwrap();
        }
        for (_, mut child) in std::mem::take(&mut self.running) {
            child.wait().unwrap();
        }
    }

    /// SIGSTOP, or SIGCONT.
    pub fn pause(&self, node: u16, pauses: bool) {
        let signal = match pauses {
            true => Signal::STOP,
            false => Signal::CONT,
        };
        let child = Pid::from_child(&self.running[&node]);
        kill_process(child, signal).unwrap();
    }

    /// Changes the link from one node to another: what the one sends.
    pub fn link_to(&self, from: u16, to: u16, condition: Condition) {
        self.links[&(from, to)].set(condition);
    }

    /// Changes the link between two nodes, in both directions.
    pub fn link(&self, one: u16, other: u16, condition: Condition) {
        self.link_to(one, other, condition);
        self.link_to(other, one, condition);
    }

    /// Changes all links of a node.
    pub fn links_of(&self, node: u16, condition: Condition) {
        for other in (0..NODES).filter(|other| *other != node) {
            self.link(node, other, condition);
        }
    }

    /// Slows down all links of a node: what is sent by them arrives so much later.
    pub fn links_slow(&self, node: u16, by: Duration) {
        self.links_of(node, Condition::Slow(by));
    }

    /// Who leads: of those who say so, the one of the latest term.
    pub async fn leader(&self) -> u16 {
        let client = Client::new("faults", self.addresses.clone(), Duration::from_millis(500));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut leaders = BTreeMap::new();
            for node in self.running.keys() {
                if let Ok(status) = client.status(ProcessId(*node)).await
                    && status.role == Role::Leader
                {
                    leaders.insert(status.term, *node);
                }
            }
            if let Some((_, leader)) = leaders.last_key_value() {
                return *leader;
            }
            assert!(Instant::now() < deadline, "nobody leads");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until something can be written.
    pub async fn serves(&self) {
        let client = Arc::new(Client::new("faults", self.addresses.clone(), PATIENCE));
        let mut session = client.session().await.expect("the cluster serves again");
        let done = session.put("serves".into(), "yes".into()).await;
        done.expect("the cluster serves again");
    }

    /// How many bytes a node has traced.
    pub fn traced(&self, node: u16) -> usize {
        fs::metadata(self.trace(node)).map_or(0, |trace| trace.len() as usize)
    }

    /// For whom a node has voted, and in which term, by its trace from this byte on: where an incarnation begins.
    pub fn votes(&self, node: u16, begin: usize) -> Vec<(u64, u64)> {
        let trace = fs::read(self.trace(node)).unwrap_or_default();
        votes_sent(&String::from_utf8_lossy(&trace[begin..]))
    }

    /// Whether in every term every node has voted for one only, by what they have traced.
    pub fn check_votes(&self) -> Result<usize, String> {
        let mut votes: BTreeMap<(u16, u64), BTreeSet<u64>> = BTreeMap::new();
        for node in 0..NODES {
            for (to, term) in self.votes(node, 0) {
                votes.entry((node, term)).or_default().insert(to);
            }
        }
        match votes.iter().find(|(_, to)| to.len() > 1) {
            Some(((node, term), to)) => {
                Err(format!("node {node} has voted for {to:?} in term {term}"))
            }
            None => Ok(votes.len()),
        }
    }
}

/// For whom a node has voted, and in which term: what was held back when it was killed was never sent.
fn votes_sent(trace: &str) -> Vec<(u64, u64)> {
    let mut sent = Vec::new();
    // Of this incarnation: records written, those of them durable, and votes, each with the forced record that it waits for.
    let (mut written, mut durable, mut forced, mut held) = (0, 0, 0, Vec::new());
    for line in trace.lines() {
        // The last line of one that was killed may be cut short.
        let Ok(line) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        if line["input"].get("Start").is_some() {
            (written, durable, forced) = (0, 0, 0);
            held.clear();
        }
        durable += line["durable"].as_u64().unwrap_or(0);
        for effect in line["effects"].as_array().into_iter().flatten() {
            let is_forced = effect.get("Persist").is_some();
            if is_forced || effect.get("Append").is_some() {
                written += 1;
            }
            if is_forced {
                forced = written;
            }
            let vote = &effect["Send"]["message"]["Vote"];
            if vote["granted"] == true {
                let to = effect["Send"]["to"].as_u64().unwrap();
                held.push((forced, (to, vote["term"].as_u64().unwrap())));
            }
        }
        sent.extend(
            held.extract_if(.., |(record, _)| *record <= durable)
                .map(|(_, vote)| vote),
        );
    }
    sent
}
