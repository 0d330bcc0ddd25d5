//! One node.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal, LineWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use metrics_exporter_prometheus::PrometheusBuilder;
use quorate::ledger::Ledger;
use quorate::protocol::ProcessId;
use quorate::raft::{Limits, Raft};
use quorate::registers::Registers;
use quorate::three_phase_commit::ThreePhaseCommit;
use quorate::two_phase_commit::TwoPhaseCommit;
use quorate_node::key_value::{self, KeyValue, PROTOCOL};
use quorate_node::ledger::{self, Accounts, Timed};
use quorate_node::registers::{self};
use quorate_node::runtime::{Node, Service, Settings, Trace};
use quorate_node::storage::{Identity, Store};
use quorate_node::transport::{self, Hello, Speaker};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::config::{Cluster, Protocol};

/// Runs one node.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The cluster's file.
    #[arg(long)]
    config: PathBuf,
    /// The node's number, from 0.
    #[arg(long)]
    node: u16,
    /// Where its data is, and nobody else's.
    #[arg(long)]
    directory: PathBuf,
    /// It has never run before: its directory must be empty. Without, it must not be.
    #[arg(long)]
    new: bool,
    /// Every step is written there, a line of JSON each.
    #[arg(long)]
    trace: Option<PathBuf>,
    /// Stops when its standard input ends, so that it does not outlive who has started it.
    #[arg(long)]
    stop_at_end_of_input: bool,
}

/// Runs one node until it is told to stop.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let cluster = Cluster::read(&arguments.config)?;
    if usize::from(arguments.node) >= cluster.nodes.len() {
        bail!(
            "there is no node {}: {} has nodes 0 to {}",
            arguments.node,
            arguments.config.display(),
            cluster.nodes.len() - 1
        );
    }
    // One thread: it is one process, and whoever reads and writes for it takes turns with it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(arguments, &cluster))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(arguments: &Arguments, cluster: &Cluster) -> Result<()> {
    let me = ProcessId(arguments.node);
    let address = cluster.nodes[me.index()];
    let bound = transport::bind(address, cluster.allow_remote).await;
    let listener = bound
        .map_err(|error| match error {
            error @ transport::Error::NotLoopback { .. } => Error::new(error).context(format!(
                "{} does not say allow-remote = true",
                arguments.config.display()
            )),
            error => Error::new(error),
        })
        .with_context(|| format!("node {} cannot listen at {address}", me.0))?;
    if let Some(address) = cluster.metrics.get(me.index()) {
        let exporter = PrometheusBuilder::new().with_http_listener(*address);
        let told = exporter.install();
        told.with_context(|| format!("metrics of node {} cannot be told at {address}", me.0))?;
    }
    match cluster.protocol {
        Protocol::Raft => {
            let timing = key_value::Settings {
                heartbeat: Duration::from_millis(cluster.raft.heartbeat_milliseconds),
                election: Duration::from_millis(cluster.raft.election_milliseconds),
                snapshot_bytes: cluster.raft.snapshot_bytes,
            };
            let settings = Settings {
                // Snapshots sum it up, and come before.
                log_bytes_max: usize::try_from(timing.snapshot_bytes.saturating_mul(4))
                    .unwrap_or(usize::MAX),
                ..Settings::default()
            };
            let protocol = Raft::new(cluster.nodes.len(), Limits::default())?;
            let service = KeyValue::new(me, timing);
            let runs = (protocol, service, settings);
            run_node(arguments, cluster, listener, runs).await
        }
        Protocol::TwoPhaseCommit => {
            let protocol = TwoPhaseCommit::new(cluster.nodes.len() - 1)?;
            run_ledger(arguments, cluster, listener, protocol).await
        }
        Protocol::ThreePhaseCommit => {
            let protocol = ThreePhaseCommit::new(cluster.nodes.len() - 1)?;
            run_ledger(arguments, cluster, listener, protocol).await
        }
        Protocol::Paxos => {
            let service = registers::Service::new(registers::Settings {
                campaign: Duration::from_millis(cluster.paxos.campaign_milliseconds),
                resend: Duration::from_millis(cluster.paxos.resend_milliseconds),
            });
            let protocol = Registers::new(cluster.nodes.len())?;
            let runs = (protocol, service, Settings::default());
            run_node(arguments, cluster, listener, runs).await
        }
    }
}

async fn run_ledger<P>(
    arguments: &Arguments,
    cluster: &Cluster,
    listener: TcpListener,
    protocol: P,
) -> Result<()>
where
    P: Timed<Message: Send> + 'static,
{
    let service = Accounts::new(ledger::Settings {
        deadline: Duration::from_millis(cluster.commit.deadline_milliseconds),
        resend: Duration::from_millis(cluster.commit.resend_milliseconds),
        suspect: Duration::from_millis(cluster.commit.suspect_milliseconds),
    });
    let runs = (Ledger::new(protocol), service, Settings::default());
    run_node(arguments, cluster, listener, runs).await
}

async fn run_node<P, S>(
    arguments: &Arguments,
    cluster: &Cluster,
    listener: TcpListener,
    (protocol, service, settings): (P, S, Settings),
) -> Result<()>
where
    P: quorate::protocol::Protocol<Message: Send + 'static>,
    S: Service<P>,
{
    let me = ProcessId(arguments.node);
    let store = open(arguments, cluster)?;
    let trace = arguments.trace.as_ref().map(|file| {
        let created = File::create(file);
        let created = created.with_context(|| format!("{} cannot be written", file.display()));
        // A line at a time: a node that is killed has written all that it has done.
        created.map(|file| Trace::new(LineWriter::new(file)))
    });
    let nodes = (0..).map(ProcessId).zip(cluster.nodes.iter().copied());
    let peers: BTreeMap<_, _> = nodes.filter(|(node, _)| *node != me).collect();
    let node = Node {
        protocol,
        me,
        store,
        service,
        hello: Hello {
            cluster: cluster.name.clone(),
            protocol: name(cluster.protocol).to_owned(),
            speaker: Speaker::Node(me),
        },
        listener,
        peers,
        settings,
        trace: trace.transpose()?,
    };
    let stop = CancellationToken::new();
    tokio::spawn(stop_when_told(stop.clone(), arguments.stop_at_end_of_input));
    tracing::info!(node = me.0, address = %cluster.nodes[me.index()], "serving");
    node.run(stop).await?;
    tracing::info!(node = me.0, "stopped");
    Ok(())
}

fn open(arguments: &Arguments, cluster: &Cluster) -> Result<Store> {
    let directory = &arguments.directory;
    if arguments.new {
        return create(cluster, arguments.node, directory);
    }
    let opened = Store::open(directory, &identity(cluster, arguments.node));
    let (store, recovery) = opened.with_context(|| format!("{}", directory.display()))?;
    let (records, was_interrupted) = (recovery.records, recovery.was_interrupted);
    tracing::info!(records, was_interrupted, "data read");
    Ok(store)
}

/// The store of a new node.
pub(crate) fn create(cluster: &Cluster, node: u16, directory: &Path) -> Result<Store> {
    let created = Store::create(directory, &identity(cluster, node), cluster.room_bytes);
    created.with_context(|| format!("{}", directory.display()))
}

fn identity(cluster: &Cluster, node: u16) -> Identity {
    Identity {
        cluster: cluster.name.clone(),
        node: u64::from(node),
        protocol: name(cluster.protocol).to_owned(),
    }
}

/// What nodes run, as they tell each other.
fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Raft => PROTOCOL,
        Protocol::TwoPhaseCommit => <TwoPhaseCommit>::NAME,
        Protocol::ThreePhaseCommit => <ThreePhaseCommit>::NAME,
        Protocol::Paxos => registers::PROTOCOL,
    }
}

/// Waits for a signal, or for the end of the input.
async fn stop_when_told(stop: CancellationToken, at_end_of_input: bool) {
    let told = async {
        let (mut interrupt, mut terminate) = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        );
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = end_of_input(), if at_end_of_input => {}
        }
        Ok::<_, std::io::Error>(())
    };
    if let Err(error) = told.await {
        tracing::error!(%error, "cannot wait to be told to stop");
    }
    stop.cancel();
}

async fn end_of_input() {
    let mut input = tokio::io::stdin();
    let mut bytes = [0; 64];
    while matches!(input.read(&mut bytes).await, Ok(1..)) {}
}
