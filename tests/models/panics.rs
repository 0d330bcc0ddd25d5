//! Models whose own code panics, and models without anything in them: what is reported, and what is still known.

use quorate_checker::check::{Claimed, check};
use quorate_checker::report::{CheckReport, Engine, Outcome};
use quorate_checker::{
    Answer, Condition, End, Exploration, Fairness, Options, Property, StaterightSearch,
    check_with_stateright, explore, stateright_properties, to_the_end,
};
use stateright::Model;

/// What panics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Trap {
    Nothing,
    InitialStates,
    Boundary,
    Actions,
    Step,
    State,
    StepClaim,
    Goal,
    Class,
}

/// Two numbers, each of which counts to 5 or, where nothing begins, to nothing. It panics at (2, 1), or when the second goes
/// from there to 2.
struct Counters {
    trap: Trap,
    initial: Vec<[u8; 2]>,
    properties: Vec<stateright::Property<Counters>>,
}

const AT: [u8; 2] = [2, 1];

impl Counters {
    fn new(trap: Trap) -> Self {
        Self {
            trap,
            initial: vec![[0, 0]],
            properties: Vec::new(),
        }
    }

    fn trips(&self, trap: Trap, is_there: bool) {
        assert!(self.trap != trap || !is_there, "{trap:?} panics");
    }
}

impl Model for Counters {
    type State = [u8; 2];
    /// Which of them counts on.
    type Action = usize;

    fn init_states(&self) -> Vec<[u8; 2]> {
        self.trips(Trap::InitialStates, true);
        self.initial.clone()
    }

    fn actions(&self, state: &[u8; 2], actions: &mut Vec<usize>) {
        self.trips(Trap::Actions, *state == AT);
        actions.extend((0..2).filter(|which| state[*which] < 5));
    }

    fn next_state(&self, state: &[u8; 2], which: usize) -> Option<[u8; 2]> {
        self.trips(Trap::Step, *state == AT && which == 1);
        let mut next = *state;
        next[which] += 1;
        Some(next)
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        self.properties.clone()
    }

    fn within_boundary(&self, state: &[u8; 2]) -> bool {
        self.trips(Trap::Boundary, *state == [2, 2]);
        true
    }
}

const HOLDS: &str = "no number is above 5";
const FAILS: &str = "the first is below 2";
const LATE: &str = "the first is below 5";
const HAPPENS: &str = "both are 1";
const STEPS: &str = "numbers grow";
const COUNTS: &str = "some time the first is 1";

fn properties() -> Vec<Property<Counters>> {
    use Condition::{Always, Eventually, EveryStep, Sometimes};
    vec![
        Property::holds(
            HOLDS,
            Always(|model: &Counters, state: &[u8; 2]| {
                model.trips(Trap::State, *state == [2, 2]);
                state.iter().all(|number| *number <= 5)
            }),
        ),
        Property::holds(FAILS, Always(|_, state: &[u8; 2]| state[0] < 2)),
        Property::holds(LATE, Always(|_, state: &[u8; 2]| state[0] < 5)),
        Property::holds(HAPPENS, Sometimes(|_, state: &[u8; 2]| *state == [1, 1])),
        Property::holds(
            STEPS,
            EveryStep(
                |model: &Counters, state: &[u8; 2], which: &usize, next: &[u8; 2]| {
                    model.trips(Trap::StepClaim, *state == AT && *which == 1);
                    state < next
                },
            ),
        ),
        Property::holds(
            COUNTS,
            Eventually(|model: &Counters, state: &[u8; 2]| {
                model.trips(Trap::Goal, *state == AT);
                state[0] == 1
            }),
        ),
    ]
}

fn fairness() -> [Fairness<Counters>; 1] {
    [Fairness::weak(
        "counting",
        |model: &Counters, which: &usize| {
            model.trips(Trap::Class, *which == 1);
            Some(*which as u64)
        },
    )]
}

fn explored(model: &Counters, threads: usize) -> Exploration<Counters> {
    let options = Options {
        threads,
        ..Options::default()
    };
    explore(model, &properties(), &fairness(), &options)
}

fn answer(exploration: &Exploration<Counters>, name: &str) -> Answer {
    exploration.verdict(name).expect("it was asked for").answer
}

/// Asserts that a panic ends the search, after so many steps to the state and at this action.
fn assert_panics(trap: Trap, steps: Option<usize>, action: Option<usize>) {
    for threads in [1, 2] {
        let found = explored(&Counters::new(trap), threads);
        assert_eq!(found.end, End::Panicked, "{trap:?}");
        assert!(!found.exhausted());
        let panic = found.panic.as_ref().expect("it panicked");
        assert_eq!(panic.message, format!("{trap:?} panics"));
        let run = panic.run.as_ref();
        assert_eq!(run.map(|run| run.steps.len()), steps, "{trap:?}");
        assert_eq!(panic.action, action, "{trap:?}");
        if steps == Some(3) {
            assert_eq!(run.map(|run| *run.last()), Some(AT), "{trap:?}");
        }
    }
}

/// Asserts that a panic ends the search at an action that leads to this state, in the fewest steps.
fn assert_panics_on_the_way_to(trap: Trap, state: [u8; 2]) {
    for threads in [1, 2] {
        let model = Counters::new(trap);
        let found = explored(&model, threads);
        assert_eq!(found.end, End::Panicked, "{trap:?}");
        let panic = found.panic.as_ref().expect("it panicked");
        assert_eq!(panic.message, format!("{trap:?} panics"));
        let (run, action) = (panic.run.as_ref(), panic.action);
        let (run, action) = (run.expect("it is known"), action.expect("one was tried"));
        assert_eq!(run.steps.len(), 3);
        assert_eq!(model.next_state(run.last(), action), Some(state));
    }
}

#[test]
fn a_panic_of_a_step_comes_with_the_shortest_run_to_it_and_the_action() {
    assert_panics(Trap::Step, Some(3), Some(1));
}

#[test]
fn a_panic_of_a_claim_comes_with_the_run_to_what_it_was_asked_of() {
    assert_panics_on_the_way_to(Trap::State, [2, 2]);
    assert_panics(Trap::StepClaim, Some(3), Some(1));
    assert_panics(Trap::Goal, Some(3), None);
}

#[test]
fn a_panic_of_anything_else_of_a_model_is_caught_too() {
    assert_panics(Trap::Actions, Some(3), None);
    assert_panics_on_the_way_to(Trap::Boundary, [2, 2]);
    assert_panics(Trap::Class, Some(0), Some(1));
    assert_panics(Trap::InitialStates, None, None);
}

#[test]
fn a_claim_that_panics_in_an_initial_state_comes_with_that_state() {
    for threads in [1, 2] {
        let model = Counters {
            initial: vec![[0, 0], [2, 2]],
            ..Counters::new(Trap::State)
        };
        let found = explored(&model, threads);
        let panic = found.panic.as_ref().expect("it panicked");
        let run = panic.run.as_ref().expect("it is known");
        assert_eq!((run.initial, run.steps.len()), ([2, 2], 0));
    }
}

#[test]
fn what_was_found_before_a_panic_is_reported_and_all_else_is_undecided() {
    for trap in [Trap::Step, Trap::State, Trap::Goal] {
        for threads in [1, 2] {
            let found = explored(&Counters::new(trap), threads);
            assert_eq!(answer(&found, FAILS), Answer::Fails);
            let run = found.verdict(FAILS).expect("known").counterexample();
            assert_eq!(run.expect("a run").steps.len(), 2);
            assert_eq!(answer(&found, HAPPENS), Answer::Holds);
            for name in [HOLDS, LATE, STEPS, COUNTS] {
                assert_eq!(answer(&found, name), Answer::Undecided, "{name}: {trap:?}");
            }
        }
    }
}

/// A state of which only some steps are known is no dead end.
#[test]
fn a_state_whose_expansion_panics_refutes_no_claim_about_fair_runs() {
    let stuck = Property::holds(
        "the second comes to 2",
        Condition::Eventually(|_: &Counters, state: &[u8; 2]| state[1] == 2),
    );
    let second = [Fairness::weak(
        "the second",
        |_: &Counters, which: &usize| (*which == 1).then_some(0),
    )];
    let model = Counters::new(Trap::Step);
    let found = explore(&model, &[stuck], &second, &Options::default());
    assert_eq!(found.end, End::Panicked);
    assert_eq!(found.verdicts[0].answer, Answer::Undecided);
}

#[test]
fn without_a_panic_all_is_decided() {
    let found = explored(&Counters::new(Trap::Nothing), 2);
    assert!(found.exhausted() && found.panic.is_none());
    assert_eq!(found.progress.unique, 36);
    for (name, expected) in [
        (HOLDS, Answer::Holds),
        (LATE, Answer::Fails),
        (STEPS, Answer::Holds),
        (COUNTS, Answer::Holds),
    ] {
        let verdict = found.verdict(name).expect("it was asked for");
        assert_eq!(
            (verdict.answer, verdict.is_vacuous),
            (expected, false),
            "{name}"
        );
    }
}

#[test]
fn whatever_a_model_without_initial_states_is_said_to_do_is_vacuous() {
    let model = Counters {
        initial: Vec::new(),
        ..Counters::new(Trap::Nothing)
    };
    let found = explored(&model, 2);
    assert!(found.exhausted());
    for name in [HOLDS, LATE, STEPS, COUNTS] {
        let verdict = found.verdict(name).expect("it was asked for");
        assert!(verdict.is_vacuous && !verdict.as_expected(), "{name}");
    }
    assert_eq!(answer(&found, HAPPENS), Answer::Fails);
}

#[test]
fn a_claim_about_steps_is_vacuous_where_none_is_taken() {
    let model = Counters {
        initial: vec![[5, 5]],
        ..Counters::new(Trap::Nothing)
    };
    let found = explored(&model, 1);
    let is_vacuous = |name| found.verdict(name).expect("asked for").is_vacuous;
    assert!(is_vacuous(STEPS));
    assert!(!is_vacuous(HOLDS));
}

/// What the command line prints and exits with.
fn checked(model: fn() -> Counters, engine: Engine) -> CheckReport {
    let named = ("counters", "default".to_owned(), serde_json::Value::Null);
    let build = || {
        let mut model = model();
        model.properties = stateright_properties(&properties());
        Claimed {
            model,
            properties: properties(),
            fairness: fairness().into(),
        }
    };
    let sentences = |_: &Counters, run: &quorate_checker::Run<Counters>| {
        let steps = run.steps.iter();
        steps.map(|(which, _)| format!("{which} counts")).collect()
    };
    let options = Options {
        threads: 2,
        ..Options::default()
    };
    check(
        named,
        build,
        |model| &mut model.properties,
        engine,
        &options,
        sentences,
    )
}

#[test]
fn a_report_of_a_panic_has_the_run_the_other_verdicts_and_is_not_as_expected() {
    let report = checked(|| Counters::new(Trap::Step), Engine::Quorate);
    assert_eq!(report.outcome(), Outcome::NotAsExpected);
    assert_eq!(report.outcome().exit_code(), 1);
    let panic = report.panic.as_ref().expect("it panicked");
    assert_eq!(panic.message, "Step panics");
    let run = panic.run.as_ref().expect("it is known");
    assert_eq!(run.len(), 4);
    assert_eq!(run[3], "1: the model panics");
    let verdict = |name| {
        let mut properties = report.properties.iter();
        let property = properties.find(|property| property.name == name);
        property.expect("it was asked for").holds
    };
    assert_eq!(verdict(FAILS), Some(false));
    assert_eq!(verdict(HAPPENS), Some(true));
    assert_eq!(verdict(HOLDS), None);
}

#[test]
fn a_model_without_initial_states_is_not_as_expected_whichever_engine_visits_it() {
    let nothing = || Counters {
        initial: Vec::new(),
        ..Counters::new(Trap::Nothing)
    };
    for engine in [
        Engine::Quorate,
        Engine::StaterightBfs,
        Engine::StaterightDfs,
    ] {
        let report = checked(nothing, engine);
        assert_eq!(report.outcome(), Outcome::NotAsExpected, "{engine:?}");
        let holds = report.properties.iter().find(|p| p.name == HOLDS);
        assert!(holds.expect("it was asked for").vacuous, "{engine:?}");
    }
}

#[test]
fn staterights_searches_say_that_a_model_panics_and_decide_nothing() {
    for search in [StaterightSearch::BreadthFirst, StaterightSearch::DepthFirst] {
        for threads in [1, 2] {
            let mut model = Counters::new(Trap::Step);
            model.properties = stateright_properties(&properties());
            model.properties.push(to_the_end());
            let options = Options {
                threads,
                ..Options::default()
            };
            let found = check_with_stateright(model, &properties(), search, &options);
            assert_eq!(found.end, End::Panicked);
            let panic = found.panic.as_ref().expect("it panicked");
            assert_eq!(panic.message, "Step panics");
            assert!(panic.run.is_none() && panic.action.is_none());
            let mut verdicts = found.verdicts.iter();
            assert!(verdicts.all(|verdict| verdict.answer == Answer::Undecided));
        }
    }
}
