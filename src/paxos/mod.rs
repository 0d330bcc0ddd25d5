//! Paxos: agreement on one value in an asynchronous network.
//!
//! *Sources.* L. Lamport: *The Part-Time Parliament*, TOCS 16(2), 1998; *Paxos Made Simple*, 2001, whose names and
//! section 2 are followed here; H. Howard, D. Malkhi, A. Spiegelman: *Flexible Paxos: Quorum Intersection
//! Revisited*, 2016, for quorums that differ between the phases.
//!
//! # One decree
//!
//! ```text
//! application     proposer                          acceptor                         learner
//! Propose(v)  →   picks a ballot, forces it
//!                 Prepare(ballot) to each       →   forces the promise, Promise      ↵
//!                 a quorum of promises:
//!                 Accept(ballot, value)         →   forces it, Accepted              →  a quorum in one ballot:
//!                 Chosen                        ←                                      Decision, Chosen
//! ```
//!
//! The value is the one of the highest ballot that a promise reports, and the proposer's own only if none reports
//! any. So once a value is chosen, every higher ballot proposes it: a quorum of promises has an acceptor in common
//! with the quorum that chose it.
//!
//! An acceptor that has promised a higher ballot rejects, and names that ballot; the proposer tries again above it
//! after a time-out. What may have been lost is said again. A learner that has heard nothing asks.
//!
//! # What is assumed, and what for
//!
//! Agreement assumes nothing of time: messages may be lost, repeated and late, processes may crash and come up
//! again with their disks. That something is chosen cannot be had without assumptions (Fischer, Lynch, Paterson,
//! 1985): two proposers can reject each other for ever. It is chosen if from some moment on one proposer campaigns
//! at a time, long enough, and a quorum of acceptors stays up.
//!
//! # Roles
//!
//! Proposers, acceptors and learners are processes of their own. A node that combines roles hosts several, on one
//! disk. One decree is one instance of this protocol, so that a log is a sequence of them.
//!
//! The modules, in the order in which to read them: [`Rules`] names every decision with its source, [`Quorums`] who
//! has to answer, `proposer`, `acceptor` and `learner` are the roles.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use derive_where::derive_where;
use serde::{Deserialize, Serialize};

use crate::protocol::{
    Data, Effects, Input, NUMBER_MAX, ProcessId, Protocol, TimerKind, with_timers,
};

mod acceptor;
mod display;
mod learner;
mod proposer;
mod quorums;
mod rules;

pub use acceptor::Acceptor;
pub use learner::Learner;
pub use proposer::{Progress, Proposer};
pub use quorums::{AcceptorSet, ConfigurationError, Phase, Quorums};
pub use rules::{Published, Rules};

/// A ballot: totally ordered, and owned by its proposer, which never uses it again.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Ballot {
    /// Grows with each attempt, from 1.
    pub round: u64,
    /// The owner.
    pub proposer: ProcessId,
}

/// A value that an acceptor has accepted, and in which ballot.
pub type Vote<V> = (Ballot, V);

/// What the processes send each other. In *Paxos Made Simple* the first four are prepare requests and their
/// responses, accept requests, and what acceptors tell learners.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Message<V> {
    /// A proposer asks an acceptor for a promise (1a).
    Prepare {
        /// To accept nothing below this ballot.
        ballot: Ballot,
    },
    /// An acceptor promises (1b).
    Promise {
        /// To accept nothing below this ballot.
        ballot: Ballot,
        /// What it has accepted last.
        accepted: Option<Vote<V>>,
    },
    /// A proposer asks an acceptor to accept (2a).
    Accept {
        /// In this ballot.
        ballot: Ballot,
        /// What.
        value: V,
    },
    /// An acceptor has accepted (2b).
    Accepted {
        /// In this ballot.
        ballot: Ballot,
        /// What.
        value: V,
    },
    /// An acceptor has promised a higher ballot.
    Rejected {
        /// What it rejects.
        ballot: Ballot,
        /// What it has promised.
        promised: Ballot,
    },
    /// The value that was chosen.
    Decision {
        /// Which.
        value: V,
    },
    /// A learner asks for the decision.
    Inquire,
}

impl<V> Message<V> {
    /// Whether its ballots are such as proposers come to.
    fn is_possible(&self) -> bool {
        let highest = match self {
            Message::Prepare { ballot }
            | Message::Accept { ballot, .. }
            | Message::Accepted { ballot, .. } => *ballot,
            Message::Promise { ballot, accepted } => match accepted {
                Some((accepted, _)) => *ballot.max(accepted),
                None => *ballot,
            },
            Message::Rejected { ballot, promised } => *ballot.max(promised),
            Message::Decision { .. } | Message::Inquire => return true,
        };
        highest.round <= NUMBER_MAX
    }
}

/// What a process may wait for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Timer {
    /// Proposer, rejected or restarted: tries again, in a higher ballot. Of random length.
    Campaign,
    /// Proposer: something may have been lost.
    Resend,
    /// Learner: has not learned a decision.
    Inquire,
}

/// A record of the log. All are forced.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Record<V> {
    /// Proposer, before it uses a ballot: no other attempt will have the same.
    Campaign {
        /// The ballot.
        ballot: Ballot,
        /// What the application wants, so that a restart goes on with it.
        proposal: V,
    },
    /// Acceptor, before it answers.
    Promised {
        /// To accept nothing below this ballot.
        ballot: Ballot,
    },
    /// Acceptor, before it answers.
    Accepted {
        /// In this ballot, below which it will accept nothing.
        ballot: Ballot,
        /// What.
        value: V,
    },
}

/// What a disk holds. A process has one role, so that the fields of the other are empty.
#[derive(Clone, Eq, Hash, PartialEq)]
#[derive_where(Default)]
pub struct Durable<V> {
    /// Proposer: its last ballot, and what it wants.
    pub campaign: Option<Vote<V>>,
    /// Acceptor: the highest ballot that it has promised.
    pub promised: Option<Ballot>,
    /// Acceptor: what it has accepted last.
    pub accepted: Option<Vote<V>>,
}

/// What the application asks of a process.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Request<V> {
    /// Proposer: have a value chosen, this one if no other is. Answered by [`Output::Chosen`], with the value that
    /// was chosen. A proposer proposes once.
    Propose(V),
    /// Learner: tell what is chosen. Answered by [`Output::Chosen`], at once if it is known here, or else when it is.
    Read,
}

/// What a process tells the application, at least once.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Output<V> {
    /// Proposer or learner: the value that was chosen, for ever.
    Chosen(V),
    /// A request that cannot be met; nothing has changed.
    Refused(Refusal),
}

/// Why a request cannot be met.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Refusal {
    /// The proposer is busy with another value; it will tell which is chosen.
    Busy,
    /// The request is one for another role.
    Role,
}

/// What a process knows.
#[derive(Clone, Eq, Hash, PartialEq)]
pub enum State<V> {
    /// Wants a value chosen.
    Proposer(Proposer<V>),
    /// Chooses, together with others.
    Acceptor(Acceptor<V>),
    /// Wants to know what is chosen.
    Learner(Learner<V>),
}

/// Paxos for one decree: how many of each role, quorums, and the rules. Production uses the [`Published`] rules.
///
/// Ids are in the order of roles: proposers, acceptors, learners.
#[derive(Clone, Debug)]
pub struct Paxos<V, R = Published> {
    proposers: u16,
    learners: u16,
    quorums: Quorums,
    rules: R,
    value: core::marker::PhantomData<fn() -> V>,
}

impl<V: Data> Paxos<V> {
    /// So many proposers and learners, and the acceptors of these quorums, by the published rules.
    ///
    /// # Errors
    ///
    /// If there would be no proposer, or more processes than ids.
    pub fn new(
        proposers: usize,
        learners: usize,
        quorums: Quorums,
    ) -> Result<Self, ConfigurationError> {
        Self::with_rules(proposers, learners, quorums, Published)
    }
}

impl<V: Data, R: Rules> Paxos<V, R> {
    /// The same by other rules.
    ///
    /// # Errors
    ///
    /// See [`Paxos::new`].
    pub fn with_rules(
        proposers: usize,
        learners: usize,
        quorums: Quorums,
        rules: R,
    ) -> Result<Self, ConfigurationError> {
        let processes = proposers + quorums.acceptors() + learners;
        if proposers == 0 {
            return Err(ConfigurationError::NoProposers);
        }
        if u16::try_from(processes).is_err() {
            return Err(ConfigurationError::TooManyProcesses { processes });
        }
        Ok(Self {
            proposers: proposers as u16,
            learners: learners as u16,
            quorums,
            rules,
            value: core::marker::PhantomData,
        })
    }

    /// Who has to answer.
    pub fn quorums(&self) -> &Quorums {
        &self.quorums
    }

    /// The proposers' ids.
    pub fn proposers(&self) -> impl Iterator<Item = ProcessId> + use<V, R> {
        (0..self.proposers).map(ProcessId)
    }

    /// The acceptors' ids.
    pub fn acceptors(&self) -> impl Iterator<Item = ProcessId> + use<V, R> {
        let first = self.proposers;
        (first..first + self.quorums.acceptors() as u16).map(ProcessId)
    }

    /// The learners' ids.
    pub fn learners(&self) -> impl Iterator<Item = ProcessId> + use<V, R> {
        let first = self.proposers + self.quorums.acceptors() as u16;
        (first..first + self.learners).map(ProcessId)
    }

    /// An acceptor's number, from 0.
    pub fn acceptor(&self, process: ProcessId) -> Option<usize> {
        let number = process.0.checked_sub(self.proposers)?;
        (usize::from(number) < self.quorums.acceptors()).then_some(number.into())
    }

    fn is_proposer(&self, process: ProcessId) -> bool {
        process.0 < self.proposers
    }
}

impl<V: Data, R: Rules> Protocol for Paxos<V, R> {
    type State = State<V>;
    type Message = Message<V>;
    type Timer = Timer;
    type Record = Record<V>;
    type Durable = Durable<V>;
    type Request = Request<V>;
    type Output = Output<V>;

    fn processes(&self) -> usize {
        usize::from(self.proposers) + self.quorums.acceptors() + usize::from(self.learners)
    }

    fn name(&self, process: ProcessId) -> String {
        let ProcessId(id) = process;
        if self.is_proposer(process) {
            return format!("proposer {id}");
        }
        match self.acceptor(process) {
            Some(_) => format!("acceptor {id}"),
            None => format!("learner {id}"),
        }
    }

    fn initial(&self, me: ProcessId) -> State<V> {
        if self.is_proposer(me) {
            return State::Proposer(Proposer::default());
        }
        match self.acceptor(me) {
            Some(_) => State::Acceptor(Acceptor::default()),
            None => State::Learner(Learner::default()),
        }
    }

    fn step(
        &self,
        me: ProcessId,
        state: &mut State<V>,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        if let Input::Receive { message, .. } = &input
            && !message.is_possible()
        {
            return;
        }
        let timers = |state: &State<V>| self.timers(state);
        with_timers(
            state,
            timers,
            input,
            effects,
            |state, input, effects| match state {
                State::Proposer(proposer) => self.step_proposer(me, proposer, input, effects),
                State::Acceptor(acceptor) => self.step_acceptor(acceptor, input, effects),
                State::Learner(learner) => self.step_learner(me, learner, input, effects),
            },
        );
    }

    fn timers(&self, state: &State<V>) -> Vec<Timer> {
        match state {
            State::Proposer(proposer) => proposer.timers(),
            State::Acceptor(_) => Vec::new(),
            State::Learner(learner) => learner.timers(),
        }
    }

    fn timer_kind(&self, _: &State<V>, timer: &Timer) -> TimerKind {
        match timer {
            Timer::Campaign => TimerKind::Campaigns { epoch: 0 },
            Timer::Resend | Timer::Inquire => TimerKind::Plain,
        }
    }

    fn apply(durable: &mut Durable<V>, record: &Record<V>) {
        match record {
            Record::Campaign { ballot, proposal } => {
                durable.campaign = Some((*ballot, proposal.clone()));
            }
            Record::Promised { ballot } => durable.promised = Some(*ballot),
            Record::Accepted { ballot, value } => {
                durable.promised = durable.promised.max(Some(*ballot));
                durable.accepted = Some((*ballot, value.clone()));
            }
        }
    }

    fn records(durable: &Durable<V>) -> Vec<Record<V>> {
        let campaign = durable.campaign.clone();
        let campaign = campaign.map(|(ballot, proposal)| Record::Campaign { ballot, proposal });
        let accepted = durable.accepted.clone();
        let accepted = accepted.map(|(ballot, value)| Record::Accepted { ballot, value });
        let promised = durable.promised.map(|ballot| Record::Promised { ballot });
        campaign
            .into_iter()
            .chain(accepted)
            .chain(promised)
            .collect()
    }

    fn sums_up(_: &Record<V>) -> bool {
        false
    }

    fn durable(&self, state: &State<V>) -> Durable<V> {
        match state {
            State::Proposer(proposer) => Durable {
                campaign: proposer.campaign.clone(),
                ..Durable::default()
            },
            State::Acceptor(Acceptor { promised, accepted }) => Durable {
                promised: *promised,
                accepted: accepted.clone(),
                ..Durable::default()
            },
            State::Learner(_) => Durable::default(),
        }
    }
}
