//! What the checker reports, as data: one JSON object a line, or tables for people.

use serde::Serialize;
use stateright::Model;

use crate::{Answer, End, Exploration, Fairness, Panic, Property, Run, Strength, Verdict};

/// The result of checking one instance of one model.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// The model's name.
    pub model: &'static str,
    /// The instance's name.
    pub instance: String,
    /// All its parameters.
    pub parameters: serde_json::Value,
    /// Which search visited the states.
    pub engine: Engine,
    /// Whether every reachable state was visited.
    pub exhausted: bool,
    /// Why not, if not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// The panic of the model's own code that ended the search, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panic: Option<PanicReport>,
    /// How many states there are.
    pub states: States,
    /// At most how likely it is that two states were taken for one.
    pub collision_chance: f64,
    /// What claims about fair runs rely on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fairness: Vec<FairnessReport>,
    /// How long it took.
    pub seconds: f64,
    /// Each property that the engine can check.
    pub properties: Vec<PropertyReport>,
    /// The names of those that it cannot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<&'static str>,
}

/// Which search visits the states.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Quorate's own.
    #[default]
    Quorate,
    /// Stateright's breadth-first search; it cannot check properties of steps.
    StaterightBfs,
    /// Stateright's depth-first search; it cannot check properties of steps.
    StaterightDfs,
}

/// How many states were visited.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct States {
    /// Distinct states.
    pub unique: usize,
    /// States generated, initial states and repetitions included.
    pub generated: usize,
    /// States on a longest shortest run; of Stateright's depth-first search, on its longest.
    pub depth: usize,
}

/// A fairness assumption.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
pub struct FairnessReport {
    /// Of what.
    pub name: &'static str,
    /// How much.
    pub strength: Strength,
}

/// A panic of the model's own code.
#[derive(Clone, Debug, Serialize)]
pub struct PanicReport {
    /// The message of the panic.
    pub message: String,
    /// A shortest run to it, step by step; the last is the action that was tried. None if the engine keeps none.
    pub run: Option<Vec<String>>,
}

impl PanicReport {
    /// What a search says about a panic, with a run and an action described by sentences.
    pub fn new<M: Model>(
        panic: &Panic<M>,
        describe_run: impl FnOnce(&Run<M>) -> Vec<String>,
        describe_action: impl FnOnce(&M::Action) -> String,
    ) -> Self {
        let run = panic.run.as_ref().map(|run| {
            let tried = panic.action.as_ref().map(describe_action);
            let tried = tried.map(|action| format!("{action}: the model panics"));
            describe_run(run).into_iter().chain(tried).collect()
        });
        let message = panic.message.clone();
        Self { message, run }
    }
}

/// What was found out about one property.
#[derive(Clone, Debug, Serialize)]
pub struct PropertyReport {
    /// Its name.
    pub name: &'static str,
    /// Its kind: always, sometimes, every step, some step, eventually, leads to, infinitely often,
    /// eventually always, reduction.
    pub kind: &'static str,
    /// Whether it was expected to hold.
    pub expected: bool,
    /// Whether it holds; nothing if it is undecided.
    pub holds: Option<bool>,
    /// Whether it holds because it asks for nothing: then it does not count.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub vacuous: bool,
    /// A run that shows that it does not, step by step.
    pub counterexample: Option<Vec<String>>,
    /// Of a run that goes on for ever: after how many of the steps its cycle begins. The steps from there
    /// on are repeated; if there are none, nothing happens any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycle: Option<usize>,
    /// Where the counterexample opens when the Explorer serves this instance at its default address.
    #[serde(skip)]
    pub address: Option<String>,
}

/// The result of looking for one mutant.
#[derive(Clone, Debug, Serialize)]
pub struct MutantReport {
    /// The model's name.
    pub model: &'static str,
    /// The mutant's name.
    pub mutant: &'static str,
    /// The property that it must break.
    pub breaks: &'static str,
    /// The instance in which that must be found.
    pub instance: &'static str,
    /// Whether it was.
    pub found: bool,
    /// The panic of the mutant's own code that ended the search, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panic: Option<PanicReport>,
    /// The length of the shortest counterexample.
    pub steps: Option<usize>,
    /// How long it took.
    pub seconds: f64,
    /// What it does wrong.
    #[serde(skip)]
    pub summary: &'static str,
    /// Whether the search ended because all states were visited or the mutant was found.
    #[serde(skip)]
    pub complete: bool,
    /// The shortest counterexample: who did what, and what each process believes at the end.
    #[serde(skip)]
    pub run: Vec<String>,
    /// Where the counterexample opens when the Explorer serves the mutant at its default address.
    #[serde(skip)]
    pub address: Option<String>,
}

/// A table beside a model's checks. Tables of several models with the same heading are printed as one.
#[derive(Clone, Debug)]
pub struct AddedTable {
    /// The sentence above the table.
    pub heading: String,
    /// The names of its columns.
    pub columns: Vec<&'static str>,
    /// Its rows, each as long as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// A note below the table.
    pub footing: Option<&'static str>,
    /// The same for programs: JSON objects, a line each.
    pub objects: Vec<String>,
    /// Whether all searches that the table rests on were exhausted.
    pub is_complete: bool,
}

/// A cell of a table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cell {
    /// A number.
    Number(usize),
    /// Words.
    Words(String),
}

/// Data as a line of JSON.
pub fn json_line(data: &impl Serialize) -> String {
    serde_json::to_string(data).expect("reports are plain data")
}

/// How a check came out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// Every claim came out as expected.
    AsExpected,
    /// Nothing unexpected was found, but not every state was visited.
    NotExhausted,
    /// A claim did not come out as expected.
    NotAsExpected,
}

impl Outcome {
    /// The exit code of the command line.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::AsExpected => 0,
            Outcome::NotAsExpected => 1,
            Outcome::NotExhausted => 3,
        }
    }
}

impl CheckReport {
    /// How it came out.
    pub fn outcome(&self) -> Outcome {
        let properties = self.properties.iter().map(|p| self.outcome_of(p));
        let least = match (&self.panic, self.exhausted) {
            (Some(_), _) => Outcome::NotAsExpected,
            (None, true) => Outcome::AsExpected,
            (None, false) => Outcome::NotExhausted,
        };
        properties.fold(least, Outcome::max)
    }

    /// How one of its properties came out. What is undecided is not held against it, nor for it.
    pub fn outcome_of(&self, property: &PropertyReport) -> Outcome {
        match property.holds {
            None => Outcome::NotExhausted,
            Some(holds) if holds == property.expected && !property.vacuous => Outcome::AsExpected,
            Some(_) => Outcome::NotAsExpected,
        }
    }
}

impl MutantReport {
    /// How it came out: a mutant that survives is a failure, and so is one that panics before it is found.
    pub fn outcome(&self) -> Outcome {
        match (self.found, self.complete, &self.panic) {
            (true, ..) => Outcome::AsExpected,
            (false, true, _) | (false, _, Some(_)) => Outcome::NotAsExpected,
            (false, false, None) => Outcome::NotExhausted,
        }
    }
}

/// Turns a search's result into a report. A counterexample is described by sentences, and the address
/// under which it opens.
pub fn check_report<M: Model>(
    (model_name, instance): (&'static str, String),
    parameters: serde_json::Value,
    engine: Engine,
    (properties, fairness): (&[Property<M>], &[Fairness<M>]),
    exploration: &Exploration<M>,
    describe_run: impl Fn(&Run<M>) -> (Vec<String>, String),
    describe_action: impl FnOnce(&M::Action) -> String,
) -> CheckReport {
    let panic = exploration.panic.as_ref();
    let panic =
        panic.map(|panic| PanicReport::new(panic, |run| describe_run(run).0, describe_action));
    let property = |verdict: &Verdict<M>| {
        let run = verdict.counterexample();
        let (sentences, address) = run.map(&describe_run).unzip();
        PropertyReport {
            name: verdict.property.name,
            kind: verdict.property.condition.kind(),
            expected: verdict.property.expected,
            holds: match verdict.answer {
                Answer::Holds => Some(true),
                Answer::Fails => Some(false),
                Answer::Undecided => None,
            },
            vacuous: verdict.is_vacuous,
            counterexample: sentences,
            cycle: run.and_then(|run| run.cycle),
            address,
        }
    };
    let names = properties.iter().map(|property| property.name);
    let unchecked = names.filter(|name| exploration.verdict(name).is_none());
    let progress = exploration.progress;
    CheckReport {
        model: model_name,
        instance,
        parameters,
        engine,
        exhausted: exploration.exhausted(),
        stopped: match exploration.end {
            End::Exhausted => None,
            End::Found => Some("at the first counterexample".into()),
            End::Memory => Some("at the memory limit".into()),
            End::Time => Some("at the time limit".into()),
            End::Interrupted => Some("when it was interrupted".into()),
            End::Boundary(cut) => Some(format!("at the model's boundary, {cut} times")),
            End::Panicked => Some("when the model panicked".into()),
        },
        panic,
        states: States {
            unique: progress.unique,
            generated: progress.generated,
            depth: progress.depth,
        },
        collision_chance: exploration.collision_chance(),
        fairness: (fairness.iter())
            .map(|assumption| FairnessReport {
                name: assumption.name,
                strength: assumption.strength,
            })
            .collect(),
        seconds: progress.elapsed.as_secs_f64(),
        properties: exploration.verdicts.iter().map(property).collect(),
        unchecked: unchecked.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(exhausted: bool, expected: bool, holds: Option<bool>) -> CheckReport {
        CheckReport {
            model: "a model",
            instance: "an instance".into(),
            parameters: serde_json::Value::Null,
            engine: Engine::Quorate,
            exhausted,
            stopped: None,
            panic: None,
            states: States {
                unique: 1,
                generated: 1,
                depth: 1,
            },
            collision_chance: 0.0,
            fairness: Vec::new(),
            seconds: 0.0,
            unchecked: Vec::new(),
            properties: vec![PropertyReport {
                name: "a property",
                kind: "always",
                expected,
                holds,
                vacuous: false,
                counterexample: None,
                cycle: None,
                address: None,
            }],
        }
    }

    #[test]
    fn a_claim_that_comes_out_otherwise_is_exit_code_1_and_an_undecided_one_3() {
        let exit_code = |report: CheckReport| report.outcome().exit_code();
        assert_eq!(exit_code(report(true, true, Some(true))), 0);
        assert_eq!(exit_code(report(true, true, Some(false))), 1);
        // A theorem of impossibility that suddenly holds.
        assert_eq!(exit_code(report(true, false, Some(true))), 1);
        // A counterexample counts, however far the search has come.
        assert_eq!(exit_code(report(false, true, Some(false))), 1);
        // A bound of the model was met, or the search was stopped.
        assert_eq!(exit_code(report(true, true, None)), 3);
        assert_eq!(exit_code(report(false, true, None)), 3);
        // What asks for nothing proves nothing.
        let mut vacuous = report(true, true, Some(true));
        vacuous.properties[0].vacuous = true;
        assert_eq!(exit_code(vacuous), 1);
        // The model's code panicked, whatever it did before.
        let mut panicked = report(false, true, Some(true));
        panicked.panic = Some(panic_report());
        assert_eq!(exit_code(panicked), 1);
        // All that was asked for was found, but not every state was visited.
        assert_eq!(exit_code(report(false, true, Some(true))), 3);
    }

    #[test]
    fn a_mutant_that_survives_or_panics_is_exit_code_1_and_an_unfinished_search_3() {
        let exit_code = |found, complete, panic| {
            let report = MutantReport {
                model: "a model",
                mutant: "a mutant",
                breaks: "a property",
                instance: "an instance",
                found,
                panic,
                steps: None,
                seconds: 0.0,
                summary: "",
                complete,
                run: Vec::new(),
                address: None,
            };
            report.outcome().exit_code()
        };
        assert_eq!(exit_code(true, true, None), 0);
        assert_eq!(exit_code(false, true, None), 1);
        assert_eq!(exit_code(false, false, None), 3);
        assert_eq!(exit_code(true, false, Some(panic_report())), 0);
        assert_eq!(exit_code(false, false, Some(panic_report())), 1);
    }

    fn panic_report() -> PanicReport {
        PanicReport {
            message: "a bug".to_owned(),
            run: None,
        }
    }
}
