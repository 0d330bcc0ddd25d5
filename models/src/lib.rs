//! Quorate's protocols in an environment, their properties and their mutants, for the checker: [`quorate_checker`].
//!
//! * [`system`] places any protocol's processes in an environment: a `stateright::Model`.
//! * [`reduction`] claims that what makes a space smaller leaves nothing out.
//! * [`mutant`] turns a protocol into a wrong one, from outside.
//! * [`actor`] makes any protocol a `stateright::actor::Actor`.
//! * [`catalogue`] lists all models for the command line, [`mod@entry`] is what their entries have in common.
//! * [`other_words`] is what canonical forms have in common.
//! * [`mod@cost`] counts what a decision costs.
//! * [`framework`] is whose environment that is, and in what order the application asks.
//! * [`atomic_commit`] is the application above protocols of atomic commit, and what is claimed of all.
//! * [`ledger`] is accounts over shards, above one of these protocols.
//! * [`registers`] is write-once registers, above Paxos.
//! * [`sketches`] is what a textbook prints of three of them.
//! * [`two_phase_commit`], [`three_phase_commit`], [`paxos`] and [`raft`] are the protocols: properties, instances and mutants.

pub mod actor;
pub mod atomic_commit;
pub mod catalogue;
pub mod cost;
pub mod entry;
pub mod framework;
pub mod ledger;
pub mod mutant;
pub mod other_words;
pub mod paxos;
pub mod raft;
pub mod reduction;
pub mod register;
pub mod registers;
pub mod sketches;
pub mod system;
pub mod three_phase_commit;
pub mod two_phase_commit;
