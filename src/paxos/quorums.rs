//! Who has to answer: quorums of acceptors, one system of them for each phase.
//!
//! What Paxos needs is that a quorum that promises and a quorum that accepts have an acceptor in common; two of one
//! phase need not (Howard, Malkhi, Spiegelman 2016).

use alloc::vec::Vec;
use core::error::Error;
use core::fmt::{self, Debug, Display};

use serde::{Deserialize, Serialize};

/// Which quorum.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Phase {
    /// Promises.
    One,
    /// Acceptances.
    Two,
}

/// A set of acceptors, each by its number from 0.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct AcceptorSet(u32);

impl AcceptorSet {
    /// Puts an acceptor in.
    pub fn insert(&mut self, acceptor: usize) {
        self.0 |= 1 << acceptor;
    }

    /// Whether an acceptor is in it.
    pub fn contains(self, acceptor: usize) -> bool {
        self.0 >> acceptor & 1 == 1
    }

    /// How many are in it.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether nobody is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in it, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..u32::BITS as usize).filter(move |&acceptor| self.contains(acceptor))
    }
}

impl FromIterator<usize> for AcceptorSet {
    fn from_iter<I: IntoIterator<Item = usize>>(acceptors: I) -> Self {
        let mut set = Self::default();
        acceptors
            .into_iter()
            .for_each(|acceptor| set.insert(acceptor));
        set
    }
}

impl Debug for AcceptorSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Which sets of acceptors are quorums. It is made so that each quorum of the first phase has an acceptor in common
/// with each of the second.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quorums {
    acceptors: usize,
    kind: Kind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kind {
    Counts {
        one: usize,
        two: usize,
    },
    Weights {
        weights: Vec<u64>,
        one: u64,
        two: u64,
    },
    Grid {
        columns: usize,
    },
}

/// Quorums, or processes, that make no sense.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ConfigurationError {
    /// There is nobody to propose anything.
    NoProposers,
    /// Ids of processes are 16 bits.
    TooManyProcesses {
        /// How many there would be.
        processes: usize,
    },
    /// There is nobody to accept anything.
    NoAcceptors,
    /// That quorums intersect is checked on every set of acceptors.
    TooManyAcceptors {
        /// How many there would be.
        acceptors: usize,
    },
    /// All acceptors together are no quorum.
    NoQuorum {
        /// Of which phase.
        phase: Phase,
    },
    /// A grid whose rows are not full.
    NoGrid {
        /// How many acceptors.
        acceptors: usize,
        /// In how many columns.
        columns: usize,
    },
    /// Two quorums without a common acceptor: two values could be chosen.
    Disjoint {
        /// One of the first phase.
        one: AcceptorSet,
        /// One of the second.
        two: AcceptorSet,
    },
}

impl Quorums {
    /// The most acceptors that are taken.
    pub const ACCEPTORS_MAX: usize = 16;

    /// Majorities, in both phases.
    ///
    /// # Errors
    ///
    /// If there are none, or too many.
    pub fn majorities(acceptors: usize) -> Result<Self, ConfigurationError> {
        let majority = acceptors / 2 + 1;
        Self::counts(acceptors, majority, majority)
    }

    /// Any so many in the first phase, any so many in the second.
    ///
    /// # Errors
    ///
    /// If they need not intersect, or can never be had.
    pub fn counts(acceptors: usize, one: usize, two: usize) -> Result<Self, ConfigurationError> {
        Self::checked(acceptors, Kind::Counts { one, two })
    }

    /// Those whose weights sum to at least so much in the first phase, and in the second.
    ///
    /// # Errors
    ///
    /// If they need not intersect, or can never be had.
    pub fn weights(weights: Vec<u64>, one: u64, two: u64) -> Result<Self, ConfigurationError> {
        Self::checked(weights.len(), Kind::Weights { weights, one, two })
    }

    /// In a grid, filled row by row: a full row in the first phase, a full column in the second.
    ///
    /// # Errors
    ///
    /// If a row would not be full.
    pub fn grid(acceptors: usize, columns: usize) -> Result<Self, ConfigurationError> {
        if columns == 0 || !acceptors.is_multiple_of(columns) {
            return Err(ConfigurationError::NoGrid { acceptors, columns });
        }
        Self::checked(acceptors, Kind::Grid { columns })
    }

    fn checked(acceptors: usize, kind: Kind) -> Result<Self, ConfigurationError> {
        if acceptors == 0 {
            return Err(ConfigurationError::NoAcceptors);
        }
        if acceptors > Self::ACCEPTORS_MAX {
            return Err(ConfigurationError::TooManyAcceptors { acceptors });
        }
        let quorums = Self { acceptors, kind };
        let all: AcceptorSet = (0..acceptors).collect();
        for phase in [Phase::One, Phase::Two] {
            if !quorums.is_quorum(phase, all) {
                return Err(ConfigurationError::NoQuorum { phase });
            }
        }
        // More acceptors only help, so that there are two disjoint quorums if and only if some set and the rest
        // are.
        for set in 0..=all.0 {
            let (one, two) = (AcceptorSet(set), AcceptorSet(all.0 & !set));
            if quorums.is_quorum(Phase::One, one) && quorums.is_quorum(Phase::Two, two) {
                return Err(ConfigurationError::Disjoint { one, two });
            }
        }
        Ok(quorums)
    }

    /// How many acceptors there are.
    pub fn acceptors(&self) -> usize {
        self.acceptors
    }

    /// Whether these are a quorum of this phase.
    pub fn is_quorum(&self, phase: Phase, set: AcceptorSet) -> bool {
        match &self.kind {
            Kind::Counts { one, two } => set.len() >= *by_phase(phase, one, two),
            Kind::Weights { weights, one, two } => {
                let sum = set.iter().filter_map(|acceptor| weights.get(acceptor));
                // Sums of weights may exceed what one weight may be.
                let sum: u128 = sum.map(|&weight| u128::from(weight)).sum();
                sum >= u128::from(*by_phase(phase, one, two))
            }
            Kind::Grid { columns } => {
                let rows = self.acceptors / columns;
                let has = |row, column| set.contains(row * columns + column);
                match phase {
                    Phase::One => (0..rows).any(|row| (0..*columns).all(|column| has(row, column))),
                    Phase::Two => (0..*columns).any(|column| (0..rows).all(|row| has(row, column))),
                }
            }
        }
    }
}

fn by_phase<T>(phase: Phase, one: T, two: T) -> T {
    match phase {
        Phase::One => one,
        Phase::Two => two,
    }
}

impl Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProposers => write!(f, "Paxos needs at least 1 proposer"),
            Self::TooManyProcesses { processes } => write!(
                f,
                "{processes} processes are more than there are ids: give at most 65,535"
            ),
            Self::NoAcceptors => write!(f, "Paxos needs at least 1 acceptor"),
            Self::TooManyAcceptors { acceptors } => write!(
                f,
                "{acceptors} acceptors are more than one group takes: give at most {}",
                Quorums::ACCEPTORS_MAX
            ),
            Self::NoQuorum { phase } => write!(
                f,
                "all acceptors together are no quorum of phase {phase}: ask for less"
            ),
            Self::NoGrid { acceptors, columns } => write!(
                f,
                "{acceptors} acceptors do not fill a grid of {columns} columns: give a number of columns that \
                 divides them"
            ),
            Self::Disjoint { one, two } => write!(
                f,
                "the acceptors {one:?} are a quorum of phase 1, and {two:?} one of phase 2, and they have none in \
                 common, so that two values could be chosen: ask for more in either phase"
            ),
        }
    }
}

impl Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(by_phase(*self, "1", "2"))
    }
}

impl Error for ConfigurationError {}
