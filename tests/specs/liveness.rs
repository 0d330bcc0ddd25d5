//! Liveness: TLC's verdict on each property of an instance is that of Quorate's checker on the model, under the
//! same fairness; and each assumption of fairness is needed, in both.

use libtest_mimic::Failed;
use quorate_checker::{Answer, Fairness, Options, Property, explore};

use super::instance::{Instance, instances};
use super::spec::Spec;
use super::{Scratch, removal, spec_text, tlc};

/// What the spec's `Fairness` assumes, of the model.
fn fairness<S: Spec>() -> Vec<Fairness<S::Model>> {
    S::fairness()
        .into_iter()
        .map(|fair| fair.of_model)
        .collect()
}

/// The same without an action of the spec.
fn fairness_without<S: Spec>(action: &str) -> Vec<Fairness<S::Model>> {
    let fair = S::fairness().into_iter().filter(|fair| fair.name != action);
    fair.map(|fair| fair.of_model).collect()
}

/// Whether a property holds on the instance of the model, by Quorate's checker.
pub fn holds<S: Spec>(
    instance: &Instance,
    property: Property<S::Model>,
    fairness: &[Fairness<S::Model>],
) -> Result<bool, Failed> {
    let model = S::model(instance);
    let exploration = explore(&model, &[property], fairness, &Options::default());
    match (exploration.exhausted(), exploration.verdicts[0].answer) {
        (true, Answer::Holds) => Ok(true),
        (true, Answer::Fails) => Ok(false),
        _ => Err(format!("{} is undecided on {}", property.name, instance.name).into()),
    }
}

/// Whether a temporal property of the spec holds on the instance of the model.
fn model_says<S: Spec>(
    instance: &Instance,
    property: &str,
    fairness: &[Fairness<S::Model>],
) -> Result<bool, Failed> {
    let claims = S::claims(instance);
    let named = claims.into_iter().find(|claim| claim.name == property);
    let claim = named.ok_or_else(|| format!("the model has no property {property}"))?;
    holds::<S>(instance, claim.of_model, fairness)
}

/// The properties of fair runs of an instance that hold on the model.
pub fn properties_that_hold<S: Spec>(instance: &Instance) -> Result<Vec<&str>, Failed> {
    let mut hold = Vec::new();
    for property in &instance.properties {
        if model_says::<S>(instance, property, &fairness::<S>())? {
            hold.push(property.as_str());
        }
    }
    Ok(hold)
}

/// As TLC does not say which property is violated, one that is stands alone; and the instances show
/// properties that hold and properties that do not.
pub fn what_is_violated_stands_alone<S: Spec>() -> Result<(), Failed> {
    let (mut hold, mut fail) = (0, 0);
    let instances = instances::<S>()?.into_iter();
    for instance in instances.filter(|i| !i.properties.is_empty()) {
        let holding = properties_that_hold::<S>(&instance)?.len();
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
pub fn verdicts_agree<S: Spec>(instance: &Instance) -> Result<(), Failed> {
    let all = properties_that_hold::<S>(instance)?.len() == instance.properties.len();
    let text = instance.configuration("FairSpec", &instance.invariants, &instance.properties);
    compare::<S>(instance, &spec_text::<S>()?, &text, all)
}

/// Without any fairness the property is violated, in the spec and in the model: what is to lead to
/// something occurs, and not only together with it.
pub fn is_violated_without_fairness<S: Spec>(
    instance: &Instance,
    property: &str,
) -> Result<(), Failed> {
    if model_says::<S>(instance, property, &[])? {
        return Err(format!("the model's {property} holds without fairness").into());
    }
    let text = instance.configuration("Spec", &instance.invariants, &[property]);
    compare::<S>(instance, &spec_text::<S>()?, &text, false)
}

/// If this one action is not fair, the property is violated, in the spec and in the model.
pub fn is_violated_without_fair<S: Spec>(
    action: &str,
    instance: &Instance,
    property: &str,
) -> Result<(), Failed> {
    if model_says::<S>(instance, property, &fairness_without::<S>(action))? {
        return Err(format!("the model's {property} holds without fair {action}").into());
    }
    let spec = removal::without_fairness(&spec_text::<S>()?, action);
    let text = instance.configuration("FairSpec", &instance.invariants, &[property]);
    compare::<S>(instance, &spec, &text, false)
}

/// Each action that the spec assumes to be fair is unfair once; and the model assumes it of the same.
pub fn each_fairness_is_removed_once<S: Spec>() -> Result<(), Failed> {
    let fair = removal::fair_actions(&spec_text::<S>()?);
    let removed: Vec<&str> = S::FAIRNESS_MATTERS_IN
        .iter()
        .map(|(action, ..)| *action)
        .collect();
    let of_model: Vec<&str> = S::fairness().iter().map(|fair| fair.name).collect();
    match fair == removed && fair == of_model {
        true => Ok(()),
        false => Err(format!(
            "Fairness has {fair:?}, FAIRNESS_MATTERS_IN {removed:?}, the model {of_model:?}"
        )
        .into()),
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

fn compare<S: Spec>(
    instance: &Instance,
    spec: &str,
    configuration: &str,
    expected: bool,
) -> Result<(), Failed> {
    let scratch = Scratch::new::<S>(&instance.name, spec, configuration)?;
    let hold = tlc::temporal_properties_hold(&scratch.configuration)?;
    match hold == expected {
        true => Ok(()),
        false => Err(format!("hold: {hold}, expected: {expected}, of\n{configuration}").into()),
    }
}
