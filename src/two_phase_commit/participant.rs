//! The participant: does the work, promises, and follows the decision.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::disk::forget_finished;
use super::{
    COORDINATOR, Decision, Durable, Message, Output, Record, Refusal, Request, Rules, Timer,
    TransactionId, TwoPhaseCommit, Vote,
};
use crate::protocol::{Effects, Input, ProcessId};

/// A participant: the transactions that it works for, has promised, or has finished and not retired.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Participant {
    /// Where each transaction stands.
    pub statuses: BTreeMap<TransactionId, Status>,
    /// Outcomes below this id have been forgotten.
    pub watermark: TransactionId,
}

/// Where a transaction stands at a participant that knows it.
#[derive(Clone, Eq, Hash, PartialEq)]
pub enum Status {
    /// The application is at work. Volatile.
    Working,
    /// It has promised, and is in doubt.
    Prepared {
        /// Whom it asks besides the coordinator.
        peers: BTreeSet<ProcessId>,
    },
    /// Finished.
    Committed,
    /// Finished.
    Aborted,
}

/// Where a transaction stands at a participant, whether it knows it or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// No trace of it: no work begun, or the work lost in a crash.
    Unknown,
    /// No trace of it, but there may have been one.
    Retired,
    /// The application is at work.
    Working,
    /// It has promised, and is in doubt.
    Prepared,
    /// Finished.
    Committed,
    /// Finished.
    Aborted,
}

impl Status {
    /// Whether the outcome is known.
    pub fn is_finished(&self) -> bool {
        matches!(self, Status::Committed | Status::Aborted)
    }
}

impl Participant {
    pub(super) fn timers(&self) -> Vec<Timer> {
        let transactions = self.statuses.keys();
        transactions
            .filter_map(|&transaction| self.timer_of(transaction))
            .collect()
    }

    /// Set while it is in doubt.
    pub(super) fn timer_of(&self, transaction: TransactionId) -> Option<Timer> {
        let status = self.statuses.get(&transaction)?;
        matches!(status, Status::Prepared { .. }).then_some(Timer::Inquire(transaction))
    }

    pub(super) fn durable(&self) -> Durable {
        let mut statuses = self.statuses.clone();
        statuses.retain(|_, status| *status != Status::Working);
        Durable {
            statuses,
            watermark: self.watermark,
            ..Durable::default()
        }
    }
}

impl<R: Rules> TwoPhaseCommit<R> {
    pub(super) fn step_participant(
        &self,
        participant: &mut Participant,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        match input {
            Input::Start(durable) => start(participant, durable, effects),
            Input::Submit(Request::Work(transaction)) => {
                self.work(participant, transaction, effects);
            }
            Input::Submit(Request::Abort(transaction)) => {
                match self.standing(participant, transaction) {
                    Standing::Working => abort_alone(participant, transaction, effects),
                    standing => {
                        effects.emit(Output::Refused(transaction, refusal(standing)));
                    }
                }
            }
            Input::Submit(Request::Begin) => {
                effects.emit(Output::Refused(TransactionId::default(), Refusal::Role));
            }
            Input::Submit(Request::Commit { transaction, .. }) => {
                effects.emit(Output::Refused(transaction, Refusal::Role));
            }
            Input::Receive { from, message } => match message {
                Message::Prepare {
                    transaction,
                    peers,
                    retired_below,
                } if from == COORDINATOR => {
                    retire(participant, retired_below, effects);
                    self.prepare(participant, transaction, peers, effects);
                }
                Message::Decision {
                    transaction,
                    decision,
                } => self.decide(participant, transaction, decision, effects),
                Message::Inquire { transaction } if self.is_participant(from) => {
                    self.answer_peer(participant, from, transaction, effects);
                }
                // For coordinators, or not from one: no correct process sends them here.
                Message::Prepare { .. }
                | Message::Inquire { .. }
                | Message::Vote { .. }
                | Message::Acknowledge { .. } => {}
            },
            Input::Timeout(Timer::Inquire(transaction)) => {
                self.inquire(participant, transaction, effects);
            }
            // A coordinator's timers, and a report that a participant never asks for.
            Input::Timeout(Timer::Deadline(_) | Timer::Resend(_)) | Input::Durable(_) => {}
        }
    }

    fn standing(&self, participant: &Participant, transaction: TransactionId) -> Standing {
        match participant.statuses.get(&transaction) {
            Some(Status::Working) => Standing::Working,
            Some(Status::Prepared { .. }) => Standing::Prepared,
            Some(Status::Committed) => Standing::Committed,
            Some(Status::Aborted) => Standing::Aborted,
            None if self.rules.retired(transaction, participant.watermark) => Standing::Retired,
            None => Standing::Unknown,
        }
    }

    fn work(
        &self,
        participant: &mut Participant,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        match self.standing(participant, transaction) {
            Standing::Unknown => {
                participant.statuses.insert(transaction, Status::Working);
                effects.emit(Output::Working(transaction));
            }
            Standing::Working => effects.emit(Output::Working(transaction)),
            standing => effects.emit(Output::Refused(transaction, refusal(standing))),
        }
    }

    /// The first phase: a promise, forced before it is given; or a No, forced before it is said.
    fn prepare(
        &self,
        participant: &mut Participant,
        transaction: TransactionId,
        peers: BTreeSet<ProcessId>,
        effects: &mut dyn Effects<Self>,
    ) {
        let standing = self.standing(participant, transaction);
        let Some(vote) = self.rules.vote(standing) else {
            return;
        };
        match vote {
            Vote::Yes if standing != Standing::Prepared => {
                effects.persist(Record::Prepared {
                    transaction,
                    peers: peers.clone(),
                });
                effects.emit(Output::Prepared(transaction));
                participant
                    .statuses
                    .insert(transaction, Status::Prepared { peers });
            }
            Vote::No if standing != Standing::Aborted => {
                abort_alone(participant, transaction, effects);
            }
            // It repeats a vote that it has given.
            Vote::Yes | Vote::No => {}
        }
        effects.send(COORDINATOR, Message::Vote { transaction, vote });
    }

    /// The second phase, from the coordinator or from a peer.
    fn decide(
        &self,
        participant: &mut Participant,
        transaction: TransactionId,
        decision: Decision,
        effects: &mut dyn Effects<Self>,
    ) {
        match (decision, self.standing(participant, transaction)) {
            (Decision::Commit, Standing::Prepared) => {
                effects.persist(Record::Committed { transaction });
                effects.send(COORDINATOR, Message::Acknowledge { transaction });
                effects.emit(Output::Decided(transaction, decision));
                participant.statuses.insert(transaction, Status::Committed);
            }
            // The acknowledgement was lost, or this Commit is late.
            (Decision::Commit, Standing::Committed | Standing::Retired) => {
                effects.send(COORDINATOR, Message::Acknowledge { transaction });
            }
            // Not forced: if a crash loses it, it is unknown, or in doubt and told abort again.
            (Decision::Abort, Standing::Prepared | Standing::Working) => {
                effects.append(Record::Aborted { transaction });
                effects.emit(Output::Decided(transaction, decision));
                participant.statuses.insert(transaction, Status::Aborted);
            }
            // An abort of what is finished or unknown has nothing left to abort. A commit of what was
            // never promised is sent by no correct coordinator, and is not obeyed.
            (
                Decision::Abort,
                Standing::Unknown | Standing::Retired | Standing::Committed | Standing::Aborted,
            )
            | (Decision::Commit, Standing::Unknown | Standing::Working | Standing::Aborted) => {}
        }
    }

    /// In doubt, and nothing heard.
    fn inquire(
        &self,
        participant: &mut Participant,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(Status::Prepared { peers }) = participant.statuses.get(&transaction) else {
            return;
        };
        if let Some(decision) = self.rules.in_doubt(peers.len()) {
            return self.decide(participant, transaction, decision, effects);
        }
        effects.send(COORDINATOR, Message::Inquire { transaction });
        effects.send_all(peers.iter().copied(), &Message::Inquire { transaction });
    }

    /// Cooperative termination: a peer is in doubt. Whoever can still abort does so, durably, before it
    /// says so.
    fn answer_peer(
        &self,
        participant: &mut Participant,
        peer: ProcessId,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let standing = self.standing(participant, transaction);
        let Some(decision) = self.rules.answer_peer(standing) else {
            return;
        };
        if matches!(standing, Standing::Unknown | Standing::Working) {
            abort_alone(participant, transaction, effects);
        }
        effects.send(
            peer,
            Message::Decision {
                transaction,
                decision,
            },
        );
    }
}

/// Takes up what the disk remembers: still in doubt, still finished. Work is gone.
fn start<R: Rules>(
    participant: &mut Participant,
    durable: Durable,
    effects: &mut dyn Effects<TwoPhaseCommit<R>>,
) {
    participant.watermark = durable.watermark;
    participant.statuses = durable.statuses;
    for (&transaction, status) in &participant.statuses {
        match status {
            Status::Prepared { .. } => effects.emit(Output::Prepared(transaction)),
            Status::Committed => effects.emit(Output::Decided(transaction, Decision::Commit)),
            Status::Aborted => effects.emit(Output::Decided(transaction, Decision::Abort)),
            // Work is never written.
            Status::Working => {}
        }
    }
}

/// Its own abort: forced before anyone learns of it, because the network may deliver a Prepare, and the
/// application redo the work, after a crash has forgotten it.
fn abort_alone<R: Rules>(
    participant: &mut Participant,
    transaction: TransactionId,
    effects: &mut dyn Effects<TwoPhaseCommit<R>>,
) {
    effects.persist(Record::Aborted { transaction });
    effects.emit(Output::Decided(transaction, Decision::Abort));
    participant.statuses.insert(transaction, Status::Aborted);
}

/// Forgets outcomes below the coordinator's watermark, if there are any: raising the watermark for its own
/// sake would be a write for nothing. An old Prepare does not lower it.
fn retire<R: Rules>(
    participant: &mut Participant,
    below: TransactionId,
    effects: &mut dyn Effects<TwoPhaseCommit<R>>,
) {
    let below = below.max(participant.watermark);
    let mut older = participant.statuses.range(..below);
    if older.any(|(_, status)| status.is_finished()) {
        effects.append(Record::Retired { below });
        forget_finished(&mut participant.statuses, below);
        participant.watermark = below;
    }
}

/// Why a request about a transaction in this standing cannot be met.
fn refusal(standing: Standing) -> Refusal {
    match standing {
        Standing::Unknown | Standing::Working => Refusal::Unknown,
        Standing::Prepared => Refusal::Prepared,
        Standing::Retired | Standing::Committed | Standing::Aborted => Refusal::Finished,
    }
}
