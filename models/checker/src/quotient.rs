//! States that are equal but for names: a model of the classes of another's states.
//!
//! Ballots and terms only grow, so no state of an election ever comes again, and a claim about what happens some time
//! could not be decided. But protocols only compare them, and take the next one. A [`Quotient`] takes states for one
//! whose canonical forms are equal, and steps one of them: the first that was found. That is right if canonical form
//! *commutes* with steps: states of one class have steps to the same classes, by actions of the same classes of
//! fairness. [`Quotient::commutes`] looks whether they do.
//!
//! A run through classes is a run of the model. One that goes round comes back to the class of a state, not to the
//! state itself: [`Quotient::unroll`] goes on from there, as many turns as wanted.

use std::collections::HashSet;
use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use stateright::{Model, Path, Property};

use crate::{Fairness, Run};

/// A state that stands for all those of the same canonical form. It reads like the state.
#[derive(Clone)]
pub struct Representative<S> {
    state: S,
    canonical: S,
}

impl<S> Representative<S> {
    /// What it has in common with all states of its class: itself a state of it.
    pub fn canonical(&self) -> &S {
        &self.canonical
    }
}

impl<S> Deref for Representative<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.state
    }
}

impl<S: PartialEq> PartialEq for Representative<S> {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl<S: Eq> Eq for Representative<S> {}

impl<S: Hash> Hash for Representative<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl<S: Debug> Debug for Representative<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}

/// A model whose states and actions can be compared.
pub trait Comparable:
    Model<State: Clone + Debug + Eq + Hash, Action: Clone + Debug + PartialEq>
{
}
impl<M: Model<State: Clone + Debug + Eq + Hash, Action: Clone + Debug + PartialEq>> Comparable
    for M
{
}

/// The classes of a model's states.
pub struct Quotient<M: Comparable> {
    /// The model.
    pub model: M,
    canonical: fn(&M, &M::State) -> M::State,
    /// What Stateright's checkers and Explorer evaluate.
    pub properties: Vec<Property<Self>>,
}

impl<M: Comparable> Quotient<M> {
    /// The classes of the states that have the same canonical form.
    pub fn new(model: M, canonical: fn(&M, &M::State) -> M::State) -> Self {
        Self {
            model,
            canonical,
            properties: Vec::new(),
        }
    }

    /// The classes of another model's states, by the same canonical form.
    pub fn map(self, other: impl FnOnce(M) -> M) -> Self {
        let model = other(self.model);
        Self { model, ..self }
    }

    /// The representative that this state is.
    pub fn representative(&self, state: M::State) -> Representative<M::State> {
        let canonical = (self.canonical)(&self.model, &state);
        Representative { state, canonical }
    }
}

impl<M: Comparable> Quotient<M> {
    /// Whether a state and its canonical form have steps to the same classes, each by actions of the same classes of
    /// fairness.
    pub fn commutes(&self, state: &M::State, fairness: &[Fairness<Self>]) -> bool {
        let steps = |state: &M::State| -> HashSet<_> {
            let steps = self.model.next_steps(state).into_iter();
            let steps = steps.map(|(action, next)| {
                let mut assumptions = fairness.iter();
                let class = assumptions
                    .find_map(|assumed| Some((assumed.name, (assumed.class)(self, &action)?)));
                (class, self.representative(next))
            });
            steps.collect()
        };
        steps(state) == steps(&(self.canonical)(&self.model, state))
    }

    /// The run of the model itself; of one that goes round, so many turns.
    pub fn unroll(&self, run: &Run<Self>, turns: usize) -> Run<M> {
        let mut unrolled = Run {
            initial: run.initial.state.clone(),
            steps: Vec::new(),
            cycle: run.cycle,
        };
        let begins = run.cycle.unwrap_or(run.steps.len());
        let (stem, cycle) = run.steps.split_at(begins);
        for (_, class) in stem.iter().chain((0..turns).flat_map(|_| cycle)) {
            let steps = self.model.next_steps(unrolled.last()).into_iter();
            let mut steps = steps.map(|(action, next)| (action, self.representative(next)));
            let step = steps.find(|(_, next)| next == class);
            let (action, next) = step.expect("canonical form commutes with steps");
            unrolled.steps.push((action, next.state));
        }
        unrolled
    }
}

impl<M: Comparable> Model for Quotient<M> {
    type State = Representative<M::State>;
    type Action = M::Action;

    fn init_states(&self) -> Vec<Self::State> {
        let states = self.model.init_states().into_iter();
        states.map(|state| self.representative(state)).collect()
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<M::Action>) {
        self.model.actions(state, actions);
    }

    fn next_state(&self, state: &Self::State, action: M::Action) -> Option<Self::State> {
        let next = self.model.next_state(state, action)?;
        Some(self.representative(next))
    }

    fn format_action(&self, action: &M::Action) -> String {
        self.model.format_action(action)
    }

    fn format_step(&self, state: &Self::State, action: M::Action) -> Option<String> {
        self.model.format_step(state, action)
    }

    fn as_svg(&self, path: Path<Self::State, M::Action>) -> Option<String> {
        let mut steps = path.into_vec().into_iter();
        let (first, mut action) = steps.next()?;
        let mut actions = Vec::new();
        for (_, next) in steps {
            actions.extend(std::mem::replace(&mut action, next));
        }
        let path = Path::from_actions(&self.model, first.state, &actions)?;
        self.model.as_svg(path)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        self.properties.clone()
    }

    fn within_boundary(&self, state: &Self::State) -> bool {
        self.model.within_boundary(state)
    }
}

impl<M: Comparable + Debug> Debug for Quotient<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Quotient").field(&self.model).finish()
    }
}
