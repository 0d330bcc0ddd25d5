//! The steps between visited states, for claims about runs: 8 bytes a step.

use std::collections::HashMap;
use std::sync::Mutex;

use super::property::{Fairness, Strength};
use super::segmented::Segmented;
use super::visited::{Level, Number};

/// The number of a class of actions.
pub type Class = u32;
/// What belongs to no class of any fairness assumption.
pub const UNFAIR: Class = (1 << 31) - 1;
/// Where a step leads that leaves the model's boundary.
pub const OUTSIDE: Number = Number::MAX;

const IS_LAST: u32 = 1 << 31;
const UNEXPANDED: u32 = u32::MAX;
const WITHOUT_STEPS: u32 = u32::MAX - 1;
/// How many steps a graph can hold.
pub const STEPS_MAX: usize = WITHOUT_STEPS as usize;

/// A step to another state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step {
    /// Where it leads.
    pub target: Number,
    /// The class of its action.
    pub class: Class,
}

/// The steps of a part of a level, in the order of expansion, with provisional targets.
#[derive(Debug, Default)]
pub struct Expansion {
    /// A state and how many steps lead from it.
    states: Vec<(Number, u32)>,
    steps: Vec<Step>,
}

impl Expansion {
    /// Begins with the steps of a state.
    pub fn begin(&mut self, state: Number) {
        self.states.push((state, 0));
    }

    /// Takes back the state that was begun last: not all of its steps are known.
    pub fn take_back(&mut self) {
        if let Some((_, steps)) = self.states.pop() {
            self.steps.truncate(self.steps.len() - steps as usize);
        }
    }

    /// Adds a step of the state that was begun last.
    pub fn step(&mut self, step: Step) {
        if let Some((_, steps)) = self.states.last_mut() {
            *steps += 1;
            self.steps.push(step);
        }
    }
}

/// The steps that change something, of each state that has been expanded.
#[derive(Debug, Default)]
pub struct Graph {
    first_steps: Segmented<u32>,
    targets: Segmented<Number>,
    classes: Segmented<Class>,
}

impl Graph {
    /// How many steps it holds.
    pub fn steps(&self) -> usize {
        self.targets.len()
    }

    /// Takes steps in, when the level to which they lead has been settled.
    pub fn extend(&mut self, expansion: Expansion, level: &Level) {
        let mut steps = expansion.steps.into_iter();
        for (state, count) in expansion.states {
            self.first_steps.resize(state as usize + 1, UNEXPANDED);
            let first = match count {
                0 => WITHOUT_STEPS,
                _ => self.targets.len() as u32,
            };
            self.first_steps.set(state as usize, first);
            for left in (0..count).rev() {
                let step = steps.next().expect("as many steps as were counted");
                let target = match step.target {
                    OUTSIDE => OUTSIDE,
                    target => level.number(target),
                };
                self.targets.push(target);
                let is_last = if left == 0 { IS_LAST } else { 0 };
                self.classes.push(step.class | is_last);
            }
        }
    }

    /// Makes a place for each state.
    pub fn resize(&mut self, states: usize) {
        self.first_steps.resize(states, UNEXPANDED);
    }

    /// How many states have a place.
    pub fn states(&self) -> usize {
        self.first_steps.len()
    }

    /// Whether the state's steps are known.
    pub fn is_expanded(&self, state: Number) -> bool {
        self.first_steps.get(state as usize) != UNEXPANDED
    }

    /// The step at an index, and the index of the next of the same state.
    pub fn step(&self, at: u32) -> (Step, Option<u32>) {
        let class = self.classes.get(at as usize);
        let step = Step {
            target: self.targets.get(at as usize),
            class: class & !IS_LAST,
        };
        (step, (class & IS_LAST == 0).then_some(at + 1))
    }

    /// The index of a state's first step.
    pub fn first_step(&self, state: Number) -> Option<u32> {
        let first = self.first_steps.get(state as usize);
        (first < WITHOUT_STEPS).then_some(first)
    }

    /// The steps of a state.
    pub fn steps_of(&self, state: Number) -> impl Iterator<Item = Step> {
        let mut at = self.first_step(state);
        std::iter::from_fn(move || {
            let (step, next) = self.step(at?);
            at = next;
            Some(step)
        })
    }

    /// How many bytes it takes, for the states and for the steps.
    pub fn bytes(&self) -> (usize, usize) {
        let steps = self.targets.bytes() + self.classes.bytes();
        (self.first_steps.bytes(), steps)
    }
}

/// Gives numbers to classes of actions, as they are met.
#[derive(Debug, Default)]
pub struct Classes(Mutex<HashMap<(usize, u64), Class>>);

impl Classes {
    /// The number of a class. A worker remembers those that it has met in `known`.
    pub fn number(
        &self,
        class: Option<(usize, u64)>,
        known: &mut HashMap<(usize, u64), Class>,
    ) -> Class {
        let Some(class) = class else {
            return UNFAIR;
        };
        *known.entry(class).or_insert_with(|| {
            let mut all = self.0.lock().expect("nobody panics holding it");
            let next = all.len() as Class;
            *all.entry(class).or_insert(next)
        })
    }

    /// The strength of each class, by its number, and a rank that does not depend on the order in which
    /// they were met.
    pub fn settled<M: stateright::Model>(
        &self,
        fairness: &[Fairness<M>],
    ) -> Vec<(Strength, usize)> {
        let all = self.0.lock().expect("nobody panics holding it");
        let mut named: Vec<_> = all.iter().map(|(&name, &number)| (name, number)).collect();
        named.sort_unstable();
        let mut settled = vec![(Strength::Weak, 0); named.len()];
        for (rank, ((assumption, _), number)) in named.into_iter().enumerate() {
            settled[number as usize] = (fairness[assumption].strength, rank);
        }
        settled
    }
}
