//! A cluster in one thread: disks are lists of records, the network is a list of messages, and a test
//! says what happens next.

use std::collections::BTreeSet;

use quorate::protocol::{Effect, EffectList, HoldBack, Input, ProcessId, Protocol, Release};
use quorate::two_phase_commit::{
    COORDINATOR, Coordinator, Decision, Message, Output, Participant, Progress, Request, Rules,
    State, Status, TransactionId, TwoPhaseCommit, Vote,
};

/// A message with its sender and its receiver.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Envelope<M = Message> {
    pub from: ProcessId,
    pub to: ProcessId,
    pub message: M,
}

/// A process with its disk.
pub struct Node<P: Protocol> {
    /// What it knows, or nothing if it is down.
    pub state: Option<P::State>,
    /// The records on its disk, oldest first.
    pub log: Vec<P::Record>,
    /// Every record that it has forced, crashes or not.
    pub forced: Vec<P::Record>,
    /// Every record that it has written lazily, crashes or not.
    pub lazy: Vec<P::Record>,
    /// Everything that it has told.
    pub outputs: Vec<P::Output>,
    pub hold_back: HoldBack<P>,
    pub timers: BTreeSet<P::Timer>,
}

/// Processes by id, and what is in flight between them.
pub struct Cluster<P: Protocol = TwoPhaseCommit> {
    pub protocol: P,
    pub nodes: Vec<Node<P>>,
    /// In flight, in the order of sending.
    pub network: Vec<Envelope<P::Message>>,
    /// Everything ever sent.
    pub sent: Vec<Envelope<P::Message>>,
    /// Whether records wait for [`Cluster::flush`], and are not durable at once.
    pub disks_are_slow: bool,
}

/// The fold of records.
pub fn fold<'a, P: Protocol>(records: impl IntoIterator<Item = &'a P::Record>) -> P::Durable
where
    P::Record: 'a,
{
    let mut durable = P::Durable::default();
    for record in records {
        P::apply(&mut durable, record);
    }
    durable
}

pub fn ids(ids: impl IntoIterator<Item = u16>) -> BTreeSet<ProcessId> {
    ids.into_iter().map(ProcessId).collect()
}

pub fn id(epoch: u64, number: u64) -> TransactionId {
    TransactionId { epoch, number }
}

pub const ONE: ProcessId = ProcessId(1);
pub const TWO: ProcessId = ProcessId(2);

pub fn decided(transaction: TransactionId, decision: Decision) -> Message {
    Message::Decision {
        transaction,
        decision,
    }
}

pub fn vote(transaction: TransactionId, vote: Vote) -> Message {
    Message::Vote { transaction, vote }
}

pub fn prepare(transaction: TransactionId, retired_below: TransactionId) -> Message {
    Message::Prepare {
        transaction,
        peers: BTreeSet::new(),
        retired_below,
    }
}

impl Cluster {
    /// A coordinator and so many participants, all started.
    pub fn new(participants: usize) -> Self {
        Self::of(TwoPhaseCommit::new(participants).expect("a sensible number"))
    }
}

impl<P> Cluster<P>
where
    P: Protocol<Request = Request, Output = Output>,
{
    pub fn of(protocol: P) -> Self {
        let node = || Node {
            state: None,
            log: Vec::new(),
            forced: Vec::new(),
            lazy: Vec::new(),
            outputs: Vec::new(),
            hold_back: HoldBack::new(),
            timers: BTreeSet::new(),
        };
        let mut cluster = Self {
            nodes: (0..protocol.processes()).map(|_| node()).collect(),
            protocol,
            network: Vec::new(),
            sent: Vec::new(),
            disks_are_slow: false,
        };
        for number in 0..cluster.nodes.len() {
            cluster.recover(ProcessId(number as u16));
        }
        cluster
    }

    /// Steps one process. Returns what it tells in consequence.
    pub fn step(&mut self, me: ProcessId, input: Input<P>) -> Vec<Output> {
        let node = &mut self.nodes[me.index()];
        let told = node.outputs.len();
        let state = node.state.as_mut().expect("a live process");
        if let Input::Timeout(timer) = &input {
            assert!(node.timers.remove(timer), "{timer:?} is not set");
        }
        let mut effects = EffectList::new();
        self.protocol.step(me, state, input, &mut effects);
        let mut released = Vec::new();
        for effect in effects.take() {
            match &effect {
                Effect::SetTimer(timer) => drop(node.timers.insert(timer.clone())),
                Effect::CancelTimer(timer) => drop(node.timers.remove(timer)),
                Effect::Persist(record) => node.forced.push(record.clone()),
                Effect::Append(record) => node.lazy.push(record.clone()),
                _ => {}
            }
            node.hold_back.push(effect, &mut released);
        }
        let timers: BTreeSet<P::Timer> = self.protocol.timers(state).into_iter().collect();
        assert_eq!(node.timers, timers, "timers set, and read off the state");
        let pending = node.hold_back.pending().map(|pending| &pending.record);
        let fold = fold::<P>(node.log.iter().chain(pending));
        assert_eq!(fold, self.protocol.durable(state));
        self.release(me, released);
        if !self.disks_are_slow {
            self.flush(me);
        }
        self.nodes[me.index()].outputs[told..].to_vec()
    }

    fn release(&mut self, from: ProcessId, releases: impl IntoIterator<Item = Release<P>>) {
        for release in releases {
            match release {
                Release::Send { to, message } => {
                    let envelope = Envelope { from, to, message };
                    self.sent.push(envelope.clone());
                    self.network.push(envelope);
                }
                Release::Emit(output) => self.nodes[from.index()].outputs.push(output),
                Release::Durable(_) => unreachable!("these protocols ask for no reports"),
            }
        }
    }

    /// Makes all pending records of a process durable.
    pub fn flush(&mut self, process: ProcessId) {
        let node = &mut self.nodes[process.index()];
        let flushed: Vec<_> = node.hold_back.durable(node.hold_back.len()).collect();
        for pending in flushed {
            self.nodes[process.index()].log.push(pending.record);
            self.release(process, pending.releases);
        }
    }

    pub fn submit(&mut self, process: ProcessId, request: Request) -> Vec<Output> {
        self.step(process, Input::Submit(request))
    }

    pub fn receive(&mut self, from: ProcessId, to: ProcessId, message: P::Message) -> Vec<Output> {
        self.step(to, Input::Receive { from, message })
    }

    pub fn fire(&mut self, process: ProcessId, timer: P::Timer) -> Vec<Output> {
        self.step(process, Input::Timeout(timer))
    }

    /// Takes the oldest message out of the network and delivers it, unless its receiver is down.
    pub fn deliver(&mut self) {
        let Envelope { from, to, message } = self.network.remove(0);
        if self.nodes[to.index()].state.is_some() {
            self.receive(from, to, message);
        }
    }

    /// Delivers until nothing is in flight.
    pub fn deliver_all(&mut self) {
        while !self.network.is_empty() {
            self.deliver();
        }
    }

    /// The process forgets all but its log.
    pub fn crash(&mut self, process: ProcessId) {
        let node = &mut self.nodes[process.index()];
        node.state = None;
        node.hold_back = HoldBack::new();
        node.timers.clear();
    }

    /// The process comes up with what its log says.
    pub fn recover(&mut self, process: ProcessId) -> Vec<Output> {
        let node = &mut self.nodes[process.index()];
        node.state = Some(self.protocol.initial(process));
        let durable = fold::<P>(&node.log);
        self.step(process, Input::Start(durable))
    }

    pub fn restart(&mut self, process: ProcessId) -> Vec<Output> {
        self.crash(process);
        self.recover(process)
    }

    pub fn begin(&mut self) -> TransactionId {
        match self.submit(COORDINATOR, Request::Begin)[..] {
            [Output::Begun(transaction)] => transaction,
            ref other => panic!("not begun: {other:?}"),
        }
    }

    pub fn work(&mut self, transaction: TransactionId, at: impl IntoIterator<Item = u16>) {
        for participant in at {
            self.submit(ProcessId(participant), Request::Work(transaction));
        }
    }

    pub fn ask_commit(
        &mut self,
        transaction: TransactionId,
        at: impl IntoIterator<Item = u16>,
    ) -> Vec<Output> {
        let participants = ids(at);
        let request = Request::Commit {
            transaction,
            participants,
        };
        self.submit(COORDINATOR, request)
    }

    /// A transaction with work at these participants, up to its Prepares in flight.
    pub fn prepare(&mut self, at: impl IntoIterator<Item = u16> + Clone) -> TransactionId {
        let transaction = self.begin();
        self.work(transaction, at.clone());
        self.ask_commit(transaction, at);
        transaction
    }

    /// A transaction of these participants from its beginning to its end.
    pub fn commit(&mut self, at: impl IntoIterator<Item = u16> + Clone) -> TransactionId {
        let transaction = self.prepare(at);
        self.deliver_all();
        transaction
    }

    pub fn node(&self, process: u16) -> &Node<P> {
        &self.nodes[usize::from(process)]
    }

    /// How many records all processes together have forced.
    pub fn forced(&self) -> usize {
        self.nodes.iter().map(|node| node.forced.len()).sum()
    }
}

impl<R: Rules> Cluster<TwoPhaseCommit<R>> {
    pub fn coordinator(&self) -> &Coordinator {
        match &self.nodes[0].state {
            Some(State::Coordinator(coordinator)) => coordinator,
            other => panic!("not a live coordinator: {other:?}"),
        }
    }

    pub fn participant(&self, process: u16) -> &Participant {
        match &self.node(process).state {
            Some(State::Participant(participant)) => participant,
            other => panic!("not a live participant: {other:?}"),
        }
    }

    pub fn status(&self, process: u16, transaction: TransactionId) -> Option<Status> {
        let statuses = &self.participant(process).statuses;
        statuses.get(&transaction).cloned()
    }

    pub fn progress(&self, transaction: TransactionId) -> Option<&Progress> {
        self.coordinator().transactions.get(&transaction)
    }
}
