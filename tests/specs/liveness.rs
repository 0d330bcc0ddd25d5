//! Liveness: TLC's verdict on each property of an instance is the expected one, and each assumption of
//! fairness is needed.

use libtest_mimic::Failed;

use super::instance::{Instance, instances};
use super::{SPEC, Scratch, removal, spec_text, tlc};

/// Whether a property holds on an instance: the instance, the property, the verdict.
const EXPECTED: [(&str, &str, bool); 17] = [
    ("large-live-cooperative", "InDoubtDecides", true),
    ("large-live-cooperative", "CommitForgotten", true),
    ("large-live-two", "InDoubtDecides", true),
    ("large-live-two", "CommitForgotten", true),
    ("live-blocking", "NonBlocking", false),
    ("live-blocking-cooperative", "NonBlocking", false),
    ("live-cooperative", "InDoubtDecides", true),
    ("live-cooperative", "CommitForgotten", true),
    ("live-everybody", "EverybodyDecides", false),
    ("live-impatient", "AllCommit", false),
    ("live-learning", "OneKnowsAllLearn", false),
    ("live-learning-cooperative", "OneKnowsAllLearn", true),
    ("live-one", "InDoubtDecides", true),
    ("live-one", "CommitForgotten", true),
    ("live-patient", "AllCommit", true),
    ("live-two", "InDoubtDecides", true),
    ("live-two", "CommitForgotten", true),
];

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

/// The expected verdicts on an instance: each property, and whether it holds.
pub fn expected(instance: &str) -> Vec<(&'static str, bool)> {
    let verdicts = EXPECTED.iter().filter(|(of, ..)| *of == instance);
    verdicts
        .map(|&(_, property, holds)| (property, holds))
        .collect()
}

/// Each property of an instance has an expected verdict, and nothing else has one. As TLC does not say
/// which property is violated, one that is expected to be stands alone.
pub fn each_property_has_a_verdict() -> Result<(), Failed> {
    let instances = instances(SPEC)?;
    let mut of_instances = Vec::new();
    for instance in &instances {
        let name = instance.name.as_str();
        of_instances.extend(instance.properties.iter().map(|p| (name, p.as_str())));
        let expected = expected(name);
        if expected.len() > 1 && expected.iter().any(|(_, holds)| !holds) {
            return Err(format!("{name}: which of {expected:?} is violated?").into());
        }
    }
    let of_table: Vec<_> = EXPECTED.iter().map(|&(i, p, _)| (i, p)).collect();
    match of_instances == of_table {
        true => Ok(()),
        false => Err(format!("instances: {of_instances:?}; EXPECTED: {of_table:?}").into()),
    }
}

/// TLC's verdict on the properties of an instance is the expected one.
pub fn verdict_is_as_expected(instance: &Instance) -> Result<(), Failed> {
    let expected = expected(&instance.name).iter().all(|(_, holds)| *holds);
    let text = instance.configuration("FairSpec", &instance.properties);
    compare(instance, &spec_text()?, &text, expected)
}

/// Without any fairness the property is violated: what is to lead to something occurs, and not only
/// together with it.
pub fn is_violated_without_fairness(instance: &Instance, property: &str) -> Result<(), Failed> {
    let text = instance.configuration("Spec", &[property]);
    compare(instance, &spec_text()?, &text, false)
}

/// If this one action is not fair, the property is violated.
pub fn is_violated_without_fair(
    action: &str,
    instance: &Instance,
    property: &str,
) -> Result<(), Failed> {
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
