//! The common part of all protocols' entries: mutants, and the claim that spent messages change nothing.

use std::fmt::Debug;
use std::hash::Hash;

use quorate::protocol::Protocol;
use quorate_checker::check::{Claimed, check_and, check_mutant, mutant_report};
use quorate_checker::entry::{MutantSummary, UsageError};
use quorate_checker::instances::Named;
use quorate_checker::report::{CheckReport, Engine, MutantReport};
use quorate_checker::{Exploration, Options, Run, explore};
use stateright::Model;

use crate::mutant::Mutant;
use crate::reduction::{self, Forgetful, SPENT};
use crate::system::{Action, Application, System, SystemState};

/// The mutant of this name.
///
/// # Errors
///
/// If there is none.
pub fn mutant<R: Copy, P: Protocol>(
    model: &str,
    name: &str,
    mutants: &'static [Mutant<R, P>],
) -> Result<&'static Mutant<R, P>, UsageError> {
    let found = mutants.iter().find(|mutant| mutant.name == name);
    found.ok_or_else(|| {
        let known = mutants.iter().map(|mutant| mutant.name);
        UsageError::unknown(&format!("mutant of {model}"), name, known)
    })
}

/// Checks what is claimed of processes in [`System`]: see [`check`](quorate_checker::check::check).
pub fn check_system<P: Protocol, A: Application<P>>(
    named: Named,
    build: impl Fn() -> Claimed<System<P, A>>,
    engine: Engine,
    options: &Options<'_>,
) -> CheckReport
where
    System<P, A>: Model<State = SystemState<P, A>, Action = Action<P>> + Send + Sync + 'static,
    SystemState<P, A>: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    Action<P>: Clone + Debug + PartialEq + Send + Sync,
{
    check_forgetful(
        named,
        build,
        |system| &mut system.properties,
        engine,
        options,
        System::sentences,
    )
}

/// Checks what is claimed of a model in which messages may be forgotten: see [`check`](quorate_checker::check::check); and that
/// what it forgets changes nothing.
pub fn check_forgetful<M>(
    named: Named,
    build: impl Fn() -> Claimed<M>,
    for_stateright: impl Fn(&mut M) -> &mut Vec<stateright::Property<M>>,
    engine: Engine,
    options: &Options<'_>,
    sentences: impl Fn(&M, &Run<M>) -> Vec<String>,
) -> CheckReport
where
    M: Forgetful + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let Claimed { model, .. } = build();
    let forgets = model.forgets_spent();
    let finding = |model: &M, exploration: &Exploration<M>| {
        let whole = || build().model.whole();
        reduction::check(model, exploration, whole, options)
    };
    let searched = (engine, options);
    let (mut report, finding) =
        check_and(named, &build, for_stateright, searched, &sentences, finding);
    match finding.flatten() {
        Some(finding) => {
            report.seconds += finding.seconds;
            report.properties.push(finding.report(sentences));
        }
        // Stateright's searches keep the model to themselves.
        None if forgets => report.unchecked.push(SPENT),
        None => {}
    }
    report
}

/// Looks for a mutant in a model in which messages may be forgotten: see [`check_mutant`]. `build` makes the model.
pub fn check_forgetful_mutant<M>(
    mutant: &MutantSummary,
    build: impl Fn() -> Claimed<M>,
    options: &Options<'_>,
    narrate: impl Fn(&M, &Run<M>) -> Vec<String>,
) -> MutantReport
where
    M: Forgetful + Sync,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send,
{
    let claimed = build();
    if mutant.breaks != SPENT {
        return check_mutant(mutant, &claimed, options, narrate);
    }
    let exploration = explore(&claimed.model, &[], &[], options);
    let whole = || build().model.whole();
    let finding = reduction::check(&claimed.model, &exploration, whole, options);
    let finding = finding.as_ref();
    let shown = finding.and_then(|finding| finding.shown.as_ref());
    let run = shown.map(|(whole, run)| narrate(whole, run));
    let violation = finding.map(|finding| finding.violation.clone());
    let report = mutant_report(mutant, &claimed.model, &exploration, narrate);
    MutantReport {
        found: finding.is_some_and(|finding| finding.holds == Some(false)),
        steps: shown.map(|(_, run)| run.steps.len()),
        seconds: report.seconds + finding.map_or(0.0, |finding| finding.seconds),
        run: [run, violation].into_iter().flatten().flatten().collect(),
        // It is a run of another model than the one that is served.
        address: None,
        ..report
    }
}

/// A mutant was asked for in Stateright's `ActorModel`.
pub fn no_mutants_in_actor_model() -> UsageError {
    UsageError(
        "mutants live in Quorate's own environment: choose --framework system, or another instance"
            .into(),
    )
}
