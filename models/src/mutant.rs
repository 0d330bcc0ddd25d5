//! Wrong protocols, made from right ones without a hook in their cores.
//!
//! A bug in a decision is a rule overridden. A bug in the order or the durability of effects is a
//! [`Mutated`] protocol that rewrites them; a disk that forgets is one that rewrites what a start
//! recovers; a timer that is forgotten is one that it never sets.

use std::fmt::{self, Debug};

use derive_where::derive_where;
use quorate::protocol::{Effect, EffectList, Effects, Input, ProcessId, Protocol, TimerKind};
use quorate_checker::entry::MutantSummary;

/// Rewrites what a step wants done, seeing the state before and after it.
pub type RewriteEffects<P> = fn(
    before: &<P as Protocol>::State,
    after: &<P as Protocol>::State,
    effects: Vec<Effect<P>>,
) -> Vec<Effect<P>>;

/// Rewrites what a process finds on its disk when it starts.
pub type RewriteRecovered<P> = fn(me: ProcessId, durable: &mut <P as Protocol>::Durable);

/// Rewrites what replaces the log of a process.
pub type RewriteReplaced<P> = fn(durable: &mut <P as Protocol>::Durable);

/// Whether a timer is one that is forgotten to be set.
pub type ForgottenTimer<P> = fn(timer: &<P as Protocol>::Timer) -> bool;

/// A protocol whose effects, recovery and timers are rewritten. Without rewrites it is the protocol itself.
pub struct Mutated<P: Protocol> {
    /// What is mutated.
    pub protocol: P,
    /// The bug in effects, if that is where it is.
    pub effects: Option<RewriteEffects<P>>,
    /// The bug in recovery, if that is where it is.
    pub recovered: Option<RewriteRecovered<P>>,
    /// The timers that are never set, if that is where the bug is.
    pub forgotten: Option<ForgottenTimer<P>>,
    /// The bug in what replaces a log ([`Protocol::durable`]), if that is where it is.
    pub replaced: Option<RewriteReplaced<P>>,
}

impl<P: Protocol> Mutated<P> {
    /// The protocol without a bug.
    pub fn of(protocol: P) -> Self {
        Self {
            protocol,
            effects: None,
            recovered: None,
            forgotten: None,
            replaced: None,
        }
    }

    fn is_forgotten(&self, timer: &P::Timer) -> bool {
        self.forgotten
            .is_some_and(|is_forgotten| is_forgotten(timer))
    }
}

impl<P: Protocol + Debug> Debug for Mutated<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutated")
            .field("protocol", &self.protocol)
            .field("effects", &self.effects.is_some())
            .field("recovered", &self.recovered.is_some())
            .field("forgotten", &self.forgotten.is_some())
            .field("replaced", &self.replaced.is_some())
            .finish()
    }
}

impl<P: Protocol> Protocol for Mutated<P> {
    type State = P::State;
    type Message = P::Message;
    type Timer = P::Timer;
    type Record = P::Record;
    type Durable = P::Durable;
    type Request = P::Request;
    type Output = P::Output;

    fn processes(&self) -> usize {
        self.protocol.processes()
    }

    fn name(&self, process: ProcessId) -> String {
        self.protocol.name(process)
    }

    fn initial(&self, me: ProcessId) -> P::State {
        self.protocol.initial(me)
    }

    fn step(
        &self,
        me: ProcessId,
        state: &mut P::State,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        let mut input = inner_input(input);
        if let (Input::Start(durable), Some(rewrite)) = (&mut input, self.recovered) {
            rewrite(me, durable);
        }
        let before = self.effects.map(|_| state.clone());
        let mut wanted = EffectList::new();
        self.protocol.step(me, state, input, &mut wanted);
        let mut wanted = wanted.take();
        if let (Some(rewrite), Some(before)) = (self.effects, before) {
            wanted = rewrite(&before, state, wanted);
        }
        wanted.retain(
            |effect| !matches!(effect, Effect::SetTimer(timer) if self.is_forgotten(timer)),
        );
        for effect in wanted {
            effects.push(outer_effect(effect));
        }
    }

    fn timers(&self, state: &P::State) -> Vec<P::Timer> {
        let mut timers = self.protocol.timers(state);
        timers.retain(|timer| !self.is_forgotten(timer));
        timers
    }

    fn timer_kind(&self, state: &P::State, timer: &P::Timer) -> TimerKind {
        self.protocol.timer_kind(state, timer)
    }

    fn apply(durable: &mut P::Durable, record: &P::Record) {
        P::apply(durable, record);
    }

    fn records(durable: &P::Durable) -> Vec<P::Record> {
        P::records(durable)
    }

    fn sums_up(record: &P::Record) -> bool {
        P::sums_up(record)
    }

    fn durable(&self, state: &P::State) -> P::Durable {
        let mut durable = self.protocol.durable(state);
        if let Some(rewrite) = self.replaced {
            rewrite(&mut durable);
        }
        durable
    }
}

/// A wrong protocol: what it does wrong, and where that must be found.
#[derive_where(Clone, Copy, Debug)]
pub struct Mutant<R: Copy, P: Protocol> {
    /// Its name.
    pub name: &'static str,
    /// What it does wrong, as a sentence.
    pub summary: &'static str,
    /// The property that it must break.
    pub breaks: &'static str,
    /// The instance in which that must be found.
    pub instance: &'static str,
    /// Where the bug is.
    pub bug: Bug<R, P>,
}

impl<R: Copy, P: Protocol> Mutant<R, P> {
    /// The mutant, for lists.
    pub fn summary(&self, model: &'static str) -> MutantSummary {
        MutantSummary {
            model,
            mutant: self.name,
            summary: self.summary,
            breaks: self.breaks,
            instance: self.instance,
        }
    }
}

/// Where a bug is.
#[derive_where(Clone, Copy)]
pub enum Bug<R: Copy, P: Protocol> {
    /// A rule, by the name of its method, is overridden.
    Rule(&'static str, R),
    /// Effects are weakened or reordered.
    Effects(RewriteEffects<P>),
    /// A disk forgets.
    Recovered(RewriteRecovered<P>),
    /// A timer is never set.
    Forgotten(ForgottenTimer<P>),
}

impl<R: Copy, P: Protocol> Bug<R, P> {
    /// The protocol with the bug, made of the one by these rules, or by the published ones if there are none.
    pub fn put_into(&self, protocol: impl FnOnce(Option<R>) -> P) -> Mutated<P> {
        let rules = match self {
            Bug::Rule(_, wrong) => Some(*wrong),
            Bug::Effects(_) | Bug::Recovered(_) | Bug::Forgotten(_) => None,
        };
        let mut mutated = Mutated::of(protocol(rules));
        match *self {
            Bug::Rule(..) => {}
            Bug::Effects(rewrite) => mutated.effects = Some(rewrite),
            Bug::Recovered(rewrite) => mutated.recovered = Some(rewrite),
            Bug::Forgotten(is_forgotten) => mutated.forgotten = Some(is_forgotten),
        }
        mutated
    }
}

impl<R: Copy, P: Protocol> Debug for Bug<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bug::Rule(rule, _) => write!(f, "the rule {rule}"),
            Bug::Effects(_) => write!(f, "effects"),
            Bug::Recovered(_) => write!(f, "recovery"),
            Bug::Forgotten(_) => write!(f, "timers"),
        }
    }
}

/// Defines a type whose rules are the published ones but for one, and the bug that bears its name. Where it is used,
/// `Rules` and `Bug` are the protocol's.
macro_rules! wrong_rule {
    ($(#[$doc:meta])* $visibility:vis $name:ident, fn $rule:ident $($body:tt)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;
        impl $name {
            const BUG: Bug = Bug::Rule(stringify!($rule), &Self);
        }
        impl Rules for $name {
            fn $rule $($body)*
        }
    };
}
pub(crate) use wrong_rule;

/// Makes these records lazy.
pub fn unforced<P: Protocol>(
    effects: Vec<Effect<P>>,
    is_lazy: fn(&P::Record) -> bool,
) -> Vec<Effect<P>> {
    let weaken = |effect| match effect {
        Effect::Persist(record) if is_lazy(&record) => Effect::Append(record),
        other => other,
    };
    effects.into_iter().map(weaken).collect()
}

fn inner_input<P: Protocol>(input: Input<Mutated<P>>) -> Input<P> {
    match input {
        Input::Start(durable) => Input::Start(durable),
        Input::Receive { from, message } => Input::Receive { from, message },
        Input::Timeout(timer) => Input::Timeout(timer),
        Input::Submit(request) => Input::Submit(request),
        Input::Durable(position) => Input::Durable(position),
    }
}

fn outer_effect<P: Protocol>(effect: Effect<P>) -> Effect<Mutated<P>> {
    match effect {
        Effect::Persist(record) => Effect::Persist(record),
        Effect::Append(record) => Effect::Append(record),
        Effect::ReportDurable(position) => Effect::ReportDurable(position),
        Effect::Send { to, message } => Effect::Send { to, message },
        Effect::Emit(output) => Effect::Emit(output),
        Effect::SetTimer(timer) => Effect::SetTimer(timer),
        Effect::CancelTimer(timer) => Effect::CancelTimer(timer),
    }
}
