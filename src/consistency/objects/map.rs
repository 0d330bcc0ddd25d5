//! A map: each key is an object of its own.

use alloc::string::String;

use super::super::specification::{Access, Accesses, AsRegister, Specification};

/// One key of a map of texts: get, put, append, delete, compare and swap. A key holds a text or is absent: `None`.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Map {
    /// What an absent key reads as, where a service does not tell it from a key that holds this text.
    pub absent: Option<String>,
}

impl Map {
    /// The value, if it is told from an absent key.
    fn told<'a>(&self, value: &'a Option<String>) -> &'a Option<String> {
        if *value == self.absent { &None } else { value }
    }
}

/// Requests of a [`Map`], of one key.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum MapRequest {
    /// Returns the value.
    Get,
    /// Replaces the value; `None` removes the key: a delete.
    Put(Option<String>),
    /// Adds a text to the end of the value; an absent key gets the text.
    Append(String),
    /// Replaces the value if it is the expected one.
    Swap {
        /// The value that is replaced.
        expected: Option<String>,
        /// The value that replaces it.
        new: Option<String>,
    },
}

/// Responses of a [`Map`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum MapResponse {
    /// Of a get: the value.
    Value(Option<String>),
    /// Of a put, a delete and an append.
    Done,
    /// Of a swap: whether the value was the expected one.
    Swapped(bool),
}

impl Specification for Map {
    type State = Option<String>;
    type Request = MapRequest;
    type Response = MapResponse;
    type Value = Option<String>;

    fn initial(&self) -> Option<String> {
        None
    }

    fn step(
        &self,
        state: &Option<String>,
        request: &MapRequest,
        response: Option<&MapResponse>,
    ) -> Option<Option<String>> {
        use MapResponse::{Done, Swapped, Value};
        let is = |value| state == self.told(value);
        match (request, response) {
            (MapRequest::Get, Some(Value(value))) => is(value).then(|| state.clone()),
            (MapRequest::Get, None) => Some(state.clone()),
            (MapRequest::Put(value), Some(Done) | None) => Some(self.told(value).clone()),
            (MapRequest::Append(text), Some(Done) | None) => {
                let mut value = state.clone().unwrap_or_default();
                value.push_str(text);
                Some(self.told(&Some(value)).clone())
            }
            (MapRequest::Swap { expected, new }, Some(Swapped(true))) => {
                is(expected).then(|| self.told(new).clone())
            }
            (MapRequest::Swap { expected, .. }, Some(Swapped(false))) => {
                (!is(expected)).then(|| state.clone())
            }
            (MapRequest::Swap { expected, new }, None) => {
                let new = if is(expected) { self.told(new) } else { state };
                Some(new.clone())
            }
            _ => None,
        }
    }

    fn is_read(&self, request: &MapRequest, response: Option<&MapResponse>) -> bool {
        *request == MapRequest::Get || response == Some(&MapResponse::Swapped(false))
    }

    fn as_register(&self) -> Option<&AsRegister<'_, Self>> {
        Some(self)
    }
}

impl Accesses for Map {
    type Request = MapRequest;
    type Response = MapResponse;
    type Value = Option<String>;

    fn access<'a>(
        &self,
        request: &'a MapRequest,
        response: Option<&'a MapResponse>,
    ) -> Option<Access<&'a Option<String>>> {
        Some(match (request, response) {
            (MapRequest::Get, Some(MapResponse::Value(value))) => Access::Read(self.told(value)),
            (MapRequest::Get, _) => Access::Unread,
            (MapRequest::Put(value), _) => Access::Write(self.told(value)),
            // What it writes depends on what it finds.
            (MapRequest::Append(_), _) => return None,
            (MapRequest::Swap { expected, .. }, Some(MapResponse::Swapped(false))) => {
                Access::FailedSwap {
                    expected: self.told(expected),
                }
            }
            (MapRequest::Swap { expected, new }, _) => Access::Swap {
                expected: self.told(expected),
                new: self.told(new),
            },
        })
    }

    fn initial_value(&self) -> &Option<String> {
        &None
    }

    fn write(&self, value: &Option<String>) -> (MapRequest, MapResponse) {
        (MapRequest::Put(value.clone()), MapResponse::Done)
    }
}
