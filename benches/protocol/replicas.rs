//! Commands through the replicas of a log: what is measured, whoever replicates; and three servers of Raft that do.
//!
//! One thread takes all steps; a message is a value in a queue, nothing is encoded, and what is written is durable at once.
//! In a round a client proposes so many commands, and messages are delivered until there are no more. Then all replicas must
//! have applied the commands: each counts and sums up what it applies, each command weighted by its place.

use std::hint::black_box;
use std::marker::PhantomData;

use bytes::Bytes;
use derive_where::derive_where;
use quorate::cluster::Cluster;
use quorate::protocol::{Data, ProcessId};
use quorate::raft::{Limits, Proposal, Raft, Request, Role, State, StateMachine, Timer};

/// How many replicas there are.
pub const REPLICAS: usize = 3;
/// After so many rounds logs are compacted.
const ROUNDS_A_COMPACTION: u64 = 64;
const LEADER: ProcessId = ProcessId(0);

/// A command that can be summed up.
pub trait Command: Data + 'static {
    /// The command of this number.
    fn new(number: u64) -> Self;
    /// Its number.
    fn number(&self) -> u64;
    /// How long it is.
    fn bytes(&self) -> usize;
}

impl Command for [u8; 8] {
    fn new(number: u64) -> Self {
        number.to_le_bytes()
    }

    fn number(&self) -> u64 {
        u64::from_le_bytes(*self)
    }

    fn bytes(&self) -> usize {
        self.len()
    }
}

/// 64 bytes, shared.
impl Command for Bytes {
    fn new(number: u64) -> Self {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Bytes::copy_from_slice(&bytes)
    }

    fn number(&self) -> u64 {
        let mut number = [0; 8];
        number.copy_from_slice(&self[..8]);
        u64::from_le_bytes(number)
    }

    fn bytes(&self) -> usize {
        self.len()
    }
}

/// A state machine that counts commands and sums them up, each weighted by its place.
#[derive_where(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Checksum<C> {
    /// How many there were.
    pub count: u64,
    sum: u64,
    commands: PhantomData<C>,
}

impl<C: Command> Checksum<C> {
    /// That of the first so many commands.
    fn of_first(count: u64) -> Self {
        let mut checksum = Self::default();
        for number in 0..count {
            checksum.add(number);
        }
        checksum
    }

    /// Takes in the command of this number.
    pub fn add(&mut self, number: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_mul(31).wrapping_add(number);
    }
}

impl<C: Command> StateMachine for Checksum<C> {
    type Command = C;
    type Query = ();
    type Reply = u64;
    type Chunk = (u64, u64);

    fn apply(&mut self, command: &C) -> u64 {
        self.add(command.number());
        self.sum
    }

    fn query(&self, (): &()) -> u64 {
        self.sum
    }

    fn snapshot(&self) -> Vec<(u64, u64)> {
        vec![(self.count, self.sum)]
    }

    fn restore(chunks: &[(u64, u64)]) -> Option<Self> {
        let [(count, sum)] = *chunks else {
            return None;
        };
        let commands = PhantomData;
        Some(Self {
            count,
            sum,
            commands,
        })
    }

    fn size(command: &C) -> usize {
        command.bytes()
    }
}

/// The replicas of a log, and what drives them.
pub trait Replicas<C: Command> {
    /// Proposes these commands, and delivers messages until there are no more.
    fn propose(&mut self, commands: impl Iterator<Item = C>);

    /// Drops what all have applied from the logs.
    fn compact(&mut self);

    /// What each has applied.
    fn applied(&self) -> impl Iterator<Item = &Checksum<C>>;
}

/// Rounds of commands through replicas.
pub struct Rounds<R> {
    replicas: R,
    rounds: u64,
    proposed: u64,
}

impl<R> Rounds<R> {
    /// Those of replicas that have applied nothing.
    pub fn new(replicas: R) -> Self {
        Self {
            replicas,
            rounds: 0,
            proposed: 0,
        }
    }

    /// So many commands, which all have applied then.
    pub fn pass<C: Command>(&mut self, commands: u64)
    where
        R: Replicas<C>,
    {
        let numbers = self.proposed..self.proposed + commands;
        self.proposed = numbers.end;
        self.replicas.propose(numbers.map(C::new));
        let applied = self.replicas.applied().map(|checksum| checksum.count);
        let complete = applied.filter(|count| *count == self.proposed).count();
        assert_eq!(complete, REPLICAS, "some have not applied all commands");
        self.rounds += 1;
        if self.rounds.is_multiple_of(ROUNDS_A_COMPACTION) {
            self.replicas.compact();
        }
    }

    /// Asserts that all have applied what was proposed, in that order.
    pub fn check<C: Command>(&self)
    where
        R: Replicas<C>,
    {
        let expected = Checksum::of_first(self.proposed);
        for checksum in self.replicas.applied() {
            assert_eq!(*checksum, expected, "other commands were applied");
        }
    }
}

/// Servers of Raft, the first of which leads.
pub struct Servers<C: Command>(Cluster<Raft<Checksum<C>>>);

impl<C: Command> Servers<C> {
    /// The first campaigns, and nobody else: timers never expire.
    pub fn elected() -> Self {
        let raft = Raft::new(REPLICAS, Limits::default()).expect("a sensible number");
        let mut cluster = Cluster::without_disks(raft, 0);
        cluster.expire(LEADER, Timer::Election);
        cluster.settle();
        let leads = |state: &State<_>| matches!(state.role, Role::Leader(_));
        assert!(
            cluster.state(LEADER).is_some_and(leads),
            "nobody else campaigns"
        );
        Self(cluster)
    }
}

impl<C: Command> Replicas<C> for Servers<C> {
    fn propose(&mut self, commands: impl Iterator<Item = C>) {
        let Self(cluster) = self;
        let origin = None;
        let proposals = commands.map(|command| Proposal::Command { origin, command });
        let proposals = proposals.collect();
        cluster.submit(LEADER, Request::Propose(proposals));
        cluster.settle();
        black_box(cluster.outputs.drain(..)).for_each(drop);
    }

    fn compact(&mut self) {
        for id in self.0.ids() {
            self.0.submit(id, Request::Compact);
        }
    }

    fn applied(&self) -> impl Iterator<Item = &Checksum<C>> {
        let states = self.0.ids().filter_map(|id| self.0.state(id));
        states.map(|state| &state.applied.machine)
    }
}
