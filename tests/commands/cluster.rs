//! `quorate`, as whoever runs it does.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use crate::programs::{Running, fails, quorate, serve};
use quorate::consistency::{Budget, Consistency};
use quorate_command::load::free_ports;
use quorate_histories::files::FileError;
use quorate_histories::{Finding, Reading};
use quorate_node::key_value::Client;
use quorate_node::transport::CallError;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// A cluster of three that was made, and does not run.
struct Cluster {
    directory: TempDir,
    port: u16,
}

impl Cluster {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            port: free_ports(6),
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn file(&self) -> PathBuf {
        self.data().join("cluster.toml")
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        let ports = self.port..self.port + 3;
        ports
            .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
            .collect()
    }

    /// `quorate cluster`.
    fn command(&self) -> Command {
        let mut command = quorate(["cluster", "--metrics", "--directory"]);
        command.arg(self.data());
        command.args(["--port", &self.port.to_string()]);
        command
    }

    /// The same, once it serves.
    fn run(&self) -> Running {
        self.run_with(&[])
    }

    fn run_with(&self, arguments: &[&str]) -> Running {
        let mut command = self.command();
        command.args(arguments);
        let mut running = Running::start(command);
        running.says("3 nodes serve");
        running
    }

    /// A command that starts one of its nodes.
    fn serve(&self, node: usize) -> Command {
        serve(
            &self.file(),
            node,
            &self.data().join(format!("node-{node}")),
        )
    }

    /// All nodes, each started by itself.
    fn serve_all(&self) -> Vec<Running> {
        (0..3)
            .map(|node| {
                let mut running = Running::start(self.serve(node));
                running.says("serving");
                running
            })
            .collect()
    }

    /// What a client is told.
    fn ask<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Output {
        let mut command = quorate(arguments);
        command.arg("--config").arg(self.file()).output().unwrap()
    }

    /// What a client prints, which must come out so.
    fn prints<'a>(&self, status: i32, arguments: impl IntoIterator<Item = &'a str>) -> String {
        let output = self.ask(arguments);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn a_cluster_starts_with_one_command_serves_and_keeps_what_it_has_over_a_stop() {
    let cluster = Cluster::new();
    let mut running = cluster.run();
    assert_eq!(cluster.prints(0, ["put", "greeting", "hello"]), "");
    assert_eq!(cluster.prints(0, ["get", "greeting"]), "hello\n");
    assert_eq!(cluster.prints(1, ["get", "nothing"]), "");
    let swap = [
        "cas",
        "greeting",
        "--expected",
        "hello",
        "--new",
        "good day",
    ];
    cluster.prints(0, swap);
    cluster.prints(1, swap);
    cluster.prints(0, ["cas", "other", "--new", "new"]);
    assert_eq!(
        cluster.prints(0, ["range"]),
        "greeting\tgood day\nother\tnew\n"
    );
    assert_eq!(cluster.prints(0, ["range", "h", "z"]), "other\tnew\n");
    cluster.prints(0, ["delete", "other"]);
    cluster.prints(1, ["delete", "other"]);
    let status = cluster.prints(0, ["status"]);
    assert_eq!(status.matches("leader ").count(), 1 + 1, "{status}");
    assert_eq!(status.matches("follower ").count(), 2, "{status}");
    running.stop();
    let mut running = cluster.run();
    assert_eq!(cluster.prints(0, ["range"]), "greeting\tgood day\n");
    running.stop();
}

#[test]
fn a_value_of_any_bytes_a_shell_can_give_comes_back_as_it_was() {
    let cluster = Cluster::new();
    let _running = cluster.run();
    for value in ["", " ", "ü\n\t", "-"] {
        cluster.prints(0, ["put", "key", value]);
        assert_eq!(cluster.prints(0, ["get", "key"]), format!("{value}\n"));
    }
    let long = "x".repeat(100_000);
    cluster.prints(0, ["put", "long", &long]);
    assert_eq!(cluster.prints(0, ["get", "long"]), format!("{long}\n"));
    let output = cluster.ask(["put", &long, ""]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("it is not done"), "{told}");
}

#[test]
fn nodes_tell_prometheus_how_they_are() {
    let cluster = Cluster::new();
    let _running = cluster.run();
    cluster.prints(0, ["put", "key", "value"]);
    let mut leaders = 0;
    for node in 0..3 {
        let mut stream = TcpStream::connect(("127.0.0.1", cluster.port + 3 + node)).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        for name in [
            "raft_leads",
            "raft_term",
            "raft_commit_index",
            "raft_last_index",
            "sync_seconds",
            "batch_records",
            "records_pending",
            "requests_waiting",
            "messages_dropped",
        ] {
            assert!(
                answer.contains(&format!("quorate_{name}")),
                "{name}: {answer}"
            );
        }
        if answer.contains("quorate_raft_leads 1") {
            leaders += 1;
            assert!(
                answer.contains("quorate_request_seconds{quantile"),
                "{answer}"
            );
        }
    }
    assert_eq!(leaders, 1);
}

#[test]
fn what_was_acknowledged_is_there_when_all_nodes_were_killed_and_started_by_themselves() {
    let cluster = Cluster::new();
    cluster.run().stop();
    for round in 0..3 {
        let mut running = cluster.serve_all();
        if round > 0 {
            let value = format!("{}\n", round - 1);
            assert_eq!(cluster.prints(0, ["get", "key"]), value);
        }
        cluster.prints(0, ["put", "key", &round.to_string()]);
        for node in &running {
            node.signal(Signal::KILL);
        }
        for node in &mut running {
            node.child.wait().unwrap();
        }
    }
}

#[test]
fn one_node_of_three_may_be_down_and_two_may_not() {
    let cluster = Cluster::new();
    cluster.run().stop();
    let mut running = cluster.serve_all();
    drop(running.pop());
    cluster.prints(0, ["put", "key", "value"]);
    assert_eq!(cluster.prints(0, ["get", "key"]), "value\n");
    drop(running.pop());
    let output = cluster.ask(["get", "key", "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    drop(running);
    let output = cluster.ask(["put", "key", "other", "--timeout", "0.3"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("it is not done"), "{told}");
}

#[tokio::test]
async fn a_write_that_was_asked_for_and_not_answered_has_an_unknown_outcome() {
    let cluster = Cluster::new();
    cluster.run().stop();
    let running = cluster.serve_all();
    let client = Client::new("quorate", cluster.addresses(), Duration::from_secs(3));
    let client = Arc::new(client.with_turn(Duration::from_millis(500)));
    let mut session = client.session().await.unwrap();
    session.put("key".into(), "before".into()).await.unwrap();
    running.iter().for_each(|node| node.signal(Signal::STOP));
    let outcome = session.put("key".into(), "after".into()).await;
    assert!(
        matches!(outcome, Err(CallError::Unknown { .. })),
        "{outcome:?}"
    );
    running.iter().for_each(|node| node.signal(Signal::CONT));
    let value = client.get("key".into()).await.unwrap().unwrap();
    assert!(value == "before" || value == "after", "{value:?}");
}

#[test]
fn a_trace_has_each_step_as_a_line_of_json() {
    let cluster = Cluster::new();
    cluster.run().stop();
    let trace = cluster.directory.path().join("trace");
    let mut command = cluster.serve(0);
    command.arg("--trace").arg(&trace);
    let mut traced = Running::start(command);
    let _others = [1, 2].map(|node| Running::start(cluster.serve(node)));
    cluster.prints(0, ["put", "key", "value"]);
    traced.stop();
    let trace = fs::read_to_string(trace).unwrap();
    let lines: Vec<Value> = trace
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines[0]["input"]["Start"].is_array(), "{}", lines[0]);
    assert!(lines.iter().all(|line| line["process"] == 0));
    assert!(lines.iter().any(|line| line["durable"].is_u64()));
}

#[test]
fn a_file_that_is_none_of_a_cluster_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cluster.toml");
    let get = || {
        let mut command = quorate(["get", "key", "--config"]);
        command.arg(&file);
        command
    };
    fails(get(), "give --config FILE");
    for (text, why) in [
        ("name = 1", "name"),
        ("name = \"a\"\nnodes = []", "at least one node"),
        ("name = \"a\"\nnodes = [\"here\"]", "nodes"),
        (
            "name = \"a\"\nnodes = [\"127.0.0.1:1\"]\ncolour = 1",
            "colour",
        ),
        (
            "name = \"a\"\nnodes = [\"127.0.0.1:1\", \"127.0.0.1:1\"]",
            "given twice",
        ),
        (
            "name = \"a\"\nnodes = [\"127.0.0.1:1\"]\nmetrics = [\"127.0.0.1:2\", \"127.0.0.1:3\"]",
            "as many addresses",
        ),
        (
            "name = \"a\"\nnodes = [\"127.0.0.1:1\"]\n[raft]\nelection-milliseconds = 60",
            "twice heartbeat",
        ),
    ] {
        fs::write(&file, text).unwrap();
        fails(get(), why);
    }
    fs::write(&file, [0xff, 0xfe]).unwrap();
    fails(get(), "give --config FILE");
}

#[test]
fn a_node_is_not_started_on_what_is_not_its_own() {
    let cluster = Cluster::new();
    cluster.run().stop();
    let (file, data) = (cluster.file(), cluster.data());
    let empty = cluster.directory.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fails(serve(&file, 7, &empty), "there is no node 7");
    fails(
        serve(&file, 0, &empty),
        "there is no data, though this node has run before",
    );
    fails(
        serve(&file, 0, &data.join("node-1")),
        "this is the data of node 1",
    );
    let mut again = cluster.serve(0);
    again.arg("--new");
    fails(again, "there is data already");
    let mut running = Running::start(cluster.serve(0));
    running.says("serving");
    fails(cluster.serve(0), "cannot listen");
    running.stop();
    // Another cluster's, at the same addresses.
    let text = fs::read_to_string(&file).unwrap();
    let other = cluster.directory.path().join("other.toml");
    fs::write(&other, text.replace("\"quorate\"", "\"other\"")).unwrap();
    fails(
        serve(&other, 0, &data.join("node-0")),
        "of cluster \"quorate\"",
    );
    // Addresses that others reach, without saying so.
    fs::write(&other, text.replace("127.0.0.1", "0.0.0.0")).unwrap();
    fails(serve(&other, 0, &data.join("node-0")), "allow-remote");
}

#[test]
fn a_cluster_does_not_start_a_node_whose_data_is_gone_as_a_new_one() {
    let cluster = Cluster::new();
    cluster.run_with(&["--room-bytes", "0"]).stop();
    let gone = cluster.data().join("node-1");
    let bytes = fs::metadata(gone.join("quorate.redb")).unwrap().len();
    assert!(bytes < 1 << 20, "{bytes} without room");
    fs::remove_dir_all(&gone).unwrap();
    fails(
        cluster.command(),
        "there is no data, though this node has run before",
    );
    assert!(!gone.exists());
}

#[test]
fn a_cluster_that_was_not_finished_being_made_is_made_anew() {
    let cluster = Cluster::new();
    let half = cluster.data().join("node-4");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("quorate.redb.unfinished"), "half").unwrap();
    let mark = cluster.data().join("cluster.toml.unfinished");
    fs::write(&mark, "").unwrap();
    cluster.run().stop();
    assert!(!half.exists() && !mark.exists());
    // Without the mark its nodes may have run.
    fs::remove_file(cluster.file()).unwrap();
    fails(cluster.command(), "is not empty, and has no cluster.toml");
    assert!(cluster.data().join("node-0").exists());
}

#[test]
fn a_cluster_is_not_made_of_nothing_and_not_where_something_else_is() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = |arguments: &[&str]| {
        let mut command = quorate(["cluster", "--directory"]);
        command.arg(directory.path()).args(arguments);
        command
    };
    fails(cluster(&["--nodes", "0"]), "at least one node");
    fails(cluster(&["--nodes", "1000"]), "too many");
    fails(cluster(&["--port", "65535"]), "give a lower --port");
    fs::write(directory.path().join("thesis.tex"), "").unwrap();
    fails(cluster(&[]), "is not empty");
}

#[test]
fn what_is_in_memory_is_not_measured() {
    let directory = PathBuf::from(format!("/dev/shm/quorate-{}", std::process::id()));
    let mut bench = quorate(["bench", "--directory"]);
    bench.arg(&directory);
    fails(bench, "where nothing is synced");
    assert!(!directory.exists());
}

/// The objects of a history in a file that are not linearizable registers.
fn objects_violated(file: &str) -> Result<Vec<String>, FileError> {
    let history = quorate_histories::read(file.as_bytes(), &Reading::default())?;
    assert_eq!(history.object_kind(), "register");
    let judged = history.judge(Consistency::Linearizable, Budget::new(1_000_000));
    let judged = judged.unwrap();
    assert!(judged.len() > 1);
    let violated = judged
        .into_iter()
        .filter(|judged| !matches!(judged.finding, Finding::Holds(_)));
    Ok(violated.map(|judged| judged.object.unwrap()).collect())
}

#[test]
fn what_a_benchmark_records_is_a_linearizable_history_of_registers() {
    for (protocol, objects) in [("raft", "keys"), ("paxos", "registers")] {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = directory.path().join("history.ndjson");
        let mut bench = quorate(["bench", "--protocol", protocol, "--clients", "1,3"]);
        bench.args(["--seconds", "0.3", "--directory"]);
        bench.arg(directory.path().join("data"));
        let output = bench.arg("--history").arg(&path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let file = fs::read_to_string(&path).unwrap();
        let violated = objects_violated(&file).unwrap();
        assert!(violated.is_empty(), "of {objects}: {violated:?}");
        // A read of what nobody has written is found.
        let is_read = |line: &&str| line.contains(r#""ok","f":"read""#);
        let read = file.lines().rfind(is_read).unwrap();
        let mut wrong: Value = serde_json::from_str(read).unwrap();
        wrong["value"] = "nobody's".into();
        let wrong = file.replace(read, &wrong.to_string());
        assert_eq!(objects_violated(&wrong).unwrap().len(), 1);
    }
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut bench = quorate(["bench", "--protocol", "two-phase-commit", "--directory"]);
    bench
        .arg(directory.path().join("data"))
        .args(["--history", "unwritten"]);
    fails(bench, "paxos, and two-phase-commit has accounts");
}

#[test]
fn each_service_can_be_measured_and_sends_the_messages_that_theory_says() {
    // Of work, of two shards: 2 each. Of a decree: Prepare, Promise, Accept, Accepted and Decision between three nodes.
    let (work, two_phases, three_phases) = (4.0, 8.0, 10.0);
    let decree = 2.0 + 2.0 + 2.0 + 6.0 + 6.0;
    for (protocol, operation, messages) in [
        ("two-phase-commit", "transfer", work + two_phases),
        ("three-phase-commit", "transfer", work + three_phases),
        ("paxos", "write", decree),
    ] {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut bench = quorate(["bench", "--protocol", protocol, "--metrics", "--json"]);
        bench.args(["--clients", "1", "--seconds", "0.5", "--directory"]);
        let output = bench.arg(directory.path().join("data")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        let measured = told.lines().map(|line| serde_json::from_str(line).unwrap());
        let mut measured = measured.filter(|line: &Value| line["work"] == operation);
        let measured = measured.next().unwrap();
        let sent = measured["messages_per_operation"].as_f64().unwrap();
        // Something may be said again, and one may be under way at the end.
        assert!(messages * 0.8 < sent && sent < messages * 1.5, "{measured}");
        assert!(
            measured["syncs_per_operation"].as_f64().unwrap() > 1.0,
            "{measured}"
        );
    }
}
