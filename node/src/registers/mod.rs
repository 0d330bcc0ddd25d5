//! What a node of [`Registers`](quorate::registers::Registers) offers to clients, and the client.

mod client;
mod service;

pub use client::Client;
pub use service::{Answer, NAME_MAX, Operation, PROTOCOL, Service, Settings, Status, VALUE_MAX};
