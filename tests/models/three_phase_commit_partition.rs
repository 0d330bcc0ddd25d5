//! What a person sees when the network parts under three-phase commit: the run, who suspects whom, and the picture.

use quorate::three_phase_commit::Published;
use quorate_checker::{Options, explore};
use quorate_models::three_phase_commit::parameters::instances;
use quorate_models::three_phase_commit::properties::AGREEMENT_PARTED;
use quorate_models::three_phase_commit::{Model, model, protocol};
use stateright::{Model as _, Path};

type TheModel = Model<quorate::three_phase_commit::ThreePhaseCommit>;

/// The shortest run in which the processes on the two sides of a cut decide differently, told line by line.
const TOLD: &str = include_str!("golden/three_phase_commit_partition.txt");

#[test]
fn the_shortest_run_to_two_outcomes_reads_as_it_always_did_and_its_picture_has_the_cut() {
    let mut instances = instances().into_iter();
    let instance = instances.find(|instance| instance.name == "partition");
    let parameters = instance.expect("a named instance").parameters;
    let claimed = model(&parameters, protocol(&parameters, Published));
    let system: &TheModel = &claimed.model;
    let options = Options {
        stop_at: Some(AGREEMENT_PARTED),
        ..Options::default()
    };
    let exploration = explore(system, &claimed.properties, &claimed.fairness, &options);
    let verdict = exploration
        .verdict(AGREEMENT_PARTED)
        .expect("it is claimed");
    let run = verdict
        .counterexample()
        .expect("it fails under a partition");
    let told = system.narrate(run).join("\n") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let file = "tests/models/golden/three_phase_commit_partition.txt";
        std::fs::write(file, &told).expect("the file can be written");
    }
    assert_eq!(
        told, TOLD,
        "run with UPDATE_GOLDEN=1 if this is as it should be"
    );

    let state = format!("{:?}", run.last());
    assert!(state.contains("suspects"), "{state}");
    assert!(state.contains("partition: 0 | 1, 2"), "{state}");
    let actions = run.steps.iter().map(|(action, _)| action);
    let path = Path::from_actions(system, run.initial.clone(), actions);
    let picture = system.as_svg(path.expect("a run of the model"));
    let picture = picture.expect("a system draws its runs");
    assert!(picture.contains("partition: 0 | 1, 2"), "{picture}");
}
