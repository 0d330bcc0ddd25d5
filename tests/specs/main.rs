//! The specs and the models, two languages and two checkers, have one state space.
//!
//! TLC checks each instance beside the specs; its distinct states are the model's unique states, and on
//! instances that are small enough its steps are the model's steps. Without any one of its actions, the
//! spec is another. TLC's verdicts on temporal properties are the expected ones, and not without the fairness
//! that the spec assumes.
//!
//! That a comparison fails where an action, a rule or a fairness is removed or changed is shown of one of each spec at every
//! change; of all others, as of large instances, only where ignored tests are asked for.
//!
//! Where TLC is missing, these tests are reported as ignored, and with `CI` set as failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use quorate_checker::{Options, explore};

mod atomic_commit;
mod graph;
mod instance;
mod liveness;
mod paxos;
mod raft;
mod removal;
mod spec;
mod three_phase_commit;
mod tlc;
mod two_phase_commit;
mod value;

use graph::{Graph, States, difference};
use instance::{Instance, instances, specs};
use paxos::PaxosSpec;
use raft::RaftSpec;
use spec::{Changed, Named, Spec};
use three_phase_commit::ThreePhaseCommitSpec;
use two_phase_commit::TwoPhaseCommitSpec;
use value::Value;

/// No claims.
const NONE: &[&str] = &[];

/// Up to how many states not only their number is compared, but the graph.
const GRAPH_STATES_MAX: usize = 7_000;

/// Up to how many states TLC's verdict on properties of fair runs is compared at every change: it searches them again and again.
const FAIR_STATES_MAX: usize = 1_500;

/// What the names of instances begin with that take TLC a minute or more.
const LARGE: &str = "large-";

/// Whether an instance is checked only where ignored tests are asked for: its name says so, or it has more states than this.
fn is_large<S: Spec>(instance: &Instance, states_max: usize) -> bool {
    let states = || {
        let exploration = explore(&S::model(instance), &[], &[], &Options::default());
        exploration.progress.unique
    };
    instance.name.starts_with(LARGE) || states() > states_max
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each runs a Java machine.
    arguments.test_threads.get_or_insert(2);
    let tlc = Availability::now();
    if !arguments.list {
        tlc.explain();
    }
    let mut trials = vec![
        Trial::test("a value is read as TLC writes it", values_are_read),
        Trial::test(
            "a verdict is read as TLC writes it",
            liveness::verdicts_are_read,
        ),
    ];
    trials.extend(trials_of::<TwoPhaseCommitSpec>(&tlc));
    trials.extend(trials_of::<ThreePhaseCommitSpec>(&tlc));
    trials.extend(trials_of::<PaxosSpec>(&tlc));
    trials.extend(trials_of::<RaftSpec>(&tlc));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// All tests of one spec.
fn trials_of<S: Spec>(tlc: &Availability) -> Vec<Trial> {
    let spec = S::NAME;
    let found = instances::<S>().expect("the specs can be read");
    let mut trials = vec![
        Trial::test(
            format!("{spec}: each action is removed once"),
            each_action_is_removed_once::<S>,
        ),
        Trial::test(
            format!("{spec}: an instance lists what holds of states and steps"),
            what_holds_is_listed::<S>,
        ),
        Trial::test(
            format!("{spec}: each fairness is removed once"),
            liveness::each_fairness_is_removed_once::<S>,
        ),
    ];
    if !S::FAIRNESS_MATTERS_IN.is_empty() {
        trials.push(Trial::test(
            format!("{spec}: a property that is violated stands alone"),
            liveness::what_is_violated_stands_alone::<S>,
        ));
    }
    for instance in &found {
        let name = format!("{spec}: spec and model agree on {}", instance.name);
        let is_large = is_large::<S>(instance, GRAPH_STATES_MAX);
        for invariant in unlisted(S::invariants(), &instance.invariants) {
            let name = format!("{spec}: {invariant} is violated on {}", instance.name);
            let instance = instance.clone();
            trials.push(tlc.trial(name, is_large, move || {
                invariant_is_violated::<S>(&instance, invariant)
            }));
        }
        for property in unlisted(S::steps(), &instance.steps) {
            let name = format!("{spec}: {property} is violated on {}", instance.name);
            let instance = instance.clone();
            trials.push(tlc.trial(name, is_large, move || {
                steps_violate::<S>(&instance, property, &spec_text::<S>()?)
            }));
        }
        let instance = instance.clone();
        trials.push(tlc.trial(name, is_large, move || spec_and_model_agree::<S>(&instance)));
    }
    trials.extend(
        S::MATTERS_IN
            .iter()
            .enumerate()
            .map(|(number, &(action, instance))| {
                let name = format!("{spec}: spec without {action} and model differ on {instance}");
                let instance = found.iter().find(|i| i.name == instance).cloned();
                tlc.trial(name, number > 0, move || {
                    let instance = instance.as_ref().ok_or("no such instance")?;
                    differs::<S>(instance, &removal::without(&spec_text::<S>()?, action))
                })
            }),
    );
    trials.extend(S::CHANGED.iter().enumerate().map(|(number, changed)| {
        let Changed {
            without,
            rule,
            by,
            instance,
            violates,
        } = *changed;
        let name = match violates {
            Some(violated) => {
                format!("{spec}: {violated} is violated on {instance} without {without}")
            }
            None => format!("{spec}: spec without {without} and model differ on {instance}"),
        };
        let is_large = instance.starts_with(LARGE);
        let instance = found.iter().find(|i| i.name == instance).cloned();
        tlc.trial(name, number > 0 || is_large, move || {
            let instance = instance.as_ref().ok_or("no such instance")?;
            let spec = removal::changed(&spec_text::<S>()?, rule, by);
            match violates {
                Some(violated) => steps_violate::<S>(instance, violated, &spec),
                None => differs::<S>(instance, &spec),
            }
        })
    }));
    trials.extend(liveness_trials::<S>(tlc, &found));
    trials
}

fn liveness_trials<S: Spec>(tlc: &Availability, found: &[Instance]) -> Vec<Trial> {
    let spec = S::NAME;
    let mut trials = Vec::new();
    for (number, &(action, instance, property)) in S::FAIRNESS_MATTERS_IN.iter().enumerate() {
        let name = format!("{spec}: {property} is violated on {instance} if {action} is not fair");
        let is_large = instance.starts_with(LARGE);
        let instance = found.iter().find(|i| i.name == instance).cloned();
        trials.push(tlc.trial(name, number > 0 || is_large, move || {
            let instance = instance.as_ref().ok_or("no such instance")?;
            liveness::is_violated_without_fair::<S>(action, instance, property)
        }));
    }
    let mut is_shown = false;
    for instance in found.iter().filter(|i| !i.properties.is_empty()) {
        let is_large = is_large::<S>(instance, FAIR_STATES_MAX);
        let hold = liveness::properties_that_hold::<S>(instance).expect("the model is explored");
        for property in hold.into_iter().map(str::to_owned) {
            let name = &instance.name;
            let name = format!("{spec}: {property} is violated on {name} without fairness");
            let instance = instance.clone();
            let is_slow = is_large || std::mem::replace(&mut is_shown, true);
            trials.push(tlc.trial(name, is_slow, move || {
                liveness::is_violated_without_fairness::<S>(&instance, &property)
            }));
        }
        let properties = instance.properties.join(" and ");
        let name = format!(
            "{spec}: TLC and the model agree on {properties} on {}",
            instance.name
        );
        let instance = instance.clone();
        trials.push(tlc.trial(name, is_large, move || {
            liveness::verdicts_agree::<S>(&instance)
        }));
    }
    trials
}

/// Whether TLC is there, and what becomes of tests if it is not.
struct Availability {
    missing: Option<String>,
    is_required: bool,
}

impl Availability {
    fn now() -> Self {
        Self {
            missing: tlc::find().err(),
            is_required: std::env::var_os("CI").is_some(),
        }
    }

    fn explain(&self) {
        if let Some(missing) = &self.missing {
            let fate = match self.is_required {
                true => "failed, because CI is set",
                false => "ignored",
            };
            eprintln!("Tests that need TLC are {fate}. {missing}");
        }
    }

    /// A test that needs TLC; ignored unless that is asked for, if it is slow.
    fn trial(
        &self,
        name: String,
        is_slow: bool,
        test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
    ) -> Trial {
        let missing = self.missing.clone();
        let is_ignored = is_slow || (missing.is_some() && !self.is_required);
        let test = move || match missing {
            Some(missing) => Err(missing.into()),
            None => test(),
        };
        Trial::test(name, test).with_ignored_flag(is_ignored)
    }
}

/// The difference between the model and a spec on an instance, if there is one.
///
/// What is claimed of states and of steps must hold.
fn compare<S: Spec>(
    instance: &Instance,
    spec: &str,
    invariants: &[impl AsRef<str>],
    steps: &[impl AsRef<str>],
) -> Result<Option<String>, Failed> {
    let configuration = instance.configuration("Spec", invariants, steps);
    let scratch = Scratch::new::<S>(&instance.name, spec, &configuration)?;
    let exploration = explore(&S::model(instance), &[], &[], &Options::default());
    assert!(exploration.exhausted(), "{}: not exhausted", instance.name);
    let unique = exploration.progress.unique;
    // Of states that it takes for one TLC keeps any.
    let with_graph = unique <= GRAPH_STATES_MAX && !instance.has_view();
    let dump = scratch.directory.join("graph.dot");
    let run = tlc::run(&scratch.configuration, with_graph.then_some(&dump))?;
    let mut differences = Vec::new();
    if run.distinct != unique {
        differences.push(format!(
            "TLC has {} distinct states, the model {unique} unique ones",
            run.distinct
        ));
    }
    if with_graph {
        let mut states = States::default();
        let model = Graph::of_model::<S>(instance, &mut states);
        let spec = Graph::of_dump(&fs::read_to_string(&dump)?, &mut states)?;
        assert_eq!(model.states(), unique, "one graph, walked twice");
        assert_eq!(
            spec.states(),
            run.distinct,
            "one graph, as dumped and as counted"
        );
        differences.extend(difference(&states, &model, &spec));
        println!(
            "{}: {unique} states, {} steps in the model; {} states, {} steps in the spec",
            instance.name,
            model.steps(),
            spec.states(),
            spec.steps()
        );
    }
    Ok((!differences.is_empty()).then(|| differences.join("\n")))
}

fn spec_and_model_agree<S: Spec>(instance: &Instance) -> Result<(), Failed> {
    let (spec, invariants, steps) = (spec_text::<S>()?, &instance.invariants, &instance.steps);
    match compare::<S>(instance, &spec, invariants, steps)? {
        None => Ok(()),
        Some(difference) => Err(difference.into()),
    }
}

/// The spec, which is not the one beside the model, has other states or steps.
fn differs<S: Spec>(instance: &Instance, spec: &str) -> Result<(), Failed> {
    match compare::<S>(instance, spec, NONE, NONE)? {
        Some(_) => Ok(()),
        None => Err(format!("the specs have the same graph on {}", instance.name).into()),
    }
}

fn each_action_is_removed_once<S: Spec>() -> Result<(), Failed> {
    let actions = removal::actions(&spec_text::<S>()?);
    let removed: Vec<&str> = S::MATTERS_IN.iter().map(|(action, _)| *action).collect();
    match actions == removed {
        true => Ok(()),
        false => Err(format!("Next has {actions:?}, MATTERS_IN has {removed:?}").into()),
    }
}

/// Those that the instance does not ask TLC to check.
fn unlisted<T>(claims: Vec<Named<T>>, listed: &[String]) -> Vec<&'static str> {
    let names = claims.into_iter().map(|claim| claim.name);
    names
        .filter(|name| !listed.iter().any(|listed| listed == name))
        .collect()
}

fn what_holds_is_listed<S: Spec>() -> Result<(), Failed> {
    let instances = instances::<S>()?.into_iter();
    for instance in instances.filter(|instance| !instance.name.starts_with(LARGE)) {
        let listed = instance.invariants.iter().chain(&instance.steps);
        for claim in S::invariants().into_iter().chain(S::steps()) {
            let holds = liveness::holds::<S>(&instance, claim.of_model, &[])?;
            if holds != listed.clone().any(|listed| listed == claim.name) {
                let (name, of) = (claim.name, &instance.name);
                return Err(format!("{name} holds on {of}: {holds}, and is it listed?").into());
            }
        }
    }
    Ok(())
}

/// TLC finds it violated, too.
fn invariant_is_violated<S: Spec>(instance: &Instance, invariant: &str) -> Result<(), Failed> {
    let configuration = instance.configuration("Spec", &[invariant], NONE);
    let scratch = Scratch::new::<S>(&instance.name, &spec_text::<S>()?, &configuration)?;
    match tlc::invariant_is_violated(&scratch.configuration, invariant)? {
        true => Ok(()),
        false => Err(format!("{invariant} holds on {}", instance.name).into()),
    }
}

/// TLC finds it violated by a step of this spec.
fn steps_violate<S: Spec>(instance: &Instance, property: &str, spec: &str) -> Result<(), Failed> {
    let configuration = instance.configuration("Spec", NONE, &[property]);
    let scratch = Scratch::new::<S>(&instance.name, spec, &configuration)?;
    match tlc::steps_violate(&scratch.configuration)? {
        true => Ok(()),
        false => Err(format!("{property} holds on {}", instance.name).into()),
    }
}

fn values_are_read() -> Result<(), Failed> {
    let written = r#"( 0 :> [epoch |-> -1, ok |-> TRUE] @@
      1 :> << {}, {2, 1}, "refused as unknown", <<>> >> )"#;
    let value = Value::function([
        (
            Value::Integer(0),
            Value::record([("epoch", Value::Integer(-1)), ("ok", true.into())]),
        ),
        (
            Value::Integer(1),
            Value::sequence([
                Value::set([]),
                Value::set([Value::Integer(1), Value::Integer(2)]),
                "refused as unknown".into(),
                Value::sequence([]),
            ]),
        ),
    ]);
    assert_eq!(Value::parse(written)?, value);
    assert_eq!(Value::parse(&value.to_string())?, value);
    assert_eq!(
        Value::parse("(1 :> 5 @@ 2 :> 6)")?,
        Value::parse("<<5, 6>>")?
    );
    assert!(Value::parse("{1, 2").is_err());
    Ok(())
}

fn spec_text<S: Spec>() -> Result<String, Failed> {
    Ok(fs::read_to_string(
        specs().join(format!("{}.tla", S::NAME)),
    )?)
}

/// A directory for one run of TLC, gone after it: a spec, those beside it, which it may refine, and a `.cfg`.
struct Scratch {
    directory: PathBuf,
    configuration: PathBuf,
}

impl Scratch {
    fn new<S: Spec>(instance: &str, spec: &str, configuration: &str) -> Result<Self, Failed> {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let name = format!("specs-{}-{run}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory)?;
        let scratch = Self {
            configuration: directory.join(format!("{}.{instance}.cfg", S::NAME)),
            directory,
        };
        for module in fs::read_dir(specs())? {
            let module = module?;
            if module.path().extension().is_some_and(|kind| kind == "tla") {
                fs::copy(module.path(), scratch.directory.join(module.file_name()))?;
            }
        }
        fs::write(scratch.directory.join(format!("{}.tla", S::NAME)), spec)?;
        fs::write(&scratch.configuration, configuration)?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over does no harm.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
