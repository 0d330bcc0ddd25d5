//! A queue.

use alloc::collections::VecDeque;
use core::convert::Infallible;
use core::fmt::Debug;
use core::hash::Hash;
use core::marker::PhantomData;

use super::super::specification::{AsRegister, Specification};

/// A queue, first in, first out, empty at first.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Queue<V>(PhantomData<V>);

impl<V> Default for Queue<V> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// Requests of a [`Queue`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum QueueRequest<V> {
    /// Adds an element at the end.
    Enqueue(V),
    /// Removes the first element, if there is one.
    Dequeue,
}

/// Responses of a [`Queue`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum QueueResponse<V> {
    /// Of an enqueue.
    Enqueued,
    /// Of a dequeue: the element; `None` if there was none.
    Dequeued(Option<V>),
}

impl<V: Clone + Debug + Eq + Hash> Specification for Queue<V> {
    type State = VecDeque<V>;
    type Request = QueueRequest<V>;
    type Response = QueueResponse<V>;
    type Value = Infallible;

    fn initial(&self) -> VecDeque<V> {
        VecDeque::new()
    }

    fn step(
        &self,
        state: &VecDeque<V>,
        request: &QueueRequest<V>,
        response: Option<&QueueResponse<V>>,
    ) -> Option<VecDeque<V>> {
        let mut state = state.clone();
        match (request, response) {
            (QueueRequest::Enqueue(element), Some(QueueResponse::Enqueued) | None) => {
                state.push_back(element.clone());
            }
            (QueueRequest::Dequeue, Some(QueueResponse::Dequeued(element))) => {
                if state.pop_front() != *element {
                    return None;
                }
            }
            (QueueRequest::Dequeue, None) => {
                state.pop_front();
            }
            _ => return None,
        }
        Some(state)
    }

    fn is_read(&self, _: &QueueRequest<V>, response: Option<&QueueResponse<V>>) -> bool {
        response == Some(&QueueResponse::Dequeued(None))
    }

    fn as_register(&self) -> Option<&AsRegister<'_, Self>> {
        None
    }
}
