//! A few processes out of a few, as small as a number.

use std::fmt::{self, Debug};

use quorate::protocol::ProcessId;

/// A set of processes. Models have few.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct ProcessSet(u16);

impl ProcessSet {
    /// The most processes that a model may have.
    pub const PROCESSES_MAX: u16 = 16;

    /// Adds a process.
    pub fn insert(&mut self, process: ProcessId) {
        self.0 |= 1 << process.0;
    }

    /// Whether it is in the set.
    pub fn contains(self, process: ProcessId) -> bool {
        self.0 & (1 << process.0) != 0
    }

    /// Whether nobody is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Who is in both.
    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// How many are.
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// All that are, in order.
    pub fn iter(self) -> impl Iterator<Item = ProcessId> {
        (0..Self::PROCESSES_MAX)
            .map(ProcessId)
            .filter(move |&p| self.contains(p))
    }
}

impl Debug for ProcessSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
