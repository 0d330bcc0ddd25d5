//! Three-phase commit: atomic commit that does not block, where failures can be told from slowness.
//!
//! *Sources.* D. Skeen: *Nonblocking Commit Protocols*, SIGMOD 1981; P. Bernstein, V. Hadzilacos,
//! N. Goodman: *Concurrency Control and Recovery in Database Systems*, 1987, §7.5, the variant that is followed
//! here: with its termination protocol (TR1–TR4), its election in the order of ids, and its recovery.
//!
//! # One transaction
//!
//! ```text
//! application        coordinator (0)                        participant (1 …)
//! Begin          →   names it, Begun
//! Work           →                                          Working
//! Commit         →   forces Prepared; Prepare to each   →   forces Prepared, votes Yes, is now uncertain
//!                    all Yes: PreCommit to each         →   is now committable, acknowledges
//!                    all acknowledged:
//!                    forces Committed; Commit           →   forces Committed
//! ```
//!
//! A vote No, or a participant that fails before it votes, aborts.
//!
//! # Why it does not block, and what for
//!
//! *No process is committed while another that is operational is uncertain.* So when the coordinator fails, the
//! operational participants can decide among themselves: they elect the one with the smallest id, which asks
//! where all stand; if nobody is committable nobody has committed, and it aborts (TR3), else it makes all
//! committable, and commits (TR4). It costs one more round of messages. And it holds only where a process that
//! is suspected *has* failed: if a timer errs, or the network parts, those who suspect each other decide each
//! on its own, and differently.
//!
//! A process that has failed while it was undecided does not know what the others have done since. When it comes
//! up it asks everybody for the outcome until somebody knows it; to all others its question says that it has
//! failed. Until then it neither coordinates nor is counted. If every process has failed while it was
//! undecided, all ask and nobody knows, and they wait for ever: the book's way out of total failure (who failed last
//! is remembered on disk, and may terminate) is left out.
//!
//! That a suspicion is right is *assumed*, as in the book, and not made sure of here: a time-out must be longer than
//! whatever an operational process may still be waiting for, other processes' time-outs included. Nor is there a
//! time-out for work that is never prepared: as in two-phase commit the application ends what it has begun.
//!
//! Outcomes are kept: a process that comes up may ask for any of them.
//!
//! The modules, in the order in which to read them: [`Rules`] names every decision with its source,
//! `process` is the three phases, `termination` what happens when somebody fails, [`Durable`] what disks
//! hold.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::atomic_commit;
use crate::protocol::{Effects, Input, ProcessId, Protocol, TimerKind, with_timers};

mod disk;
mod display;
mod process;
mod rules;
mod termination;

use termination::resend;

pub use crate::atomic_commit::{
    COORDINATOR, ConfigurationError, Decision, Output, Refusal, Request, TransactionId, Vote,
};
pub use disk::{Durable, Record, Remembered};
pub use process::{Progress, Round, Standing, State, Undecided};
pub use rules::{Published, Rules, Termination};

/// What the processes send each other. In Bernstein, Hadzilacos, Goodman these are VOTE-REQ, YES and NO,
/// PRE-COMMIT, ACK, COMMIT and ABORT, UR-ELECTED, STATE-REQ, and a process's state.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Message {
    /// The coordinator asks a participant to vote.
    Prepare {
        /// On what.
        transaction: TransactionId,
        /// Who takes part, beside the coordinator.
        participants: BTreeSet<ProcessId>,
    },
    /// A participant votes.
    Vote {
        /// On what.
        transaction: TransactionId,
        /// How.
        vote: Vote,
    },
    /// A coordinator: all have voted Yes; the outcome can be commit.
    PreCommit {
        /// Of what.
        transaction: TransactionId,
    },
    /// A participant is committable.
    Acknowledge {
        /// In what.
        transaction: TransactionId,
    },
    /// The outcome: from a coordinator, or in answer to an inquiry.
    Decision {
        /// Of what.
        transaction: TransactionId,
        /// Which.
        decision: Decision,
    },
    /// A process tells another that all before it have failed, so that it is to coordinate the termination.
    Elected {
        /// Of what.
        transaction: TransactionId,
    },
    /// A coordinator of the termination asks where a process stands.
    StateRequest {
        /// In what.
        transaction: TransactionId,
    },
    /// Where a process stands.
    StateReport {
        /// In what.
        transaction: TransactionId,
        /// Where: aborted, uncertain, committable or committed.
        standing: Standing,
    },
    /// A process that has failed and come back asks for the outcome.
    Inquire {
        /// Of what.
        transaction: TransactionId,
    },
}

/// What a process may wait for.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Timer {
    /// Coordinator: votes have not come in time.
    Deadline {
        /// On what.
        transaction: TransactionId,
    },
    /// Undecided, and something may have been lost that was said to those of whom something is expected.
    Resend {
        /// About what.
        transaction: TransactionId,
    },
    /// Undecided, and nothing heard of a process of which something is expected: it has failed.
    Suspect {
        /// In what.
        transaction: TransactionId,
        /// Who.
        process: ProcessId,
    },
    /// Recovering, and nobody has told the outcome.
    Inquire {
        /// Of what.
        transaction: TransactionId,
    },
}

/// Three-phase commit: who takes part, and the rules. Production uses the [`Published`] rules.
#[derive(Clone, Copy, Debug)]
pub struct ThreePhaseCommit<R = Published> {
    participants: u16,
    rules: R,
}

impl ThreePhaseCommit {
    /// A coordinator and `participants` participants, by the published rules.
    ///
    /// # Errors
    ///
    /// If there would be no participant, or more than ids.
    pub fn new(participants: usize) -> Result<Self, ConfigurationError> {
        Self::with_rules(participants, Published)
    }
}

impl<R: Rules> ThreePhaseCommit<R> {
    /// The same by other rules.
    ///
    /// # Errors
    ///
    /// See [`ThreePhaseCommit::new`].
    pub fn with_rules(participants: usize, rules: R) -> Result<Self, ConfigurationError> {
        Ok(Self {
            participants: atomic_commit::participants(participants)?,
            rules,
        })
    }

    fn is_participant(&self, process: ProcessId) -> bool {
        (1..=self.participants).contains(&process.0)
    }

    fn timeout(
        &self,
        me: ProcessId,
        state: &mut State,
        timer: Timer,
        effects: &mut dyn Effects<Self>,
    ) {
        match timer {
            Timer::Deadline { transaction } => self.deadline(state, transaction, effects),
            Timer::Resend { transaction } => resend(state, transaction, effects),
            Timer::Suspect {
                transaction,
                process,
            } => self.fails(me, state, transaction, process, effects),
            Timer::Inquire { transaction } => self.inquire(me, state, transaction, effects),
        }
    }
}

impl Message {
    /// The transaction that the message is about.
    pub fn transaction(&self) -> TransactionId {
        match *self {
            Message::Prepare { transaction, .. }
            | Message::Vote { transaction, .. }
            | Message::PreCommit { transaction }
            | Message::Acknowledge { transaction }
            | Message::Decision { transaction, .. }
            | Message::Elected { transaction }
            | Message::StateRequest { transaction }
            | Message::StateReport { transaction, .. }
            | Message::Inquire { transaction } => transaction,
        }
    }
}

/// The transaction that an input is about.
fn transaction<R: Rules>(input: &Input<ThreePhaseCommit<R>>) -> Option<TransactionId> {
    match input {
        Input::Receive { message, .. } => Some(message.transaction()),
        Input::Timeout(
            Timer::Deadline { transaction }
            | Timer::Resend { transaction }
            | Timer::Suspect { transaction, .. }
            | Timer::Inquire { transaction },
        )
        | Input::Submit(
            Request::Work(transaction)
            | Request::Commit { transaction, .. }
            | Request::Abort(transaction),
        ) => Some(*transaction),
        // It has no timers yet.
        Input::Submit(Request::Begin) | Input::Start(_) | Input::Durable(_) => None,
    }
}

impl<R: Rules> Protocol for ThreePhaseCommit<R> {
    type State = State;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Durable = Durable;
    type Request = Request;
    type Output = Output;

    fn processes(&self) -> usize {
        1 + usize::from(self.participants)
    }

    fn name(&self, process: ProcessId) -> String {
        atomic_commit::name(process)
    }

    fn initial(&self, _me: ProcessId) -> State {
        State::default()
    }

    fn step(
        &self,
        me: ProcessId,
        state: &mut State,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        // Nobody but whoever comes up changes the timers of more than one transaction.
        let transaction = transaction(&input);
        let is_start = matches!(input, Input::Start(_));
        let timers = |state: &State| match transaction {
            Some(transaction) => state.timers_of(transaction),
            None if is_start => state.timers(),
            None => Vec::new(),
        };
        with_timers(state, timers, input, effects, |state, input, effects| {
            match input {
                Input::Start(durable) => self.start(me, state, durable, effects),
                Input::Submit(request) if me == COORDINATOR => {
                    self.submit_to_coordinator(state, request, effects);
                }
                Input::Submit(request) => self.submit_to_participant(state, request, effects),
                // Only processes of this system have a say, or get an answer.
                Input::Receive { from, message } => {
                    if from.index() < self.processes() && from != me {
                        self.receive(me, state, from, message, effects);
                    }
                }
                Input::Timeout(timer) => self.timeout(me, state, timer, effects),
                // A report that no process asks for.
                Input::Durable(_) => {}
            }
        });
    }

    fn timers(&self, state: &State) -> Vec<Timer> {
        state.timers()
    }

    fn timer_kind(&self, _: &State, timer: &Timer) -> TimerKind {
        match timer {
            Timer::Suspect { process, .. } => TimerKind::Suspects(*process),
            Timer::Deadline { .. } | Timer::Resend { .. } | Timer::Inquire { .. } => {
                TimerKind::Plain
            }
        }
    }

    fn apply(durable: &mut Durable, record: &Record) {
        durable.apply(record);
    }

    fn records(durable: &Durable) -> Vec<Record> {
        durable.records()
    }

    fn sums_up(_: &Record) -> bool {
        false
    }

    fn durable(&self, state: &State) -> Durable {
        state.durable()
    }
}
