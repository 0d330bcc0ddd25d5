//! The parameters of a three-phase-commit model, and its named instances.

use clap::{Args, ValueEnum};
use quorate_checker::instances::{Instance, put};
use serde::Serialize;

use crate::framework::Framework;
use crate::framework::RequestOrder;
use crate::system::{Disk, Environment, EnvironmentFlags, NetworkKind, ProcessSet, Timers};

/// What an undecided participant does when its coordinator has failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It takes part in the termination protocol.
    Terminate,
    /// As in many a textbook: it decides on its own; abort if it is uncertain, commit if it is committable.
    DecideAlone,
}

/// Everything that distinguishes one instance of the model from another.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Parameters {
    /// Whose environment.
    pub framework: Framework,
    /// How many participants.
    pub participants: u16,
    /// How many transactions the application begins.
    pub transactions: u8,
    /// What an undecided participant does when its coordinator has failed.
    pub on_failure: OnFailure,
    /// Whether the application may abort.
    pub aborts: bool,
    /// In what order the application asks.
    pub requests: RequestOrder,
    /// What the environment may do.
    #[serde(flatten)]
    pub environment: Environment,
}

impl Default for Parameters {
    /// 2 participants, one transaction that the application does not abort, and a synchronous network: each
    /// message is delivered once, unless its sender's crash takes it along, and timers are accurate.
    fn default() -> Self {
        Self {
            framework: Framework::System,
            participants: 2,
            transactions: 1,
            on_failure: OnFailure::Terminate,
            aborts: false,
            requests: RequestOrder::Orderly,
            environment: Environment {
                network: NetworkKind::Bag,
                timers: Timers::Accurate,
                ..Environment::default()
            },
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
        if self.framework == Framework::ActorModel && self.on_failure != OnFailure::Terminate {
            return Err(
                "in Stateright's ActorModel only the published protocol is placed: leave --on-failure at \
                 terminate, or choose --framework system"
                    .into(),
            );
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
    let two = Parameters::default();
    let with = |environment: Environment| Parameters {
        environment,
        ..two.clone()
    };
    let synchronous = two.environment.clone();
    let crashes = |crashes, recovery| Environment {
        crashes,
        down_max: crashes,
        recovery,
        ..synchronous.clone()
    };
    let asynchronous = Environment::default();
    vec![
        instance(
            "failure-free",
            "2 participants, nothing fails, nothing is late: all commit",
            true,
            with(synchronous.clone()),
        ),
        instance(
            "default",
            "2 participants, all but one process fail for good: it is atomic and does not block",
            true,
            Parameters {
                aborts: true,
                ..with(crashes(2, false))
            },
        ),
        instance(
            "recovering",
            "2 participants, two crashes, who has failed comes up again: it learns the outcome",
            true,
            with(crashes(2, true)),
        ),
        instance(
            "recovering-buffered",
            "the same, a crash, buffered disk",
            true,
            with(Environment {
                disk: Disk::Buffered,
                ..crashes(1, true)
            }),
        ),
        instance(
            "three",
            "3 participants, two of the four processes fail for good",
            true,
            Parameters {
                participants: 3,
                ..with(crashes(2, false))
            },
        ),
        instance(
            "total-failure",
            "2 participants, every process fails and comes up again: they may wait for ever",
            true,
            with(crashes(3, true)),
        ),
        instance(
            "lossy",
            "2 participants, a process fails for good, a message is lost",
            true,
            with(Environment {
                drops: 1,
                ..crashes(1, false)
            }),
        ),
        instance(
            "successive",
            "two transactions of 1 participant, a crash",
            true,
            Parameters {
                participants: 1,
                transactions: 2,
                ..with(crashes(1, true))
            },
        ),
        instance(
            "any-order",
            "2 participants, a crash for good, an application that asks anything at any time",
            true,
            Parameters {
                aborts: true,
                requests: RequestOrder::Any,
                ..with(crashes(1, false))
            },
        ),
        instance(
            "partition",
            "2 participants, nobody fails, the network parts for good: it is not atomic",
            true,
            with(Environment {
                partitions: 1,
                heals: false,
                ..synchronous.clone()
            }),
        ),
        instance(
            "partition-heals",
            "the same, the network heals: it is not atomic either",
            true,
            with(Environment {
                partitions: 1,
                ..synchronous.clone()
            }),
        ),
        instance(
            "asynchronous",
            "2 participants, nobody fails, timers that err: it is not atomic",
            true,
            with(asynchronous),
        ),
        instance(
            "timeouts-alone",
            "2 participants, a crash, no termination protocol: it is not atomic",
            true,
            Parameters {
                on_failure: OnFailure::DecideAlone,
                ..with(crashes(1, false))
            },
        ),
        instance(
            "timeouts-alone-asynchronous",
            "2 participants, nobody fails, no termination protocol, timers that err",
            true,
            Parameters {
                on_failure: OnFailure::DecideAlone,
                ..with(Environment::default())
            },
        ),
        instance(
            "actor-model",
            "the processes of asynchronous in Stateright's ActorModel",
            true,
            Parameters {
                framework: Framework::ActorModel,
                requests: RequestOrder::Any,
                ..with(Environment::default())
            },
        ),
        instance(
            "successive-buffered",
            "two transactions of 1 participant, a crash, buffered disk",
            false,
            Parameters {
                participants: 1,
                transactions: 2,
                ..with(Environment {
                    disk: Disk::Buffered,
                    ..crashes(1, true)
                })
            },
        ),
        instance(
            "duplicating",
            "2 participants, a crash, buffered disk, messages may arrive again at any time",
            false,
            Parameters {
                aborts: true,
                ..with(Environment {
                    network: NetworkKind::Set,
                    disk: Disk::Buffered,
                    ..crashes(1, true)
                })
            },
        ),
        instance(
            "large",
            "3 participants, all but one of the four processes fail for good",
            false,
            Parameters {
                participants: 3,
                ..with(crashes(3, false))
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
    /// What an undecided participant does when its coordinator has failed
    #[arg(long, value_enum)]
    pub on_failure: Option<OnFailure>,
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
        put(&mut parameters.on_failure, self.on_failure);
        put(&mut parameters.aborts, self.aborts);
        put(&mut parameters.requests, self.requests);
        self.environment.apply(&mut parameters.environment);
        parameters
    }
}
