//! A sketch of two-phase commit. A coordinator calls `prepare` of each participant in turn. At the first refusal it calls
//! `rollback` of all participants, including those that it has not asked; otherwise it calls `commit` of each in turn. There is no
//! log, no timeout and no retry.

use std::fmt::{self, Debug};

use quorate::atomic_commit::{COORDINATOR, Decision, Output, TransactionId};
use quorate::protocol::{Effects, ProcessId};
use quorate_checker::check::Claimed;
use quorate_checker::{Condition, Property};
use serde::{Deserialize, Serialize};

use super::parameters::Parameters;
use super::{Sketch, Volatile, claimed};
use crate::atomic_commit::application::{Told, View};
use crate::atomic_commit::{
    AGREEMENT, ALL_COMMIT, STABILITY, VALIDITY, agreement, commits, stability, validity,
};
use crate::system::{Application, System, SystemState};
use crate::two_phase_commit::liveness::IN_DOUBT_DECIDES;
use crate::two_phase_commit::properties::{COMMITTED_NEVER_PREPARED, NO_ABORT_WITHOUT_CAUSE};

/// Two readings of participants.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Participants {
    /// As printed: their methods are empty, so that `prepare` returns what counts as No.
    Empty,
    /// As the comments in their methods say: they vote by their own state.
    Voting,
}

/// The sketch.
#[derive(Clone, Copy, Debug)]
pub struct TwoPhaseCommit {
    /// How many participants.
    pub participants: u16,
    /// How they vote.
    pub reading: Participants,
}

/// A participant's methods.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Method {
    /// Returns whether it agrees.
    Prepare,
    /// Returns nothing.
    Commit,
    /// Returns nothing.
    Rollback,
}

/// What the coordinator is doing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Coordinator {
    /// No call of `commit` is in progress.
    Idle,
    /// A method of a participant has not returned yet.
    Calling {
        /// The number of the application's call of `commit`, from 1.
        number: u8,
        /// The method.
        method: Method,
        /// The participant.
        of: ProcessId,
    },
}

/// What a participant knows of the transaction.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Participant {
    /// The participant has no work for the transaction.
    Idle,
    /// The participant will vote Yes.
    Working,
    /// The participant has voted Yes.
    Prepared,
    /// The participant has committed, or rolled back.
    Ended,
}

/// What a process knows.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub enum State {
    /// Process 0.
    Coordinator(Coordinator),
    /// All others.
    Participant(Participant),
}

impl Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coordinator(Coordinator::Idle) => write!(f, "waits for the application"),
            Self::Coordinator(Coordinator::Calling { number, method, of }) => {
                write!(f, "call {number}: {method:?} of participant {of:?}")
            }
            Self::Participant(participant) => participant.fmt(f),
        }
    }
}

/// A call of a method, or its return.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Message {
    /// A call, within a call of `commit`.
    Call {
        /// The number of the application's call of `commit`, from 1.
        number: u8,
        /// The method.
        method: Method,
    },
    /// What it returns.
    Return {
        /// The number of the application's call of `commit`, from 1.
        number: u8,
        /// The method.
        method: Method,
        /// Whether the participant votes Yes; false of the other methods.
        agrees: bool,
    },
}

/// What the application asks.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Request {
    /// Participant: work for the transaction.
    Work,
    /// Participant: abort the work, if it has not voted.
    GiveUp,
    /// Coordinator: `commit`, the application's call of this number.
    Commit(u8),
}

/// The transaction.
pub const TRANSACTION: TransactionId = TransactionId {
    epoch: 1,
    number: 1,
};

type Outside<'a> = &'a mut dyn Effects<Volatile<TwoPhaseCommit>>;

impl TwoPhaseCommit {
    fn participants(&self) -> impl Iterator<Item = ProcessId> + use<> {
        (1..=self.participants).map(ProcessId)
    }

    /// Calls a method of participant `of`. Behind the last participant, begins the next phase or returns to the application.
    fn call(
        &self,
        coordinator: &mut Coordinator,
        number: u8,
        method: Method,
        of: ProcessId,
        effects: Outside<'_>,
    ) {
        if of.0 <= self.participants {
            *coordinator = Coordinator::Calling { number, method, of };
            effects.send(of, Message::Call { number, method });
            return;
        }
        match method {
            Method::Prepare => {
                self.call(coordinator, number, Method::Commit, FIRST, effects);
            }
            Method::Commit => {
                *coordinator = Coordinator::Idle;
                effects.emit(Output::Decided(TRANSACTION, Decision::Commit));
            }
            Method::Rollback => {
                *coordinator = Coordinator::Idle;
                effects.emit(Output::Decided(TRANSACTION, Decision::Abort));
            }
        }
    }

    fn run(&self, participant: &mut Participant, method: Method, effects: Outside<'_>) -> bool {
        let is_empty = self.reading == Participants::Empty;
        match method {
            Method::Prepare => {
                let can = matches!(participant, Participant::Working | Participant::Prepared);
                let agrees = can && !is_empty;
                if agrees {
                    *participant = Participant::Prepared;
                    effects.emit(Output::Prepared(TRANSACTION));
                }
                agrees
            }
            Method::Commit | Method::Rollback => {
                if *participant != Participant::Ended {
                    *participant = Participant::Ended;
                    let decision = match method {
                        Method::Commit => Decision::Commit,
                        _ => Decision::Abort,
                    };
                    effects.emit(Output::Decided(TRANSACTION, decision));
                }
                false
            }
        }
    }
}

/// The first participant.
const FIRST: ProcessId = ProcessId(1);

impl Sketch for TwoPhaseCommit {
    type State = State;
    type Message = Message;
    type Timer = ();
    type Request = Request;
    type Output = Output;

    fn processes(&self) -> u16 {
        self.participants + 1
    }

    fn name(&self, process: ProcessId) -> String {
        match process {
            COORDINATOR => "coordinator".into(),
            ProcessId(number) => format!("participant {number}"),
        }
    }

    fn initial(&self, me: ProcessId, _: u8) -> State {
        match me {
            COORDINATOR => State::Coordinator(Coordinator::Idle),
            _ => State::Participant(Participant::Idle),
        }
    }

    fn receive(
        &self,
        _: ProcessId,
        state: &mut State,
        from: ProcessId,
        message: Message,
        effects: Outside<'_>,
    ) {
        match (state, message) {
            (State::Participant(participant), Message::Call { number, method }) => {
                let agrees = self.run(participant, method, effects);
                let returned = Message::Return {
                    number,
                    method,
                    agrees,
                };
                effects.send(from, returned);
            }
            (
                State::Coordinator(coordinator),
                Message::Return {
                    number,
                    method,
                    agrees,
                },
            ) => {
                let of = from;
                if *coordinator != (Coordinator::Calling { number, method, of }) {
                    return;
                }
                match method {
                    Method::Prepare if !agrees => {
                        self.call(coordinator, number, Method::Rollback, FIRST, effects);
                    }
                    _ => self.call(coordinator, number, method, ProcessId(of.0 + 1), effects),
                }
            }
            _ => {}
        }
    }

    fn submit(&self, _: ProcessId, state: &mut State, request: Request, effects: Outside<'_>) {
        match (state, request) {
            (State::Participant(participant @ Participant::Idle), Request::Work) => {
                *participant = Participant::Working;
                effects.emit(Output::Working(TRANSACTION));
            }
            (State::Participant(participant @ Participant::Working), Request::GiveUp) => {
                *participant = Participant::Idle;
            }
            (State::Coordinator(coordinator @ Coordinator::Idle), Request::Commit(number)) => {
                self.call(coordinator, number, Method::Prepare, FIRST, effects);
            }
            _ => {}
        }
    }

    fn timeout(&self, _: ProcessId, _: &mut State, (): (), _: Outside<'_>) {}

    fn timers(&self, _: &State) -> Vec<()> {
        Vec::new()
    }
}

/// The application. It works at all participants, then calls `commit`.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    sketch: TwoPhaseCommit,
    /// How often the application may call `commit`; it calls again as long as no call has returned.
    calls: u8,
    /// Whether the application may abort work at a participant.
    gives_up: bool,
}

type Processes = Volatile<TwoPhaseCommit>;

impl Application<Processes> for Caller {
    type View = View;

    fn initial(&self) -> View {
        View::default()
    }

    fn requests(&self, view: &View, requests: &mut Vec<(ProcessId, Request)>) {
        let told = told(view);
        for participant in self.sketch.participants() {
            requests.push((participant, Request::Work));
            if self.gives_up {
                requests.push((participant, Request::GiveUp));
            }
        }
        let has_answer = told.has_decided(COORDINATOR);
        if told.working.len() == u32::from(self.sketch.participants)
            && view.begins < self.calls
            && !has_answer
        {
            requests.push((COORDINATOR, Request::Commit(view.begins + 1)));
        }
    }

    fn submitted(&self, view: &View, _: ProcessId, request: &Request) -> Option<View> {
        let Request::Commit(number) = *request else {
            return None;
        };
        Some(View {
            begins: number,
            ..view.clone()
        })
    }

    fn told(&self, view: &View, process: ProcessId, output: &Output) -> Option<View> {
        let mut next = view.clone();
        next.told(process, output);
        (next != *view).then_some(next)
    }
}

/// What was told of the transaction.
fn told(view: &View) -> Told {
    let told = view.transactions.get(&TRANSACTION);
    told.copied().unwrap_or_default()
}

/// The sketch in an environment.
pub type Model = System<Processes, Caller>;
type ModelState = SystemState<Processes, Caller>;

/// A vote of Yes is a promise, and survives a crash (Bernstein, Hadzilacos, Goodman 1987, §7.4).
pub const CAN_STILL_COMMIT: &str = "whoever has promised can still commit";

/// The participant of a case.
fn participant(case: usize) -> ProcessId {
    ProcessId(case as u16 + 1)
}

/// The model under these parameters, and what is claimed of it, as if the sketch were the protocol.
pub fn model(parameters: &Parameters, reading: Participants) -> Claimed<Model> {
    use Condition::{Always, LeadsTo, Sometimes};
    let sketch = TwoPhaseCommit {
        participants: parameters.members,
        reading,
    };
    let application = Caller {
        sketch,
        calls: parameters.rounds,
        gives_up: parameters.gives_up,
    };
    let mut properties = vec![
        Property::holds(
            AGREEMENT,
            Always(|_: &Model, state: &ModelState| agreement(&state.view)),
        ),
        Property::holds(
            STABILITY,
            Always(|_, state: &ModelState| stability(&state.view)),
        ),
        Property::holds(
            VALIDITY,
            Always(|model: &Model, state: &ModelState| {
                validity(&state.view, model.application().sketch.participants)
            }),
        ),
        Property::holds(CAN_STILL_COMMIT, Always(can_still_commit)),
        Property::holds(COMMITTED_NEVER_PREPARED, Always(committed_never_prepared)),
        Property::holds(
            "a commit",
            Sometimes(|_, state: &ModelState| commits(&state.view)),
        ),
    ];
    // Participants whose methods are empty never promise.
    if reading == Participants::Voting {
        let decides = LeadsTo {
            cases: usize::from(parameters.members),
            trigger: |_, state: &ModelState, case| {
                told(&state.view).prepared.contains(participant(case))
            },
            goal: |_, state: &ModelState, case| told(&state.view).has_decided(participant(case)),
        };
        properties.push(Property::holds(IN_DOUBT_DECIDES, decides));
    }
    let environment = &parameters.environment;
    if environment.crashes == 0 && !parameters.gives_up {
        properties.push(Property::holds(
            NO_ABORT_WITHOUT_CAUSE,
            Always(|_, state: &ModelState| !crate::atomic_commit::aborts(&state.view)),
        ));
        if environment.drops == 0 {
            let everybody = LeadsTo {
                cases: 1,
                trigger: |_, state: &ModelState, _| state.view.begins > 0,
                goal: |model: &Model, state: &ModelState, _| {
                    let committed = told(&state.view).committed.len();
                    committed == u32::from(model.application().sketch.participants) + 1
                },
            };
            properties.push(Property::holds(ALL_COMMIT, everybody));
        }
    }
    claimed(parameters, sketch, application, properties)
}

/// No participant that has committed works for the transaction again.
fn committed_never_prepared(_: &Model, state: &ModelState) -> bool {
    let told = told(&state.view);
    state.live().all(|(id, knows)| match knows.knows {
        State::Participant(Participant::Working | Participant::Prepared) => {
            !told.committed.contains(id)
        }
        State::Participant(_) | State::Coordinator(_) => true,
    })
}

/// No live participant that has voted Yes and has not decided has lost its work.
fn can_still_commit(_: &Model, state: &ModelState) -> bool {
    let told = told(&state.view);
    state.live().all(|(id, knows)| {
        let has_promised = told.prepared.contains(id) && !told.has_decided(id);
        !has_promised || knows.knows != State::Participant(Participant::Idle)
    })
}
