//! Three durable replicas in one process, in the shape of openraft's own benchmark: so many clients, each with one command
//! under way, on a runtime of two threads; a message is a value that is handed on; the state machine sums up what it applies.
//! A command is answered when the disks of two have synced it and the leader has applied it.
//!
//! * **Quorate**: a task for each server, which drives a [`Process`](quorate_node::runtime::Process) as its node does, with the same
//!   [`Store`](quorate_node::storage::Store) and group commit. Each client has a session, so that what it sends again would be done once.
//! * **openraft** (0.10, for 0.9 does not go on while an append is synced): its `Raft` on a log in memory, and a disk that what
//!   is appended is written to, as the records that Quorate writes; a thread syncs once for all that has come meanwhile, and
//!   reports it then, as its documentation asks for. It has no sessions.
//!
//! Both write to the same: to Quorate's store, and to a bare file that as many bytes are appended to as the records have, from
//! which nothing could be read back.
//!
//! `--clients 1,64,256,4096 --seconds 5`. Unless it is to be measured (`cargo bench`), it is tried for a moment only.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;
use quorate_command::load::Disk;
use tempfile::TempDir;
use tokio::task::JoinSet;

use disk::On;
use openraft_replicas::Nodes;
use quorate_replicas::Servers;

mod bare_file;
mod disk;
mod openraft_replicas;
mod quorate_replicas;

/// How many replicas there are.
const REPLICAS: u16 = 3;

/// Replicas that run.
trait Replicas: Sized + Send + Sync + 'static {
    /// One client's end.
    type Client: Send + 'static;

    /// Starts them, with their data there.
    async fn start(directory: &Path, on: On) -> Result<Self>;

    /// A client.
    async fn client(&self) -> Result<Self::Client>;

    /// Has a command done. Returns the sum of all that were, it included.
    fn command(client: &mut Self::Client, number: u64) -> impl Future<Output = Result<u64>> + Send;
}

/// Has so many clients give commands for so long. Returns how many were done in a second.
async fn measure<R: Replicas>(
    directory: &Path,
    on: On,
    clients: usize,
    time: Duration,
) -> Result<f64> {
    let directory = TempDir::new_in(directory)?;
    let replicas = Arc::new(R::start(directory.path(), on).await?);
    let mut ends = Vec::new();
    for _ in 0..clients {
        ends.push(replicas.client().await?);
    }
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for mut end in ends {
        tasks.spawn(async move {
            let (mut done, mut sum) = (0_u64, 0);
            while begin.elapsed() < time {
                let after = R::command(&mut end, 1).await?;
                if after <= sum {
                    bail!("{after} after {sum}: a command was not applied, or not in order");
                }
                (done, sum) = (done + 1, after);
            }
            Ok((done, sum))
        });
    }
    let (mut done, mut sum) = (0, 0);
    while let Some(joined) = tasks.join_next().await {
        let (of_one, last) = joined??;
        done += of_one;
        sum = sum.max(last);
    }
    let elapsed = begin.elapsed();
    if sum != done {
        bail!("{done} commands were answered, and {sum} applied");
    }
    Ok(done as f64 / elapsed.as_secs_f64())
}

/// What is said.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many clients.
    #[arg(long, value_delimiter = ',')]
    clients: Vec<usize>,
    /// How many seconds each measurement takes.
    #[arg(long)]
    seconds: Option<f64>,
    /// Cargo says so when it is to be measured.
    #[arg(long, hide = true)]
    bench: bool,
    /// Cargo says so when it is to be tried.
    #[arg(long, hide = true)]
    test: bool,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    let is_measured = arguments.bench;
    if arguments.clients.is_empty() {
        arguments.clients = match is_measured {
            true => vec![1, 64, 256, 4096],
            false => vec![1, 64],
        };
    }
    if arguments.clients.contains(&0) {
        bail!("give at least 1 client");
    }
    let seconds = arguments.seconds.unwrap_or(match is_measured {
        true => 5.0,
        false => 0.3,
    });
    let time = Duration::try_from_secs_f64(seconds)?;
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    println!("{}", Disk::measure(directory.path())?);
    println!("         on Quorate's store           on bare files");
    println!("clients   Quorate   openraft  ratio   Quorate   openraft  ratio");
    for clients in arguments.clients {
        print!("{clients:7}");
        for on in [On::Store, On::File] {
            let directory = directory.path();
            let quorate = run(measure::<Servers>(directory, on, clients, time))?;
            let openraft = run(measure::<Nodes>(directory, on, clients, time))?;
            let ratio = quorate / openraft;
            print!("  {quorate:8.0}  {openraft:9.0}  {ratio:5.2}");
        }
        println!();
    }
    Ok(())
}

/// Runs it on threads of its own, so that nothing of the one before runs on.
fn run(measured: impl Future<Output = Result<f64>>) -> Result<f64> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build()?;
    runtime.block_on(measured)
}
