//! An application each of whose transactions has participants of its own, and its claims.

use std::collections::{BTreeMap, BTreeSet};

use quorate::protocol::{ProcessId, Protocol};
use quorate::two_phase_commit::{
    COORDINATOR, Decision, Output, Request, Rules, State, Status, TransactionId, TwoPhaseCommit,
};
use quorate_models::system::{Action, Application, System, SystemState};
use stateright::Model as _;

/// The rules, whichever they are.
pub type AnyRules = &'static (dyn Rules + Sync);
/// The protocol in its environment.
pub type Model = System<TwoPhaseCommit<AnyRules>, Subsets>;
/// A state of it.
pub type ModelState = SystemState<TwoPhaseCommit<AnyRules>, Subsets>;

/// Begins transactions, works where each has its participants, and commits or aborts.
#[derive(Clone, Debug)]
pub struct Subsets {
    /// How many transactions it begins.
    pub begins: u8,
    /// Who takes part, in turn.
    pub plans: Vec<BTreeSet<ProcessId>>,
    /// Whether it may abort.
    pub aborts: bool,
    /// Whether it may ask for a commit before it has worked everywhere.
    pub is_hasty: bool,
}

/// What can happen in it.
pub type TheAction = Action<TwoPhaseCommit<AnyRules>>;

/// What has been told about a transaction, and by whom.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Told {
    pub working: BTreeSet<ProcessId>,
    pub prepared: BTreeSet<ProcessId>,
    pub committed: BTreeSet<ProcessId>,
    pub aborted: BTreeSet<ProcessId>,
}

/// What has been asked and told.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct View {
    pub begins: u8,
    pub transactions: BTreeMap<TransactionId, Told>,
    /// Those that were told to have begun.
    pub names: BTreeSet<TransactionId>,
    pub name_reused: bool,
}

impl Subsets {
    pub fn participants(&self, transaction: TransactionId) -> &BTreeSet<ProcessId> {
        let turn = (transaction.epoch + transaction.number) as usize;
        &self.plans[turn % self.plans.len()]
    }
}

impl Application<TwoPhaseCommit<AnyRules>> for Subsets {
    type View = View;

    fn initial(&self) -> View {
        View::default()
    }

    fn requests(&self, view: &View, requests: &mut Vec<(ProcessId, Request)>) {
        if view.begins < self.begins {
            requests.push((COORDINATOR, Request::Begin));
        }
        for &transaction in &view.names {
            let participants = self.participants(transaction);
            for &participant in participants {
                requests.push((participant, Request::Work(transaction)));
                if self.aborts {
                    requests.push((participant, Request::Abort(transaction)));
                }
            }
            let told = view.transactions.get(&transaction);
            if self.is_hasty || told.is_some_and(|told| told.working == *participants) {
                let participants = participants.clone();
                let request = Request::Commit {
                    transaction,
                    participants,
                };
                requests.push((COORDINATOR, request));
            }
            if self.aborts {
                requests.push((COORDINATOR, Request::Abort(transaction)));
            }
        }
    }

    fn submitted(&self, view: &View, _: ProcessId, request: &Request) -> Option<View> {
        (*request == Request::Begin).then(|| View {
            begins: view.begins + 1,
            ..view.clone()
        })
    }

    fn told(&self, view: &View, process: ProcessId, output: &Output) -> Option<View> {
        let mut view = view.clone();
        match *output {
            Output::Begun(transaction) => view.name_reused |= !view.names.insert(transaction),
            Output::Working(transaction) => drop(view.of(transaction).working.insert(process)),
            Output::Prepared(transaction) => drop(view.of(transaction).prepared.insert(process)),
            Output::Decided(transaction, Decision::Commit) => {
                view.of(transaction).committed.insert(process);
            }
            Output::Decided(transaction, Decision::Abort) => {
                view.of(transaction).aborted.insert(process);
            }
            Output::Refused(..) => {}
        }
        Some(view)
    }
}

impl View {
    fn of(&mut self, transaction: TransactionId) -> &mut Told {
        self.transactions.entry(transaction).or_default()
    }
}

/// What a state violates, if anything.
pub fn violation(model: &Model, state: &ModelState) -> Option<&'static str> {
    let mut all = state.view.transactions.iter();
    let broken = all.find_map(|(&transaction, told)| {
        let participants = model.application().participants(transaction);
        if !told.committed.is_disjoint(&told.aborted) {
            Some("stability")
        } else if !told.committed.is_empty() && !told.aborted.is_empty() {
            Some("agreement")
        } else if !told.committed.is_empty() && !told.prepared.is_superset(participants) {
            Some("validity")
        } else if told.committed.iter().any(|&p| !may_know(participants, p))
            || told.prepared.iter().any(|p| !participants.contains(p))
        {
            Some("only participants take part")
        } else {
            None
        }
    });
    if state.view.name_reused {
        return Some("names are unique");
    }
    broken
        .or_else(|| (!reads_back(model, state)).then_some("recovery reads back"))
        .or_else(|| prepares_again(state).then_some("what is committed is never prepared again"))
}

fn may_know(participants: &BTreeSet<ProcessId>, process: ProcessId) -> bool {
    process == COORDINATOR || participants.contains(&process)
}

/// The fold of pending records onto durable ones is what the process believes.
fn reads_back(model: &Model, state: &ModelState) -> bool {
    state.processes().all(|(_, process)| {
        let Some(knows) = process.state() else {
            return true;
        };
        let mut durable = process.durable.clone();
        for pending in process.pending() {
            durable.apply(&pending.record);
        }
        durable == model.protocol().durable(knows)
    })
}

fn prepares_again(state: &ModelState) -> bool {
    state.live().any(|(id, knows)| match knows {
        State::Coordinator(_) => false,
        State::Participant(participant) => {
            let mut statuses = participant.statuses.iter();
            statuses.any(|(transaction, status)| {
                let told = state.view.transactions.get(transaction);
                !status.is_finished() && told.is_some_and(|told| told.committed.contains(&id))
            })
        }
    })
}

/// No more faults and no more requests: everybody recovers, and round by round what is in flight arrives
/// and every timer fires. In the end nobody is in doubt.
pub fn calm_down(model: &Model, mut state: ModelState) -> Result<ModelState, &'static str> {
    for _round in 0..200 {
        let parts: [fn(&TheAction) -> bool; 3] = [
            |action| matches!(action, Action::Recover(_)),
            |action| matches!(action, Action::Deliver(_)),
            |action| matches!(action, Action::Timeout(..)),
        ];
        for is_part in parts {
            state = flush_all(model, state)?;
            let mut actions = Vec::new();
            model.actions(&state, &mut actions);
            for action in actions.into_iter().filter(is_part) {
                state = model.next_state(&state, action).unwrap_or(state);
                state = flush_all(model, state)?;
            }
        }
        if is_calm(&state) {
            return Ok(state);
        }
    }
    Err("everybody decides")
}

/// Makes everything durable.
fn flush_all(model: &Model, mut state: ModelState) -> Result<ModelState, &'static str> {
    loop {
        violation(model, &state).map_or(Ok(()), Err)?;
        let writing = state
            .processes()
            .find_map(|(id, process)| (process.pending_len() > 0).then_some(id));
        let Some(process) = writing else {
            return Ok(state);
        };
        state = model
            .next_state(&state, Action::Flush(process))
            .expect("a flush changes the disk");
    }
}

/// The coordinator has forgotten everything; nobody is in doubt; whoever was has told an outcome.
fn is_calm(state: &ModelState) -> bool {
    let forgotten = state.live().all(|(_, knows)| match knows {
        State::Coordinator(coordinator) => coordinator.transactions.is_empty(),
        State::Participant(participant) => {
            let mut statuses = participant.statuses.values();
            !statuses.any(|status| matches!(status, Status::Prepared { .. }))
        }
    });
    let mut all = state.view.transactions.values();
    let decided = all.all(|told| {
        let decided: BTreeSet<_> = told.committed.union(&told.aborted).copied().collect();
        told.prepared.is_subset(&decided)
    });
    forgotten && decided && state.down() == 0
}
