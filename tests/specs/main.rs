//! The specs and the models, two languages and two checkers, have one state space.
//!
//! TLC checks each instance beside the specs; its distinct states are the model's unique states, and on
//! instances that are small enough its steps are the model's steps. Without any one of its actions, the
//! spec is another. TLC's verdicts on temporal properties are the expected ones, and not without the fairness
//! that the spec assumes.
//!
//! Where TLC is missing, these tests are reported as ignored, and with `CI` set as failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};

mod graph;
mod instance;
mod liveness;
mod removal;
mod rendering;
mod tlc;
mod value;

use graph::{Graph, States, difference};
use instance::{Instance, instances, specs};
use value::Value;

const SPEC: &str = "TwoPhaseCommit";

/// Up to how many states not only their number is compared, but the graph.
const GRAPH_STATES_MAX: usize = 5_000;

/// What the names of instances begin with that take TLC a minute or more: checked only where ignored tests
/// are asked for.
const LARGE: &str = "large-";

/// A small instance in which each action of the spec makes a difference.
const MATTERS_IN: [(&str, &str); 28] = [
    ("Begin", "one"),
    ("Prepare", "one"),
    ("CountYes", "patient"),
    ("Commit", "one"),
    ("CountNo", "one"),
    ("Abort", "patient"),
    ("Deadline", "one-buffered"),
    ("CountAcknowledge", "one"),
    ("Resend", "one-buffered"),
    ("Answer", "one"),
    ("TellAgain", "overlapping"),
    ("Refuse", "one-buffered"),
    ("RecoverCoordinator", "one"),
    ("Work", "one"),
    ("VoteYes", "one"),
    ("VoteNo", "one"),
    ("IgnorePrepare", "retiring"),
    ("ReceiveCommit", "one"),
    ("ReceiveAbort", "one"),
    ("AbortWork", "one"),
    ("AskAround", "one"),
    ("AnswerPeer", "cooperative"),
    ("RefuseWork", "one-buffered"),
    ("RecoverParticipant", "one"),
    ("Flush", "one-buffered"),
    ("CrashCoordinator", "one"),
    ("CrashParticipant", "one"),
    ("Drop", "lossy"),
];

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
            "each action of the spec is removed once",
            each_action_is_removed_once,
        ),
        Trial::test(
            "a verdict is read as TLC writes it",
            liveness::verdicts_are_read,
        ),
        Trial::test(
            "a property that is violated stands alone",
            liveness::what_is_violated_stands_alone,
        ),
        Trial::test(
            "each fairness of the spec is removed once",
            liveness::each_fairness_is_removed_once,
        ),
    ];
    let found = instances(SPEC).expect("the specs can be read");
    trials.extend(found.iter().cloned().map(|instance| {
        let name = format!("{SPEC}: spec and model agree on {}", instance.name);
        let is_large = instance.name.starts_with(LARGE);
        tlc.trial(name, is_large, move || spec_and_model_agree(&instance))
    }));
    trials.extend(MATTERS_IN.map(|(action, instance)| {
        let name = format!("{SPEC}: spec without {action} and model differ on {instance}");
        let instance = found.iter().find(|i| i.name == instance).cloned();
        tlc.trial(name, false, move || {
            spec_without_differs(action, instance.as_ref().ok_or("no such instance")?)
        })
    }));
    trials.extend(liveness_trials(&tlc, &found));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn liveness_trials(tlc: &Availability, found: &[Instance]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (action, instance, property) in liveness::FAIRNESS_MATTERS_IN {
        let name = format!("{SPEC}: {property} is violated on {instance} if {action} is not fair");
        let instance = found.iter().find(|i| i.name == instance).cloned();
        trials.push(tlc.trial(name, false, move || {
            let instance = instance.as_ref().ok_or("no such instance")?;
            liveness::is_violated_without_fair(action, instance, property)
        }));
    }
    for instance in found.iter().filter(|i| !i.properties.is_empty()) {
        let is_large = instance.name.starts_with(LARGE);
        let hold = liveness::properties_that_hold(instance).expect("the model is explored");
        for property in hold.into_iter().map(str::to_owned) {
            let name = &instance.name;
            let name = format!("{SPEC}: {property} is violated on {name} without fairness");
            let instance = instance.clone();
            trials.push(tlc.trial(name, is_large, move || {
                liveness::is_violated_without_fairness(&instance, &property)
            }));
        }
        let properties = instance.properties.join(" and ");
        let name = format!(
            "{SPEC}: TLC and the model agree on {properties} on {}",
            instance.name
        );
        let instance = instance.clone();
        trials.push(tlc.trial(name, is_large, move || liveness::verdicts_agree(&instance)));
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

    /// A test that needs TLC.
    fn trial(
        &self,
        name: String,
        is_large: bool,
        test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
    ) -> Trial {
        let missing = self.missing.clone();
        let is_ignored = is_large || (missing.is_some() && !self.is_required);
        let test = move || match missing {
            Some(missing) => Err(missing.into()),
            None => test(),
        };
        Trial::test(name, test).with_ignored_flag(is_ignored)
    }
}

/// The difference between the model and a spec on an instance, if there is one.
fn compare(instance: &Instance, spec: &str) -> Result<Option<String>, Failed> {
    // States and steps alone: no fairness, no temporal properties.
    let configuration = instance.configuration::<&str>("Spec", &[]);
    let scratch = Scratch::new(&instance.name, spec, &configuration)?;
    let unique = instance.unique_states();
    let with_graph = unique <= GRAPH_STATES_MAX;
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
        let model = Graph::of_model(instance, &mut states);
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

fn spec_and_model_agree(instance: &Instance) -> Result<(), Failed> {
    match compare(instance, &spec_text()?)? {
        None => Ok(()),
        Some(difference) => Err(difference.into()),
    }
}

fn spec_without_differs(action: &str, instance: &Instance) -> Result<(), Failed> {
    match compare(instance, &removal::without(&spec_text()?, action))? {
        Some(_) => Ok(()),
        None => Err(format!("{action} makes no difference on {}", instance.name).into()),
    }
}

fn each_action_is_removed_once() -> Result<(), Failed> {
    let actions = removal::actions(&spec_text()?);
    let removed: Vec<&str> = MATTERS_IN.iter().map(|(action, _)| *action).collect();
    match actions == removed {
        true => Ok(()),
        false => Err(format!("Next has {actions:?}, MATTERS_IN has {removed:?}").into()),
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

fn spec_text() -> Result<String, Failed> {
    Ok(fs::read_to_string(specs().join(format!("{SPEC}.tla")))?)
}

/// A directory for one run of TLC, gone after it: a spec, and a `.cfg`.
struct Scratch {
    directory: PathBuf,
    configuration: PathBuf,
}

impl Scratch {
    fn new(instance: &str, spec: &str, configuration: &str) -> Result<Self, Failed> {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let name = format!("specs-{}-{run}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory)?;
        let scratch = Self {
            configuration: directory.join(format!("{SPEC}.{instance}.cfg")),
            directory,
        };
        fs::write(scratch.directory.join(format!("{SPEC}.tla")), spec)?;
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
