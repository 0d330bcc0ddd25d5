//! Paxos in an environment: application, properties, instances, mutants.

use quorate::paxos::{Paxos, Rules};
use quorate_checker::check::Claimed;
use quorate_checker::stateright_properties;

use crate::system::System;

pub mod actor_model;
pub mod application;
pub mod ballots;
pub mod bounded_liveness;
pub mod cost;
pub mod entry;
pub mod liveness;
pub mod mutants;
pub mod parameters;
pub mod properties;

use application::{Clients, Value};
use liveness::Unbounded;
use parameters::Parameters;
use properties::AnyPaxos;

/// The protocol's processes in [`System`].
pub type Model<P> = System<P, Clients>;

/// The application that these parameters describe.
pub fn clients(parameters: &Parameters) -> Clients {
    Clients {
        proposers: parameters.proposers,
        learners: parameters.learners,
        processes: parameters.processes(),
        requests: parameters.requests,
        ballots: parameters.ballots,
        inquiries: parameters.inquiries,
        forgets_spent: parameters.forgets_spent,
        keeps_proposals: parameters.keeps_proposals(),
        reads: parameters.reads,
    }
}

/// The protocol that these parameters describe, by the given rules. The parameters are valid.
pub fn protocol<R: Rules>(parameters: &Parameters, rules: R) -> Paxos<Value, R> {
    let quorums = parameters.quorums().expect("valid parameters");
    let (proposers, learners) = (parameters.proposers.into(), parameters.learners.into());
    Paxos::with_rules(proposers, learners, quorums, rules).expect("valid parameters")
}

/// The model of a protocol under these parameters, and what is claimed of it.
pub fn model<P: AnyPaxos>(parameters: &Parameters, protocol: P) -> Claimed<Model<P>> {
    let mut properties = properties::properties(parameters);
    let of_fair_runs = bounded_liveness::properties(parameters);
    let fairness = match of_fair_runs.is_empty() {
        true => Vec::new(),
        false => bounded_liveness::fairness(parameters),
    };
    properties.extend(of_fair_runs);
    let environment = parameters.environment.clone();
    let mut model = System::new(protocol, clients(parameters), environment);
    model.properties = stateright_properties(&properties);
    Claimed {
        model,
        properties,
        fairness,
    }
}

/// The model with any number of ballots, and what is claimed of it.
pub fn unbounded_model<P: AnyPaxos>(parameters: &Parameters, protocol: P) -> Claimed<Unbounded<P>> {
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
