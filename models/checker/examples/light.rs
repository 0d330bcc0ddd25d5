//! A model of your own on the checker's command line: a traffic light of which somebody may press the button.
//!
//! `cargo run --release -p quorate-checker --example light` checks it; `-- explore light` serves it in the Explorer, `-- mutants`
//! looks for its bug, `-- check light --stuck true` checks it with another parameter.

use std::convert::Infallible;
use std::process::ExitCode;

use clap::{ArgMatches, Args, Command};
use quorate_checker::check::{Claimed, check, check_mutant, written_actions};
use quorate_checker::cli::CommandLine;
use quorate_checker::entry::{Entry, InstanceSummary, MutantSummary, Subject, UsageError};
use quorate_checker::explorer;
use quorate_checker::instances::{Instance, named, parameters, put};
use quorate_checker::report::{AddedTable, CheckReport, Engine, MutantReport};
use quorate_checker::stateright::{self, Model};
use quorate_checker::{Condition, Fairness, Options, Property, stateright_properties};
use serde::Serialize;

/// The parameters of an instance.
#[derive(Clone, Copy, Debug, Serialize)]
struct Parameters {
    /// Whether the light, once red, stays red.
    stuck: bool,
}

/// A flag for each parameter.
#[derive(Args)]
struct Flags {
    /// Whether the light, once red, stays red
    #[arg(long)]
    stuck: Option<bool>,
}

/// The light.
struct Light {
    parameters: Parameters,
    /// The properties that Stateright's searches and its Explorer evaluate.
    properties: Vec<stateright::Property<Self>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Change,
    Press,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct State {
    green: bool,
    pressed: bool,
}

impl Model for Light {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            green: false,
            pressed: false,
        }]
    }

    fn actions(&self, _: &State, actions: &mut Vec<Action>) {
        actions.extend([Action::Change, Action::Press]);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        match action {
            Action::Change if self.parameters.stuck && !state.green => None,
            Action::Change => Some(State {
                green: !state.green,
                pressed: state.pressed && state.green,
            }),
            Action::Press => Some(State {
                pressed: true,
                ..*state
            }),
        }
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        self.properties.clone()
    }
}

const NAME: &str = "light";
const GREEN: &str = "green again and again";

fn claimed(parameters: Parameters) -> Claimed<Light> {
    let properties = vec![
        Property::holds(
            "it can be pressed while it is green",
            Condition::Sometimes(|_: &Light, state: &State| state.green && state.pressed),
        ),
        Property::holds(
            GREEN,
            Condition::InfinitelyOften(|_: &Light, state: &State| state.green),
        ),
    ];
    let change = |_: &Light, action: &Action| (*action == Action::Change).then_some(0);
    Claimed {
        model: Light {
            parameters,
            properties: stateright_properties(&properties),
        },
        properties,
        fairness: vec![Fairness::weak("change", change)],
    }
}

fn instances() -> Vec<Instance<Parameters>> {
    vec![Instance {
        name: "default",
        summary: "a light that works",
        by_default: true,
        parameters: Parameters { stuck: false },
    }]
}

fn stuck() -> MutantSummary {
    MutantSummary {
        model: NAME,
        mutant: "stuck",
        summary: "once red, it stays red",
        breaks: GREEN,
        instance: "default",
    }
}

fn chosen(
    name: &str,
    flags: &ArgMatches,
) -> Result<(Instance<Parameters>, Parameters), UsageError> {
    let apply = |flags: &Flags, mut parameters: Parameters| {
        put(&mut parameters.stuck, flags.stuck);
        parameters
    };
    parameters((NAME, name, instances()), flags, apply, |_| Ok(()))
}

struct LightEntry;

impl Entry for LightEntry {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "a traffic light with a button"
    }

    fn instances(&self) -> Vec<InstanceSummary> {
        instances().iter().map(|i| i.summary(NAME)).collect()
    }

    fn mutants(&self) -> Vec<MutantSummary> {
        vec![stuck()]
    }

    fn flags(&self, command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn check(
        &self,
        instance: &str,
        flags: &ArgMatches,
        engine: Engine,
        options: &Options<'_>,
    ) -> Result<CheckReport, UsageError> {
        let (instance, parameters) = chosen(instance, flags)?;
        let named = named(NAME, &instance, &parameters);
        let build = || claimed(parameters);
        Ok(check(
            named,
            build,
            |light| &mut light.properties,
            engine,
            options,
            written_actions,
        ))
    }

    fn tables(&self, _: &Options<'_>) -> Vec<AddedTable> {
        Vec::new()
    }

    fn check_mutant(&self, name: &str, options: &Options<'_>) -> Result<MutantReport, UsageError> {
        let mutant = stuck();
        if name != mutant.mutant {
            return Err(UsageError::unknown(
                "mutant of light",
                name,
                [mutant.mutant],
            ));
        }
        let claimed = claimed(Parameters { stuck: true });
        Ok(check_mutant(&mutant, &claimed, options, written_actions))
    }

    fn explore(
        &self,
        subject: Subject<'_>,
        flags: &ArgMatches,
        address: &str,
    ) -> Result<Infallible, UsageError> {
        let (_, parameters) = match subject {
            Subject::Instance(name) => chosen(name, flags)?,
            Subject::Mutant { instance, .. } => {
                let (instance, _) = chosen(instance.unwrap_or("default"), flags)?;
                (instance, Parameters { stuck: true })
            }
        };
        explorer::serve(claimed(parameters).model, address)
            .map_err(|error| UsageError(error.to_string()))
    }
}

fn main() -> ExitCode {
    let line = CommandLine {
        name: "light",
        about: "Checks a traffic light",
        models: &[&LightEntry],
        commands: &[],
    };
    line.run(std::env::args_os())
}
