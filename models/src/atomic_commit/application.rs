//! The application above a protocol of atomic commit, and what it has been told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};

use crate::framework::RequestOrder;
use crate::system::{Application, ProcessSet};
use quorate::atomic_commit::{COORDINATOR, Decision, Output, Request, TransactionId};
use quorate::protocol::{ProcessId, Protocol};

/// The application: it begins transactions, works at all participants, commits; and where it may, aborts.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Participants, each of which takes part in each transaction.
    pub participants: u16,
    /// How many transactions it begins.
    pub transactions: u8,
    /// Whether it may also abort: at a participant, or at the coordinator.
    pub aborts: bool,
    /// In what order it asks.
    pub requests: RequestOrder,
}

/// What the application has been told about one transaction, and by whom.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Told {
    /// That it has begun.
    pub begun: bool,
    /// That it works for it.
    pub working: ProcessSet,
    /// That it is prepared.
    pub prepared: ProcessSet,
    /// That it is committed.
    pub committed: ProcessSet,
    /// That it is aborted.
    pub aborted: ProcessSet,
}

impl Told {
    /// Whether a process has told an outcome.
    pub fn has_decided(&self, process: ProcessId) -> bool {
        self.committed.contains(process) || self.aborted.contains(process)
    }
}

/// What the application has asked and been told.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct View {
    /// How many transactions it has asked to begin.
    pub begins: u8,
    /// What it was told about each transaction.
    pub transactions: BTreeMap<TransactionId, Told>,
    /// Whether it was told the same name for two transactions.
    pub name_reused: bool,
}

impl Clients {
    fn participants(&self) -> impl Iterator<Item = ProcessId> + use<> {
        (1..=self.participants).map(ProcessId)
    }

    fn commit(&self, transaction: TransactionId) -> Request {
        let participants = self.participants().collect();
        Request::Commit {
            transaction,
            participants,
        }
    }

    /// What may be asked of `process` about the transactions of a first epoch, in any order: sensible or
    /// not, and how many times.
    pub fn any_order(&self, process: ProcessId) -> Vec<(Request, Option<u8>)> {
        let transaction = |number| TransactionId { epoch: 1, number };
        let transactions = (1..=u64::from(self.transactions)).map(transaction);
        let begins = (process == COORDINATOR).then_some(self.transactions);
        let mut requests = vec![(Request::Begin, begins)];
        for transaction in transactions {
            requests.push((Request::Work(transaction), None));
            requests.push((self.commit(transaction), None));
            // Of nobody's work, and of the coordinator's.
            for participants in [BTreeSet::new(), BTreeSet::from([COORDINATOR])] {
                let commit = Request::Commit {
                    transaction,
                    participants,
                };
                requests.push((commit, None));
            }
            if self.aborts {
                requests.push((Request::Abort(transaction), None));
            }
        }
        requests
    }
}

impl<P> Application<P> for Clients
where
    P: Protocol<Request = Request, Output = Output>,
{
    type View = View;

    fn initial(&self) -> View {
        View::default()
    }

    fn requests(&self, view: &View, requests: &mut Vec<(ProcessId, Request)>) {
        if self.requests == RequestOrder::Any {
            for process in std::iter::once(COORDINATOR).chain(self.participants()) {
                let all = self.any_order(process).into_iter();
                let left = all.filter(|(_, times)| times.is_none_or(|times| view.begins < times));
                requests.extend(left.map(|(request, _)| (process, request)));
            }
            return;
        }
        if view.begins < self.transactions {
            requests.push((COORDINATOR, Request::Begin));
        }
        for (&transaction, told) in &view.transactions {
            for participant in self.participants() {
                requests.push((participant, Request::Work(transaction)));
                if self.aborts {
                    requests.push((participant, Request::Abort(transaction)));
                }
            }
            if told.working.len() == u32::from(self.participants) {
                requests.push((COORDINATOR, self.commit(transaction)));
            }
            if self.aborts {
                requests.push((COORDINATOR, Request::Abort(transaction)));
            }
        }
    }

    fn submitted(&self, view: &View, process: ProcessId, request: &Request) -> Option<View> {
        (*request == Request::Begin && process == COORDINATOR).then(|| View {
            begins: view.begins + 1,
            ..view.clone()
        })
    }

    fn told(&self, view: &View, process: ProcessId, output: &Output) -> Option<View> {
        (!view.knows(process, output)).then(|| {
            let mut view = view.clone();
            view.told(process, output);
            view
        })
    }
}

impl View {
    /// Whether being told this by a process would change nothing.
    fn knows(&self, process: ProcessId, output: &Output) -> bool {
        let told = |transaction| self.transactions.get(transaction);
        match output {
            Output::Begun(_) => false,
            Output::Working(of) => told(of).is_some_and(|told| told.working.contains(process)),
            Output::Prepared(of) => told(of).is_some_and(|told| told.prepared.contains(process)),
            Output::Decided(of, Decision::Commit) => {
                told(of).is_some_and(|told| told.committed.contains(process))
            }
            Output::Decided(of, Decision::Abort) => {
                told(of).is_some_and(|told| told.aborted.contains(process))
            }
            Output::Refused(..) => true,
        }
    }

    /// A process has told this. Being told again changes nothing, but for a name: a coordinator tells
    /// it once, so a second time it is the name of another transaction.
    pub fn told(&mut self, process: ProcessId, output: &Output) {
        match *output {
            Output::Begun(transaction) => {
                let earlier = std::mem::replace(&mut self.entry(transaction).begun, true);
                self.name_reused |= earlier;
            }
            Output::Working(transaction) => self.entry(transaction).working.insert(process),
            Output::Prepared(transaction) => self.entry(transaction).prepared.insert(process),
            Output::Decided(transaction, Decision::Commit) => {
                self.entry(transaction).committed.insert(process);
            }
            Output::Decided(transaction, Decision::Abort) => {
                self.entry(transaction).aborted.insert(process);
            }
            // Nothing has changed.
            Output::Refused(..) => {}
        }
    }

    fn entry(&mut self, transaction: TransactionId) -> &mut Told {
        self.transactions.entry(transaction).or_default()
    }
}

impl Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} begun", self.begins)?;
        for (transaction, told) in &self.transactions {
            write!(f, "; {transaction}")?;
            let facts = [
                ("working", told.working),
                ("prepared", told.prepared),
                ("committed", told.committed),
                ("aborted", told.aborted),
            ];
            for (what, by) in facts.into_iter().filter(|(_, by)| !by.is_empty()) {
                write!(f, " {what} at {by:?}")?;
            }
        }
        if self.name_reused {
            write!(f, "; a name was used twice")?;
        }
        Ok(())
    }
}
