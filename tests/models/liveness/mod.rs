//! Claims about fair runs: the known traps by name, random graphs against a search that enumerates
//! everything, and a validator that can say no.

mod brute_force;
mod graph;
mod limits;
mod random;
mod traps;
mod validator;
