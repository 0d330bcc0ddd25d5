//! The parameters of a Paxos model, and its named instances.

use clap::Args;
use quorate::paxos::{ConfigurationError, Quorums};
use quorate_checker::instances::{Instance, put};
use serde::Serialize;

use super::ballots::PROPOSERS_MAX;
use crate::framework::{Framework, RequestOrder};
use crate::system::{
    Campaigns, Disk, Environment, EnvironmentFlags, FullLinks, NetworkKind, ProcessSet, Timers,
};

/// Everything that distinguishes one instance of the model from another.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Parameters {
    /// Whose environment.
    pub framework: Framework,
    /// How many proposers, each with a value of its own.
    pub proposers: u16,
    /// How many acceptors.
    pub acceptors: u16,
    /// How many learners.
    pub learners: u16,
    /// How many ballots; 0 for any number, of which states know the order only.
    pub ballots: u64,
    /// How many acceptors are a quorum of the first phase; 0 for a majority.
    pub phase_1: u16,
    /// How many acceptors are a quorum of the second phase; 0 for a majority.
    pub phase_2: u16,
    /// Whether learners may ask: needed only where messages are lost for good.
    pub inquiries: bool,
    /// Whether messages that can change nothing any more are forgotten.
    pub forgets_spent: bool,
    /// How many times the application reads at each learner; 0 if what it is told is not claimed to be linearizable.
    pub reads: u8,
    /// In what order the application asks.
    pub requests: RequestOrder,
    /// What the environment may do.
    #[serde(flatten)]
    pub environment: Environment,
}

impl Default for Parameters {
    /// 2 proposers, 3 acceptors, a learner, 3 ballots, in an asynchronous network without crashes.
    fn default() -> Self {
        Self {
            framework: Framework::System,
            proposers: 2,
            acceptors: 3,
            learners: 1,
            ballots: 3,
            phase_1: 0,
            phase_2: 0,
            inquiries: false,
            forgets_spent: true,
            reads: 0,
            requests: RequestOrder::Orderly,
            environment: Environment::default(),
        }
    }
}

impl Parameters {
    /// The quorums.
    ///
    /// # Errors
    ///
    /// If they need not intersect.
    pub fn quorums(&self) -> Result<Quorums, ConfigurationError> {
        let acceptors = usize::from(self.acceptors);
        let count = |wanted: u16| match wanted {
            0 => acceptors / 2 + 1,
            count => count.into(),
        };
        Quorums::counts(acceptors, count(self.phase_1), count(self.phase_2))
    }

    /// Why these parameters make no sense, if they do not.
    ///
    /// # Errors
    ///
    /// A sentence that names the parameter and says what to do.
    pub fn validate(&self) -> Result<(), String> {
        let processes = [self.proposers, self.acceptors, self.learners];
        let processes: usize = processes.into_iter().map(usize::from).sum();
        if self.proposers == 0 {
            return Err("proposers 0 leaves nobody to propose anything: give at least 1".into());
        }
        if processes > usize::from(ProcessSet::PROCESSES_MAX) {
            return Err(format!(
                "proposers, acceptors and learners are {processes} processes, and a model has at most {}",
                ProcessSet::PROCESSES_MAX
            ));
        }
        self.quorums().map_err(|error| error.to_string())?;
        if self.is_unbounded() {
            self.validate_unbounded()?;
        } else if self.ballots < u64::from(self.proposers) {
            return Err(format!(
                "ballots {} leaves some of the {} proposers without any: give at least {}",
                self.ballots, self.proposers, self.proposers
            ));
        }
        if self.reads > 0 && self.is_unbounded() {
            return Err(
                "reads are claimed to be linearizable with so many ballots: give a number of ballots, or leave reads at 0"
                    .into(),
            );
        }
        if self.reads > 0 && self.framework == Framework::ActorModel {
            return Err(
                "reads need the history of what the application was told, which Stateright's ActorModel does not keep: \
                 leave reads at 0, or choose --framework system"
                    .into(),
            );
        }
        self.framework.validate(&self.environment, self.requests)?;
        self.environment.validate(processes)
    }

    fn validate_unbounded(&self) -> Result<(), String> {
        if self.proposers > PROPOSERS_MAX {
            return Err(format!(
                "ballots 0 takes states for one that differ in the numbers of ballots only, which is right for at \
                 most {PROPOSERS_MAX} proposers, and there are {}: give fewer, or a number of ballots",
                self.proposers
            ));
        }
        if self.environment.link_max != 1 {
            return Err(
                "with any number of ballots there is any number of messages: give --network fifo --link-max 1, or a \
                 number of ballots"
                    .into(),
            );
        }
        if self.framework == Framework::ActorModel {
            return Err(
                "Stateright's ActorModel does not know the order of ballots: give a number of ballots, or choose \
                 --framework system"
                    .into(),
            );
        }
        Ok(())
    }

    /// How many processes there are. The parameters are valid.
    pub fn processes(&self) -> u16 {
        self.proposers + self.acceptors + self.learners
    }

    /// Whether there is any number of ballots.
    pub fn is_unbounded(&self) -> bool {
        self.ballots == 0
    }

    /// Whether all messages that were ever sent are there to be claimed about, unless they are spent.
    pub fn keeps_proposals(&self) -> bool {
        self.environment.network == NetworkKind::Set && self.environment.drops == 0
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
    let three = Parameters::default();
    let crashes = |crashes, ballots| Parameters {
        ballots,
        environment: Environment {
            crashes,
            ..Environment::default()
        },
        ..Parameters::default()
    };
    let unbounded = Parameters {
        ballots: 0,
        ..Parameters::default()
    };
    let fair_lossy = || Environment {
        network: NetworkKind::Fifo,
        link_max: 1,
        timers: Timers::CampaignsAsynchronous,
        ..Environment::default()
    };
    let stabilising = |acceptors, campaigns| Parameters {
        acceptors,
        environment: Environment {
            drops: 1,
            stabilises: true,
            campaigns,
            ..fair_lossy()
        },
        ..unbounded.clone()
    };
    let asynchronous = |campaigns| {
        let mut parameters = stabilising(1, campaigns);
        parameters.environment.timers = Timers::Asynchronous;
        parameters
    };
    let recovering = |mut parameters: Parameters| {
        parameters.inquiries = true;
        parameters.environment.crashes = 1;
        parameters.environment.disk = Disk::Buffered;
        parameters
    };
    let failing = |mut parameters: Parameters| {
        parameters.environment.recovery = false;
        parameters
    };
    let buffered = |acceptors, pending_max| Parameters {
        acceptors,
        environment: Environment {
            crashes: 1,
            disk: Disk::Buffered,
            pending_max,
            ..Environment::default()
        },
        ..crashes(1, 2)
    };
    vec![
        instance(
            "default",
            "2 proposers, 3 acceptors, 3 ballots: messages are lost, repeated and late",
            true,
            three.clone(),
        ),
        instance(
            "crash",
            "2 proposers, 3 acceptors, 2 ballots, a crash and a recovery",
            true,
            crashes(1, 2),
        ),
        instance(
            "buffered",
            "2 proposers, 3 acceptors, 2 ballots, a crash, a disk with one write at a time",
            true,
            buffered(3, 1),
        ),
        instance(
            "two-buffered",
            "2 proposers, 2 acceptors, 2 ballots, a crash, a disk with two writes at a time",
            true,
            buffered(2, 2),
        ),
        instance(
            "two",
            "2 proposers, 2 acceptors, 3 ballots, a crash",
            true,
            Parameters {
                acceptors: 2,
                ..crashes(1, 3)
            },
        ),
        instance(
            "flexible",
            "2 proposers, 4 acceptors, 2 ballots, 3 acceptors promise and 2 accept",
            true,
            Parameters {
                acceptors: 4,
                ballots: 2,
                phase_1: 3,
                phase_2: 2,
                ..three.clone()
            },
        ),
        instance(
            "any-order",
            "2 proposers, 2 acceptors, 2 ballots, an application that asks for any value",
            true,
            Parameters {
                acceptors: 2,
                ballots: 2,
                requests: RequestOrder::Any,
                ..three.clone()
            },
        ),
        instance(
            "bag",
            "2 proposers, 2 acceptors, 2 ballots, each message is delivered once",
            true,
            Parameters {
                acceptors: 2,
                ballots: 2,
                environment: Environment {
                    network: NetworkKind::Bag,
                    ..Environment::default()
                },
                ..three.clone()
            },
        ),
        instance(
            "inquiring",
            "2 proposers, 2 acceptors, 2 learners that ask, 2 ballots",
            true,
            Parameters {
                acceptors: 2,
                learners: 2,
                ballots: 2,
                inquiries: true,
                ..three.clone()
            },
        ),
        instance(
            "register",
            "2 proposers that write, 2 acceptors, 2 learners that are read, 2 ballots, a crash",
            true,
            Parameters {
                acceptors: 2,
                learners: 2,
                reads: 1,
                ..crashes(1, 2)
            },
        ),
        instance(
            "actor-model",
            "2 proposers, 2 acceptors, 2 ballots, in Stateright's ActorModel",
            true,
            Parameters {
                framework: Framework::ActorModel,
                acceptors: 2,
                ballots: 2,
                forgets_spent: false,
                requests: RequestOrder::Any,
                ..three.clone()
            },
        ),
        instance(
            "duel",
            "2 proposers, 2 acceptors, any number of ballots: they may reject each other for ever",
            true,
            Parameters {
                acceptors: 2,
                environment: Environment {
                    full_links: FullLinks::HoldUp,
                    ..fair_lossy()
                },
                ..unbounded.clone()
            },
        ),
        instance(
            "back-off",
            "2 proposers, 2 acceptors, any number of ballots, campaigns one at a time in the end, a drop",
            true,
            stabilising(2, Campaigns::InTurn),
        ),
        instance(
            "leader",
            "2 proposers, 2 acceptors, any number of ballots, one leader in the end, a drop",
            true,
            stabilising(2, Campaigns::Leader),
        ),
        instance(
            "back-off-asynchronous",
            "2 proposers, an acceptor, all timers asynchronous at first, a drop",
            true,
            asynchronous(Campaigns::InTurn),
        ),
        instance(
            "leader-asynchronous",
            "2 proposers, an acceptor, all timers asynchronous at first, a drop",
            true,
            asynchronous(Campaigns::Leader),
        ),
        instance(
            "back-off-recovering",
            "2 proposers, an acceptor, buffered disk, a drop, a crash and a recovery",
            true,
            recovering(stabilising(1, Campaigns::InTurn)),
        ),
        instance(
            "leader-recovering",
            "2 proposers, an acceptor, buffered disk, a drop, a crash and a recovery",
            true,
            recovering(stabilising(1, Campaigns::Leader)),
        ),
        instance(
            "minority-fails",
            "a proposer, 3 acceptors, buffered disk, a drop, one process down for good",
            true,
            Parameters {
                proposers: 1,
                ..failing(recovering(stabilising(3, Campaigns::InTurn)))
            },
        ),
        instance(
            "two-ballots",
            "2 proposers, 2 acceptors, 2 ballots",
            false,
            Parameters {
                acceptors: 2,
                ballots: 2,
                ..three.clone()
            },
        ),
        instance(
            "three-two-ballots",
            "2 proposers, 3 acceptors, 2 ballots",
            false,
            Parameters {
                ballots: 2,
                ..three.clone()
            },
        ),
        instance(
            "two-learners",
            "2 proposers, 2 acceptors, 2 learners, 2 ballots",
            false,
            Parameters {
                acceptors: 2,
                learners: 2,
                ballots: 2,
                ..three.clone()
            },
        ),
        instance(
            "crash-any",
            "2 proposers, 2 acceptors, 2 ballots, a crash, an application that asks for any value",
            false,
            Parameters {
                acceptors: 2,
                requests: RequestOrder::Any,
                ..crashes(1, 2)
            },
        ),
        instance(
            "large-buffered",
            "2 proposers, 3 acceptors, 2 ballots, a crash, a disk with two writes at a time",
            false,
            buffered(3, 2),
        ),
        instance(
            "large",
            "2 proposers, 3 acceptors, 4 ballots",
            false,
            Parameters {
                ballots: 4,
                ..three.clone()
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
    /// Proposers
    #[arg(long, value_name = "COUNT")]
    pub proposers: Option<u16>,
    /// Acceptors
    #[arg(long, value_name = "COUNT")]
    pub acceptors: Option<u16>,
    /// Learners
    #[arg(long, value_name = "COUNT")]
    pub learners: Option<u16>,
    /// Ballots; 0 for any number
    #[arg(long, value_name = "COUNT")]
    pub ballots: Option<u64>,
    /// Acceptors that are a quorum of the first phase; 0 for a majority
    #[arg(long, value_name = "COUNT")]
    pub phase_1: Option<u16>,
    /// Acceptors that are a quorum of the second phase; 0 for a majority
    #[arg(long, value_name = "COUNT")]
    pub phase_2: Option<u16>,
    /// Whether learners may ask
    #[arg(long, value_name = "BOOL")]
    pub inquiries: Option<bool>,
    /// Whether messages that can change nothing any more are forgotten
    #[arg(long, value_name = "BOOL")]
    pub forgets_spent: Option<bool>,
    /// Reads at each learner
    #[arg(long, value_name = "COUNT")]
    pub reads: Option<u8>,
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
        put(&mut parameters.proposers, self.proposers);
        put(&mut parameters.acceptors, self.acceptors);
        put(&mut parameters.learners, self.learners);
        put(&mut parameters.ballots, self.ballots);
        put(&mut parameters.phase_1, self.phase_1);
        put(&mut parameters.phase_2, self.phase_2);
        put(&mut parameters.inquiries, self.inquiries);
        put(&mut parameters.forgets_spent, self.forgets_spent);
        put(&mut parameters.reads, self.reads);
        put(&mut parameters.requests, self.requests);
        self.environment.apply(&mut parameters.environment);
        parameters
    }
}
