//! omnipaxos, driven.

use omnipaxos::messages::Message;
use omnipaxos::storage::{Entry, NoSnapshot};
use omnipaxos::util::{LogEntry, NodeId};
use omnipaxos::{ClusterConfig, OmniPaxos, ServerConfig};
use omnipaxos_storage::memory_storage::MemoryStorage;

use crate::replicas::{Checksum, Command, REPLICAS, Replicas};

/// A command as an entry of its log.
#[derive(Clone, Debug)]
struct Logged<C>(C);

impl<C: Command> Entry for Logged<C> {
    type Snapshot = NoSnapshot;
}

struct Node<C: Command> {
    paxos: OmniPaxos<Logged<C>, MemoryStorage<Logged<C>>>,
    applied: Checksum<C>,
}

/// Its nodes, the first of which leads.
pub struct Cluster<C: Command> {
    nodes: Vec<Node<C>>,
    in_flight: Vec<Message<Logged<C>>>,
}

impl<C: Command> Cluster<C> {
    /// Nodes that propose so many commands in a batch.
    pub fn elected(batch_size: usize) -> Self {
        let pids = 1..=REPLICAS as NodeId;
        let nodes = pids.clone().map(|pid| {
            let cluster = ClusterConfig {
                configuration_id: 1,
                nodes: pids.clone().collect(),
                ..ClusterConfig::default()
            };
            let server = ServerConfig {
                pid,
                batch_size,
                // The first becomes the leader.
                leader_priority: u32::from(pid == 1),
                ..ServerConfig::default()
            };
            let paxos = cluster.build_for_server(server, MemoryStorage::default());
            Node {
                paxos: paxos.expect("a sensible configuration"),
                applied: Checksum::default(),
            }
        });
        let mut cluster = Self {
            nodes: nodes.collect(),
            in_flight: Vec::new(),
        };
        let leads = |node: &Node<C>| node.paxos.get_current_leader() == Some((1, true));
        let mut ticks = 0;
        while !cluster.nodes.iter().all(leads) {
            cluster.nodes.iter_mut().for_each(|node| node.paxos.tick());
            cluster.deliver();
            ticks += 1;
            assert!(ticks < 1_000, "nobody is elected");
        }
        cluster
    }

    /// Delivers messages until there are no more.
    fn deliver(&mut self) {
        loop {
            for node in &mut self.nodes {
                node.paxos.take_outgoing_messages(&mut self.in_flight);
            }
            if self.in_flight.is_empty() {
                return;
            }
            for message in self.in_flight.drain(..) {
                let to = message.get_receiver();
                self.nodes[to as usize - 1].paxos.handle_incoming(message);
            }
            self.nodes.iter_mut().for_each(Node::apply);
        }
    }
}

impl<C: Command> Node<C> {
    /// Applies what is decided.
    fn apply(&mut self) {
        let applied = self.applied.count as usize;
        if self.paxos.get_decided_idx() == applied {
            return;
        }
        let decided = self.paxos.read_decided_suffix(applied);
        for entry in decided.expect("more is decided") {
            match entry {
                LogEntry::Decided(Logged(command)) => self.applied.add(command.number()),
                _ => unreachable!("what is not applied is not trimmed"),
            }
        }
    }
}

impl<C: Command> Replicas<C> for Cluster<C> {
    fn propose(&mut self, commands: impl Iterator<Item = C>) {
        for command in commands {
            let appended = self.nodes[0].paxos.append(Logged(command));
            appended.expect("it is not being reconfigured");
        }
        self.deliver();
    }

    fn compact(&mut self) {
        let trimmed = self.nodes[0].paxos.trim(None);
        trimmed.expect("the first leads");
        self.deliver();
    }

    fn applied(&self) -> impl Iterator<Item = &Checksum<C>> {
        self.nodes.iter().map(|node| &node.applied)
    }
}
