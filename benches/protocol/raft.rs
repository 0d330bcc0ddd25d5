//! How fast commands are replicated by Raft: commands a second through three servers.
//!
//! One thread takes all steps; a message is a value in a queue, nothing is encoded, and a record is durable as soon as
//! it is written. In a round a client proposes so many commands to the leader, and messages are delivered until all three
//! servers have applied them. Each server counts and sums up what it applies; at the end all must have the same.

use std::collections::VecDeque;
use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use quorate::protocol::{
    Data, Effect, Effects, HoldBack, Input, Pending, ProcessId, Protocol, Release,
};
use quorate::raft::{Entry, Limits, Message, Raft, Request, Role, State, StateMachine, Timer};

const SERVERS: usize = 3;
const LEADER: ProcessId = ProcessId(0);
/// After so many rounds logs are compacted.
const ROUNDS_A_SNAPSHOT: u64 = 64;

/// A command that can be summed up.
trait Command: Data {
    fn new(number: u64) -> Self;
    fn number(&self) -> u64;
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
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Checksum<C> {
    count: u64,
    sum: u64,
    commands: std::marker::PhantomData<C>,
}

impl<C> Default for Checksum<C> {
    fn default() -> Self {
        Self {
            count: 0,
            sum: 0,
            commands: std::marker::PhantomData,
        }
    }
}

impl<C: Command> StateMachine for Checksum<C> {
    type Command = C;
    type Query = ();
    type Reply = u64;
    type Chunk = (u64, u64);

    fn apply(&mut self, command: &C) -> u64 {
        self.count += 1;
        self.sum = self.sum.wrapping_mul(31).wrapping_add(command.number());
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
        Some(Self {
            count,
            sum,
            ..Self::default()
        })
    }

    fn size(command: &C) -> usize {
        command.bytes()
    }
}

/// Three servers, and what drives them.
struct Cluster<C: Command> {
    raft: Raft<Checksum<C>>,
    servers: Vec<Server<C>>,
    effects: Effects<Raft<Checksum<C>>>,
    in_flight: VecDeque<(ProcessId, ProcessId, Message<Checksum<C>>)>,
    rounds: u64,
    proposed: u64,
}

struct Server<C: Command> {
    state: State<Checksum<C>>,
    hold_back: HoldBack<Raft<Checksum<C>>>,
}

impl<C: Command> Cluster<C> {
    /// Three servers, the first of which leads.
    fn new() -> Self {
        let raft = Raft::new(SERVERS, Limits::default()).expect("a sensible number");
        let ids = (0..).map(ProcessId).take(SERVERS);
        let servers = ids.map(|id| Server {
            state: raft.initial(id),
            hold_back: HoldBack::new(),
        });
        let mut cluster = Self {
            servers: servers.collect(),
            raft,
            effects: Effects::new(),
            in_flight: VecDeque::new(),
            rounds: 0,
            proposed: 0,
        };
        for id in (0..).map(ProcessId).take(SERVERS) {
            cluster.step(id, Input::Start(Default::default()));
        }
        cluster.step(LEADER, Input::Timeout(Timer::Election));
        cluster.deliver();
        let leads = matches!(cluster.servers[LEADER.index()].state.role, Role::Leader(_));
        assert!(leads, "nobody else campaigns");
        cluster
    }

    fn step(&mut self, me: ProcessId, input: Input<Raft<Checksum<C>>>) {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let Server { state, hold_back } = &mut self.servers[me.index()];
            self.raft.step(me, state, input, &mut self.effects);
            let mut durable = None;
            let in_flight = &mut self.in_flight;
            let mut carry_out = |release| match release {
                Release::Send { to, message } => in_flight.push_back((me, to, message)),
                Release::Durable(position) => durable = Some(position),
                Release::Emit(output) => drop(black_box(output)),
            };
            for effect in self.effects.drain() {
                if !matches!(effect, Effect::SetTimer(_) | Effect::CancelTimer(_)) {
                    hold_back.push(effect).into_iter().for_each(&mut carry_out);
                }
            }
            let pending = hold_back.len();
            for Pending { releases, .. } in hold_back.durable(pending) {
                releases.into_iter().for_each(&mut carry_out);
            }
            next = durable.map(Input::Durable);
        }
    }

    fn deliver(&mut self) {
        while let Some((from, to, message)) = self.in_flight.pop_front() {
            self.step(to, Input::Receive { from, message });
        }
    }

    /// So many commands, until all have applied them.
    fn round(&mut self, commands: u64) {
        let entries = (self.proposed..self.proposed + commands).map(|number| Entry::Command {
            origin: None,
            command: C::new(number),
        });
        let entries = entries.collect();
        self.proposed += commands;
        self.step(LEADER, Input::Submit(Request::Propose(entries)));
        self.deliver();
        self.rounds += 1;
        if self.rounds.is_multiple_of(ROUNDS_A_SNAPSHOT) {
            for id in (0..).map(ProcessId).take(SERVERS) {
                self.step(id, Input::Submit(Request::Compact));
            }
        }
        for server in &self.servers {
            assert_eq!(server.state.applied.machine.count, self.proposed);
        }
    }

    /// Asserts that all have applied the same.
    fn check(&self) {
        let mut sums = self.servers.iter().map(|server| &server.state.applied);
        let first = sums.next();
        assert!(sums.all(|sum| Some(sum) == first));
    }
}

fn replicate<C: Command>(criterion: &mut Criterion, kind: &str) {
    let mut group = criterion.benchmark_group(format!("commands through 3 Raft servers, {kind}"));
    for commands in [1, 64, 1024] {
        group.throughput(Throughput::Elements(commands));
        let mut cluster = Cluster::<C>::new();
        group.bench_function(format!("{commands} a round"), |bencher| {
            bencher.iter(|| cluster.round(commands));
        });
        cluster.check();
    }
    group.finish();
}

/// Commands, of both kinds.
pub fn commands(criterion: &mut Criterion) {
    replicate::<[u8; 8]>(criterion, "8 bytes, inline");
    replicate::<Bytes>(criterion, "64 bytes, shared");
}
