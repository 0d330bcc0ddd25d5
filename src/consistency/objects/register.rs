//! A register.

use core::fmt::Debug;
use core::hash::Hash;

use super::super::specification::{Access, Accesses, AsRegister, Specification};

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

    fn as_register(&self) -> Option<&AsRegister<'_, Self>> {
        Some(self)
    }
}

impl<V: Clone + PartialEq> Accesses for Register<V> {
    type Request = RegisterRequest<V>;
    type Response = RegisterResponse<V>;
    type Value = V;

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

    fn initial_value(&self) -> &V {
        &self.initial
    }

    fn write(&self, value: &V) -> (RegisterRequest<V>, RegisterResponse<V>) {
        (
            RegisterRequest::Write(value.clone()),
            RegisterResponse::Written,
        )
    }
}
