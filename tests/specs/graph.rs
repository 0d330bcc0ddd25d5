//! Graphs of states, from the model and from TLC, and where they differ.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use stateright::Model;

use super::instance::Instance;
use super::spec::Spec;
use super::value::Value;

/// How many differences are shown.
const SHOWN_MAX: usize = 3;

/// A state: for each variable, in order of their names, `name = value`, values in canonical form.
type State = Vec<String>;

/// All states that were met, in the model or by TLC, each once.
#[derive(Debug, Default)]
pub struct States {
    states: Vec<State>,
    indices: HashMap<State, usize>,
}

/// States, as indices, and what leads from one to another. Steps that change nothing are left out.
#[derive(Debug, Default)]
pub struct Graph {
    states: BTreeSet<usize>,
    steps: BTreeMap<(usize, usize), String>,
}

impl States {
    fn index(&mut self, variables: &BTreeMap<String, Value>) -> usize {
        let lines = variables.iter();
        let state: State = lines
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        let states = &mut self.states;
        *self.indices.entry(state).or_insert_with_key(|state| {
            states.push(state.clone());
            states.len() - 1
        })
    }
}

impl Graph {
    /// How many states it has.
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// How many pairs of states it has of which a step leads from one to the other.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// The model's graph, breadth first.
    ///
    /// # Panics
    ///
    /// If two states of the model are one in the spec.
    pub fn of_model<S: Spec>(instance: &Instance, states: &mut States) -> Self {
        let model = S::model(instance);
        let mut graph = Self::default();
        let mut indices = HashMap::new();
        let mut frontier = model.init_states();
        for state in &frontier {
            indices.insert(state.clone(), states.index(&S::render(instance, state)));
        }
        while !frontier.is_empty() {
            for state in std::mem::take(&mut frontier) {
                let from = indices[&state];
                graph.states.insert(from);
                for (action, next) in model.next_steps(&state) {
                    let to = *indices.entry(next).or_insert_with_key(|next| {
                        frontier.push(next.clone());
                        states.index(&S::render(instance, next))
                    });
                    let label = || model.format_action(&action);
                    graph.steps.entry((from, to)).or_insert_with(label);
                }
            }
        }
        assert_eq!(
            graph.states.len(),
            indices.len(),
            "states of the spec, and of the model: two of the model's are one in the spec"
        );
        graph
    }

    /// TLC's graph, from what `-dump dot,actionlabels` writes.
    ///
    /// # Errors
    ///
    /// If a line is not understood.
    pub fn of_dump(dump: &str, states: &mut States) -> Result<Self, String> {
        let mut graph = Self::default();
        let mut indices = HashMap::new();
        let mut steps = Vec::new();
        for line in dump.lines() {
            let Some((left, attributes)) = line.split_once(" [label=\"") else {
                continue;
            };
            if let Some((from, to)) = left.split_once(" -> ") {
                let (action, _) = attributes.split_once('"').ok_or(line)?;
                steps.push((from, to, action));
            } else {
                let (state, _) = attributes.rsplit_once('"').ok_or(line)?;
                // The initial states have a `style` after their label.
                let state = state.split("\",style").next().unwrap_or(state);
                let variables = Value::parse_state(&unescape(state))?;
                let index = states.index(&variables);
                indices.insert(left, index);
                graph.states.insert(index);
            }
        }
        let index = |state: &str| match indices.get(state) {
            Some(&index) => Ok(index),
            None => Err(format!("TLC dumped a step, and not its state {state}")),
        };
        for (from, to, action) in steps {
            let step = (index(from)?, index(to)?);
            if step.0 != step.1 {
                graph.steps.entry(step).or_insert_with(|| action.to_owned());
            }
        }
        Ok(graph)
    }
}

/// What a label of a dot file says.
fn unescape(label: &str) -> String {
    let mut characters = label.chars();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some(escaped) => escaped,
                None => '\\',
            },
            plain => plain,
        });
    }
    text
}

/// What one of the two has and the other lacks: the first few, or nothing.
pub fn difference(states: &States, model: &Graph, spec: &Graph) -> Option<String> {
    let mut text = String::new();
    for (has, graph, lacks, other) in [
        ("the model", model, "the spec", spec),
        ("the spec", spec, "the model", model),
    ] {
        let steps = graph.steps.iter();
        // Where both have the state from which the step leads: there they part.
        let parting = steps
            .filter(|(step, _)| !other.steps.contains_key(step) && other.states.contains(&step.0));
        for ((from, to), action) in parting.take(SHOWN_MAX) {
            writeln!(text, "{has} has a step that {lacks} has not: {action}").expect("text");
            text += &states.step(*from, *to);
        }
        let lacking = graph.states.difference(&other.states).count();
        if lacking > 0 {
            writeln!(text, "{has} has {lacking} states that {lacks} has not").expect("text");
        }
    }
    (!text.is_empty()).then_some(text)
}

impl States {
    fn step(&self, from: usize, to: usize) -> String {
        let mut text = String::new();
        for (before, after) in self.states[from].iter().zip(&self.states[to]) {
            writeln!(text, "     {before}").expect("text");
            if before != after {
                writeln!(text, "  →  {after}").expect("text");
            }
        }
        text
    }
}
