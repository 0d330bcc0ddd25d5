//! A protocol in which every kind of timer is set everywhere and always, and what can be said of its steps.

use std::collections::{BTreeSet, HashSet};

use quorate::protocol::{Effects, Input, ProcessId, Protocol, TimerKind};
use quorate_checker::{Condition, Options, Property, explore};
use quorate_models::system::{
    Action, Application, Disk, Envelope, Environment, Interned, NetworkKind, System, SystemState,
    Timers,
};
use serde::{Deserialize, Serialize};
use stateright::Model;

pub const ZERO: ProcessId = ProcessId(0);
pub const ONE: ProcessId = ProcessId(1);
pub const TWO: ProcessId = ProcessId(2);
pub const ALL: [ProcessId; 3] = [ZERO, ONE, TWO];

/// Process 0, once asked, says so to the others, until they answer. Each process suspects both of its
/// neighbours, and those listed campaign.
#[derive(Clone, Debug)]
pub struct Town {
    pub campaigners: BTreeSet<ProcessId>,
}

impl Town {
    pub fn of(campaigners: &[ProcessId]) -> Self {
        Self {
            campaigners: campaigners.iter().copied().collect(),
        }
    }
}

/// Who knows of whom that it has heard. Each knows it of itself when it has.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Heard(pub BTreeSet<ProcessId>);

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Citizen {
    me: ProcessId,
    pub heard: Heard,
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Message {
    News,
    Heard,
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Timer {
    Resend,
    Suspect(ProcessId),
    Campaign,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Campaigned;

impl Protocol for Town {
    type State = Citizen;
    type Message = Message;
    type Timer = Timer;
    type Record = ProcessId;
    type Durable = Heard;
    type Request = ();
    type Output = Campaigned;

    fn processes(&self) -> usize {
        ALL.len()
    }

    fn name(&self, process: ProcessId) -> String {
        format!("citizen {process:?}")
    }

    fn initial(&self, me: ProcessId) -> Citizen {
        let heard = Heard::default();
        Citizen { me, heard }
    }

    fn step(
        &self,
        me: ProcessId,
        citizen: &mut Citizen,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        let before = self.timers(citizen);
        let mut learn = |of: ProcessId, effects: &mut dyn Effects<Self>| {
            if citizen.heard.0.insert(of) {
                effects.persist(of);
            }
        };
        match input {
            Input::Start(durable) => {
                citizen.heard = durable;
                self.timers(citizen)
                    .into_iter()
                    .for_each(|timer| effects.set_timer(timer));
                return;
            }
            Input::Submit(()) => {
                learn(ZERO, effects);
                effects.send_all([ONE, TWO], &Message::News);
            }
            Input::Receive { from, message } => match message {
                Message::News => {
                    learn(me, effects);
                    effects.send(from, Message::Heard);
                }
                Message::Heard => learn(from, effects),
            },
            Input::Timeout(timer) => {
                match timer {
                    Timer::Resend => {
                        let deaf = ALL.into_iter().filter(|p| !citizen.heard.0.contains(p));
                        effects.send_all(deaf, &Message::News);
                    }
                    Timer::Suspect(_) => {}
                    Timer::Campaign => effects.emit(Campaigned),
                }
                effects.set_timer(timer);
            }
            Input::Durable(_) => {}
        }
        let after = self.timers(citizen);
        for timer in &before {
            if !after.contains(timer) {
                effects.cancel_timer(timer.clone());
            }
        }
        for timer in after {
            if !before.contains(&timer) {
                effects.set_timer(timer);
            }
        }
    }

    fn timers(&self, citizen: &Citizen) -> Vec<Timer> {
        let heard = citizen.heard.0.len();
        let resends = citizen.me == ZERO && 0 < heard && heard < ALL.len();
        let others = ALL.into_iter().filter(|p| *p != citizen.me);
        let mut timers: Vec<_> = resends.then_some(Timer::Resend).into_iter().collect();
        timers.extend(others.map(Timer::Suspect));
        let campaigns = self.campaigners.contains(&citizen.me);
        timers.extend(campaigns.then_some(Timer::Campaign));
        timers
    }

    fn timer_kind(&self, _: &Citizen, timer: &Timer) -> TimerKind {
        match timer {
            Timer::Suspect(process) => TimerKind::Suspects(*process),
            Timer::Resend => TimerKind::Plain,
            Timer::Campaign => TimerKind::Campaigns { epoch: 0 },
        }
    }

    fn apply(durable: &mut Heard, record: &ProcessId) {
        durable.0.insert(*record);
    }

    fn records(heard: &Heard) -> Vec<ProcessId> {
        heard.0.iter().copied().collect()
    }

    fn sums_up(_: &ProcessId) -> bool {
        false
    }

    fn durable(&self, citizen: &Citizen) -> Heard {
        citizen.heard.clone()
    }
}

/// Asks process 0 once, and keeps in mind who campaigned last.
#[derive(Clone, Copy, Debug)]
pub struct Mayor;

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct View {
    has_asked: bool,
    pub campaigned: Option<ProcessId>,
}

impl<P: Protocol<Request = (), Output = Campaigned>> Application<P> for Mayor {
    type View = View;

    fn initial(&self) -> View {
        View::default()
    }

    fn requests(&self, view: &View, requests: &mut Vec<(ProcessId, ())>) {
        if !view.has_asked {
            requests.push((ZERO, ()));
        }
    }

    fn submitted(&self, view: &View, _: ProcessId, (): &()) -> Option<View> {
        let has_asked = true;
        Some(View {
            has_asked,
            ..view.clone()
        })
    }

    fn told(&self, view: &View, process: ProcessId, _: &Campaigned) -> Option<View> {
        let campaigned = Some(process);
        Some(View {
            campaigned,
            ..view.clone()
        })
    }
}

/// A message on its way, as actions have it.
pub fn letter(from: ProcessId, to: ProcessId, message: Message) -> Interned<Envelope<Message>> {
    Interned::new(Envelope { from, to, message })
}

pub type TheSystem = System<Town, Mayor>;
pub type TheState = SystemState<Town, Mayor>;
pub type TheAction = Action<Town>;

/// Faults of all kinds, and disks that take their time.
pub fn harsh(timers: Timers, stabilises: bool) -> Environment {
    Environment {
        network: NetworkKind::Bag,
        drops: 1,
        crashes: 1,
        disk: Disk::Buffered,
        timers,
        stabilises,
        ..Environment::default()
    }
}

pub fn system(campaigners: &[ProcessId], environment: Environment) -> TheSystem {
    assert_eq!(environment.validate(ALL.len()), Ok(()));
    System::new(Town::of(campaigners), Mayor, environment)
}

pub fn explored(system: &TheSystem, claim: Condition<TheSystem>) -> bool {
    let claim = Property::holds("the claim", claim);
    let exploration = explore(system, &[claim], &[], &Options::default());
    assert!(exploration.exhausted());
    exploration.verdicts[0].holds()
}

pub type OnStep = fn(&TheSystem, &TheState, &TheAction, &TheState) -> bool;

/// Whether it is true of every step, and whether it is of some.
pub fn always_and_sometimes(system: &TheSystem, every: OnStep, some: OnStep) -> (bool, bool) {
    let every = explored(system, Condition::EveryStep(every));
    (every, explored(system, Condition::SomeStep(some)))
}

pub fn is_up(state: &TheState, process: ProcessId) -> bool {
    state.processes[process.index()].is_up()
}

/// Said without a word of the environment's: no record is pending, and no message to somebody who is up, and on
/// its sender's side of a cut, would change anything.
pub fn is_at_rest(system: &TheSystem, state: &TheState) -> bool {
    let is_across = |id| state.cut.contains(id);
    let arrives =
        |e: &Envelope<Message>| is_up(state, e.to) && is_across(e.from) == is_across(e.to);
    let mut arriving = state.network.in_flight().filter(|e| arrives(e));
    state
        .processes()
        .all(|(_, process)| process.pending_len() == 0)
        && arriving.all(|e| system.next_state(state, Action::Deliver(e)).is_none())
}

/// Every step of a system.
pub fn steps(system: &TheSystem) -> impl Iterator<Item = (TheState, TheAction, TheState)> {
    let mut frontier = system.init_states();
    let mut met: HashSet<TheState> = frontier.iter().cloned().collect();
    let mut steps = Vec::new();
    while let Some(state) = frontier.pop() {
        for (action, next) in system.next_steps(&state) {
            if met.insert(next.clone()) {
                frontier.push(next.clone());
            }
            steps.push((state.clone(), action, next));
        }
    }
    steps.into_iter()
}
