//! Write-once registers: one decree of Paxos for each name, so that whatever is written first stays.
//!
//! [`Registers`] runs any number of decrees of [`Paxos`] side by side, and is a [`Protocol`] itself: so the service is
//! checked as the protocol is. Each node has all three roles in each decree, on one disk.
//!
//! # Roles that share a node
//!
//! What a role says to another one of its node goes by no network: the other is stepped at once, before anything that was
//! written is durable. That is sound, for whatever comes of it and leaves the node, be it a message or an answer, is listed
//! behind those records, and is held back until they are durable. A crash takes all three roles together.
//!
//! # Writing and reading
//!
//! ```text
//! client            node                                  other nodes
//! Write(v)      →   proposer: Propose(v)              ←→  a decree of Paxos
//!                   its proposer or learner knows
//! Output(chosen) ←                                        Chosen: each that knows writes it down, and drops the decree
//!
//! Read          →   Poll                              →   what has your acceptor accepted last?
//!                   a quorum: nothing                 ←   Vote
//! Output(none)  ←
//! ```
//!
//! A read is answered with what was chosen, if that is known. That nothing is can be answered too: when the acceptors of a
//! quorum of the first phase have each, after the read has begun, accepted nothing, nothing had been chosen when it began,
//! for a quorum that chooses has an acceptor in common with them. If somebody has accepted something, and nobody says in time
//! that it was chosen, whoever proposed it may have failed: the reader's node proposes it, too.
//!
//! # What was chosen
//!
//! A node that knows it keeps nothing else of the decree, neither promises nor acceptances: it takes no part in it any more,
//! as if its acceptor had failed, and answers whoever asks with the decision.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use derive_where::derive_where;
use serde::{Deserialize, Serialize};

use crate::paxos::{
    self, AcceptorSet, ConfigurationError, Paxos, Phase, Published, Quorums, Rules, Vote,
};
use crate::protocol::{Data, Effect, EffectList, Effects, Input, ProcessId, Protocol, TimerKind};

/// By which a register is known.
pub type Name = String;

/// By what whoever asks recognises the answer. No two requests to a node have the same, crashes notwithstanding.
pub type Ticket = u64;

/// A role of a node, in one decree.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Role {
    /// Wants a value chosen.
    Proposer,
    /// Chooses, together with others.
    Acceptor,
    /// Wants to know what is chosen.
    Learner,
}

impl Role {
    const ALL: [Self; 3] = [Self::Proposer, Self::Acceptor, Self::Learner];
}

/// What the application asks. Each request is answered by an [`Output`] with its ticket.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Request<V> {
    /// Write a register, unless something is written there.
    Write {
        /// By what it is recognised.
        ticket: Ticket,
        /// Which.
        name: Name,
        /// What.
        value: V,
    },
    /// Read a register.
    Read {
        /// By what it is recognised.
        ticket: Ticket,
        /// Which.
        name: Name,
    },
}

/// What the application is told: what a register holds.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Output<V> {
    /// What it had asked.
    pub ticket: Ticket,
    /// What it holds for good. Or nothing, when it was read: at some moment since.
    pub value: Option<V>,
}

/// What nodes send each other.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Message<V> {
    /// A message of a decree.
    Decree {
        /// Of which.
        name: Name,
        /// Which role of the sender says it.
        from: Role,
        /// And to which of the receiver.
        to: Role,
        /// What.
        message: paxos::Message<V>,
    },
    /// A node that is asked what a register holds asks what the acceptor has accepted last.
    Poll {
        /// In the decree of which register.
        name: Name,
        /// For which request.
        ticket: Ticket,
    },
    /// It has accepted this last.
    Vote {
        /// In the decree of which register.
        name: Name,
        /// For which request.
        ticket: Ticket,
        /// What, if anything.
        accepted: Option<Vote<V>>,
    },
}

/// What a node may wait for.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Timer {
    /// What a role waits for.
    Decree {
        /// In the decree of which register.
        name: Name,
        /// Which role.
        role: Role,
        /// What for.
        timer: paxos::Timer,
    },
    /// A read of this register has no answer: something may have been lost, or whoever has proposed may have failed.
    Read(Name),
}

/// What a node writes to its disk.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Record<V> {
    /// A record of a decree.
    Decree {
        /// Of which.
        name: Name,
        /// Which.
        record: paxos::Record<V>,
    },
    /// Lazy: what was chosen, in the place of all else of the decree.
    Chosen {
        /// In which.
        name: Name,
        /// What.
        value: V,
    },
}

/// What a disk holds: of each register that anything is known of.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[derive_where(Default)]
pub struct Durable<V>(pub BTreeMap<Name, Kept<V>>);

/// What a disk holds of a register.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Kept<V> {
    /// What its decree has written.
    Decree(paxos::Durable<V>),
    /// What was chosen.
    Chosen(V),
}

/// What a node knows: of each register that anything is known or asked of.
pub type State<V> = BTreeMap<Name, Register<V>>;

/// What a node knows of a register.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Register<V> {
    /// It does not know that anything was chosen.
    Open(Box<Decree<V>>),
    /// What was chosen.
    Chosen(V),
}

/// A node's part in a decree.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Decree<V> {
    /// What its roles know, in their order.
    roles: [paxos::State<V>; 3],
    /// Who waits for an answer.
    waiting: BTreeMap<Ticket, Waiting<V>>,
}

/// What a request waits for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Waiting<V> {
    /// That something is chosen.
    Write,
    /// That, or votes.
    Read {
        /// The acceptors that have accepted nothing, after it had begun.
        empty: AcceptorSet,
        /// Of what others have accepted, that in the highest ballot.
        accepted: Option<Vote<V>>,
    },
}

impl<V: Clone> Decree<V> {
    fn role(&mut self, role: Role) -> &mut paxos::State<V> {
        &mut self.roles[role as usize]
    }

    /// What one of its roles knows.
    pub fn knows(&self, role: Role) -> &paxos::State<V> {
        &self.roles[role as usize]
    }

    /// Whether this request waits for an answer.
    pub fn waits(&self, ticket: Ticket) -> bool {
        self.waiting.contains_key(&ticket)
    }

    /// What its acceptor has accepted last.
    fn accepted(&self) -> Option<Vote<V>> {
        match self.knows(Role::Acceptor) {
            paxos::State::Acceptor(acceptor) => acceptor.accepted.clone(),
            paxos::State::Proposer(_) | paxos::State::Learner(_) => None,
        }
    }

    /// Whether it is read.
    fn is_read(&self) -> bool {
        let mut waiting = self.waiting.values();
        waiting.any(|waiting| matches!(waiting, Waiting::Read { .. }))
    }
}

/// Write-once registers, on nodes of which each has all roles.
#[derive(Clone, Debug)]
pub struct Registers<V, R = Published> {
    paxos: Paxos<V, R>,
    nodes: u16,
}

impl<V: Data> Registers<V> {
    /// On so many nodes, by majorities and the published rules.
    ///
    /// # Errors
    ///
    /// If there are none, or too many.
    pub fn new(nodes: usize) -> Result<Self, ConfigurationError> {
        Self::with_rules(nodes, Published)
    }
}

impl<V: Data, R: Rules> Registers<V, R> {
    /// The same by other rules.
    ///
    /// # Errors
    ///
    /// See [`Registers::new`].
    pub fn with_rules(nodes: usize, rules: R) -> Result<Self, ConfigurationError> {
        let quorums = Quorums::majorities(nodes)?;
        let paxos = Paxos::with_rules(nodes, nodes, quorums, rules)?;
        // There are no more than acceptors may be.
        let nodes = nodes as u16;
        Ok(Self { paxos, nodes })
    }

    /// The process of a decree that is this role of a node.
    fn process(&self, node: ProcessId, role: Role) -> ProcessId {
        ProcessId(role as u16 * self.nodes + node.0)
    }

    /// And the other way round.
    fn place(&self, process: ProcessId) -> (ProcessId, Role) {
        let role = Role::ALL[usize::from(process.0 / self.nodes)];
        (ProcessId(process.0 % self.nodes), role)
    }

    fn others(&self, me: ProcessId) -> impl Iterator<Item = ProcessId> + use<V, R> {
        let all = (0..self.nodes).map(ProcessId);
        all.filter(move |node| *node != me)
    }

    /// Steps a role, and then those of this node that it speaks to. Returns what was chosen, if one of them knows it.
    fn step_roles(
        &self,
        me: ProcessId,
        name: &Name,
        decree: &mut Decree<V>,
        (role, input): (Role, Input<Paxos<V, R>>),
        effects: &mut dyn Effects<Self>,
    ) -> Option<V> {
        let mut inputs = VecDeque::from([(role, input)]);
        let mut own = EffectList::new();
        let mut chosen = None;
        while let Some((role, input)) = inputs.pop_front() {
            let process = self.process(me, role);
            let state = decree.role(role);
            self.paxos.step(process, state, input, &mut own);
            for effect in own.drain() {
                let name = name.clone();
                match effect {
                    Effect::Persist(record) => effects.persist(Record::Decree { name, record }),
                    Effect::Append(record) => effects.append(Record::Decree { name, record }),
                    Effect::ReportDurable(position) => effects.report_durable(position),
                    Effect::Send { to, message } => match self.place(to) {
                        (node, to) if node == me => {
                            let from = process;
                            inputs.push_back((to, Input::Receive { from, message }));
                        }
                        (node, to) => {
                            let from = role;
                            let message = Message::Decree {
                                name,
                                from,
                                to,
                                message,
                            };
                            effects.send(node, message);
                        }
                    },
                    Effect::Emit(paxos::Output::Chosen(value)) => chosen = Some(value),
                    // It is busy with another value: what is chosen will be told.
                    Effect::Emit(paxos::Output::Refused(_)) => {}
                    Effect::SetTimer(timer) => {
                        effects.set_timer(Timer::Decree { name, role, timer });
                    }
                    Effect::CancelTimer(timer) => {
                        effects.cancel_timer(Timer::Decree { name, role, timer });
                    }
                }
            }
        }
        chosen
    }

    /// A part in a decree, with what the disk holds of it.
    fn open(
        &self,
        me: ProcessId,
        name: &Name,
        durable: &paxos::Durable<V>,
        effects: &mut dyn Effects<Self>,
    ) -> Box<Decree<V>> {
        let roles = Role::ALL.map(|role| self.paxos.initial(self.process(me, role)));
        let waiting = BTreeMap::new();
        let mut decree = Box::new(Decree { roles, waiting });
        for role in Role::ALL {
            let start = Input::Start(durable.clone());
            self.step_roles(me, name, &mut decree, (role, start), effects);
        }
        decree
    }

    /// Does something in a decree in which nothing is known to be chosen, and then sees whether something is.
    fn in_decree(
        &self,
        me: ProcessId,
        state: &mut State<V>,
        name: Name,
        effects: &mut dyn Effects<Self>,
        does: impl FnOnce(&mut Decree<V>, &mut dyn Effects<Self>) -> Option<V>,
    ) {
        let mut decree = match state.remove(&name) {
            Some(Register::Open(decree)) => decree,
            Some(chosen @ Register::Chosen(_)) => {
                state.insert(name, chosen);
                return;
            }
            None => self.open(me, &name, &paxos::Durable::default(), effects),
        };
        let was_read = decree.is_read();
        let chosen = does(&mut decree, effects);
        let is_read = decree.is_read() && chosen.is_none();
        if is_read && !was_read {
            effects.set_timer(Timer::Read(name.clone()));
        }
        if was_read && !is_read {
            effects.cancel_timer(Timer::Read(name.clone()));
        }
        if let Some(value) = chosen {
            self.forget(&name, &decree, effects);
            effects.append(Record::Chosen {
                name: name.clone(),
                value: value.clone(),
            });
            for ticket in decree.waiting.into_keys() {
                let value = Some(value.clone());
                effects.emit(Output { ticket, value });
            }
            state.insert(name, Register::Chosen(value));
        } else if self.is_blank(me, &decree) {
            self.forget(&name, &decree, effects);
        } else {
            state.insert(name, Register::Open(decree));
        }
    }

    /// Whether nothing is known, and nothing is asked.
    fn is_blank(&self, me: ProcessId, decree: &Decree<V>) -> bool {
        let mut roles = Role::ALL.into_iter().zip(&decree.roles);
        decree.waiting.is_empty()
            && roles.all(|(role, state)| *state == self.paxos.initial(self.process(me, role)))
    }

    /// Its roles wait for nothing any more.
    fn forget(&self, name: &Name, decree: &Decree<V>, effects: &mut dyn Effects<Self>) {
        for timer in self.timers_of_roles(name, decree) {
            effects.cancel_timer(timer);
        }
    }

    fn timers_of_roles(
        &self,
        name: &Name,
        decree: &Decree<V>,
    ) -> impl Iterator<Item = Timer> + use<'_, V, R> {
        let timers = Role::ALL.into_iter().zip(&decree.roles);
        let timers: Vec<_> = timers
            .flat_map(|(role, state)| {
                let timers = self.paxos.timers(state).into_iter();
                timers.map(move |timer| (role, timer))
            })
            .collect();
        let name = name.clone();
        timers.into_iter().map(move |(role, timer)| Timer::Decree {
            name: name.clone(),
            role,
            timer,
        })
    }

    fn submit(
        &self,
        me: ProcessId,
        state: &mut State<V>,
        request: Request<V>,
        effects: &mut dyn Effects<Self>,
    ) {
        let (Request::Write { ticket, name, .. } | Request::Read { ticket, name }) = &request;
        if let Some(Register::Chosen(value)) = state.get(name) {
            let (ticket, value) = (*ticket, Some(value.clone()));
            return effects.emit(Output { ticket, value });
        }
        match request {
            Request::Write {
                ticket,
                name,
                value,
            } => self.in_decree(me, state, name.clone(), effects, |decree, effects| {
                decree.waiting.insert(ticket, Waiting::Write);
                self.propose(me, &name, decree, value, effects)
            }),
            Request::Read { ticket, name } => {
                self.in_decree(me, state, name.clone(), effects, |decree, effects| {
                    let (empty, accepted) = (AcceptorSet::default(), None);
                    let read = Waiting::Read { empty, accepted };
                    decree.waiting.insert(ticket, read);
                    effects.send_all(self.others(me), &Message::Poll { name, ticket });
                    let accepted = decree.accepted();
                    self.count(me, decree, ticket, accepted, effects);
                    None
                });
            }
        }
    }

    fn propose(
        &self,
        me: ProcessId,
        name: &Name,
        decree: &mut Decree<V>,
        value: V,
        effects: &mut dyn Effects<Self>,
    ) -> Option<V> {
        let propose = Input::Submit(paxos::Request::Propose(value));
        self.step_roles(me, name, decree, (Role::Proposer, propose), effects)
    }

    fn receive(
        &self,
        me: ProcessId,
        state: &mut State<V>,
        node: ProcessId,
        message: Message<V>,
        effects: &mut dyn Effects<Self>,
    ) {
        match message {
            Message::Decree {
                name,
                from,
                to,
                message,
            } => {
                if let Some(Register::Chosen(value)) = state.get(&name) {
                    if asks(to, &message) {
                        effects.send(node, decision(name, from, value.clone()));
                    }
                    return;
                }
                self.in_decree(me, state, name.clone(), effects, |decree, effects| {
                    let from = self.process(node, from);
                    let receive = Input::Receive { from, message };
                    self.step_roles(me, &name, decree, (to, receive), effects)
                });
            }
            Message::Poll { name, ticket } => {
                let accepted = match state.get(&name) {
                    Some(Register::Chosen(value)) => {
                        let value = value.clone();
                        return effects.send(node, decision(name, Role::Learner, value));
                    }
                    Some(Register::Open(decree)) => decree.accepted(),
                    None => None,
                };
                let vote = Message::Vote {
                    name,
                    ticket,
                    accepted,
                };
                effects.send(node, vote);
            }
            Message::Vote {
                name,
                ticket,
                accepted,
            } => {
                if matches!(state.get(&name), Some(Register::Open(_))) {
                    self.in_decree(me, state, name, effects, |decree, effects| {
                        self.count(node, decree, ticket, accepted, effects);
                        None
                    });
                }
            }
        }
    }

    /// Counts what a node's acceptor has accepted, in answer to a read.
    fn count(
        &self,
        node: ProcessId,
        decree: &mut Decree<V>,
        ticket: Ticket,
        vote: Option<Vote<V>>,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(Waiting::Read { empty, accepted }) = decree.waiting.get_mut(&ticket) else {
            return;
        };
        match vote {
            Some(vote) => *accepted = accepted.take().max(Some(vote)),
            None => empty.insert(node.index()),
        }
        if self.paxos.quorums().is_quorum(Phase::One, *empty) {
            decree.waiting.remove(&ticket);
            effects.emit(Output {
                ticket,
                value: None,
            });
        }
    }

    /// Asks again, and has chosen what was accepted somewhere.
    fn read_again(
        &self,
        me: ProcessId,
        name: &Name,
        decree: &mut Decree<V>,
        effects: &mut dyn Effects<Self>,
    ) -> Option<V> {
        let mut known = decree.accepted();
        for (&ticket, waiting) in &decree.waiting {
            if let Waiting::Read { empty, accepted } = waiting {
                known = known.max(accepted.clone());
                let name = name.clone();
                let others = self.others(me);
                let others = others.filter(|node| !empty.contains(node.index()));
                effects.send_all(others, &Message::Poll { name, ticket });
            }
        }
        effects.set_timer(Timer::Read(name.clone()));
        let (_, value) = known?;
        self.propose(me, name, decree, value, effects)
    }
}

/// Whether who knows what was chosen answers this with it.
fn asks<V>(to: Role, message: &paxos::Message<V>) -> bool {
    use paxos::Message::{Accept, Inquire, Prepare};
    match to {
        Role::Acceptor => matches!(message, Prepare { .. } | Accept { .. }),
        Role::Learner => matches!(message, Inquire),
        Role::Proposer => false,
    }
}

fn decision<V>(name: Name, to: Role, value: V) -> Message<V> {
    Message::Decree {
        name,
        from: Role::Learner,
        to,
        message: paxos::Message::Decision { value },
    }
}

impl<V: Data, R: Rules> Protocol for Registers<V, R> {
    type State = State<V>;
    type Message = Message<V>;
    type Timer = Timer;
    type Record = Record<V>;
    type Durable = Durable<V>;
    type Request = Request<V>;
    type Output = Output<V>;

    fn processes(&self) -> usize {
        self.nodes.into()
    }

    fn name(&self, process: ProcessId) -> String {
        format!("node {}", process.0)
    }

    fn initial(&self, _: ProcessId) -> State<V> {
        State::new()
    }

    fn step(
        &self,
        me: ProcessId,
        state: &mut State<V>,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        match input {
            Input::Start(Durable(registers)) => {
                for (name, kept) in registers {
                    let register = match kept {
                        Kept::Decree(durable) => {
                            Register::Open(self.open(me, &name, &durable, effects))
                        }
                        Kept::Chosen(value) => Register::Chosen(value),
                    };
                    state.insert(name, register);
                }
            }
            Input::Receive { from, message } => {
                // Nobody else is a node.
                if from.0 < self.nodes {
                    self.receive(me, state, from, message, effects);
                }
            }
            Input::Timeout(Timer::Decree { name, role, timer }) => {
                if matches!(state.get(&name), Some(Register::Open(_))) {
                    self.in_decree(me, state, name.clone(), effects, |decree, effects| {
                        let timeout = Input::Timeout(timer);
                        self.step_roles(me, &name, decree, (role, timeout), effects)
                    });
                }
            }
            Input::Timeout(Timer::Read(name)) => {
                if let Some(Register::Open(decree)) = state.get(&name)
                    && decree.is_read()
                {
                    self.in_decree(me, state, name.clone(), effects, |decree, effects| {
                        self.read_again(me, &name, decree, effects)
                    });
                }
            }
            Input::Submit(request) => self.submit(me, state, request, effects),
            Input::Durable(_) => {}
        }
    }

    fn timers(&self, state: &State<V>) -> Vec<Timer> {
        let registers = state.iter();
        let open = registers.filter_map(|(name, register)| match register {
            Register::Open(decree) => Some((name, decree)),
            Register::Chosen(_) => None,
        });
        open.flat_map(|(name, decree)| {
            let read = decree.is_read().then(|| Timer::Read(name.clone()));
            self.timers_of_roles(name, decree).chain(read)
        })
        .collect()
    }

    fn timer_kind(&self, state: &State<V>, timer: &Timer) -> TimerKind {
        match timer {
            Timer::Decree { name, role, timer } => match state.get(name) {
                Some(Register::Open(decree)) => self.paxos.timer_kind(decree.knows(*role), timer),
                // Its roles wait for nothing.
                Some(Register::Chosen(_)) | None => TimerKind::Plain,
            },
            Timer::Read(_) => TimerKind::Plain,
        }
    }

    fn apply(Durable(registers): &mut Durable<V>, record: &Record<V>) {
        match record {
            Record::Decree { name, record } => {
                let kept = registers.entry(name.clone());
                let kept = kept.or_insert_with(|| Kept::Decree(paxos::Durable::default()));
                if let Kept::Decree(durable) = kept {
                    Paxos::<V, R>::apply(durable, record);
                }
            }
            Record::Chosen { name, value } => {
                registers.insert(name.clone(), Kept::Chosen(value.clone()));
            }
        }
    }

    fn records(Durable(registers): &Durable<V>) -> Vec<Record<V>> {
        let mut all = Vec::new();
        for (name, kept) in registers {
            match kept {
                Kept::Decree(durable) => {
                    let records = Paxos::<V, R>::records(durable).into_iter();
                    all.extend(records.map(|record| Record::Decree {
                        name: name.clone(),
                        record,
                    }));
                }
                Kept::Chosen(value) => all.push(Record::Chosen {
                    name: name.clone(),
                    value: value.clone(),
                }),
            }
        }
        all
    }

    /// What was chosen sums up the decree of one register only.
    fn sums_up(_: &Record<V>) -> bool {
        false
    }

    fn durable(&self, state: &State<V>) -> Durable<V> {
        let mut durable = Durable::default();
        for (name, register) in state {
            match register {
                Register::Open(decree) => {
                    let roles = decree.roles.iter();
                    let records =
                        roles.flat_map(|role| Paxos::<V, R>::records(&self.paxos.durable(role)));
                    for record in records {
                        let name = name.clone();
                        Self::apply(&mut durable, &Record::Decree { name, record });
                    }
                }
                Register::Chosen(value) => {
                    let kept = Kept::Chosen(value.clone());
                    durable.0.insert(name.clone(), kept);
                }
            }
        }
        durable
    }
}
