//! Three-phase commit in an environment: properties, instances, mutants.

use quorate::three_phase_commit::{Rules, ThreePhaseCommit};
use quorate_checker::check::Claimed;
use quorate_checker::stateright_properties;

use crate::atomic_commit::application::Clients;
use crate::system::System;

pub mod entry;
pub mod mutants;
pub mod parameters;
pub mod properties;

use parameters::Parameters;
use properties::AnyThreePhaseCommit;

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
pub fn protocol<R: Rules>(parameters: &Parameters, rules: R) -> ThreePhaseCommit<R> {
    ThreePhaseCommit::with_rules(usize::from(parameters.participants), rules)
        .expect("valid parameters")
}

/// The model of a protocol under these parameters, and what is claimed of it.
pub fn model<P: AnyThreePhaseCommit>(parameters: &Parameters, protocol: P) -> Claimed<Model<P>> {
    let properties = properties::properties(parameters);
    let environment = parameters.environment.clone();
    let mut model = System::new(protocol, clients(parameters), environment);
    model.properties = stateright_properties(&properties);
    let is_about_fair_runs = properties.iter().any(|p| p.condition.is_liveness());
    let fairness = is_about_fair_runs.then(|| properties::fairness(parameters));
    Claimed {
        model,
        properties,
        fairness: fairness.unwrap_or_default(),
    }
}
