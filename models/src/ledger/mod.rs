//! A ledger over shards in an environment: whatever becomes of processes and messages, each transfer is done everywhere or
//! nowhere, and no balance is out of date.

use std::collections::{BTreeMap, BTreeSet};

use itertools::Itertools;
use quorate::atomic_commit::{COORDINATOR, Decision, TransactionId};
use quorate::ledger::{
    Amount, AtomicCommit, Change, Durable, Ledger, Message, Obstacle, Output, Record, Request,
    Role, State, Ticket, Timer,
};
use quorate::protocol::{ProcessId, Protocol};
use quorate_checker::check::Claimed;
use quorate_checker::{Condition, Property, stateright_properties};

use crate::system::{Application, System, SystemState};

pub mod entry;
pub mod mutants;
pub mod parameters;

use parameters::Parameters;

/// Above which protocol of atomic commit, by its types.
pub trait AnyLedger:
    Protocol<
        State = State<<Self::Commitment as Protocol>::State>,
        Message = Message<<Self::Commitment as Protocol>::Message>,
        Timer = Timer<<Self::Commitment as Protocol>::Timer>,
        Record = Record<<Self::Commitment as Protocol>::Record>,
        Durable = Durable<<Self::Commitment as Protocol>::Durable>,
        Request = Request,
        Output = Output,
    > + 'static
{
    /// It.
    type Commitment: Checked;
}

/// A protocol of atomic commit whose parts threads may share.
pub trait Checked:
    AtomicCommit<
        State: Send + Sync,
        Message: Send + Sync,
        Timer: Send + Sync,
        Record: Send + Sync,
        Durable: Send + Sync,
    > + 'static
{
}

impl<P> Checked for P where
    P: AtomicCommit<
            State: Send + Sync,
            Message: Send + Sync,
            Timer: Send + Sync,
            Record: Send + Sync,
            Durable: Send + Sync,
        > + 'static
{
}

impl<P: Checked> AnyLedger for Ledger<P> {
    type Commitment = P;
}

impl<P: Checked> AnyLedger for crate::mutant::Mutated<Ledger<P>> {
    type Commitment = P;
}

/// Who asks for transfers, each once, and for a balance, once.
#[derive(Clone, Debug)]
pub struct Clients {
    /// What changes; the ticket is the place in this list.
    pub transfers: Vec<Vec<Change>>,
    /// Which account's balance is asked for, and which shard has it.
    pub reads: Option<(ProcessId, String)>,
}

/// What clients have asked, and what they and whoever looks at the shards were told.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct View {
    /// What was asked.
    pub asked: BTreeSet<Ticket>,
    /// The outcomes that clients were told.
    pub finished: BTreeMap<Ticket, Decision>,
    /// The outcomes of transactions at shards.
    pub decided: BTreeSet<(TransactionId, ProcessId, Decision)>,
    /// What was in doubt, somewhere and some time.
    pub prepared: BTreeSet<TransactionId>,
    /// When the balance was asked for: what clients had been told had been done.
    pub reads: Option<BTreeSet<Ticket>>,
    /// The balances that were told.
    pub balances: BTreeSet<Amount>,
    /// Whether a balance was not told, for it was in doubt.
    pub was_withheld: bool,
}

impl View {
    fn done(&self) -> BTreeSet<Ticket> {
        let done = self.finished.iter();
        let done = done.filter(|(_, decision)| **decision == Decision::Commit);
        done.map(|(&ticket, _)| ticket).collect()
    }
}

impl<P: Protocol<Request = Request, Output = Output>> Application<P> for Clients {
    type View = View;

    fn initial(&self) -> View {
        View::default()
    }

    fn requests(&self, view: &View, requests: &mut Vec<(ProcessId, Request)>) {
        for (ticket, changes) in (0..).zip(&self.transfers) {
            if !view.asked.contains(&ticket) {
                let changes = changes.clone();
                requests.push((COORDINATOR, Request::Transfer { ticket, changes }));
            }
        }
        if let Some((shard, account)) = &self.reads
            && view.reads.is_none()
        {
            let (ticket, account) = (Ticket::MAX, account.clone());
            requests.push((*shard, Request::Balance { ticket, account }));
        }
    }

    fn submitted(&self, view: &View, _: ProcessId, request: &Request) -> Option<View> {
        let mut view = view.clone();
        match request {
            Request::Transfer { ticket, .. } => {
                view.asked.insert(*ticket);
            }
            Request::Balance { .. } => view.reads = Some(view.done()),
        }
        Some(view)
    }

    fn told(&self, view: &View, process: ProcessId, output: &Output) -> Option<View> {
        let mut next = view.clone();
        match output {
            Output::Finished {
                ticket, decision, ..
            } => {
                next.finished.insert(*ticket, *decision);
            }
            Output::Balance { balance, .. } => match balance {
                Ok(balance) => drop(next.balances.insert(*balance)),
                Err(Obstacle::Locked { .. }) => next.was_withheld = true,
                Err(_) => {}
            },
            Output::Prepared(transaction) => drop(next.prepared.insert(*transaction)),
            Output::Decided(transaction, decision) => {
                next.decided.insert((*transaction, process, *decision));
            }
        }
        (next != *view).then_some(next)
    }
}

/// The processes of a ledger in [`System`].
pub type Model<P> = System<P, Clients>;

/// The clients that these parameters describe: something for both accounts, each at another shard; then, with a second
/// transfer, something from one to the other.
pub fn clients<P: AtomicCommit>(parameters: &Parameters, ledger: &Ledger<P>) -> Clients {
    let change = |account: &str, by| Change {
        account: account.to_owned(),
        by,
    };
    let transfers = [
        vec![change("a", 2), change("b", 1)],
        vec![change("a", -1), change("b", 1)],
    ];
    let read = || (ledger.shard("b"), "b".to_owned());
    Clients {
        transfers: transfers[..parameters.transfers.into()].to_vec(),
        reads: parameters.reads.then(read),
    }
}

/// The model under these parameters, and what is claimed of it.
pub fn model<P: AnyLedger>(
    parameters: &Parameters,
    clients: Clients,
    protocol: P,
) -> Claimed<Model<P>> {
    let properties = properties(parameters);
    let mut model = System::new(protocol, clients, parameters.environment.clone());
    model.properties = stateright_properties(&properties);
    Claimed {
        model,
        properties,
        fairness: Vec::new(),
    }
}

/// The name of the claim that transfers are atomic.
pub const ATOMIC: &str = "when all is at rest each transfer is done on all accounts or on none";
/// What is lost above three-phase commit where suspicions are wrong.
pub const ATOMIC_ERRING: &str =
    "each transfer is done on all accounts or on none, though suspicions err";
/// The name of the claim that shards agree.
pub const AGREEMENT: &str = "no transaction is committed at one shard and aborted at another (AC1)";
/// What is lost in the same way.
pub const AGREEMENT_ERRING: &str = "shards agree on each transaction, though suspicions err";
/// The name of the claim that there is no debt.
pub const NO_DEBT: &str = "no account has less than nothing";
/// The name of the claim that balances are not out of date.
pub const UP_TO_DATE: &str = "a balance has what was done before it was asked for";
/// The name of the claim that a disk has what it has promised.
pub const HAS_WORK: &str = "whoever comes up again finds what it believes durable";

fn properties<P: AnyLedger>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    use Condition::{Always, Sometimes};
    let mut properties = match parameters.is_atomic() {
        true => vec![
            Property::holds(ATOMIC, Always(is_atomic)),
            Property::holds(AGREEMENT, Always(agrees)),
            Property::holds(NO_DEBT, Always(has_no_debt)),
            Property::holds(UP_TO_DATE, Always(is_up_to_date)),
        ],
        false => vec![
            Property::fails(ATOMIC_ERRING, Always(is_atomic)),
            Property::fails(AGREEMENT_ERRING, Always(agrees)),
        ],
    };
    properties.extend([
        Property::holds(HAS_WORK, Always(Model::recovery_reads_back)),
        Property::holds(
            "all is done, and at rest",
            Sometimes(|model: &Model<P>, state: &SystemState<P, Clients>| {
                let all = model.application().transfers.len();
                state.view.done().len() == all && balances(state).is_some()
            }),
        ),
        Property::holds(
            "something is in doubt",
            Sometimes(|_: &Model<P>, state: &SystemState<P, Clients>| {
                !state.view.prepared.is_empty()
            }),
        ),
    ]);
    if parameters.may_abort() {
        properties.push(Property::holds(
            "something is not done",
            Sometimes(|_: &Model<P>, state: &SystemState<P, Clients>| {
                let mut decisions = state.view.finished.values();
                decisions.any(|decision| *decision == Decision::Abort)
            }),
        ));
    }
    properties
}

/// The balances of all accounts, if all is at rest: every process is up and has everything on disk, and no shard has work.
fn balances<P: AnyLedger>(state: &SystemState<P, Clients>) -> Option<BTreeMap<String, Amount>> {
    let mut balances = BTreeMap::new();
    for process in &state.processes {
        match &process.state()?.role {
            Role::Shard(shard) => {
                if !shard.work.is_empty() {
                    return None;
                }
                balances.extend(shard.balances.clone());
            }
            Role::Coordinator(coordinator) if !coordinator.transfers.is_empty() => return None,
            Role::Coordinator(_) => {}
        }
    }
    Some(balances)
}

/// Some of the transfers are done, all those that clients were told are, and none that they were told are not; and nothing
/// else has happened.
fn is_atomic<P: AnyLedger>(model: &Model<P>, state: &SystemState<P, Clients>) -> bool {
    let Some(balances) = balances(state) else {
        return true;
    };
    let finished = &state.view.finished;
    let all = (0..).zip(&model.application().transfers);
    let mut done = all.powerset();
    done.any(|done: Vec<(Ticket, &Vec<Change>)>| {
        let tickets: BTreeSet<Ticket> = done.iter().map(|(ticket, _)| *ticket).collect();
        let mut sums: BTreeMap<String, Amount> = BTreeMap::new();
        for change in done.iter().flat_map(|(_, changes)| *changes) {
            *sums.entry(change.account.clone()).or_default() += change.by;
        }
        let fits = |(ticket, decision): (&Ticket, &Decision)| {
            tickets.contains(ticket) == (*decision == Decision::Commit)
        };
        sums == balances && finished.iter().all(fits)
    })
}

fn agrees<P: AnyLedger>(_: &Model<P>, state: &SystemState<P, Clients>) -> bool {
    let decided = state.view.decided.iter();
    let decisions = decided.map(|(transaction, _, decision)| (transaction, decision));
    let decisions: BTreeSet<_> = decisions.collect();
    decisions
        .iter()
        .map(|(transaction, _)| transaction)
        .all_unique()
}

fn has_no_debt<P: AnyLedger>(_: &Model<P>, state: &SystemState<P, Clients>) -> bool {
    let mut processes = state.processes.iter();
    processes.all(|process| {
        let role = process.state().map(|state| &state.role);
        let Some(Role::Shard(shard)) = role else {
            return true;
        };
        shard.balances.values().all(|balance| *balance >= 0)
    })
}

/// Where no transfer takes from the account that is read, what was done is the least that there may be.
fn is_up_to_date<P: AnyLedger>(model: &Model<P>, state: &SystemState<P, Clients>) -> bool {
    let Clients { transfers, reads } = model.application();
    let (Some((_, account)), Some(done)) = (reads, &state.view.reads) else {
        return true;
    };
    let changes = (0..)
        .zip(transfers)
        .filter(|(ticket, _)| done.contains(ticket));
    let changes = changes.flat_map(|(_, changes)| changes);
    let changes = changes.filter(|change| change.account == *account);
    let least: Amount = changes.map(|change| change.by).sum();
    let mut balances = state.view.balances.iter();
    balances.all(|balance| *balance >= least)
}
