//! Events in files: a process invokes an operation, or learns how it ended.

use std::fmt;
use std::str::FromStr;

use crate::datum::Datum;

/// Something that happened at a process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// The process.
    pub process: Process,
    /// What happened.
    pub kind: EventKind,
    /// The function of the operation, as it is written.
    pub function: Function,
    /// The object that the operation is about; `nil` where there is one only.
    pub key: Datum,
    /// The argument of the operation, or its result.
    pub value: Datum,
    /// When it happened, in nanoseconds since some moment that is the same for all.
    pub time: Option<u64>,
}

/// A process: a sequential client.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Process {
    /// By its number, as Jepsen has it.
    Number(i64),
    /// By its name.
    Name(String),
}

impl Process {
    /// Whether this is what brings faults upon a system, and no client.
    pub fn is_nemesis(&self) -> bool {
        matches!(self, Self::Name(name) if name == "nemesis")
    }
}

impl TryFrom<Datum> for Process {
    type Error = String;

    fn try_from(datum: Datum) -> Result<Self, String> {
        match datum {
            Datum::Integer(number) => Ok(Self::Number(number)),
            Datum::Text(name) | Datum::Name(name) => Ok(Self::Name(name)),
            other => Err(format!("a process is a number or a name, not {other}")),
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// What happened to an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventKind {
    /// It began.
    Invoke,
    /// It was done.
    Ok,
    /// It was not done, and will not be.
    Fail,
    /// Its process does not know, and may never.
    Info,
}

impl FromStr for EventKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "invoke" => Ok(Self::Invoke),
            "ok" => Ok(Self::Ok),
            "fail" => Ok(Self::Fail),
            "info" => Ok(Self::Info),
            other => Err(format!(
                "an event's type is invoke, ok, fail or info, not {other}"
            )),
        }
    }
}

/// Functions of objects, by the names that files have.
macro_rules! functions {
    ($($name:literal => $function:ident,)*) => {
        /// The function of an operation.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum Function {
            $(#[doc = concat!("`", $name, "`")] $function,)*
        }

        impl Function {
            /// The name that files have.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$function => $name,)*
                }
            }
        }

        impl FromStr for Function {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                match name {
                    $($name => Ok(Self::$function),)*
                    other => {
                        let known = [$($name),*].join(", ");
                        Err(format!("no object here has the function {other}; known are {known}"))
                    }
                }
            }
        }
    };
}

functions! {
    "read" => Read,
    "write" => Write,
    "cas" => Cas,
    "get" => Get,
    "put" => Put,
    "append" => Append,
    "delete" => Delete,
    "add" => Add,
    "remove" => Remove,
    "enqueue" => Enqueue,
    "dequeue" => Dequeue,
    "acquire" => Acquire,
    "release" => Release,
    "txn" => Txn,
}
