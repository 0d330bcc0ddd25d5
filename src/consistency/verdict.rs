//! Verdicts on a history, each with its reason.

use alloc::vec::Vec;

use derive_where::derive_where;
use hashbrown::HashSet;

use super::judge::WrongPart;
use super::specification::{Access, Call, Specification, access};

/// Whether a history satisfies a consistency model.
#[derive_where(Clone, Debug, Eq, PartialEq)]
pub enum Verdict<S: Specification> {
    /// It does.
    Holds(Explanation),
    /// It does not.
    Violated(Violation<S>),
    /// The budget was too small.
    Undecided,
}

/// Why a history satisfies a model. Operations are named by their places in the history; those whose outcome is unknown are
/// missing if they need not have taken effect.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Explanation {
    /// Orders of operations: one of all, or one for each session, as the model has it; of writes alone, where the model orders
    /// nothing else.
    pub orders: Vec<Vec<usize>>,
    /// Each read with the write that it has its value from, `None` where that is the initial value: of models that are about
    /// registers.
    pub reads_from: Vec<(usize, Option<usize>)>,
}

impl Explanation {
    /// One order.
    pub(super) fn of_order(order: Vec<usize>) -> Self {
        Self {
            orders: alloc::vec![order],
            reads_from: Vec::new(),
        }
    }

    /// Names each operation by this number in place of its own.
    pub(super) fn renumber(&mut self, numbers: &[usize]) {
        let orders = self.orders.iter_mut().flatten();
        let reads = self.reads_from.iter_mut();
        let reads = reads.flat_map(|(read, write)| [Some(read), write.as_mut()]);
        for place in orders.chain(reads.flatten()) {
            *place = numbers[*place];
        }
    }
}

/// Operations that may be left out of a wrong history: without them, each right history is right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LeaveOut {
    /// Any read.
    Reads,
    /// Any read; and all operations of a value of a register.
    ReadsAndValues,
}

/// A part of a history that violates the model by itself. That it is wrong implies that the whole history is.
#[derive_where(Clone, Debug, Eq, PartialEq)]
pub struct Violation<S: Specification> {
    /// Its operations. An operation that returned too late for the violation has an unknown outcome here, and a swap of a
    /// value that was left out is the write of its new value.
    pub operations: Vec<Call<S>>,
}

impl<S: Specification> Violation<S> {
    /// Leaves out of a wrong history what is not needed. `is_wrong` names a part of a history that is wrong, if the history
    /// is.
    ///
    /// Only what leaves each right history right is left out: the end of the history; reads; and all operations of one value
    /// of a register at once. A write alone must stay, because a read may need it.
    pub(super) fn made_small(
        specification: &S,
        operations: Vec<Call<S>>,
        part: WrongPart,
        leave_out: LeaveOut,
        is_wrong: impl Fn(&[Call<S>]) -> Option<WrongPart>,
    ) -> Self {
        let wrong_part = |operations: Vec<Call<S>>, part: &WrongPart| {
            let smaller = part_of(specification, &operations, part);
            // A swap that failed later fails no more when its outcome is unknown: the cut may explain what it cannot.
            let is_wrong = is_wrong(&smaller).is_some();
            if is_wrong { smaller } else { operations }
        };
        let mut operations = wrong_part(operations, &part);
        let try_smaller = |operations: &mut Vec<Call<S>>, smaller: Vec<Call<S>>| {
            let part = is_wrong(&smaller);
            if let Some(part) = &part {
                *operations = wrong_part(smaller, part);
            }
            part.is_some()
        };
        loop {
            let before = operations.len();
            // Many reads at once, then fewer.
            let mut size = operations.len().div_ceil(2);
            while size > 0 {
                let mut from = 0;
                while let Some(smaller) = without_reads(specification, &operations, from, size) {
                    if !try_smaller(&mut operations, smaller) {
                        from += size;
                    }
                }
                size /= 2;
            }
            let values = match leave_out {
                LeaveOut::Reads => Vec::new(),
                LeaveOut::ReadsAndValues => values(specification, &operations),
            };
            for value in values {
                if let Some(smaller) = without_value(specification, &operations, &value) {
                    try_smaller(&mut operations, smaller);
                }
            }
            if operations.len() == before {
                return Self { operations };
            }
        }
    }
}

/// The history without all but this part.
fn part_of<S: Specification>(
    specification: &S,
    operations: &[Call<S>],
    part: &WrongPart,
) -> Vec<Call<S>> {
    match part {
        WrongPart::Everything => operations.to_vec(),
        WrongPart::Operations(places) => {
            let operations = places.iter().map(|place| operations[*place].clone());
            operations.collect()
        }
        WrongPart::UntilReturn(place) => {
            let mut operations = operations.to_vec();
            let end = operations[*place].returned;
            operations.retain(|operation| end.is_none_or(|end| operation.invoked <= end));
            for operation in &mut operations {
                if end.is_some() && operation.returned > end {
                    operation.returned = None;
                    operation.response = None;
                }
            }
            // A read without an outcome says nothing.
            operations.retain(|operation| {
                operation.returned.is_some() || !is_read(specification, operation)
            });
            operations
        }
    }
}

fn is_read<S: Specification>(specification: &S, operation: &Call<S>) -> bool {
    specification.is_read(&operation.request, operation.response.as_ref())
}

/// The history without `size` reads, from the read of this number on; `None` if there is no such read.
fn without_reads<S: Specification>(
    specification: &S,
    operations: &[Call<S>],
    from: usize,
    size: usize,
) -> Option<Vec<Call<S>>> {
    let mut number = 0;
    let mut kept = operations.to_vec();
    kept.retain(|operation| {
        let is_left_out = is_read(specification, operation) && {
            number += 1;
            (from + 1..=from + size).contains(&number)
        };
        !is_left_out
    });
    (kept.len() < operations.len()).then_some(kept)
}

/// The values that are written, each once.
fn values<S: Specification>(specification: &S, operations: &[Call<S>]) -> Vec<S::Value> {
    let mut seen = HashSet::new();
    let written =
        operations
            .iter()
            .filter_map(|operation| match access(specification, operation)? {
                Access::Write(value) | Access::Swap { new: value, .. } => Some(value),
                Access::Read(_) | Access::Unread | Access::FailedSwap { .. } => None,
            });
    written
        .filter(|value| seen.insert(*value))
        .cloned()
        .collect()
}

/// A register's history without all operations of one value: each read of another value still finds that value. A swap from the
/// value to another becomes a write. `None` where a swap failed: it may have found this value.
fn without_value<S: Specification>(
    specification: &S,
    operations: &[Call<S>],
    value: &S::Value,
) -> Option<Vec<Call<S>>> {
    let mut kept = Vec::with_capacity(operations.len());
    for operation in operations {
        match access(specification, operation)? {
            Access::FailedSwap { .. } => return None,
            Access::Write(other) | Access::Read(other) if other == value => {}
            Access::Swap { new, .. } if new == value => {}
            Access::Swap { expected, new } if expected == value => {
                let (request, response) = specification.as_register()?.write(new);
                kept.push(Call::<S> {
                    request,
                    response: operation.response.as_ref().map(|_| response),
                    ..operation.clone()
                });
            }
            Access::Write(_) | Access::Read(_) | Access::Swap { .. } | Access::Unread => {
                kept.push(operation.clone());
            }
        }
    }
    Some(kept)
}
