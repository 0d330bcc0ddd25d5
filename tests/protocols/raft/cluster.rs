//! A cluster in one thread: the network is a list of messages, a disk is what its records fold to, and a test says what
//! happens next.

use std::collections::BTreeSet;

use quorate::protocol::{Driver, Effect, Input, Outside, ProcessId};
use quorate::raft::{
    self, Batch, Entries, Entry, Index, Limits, Origin, Position, Proposal, Raft, Register, Role,
    Term, Ticket, Timer,
};
use quorate_models::raft::properties::AnyRaft;

use super::transcript::Transcript;

pub type Message = raft::Message<Register>;
pub type Record = raft::Record<Register>;
pub type Durable = raft::Durable<Register>;
pub type Request = raft::Request<Register>;
pub type Output = raft::Output<Register>;
pub type State = raft::State<Register>;
pub type Leader = raft::Leader<Register>;
pub type Follower = raft::Follower<Register>;

pub const ONE: ProcessId = ProcessId(0);
pub const TWO: ProcessId = ProcessId(1);
pub const THREE: ProcessId = ProcessId(2);
pub const FOUR: ProcessId = ProcessId(3);
pub const FIVE: ProcessId = ProcessId(4);

/// A message with its sender and its receiver.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope {
    pub from: ProcessId,
    pub to: ProcessId,
    pub message: Message,
}

/// A server with its disk.
pub struct Server<P: AnyRaft> {
    /// What drives it, or nothing if it is down.
    pub driver: Option<Driver<P>>,
    /// What is on its disk.
    pub durable: Durable,
    /// Every record that it has written, oldest first, crashes or not; and whether it was forced.
    pub written: Vec<(Record, bool)>,
    /// Everything that it has told, crashes or not.
    pub told: Vec<Output>,
    pub timers: BTreeSet<Timer>,
}

impl<P: AnyRaft> Server<P> {
    /// What it knows, or nothing if it is down.
    pub fn state(&self) -> Option<&State> {
        self.driver.as_ref().map(|driver| &driver.state)
    }

    /// How many of its records are not durable.
    pub fn pending(&self) -> usize {
        let driver = self.driver.as_ref();
        driver.map_or(0, |driver| driver.hold_back.len())
    }
}

/// The surroundings of one server while it takes steps.
struct Around<'a, P: AnyRaft> {
    me: ProcessId,
    /// What it knew before the step.
    before: Option<State>,
    durable: &'a mut Durable,
    written: &'a mut Vec<(Record, bool)>,
    told: &'a mut Vec<Output>,
    timers: &'a mut BTreeSet<Timer>,
    network: &'a mut Vec<Envelope>,
    transcript: &'a mut Transcript,
    /// What it wanted done in all steps.
    wanted: Vec<Effect<P>>,
}

impl<P: AnyRaft> Outside<P> for Around<'_, P> {
    fn send(&mut self, to: ProcessId, message: Message) {
        self.transcript.sent(self.me, to, &message);
        let from = self.me;
        self.network.push(Envelope { from, to, message });
    }

    fn emit(&mut self, output: Output) {
        self.transcript.told(self.me, &output);
        self.told.push(output);
    }

    fn set_timer(&mut self, timer: Timer) {
        self.timers.insert(timer);
    }

    fn cancel_timer(&mut self, timer: Timer) {
        self.timers.remove(&timer);
    }

    fn record_durable(&mut self, record: Record) {
        P::apply(self.durable, &record);
        self.transcript.durable(self.me, &record);
    }

    fn looks(&self) -> bool {
        true
    }

    fn look(&mut self, input: &Input<P>, state: &State, effects: &[Effect<P>]) {
        if let Input::Timeout(fired) = input {
            self.timers.remove(fired);
        }
        for effect in effects {
            match effect {
                Effect::Persist(record) => self.written.push((record.clone(), true)),
                Effect::Append(record) => self.written.push((record.clone(), false)),
                _ => {}
            }
            self.transcript.wrote(self.me, effect);
        }
        self.wanted.extend_from_slice(effects);
        if let Some(before) = self.before.replace(state.clone()) {
            self.transcript.changed(self.me, &before, state);
        }
    }
}

/// Servers by id, and what is in flight between them.
pub struct Cluster<P: AnyRaft = Raft<Register>> {
    /// Each server's own: limits may differ.
    pub protocols: Vec<P>,
    pub servers: Vec<Server<P>>,
    /// In flight, in the order of sending.
    pub network: Vec<Envelope>,
    /// Whether records wait for [`Cluster::flush`], and are not durable at once.
    pub disks_are_slow: bool,
    /// What happens, for people.
    pub transcript: Transcript,
}

/// A log whose entries are of these terms. Equal positions hold equal entries.
pub fn log(terms: &[Term]) -> raft::Log<u8> {
    let mut log = raft::Log::default();
    for (index, term) in (1..).zip(terms) {
        log.append(Batch::new(*term, vec![entry(*term, index)]));
    }
    log
}

/// The entry that [`log`] has there.
pub fn entry(term: Term, index: Index) -> Entry<u8> {
    logged(u8::try_from(10 * term + index).expect("small"))
}

/// The entry of a [`command`].
pub fn logged(command: u8) -> Entry<u8> {
    Entry::Command {
        origin: None,
        command,
    }
}

/// Entries of these terms, the first of which comes at `first`, as [`log`] has them.
pub fn entries(first: Index, terms: &[Term]) -> Entries<u8> {
    let before = vec![0; usize::try_from(first - 1).expect("small")];
    let log = log(&[&before, terms].concat());
    log.slice(first, usize::MAX, |_| 1).0
}

/// A disk with a term and such a log.
pub fn disk(term: Term, terms: &[Term]) -> Durable {
    Durable {
        term,
        log: log(terms),
        ..Durable::default()
    }
}

/// A command that nobody has to be answered for.
pub fn command(command: u8) -> Proposal<u8> {
    Proposal::Command {
        origin: None,
        command,
    }
}

/// A command of a session.
pub fn numbered(session: Index, sequence: u64, command: u8) -> Proposal<u8> {
    let origin = Some(Origin { session, sequence });
    Proposal::Command { origin, command }
}

pub fn position(term: Term, index: Index) -> Position {
    Position { term, index }
}

impl Cluster {
    /// So many servers by the published rules, all up, with empty disks.
    pub fn new(servers: usize) -> Self {
        Self::with_limits(servers, Limits::default())
    }

    pub fn with_limits(servers: usize, limits: Limits) -> Self {
        let raft = Raft::new(servers, limits).expect("a sensible number");
        Self::of(raft, vec![Durable::default(); servers])
    }

    /// Servers that come up with these disks.
    pub fn on(disks: Vec<Durable>) -> Self {
        let raft = Raft::new(disks.len(), Limits::default()).expect("a sensible number");
        Self::of(raft, disks)
    }

    /// Servers of which the first leads in term 1, and everybody knows.
    pub fn led(servers: usize) -> Self {
        Self::led_with(servers, Limits::default())
    }

    pub fn led_with(servers: usize, limits: Limits) -> Self {
        let mut cluster = Self::with_limits(servers, limits);
        cluster.elect(ONE);
        cluster.settle();
        cluster
    }
}

impl<P: AnyRaft> Cluster<P> {
    pub fn of(protocol: P, disks: Vec<Durable>) -> Self
    where
        P: Clone,
    {
        Self::each(vec![protocol; disks.len()], disks)
    }

    /// Servers each of which steps its own protocol.
    pub fn each(protocols: Vec<P>, disks: Vec<Durable>) -> Self {
        assert_eq!(protocols.len(), disks.len());
        let server = |durable| Server {
            driver: None,
            durable,
            written: Vec::new(),
            told: Vec::new(),
            timers: BTreeSet::new(),
        };
        let mut cluster = Self {
            protocols,
            servers: disks.into_iter().map(server).collect(),
            network: Vec::new(),
            disks_are_slow: false,
            transcript: Transcript::off(),
        };
        for server in cluster.ids() {
            cluster.start(server);
        }
        cluster
    }

    pub fn ids(&self) -> Vec<ProcessId> {
        (0..).map(ProcessId).take(self.servers.len()).collect()
    }

    pub fn server(&self, id: ProcessId) -> &Server<P> {
        &self.servers[id.index()]
    }

    /// What a live server knows.
    pub fn state(&self, id: ProcessId) -> &State {
        self.server(id).state().expect("a live server")
    }

    pub fn is_up(&self, id: ProcessId) -> bool {
        self.server(id).driver.is_some()
    }

    pub fn leads(&self, id: ProcessId) -> bool {
        matches!(self.server(id).state(), Some(state) if matches!(state.role, Role::Leader(_)))
    }

    pub fn leader(&self, id: ProcessId) -> &Leader {
        match &self.state(id).role {
            Role::Leader(leader) => leader,
            other => panic!("not a leader: {other:?}"),
        }
    }

    pub fn follower(&self, id: ProcessId) -> &Follower {
        match &self.state(id).role {
            Role::Follower(follower) => follower,
            other => panic!("not a follower: {other:?}"),
        }
    }

    pub fn is_candidate(&self, id: ProcessId) -> bool {
        matches!(self.state(id).role, Role::Candidate { .. })
    }

    /// What a server's state machine holds.
    pub fn applied(&self, id: ProcessId) -> &[u8] {
        &self.state(id).applied.machine.0
    }

    /// The terms of a server's log.
    pub fn terms(&self, id: ProcessId) -> Vec<Term> {
        let log = &self.state(id).log;
        log.entries().map(|(term, _)| term).collect()
    }

    /// Steps a server, and whatever that brings at once: records that are durable, and reports of it. Returns what it
    /// wanted done.
    pub fn step(&mut self, me: ProcessId, input: Input<P>) -> Vec<Effect<P>> {
        let server = &mut self.servers[me.index()];
        if let Input::Timeout(timer) = &input {
            assert!(server.timers.contains(timer), "{timer:?} is not set");
        }
        self.drive(me, |protocol, driver, around| {
            let driver = driver.as_mut().expect("a live server");
            driver.step(protocol, me, input, around);
        })
    }

    /// Does something with a server; then what it has written is durable, unless disks are slow. Returns what it wanted
    /// done.
    fn drive(
        &mut self,
        me: ProcessId,
        act: impl FnOnce(&P, &mut Option<Driver<P>>, &mut Around<'_, P>),
    ) -> Vec<Effect<P>> {
        let Server {
            driver,
            durable,
            written,
            told,
            timers,
        } = &mut self.servers[me.index()];
        let mut around = Around {
            me,
            before: driver.as_ref().map(|driver| driver.state.clone()),
            durable,
            written,
            told,
            timers,
            network: &mut self.network,
            transcript: &mut self.transcript,
            wanted: Vec::new(),
        };
        let protocol = &self.protocols[me.index()];
        act(protocol, driver, &mut around);
        let Some(driver) = driver else {
            return around.wanted;
        };
        while !self.disks_are_slow && !driver.hold_back.is_empty() {
            driver.durable(protocol, me, driver.hold_back.len(), &mut around);
        }
        let set: BTreeSet<Timer> = protocol.timers(&driver.state).into_iter().collect();
        assert_eq!(*around.timers, set, "timers set, and read off the state");
        let mut believed = around.durable.clone();
        driver
            .pending()
            .for_each(|record| P::apply(&mut believed, record));
        assert_eq!(believed, protocol.durable(&driver.state));
        around.wanted
    }

    /// Makes the oldest pending records of a server durable: so many, if there are.
    pub fn flush(&mut self, me: ProcessId, records_max: usize) {
        self.transcript.happens(|| {
            let records = if records_max == 1 {
                "record"
            } else {
                "records"
            };
            format!("{}'s pending {records} durable", name(me))
        });
        self.drive(me, |protocol, driver, around| {
            let driver = driver.as_mut().expect("a live server");
            let count = driver.hold_back.len().min(records_max);
            driver.durable(protocol, me, count, around);
        });
    }

    /// Makes all pending records of all servers durable.
    pub fn flush_all(&mut self) {
        for server in self.ids() {
            while self.server(server).pending() > 0 {
                self.flush(server, usize::MAX);
            }
        }
    }

    /// Comes up with what is on disk.
    pub fn start(&mut self, me: ProcessId) -> Vec<Effect<P>> {
        self.transcript.happens(|| format!("{} starts", name(me)));
        let server = self.server(me);
        assert!(server.driver.is_none(), "{me:?} is up");
        let durable = server.durable.clone();
        self.drive(me, |protocol, driver, around| {
            around.before = Some(protocol.initial(me));
            *driver = Some(Driver::start(protocol, me, durable, around));
        })
    }

    /// Forgets all but the disk.
    pub fn crash(&mut self, me: ProcessId) {
        self.transcript.happens(|| format!("{} crashes", name(me)));
        let server = &mut self.servers[me.index()];
        server.driver = None;
        server.timers.clear();
    }

    pub fn restart(&mut self, me: ProcessId) -> Vec<Effect<P>> {
        self.crash(me);
        self.start(me)
    }

    pub fn fire(&mut self, me: ProcessId, timer: Timer) -> Vec<Effect<P>> {
        let happens = || format!("{}'s timer {timer:?} fires", name(me));
        self.transcript.happens(happens);
        self.step(me, Input::Timeout(timer))
    }

    pub fn campaign(&mut self, me: ProcessId) -> Vec<Effect<P>> {
        self.fire(me, Timer::Election)
    }

    pub fn beat(&mut self, me: ProcessId) -> Vec<Effect<P>> {
        self.fire(me, Timer::Heartbeat)
    }

    pub fn submit(&mut self, me: ProcessId, request: Request) -> Vec<Effect<P>> {
        let happens = || format!("a client asks {} to {request:?}", name(me));
        self.transcript.happens(happens);
        self.step(me, Input::Submit(request))
    }

    pub fn propose(
        &mut self,
        me: ProcessId,
        proposals: impl IntoIterator<Item = Proposal<u8>>,
    ) -> Vec<Effect<P>> {
        self.submit(me, Request::Propose(proposals.into_iter().collect()))
    }

    pub fn read(&mut self, me: ProcessId, ticket: Ticket) -> Vec<Effect<P>> {
        self.submit(me, Request::Read(vec![(ticket, ())]))
    }

    pub fn compact(&mut self, me: ProcessId) -> Vec<Effect<P>> {
        self.submit(me, Request::Compact)
    }

    /// A message arrives, which was in flight or was not.
    pub fn receive(&mut self, from: ProcessId, to: ProcessId, message: Message) -> Vec<Effect<P>> {
        self.transcript
            .happens(|| format!("{} receives {message:?} from {}", name(to), name(from)));
        self.step(to, Input::Receive { from, message })
    }

    /// Delivers what is at this place of the network. Whoever is down gets nothing.
    pub fn deliver_at(&mut self, place: usize) -> Vec<Effect<P>> {
        let Envelope { from, to, message } = self.network.remove(place);
        match self.is_up(to) {
            true => self.receive(from, to, message),
            false => {
                self.transcript
                    .happens(|| format!("{message:?} from {} reaches nobody", name(from)));
                Vec::new()
            }
        }
    }

    /// Delivers the oldest message from one to another.
    pub fn deliver(&mut self, from: ProcessId, to: ProcessId) -> Vec<Effect<P>> {
        let mut network = self.network.iter();
        let place = network.position(|envelope| (envelope.from, envelope.to) == (from, to));
        self.deliver_at(place.expect("a message in flight"))
    }

    /// Delivers, in order, until nothing is in flight.
    pub fn settle(&mut self) {
        while !self.network.is_empty() {
            self.deliver_at(0);
        }
    }

    /// Delivers, in order, what goes between these servers, until nothing does. The rest stays in flight.
    pub fn settle_among(&mut self, servers: &[ProcessId]) {
        let is_among = |envelope: &Envelope| {
            servers.contains(&envelope.from) && servers.contains(&envelope.to)
        };
        while let Some(place) = self.network.iter().position(is_among) {
            self.deliver_at(place);
        }
    }

    /// Loses what is in flight and like this.
    pub fn lose(&mut self, mut is_lost: impl FnMut(&Envelope) -> bool) {
        let (lost, rest) = std::mem::take(&mut self.network)
            .into_iter()
            .partition::<Vec<_>, _>(|envelope| is_lost(envelope));
        self.network = rest;
        for Envelope { from, to, message } in lost {
            self.transcript.happens(|| {
                format!(
                    "the network loses {message:?} from {} to {}",
                    name(from),
                    name(to)
                )
            });
        }
    }

    pub fn lose_all(&mut self) {
        self.lose(|_| true);
    }

    /// Campaigns, and everybody answers. Nothing that it sends as a leader is delivered yet.
    pub fn elect(&mut self, me: ProcessId) {
        self.campaign(me);
        for other in self.ids() {
            if other != me && self.is_up(other) {
                self.deliver(me, other);
                self.deliver(other, me);
            }
        }
        assert!(self.leads(me), "{:?}", self.state(me));
    }

    /// What is in flight from one to another, in order.
    pub fn in_flight(&self, from: ProcessId, to: ProcessId) -> Vec<Message> {
        let network = self.network.iter();
        network
            .filter(|envelope| (envelope.from, envelope.to) == (from, to))
            .map(|envelope| envelope.message.clone())
            .collect()
    }

    /// The one message in flight from one to another, taken out.
    pub fn take(&mut self, from: ProcessId, to: ProcessId) -> Message {
        let messages = self.in_flight(from, to);
        assert_eq!(messages.len(), 1, "{messages:?}");
        let is_other = |envelope: &Envelope| (envelope.from, envelope.to) != (from, to);
        self.network.retain(is_other);
        messages.into_iter().next().expect("one")
    }
}

/// A server's name for people.
pub fn name(server: ProcessId) -> String {
    format!("server {}", server.0 + 1)
}

/// What effects say that is to be told.
pub fn told<P: AnyRaft>(effects: &[Effect<P>]) -> Vec<Output> {
    let outputs = effects.iter().filter_map(|effect| match effect {
        Effect::Emit(output) => Some(output.clone()),
        _ => None,
    });
    outputs.collect()
}

/// What effects say that is to be sent.
pub fn sent<P: AnyRaft>(effects: &[Effect<P>]) -> Vec<(ProcessId, Message)> {
    let messages = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, message } => Some((*to, message.clone())),
        _ => None,
    });
    messages.collect()
}

/// Whether effects start this timer anew.
pub fn sets<P: AnyRaft>(effects: &[Effect<P>], timer: Timer) -> bool {
    effects.contains(&Effect::SetTimer(timer))
}

/// What effects force to disk.
pub fn forced<P: AnyRaft>(effects: &[Effect<P>]) -> Vec<Record> {
    let records = effects.iter().filter_map(|effect| match effect {
        Effect::Persist(record) => Some(record.clone()),
        _ => None,
    });
    records.collect()
}
