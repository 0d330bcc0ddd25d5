//! Liveness: TLC's verdict on each property of an instance is that of Quorate's checker on the model, under the
//! same fairness; and each assumption of fairness is needed, in both.

use libtest_mimic::Failed;
use quorate::two_phase_commit::{COORDINATOR, Timer};
use quorate_models::atomic_commit::ALL_COMMIT;
use quorate_models::checker::{Answer, Fairness, Options, explore};
use quorate_models::system::{Action, System};
use quorate_models::two_phase_commit::liveness::{
    COMMIT_FORGOTTEN, EVERYBODY_DECIDES, IN_DOUBT_DECIDES, NON_BLOCKING, ONE_KNOWS_ALL_LEARN,
    claims,
};

use super::instance::{Instance, TwoPhaseCommitModel, instances};
use super::{SPEC, Scratch, removal, spec_text, tlc};

/// A small instance, and a property that does not hold there unless this action is fair.
pub const FAIRNESS_MATTERS_IN: [(&str, &str, &str); 7] = [
    ("Receive", "live-one", "InDoubtDecides"),
    ("Deadline", "live-one", "InDoubtDecides"),
    // Two messages must be lost: the Commit, once it is received, and its acknowledgement.
    ("Resend", "live-one", "CommitForgotten"),
    ("AskAround", "live-one", "InDoubtDecides"),
    ("Flush", "live-one", "InDoubtDecides"),
    ("RecoverCoordinator", "live-one", "InDoubtDecides"),
    ("RecoverParticipant", "live-one", "InDoubtDecides"),
];

/// The model's name of a property of the spec.
const NAMES: [(&str, &str); 6] = [
    ("InDoubtDecides", IN_DOUBT_DECIDES),
    ("CommitForgotten", COMMIT_FORGOTTEN),
    ("NonBlocking", NON_BLOCKING),
    ("OneKnowsAllLearn", ONE_KNOWS_ALL_LEARN),
    ("EverybodyDecides", EVERYBODY_DECIDES),
    ("AllCommit", ALL_COMMIT),
];

type Assumption = Fairness<TwoPhaseCommitModel>;

/// What the spec's `Fairness` assumes, of the model.
fn fairness() -> Vec<Assumption> {
    vec![
        System::deliveries(),
        System::timers(),
        System::flushes(),
        System::recoveries(),
    ]
}

/// The same without an action of the spec.
fn fairness_without(action: &str) -> Result<Vec<Assumption>, Failed> {
    let without = |class| vec![Fairness::weak("but for one action", class)];
    let [deliveries, timers, flushes, recoveries] = [
        System::deliveries(),
        System::timers(),
        System::flushes(),
        System::recoveries(),
    ];
    Ok(match action {
        "Receive" => vec![timers, flushes, recoveries],
        "Flush" => vec![deliveries, timers, recoveries],
        "Deadline" => [
            without(|model, action| match action {
                Action::Timeout(_, timer) if matches!(**timer, Timer::Deadline(_)) => None,
                _ => (System::timers().class)(model, action),
            }),
            vec![deliveries, flushes, recoveries],
        ]
        .concat(),
        "Resend" => [
            without(|model, action| match action {
                Action::Timeout(_, timer) if matches!(**timer, Timer::Resend(_)) => None,
                _ => (System::timers().class)(model, action),
            }),
            vec![deliveries, flushes, recoveries],
        ]
        .concat(),
        "AskAround" => [
            without(|model, action| match action {
                Action::Timeout(_, timer) if matches!(**timer, Timer::Inquire(_)) => None,
                _ => (System::timers().class)(model, action),
            }),
            vec![deliveries, flushes, recoveries],
        ]
        .concat(),
        "RecoverCoordinator" => [
            without(|model, action| match action {
                Action::Recover(COORDINATOR) => None,
                _ => (System::recoveries().class)(model, action),
            }),
            vec![deliveries, timers, flushes],
        ]
        .concat(),
        "RecoverParticipant" => [
            without(|model, action| match action {
                Action::Recover(process) if *process != COORDINATOR => None,
                _ => (System::recoveries().class)(model, action),
            }),
            vec![deliveries, timers, flushes],
        ]
        .concat(),
        _ => return Err(format!("which actions of the model are {action}?").into()),
    })
}

/// Whether a property of the spec holds on the instance of the model, by Quorate's checker.
fn model_says(
    instance: &Instance,
    property: &str,
    fairness: &[Assumption],
) -> Result<bool, Failed> {
    let named = NAMES.iter().find(|(of_spec, _)| *of_spec == property);
    let (_, name) = named.ok_or_else(|| format!("the model has no property {property}"))?;
    let claims = claims(&instance.parameters()).into_iter();
    let claim: Vec<_> = claims.filter(|claim| claim.name == *name).collect();
    let exploration = explore(&instance.model(), &claim, fairness, &Options::default());
    match (exploration.exhausted(), exploration.verdicts[0].answer) {
        (true, Answer::Holds) => Ok(true),
        (true, Answer::Fails) => Ok(false),
        _ => Err(format!("{property} is undecided on {}", instance.name).into()),
    }
}

/// The properties of an instance that hold on the model.
pub fn properties_that_hold(instance: &Instance) -> Result<Vec<&str>, Failed> {
    let mut hold = Vec::new();
    for property in &instance.properties {
        if model_says(instance, property, &fairness())? {
            hold.push(property.as_str());
        }
    }
    Ok(hold)
}

/// As TLC does not say which property is violated, one that is stands alone; and the instances show
/// properties that hold and properties that do not.
pub fn what_is_violated_stands_alone() -> Result<(), Failed> {
    let (mut hold, mut fail) = (0, 0);
    for instance in instances(SPEC)?.iter().filter(|i| !i.properties.is_empty()) {
        let holding = properties_that_hold(instance)?.len();
        match (holding, instance.properties.len()) {
            (0, 1) => fail += 1,
            (some, all) if some == all => hold += 1,
            _ => return Err(format!("{}: which property is violated?", instance.name).into()),
        }
    }
    assert!(hold >= 3 && fail >= 3, "{hold} instances hold, {fail} fail");
    Ok(())
}

/// TLC's verdict on the properties of an instance is the model's.
pub fn verdicts_agree(instance: &Instance) -> Result<(), Failed> {
    let all = properties_that_hold(instance)?.len() == instance.properties.len();
    let text = instance.configuration("FairSpec", &instance.properties);
    compare(instance, &spec_text()?, &text, all)
}

/// Without any fairness the property is violated, in the spec and in the model: what is to lead to
/// something occurs, and not only together with it.
pub fn is_violated_without_fairness(instance: &Instance, property: &str) -> Result<(), Failed> {
    if model_says(instance, property, &[])? {
        return Err(format!("the model's {property} holds without fairness").into());
    }
    let text = instance.configuration("Spec", &[property]);
    compare(instance, &spec_text()?, &text, false)
}

/// If this one action is not fair, the property is violated, in the spec and in the model.
pub fn is_violated_without_fair(
    action: &str,
    instance: &Instance,
    property: &str,
) -> Result<(), Failed> {
    if model_says(instance, property, &fairness_without(action)?)? {
        return Err(format!("the model's {property} holds without fair {action}").into());
    }
    let spec = removal::without_fairness(&spec_text()?, action);
    let text = instance.configuration("FairSpec", &[property]);
    compare(instance, &spec, &text, false)
}

/// Each action that the spec assumes to be fair is unfair once.
pub fn each_fairness_is_removed_once() -> Result<(), Failed> {
    let fair = removal::fair_actions(&spec_text()?);
    let removed = FAIRNESS_MATTERS_IN.map(|(action, ..)| action);
    match fair == removed {
        true => Ok(()),
        false => Err(format!("Fairness has {fair:?}, FAIRNESS_MATTERS_IN has {removed:?}").into()),
    }
}

/// What TLC writes is a verdict only if it says so.
pub fn verdicts_are_read() -> Result<(), Failed> {
    let checked = "Checking 4 branches of temporal properties for the complete state space with \
                   8 total distinct states at (2026-01-01 12:00:00)\n";
    let holds = "Model checking completed. No error has been found.\n";
    let violated = "Error: Temporal properties were violated.\n";
    let verdict = |out: &[&str], status| tlc::verdict(&out.concat(), status);
    assert_eq!(verdict(&[checked, holds], Some(0)), Some(true));
    assert_eq!(verdict(&[checked, violated], Some(13)), Some(false));
    // Without properties, and dead on the way.
    assert_eq!(verdict(&[holds], Some(0)), None);
    assert_eq!(verdict(&[checked], None), None);
    assert_eq!(verdict(&[checked, violated], Some(1)), None);
    assert_eq!(verdict(&[checked, violated, holds], Some(0)), None);
    Ok(())
}

fn compare(
    instance: &Instance,
    spec: &str,
    configuration: &str,
    expected: bool,
) -> Result<(), Failed> {
    let scratch = Scratch::new(&instance.name, spec, configuration)?;
    let hold = tlc::temporal_properties_hold(&scratch.configuration)?;
    match hold == expected {
        true => Ok(()),
        false => Err(format!("hold: {hold}, expected: {expected}, of\n{configuration}").into()),
    }
}
