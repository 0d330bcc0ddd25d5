//! What is shown of the models and of the checker: that searches agree, that reductions lose nothing, that each mutant is
//! found, and what holds beyond the instances that have names. One program, for all of it instantiates the same models.

mod actor_model;
mod comparison;
mod crash;
mod diagram;
mod engines;
mod environment;
mod explorer_counts;
mod forgetting;
mod interned;
mod liveness;
mod mutants;
mod nothing_is_lost;
mod panics;
mod parameters;
mod paxos;
mod paxos_bounded_liveness;
mod paxos_liveness;
mod quotients;
mod raft_controls;
mod raft_events;
mod raft_liveness;
mod raft_random;
mod register;
mod registers;
mod sketches;
mod subsets;
mod three_phase_commit_parameters;
mod three_phase_commit_partition;
mod time;
mod two_phase_commit_liveness;
mod two_phase_commit_properties;
mod two_phase_commit_random;
mod two_phase_commit_subsets;
