//! How fast: a cluster of processes on this machine, and closed-loop clients.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use bytes::Bytes;
use futures_util::future::try_join_all;
use quorate::key_value::{Client, Session};
use quorate::load::{Disk, Load, Measured, free_ports, plot, table};

use super::cluster::Running;
use super::config::{Cluster, Protocol};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many keys are written.
const KEYS: u64 = 10_000;
/// Measures throughput and latency of a cluster on this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many clients, each with one request under way at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,64,256,1000")]
    clients: Vec<usize>,
    /// Over how many connections.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// How many seconds each measurement takes, after one to warm up.
    #[arg(long, default_value = "5", value_parser = super::seconds)]
    seconds: Duration,
    /// How many bytes a value has.
    #[arg(long, default_value_t = 256)]
    value_bytes: usize,
    /// How many nodes.
    #[arg(long, default_value_t = 3)]
    nodes: u16,
    /// Where the data is, on a real disk. It is removed afterwards.
    #[arg(long, default_value = "quorate-bench")]
    directory: PathBuf,
    /// The first node's port. Any that is free by default.
    #[arg(long)]
    port: Option<u16>,
    /// A line of JSON for each measurement, instead of a table.
    #[arg(long)]
    json: bool,
    /// A picture of throughput against latency is drawn there, as SVG.
    #[arg(long, conflicts_with = "json")]
    plot: Option<PathBuf>,
}

/// Measures, and prints what.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let directory = &arguments.directory;
    if directory.exists() {
        bail!("{} exists: give another --directory", directory.display());
    }
    if arguments.connections == 0 || arguments.clients.contains(&0) {
        bail!("give at least 1 client, and at least 1 connection");
    }
    if arguments.seconds.is_zero() {
        bail!("give more than 0 --seconds");
    }
    fs::create_dir_all(directory).with_context(|| format!("{}", directory.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let measured = runtime.block_on(measure_all(arguments));
    fs::remove_dir_all(directory).with_context(|| format!("{}", directory.display()))?;
    measured?;
    Ok(ExitCode::SUCCESS)
}

async fn measure_all(arguments: &Arguments) -> Result<()> {
    let directory = &arguments.directory;
    let disk = Disk::measure(directory)?;
    if !arguments.json {
        println!("{disk}");
    }
    let file = directory.join("cluster.toml");
    let nodes = arguments.nodes;
    let port = arguments.port.unwrap_or_else(|| free_ports(nodes));
    let cluster = Cluster::local("bench", Protocol::Raft, nodes, port, false)?;
    cluster.check()?;
    cluster.write(&file)?;
    let mut running = Running::start(directory, &file, cluster.nodes.len())?;
    let measured = tokio::select! {
        measured = measure_cluster(arguments, &cluster, running.processes()) => measured,
        ended = running.first_to_end() => Err(ended),
    };
    running.stop().await;
    let measured = measured?;
    if arguments.json {
        for measured in measured {
            println!("{}", serde_json::to_string(&measured)?);
        }
        return Ok(());
    }
    println!("{}", table(&measured));
    if let Some(plotted) = &arguments.plot {
        let title = format!("values of {} bytes; {disk}", arguments.value_bytes);
        plot(&measured, &title, plotted)
            .map_err(|error| anyhow!("{} is not drawn: {error}", plotted.display()))?;
    }
    Ok(())
}

async fn measure_cluster(
    arguments: &Arguments,
    cluster: &Cluster,
    processes: Vec<u32>,
) -> Result<Vec<Measured>> {
    let client = || Arc::new(Client::new(&cluster.name, cluster.nodes.clone(), PATIENCE));
    let connections: Vec<_> = (0..arguments.connections).map(|_| client()).collect();
    let value = Bytes::from(vec![b'x'; arguments.value_bytes]);
    let mut measured = Vec::new();
    for &clients in &arguments.clients {
        let sessions = connections
            .iter()
            .cycle()
            .take(clients)
            .map(Client::session);
        let mut sessions = try_join_all(sessions).await?;
        let load = Load {
            system: "Quorate",
            work: "put",
            processes: &processes,
            time: arguments.seconds,
        };
        let put = async |session: &mut Session| {
            session.put(key(), value.clone()).await?;
            Ok::<_, Error>(())
        };
        measured.push(load.measure(&mut sessions, put).await?);
        let load = Load {
            work: "get",
            ..load
        };
        let get = async |session: &mut Session| {
            session.client().get(key()).await?;
            Ok::<_, Error>(())
        };
        measured.push(load.measure(&mut sessions, get).await?);
    }
    Ok(measured)
}

/// One of the keys, by chance.
fn key() -> Bytes {
    Bytes::from(format!("key-{:08}", fastrand::u64(..KEYS)))
}
