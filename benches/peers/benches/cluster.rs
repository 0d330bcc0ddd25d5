//! Quorate's key-value store and etcd, each as three durable processes on this machine: the same values, clients and
//! connections, one after the other for each number of clients, and in several rounds, for machines are never quite the same.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use clap::Parser;
use etcd_client::Client;
use quorate_command::load::{Disk, Load, Measured, free_ports, plot, table};

/// How long etcd may take until it serves.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many nodes each has.
const NODES: usize = 3;
/// How many keys are written: as many as by `quorate bench`.
const KEYS: u64 = 10_000;

/// Compares throughput and latency of Quorate and etcd.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many clients, each with one request under way at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,64,256,1000")]
    clients: Vec<usize>,
    /// Over how many connections.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// How many seconds each measurement takes.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How often all that is measured; shown is the median.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many bytes a value has.
    #[arg(long, default_value_t = 256)]
    value_bytes: usize,
    /// Where the data is, on a real disk. It is removed afterwards.
    #[arg(long, default_value = "cluster-bench")]
    directory: PathBuf,
    /// A picture of throughput against latency is drawn there, as SVG.
    #[arg(long)]
    plot: Option<PathBuf>,
    /// What cargo says when this is to be measured, and not only tried.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if !arguments.bench {
        arguments.clients = vec![1, 8];
        arguments.seconds = 0.5;
        arguments.rounds = 1;
    }
    let directory = &arguments.directory;
    ensure!(
        !directory.exists(),
        "{} exists: give another --directory",
        directory.display()
    );
    fs::create_dir_all(directory)?;
    let measured = compare(&arguments);
    fs::remove_dir_all(directory)?;
    measured
}

fn compare(arguments: &Arguments) -> Result<()> {
    let disk = Disk::measure(&arguments.directory)?;
    println!("{disk}");
    let mut measured = Vec::new();
    let mut compared = Vec::new();
    for &clients in &arguments.clients {
        // Quorate's puts and gets, and etcd's, of each round.
        let mut rounds = Vec::new();
        for _ in 0..arguments.rounds {
            rounds.push((quorate(arguments, clients)?, etcd(arguments, clients)?));
        }
        let ratios = |ratio: &dyn Fn(&Measured, &Measured) -> f64, work: usize| {
            let rounds = rounds.iter();
            sorted(rounds.map(|(quorate, etcd)| ratio(&quorate[work], &etcd[work])))
        };
        for (number, work) in ["put", "get"].iter().enumerate() {
            let faster = ratios(
                &|quorate, etcd| quorate.operations_per_second / etcd.operations_per_second,
                number,
            );
            let sooner = ratios(
                &|quorate, etcd| quorate.p99_milliseconds / etcd.p99_milliseconds,
                number,
            );
            compared.push(format!(
                "{work} with {clients} clients: {:.1} times as many ({:.1} to {:.1}), and p99 is {:.2} of etcd's ({:.2} to {:.2})",
                median(&faster),
                faster[0],
                faster[faster.len() - 1],
                median(&sooner),
                sooner[0],
                sooner[sooner.len() - 1],
            ));
        }
        let (quorate, etcd): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
        measured.extend(of_median_throughput(quorate));
        measured.extend(of_median_throughput(etcd));
    }
    println!("{}", table(&measured));
    for line in compared {
        println!("{line}");
    }
    if let Some(file) = &arguments.plot {
        let title = format!("values of {} bytes; {disk}", arguments.value_bytes);
        plot(&measured, &title, file)
            .map_err(|error| anyhow!("{} is not drawn: {error}", file.display()))?;
    }
    Ok(())
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// That of values in order; the lower of two.
fn median<T: Clone>(values: &[T]) -> T {
    values[(values.len() - 1) / 2].clone()
}

/// Of each work the row that has the median throughput of all rounds.
fn of_median_throughput(rounds: Vec<Vec<Measured>>) -> Vec<Measured> {
    let works = 0..rounds[0].len();
    let works = works.map(|work| {
        let mut rows: Vec<_> = rounds.iter().map(|rows| rows[work].clone()).collect();
        rows.sort_by(|one, other| {
            one.operations_per_second
                .total_cmp(&other.operations_per_second)
        });
        median(&rows)
    });
    works.collect()
}

/// `quorate bench`, of this very source.
fn quorate(arguments: &Arguments, clients: usize) -> Result<Vec<Measured>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // However this comparison is optimised, Quorate is as it is for whoever uses it.
    for setting in ["CODEGEN_UNITS", "OPT_LEVEL"] {
        command.env_remove(format!("CARGO_PROFILE_RELEASE_{setting}"));
    }
    command.args(["run", "--release", "--quiet", "--manifest-path", manifest]);
    command.args(["--bin", "quorate", "--", "bench", "--json"]);
    command.arg("--directory");
    command.arg(arguments.directory.join("quorate"));
    command.args(["--clients", &clients.to_string()]);
    command.args(["--connections", &arguments.connections.to_string()]);
    command.args(["--seconds", &arguments.seconds.to_string()]);
    command.args(["--value-bytes", &arguments.value_bytes.to_string()]);
    let output = command
        .env("RUST_LOG", "warn")
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "quorate bench: {}", output.status);
    let lines = String::from_utf8(output.stdout)?;
    let rows = lines.lines().map(serde_json::from_str);
    Ok(rows.collect::<Result<_, _>>()?)
}

/// etcd's processes, killed when this is dropped.
struct Etcd {
    nodes: Vec<Child>,
    endpoints: Vec<String>,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            // Whatever its end is, nothing is asked of it any more.
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

impl Etcd {
    fn start(directory: &Path) -> Result<Self> {
        let first = free_ports(2 * NODES as u16);
        let address = |number: usize| format!("http://127.0.0.1:{}", usize::from(first) + number);
        let peers: Vec<_> = (0..NODES)
            .map(|node| format!("node-{node}={}", address(NODES + node)))
            .collect();
        let mut etcd = Self {
            nodes: Vec::new(),
            endpoints: (0..NODES).map(address).collect(),
        };
        for node in 0..NODES {
            let log = File::create(directory.join(format!("log-{node}")))?;
            let (client, peer) = (address(node), address(NODES + node));
            let mut command = Command::new("etcd");
            command.args(["--name", &format!("node-{node}")]);
            command
                .arg("--data-dir")
                .arg(directory.join(format!("data-{node}")));
            command.args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ]);
            command.args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ]);
            command.args([
                "--initial-cluster",
                &peers.join(","),
                "--initial-cluster-state",
                "new",
            ]);
            command.args(["--logger", "zap", "--log-level", "error"]);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log);
            let child = command.spawn();
            etcd.nodes
                .push(child.context("etcd cannot be started: see tools/install")?);
        }
        Ok(etcd)
    }

    /// The node that leads, once there is one: whom clients do best to ask.
    async fn leader(&self) -> Result<&String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for endpoint in &self.endpoints {
                if let Ok(mut client) = Client::connect([endpoint], None).await
                    && let Ok(status) = client.status().await
                    && let Some(header) = status.header()
                    && header.member_id() == status.leader()
                {
                    return Ok(endpoint);
                }
            }
            if Instant::now() > deadline {
                bail!("etcd does not serve");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn etcd(arguments: &Arguments, clients: usize) -> Result<Vec<Measured>> {
    let directory = arguments.directory.join("etcd");
    fs::create_dir_all(&directory)?;
    let etcd = Etcd::start(&directory)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let measured = runtime.block_on(measure_etcd(arguments, &etcd, clients));
    drop(etcd);
    fs::remove_dir_all(&directory)?;
    measured
}

async fn measure_etcd(arguments: &Arguments, etcd: &Etcd, clients: usize) -> Result<Vec<Measured>> {
    let leader = etcd.leader().await?;
    let mut connections = Vec::new();
    for _ in 0..arguments.connections {
        connections.push(Client::connect([leader], None).await?);
    }
    let clients = connections.iter().cycle().take(clients);
    let mut clients: Vec<Client> = clients.cloned().collect();
    let value = vec![b'x'; arguments.value_bytes];
    let key = || format!("key-{:08}", fastrand::u64(..KEYS));
    let processes: Vec<u32> = etcd.nodes.iter().map(Child::id).collect();
    let load = Load {
        system: "etcd",
        work: "put",
        processes: &processes,
        metrics: &[],
        time: Duration::try_from_secs_f64(arguments.seconds)?,
    };
    let put = async |client: &mut Client| {
        client.put(key(), value.clone(), None).await?;
        Ok::<_, Error>(())
    };
    let get = async |client: &mut Client| {
        client.get(key(), None).await?;
        Ok::<_, Error>(())
    };
    let put = load.measure(&mut clients, put).await?;
    let load = Load {
        work: "get",
        ..load
    };
    let get = load.measure(&mut clients, get).await?;
    Ok(vec![put, get])
}
