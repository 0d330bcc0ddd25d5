//! Processes in an environment: a `stateright::Model` of any [`Protocol`].
//!
//! A [`System`]'s state is, per process, what it knows or that it is down, what its disk holds and which
//! records are pending; the network; what the application has asked and been told; and the used-up
//! budgets of faults. Timers are read off the states of processes. Everything that an environment can do
//! is an [`Action`], and every bound is a guard on an action: what can happen is explored, what
//! cannot is never generated.
//!
//! *Changes nothing* is defined here and only here: an action whose next state equals the state is no
//! step ([`Model::next_state`] returns `None`).

use std::collections::VecDeque;
use std::fmt::{self, Debug};
use std::hash::Hash;
use std::sync::Arc;

use derive_where::derive_where;
use quorate::protocol::{Effect, Effects, HoldBack, Input, ProcessId, Protocol, Release};
use stateright::{Model, Path, Property};

mod diagram;
mod environment;
mod journal;
mod network;
mod state;
#[cfg(debug_assertions)]
mod timers;

pub use environment::{Disk, Environment, EnvironmentFlags, Timers};
pub use journal::{Event, Journal};
pub use network::{Envelope, Network, NetworkKind};
pub use state::{Process, SystemState};
#[cfg(debug_assertions)]
use timers::TimersRunning;

/// The application above the processes: what it may ask, and what it remembers of what it was told.
///
/// Its view is the history over which claims are stated. Processes' crashes do not erase it.
pub trait Application<P: Protocol> {
    /// What the application has asked and been told: canonical, so that being told again changes
    /// nothing.
    type View: Clone + Debug + Eq + Hash;

    /// The view at the beginning.
    fn initial(&self) -> Self::View;

    /// What may be asked now, and of whom, in a fixed order.
    fn requests(&self, view: &Self::View, requests: &mut Vec<(ProcessId, P::Request)>);

    /// The view after a request has been submitted, or nothing if it stays as it is.
    fn submitted(
        &self,
        view: &Self::View,
        process: ProcessId,
        request: &P::Request,
    ) -> Option<Self::View>;

    /// The view after a process has released an output, or nothing if it stays as it is.
    fn told(&self, view: &Self::View, process: ProcessId, output: &P::Output)
    -> Option<Self::View>;
}

/// A protocol's processes in an environment, with an application above them.
pub struct System<P: Protocol, A: Application<P>> {
    /// The protocol.
    pub protocol: P,
    /// The application.
    pub application: A,
    /// The assumptions.
    pub environment: Environment,
    /// What Stateright's checkers and Explorer evaluate.
    pub properties: Vec<Property<Self>>,
}

/// The state that a step leads to, and what happened on the way.
pub type Step<P, A> = (SystemState<P, A>, Vec<Event<P>>);

/// What can happen in a [`System`].
#[derive_where(Clone, Debug, Eq, PartialEq)]
pub enum Action<P: Protocol> {
    /// A process receives a message.
    Deliver(Envelope<P::Message>),
    /// A message is lost for ever.
    Drop(Envelope<P::Message>),
    /// A timer fires.
    Timeout(ProcessId, P::Timer),
    /// The application asks for something.
    Submit(ProcessId, P::Request),
    /// A process's oldest pending record becomes durable.
    Flush(ProcessId),
    /// A process goes down, and takes these messages of its own along.
    Crash(ProcessId, Vec<Envelope<P::Message>>),
    /// A process comes up again with what its disk holds.
    Recover(ProcessId),
}

impl<P: Protocol, A: Application<P>> System<P, A> {
    /// The processes' names, by id.
    pub fn names(&self) -> Vec<String> {
        let count = u16::try_from(self.protocol.processes()).expect("ids are 16 bits");
        (0..count)
            .map(|id| self.protocol.name(ProcessId(id)))
            .collect()
    }

    fn initial(&self, journal: &mut Journal<P>) -> SystemState<P, A> {
        let blank = Arc::new(Process {
            state: None,
            durable: Arc::default(),
            hold_back: HoldBack::new(),
        });
        let mut state = SystemState {
            processes: vec![blank; self.protocol.processes()],
            network: Arc::default(),
            view: Arc::new(self.application.initial()),
            crashes: 0,
            drops: 0,
        };
        for id in (0..).map(ProcessId).take(self.protocol.processes()) {
            self.start(&mut state, id, journal);
        }
        state
    }

    /// Whether a process that is up takes inputs, or first needs a flush.
    fn takes_input(&self, process: &Process<P>) -> bool {
        process.state.is_some()
            && process.hold_back.len() < usize::from(self.environment.pending_max)
    }

    /// The state after an action that is enabled, and in the journal what happened on the way.
    fn after(
        &self,
        state: &SystemState<P, A>,
        action: &Action<P>,
        journal: &mut Journal<P>,
    ) -> SystemState<P, A> {
        let mut next = state.clone();
        match action {
            Action::Deliver(envelope) => {
                if self.environment.network != NetworkKind::Set {
                    Arc::make_mut(&mut next.network).remove(envelope);
                }
                let input = Input::Receive {
                    from: envelope.from,
                    message: envelope.message.clone(),
                };
                self.input(&mut next, envelope.to, input, journal);
            }
            Action::Drop(envelope) => {
                Arc::make_mut(&mut next.network).remove(envelope);
                next.drops += 1;
            }
            Action::Timeout(process, timer) => {
                self.input(&mut next, *process, Input::Timeout(timer.clone()), journal);
            }
            Action::Submit(process, request) => {
                if let Some(view) = self.application.submitted(&next.view, *process, request) {
                    next.view = Arc::new(view);
                }
                self.input(&mut next, *process, Input::Submit(request.clone()), journal);
            }
            Action::Flush(process) => {
                for position in self.flush(&mut next, *process, 1, journal) {
                    self.input(&mut next, *process, Input::Durable(position), journal);
                }
            }
            Action::Crash(process, lost) => {
                Arc::make_mut(&mut next.network).remove_last(lost);
                let id = *process;
                let process = Arc::make_mut(&mut next.processes[id.index()]);
                process.state = None;
                for pending in std::mem::take(&mut process.hold_back).pending() {
                    journal.note(Event::Lost(id, pending.record.clone()));
                }
                next.crashes += 1;
            }
            Action::Recover(process) => self.start(&mut next, *process, journal),
        }
        next
    }

    fn start(&self, next: &mut SystemState<P, A>, id: ProcessId, journal: &mut Journal<P>) {
        let process = Arc::make_mut(&mut next.processes[id.index()]);
        process.state = Some(self.protocol.initial(id));
        let durable = P::Durable::clone(&process.durable);
        self.input(next, id, Input::Start(durable), journal);
    }

    /// Steps one process, and lets happen what its hold-back queue allows. Reports of durability are
    /// inputs of their own: each is stepped when everything of the step before it is done.
    fn input(
        &self,
        next: &mut SystemState<P, A>,
        id: ProcessId,
        input: Input<P>,
        journal: &mut Journal<P>,
    ) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let reports = self.step(next, id, input, journal);
            inputs.extend(reports.into_iter().map(Input::Durable));
        }
    }

    /// Takes one step of one process. Returns the positions to be reported durable.
    fn step(
        &self,
        next: &mut SystemState<P, A>,
        id: ProcessId,
        input: Input<P>,
        journal: &mut Journal<P>,
    ) -> Vec<u64> {
        let process = &next.processes[id.index()];
        let knew = process.state.as_ref().expect("a live process");
        let mut knows = knew.clone();
        let mut effects = Effects::new();
        #[cfg(debug_assertions)]
        let running = TimersRunning::before(&self.protocol, knew, &input);
        self.protocol.step(id, &mut knows, input, &mut effects);
        #[cfg(debug_assertions)]
        running.assert_after(&self.protocol, &knows, &effects);

        let mut hold_back = process.hold_back.clone();
        let mut releases = Vec::new();
        for effect in effects.take() {
            journal.effect(id, &effect);
            if !self.waits_already(&hold_back, &effect) {
                releases.extend(hold_back.push(effect));
            }
        }
        let pending = hold_back.len();
        // A process that stays as it is stays shared between the states.
        if knows != *knew || hold_back != process.hold_back {
            next.processes[id.index()] = Arc::new(Process {
                state: Some(knows),
                durable: process.durable.clone(),
                hold_back,
            });
        }
        let release = |release| self.release(next, id, release, journal);
        let mut reports: Vec<u64> = releases.into_iter().filter_map(release).collect();
        if self.environment.disk == Disk::Atomic {
            reports.extend(self.flush(next, id, pending, journal));
        }
        reports
    }

    /// Whether an equal output waits, so that one more would change nothing; or so many equal sends that
    /// one more would be lost when it is released: on a bag or FIFO those that are released together
    /// with it, for a copy released earlier may be delivered before; on a set any.
    fn waits_already(&self, hold_back: &HoldBack<P>, effect: &Effect<P>) -> bool {
        let pending = hold_back.pending();
        match effect {
            Effect::Send { to, message } => {
                let is_equal = |release: &&Release<P>| {
                    matches!(release, Release::Send { to: other, message: waiting }
                        if other == to && waiting == message)
                };
                let mut forced = pending.filter(|pending| pending.forced);
                if self.environment.network == NetworkKind::Set {
                    return forced.any(|pending| pending.releases.iter().any(|r| is_equal(&r)));
                }
                forced.last().is_some_and(|pending| {
                    let waiting = pending.releases.iter().filter(is_equal).count();
                    waiting >= usize::from(self.environment.copies_max)
                })
            }
            Effect::Emit(output) => {
                let mut waiting = pending.flat_map(|pending| &pending.releases);
                waiting.any(|release| matches!(release, Release::Emit(other) if other == output))
            }
            _ => false,
        }
    }

    /// Makes the oldest pending records durable. Returns the positions to be reported durable.
    fn flush(
        &self,
        next: &mut SystemState<P, A>,
        id: ProcessId,
        count: usize,
        journal: &mut Journal<P>,
    ) -> Vec<u64> {
        let mut reports = Vec::new();
        if count == 0 {
            return reports;
        }
        let process = Arc::make_mut(&mut next.processes[id.index()]);
        let flushed: Vec<_> = process.hold_back.durable(count).collect();
        for pending in flushed {
            let process = Arc::make_mut(&mut next.processes[id.index()]);
            P::apply(Arc::make_mut(&mut process.durable), &pending.record);
            journal.note(Event::Durable(id, pending.record));
            for release in pending.releases {
                reports.extend(self.release(next, id, release, journal));
            }
        }
        reports
    }

    /// Carries out a release; a report of durability is the caller's to make, when all else is done.
    fn release(
        &self,
        next: &mut SystemState<P, A>,
        from: ProcessId,
        release: Release<P>,
        journal: &mut Journal<P>,
    ) -> Option<u64> {
        match release {
            Release::Send { to, message } => {
                let envelope = Envelope { from, to, message };
                let full = next.network.is_full(&envelope, self.environment.copies_max);
                journal.note(Event::Sent(envelope.clone(), !full));
                if !full {
                    Arc::make_mut(&mut next.network).send(self.environment.network, envelope);
                }
                None
            }
            Release::Emit(output) => {
                journal.note(Event::Told(from, output.clone()));
                if let Some(view) = self.application.told(&next.view, from, &output) {
                    next.view = Arc::new(view);
                }
                None
            }
            Release::Durable(position) => Some(position),
        }
    }

    /// The next state and what happened on the way, or nothing if the action changes nothing.
    pub fn explain(&self, state: &SystemState<P, A>, action: &Action<P>) -> Option<Step<P, A>> {
        let mut journal = Journal::recording();
        let next = self.after(state, action, &mut journal);
        (next != *state).then(|| (next, journal.into_events()))
    }
}

impl<P: Protocol, A: Application<P>> Model for System<P, A> {
    type State = SystemState<P, A>;
    type Action = Action<P>;

    fn init_states(&self) -> Vec<Self::State> {
        vec![self.initial(&mut Journal::off())]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        let environment = &self.environment;
        let mut requests = Vec::new();
        self.application.requests(&state.view, &mut requests);
        for (process, request) in requests {
            if self.takes_input(&state.processes[process.index()]) {
                actions.push(Action::Submit(process, request));
            }
        }
        for envelope in state.network.deliverable(environment.network) {
            if self.takes_input(&state.processes[envelope.to.index()]) {
                actions.push(Action::Deliver(envelope.clone()));
            }
        }
        for (id, process) in state.processes() {
            if !process.hold_back.is_empty() {
                actions.push(Action::Flush(id));
            }
        }
        if environment.timers == Timers::Asynchronous {
            for (id, process) in state.processes() {
                if let (Some(knows), true) = (&process.state, self.takes_input(process)) {
                    let timers = self.protocol.timers(knows);
                    actions.extend(timers.into_iter().map(|timer| Action::Timeout(id, timer)));
                }
            }
        }
        if state.drops < environment.drops {
            for envelope in state.network.deliverable(environment.network) {
                actions.push(Action::Drop(envelope.clone()));
            }
        }
        let may_crash =
            state.crashes < environment.crashes && state.down() < usize::from(environment.down_max);
        for (id, process) in state.processes() {
            match process.state {
                Some(_) if may_crash => {
                    for part in state.network.parts(environment.network, id) {
                        actions.push(Action::Crash(id, part));
                    }
                }
                None if environment.recovery => actions.push(Action::Recover(id)),
                _ => {}
            }
        }
    }

    fn next_state(&self, state: &Self::State, action: Self::Action) -> Option<Self::State> {
        let next = self.after(state, &action, &mut Journal::off());
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        self.properties.clone()
    }

    fn format_action(&self, action: &Self::Action) -> String {
        self.sentence(action)
    }

    fn format_step(&self, state: &Self::State, action: Self::Action) -> Option<String> {
        let (next, events) = self.explain(state, &action)?;
        Some(self.describe(&events, &next))
    }

    fn as_svg(&self, path: Path<Self::State, Self::Action>) -> Option<String> {
        Some(self.sequence_diagram(path))
    }
}

impl<P: Protocol, A: Application<P>> Debug for System<P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System")
            .field("processes", &self.names())
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}
