//! How fast a decree of Paxos is decided: decrees a second through three acceptors.
//!
//! One thread takes all steps; a message is a value in a queue, nothing is encoded, and a record is durable as soon as
//! it is written. What is left is the protocol's own code and the hold-back queue; a runtime comes on top. Decided
//! means that all proposers and the learner have told the same value, one that was proposed: each decree checks it.
//!
//! Message delays are counted beside: how many messages, of which each waits for the one before, it takes until the
//! learner knows; with contention, how many rounds.
//!
//! * *From the request* there are four: Prepare, Promise, Accept, Accepted.
//! * *With promises in hand* there are two, the last two. The first phase says nothing of the value, so that a leader
//!   gets it over with before there is a request, once for all decrees (Lamport: *Paxos Made Simple*, 2001, §3). Fewer
//!   than two there cannot be, in general: a decision that survives a failure must have reached an acceptor and come
//!   from there (Lamport: *Lower Bounds for Asynchronous Consensus*, Distributed Computing 19(2), 2006). Here the
//!   promise that completes the majority stands in for the request.
//! * *With contention* it can be any number. Several proposers propose different values at the same time. Messages
//!   arrive in rounds, those of a round in random order; who is rejected campaigns again after so many rounds, a
//!   random number. Without that back-off proposers reject each other for longer, and nothing bounds how long. (If
//!   they campaigned only once all else is at rest, it would not come to that: nobody rejects the highest ballot.)

use std::hint::black_box;
use std::ops::RangeInclusive;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use fastrand::Rng;
use quorate::cluster::Envelope;
use quorate::paxos::{Message, Output, Paxos, Quorums, Request, Timer};
use quorate::protocol::{Data, Driver, Input, Outside, ProcessId, Protocol};

const ACCEPTORS: usize = 3;

/// The processes of one decree, and what surrounds them.
struct Cluster<V: Data> {
    paxos: Paxos<V>,
    processes: Vec<Process<V>>,
    network: Network<V>,
    /// Empty: the space of an earlier round, to be used again.
    spare: Vec<Envelope<Message<V>>>,
}

/// Messages in rounds.
struct Network<V> {
    /// The messages that arrive in the next round.
    in_flight: Vec<Envelope<Message<V>>>,
    /// In what order messages arrive, and how long who is rejected waits; or without chance in the order in which they
    /// were sent.
    chance: Option<(Rng, RangeInclusive<usize>)>,
    /// How many rounds there have been.
    round: usize,
    sent: usize,
    /// When the learner came to know.
    learned: Option<usize>,
}

struct Process<V: Data> {
    driver: Driver<Paxos<V>>,
    waits: Waits<V>,
}

/// A process as the benchmark sees it: its role, its back-off, the value that it told.
struct Waits<V> {
    is_learner: bool,
    /// The round at whose end it campaigns again.
    campaign: Option<usize>,
    told: Option<V>,
}

/// The surroundings of a process that takes a step.
struct Around<'a, V> {
    me: ProcessId,
    waits: &'a mut Waits<V>,
    network: &'a mut Network<V>,
}

impl<V: Data> Outside<Paxos<V>> for Around<'_, V> {
    fn send(&mut self, to: ProcessId, message: Message<V>) {
        let from = self.me;
        self.network.sent += 1;
        self.network.in_flight.push(Envelope { from, to, message });
    }

    fn emit(&mut self, output: Output<V>) {
        match output {
            Output::Chosen(value) => {
                if self.waits.is_learner {
                    self.network.learned.get_or_insert(self.network.round);
                }
                self.waits.told = Some(value);
            }
            Output::Refused(why) => panic!("{:?} refuses: {why:?}", self.me),
        }
    }

    /// Nothing is lost, so that nobody has to say anything again or to ask.
    fn set_timer(&mut self, timer: Timer) {
        if timer == Timer::Campaign {
            let wait = match &mut self.network.chance {
                Some((chance, back_off)) => chance.usize(back_off.clone()),
                None => 0,
            };
            self.waits.campaign = Some(self.network.round + wait);
        }
    }

    fn cancel_timer(&mut self, timer: Timer) {
        if timer == Timer::Campaign {
            self.waits.campaign = None;
        }
    }
}

/// A decree about to be decided: what happens first, and to whom.
struct Decree<V: Data> {
    cluster: Cluster<V>,
    begins: Vec<(ProcessId, Input<Paxos<V>>)>,
    proposed: Vec<V>,
}

/// How decrees are decided.
struct Scenario {
    name: &'static str,
    proposers: u16,
    /// Whether the first phase is over before anything is measured.
    holds_promises: bool,
    /// How many rounds whoever is rejected waits; or nothing where nothing is left to chance.
    back_off: Option<RangeInclusive<usize>>,
    /// What must be counted, where nothing is left to chance.
    delays: Option<usize>,
}

impl<V: Data> Cluster<V> {
    /// Proposers, acceptors and a learner, all of which have started.
    fn new(proposers: usize, chance: Option<(Rng, RangeInclusive<usize>)>) -> Self {
        let quorums = Quorums::majorities(ACCEPTORS).expect("there are acceptors");
        let paxos = Paxos::new(proposers, 1, quorums).expect("there are proposers");
        let mut network = Network {
            in_flight: Vec::new(),
            chance,
            round: 0,
            sent: 0,
            learned: None,
        };
        let processes = (0..).map(ProcessId).take(paxos.processes());
        let processes = processes.map(|me| {
            let mut waits = Waits {
                is_learner: paxos.learners().any(|learner| learner == me),
                campaign: None,
                told: None,
            };
            let mut around = Around {
                me,
                waits: &mut waits,
                network: &mut network,
            };
            let driver = Driver::start(&paxos, me, Default::default(), &mut around);
            Process { driver, waits }
        });
        Self {
            processes: processes.collect(),
            paxos,
            network,
            spare: Vec::new(),
        }
    }

    /// What each of those who wait for the decision has told.
    fn told(&self) -> impl Iterator<Item = Option<&V>> {
        let waiting = self.paxos.proposers().chain(self.paxos.learners());
        waiting.map(|process| self.processes[process.index()].waits.told.as_ref())
    }

    /// Steps a process. What it writes is durable at once.
    fn step(&mut self, me: ProcessId, input: Input<Paxos<V>>) {
        let Process { driver, waits } = &mut self.processes[me.index()];
        let network = &mut self.network;
        let mut around = Around { me, waits, network };
        driver.step(&self.paxos, me, input, &mut around);
        while !driver.hold_back.is_empty() {
            driver.durable(&self.paxos, me, driver.hold_back.len(), &mut around);
        }
    }

    /// Delivers all that is in flight. Then those campaign whose back-off is over.
    fn pass_round(&mut self) {
        let network = &mut self.network;
        network.round += 1;
        let spare = std::mem::take(&mut self.spare);
        let mut arrived = std::mem::replace(&mut network.in_flight, spare);
        if let Some((chance, _)) = &mut network.chance {
            chance.shuffle(&mut arrived);
        }
        for Envelope { from, to, message } in arrived.drain(..) {
            self.step(to, Input::Receive { from, message });
        }
        self.spare = arrived;
        for proposer in self.paxos.proposers() {
            let waits = &mut self.processes[proposer.index()].waits;
            let round = self.network.round;
            if waits.campaign.take_if(|due| *due <= round).is_some() {
                self.step(proposer, Input::Timeout(Timer::Campaign));
            }
        }
    }
}

impl<V: Data> Decree<V> {
    /// Takes steps until all who wait for the decision know it, and checks what they know. Gives itself back, so that
    /// its memory is freed where nothing is measured.
    fn decide(mut self) -> Self {
        for (process, input) in self.begins.drain(..) {
            self.cluster.step(process, input);
        }
        while self.cluster.told().any(|told| told.is_none()) {
            self.cluster.pass_round();
            assert!(self.cluster.network.round < 10_000, "it is never decided");
        }
        self.check();
        self
    }

    /// All know the same value, and it was proposed.
    fn check(&self) {
        let mut told = self.cluster.told().flatten();
        let value = told.next().expect("there is a learner");
        assert!(told.all(|other| other == value), "two values are chosen");
        assert!(self.proposed.contains(value), "nobody has proposed that");
    }
}

impl Scenario {
    fn all() -> Vec<Self> {
        let alone = |name, holds_promises, delays| Self {
            name,
            proposers: 1,
            holds_promises,
            back_off: None,
            delays: Some(delays),
        };
        let contended = |name, proposers, back_off| Self {
            name,
            proposers,
            holds_promises: false,
            back_off: Some(back_off),
            delays: None,
        };
        // Up to what a decree takes without contention.
        let back_off = 0..=4;
        vec![
            alone("promises in hand", true, 2),
            alone("from the request", false, 4),
            contended("2 proposers", 2, back_off.clone()),
            contended("3 proposers", 3, back_off),
            contended("2 proposers without back-off", 2, 0..=0),
            contended("3 proposers without back-off", 3, 0..=0),
        ]
    }

    /// The decree of this number, with values that are its own.
    fn decree<V: Data>(&self, number: u64, value: fn(u64) -> V) -> Decree<V> {
        let chance = self.back_off.clone();
        let chance = chance.map(|back_off| (Rng::with_seed(number), back_off));
        let mut cluster = Cluster::new(self.proposers.into(), chance);
        let numbers = (0..self.proposers.into()).map(|p| number * u64::from(self.proposers) + p);
        let proposed: Vec<V> = numbers.map(value).collect();
        let requests = proposed.iter().cloned().map(Request::Propose);
        let requests = cluster.paxos.proposers().zip(requests.map(Input::Submit));
        let mut begins: Vec<_> = requests.collect();
        if self.holds_promises {
            for (process, input) in begins.drain(..) {
                cluster.step(process, input);
            }
            cluster.pass_round();
            let promises = cluster.network.in_flight.drain(..);
            let promises = promises
                .map(|Envelope { from, to, message }| (to, Input::Receive { from, message }));
            let mut promises: Vec<_> = promises.collect();
            // A majority; the others are lost.
            promises.truncate(ACCEPTORS / 2 + 1);
            begins.extend(promises.pop());
            for (process, input) in promises {
                cluster.step(process, input);
            }
            (cluster.network.round, cluster.network.sent) = (0, 0);
        }
        Decree {
            cluster,
            begins,
            proposed,
        }
    }
}

/// Of so many different decrees, one after another, over and over.
const DECREES: u64 = 1_000;

/// Counts what time does not change, and compares it with README's table.
fn count(scenario: &Scenario) {
    let decided =
        (0..DECREES).map(|number| scenario.decree(number, |value| value).decide().cluster);
    let counts: Vec<(usize, usize)> = decided
        .map(|Cluster { network, .. }| (network.learned.expect("the learner knows"), network.sent))
        .collect();
    if let Some(expected) = scenario.delays {
        assert!(counts.iter().all(|(delays, _)| *delays == expected));
    }
    let mean = |of: fn(&(usize, usize)) -> usize| {
        counts.iter().map(of).sum::<usize>() as f64 / DECREES as f64
    };
    let delays = mean(|(delays, _)| *delays);
    let messages = mean(|(_, messages)| *messages);
    let most = counts.iter().map(|(delays, _)| *delays).max();
    let most = most.unwrap_or_default();
    println!(
        "{}: {delays:.2} message delays until the learner knows, at most {most}; {messages:.1} messages",
        scenario.name
    );
    let row = format!(
        "| {} | {delays:.2} ({most}) | {messages:.1} |",
        scenario.name
    );
    let mut lines = include_str!("../../README.md").lines();
    assert!(
        lines.any(|line| line.starts_with(&row)),
        "README's table of decrees has no row that begins with: {row}"
    );
}

/// Times decrees with values of one kind.
fn decide<V: Data>(criterion: &mut Criterion, name: &str, value: fn(u64) -> V) {
    let mut group = criterion.benchmark_group(format!("decree of {name}"));
    group.throughput(Throughput::Elements(1));
    for scenario in Scenario::all() {
        let mut numbers = (0..DECREES).cycle();
        group.bench_function(scenario.name, |bencher| {
            bencher.iter_batched(
                || scenario.decree(numbers.next().expect("they never end"), value),
                |decree| black_box(decree).decide(),
                // Few enough for the cache.
                BatchSize::NumIterations(100),
            );
        });
    }
    group.finish();
}

/// Decrees, each way.
pub fn decrees(criterion: &mut Criterion) {
    Scenario::all().iter().for_each(count);
    decide(criterion, "8 bytes", |value| value);
    decide(criterion, "1 KiB, shared", |value| {
        let mut bytes = vec![0; 1024];
        bytes[..8].copy_from_slice(&value.to_le_bytes());
        Bytes::from(bytes)
    });
}
