//! What is to be shown of the classes of a model's states, whatever they are of.

use std::collections::HashSet;

use quorate_checker::quotient::{Comparable, Quotient};
use quorate_checker::{Fairness, Run};
use stateright::Model;

/// States on long walks of the model itself. On every second one it goes on where states are still open, as long as
/// there are such: so that what grows, grows.
pub fn walks<M: Comparable>(
    model: &M,
    walks: u64,
    steps: usize,
    is_open: impl Fn(&M::State) -> bool,
) -> HashSet<M::State> {
    let mut met = HashSet::new();
    for seed in 1..=walks {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut state = model.init_states().remove(0);
        for _ in 0..steps {
            let mut next = model.next_steps(&state);
            if seed % 2 == 0 && next.iter().any(|(_, next)| is_open(next)) {
                next.retain(|(_, next)| is_open(next));
            }
            if next.is_empty() {
                break;
            }
            (_, state) = next.swap_remove(chance.usize(..next.len()));
            met.insert(state.clone());
        }
    }
    met
}

/// Asserts that canonical form commutes with every step of these states, and is canonical once and for all.
pub fn assert_commutes<M: Comparable>(
    classes: &Quotient<M>,
    fairness: &[Fairness<Quotient<M>>],
    states: &HashSet<M::State>,
) {
    for state in states {
        assert!(classes.commutes(state, fairness), "{state:#?}");
        let canonical = classes.representative(state.clone()).canonical().clone();
        let again = classes.representative(canonical.clone());
        assert!(
            *again.canonical() == canonical,
            "canonical once and for all"
        );
    }
}

/// Asserts that canonical form commutes with every step of each representative. Returns how many there are.
pub fn assert_commutes_everywhere<M: Comparable>(
    classes: &Quotient<M>,
    fairness: &[Fairness<Quotient<M>>],
) -> usize {
    let mut seen: HashSet<_> = classes.init_states().into_iter().collect();
    let mut frontier: Vec<_> = seen.iter().cloned().collect();
    while let Some(state) = frontier.pop() {
        assert!(classes.commutes(&state, fairness), "{state:#?}");
        for (_, next) in classes.next_steps(&state) {
            if seen.insert(next.clone()) {
                frontier.push(next);
            }
        }
    }
    seen.len()
}

/// The states in which turns of a lasso begin and end, on the model itself: asserts that they are of one class.
pub fn turns<M: Comparable>(
    classes: &Quotient<M>,
    lasso: &Run<Quotient<M>>,
    turns: usize,
) -> (Run<M>, Vec<M::State>) {
    let begins = lasso.cycle.expect("a lasso");
    let length = lasso.steps.len() - begins;
    assert!(length > 0, "it goes round");
    let unrolled = classes.unroll(lasso, turns);
    let states = std::iter::once(&unrolled.initial).chain(unrolled.steps.iter().map(|(_, s)| s));
    let ends: Vec<_> = states.skip(begins).step_by(length).cloned().collect();
    assert_eq!(ends.len(), turns + 1);
    let of_one_class: HashSet<_> = ends
        .iter()
        .map(|state| classes.representative(state.clone()))
        .collect();
    assert_eq!(of_one_class.len(), 1, "each turn ends where it begins");
    (unrolled, ends)
}
