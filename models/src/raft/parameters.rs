//! The parameters of a Raft model, and its named instances.

use clap::Args;
use serde::Serialize;

use crate::entry::Instance;
use crate::system::{Disk, Environment, EnvironmentFlags, NetworkKind, ProcessSet, Timers};

/// Everything that distinguishes one instance of the model from another.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Parameters {
    /// How many servers.
    pub servers: u16,
    /// How many terms: nobody campaigns for a higher one.
    pub terms: u64,
    /// How many clients write, each one command.
    pub commands: u8,
    /// How often a client proposes its command, in a session of its own, until it is answered. 0 for once and without
    /// a session.
    pub proposals: u8,
    /// How many clients read, each once.
    pub reads: u8,
    /// Whether they read only when those that write have been answered.
    pub reads_last: bool,
    /// How many snapshots are made.
    pub snapshots: u8,
    /// Whether leaders send heartbeats: needed only where messages are lost for good.
    pub heartbeats: bool,
    /// Whether what leaders send arrives. Otherwise it is about elections alone.
    pub replicates: bool,
    /// How many entries fit in one message; 0 for any number.
    pub entries_max: u8,
    /// How many messages with entries a leader sends ahead of answers.
    pub in_flight_max: u8,
    /// What the environment may do.
    #[serde(flatten)]
    pub environment: Environment,
}

impl Default for Parameters {
    /// 3 servers, 2 terms, a command, campaigns that do not overlap.
    fn default() -> Self {
        Self {
            servers: 3,
            terms: 2,
            commands: 1,
            proposals: 0,
            reads: 0,
            reads_last: false,
            snapshots: 0,
            heartbeats: false,
            replicates: true,
            entries_max: 0,
            in_flight_max: 2,
            environment: Environment {
                atomic_campaigns: true,
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
        if self.servers == 0 {
            return Err("servers 0 leaves nobody to lead: give at least 1".into());
        }
        if self.servers > ProcessSet::PROCESSES_MAX {
            return Err(format!(
                "servers {} are more than a model takes: give at most {}",
                self.servers,
                ProcessSet::PROCESSES_MAX
            ));
        }
        if self.terms == 0 {
            return Err("terms 0 lets nobody campaign: give at least 1".into());
        }
        if self.reads > 0 && self.proposals == 0 {
            return Err(
                "reads are claimed to be linearizable with writes that are answered: give proposals at least 1, or leave \
                 reads at 0"
                    .into(),
            );
        }
        if self.in_flight_max == 0 {
            return Err("in-flight-max 0 lets no entry be sent ahead: give at least 1".into());
        }
        if self.environment.timers == Timers::Never {
            return Err(
                "timers never lets nobody campaign: choose --timers asynchronous or accurate"
                    .into(),
            );
        }
        self.environment.validate(self.servers.into())
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
    let election = |servers, terms, crashes| Parameters {
        servers,
        terms,
        commands: 0,
        replicates: false,
        environment: Environment {
            crashes,
            ..Environment::default()
        },
        ..Parameters::default()
    };
    let buffered = |mut parameters: Parameters| {
        parameters.environment.disk = Disk::Buffered;
        parameters
    };
    let finely = |mut parameters: Parameters| {
        parameters.environment.atomic_campaigns = false;
        parameters
    };
    let crashing = |mut parameters: Parameters| {
        parameters.environment.crashes = 1;
        parameters
    };
    let beating = |drops, mut parameters: Parameters| {
        parameters.heartbeats = true;
        parameters.environment.timers = Timers::CampaignsAsynchronous;
        parameters.environment.drops = drops;
        parameters
    };
    let ordered = |terms, commands| Parameters {
        terms,
        commands,
        environment: Environment {
            network: NetworkKind::Fifo,
            link_max: 1,
            ..Parameters::default().environment
        },
        ..Parameters::default()
    };
    let reading = Parameters {
        proposals: 1,
        reads: 1,
        ..ordered(2, 1)
    };
    vec![
        instance(
            "election",
            "3 servers, 3 terms, elections alone",
            true,
            election(3, 3, 0),
        ),
        instance(
            "election-two",
            "2 servers, 3 terms, a crash, a buffered disk, elections alone",
            true,
            buffered(election(2, 3, 1)),
        ),
        instance(
            "election-four",
            "4 servers, 2 terms, elections alone",
            true,
            election(4, 2, 0),
        ),
        instance(
            "election-crash",
            "3 servers, 2 terms, a crash, a buffered disk, elections alone",
            true,
            buffered(election(3, 2, 1)),
        ),
        instance(
            "replication",
            "3 servers, 2 terms, a command, elections that are over at once",
            true,
            Parameters::default(),
        ),
        instance(
            "commands",
            "3 servers, 3 terms, a command, messages in order, lost when another comes",
            true,
            ordered(3, 1),
        ),
        instance(
            "figure-8",
            "3 servers, 4 terms, their no-ops alone, one in a message, messages in order",
            true,
            Parameters {
                entries_max: 1,
                ..ordered(4, 0)
            },
        ),
        instance(
            "heartbeats",
            "3 servers, 2 terms, a command, two drops, heartbeats, messages in order",
            true,
            beating(2, ordered(2, 1)),
        ),
        instance(
            "crash",
            "3 servers, 2 terms, a command, a crash, messages in order",
            true,
            crashing(ordered(2, 1)),
        ),
        instance(
            "crash-three",
            "3 servers, 3 terms, their no-ops alone, a crash, messages in order",
            true,
            crashing(ordered(3, 0)),
        ),
        instance(
            "overlap",
            "3 servers, a term, a command, a crash, a buffered disk",
            true,
            crashing(buffered(finely(Parameters {
                terms: 1,
                ..Parameters::default()
            }))),
        ),
        instance(
            "overlap-two",
            "3 servers, 2 terms, their no-ops alone, a buffered disk, messages in order",
            true,
            buffered(finely(ordered(2, 0))),
        ),
        instance(
            "overlap-crash",
            "3 servers, 2 terms, their no-ops alone, a crash, a buffered disk, messages in order",
            true,
            crashing(buffered(ordered(2, 0))),
        ),
        instance(
            "reads",
            "3 servers, 2 terms, a client writes in a session, then one reads, messages in order",
            true,
            Parameters {
                reads_last: true,
                ..reading.clone()
            },
        ),
        instance(
            "sessions",
            "3 servers, 2 terms, a client that writes in a session and repeats it, messages in order",
            true,
            Parameters {
                proposals: 2,
                ..ordered(2, 1)
            },
        ),
        instance(
            "snapshot",
            "3 servers, 2 terms, a command, a snapshot, a drop, heartbeats, messages in order",
            true,
            Parameters {
                snapshots: 1,
                ..beating(1, ordered(2, 1))
            },
        ),
        instance(
            "snapshot-late",
            "3 servers, a term, a command, a snapshot, a drop, heartbeats",
            true,
            Parameters {
                terms: 1,
                snapshots: 1,
                ..beating(1, Parameters::default())
            },
        ),
        instance(
            "snapshot-three",
            "3 servers, 3 terms, their no-ops alone, a snapshot, messages in order",
            true,
            Parameters {
                snapshots: 1,
                ..ordered(3, 0)
            },
        ),
        instance(
            "snapshot-crash",
            "2 servers, 3 terms, a command, a snapshot, a crash",
            true,
            crashing(Parameters {
                servers: 2,
                terms: 3,
                snapshots: 1,
                ..Parameters::default()
            }),
        ),
        instance(
            "large-reads",
            "3 servers, 2 terms, a client writes in a session while one reads, messages in order",
            false,
            reading,
        ),
    ]
}

/// Command-line flags that override an instance's parameters.
#[derive(Args, Clone, Debug, Default)]
pub struct ParameterFlags {
    /// Servers
    #[arg(long, value_name = "COUNT")]
    pub servers: Option<u16>,
    /// Terms
    #[arg(long, value_name = "COUNT")]
    pub terms: Option<u64>,
    /// Clients that write, each one command
    #[arg(long, value_name = "COUNT")]
    pub commands: Option<u8>,
    /// How often a client proposes its command, in a session; 0 for once and without
    #[arg(long, value_name = "COUNT")]
    pub proposals: Option<u8>,
    /// Clients that read, each once
    #[arg(long, value_name = "COUNT")]
    pub reads: Option<u8>,
    /// Whether they read only when those that write have been answered
    #[arg(long, value_name = "BOOL")]
    pub reads_last: Option<bool>,
    /// Snapshots that are made
    #[arg(long, value_name = "COUNT")]
    pub snapshots: Option<u8>,
    /// Whether leaders send heartbeats
    #[arg(long, value_name = "BOOL")]
    pub heartbeats: Option<bool>,
    /// Whether what leaders send arrives
    #[arg(long, value_name = "BOOL")]
    pub replicates: Option<bool>,
    /// Entries that fit in one message; 0 for any number
    #[arg(long, value_name = "COUNT")]
    pub entries_max: Option<u8>,
    /// Messages with entries that a leader sends ahead of answers
    #[arg(long, value_name = "COUNT")]
    pub in_flight_max: Option<u8>,
    #[command(flatten)]
    environment: EnvironmentFlags,
}

impl ParameterFlags {
    /// The parameters with the given flags in place of their own values.
    pub fn apply(&self, mut parameters: Parameters) -> Parameters {
        fn put<T: Copy>(target: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *target = value;
            }
        }
        put(&mut parameters.servers, self.servers);
        put(&mut parameters.terms, self.terms);
        put(&mut parameters.commands, self.commands);
        put(&mut parameters.proposals, self.proposals);
        put(&mut parameters.reads, self.reads);
        put(&mut parameters.reads_last, self.reads_last);
        put(&mut parameters.snapshots, self.snapshots);
        put(&mut parameters.heartbeats, self.heartbeats);
        put(&mut parameters.replicates, self.replicates);
        put(&mut parameters.entries_max, self.entries_max);
        put(&mut parameters.in_flight_max, self.in_flight_max);
        self.environment.apply(&mut parameters.environment);
        parameters
    }
}
