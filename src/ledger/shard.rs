//! A shard: it has accounts, locks them while they are worked on, and applies what is committed.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{
    Amount, AtomicCommit, Change, Ledger, Message, Obstacle, Output, Record, Request, Timer,
    is_well_formed,
};
use crate::atomic_commit::{self, COORDINATOR, Decision, TransactionId};
use crate::protocol::{Effects, Input, ProcessId};

/// A shard's accounts, and what is under way on them.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Shard {
    /// How much there is on each account that was ever changed.
    pub balances: BTreeMap<String, Amount>,
    /// What is under way.
    pub work: BTreeMap<TransactionId, Work>,
    /// Which accounts are locked, and by what of it.
    locks: BTreeMap<String, TransactionId>,
}

/// A shard's part of a transaction.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Work {
    /// Of its accounts.
    pub changes: Vec<Change>,
    /// Whether it has promised to do it, and is in doubt.
    pub is_prepared: bool,
}

impl Shard {
    /// The transactions that it is bound to and whose outcomes it does not know: their accounts stay locked.
    pub fn in_doubt(&self) -> impl Iterator<Item = (TransactionId, &[Change])> {
        let prepared = self.work.iter().filter(|(_, work)| work.is_prepared);
        prepared.map(|(&transaction, work)| (transaction, work.changes.as_slice()))
    }

    pub(super) fn at_work(&self) -> impl Iterator<Item = TransactionId> {
        let at_work = self.work.iter().filter(|(_, work)| !work.is_prepared);
        at_work.map(|(&transaction, _)| transaction)
    }

    /// Takes up what its disk remembers. What of it was prepared commitment tells.
    pub(super) fn recover(
        &mut self,
        balances: BTreeMap<String, Amount>,
        work: BTreeMap<TransactionId, Vec<Change>>,
    ) {
        self.balances = balances;
        for (transaction, changes) in work {
            self.lock(transaction, changes);
        }
    }

    /// What nobody has promised is gone, as commitment takes it.
    pub(super) fn drop_unprepared<P: AtomicCommit>(
        &mut self,
        effects: &mut dyn Effects<Ledger<P>>,
    ) {
        let unprepared: Vec<_> = self.at_work().collect();
        for transaction in unprepared {
            self.unlock(transaction);
            effects.append(Record::Dropped { transaction });
        }
    }

    pub(super) fn told<P: AtomicCommit>(
        &mut self,
        output: atomic_commit::Output,
        effects: &mut dyn Effects<Ledger<P>>,
    ) {
        match output {
            atomic_commit::Output::Prepared(transaction) => {
                if let Some(work) = self.work.get_mut(&transaction)
                    && !work.is_prepared
                {
                    work.is_prepared = true;
                    effects.cancel_timer(Timer::Work(transaction));
                }
                effects.emit(Output::Prepared(transaction));
            }
            atomic_commit::Output::Decided(transaction, decision) => {
                if let Some(work) = self.unlock(transaction) {
                    if !work.is_prepared {
                        effects.cancel_timer(Timer::Work(transaction));
                    }
                    match decision {
                        Decision::Commit => {
                            change(&mut self.balances, &work.changes);
                            effects.append(Record::Applied { transaction });
                        }
                        Decision::Abort => effects.append(Record::Dropped { transaction }),
                    }
                }
                effects.emit(Output::Decided(transaction, decision));
            }
            // It has asked for work, and to give it up; what is refused is not done.
            atomic_commit::Output::Working(_)
            | atomic_commit::Output::Begun(_)
            | atomic_commit::Output::Refused(..) => {}
        }
    }

    fn lock(&mut self, transaction: TransactionId, changes: Vec<Change>) {
        let accounts = changes.iter().map(|change| change.account.clone());
        self.locks
            .extend(accounts.map(|account| (account, transaction)));
        let work = Work {
            changes,
            is_prepared: false,
        };
        self.work.insert(transaction, work);
    }

    fn unlock(&mut self, transaction: TransactionId) -> Option<Work> {
        let work = self.work.remove(&transaction)?;
        for change in &work.changes {
            self.locks.remove(&change.account);
        }
        Some(work)
    }

    /// Why this cannot be done, if it cannot.
    fn obstacle(&self, change: &Change) -> Option<Obstacle> {
        let account = change.account.clone();
        if let Some(&by) = self.locks.get(&account) {
            return Some(Obstacle::Locked { account, by });
        }
        let balance = self.balances.get(&account).copied().unwrap_or(0);
        match balance.checked_add(change.by) {
            Some(0..) => None,
            Some(_) | None => Some(Obstacle::Insufficient { account }),
        }
    }
}

/// Changes balances.
pub(super) fn change(balances: &mut BTreeMap<String, Amount>, changes: &[Change]) {
    for change in changes {
        let balance = balances.entry(change.account.clone()).or_default();
        // That it fits was seen when the account was locked.
        *balance = balance.saturating_add(change.by);
    }
}

impl<P: AtomicCommit> Ledger<P> {
    /// The coordinator asks a shard.
    pub(super) fn work(
        &self,
        me: ProcessId,
        shard: &mut Shard,
        commitment: &mut P::State,
        message: Message<P::Message>,
        effects: &mut dyn Effects<Self>,
    ) {
        match message {
            Message::Work {
                transaction,
                changes,
            } => {
                let answer =
                    match self.begin_work(me, shard, commitment, transaction, changes, effects) {
                        Ok(()) => Message::Worked { transaction },
                        Err(obstacle) => Message::Declined {
                            transaction,
                            obstacle,
                        },
                    };
                effects.send(COORDINATOR, answer);
            }
            Message::Abandon { transaction } => {
                let work = shard.work.get(&transaction);
                if work.is_some_and(|work| !work.is_prepared) {
                    let abort = Input::Submit(atomic_commit::Request::Abort(transaction));
                    for output in self.commit(me, commitment, abort, effects) {
                        shard.told(output, effects);
                    }
                }
            }
            // For the coordinator, or for commitment: no correct process sends them here.
            Message::Worked { .. } | Message::Declined { .. } | Message::Commitment(_) => {}
        }
    }

    /// Locks the accounts, if it can be done. All of a shard's work comes at once, so that it can be done again after a crash.
    fn begin_work(
        &self,
        me: ProcessId,
        shard: &mut Shard,
        commitment: &mut P::State,
        transaction: TransactionId,
        changes: Vec<Change>,
        effects: &mut dyn Effects<Self>,
    ) -> Result<(), Obstacle> {
        if shard.work.contains_key(&transaction) {
            return Ok(());
        }
        if !is_well_formed(&changes) {
            return Err(Obstacle::Malformed);
        }
        if changes
            .iter()
            .any(|change| self.shard(&change.account) != me)
        {
            return Err(Obstacle::Role);
        }
        if let Some(obstacle) = changes.iter().find_map(|change| shard.obstacle(change)) {
            return Err(obstacle);
        }
        let work = Input::Submit(atomic_commit::Request::Work(transaction));
        let told = self.commit(me, commitment, work, effects);
        if !told.contains(&atomic_commit::Output::Working(transaction)) {
            // It was aborted here, or is finished: this message comes late.
            return Err(Obstacle::Late);
        }
        effects.append(Record::Work {
            transaction,
            changes: changes.clone(),
        });
        effects.set_timer(Timer::Work(transaction));
        shard.lock(transaction, changes);
        Ok(())
    }

    /// A client asks a shard.
    pub(super) fn answer(
        &self,
        me: ProcessId,
        shard: &Shard,
        request: Request,
        effects: &mut dyn Effects<Self>,
    ) {
        effects.emit(match request {
            Request::Balance { ticket, account } => {
                let by = shard.locks.get(&account).copied();
                let in_doubt = by.filter(|by| shard.work[by].is_prepared);
                let balance = match in_doubt {
                    _ if self.shard(&account) != me => Err(Obstacle::Role),
                    Some(by) => Err(Obstacle::Locked { account, by }),
                    None => Ok(shard.balances.get(&account).copied().unwrap_or(0)),
                };
                Output::Balance { ticket, balance }
            }
            Request::Transfer { ticket, .. } => Output::Finished {
                ticket,
                transaction: None,
                decision: Decision::Abort,
                obstacle: Some(Obstacle::Role),
            },
        });
    }
}
