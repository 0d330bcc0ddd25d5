//! Processes in an environment: a `stateright::Model` of any [`Protocol`].
//!
//! A [`System`]'s state is, per process, what it knows or that it is down, what its disk holds and which
//! records are pending; the network, and where it is cut; what the application has asked and been told; and the
//! used-up budgets of faults. Timers are read off the states of processes. Everything that an environment can do
//! is an [`Action`], and every bound is a guard on an action: what can happen is explored, what
//! cannot is never generated.
//!
//! *Changes nothing* is defined here and only here: an action whose next state equals the state is no
//! step ([`Model::next_state`] returns `None`).
//!
//! A state is made of parts: [processes](Process), what each has in flight ([`Outbox`]), the application's
//! view. An action changes a few of them, and what becomes of a part depends on it alone: so it is worked out
//! once, by the protocol's own code, and then remembered.
//!
//! Messages that can change nothing any more may be left out: `forgetting` says when that is right, and checks it.

use std::fmt::{self, Debug};
use std::hash::Hash;

use derive_where::derive_where;
use quorate::protocol::{ProcessId, Protocol};
use stateright::{Model, Path, Property};

mod diagram;
mod environment;
mod fairness;
mod forgetting;
mod interned;
mod journal;
mod memory;
mod network;
mod process;
mod process_set;
mod state;
mod time;
mod timers;
mod view;

pub use diagram::sequence_diagram;
pub use environment::{Campaigns, Disk, Environment, EnvironmentFlags, FullLinks, Timers};
pub use forgetting::{Asked, Fault, Knowledge, Violation};
pub use interned::{Interned, Interner, Memo};
pub use journal::{Event, Journal};
use memory::Memory;
use network::Traffic;
pub use network::{Envelope, Envelopes, Network, NetworkKind, Outbox, Sending};
use process::Happening;
pub use process::{InternedProcess, Process};
pub use process_set::ProcessSet;
use state::Change;
pub use state::SystemState;
pub use view::InternedView;
use view::News;

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

    /// Whether a process that has campaigned has won: asked where campaigns are over at once.
    fn has_won(&self, _knows: &P::State) -> bool {
        true
    }

    /// Whether messages are forgotten: those that are [lost](Application::is_lost), and those that are
    /// [spent](System::is_spent).
    fn forgets(&self) -> bool {
        false
    }

    /// Whether the network always loses such a message: a bound of the model, where it is about what happens without.
    fn is_lost(&self, _envelope: &Envelope<P::Message>) -> bool {
        false
    }

    /// By how many rules messages are spent. A message is spent if for one of them, by its number from 0, all three
    /// conditions are true: [on its sender](Application::is_past_for_sender), [on its
    /// receiver](Application::is_past_for_receiver) and [on the view](Application::is_past_for_view).
    ///
    /// A spent message can change nothing any more, whatever happens: neither its receiver nor anybody who would be
    /// answered, now or after a crash. That is [checked](System::check_forgetting) at the end of a search.
    fn spent_rules(&self) -> usize {
        0
    }

    /// The condition of a rule on a message's sender: true for good, once it is true of a process and a message that was
    /// sent.
    fn is_past_for_sender(
        &self,
        _rule: usize,
        _envelope: &Envelope<P::Message>,
        _sender: Knowledge<'_, P>,
    ) -> bool {
        false
    }

    /// The condition of a rule on a message's receiver: true for good, once it is true of a process and a message that was
    /// sent.
    fn is_past_for_receiver(
        &self,
        _rule: usize,
        _envelope: &Envelope<P::Message>,
        _receiver: Knowledge<'_, P>,
    ) -> bool {
        false
    }

    /// Whether any rule has a condition on the view.
    const SPENDS_BY_VIEW: bool = false;

    /// The condition of a rule on the view, true for good once it is true: where processes forget what they were asked, the
    /// view tells whether they will be asked again.
    fn is_past_for_view(
        &self,
        _rule: usize,
        _envelope: &Envelope<P::Message>,
        _view: &Self::View,
    ) -> bool {
        true
    }

    /// Messages that are asked about as if they had been sent, besides those that were: where states are taken for one that
    /// differ in numbers only, the messages that were sent, with other numbers.
    fn with_other_numbers(
        &self,
        _sent: &[Interned<Envelope<P::Message>>],
    ) -> Vec<Envelope<P::Message>> {
        Vec::new()
    }

    /// Whether a timer that is set may fire: a bound of the model, where what processes number would grow without
    /// end.
    fn permits(&self, _process: ProcessId, _knows: &P::State, _timer: &P::Timer) -> bool {
        true
    }

    /// Whether a timer that is set, and may fire by [`Application::permits`], may not fire in this state: a bound of the
    /// model on what processes do together.
    fn withholds(
        &self,
        _environment: &Environment,
        _state: &SystemState<P, Self>,
        _process: ProcessId,
        _timer: &P::Timer,
    ) -> bool
    where
        Self: Sized + 'static,
        P: 'static,
    {
        false
    }
}

/// A protocol's processes in an environment, with an application above them.
pub struct System<P: Protocol + 'static, A: Application<P> + 'static> {
    protocol: P,
    application: A,
    environment: Environment,
    memory: Memory<P, A>,
    /// Whether spent messages stay in flight, so that they can be asked about.
    keeps_spent: bool,
    /// What Stateright's checkers and Explorer evaluate.
    pub properties: Vec<Property<Self>>,
}

/// The state that a step leads to, and what happened on the way.
pub type Step<P, A> = (SystemState<P, A>, Vec<Event<P>>);

/// What can happen in a [`System`].
#[derive_where(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action<P: Protocol + 'static> {
    /// A process receives a message.
    Deliver(Interned<Envelope<P::Message>>),
    /// A message is lost for ever.
    Drop(Interned<Envelope<P::Message>>),
    /// A timer fires.
    Timeout(ProcessId, Interned<P::Timer>),
    /// A timer fires that begins a campaign. What its process then asks of these is answered at once, what it asks of
    /// others is lost, and it wins.
    Campaign(ProcessId, Interned<P::Timer>, ProcessSet),
    /// The application asks for something.
    Submit(ProcessId, Interned<P::Request>),
    /// A process's oldest pending record becomes durable.
    Flush(ProcessId),
    /// A process goes down, and takes these messages of its own along.
    Crash(ProcessId, Envelopes<P::Message>),
    /// A process comes up again with what its disk holds.
    Recover(ProcessId),
    /// The network is cut between these and the others. Process 0 is among the others, so that each cut has one
    /// form.
    Partition(ProcessSet),
    /// The cut is healed.
    Heal,
    /// Faults come to an end, and timers become accurate.
    Stabilise,
}

impl<P: Protocol + 'static, A: Application<P> + 'static> System<P, A> {
    /// The processes of a protocol in an environment, with an application above them, and no properties.
    pub fn new(protocol: P, application: A, environment: Environment) -> Self {
        Self {
            protocol,
            application,
            environment,
            memory: Memory::default(),
            keeps_spent: false,
            properties: Vec::new(),
        }
    }

    /// The protocol.
    pub fn protocol(&self) -> &P {
        &self.protocol
    }

    /// The application.
    pub fn application(&self) -> &A {
        &self.application
    }

    /// The assumptions.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The processes' names, by id.
    pub fn names(&self) -> Vec<String> {
        self.ids().map(|id| self.protocol.name(id)).collect()
    }

    fn ids(&self) -> impl Iterator<Item = ProcessId> + use<P, A> {
        let count = u16::try_from(self.protocol.processes()).expect("ids are 16 bits");
        (0..count).map(ProcessId)
    }

    /// Whether each process that crashed now would find, when it recovers, what it believes durable; but for
    /// what is still being written.
    pub fn recovery_reads_back(&self, state: &SystemState<P, A>) -> bool {
        let mut processes = state.processes.iter();
        processes.all(|process| self.own_process(*process).memo().reads_back)
    }

    fn initial(&self, journal: &mut Journal<P>) -> SystemState<P, A> {
        let blank = SystemState {
            processes: self
                .ids()
                .map(|id| self.intern_process(Process::blank(id)))
                .collect(),
            network: Network {
                outboxes: self
                    .ids()
                    .map(|_| self.intern_outbox(Outbox::default()))
                    .collect(),
            },
            view: self.intern_view(self.application.initial()),
            crashes: 0,
            drops: 0,
            partitions: 0,
            cut: ProcessSet::default(),
            stable: false,
            campaigned: None,
        };
        let mut change = Change::of(&blank);
        for id in self.ids() {
            self.happens(&mut change, id, Happening::Start, journal);
        }
        change.into_next().unwrap_or(blank)
    }

    /// Whether something that may happen in a state is held up, because a link that it needs is full.
    pub fn is_held_up(&self, state: &SystemState<P, A>) -> bool {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        let mut nexts = actions.iter().filter_map(|action| {
            let mut journal = Journal::off();
            self.wherever(state, action, &mut journal)
        });
        nexts.any(|next| self.overflows(&next))
    }

    /// The state after an action that is enabled, or nothing if it changes nothing, or is held up; and in the
    /// journal what happened on the way.
    fn after(
        &self,
        state: &SystemState<P, A>,
        action: &Action<P>,
        journal: &mut Journal<P>,
    ) -> Option<SystemState<P, A>> {
        let next = self.wherever(state, action, journal)?;
        (!self.overflows(&next)).then_some(next)
    }

    /// The state after an action that is enabled, or nothing if it changes nothing; however full links are then.
    fn wherever(
        &self,
        state: &SystemState<P, A>,
        action: &Action<P>,
        journal: &mut Journal<P>,
    ) -> Option<SystemState<P, A>> {
        let mut change = Change::of(state);
        match *action {
            Action::Deliver(envelope) => {
                if self.environment.network != NetworkKind::Set {
                    self.travels(&mut change, envelope.from, Traffic::Remove(envelope));
                }
                let happening = Happening::Receive(envelope);
                self.happens(&mut change, envelope.to, happening, journal);
            }
            Action::Drop(envelope) => {
                self.travels(&mut change, envelope.from, Traffic::Remove(envelope));
                change.next().drops += 1;
            }
            Action::Timeout(id, timer) => {
                self.note_campaign(&mut change, id, timer);
                self.happens(&mut change, id, Happening::Timeout(timer), journal);
            }
            Action::Campaign(id, timer, with) => {
                change = self.campaign(state, (id, timer), with, journal)?;
            }
            Action::Submit(id, request) => {
                let view = self.view_after(change.now().view, News::Submitted(id, request));
                change.set_view(view);
                self.happens(&mut change, id, Happening::Submit(request), journal);
            }
            Action::Flush(id) => self.happens(&mut change, id, Happening::Flush, journal),
            Action::Crash(id, lost) => {
                self.travels(&mut change, id, Traffic::TakeAlong(lost));
                self.happens(&mut change, id, Happening::Crash, journal);
                change.next().crashes += 1;
            }
            Action::Recover(id) => self.happens(&mut change, id, Happening::Start, journal),
            Action::Partition(cut) => {
                change.next().cut = cut;
                change.next().partitions += 1;
                journal.note(vec![Event::Partitioned(cut)]);
            }
            Action::Heal => Self::heal(&mut change, journal),
            Action::Stabilise => {
                Self::heal(&mut change, journal);
                change.next().stable = true;
                journal.note(vec![Event::Stabilised]);
            }
        }
        if self.application.forgets() {
            self.forget(&mut change);
        }
        change.into_next()
    }

    /// Whether a link has more messages than it takes: then what led there is held up.
    fn overflows(&self, state: &SystemState<P, A>) -> bool {
        let link_max = self.environment.link_max;
        let mut outboxes = state.network.outboxes.iter();
        self.environment.full_links == FullLinks::HoldUp
            && outboxes.any(|outbox| outbox.overflows(link_max))
    }

    /// A campaign that is over at once, and won. Its process may have campaigned in vain before, and nobody has heard.
    fn campaign<'a>(
        &self,
        state: &'a SystemState<P, A>,
        (id, timer): (ProcessId, Interned<P::Timer>),
        with: ProcessSet,
        journal: &mut Journal<P>,
    ) -> Option<Change<'a, P, A>> {
        let mut before = Change::of(state);
        loop {
            let knows = |change: &Change<'_, P, A>| {
                let process = change.now().processes[id.index()];
                process.state().cloned().expect("who campaigns is up")
            };
            let mut tried = journal.fresh();
            let mut change = before.clone();
            let asked = self.says(&mut change, id, Happening::Timeout(timer), &mut tried);
            for &request in &asked {
                self.travels(&mut change, id, Traffic::Remove(request));
            }
            let in_vain = change.clone();
            for request in asked {
                let is_answered = with.contains(request.to);
                let exchanged = Event::Exchanged(Envelope::clone(&request), is_answered);
                tried.note(vec![exchanged]);
                if is_answered {
                    self.answer(&mut change, request, &mut tried);
                }
            }
            if self.application.has_won(&knows(&change)) {
                journal.note(tried.into_events());
                return Some(change);
            }
            if !self.application.permits(id, &knows(&in_vain), &timer) {
                return None;
            }
            before = in_vain;
        }
    }

    /// A request is answered, and the answer arrives.
    fn answer(
        &self,
        change: &mut Change<'_, P, A>,
        request: Interned<Envelope<P::Message>>,
        journal: &mut Journal<P>,
    ) {
        let answers = self.says(change, request.to, Happening::Receive(request), journal);
        let to_it = |answer: &Interned<Envelope<P::Message>>| answer.to == request.from;
        for answer in answers.into_iter().filter(to_it) {
            self.travels(change, request.to, Traffic::Remove(answer));
            journal.note(vec![Event::Exchanged(Envelope::clone(&answer), true)]);
            self.happens(change, request.from, Happening::Receive(answer), journal);
        }
    }

    /// Something happens to a process, and its disk has time. Returns what it says in consequence that is not in flight
    /// already.
    fn says(
        &self,
        change: &mut Change<'_, P, A>,
        id: ProcessId,
        happening: Happening<P>,
        journal: &mut Journal<P>,
    ) -> Vec<Interned<Envelope<P::Message>>> {
        let in_flight = |change: &Change<'_, P, A>| change.now().network.outboxes[id.index()];
        let before = in_flight(change);
        self.happens(change, id, happening, journal);
        while change.now().processes[id.index()].pending_len() > 0 {
            self.happens(change, id, Happening::Flush, journal);
        }
        in_flight(change).beyond(&before)
    }

    /// Takes out the messages that are always lost, and those that can change nothing any more.
    fn forget(&self, change: &mut Change<'_, P, A>) {
        for sender in self.ids() {
            let state = change.now();
            let is_out = |envelope: &Envelope<P::Message>| {
                self.application.is_lost(envelope)
                    || !self.keeps_spent && self.is_spent(state, envelope)
            };
            if let Some(left) = state.network.outboxes[sender.index()].without(is_out) {
                change.set_outbox(sender, self.intern_outbox(left));
            }
        }
    }

    /// A cut, if there is one, comes to an end.
    fn heal(change: &mut Change<'_, P, A>, journal: &mut Journal<P>) {
        if !change.now().cut.is_empty() {
            change.next().cut = ProcessSet::default();
            journal.note(vec![Event::Healed]);
        }
    }

    /// Something happens to a process; what it says in consequence reaches the network and the application.
    fn happens(
        &self,
        change: &mut Change<'_, P, A>,
        id: ProcessId,
        happening: Happening<P>,
        journal: &mut Journal<P>,
    ) {
        let process = change.now().processes[id.index()];
        if journal.is_recording() {
            let (process, mut events) = process.after(happening, &self.protocol, &self.environment);
            change.set_process(self.intern_process(process));
            self.heard(change, id, &mut events);
            journal.note(events);
            return;
        }
        let outcome = self.outcome(process, happening);
        change.set_process(outcome.process);
        if let Some(envelopes) = outcome.sent {
            self.travels(change, id, Traffic::Send(envelopes));
        }
        if let Some(outputs) = outcome.told {
            change.set_view(self.view_after(change.now().view, News::Told(id, outputs)));
        }
    }

    /// Something happens to what a process has in flight.
    fn travels(
        &self,
        change: &mut Change<'_, P, A>,
        from: ProcessId,
        traffic: Traffic<P::Message>,
    ) {
        let outbox = change.now().network.outboxes[from.index()];
        change.set_outbox(from, self.outbox_after(outbox, traffic));
    }

    /// What [`happens`](Self::happens) next, told in events: which messages went out is noted in them.
    fn heard(&self, change: &mut Change<'_, P, A>, id: ProcessId, events: &mut Vec<Event<P>>) {
        let mut outbox = Outbox::clone(&change.now().network.outboxes[id.index()]);
        let mut noted = Vec::with_capacity(events.len());
        for mut event in events.drain(..) {
            let mut pushed_out = None;
            if let Event::Sent(envelope, went_out) = &mut event {
                let envelope = self.intern_envelope(envelope.clone());
                match outbox.send(&self.environment, envelope) {
                    Sending::WentOut => {}
                    Sending::Lost => *went_out = false,
                    Sending::PushedOut(oldest) => pushed_out = Some(Envelope::clone(&oldest)),
                }
            }
            noted.extend(pushed_out.map(Event::PushedOut));
            noted.push(event);
        }
        *events = noted;
        let outputs = events.iter().filter_map(|event| match event {
            Event::Told(_, output) => Some(output),
            _ => None,
        });
        change.set_outbox(id, self.intern_outbox(outbox));
        let view = view::told(&self.application, &change.now().view, id, outputs);
        change.set_view(self.intern_view(view));
    }

    /// The next state and what happened on the way, or nothing if the action changes nothing.
    pub fn explain(&self, state: &SystemState<P, A>, action: &Action<P>) -> Option<Step<P, A>> {
        let mut journal = Journal::recording();
        let next = self.after(state, action, &mut journal)?;
        Some((next, journal.into_events()))
    }
}

impl<P: Protocol + 'static, A: Application<P> + 'static> Model for System<P, A> {
    type State = SystemState<P, A>;
    type Action = Action<P>;

    fn init_states(&self) -> Vec<Self::State> {
        vec![self.initial(&mut Journal::off())]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        let environment = &self.environment;
        let memo = |id: ProcessId| self.own_process(state.processes[id.index()]).memo();
        let deliverable = || {
            let outboxes = state.network.outboxes.iter();
            outboxes.flat_map(|outbox| &self.own_outbox(*outbox).memo().deliverable)
        };
        for &(process, request) in &self.own_view(state.view).memo().requests {
            if memo(process).takes_input {
                actions.push(Action::Submit(process, request));
            }
        }
        for &envelope in deliverable() {
            if memo(envelope.to).takes_input && !state.are_apart(envelope.from, envelope.to) {
                actions.push(Action::Deliver(envelope));
            }
        }
        for (id, process) in state.processes() {
            if process.pending_len() > 0 {
                actions.push(Action::Flush(id));
            }
        }
        self.timeouts(state, actions);
        if state.drops < environment.drops && !state.stable {
            actions.extend(deliverable().map(|&envelope| Action::Drop(envelope)));
        }
        let may_crash = state.crashes < environment.crashes
            && state.down() < usize::from(environment.down_max)
            && !state.stable;
        for (id, process) in state.processes() {
            match process.driver {
                Some(_) if may_crash => {
                    let parts = self.parts(state.network.outboxes[id.index()]).iter();
                    actions.extend(parts.map(|&part| Action::Crash(id, part)));
                }
                None if environment.recovery => actions.push(Action::Recover(id)),
                _ => {}
            }
        }
        if !state.cut.is_empty() {
            if environment.heals {
                actions.push(Action::Heal);
            }
        } else if state.partitions < environment.partitions && !state.stable {
            let cuts = ProcessSet::cuts(state.processes.len());
            actions.extend(cuts.map(Action::Partition));
        }
        if environment.stabilises && !state.stable {
            actions.push(Action::Stabilise);
        }
    }

    fn next_state(&self, state: &Self::State, action: Self::Action) -> Option<Self::State> {
        self.after(state, &action, &mut Journal::off())
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
        Some(self.diagram_of(path))
    }
}

impl<P: Protocol + 'static, A: Application<P> + 'static> Debug for System<P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System")
            .field("processes", &self.names())
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}
