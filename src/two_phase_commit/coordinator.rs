//! The coordinator: collects votes, decides, and sees a commit through.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{
    Decision, Durable, Message, Output, Record, Refusal, Request, Rules, Timer, TransactionId,
    TwoPhaseCommit, Vote,
};
use crate::protocol::{Effects, Input, ProcessId};

/// A coordinator: the transactions that it has begun and not forgotten. An aborted one is forgotten at
/// once, a committed one when all have acknowledged.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Coordinator {
    /// The epoch of the ids that it gives out, from 1.
    pub epoch: u64,
    /// How many ids of this epoch it has given out.
    pub begun: u64,
    /// Where each transaction stands.
    pub transactions: BTreeMap<TransactionId, Progress>,
}

/// Where a transaction stands at the coordinator, with what is known of its participants.
#[derive(Clone, Eq, Hash, PartialEq)]
pub enum Progress {
    /// The application is at work.
    Working,
    /// Prepare has been sent; votes are coming in.
    Voting {
        /// Who takes part.
        participants: BTreeSet<ProcessId>,
        /// Who has voted Yes.
        yes: BTreeSet<ProcessId>,
    },
    /// All have voted Yes. Acknowledgements are coming in.
    Committed {
        /// Who takes part.
        participants: BTreeSet<ProcessId>,
        /// Whose commit is not known to be durable.
        unacknowledged: BTreeSet<ProcessId>,
    },
}

/// Where a transaction stands at the coordinator. One that is unknown has none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// The application is at work.
    Working,
    /// Votes are coming in.
    Voting,
    /// Decided, not acknowledged by all.
    Committed,
}

impl Progress {
    /// The phase alone.
    pub fn phase(&self) -> Phase {
        match self {
            Progress::Working => Phase::Working,
            Progress::Voting { .. } => Phase::Voting,
            Progress::Committed { .. } => Phase::Committed,
        }
    }
}

impl Coordinator {
    pub(super) fn timers(&self) -> Vec<Timer> {
        let transactions = self.transactions.keys();
        transactions
            .filter_map(|&transaction| self.timer_of(transaction))
            .collect()
    }

    pub(super) fn timer_of(&self, transaction: TransactionId) -> Option<Timer> {
        Some(match self.phase(transaction)? {
            Phase::Working | Phase::Voting => Timer::Deadline(transaction),
            Phase::Committed => Timer::Resend(transaction),
        })
    }

    pub(super) fn durable(&self) -> Durable {
        let committed = |(&transaction, progress): (&TransactionId, &Progress)| match progress {
            Progress::Committed { participants, .. } => Some((transaction, participants.clone())),
            Progress::Working | Progress::Voting { .. } => None,
        };
        Durable {
            epoch: self.epoch,
            committed: self.transactions.iter().filter_map(committed).collect(),
            ..Durable::default()
        }
    }

    /// The id that the next transaction of this epoch will have.
    pub(super) fn next(&self) -> TransactionId {
        TransactionId {
            epoch: self.epoch,
            number: self.begun + 1,
        }
    }

    /// Nothing below this id is unfinished here, nor ever will be: ids only grow.
    fn watermark(&self) -> TransactionId {
        let oldest = self.transactions.first_key_value();
        oldest.map_or(self.next(), |(&transaction, _)| transaction)
    }

    fn phase(&self, transaction: TransactionId) -> Option<Phase> {
        self.transactions.get(&transaction).map(Progress::phase)
    }
}

impl<R: Rules> TwoPhaseCommit<R> {
    pub(super) fn step_coordinator(
        &self,
        coordinator: &mut Coordinator,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        match input {
            Input::Start(durable) => self.start_coordinator(coordinator, durable, effects),
            Input::Submit(Request::Begin) => begin(coordinator, effects),
            Input::Submit(Request::Commit {
                transaction,
                participants,
            }) => self.prepare_all(coordinator, transaction, participants, effects),
            Input::Submit(Request::Abort(transaction)) => {
                match coordinator.transactions.get(&transaction) {
                    Some(Progress::Working | Progress::Voting { .. }) => {
                        abort(coordinator, transaction, None, effects);
                    }
                    Some(Progress::Committed { .. }) => {
                        effects.emit(Output::Refused(transaction, Refusal::Finished));
                    }
                    None => effects.emit(Output::Refused(transaction, Refusal::Unknown)),
                }
            }
            Input::Submit(Request::Work(transaction)) => {
                effects.emit(Output::Refused(transaction, Refusal::Role));
            }
            Input::Receive { from, message } => match message {
                Message::Vote { transaction, vote } => {
                    self.receive_vote(coordinator, from, transaction, vote, effects);
                }
                Message::Acknowledge { transaction } => {
                    self.receive_acknowledgement(coordinator, from, transaction, effects);
                }
                Message::Inquire { transaction } => {
                    if let Some(decision) = self.rules.answer(coordinator.phase(transaction)) {
                        effects.send(from, decided(transaction, decision));
                    }
                }
                // For participants: no correct process sends them here.
                Message::Prepare { .. } | Message::Decision { .. } => {}
            },
            Input::Timeout(Timer::Deadline(transaction)) => {
                self.deadline(coordinator, transaction, effects);
            }
            Input::Timeout(Timer::Resend(transaction)) => {
                resend(coordinator, transaction, effects);
            }
            // A participant's timer, and a report that a coordinator never asks for.
            Input::Timeout(Timer::Inquire(_)) | Input::Durable(_) => {}
        }
    }

    /// A new epoch, and what was committed and not ended is seen through; all else is forgotten, which
    /// aborts it (presumed abort).
    fn start_coordinator(
        &self,
        coordinator: &mut Coordinator,
        durable: Durable,
        effects: &mut dyn Effects<Self>,
    ) {
        coordinator.epoch = self.rules.epoch(durable.epoch);
        effects.persist(Record::Started {
            epoch: coordinator.epoch,
        });
        for (transaction, participants) in durable.committed {
            effects.emit(Output::Decided(transaction, Decision::Commit));
            let unacknowledged = participants.clone();
            let progress = Progress::Committed {
                participants,
                unacknowledged,
            };
            coordinator.transactions.insert(transaction, progress);
        }
    }

    /// The first phase. Asking again for a commit that has been decided is answered again.
    fn prepare_all(
        &self,
        coordinator: &mut Coordinator,
        transaction: TransactionId,
        participants: BTreeSet<ProcessId>,
        effects: &mut dyn Effects<Self>,
    ) {
        match coordinator.phase(transaction) {
            None => return effects.emit(Output::Refused(transaction, Refusal::Unknown)),
            Some(Phase::Voting) => return,
            Some(Phase::Committed) => {
                return effects.emit(Output::Decided(transaction, Decision::Commit));
            }
            Some(Phase::Working) => {}
        }
        if participants.is_empty() || !participants.iter().all(|&p| self.is_participant(p)) {
            return effects.emit(Output::Refused(transaction, Refusal::Participants));
        }
        let retired_below = coordinator.watermark();
        for &participant in &participants {
            let mut peers = BTreeSet::new();
            if self.cooperative {
                peers.clone_from(&participants);
                peers.remove(&participant);
            }
            effects.send(
                participant,
                Message::Prepare {
                    transaction,
                    peers,
                    retired_below,
                },
            );
        }
        // From now on it is for the votes.
        effects.set_timer(Timer::Deadline(transaction));
        let yes = BTreeSet::new();
        coordinator
            .transactions
            .insert(transaction, Progress::Voting { participants, yes });
    }

    fn receive_vote(
        &self,
        coordinator: &mut Coordinator,
        from: ProcessId,
        transaction: TransactionId,
        vote: Vote,
        effects: &mut dyn Effects<Self>,
    ) {
        match (vote, coordinator.transactions.get_mut(&transaction)) {
            (Vote::No, Some(Progress::Voting { participants, .. }))
                if participants.contains(&from) =>
            {
                abort(coordinator, transaction, Some(from), effects);
            }
            (Vote::Yes, Some(Progress::Voting { participants, yes }))
                if participants.contains(&from) =>
            {
                yes.insert(from);
                if self.rules.commits(yes.len(), participants.len()) {
                    let participants = core::mem::take(participants);
                    commit(coordinator, transaction, participants, effects);
                }
            }
            // On what is not being voted on it comes late; of somebody who does not take part it is none.
            _ => {}
        }
    }

    /// The transaction is undecided for too long.
    fn deadline(
        &self,
        coordinator: &mut Coordinator,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        match coordinator.transactions.get_mut(&transaction) {
            Some(Progress::Voting { participants, yes })
                if self.rules.deadline(yes.len(), participants.len()) == Decision::Commit =>
            {
                let participants = core::mem::take(participants);
                commit(coordinator, transaction, participants, effects);
            }
            Some(Progress::Working | Progress::Voting { .. }) => {
                abort(coordinator, transaction, None, effects);
            }
            // It has been decided since the timer fired.
            Some(Progress::Committed { .. }) | None => {}
        }
    }

    fn receive_acknowledgement(
        &self,
        coordinator: &mut Coordinator,
        from: ProcessId,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(Progress::Committed { unacknowledged, .. }) =
            coordinator.transactions.get_mut(&transaction)
        else {
            return;
        };
        unacknowledged.remove(&from);
        if self.rules.forgets(unacknowledged.len()) {
            coordinator.transactions.remove(&transaction);
            effects.append(Record::End { transaction });
        }
    }
}

fn begin<R: Rules>(coordinator: &mut Coordinator, effects: &mut dyn Effects<TwoPhaseCommit<R>>) {
    let transaction = coordinator.next();
    coordinator.begun += 1;
    coordinator
        .transactions
        .insert(transaction, Progress::Working);
    effects.emit(Output::Begun(transaction));
}

/// Nothing is written and nothing remembered: whoever asks is told abort. Those who may be in doubt are
/// told at once, to spare them the asking; who has voted No knows.
fn abort<R: Rules>(
    coordinator: &mut Coordinator,
    transaction: TransactionId,
    voted_no: Option<ProcessId>,
    effects: &mut dyn Effects<TwoPhaseCommit<R>>,
) {
    let progress = coordinator.transactions.remove(&transaction);
    if let Some(Progress::Voting { participants, .. }) = progress {
        let told = participants.into_iter().filter(|&p| Some(p) != voted_no);
        effects.send_all(told, &decided(transaction, Decision::Abort));
    }
    effects.emit(Output::Decided(transaction, Decision::Abort));
}

/// The commit point: the forced record. Nobody learns of it before it is durable.
fn commit<R: Rules>(
    coordinator: &mut Coordinator,
    transaction: TransactionId,
    participants: BTreeSet<ProcessId>,
    effects: &mut dyn Effects<TwoPhaseCommit<R>>,
) {
    effects.persist(Record::Commit {
        transaction,
        participants: participants.clone(),
    });
    let message = decided(transaction, Decision::Commit);
    effects.send_all(participants.iter().copied(), &message);
    effects.emit(Output::Decided(transaction, Decision::Commit));
    let unacknowledged = participants.clone();
    let progress = Progress::Committed {
        participants,
        unacknowledged,
    };
    coordinator.transactions.insert(transaction, progress);
}

fn resend<R: Rules>(
    coordinator: &Coordinator,
    transaction: TransactionId,
    effects: &mut dyn Effects<TwoPhaseCommit<R>>,
) {
    let Some(Progress::Committed { unacknowledged, .. }) =
        coordinator.transactions.get(&transaction)
    else {
        return;
    };
    let message = decided(transaction, Decision::Commit);
    effects.send_all(unacknowledged.iter().copied(), &message);
}

fn decided(transaction: TransactionId, decision: Decision) -> Message {
    Message::Decision {
        transaction,
        decision,
    }
}
