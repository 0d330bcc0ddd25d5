//! Two-phase commit in an environment: application, properties, instances, mutants.

use quorate::two_phase_commit::{Rules, TwoPhaseCommit};
use quorate_checker::{Property, stateright_properties};

use crate::system::System;

pub mod entry;
pub mod liveness;
pub mod mutants;
pub mod parameters;
pub mod properties;

use crate::atomic_commit::application::Clients;
use parameters::Parameters;
use properties::AnyTwoPhaseCommit;

/// The protocol's processes in [`System`].
pub type Model<P> = System<P, Clients>;

/// The application that these parameters describe.
pub fn clients(parameters: &Parameters) -> Clients {
    Clients {
        participants: parameters.participants,
        transactions: parameters.transactions,
        aborts: parameters.aborts,
        requests: parameters.requests,
    }
}

/// The protocol that these parameters describe, by the given rules. The parameters are valid.
pub fn protocol<R: Rules>(parameters: &Parameters, rules: R) -> TwoPhaseCommit<R> {
    TwoPhaseCommit::with_rules(usize::from(parameters.participants), rules)
        .expect("valid parameters")
        .cooperative(parameters.cooperative)
}

/// The model of a protocol under these parameters, and its properties.
pub fn model<P: AnyTwoPhaseCommit>(
    parameters: &Parameters,
    protocol: P,
) -> (Model<P>, Vec<Property<Model<P>>>) {
    let mut properties = properties::properties(parameters);
    properties.extend(liveness::properties(parameters));
    let environment = parameters.environment.clone();
    let mut model = System::new(protocol, clients(parameters), environment);
    model.properties = stateright_properties(&properties);
    (model, properties)
}
