//! The application above Raft: a register, its clients, and what they have been told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};

use quorate::protocol::{ProcessId, Protocol};
use quorate::raft::{
    Durable, Index, Message, Origin, Output, Proposal, Register, Request, Role, ServerSet, State,
    Term, Ticket, Timer,
};

use super::terms::with_other_terms;
use crate::framework::RequestOrder;
use crate::register::{self, History, Operation};
use crate::system::{
    Application, Envelope, Environment, Interned, Knowledge, Process, SystemState, Timers,
};

/// The application: clients that write and read a register, and somebody who has logs compacted.
#[derive(Clone, Debug)]
pub struct Clients {
    /// How many servers there are.
    pub servers: u16,
    /// How many of them are down from the start, and stay so: the last.
    pub absent: u16,
    /// How many terms there are: nobody campaigns for a higher one. 0 for any number, until somebody leads.
    pub terms: Term,
    /// How many more there are once faults have come to an end.
    pub terms_left: Term,
    /// With any number of terms: how far a server may be ahead of the last.
    pub ahead_max: Term,
    /// How many clients write, each one command.
    pub commands: u8,
    /// How often a client proposes its command, in a session of its own, until it is answered. 0 for once and without
    /// a session, and then it is not answered.
    pub proposals: u8,
    /// Whether a client proposes its command to each leader once, until it is answered, instead of so often.
    pub persistent: bool,
    /// How many clients read, each once.
    pub reads: u8,
    /// Whether they read only when those that write have been answered.
    pub reads_last: bool,
    /// At how many servers, the first, they read; 0 for all.
    pub reads_at: u16,
    /// How many snapshots are made.
    pub snapshots: u8,
    /// Whether leaders send heartbeats.
    pub heartbeats: bool,
    /// Whether what leaders send arrives.
    pub replicates: bool,
    /// Whether messages that can change nothing any more are forgotten.
    pub forgets_spent: bool,
    /// In what order they ask.
    pub requests: RequestOrder,
}

/// What the application has asked and been told.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct View {
    /// Who has led in which term.
    pub leaders: BTreeMap<Term, ServerSet>,
    /// Which entries are committed: at each index of which term, and what the lowest term was of a server that told so.
    /// There should be one at each.
    pub committed: BTreeMap<Index, BTreeMap<Term, Term>>,
    /// What was proposed, and how often, but for what was refused.
    pub proposed: BTreeMap<Proposal<u8>, u8>,
    /// Of persistent clients: what was proposed to the leader of which term.
    pub asked: BTreeSet<(Proposal<u8>, Term)>,
    /// How many reads were asked, but for those that were refused.
    pub reads: u8,
    /// How many snapshots were made.
    pub snapshots: u8,
    /// The sessions of the clients that write.
    pub sessions: BTreeMap<Ticket, Index>,
    /// What clients did to the register, if they are answered: first those that write, then those that read.
    pub history: Option<History>,
}

impl View {
    /// A server has released an output.
    pub(super) fn told(
        &mut self,
        clients: &Clients,
        process: ProcessId,
        output: &Output<Register>,
    ) {
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
            Output::Opened { ticket, session } => {
                self.sessions.entry(*ticket).or_insert(*session);
            }
            Output::Replied { origin, reply } => {
                let mut sessions = self.sessions.iter();
                let client = sessions.find(|(_, session)| **session == origin.session);
                let client = client.map(|(ticket, _)| *ticket);
                self.answered(client, *reply);
            }
            Output::Answered { ticket, reply } => {
                self.answered(Some(u64::from(clients.commands) + ticket), *reply);
            }
            Output::Refused { request, .. } => match request {
                // In any order each is asked once, whatever it says.
                Request::Propose(_) if clients.requests == RequestOrder::Any => {}
                Request::Propose(entries) => entries.iter().for_each(|entry| self.refused(entry)),
                Request::Read(reads) => self.reads -= u8::try_from(reads.len()).expect("few"),
                Request::Compact => {}
            },
            Output::Ended { .. } | Output::Malformed { .. } => {}
        }
    }

    /// Whether at most one server has led each term.
    pub fn has_one_leader_a_term(&self) -> bool {
        self.leaders.values().all(|led| led.len() == 1)
    }

    /// Whether entries of one term were committed at each index.
    pub fn has_one_entry_an_index(&self) -> bool {
        self.committed.values().all(|terms| terms.len() == 1)
    }

    fn refused(&mut self, entry: &Proposal<u8>) {
        if let Some(times) = self.proposed.get_mut(entry) {
            *times -= 1;
            if *times == 0 {
                self.proposed.remove(entry);
            }
        }
    }

    fn answered(&mut self, client: Option<u64>, holds: u8) {
        let client = client.and_then(|client| u16::try_from(client).ok());
        if let (Some(history), Some(client)) = (&mut self.history, client) {
            history.answer(client, holds);
        }
    }

    /// Whether a client has been answered.
    fn has_answer(&self, client: u8) -> bool {
        let client = client.into();
        let history = self.history.as_ref();
        history.is_some_and(|history| history.invoked(client) > 0 && !history.waits(client))
    }

    /// How often this was proposed, but for what was refused.
    fn times(&self, entry: &Proposal<u8>) -> u8 {
        self.proposed.get(entry).copied().unwrap_or(0)
    }

    /// The last term that this server led.
    fn last_led(&self, server: ProcessId) -> Option<Term> {
        let mut led = self.leaders.iter().rev();
        led.find_map(|(term, servers)| servers.contains(server).then_some(*term))
    }

    /// Whether this was proposed to this server, as the leader that it was last.
    fn was_asked(&self, server: ProcessId, entry: &Proposal<u8>) -> bool {
        let term = self.last_led(server);
        term.is_some_and(|term| self.asked.contains(&(entry.clone(), term)))
    }
}

impl Clients {
    /// Whether a server is down from the start.
    pub fn is_absent(&self, server: ProcessId) -> bool {
        server.0 >= self.servers - self.absent
    }

    /// What a server is asked in any order, once.
    pub fn any_order(&self, server: ProcessId) -> Option<Request<Register>> {
        let command = u8::try_from(server.0 + 1).ok()?;
        let origin = None;
        let is_asked = command <= self.commands;
        is_asked.then(|| Request::Propose(vec![Proposal::Command { origin, command }]))
    }

    /// What may be proposed next.
    fn entries(&self, view: &View) -> Vec<Proposal<u8>> {
        if self.proposals == 0 {
            let command = u8::try_from(view.proposed.len()).expect("few commands") + 1;
            let entry = Proposal::Command {
                origin: None,
                command,
            };
            return Vec::from_iter((command <= self.commands).then_some(entry));
        }
        let clients = (0..self.commands).filter_map(|client| {
            let ticket = Ticket::from(client);
            let (entry, times) = match view.sessions.get(&ticket) {
                None => (Proposal::OpenSession { ticket }, 1),
                Some(session) => (command(*session, client + 1), self.proposals),
            };
            let may_ask = self.persistent || view.times(&entry) < times;
            (may_ask && !view.has_answer(client)).then_some(entry)
        });
        clients.collect()
    }

    /// Whether a server is up, or may come up again.
    pub fn takes_part<P: Protocol>(
        &self,
        environment: &Environment,
        server: ProcessId,
        process: &Process<P>,
    ) -> bool {
        !self.is_absent(server) && (environment.recovery || process.is_up())
    }

    /// Whether a term is so far ahead of the last server that nobody campaigns for a higher one.
    pub fn is_far_ahead<P>(
        &self,
        environment: &Environment,
        state: &SystemState<P, Self>,
        term: Term,
    ) -> bool
    where
        P: Protocol<Durable = Durable<Register>> + 'static,
        Self: Application<P>,
    {
        let processes = state
            .processes()
            .filter(|(server, process)| self.takes_part(environment, *server, process));
        let last = processes.map(|(_, process)| process.durable.term).min();
        last.is_some_and(|last| term >= last + self.ahead_max)
    }

    fn may_read(&self, view: &View) -> bool {
        !self.reads_last || (0..self.commands).all(|client| view.has_answer(client))
    }
}

/// Whether somebody leads, or has an entry of its own because it has led.
pub fn somebody_has_led<P>(state: &SystemState<P, Clients>) -> bool
where
    P: Protocol<State = State<Register>, Durable = Durable<Register>> + 'static,
    Clients: Application<P>,
{
    let leads = |knows: &State<Register>| matches!(knows.role, Role::Leader(_));
    state.live().any(|(_, knows)| leads(knows))
        || state
            .processes()
            .any(|(_, process)| process.durable.log.last().index > 0)
}

/// The one command of a session.
fn command(session: Index, command: u8) -> Proposal<u8> {
    let origin = Some(Origin {
        session,
        sequence: 1,
    });
    Proposal::Command { origin, command }
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
        let register = register::Register {
            holds: 0,
            once: false,
        };
        View {
            history: (self.proposals > 0).then(|| History::new(register)),
            ..View::default()
        }
    }

    fn requests(&self, view: &View, requests: &mut Vec<(ProcessId, Request<Register>)>) {
        let servers = (0..self.servers).map(ProcessId);
        if self.requests == RequestOrder::Any {
            let asked = servers.filter_map(|server| Some((server, self.any_order(server)?)));
            requests.extend(asked.filter(|(_, request)| match request {
                Request::Propose(entries) => entries.iter().all(|entry| view.times(entry) == 0),
                Request::Read(_) | Request::Compact => false,
            }));
            return;
        }
        let entries = self.entries(view);
        for server in servers {
            if view.leaders.values().any(|led| led.contains(server)) {
                let open = entries.iter();
                let open = open.filter(|entry| !view.was_asked(server, entry));
                let propose =
                    |entry: &Proposal<u8>| (server, Request::Propose(vec![entry.clone()]));
                requests.extend(open.map(propose));
                let reads_here = self.reads_at == 0 || server.0 < self.reads_at;
                if view.reads < self.reads && reads_here && self.may_read(view) {
                    requests.push((server, Request::Read(vec![(view.reads.into(), ())])));
                }
            }
            if view.snapshots < self.snapshots {
                requests.push((server, Request::Compact));
            }
        }
    }

    fn submitted(
        &self,
        view: &View,
        process: ProcessId,
        request: &Request<Register>,
    ) -> Option<View> {
        let mut next = view.clone();
        match request {
            Request::Propose(entries) => {
                for entry in entries {
                    match view.last_led(process).filter(|_| self.persistent) {
                        Some(term) => {
                            next.asked.insert((entry.clone(), term));
                        }
                        None => *next.proposed.entry(entry.clone()).or_insert(0) += 1,
                    }
                    if let (Some(history), Proposal::Command { command, .. }) =
                        (&mut next.history, entry)
                    {
                        let client = u16::from(*command) - 1;
                        if history.invoked(client) == 0 {
                            history.invoke(client, Operation::Write(*command));
                        }
                    }
                }
            }
            Request::Read(reads) => {
                next.reads += u8::try_from(reads.len()).expect("few reads");
                for (ticket, ()) in reads {
                    let client = u16::from(self.commands) + u16::try_from(*ticket).expect("few");
                    if let Some(history) = &mut next.history {
                        history.invoke(client, Operation::Read);
                    }
                }
            }
            Request::Compact => return None,
        }
        Some(next)
    }

    fn told(&self, view: &View, process: ProcessId, output: &Output<Register>) -> Option<View> {
        // Which terms there were is no part of what states of any number of terms have in common.
        if self.terms == 0 {
            return None;
        }
        let mut next = view.clone();
        next.told(self, process, output);
        (next != *view).then_some(next)
    }

    fn has_won(&self, knows: &State<Register>) -> bool {
        matches!(knows.role, Role::Leader(_))
    }

    fn forgets(&self) -> bool {
        true
    }

    fn is_lost(&self, envelope: &Envelope<Message<Register>>) -> bool {
        let is_absent = |server| self.is_absent(server);
        is_absent(envelope.from)
            || is_absent(envelope.to)
            || !self.replicates
                && matches!(
                    envelope.message,
                    Message::AppendEntries { .. }
                        | Message::Commit { .. }
                        | Message::InstallSnapshot { .. }
                )
    }

    fn spent_rules(&self) -> usize {
        usize::from(self.forgets_spent)
    }

    fn is_past_for_sender(
        &self,
        _: usize,
        _: &Envelope<Message<Register>>,
        _: Knowledge<'_, P>,
    ) -> bool {
        true
    }

    /// Terms only grow, also across a crash: an answer of an earlier one than its receiver's is dropped unread; and a
    /// refusal says nothing but its term. A vote is for a candidate that has not led yet.
    fn is_past_for_receiver(
        &self,
        _: usize,
        envelope: &Envelope<Message<Register>>,
        receiver: Knowledge<'_, P>,
    ) -> bool {
        let term = receiver.durable.term;
        match &envelope.message {
            Message::Vote { term: of, granted } => *of < term || *of == term && !granted,
            Message::Appended { term: of, .. }
            | Message::NotAppended { term: of, .. }
            | Message::Received { term: of, .. } => *of < term,
            Message::RequestVote { .. }
            | Message::AppendEntries { .. }
            | Message::Commit { .. }
            | Message::InstallSnapshot { .. } => false,
        }
    }

    fn with_other_numbers(
        &self,
        sent: &[Interned<Envelope<Message<Register>>>],
    ) -> Vec<Envelope<Message<Register>>> {
        match self.terms {
            0 => with_other_terms(sent),
            _ => Vec::new(),
        }
    }

    fn permits(&self, process: ProcessId, knows: &State<Register>, timer: &Timer) -> bool {
        match timer {
            Timer::Election if self.is_absent(process) => false,
            Timer::Election => self.terms == 0 || knows.term < self.terms + self.terms_left,
            Timer::Heartbeat => self.heartbeats,
        }
    }

    fn withholds(
        &self,
        environment: &Environment,
        state: &SystemState<P, Self>,
        process: ProcessId,
        timer: &Timer,
    ) -> bool
    where
        P: 'static,
    {
        let knows = state.processes[process.index()].state();
        let Some(knows) = knows.filter(|_| *timer == Timer::Election) else {
            return false;
        };
        match self.terms {
            0 if somebody_has_led(state) => true,
            // Once campaigns come one at a time, no term gets far ahead before somebody leads.
            _ if state.stable || environment.timers == Timers::Accurate => false,
            0 => self.is_far_ahead(environment, state, knows.term),
            terms => knows.term >= terms,
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
