//! Raft: a replicated log, and a state machine that applies it.
//!
//! *Sources.* D. Ongaro, J. Ousterhout: *In Search of an Understandable Consensus Algorithm (Extended Version)*, 2014,
//! "the paper": sections without more are of it; D. Ongaro: *Consensus: Bridging Theory and Practice*, Stanford, 2014,
//! "the thesis".
//!
//! ```text
//! client      leader                          follower
//! Propose  →  appends, lazily
//!             AppendEntries                →  checks what comes before, forces them, Appended
//!             a quorum has them:           ←
//!             commits, applies, Replied
//!             Commit                       →  commits, applies
//! ```
//!
//! # What a driver owes the core, in this order
//!
//! 1. *One process, one thread of control.* Step the server with [`Input::Start`] and what its disk holds (the fold of all
//!    its records, [`Protocol::apply`]) before anything else; then with one input at a time.
//! 2. *Batches.* What clients propose meanwhile is one [`Request::Propose`], what they read one [`Request::Read`]: a
//!    step costs a message to each follower and a record, however many entries there are.
//! 3. *Effects, in order, through one [`HoldBack`](crate::protocol::HoldBack) queue.* A follower's answer waits for its
//!    record. A leader's messages do not wait for its own: it overlaps its disk with the network (thesis §10.2.1), and
//!    asks to be stepped with [`Input::Durable`] when its part is done.
//! 4. *One sync for many records*; then what waited for them.
//! 5. *Timers.* [`Timer::Election`] fires after a time chosen at random anew whenever it is set, some times longer than
//!    [`Timer::Heartbeat`], which is some times longer than a message and its answer take (§5.6, §9.3).
//! 6. *Messages* may be lost, repeated and late. They should not often overtake each other: a leader takes that for loss.
//! 7. *Outputs.* [`Output::Replied`] answers a session's command, [`Output::Answered`] a read. [`Output::Refused`] hands a
//!    request back, with the reason. A client that hears nothing in time asks again, wherever; its command is
//!    applied once if it has a session.
//! 8. *Snapshots.* When the log has grown too long, submit [`Request::Compact`].
//!
//! # Rooms
//!
//! In the order in which to read them: [`Rules`] names every decision with its source, `state` says what a server
//! knows, `log` what it stores; `election`, `replication`, `commitment`, `snapshot`, `reads` and `sessions` are what it does;
//! [`Configuration`] is who takes part, [`Limits`] how much may pile up.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::marker::PhantomData;

use derive_where::derive_where;
use serde::{Deserialize, Serialize};

use crate::protocol::{Effects, Input, NUMBER_MAX, ProcessId, Protocol, TimerKind, with_timers};

mod commitment;
mod configuration;
mod display;
mod election;
mod limits;
mod log;
mod machine;
mod reads;
mod register;
mod replication;
mod rules;
mod sessions;
mod snapshot;
mod state;

pub use configuration::{Configuration, ConfigurationError, ServerSet};
pub use limits::Limits;
pub use log::{Batch, Entries, Entry, Log, Position};
pub use machine::StateMachine;
pub use reads::Waiting;
pub use register::{ENTRY_BYTES, Register};
pub use rules::{Published, Purpose, Rules};
pub use sessions::{Origin, Outcome, Proposal, SESSIONS_MAX, Session, Sessions};
pub use snapshot::Installing;
pub use state::{Applied, Chunk, Follower, Leader, Progress, Role, Sending, Snapshot, State};

/// A term: numbered from 1; 0 before the first.
pub type Term = u64;
/// An entry's index in the log, from 1; 0 before the first.
pub type Index = u64;
/// By which a client knows a reply.
pub type Ticket = u64;

/// What servers send each other: the requests of Figures 2 and 13, and their answers.
#[derive_where(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Message<M: StateMachine> {
    /// A candidate asks for a vote.
    RequestVote {
        /// Its term.
        term: Term,
        /// Where its log ends.
        last: Position,
    },
    /// The answer.
    Vote {
        /// The term of the server that answers.
        term: Term,
        /// Whether the candidate has its vote.
        granted: bool,
    },
    /// A leader replicates entries; without any, it says that it leads.
    AppendEntries {
        /// Its term.
        term: Term,
        /// What comes before the entries.
        previous: Position,
        /// Which.
        entries: Entries<M::Command>,
        /// The index up to which it has committed.
        commit: Index,
        /// How often it has asked, for reads, who still follows.
        round: u64,
    },
    /// A leader has committed, and the follower lacks no entries: what the next [`Message::AppendEntries`] would say too.
    /// Unlike that it is answered only if the logs do not agree.
    Commit {
        /// Its term.
        term: Term,
        /// Where its log ends.
        last: Position,
        /// The index up to which it has committed.
        commit: Index,
    },
    /// A follower's log agrees with the leader's.
    Appended {
        /// The term.
        term: Term,
        /// Up to this index.
        matched: Index,
        /// The round that it answers.
        round: u64,
    },
    /// It does not.
    NotAppended {
        /// The term of the server that answers.
        term: Term,
        /// At this index, the one before the entries.
        rejected: Index,
        /// The term of its entry there, if it has one.
        conflict: Option<Term>,
        /// The first index of that term in its log; if it has no entry there, the one after its last.
        first: Index,
        /// The round that it answers.
        round: u64,
    },
    /// A leader sends what it has compacted.
    InstallSnapshot {
        /// Its term.
        term: Term,
        /// The position of the last entry that the snapshot covers.
        last: Position,
        /// The chunk's number, from 0.
        number: u64,
        /// How many there are.
        chunks: u64,
        /// A part of the snapshot.
        chunk: Chunk<M>,
        /// How often it has asked, for reads, who still follows.
        round: u64,
    },
    /// A follower has that part. Once it has all, it answers [`Message::Appended`].
    Received {
        /// The term.
        term: Term,
        /// Of which snapshot.
        last: Position,
        /// The number of the chunk that it wants next.
        next: u64,
        /// The round that it answers.
        round: u64,
    },
}

impl<M: StateMachine> Message<M> {
    /// The term of its sender.
    pub fn term(&self) -> Term {
        match self {
            Message::RequestVote { term, .. }
            | Message::Vote { term, .. }
            | Message::AppendEntries { term, .. }
            | Message::Commit { term, .. }
            | Message::Appended { term, .. }
            | Message::NotAppended { term, .. }
            | Message::InstallSnapshot { term, .. }
            | Message::Received { term, .. } => *term,
        }
    }
}

impl<M: StateMachine> Message<M> {
    /// Whether its numbers are such as servers come to.
    fn is_possible(&self) -> bool {
        let highest = match self {
            Message::RequestVote { last, .. } => last.highest(),
            Message::Vote { .. } => 0,
            Message::AppendEntries {
                previous,
                entries,
                commit,
                round,
                ..
            } => {
                let terms = entries.batches().map(Batch::term);
                let highest = terms.fold(previous.highest(), Ord::max);
                highest.max(*commit).max(*round)
            }
            Message::Commit { last, commit, .. } => last.highest().max(*commit),
            Message::Appended { matched, round, .. } => *matched.max(round),
            Message::NotAppended {
                rejected,
                conflict,
                first,
                round,
                ..
            } => conflict.unwrap_or(0).max(*rejected).max(*first).max(*round),
            Message::InstallSnapshot {
                last,
                number,
                chunks,
                round,
                ..
            } => last.highest().max(*number).max(*chunks).max(*round),
            Message::Received {
                last, next, round, ..
            } => last.highest().max(*next).max(*round),
        };
        highest.max(self.term()) <= NUMBER_MAX
    }
}

/// What a server may wait for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Timer {
    /// Whoever does not lead: has heard of no leader, and campaigns. Of random length.
    Election,
    /// A leader: says that it leads.
    Heartbeat,
}

/// What a server writes to its disk.
#[derive_where(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Record<M: StateMachine> {
    /// Its term, and whom it has voted for there: together.
    Term {
        /// The term.
        term: Term,
        /// Whom it has voted for.
        voted_for: Option<ProcessId>,
    },
    /// The log ends after this index, and then come these entries.
    Append {
        /// The last index that stays.
        after: Index,
        /// The new entries.
        entries: Entries<M::Command>,
    },
    /// A snapshot takes the place of the log: of all of it, or of what it covers.
    Snapshot {
        /// Which.
        snapshot: Arc<Snapshot<M>>,
        /// Whether what comes behind it in the log is kept.
        keeps_suffix: bool,
    },
}

/// What a disk holds.
#[derive_where(Clone, Default, Eq, Hash, PartialEq)]
pub struct Durable<M: StateMachine> {
    /// The latest term.
    pub term: Term,
    /// Whom the server has voted for in it.
    pub voted_for: Option<ProcessId>,
    /// The log, behind the snapshot.
    pub log: Log<M::Command>,
    /// The snapshot.
    pub snapshot: Option<Arc<Snapshot<M>>>,
}

/// What is asked of a server.
#[derive_where(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Request<M: StateMachine> {
    /// A leader: to replicate these, in this order.
    Propose(Vec<Proposal<M::Command>>),
    /// A leader: to answer these from a state no older than now.
    Read(Vec<(Ticket, M::Query)>),
    /// Anybody: to put a snapshot in the place of what it has applied.
    Compact,
}

/// What a server tells.
#[derive_where(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Output<M: StateMachine> {
    /// It leads.
    Leads {
        /// In this term.
        term: Term,
    },
    /// Entries are committed, and applied.
    Committed {
        /// The term of the server that says so.
        by: Term,
        /// The term in which they were taken.
        term: Term,
        /// The index of the first.
        first: Index,
        /// The index of the last.
        last: Index,
    },
    /// A client has a session. From the leader.
    Opened {
        /// What the client asked with.
        ticket: Ticket,
        /// The session's name.
        session: Index,
    },
    /// A session's command is applied, now or earlier. From the leader.
    Replied {
        /// Which.
        origin: Origin,
        /// What the state machine says.
        reply: M::Reply,
    },
    /// A session has ended, or never was: its command is not applied. From the leader.
    Ended {
        /// Which command.
        origin: Origin,
    },
    /// A read is answered.
    Answered {
        /// What it was asked with.
        ticket: Ticket,
        /// What the state machine says.
        reply: M::Reply,
    },
    /// A snapshot has taken the place of the log up to here: on this server's own account.
    Compacted {
        /// The position of the last entry in it.
        last: Position,
    },
    /// What was asked is not done, and nothing of it will be.
    Refused {
        /// What was asked.
        request: Request<M>,
        /// Why.
        why: Refusal,
    },
    /// A snapshot that the leader has sent is none. It is asked for again.
    Malformed {
        /// Where it ends.
        last: Position,
    },
}

/// Why a server refuses.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Refusal {
    /// It does not lead, or no more. This one does, as far as it knows.
    NotLeader {
        /// Whom to ask.
        leader: Option<ProcessId>,
    },
    /// Too much is under way: ask again later.
    Full,
    /// It can never be taken: ask for less at once.
    TooMuch {
        /// How many entries, or reads, are taken at once.
        max: u64,
    },
}

/// Raft: the servers, the rules, the limits.
#[derive_where(Clone, Debug; R)]
pub struct Raft<M, R: Rules = Published> {
    servers: usize,
    configuration: Configuration,
    limits: Limits,
    rules: R,
    machine: PhantomData<fn() -> M>,
}

impl<M: StateMachine> Raft<M> {
    /// The published protocol for so many servers.
    ///
    /// # Errors
    ///
    /// If there are none, or too many.
    pub fn new(servers: usize, limits: Limits) -> Result<Self, ConfigurationError> {
        Self::with_rules(servers, limits, Published)
    }
}

impl<M: StateMachine, R: Rules> Raft<M, R> {
    /// The protocol by these rules.
    ///
    /// # Errors
    ///
    /// If there are no servers, or too many.
    pub fn with_rules(
        servers: usize,
        limits: Limits,
        rules: R,
    ) -> Result<Self, ConfigurationError> {
        if servers == 0 {
            return Err(ConfigurationError::NoServers);
        }
        if servers > ServerSet::SERVERS_MAX {
            return Err(ConfigurationError::TooManyServers { servers });
        }
        let voters = (0..).map(ProcessId).take(servers).collect();
        Ok(Self {
            servers,
            configuration: Configuration { voters },
            limits,
            rules,
            machine: PhantomData,
        })
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Who takes part, as far as a server knows.
    pub fn configuration(&self, _: &State<M>) -> &Configuration {
        &self.configuration
    }

    /// All that vote, but `me`.
    fn others(
        &self,
        me: ProcessId,
        state: &State<M>,
    ) -> impl Iterator<Item = ProcessId> + use<M, R> {
        let voters = self.configuration(state).voters;
        voters.iter().filter(move |server| *server != me)
    }

    fn receive(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        from: ProcessId,
        message: Message<M>,
        effects: &mut dyn Effects<Self>,
    ) {
        // Nothing that strangers say counts, nor what a server seems to say to itself.
        let is_peer = from != me && self.configuration(state).voters.contains(from);
        if !is_peer || !message.is_possible() {
            return;
        }
        let is_new_term = self.hear_of_term(state, message.term(), effects);
        if let Message::RequestVote { term, last } = message {
            return self.request_vote(state, from, (term, last), is_new_term, effects);
        }
        if is_new_term {
            save_term(state, effects);
        }
        match message {
            Message::RequestVote { .. } => {}
            Message::Vote { term, granted } => {
                if self.rules.counts_vote(state.term, term, granted) {
                    self.vote(me, state, from, effects);
                }
            }
            Message::AppendEntries {
                term,
                previous,
                entries,
                commit,
                round,
            } => {
                if self.is_led_by(state, from, term, previous.index, round, effects) {
                    self.append_entries(state, from, (previous, entries), commit, round, effects);
                }
            }
            Message::Commit { term, last, commit } => {
                if self.is_led_by(state, from, term, last.index, 0, effects) {
                    self.hear_of_commit(state, from, last, commit, effects);
                }
            }
            Message::InstallSnapshot {
                term,
                last,
                number,
                chunks,
                chunk,
                round,
            } => {
                if self.is_led_by(state, from, term, last.index, round, effects) {
                    self.install_snapshot(
                        state,
                        from,
                        last,
                        (number, chunks, chunk),
                        round,
                        effects,
                    );
                }
            }
            // Answers to what it said in an earlier term tell a leader nothing.
            Message::Appended { term, round, .. }
            | Message::NotAppended { term, round, .. }
            | Message::Received { term, round, .. }
                if !self.rules.counts_answer(state.term, term) =>
            {
                if self.rules.confirms(state.term, term) {
                    self.confirm(me, state, from, round, effects);
                }
            }
            Message::Appended { matched, round, .. } => {
                self.appended(me, state, from, matched, effects);
                self.confirm(me, state, from, round, effects);
            }
            Message::NotAppended {
                rejected,
                conflict,
                first,
                round,
                ..
            } => {
                self.not_appended(state, from, rejected, (conflict, first), effects);
                self.confirm(me, state, from, round, effects);
            }
            Message::Received {
                last, next, round, ..
            } => {
                self.received(state, from, last, next, effects);
                self.confirm(me, state, from, round, effects);
            }
        }
    }
}

/// Writes the term and the vote.
fn save_term<M: StateMachine, R: Rules>(state: &State<M>, effects: &mut dyn Effects<Raft<M, R>>) {
    effects.persist(Record::Term {
        term: state.term,
        voted_for: state.voted_for,
    });
}

impl<M: StateMachine, R: Rules> Protocol for Raft<M, R> {
    type State = State<M>;
    type Message = Message<M>;
    type Timer = Timer;
    type Record = Record<M>;
    type Durable = Durable<M>;
    type Request = Request<M>;
    type Output = Output<M>;

    fn processes(&self) -> usize {
        self.servers
    }

    fn name(&self, process: ProcessId) -> String {
        format!("server {}", process.0 + 1)
    }

    fn initial(&self, _: ProcessId) -> State<M> {
        State {
            term: 0,
            voted_for: None,
            log: Log::default(),
            snapshot: None,
            commit: 0,
            applied: Applied::default(),
            role: Role::Follower(Follower::default()),
        }
    }

    fn step(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        let timers = |state: &State<M>| [state.timer()];
        with_timers(
            state,
            timers,
            input,
            effects,
            |state, input, effects| match input {
                Input::Start(durable) => self.start(state, durable),
                Input::Receive { from, message } => self.receive(me, state, from, message, effects),
                Input::Timeout(Timer::Election) => self.campaign(me, state, effects),
                Input::Timeout(Timer::Heartbeat) => self.heartbeat(me, state, effects),
                Input::Submit(Request::Propose(proposals)) => {
                    self.propose(me, state, proposals, effects);
                }
                Input::Submit(Request::Read(reads)) => self.read(me, state, reads, effects),
                Input::Submit(Request::Compact) => self.compact(state, effects),
                Input::Durable(index) => self.own_log_is_durable(me, state, index, effects),
            },
        );
    }

    fn timers(&self, state: &State<M>) -> Vec<Timer> {
        vec![state.timer()]
    }

    /// Heartbeats of a leader restart the election timers of its term, and those of earlier terms (§5.2).
    fn timer_kind(&self, state: &State<M>, timer: &Timer) -> TimerKind {
        let epoch = state.term;
        match timer {
            Timer::Election => TimerKind::Campaigns { epoch },
            Timer::Heartbeat => TimerKind::Heartbeat { epoch },
        }
    }

    fn apply(durable: &mut Durable<M>, record: &Record<M>) {
        match record {
            Record::Term { term, voted_for } => {
                durable.term = *term;
                durable.voted_for = *voted_for;
            }
            Record::Append { after, entries } => {
                durable.log.truncate(*after);
                durable.log.extend(entries);
            }
            Record::Snapshot {
                snapshot,
                keeps_suffix,
            } => {
                durable.log.put_behind(snapshot.last, *keeps_suffix);
                durable.snapshot = Some(Arc::clone(snapshot));
            }
        }
    }

    fn records(durable: &Durable<M>) -> Vec<Record<M>> {
        let Durable {
            term,
            voted_for,
            log,
            snapshot,
        } = durable;
        let (term, voted_for) = (*term, *voted_for);
        let mut records = Vec::new();
        if (term, voted_for) != (0, None) {
            records.push(Record::Term { term, voted_for });
        }
        let snapshot = snapshot.iter().map(|snapshot| Record::Snapshot {
            snapshot: Arc::clone(snapshot),
            keeps_suffix: false,
        });
        records.extend(snapshot);
        let after = log.before().index;
        let (entries, _) = log.slice(after + 1, usize::MAX, |_| 0);
        if !entries.is_empty() {
            records.push(Record::Append { after, entries });
        }
        records
    }

    fn sums_up(record: &Record<M>) -> bool {
        matches!(record, Record::Snapshot { .. })
    }

    fn durable(&self, state: &State<M>) -> Durable<M> {
        Durable {
            term: state.term,
            voted_for: state.voted_for,
            log: state.log.clone(),
            snapshot: state.snapshot.clone(),
        }
    }
}
