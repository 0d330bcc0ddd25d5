//! Random walks through Raft in clusters too large to exhaust: up to seven servers, any number of terms, crashes and
//! snapshots, over any network and any disk; and what remains when all is calm.
//!
//! What is claimed on the way is what the models claim, of every state and of every step.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use quorate::raft::{Published, Role};
use quorate_checker::check::Claimed;
use quorate_checker::{Condition, Property};
use quorate_models::raft::mutants::{MUTANTS, Mutant};
use quorate_models::raft::parameters::Parameters;
use quorate_models::raft::properties::AnyRaft;
use quorate_models::raft::{Model, application::Clients, model, protocol};
use quorate_models::reduction::SPENT;
use quorate_models::system::{Action, Disk, Environment, NetworkKind, SystemState};
use stateright::Model as _;

use crate::crash::crash;

type ModelState<P> = SystemState<P, Clients>;

/// More terms than a walk can use.
const TERMS: u64 = 1_000;

/// In how many steps all is calm, once faults have come to an end.
const CALM_STEPS_MAX: usize = 20_000;

/// What is violated where it is not.
const NEVER_CALM: &str = "once faults end, all that are up have what their leader has";

/// A walk: where, and which way at each crossing.
#[derive(Clone, Debug)]
struct Walk {
    parameters: Parameters,
    /// One in so many steps is a crash.
    crash_every: u16,
    /// Among so many steps may be one timer or drop.
    mishap_every: u16,
    choices: Vec<u16>,
}

/// Which of the claims that something happens have come true in how many walks.
type Sights = BTreeMap<&'static str, usize>;

fn environments() -> impl Strategy<Value = Environment> {
    let network = prop_oneof![
        Just(NetworkKind::Set),
        Just(NetworkKind::Bag),
        Just(NetworkKind::Fifo),
    ];
    (network, 0_u8..=10, any::<bool>(), 1_u8..=3).prop_map(
        |(network, drops, is_buffered, pending_max)| Environment {
            network,
            drops,
            disk: match is_buffered {
                true => Disk::Buffered,
                false => Disk::Atomic,
            },
            pending_max,
            stabilises: true,
            ..Environment::default()
        },
    )
}

fn clusters() -> impl Strategy<Value = Parameters> {
    let application = (1_u8..=6, 0_u8..=2, 0_u8..=3, 0_u8..=6);
    let messages = (0_u8..=2, 1_u8..=3);
    let cluster = (1_u16..=7, application, messages, environments());
    cluster.prop_map(
        |(servers, (commands, proposals, reads, snapshots), messages, environment)| Parameters {
            servers,
            terms: TERMS,
            terms_left: TERMS,
            commands,
            proposals,
            reads: if proposals > 0 { reads } else { 0 },
            snapshots,
            heartbeats: true,
            entries_max: messages.0,
            in_flight_max: messages.1,
            environment,
            ..Parameters::default()
        },
    )
}

fn walks() -> impl Strategy<Value = Walk> {
    let choices = prop::collection::vec(any::<u16>(), 50..400);
    let crash_every = prop_oneof![Just(u16::MAX), 15_u16..100];
    let mishap_every = prop_oneof![Just(1_u16), Just(5), Just(25)];
    (clusters(), crash_every, mishap_every, choices).prop_map(
        |(parameters, crash_every, mishap_every, choices)| Walk {
            parameters,
            crash_every,
            mishap_every,
            choices,
        },
    )
}

impl Walk {
    /// Goes the way, and then lets everything calm down. Returns what came true.
    ///
    /// # Errors
    ///
    /// What was violated on the way.
    fn go<P: AnyRaft>(&self, protocol: P) -> Result<Vec<&'static str>, &'static str> {
        if let Err(why) = self.parameters.validate() {
            panic!("{why}: {self:?}");
        }
        let Claimed {
            model, properties, ..
        } = model(&self.parameters, protocol);
        let mut state = model.init_states().remove(0);
        let mut seen = Vec::new();
        for &choice in &self.choices {
            let Some((action, next)) = self.next(&model, &state, choice) else {
                continue;
            };
            for property in &properties {
                look(property, &model, (&state, &action, &next), &mut seen)?;
            }
            state = next;
        }
        calm_down(&model, &properties, state)?;
        Ok(seen)
    }

    fn next<P: AnyRaft>(
        &self,
        model: &Model<P>,
        state: &ModelState<P>,
        choice: u16,
    ) -> Option<(Action<P>, ModelState<P>)> {
        if choice.is_multiple_of(self.crash_every) {
            let crash = crash(model, state, choice / self.crash_every)?;
            return Some((crash, model.next_state(state, crash)?));
        }
        let mut actions = Vec::new();
        model.actions(state, &mut actions);
        actions.retain(|action| !matches!(action, Action::Stabilise));
        if !(choice / 16).is_multiple_of(self.mishap_every) {
            actions.retain(|action| !matches!(action, Action::Timeout(..) | Action::Drop(_)));
        }
        let first = usize::from(choice) % actions.len().max(1);
        actions.rotate_left(first);
        let mut steps = actions.into_iter();
        steps.find_map(|action| Some((action, model.next_state(state, action)?)))
    }
}

/// Looks at a step, and where it leads.
fn look<P: AnyRaft>(
    property: &Property<Model<P>>,
    model: &Model<P>,
    (state, action, next): (&ModelState<P>, &Action<P>, &ModelState<P>),
    seen: &mut Vec<&'static str>,
) -> Result<(), &'static str> {
    let (must, is_true) = match property.condition {
        Condition::Always(holds) => (true, holds(model, next)),
        Condition::EveryStep(holds) => (true, holds(model, state, action, next)),
        Condition::Sometimes(holds) => (false, holds(model, next)),
        Condition::SomeStep(holds) => (false, holds(model, state, action, next)),
        // Of fair runs: see how all calms down.
        _ => return Ok(()),
    };
    match (must, is_true) {
        (true, false) => Err(property.name),
        (false, true) if !seen.contains(&property.name) => {
            seen.push(property.name);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Faults end: all that are up come to follow one leader, and to have committed what it has.
fn calm_down<P: AnyRaft>(
    model: &Model<P>,
    properties: &[Property<Model<P>>],
    state: ModelState<P>,
) -> Result<(), &'static str> {
    let mut state = model
        .next_state(&state, Action::Stabilise)
        .expect("it was not stable");
    for turn in 0..CALM_STEPS_MAX {
        if is_calm(&state) {
            return Ok(());
        }
        let mut actions = Vec::new();
        model.actions(&state, &mut actions);
        // Clients ask no more.
        actions.retain(|action| !matches!(action, Action::Submit(..)));
        let first = turn % actions.len().max(1);
        actions.rotate_left(first);
        let mut steps = actions.into_iter();
        let step = steps.find_map(|action| Some((action, model.next_state(&state, action)?)));
        let (action, next) = step.ok_or(NEVER_CALM)?;
        for property in properties {
            look(property, model, (&state, &action, &next), &mut Vec::new())?;
        }
        state = next;
    }
    Err(NEVER_CALM)
}

fn is_calm<P: AnyRaft>(state: &ModelState<P>) -> bool {
    let mut live = state.live();
    let leader = live.find(|(_, knows)| matches!(knows.role, Role::Leader(_)));
    leader.is_some_and(|(_, leader)| {
        state.live().count() == state.processes.len()
            && state.live().all(|(_, knows)| {
                knows.term == leader.term && knows.commit == leader.log.last().index
            })
    })
}

/// The same walks, always.
fn runner(cases: u32) -> TestRunner {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Takes so many walks.
fn walk<P: AnyRaft>(
    cases: u32,
    protocol: impl Fn(&Parameters) -> P,
) -> Result<(), TestError<Walk>> {
    runner(cases).run(&walks(), |walk| {
        let went = walk.go(protocol(&walk.parameters));
        went.map(|_| ()).map_err(TestCaseError::fail)
    })
}

const CASES: u32 = 500;

#[test]
fn every_walk_is_safe_and_calms_down() {
    walk(CASES, |parameters| protocol(parameters, Published))
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_walks_go_somewhere() {
    let mut runner = runner(0);
    let mut sights = Sights::new();
    for _ in 0..300 {
        let walk = walks().new_tree(&mut runner).expect("a walk").current();
        let seen = walk.go(protocol(&walk.parameters, Published));
        for sight in seen.expect("a right one") {
            *sights.entry(sight).or_insert(0) += 1;
        }
    }
    let expected = [
        "a leader is elected",
        "a vote is split",
        "two lead at once, in different terms",
        "a client is answered",
        "a command is in the log twice",
        "a read is answered",
        "a read has to wait",
        "a command is committed",
        "an entry is overwritten",
    ];
    for sight in expected {
        let times = sights.get(sight).copied().unwrap_or(0);
        assert!(times >= 5, "{sight}: in {times} walks; {sights:#?}");
    }
}

/// What a read needs to go wrong, an old leader and an answered command and a client that asks the wrong one, in this order,
/// is too rare for a walk; and walks forget answers of earlier terms, which one of these bugs believes. The models find them.
const TOO_RARE: [&str; 3] = [
    "reads-without-quorum",
    "reads-before-own-entry",
    "counts-earlier-rounds",
];

/// As many walks as it takes to find the rarest bug, and some.
const WALKS_FOR_A_BUG: u32 = 1_000;

/// What walks find that have a bug.
fn found(bug: &Mutant) -> Option<&'static str> {
    let mut runner = runner(0);
    let walks = (0..WALKS_FOR_A_BUG).map(|_| walks().new_tree(&mut runner).expect("a walk"));
    let mut walks = walks.map(|tree| tree.current());
    walks.find_map(|walk| walk.go(bug.protocol(&walk.parameters)).err())
}

#[test]
fn walks_find_every_bug_but_those_that_only_a_read_in_a_rare_place_shows() {
    // Whoever counts what walks forget is found where they are forgotten, by the models.
    let is_common = |bug: &&Mutant| bug.breaks != SPENT && !TOO_RARE.contains(&bug.name);
    for bug in MUTANTS.iter().filter(is_common) {
        assert!(found(bug).is_some(), "{}", bug.name);
    }
}
