//! What Raft claims of fair runs: with one campaign at a time somebody is elected; without, nobody need be.
//!
//! Elections alone, with any number of terms: states are taken for one that differ in the numbers of terms only
//! ([`super::terms`]). Nobody campaigns once somebody has led, and what leaders send is lost: a claim about who is elected
//! first is none the poorer.

use super::Model;
use super::application::{Clients, somebody_has_led};
use super::parameters::Parameters;
use super::properties::{AnyRaft, RECOVERY_READS_BACK};
use super::terms::canonical;
use crate::system::{SystemState, Timers};
use quorate_checker::quotient::{Quotient, Representative};
use quorate_checker::{Condition, Fairness, Property};

/// Elections with any number of terms.
pub type Unbounded<P> = Quotient<Model<P>>;
type ModelState<P> = Representative<SystemState<P, Clients>>;

/// The model of elections with any number of terms.
pub fn unbounded<P: AnyRaft>(model: Model<P>) -> Unbounded<P> {
    Quotient::new(model, canonical)
}

/// What may fail to happen for ever, if time-outs come as they will (§5.2: split votes; FLP).
pub const SPLIT_VOTES: &str =
    "a leader is elected, whatever delays are (split votes: none need be)";
/// Progress: with one campaign at a time.
pub const ELECTED: &str = "once campaigns come one at a time, a leader is elected";

/// The claims that apply under these parameters.
pub fn properties<P: AnyRaft>(parameters: &Parameters) -> Vec<Property<Unbounded<P>>> {
    use Condition::{Always, LeadsTo, Sometimes};
    let environment = &parameters.environment;
    let is_elected = LeadsTo {
        cases: 1,
        trigger: |model: &Unbounded<P>, state: &ModelState<P>, _| {
            let may_wait = model.model.environment().stabilises;
            (!may_wait || state.stable) && !somebody_has_led(state)
        },
        goal: |_: &Unbounded<P>, state: &ModelState<P>, _| somebody_has_led(state),
    };
    let is_live = environment.stabilises || environment.timers == Timers::Accurate;
    vec![
        Property::holds(
            RECOVERY_READS_BACK,
            Always(|model: &Unbounded<P>, state: &ModelState<P>| {
                model.model.recovery_reads_back(state)
            }),
        ),
        Property {
            expected: 2 * (parameters.servers - parameters.absent) > parameters.servers,
            ..Property::holds(
                "a leader is elected",
                Sometimes(|_: &Unbounded<P>, state: &ModelState<P>| somebody_has_led(state)),
            )
        },
        match is_live {
            true => Property {
                expected: parameters.has_quorum(),
                ..Property::holds(ELECTED, is_elected)
            },
            false => Property {
                // Whoever is alone has no rival.
                expected: parameters.servers == 1 && parameters.has_quorum(),
                bound: Some(is_withheld),
                ..Property::holds(SPLIT_VOTES, is_elected)
            },
        },
    ]
}

/// What these claims rely on.
pub fn fairness<P: AnyRaft>(parameters: &Parameters) -> Vec<Fairness<Unbounded<P>>> {
    Model::<P>::fairness_of_classes(&parameters.environment, parameters.needs_recovery())
}

/// Whether a server would campaign, but for the bound on how far ahead it may be.
fn is_withheld<P: AnyRaft>(model: &Unbounded<P>, state: &ModelState<P>) -> bool {
    let (clients, environment) = (model.model.application(), model.model.environment());
    let mut live = state
        .live()
        .filter(|(server, _)| !clients.is_absent(*server));
    live.any(|(_, knows)| clients.is_far_ahead(environment, state, knows.term))
}
