//! The checker: every reachable state of any `stateright::Model`, each property in one pass.
//!
//! [`explore`] visits states breadth first, level by level, on any number of threads, and keeps for each
//! state its fingerprint, its depth and one parent. So runs that it reports are shortest, memory does not
//! grow with depth, and everything that it reports is the same for any number of threads: of several
//! parents or witnesses on one level the one with the smallest fingerprint is kept.
//!
//! A space is *exhausted* when the frontier has emptied, nothing stopped the search, and the model's
//! boundary cut nothing off.

use std::fmt::{self, Debug};
use std::time::Duration;

use stateright::Model;

mod explore;
mod stateright_engine;
mod visited;

pub use explore::explore;
pub use stateright_engine::{
    StaterightSearch, check_with_stateright, stateright_properties, to_the_end,
};

/// A predicate over states.
pub type OnState<M> = fn(&M, &<M as Model>::State) -> bool;
/// A predicate over steps: state, action, next state.
pub type OnStep<M> =
    fn(&M, &<M as Model>::State, &<M as Model>::Action, &<M as Model>::State) -> bool;

/// What a property demands.
pub enum Condition<M: Model> {
    /// True in every reachable state.
    Always(OnState<M>),
    /// True in some reachable state: the model is not vacuous.
    Sometimes(OnState<M>),
    /// True of every step.
    EveryStep(OnStep<M>),
    /// True of some step.
    SomeStep(OnStep<M>),
}

impl<M: Model> Clone for Condition<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Model> Copy for Condition<M> {}

impl<M: Model> Debug for Condition<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl<M: Model> Condition<M> {
    /// The name of the kind, as reports have it.
    pub fn kind(&self) -> &'static str {
        match self {
            Condition::Always(_) => "always",
            Condition::Sometimes(_) => "sometimes",
            Condition::EveryStep(_) => "every step",
            Condition::SomeStep(_) => "some step",
        }
    }

    /// Whether a witness of the condition shows that the property holds, and not that it does not.
    fn witness_is_example(&self) -> bool {
        matches!(self, Condition::Sometimes(_) | Condition::SomeStep(_))
    }
}

/// A named claim about a model.
pub struct Property<M: Model> {
    /// Its name, as the literature has it.
    pub name: &'static str,
    /// What it demands.
    pub condition: Condition<M>,
    /// Whether it is expected to hold. A theorem of impossibility is one that does not.
    pub expected: bool,
}

impl<M: Model> Clone for Property<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Model> Copy for Property<M> {}

impl<M: Model> Debug for Property<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Property")
            .field("name", &self.name)
            .field("kind", &self.condition.kind())
            .field("expected", &self.expected)
            .finish()
    }
}

impl<M: Model> Property<M> {
    /// A property that is expected to hold.
    pub fn holds(name: &'static str, condition: Condition<M>) -> Self {
        Self {
            name,
            condition,
            expected: true,
        }
    }
}

/// How to explore.
#[derive(Clone)]
pub struct Options<'a> {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Resident memory of this process at which the search stops, in bytes.
    pub memory_max: usize,
    /// Stop at the end of the level on which the property of this name gets its witness.
    pub stop_at: Option<&'a str>,
    /// Called now and then, from another thread.
    pub progress: Option<&'a (dyn Fn(&Progress) + Sync)>,
}

impl Default for Options<'_> {
    /// As many threads as the machine has, 8 GiB, to the end, silently.
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory_max: 8 << 30,
            stop_at: None,
            progress: None,
        }
    }
}

impl Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("threads", &self.threads)
            .field("memory_max", &self.memory_max)
            .field("stop_at", &self.stop_at)
            .finish_non_exhaustive()
    }
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Distinct states so far.
    pub unique: usize,
    /// States generated so far, initial states and repetitions included.
    pub generated: usize,
    /// States on a longest shortest run so far: 1 for the initial states.
    pub depth: usize,
    /// States waiting to be expanded.
    pub frontier: usize,
    /// Since the start.
    pub elapsed: Duration,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Every reachable state has been visited.
    Exhausted,
    /// The property that it was to stop at has its witness.
    Found,
    /// The memory limit was reached.
    Memory,
    /// Every state within the model's boundary has been visited; so many times a state was out of it.
    Boundary(usize),
}

/// A run: an initial state, then actions with the states they lead to.
pub struct Run<M: Model> {
    /// Where it begins.
    pub initial: M::State,
    /// The steps.
    pub steps: Vec<(M::Action, M::State)>,
}

impl<M: Model> Debug for Run<M>
where
    M::State: Debug,
    M::Action: Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("initial", &self.initial)
            .field("steps", &self.steps)
            .finish()
    }
}

impl<M: Model> Run<M> {
    /// The state at the end.
    pub fn last(&self) -> &M::State {
        self.steps.last().map_or(&self.initial, |(_, state)| state)
    }
}

/// What a search says about one property.
pub struct Verdict<M: Model> {
    /// The property.
    pub property: Property<M>,
    /// A shortest run to an example, of a property that asks for one, or to a counterexample, of a
    /// property that must not have one.
    pub witness: Option<Run<M>>,
}

impl<M: Model> Verdict<M> {
    /// Whether the property holds, as far as the search went.
    pub fn holds(&self) -> bool {
        self.witness.is_some() == self.property.condition.witness_is_example()
    }

    /// The shortest run that shows that the property does not hold.
    pub fn counterexample(&self) -> Option<&Run<M>> {
        self.witness.as_ref().filter(|_| !self.holds())
    }

    /// Whether the property came out as expected.
    pub fn as_expected(&self) -> bool {
        self.holds() == self.property.expected
    }
}

impl<M: Model> Debug for Verdict<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verdict")
            .field("property", &self.property)
            .field("holds", &self.holds())
            .field("steps", &self.witness.as_ref().map(|run| run.steps.len()))
            .finish()
    }
}

/// What a search found.
#[derive(Debug)]
pub struct Exploration<M: Model> {
    /// How far it went.
    pub progress: Progress,
    /// Why it ended.
    pub end: End,
    /// A verdict for each property, in their order.
    pub verdicts: Vec<Verdict<M>>,
}

impl<M: Model> Exploration<M> {
    /// Whether every reachable state has been visited.
    pub fn exhausted(&self) -> bool {
        self.end == End::Exhausted
    }

    /// The verdict on the property of this name.
    pub fn verdict(&self, name: &str) -> Option<&Verdict<M>> {
        self.verdicts.iter().find(|v| v.property.name == name)
    }
}
