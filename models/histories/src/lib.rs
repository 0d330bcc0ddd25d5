//! Histories in files, and what consistency models say of them: `cargo models history`.
//!
//! * [`files`] reads events: lines of JSON, Clojure's notation, lines of Jepsen's log.
//! * [`notation`] is how objects' operations are written there.
//! * [`read`] makes a history of them, which [`FileHistory::judge`] judges by a consistency model of
//!   [`quorate::consistency`].
//! * [`picture`] draws a few operations.
//! * [`lattice`] says which model is stronger than which: `cargo models lattice`.
//! * [`HistoryCommand`] and [`LatticeCommand`] are the commands.

mod command;
pub mod datum;
pub mod event;
pub mod files;
mod history;
pub mod lattice;
pub mod notation;
pub mod picture;

pub use command::HistoryCommand;
pub use history::{
    FailedCas, FileHistory, Finding, Judgement, ObjectKind, Reading, Reason, ToldOperation, read,
};
pub use lattice::LatticeCommand;
