//! The two environments that a protocol's processes can be placed in, and in what order the application above
//! them asks.

use clap::ValueEnum;
use serde::Serialize;

use crate::system::Environment;

/// Whose environment the processes are placed in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Framework {
    /// Quorate's own.
    System,
    /// Stateright's `ActorModel`, with its duplicating network.
    ActorModel,
}

/// In what order the application makes its requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RequestOrder {
    /// As it should: what makes sense, when it does. It repeats what may have got lost.
    Orderly,
    /// Any request at any time.
    Any,
}

impl Framework {
    /// Why these assumptions cannot be expressed in it, if they cannot.
    ///
    /// # Errors
    ///
    /// A sentence that says what can be, and what to do.
    pub fn validate(
        &self,
        environment: &Environment,
        requests: RequestOrder,
    ) -> Result<(), String> {
        if *self == Self::ActorModel {
            let expressible = Environment::default();
            if *environment != expressible {
                return Err(
                    "Stateright's ActorModel expresses only a set network without drops, crashes or \
                     partitions, an atomic disk and asynchronous timers: leave these at their \
                     defaults, or choose --framework system"
                        .into(),
                );
            }
            if requests != RequestOrder::Any {
                return Err(
                    "in Stateright's ActorModel actors do not see each other's outputs: choose \
                     --requests any"
                        .into(),
                );
            }
        }
        Ok(())
    }
}
