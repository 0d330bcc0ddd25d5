//! Accounts over several shards, whose changes are committed atomically: what an application of atomic commit looks like.
//!
//! A [`Ledger`] puts this application above a protocol of atomic commit, be it two-phase or three-phase commit, and is a
//! [`Protocol`] itself: the same processes, of which the first coordinates and each other one is a *shard* that has some of the
//! accounts. So what an application owes atomic commit is checked as the protocols are.
//!
//! # One transfer
//!
//! ```text
//! client             coordinator (0)                        shard (1 …)
//! Transfer       →   begins a transaction;
//!                    Work to each shard concerned       →   locks the accounts, writes the work lazily; Worked
//!                    all have worked: commits           ←→  the protocol of atomic commit, shards as participants
//!                    Finished                               Decided: applies the work or drops it, unlocks
//! ```
//!
//! A shard that cannot do the work, for an account is locked or has too little, declines, and the transaction is aborted.
//! Nobody waits for a lock, so that there are no deadlocks.
//!
//! # What never happens, and why
//!
//! * **A promise without its work.** The work is a record that is written before the transaction can be prepared, and
//!   records become durable in order: whoever has Prepared on its disk has the work.
//! * **Work that is applied twice, or to what another has read.** A transaction's accounts are locked from its work to its
//!   outcome, over crashes too; and the record of its outcome here takes the work away.
//! * **A balance that is out of date.** What is prepared may have been committed elsewhere already: until the outcome is known
//!   here, the balance is not.
//! * **Locks for ever for what was never prepared.** The shard gives such work up by itself, as it still may. What is in
//!   doubt stays locked: that is the price of atomic commit, and [`Shard::in_doubt`] lists it.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::Hasher;

use fnv::FnvHasher;
use serde::{Deserialize, Serialize};

use crate::atomic_commit::{self, COORDINATOR, Decision, TransactionId};
use crate::protocol::{Effect, EffectList, Effects, Input, ProcessId, Protocol, TimerKind};

mod coordinator;
mod obstacle;
mod shard;

pub use coordinator::{Coordinator, Transfer};
pub use obstacle::Obstacle;
pub use shard::{Shard, Work};

/// An amount of money, in the smallest unit that there is.
pub type Amount = i64;

/// A protocol of atomic commit.
pub trait AtomicCommit:
    Protocol<Request = atomic_commit::Request, Output = atomic_commit::Output>
{
}

impl<P> AtomicCommit for P where
    P: Protocol<Request = atomic_commit::Request, Output = atomic_commit::Output>
{
}

/// A change of an account. An account that was never changed has nothing.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Change {
    /// Which.
    pub account: String,
    /// By how much.
    pub by: Amount,
}

/// By what whoever asks recognises the answer.
pub type Ticket = u64;

/// What the application asks.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Request {
    /// Coordinator: all these changes, or none. Answered by [`Output::Finished`].
    Transfer {
        /// By what it is recognised.
        ticket: Ticket,
        /// At least one, each of another account.
        changes: Vec<Change>,
    },
    /// Shard: the balance of an account. Answered by [`Output::Balance`].
    Balance {
        /// By what it is recognised.
        ticket: Ticket,
        /// Which.
        account: String,
    },
}

/// What the application is told.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Output {
    /// Coordinator: the outcome of what was asked.
    Finished {
        /// By what it is recognised.
        ticket: Ticket,
        /// Which transaction it was, if it was begun.
        transaction: Option<TransactionId>,
        /// All or nothing.
        decision: Decision,
        /// Why nothing, if a shard or the coordinator had a reason before it came to votes.
        obstacle: Option<Obstacle>,
    },
    /// Shard: a balance; or in which transaction it is in doubt.
    Balance {
        /// By what it is recognised.
        ticket: Ticket,
        /// How much, or which transaction may have changed it.
        balance: Result<Amount, Obstacle>,
    },
    /// Shard: it has promised to do the transaction, and is in doubt until it hears.
    Prepared(TransactionId),
    /// Shard: the outcome of a transaction.
    Decided(TransactionId, Decision),
}

/// What the processes send each other.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Message<M> {
    /// About commitment.
    Commitment(M),
    /// The coordinator gives a shard its part of a transaction.
    Work {
        /// Of which.
        transaction: TransactionId,
        /// Of its accounts.
        changes: Vec<Change>,
    },
    /// A shard has locked the accounts, and can do it.
    Worked {
        /// In which transaction.
        transaction: TransactionId,
    },
    /// A shard cannot do it.
    Declined {
        /// In which transaction.
        transaction: TransactionId,
        /// Why.
        obstacle: Obstacle,
    },
    /// The coordinator has given up before it has asked for votes.
    Abandon {
        /// What.
        transaction: TransactionId,
    },
}

/// What a process may wait for.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Timer<T> {
    /// About commitment.
    Commitment(T),
    /// Coordinator: somebody has not worked, for too long. Shard: what it has worked is not prepared.
    Work(TransactionId),
    /// Coordinator: somebody has not worked, and something may have been lost.
    Resend(TransactionId),
}

/// What a process writes to its disk.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Record<R> {
    /// About commitment.
    Commitment(R),
    /// Shard, lazy: its part of a transaction. Durable before it has promised anything, for records are so in order.
    Work {
        /// Of which.
        transaction: TransactionId,
        /// Of its accounts.
        changes: Vec<Change>,
    },
    /// Shard, lazy, after the record of the commit: the changes are part of the balances.
    Applied {
        /// Those of which transaction.
        transaction: TransactionId,
    },
    /// Shard, lazy: the changes are none.
    Dropped {
        /// Those of which transaction.
        transaction: TransactionId,
    },
    /// Shard: the balance of an account, in the place of all changes that led to it.
    Balance {
        /// Which.
        account: String,
        /// How much.
        balance: Amount,
    },
}

/// What a disk holds.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Durable<D> {
    /// About commitment.
    pub commitment: D,
    /// Shard: how much there is on each account that was ever changed.
    pub balances: BTreeMap<String, Amount>,
    /// Shard: what is neither applied nor dropped.
    pub work: BTreeMap<TransactionId, Vec<Change>>,
}

/// A process: its part in commitment, and what it is to the application.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State<S> {
    /// Its part in commitment.
    pub commitment: S,
    /// What it is to the application.
    pub role: Role,
}

/// What a process is to the application.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// Process [`COORDINATOR`].
    Coordinator(Coordinator),
    /// Every other process.
    Shard(Shard),
}

/// Accounts over shards, above a protocol of atomic commit.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<P> {
    commitment: P,
}

impl<P: AtomicCommit> Ledger<P> {
    /// Above this protocol, whose participants are the shards.
    pub fn new(commitment: P) -> Self {
        Self { commitment }
    }

    /// Which shard has this account: for ever, for that is where its balance is.
    pub fn shard(&self, account: &str) -> ProcessId {
        let shards = self.commitment.processes() - 1;
        shard_of(account, u16::try_from(shards).unwrap_or(u16::MAX))
    }

    /// Steps its part in commitment: what is to be done is added to the effects, and what that part tells is returned.
    fn commit(
        &self,
        me: ProcessId,
        commitment: &mut P::State,
        input: Input<P>,
        effects: &mut dyn Effects<Self>,
    ) -> Vec<atomic_commit::Output> {
        let mut own = EffectList::new();
        self.commitment.step(me, commitment, input, &mut own);
        let mut told = Vec::new();
        for effect in own.drain() {
            match effect {
                Effect::Persist(record) => effects.persist(Record::Commitment(record)),
                Effect::Append(record) => effects.append(Record::Commitment(record)),
                Effect::ReportDurable(position) => effects.report_durable(position),
                Effect::Send { to, message } => effects.send(to, Message::Commitment(message)),
                Effect::SetTimer(timer) => effects.set_timer(Timer::Commitment(timer)),
                Effect::CancelTimer(timer) => effects.cancel_timer(Timer::Commitment(timer)),
                // What is made of it follows what was said and written before: it waits for the same records, and more.
                Effect::Emit(output) => told.push(output),
            }
        }
        told
    }
}

impl<P: AtomicCommit> Protocol for Ledger<P> {
    type State = State<P::State>;
    type Message = Message<P::Message>;
    type Timer = Timer<P::Timer>;
    type Record = Record<P::Record>;
    type Durable = Durable<P::Durable>;
    type Request = Request;
    type Output = Output;

    fn processes(&self) -> usize {
        self.commitment.processes()
    }

    fn name(&self, process: ProcessId) -> String {
        match process {
            COORDINATOR => self.commitment.name(process),
            ProcessId(number) => format!("shard {number}"),
        }
    }

    fn initial(&self, me: ProcessId) -> Self::State {
        State {
            commitment: self.commitment.initial(me),
            role: match me {
                COORDINATOR => Role::Coordinator(Coordinator::default()),
                _ => Role::Shard(Shard::default()),
            },
        }
    }

    fn step(
        &self,
        me: ProcessId,
        state: &mut Self::State,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        let State { commitment, role } = state;
        let input = match input {
            Input::Start(durable) => {
                if let Role::Shard(shard) = role {
                    shard.recover(durable.balances, durable.work);
                }
                let told = self.commit(me, commitment, Input::Start(durable.commitment), effects);
                role.told(told, effects);
                if let Role::Shard(shard) = role {
                    shard.drop_unprepared(effects);
                }
                return;
            }
            Input::Receive {
                from,
                message: Message::Commitment(message),
            } => Input::Receive { from, message },
            Input::Timeout(Timer::Commitment(timer)) => Input::Timeout(timer),
            Input::Durable(position) => Input::Durable(position),
            Input::Receive { from, message } => {
                return match role {
                    Role::Coordinator(coordinator) => {
                        self.coordinate(me, coordinator, commitment, from, message, effects);
                    }
                    Role::Shard(shard) if from == COORDINATOR => {
                        self.work(me, shard, commitment, message, effects);
                    }
                    Role::Shard(_) => {}
                };
            }
            Input::Timeout(Timer::Work(transaction)) => {
                if !role.is_at_work(transaction) {
                    return;
                }
                Input::Submit(atomic_commit::Request::Abort(transaction))
            }
            Input::Timeout(Timer::Resend(transaction)) => {
                if let Role::Coordinator(coordinator) = role {
                    Self::resend(coordinator, transaction, effects);
                }
                return;
            }
            Input::Submit(request) => {
                return match role {
                    Role::Coordinator(coordinator) => {
                        self.transfer(me, coordinator, commitment, request, effects);
                    }
                    Role::Shard(shard) => self.answer(me, shard, request, effects),
                };
            }
        };
        let told = self.commit(me, commitment, input, effects);
        role.told(told, effects);
    }

    fn timers(&self, state: &Self::State) -> Vec<Self::Timer> {
        let commitment = self.commitment.timers(&state.commitment).into_iter();
        let own = state.role.at_work().flat_map(|transaction| {
            let resends = matches!(state.role, Role::Coordinator(_));
            let resend = resends.then_some(Timer::Resend(transaction));
            [Timer::Work(transaction)].into_iter().chain(resend)
        });
        commitment.map(Timer::Commitment).chain(own).collect()
    }

    fn timer_kind(&self, state: &Self::State, timer: &Self::Timer) -> TimerKind {
        match timer {
            Timer::Commitment(timer) => self.commitment.timer_kind(&state.commitment, timer),
            Timer::Work(_) | Timer::Resend(_) => TimerKind::Plain,
        }
    }

    fn apply(durable: &mut Self::Durable, record: &Self::Record) {
        match record {
            Record::Commitment(record) => P::apply(&mut durable.commitment, record),
            Record::Work {
                transaction,
                changes,
            } => {
                durable.work.insert(*transaction, changes.clone());
            }
            Record::Applied { transaction } => {
                let changes = durable.work.remove(transaction).unwrap_or_default();
                shard::change(&mut durable.balances, &changes);
            }
            Record::Dropped { transaction } => {
                durable.work.remove(transaction);
            }
            Record::Balance { account, balance } => {
                durable.balances.insert(account.clone(), *balance);
            }
        }
    }

    fn records(durable: &Self::Durable) -> Vec<Self::Record> {
        let work = durable.work.iter().map(|(transaction, changes)| {
            let (transaction, changes) = (*transaction, changes.clone());
            Record::Work {
                transaction,
                changes,
            }
        });
        let balances = durable.balances.iter().map(|(account, balance)| {
            let (account, balance) = (account.clone(), *balance);
            Record::Balance { account, balance }
        });
        let commitment = P::records(&durable.commitment).into_iter();
        let commitment = commitment.map(Record::Commitment);
        work.chain(balances).chain(commitment).collect()
    }

    fn sums_up(record: &Self::Record) -> bool {
        match record {
            Record::Commitment(record) => P::sums_up(record),
            Record::Work { .. }
            | Record::Applied { .. }
            | Record::Dropped { .. }
            | Record::Balance { .. } => false,
        }
    }

    fn durable(&self, state: &Self::State) -> Self::Durable {
        let commitment = self.commitment.durable(&state.commitment);
        match &state.role {
            Role::Coordinator(_) => Durable {
                commitment,
                balances: BTreeMap::new(),
                work: BTreeMap::new(),
            },
            Role::Shard(shard) => Durable {
                commitment,
                balances: shard.balances.clone(),
                work: shard
                    .work
                    .iter()
                    .map(|(&transaction, work)| (transaction, work.changes.clone()))
                    .collect(),
            },
        }
    }
}

impl Role {
    /// What commitment tells.
    fn told<P: AtomicCommit>(
        &mut self,
        told: Vec<atomic_commit::Output>,
        effects: &mut dyn Effects<Ledger<P>>,
    ) {
        for output in told {
            match self {
                Self::Coordinator(coordinator) => coordinator.told(output, effects),
                Self::Shard(shard) => shard.told(output, effects),
            }
        }
    }

    /// What is worked for, and may still be given up by whoever works.
    fn at_work(&self) -> Box<dyn Iterator<Item = TransactionId> + '_> {
        match self {
            Self::Coordinator(coordinator) => Box::new(coordinator.at_work()),
            Self::Shard(shard) => Box::new(shard.at_work()),
        }
    }

    fn is_at_work(&self, transaction: TransactionId) -> bool {
        self.at_work().any(|other| other == transaction)
    }
}

/// Which of so many shards has this account: for ever, for that is where its balance is.
pub fn shard_of(account: &str, shards: u16) -> ProcessId {
    let mut hasher = FnvHasher::default();
    hasher.write(account.as_bytes());
    let number = hasher.finish() % u64::from(shards.max(1));
    ProcessId(1 + number as u16)
}

/// The shards that changes are for, and which.
fn by_shard<P: AtomicCommit>(
    ledger: &Ledger<P>,
    changes: Vec<Change>,
) -> BTreeMap<ProcessId, Vec<Change>> {
    let mut parts: BTreeMap<ProcessId, Vec<Change>> = BTreeMap::new();
    for change in changes {
        let shard = ledger.shard(&change.account);
        parts.entry(shard).or_default().push(change);
    }
    parts
}

/// Whether there is a change, and of each account one.
fn is_well_formed(changes: &[Change]) -> bool {
    let accounts: BTreeSet<_> = changes.iter().map(|change| &change.account).collect();
    !changes.is_empty() && accounts.len() == changes.len()
}
