//! Linearizability: each operation takes effect at one moment between its invocation and its return (Herlihy, Wing:
//! *Linearizability: A Correctness Condition for Concurrent Objects*, TOPLAS 12(3), 1990).
//!
//! It is local (theorem 1 there): a history is linearizable if and only if it is so for each object. So objects are judged
//! one by one.

//!
//! In the search, an operation of a register may be left out that nobody has seen and of which nobody knows.

use alloc::vec::Vec;

use hashbrown::HashMap;

use super::history::Moment;
use super::judge::{Finding, WrongPart};
use super::search::{self, Budget, Exhausted, Found};
use super::specification::{Access, Call, Specification, access};
use super::verdict::Explanation;
use super::zones::{self, Zones};

/// Judges the operations of one object.
pub(super) fn find<S: Specification>(
    specification: &S,
    operations: &[&Call<S>],
    budget: &mut Budget,
) -> Result<Finding, Exhausted> {
    match zones::zones(specification, operations) {
        Some(Zones::Order(order)) => return Ok(Finding::Holds(Explanation::of_order(order))),
        Some(Zones::Contradiction(places)) => {
            return Ok(Finding::Wrong(WrongPart::Operations(places)));
        }
        None => {}
    }
    let seen = seen(specification, operations);
    let searched: Vec<&Call<S>> = seen.iter().map(|place| operations[*place]).collect();
    Ok(match search::search(specification, &searched, budget)? {
        Found::Order(order) => {
            let mut explanation = Explanation::of_order(order);
            explanation.renumber(&seen);
            Finding::Holds(explanation)
        }
        Found::Stuck(place) => Finding::Wrong(WrongPart::UntilReturn(seen[place])),
    })
}

/// The places of the operations without those writes to a register whose outcome is unknown and that nobody can have seen: no
/// read returned their value, no swap compared with it, and no swap found another value than it expected while it may have been
/// there. If an order explains the history, so it does without them: until the next write, nothing depends on them. A swap
/// stays, since its failure and its success are both unseen.
fn seen<S: Specification>(specification: &S, operations: &[&Call<S>]) -> Vec<usize> {
    let all = || (0..operations.len()).collect();
    if specification.as_register().is_none() {
        return all();
    }
    // When each value was last asked for, and when a swap last failed.
    let mut last_seen: HashMap<&S::Value, Moment> = HashMap::new();
    let mut last_failed: Option<Moment> = None;
    for call in operations {
        let returned = call.returned.unwrap_or(Moment::MAX);
        match access(specification, call) {
            Some(
                Access::Read(value)
                | Access::Swap {
                    expected: value, ..
                },
            ) => {
                let last = last_seen.entry(value).or_insert(returned);
                *last = returned.max(*last);
            }
            Some(Access::FailedSwap { .. }) => last_failed = last_failed.max(Some(returned)),
            Some(Access::Write(_) | Access::Unread) => {}
            // What it finds is not known.
            None => return all(),
        }
    }
    let is_seen = |place: &usize| match access(specification, operations[*place]) {
        Some(Access::Write(value)) if operations[*place].returned.is_none() => {
            let last = last_seen.get(value).copied().max(last_failed);
            last.is_some_and(|last| last >= operations[*place].invoked)
        }
        Some(Access::Unread) => false,
        _ => true,
    };
    (0..operations.len()).filter(is_seen).collect()
}
