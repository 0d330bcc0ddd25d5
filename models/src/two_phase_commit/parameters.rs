//! The parameters of a two-phase-commit model, and its named instances.

use clap::Args;
use quorate_checker::instances::put;
use serde::Serialize;

pub use crate::framework::Framework;
use crate::framework::RequestOrder;
use crate::system::{Disk, Environment, EnvironmentFlags, NetworkKind, ProcessSet, Timers};
pub use quorate_checker::instances::Instance;

/// Everything that distinguishes one instance of the model from another.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Parameters {
    /// Whose environment.
    pub framework: Framework,
    /// How many participants.
    pub participants: u16,
    /// How many transactions the application begins.
    pub transactions: u8,
    /// Whether a participant in doubt asks its peers.
    pub cooperative: bool,
    /// Whether the application may abort.
    pub aborts: bool,
    /// In what order the application asks.
    pub requests: RequestOrder,
    /// What the environment may do.
    #[serde(flatten)]
    pub environment: Environment,
}

impl Default for Parameters {
    /// 3 participants, one transaction, the default environment.
    fn default() -> Self {
        Self {
            framework: Framework::System,
            participants: 3,
            transactions: 1,
            cooperative: false,
            aborts: true,
            requests: RequestOrder::Orderly,
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
        if self.participants == 0 {
            return Err("participants 0 leaves nobody to commit: give at least 1".into());
        }
        if self.participants >= ProcessSet::PROCESSES_MAX {
            return Err(format!(
                "participants {} is more than a model can have: give at most {}",
                self.participants,
                ProcessSet::PROCESSES_MAX - 1
            ));
        }
        if self.transactions == 0 {
            return Err("transactions 0 leaves nothing to do: give at least 1".into());
        }
        self.framework.validate(&self.environment, self.requests)?;
        self.environment
            .validate(1 + usize::from(self.participants))
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
    let one_crash = Environment {
        crashes: 1,
        ..Environment::default()
    };
    let buffered = Environment {
        disk: Disk::Buffered,
        ..one_crash.clone()
    };
    let two_crashes = Environment {
        crashes: 2,
        down_max: 2,
        ..buffered.clone()
    };
    // What arrived on a set stays, and arrives again: it takes two losses to show what resending is for.
    let lossy = Environment {
        drops: 2,
        ..buffered.clone()
    };
    let gone = Environment {
        recovery: false,
        drops: 1,
        disk: Disk::Atomic,
        ..lossy.clone()
    };
    let three = Parameters::default();
    let two = Parameters {
        participants: 2,
        ..Parameters::default()
    };
    let no_crash = |participants, cooperative, transactions| Parameters {
        participants,
        cooperative,
        transactions,
        ..Parameters::default()
    };
    vec![
        instance(
            "lone-participant",
            "1 participant, which has no peers to ask",
            false,
            no_crash(1, true, 1),
        ),
        instance("no-crash", "2 participants", false, no_crash(2, false, 1)),
        instance("no-crash-3", "3 participants", false, no_crash(3, false, 1)),
        instance(
            "cooperative-2",
            "2 participants that ask each other when in doubt",
            false,
            no_crash(2, true, 1),
        ),
        instance(
            "cooperative-3",
            "3 participants that ask each other when in doubt",
            false,
            no_crash(3, true, 1),
        ),
        instance(
            "successive",
            "two transactions of 1 participant",
            false,
            no_crash(1, false, 2),
        ),
        instance(
            "successive-crash",
            "two transactions of 1 participant, a crash, buffered disk, nothing is late",
            false,
            Parameters {
                aborts: false,
                environment: Environment {
                    timers: Timers::Never,
                    ..buffered.clone()
                },
                ..no_crash(1, false, 2)
            },
        ),
        instance(
            "small-buffered",
            "2 participants, a crash, buffered disk",
            false,
            Parameters {
                environment: buffered.clone(),
                ..two.clone()
            },
        ),
        instance(
            "small",
            "2 participants, a crash",
            false,
            Parameters {
                environment: one_crash.clone(),
                ..two.clone()
            },
        ),
        instance(
            "default",
            "3 participants, a crash",
            true,
            Parameters {
                environment: one_crash.clone(),
                ..three.clone()
            },
        ),
        instance(
            "buffered-disk",
            "3 participants, a crash that loses what was not flushed",
            true,
            Parameters {
                environment: buffered.clone(),
                ..three.clone()
            },
        ),
        instance(
            "two-crashes",
            "2 participants, two processes down at once, buffered disk",
            true,
            Parameters {
                environment: two_crashes.clone(),
                ..two.clone()
            },
        ),
        instance(
            "two-transactions",
            "two transactions at once, a crash",
            true,
            Parameters {
                transactions: 2,
                environment: one_crash.clone(),
                ..two.clone()
            },
        ),
        instance(
            "cooperative",
            "3 participants that ask each other when in doubt, a crash, a disk that buffers 1 record",
            true,
            Parameters {
                cooperative: true,
                environment: Environment {
                    pending_max: 1,
                    ..buffered.clone()
                },
                ..three.clone()
            },
        ),
        instance(
            "cooperative-buffered",
            "2 participants that ask each other when in doubt, a crash, buffered disk",
            true,
            Parameters {
                environment: buffered.clone(),
                ..no_crash(2, true, 1)
            },
        ),
        instance(
            "cooperative-retiring",
            "two transactions of 2 participants that ask each other, also about what is retired",
            true,
            Parameters {
                aborts: false,
                ..no_crash(2, true, 2)
            },
        ),
        instance(
            "bag",
            "each message delivered once, in any order; a drop and a crash",
            true,
            Parameters {
                environment: Environment {
                    network: NetworkKind::Bag,
                    drops: 1,
                    ..one_crash.clone()
                },
                ..three.clone()
            },
        ),
        instance(
            "fifo",
            "each message delivered once, in order; a drop and a crash",
            true,
            Parameters {
                environment: Environment {
                    network: NetworkKind::Fifo,
                    drops: 1,
                    ..one_crash.clone()
                },
                ..three.clone()
            },
        ),
        instance(
            "any-order",
            "an application that asks anything at any time, a crash",
            true,
            Parameters {
                requests: RequestOrder::Any,
                environment: one_crash,
                ..three.clone()
            },
        ),
        instance(
            "failure-free",
            "nothing fails, nothing is late, nobody aborts: all commit",
            true,
            Parameters {
                aborts: false,
                environment: Environment {
                    timers: Timers::Never,
                    ..Environment::default()
                },
                ..three.clone()
            },
        ),
        instance(
            "lossy",
            "2 participants, a crash, two drops, buffered disk: they decide all the same",
            true,
            Parameters {
                environment: lossy.clone(),
                ..two.clone()
            },
        ),
        instance(
            "lossy-bag",
            "2 participants, a crash, a drop, buffered disk, each message delivered once",
            true,
            Parameters {
                environment: Environment {
                    network: NetworkKind::Bag,
                    drops: 1,
                    ..lossy.clone()
                },
                ..two.clone()
            },
        ),
        instance(
            "lossy-cooperative",
            "the same with participants that ask each other, a disk that buffers 1 record",
            true,
            Parameters {
                cooperative: true,
                environment: Environment {
                    pending_max: 1,
                    ..lossy.clone()
                },
                ..two.clone()
            },
        ),
        instance(
            "stabilising",
            "the same as lossy, in a system that may stabilise",
            true,
            Parameters {
                environment: Environment {
                    stabilises: true,
                    pending_max: 1,
                    ..lossy.clone()
                },
                ..two.clone()
            },
        ),
        instance(
            "gone-for-good",
            "2 participants, a drop, a process that never comes up again: two-phase commit blocks",
            true,
            Parameters {
                environment: gone.clone(),
                ..two.clone()
            },
        ),
        instance(
            "gone-for-good-cooperative",
            "the same with participants that ask each other: it blocks less, and still does",
            true,
            Parameters {
                cooperative: true,
                environment: gone,
                ..two.clone()
            },
        ),
        instance(
            "synchronous",
            "nothing fails, timers are accurate, nobody aborts: what is voted on commits",
            true,
            Parameters {
                aborts: false,
                environment: Environment {
                    timers: Timers::Accurate,
                    disk: Disk::Buffered,
                    ..Environment::default()
                },
                ..two.clone()
            },
        ),
        instance(
            "impatient",
            "the same with timers that may fire too soon: it need not",
            true,
            Parameters {
                aborts: false,
                environment: Environment {
                    disk: Disk::Buffered,
                    ..Environment::default()
                },
                ..two.clone()
            },
        ),
        instance(
            "actor-model",
            "the same processes in Stateright's ActorModel",
            true,
            Parameters {
                framework: Framework::ActorModel,
                requests: RequestOrder::Any,
                ..three.clone()
            },
        ),
        instance(
            "large",
            "4 participants, two crashes, a disk that buffers 1 record",
            false,
            Parameters {
                participants: 4,
                environment: Environment {
                    pending_max: 1,
                    ..two_crashes
                },
                ..three
            },
        ),
    ]
}

/// Command-line flags that override an instance's parameters.
#[derive(Args, Clone, Debug, Default)]
pub struct ParameterFlags {
    /// Whose environment the processes are placed in
    #[arg(long, value_enum)]
    pub framework: Option<Framework>,
    /// Participants
    #[arg(long, value_name = "COUNT")]
    pub participants: Option<u16>,
    /// Transactions that the application begins
    #[arg(long, value_name = "COUNT")]
    pub transactions: Option<u8>,
    /// Whether a participant in doubt asks its peers
    #[arg(long, value_name = "BOOL")]
    pub cooperative: Option<bool>,
    /// Whether the application may abort
    #[arg(long, value_name = "BOOL")]
    pub aborts: Option<bool>,
    /// In what order the application asks
    #[arg(long, value_enum)]
    pub requests: Option<RequestOrder>,
    #[command(flatten)]
    environment: EnvironmentFlags,
}

impl ParameterFlags {
    /// The parameters with the given flags in place of their own values.
    pub fn apply(&self, mut parameters: Parameters) -> Parameters {
        put(&mut parameters.framework, self.framework);
        put(&mut parameters.participants, self.participants);
        put(&mut parameters.transactions, self.transactions);
        put(&mut parameters.cooperative, self.cooperative);
        put(&mut parameters.aborts, self.aborts);
        put(&mut parameters.requests, self.requests);
        self.environment.apply(&mut parameters.environment);
        parameters
    }
}
