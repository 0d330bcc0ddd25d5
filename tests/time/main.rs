//! Assumptions about time: when timers fire, what comes to an end when a system stabilises, and what cannot be
//! put off for ever.

mod fairness;
mod timers;
mod town;
