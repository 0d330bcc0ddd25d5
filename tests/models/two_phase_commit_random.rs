//! Random walks through two-phase commit in environments too large to exhaust: several transactions, each
//! with participants of its own, over any network, with many crashes; and what remains when all is calm.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::crash::crash;
use crate::subsets::{AnyRules, Model, ModelState, Subsets, TheAction, calm_down, violation};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use quorate::protocol::ProcessId;
use quorate::two_phase_commit::{
    Decision, Phase, Published, Request, Rules, Standing, TransactionId, TwoPhaseCommit, Vote,
};
use quorate_models::system::{Action, Disk, Environment, NetworkKind, System};
use stateright::Model as _;

/// A walk: where, and which way at each crossing.
#[derive(Clone, Debug)]
struct Walk {
    participants: u16,
    is_cooperative: bool,
    application: Subsets,
    environment: Environment,
    /// One in so many steps is a crash.
    crash_every: u16,
    /// Among so many steps may be one timer, drop or request to abort.
    mishap_every: u16,
    choices: Vec<u16>,
}

fn environments() -> impl Strategy<Value = Environment> {
    let network = prop_oneof![
        Just(NetworkKind::Set),
        Just(NetworkKind::Bag),
        Just(NetworkKind::Fifo),
    ];
    (network, 1_u8..=2, 0_u8..=10, any::<bool>(), 1_u8..=3).prop_map(
        |(network, copies, drops, is_buffered, pending_max)| Environment {
            network,
            copies_max: if network == NetworkKind::Set {
                1
            } else {
                copies
            },
            drops,
            disk: if is_buffered {
                Disk::Buffered
            } else {
                Disk::Atomic
            },
            pending_max,
            ..Environment::default()
        },
    )
}

fn walks() -> impl Strategy<Value = Walk> {
    (1_u16..=5).prop_flat_map(|participants| {
        let plan = prop::collection::btree_set((1..=participants).prop_map(ProcessId), 1..=5);
        let application = (
            1_u8..=4,
            prop::collection::vec(plan, 1..4),
            any::<bool>(),
            any::<bool>(),
        );
        let application = application.prop_map(|(begins, plans, aborts, is_hasty)| Subsets {
            begins,
            plans,
            aborts,
            is_hasty,
        });
        let choices = prop::collection::vec(any::<u16>(), 50..400);
        let every = (
            prop_oneof![Just(u16::MAX), 15_u16..100],
            prop_oneof![Just(1), Just(5), Just(25)],
        );
        let walk = (application, environments(), any::<bool>(), every, choices);
        walk.prop_map(
            move |(application, environment, is_cooperative, every, choices)| Walk {
                participants,
                is_cooperative,
                application,
                environment,
                crash_every: every.0,
                mishap_every: every.1,
                choices,
            },
        )
    })
}

impl Walk {
    fn model(&self, rules: AnyRules) -> Model {
        let protocol = TwoPhaseCommit::with_rules(usize::from(self.participants), rules);
        let protocol = protocol
            .expect("a sensible number")
            .cooperative(self.is_cooperative);
        System::new(protocol, self.application.clone(), self.environment.clone())
    }

    /// Goes the way, and then lets everything calm down. Returns the end.
    ///
    /// # Errors
    ///
    /// What was violated on the way.
    fn go(&self, rules: AnyRules) -> Result<ModelState, &'static str> {
        let model = self.model(rules);
        let mut state = model.init_states().remove(0);
        for &choice in &self.choices {
            if let Some(next) = self.next(&model, &state, choice) {
                state = next;
                violation(&model, &state).map_or(Ok(()), Err)?;
            }
        }
        let calm = Walk {
            environment: Environment {
                drops: 0,
                ..self.environment.clone()
            },
            ..self.clone()
        };
        calm_down(&calm.model(rules), state)
    }

    fn next(&self, model: &Model, state: &ModelState, choice: u16) -> Option<ModelState> {
        if choice.is_multiple_of(self.crash_every) {
            let crash = crash(model, state, choice / self.crash_every)?;
            return model.next_state(state, crash);
        }
        let mut actions = Vec::new();
        model.actions(state, &mut actions);
        if !(choice / 16).is_multiple_of(self.mishap_every) {
            actions.retain(|action| !is_mishap(action));
        }
        let first = usize::from(choice) % actions.len().max(1);
        actions.rotate_left(first);
        let mut steps = actions.into_iter();
        steps.find_map(|action| model.next_state(state, action))
    }
}

fn is_mishap(action: &TheAction) -> bool {
    matches!(action, Action::Timeout(..) | Action::Drop(_))
        || matches!(action, Action::Submit(_, request) if matches!(**request, Request::Abort(_)))
}

/// Takes so many walks, always the same.
fn walk(rules: AnyRules, cases: u32) -> Result<(), TestError<Walk>> {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, random).run(&walks(), |walk| {
        walk.go(rules).map(|_| ()).map_err(TestCaseError::fail)
    })
}

const CASES: u32 = 2_000;

#[test]
fn every_walk_agrees_and_calms_down() {
    walk(&Published, CASES).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_walks_go_somewhere() {
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), random);
    let (mut commits, mut aborts, mut crashes, mut retirements) = (0, 0, 0, 0);
    for _ in 0..300 {
        let walk = walks().new_tree(&mut runner).expect("a walk").current();
        let end = walk.go(&Published).expect("a right one");
        let told = || end.view.transactions.values();
        commits += told().filter(|told| !told.committed.is_empty()).count();
        aborts += told().filter(|told| !told.aborted.is_empty()).count();
        crashes += usize::from(end.crashes);
        let disks = end.processes().map(|(_, process)| &process.durable);
        let zero = TransactionId::default();
        retirements += disks.filter(|disk| disk.watermark != zero).count();
    }
    assert!(commits > 100, "{commits}");
    assert!(aborts > 100, "{aborts}");
    assert!(crashes > 100, "{crashes}");
    assert!(retirements > 100, "{retirements}");
}

fn hash(state: &ModelState) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

fn actions(model: &Model, state: &ModelState) -> Vec<TheAction> {
    let mut actions = Vec::new();
    model.actions(state, &mut actions);
    actions
}

/// The same walks for all tests that look at each state on the way.
fn looking_around(look: impl Fn(&Walk, &Model, &ModelState)) {
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), random);
    for _ in 0..60 {
        let walk = walks().new_tree(&mut runner).expect("a walk").current();
        let model = walk.model(&Published);
        let mut state = model.init_states().remove(0);
        for &choice in walk.choices.iter().take(150) {
            look(&walk, &model, &state);
            state = walk.next(&model, &state, choice).unwrap_or(state);
        }
    }
}

#[test]
fn what_is_remembered_of_a_step_is_what_happens_when_it_is_taken_for_the_first_time() {
    looking_around(|walk, model, state| {
        let unknowing = walk.model(&Published);
        for action in actions(model, state) {
            let learnt = model.next_state(state, action);
            let recalled = model.next_state(state, action);
            let explained = unknowing.explain(state, &action).map(|(next, _)| next);
            assert_eq!(recalled, learnt, "{action:?} in {state:?}");
            assert_eq!(recalled, explained, "{action:?} in {state:?}");
            assert_eq!(recalled.as_ref().map(hash), explained.as_ref().map(hash));
            assert_ne!(recalled.as_ref(), Some(state));
        }
    });
}

#[test]
fn two_systems_of_one_model_agree_whatever_they_have_met_before() {
    looking_around(|walk, model, state| {
        let other = walk.model(&Published);
        let offered = actions(model, state);
        for action in offered.iter().rev() {
            other.next_state(state, *action);
        }
        assert_eq!(actions(&other, state), offered);
        for action in offered {
            let (ours, theirs) = (
                model.next_state(state, action),
                other.next_state(state, action),
            );
            assert_eq!(ours, theirs, "{action:?} in {state:?}");
            assert_eq!(ours.as_ref().map(hash), theirs.as_ref().map(hash));
            let (Some(ours), Some(theirs)) = (ours, theirs) else {
                continue;
            };
            // Each goes on from the other's state.
            assert_eq!(actions(model, &theirs), actions(&other, &ours));
            for action in actions(model, &theirs) {
                assert_eq!(
                    model.next_state(&theirs, action),
                    other.next_state(&ours, action)
                );
            }
        }
    });
}

/// Walks by rules of which one is wrong violate this.
fn assert_is_found(rules: AnyRules, violated: &[&str]) {
    match walk(rules, CASES) {
        Err(TestError::Fail(reason, _)) => {
            assert!(violated.contains(&reason.message()), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn walks_find_a_commit_on_any_yes() {
    struct Wrong;
    impl Rules for Wrong {
        fn commits(&self, yes: usize, _: usize) -> bool {
            yes > 0
        }
    }
    assert_is_found(&Wrong, &["agreement", "validity"]);
}

#[test]
fn walks_find_a_missing_vote_taken_for_yes() {
    struct Wrong;
    impl Rules for Wrong {
        fn deadline(&self, _: usize, _: usize) -> Decision {
            Decision::Commit
        }
    }
    assert_is_found(&Wrong, &["agreement", "validity"]);
}

#[test]
fn walks_find_outcomes_forgotten_without_a_watermark() {
    struct Wrong;
    impl Rules for Wrong {
        fn retired(&self, _: TransactionId, _: TransactionId) -> bool {
            false
        }
    }
    let violated = [
        "stability",
        "agreement",
        "what is committed is never prepared again",
    ];
    assert_is_found(&Wrong, &violated);
}

#[test]
fn walks_find_an_abort_answered_while_votes_come_in() {
    struct Wrong;
    impl Rules for Wrong {
        fn answer(&self, phase: Option<Phase>) -> Option<Decision> {
            match phase {
                Some(Phase::Committed) => Some(Decision::Commit),
                Some(Phase::Working | Phase::Voting) | None => Some(Decision::Abort),
            }
        }
    }
    assert_is_found(&Wrong, &["agreement", "stability"]);
}

#[test]
fn walks_find_a_commit_forgotten_before_all_have_acknowledged() {
    struct Wrong;
    impl Rules for Wrong {
        fn forgets(&self, _: usize) -> bool {
            true
        }
    }
    assert_is_found(&Wrong, &["agreement", "stability"]);
}

#[test]
fn walks_find_an_abort_by_a_participant_in_doubt() {
    struct Wrong;
    impl Rules for Wrong {
        fn in_doubt(&self, _: usize) -> Option<Decision> {
            Some(Decision::Abort)
        }
    }
    assert_is_found(&Wrong, &["agreement", "stability"]);
}

#[test]
fn walks_find_an_epoch_used_twice() {
    struct Wrong;
    impl Rules for Wrong {
        fn epoch(&self, recovered: u64) -> u64 {
            recovered.max(1)
        }
    }
    assert_is_found(&Wrong, &["names are unique"]);
}

#[test]
fn walks_find_an_inquiry_that_nobody_answers() {
    struct Wrong;
    impl Rules for Wrong {
        fn answer(&self, phase: Option<Phase>) -> Option<Decision> {
            (phase == Some(Phase::Committed)).then_some(Decision::Commit)
        }
    }
    assert_is_found(&Wrong, &["everybody decides"]);
}

#[test]
fn walks_find_a_promise_after_an_abort() {
    struct Wrong;
    impl Rules for Wrong {
        fn vote(&self, standing: Standing) -> Option<Vote> {
            match standing {
                Standing::Committed | Standing::Retired => None,
                _ => Some(Vote::Yes),
            }
        }
    }
    assert_is_found(&Wrong, &["agreement", "stability"]);
}

#[test]
fn walks_find_a_peer_in_doubt_that_answers_abort() {
    struct Wrong;
    impl Rules for Wrong {
        fn answer_peer(&self, standing: Standing) -> Option<Decision> {
            match standing {
                Standing::Committed => Some(Decision::Commit),
                Standing::Retired => None,
                _ => Some(Decision::Abort),
            }
        }
    }
    assert_is_found(&Wrong, &["agreement", "stability"]);
}
