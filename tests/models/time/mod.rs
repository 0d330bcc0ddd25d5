//! Assumptions about time: when timers fire, what comes to an end when a system stabilises, and what cannot be
//! put off for ever. And about partitions: what waits at a cut, and who is suspected across it.

mod fairness;
mod partition;
mod timers;
mod town;
