//! A spec, and the model that it is compared with: what tests need to know of either.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;

use quorate_checker::{Fairness, Property};
use stateright::Model;

use super::instance::Instance;
use super::value::Value;

/// A state of the model of a spec.
pub type State<S> = <<S as Spec>::Model as Model>::State;

/// What the spec and the model call one thing.
pub struct Named<T> {
    /// In the spec.
    pub name: &'static str,
    /// In the model.
    pub of_model: T,
}

/// A spec that has another rule in the place of one of its own.
pub struct Changed {
    /// What it no longer says.
    pub without: &'static str,
    /// The rule, in the words of the spec.
    pub rule: &'static str,
    /// What stands in its place.
    pub by: &'static str,
    /// A small instance in which that makes a difference.
    pub instance: &'static str,
    /// The property of steps that is violated there; if it is none, states or steps are others.
    pub violates: Option<&'static str>,
}

/// A spec beside a model.
pub trait Spec: 'static {
    /// The spec's name.
    const NAME: &'static str;

    /// Each action of `Next`, in its order, with a small instance in which it makes a difference.
    const MATTERS_IN: &'static [(&'static str, &'static str)];

    /// Each action that `Fairness` speaks of, in its order, with a small instance and a property that does not
    /// hold there unless that action is fair.
    const FAIRNESS_MATTERS_IN: &'static [(&'static str, &'static str, &'static str)];

    /// Rules that make a difference in few instances, or that a property of steps hangs on.
    const CHANGED: &'static [Changed] = &[];

    /// The model.
    type Model: Model<State: Clone + Eq + Hash + Send + Sync, Action: Clone + Debug + Send> + Sync;

    /// The model of an instance.
    fn model(instance: &Instance) -> Self::Model;

    /// The variables of the spec, in a state of the model.
    ///
    /// # Panics
    ///
    /// If the state has something that the spec has not.
    fn render(instance: &Instance, state: &State<Self>) -> BTreeMap<String, Value>;

    /// What the spec claims of every state; but for what the model has no words for.
    fn invariants() -> Vec<Named<Property<Self::Model>>>;

    /// What the spec claims of every step.
    fn steps() -> Vec<Named<Property<Self::Model>>> {
        Vec::new()
    }

    /// What the spec claims of fair runs.
    fn claims(instance: &Instance) -> Vec<Named<Property<Self::Model>>>;

    /// What `Fairness` of the spec assumes of its actions, in its order.
    fn fairness() -> Vec<Named<Fairness<Self::Model>>>;
}

/// What the model claims, under the names of the spec, in the order of the names.
///
/// # Panics
///
/// If the model does not claim it.
pub fn named<M: Model, const N: usize>(
    names: [(&'static str, &'static str); N],
    claims: Vec<Property<M>>,
) -> Vec<Named<Property<M>>> {
    let find = |(name, of_model): (&'static str, &'static str)| {
        let claim = claims.iter().find(|claim| claim.name == of_model);
        let of_model = *claim.unwrap_or_else(|| panic!("the model has no property {of_model}"));
        Named { name, of_model }
    };
    names.map(find).into()
}
