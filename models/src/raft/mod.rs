//! Raft in an environment: application, properties, instances, mutants.

use quorate::raft::{Limits, Raft, Rules};

use crate::checker::stateright_properties;
use crate::entry::Claimed;
use crate::system::System;

pub mod application;
pub mod entry;
pub mod mutants;
pub mod parameters;
pub mod properties;

use application::{Clients, ENTRY_BYTES, Register};
use parameters::Parameters;
use properties::AnyRaft;

/// The protocol's processes in [`System`].
pub type Model<P> = System<P, Clients>;

/// The application that these parameters describe.
pub fn clients(parameters: &Parameters) -> Clients {
    Clients {
        servers: parameters.servers,
        terms: parameters.terms,
        commands: parameters.commands,
        proposals: parameters.proposals,
        reads: parameters.reads,
        reads_last: parameters.reads_last,
        snapshots: parameters.snapshots,
        heartbeats: parameters.heartbeats,
        replicates: parameters.replicates,
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
    let properties = properties::properties(parameters);
    let environment = parameters.environment.clone();
    let mut model = System::new(protocol, clients(parameters), environment);
    model.properties = stateright_properties(&properties);
    Claimed {
        model,
        properties,
        fairness: Vec::new(),
    }
}
