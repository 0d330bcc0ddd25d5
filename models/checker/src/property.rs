//! What is claimed of a model, and which fairness the claim may rely on.

use std::fmt::{self, Debug};

use serde::Serialize;
use stateright::Model;

/// A predicate over states.
pub type OnState<M> = fn(&M, &<M as Model>::State) -> bool;
/// A predicate over steps: state, action, next state.
pub type OnStep<M> =
    fn(&M, &<M as Model>::State, &<M as Model>::Action, &<M as Model>::State) -> bool;
/// A predicate over states, for each of several cases: of each process, say.
pub type OnCase<M> = fn(&M, &<M as Model>::State, usize) -> bool;

/// What a property demands.
///
/// The last four are claims about *fair runs*: infinite ones, in which every [`Fairness`] assumption is
/// kept. A run may stutter, that is stay in a state for ever, where fairness allows it.
pub enum Condition<M: Model> {
    /// True in every reachable state.
    Always(OnState<M>),
    /// True in some reachable state: the model is not vacuous.
    Sometimes(OnState<M>),
    /// True of every step.
    EveryStep(OnStep<M>),
    /// True of some step.
    SomeStep(OnStep<M>),
    /// On every fair run, true in some state (TLA+: `<>P`).
    Eventually(OnState<M>),
    /// On every fair run, for each case: whenever `trigger` is true, `goal` is then or later (TLA+:
    /// `\A case : trigger ~> goal`).
    LeadsTo {
        /// How many cases there are, numbered from 0.
        cases: usize,
        /// What asks for the goal.
        trigger: OnCase<M>,
        /// What then must come.
        goal: OnCase<M>,
    },
    /// On every fair run, true again and again (TLA+: `[]<>P`).
    InfinitelyOften(OnState<M>),
    /// On every fair run, true from some time on (TLA+: `<>[]P`).
    EventuallyAlways(OnState<M>),
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
            Condition::Eventually(_) => "eventually",
            Condition::LeadsTo { .. } => "leads to",
            Condition::InfinitelyOften(_) => "infinitely often",
            Condition::EventuallyAlways(_) => "eventually always",
        }
    }

    /// Whether it is a claim about fair runs.
    pub fn is_liveness(&self) -> bool {
        match self {
            Condition::Always(_)
            | Condition::Sometimes(_)
            | Condition::EveryStep(_)
            | Condition::SomeStep(_) => false,
            Condition::Eventually(_)
            | Condition::LeadsTo { .. }
            | Condition::InfinitelyOften(_)
            | Condition::EventuallyAlways(_) => true,
        }
    }

    /// Whether a witness of the condition shows that the property holds, and not that it does not.
    pub(super) fn witness_is_example(&self) -> bool {
        matches!(self, Condition::Sometimes(_) | Condition::SomeStep(_))
    }

    /// How many cases it has: one, unless it is about several.
    pub(super) fn cases(&self) -> usize {
        match *self {
            Condition::LeadsTo { cases, .. } => cases,
            _ => 1,
        }
    }

    /// Whether a state is the goal of a claim about fair runs, in a case.
    pub(super) fn is_goal(&self, model: &M, state: &M::State, case: usize) -> bool {
        match self {
            Condition::Eventually(goal)
            | Condition::InfinitelyOften(goal)
            | Condition::EventuallyAlways(goal) => goal(model, state),
            Condition::LeadsTo { goal, .. } => goal(model, state, case),
            Condition::Always(_)
            | Condition::Sometimes(_)
            | Condition::EveryStep(_)
            | Condition::SomeStep(_) => false,
        }
    }

    /// Whether a state asks for the goal of a *leads to*, in a case.
    pub(super) fn is_trigger(&self, model: &M, state: &M::State, case: usize) -> bool {
        match self {
            Condition::LeadsTo { trigger, .. } => trigger(model, state, case),
            _ => false,
        }
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
    /// Of a claim about fair runs: where a bound of the model, and not the protocol, withholds a step.
    /// A claim that could fail only by way of such states is *inconclusive*.
    pub bound: Option<OnState<M>>,
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
            bound: None,
        }
    }

    /// A property that is expected to fail: a theorem of impossibility.
    pub fn fails(name: &'static str, condition: Condition<M>) -> Self {
        Self {
            expected: false,
            ..Self::holds(name, condition)
        }
    }
}

/// How much fairness is assumed of a class of actions. A class is *enabled* in a state if one of its
/// actions leads to another state.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// A class that is enabled from some time on is taken (TLA+: `WF`).
    Weak,
    /// A class that is enabled again and again is taken (TLA+: `SF`).
    Strong,
}

/// An assumption of fairness: classes of actions, none of which is put off for ever.
///
/// Actions that belong to no class of any assumption may be put off for ever.
pub struct Fairness<M: Model> {
    /// What is assumed, as a noun: "delivery of each message".
    pub name: &'static str,
    /// How much.
    pub strength: Strength,
    /// The class of an action, if it has one: actions with equal numbers are of one class. An action
    /// that two assumptions speak of belongs to the first.
    pub class: fn(&M, &M::Action) -> Option<u64>,
}

impl<M: Model> Clone for Fairness<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Model> Copy for Fairness<M> {}

impl<M: Model> Debug for Fairness<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fairness")
            .field("name", &self.name)
            .field("strength", &self.strength)
            .finish()
    }
}

impl<M: Model> Fairness<M> {
    /// Weak fairness of each class.
    pub fn weak(name: &'static str, class: fn(&M, &M::Action) -> Option<u64>) -> Self {
        Self {
            name,
            strength: Strength::Weak,
            class,
        }
    }

    /// Strong fairness of each class.
    pub fn strong(name: &'static str, class: fn(&M, &M::Action) -> Option<u64>) -> Self {
        Self {
            strength: Strength::Strong,
            ..Self::weak(name, class)
        }
    }
}

/// The class of an action: the number of its assumption, and its number within it.
pub(super) fn class_of<M: Model>(
    fairness: &[Fairness<M>],
    model: &M,
    action: &M::Action,
) -> Option<(usize, u64)> {
    let classes = fairness.iter().enumerate();
    let mut classes = classes.filter_map(|(at, f)| Some((at, (f.class)(model, action)?)));
    classes.next()
}
