//! Protocols of atomic commit side by side: what a transaction costs, and which failures they survive.

use itertools::Itertools;
use quorate::atomic_commit::{Output, Request};
use quorate::protocol::{ProcessId, Protocol};
use serde::Serialize;
use stateright::Model;

use super::agreement;
use super::application::Clients;
use super::cases::{epochs, participant};
use crate::checker::{Answer, Condition, Fairness, Options, Property, Strength, explore};
use crate::framework::RequestOrder;
use crate::system::{Action, Disk, Environment, Event, NetworkKind, System, SystemState, Timers};

/// What one transaction costs when nothing fails, counted on the model.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Cost {
    /// Messages sent.
    pub messages: usize,
    /// The longest chain of messages of which each waits for the one before, from the request to commit until
    /// the last participant has decided.
    pub delays: usize,
    /// Records that something waits for.
    pub forced: usize,
    /// Records that nothing waits for.
    pub lazy: usize,
}

/// How a protocol fares in an environment, all of whose states were visited.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Survival {
    /// No two processes decide differently.
    pub is_atomic: bool,
    /// Every participant that has voted Yes and stays up, or comes up again to stay, decides.
    pub decides: bool,
    /// How many states were visited.
    pub states: usize,
}

/// One protocol of several.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Its name.
    pub protocol: &'static str,
    /// The cost of a transaction that commits.
    pub committed: Cost,
    /// The cost of a transaction that a participant has aborted before it is asked to vote.
    pub aborted: Cost,
    /// How it fares in each of [`environments`], or nothing where the search was stopped.
    pub survivals: Vec<Option<Survival>>,
}

/// Protocols side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// How many participants each has.
    pub participants: u16,
    /// What fails.
    pub environments: Vec<&'static str>,
    /// How each fares.
    pub protocols: Vec<Compared>,
}

/// How many participants the compared protocols have.
pub const PARTICIPANTS: u16 = 2;

/// What may fail, from what is survived easily to what is not. Messages are delivered once, and timers are
/// accurate, unless it says otherwise.
pub fn environments() -> Vec<(&'static str, Environment)> {
    let synchronous = Environment {
        network: NetworkKind::Bag,
        timers: Timers::Accurate,
        ..Environment::default()
    };
    let crashes = |crashes, recovery| Environment {
        crashes,
        down_max: crashes,
        recovery,
        ..synchronous.clone()
    };
    let everybody = PARTICIPANTS as u8 + 1;
    vec![
        ("nothing", synchronous.clone()),
        ("one process, for good", crashes(1, false)),
        ("all but one, for good", crashes(everybody - 1, false)),
        (
            "all but one, and come up again",
            crashes(everybody - 1, true),
        ),
        ("all, and come up again", crashes(everybody, true)),
        (
            "the network parts, for good",
            Environment {
                partitions: 1,
                heals: false,
                ..synchronous.clone()
            },
        ),
        (
            "the network parts, and heals",
            Environment {
                partitions: 1,
                ..synchronous
            },
        ),
        (
            "nothing, but timers err and messages arrive twice",
            Environment::default(),
        ),
    ]
}

fn clients(aborts: bool) -> Clients {
    Clients {
        participants: PARTICIPANTS,
        transactions: 1,
        aborts,
        requests: RequestOrder::Orderly,
    }
}

/// Compares a protocol, by what `protocol` makes of it, under the limits of `options`.
pub fn compared<P>(name: &'static str, protocol: impl Fn() -> P, options: &Options<'_>) -> Compared
where
    P: Protocol<Request = Request, Output = Output> + 'static,
    System<P, Clients>: Sync,
    SystemState<P, Clients>: Send + Sync,
    Action<P>: Send,
{
    let environments = environments().into_iter();
    Compared {
        protocol: name,
        committed: cost(protocol(), false),
        aborted: cost(protocol(), true),
        survivals: environments
            .map(|(_, environment)| survival(protocol(), environment, options))
            .collect(),
    }
}

/// Counts a transaction from Begin to the end, in rounds: each delivers all that is in flight when it begins, as on a
/// network whose links are all equally fast.
fn cost<P>(protocol: P, aborts: bool) -> Cost
where
    P: Protocol<Request = Request, Output = Output> + 'static,
{
    let environment = Environment {
        network: NetworkKind::Bag,
        timers: Timers::Never,
        disk: Disk::Atomic,
        ..Environment::default()
    };
    let system = System::new(protocol, clients(aborts), environment);
    let mut state = system
        .init_states()
        .pop()
        .expect("a system has an initial state");
    let mut cost = Cost::default();
    let mut waiting = Vec::new();
    let mut is_decided = false;
    loop {
        let mut actions = Vec::new();
        system.actions(&state, &mut actions);
        let request = actions.iter().copied().find(|action| {
            let wanted = match action {
                Action::Submit(at, request) => {
                    !matches!(**request, Request::Abort(_)) || *at == ProcessId(1)
                }
                _ => false,
            };
            wanted && system.next_state(&state, *action).is_some()
        });
        let in_flight = |action: &Action<P>| matches!(action, Action::Deliver(_));
        let next = match request {
            Some(request) => request,
            None => {
                if waiting.is_empty() {
                    waiting = actions.into_iter().filter(in_flight).collect();
                    waiting.reverse();
                    cost.delays += usize::from(!waiting.is_empty() && !is_decided);
                }
                match waiting.pop() {
                    Some(delivery) => delivery,
                    None => return cost,
                }
            }
        };
        let step = system.explain(&state, &next);
        let (after, events) = step.expect("what is delivered on a bag is gone");
        for event in events {
            match event {
                Event::Sent(_, true) => cost.messages += 1,
                Event::Wrote(_, _, true) => cost.forced += 1,
                Event::Wrote(_, _, false) => cost.lazy += 1,
                _ => {}
            }
        }
        state = after;
        let participants = (1..=PARTICIPANTS).map(ProcessId);
        let told = state.view.transactions.values().next();
        is_decided = told.is_some_and(|told| participants.clone().all(|p| told.has_decided(p)));
    }
}

fn survival<P>(protocol: P, environment: Environment, options: &Options<'_>) -> Option<Survival>
where
    P: Protocol<Request = Request, Output = Output> + 'static,
    System<P, Clients>: Sync,
    SystemState<P, Clients>: Send + Sync,
    Action<P>: Send,
{
    const ATOMIC: &str = "agreement";
    const DECIDES: &str = "whoever has voted Yes and stays up decides";
    let mut fairness: Vec<Fairness<System<P, Clients>>> = vec![
        System::deliveries(),
        Fairness {
            strength: Strength::Strong,
            ..System::timers()
        },
    ];
    if environment.crashes > 0 && environment.recovery {
        fairness.push(System::recoveries());
    }
    if environment.partitions > 0 && environment.heals {
        fairness.push(System::heals());
    }
    let properties = [
        Property::holds(
            ATOMIC,
            Condition::Always(|_, state: &SystemState<P, Clients>| agreement(&state.view)),
        ),
        Property::holds(
            DECIDES,
            Condition::LeadsTo {
                cases: epochs(&environment) * usize::from(PARTICIPANTS),
                trigger: waits,
                goal: |system, state, case| !waits(system, state, case),
            },
        ),
    ];
    let system = System::new(protocol, clients(false), environment);
    let exploration = explore(&system, &properties, &fairness, options);
    let holds = |name| {
        let verdict = exploration.verdict(name);
        verdict.map(|verdict| verdict.answer == Answer::Holds)
    };
    let survival = Survival {
        is_atomic: holds(ATOMIC)?,
        decides: holds(DECIDES)?,
        states: exploration.progress.unique,
    };
    exploration.exhausted().then_some(survival)
}

/// Whether a participant has voted Yes, is up, and has not decided.
fn waits<P>(system: &System<P, Clients>, state: &SystemState<P, Clients>, case: usize) -> bool
where
    P: Protocol<Request = Request, Output = Output> + 'static,
{
    let (transaction, participant) = participant(system.application(), case);
    let is_up = state.processes[participant.index()].state.is_some();
    let told = state.view.transactions.get(&transaction);
    let told = told.filter(|told| told.prepared.contains(participant));
    is_up && told.is_some_and(|told| !told.has_decided(participant))
}

impl Survival {
    /// For people: what it keeps, and what it gives up.
    pub fn words(self) -> &'static str {
        match (self.is_atomic, self.decides) {
            (true, true) => "atomic, decides",
            (true, false) => "atomic, BLOCKS",
            (false, true) => "NOT ATOMIC, decides",
            (false, false) => "NOT ATOMIC, BLOCKS",
        }
    }
}

impl Comparison {
    /// The failures that may happen, each with how the protocols fare.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> + use<'_> {
        self.environments.iter().enumerate().map(|(at, what)| {
            let protocols = self.protocols.iter();
            let words = protocols.map(|compared| match compared.survivals[at] {
                Some(survival) => survival.words(),
                None => "not exhausted",
            });
            (*what, words.collect_vec())
        })
    }

    /// Whether every search visited every state.
    pub fn is_complete(&self) -> bool {
        let mut protocols = self.protocols.iter();
        protocols.all(|compared| compared.survivals.iter().all(Option::is_some))
    }
}
