//! Protocols of atomic commit side by side: which failures they survive.

use quorate::atomic_commit::{Output, Request};
use quorate::protocol::Protocol;
use quorate_checker::report::{AddedTable, Cell, json_line};
use quorate_checker::{Answer, Condition, Fairness, Options, Property, Strength, explore};
use serde::Serialize;

use super::agreement;
use super::application::Clients;
use super::cases::{epochs, participant};
use super::cost::{PARTICIPANTS, clients};
use crate::system::{Action, Environment, NetworkKind, System, SystemState, Timers};

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
        survivals: environments
            .map(|(_, environment)| survival(protocol(), environment, options))
            .collect(),
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
    let is_up = state.processes[participant.index()].is_up();
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
    /// As it is told beside the checks of a protocol.
    pub fn table(&self) -> AddedTable {
        let names = self.protocols.iter().map(|compared| compared.protocol);
        let rows = self.environments.iter().enumerate().map(|(at, what)| {
            let protocols = self.protocols.iter();
            let fares = protocols.map(|compared| match compared.survivals[at] {
                Some(survival) => survival.words(),
                None => "not exhausted",
            });
            let words = std::iter::once(*what).chain(fares);
            words.map(|words| Cell::Words(words.to_owned())).collect()
        });
        let participants = self.participants;
        AddedTable {
            heading: format!(
                "what is survived, with {participants} participants, messages that arrive once and timers that are \
                 accurate, unless it says otherwise: is it atomic, and does whoever has voted Yes and is up in the end \
                 decide?"
            ),
            columns: std::iter::once("what fails").chain(names).collect(),
            rows: rows.collect(),
            footing: None,
            objects: vec![json_line(self)],
            is_complete: self.is_complete(),
        }
    }

    /// Whether every search visited every state.
    pub fn is_complete(&self) -> bool {
        let mut protocols = self.protocols.iter();
        protocols.all(|compared| compared.survivals.iter().all(Option::is_some))
    }
}
