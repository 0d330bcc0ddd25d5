//! Any protocol as a `stateright::actor::Actor`.
//!
//! Stateright's `ActorModel` has an environment of its own: a step handles one event, saves and sends
//! all at once, timers are asynchronous. It is the same protocol in a second environment, and where both can
//! express a scenario their states must agree.
//!
//! Requests of the application are pseudo-timers; outputs are collected in the actor's state.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use derive_where::derive_where;
use quorate::protocol::{Effect, EffectList, Input, ProcessId, Protocol};
use stateright::actor::{Actor, Id, Out, model_timeout};

/// Whether a timer that is set may fire: a bound of the model.
pub type Permits<P> =
    Arc<dyn Fn(ProcessId, &<P as Protocol>::State, &<P as Protocol>::Timer) -> bool + Send + Sync>;

/// A process of a protocol, as an actor. An `ActorModel` has one for each id, in order.
#[derive(Clone)]
#[derive_where(Debug; P)]
pub struct ProcessActor<P: Protocol> {
    /// The protocol.
    pub protocol: P,
    /// Which of its processes.
    pub me: ProcessId,
    /// What the application may ask of it, and how many times: any number if none is given.
    pub requests: Vec<(P::Request, Option<u8>)>,
    /// Which outputs are history. Others are forgotten: in an actor's state they would be states of
    /// their own.
    pub keeps: fn(&P::Output) -> bool,
    /// Which timers that are set may fire.
    #[derive_where(skip(Debug))]
    pub permits: Permits<P>,
}

/// An actor's state: the process's, and what it has told.
#[derive_where(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ActorState<P: Protocol> {
    /// What the process knows.
    pub process: P::State,
    /// What it has told the application since it came up, as far as it is kept.
    pub outputs: BTreeSet<P::Output>,
}

/// A timer of the process, or a request that the application may make.
#[derive_where(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ActorTimer<P: Protocol> {
    /// A timer.
    Timer(P::Timer),
    /// A request that may be made any number of times.
    Request(P::Request),
    /// A request that may be made once, and its number among equal ones.
    RequestOnce(P::Request, u8),
}

impl<P: Protocol> ProcessActor<P> {
    fn step(
        &self,
        before: Option<&ActorState<P>>,
        input: Input<P>,
        out: &mut Out<Self>,
    ) -> ActorState<P> {
        let mut state = match before {
            Some(state) => state.clone(),
            None => ActorState {
                process: self.protocol.initial(self.me),
                outputs: BTreeSet::new(),
            },
        };
        let mut durable = match &input {
            Input::Start(durable) => durable.clone(),
            _ => self.protocol.durable(&state.process),
        };
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut effects = EffectList::new();
            self.protocol
                .step(self.me, &mut state.process, input, &mut effects);
            for effect in effects.take() {
                match effect {
                    Effect::Persist(record) | Effect::Append(record) => {
                        P::apply(&mut durable, &record);
                        out.save(durable.clone());
                    }
                    Effect::ReportDurable(position) => inputs.push_back(Input::Durable(position)),
                    Effect::Send { to, message } => out.send(Id::from(to.index()), message),
                    Effect::Emit(output) => {
                        if (self.keeps)(&output) {
                            state.outputs.insert(output);
                        }
                    }
                    Effect::SetTimer(timer) => {
                        out.set_timer(ActorTimer::Timer(timer), model_timeout());
                    }
                    Effect::CancelTimer(timer) => out.cancel_timer(ActorTimer::Timer(timer)),
                }
            }
        }
        state
    }
}

/// Stores a state only if it is another: Stateright takes an untouched one for "nothing happened".
fn replace<P: Protocol>(state: &mut Cow<'_, ActorState<P>>, next: ActorState<P>) {
    if **state != next {
        *state = Cow::Owned(next);
    }
}

impl<P: Protocol> Actor for ProcessActor<P> {
    type Msg = P::Message;
    type Timer = ActorTimer<P>;
    type State = ActorState<P>;
    type Storage = P::Durable;
    type Random = ();

    fn on_start(&self, _: Id, storage: &Option<P::Durable>, out: &mut Out<Self>) -> ActorState<P> {
        for (request, times) in &self.requests {
            match times {
                None => out.set_timer(ActorTimer::Request(request.clone()), model_timeout()),
                Some(times) => {
                    for number in 0..*times {
                        let timer = ActorTimer::RequestOnce(request.clone(), number);
                        out.set_timer(timer, model_timeout());
                    }
                }
            }
        }
        self.step(None, Input::Start(storage.clone().unwrap_or_default()), out)
    }

    fn on_msg(
        &self,
        _: Id,
        state: &mut Cow<'_, ActorState<P>>,
        source: Id,
        message: P::Message,
        out: &mut Out<Self>,
    ) {
        let from = u16::try_from(usize::from(source)).expect("ids are 16 bits");
        let from = ProcessId(from);
        let next = self.step(Some(state), Input::Receive { from, message }, out);
        replace(state, next);
    }

    fn on_timeout(
        &self,
        _: Id,
        state: &mut Cow<'_, ActorState<P>>,
        timer: &ActorTimer<P>,
        out: &mut Out<Self>,
    ) {
        let input = match timer {
            ActorTimer::Timer(set) if !(self.permits)(self.me, &state.process, set) => {
                // It stays set: nothing has happened.
                return out.set_timer(timer.clone(), model_timeout());
            }
            ActorTimer::Timer(timer) => Input::Timeout(timer.clone()),
            ActorTimer::Request(request) => {
                out.set_timer(timer.clone(), model_timeout());
                Input::Submit(request.clone())
            }
            ActorTimer::RequestOnce(request, _) => Input::Submit(request.clone()),
        };
        let next = self.step(Some(state), input, out);
        replace(state, next);
    }

    fn name(&self) -> String {
        self.protocol.name(self.me)
    }
}
