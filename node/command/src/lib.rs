//! What the command `quorate` and benchmarks of clusters have in common.

pub mod history;
pub mod load;
