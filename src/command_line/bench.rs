//! How fast: a cluster of processes on this machine, and closed-loop clients.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use comfy_table::{CellAlignment, Table};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use quorate::key_value::{Client, Session};

use super::cluster::Running;
use super::config::{Cluster, Protocol};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many keys are written.
const KEYS: u64 = 10_000;
/// How often the disk is tried.
const SYNCS: u32 = 200;

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
    /// The first node's port.
    #[arg(long, default_value_t = 4200)]
    port: u16,
    /// A line of JSON for each measurement, instead of a table.
    #[arg(long)]
    json: bool,
}

/// What a client does again and again.
#[derive(Clone, Copy, Debug)]
enum Work {
    Put,
    Get,
}

/// What was measured.
#[derive(Debug, serde::Serialize)]
struct Measured {
    work: &'static str,
    clients: usize,
    operations_per_second: f64,
    p50_milliseconds: f64,
    p99_milliseconds: f64,
    p999_milliseconds: f64,
    /// Of all processes of the cluster, and of the clients.
    cpu_microseconds_per_operation: f64,
    client_cpu_microseconds_per_operation: f64,
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
    let kind = file_system(directory)?;
    if kind == "tmpfs" || kind == "ramfs" {
        bail!(
            "{} is in memory ({kind}), where nothing is synced: give a --directory on a disk",
            directory.display()
        );
    }
    let sync = sync_time(directory)?;
    let syncs_per_second = 1.0 / sync.as_secs_f64();
    if !arguments.json {
        println!("{kind}: {syncs_per_second:.0} syncs a second of 4 KiB each, one after the other");
    }
    let file = directory.join("cluster.toml");
    let (nodes, port) = (arguments.nodes, arguments.port);
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
    } else {
        println!("{}", table(&measured));
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
    let mut measured = Vec::new();
    for &clients in &arguments.clients {
        let sessions = connections
            .iter()
            .cycle()
            .take(clients)
            .map(Client::session);
        let mut sessions = try_join_all(sessions).await?;
        for work in [Work::Put, Work::Get] {
            measure(arguments, work, &mut sessions, Duration::from_secs(1)).await?;
            let cpu = cpu_time(&processes)?;
            let own = cpu_time(&[std::process::id()])?;
            let (latencies, elapsed) =
                measure(arguments, work, &mut sessions, arguments.seconds).await?;
            let cpu = cpu_time(&processes)? - cpu;
            let own = cpu_time(&[std::process::id()])? - own;
            let count = latencies.len() as f64;
            let milliseconds = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
            measured.push(Measured {
                work: match work {
                    Work::Put => "put",
                    Work::Get => "get",
                },
                clients,
                operations_per_second: count / elapsed.as_secs_f64(),
                p50_milliseconds: milliseconds(0.5),
                p99_milliseconds: milliseconds(0.99),
                p999_milliseconds: milliseconds(0.999),
                cpu_microseconds_per_operation: cpu.as_secs_f64() * 1e6 / count,
                client_cpu_microseconds_per_operation: own.as_secs_f64() * 1e6 / count,
            });
        }
    }
    Ok(measured)
}

/// What all clients do for so long: latencies in microseconds, and how long it was.
async fn measure(
    arguments: &Arguments,
    work: Work,
    sessions: &mut [Session],
    time: Duration,
) -> Result<(Histogram<u64>, Duration)> {
    let begin = Instant::now();
    let value = Bytes::from(vec![b'x'; arguments.value_bytes]);
    let clients = sessions.iter_mut().map(|session| {
        let value = value.clone();
        async move {
            let mut latencies = Histogram::<u64>::new(3)?;
            while begin.elapsed() < time {
                let key = Bytes::from(format!("key-{:08}", fastrand::u64(..KEYS)));
                let asked = Instant::now();
                match work {
                    Work::Put => session.put(key, value.clone()).await?,
                    Work::Get => drop(session.client().get(key).await?),
                }
                latencies.record(asked.elapsed().as_micros() as u64)?;
            }
            Ok::<_, anyhow::Error>(latencies)
        }
    });
    let mut all = Histogram::new(3)?;
    for latencies in try_join_all(clients).await? {
        all.add(latencies)?;
    }
    Ok((all, begin.elapsed()))
}

fn table(measured: &[Measured]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "",
        "clients",
        "operations/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "CPU µs/operation",
        "of clients",
    ]);
    for row in measured {
        table.add_row([
            row.work.to_owned(),
            row.clients.to_string(),
            format!("{:.0}", row.operations_per_second),
            format!("{:.2}", row.p50_milliseconds),
            format!("{:.2}", row.p99_milliseconds),
            format!("{:.2}", row.p999_milliseconds),
            format!("{:.1}", row.cpu_microseconds_per_operation),
            format!("{:.1}", row.client_cpu_microseconds_per_operation),
        ]);
    }
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// How long it takes to write 4 KiB at the end of a file and sync it.
fn sync_time(directory: &Path) -> Result<Duration> {
    let path = directory.join("sync");
    let mut file = File::create(&path)?;
    let begin = Instant::now();
    for _ in 0..SYNCS {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
    }
    let time = begin.elapsed() / SYNCS;
    fs::remove_file(path)?;
    Ok(time)
}

/// The kind of file system that a directory is on, as the system names it.
fn file_system(directory: &Path) -> Result<String> {
    let directory = directory.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts").context("what is mounted is not known")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut parts = line.split(' ').skip(1);
        Some((parts.next()?, parts.next()?))
    });
    let around = mounts.filter(|(path, _)| directory.starts_with(path));
    let nearest = around.max_by_key(|(path, _)| path.len());
    let (_, kind) = nearest.context("the file system is not known")?;
    Ok(kind.to_owned())
}

/// The time that these processes have had on processors.
fn cpu_time(processes: &[u32]) -> Result<Duration> {
    let mut nanoseconds = 0;
    for process in processes {
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let times = fs::read_to_string(thread?.path().join("schedstat"));
            // A thread may have ended meanwhile.
            let first = times
                .ok()
                .and_then(|times| times.split(' ').next()?.parse::<u64>().ok());
            nanoseconds += first.unwrap_or(0);
        }
    }
    Ok(Duration::from_nanos(nanoseconds))
}
