//! The coordinator's part in the application: it has the shards work, and then commits.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{
    AtomicCommit, Change, Ledger, Message, Obstacle, Output, Request, Ticket, Timer, by_shard,
    is_well_formed,
};
use crate::atomic_commit::{self, Decision, TransactionId};
use crate::protocol::{Effects, Input, ProcessId};

/// What a coordinator has under way: of what is not finished when it crashes nobody will hear from it.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Coordinator {
    /// By its transaction.
    pub transfers: BTreeMap<TransactionId, Transfer>,
}

/// What a client has asked.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Transfer {
    /// By what it is recognised.
    pub ticket: Ticket,
    /// The shards concerned, and what each is to do.
    pub parts: BTreeMap<ProcessId, Vec<Change>>,
    /// Those of them that have not worked. If there are none it is up to commitment.
    pub working: BTreeSet<ProcessId>,
    /// Why it is not done, if a shard has said so.
    pub obstacle: Option<Obstacle>,
}

impl Coordinator {
    pub(super) fn at_work(&self) -> impl Iterator<Item = TransactionId> {
        let at_work = self.transfers.iter();
        let at_work = at_work.filter(|(_, transfer)| !transfer.working.is_empty());
        at_work.map(|(&transaction, _)| transaction)
    }

    pub(super) fn told<P: AtomicCommit>(
        &mut self,
        output: atomic_commit::Output,
        effects: &mut dyn Effects<Ledger<P>>,
    ) {
        let atomic_commit::Output::Decided(transaction, decision) = output else {
            return;
        };
        let Some(transfer) = self.transfers.remove(&transaction) else {
            // Of before a crash: whoever has asked is told that nobody knows.
            return;
        };
        let mut obstacle = transfer.obstacle;
        if !transfer.working.is_empty() {
            effects.cancel_timer(Timer::Work(transaction));
            effects.cancel_timer(Timer::Resend(transaction));
            effects.send_all(
                transfer.parts.into_keys(),
                &Message::Abandon { transaction },
            );
            obstacle = obstacle.or(Some(Obstacle::Late));
        }
        effects.emit(Output::Finished {
            ticket: transfer.ticket,
            transaction: Some(transaction),
            decision,
            obstacle,
        });
    }
}

impl Transfer {
    /// Has those work that have not, as far as it knows: something may have been lost.
    fn ask<P: AtomicCommit>(
        &self,
        transaction: TransactionId,
        effects: &mut dyn Effects<Ledger<P>>,
    ) {
        for shard in &self.working {
            let changes = self.parts[shard].clone();
            let work = Message::Work {
                transaction,
                changes,
            };
            effects.send(*shard, work);
        }
        effects.set_timer(Timer::Resend(transaction));
    }
}

impl<P: AtomicCommit> Ledger<P> {
    /// Somebody has not worked: it is asked again.
    pub(super) fn resend(
        coordinator: &Coordinator,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let transfer = coordinator.transfers.get(&transaction);
        if let Some(transfer) = transfer.filter(|transfer| !transfer.working.is_empty()) {
            transfer.ask(transaction, effects);
        }
    }

    /// A client asks the coordinator.
    pub(super) fn transfer(
        &self,
        me: ProcessId,
        coordinator: &mut Coordinator,
        commitment: &mut P::State,
        request: Request,
        effects: &mut dyn Effects<Self>,
    ) {
        let (ticket, changes) = match request {
            Request::Transfer { ticket, changes } => (ticket, changes),
            Request::Balance { ticket, .. } => {
                let balance = Err(Obstacle::Role);
                return effects.emit(Output::Balance { ticket, balance });
            }
        };
        if !is_well_formed(&changes) {
            return effects.emit(refused(ticket, Obstacle::Malformed));
        }
        let begin = Input::Submit(atomic_commit::Request::Begin);
        for output in self.commit(me, commitment, begin, effects) {
            let atomic_commit::Output::Begun(transaction) = output else {
                continue;
            };
            let parts = by_shard(self, changes);
            let transfer = Transfer {
                ticket,
                working: parts.keys().copied().collect(),
                parts,
                obstacle: None,
            };
            transfer.ask(transaction, effects);
            effects.set_timer(Timer::Work(transaction));
            coordinator.transfers.insert(transaction, transfer);
            return;
        }
        effects.emit(refused(ticket, Obstacle::Role));
    }

    /// A shard says what has become of its work.
    pub(super) fn coordinate(
        &self,
        me: ProcessId,
        coordinator: &mut Coordinator,
        commitment: &mut P::State,
        from: ProcessId,
        message: Message<P::Message>,
        effects: &mut dyn Effects<Self>,
    ) {
        let request = match message {
            Message::Worked { transaction } => {
                let Some(transfer) = coordinator.transfers.get_mut(&transaction) else {
                    return;
                };
                if !transfer.working.remove(&from) || !transfer.working.is_empty() {
                    return;
                }
                effects.cancel_timer(Timer::Work(transaction));
                effects.cancel_timer(Timer::Resend(transaction));
                atomic_commit::Request::Commit {
                    transaction,
                    participants: transfer.parts.keys().copied().collect(),
                }
            }
            Message::Declined {
                transaction,
                obstacle,
            } => {
                let Some(transfer) = coordinator.transfers.get_mut(&transaction) else {
                    return;
                };
                // One that comes late, when it is up to commitment, changes nothing.
                if !transfer.working.contains(&from) {
                    return;
                }
                transfer.obstacle = Some(obstacle);
                atomic_commit::Request::Abort(transaction)
            }
            // For shards, or for commitment: no correct process sends them here.
            Message::Work { .. } | Message::Abandon { .. } | Message::Commitment(_) => return,
        };
        for output in self.commit(me, commitment, Input::Submit(request), effects) {
            coordinator.told(output, effects);
        }
    }
}

fn refused(ticket: Ticket, obstacle: Obstacle) -> Output {
    Output::Finished {
        ticket,
        transaction: None,
        decision: Decision::Abort,
        obstacle: Some(obstacle),
    }
}
