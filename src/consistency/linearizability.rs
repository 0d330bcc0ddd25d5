//! Linearizability: each operation takes effect at one moment between its invocation and its return (Herlihy, Wing:
//! *Linearizability: A Correctness Condition for Concurrent Objects*, TOPLAS 12(3), 1990).
//!
//! It is local (theorem 1 there): a history is linearizable if and only if it is so for each object. So objects are judged
//! one by one.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::history::Object;
use super::search::{self, Budget, Exhausted, Found};
use super::specification::{Call, Specification};
use super::verdict::{Verdict, Violation};
use super::zones::{self, Zones};

/// Judges each object of the history, with this budget for each.
pub fn linearizable<S: Specification>(
    specification: &S,
    operations: &[Call<S>],
    budget: Budget,
) -> BTreeMap<Object, Verdict<S>> {
    let mut objects: BTreeMap<Object, Vec<usize>> = BTreeMap::new();
    for (place, operation) in operations.iter().enumerate() {
        objects.entry(operation.object).or_default().push(place);
    }
    let judged = objects.into_iter().map(|(object, places)| {
        let of_object: Vec<&Call<S>> = places.iter().map(|place| &operations[*place]).collect();
        let verdict = match judge(specification, &of_object, &mut { budget }) {
            Err(Exhausted) => Verdict::Undecided,
            Ok(Judged::Order(order)) => {
                Verdict::Holds(order.into_iter().map(|place| places[place]).collect())
            }
            Ok(Judged::Wrong(part)) => {
                let is_wrong = |operations: &[Call<S>]| {
                    let operations: Vec<&Call<S>> = operations.iter().collect();
                    match judge(specification, &operations, &mut { budget }) {
                        Ok(Judged::Wrong(part)) => Some(part),
                        _ => None,
                    }
                };
                let operations = of_object.into_iter().cloned().collect();
                Verdict::Violated(Violation::made_small(
                    specification,
                    operations,
                    part,
                    is_wrong,
                ))
            }
        };
        (object, verdict)
    });
    judged.collect()
}

/// A judgement of one object's operations.
enum Judged {
    /// They have this order, by their places.
    Order(Vec<usize>),
    Wrong(WrongPart),
}

/// A part of a wrong history from which the rest may be cut.
pub(super) enum WrongPart {
    /// The operations at these places.
    Operations(Vec<usize>),
    /// All events until the operation at this place returned. A swap that failed later may succeed in it: judge it again.
    UntilReturn(usize),
}

fn judge<S: Specification>(
    specification: &S,
    operations: &[&Call<S>],
    budget: &mut Budget,
) -> Result<Judged, Exhausted> {
    match zones::zones(specification, operations) {
        Some(Zones::Order(order)) => return Ok(Judged::Order(order)),
        Some(Zones::Contradiction(places)) => {
            return Ok(Judged::Wrong(WrongPart::Operations(places)));
        }
        None => {}
    }
    Ok(match search::search(specification, operations, budget)? {
        Found::Order(order) => Judged::Order(order),
        Found::Stuck(place) => Judged::Wrong(WrongPart::UntilReturn(place)),
    })
}
