//! The abstract two-phase commit of Gray and Lamport (*Consensus on Transaction Commit*, 2006, `TwoPhase`),
//! as a plain `stateright::Model`: a model that knows nothing of Quorate.

use std::collections::BTreeSet;

use quorate_checker::{Condition, Fairness, Property, stateright_properties, to_the_end};
use stateright::Model;

/// So many resource managers and a transaction manager.
#[derive(Clone, Debug)]
pub struct TwoPhase {
    pub resource_managers: usize,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ResourceManager {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TransactionManager {
    Init,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Message {
    Prepared(usize),
    Commit,
    Abort,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct State {
    resource_managers: Vec<ResourceManager>,
    transaction_manager: TransactionManager,
    prepared: Vec<bool>,
    messages: BTreeSet<Message>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    Commit,
    Abort,
    ReceivePrepared(usize),
    Prepare(usize),
    ChooseToAbort(usize),
    ReceiveCommit(usize),
    ReceiveAbort(usize),
}

impl Model for TwoPhase {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            resource_managers: vec![ResourceManager::Working; self.resource_managers],
            transaction_manager: TransactionManager::Init,
            prepared: vec![false; self.resource_managers],
            messages: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let undecided = state.transaction_manager == TransactionManager::Init;
        if undecided && state.prepared.iter().all(|&prepared| prepared) {
            actions.push(Action::Commit);
        }
        if undecided {
            actions.push(Action::Abort);
        }
        for rm in 0..self.resource_managers {
            if undecided && state.messages.contains(&Message::Prepared(rm)) {
                actions.push(Action::ReceivePrepared(rm));
            }
            if state.resource_managers[rm] == ResourceManager::Working {
                actions.push(Action::Prepare(rm));
                actions.push(Action::ChooseToAbort(rm));
            }
            if state.messages.contains(&Message::Commit) {
                actions.push(Action::ReceiveCommit(rm));
            }
            if state.messages.contains(&Message::Abort) {
                actions.push(Action::ReceiveAbort(rm));
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Commit => {
                next.transaction_manager = TransactionManager::Committed;
                next.messages.insert(Message::Commit);
            }
            Action::Abort => {
                next.transaction_manager = TransactionManager::Aborted;
                next.messages.insert(Message::Abort);
            }
            Action::ReceivePrepared(rm) => next.prepared[rm] = true,
            Action::Prepare(rm) => {
                next.resource_managers[rm] = ResourceManager::Prepared;
                next.messages.insert(Message::Prepared(rm));
            }
            Action::ChooseToAbort(rm) => next.resource_managers[rm] = ResourceManager::Aborted,
            Action::ReceiveCommit(rm) => next.resource_managers[rm] = ResourceManager::Committed,
            Action::ReceiveAbort(rm) => next.resource_managers[rm] = ResourceManager::Aborted,
        }
        Some(next)
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        let mut properties = stateright_properties(&claims());
        properties.push(to_the_end());
        properties
    }
}

/// Nobody commits what another aborts; both outcomes happen; and all decide some time.
pub fn claims() -> Vec<Property<TwoPhase>> {
    fn all(state: &State, wanted: ResourceManager) -> bool {
        state.resource_managers.iter().all(|&rm| rm == wanted)
    }
    let consistent = |_: &TwoPhase, state: &State| {
        let has = |wanted| state.resource_managers.contains(&wanted);
        !(has(ResourceManager::Committed) && has(ResourceManager::Aborted))
    };
    let decided = |_: &TwoPhase, state: &State| {
        let undecided = [ResourceManager::Working, ResourceManager::Prepared];
        let mut all = state.resource_managers.iter();
        !all.any(|rm| undecided.contains(rm))
    };
    vec![
        Property::holds("consistent", Condition::Always(consistent)),
        Property::holds(
            "all commit",
            Condition::Sometimes(|_, state| all(state, ResourceManager::Committed)),
        ),
        Property::holds(
            "all abort",
            Condition::Sometimes(|_, state| all(state, ResourceManager::Aborted)),
        ),
        Property::holds("all decide", Condition::Eventually(decided)),
    ]
}

/// Nobody puts off for ever what it may do: a class for each action.
pub fn fairness() -> [Fairness<TwoPhase>; 1] {
    [Fairness::weak("each action", |_, action| {
        Some(match *action {
            Action::Commit => 0,
            Action::Abort => 1,
            Action::ReceivePrepared(rm) => 8 * rm as u64 + 2,
            Action::Prepare(rm) => 8 * rm as u64 + 3,
            Action::ChooseToAbort(rm) => 8 * rm as u64 + 4,
            Action::ReceiveCommit(rm) => 8 * rm as u64 + 5,
            Action::ReceiveAbort(rm) => 8 * rm as u64 + 6,
        })
    })]
}
