//! Sketches of protocols, as textbooks print them: a page of code each, checked as it stands against the properties of the protocol
//! that it sketches. Nothing here is a reference.
//!
//! Each sketch is transcribed rule for rule. If the page has two readings, both are here. A call is a request message and a
//! response message: the caller waits for the response, and without one it waits for ever. Nothing is durable.
//!
//! * [`two_phase_commit`]: a coordinator that calls one participant after the other.
//! * [`raft`]: votes without a term, and logs that are replaced.
//! * [`paxos`]: acceptors that compare with one number, and proposers that take any value.

use std::fmt::{self, Debug};
use std::hash::Hash;

use quorate::protocol::{Data, Effects, Input, ProcessId, Protocol, TimerKind, with_timers};
use quorate_checker::check::Claimed;
use quorate_checker::{Property, stateright_properties};
use serde::{Deserialize, Serialize};

pub mod entry;
pub mod parameters;
pub mod paxos;
pub mod raft;
pub mod two_phase_commit;

use crate::system::{Application, System};
use parameters::Parameters;

/// A sketch of a protocol. Its processes have no disks: a crash erases their state.
pub trait Sketch: Sized {
    /// What a process knows.
    type State: Clone + Debug + Eq + Hash;
    /// What processes send each other: a call, or its answer.
    type Message: Data;
    /// What a process sets timers for.
    type Timer: Data;
    /// What the application asks of a process.
    type Request: Data;
    /// What a process tells the application.
    type Output: Data;

    /// The number of processes.
    fn processes(&self) -> u16;

    /// The process's name for people.
    fn name(&self, process: ProcessId) -> String;

    /// What a process knows at its start of this number, from 1.
    fn initial(&self, me: ProcessId, start: u8) -> Self::State;

    /// A message arrives.
    fn receive(
        &self,
        me: ProcessId,
        state: &mut Self::State,
        from: ProcessId,
        message: Self::Message,
        effects: &mut dyn Effects<Volatile<Self>>,
    );

    /// The application asks for something.
    fn submit(
        &self,
        me: ProcessId,
        state: &mut Self::State,
        request: Self::Request,
        effects: &mut dyn Effects<Volatile<Self>>,
    );

    /// A timer has fired.
    fn timeout(
        &self,
        me: ProcessId,
        state: &mut Self::State,
        timer: Self::Timer,
        effects: &mut dyn Effects<Volatile<Self>>,
    );

    /// The timers that are set in `state`.
    fn timers(&self, state: &Self::State) -> Vec<Self::Timer>;
}

/// A sketch as a [`Protocol`]. A crash erases all that a process knows. What is durable is only the number of its starts: with
/// it a process tells responses to calls of its own from responses to calls before a crash, as a connection would.
#[derive(Clone, Copy, Debug)]
pub struct Volatile<S>(pub S);

/// The state of a process that is up.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Up<T> {
    /// How often the process has started.
    pub starts: u8,
    /// What it knows.
    pub knows: T,
}

impl<T: Debug> Debug for Up<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.knows.fmt(f)
    }
}

/// A call, among all of its process: the start, and the number of the call since then. A response echoes it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct CallId {
    /// The number of the caller's start, from 1.
    pub start: u8,
    /// The number of the call since then, from 1.
    pub number: u8,
}

/// A process has started: the only record.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Started;

impl<S: Sketch> Protocol for Volatile<S> {
    type State = Up<S::State>;
    type Message = S::Message;
    type Timer = S::Timer;
    type Record = Started;
    /// The number of starts.
    type Durable = u8;
    type Request = S::Request;
    type Output = S::Output;

    fn processes(&self) -> usize {
        self.0.processes().into()
    }

    fn name(&self, process: ProcessId) -> String {
        self.0.name(process)
    }

    fn initial(&self, me: ProcessId) -> Up<S::State> {
        Up {
            starts: 0,
            knows: self.0.initial(me, 0),
        }
    }

    fn step(
        &self,
        me: ProcessId,
        state: &mut Up<S::State>,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        let timers = |state: &Up<S::State>| self.0.timers(&state.knows);
        with_timers(state, timers, input, effects, |state, input, effects| {
            let Up { starts, knows } = state;
            match input {
                Input::Start(earlier) => {
                    *starts = earlier.saturating_add(1);
                    *knows = self.0.initial(me, *starts);
                    effects.persist(Started);
                }
                Input::Receive { from, message } => {
                    self.0.receive(me, knows, from, message, effects);
                }
                Input::Timeout(timer) => self.0.timeout(me, knows, timer, effects),
                Input::Submit(request) => self.0.submit(me, knows, request, effects),
                Input::Durable(_) => {}
            }
        });
    }

    fn timers(&self, state: &Up<S::State>) -> Vec<S::Timer> {
        self.0.timers(&state.knows)
    }

    fn timer_kind(&self, _: &Up<S::State>, _: &S::Timer) -> TimerKind {
        TimerKind::Plain
    }

    fn apply(starts: &mut u8, _: &Started) {
        *starts = starts.saturating_add(1);
    }

    fn records(starts: &u8) -> Vec<Started> {
        vec![Started; usize::from(*starts)]
    }

    fn sums_up(_: &Started) -> bool {
        false
    }

    fn durable(&self, state: &Up<S::State>) -> u8 {
        state.starts
    }
}

/// A sketch's processes in an environment, with the claims, and what is expected of each. Fair runs deliver each message that is
/// not lost, and recover each process that may recover.
fn claimed<S, A>(
    parameters: &Parameters,
    sketch: S,
    application: A,
    properties: Vec<Property<System<Volatile<S>, A>>>,
) -> Claimed<System<Volatile<S>, A>>
where
    S: Sketch + 'static,
    A: Application<Volatile<S>> + 'static,
{
    let properties = properties.into_iter().map(|property| Property {
        expected: !parameters.breaks.contains(&property.name),
        ..property
    });
    let properties: Vec<_> = properties.collect();
    let environment = &parameters.environment;
    let recovers = environment.crashes > 0 && environment.recovery;
    let mut fairness = vec![System::deliveries()];
    fairness.extend(recovers.then(System::recoveries));
    let mut model = System::new(Volatile(sketch), application, environment.clone());
    model.properties = stateright_properties(&properties);
    Claimed {
        model,
        properties,
        fairness,
    }
}
