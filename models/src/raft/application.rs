//! The application above Raft: a register, its clients, and what they have been told.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};

use quorate::protocol::{ProcessId, Protocol};
use quorate::raft::{
    Durable, Entry, Index, Message, Output, Request, Role, ServerSet, State, StateMachine, Term,
    Timer,
};

use crate::system::{Application, Envelope, Process};

/// A register that knows all values that were ever written to it: so that one that was written twice shows.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Register(pub Vec<u8>);

impl StateMachine for Register {
    type Command = u8;
    type Query = ();
    type Reply = u8;
    type Chunk = u8;

    fn apply(&mut self, command: &u8) -> u8 {
        self.0.push(*command);
        *command
    }

    fn query(&self, (): &()) -> u8 {
        self.0.last().copied().unwrap_or(0)
    }

    fn snapshot(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn restore(chunks: &[u8]) -> Option<Self> {
        Some(Self(chunks.to_vec()))
    }

    /// As much as any other entry.
    fn size(_: &u8) -> usize {
        ENTRY_BYTES
    }
}

/// What an entry takes in a message.
pub const ENTRY_BYTES: usize = size_of::<u64>();

/// The application: it writes, and has logs compacted.
#[derive(Clone, Debug)]
pub struct Clients {
    /// How many servers there are.
    pub servers: u16,
    /// How many terms there are: nobody campaigns for a higher one.
    pub terms: Term,
    /// How many commands it proposes.
    pub commands: u8,
    /// How many snapshots it has made.
    pub snapshots: u8,
    /// Whether leaders send heartbeats.
    pub heartbeats: bool,
    /// Whether what leaders send arrives.
    pub replicates: bool,
}

/// What the application has asked and been told.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct View {
    /// Who has led in which term.
    pub leaders: BTreeMap<Term, ServerSet>,
    /// Which entries are committed: at each index of which term, and what the lowest term was of a server that told so.
    /// There should be one at each.
    pub committed: BTreeMap<Index, BTreeMap<Term, Term>>,
    /// How many commands it has proposed, but for those that were refused.
    pub commands: u8,
    /// How many snapshots were made.
    pub snapshots: u8,
}

impl View {
    fn told(&mut self, process: ProcessId, output: &Output<Register>) {
        match output {
            Output::Leads { term } => {
                self.leaders.entry(*term).or_default().insert(process);
            }
            Output::Committed {
                by,
                term,
                first,
                last,
            } => {
                for index in *first..=*last {
                    let terms = self.committed.entry(index).or_default();
                    let told = terms.entry(*term).or_insert(*by);
                    *told = (*told).min(*by);
                }
            }
            Output::Compacted { .. } => self.snapshots += 1,
            Output::Refused {
                request: Request::Propose(entries),
                ..
            } => self.commands -= u8::try_from(entries.len()).expect("few entries"),
            Output::Opened { .. }
            | Output::Replied { .. }
            | Output::Ended { .. }
            | Output::Answered { .. }
            | Output::Refused { .. }
            | Output::Malformed { .. } => {}
        }
    }
}

impl<P> Application<P> for Clients
where
    P: Protocol<
            Request = Request<Register>,
            Output = Output<Register>,
            State = State<Register>,
            Message = Message<Register>,
            Durable = Durable<Register>,
            Timer = Timer,
        >,
{
    type View = View;

    fn initial(&self) -> View {
        View::default()
    }

    fn requests(&self, view: &View, requests: &mut Vec<(ProcessId, Request<Register>)>) {
        let servers = (0..self.servers).map(ProcessId);
        for server in servers {
            let has_led = view.leaders.values().any(|led| led.contains(server));
            if has_led && view.commands < self.commands {
                let command = view.commands + 1;
                let entry = Entry::Command {
                    origin: None,
                    command,
                };
                requests.push((server, Request::Propose(vec![entry])));
            }
            if view.snapshots < self.snapshots {
                requests.push((server, Request::Compact));
            }
        }
    }

    fn submitted(&self, view: &View, _: ProcessId, request: &Request<Register>) -> Option<View> {
        match request {
            Request::Propose(_) => Some(View {
                commands: view.commands + 1,
                ..view.clone()
            }),
            Request::Read(_) | Request::Compact => None,
        }
    }

    fn told(&self, view: &View, process: ProcessId, output: &Output<Register>) -> Option<View> {
        let mut next = view.clone();
        next.told(process, output);
        (next != *view).then_some(next)
    }

    fn has_won(&self, knows: &State<Register>) -> bool {
        matches!(knows.role, Role::Leader(_))
    }

    fn forgets(&self) -> bool {
        true
    }

    fn is_lost(&self, message: &Message<Register>) -> bool {
        !self.replicates
            && matches!(
                message,
                Message::AppendEntries { .. } | Message::InstallSnapshot { .. }
            )
    }

    /// Terms only grow, also across a crash: an answer of an earlier one than its receiver's is dropped unread; and a
    /// refusal says nothing but its term. A vote is for a candidate that has not led yet.
    fn is_spent(
        &self,
        envelope: &Envelope<Message<Register>>,
        _: &Process<P>,
        receiver: &Process<P>,
    ) -> bool {
        let term = receiver.durable.term;
        match &envelope.message {
            Message::Vote { term: of, granted } => *of < term || *of == term && !granted,
            Message::Appended { term: of, .. }
            | Message::NotAppended { term: of, .. }
            | Message::Received { term: of, .. } => *of < term,
            Message::RequestVote { .. }
            | Message::AppendEntries { .. }
            | Message::InstallSnapshot { .. } => false,
        }
    }

    fn permits(&self, _: ProcessId, knows: &State<Register>, timer: &Timer) -> bool {
        match timer {
            Timer::Election => knows.term < self.terms,
            Timer::Heartbeat => self.heartbeats,
        }
    }
}

impl Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (term, led) in &self.leaders {
            write!(f, "term {term} led by ")?;
            let names = led.iter().map(|server| format!("server {}", server.0 + 1));
            write!(f, "{}; ", names.collect::<Vec<_>>().join(" and "))?;
        }
        let committed = self.committed.iter().map(|(index, terms)| {
            let terms: Vec<String> = terms.keys().map(Term::to_string).collect();
            format!("{index} of term {}", terms.join(" and "))
        });
        let committed: Vec<String> = committed.collect();
        match committed.is_empty() {
            true => write!(f, "nothing committed"),
            false => write!(f, "committed {}", committed.join(", ")),
        }
    }
}
