//! What two-phase commit claims about fair runs: that each assumption is needed, that nothing is claimed of
//! what never happens, and what counterexamples look like.

use quorate::protocol::ProcessId;
use quorate::two_phase_commit::{COORDINATOR, Published, TwoPhaseCommit};
use quorate_checker::{Answer, Exploration, Fairness, Options, Property, Run, explore};
use quorate_models::atomic_commit::ALL_COMMIT;
use quorate_models::system::{Action, Environment};
use quorate_models::two_phase_commit::liveness::{
    self, COMMIT_FORGOTTEN, EVERYBODY_DECIDES, IN_DOUBT_DECIDES, NON_BLOCKING, ONE_KNOWS_ALL_LEARN,
};
use quorate_models::two_phase_commit::mutants::MUTANTS;
use quorate_models::two_phase_commit::parameters::{Parameters, instances};
use quorate_models::two_phase_commit::{Model, model, protocol};

type TheModel = Model<TwoPhaseCommit>;

fn parameters(instance: &str) -> Parameters {
    let mut instances = instances().into_iter();
    let found = instances.find(|listed| listed.name == instance);
    found.expect("a named instance").parameters
}

fn check(parameters: &Parameters, fairness: &[Fairness<TheModel>]) -> Exploration<TheModel> {
    let (model, _) = model(parameters, protocol(parameters, Published));
    let properties: Vec<Property<TheModel>> = liveness::properties(parameters);
    let exploration = explore(&model, &properties, fairness, &Options::default());
    assert!(exploration.exhausted());
    exploration
}

/// The claims that hold, each with the assumptions without which it does not.
fn needs(parameters: &Parameters) -> Vec<(&'static str, Vec<&'static str>)> {
    let fairness: Vec<Fairness<TheModel>> = liveness::fairness(parameters);
    let all = check(parameters, &fairness);
    let hold = all.verdicts.iter().filter(|verdict| verdict.holds());
    let mut needs: Vec<_> = hold
        .map(|verdict| {
            let claim = verdict.property.name;
            assert!(!verdict.is_vacuous, "{claim} under {parameters:#?}");
            (claim, Vec::new())
        })
        .collect();
    for left_out in &fairness {
        let is_left = |assumption: &&Fairness<TheModel>| assumption.name != left_out.name;
        let rest: Vec<_> = fairness.iter().filter(is_left).copied().collect();
        let without = check(parameters, &rest);
        for (claim, needed) in &mut needs {
            let verdict = without.verdict(claim).expect("it was asked for");
            if verdict.answer == Answer::Fails {
                needed.push(left_out.name);
            }
        }
    }
    needs
}

fn names(fairness: &[Fairness<TheModel>]) -> Vec<&'static str> {
    fairness.iter().map(|assumption| assumption.name).collect()
}

#[test]
fn with_real_loss_each_claim_needs_every_assumption() {
    for instance in ["lossy", "lossy-bag", "lossy-cooperative", "stabilising"] {
        let parameters = parameters(instance);
        let every = names(&liveness::fairness(&parameters));
        assert_eq!(every.len(), 4);
        let needs = needs(&parameters);
        let expected = [(IN_DOUBT_DECIDES, every.clone()), (COMMIT_FORGOTTEN, every)];
        assert_eq!(needs, expected, "{instance}");
    }
}

#[test]
fn where_nothing_is_lost_what_is_sent_has_to_arrive_and_what_is_written_to_last() {
    let parameters = parameters("synchronous");
    let every = names(&liveness::fairness(&parameters));
    assert_eq!(every.len(), 2);
    let needs = needs(&parameters);
    let claims: Vec<_> = needs.iter().map(|(claim, _)| *claim).collect();
    assert_eq!(claims, [IN_DOUBT_DECIDES, COMMIT_FORGOTTEN, ALL_COMMIT]);
    for (claim, needed) in needs {
        assert_eq!(needed, every, "{claim}");
    }
}

#[test]
fn peers_have_to_be_asked_and_answers_to_arrive() {
    let parameters = parameters("gone-for-good-cooperative");
    let every = names(&liveness::fairness(&parameters));
    assert_eq!(needs(&parameters), [(ONE_KNOWS_ALL_LEARN, every)]);
}

#[test]
fn where_the_network_parts_it_has_to_heal() {
    let mut parameters = parameters("small");
    parameters.environment.partitions = 1;
    let needs = needs(&parameters);
    let claims: Vec<_> = needs.iter().map(|(claim, _)| *claim).collect();
    assert_eq!(claims, [IN_DOUBT_DECIDES, COMMIT_FORGOTTEN]);
    let healing = TheModel::heals().name;
    for (claim, needed) in needs {
        assert!(needed.contains(&healing), "{claim}");
    }
}

fn counterexample(instance: &str, claim: &str) -> Run<TheModel> {
    let parameters = parameters(instance);
    let exploration = check(&parameters, &liveness::fairness(&parameters));
    let verdicts = exploration.verdicts.into_iter();
    let mut of_claim = verdicts.filter(|verdict| verdict.property.name == claim);
    let verdict = of_claim.next().expect("the claim is made there");
    assert_eq!(verdict.answer, Answer::Fails);
    verdict.witness.expect("what fails has a run")
}

/// Whether somebody is in doubt at the end, on its disk.
fn in_doubt(run: &Run<TheModel>) -> Vec<ProcessId> {
    let processes = run.last().processes().filter(|(_, process)| {
        let mut statuses = process.durable.statuses.values();
        process.is_up() && statuses.any(|status| !status.is_finished())
    });
    processes.map(|(id, _)| id).collect()
}

#[test]
fn two_phase_commit_blocks_when_its_coordinator_is_gone() {
    let run = counterexample("gone-for-good", NON_BLOCKING);
    assert!(run.is_dead_end());
    let last = run.last();
    assert!(last.processes[COORDINATOR.index()].driver.is_none());
    assert!(!in_doubt(&run).is_empty());
}

#[test]
fn cooperative_termination_resolves_what_a_peer_knows_and_nothing_else() {
    // Without it, one participant knows, and the other is in doubt for ever.
    let run = counterexample("gone-for-good", ONE_KNOWS_ALL_LEARN);
    assert!(run.is_dead_end());
    assert_eq!(in_doubt(&run).len(), 1);
    // With it they block only where nobody knows: all are in doubt.
    let run = counterexample("gone-for-good-cooperative", NON_BLOCKING);
    assert!(run.is_dead_end());
    assert_eq!(in_doubt(&run), [ProcessId(1), ProcessId(2)]);
}

#[test]
fn a_coordinator_that_crashed_before_it_logged_has_nothing_left_to_decide() {
    let run = counterexample("lossy", EVERYBODY_DECIDES);
    let crashes = |action: &Action<_>| matches!(action, Action::Crash(COORDINATOR, _));
    assert!(run.steps.iter().any(|(action, _)| crashes(action)));
    let told = run.last().view.transactions.values().next();
    let told = told.expect("one transaction was begun");
    assert!(!told.prepared.is_empty());
    assert!(!told.committed.contains(COORDINATOR) && !told.aborted.contains(COORDINATOR));
}

#[test]
fn a_timer_that_fires_too_soon_aborts_what_could_commit() {
    let run = counterexample("impatient", ALL_COMMIT);
    let fires = |action: &Action<_>| matches!(action, Action::Timeout(COORDINATOR, _));
    assert!(run.steps.iter().any(|(action, _)| fires(action)));
}

/// A message that is never lost need not be sent twice: only real loss shows what resending is for.
#[test]
fn without_real_loss_the_mutants_of_timers_are_not_found() {
    for (name, claim) in [
        ("commit-sent-once", COMMIT_FORGOTTEN),
        ("no-inquiry", IN_DOUBT_DECIDES),
    ] {
        let mutant = MUTANTS.iter().find(|mutant| mutant.name == name);
        let mutant = mutant.expect("a listed mutant");
        assert_eq!(mutant.breaks, claim);
        let lossy = parameters(mutant.instance);
        let lossless = Parameters {
            environment: Environment {
                drops: 0,
                crashes: 0,
                ..lossy.environment.clone()
            },
            ..lossy.clone()
        };
        for (parameters, expected) in [(lossy, Answer::Fails), (lossless, Answer::Holds)] {
            let (model, properties) = model(&parameters, mutant.protocol(&parameters));
            let fairness = liveness::fairness(&parameters);
            let exploration = explore(&model, &properties, &fairness, &Options::default());
            let verdict = exploration.verdict(claim).expect("the claim is made");
            assert_eq!(verdict.answer, expected, "{name}");
        }
    }
}
