//! Sequential specifications: how an object behaves if one operation happens after the other.

use core::fmt::Debug;
use core::hash::Hash;

use super::history::Operation;

/// An operation of a specification.
pub type Call<S> = Operation<<S as Specification>::Request, <S as Specification>::Response>;

/// How one object behaves sequentially (Herlihy, Wing 1990, section 2.2). A history of several objects is judged by their
/// product: each behaves so for itself.
pub trait Specification {
    /// The state of the object.
    type State: Clone + Debug + Eq + Hash;
    /// A request to the object.
    type Request: Clone + Debug + Eq + Hash;
    /// A response of the object.
    type Response: Clone + Debug + Eq + Hash;
    /// The values of a register; [`core::convert::Infallible`] where the object is none.
    type Value: Clone + Debug + Eq + Hash;

    /// The state before all operations.
    fn initial(&self) -> Self::State;

    /// The state after `request` if it may take effect in `state` with this response; with any, if the outcome is unknown.
    fn step(
        &self,
        state: &Self::State,
        request: &Self::Request,
        response: Option<&Self::Response>,
    ) -> Option<Self::State>;

    /// Whether the operation, with its response, changes no state in which it may take effect: a read, a cas that failed.
    fn is_read(&self, request: &Self::Request, response: Option<&Self::Response>) -> bool;

    /// The operation as an access to a register. Registers have faster procedures, and more that can be left out of a
    /// violation. `None` if the object is no register.
    fn access<'a>(
        &self,
        request: &'a Self::Request,
        response: Option<&'a Self::Response>,
    ) -> Option<Access<&'a Self::Value>>;

    /// The value that a register holds at first.
    fn initial_value(&self) -> Option<Self::Value>;

    /// The request that writes this value, and its response, if the object is a register.
    fn write(&self, value: &Self::Value) -> Option<(Self::Request, Self::Response)>;

    /// [`Specification::access`], of an operation.
    fn access_of<'a>(&self, call: &'a Call<Self>) -> Option<Access<&'a Self::Value>>
    where
        Self: Sized,
    {
        self.access(&call.request, call.response.as_ref())
    }
}

/// An operation of a register.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Access<V> {
    /// A write.
    Write(V),
    /// A read, and the value that it returned.
    Read(V),
    /// A read whose outcome is unknown.
    Unread,
    /// A compare-and-swap that found what it expected, or whose outcome is unknown.
    Swap {
        /// The value that it compared with.
        expected: V,
        /// The value that it wrote.
        new: V,
    },
    /// A compare-and-swap that found another value.
    FailedSwap {
        /// The value that it did not find.
        expected: V,
    },
}

/// A register: read, write, compare and swap.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Register<V> {
    /// The value before the first write.
    pub initial: V,
}

/// Requests of a [`Register`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum RegisterRequest<V> {
    /// Returns the value.
    Read,
    /// Replaces the value.
    Write(V),
    /// Replaces the value if it is the expected one.
    Swap {
        /// The value that is replaced.
        expected: V,
        /// The value that replaces it.
        new: V,
    },
}

/// Responses of a [`Register`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum RegisterResponse<V> {
    /// Of a read: the value.
    Value(V),
    /// Of a write.
    Written,
    /// Of a swap: whether the value was the expected one.
    Swapped(bool),
}

impl<V: Clone + Debug + Eq + Hash> Specification for Register<V> {
    type State = V;
    type Request = RegisterRequest<V>;
    type Response = RegisterResponse<V>;
    type Value = V;

    fn initial(&self) -> V {
        self.initial.clone()
    }

    fn step(
        &self,
        state: &V,
        request: &RegisterRequest<V>,
        response: Option<&RegisterResponse<V>>,
    ) -> Option<V> {
        use RegisterResponse::{Swapped, Value, Written};
        match (request, response) {
            (RegisterRequest::Read, Some(Value(value))) => (state == value).then(|| state.clone()),
            (RegisterRequest::Read, None) => Some(state.clone()),
            (RegisterRequest::Write(value), Some(Written) | None) => Some(value.clone()),
            (RegisterRequest::Swap { expected, new }, Some(Swapped(true))) => {
                (state == expected).then(|| new.clone())
            }
            (RegisterRequest::Swap { expected, .. }, Some(Swapped(false))) => {
                (state != expected).then(|| state.clone())
            }
            (RegisterRequest::Swap { expected, new }, None) => {
                Some(if state == expected { new } else { state }.clone())
            }
            _ => None,
        }
    }

    fn is_read(
        &self,
        request: &RegisterRequest<V>,
        response: Option<&RegisterResponse<V>>,
    ) -> bool {
        *request == RegisterRequest::Read || response == Some(&RegisterResponse::Swapped(false))
    }

    fn access<'a>(
        &self,
        request: &'a RegisterRequest<V>,
        response: Option<&'a RegisterResponse<V>>,
    ) -> Option<Access<&'a V>> {
        Some(match (request, response) {
            (RegisterRequest::Read, Some(RegisterResponse::Value(value))) => Access::Read(value),
            (RegisterRequest::Read, _) => Access::Unread,
            (RegisterRequest::Write(value), _) => Access::Write(value),
            (RegisterRequest::Swap { expected, .. }, Some(RegisterResponse::Swapped(false))) => {
                Access::FailedSwap { expected }
            }
            (RegisterRequest::Swap { expected, new }, _) => Access::Swap { expected, new },
        })
    }

    fn initial_value(&self) -> Option<V> {
        Some(self.initial())
    }

    fn write(&self, value: &V) -> Option<(RegisterRequest<V>, RegisterResponse<V>)> {
        Some((
            RegisterRequest::Write(value.clone()),
            RegisterResponse::Written,
        ))
    }
}
