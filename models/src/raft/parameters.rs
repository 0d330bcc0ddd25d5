//! The parameters of a Raft model, and its named instances.

use clap::Args;
use quorate_checker::instances::{Instance, put};
use serde::Serialize;

use crate::framework::{Framework, RequestOrder};
use crate::system::{
    Disk, Environment, EnvironmentFlags, FullLinks, NetworkKind, ProcessSet, Timers,
};

/// Everything that distinguishes one instance of the model from another.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Parameters {
    /// Whose environment the servers are placed in.
    pub framework: Framework,
    /// How many servers.
    pub servers: u16,
    /// How many of them are down from the start, and stay so.
    pub absent: u16,
    /// How many terms: nobody campaigns for a higher one. 0 for any number, until somebody leads.
    pub terms: u64,
    /// How many more once faults have come to an end.
    pub terms_left: u64,
    /// With any number of terms: how far a server may be ahead of the last when it campaigns. One further is then left
    /// to others.
    pub ahead_max: u64,
    /// How many clients write, each one command.
    pub commands: u8,
    /// How often a client proposes its command, in a session of its own, until it is answered. 0 for once and without
    /// a session.
    pub proposals: u8,
    /// Whether it proposes it to each leader once, until it is answered, instead of so often.
    pub persistent: bool,
    /// How many clients read, each once.
    pub reads: u8,
    /// Whether they read only when those that write have been answered.
    pub reads_last: bool,
    /// At how many servers, the first, they read; 0 for all.
    pub reads_at: u16,
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
    /// Whether messages that can change nothing any more are forgotten.
    pub forgets_spent: bool,
    /// In what order the application asks: in any, the first servers, as many as there are commands, each once, whether
    /// they lead or not.
    pub requests: RequestOrder,
    /// What the environment may do.
    #[serde(flatten)]
    pub environment: Environment,
}

impl Default for Parameters {
    /// 3 servers, 2 terms, a command, campaigns that do not overlap.
    fn default() -> Self {
        Self {
            framework: Framework::System,
            servers: 3,
            absent: 0,
            terms: 2,
            terms_left: 0,
            ahead_max: 0,
            commands: 1,
            proposals: 0,
            persistent: false,
            reads: 0,
            reads_last: false,
            reads_at: 0,
            snapshots: 0,
            heartbeats: false,
            replicates: true,
            entries_max: 0,
            in_flight_max: 2,
            forgets_spent: true,
            requests: RequestOrder::Orderly,
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
        if self.absent >= self.servers {
            return Err(format!(
                "absent {} leaves none of the {} servers up: give fewer",
                self.absent, self.servers
            ));
        }
        match self.is_unbounded() {
            true => self.validate_unbounded()?,
            false => self.validate_bounded()?,
        }
        if self.persistent && self.proposals == 0 {
            return Err(
                "a persistent client proposes in a session: give proposals 1, or leave persistent off"
                    .into(),
            );
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
        if self.requests == RequestOrder::Any {
            self.validate_any_order()?;
        }
        self.framework.validate(&self.environment, self.requests)?;
        if self.framework == Framework::ActorModel && (self.forgets_spent || !self.replicates) {
            return Err(
                "Stateright's ActorModel forgets no message and loses none: give --forgets-spent false --replicates true, \
                 or choose --framework system"
                    .into(),
            );
        }
        if self.environment.timers == Timers::Never {
            return Err(
                "timers never lets nobody campaign: choose --timers asynchronous or accurate"
                    .into(),
            );
        }
        self.environment.validate(self.servers.into())
    }

    /// Whether there is any number of terms.
    pub fn is_unbounded(&self) -> bool {
        self.terms == 0
    }

    /// Whether those that are up in the end are a quorum.
    pub fn has_quorum(&self) -> bool {
        let lost = match self.environment.recovery {
            true => 0,
            false => self.environment.crashes,
        };
        self.is_quorum_without(lost)
    }

    /// Whether those that are up while others are down may be no quorum, so that these have to come up again.
    pub fn needs_recovery(&self) -> bool {
        let Environment {
            crashes, down_max, ..
        } = self.environment;
        let down = crashes.min(down_max);
        self.environment.recovery && down > 0 && !self.is_quorum_without(down)
    }

    fn is_quorum_without(&self, down: u8) -> bool {
        let left = (self.servers - self.absent).saturating_sub(down.into());
        2 * left > self.servers
    }

    fn validate_any_order(&self) -> Result<(), String> {
        if self.proposals > 0 || self.reads > 0 || self.snapshots > 0 {
            return Err(
                "requests in any order are commands without sessions: leave proposals, reads and snapshots at 0, or choose \
                 --requests orderly"
                    .into(),
            );
        }
        if u16::from(self.commands) > self.servers {
            return Err(format!(
                "in any order each server is asked once, so that {} servers take no {} commands: give fewer commands, or \
                 choose --requests orderly",
                self.servers, self.commands
            ));
        }
        Ok(())
    }

    fn validate_bounded(&self) -> Result<(), String> {
        if self.absent > 0 {
            return Err(format!(
                "absent {} has a meaning with any number of terms only: leave it at 0, or give --terms 0",
                self.absent
            ));
        }
        if self.ahead_max > 0 {
            return Err(format!(
                "ahead-max {} has a meaning with any number of terms only: leave it at 0, or give --terms 0",
                self.ahead_max
            ));
        }
        if self.environment.stabilises && self.terms_left == 0 {
            return Err(
                "stabilises is about what then happens, which takes terms: give terms-left at least 1, or leave \
                 stabilises off"
                    .into(),
            );
        }
        if !self.environment.stabilises && self.terms_left > 0 {
            return Err(format!(
                "terms-left {} has a meaning only where faults come to an end: give --stabilises, or leave it at 0",
                self.terms_left
            ));
        }
        if self.environment.stabilises && !self.heartbeats {
            return Err(
                "where faults come to an end, messages that were lost are said again by heartbeats: give --heartbeats \
                 true, or leave stabilises off"
                    .into(),
            );
        }
        Ok(())
    }

    fn validate_unbounded(&self) -> Result<(), String> {
        if self.replicates || self.commands > 0 || self.snapshots > 0 {
            return Err(
                "terms 0, any number of them, is about elections alone: give --replicates false --commands 0, or a number \
                 of terms"
                    .into(),
            );
        }
        let environment = &self.environment;
        if environment.link_max == 0 || environment.full_links == FullLinks::HoldUp {
            return Err(
                "with any number of terms there is any number of messages: give --network fifo --link-max 1 \
                 --full-links push-out, or a number of terms"
                    .into(),
            );
        }
        if environment.partitions > 0 && !environment.stabilises {
            return Err(
                "with any number of terms a cut is to end: give --stabilises, or leave partitions at 0"
                    .into(),
            );
        }
        let is_calm = environment.stabilises || environment.timers == Timers::Accurate;
        if is_calm && self.servers > 1 && self.needs_recovery() {
            return Err(
                "while those that are up are no quorum they campaign again and again, which gets them ahead without end: \
                 give more servers, or leave crashes at 0"
                    .into(),
            );
        }
        if self.ahead_max == 0 {
            return Err("ahead-max 0 lets nobody campaign: give at least 1".into());
        }
        if self.terms_left > 0 {
            return Err(format!(
                "terms-left {} has no meaning with any number of terms: leave it at 0",
                self.terms_left
            ));
        }
        if environment.atomic_campaigns {
            return Err(
                "terms 0, any number of them, is about campaigns that overlap: give --atomic-campaigns false, or a number \
                 of terms"
                    .into(),
            );
        }
        Ok(())
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
    let unbounded = |link_max, ahead_max| Parameters {
        environment: Environment {
            network: NetworkKind::Fifo,
            link_max,
            ..Environment::default()
        },
        ahead_max,
        ..election(3, 0, 0)
    };
    let stabilising = |mut parameters: Parameters| {
        parameters.environment.stabilises = true;
        parameters
    };
    let calming = |drops, parameters: Parameters| Parameters {
        terms_left: 4,
        ..stabilising(beating(drops, parameters))
    };
    let persistent = Parameters {
        proposals: 1,
        persistent: true,
        ..crashing(calming(0, ordered(1, 1)))
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
            "split-votes",
            "3 servers, any number of terms: votes may be split for ever",
            true,
            unbounded(1, 3),
        ),
        instance(
            "elected",
            "3 servers, any number of terms, campaigns one at a time in the end",
            true,
            stabilising(unbounded(1, 3)),
        ),
        instance(
            "elected-without-one",
            "2 of 3 servers, any number of terms, campaigns one at a time in the end, a buffered disk",
            true,
            buffered(stabilising(Parameters {
                absent: 1,
                ..unbounded(2, 3)
            })),
        ),
        instance(
            "elected-recovering",
            "3 servers, any number of terms, a crash and a recovery, campaigns one at a time in the end, a buffered disk",
            true,
            crashing(buffered(stabilising(unbounded(1, 1)))),
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
            "snapshot-cut-short",
            "3 servers, a term, a command, a snapshot, a crash, a buffered disk, messages in order",
            true,
            crashing(buffered(Parameters {
                snapshots: 1,
                ..ordered(1, 1)
            })),
        ),
        instance(
            "snapshot-sessions",
            "3 servers, a term, a client that writes in a session, a snapshot, messages in order",
            true,
            Parameters {
                proposals: 1,
                snapshots: 1,
                ..ordered(1, 1)
            },
        ),
        instance(
            "snapshot-sessions-crash",
            "2 servers, 2 terms, a client that writes in a session, a snapshot, a crash",
            true,
            crashing(Parameters {
                servers: 2,
                proposals: 1,
                snapshots: 1,
                ..Parameters::default()
            }),
        ),
        instance(
            "leads-again",
            "3 servers, 3 terms, their no-ops alone, a client that reads at one of them until it is answered, messages in order",
            true,
            Parameters {
                proposals: 1,
                reads: 1,
                reads_at: 1,
                in_flight_max: 1,
                forgets_spent: false,
                ..ordered(3, 0)
            },
        ),
        instance(
            "five",
            "5 servers, 2 terms, their no-ops alone, the network parts for good, timers are accurate, messages in order",
            true,
            Parameters {
                servers: 5,
                environment: Environment {
                    timers: Timers::Accurate,
                    partitions: 1,
                    heals: false,
                    ..ordered(2, 0).environment
                },
                ..ordered(2, 0)
            },
        ),
        instance(
            "catches-up",
            "3 servers, 2 terms and those after faults, a command, a drop, messages in order",
            true,
            calming(1, ordered(2, 1)),
        ),
        instance(
            "catches-up-by-snapshot",
            "3 servers, 2 terms and those after faults, a command, a snapshot, messages in order",
            true,
            calming(
                0,
                Parameters {
                    snapshots: 1,
                    ..ordered(2, 1)
                },
            ),
        ),
        instance(
            "persistent",
            "3 servers, a term and those after faults, a client that asks until it is answered, a crash for good",
            true,
            Parameters {
                environment: Environment {
                    recovery: false,
                    ..persistent.environment.clone()
                },
                ..persistent.clone()
            },
        ),
        instance(
            "actor-model",
            "3 servers, a term, a command, in Stateright's ActorModel",
            true,
            Parameters {
                framework: Framework::ActorModel,
                terms: 1,
                forgets_spent: false,
                requests: RequestOrder::Any,
                ..finely(Parameters::default())
            },
        ),
        instance(
            "large-elected",
            "3 servers, any number of terms, campaigns one at a time in the end, two messages on a link",
            false,
            stabilising(unbounded(2, 3)),
        ),
        instance(
            "large-persistent",
            "3 servers, a term and those after faults, a client that asks until it is answered, a crash",
            false,
            persistent,
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
    /// Whose environment the servers are placed in
    #[arg(long, value_enum)]
    pub framework: Option<Framework>,
    /// Servers
    #[arg(long, value_name = "COUNT")]
    pub servers: Option<u16>,
    /// Servers that are down from the start
    #[arg(long, value_name = "COUNT")]
    pub absent: Option<u16>,
    /// Terms; 0 for any number
    #[arg(long, value_name = "COUNT")]
    pub terms: Option<u64>,
    /// Terms that there may be more once faults have come to an end
    #[arg(long, value_name = "COUNT")]
    pub terms_left: Option<u64>,
    /// With any number of terms: how far a server may be ahead of the last when it campaigns
    #[arg(long, value_name = "COUNT")]
    pub ahead_max: Option<u64>,
    /// Clients that write, each one command
    #[arg(long, value_name = "COUNT")]
    pub commands: Option<u8>,
    /// How often a client proposes its command, in a session; 0 for once and without
    #[arg(long, value_name = "COUNT")]
    pub proposals: Option<u8>,
    /// Whether a client proposes its command to each leader once, until it is answered
    #[arg(long, value_name = "BOOL")]
    pub persistent: Option<bool>,
    /// Clients that read, each once
    #[arg(long, value_name = "COUNT")]
    pub reads: Option<u8>,
    /// Whether they read only when those that write have been answered
    #[arg(long, value_name = "BOOL")]
    pub reads_last: Option<bool>,
    /// How many servers, the first, they read at; 0 for all
    #[arg(long, value_name = "COUNT")]
    pub reads_at: Option<u16>,
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
    /// Whether messages that can change nothing any more are forgotten
    #[arg(long, value_name = "BOOL")]
    pub forgets_spent: Option<bool>,
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
        put(&mut parameters.servers, self.servers);
        put(&mut parameters.absent, self.absent);
        put(&mut parameters.terms, self.terms);
        put(&mut parameters.terms_left, self.terms_left);
        put(&mut parameters.ahead_max, self.ahead_max);
        put(&mut parameters.commands, self.commands);
        put(&mut parameters.proposals, self.proposals);
        put(&mut parameters.persistent, self.persistent);
        put(&mut parameters.reads, self.reads);
        put(&mut parameters.reads_last, self.reads_last);
        put(&mut parameters.reads_at, self.reads_at);
        put(&mut parameters.snapshots, self.snapshots);
        put(&mut parameters.heartbeats, self.heartbeats);
        put(&mut parameters.replicates, self.replicates);
        put(&mut parameters.entries_max, self.entries_max);
        put(&mut parameters.in_flight_max, self.in_flight_max);
        put(&mut parameters.forgets_spent, self.forgets_spent);
        put(&mut parameters.requests, self.requests);
        self.environment.apply(&mut parameters.environment);
        parameters
    }
}
