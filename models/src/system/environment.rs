//! What the environment may do to processes: every assumption, as a value.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{NetworkKind, ProcessSet};

/// How records become durable.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Disk {
    /// In the step that writes them.
    Atomic,
    /// One by one, in order, in steps of their own; a crash drops what is still pending.
    Buffered,
}

/// When timers fire.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Timers {
    /// Whenever they are set: nothing is known about delays.
    Asynchronous,
    /// Never: nothing is ever late.
    Never,
    /// Campaigns begin whenever they are set to; all other timers are accurate.
    CampaignsAsynchronous,
    /// Only when everything else has come to rest; whoever is suspected is down or cut off, and campaigns come one
    /// at a time.
    Accurate,
}

/// What a send does on a FIFO link that has enough messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum FullLinks {
    /// It pushes out the oldest, which is lost.
    PushOut,
    /// It does not happen, nor the step that it is part of: a bound of the model.
    HoldUp,
}

/// Who campaigns where timers are accurate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Campaigns {
    /// Each live process in its turn: time-outs are of random length.
    InTurn,
    /// Only the first of the live processes: all follow one leader.
    Leader,
}

/// The environment that processes are placed in. All bounds are guards on actions: nothing is cut off
/// once it has happened.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Environment {
    /// What may happen to messages.
    pub network: NetworkKind,
    /// On a bag or FIFO: how many copies of one message may be in flight; a send beyond is lost.
    pub copies_max: u8,
    /// On FIFO: how many messages may be in flight from one process to another; 0 for any number.
    pub link_max: u8,
    /// What a send beyond does.
    pub full_links: FullLinks,
    /// How many messages may be taken from the network for ever.
    pub drops: u8,
    /// How many crashes there may be.
    pub crashes: u8,
    /// How many processes may be down at once.
    pub down_max: u8,
    /// Whether a crashed process may come up again.
    pub recovery: bool,
    /// How many times the processes may be cut in two groups between which no message is delivered.
    pub partitions: u8,
    /// Whether a cut may be healed; otherwise it is for good.
    pub heals: bool,
    /// How records become durable.
    pub disk: Disk,
    /// A process with so many pending records takes no input until a flush.
    pub pending_max: u8,
    /// When timers fire.
    pub timers: Timers,
    /// Who campaigns where timers are accurate.
    pub campaigns: Campaigns,
    /// Whether campaigns are over at once, and won: what one asks is answered by some of the others, all of whose disks
    /// have time, and campaigns do not overlap. Those that are lost are left out.
    pub atomic_campaigns: bool,
    /// Whether at some moment, which may be any, faults come to an end and timers become accurate.
    pub stabilises: bool,
}

impl Default for Environment {
    /// A set network, no crash, no partition, an atomic disk, asynchronous timers.
    fn default() -> Self {
        Self {
            network: NetworkKind::Set,
            copies_max: 1,
            link_max: 0,
            full_links: FullLinks::PushOut,
            drops: 0,
            crashes: 0,
            down_max: 1,
            recovery: true,
            partitions: 0,
            heals: true,
            disk: Disk::Atomic,
            pending_max: 2,
            timers: Timers::Asynchronous,
            campaigns: Campaigns::InTurn,
            atomic_campaigns: false,
            stabilises: false,
        }
    }
}

impl Environment {
    /// Why this environment makes no sense for so many processes, if it does not.
    ///
    /// # Errors
    ///
    /// A sentence that names the parameter and says what to do.
    pub fn validate(&self, processes: usize) -> Result<(), String> {
        if self.copies_max == 0 {
            return Err("copies-max 0 would lose every message: give at least 1".into());
        }
        if self.network == NetworkKind::Set && self.copies_max != 1 {
            return Err(
                "copies-max has no meaning on a set network, which holds one copy that can be \
                 delivered any number of times: leave it at 1, or choose --network bag or fifo"
                    .into(),
            );
        }
        if self.link_max != 0 && self.network != NetworkKind::Fifo {
            return Err(format!(
                "link-max {} has a meaning on FIFO only, where a link has an oldest message: leave it at 0, or choose \
                 --network fifo",
                self.link_max
            ));
        }
        if self.link_max == 0 && self.full_links != FullLinks::PushOut {
            return Err(
                "full-links hold-up has no meaning on links that take any number of messages: give link-max at least \
                 1, or leave it at push-out"
                    .into(),
            );
        }
        if self.pending_max == 0 {
            return Err(
                "pending-max 0 would never let a process take an input: give at least 1".into(),
            );
        }
        if self.stabilises && self.timers == Timers::Accurate {
            return Err(
                "stabilises has no meaning with timers that are accurate from the start: leave it off, \
                 or choose --timers asynchronous"
                    .into(),
            );
        }
        if self.stabilises && self.timers == Timers::Never {
            return Err(
                "stabilises lets timers fire, and timers never forbids it: choose --timers asynchronous, \
                 or leave stabilises off"
                    .into(),
            );
        }
        if usize::from(self.down_max) > processes {
            return Err(format!(
                "down-max {} is more than the {processes} processes there are",
                self.down_max
            ));
        }
        if self.crashes > 0 && self.down_max == 0 {
            return Err(format!(
                "crashes {} with down-max 0 can never happen: give down-max at least 1",
                self.crashes
            ));
        }
        if self.crashes > 0 && self.down_max > self.crashes {
            return Err(format!(
                "down-max {} is more than the {} crashes there may be: give both",
                self.down_max, self.crashes
            ));
        }
        if !self.recovery && self.crashes > self.down_max {
            return Err(format!(
                "without recovery only down-max {} of the crashes {} can happen: give down-max {}",
                self.down_max, self.crashes, self.crashes
            ));
        }
        if !self.recovery && usize::from(self.crashes) > processes {
            return Err(format!(
                "crashes {} without recovery is more than the {processes} processes there are",
                self.crashes
            ));
        }
        if self.partitions > 0 {
            self.validate_partitions(processes)?;
        }
        Ok(())
    }

    fn validate_partitions(&self, processes: usize) -> Result<(), String> {
        let partitions = self.partitions;
        if processes < 2 {
            return Err(format!(
                "partitions {partitions} needs at least 2 processes, one on each side: leave it at 0"
            ));
        }
        if processes > usize::from(ProcessSet::PROCESSES_MAX) {
            return Err(format!(
                "partitions {partitions} of {processes} processes are more than a model can have: \
                 give at most {} processes, or leave it at 0",
                ProcessSet::PROCESSES_MAX
            ));
        }
        if !self.heals && partitions > 1 {
            return Err(format!(
                "with heals false only one of the partitions {partitions} can happen: give \
                 partitions 1"
            ));
        }
        if !self.heals && self.stabilises {
            return Err(
                "a partition is a fault, and stabilising ends it, which heals false forbids: leave \
                 heals at true, or leave stabilises off"
                    .into(),
            );
        }
        Ok(())
    }
}

/// Command-line flags that override an instance's environment.
#[derive(Args, Clone, Debug, Default)]
pub struct EnvironmentFlags {
    /// What may happen to messages
    #[arg(long, value_enum)]
    pub network: Option<NetworkKind>,
    /// Copies of one message in flight on a bag or FIFO; a send beyond is lost
    #[arg(long, value_name = "COUNT")]
    pub copies_max: Option<u8>,
    /// Messages in flight on a FIFO link; 0 for any number
    #[arg(long, value_name = "COUNT")]
    pub link_max: Option<u8>,
    /// What a send on a full FIFO link does
    #[arg(long, value_enum)]
    pub full_links: Option<FullLinks>,
    /// Messages that may be taken from the network for ever
    #[arg(long, value_name = "COUNT")]
    pub drops: Option<u8>,
    /// Crashes that there may be
    #[arg(long, value_name = "COUNT")]
    pub crashes: Option<u8>,
    /// Processes that may be down at once
    #[arg(long, value_name = "COUNT")]
    pub down_max: Option<u8>,
    /// Whether a crashed process may come up again
    #[arg(long, value_name = "BOOL")]
    pub recovery: Option<bool>,
    /// Times that the processes may be cut in two groups between which no message is delivered
    #[arg(long, value_name = "COUNT")]
    pub partitions: Option<u8>,
    /// Whether a cut may be healed; otherwise it is for good
    #[arg(long, value_name = "BOOL")]
    pub heals: Option<bool>,
    /// How records become durable
    #[arg(long, value_enum)]
    pub disk: Option<Disk>,
    /// Pending records at which a process takes no input until a flush
    #[arg(long, value_name = "COUNT")]
    pub pending_max: Option<u8>,
    /// When timers fire
    #[arg(long, value_enum)]
    pub timers: Option<Timers>,
    /// Who campaigns where timers are accurate
    #[arg(long, value_enum)]
    pub campaigns: Option<Campaigns>,
    /// Whether campaigns are over at once, and won
    #[arg(long, value_name = "BOOL")]
    pub atomic_campaigns: Option<bool>,
    /// Whether faults may come to an end, and timers become accurate
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub stabilises: Option<bool>,
}

impl EnvironmentFlags {
    /// The environment with the given flags in place of its own values.
    pub fn apply(&self, environment: &mut Environment) {
        fn put<T: Copy>(target: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *target = value;
            }
        }
        put(&mut environment.network, self.network);
        put(&mut environment.copies_max, self.copies_max);
        put(&mut environment.link_max, self.link_max);
        put(&mut environment.full_links, self.full_links);
        put(&mut environment.drops, self.drops);
        put(&mut environment.crashes, self.crashes);
        put(&mut environment.down_max, self.down_max);
        put(&mut environment.recovery, self.recovery);
        put(&mut environment.partitions, self.partitions);
        put(&mut environment.heals, self.heals);
        put(&mut environment.disk, self.disk);
        put(&mut environment.pending_max, self.pending_max);
        put(&mut environment.timers, self.timers);
        put(&mut environment.campaigns, self.campaigns);
        put(&mut environment.atomic_campaigns, self.atomic_campaigns);
        put(&mut environment.stabilises, self.stabilises);
    }
}
