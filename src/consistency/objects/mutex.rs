//! A lock.

use core::convert::Infallible;

use super::super::specification::{AsRegister, Specification};

/// A lock, free at first. It does not know its holder: that somebody else releases it is no violation.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Mutex;

/// Requests of a [`Mutex`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MutexRequest {
    /// Takes the lock, which must be free.
    Acquire,
    /// Frees the lock, which must be held.
    Release,
}

/// The response of a [`Mutex`]: it was done.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct MutexResponse;

impl Specification for Mutex {
    /// Whether the lock is held.
    type State = bool;
    type Request = MutexRequest;
    type Response = MutexResponse;
    type Value = Infallible;

    fn initial(&self) -> bool {
        false
    }

    fn step(
        &self,
        is_held: &bool,
        request: &MutexRequest,
        _: Option<&MutexResponse>,
    ) -> Option<bool> {
        match request {
            MutexRequest::Acquire => (!is_held).then_some(true),
            MutexRequest::Release => is_held.then_some(false),
        }
    }

    fn is_read(&self, _: &MutexRequest, _: Option<&MutexResponse>) -> bool {
        false
    }

    fn as_register(&self) -> Option<&AsRegister<'_, Self>> {
        None
    }
}
