//! A small graph as a model: steps belong to classes, states to sets.

use std::collections::BTreeSet;

use quorate_checker::{Condition, Exploration, Fairness, Options, Property, Strength, explore};
use stateright::Model;

/// A step from a state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Edge {
    pub to: u8,
    /// Classes 0 and 1 are of the first assumption, 2 and 3 of the second.
    pub class: Option<u8>,
}

/// What is claimed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Eventually,
    /// In so many cases.
    LeadsTo(usize),
    InfinitelyOften,
    EventuallyAlways,
}

/// States are the indices of `edges`.
#[derive(Clone, Debug)]
pub struct Graph {
    pub initial: Vec<u8>,
    pub edges: Vec<Vec<Edge>>,
    /// Of the first assumption and of the second.
    pub strengths: [Strength; 2],
    pub kind: Kind,
    /// For each case.
    pub goal: [BTreeSet<u8>; 2],
    pub trigger: [BTreeSet<u8>; 2],
    pub bound: BTreeSet<u8>,
    pub beyond: BTreeSet<u8>,
}

impl Graph {
    /// One that starts in state 0, with these steps (from, to, class), all fairness weak, whose goal is
    /// to be reached some time.
    pub fn new(steps: &[(u8, u8, Option<u8>)], goal: &[u8]) -> Self {
        let ends = steps.iter().flat_map(|&(from, to, _)| [from, to]);
        let states = ends.max().map_or(1, |last| last + 1);
        let edges_of = |state| {
            let own = steps.iter().filter(move |(from, ..)| *from == state);
            own.map(|&(_, to, class)| Edge { to, class }).collect()
        };
        Self {
            initial: vec![0],
            edges: (0..states).map(edges_of).collect(),
            strengths: [Strength::Weak; 2],
            kind: Kind::Eventually,
            goal: [goal.iter().copied().collect(), BTreeSet::new()],
            trigger: Default::default(),
            bound: BTreeSet::new(),
            beyond: BTreeSet::new(),
        }
    }

    pub fn claiming(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub fn property(&self) -> Property<Self> {
        let goal = |graph: &Self, state: &u8| graph.goal[0].contains(state);
        let condition = match self.kind {
            Kind::Eventually => Condition::Eventually(goal),
            Kind::LeadsTo(cases) => Condition::LeadsTo {
                cases,
                trigger: |graph: &Self, state, case| graph.trigger[case].contains(state),
                goal: |graph: &Self, state, case| graph.goal[case].contains(state),
            },
            Kind::InfinitelyOften => Condition::InfinitelyOften(goal),
            Kind::EventuallyAlways => Condition::EventuallyAlways(goal),
        };
        Property {
            bound: Some(|graph, state| graph.bound.contains(state)),
            ..Property::holds("the claim", condition)
        }
    }

    pub fn fairness(&self) -> [Fairness<Self>; 2] {
        fn class<const ASSUMPTION: u8>(_: &Graph, edge: &Edge) -> Option<u64> {
            let class = edge.class.filter(|class| class / 2 == ASSUMPTION)?;
            Some(u64::from(class % 2))
        }
        let assumptions = [
            Fairness::weak("the first", class::<0>),
            Fairness::weak("the second", class::<1>),
        ];
        let mut strengths = self.strengths.into_iter();
        assumptions.map(|assumption| Fairness {
            strength: strengths.next().expect("one for each"),
            ..assumption
        })
    }

    pub fn explore(&self, options: &Options<'_>) -> Exploration<Self> {
        explore(self, &[self.property()], &self.fairness(), options)
    }
}

impl Model for Graph {
    type State = u8;
    type Action = Edge;

    fn init_states(&self) -> Vec<u8> {
        self.initial.clone()
    }

    fn actions(&self, state: &u8, actions: &mut Vec<Edge>) {
        actions.extend(&self.edges[usize::from(*state)]);
    }

    fn next_state(&self, _: &u8, action: Edge) -> Option<u8> {
        Some(action.to)
    }

    fn within_boundary(&self, state: &u8) -> bool {
        !self.beyond.contains(state)
    }
}
