//! Histories of operations, and the consistency models that they satisfy.
//!
//! * [`History`] is what sessions requested and how they were answered, in real-time order.
//! * [`Specification`] is how an object behaves sequentially; [`Register`], [`MultiRegister`], [`Map`], [`Counter`], [`Set`],
//!   [`Queue`] and [`Mutex`] are some.
//! * [`Consistency`] has the models, each with its definition.
//! * [`judge`] judges a history, and gives its reason: an order of the operations, or a small violation. [`satisfies`] gives none.
//! * [`least_delta`] and [`least_k`] say how stale its reads are.
//!
//! ```
//! use quorate::consistency::{
//!     Budget, Consistency, History, Register, RegisterRequest, RegisterResponse, Verdict, judge,
//! };
//!
//! let mut history = History::new();
//! history.invoke(1, 0, RegisterRequest::Write('a'))?;
//! history.respond(1, RegisterResponse::Written)?;
//! history.invoke(2, 0, RegisterRequest::Read)?;
//! history.respond(2, RegisterResponse::Value('-'))?;
//!
//! let register = Register { initial: '-' };
//! let verdicts = judge(Consistency::Linearizable, &register, history.operations(), Budget::new(1_000))?;
//! // An object by itself.
//! assert!(matches!(&verdicts[&Some(0)], Verdict::Violated(violation) if violation.operations.len() == 2));
//! // Session 2 does not know of session 1.
//! let verdicts = judge(Consistency::Sequential, &register, history.operations(), Budget::new(1_000))?;
//! assert!(matches!(&verdicts[&None], Verdict::Holds(_)));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod causal;
mod guarantees;
mod history;
mod judge;
mod linearizability;
mod objects;
mod orders;
mod registers;
mod regular;
mod search;
mod specification;
mod staleness;
mod verdict;
mod zones;

pub use guarantees::{Arbitration, Guarantee};
pub use history::{History, HistoryError, Moment, Object, Operation, Session};
pub use judge::{Consistency, Inapplicable, judge, satisfies};
pub use objects::{
    Counter, CounterRequest, CounterResponse, Map, MapRequest, MapResponse, MultiRegister, Mutex,
    MutexRequest, MutexResponse, Part, Queue, QueueRequest, QueueResponse, Register,
    RegisterRequest, RegisterResponse, Set, SetRequest, SetResponse,
};
pub use regular::Agreement;
pub use search::Budget;
pub use specification::{Access, Accesses, AsRegister, Call, Specification};
pub use staleness::{Least, least_delta, least_k};
pub use verdict::{Explanation, Verdict, Violation};
