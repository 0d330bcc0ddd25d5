//! Bugs of Raft, each with the property that it must break and the instance that shows it.

use quorate::raft::{Raft, Rules};

use super::application::Register;
use super::parameters::Parameters;
use super::protocol;
use crate::mutant::{self, Mutated};

/// All mutants are of one type: rules as a trait object, wrapped for those whose bug is no rule.
pub type MutatedRaft = Mutated<Raft<Register, &'static dyn Rules>>;

/// A wrong Raft.
pub type Mutant = mutant::Mutant<&'static dyn Rules, Raft<Register, &'static dyn Rules>>;
/// Where its bug is.
pub type Bug = mutant::Bug<&'static dyn Rules, Raft<Register, &'static dyn Rules>>;

impl Mutant {
    /// The wrong protocol.
    pub fn protocol(&self, parameters: &Parameters) -> MutatedRaft {
        self.bug
            .put_into(|wrong| protocol(parameters, wrong.unwrap_or(&quorate::raft::Published)))
    }
}

/// All mutants.
pub const MUTANTS: &[Mutant] = &[];
