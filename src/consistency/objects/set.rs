//! A set.

use alloc::collections::BTreeSet;
use core::convert::Infallible;
use core::fmt::Debug;
use core::hash::Hash;
use core::marker::PhantomData;

use super::super::specification::{AsRegister, Specification};

/// A set of elements, empty at first.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Set<V>(PhantomData<V>);

impl<V> Default for Set<V> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// Requests of a [`Set`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum SetRequest<V> {
    /// Returns all elements.
    Read,
    /// Adds an element, if it is not there.
    Add(V),
    /// Removes an element, if it is there.
    Remove(V),
}

/// Responses of a [`Set`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum SetResponse<V> {
    /// Of a read: the elements.
    Elements(BTreeSet<V>),
    /// Of an addition and a removal.
    Done,
}

impl<V: Clone + Debug + Hash + Ord> Specification for Set<V> {
    type State = BTreeSet<V>;
    type Request = SetRequest<V>;
    type Response = SetResponse<V>;
    type Value = Infallible;

    fn initial(&self) -> BTreeSet<V> {
        BTreeSet::new()
    }

    fn step(
        &self,
        state: &BTreeSet<V>,
        request: &SetRequest<V>,
        response: Option<&SetResponse<V>>,
    ) -> Option<BTreeSet<V>> {
        let mut state = state.clone();
        match (request, response) {
            (SetRequest::Read, Some(SetResponse::Elements(elements))) if *elements != state => {
                return None;
            }
            (SetRequest::Read, Some(SetResponse::Elements(_)) | None) => {}
            (SetRequest::Add(element), Some(SetResponse::Done) | None) => {
                state.insert(element.clone());
            }
            (SetRequest::Remove(element), Some(SetResponse::Done) | None) => {
                state.remove(element);
            }
            _ => return None,
        }
        Some(state)
    }

    fn is_read(&self, request: &SetRequest<V>, _: Option<&SetResponse<V>>) -> bool {
        *request == SetRequest::Read
    }

    fn as_register(&self) -> Option<&AsRegister<'_, Self>> {
        None
    }
}
