//! The parameters of a model of registers, and its named instances.

use clap::Args;
use quorate::registers::Registers;
use quorate_checker::instances::{Instance, put};
use serde::Serialize;

use crate::register::Value;
use crate::system::{Disk, Environment, EnvironmentFlags, ProcessSet};

/// Everything that distinguishes one instance of the model from another.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Parameters {
    /// How many nodes.
    pub nodes: u16,
    /// How many clients write, each a value of its own at a node of its own.
    pub writers: u8,
    /// How many clients read, each at a node of its own.
    pub readers: u8,
    /// Whether a client that writes asks another node, too, while it has no answer.
    pub asks_again: bool,
    /// How many rounds of ballots there are.
    pub rounds: u64,
    /// Whether nodes tell each other decisions, and ask for them. If not, a node comes to know what was chosen by acceptances.
    pub decisions: bool,
    /// Whether a read that was not answered in time has chosen what it has found.
    pub reads_again: bool,
    /// Whether messages that can change nothing any more are forgotten.
    pub forgets_spent: bool,
    /// What the environment may do.
    #[serde(flatten)]
    pub environment: Environment,
}

impl Default for Parameters {
    /// 3 nodes, 2 clients that write, one round of ballots, in an asynchronous network without crashes.
    fn default() -> Self {
        Self {
            nodes: 3,
            writers: 2,
            readers: 0,
            asks_again: false,
            rounds: 1,
            decisions: false,
            reads_again: true,
            forgets_spent: true,
            environment: Environment::default(),
        }
    }
}

impl Parameters {
    /// Why these parameters make no sense, if they do not.
    ///
    /// # Errors
    ///
    /// A sentence that names the parameter and says what to do.
    pub fn validate(&self) -> Result<(), String> {
        if self.nodes == 0 {
            return Err("nodes 0 leaves nobody to ask: give at least 1".into());
        }
        if self.nodes > ProcessSet::PROCESSES_MAX {
            return Err(format!(
                "nodes {} is more than a model can have: give at most {}",
                self.nodes,
                ProcessSet::PROCESSES_MAX
            ));
        }
        Registers::<Value>::new(self.nodes.into()).map_err(|error| error.to_string())?;
        let clients = u32::from(self.writers) + u32::from(self.readers);
        let asked = clients + u32::from(self.asks_again);
        if self.writers == 0 {
            return Err("writers 0 leaves nothing to find: give at least 1".into());
        }
        if asked > self.nodes.into() {
            return Err(format!(
                "each client asks a node of its own, and {asked} are more than the {} nodes: give fewer writers and readers",
                self.nodes
            ));
        }
        if self.rounds == 0 {
            return Err("rounds 0 lets nobody write: give at least 1".into());
        }
        self.environment.validate(self.nodes.into())
    }
}

/// All named instances.
pub fn instances() -> Vec<Instance<Parameters>> {
    let instance = |name, summary, by_default, parameters| Instance {
        name,
        summary,
        by_default,
        parameters,
    };
    let two = Parameters::default();
    let crash = Environment {
        crashes: 1,
        ..Environment::default()
    };
    let crashes = |parameters: Parameters| Parameters {
        environment: crash.clone(),
        ..parameters
    };
    let one = Parameters {
        writers: 1,
        ..two.clone()
    };
    vec![
        instance(
            "default",
            "3 nodes, 2 clients that write, 2 rounds of ballots",
            true,
            Parameters {
                rounds: 2,
                ..two.clone()
            },
        ),
        instance(
            "read",
            "3 nodes, 2 clients that write and one that reads",
            true,
            Parameters {
                readers: 1,
                reads_again: false,
                ..two.clone()
            },
        ),
        instance(
            "read-crash",
            "3 nodes, a client that writes and one that reads, and chooses what it has found; a crash",
            true,
            crashes(Parameters {
                readers: 1,
                ..one.clone()
            }),
        ),
        instance(
            "buffered",
            "3 nodes, 2 clients that write, a crash, buffered disk",
            true,
            Parameters {
                environment: Environment {
                    disk: Disk::Buffered,
                    ..crash.clone()
                },
                ..two.clone()
            },
        ),
        instance(
            "asks-again",
            "3 nodes, a client that writes, and asks a second one too; a crash",
            true,
            crashes(Parameters {
                asks_again: true,
                ..one.clone()
            }),
        ),
        instance(
            "decisions",
            "3 nodes, a client that writes, nodes that tell each other decisions; a crash",
            true,
            crashes(Parameters {
                decisions: true,
                ..one
            }),
        ),
    ]
}

/// Command-line flags that override an instance's parameters.
#[derive(Args, Clone, Debug, Default)]
pub struct ParameterFlags {
    /// Nodes
    #[arg(long, value_name = "COUNT")]
    pub nodes: Option<u16>,
    /// Clients that write
    #[arg(long, value_name = "COUNT")]
    pub writers: Option<u8>,
    /// Clients that read
    #[arg(long, value_name = "COUNT")]
    pub readers: Option<u8>,
    /// Whether a client that writes asks another node, too
    #[arg(long, value_name = "BOOL")]
    pub asks_again: Option<bool>,
    /// Rounds of ballots
    #[arg(long, value_name = "COUNT")]
    pub rounds: Option<u64>,
    /// Whether nodes tell each other decisions
    #[arg(long, value_name = "BOOL")]
    pub decisions: Option<bool>,
    /// Whether a read that was not answered in time has chosen what it has found
    #[arg(long, value_name = "BOOL")]
    pub reads_again: Option<bool>,
    /// Whether messages that can change nothing any more are forgotten
    #[arg(long, value_name = "BOOL")]
    pub forgets_spent: Option<bool>,
    #[command(flatten)]
    environment: EnvironmentFlags,
}

impl ParameterFlags {
    /// The parameters with the given flags in place of their own values.
    pub fn apply(&self, mut parameters: Parameters) -> Parameters {
        put(&mut parameters.nodes, self.nodes);
        put(&mut parameters.writers, self.writers);
        put(&mut parameters.readers, self.readers);
        put(&mut parameters.asks_again, self.asks_again);
        put(&mut parameters.rounds, self.rounds);
        put(&mut parameters.decisions, self.decisions);
        put(&mut parameters.reads_again, self.reads_again);
        put(&mut parameters.forgets_spent, self.forgets_spent);
        self.environment.apply(&mut parameters.environment);
        parameters
    }
}
