//! What happened in a cluster, line by line: who did what, what was written, sent and told, and how terms, roles and
//! logs changed.

use quorate::protocol::{Effect, ProcessId};
use quorate::raft::Role;
use quorate_models::raft::properties::AnyRaft;

use super::cluster::{Cluster, Message, Output, Record, State, name};

/// The lines so far, if anybody reads them.
pub struct Transcript {
    lines: Option<Vec<String>>,
    number: usize,
}

impl Transcript {
    pub fn off() -> Self {
        Self {
            lines: None,
            number: 0,
        }
    }

    pub fn on() -> Self {
        Self {
            lines: Some(Vec::new()),
            number: 0,
        }
    }

    fn line(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    /// A heading: what the next part is about.
    pub fn part(&mut self, what: &str) {
        self.line(|| format!("-- {what}"));
    }

    /// Something happens to a server, or to the network.
    pub fn happens(&mut self, what: impl FnOnce() -> String) {
        self.number += 1;
        let number = self.number;
        self.line(|| format!("{number:>3}. {}", what()));
    }

    /// A server writes something, if that is what this effect is.
    pub fn wrote<P: AnyRaft>(&mut self, me: ProcessId, effect: &Effect<P>) {
        match effect {
            Effect::Persist(record) => {
                self.line(|| format!("       {} forces {record:?}", name(me)));
            }
            Effect::Append(record) => {
                self.line(|| format!("       {} writes {record:?}", name(me)));
            }
            _ => {}
        }
    }

    /// A record is durable.
    pub fn durable(&mut self, me: ProcessId, record: &Record) {
        self.line(|| format!("       {} has {record:?} on disk", name(me)));
    }

    /// A message is sent, which waited for a record, or for none.
    pub fn sent(&mut self, me: ProcessId, to: ProcessId, message: &Message) {
        self.line(|| format!("       {} sends {message:?} to {}", name(me), name(to)));
    }

    /// An output is released, which waited for a record, or for none.
    pub fn told(&mut self, me: ProcessId, output: &Output) {
        self.line(|| format!("       {} tells: {output:?}", name(me)));
    }

    /// A step has changed a server's state, if it has.
    pub fn changed(&mut self, me: ProcessId, before: &State, after: &State) {
        let stands = |state: &State| format!("{} in term {}", role(&state.role), state.term);
        if stands(before) != stands(after) {
            self.line(|| format!("       {} is {}", name(me), stands(after)));
        }
        if before.log != after.log {
            self.line(|| format!("       {} has log {:?}", name(me), after.log));
        }
        if before.applied.machine != after.applied.machine {
            self.line(|| format!("       {} holds {:?}", name(me), after.applied.machine.0));
        }
    }
}

/// A role, without what changes with each message.
fn role(role: &Role<quorate::raft::Register>) -> String {
    match role {
        Role::Leader(_) => "leader".to_owned(),
        other => format!("{other:?}"),
    }
}

impl<P: AnyRaft> Cluster<P> {
    /// The transcript, and where all servers stand at the end.
    pub fn tell(&self) -> String {
        let mut lines = self.transcript.lines.clone().unwrap_or_default();
        lines.push("at the end:".to_owned());
        for id in self.ids() {
            let server = self.server(id);
            lines.push(match server.state() {
                Some(state) => format!(
                    "     {}  {state:?}, holds {:?}",
                    name(id),
                    state.applied.machine.0
                ),
                None => format!("     {}  down; on disk: {:?}", name(id), server.durable),
            });
        }
        for envelope in &self.network {
            let (from, to) = (name(envelope.from), name(envelope.to));
            lines.push(format!("     from {from} to {to}: {:?}", envelope.message));
        }
        lines.join("\n") + "\n"
    }
}
