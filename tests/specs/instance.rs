//! An instance of a spec: its `.cfg`, from which the same instance of the model is made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::spec::Spec;
use super::value::Value;

/// A `.cfg` file beside the specs.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name: the part of the file's name between the spec's name and `.cfg`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its invariants.
    pub invariants: Vec<String>,
    /// Its properties of steps.
    pub steps: Vec<String>,
    /// Its properties of fair runs.
    pub properties: Vec<String>,
    constants: BTreeMap<String, Value>,
    /// All that comes before the invariants.
    text: String,
}

/// Before the name of a specification.
const SPECIFICATION: &str = "SPECIFICATION ";

/// Before the name of what TLC compares instead of states.
const VIEW: &str = "VIEW ";

/// Before the invariants.
const INVARIANTS: &str = "INVARIANTS";

/// Before the properties of steps and of fair runs, which come last.
const PROPERTIES: &str = "PROPERTIES";

/// The directory of the specs.
pub fn specs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("specs")
}

/// Every instance of this spec, in the order of their names.
///
/// # Errors
///
/// If a `.cfg` cannot be read.
pub fn instances<S: Spec>() -> Result<Vec<Instance>, String> {
    let of_steps: Vec<&str> = S::steps().into_iter().map(|claim| claim.name).collect();
    let directory = fs::read_dir(specs()).map_err(|error| format!("specs/: {error}"))?;
    let mut instances = Vec::new();
    for entry in directory {
        let path = entry.map_err(|error| format!("specs/: {error}"))?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = file.strip_prefix(S::NAME).and_then(|n| n.strip_prefix('.'));
        if let Some(name) = name.and_then(|name| name.strip_suffix(".cfg")) {
            instances.push(Instance::read(name, &path, &of_steps)?);
        }
    }
    instances.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(instances)
}

impl Instance {
    fn read(name: &str, path: &Path, of_steps: &[&str]) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut constants = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with(r"\*")) {
            if let Some((constant, value)) = line.split_once('=') {
                let value = Value::parse(value).map_err(|e| format!("{}: {e}", path.display()))?;
                constants.insert(constant.trim().to_owned(), value);
            }
        }
        let (text, properties) = text.split_once(PROPERTIES).unwrap_or((&text, ""));
        let (text, invariants) = text.split_once(INVARIANTS).unwrap_or((text, ""));
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let properties: Vec<String> = names(properties);
        let is_of_steps = |name: &String| of_steps.contains(&name.as_str());
        let (steps, properties) = properties.into_iter().partition(is_of_steps);
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            invariants: names(invariants),
            steps,
            properties,
            constants,
            text: text.to_owned(),
        })
    }

    /// The `.cfg` with another specification, and other claims.
    pub fn configuration(
        &self,
        specification: &str,
        invariants: &[impl AsRef<str>],
        properties: &[impl AsRef<str>],
    ) -> String {
        let mut lines = Vec::new();
        for line in self.text.lines() {
            match line.starts_with(SPECIFICATION) {
                true => lines.push(format!("{SPECIFICATION}{specification}")),
                false => lines.push(line.to_owned()),
            }
        }
        if !invariants.is_empty() {
            lines.push(INVARIANTS.to_owned());
            lines.extend(invariants.iter().map(|name| format!("  {}", name.as_ref())));
        }
        if !properties.is_empty() {
            lines.push(PROPERTIES.to_owned());
            lines.extend(properties.iter().map(|name| format!("  {}", name.as_ref())));
        }
        lines.join("\n") + "\n"
    }

    /// Whether TLC takes states for one that differ.
    pub fn has_view(&self) -> bool {
        self.text.lines().any(|line| line.starts_with(VIEW))
    }

    fn constant(&self, name: &str) -> &Value {
        let constant = self.constants.get(name);
        constant.unwrap_or_else(|| panic!("{} does not set {name}", self.path.display()))
    }

    /// A constant that is a number.
    pub fn number(&self, name: &str) -> u8 {
        match self.constant(name) {
            Value::Integer(number) => u8::try_from(*number).expect("a small number"),
            other => panic!("{name} = {other}, which is no number"),
        }
    }

    /// A constant that is `TRUE` or `FALSE`.
    pub fn flag(&self, name: &str) -> bool {
        match self.constant(name) {
            Value::Boolean(flag) => *flag,
            other => panic!("{name} = {other}, which is no BOOLEAN"),
        }
    }

    /// How many members a constant has that is a set.
    pub fn count(&self, name: &str) -> u16 {
        match self.constant(name) {
            Value::Set(members) => u16::try_from(members.len()).expect("few members"),
            other => panic!("{name} = {other}, which is no set"),
        }
    }

    /// A constant that is a string.
    pub fn text(&self, name: &str) -> &str {
        match self.constant(name) {
            Value::Text(text) => text,
            other => panic!("{name} = {other}, which is no string"),
        }
    }
}
