//! An instance of a spec: its `.cfg`, and the same instance of the model. The `.cfg` is the one source.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use quorate::two_phase_commit::{Published, TwoPhaseCommit};
use quorate_models::atomic_commit::application::RequestOrder;
use quorate_models::checker::{Options, explore};
use quorate_models::system::{Disk, Environment, NetworkKind, Timers};
use quorate_models::two_phase_commit::parameters::{Framework, Parameters};
use quorate_models::two_phase_commit::{Model, model, protocol};

use super::value::Value;

/// The model that a spec is compared with.
pub type TwoPhaseCommitModel = Model<TwoPhaseCommit<Published>>;

/// A `.cfg` file beside the specs.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name: the part of the file's name between the spec's name and `.cfg`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its temporal properties.
    pub properties: Vec<String>,
    constants: BTreeMap<String, Value>,
    /// All that comes before the properties.
    text: String,
}

/// Before the name of a specification.
const SPECIFICATION: &str = "SPECIFICATION ";

/// Before the temporal properties, which come last.
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
pub fn instances(spec: &str) -> Result<Vec<Instance>, String> {
    let directory = fs::read_dir(specs()).map_err(|error| format!("specs/: {error}"))?;
    let mut instances = Vec::new();
    for entry in directory {
        let path = entry.map_err(|error| format!("specs/: {error}"))?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = file.strip_prefix(spec).and_then(|n| n.strip_prefix('.'));
        if let Some(name) = name.and_then(|name| name.strip_suffix(".cfg")) {
            instances.push(Instance::read(name, &path)?);
        }
    }
    instances.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(instances)
}

impl Instance {
    fn read(name: &str, path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut constants = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with(r"\*")) {
            if let Some((constant, value)) = line.split_once('=') {
                let value = Value::parse(value).map_err(|e| format!("{}: {e}", path.display()))?;
                constants.insert(constant.trim().to_owned(), value);
            }
        }
        let (text, properties) = text.split_once(PROPERTIES).unwrap_or((&text, ""));
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            properties: properties.split_whitespace().map(str::to_owned).collect(),
            constants,
            text: text.to_owned(),
        })
    }

    /// The `.cfg` with another specification and other properties.
    pub fn configuration<P: AsRef<str>>(&self, specification: &str, properties: &[P]) -> String {
        let mut lines = Vec::new();
        for line in self.text.lines() {
            match line.starts_with(SPECIFICATION) {
                true => lines.push(format!("{SPECIFICATION}{specification}")),
                false => lines.push(line.to_owned()),
            }
        }
        if !properties.is_empty() {
            lines.push(PROPERTIES.to_owned());
            lines.extend(properties.iter().map(|p| format!("  {}", p.as_ref())));
        }
        lines.join("\n") + "\n"
    }

    fn constant(&self, name: &str) -> &Value {
        let constant = self.constants.get(name);
        constant.unwrap_or_else(|| panic!("{} does not set {name}", self.path.display()))
    }

    fn number(&self, name: &str) -> u8 {
        match self.constant(name) {
            Value::Integer(number) => u8::try_from(*number).expect("a small number"),
            other => panic!("{name} = {other}, which is no number"),
        }
    }

    fn flag(&self, name: &str) -> bool {
        match self.constant(name) {
            Value::Boolean(flag) => *flag,
            other => panic!("{name} = {other}, which is no BOOLEAN"),
        }
    }

    /// The same instance of the model.
    pub fn parameters(&self) -> Parameters {
        let Value::Set(participants) = self.constant("Participants") else {
            panic!("Participants is no set");
        };
        let parameters = Parameters {
            framework: Framework::System,
            participants: u16::try_from(participants.len()).expect("few participants"),
            transactions: self.number("TransactionsMax"),
            cooperative: self.flag("Cooperative"),
            aborts: self.flag("Aborts"),
            requests: RequestOrder::Orderly,
            environment: Environment {
                network: NetworkKind::Set,
                copies_max: 1,
                drops: self.number("DropsMax"),
                crashes: self.number("CrashesMax"),
                down_max: self.number("DownMax"),
                recovery: self.flag("Recovery"),
                partitions: 0,
                heals: true,
                disk: match self.flag("Buffered") {
                    true => Disk::Buffered,
                    false => Disk::Atomic,
                },
                pending_max: self.number("PendingMax"),
                timers: match self.flag("Timeouts") {
                    true => Timers::Asynchronous,
                    false => Timers::Never,
                },
                stabilises: false,
            },
        };
        if let Err(why) = parameters.validate() {
            panic!("{}: {why}", self.path.display());
        }
        parameters
    }

    /// The model.
    pub fn model(&self) -> TwoPhaseCommitModel {
        let parameters = self.parameters();
        model(&parameters, protocol(&parameters, Published)).0
    }

    /// How many states the model has.
    pub fn unique_states(&self) -> usize {
        let exploration = explore(&self.model(), &[], &[], &Options::default());
        assert!(exploration.exhausted(), "{}: not exhausted", self.name);
        exploration.progress.unique
    }
}
