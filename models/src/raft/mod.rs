//! Raft in an environment: application, properties, instances, mutants.

use quorate::raft::{ENTRY_BYTES, Limits, Raft, Register, Rules};
use quorate_checker::check::Claimed;
use quorate_checker::stateright_properties;

use crate::system::System;

pub mod actor_model;
pub mod application;
pub mod bounded_liveness;
pub mod entry;
pub mod events;
pub mod liveness;
pub mod mutants;
pub mod parameters;
pub mod properties;
pub mod terms;

use application::Clients;
use liveness::Unbounded;
use parameters::Parameters;
use properties::AnyRaft;

/// The protocol's processes in [`System`].
pub type Model<P> = System<P, Clients>;

/// The application that these parameters describe.
pub fn clients(parameters: &Parameters) -> Clients {
    Clients {
        servers: parameters.servers,
        absent: parameters.absent,
        terms: parameters.terms,
        terms_left: parameters.terms_left,
        ahead_max: parameters.ahead_max,
        commands: parameters.commands,
        proposals: parameters.proposals,
        persistent: parameters.persistent,
        reads: parameters.reads,
        reads_last: parameters.reads_last,
        reads_at: parameters.reads_at,
        snapshots: parameters.snapshots,
        heartbeats: parameters.heartbeats,
        replicates: parameters.replicates,
        forgets_spent: parameters.forgets_spent,
        requests: parameters.requests,
    }
}

/// The protocol that these parameters describe, by the given rules. The parameters are valid.
pub fn protocol<R: Rules>(parameters: &Parameters, rules: R) -> Raft<Register, R> {
    let limits = Limits {
        message_bytes_max: match parameters.entries_max {
            0 => Limits::default().message_bytes_max,
            entries => usize::from(entries) * ENTRY_BYTES,
        },
        in_flight_messages_max: parameters.in_flight_max.into(),
        ..Limits::default()
    };
    Raft::with_rules(parameters.servers.into(), limits, rules).expect("valid parameters")
}

/// The model of a protocol under these parameters, and what is claimed of it.
pub fn model<P: AnyRaft>(parameters: &Parameters, protocol: P) -> Claimed<Model<P>> {
    let mut properties = properties::properties(parameters);
    let of_fair_runs = bounded_liveness::properties(parameters);
    let fairness = match of_fair_runs.is_empty() {
        true => Vec::new(),
        false => bounded_liveness::fairness(parameters),
    };
    properties.extend(of_fair_runs);
    properties.extend(events::properties(parameters));
    let environment = parameters.environment.clone();
    let mut model = System::new(protocol, clients(parameters), environment);
    model.properties = stateright_properties(&properties);
    Claimed {
        model,
        properties,
        fairness,
    }
}

/// The model of elections with any number of terms, and what is claimed of it.
pub fn unbounded_model<P: AnyRaft>(parameters: &Parameters, protocol: P) -> Claimed<Unbounded<P>> {
    let properties = liveness::properties(parameters);
    let environment = parameters.environment.clone();
    let system = System::new(protocol, clients(parameters), environment);
    let mut model = liveness::unbounded(system);
    model.properties = stateright_properties(&properties);
    Claimed {
        model,
        properties,
        fairness: liveness::fairness(parameters),
    }
}
