//! Named instances of a model, and parameters given in place of their own.

use clap::{ArgMatches, FromArgMatches};
use itertools::Itertools;
use serde::Serialize;

use crate::entry::{InstanceSummary, UsageError};

/// A named instance.
#[derive(Clone, Debug)]
pub struct Instance<P> {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub summary: &'static str,
    /// Whether it is checked when none is named.
    pub by_default: bool,
    /// Its parameters.
    pub parameters: P,
}

impl<P: Serialize> Instance<P> {
    /// The instance, for lists.
    pub fn summary(&self, model: &'static str) -> InstanceSummary {
        InstanceSummary {
            model,
            instance: self.name,
            summary: self.summary,
            by_default: self.by_default,
            parameters: json(&self.parameters),
        }
    }
}

/// The instance of this name.
///
/// # Errors
///
/// If there is none.
pub fn instance<P>(
    model: &str,
    name: &str,
    instances: Vec<Instance<P>>,
) -> Result<Instance<P>, UsageError> {
    let known: Vec<&str> = instances.iter().map(|instance| instance.name).collect();
    let unknown = UsageError::unknown(&format!("instance of {model}"), name, known);
    let found = instances.into_iter().find(|i| i.name == name);
    found.ok_or(unknown)
}

/// Puts a flag's value, if it is given, in the place of a parameter's.
pub fn put<T>(parameter: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *parameter = value;
    }
}

/// Parameters as a table of names and values.
pub fn json<P: Serialize>(parameters: &P) -> serde_json::Value {
    serde_json::to_value(parameters).expect("parameters are plain data")
}

/// The instance of this name, and its parameters with the given flags in place of its own.
///
/// # Errors
///
/// If there is none, or the parameters make no sense.
pub fn parameters<P: Clone, F: FromArgMatches>(
    (model, name, instances): (&str, &str, Vec<Instance<P>>),
    flags: &ArgMatches,
    apply: fn(&F, P) -> P,
    validate: fn(&P) -> Result<(), String>,
) -> Result<(Instance<P>, P), UsageError> {
    let instance = instance(model, name, instances)?;
    let flags = F::from_arg_matches(flags).map_err(|error| UsageError(error.to_string()))?;
    let parameters = apply(&flags, instance.parameters.clone());
    validate(&parameters).map_err(UsageError)?;
    Ok((instance, parameters))
}

/// An instance's name, with the parameters that are not its own.
fn name_with_changes<P: Serialize>(instance: &Instance<P>, parameters: &P) -> String {
    let own = json(&instance.parameters);
    let all = json(parameters);
    let all = all.as_object().into_iter().flatten();
    let changed = all.filter(|(parameter, value)| own[parameter.as_str()] != **value);
    let name = std::iter::once(instance.name.to_owned());
    let changed = changed.map(|(parameter, value)| format!("{parameter}={value}"));
    name.chain(changed).join(" ")
}

/// An instance to check: whose, its name, its parameters.
pub type Named = (&'static str, String, serde_json::Value);

/// An instance to check, with these parameters.
pub fn named<P: Serialize>(model: &'static str, instance: &Instance<P>, parameters: &P) -> Named {
    (
        model,
        name_with_changes(instance, parameters),
        json(parameters),
    )
}
