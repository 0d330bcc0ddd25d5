//! Some of a model's processes, in a number: for a view who has told something, for a cut who is across.

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

    /// Every way to cut so many processes in two groups, each once: the group without process 0.
    ///
    /// # Panics
    ///
    /// If there are no processes, or more than [`PROCESSES_MAX`](Self::PROCESSES_MAX).
    pub fn cuts(processes: usize) -> impl Iterator<Item = Self> {
        let others = processes.checked_sub(1).expect("a process");
        assert!(processes <= usize::from(Self::PROCESSES_MAX));
        (1..1_u16 << others).map(|group| Self(group << 1))
    }

    /// All that are, in order.
    pub fn iter(self) -> impl Iterator<Item = ProcessId> {
        (0..Self::PROCESSES_MAX)
            .map(ProcessId)
            .filter(move |&p| self.contains(p))
    }
}

impl FromIterator<ProcessId> for ProcessSet {
    fn from_iter<I: IntoIterator<Item = ProcessId>>(processes: I) -> Self {
        let mut set = Self::default();
        for process in processes {
            set.insert(process);
        }
        set
    }
}

impl Debug for ProcessSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
