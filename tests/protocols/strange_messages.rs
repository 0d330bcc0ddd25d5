//! Messages that no correct process sends, but a decoder accepts: numbers at their ends, strangers, lists cut short. What a
//! process makes of them is not claimed; it does not panic, and goes on.

use fastrand::Rng;
use proptest::prelude::*;
use quorate::atomic_commit::{self, COORDINATOR, TransactionId};
use quorate::ledger::{self, Change, Ledger};
use quorate::paxos::{self, Paxos, Quorums};
use quorate::protocol::{Effect, EffectList, Input, ProcessId, Protocol};
use quorate::raft::{self, Limits, Origin, Proposal, Raft, StateMachine};
use quorate::registers::{self, Registers};
use quorate::three_phase_commit::ThreePhaseCommit;
use quorate::two_phase_commit::TwoPhaseCommit;
use serde_json::{Value, json};

/// Steps of one run.
const STEPS: usize = 400;

/// A state machine that adds up.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Sum(u64);

impl StateMachine for Sum {
    type Command = u64;
    type Query = ();
    type Reply = u64;
    type Chunk = u64;

    fn apply(&mut self, command: &u64) -> u64 {
        self.0 = self.0.wrapping_add(*command);
        self.0
    }
    fn query(&self, (): &()) -> u64 {
        self.0
    }
    fn snapshot(&self) -> Vec<u64> {
        vec![self.0]
    }
    fn restore(chunks: &[u64]) -> Option<Self> {
        chunks.first().copied().map(Self)
    }
}

/// Processes whose disks are written at once, and all that was ever sent.
struct Processes<'a, P: Protocol> {
    protocol: &'a P,
    states: Vec<P::State>,
    sent: Vec<(ProcessId, ProcessId, P::Message)>,
    random: Rng,
    /// How many strange messages were received.
    strange: usize,
}

impl<'a, P: Protocol> Processes<'a, P> {
    fn new(protocol: &'a P, seed: u64) -> Self {
        let processes = (0..).map(ProcessId).take(protocol.processes());
        let mut all = Self {
            protocol,
            states: processes.clone().map(|me| protocol.initial(me)).collect(),
            sent: Vec::new(),
            random: Rng::with_seed(seed),
            strange: 0,
        };
        processes.for_each(|me| all.step(me, Input::Start(P::Durable::default())));
        all
    }

    fn step(&mut self, me: ProcessId, input: Input<P>) {
        let mut effects = EffectList::new();
        self.protocol
            .step(me, &mut self.states[me.index()], input, &mut effects);
        let mut durable = Vec::new();
        for effect in effects.take() {
            match effect {
                Effect::Send { to, message } => self.sent.push((me, to, message)),
                Effect::ReportDurable(position) => durable.push(position),
                _ => {}
            }
        }
        for position in durable {
            self.step(me, Input::Durable(position));
        }
    }

    fn anybody(&mut self) -> ProcessId {
        ProcessId(self.random.u16(..) % u16::try_from(self.states.len()).unwrap())
    }

    /// Something happens.
    fn happen(&mut self, request: impl Fn(&mut Rng) -> (ProcessId, P::Request)) {
        let process = self.anybody();
        match self.random.u8(..10) {
            0 => {
                let (process, request) = request(&mut self.random);
                self.step(process, Input::Submit(request));
            }
            1 | 2 => {
                let timers = self.protocol.timers(&self.states[process.index()]);
                if let Some(timer) = self.random.choice(timers) {
                    self.step(process, Input::Timeout(timer));
                }
            }
            3 => {
                let durable = self.protocol.durable(&self.states[process.index()]);
                self.states[process.index()] = self.protocol.initial(process);
                self.step(process, Input::Start(durable));
            }
            4 | 5 => self.strange_message(process),
            _ => {
                if let Some((from, to, message)) = self.random.choice(&self.sent).cloned()
                    && to.index() < self.states.len()
                {
                    self.step(to, Input::Receive { from, message });
                }
            }
        }
    }

    /// A message like one that was sent arrives, from anybody, at anybody.
    fn strange_message(&mut self, to: ProcessId) {
        let Some((_, _, message)) = self.random.choice(&self.sent) else {
            return;
        };
        let mut value = json!(message);
        for _ in 0..=self.random.u8(..3) {
            let places = places(&mut value);
            if let Some(place) = self.random.choice(places) {
                alter(place, &mut self.random);
            }
        }
        // What a decoder refuses does not arrive.
        if let Ok(message) = serde_json::from_value(value) {
            let from = match self.random.u8(..8) {
                0 => ProcessId(self.random.u16(..)),
                _ => self.anybody(),
            };
            self.strange += 1;
            self.step(to, Input::Receive { from, message });
        }
    }
}

/// All numbers and lists in a value.
fn places(value: &mut Value) -> Vec<&mut Value> {
    let is_list = |value: &Value| {
        value
            .as_array()
            .is_some_and(|list| list.iter().any(Value::is_number))
    };
    if value.is_number() || is_list(value) {
        return vec![value];
    }
    match value {
        Value::Array(list) => list.iter_mut().flat_map(places).collect(),
        Value::Object(map) => map.values_mut().flat_map(places).collect(),
        _ => Vec::new(),
    }
}

fn alter(place: &mut Value, random: &mut Rng) {
    match place {
        Value::Array(list) if list.is_empty() => {}
        Value::Array(list) => match random.u8(..4) {
            0 => drop(list.pop()),
            1 => list.extend(list.last().cloned()),
            2 => list.reverse(),
            _ => {
                let index = random.usize(..list.len());
                alter(&mut list[index], random);
            }
        },
        Value::Number(number) => {
            let number = number.as_u64().unwrap_or(0);
            *place = match random.u8(..8) {
                0 => json!(0),
                1 => json!(number.wrapping_add(1)),
                2 => json!(number.wrapping_sub(1)),
                3 => json!(u64::MAX),
                4 => json!(u64::MAX - 1),
                5 => json!(1_u64 << 63),
                6 => json!(1_u64 << random.u32(..63)),
                _ => json!(random.u64(..10)),
            };
        }
        _ => {}
    }
}

/// Runs from many seeds.
fn all_go_on<P: Protocol>(protocol: &P, request: impl Fn(&mut Rng) -> (ProcessId, P::Request)) {
    let mut strange = 0;
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(2000)
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&any::<u64>(), |seed| {
            let mut all = Processes::new(protocol, seed);
            (0..STEPS).for_each(|_| all.happen(&request));
            Ok(())
        })
        .unwrap();
    for seed in 0..10 {
        let mut all = Processes::new(protocol, seed);
        (0..STEPS).for_each(|_| all.happen(&request));
        strange += all.strange;
    }
    assert!(strange > STEPS / 10, "{strange} strange messages only");
}

fn atomic_commit(random: &mut Rng) -> (ProcessId, atomic_commit::Request) {
    use atomic_commit::Request;
    let transaction = TransactionId {
        epoch: random.u64(1..3),
        number: random.u64(1..3),
    };
    match random.u8(..5) {
        0 | 1 => (COORDINATOR, Request::Begin),
        2 => (
            COORDINATOR,
            Request::Commit {
                transaction,
                participants: [ProcessId(1), ProcessId(2)].into(),
            },
        ),
        3 => (ProcessId(random.u16(..3)), Request::Abort(transaction)),
        _ => (ProcessId(random.u16(1..3)), Request::Work(transaction)),
    }
}

#[test]
fn two_phase_commit_goes_on_whatever_arrives() {
    all_go_on(&TwoPhaseCommit::new(2).unwrap(), atomic_commit);
    let cooperative = TwoPhaseCommit::new(2).unwrap().cooperative(true);
    all_go_on(&cooperative, atomic_commit);
}

#[test]
fn three_phase_commit_goes_on_whatever_arrives() {
    all_go_on(&ThreePhaseCommit::new(2).unwrap(), atomic_commit);
}

#[test]
fn a_ledger_goes_on_whatever_arrives() {
    let two_phase = Ledger::new(TwoPhaseCommit::new(2).unwrap());
    all_go_on(&two_phase, transfer);
    let three_phase = Ledger::new(ThreePhaseCommit::new(2).unwrap());
    all_go_on(&three_phase, transfer);
}

fn transfer(random: &mut Rng) -> (ProcessId, ledger::Request) {
    let ticket = random.u64(..5);
    let account = |random: &mut Rng| random.lowercase().to_string();
    match random.u8(..4) {
        0 => {
            let account = account(random);
            let shard = ProcessId(random.u16(..3));
            (shard, ledger::Request::Balance { ticket, account })
        }
        _ => {
            let changes = (0..random.usize(1..4)).map(|_| Change {
                account: account(random),
                by: random.i64(-20..100),
            });
            let changes = changes.collect();
            (COORDINATOR, ledger::Request::Transfer { ticket, changes })
        }
    }
}

#[test]
fn paxos_goes_on_whatever_arrives() {
    let protocol = Paxos::<u64>::new(2, 1, Quorums::majorities(3).unwrap()).unwrap();
    all_go_on(&protocol, |random| {
        let proposer = ProcessId(random.u16(..2));
        (proposer, paxos::Request::Propose(random.u64(..)))
    });
}

#[test]
fn registers_go_on_whatever_arrives() {
    let protocol = Registers::<u64>::new(3).unwrap();
    all_go_on(&protocol, |random| {
        let node = ProcessId(random.u16(..3));
        // None is used twice.
        let ticket = random.u64(..);
        let name = random.choice(["a", "b"]).unwrap().to_owned();
        let request = match random.u8(..3) {
            0 => registers::Request::Read { ticket, name },
            _ => registers::Request::Write {
                ticket,
                name,
                value: random.u64(..),
            },
        };
        (node, request)
    });
}

#[test]
fn raft_goes_on_whatever_arrives() {
    let protocol = Raft::<Sum>::new(3, Limits::default()).unwrap();
    all_go_on(&protocol, |random| {
        let server = ProcessId(random.u16(..3));
        let origin = Origin {
            session: random.u64(..5),
            sequence: random.u64(..5),
        };
        let command = Proposal::Command {
            origin: Some(origin),
            command: random.u64(..),
        };
        let ticket = random.u64(..5);
        let request = match random.u8(..4) {
            0 => raft::Request::Compact,
            1 => raft::Request::Read(vec![(ticket, ())]),
            2 => raft::Request::Propose(vec![Proposal::OpenSession { ticket }]),
            _ => raft::Request::Propose(vec![command]),
        };
        (server, request)
    });
}
