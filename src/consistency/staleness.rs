//! How old what reads return may be: by time, and by the number of writes.

use alloc::vec::Vec;
use core::marker::PhantomData;
use core::num::NonZeroU32;

use super::history::Moment;
use super::judge::{Finding, Inapplicable, WrongPart, satisfies};
use super::search::{self, Budget, Exhausted, Found};
use super::specification::{Access, AsRegister, Call, Specification, access};
use super::verdict::Explanation;
use super::{Consistency, Operation};

/// The operations, with each read invoked so much earlier. By its session it follows the same operations no more: real time is
/// all that [`Consistency::DeltaAtomic`] is about.
pub(super) fn with_earlier_reads<S: Specification>(
    specification: &S,
    operations: &[&Call<S>],
    delta: Moment,
) -> Vec<Call<S>> {
    let earlier = |operation: &&Call<S>| {
        let mut operation = Call::<S>::clone(operation);
        if specification.is_read(&operation.request, operation.response.as_ref()) {
            operation.invoked = operation.invoked.saturating_sub(delta);
        }
        operation
    };
    operations.iter().map(earlier).collect()
}

/// A register whose reads may return any of the values that were written last, so many of them: an order of operations explains
/// a history of it if and only if the history is [`Consistency::KAtomic`] by that order.
pub(super) struct LastWrites<'a, S: Specification> {
    register: &'a AsRegister<'a, S>,
    k: usize,
    specification: PhantomData<&'a S>,
}

impl<'a, S: Specification> LastWrites<'a, S> {
    /// `None` if the operations are not those of a register that is read and written only.
    pub(super) fn new(
        specification: &'a S,
        operations: &[&Call<S>],
        k: NonZeroU32,
    ) -> Option<Self> {
        let mut accesses = operations.iter().map(|call| access(specification, call));
        let is_read_or_write = |access: Option<_>| {
            let access = access.as_ref();
            matches!(
                access,
                Some(Access::Read(_) | Access::Write(_) | Access::Unread)
            )
        };
        accesses.all(is_read_or_write).then_some(())?;
        Some(Self {
            register: specification.as_register()?,
            k: usize::try_from(k.get()).unwrap_or(usize::MAX),
            specification: PhantomData,
        })
    }

    pub(super) fn find(
        &self,
        operations: &[&Call<S>],
        budget: &mut Budget,
    ) -> Result<Finding, Exhausted> {
        Ok(match search::search(self, operations, budget)? {
            Found::Order(order) => Finding::Holds(Explanation::of_order(order)),
            Found::Stuck(place) => Finding::Wrong(WrongPart::UntilReturn(place)),
        })
    }
}

impl<S: Specification> Specification for LastWrites<'_, S> {
    /// The values, the latest last.
    type State = Vec<S::Value>;
    type Request = S::Request;
    type Response = S::Response;
    type Value = core::convert::Infallible;

    fn initial(&self) -> Vec<S::Value> {
        alloc::vec![self.register.initial_value().clone()]
    }

    fn step(
        &self,
        values: &Vec<S::Value>,
        request: &S::Request,
        response: Option<&S::Response>,
    ) -> Option<Vec<S::Value>> {
        match self.register.access(request, response)? {
            Access::Read(value) => values.contains(value).then(|| values.clone()),
            Access::Unread => Some(values.clone()),
            Access::Write(value) => {
                let forgotten = (values.len() + 1).saturating_sub(self.k);
                let mut values = values[forgotten..].to_vec();
                values.push(value.clone());
                Some(values)
            }
            Access::Swap { .. } | Access::FailedSwap { .. } => None,
        }
    }

    fn is_read(&self, request: &S::Request, response: Option<&S::Response>) -> bool {
        let access = self.register.access(request, response);
        matches!(access, Some(Access::Read(_) | Access::Unread))
    }

    fn as_register(&self) -> Option<&AsRegister<'_, Self>> {
        None
    }
}

/// How stale the reads of a history are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Least<T> {
    /// The least member of the family that holds.
    Is(T),
    /// None holds: something was read that was not written, or not yet.
    None,
    /// The budget was too small for a member.
    Undecided,
}

/// The least Δ, in the unit of the history's moments, for which a history is [`Consistency::DeltaAtomic`]. The budget is for each
/// object and each Δ that is tried.
///
/// # Errors
///
/// If the model is not about such operations.
pub fn least_delta<S: Specification>(
    specification: &S,
    operations: &[Call<S>],
    budget: Budget,
) -> Result<Least<Moment>, Inapplicable> {
    let moments = |operation: &Operation<_, _>| operation.returned.unwrap_or(operation.invoked);
    let latest = operations.iter().map(moments).max().unwrap_or(0);
    least(0, latest + 1, |delta| {
        let consistency = Consistency::DeltaAtomic(delta);
        satisfies(consistency, specification, operations, budget)
    })
}

/// The least k for which a history is [`Consistency::KAtomic`]. The budget is for each object and each k that is tried.
///
/// # Errors
///
/// If the model is not about such operations.
pub fn least_k<S: Specification>(
    specification: &S,
    operations: &[Call<S>],
    budget: Budget,
) -> Result<Least<u64>, Inapplicable> {
    // With all values that are ever written, and the first one, no read is too old.
    let most = u32::try_from(operations.len() + 1).unwrap_or(u32::MAX);
    least(1, most.into(), |k| {
        let k = u32::try_from(k).ok().and_then(NonZeroU32::new);
        let consistency = Consistency::KAtomic(k.expect("from 1 to the most"));
        satisfies(consistency, specification, operations, budget)
    })
}

/// The least number from `from` to `to` for which a condition holds that holds for all numbers above one for which it does.
fn least(
    from: u64,
    to: u64,
    holds: impl Fn(u64) -> Result<Option<bool>, Inapplicable>,
) -> Result<Least<u64>, Inapplicable> {
    // Small ones first: a large one may be much harder to decide, and is seldom needed.
    let (mut low, mut step) = (from, 1);
    let mut high = loop {
        let tried = from.saturating_add(step - 1).min(to);
        match holds(tried)? {
            None => return Ok(Least::Undecided),
            Some(true) => break tried,
            Some(false) if tried == to => return Ok(Least::None),
            Some(false) => low = tried + 1,
        }
        step = step.saturating_mul(2);
    };
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(middle)? {
            None => return Ok(Least::Undecided),
            Some(true) => high = middle,
            Some(false) => low = middle + 1,
        }
    }
    Ok(Least::Is(high))
}
