//! The checker: every reachable state of any [`stateright::Model`], every property in one pass. It knows no protocol.
//!
//! [`explore`] visits states breadth first, level by level, on any number of threads. For each state it
//! keeps a fingerprint, a number and where it was reached from; for claims about runs also the steps, with
//! the class of each. Everything that it reports is the same for any number of threads.
//!
//! # What a verdict means
//!
//! * A space is *exhausted* when the frontier has emptied, nothing stopped the search, and the model's
//!   boundary cut nothing off. Two states with one fingerprint are taken for one: the chance that this
//!   happened is [`Exploration::collision_chance`], and [`Options::fingerprint_bits`] makes it smaller.
//! * **Holds**, of *always* and *every step*: no reachable state, no step breaks it. Of *sometimes* and
//!   *some step*: here is a shortest run to an example. Of a claim about fair runs (*eventually*, *leads to*,
//!   *infinitely often*, *eventually always*): no infinite run that keeps every [`Fairness`] assumption
//!   refutes it; runs may stutter where fairness allows. A claim that asks for nothing, since its trigger
//!   never occurs without its goal, holds *vacuously* and says so ([`Verdict::is_vacuous`]); and so does every claim
//!   about all states of a model that has none. Fairness has TLA+'s meaning: a class of actions
//!   is enabled where one of them leads to *another* state.
//! * **Fails**: here is a counterexample. To a claim about states or steps it is a shortest run. To one about
//!   fair runs it is a *lasso*, a run and a cycle that can be repeated for ever, or a *dead end*, where a
//!   run may stand still because no fair class is enabled ([`Run::cycle`]). Whatever is reported has been
//!   replayed on the model by [`validate()`], which shares nothing with the search. It counts however far the
//!   search has come.
//! * **Panicked**: the model's own code did, in a step or in what is claimed of it. The search ends there, and
//!   [`Exploration::panic`] has the run to it. What was found until then counts; all else is undecided.
//! * **Undecided**: the search did not exhaust the space and found nothing that decides the claim, or the
//!   claim could fail only in runs that a bound of the model cuts short ([`Property::bound`]). Never a
//!   pass.
//!
//! # On a model of your own
//!
//! A traffic light of which somebody may press the button. It turns green again and again, if what it
//! does is not put off for ever; without that assumption it need not:
//!
//! ```
//! use quorate_checker::{Answer, Condition, Fairness, Options, Property, explore};
//! use stateright::Model;
//!
//! #[derive(Clone, Debug, PartialEq)]
//! enum Action {
//!     Change,
//!     Press,
//! }
//! struct Light;
//! impl Model for Light {
//!     type State = (bool, bool); // green, pressed
//!     type Action = Action;
//!     fn init_states(&self) -> Vec<Self::State> {
//!         vec![(false, false)]
//!     }
//!     fn actions(&self, _: &Self::State, actions: &mut Vec<Action>) {
//!         actions.extend([Action::Change, Action::Press]);
//!     }
//!     fn next_state(&self, &(green, pressed): &Self::State, action: Action) -> Option<Self::State> {
//!         match action {
//!             Action::Change => Some((!green, pressed && green)),
//!             Action::Press => Some((green, true)),
//!         }
//!     }
//! }
//!
//! let green = Property::holds("green again and again", Condition::InfinitelyOften(|_: &Light, light| light.0));
//! let change = Fairness::weak("change", |_: &Light, action| (*action == Action::Change).then_some(0));
//! let fair = explore(&Light, &[green], &[change], &Options::default());
//! assert!(fair.exhausted());
//! assert_eq!(fair.verdicts[0].answer, Answer::Holds);
//! let unfair = explore(&Light, &[green], &[], &Options::default());
//! let dead_end = unfair.verdicts[0].counterexample().expect("it may stay red for ever");
//! assert_eq!((dead_end.steps.len(), dead_end.cycle), (0, Some(0)));
//! ```
//!
//! # On a command line
//!
//! A model that is an [`entry::Entry`] has instances with names, mutants, flags for its parameters, tables, JSON, exit codes and
//! the Explorer: [`cli::CommandLine`] is a program over any of them. `examples/light.rs` is the light above as such a program.
//!
//! * [`check`] and [`instances`] are what entries are made of, [`report`] is what comes out.
//! * [`explorer`] serves a model in Stateright's web Explorer.
//! * [`quotient`] takes states for one that are equal but for names.
//! * [`svg`] writes pictures.
//! * [`stateright`] is the version of Stateright whose `Model` all of this is about.

use std::fmt::{self, Debug};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Serialize;
use stateright::Model;

pub mod check;
pub mod cli;
mod components;
pub mod entry;
mod explore;
pub mod explorer;
mod graph;
pub mod instances;
mod liveness;
mod property;
pub mod quotient;
pub mod report;
mod segmented;
mod stateright_engine;
pub mod svg;
mod validate;
mod visited;

pub use stateright;

pub use explore::explore;
pub use property::{Condition, Fairness, OnCase, OnState, OnStep, Property, Strength};
pub use stateright_engine::{
    StaterightSearch, check_with_stateright, stateright_properties, to_the_end,
};
pub use validate::validate;

/// How to explore.
#[derive(Clone)]
pub struct Options<'a> {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Resident memory of this process at which the search stops, in bytes.
    pub memory_max: usize,
    /// How long the search may take.
    pub time_max: Option<Duration>,
    /// Stops the search when it becomes true.
    pub interrupt: Option<&'a AtomicBool>,
    /// How many bits states are known by.
    pub fingerprint_bits: FingerprintBits,
    /// Stop at the end of the level on which the property of this name gets its witness. One about fair
    /// runs is decided at the end.
    pub stop_at: Option<&'a str>,
    /// Called now and then, from another thread.
    pub progress: Option<&'a (dyn Fn(&Progress) + Sync)>,
}

impl Default for Options<'_> {
    /// As many threads as the machine has, 8 GiB, 64-bit fingerprints, to the end, silently.
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory_max: 8 << 30,
            time_max: None,
            interrupt: None,
            fingerprint_bits: FingerprintBits::default(),
            stop_at: None,
            progress: None,
        }
    }
}

impl Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("threads", &self.threads)
            .field("memory_max", &self.memory_max)
            .field("time_max", &self.time_max)
            .field("fingerprint_bits", &self.fingerprint_bits)
            .field("stop_at", &self.stop_at)
            .finish_non_exhaustive()
    }
}

/// How many bits a state is known by. Two states with equal ones are taken for one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FingerprintBits {
    /// 64: right for millions of states.
    #[default]
    Bits64,
    /// 128: for billions, or where a chance of one in a million is too much.
    Bits128,
}

impl FingerprintBits {
    /// The number.
    pub fn number(self) -> u32 {
        match self {
            Self::Bits64 => 64,
            Self::Bits128 => 128,
        }
    }
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Distinct states so far.
    pub unique: usize,
    /// States generated so far, initial states and repetitions included.
    pub generated: usize,
    /// States on a longest shortest run so far: 1 for the initial states.
    pub depth: usize,
    /// States waiting to be expanded.
    pub frontier: usize,
    /// Since the start.
    pub elapsed: Duration,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Every reachable state has been visited.
    Exhausted,
    /// The property that it was to stop at has its witness.
    Found,
    /// The memory limit was reached.
    Memory,
    /// The time limit was reached.
    Time,
    /// It was interrupted.
    Interrupted,
    /// Every state within the model's boundary has been visited; so many times a state was out of it.
    Boundary(usize),
    /// The model's own code panicked: see [`Exploration::panic`].
    Panicked,
}

/// A panic of the model's own code: of its actions and steps, or of what is claimed of it.
pub struct Panic<M: Model> {
    /// The message of the panic. The panic hook writes the place in the code to standard error.
    pub message: String,
    /// A shortest run to the state in which it happened. None if no state was known yet, or if a search does not keep it.
    pub run: Option<Run<M>>,
    /// The action that was tried there: it panicked itself, or a claim about its step, or about the state that it
    /// leads to. None if the state itself was looked at, or its actions were listed.
    pub action: Option<M::Action>,
}

impl<M: Model> Debug for Panic<M>
where
    M::State: Debug,
    M::Action: Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic")
            .field("message", &self.message)
            .field("run", &self.run)
            .field("action", &self.action)
            .finish()
    }
}

/// A run: an initial state, then actions with the states they lead to.
pub struct Run<M: Model> {
    /// Where it begins.
    pub initial: M::State,
    /// The steps.
    pub steps: Vec<(M::Action, M::State)>,
    /// Of a run that goes on for ever: how many steps come before its cycle. The steps from there on
    /// lead back to where the cycle begins; if there are none, the run stands still.
    pub cycle: Option<usize>,
}

impl<M: Model> Debug for Run<M>
where
    M::State: Debug,
    M::Action: Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("initial", &self.initial)
            .field("steps", &self.steps)
            .field("cycle", &self.cycle)
            .finish()
    }
}

impl<M: Model> Run<M> {
    /// The run that has taken no step yet.
    fn of(initial: M::State) -> Self {
        Self {
            initial,
            steps: Vec::new(),
            cycle: None,
        }
    }

    /// Whether the run goes on for ever by standing still.
    pub fn is_dead_end(&self) -> bool {
        self.cycle == Some(self.steps.len())
    }

    /// The state at the end.
    pub fn last(&self) -> &M::State {
        self.steps.last().map_or(&self.initial, |(_, state)| state)
    }
}

/// What a search says of a property.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It holds.
    Holds,
    /// It does not hold.
    Fails,
    /// The search was stopped, or a bound of the model met, before it could be decided.
    Undecided,
}

/// What a search says about one property.
pub struct Verdict<M: Model> {
    /// The property.
    pub property: Property<M>,
    /// Whether it holds.
    pub answer: Answer,
    /// Of a claim that holds: whether it asks for nothing. One about fair runs does so if its goal is met wherever it
    /// is asked for; *always* if the model has no initial state; *every step* if it has no step. Then it is worth
    /// nothing.
    pub is_vacuous: bool,
    /// A run to an example, of a property that asks for one, or to a counterexample, of a property that
    /// must not have one.
    pub witness: Option<Run<M>>,
}

impl<M: Model> Verdict<M> {
    /// The verdict on a property with this witness, if any.
    fn new(property: Property<M>, witness: Option<Run<M>>, is_decided: bool) -> Self {
        let example = property.condition.witness_is_example();
        let answer = match witness {
            None if !is_decided => Answer::Undecided,
            _ if witness.is_some() == example => Answer::Holds,
            _ => Answer::Fails,
        };
        Self {
            property,
            answer,
            is_vacuous: false,
            witness,
        }
    }

    /// Whether the property holds.
    pub fn holds(&self) -> bool {
        self.answer == Answer::Holds
    }

    /// The run that shows that the property does not hold.
    pub fn counterexample(&self) -> Option<&Run<M>> {
        let fails = self.answer == Answer::Fails;
        self.witness.as_ref().filter(|_| fails)
    }

    /// Whether the property came out as expected, and not vacuously so.
    pub fn as_expected(&self) -> bool {
        let expected = match self.property.expected {
            true => Answer::Holds,
            false => Answer::Fails,
        };
        self.answer == expected && !self.is_vacuous
    }
}

impl<M: Model> Debug for Verdict<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verdict")
            .field("property", &self.property)
            .field("answer", &self.answer)
            .field("steps", &self.witness.as_ref().map(|run| run.steps.len()))
            .finish()
    }
}

/// What a search found.
pub struct Exploration<M: Model> {
    /// How far it went.
    pub progress: Progress,
    /// Why it ended.
    pub end: End,
    /// A verdict for each property, in their order.
    pub verdicts: Vec<Verdict<M>>,
    /// How many steps to other states it kept: none unless there are claims about fair runs.
    pub steps: usize,
    /// How many classes of actions it met, of all fairness assumptions.
    pub classes: usize,
    /// What it kept.
    pub memory: Memory,
    /// How many bits states were known by.
    pub fingerprint_bits: u32,
    /// The panic that ended the search, if one did.
    pub panic: Option<Panic<M>>,
}

/// How many bytes a search kept at most, besides the frontier: the states that wait to be expanded, or
/// have been generated on the level that is being expanded, with their steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// For the states.
    pub states: usize,
    /// For the steps.
    pub steps: usize,
}

impl<M: Model> Debug for Exploration<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exploration")
            .field("progress", &self.progress)
            .field("end", &self.end)
            .field("verdicts", &self.verdicts)
            .field("panic", &self.panic.as_ref().map(|panic| &panic.message))
            .finish_non_exhaustive()
    }
}

impl<M: Model> Exploration<M> {
    /// Whether every reachable state has been visited.
    pub fn exhausted(&self) -> bool {
        self.end == End::Exhausted
    }

    /// The verdict on the property of this name.
    pub fn verdict(&self, name: &str) -> Option<&Verdict<M>> {
        self.verdicts.iter().find(|v| v.property.name == name)
    }

    /// At most how likely it is that two different states had one fingerprint, so that states were missed.
    pub fn collision_chance(&self) -> f64 {
        let states = self.progress.unique as f64;
        let pairs = states * (states - 1.0) / 2.0;
        (pairs / 2_f64.powi(self.fingerprint_bits as i32)).min(1.0)
    }
}
