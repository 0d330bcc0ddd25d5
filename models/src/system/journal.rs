//! What happened in a step, in words: for counterexamples and the Explorer.

use std::fmt::Write;

use derive_where::derive_where;
use itertools::Itertools;
use quorate::protocol::{ProcessId, Protocol, Release};
use quorate_checker::Run;

use super::{Action, Application, Envelope, ProcessSet, System, SystemState};

/// Something that happened on the way to the next state.
#[derive_where(Clone, Debug)]
pub enum Event<P: Protocol> {
    /// A process wrote a record: forced, or lazy.
    Wrote(ProcessId, P::Record, bool),
    /// A record became durable.
    Durable(ProcessId, P::Record),
    /// A record was not durable yet when its process crashed, and is gone with all that waited for it.
    Lost(ProcessId, P::Record),
    /// A message went out; or it was lost at once, because enough copies of it were in flight.
    Sent(Envelope<P::Message>, bool),
    /// A message was lost, because it was the oldest of enough on its link when another was sent.
    PushedOut(Envelope<P::Message>),
    /// A message of a campaign arrived at once, or was lost at once.
    Exchanged(Envelope<P::Message>, bool),
    /// The application was told.
    Told(ProcessId, P::Output),
    /// These can no longer be reached by the others, nor reach them.
    Partitioned(ProcessSet),
    /// All can reach each other again.
    Healed,
    /// Faults came to an end, and timers became accurate.
    Stabilised,
}

/// Collects [`Event`]s, or does not. Only results of steps are remembered, so what is to be told is worked out
/// afresh.
#[derive_where(Debug)]
pub struct Journal<P: Protocol>(Option<Vec<Event<P>>>);

impl<P: Protocol> Journal<P> {
    /// A journal that keeps nothing.
    pub fn off() -> Self {
        Self(None)
    }

    /// A journal that keeps everything.
    pub fn recording() -> Self {
        Self(Some(Vec::new()))
    }

    /// Another one that keeps as much, and has nothing yet.
    pub(super) fn fresh(&self) -> Self {
        Self(self.0.as_ref().map(|_| Vec::new()))
    }

    /// What was kept, in order.
    pub fn into_events(self) -> Vec<Event<P>> {
        self.0.unwrap_or_default()
    }

    pub(super) fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn note(&mut self, happened: Vec<Event<P>>) {
        if let Some(events) = &mut self.0 {
            events.extend(happened);
        }
    }
}

/// What is held back, in words.
pub(super) fn release<P: Protocol>(
    release: &Release<P>,
    name: impl Fn(ProcessId) -> String,
) -> String {
    match release {
        Release::Send { to, message } => format!("{message:?} to {}", name(*to)),
        Release::Emit(output) => format!("the output {output:?}"),
        Release::Durable(position) => format!("the report that {position} is durable"),
    }
}

/// The two sides of a cut, in words.
pub(super) fn sides(
    cut: ProcessSet,
    processes: impl Iterator<Item = ProcessId>,
    name: impl Fn(ProcessId) -> String,
) -> String {
    let (there, here): (Vec<_>, Vec<_>) = processes.partition(|id| cut.contains(*id));
    [here, there]
        .map(|side| side.into_iter().map(&name).join(", "))
        .join(" | ")
}

impl<P: Protocol + 'static, A: Application<P> + 'static> System<P, A> {
    /// An action as a sentence.
    pub fn sentence(&self, action: &Action<P>) -> String {
        let name = |process: &ProcessId| self.protocol.name(*process);
        match action {
            Action::Deliver(envelope) => {
                let Envelope { from, to, message } = &**envelope;
                format!("{} receives {message:?} from {}", name(to), name(from))
            }
            Action::Drop(envelope) => {
                let Envelope { from, to, message } = &**envelope;
                format!(
                    "the network loses {message:?} from {} to {}",
                    name(from),
                    name(to)
                )
            }
            Action::Timeout(process, timer) => {
                format!("{}'s timer {timer:?} fires", name(process))
            }
            Action::Campaign(process, timer, with) => {
                let with: Vec<String> = with.iter().map(|id| name(&id)).collect();
                let who = match with.is_empty() {
                    true => "nobody".to_owned(),
                    false => with.join(", "),
                };
                format!(
                    "{}'s timer {timer:?} fires, and {who} answers at once",
                    name(process)
                )
            }
            Action::Submit(process, request) => {
                format!("the application asks {} to {request:?}", name(process))
            }
            Action::Flush(process) => {
                format!("{}'s oldest pending record becomes durable", name(process))
            }
            Action::Crash(process, lost) if lost.is_empty() => format!("{} crashes", name(process)),
            Action::Crash(process, lost) => {
                let lost: Vec<String> = lost
                    .iter()
                    .map(|e| format!("{:?} to {}", e.message, name(&e.to)))
                    .collect();
                format!(
                    "{} crashes, and with it go {}",
                    name(process),
                    lost.join(", ")
                )
            }
            Action::Recover(process) => format!("{} recovers", name(process)),
            Action::Partition(cut) => format!("the network parts: {}", self.sides(*cut)),
            Action::Heal => "the network heals".to_owned(),
            Action::Stabilise => "the system stabilises".to_owned(),
        }
    }

    /// The two sides of a cut, by name.
    fn sides(&self, cut: ProcessSet) -> String {
        sides(cut, self.ids(), |id| self.protocol.name(id))
    }

    /// A run's actions as sentences.
    pub fn sentences(&self, run: &Run<Self>) -> Vec<String> {
        let actions = run.steps.iter().map(|(action, _)| action);
        actions.map(|action| self.sentence(action)).collect()
    }

    /// A run for people, line by line: who did what, what came of it, what was lost, and what each process
    /// believes at the end.
    pub fn narrate(&self, run: &Run<Self>) -> Vec<String> {
        let mut lines = Vec::new();
        let mut at = &run.initial;
        for (number, (action, next)) in (1..).zip(&run.steps) {
            if run.cycle == Some(number - 1) {
                lines.push("     and from here on for ever, again and again:".to_owned());
            }
            lines.push(format!("{number:>3}. {}", self.sentence(action)));
            let (_, events) = self
                .explain(at, action)
                .unwrap_or_else(|| (at.clone(), Vec::new()));
            lines.extend(
                events
                    .iter()
                    .map(|event| format!("       {}", self.event(event))),
            );
            at = next;
        }
        if run.is_dead_end() {
            let nothing =
                "     and from here on for ever nothing, for nothing fair is left to happen";
            lines.push(nothing.to_owned());
        }
        lines.push("at the end:".to_owned());
        lines.extend(self.beliefs(at).lines().map(|line| format!("     {line}")));
        lines
    }

    /// What happened in a step, and what each process believes after it.
    pub fn describe(&self, events: &[Event<P>], next: &SystemState<P, A>) -> String {
        let mut text = String::new();
        for event in events {
            writeln!(text, "{}", self.event(event)).expect("a string takes everything");
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text + &self.beliefs(next)
    }

    /// An event as a sentence.
    pub fn event(&self, event: &Event<P>) -> String {
        let name = |process: &ProcessId| self.protocol.name(*process);
        match event {
            Event::Wrote(process, record, true) => format!("{} forces {record:?}", name(process)),
            Event::Wrote(process, record, false) => format!("{} writes {record:?}", name(process)),
            Event::Durable(process, record) => format!("{} has {record:?} on disk", name(process)),
            Event::Lost(process, record) => {
                format!("{} loses {record:?}: it was not durable", name(process))
            }
            Event::Sent(Envelope { from, to, message }, true) => {
                format!("{} sends {message:?} to {}", name(from), name(to))
            }
            Event::Sent(Envelope { from, to, message }, false) => format!(
                "{} sends {message:?} to {}: enough copies are in flight",
                name(from),
                name(to)
            ),
            Event::PushedOut(Envelope { from, to, message }) => format!(
                "{message:?} from {} to {} is lost: enough messages are in flight",
                name(from),
                name(to)
            ),
            Event::Exchanged(Envelope { from, to, message }, true) => {
                format!("{} receives {message:?} from {}", name(to), name(from))
            }
            Event::Exchanged(Envelope { from, to, message }, false) => {
                format!("{message:?} from {} to {} is lost", name(from), name(to))
            }
            Event::Told(process, output) => format!("{} tells: {output:?}", name(process)),
            Event::Partitioned(cut) => {
                format!("no message crosses any more: {}", self.sides(*cut))
            }
            Event::Healed => "messages reach all again".to_owned(),
            Event::Stabilised => "from now on nothing fails, and timers are accurate".to_owned(),
        }
    }

    /// A state for people: what each process believes, what is in flight, what the application knows.
    pub fn beliefs(&self, state: &SystemState<P, A>) -> String {
        let mut text = String::new();
        let names = self.names();
        let width = names
            .iter()
            .map(String::len)
            .max()
            .unwrap_or(0)
            .max("application".len());
        let mut line = |name: &str, what: &str| {
            writeln!(text, "{name:width$}  {what}").expect("a string takes everything");
        };
        for (id, process) in state.processes() {
            let name = &names[id.index()];
            match process.state() {
                Some(knows) => line(name, &format!("{knows:?}")),
                None => line(name, &format!("down; on disk: {:?}", process.durable)),
            }
            for pending in process.pending() {
                let how = if pending.forced { "forced" } else { "lazy" };
                line("", &format!("pending, {how}: {:?}", pending.record));
                for held in &pending.releases {
                    let held = release(held, |id| self.protocol.name(id));
                    line("", &format!("  holds back {held}"));
                }
            }
        }
        let links = state.network.in_flight().chunk_by(|e| (e.from, e.to));
        for (number, ((from, to), envelopes)) in links.into_iter().enumerate() {
            let heading = if number == 0 { "network" } else { "" };
            let (from, to) = (&names[from.index()], &names[to.index()]);
            let messages = envelopes.map(|e| format!("{:?}", e.message)).join(", ");
            line(heading, &format!("from {from} to {to}: {messages}"));
        }
        line("application", &format!("{:?}", state.view));
        if self.environment.crashes > 0 {
            let most = self.environment.crashes;
            line("crashes", &format!("{} of {most}", state.crashes));
        }
        if self.environment.drops > 0 {
            let most = self.environment.drops;
            line("drops", &format!("{} of {most}", state.drops));
        }
        if self.environment.partitions > 0 {
            let most = self.environment.partitions;
            line("partitions", &format!("{} of {most}", state.partitions));
        }
        if !state.cut.is_empty() {
            line("parted", &self.sides(state.cut));
        }
        if state.stable {
            line("time", "stable: no more faults, accurate timers");
        }
        if let Some(id) = state.campaigned {
            line(
                "campaigns",
                &format!("the last is {}'s", self.protocol.name(id)),
            );
        }
        text
    }
}
