//! The parameters of a ledger's model, and its named instances.

use clap::{Args, ValueEnum};
use quorate_checker::instances::{Instance, put};
use serde::Serialize;

use crate::system::{Disk, Environment, EnvironmentFlags, NetworkKind, Timers};

/// How many shards there are: each has one of the two accounts.
pub const SHARDS: usize = 2;
/// How many transfers there may be.
const TRANSFERS_MAX: u8 = 2;

/// By what protocol transfers are committed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Commitment {
    /// Two-phase commit.
    TwoPhaseCommit,
    /// Three-phase commit: atomic only where failures can be told from slowness.
    ThreePhaseCommit,
}

/// Everything that distinguishes one instance of the model from another.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Parameters {
    /// By what protocol transfers are committed.
    pub commitment: Commitment,
    /// How many transfers are asked for, of the same accounts.
    pub transfers: u8,
    /// Whether a balance is asked for.
    pub reads: bool,
    /// What the environment may do.
    #[serde(flatten)]
    pub environment: Environment,
}

impl Default for Parameters {
    /// One transfer above two-phase commit, in an asynchronous network without crashes.
    fn default() -> Self {
        Self {
            commitment: Commitment::TwoPhaseCommit,
            transfers: 1,
            reads: false,
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
        if self.transfers == 0 || self.transfers > TRANSFERS_MAX {
            return Err(format!(
                "transfers {} are not there to be asked for: give 1 to {TRANSFERS_MAX}",
                self.transfers
            ));
        }
        self.environment.validate(1 + SHARDS)
    }

    /// Whether transfers are atomic there: two-phase commit waits, three-phase commit relies on suspicions.
    pub fn is_atomic(&self) -> bool {
        let Environment {
            timers, partitions, ..
        } = self.environment;
        let errs = match timers {
            Timers::Asynchronous => true,
            Timers::Accurate => partitions > 0,
            Timers::CampaignsAsynchronous | Timers::Never => false,
        };
        self.commitment == Commitment::TwoPhaseCommit || !errs
    }

    /// Whether anything may fail, be late, or be in the way of something else.
    pub fn may_abort(&self) -> bool {
        let Environment {
            timers, crashes, ..
        } = self.environment;
        self.transfers > 1 || crashes > 0 || timers == Timers::Asynchronous
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
    let one = Parameters::default();
    let crash = Environment {
        crashes: 1,
        ..Environment::default()
    };
    let three_phases = Parameters {
        commitment: Commitment::ThreePhaseCommit,
        ..one.clone()
    };
    vec![
        instance(
            "default",
            "a transfer between 2 shards above two-phase commit, a crash",
            true,
            Parameters {
                environment: crash.clone(),
                ..one.clone()
            },
        ),
        instance(
            "buffered",
            "the same, buffered disk",
            true,
            Parameters {
                environment: Environment {
                    disk: Disk::Buffered,
                    ..crash.clone()
                },
                ..one.clone()
            },
        ),
        instance(
            "two-transfers",
            "two transfers of the same accounts: they do not mix",
            true,
            Parameters {
                transfers: 2,
                ..one.clone()
            },
        ),
        instance(
            "read",
            "a transfer, a balance, a crash: the balance has what a client was told is done",
            true,
            Parameters {
                reads: true,
                environment: crash.clone(),
                ..one
            },
        ),
        instance(
            "synchronous",
            "a transfer above three-phase commit, a crash, suspicions are right",
            true,
            Parameters {
                environment: Environment {
                    network: NetworkKind::Bag,
                    timers: Timers::Accurate,
                    ..crash
                },
                ..three_phases.clone()
            },
        ),
        instance(
            "asynchronous",
            "the same, nobody fails, but timers err: it is not atomic",
            true,
            three_phases,
        ),
    ]
}

/// Command-line flags that override an instance's parameters.
#[derive(Args, Clone, Debug, Default)]
pub struct ParameterFlags {
    /// By what protocol transfers are committed
    #[arg(long, value_enum)]
    pub commitment: Option<Commitment>,
    /// Transfers that are asked for
    #[arg(long, value_name = "COUNT")]
    pub transfers: Option<u8>,
    /// Whether a balance is asked for
    #[arg(long, value_name = "BOOL")]
    pub reads: Option<bool>,
    #[command(flatten)]
    environment: EnvironmentFlags,
}

impl ParameterFlags {
    /// The parameters with the given flags in place of their own values.
    pub fn apply(&self, mut parameters: Parameters) -> Parameters {
        put(&mut parameters.commitment, self.commitment);
        put(&mut parameters.transfers, self.transfers);
        put(&mut parameters.reads, self.reads);
        self.environment.apply(&mut parameters.environment);
        parameters
    }
}
