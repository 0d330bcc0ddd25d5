//! A cluster on this machine.

use std::convert::Infallible;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use quorate::protocol::ProcessId;
use quorate_node::key_value::Client;
use tokio::process::{Child, ChildStdin, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

use super::config::{Cluster, Protocol};
use super::serve;

/// The mark of a directory in which a cluster is being made; it becomes the cluster's file.
const UNFINISHED: &str = "cluster.toml.unfinished";
/// How long nodes have to stop.
const STOP: Duration = Duration::from_secs(10);
/// How long they have until they serve.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a cluster on this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What they run. If there is a cluster in the directory, it is run as it is.
    #[arg(long, default_value_t)]
    protocol: Protocol,
    /// Three-phase commit: assume that whoever does not answer in time has failed.
    #[arg(long)]
    assume_synchronous: bool,
    /// How many nodes.
    #[arg(long, default_value_t = 3)]
    nodes: u16,
    /// Where the data is.
    #[arg(long, default_value = "quorate-data")]
    directory: PathBuf,
    /// The first node's port; the others have the next ones.
    #[arg(long, default_value_t = 4100)]
    port: u16,
    /// How many bytes each node of a new cluster sets aside on its disk.
    #[arg(long)]
    room_bytes: Option<u64>,
    /// Nodes tell Prometheus how they are, at the ports behind their own.
    #[arg(long)]
    metrics: bool,
}

/// Runs a cluster until it is told to stop, or a node comes to an end.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run_all(arguments))?;
    Ok(ExitCode::SUCCESS)
}

async fn run_all(arguments: &Arguments) -> Result<()> {
    let file = arguments.directory.join("cluster.toml");
    let cluster = match file.exists() {
        true => Cluster::read(&file)?,
        false => create(arguments, &file)?,
    };
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let mut running = Running::start(&arguments.directory, &file, &cluster)?;
    let ended = tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        ended = running.first_to_end() => Err(ended),
        never = tell_when_it_serves(&cluster, &file) => match never {},
    };
    running.stop().await;
    ended
}

/// The processes of a cluster.
#[derive(Debug)]
pub(crate) struct Running {
    nodes: Vec<Child>,
    /// They stop when these are dropped.
    inputs: Vec<Option<ChildStdin>>,
}

impl Running {
    /// Starts the nodes of a cluster, whose data is in this directory.
    pub(crate) fn start(directory: &Path, file: &Path, cluster: &Cluster) -> Result<Self> {
        let (mut nodes, mut inputs) = (Vec::new(), Vec::new());
        for node in (0..).take(cluster.nodes.len()) {
            let mut child = start(directory, file, node)?;
            inputs.push(child.stdin.take());
            nodes.push(child);
        }
        Ok(Self { nodes, inputs })
    }

    /// Their numbers, of those that run.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.nodes.iter().filter_map(Child::id).collect()
    }

    /// Waits until one has come to an end, which none should.
    pub(crate) async fn first_to_end(&mut self) -> Error {
        let ends = self.nodes.iter_mut().enumerate().map(|(node, child)| {
            Box::pin(async move {
                match child.wait().await {
                    Ok(status) => (node, status.to_string()),
                    Err(error) => (node, error.to_string()),
                }
            })
        });
        let ((node, how), _, _) = futures_util::future::select_all(ends).await;
        anyhow!("node {node} has come to an end ({how}): its reason is above")
    }

    /// Ends their input, which tells them to stop, and waits until they have.
    pub(crate) async fn stop(self) {
        drop(self.inputs);
        for mut node in self.nodes {
            // One that does not stop is killed when it is dropped.
            let _ = timeout(STOP, node.wait()).await;
        }
    }
}

/// Makes a new cluster.
fn create(arguments: &Arguments, file: &Path) -> Result<Cluster> {
    let directory = &arguments.directory;
    let mut cluster = Cluster::local(
        "quorate",
        arguments.protocol,
        arguments.nodes,
        arguments.port,
        arguments.metrics,
    )?;
    cluster.commit.assume_synchronous = arguments.assume_synchronous;
    cluster.room_bytes = arguments.room_bytes.unwrap_or(cluster.room_bytes);
    cluster.check()?;
    prepare(directory).with_context(|| format!("{} cannot be made", directory.display()))?;
    make(&cluster, directory, file)?;
    Ok(cluster)
}

/// Has an empty directory, but for a mark that a cluster is being made there. What was left of an attempt that came to no end
/// is removed: without the cluster's file, none of its nodes has run.
fn prepare(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    let mark = directory.join(UNFINISHED);
    let was_begun = mark.exists();
    let is_node = |name: &str| {
        let number = name.strip_prefix("node-");
        number.is_some_and(|number| number.parse::<u16>().is_ok())
    };
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        match name.to_str() {
            Some(UNFINISHED) => {}
            Some(name) if was_begun && is_node(name) => fs::remove_dir_all(entry.path())?,
            _ => bail!("it is not empty, and has no cluster.toml: give another --directory"),
        }
    }
    File::create(mark)?.sync_all()?;
    Ok(())
}

/// Makes the data of its nodes in this directory, and then its file: without that, it is no cluster.
pub(crate) fn make(cluster: &Cluster, directory: &Path, file: &Path) -> Result<()> {
    for node in (0..).take(cluster.nodes.len()) {
        serve::create(cluster, node, &data(directory, node))?.close()?;
    }
    let mark = directory.join(UNFINISHED);
    cluster.write(&mark)?;
    fs::rename(mark, file)?;
    // Before any node runs.
    File::open(directory)?.sync_all()?;
    Ok(())
}

fn data(directory: &Path, node: u16) -> PathBuf {
    directory.join(format!("node-{node}"))
}

fn start(directory: &Path, file: &Path, node: u16) -> Result<Child> {
    let program = std::env::current_exe().context("where this program is, is not known")?;
    let mut command = Command::new(program);
    command
        .arg("serve")
        .arg("--config")
        .arg(file)
        .args(["--node", &node.to_string()])
        .arg("--directory")
        .arg(data(directory, node))
        .arg("--stop-at-end-of-input")
        .stdin(Stdio::piped())
        .kill_on_drop(true);
    command
        .spawn()
        .with_context(|| format!("node {node} cannot be started"))
}

async fn tell_when_it_serves(cluster: &Cluster, file: &Path) -> Infallible {
    // As whoever started it has called it.
    let quorate = std::env::args().next().unwrap_or_default();
    let config = match file == Path::new("quorate-data/cluster.toml") {
        true => String::new(),
        false => format!(" --config {}", file.display()),
    };
    let examples = match cluster.protocol {
        Protocol::Raft => ["put greeting hello", "get greeting", "status"],
        Protocol::TwoPhaseCommit | Protocol::ThreePhaseCommit => {
            ["deposit alice 100", "transfer alice bob 30", "status"]
        }
        Protocol::Paxos => ["write greeting hello", "read greeting", "status"],
    };
    if serves(cluster).await {
        eprintln!(
            "{} nodes serve; Ctrl-C stops them. In another terminal:",
            cluster.nodes.len()
        );
        for example in examples {
            eprintln!("  {quorate} {example}{config}");
        }
    }
    std::future::pending().await
}

/// Whether it serves, once it does.
pub(crate) async fn serves(cluster: &Cluster) -> bool {
    match cluster.protocol {
        Protocol::Raft => {
            let client = Client::new(&cluster.name, cluster.nodes.clone(), PATIENCE);
            Arc::new(client).session().await.is_ok()
        }
        Protocol::TwoPhaseCommit | Protocol::ThreePhaseCommit => {
            let client = super::ledger::client(cluster, PATIENCE);
            all_answer(cluster, async |node| client.status(node).await.is_ok()).await
        }
        Protocol::Paxos => {
            let client = super::registers::client(cluster, PATIENCE);
            all_answer(cluster, async |node| client.status(node).await.is_ok()).await
        }
    }
}

async fn all_answer(cluster: &Cluster, answers: impl AsyncFn(ProcessId) -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    for (node, _) in (0..).zip(&cluster.nodes) {
        while !answers(ProcessId(node)).await {
            if Instant::now() > deadline {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
    true
}
