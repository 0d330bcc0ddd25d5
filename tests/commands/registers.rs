//! Registers on real processes: what is written first stays, whichever node is asked and whichever is killed.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::programs::{Running, fails, quorate, serve};
use quorate_command::load::free_ports;
use quorate_models::register::{History, Operation, Register, Value};
use quorate_node::registers::{Client, NAME_MAX};
use tempfile::TempDir;
use tokio::task::JoinSet;

const NODES: u16 = 3;
/// How long what must come about may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A cluster of registers; nodes run as they are started.
struct Cluster {
    directory: TempDir,
    addresses: Vec<SocketAddr>,
    running: Vec<Option<Running>>,
}

impl Cluster {
    fn new() -> Self {
        let first = free_ports(NODES);
        let ports = first..first + NODES;
        let addresses: Vec<SocketAddr> = ports.map(|port| ([127, 0, 0, 1], port).into()).collect();
        let directory = tempfile::tempdir().unwrap();
        let nodes: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
        let text = format!("name = \"registers\"\nprotocol = \"paxos\"\nnodes = {nodes:?}\n");
        let running = (0..NODES).map(|_| None).collect();
        let cluster = Self {
            directory,
            addresses,
            running,
        };
        fs::write(cluster.file(), text).unwrap();
        cluster
    }

    fn running() -> Self {
        let mut cluster = Self::new();
        (0..NODES).for_each(|node| cluster.start(node));
        cluster
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("cluster.toml")
    }

    fn start(&mut self, node: u16) {
        let data = self.directory.path().join(format!("node-{node}"));
        let mut command = serve(&self.file(), node.into(), &data);
        if !data.exists() {
            command.arg("--new");
        }
        let mut running = Running::start(command);
        running.says("serving");
        self.running[usize::from(node)] = Some(running);
    }

    /// kill -9.
    fn kill(&mut self, node: u16) {
        self.running[usize::from(node)] = None;
    }

    /// Tells it to stop, which it should.
    fn stop(&mut self, node: u16) {
        let running = self.running[usize::from(node)].take();
        running.expect("it runs").stop();
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = quorate(arguments);
        command.arg("--config").arg(self.file()).output().unwrap()
    }

    /// What a client prints, which must come out so.
    fn prints(&self, status: i32, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn client(&self, patience: Duration) -> Client {
        Client::new("registers", self.addresses.clone(), patience)
    }
}

#[test]
fn what_is_written_first_stays_though_nodes_are_down_and_started_again() {
    let mut cluster = Cluster::running();
    cluster.prints(1, &["read", "greeting"]);
    cluster.prints(0, &["write", "greeting", "hello"]);
    // Whoever says the same is right.
    cluster.prints(0, &["write", "greeting", "hello"]);
    let output = cluster.ask(&["write", "greeting", "good day"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("holds for good: hello"), "{told}");
    assert_eq!(cluster.prints(0, &["read", "greeting"]), "hello\n");
    let status = cluster.prints(0, &["status"]);
    assert_eq!(status.matches("127.0.0.1").count(), 3, "{status}");

    // Two of three are enough.
    cluster.kill(0);
    cluster.prints(0, &["write", "other", "ü \n"]);
    cluster.prints(1, &["write", "greeting", "good day"]);
    cluster.prints(1, &["read", "nothing"]);
    cluster.prints(1, &["status", "--timeout", "1"]);
    // One is not: what it knows it knows, and no more.
    cluster.kill(1);
    let output = cluster.ask(&["write", "late", "x", "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let output = cluster.ask(&["read", "nothing", "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("it is not done"), "{told}");

    cluster.start(0);
    assert_eq!(cluster.prints(0, &["read", "other"]), "ü \n\n");
    // What was asked for in vain may be done later.
    cluster.start(1);
    cluster.prints(0, &["write", "late", "x"]);
    (0..NODES).for_each(|node| cluster.stop(node));
    (0..NODES).for_each(|node| cluster.start(node));
    assert_eq!(cluster.prints(0, &["read", "greeting"]), "hello\n");
    assert_eq!(cluster.prints(0, &["read", "late"]), "x\n");
}

#[test]
fn what_is_too_long_or_asked_of_others_is_refused() {
    let cluster = Cluster::running();
    let long = "x".repeat(NAME_MAX + 1);
    for arguments in [vec!["read", &long], vec!["write", &long, "x"]] {
        let output = cluster.ask(&arguments);
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("a name has at most"), "{told}");
    }
    let ask = |arguments: &[&str]| {
        let mut command = quorate(arguments);
        command.arg("--config").arg(cluster.file());
        command
    };
    fails(ask(&["get", "a"]), "has registers and no keys");
    fails(ask(&["balance", "a"]), "has registers and no accounts");
    let mut many = quorate(["cluster", "--protocol", "paxos", "--nodes", "17"]);
    many.arg("--directory")
        .arg(cluster.directory.path().join("17"));
    fails(many, "at most 16");
}

/// Clients at random, each of which writes or reads one register once, while nodes are killed, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_register_is_linearizable_whichever_nodes_are_killed() {
    const CLIENTS: u16 = 6;
    const KILLS: usize = 6;
    let mut cluster = Cluster::running();
    let once = Register {
        holds: 0,
        once: true,
    };
    let (in_flight, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let is_over = Arc::new(AtomicU64::new(0));
    let mut workers = JoinSet::new();
    for worker in 0..4 {
        let all: Vec<_> = (0..CLIENTS).map(|_| cluster.client(PATIENCE)).collect();
        let all = Arc::new(all);
        let (in_flight, done) = (Arc::clone(&in_flight), Arc::clone(&done));
        let (is_over, once) = (Arc::clone(&is_over), once.clone());
        workers.spawn(async move {
            let mut histories = Vec::new();
            while is_over.load(Ordering::Relaxed) == 0 {
                let name = format!("{worker}.{}", histories.len());
                let history = Arc::new(Mutex::new(History::new(once.clone())));
                let mut clients = JoinSet::new();
                for client in 0..CLIENTS {
                    let (all, history) = (Arc::clone(&all), Arc::clone(&history));
                    let (in_flight, name) = (Arc::clone(&in_flight), name.clone());
                    clients.spawn(async move {
                        let asked = &all[usize::from(client)];
                        in_flight.fetch_add(1, Ordering::Relaxed);
                        // Half of them write.
                        let value = Value::try_from(client).unwrap() + 1;
                        let operation = match client % 2 {
                            0 => Operation::Write(value),
                            _ => Operation::Read,
                        };
                        history.lock().unwrap().invoke(client, operation);
                        let holds = match operation {
                            Operation::Write(_) => {
                                let written = asked.write(name, vec![value].into()).await;
                                written.map(|value| value[0])
                            }
                            Operation::Read => {
                                let read = asked.read(name).await;
                                read.map(|value| value.map_or(0, |value| value[0]))
                            }
                        };
                        // All are patient: in the end there is an answer.
                        history.lock().unwrap().answer(client, holds.unwrap());
                        in_flight.fetch_sub(1, Ordering::Relaxed);
                    });
                }
                clients.join_all().await;
                done.fetch_add(1, Ordering::Relaxed);
                histories.push((name, history));
            }
            histories
        });
    }
    let mut faults_in_flight = 0;
    for victim in (0..NODES).cycle().take(KILLS) {
        let before = done.load(Ordering::Relaxed);
        until(|| done.load(Ordering::Relaxed) >= before + 10).await;
        until(|| in_flight.load(Ordering::Relaxed) > 0).await;
        faults_in_flight += in_flight.load(Ordering::Relaxed);
        cluster.kill(victim);
        // The others go on.
        let before = done.load(Ordering::Relaxed);
        until(|| done.load(Ordering::Relaxed) >= before + 10).await;
        cluster.start(victim);
    }
    is_over.store(1, Ordering::Relaxed);
    assert!(faults_in_flight > 0);
    let histories = workers.join_all().await.concat();
    println!("{} registers", histories.len());
    let reader = cluster.client(PATIENCE);
    for (name, history) in &histories {
        history.lock().unwrap().invoke(CLIENTS, Operation::Read);
        let value = reader.read(name.clone()).await.unwrap();
        let value = value.expect("clients were told that it is written");
        let mut history = history.lock().unwrap();
        history.answer(CLIENTS, value[0]);
        assert!(history.is_linearizable(), "{name}: {history:?}");
    }
    // Whoever knows of a register comes to know what it holds.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for (node, _) in reader.nodes() {
        while reader.status(node).await.unwrap().open > 0 {
            assert!(tokio::time::Instant::now() < deadline, "{node:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn until(is_so: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "it does not come about"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
