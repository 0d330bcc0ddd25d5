//! The claim that what makes a space smaller leaves nothing out, as a claim among the others.
//!
//! Messages are forgotten that count as spent. That is checked with the protocol's code when a search has visited every
//! state ([`System::check_forgetting`]). Only if it is not right is a run looked for that shows it, in the whole model.

use std::hash::Hash;
use std::time::Instant;

use derive_where::derive_where;
use quorate::protocol::Protocol;
use quorate_checker::quotient::{Quotient, Representative};
use quorate_checker::report::PropertyReport;
use quorate_checker::{Condition, End, Exploration, Options, Property, Run, explore};
use stateright::Model;

use crate::system::{Application, Asked, System, SystemState};

/// The name of the claim.
pub const SPENT: &str = "spent messages change nothing";
/// Its kind, as reports have it.
pub const KIND: &str = "reduction";

/// A model in which messages may be forgotten.
pub trait Forgetful: Model + Sized {
    /// The protocol that its processes run.
    type Protocol: Protocol + 'static;

    /// Whether any message counts as spent.
    fn forgets_spent(&self) -> bool;

    /// Asks the protocol whether spent messages change nothing. A search has visited every state.
    fn check_forgetting(&self) -> Asked<Self::Protocol>;

    /// The whole model, in which nothing spent is forgotten.
    fn whole(self) -> Self;

    /// Of the whole model: that a step leaves spent what is spent, and a delivery of a spent message changes nothing.
    fn spent_messages_change_nothing() -> Property<Self>;

    /// The names of its processes, by id.
    fn names(&self) -> Vec<String>;
}

impl<P: Protocol + 'static, A: Application<P> + 'static> Forgetful for System<P, A> {
    type Protocol = P;

    fn forgets_spent(&self) -> bool {
        self.application().spent_rules() > 0
    }

    fn check_forgetting(&self) -> Asked<P> {
        System::check_forgetting(self)
    }

    fn whole(self) -> Self {
        System::whole(self)
    }

    fn spent_messages_change_nothing() -> Property<Self> {
        let keeps = Self::keeps_spent_messages_spent;
        Property::holds(SPENT, Condition::EveryStep(keeps))
    }

    fn names(&self) -> Vec<String> {
        System::names(self)
    }
}

impl<P: Protocol + 'static, A: Application<P> + 'static> Forgetful for Quotient<System<P, A>> {
    type Protocol = P;

    fn forgets_spent(&self) -> bool {
        self.model.forgets_spent()
    }

    fn check_forgetting(&self) -> Asked<P> {
        self.model.check_forgetting()
    }

    fn whole(self) -> Self {
        self.map(System::whole)
    }

    fn spent_messages_change_nothing() -> Property<Self> {
        Property::holds(
            SPENT,
            Condition::EveryStep(
                |classes: &Self,
                 state: &Representative<SystemState<P, A>>,
                 action,
                 next: &Representative<SystemState<P, A>>| {
                    (classes.model).keeps_spent_messages_spent(state, action, next)
                },
            ),
        )
    }

    fn names(&self) -> Vec<String> {
        self.model.names()
    }
}

/// What was found out about the claim.
#[derive_where(Debug; M, M::State, M::Action)]
pub struct Finding<M: Model> {
    /// Whether it holds; nothing if it is undecided.
    pub holds: Option<bool>,
    /// Whether no message counts as spent anywhere.
    pub is_vacuous: bool,
    /// What is wrong, in sentences.
    pub violation: Vec<String>,
    /// The shortest run of the whole model that shows it, with that model.
    pub shown: Option<(M, Run<M>)>,
    /// How long the check took, and the search for a run.
    pub seconds: f64,
}

/// Checks the claim, if messages are forgotten, after a search. `whole` makes the whole model.
pub fn check<M>(
    model: &M,
    exploration: &Exploration<M>,
    whole: impl FnOnce() -> M,
    options: &Options<'_>,
) -> Option<Finding<M>>
where
    M: Forgetful + Sync,
    M::State: Clone + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Send,
{
    if !model.forgets_spent() {
        return None;
    }
    let start = Instant::now();
    let mut finding = Finding {
        holds: None,
        is_vacuous: false,
        violation: Vec::new(),
        shown: None,
        seconds: 0.0,
    };
    if exploration.exhausted() {
        let asked = model.check_forgetting();
        finding.holds = Some(asked.violation.is_none());
        finding.is_vacuous = asked.messages == 0;
        if let Some(violation) = asked.violation {
            finding.violation = violation.sentences(&model.names());
            let whole = whole();
            match run_that_shows_it(&whole, options) {
                Ok(run) => finding.shown = Some((whole, run)),
                Err(why) => finding.violation.push(why),
            }
        }
    }
    finding.seconds = start.elapsed().as_secs_f64();
    Some(finding)
}

/// The shortest run of the whole model in which a spent message changes something, or why there is none.
fn run_that_shows_it<M>(whole: &M, options: &Options<'_>) -> Result<Run<M>, String>
where
    M: Forgetful + Sync,
    M::State: Clone + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Send,
{
    let options = Options {
        stop_at: Some(SPENT),
        ..options.clone()
    };
    let claim = [M::spent_messages_change_nothing()];
    let mut exploration = explore(whole, &claim, &[], &options);
    let states = exploration.progress.unique;
    let why = match exploration.end {
        End::Exhausted => format!(
            "no run of the whole model, of {states} states, shows it: a condition is too weak for parts that never meet"
        ),
        _ => format!("no run of the whole model shows it among its first {states} states"),
    };
    let witness = exploration
        .verdicts
        .pop()
        .and_then(|verdict| verdict.witness);
    witness.ok_or(why)
}

impl<M: Model> Finding<M> {
    /// The finding as a report has it. `describe` writes a run of the whole model in sentences.
    pub fn report(&self, describe: impl Fn(&M, &Run<M>) -> Vec<String>) -> PropertyReport {
        let run = self.shown.iter();
        let run = run.flat_map(|(whole, run)| describe(whole, run));
        let sentences = run.chain(self.violation.iter().cloned());
        PropertyReport {
            name: SPENT,
            kind: KIND,
            expected: true,
            holds: self.holds,
            vacuous: self.is_vacuous,
            counterexample: (self.holds == Some(false)).then(|| sentences.collect()),
            cycle: None,
            address: None,
        }
    }
}
