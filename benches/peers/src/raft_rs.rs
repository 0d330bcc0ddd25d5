//! raft-rs, driven.

use bytes::Bytes;
use raft::eraftpb::{ConfState, Entry, Message, MessageType};
use raft::storage::MemStorage;
use raft::{Config, RawNode, StateRole};
use slog::{Discard, Logger, o};

use crate::replicas::{Checksum, Command, REPLICAS, Replicas};

/// A command as the data of an entry.
pub trait Encode: Command {
    /// As bytes.
    fn encode(self) -> Bytes;
    /// Back from them.
    fn decode(bytes: Bytes) -> Self;
}

impl Encode for [u8; 8] {
    fn encode(self) -> Bytes {
        Bytes::copy_from_slice(&self)
    }

    fn decode(bytes: Bytes) -> Self {
        let bytes: &[u8] = &bytes;
        bytes.try_into().expect("it was encoded")
    }
}

impl Encode for Bytes {
    fn encode(self) -> Bytes {
        self
    }

    fn decode(bytes: Bytes) -> Self {
        bytes
    }
}

struct Node<C: Command> {
    raft: RawNode<MemStorage>,
    /// The index of the last entry that it has applied.
    last: u64,
    applied: Checksum<C>,
    arrived: Vec<Message>,
}

/// Its nodes, the first of which leads.
pub struct Cluster<C: Command> {
    nodes: Vec<Node<C>>,
    in_flight: Vec<Message>,
}

impl<C: Encode> Cluster<C> {
    /// The first campaigns, and nobody else.
    pub fn elected() -> Self {
        let ids = 1..=REPLICAS as u64;
        let voters: Vec<u64> = ids.clone().collect();
        let nodes = ids.map(|id| {
            let config = Config {
                id,
                // "Mostly, 1 MB is enough."
                max_size_per_msg: 1 << 20,
                ..Config::default()
            };
            let voters = ConfState::from((voters.clone(), vec![]));
            let storage = MemStorage::new_with_conf_state(voters);
            let raft = RawNode::new(&config, storage, &Logger::root(Discard, o!()));
            Node {
                raft: raft.expect("a sensible configuration"),
                last: 0,
                applied: Checksum::default(),
                arrived: Vec::new(),
            }
        });
        let mut cluster = Self {
            nodes: nodes.collect(),
            in_flight: Vec::new(),
        };
        let campaigns = cluster.nodes[0].raft.campaign();
        campaigns.expect("nobody leads yet");
        cluster.deliver();
        let leads = cluster.nodes[0].raft.raft.state == StateRole::Leader;
        assert!(leads, "nobody else campaigns");
        cluster
    }

    /// Delivers messages until there are no more.
    fn deliver(&mut self) {
        loop {
            for node in &mut self.nodes {
                for message in node.arrived.drain(..) {
                    let stepped = node.raft.step(message);
                    stepped.expect("everybody is a member");
                }
                node.handle_ready(&mut self.in_flight);
            }
            if self.in_flight.is_empty() {
                return;
            }
            for message in self.in_flight.drain(..) {
                self.nodes[message.to as usize - 1].arrived.push(message);
            }
        }
    }
}

impl<C: Encode> Node<C> {
    /// Does what is to be done, in the order of its documentation. Nobody is sent a snapshot here.
    fn handle_ready(&mut self, in_flight: &mut Vec<Message>) {
        if !self.raft.has_ready() {
            return;
        }
        let mut ready = self.raft.ready();
        in_flight.append(&mut ready.take_messages());
        self.apply(ready.take_committed_entries());
        let store = self.raft.store().clone();
        if !ready.entries().is_empty() {
            let appended = store.wl().append(ready.entries());
            appended.expect("they come next");
        }
        if let Some(hard_state) = ready.hs() {
            store.wl().set_hardstate(hard_state.clone());
        }
        in_flight.append(&mut ready.take_persisted_messages());
        let mut light = self.raft.advance(ready);
        if let Some(commit) = light.commit_index() {
            store.wl().mut_hard_state().set_commit(commit);
        }
        in_flight.append(&mut light.take_messages());
        self.apply(light.take_committed_entries());
        self.raft.advance_apply();
    }

    fn apply(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.last = entry.index;
            // A leader's first is empty.
            if !entry.data.is_empty() {
                self.applied.add(C::decode(entry.data).number());
            }
        }
    }
}

impl<C: Encode> Replicas<C> for Cluster<C> {
    fn propose(&mut self, commands: impl Iterator<Item = C>) {
        let entries = commands.map(|command| Entry {
            data: command.encode(),
            ..Entry::default()
        });
        let mut message = Message {
            from: 1,
            entries: entries.collect(),
            ..Message::default()
        };
        message.set_msg_type(MessageType::MsgPropose);
        let stepped = self.nodes[0].raft.step(message);
        stepped.expect("it leads, and has room");
        self.deliver();
    }

    fn compact(&mut self) {
        for node in &mut self.nodes {
            // The last stays: what comes next comes behind it.
            let compacted = node.raft.store().wl().compact(node.last);
            compacted.expect("it is applied");
        }
    }

    fn applied(&self) -> impl Iterator<Item = &Checksum<C>> {
        self.nodes.iter().map(|node| &node.applied)
    }
}
