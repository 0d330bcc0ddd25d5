//! Objects in files: their functions, arguments and results; and as people read them.

use std::collections::BTreeSet;

use quorate::consistency::{
    Call, Counter, CounterRequest, CounterResponse, Map, MapRequest, MapResponse, MultiRegister,
    Mutex, MutexRequest, MutexResponse, Part, Queue, QueueRequest, QueueResponse, Register,
    RegisterRequest, RegisterResponse, Set, SetRequest, SetResponse, Specification,
};

use crate::datum::{Data, Datum, DatumId};
use crate::event::Function;

/// How an object's operations are written in files.
pub trait Notation: Specification + Sized {
    /// The name of the object.
    const NAME: &'static str;

    /// The object with this value at first, if one is given.
    ///
    /// # Errors
    ///
    /// If it cannot have this value.
    fn new(initial: Option<Datum>, data: &mut Data) -> Result<Self, String>;

    /// The object, where its initial value was not given and its operations tell more of it.
    fn inferred(self, operations: &[Call<Self>]) -> Self;

    /// The request of a function with this argument.
    ///
    /// # Errors
    ///
    /// If the object has no such function, or the argument is none of it.
    fn request(
        &self,
        function: Function,
        argument: Datum,
        data: &mut Data,
    ) -> Result<Self::Request, String>;

    /// The response that this result is.
    ///
    /// # Errors
    ///
    /// If it is no result of the request.
    fn response(
        &self,
        request: &Self::Request,
        result: Datum,
        data: &mut Data,
    ) -> Result<Self::Response, String>;

    /// The response of a request that compared, and found something else: `None` if it does not compare.
    fn refusal(&self, request: &Self::Request) -> Option<Self::Response>;

    /// An operation for people.
    fn tell(
        &self,
        request: &Self::Request,
        response: Option<&Self::Response>,
        data: &Data,
    ) -> String;
}

/// The object has no such function.
fn unknown<T>(object: &str, function: Function) -> Result<T, String> {
    Err(format!("a {object} has no function {}", function.name()))
}

/// The object has one value at first.
fn without_initial(initial: Option<Datum>, object: &str) -> Result<(), String> {
    match initial {
        None => Ok(()),
        Some(_) => Err(format!(
            "a {object} has one value at first: leave out --initial"
        )),
    }
}

/// The two values of a compare-and-swap.
fn pair(argument: Datum) -> Result<(Datum, Datum), String> {
    match argument {
        Datum::List(values) => match <[Datum; 2]>::try_from(values) {
            Ok([expected, new]) => Ok((expected, new)),
            Err(values) => Err(format!(
                "cas needs the expected and the new value, not {} values",
                values.len()
            )),
        },
        other => Err(format!(
            "cas needs the expected and the new value, [1 2], not {other}"
        )),
    }
}

fn number(datum: &Datum) -> Result<i64, String> {
    match datum {
        Datum::Integer(number) => Ok(*number),
        other => Err(format!("a counter counts in whole numbers, not {other}")),
    }
}

/// What was compared, for people.
fn told_swap(expected: &str, new: &str, is_swapped: Option<bool>) -> String {
    match is_swapped {
        Some(false) => format!("cas {expected} {new}: no"),
        _ => format!("cas {expected} {new}"),
    }
}

impl Notation for Register<DatumId> {
    const NAME: &'static str = "register";

    fn new(initial: Option<Datum>, data: &mut Data) -> Result<Self, String> {
        let initial = data.id(initial.unwrap_or_default());
        Ok(Self { initial })
    }

    fn inferred(self, _: &[Call<Self>]) -> Self {
        self
    }

    fn request(
        &self,
        function: Function,
        argument: Datum,
        data: &mut Data,
    ) -> Result<Self::Request, String> {
        match function {
            Function::Read => Ok(RegisterRequest::Read),
            Function::Write => Ok(RegisterRequest::Write(data.id(argument))),
            Function::Cas => {
                let (expected, new) = pair(argument)?;
                let (expected, new) = (data.id(expected), data.id(new));
                Ok(RegisterRequest::Swap { expected, new })
            }
            other => unknown(Self::NAME, other),
        }
    }

    fn response(
        &self,
        request: &Self::Request,
        result: Datum,
        data: &mut Data,
    ) -> Result<Self::Response, String> {
        Ok(match request {
            RegisterRequest::Read => RegisterResponse::Value(data.id(result)),
            RegisterRequest::Write(_) => RegisterResponse::Written,
            RegisterRequest::Swap { .. } => RegisterResponse::Swapped(true),
        })
    }

    fn refusal(&self, request: &Self::Request) -> Option<Self::Response> {
        let is_swap = matches!(request, RegisterRequest::Swap { .. });
        is_swap.then_some(RegisterResponse::Swapped(false))
    }

    fn tell(
        &self,
        request: &Self::Request,
        response: Option<&Self::Response>,
        data: &Data,
    ) -> String {
        match (request, response) {
            (RegisterRequest::Read, Some(RegisterResponse::Value(value))) => {
                format!("read {}", data.get(*value))
            }
            (RegisterRequest::Read, _) => "read".into(),
            (RegisterRequest::Write(value), _) => format!("write {}", data.get(*value)),
            (RegisterRequest::Swap { expected, new }, response) => {
                let is_swapped = response.map(|r| *r == RegisterResponse::Swapped(true));
                let [expected, new] = [expected, new].map(|id| data.get(*id).to_string());
                told_swap(&expected, &new, is_swapped)
            }
        }
    }
}

/// The value of a key of a map: its text, and the digits of a number.
fn text(datum: Datum) -> Option<String> {
    match datum {
        Datum::Nil => None,
        Datum::Text(text) | Datum::Name(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn told_text(value: Option<&String>) -> String {
    value.map_or_else(|| "nil".into(), |value| format!("{value:?}"))
}

impl Notation for Map {
    const NAME: &'static str = "map";

    fn new(initial: Option<Datum>, _: &mut Data) -> Result<Self, String> {
        let absent = initial.and_then(text);
        Ok(Self { absent })
    }

    /// In some services an absent key reads as the empty text.
    fn inferred(self, operations: &[Call<Self>]) -> Self {
        let mut values = operations.iter().filter_map(|call| match &call.response {
            Some(MapResponse::Value(value)) => Some(value),
            _ => None,
        });
        let is_text = values.clone().all(Option::is_some);
        let empty = Some(String::new());
        match is_text && values.any(|value| *value == empty) {
            true => Self { absent: empty },
            false => self,
        }
    }

    fn request(
        &self,
        function: Function,
        argument: Datum,
        _: &mut Data,
    ) -> Result<MapRequest, String> {
        match function {
            Function::Get | Function::Read => Ok(MapRequest::Get),
            Function::Put | Function::Write => Ok(MapRequest::Put(text(argument))),
            Function::Append => match text(argument) {
                Some(text) => Ok(MapRequest::Append(text)),
                None => Err("append needs a text".into()),
            },
            Function::Delete => Ok(MapRequest::Put(None)),
            Function::Cas => {
                let (expected, new) = pair(argument)?;
                let (expected, new) = (text(expected), text(new));
                Ok(MapRequest::Swap { expected, new })
            }
            other => unknown(Self::NAME, other),
        }
    }

    fn response(
        &self,
        request: &MapRequest,
        result: Datum,
        _: &mut Data,
    ) -> Result<MapResponse, String> {
        Ok(match request {
            MapRequest::Get => MapResponse::Value(text(result)),
            MapRequest::Put(_) | MapRequest::Append(_) => MapResponse::Done,
            MapRequest::Swap { .. } => MapResponse::Swapped(true),
        })
    }

    fn refusal(&self, request: &MapRequest) -> Option<MapResponse> {
        let is_swap = matches!(request, MapRequest::Swap { .. });
        is_swap.then_some(MapResponse::Swapped(false))
    }

    fn tell(&self, request: &MapRequest, response: Option<&MapResponse>, _: &Data) -> String {
        match (request, response) {
            (MapRequest::Get, Some(MapResponse::Value(value))) => {
                format!("get {}", told_text(value.as_ref()))
            }
            (MapRequest::Get, _) => "get".into(),
            (MapRequest::Put(None), _) => "delete".into(),
            (MapRequest::Put(value), _) => format!("put {}", told_text(value.as_ref())),
            (MapRequest::Append(text), _) => format!("append {text:?}"),
            (MapRequest::Swap { expected, new }, response) => {
                let is_swapped = response.map(|r| *r == MapResponse::Swapped(true));
                let [expected, new] = [expected, new].map(|value| told_text(value.as_ref()));
                told_swap(&expected, &new, is_swapped)
            }
        }
    }
}

/// A part of an operation on several registers, with the value that a read returned.
type ReadPart = (Part<DatumId, DatumId>, Datum);

fn parts(datum: Datum, data: &mut Data) -> Result<Vec<ReadPart>, String> {
    let Datum::List(parts) = datum else {
        return Err(format!(
            "txn needs its reads and writes, [[:read :x nil] [:write :y 1]], not {datum}"
        ));
    };
    let mut part = |datum: Datum| {
        let told = datum.to_string();
        let Datum::List(fields) = datum else {
            return Err(format!(
                "a part of txn is [:read :x nil] or [:write :y 1], not {told}"
            ));
        };
        match <[Datum; 3]>::try_from(fields) {
            Ok([Datum::Name(function) | Datum::Text(function), key, value]) => {
                let key = data.id(key);
                match &*function {
                    "read" | "r" => Ok((Part::Read(key), value)),
                    "write" | "w" => Ok((Part::Write(key, data.id(value)), Datum::Nil)),
                    other => Err(format!(
                        "a part of txn reads or writes, and {other} is neither"
                    )),
                }
            }
            _ => Err(format!(
                "a part of txn is [:read :x nil] or [:write :y 1], not {told}"
            )),
        }
    };
    parts.into_iter().map(&mut part).collect()
}

impl Notation for MultiRegister<DatumId> {
    const NAME: &'static str = "multi-register";

    fn new(initial: Option<Datum>, data: &mut Data) -> Result<Self, String> {
        let initial = data.id(initial.unwrap_or_default());
        Ok(Self { initial })
    }

    fn inferred(self, _: &[Call<Self>]) -> Self {
        self
    }

    fn request(
        &self,
        function: Function,
        argument: Datum,
        data: &mut Data,
    ) -> Result<Self::Request, String> {
        match function {
            Function::Txn => {
                let parts = parts(argument, data)?;
                Ok(parts.into_iter().map(|(part, _)| part).collect())
            }
            other => unknown(Self::NAME, other),
        }
    }

    fn response(
        &self,
        request: &Self::Request,
        result: Datum,
        data: &mut Data,
    ) -> Result<Self::Response, String> {
        let parts = parts(result, data)?;
        if !parts.iter().map(|(part, _)| part).eq(request) {
            return Err("its result has other parts than the request".into());
        }
        let reads = parts.into_iter();
        let reads = reads.filter(|(part, _)| matches!(part, Part::Read(_)));
        Ok(reads.map(|(_, value)| data.id(value)).collect())
    }

    fn refusal(&self, _: &Self::Request) -> Option<Self::Response> {
        None
    }

    fn tell(
        &self,
        request: &Self::Request,
        response: Option<&Self::Response>,
        data: &Data,
    ) -> String {
        let mut values = response.into_iter().flatten();
        let parts = request.iter().map(|part| match part {
            Part::Read(key) => match values.next() {
                Some(value) => format!("{} is {}", data.get(*key), data.get(*value)),
                None => format!("read {}", data.get(*key)),
            },
            Part::Write(key, value) => format!("{} := {}", data.get(*key), data.get(*value)),
        });
        parts.collect::<Vec<_>>().join(", ")
    }
}

impl Notation for Counter {
    const NAME: &'static str = "counter";

    fn new(initial: Option<Datum>, _: &mut Data) -> Result<Self, String> {
        let initial = initial.map_or(Ok(0), |initial| number(&initial))?;
        Ok(Self { initial })
    }

    fn inferred(self, _: &[Call<Self>]) -> Self {
        self
    }

    fn request(
        &self,
        function: Function,
        argument: Datum,
        _: &mut Data,
    ) -> Result<CounterRequest, String> {
        match function {
            Function::Read => Ok(CounterRequest::Read),
            Function::Add => Ok(CounterRequest::Add(number(&argument)?)),
            other => unknown(Self::NAME, other),
        }
    }

    fn response(
        &self,
        request: &CounterRequest,
        result: Datum,
        _: &mut Data,
    ) -> Result<CounterResponse, String> {
        match request {
            CounterRequest::Read => Ok(CounterResponse::Value(number(&result)?)),
            CounterRequest::Add(_) => Ok(CounterResponse::Added),
        }
    }

    fn refusal(&self, _: &CounterRequest) -> Option<CounterResponse> {
        None
    }

    fn tell(
        &self,
        request: &CounterRequest,
        response: Option<&CounterResponse>,
        _: &Data,
    ) -> String {
        match (request, response) {
            (CounterRequest::Read, Some(CounterResponse::Value(value))) => format!("read {value}"),
            (CounterRequest::Read, _) => "read".into(),
            (CounterRequest::Add(number), _) => format!("add {number}"),
        }
    }
}

impl Notation for Set<DatumId> {
    const NAME: &'static str = "set";

    fn new(initial: Option<Datum>, _: &mut Data) -> Result<Self, String> {
        without_initial(initial, Self::NAME)?;
        Ok(Self::default())
    }

    fn inferred(self, _: &[Call<Self>]) -> Self {
        self
    }

    fn request(
        &self,
        function: Function,
        argument: Datum,
        data: &mut Data,
    ) -> Result<Self::Request, String> {
        match function {
            Function::Read => Ok(SetRequest::Read),
            Function::Add => Ok(SetRequest::Add(data.id(argument))),
            Function::Remove => Ok(SetRequest::Remove(data.id(argument))),
            other => unknown(Self::NAME, other),
        }
    }

    fn response(
        &self,
        request: &Self::Request,
        result: Datum,
        data: &mut Data,
    ) -> Result<Self::Response, String> {
        let elements = match (request, result) {
            (SetRequest::Add(_) | SetRequest::Remove(_), _) => return Ok(SetResponse::Done),
            (SetRequest::Read, Datum::Nil) => Vec::new(),
            (SetRequest::Read, Datum::List(elements)) => elements,
            (SetRequest::Read, other) => {
                return Err(format!("a read of a set returns its elements, not {other}"));
            }
        };
        let elements = elements.into_iter().map(|element| data.id(element));
        Ok(SetResponse::Elements(elements.collect()))
    }

    fn refusal(&self, _: &Self::Request) -> Option<Self::Response> {
        None
    }

    fn tell(
        &self,
        request: &Self::Request,
        response: Option<&Self::Response>,
        data: &Data,
    ) -> String {
        match (request, response) {
            (SetRequest::Read, Some(SetResponse::Elements(elements))) => {
                let elements: BTreeSet<&Datum> = elements.iter().map(|id| data.get(*id)).collect();
                let elements: Vec<String> = elements.iter().map(ToString::to_string).collect();
                format!("read {{{}}}", elements.join(" "))
            }
            (SetRequest::Read, _) => "read".into(),
            (SetRequest::Add(element), _) => format!("add {}", data.get(*element)),
            (SetRequest::Remove(element), _) => format!("remove {}", data.get(*element)),
        }
    }
}

impl Notation for Queue<DatumId> {
    const NAME: &'static str = "queue";

    fn new(initial: Option<Datum>, _: &mut Data) -> Result<Self, String> {
        without_initial(initial, Self::NAME)?;
        Ok(Self::default())
    }

    fn inferred(self, _: &[Call<Self>]) -> Self {
        self
    }

    fn request(
        &self,
        function: Function,
        argument: Datum,
        data: &mut Data,
    ) -> Result<Self::Request, String> {
        match function {
            Function::Enqueue => Ok(QueueRequest::Enqueue(data.id(argument))),
            Function::Dequeue => Ok(QueueRequest::Dequeue),
            other => unknown(Self::NAME, other),
        }
    }

    fn response(
        &self,
        request: &Self::Request,
        result: Datum,
        data: &mut Data,
    ) -> Result<Self::Response, String> {
        Ok(match (request, result) {
            (QueueRequest::Enqueue(_), _) => QueueResponse::Enqueued,
            (QueueRequest::Dequeue, Datum::Nil) => QueueResponse::Dequeued(None),
            (QueueRequest::Dequeue, element) => QueueResponse::Dequeued(Some(data.id(element))),
        })
    }

    fn refusal(&self, _: &Self::Request) -> Option<Self::Response> {
        None
    }

    fn tell(
        &self,
        request: &Self::Request,
        response: Option<&Self::Response>,
        data: &Data,
    ) -> String {
        match (request, response) {
            (QueueRequest::Enqueue(element), _) => format!("enqueue {}", data.get(*element)),
            (QueueRequest::Dequeue, Some(QueueResponse::Dequeued(Some(element)))) => {
                format!("dequeue {}", data.get(*element))
            }
            (QueueRequest::Dequeue, Some(_)) => "dequeue nil".into(),
            (QueueRequest::Dequeue, None) => "dequeue".into(),
        }
    }
}

impl Notation for Mutex {
    const NAME: &'static str = "mutex";

    fn new(initial: Option<Datum>, _: &mut Data) -> Result<Self, String> {
        without_initial(initial, Self::NAME)?;
        Ok(Self)
    }

    fn inferred(self, _: &[Call<Self>]) -> Self {
        self
    }

    fn request(&self, function: Function, _: Datum, _: &mut Data) -> Result<MutexRequest, String> {
        match function {
            Function::Acquire => Ok(MutexRequest::Acquire),
            Function::Release => Ok(MutexRequest::Release),
            other => unknown(Self::NAME, other),
        }
    }

    fn response(&self, _: &MutexRequest, _: Datum, _: &mut Data) -> Result<MutexResponse, String> {
        Ok(MutexResponse)
    }

    fn refusal(&self, _: &MutexRequest) -> Option<MutexResponse> {
        None
    }

    fn tell(&self, request: &MutexRequest, _: Option<&MutexResponse>, _: &Data) -> String {
        match request {
            MutexRequest::Acquire => "acquire".into(),
            MutexRequest::Release => "release".into(),
        }
    }
}
