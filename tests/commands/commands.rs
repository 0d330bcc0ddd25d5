//! The command `quorate` as people run it: clusters of processes on this machine, and their clients.

mod cluster;
mod ledger;
#[path = "../cluster/links.rs"]
mod links;
mod programs;
mod registers;
