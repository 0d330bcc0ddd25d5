//! Histories of operations, and the consistency models that they satisfy: so far linearizability.
//!
//! * [`History`] is what sessions requested and how they were answered, in real-time order.
//! * [`Specification`] is how an object behaves sequentially; [`Register`] is one.
//! * [`linearizable`] judges a history, and gives its reason: an order of the operations, or a small violation.
//!
//! ```
//! use quorate::consistency::{Budget, History, Register, RegisterRequest, RegisterResponse, Verdict, linearizable};
//!
//! let mut history = History::new();
//! history.invoke(1, 0, RegisterRequest::Write('a'))?;
//! history.respond(1, RegisterResponse::Written)?;
//! history.invoke(2, 0, RegisterRequest::Read)?;
//! history.respond(2, RegisterResponse::Value('-'))?;
//! let verdicts = linearizable(&Register { initial: '-' }, history.operations(), Budget::new(1_000));
//! assert!(matches!(&verdicts[&0], Verdict::Violated(violation) if violation.operations.len() == 2));
//! # Ok::<(), quorate::consistency::HistoryError>(())
//! ```

mod history;
mod linearizability;
mod search;
mod specification;
mod verdict;
mod zones;

pub use history::{History, HistoryError, Moment, Object, Operation, Session};
pub use linearizability::linearizable;
pub use search::Budget;
pub use specification::{Access, Call, Register, RegisterRequest, RegisterResponse, Specification};
pub use verdict::{Verdict, Violation};
