//! What a node of a [`Ledger`](quorate::ledger::Ledger) offers to clients, and the client.

mod client;
mod service;

pub use client::Client;
pub use service::{ACCOUNT_MAX, Accounts, Answer, CHANGES_MAX, Operation, Settings, Status, Timed};
