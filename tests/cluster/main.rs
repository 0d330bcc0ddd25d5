//! Nodes as processes of their own, and what befalls them: no acknowledged write is lost, what clients see is linearizable,
//! and the cluster serves again. Nodes with a bug are found out by the same means.
//!
//! `QUORATE_FAULT_ROUNDS=N` repeats all faults N times.

mod acknowledged;
mod clients;
mod disk;
mod faults;
mod history;
mod links;
mod node;
mod processes;

use libtest_mimic::{Arguments, Trial};
use node::Bug;

/// The argument by which this program is a node.
const NODE: &str = "node";

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(NODE) {
        return node::run(&arguments.next().unwrap_or_default());
    }
    let rounds = std::env::var("QUORATE_FAULT_ROUNDS").ok();
    let rounds = rounds.map_or(1, |rounds| rounds.parse().expect("a number of rounds"));
    let mut trials = vec![
        Trial::test(
            "no write is acknowledged before the disks of a majority have synced it",
            || Ok(acknowledged::check(Bug::None).map(drop)?),
        ),
        Trial::test(
            "that a write is acknowledged before is found out",
            || match acknowledged::check(Bug::TellsBeforeItIsDurable) {
                Ok(_) => Err("all were synced".into()),
                Err(early) => {
                    println!("{early}");
                    Ok(())
                }
            },
        ),
        Trial::test(
            "whatever befalls nodes, what clients see is linearizable, and no acknowledged write is lost",
            move || Ok(faults::withstands(rounds)?),
        ),
    ];
    for (name, bug) in [
        (
            "nodes that tell before it is durable are found out",
            Bug::TellsBeforeItIsDurable,
        ),
        (
            "nodes that lose their vote in a restart are found out",
            Bug::LosesItsVote,
        ),
        (
            "nodes that read without a quorum are found out",
            Bug::ReadsWithoutQuorum,
        ),
        (
            "nodes whose snapshots lack sessions are found out",
            Bug::SnapshotsLackSessions,
        ),
        (
            "nodes whose log ends at the snapshot that replaces it are found out",
            Bug::ReplacedLogsEndAtTheSnapshot,
        ),
        ("nodes that never sync are found out", Bug::NeverSyncs),
    ] {
        trials.push(Trial::test(name, move || Ok(faults::is_found(bug)?)));
    }
    // One cluster at a time: they compete for the machine, and a slow one shows less.
    let arguments = Arguments {
        test_threads: Some(1),
        ..Arguments::from_args()
    };
    libtest_mimic::run(&arguments, trials).exit();
}
