//! What befalls nodes, while clients are at work.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::clients::Clients;
use crate::links::Condition;
use crate::node::Bug;
use crate::processes::{NODES, Processes};

/// How long clients work between faults.
const CALM: Duration = Duration::from_millis(400);
/// How long a fault lasts that lasts: longer than clients and followers wait for whoever does not answer.
const LASTING: Duration = Duration::from_millis(1500);
/// How often faults are repeated until a bug must have been found.
const ROUNDS_MAX: usize = 12;
/// How long clients may take to get anything answered once a fault has ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// What befalls.
#[derive(Clone, Copy, Debug)]
enum Fault {
    LeaderKilled,
    FollowerKilled,
    AllKilled,
    LeaderPaused,
    LeaderCutOff,
    LinksSlow,
    /// Two do not hear of each other, and the one between them is restarted.
    BetweenTwoRestarted,
}

const FAULTS: [Fault; 7] = [
    Fault::LeaderKilled,
    Fault::FollowerKilled,
    Fault::AllKilled,
    Fault::LeaderPaused,
    Fault::LeaderCutOff,
    Fault::LinksSlow,
    Fault::BetweenTwoRestarted,
];

impl Fault {
    /// Lets it happen, and come to an end.
    async fn befall(self, processes: &mut Processes) {
        let leader = processes.leader().await;
        let next = (leader + 1) % NODES;
        match self {
            Self::LeaderKilled => {
                processes.kill(leader);
                sleep(CALM).await;
                processes.restart(leader);
            }
            Self::FollowerKilled => {
                processes.kill(next);
                sleep(CALM).await;
                processes.restart(next);
            }
            Self::AllKilled => {
                for _ in 0..3 {
                    processes.kill_all();
                    (0..NODES).for_each(|node| processes.restart(node));
                    processes.serves().await;
                    sleep(CALM).await;
                }
            }
            Self::LeaderPaused => {
                processes.pause(leader, true);
                sleep(LASTING).await;
                processes.pause(leader, false);
            }
            Self::LeaderCutOff => {
                processes.links_of(leader, Condition::Cut);
                sleep(LASTING).await;
                processes.links_of(leader, Condition::Good);
            }
            Self::LinksSlow => {
                (0..NODES).for_each(|node| processes.links_slow(node, Duration::from_millis(20)));
                sleep(LASTING).await;
                (0..NODES).for_each(|node| processes.links_of(node, Condition::Good));
            }
            Self::BetweenTwoRestarted => {
                for _ in 0..6 {
                    restart_between(processes).await;
                }
            }
        }
    }
}

/// Two campaign that do not hear of each other, and both ask the one between them, which has seen less than either. When it
/// has voted for one, which never learns so, it is restarted: the other may ask in the same term.
async fn restart_between(processes: &mut Processes) {
    let leader = processes.leader().await;
    let (between, last) = ((leader + 1) % NODES, (leader + 2) % NODES);
    processes.kill(between);
    sleep(CALM / 4).await;
    processes.link(leader, last, Condition::Cut);
    processes.link_to(between, leader, Condition::Cut);
    processes.link_to(between, last, Condition::Cut);
    processes.kill(leader);
    processes.restart(leader);
    let begin = processes.traced(between);
    processes.restart(between);
    let deadline = Instant::now() + LASTING;
    while processes.votes(between, begin).is_empty() && Instant::now() < deadline {
        sleep(Duration::from_millis(2)).await;
    }
    processes.kill(between);
    processes.restart(between);
    sleep(CALM).await;
    processes.link(leader, last, Condition::Good);
    processes.links_of(between, Condition::Good);
}

/// All faults, each at clients that are at work and are served again: what is wrong in the end.
async fn befall_all(bug: Bug) -> Result<(), String> {
    let mut processes = Processes::start(bug).await;
    processes.serves().await;
    let history = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{bug:?}.ndjson"));
    let clients = Clients::start(&processes.addresses, &history);
    let counts = &clients.counts;
    for fault in FAULTS {
        sleep(CALM).await;
        let in_flight = timeout(PATIENCE, async {
            loop {
                match counts.in_flight.load(Ordering::Relaxed) {
                    0 => tokio::task::yield_now().await,
                    some => return some,
                }
            }
        });
        in_flight
            .await
            .map_err(|_| format!("nothing is under way when {fault:?} comes"))?;
        fault.befall(&mut processes).await;
        let answered = counts.answered.load(Ordering::Relaxed);
        let again = async {
            while counts.answered.load(Ordering::Relaxed) < answered + 50 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, again)
            .await
            .map_err(|_| format!("clients are not served after {fault:?}"))?;
    }
    let history = clients.finish(&processes.addresses).await;
    let votes = processes.check_votes()?;
    let totals = history.check()?;
    println!(
        "{} operations answered, {} whose outcome is unknown, on {} keys; {votes} votes",
        totals.answered, totals.unknown, totals.keys
    );
    Ok(())
}

/// That faults do no harm.
pub fn withstands(rounds: usize) -> Result<(), String> {
    for _ in 0..rounds {
        run(Bug::None)?;
    }
    Ok(())
}

/// That a bug is found.
pub fn is_found(bug: Bug) -> Result<(), String> {
    for round in 1..=ROUNDS_MAX {
        if let Err(violation) = run(bug) {
            println!("{bug:?}, in round {round}: {violation}");
            return Ok(());
        }
    }
    Err(format!("{bug:?} was not found in {ROUNDS_MAX} rounds"))
}

fn run(bug: Bug) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let outcome = runtime.block_on(async { tokio::spawn(befall_all(bug)).await });
    // A cluster that is wrong may also not serve.
    outcome.unwrap_or_else(|panic| Err(panic.to_string()))
}
