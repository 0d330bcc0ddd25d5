//! How fast: a cluster of processes on this machine, and closed-loop clients.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use bytes::Bytes;
use futures_util::future::try_join_all;
use quorate::ledger::{Change, Obstacle};
use quorate_command::load::{Disk, Load, Measured, free_ports, plot, table};
use quorate_node::key_value::{self, Session};
use quorate_node::transport::CallError;

use super::cluster::{Running, make, serves};
use super::config::{Cluster, Protocol};
use super::recording::Recording;
use super::{ledger, registers};

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
    /// What nodes run.
    #[arg(long, default_value_t)]
    protocol: Protocol,
    /// How many nodes. Of atomic commit: a coordinator, and each other one is a shard.
    #[arg(long, default_value_t = 3)]
    nodes: u16,
    /// Count how often nodes sync and what they send, too: they tell it to whoever asks, which costs a little.
    #[arg(long)]
    metrics: bool,
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
    /// What clients do with keys or registers is written there, for `cargo models history`. It costs them a little.
    #[arg(long)]
    history: Option<PathBuf>,
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
    let protocol = arguments.protocol;
    if arguments.history.is_some() && !matches!(protocol, Protocol::Raft | Protocol::Paxos) {
        bail!("--history is of keys and registers: of raft and paxos, and {protocol} has accounts");
    }
    let recorder = arguments
        .history
        .as_deref()
        .map(Recording::create)
        .transpose()?;
    fs::create_dir_all(directory).with_context(|| format!("{}", directory.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let measured = runtime.block_on(measure_all(arguments, recorder.as_ref()));
    fs::remove_dir_all(directory).with_context(|| format!("{}", directory.display()))?;
    // What was recorded until then stands, whatever happened.
    recorder.as_ref().map_or(Ok(()), Recording::finish)?;
    measured?;
    Ok(ExitCode::SUCCESS)
}

async fn measure_all(arguments: &Arguments, recorder: Option<&Recording>) -> Result<()> {
    let directory = &arguments.directory;
    let disk = Disk::measure(directory)?;
    if !arguments.json {
        println!("{disk}");
    }
    let file = directory.join("cluster.toml");
    let nodes = arguments.nodes;
    let ports = nodes.saturating_mul(1 + u16::from(arguments.metrics));
    let port = arguments.port.unwrap_or_else(|| free_ports(ports));
    let (protocol, metrics) = (arguments.protocol, arguments.metrics);
    let mut cluster = Cluster::local("bench", protocol, nodes, port, metrics)?;
    // Nothing parts them here, and nothing that counts is lost.
    cluster.commit.assume_synchronous = true;
    cluster.check()?;
    make(&cluster, directory, &file)?;
    let mut running = Running::start(directory, &file, &cluster)?;
    let measured = tokio::select! {
        measured = measure_cluster(arguments, &cluster, running.processes(), recorder) => measured,
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
    recorder: Option<&Recording>,
) -> Result<Vec<Measured>> {
    if !serves(cluster).await {
        bail!("the nodes do not serve: see what they have said");
    }
    let mut measured = Vec::new();
    for &clients in &arguments.clients {
        let bench = Bench {
            arguments,
            cluster,
            processes: &processes,
            clients,
            recorder,
        };
        measured.extend(match cluster.protocol {
            Protocol::Raft => bench.keys().await?,
            Protocol::TwoPhaseCommit | Protocol::ThreePhaseCommit => bench.accounts().await?,
            Protocol::Paxos => bench.registers().await?,
        });
    }
    Ok(measured)
}

/// What is measured with so many clients.
struct Bench<'a> {
    arguments: &'a Arguments,
    cluster: &'a Cluster,
    processes: &'a [u32],
    clients: usize,
    recorder: Option<&'a Recording>,
}

/// A client, and the process that it is in a recorded history.
struct Client<C> {
    process: u64,
    client: C,
}

impl Bench<'_> {
    fn load<'a>(&'a self, work: &'a str) -> Load<'a> {
        Load {
            system: "Quorate",
            work,
            processes: self.processes,
            metrics: &self.cluster.metrics,
            time: self.arguments.seconds,
        }
    }

    /// For each client one of the few connections.
    fn shared<C>(&self, connect: impl Fn() -> C) -> Vec<Arc<C>> {
        let connections = self.arguments.connections;
        let connections: Vec<_> = (0..connections).map(|_| Arc::new(connect())).collect();
        let shared = connections.iter().cycle().take(self.clients);
        shared.cloned().collect()
    }

    fn clients<C>(&self, clients: Vec<C>) -> Vec<Client<C>> {
        let clients = clients.into_iter().map(|client| Client {
            process: self.recorder.map_or(0, Recording::process),
            client,
        });
        clients.collect()
    }

    fn value(&self, same: &Bytes) -> Bytes {
        match self.recorder {
            Some(recorder) => recorder.value(same.len()),
            None => same.clone(),
        }
    }

    /// Writes, and records that if a history is asked for.
    async fn write<T, E: Into<Error>>(
        &self,
        process: u64,
        key: &str,
        value: &Bytes,
        done: impl Future<Output = Result<T, E>>,
    ) -> Result<T> {
        match self.recorder {
            Some(recorder) => recorder.write(process, key, value, done).await,
            None => done.await.map_err(Into::into),
        }
    }

    /// Reads, likewise.
    async fn read<E: Into<Error>>(
        &self,
        process: u64,
        key: &str,
        done: impl Future<Output = Result<Option<Bytes>, E>>,
    ) -> Result<Option<Bytes>> {
        match self.recorder {
            Some(recorder) => recorder.read(process, key, done).await,
            None => done.await.map_err(Into::into),
        }
    }

    /// Keys are put and got.
    async fn keys(&self) -> Result<Vec<Measured>> {
        let (name, nodes) = (&self.cluster.name, &self.cluster.nodes);
        let clients = self.shared(|| key_value::Client::new(name, nodes.clone(), PATIENCE));
        let sessions = clients.iter().map(key_value::Client::session);
        let mut sessions = self.clients(try_join_all(sessions).await?);
        let same = Bytes::from(vec![b'x'; self.arguments.value_bytes]);
        let put = async |client: &mut Client<Session>| {
            let (key, value) = (key(), self.value(&same));
            let put = client.client.put(Bytes::from(key.clone()), value.clone());
            self.write(client.process, &key, &value, put).await
        };
        let get = async |client: &mut Client<Session>| {
            let key = key();
            let get = client.client.client().get(Bytes::from(key.clone()));
            self.read(client.process, &key, get).await.map(|_| ())
        };
        Ok(vec![
            self.load("put").measure(&mut sessions, put).await?,
            self.load("get").measure(&mut sessions, get).await?,
        ])
    }

    /// Money is moved between accounts, one at each shard: each client has its own, so that nothing is locked by another. And
    /// more than there is, which is not done.
    async fn accounts(&self) -> Result<Vec<Measured>> {
        let connections = self.shared(|| ledger::client(self.cluster, PATIENCE));
        let mut clients: Vec<Accounts> = (0..).zip(connections).map(Accounts::new).collect();
        let deposits = clients
            .iter()
            .map(async |client| client.transfer(1 << 40, 1 << 40).await);
        try_join_all(deposits).await?;
        let overdraw = async |client: &mut Accounts| {
            // For that reason: what is not done for another is no work.
            let account = client.accounts[0].clone();
            let expected = Obstacle::Insufficient { account }.to_string();
            match client.transfer(-(1 << 60), 1).await {
                Err(CallError::NotDone { why }) if why == expected => Ok(()),
                Err(other) => Err(other.into()),
                Ok(()) => bail!("more was moved than there is"),
            }
        };
        let transfer = async |client: &mut Accounts| {
            client.transfer(-1, 1).await?;
            Ok::<_, Error>(())
        };
        Ok(vec![
            self.load("transfer")
                .measure(&mut clients, transfer)
                .await?,
            self.load("overdraw")
                .measure(&mut clients, overdraw)
                .await?,
        ])
    }

    /// Registers that nobody has written before are written, and read.
    async fn registers(&self) -> Result<Vec<Measured>> {
        let clients = self.shared(|| registers::client(self.cluster, PATIENCE));
        let mut clients = self.clients(clients);
        let same = Bytes::from(vec![b'x'; self.arguments.value_bytes]);
        let written = AtomicU64::new(0);
        // Those of other numbers of clients are others.
        let name = |number: u64| format!("{}-{number}", self.clients);
        let write = async |client: &mut Client<Arc<quorate_node::registers::Client>>| {
            let name = name(written.fetch_add(1, Ordering::Relaxed));
            let value = self.value(&same);
            let done = client.client.write(name.clone(), value.clone());
            let held = self.write(client.process, &name, &value, done);
            match held.await? == value {
                true => Ok(()),
                false => bail!("register {name} was written by somebody else: empty the cluster"),
            }
        };
        let read = async |client: &mut Client<Arc<quorate_node::registers::Client>>| {
            let name = name(fastrand::u64(..written.load(Ordering::Relaxed)));
            let done = client.client.read(name.clone());
            self.read(client.process, &name, done).await.map(|_| ())
        };
        Ok(vec![
            self.load("write").measure(&mut clients, write).await?,
            self.load("read").measure(&mut clients, read).await?,
        ])
    }
}

/// A client of a ledger, and its accounts: one at each shard.
struct Accounts {
    client: Arc<quorate_node::ledger::Client>,
    accounts: Vec<String>,
}

impl Accounts {
    fn new((number, client): (usize, Arc<quorate_node::ledger::Client>)) -> Self {
        let names = (0..).map(|name| format!("{number}.{name}"));
        let shards = client.nodes().count() - 1;
        let mut accounts = BTreeMap::new();
        for account in names {
            accounts.entry(client.shard(&account)).or_insert(account);
            if accounts.len() == shards {
                break;
            }
        }
        let accounts = accounts.into_values().collect();
        Self { client, accounts }
    }

    /// Changes the first by so much, and each other one.
    async fn transfer(&self, first: i64, others: i64) -> Result<(), CallError> {
        let by = std::iter::once(first).chain(std::iter::repeat(others));
        let accounts = self.accounts.iter().cloned().zip(by);
        let changes = accounts.map(|(account, by)| Change { account, by });
        self.client.transfer(changes.collect()).await
    }
}

/// One of the keys, by chance.
fn key() -> String {
    format!("key-{:08}", fastrand::u64(..KEYS))
}
