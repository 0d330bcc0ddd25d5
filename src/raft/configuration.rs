//! Who takes part: a value, so that it can come from the log.

use core::fmt::{self, Debug, Display};

use serde::{Deserialize, Serialize};

use crate::protocol::ProcessId;

/// A set of servers.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct ServerSet(u64);

impl ServerSet {
    /// The most servers that there may be.
    pub const SERVERS_MAX: usize = 64;

    /// Puts a server in.
    pub fn insert(&mut self, server: ProcessId) {
        self.0 |= 1 << server.0;
    }

    /// Whether a server is in it.
    pub fn contains(self, server: ProcessId) -> bool {
        server.index() < Self::SERVERS_MAX && self.0 >> server.0 & 1 == 1
    }

    /// How many are in it.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether nobody is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in both.
    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those in it, in order.
    pub fn iter(self) -> impl Iterator<Item = ProcessId> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let first = u16::try_from(rest.trailing_zeros()).ok()?;
            rest &= rest.checked_sub(1)?;
            Some(ProcessId(first))
        })
    }
}

impl FromIterator<ProcessId> for ServerSet {
    fn from_iter<I: IntoIterator<Item = ProcessId>>(servers: I) -> Self {
        let mut set = Self::default();
        servers.into_iter().for_each(|server| set.insert(server));
        set
    }
}

impl Debug for ServerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The servers of a cluster, and which of them are enough.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Configuration {
    /// Those that vote.
    pub voters: ServerSet,
}

impl Configuration {
    /// Whether these are a majority of the voters.
    pub fn is_quorum(&self, servers: ServerSet) -> bool {
        servers.both(self.voters).len() > self.voters.len() / 2
    }
}

/// A cluster that makes no sense.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConfigurationError {
    /// There is nobody to vote.
    NoServers,
    /// There are more than a set of servers takes.
    TooManyServers {
        /// How many there would be.
        servers: usize,
    },
}

impl Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServers => write!(f, "Raft needs at least 1 server"),
            Self::TooManyServers { servers } => write!(
                f,
                "{servers} servers are more than one cluster takes: give at most {}",
                ServerSet::SERVERS_MAX
            ),
        }
    }
}

impl core::error::Error for ConfigurationError {}
