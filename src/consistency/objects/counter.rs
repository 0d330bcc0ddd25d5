//! A counter.

use core::convert::Infallible;

use super::super::specification::{AsRegister, Specification};

/// A number to which numbers are added.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Counter {
    /// The number before the first operation.
    pub initial: i64,
}

/// Requests of a [`Counter`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum CounterRequest {
    /// Returns the number.
    Read,
    /// Adds a number, which may be negative.
    Add(i64),
}

/// Responses of a [`Counter`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum CounterResponse {
    /// Of a read: the number.
    Value(i64),
    /// Of an addition.
    Added,
}

impl Specification for Counter {
    type State = i64;
    type Request = CounterRequest;
    type Response = CounterResponse;
    type Value = Infallible;

    fn initial(&self) -> i64 {
        self.initial
    }

    /// A sum that does not fit into 64 bits is none.
    fn step(
        &self,
        state: &i64,
        request: &CounterRequest,
        response: Option<&CounterResponse>,
    ) -> Option<i64> {
        use CounterResponse::{Added, Value};
        match (request, response) {
            (CounterRequest::Read, Some(Value(value))) => (state == value).then_some(*state),
            (CounterRequest::Read, None) => Some(*state),
            (CounterRequest::Add(number), Some(Added) | None) => state.checked_add(*number),
            _ => None,
        }
    }

    fn is_read(&self, request: &CounterRequest, _: Option<&CounterResponse>) -> bool {
        matches!(request, CounterRequest::Read | CounterRequest::Add(0))
    }

    fn as_register(&self) -> Option<&AsRegister<'_, Self>> {
        None
    }
}
