//! Accounts over shards, on real processes: two-phase commit blocks and three-phase commit does not; three-phase commit is not
//! atomic when the network parts, and two-phase commit is.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::links::{Condition, Link};
use crate::programs::{Running, fails, quorate, serve};
use itertools::iproduct;
use quorate::ledger::Change;
use quorate::protocol::ProcessId;
use quorate_command::load::free_ports;
use quorate_node::ledger::Client;
use quorate_node::transport::CallError;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// A coordinator and two shards.
const NODES: u16 = 3;
/// How long what must come about may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long what is slow is on its way: whatever is awaited meanwhile takes less.
const SLOW: Duration = Duration::from_millis(1500);

/// Nodes of a ledger, with links between them that can be cut.
struct Nodes {
    directory: TempDir,
    protocol: &'static str,
    addresses: Vec<SocketAddr>,
    links: BTreeMap<(u16, u16), Link>,
    running: BTreeMap<u16, Running>,
}

impl Nodes {
    async fn start(protocol: &'static str) -> Self {
        let first = free_ports(NODES);
        let addresses: Vec<SocketAddr> = (first..first + NODES)
            .map(|port| ([127, 0, 0, 1], port).into())
            .collect();
        let mut links = BTreeMap::new();
        for (from, to) in iproduct!(0..NODES, 0..NODES).filter(|(from, to)| from != to) {
            links.insert((from, to), Link::to(addresses[usize::from(to)]).await);
        }
        let mut nodes = Self {
            directory: tempfile::tempdir().unwrap(),
            protocol,
            addresses,
            links,
            running: BTreeMap::new(),
        };
        (0..NODES).for_each(|node| nodes.restart(node));
        nodes
    }

    fn path(&self, name: &str, node: u16) -> PathBuf {
        self.directory.path().join(format!("{name}-{node}"))
    }

    /// A node's file: others are reached by links.
    fn file(&self, node: u16) -> PathBuf {
        let address = |other| match other == node {
            true => self.addresses[usize::from(other)],
            false => self.links[&(node, other)].address,
        };
        let addresses: Vec<_> = (0..NODES).map(|other| address(other).to_string()).collect();
        let text = format!(
            "name = \"money\"\nprotocol = \"{}\"\nnodes = {addresses:?}\n[commit]\ndeadline-milliseconds = 8000\n\
             resend-milliseconds = 100\nsuspect-milliseconds = 16000\nassume-synchronous = true\n",
            self.protocol
        );
        let file = self.path("cluster", node);
        fs::write(&file, text).unwrap();
        file
    }

    /// Starts a node that is down.
    fn restart(&mut self, node: u16) {
        let data = self.path("data", node);
        let mut command = serve(&self.file(node), node.into(), &data);
        command.arg("--trace").arg(self.path("trace", node));
        if !data.exists() {
            command.arg("--new");
        }
        let mut running = Running::start(command);
        running.says("serving");
        self.running.insert(node, running);
    }

    /// kill -9.
    fn kill(&mut self, node: u16) {
        self.running.remove(&node);
    }

    /// Changes what a node sends to another.
    fn link(&self, from: u16, to: u16, condition: Condition) {
        self.links[&(from, to)].set(condition);
    }

    /// Changes all links of a node.
    fn links_of(&self, node: u16, condition: Condition) {
        for other in (0..NODES).filter(|other| *other != node) {
            self.link(node, other, condition);
            self.link(other, node, condition);
        }
    }

    fn client(&self, patience: Duration) -> Arc<Client> {
        let name = match self.protocol {
            "two-phase-commit" => "two-phase commit ledger",
            _ => "three-phase commit ledger",
        };
        let addresses = self.addresses.clone();
        Arc::new(Client::new("money", name, addresses, patience))
    }

    /// The accounts of these tests: their shards.
    fn shards(&self) -> (u16, u16) {
        let client = self.client(PATIENCE);
        (client.shard("alice").0, client.shard("bob").0)
    }

    /// What the command line says is in doubt, by a file with the nodes' own addresses.
    fn in_doubt(&self) -> (bool, String) {
        let addresses: Vec<_> = self.addresses.iter().map(SocketAddr::to_string).collect();
        let file = self.directory.path().join("cluster.toml");
        let text = format!(
            "name = \"money\"\nprotocol = \"{}\"\nnodes = {addresses:?}\n[commit]\nassume-synchronous = true\n",
            self.protocol
        );
        fs::write(&file, text).unwrap();
        let mut command = quorate(["in-doubt", "--timeout", "2", "--config"]);
        let output = command.arg(file).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), told)
    }

    /// Waits until a node has traced so many lines with this in them.
    async fn traces(&self, node: u16, what: &str, count: usize) {
        let traced = || fs::read_to_string(self.path("trace", node)).unwrap_or_default();
        wait(async || traced().lines().filter(|line| line.contains(what)).count() >= count).await;
    }

    /// Waits until a shard is in doubt, or is not any more.
    async fn is_in_doubt(&self, shard: u16, expected: bool) {
        let client = self.client(Duration::from_millis(500));
        wait(async || {
            let status = client.status(ProcessId(shard)).await;
            status.is_ok_and(|status| status.in_doubt.is_empty() != expected)
        })
        .await;
    }

    /// Waits until a node traces what it has not before.
    async fn traces_more(&self, node: u16, what: &str, count: usize) {
        let trace = fs::read_to_string(self.path("trace", node)).unwrap_or_default();
        let before = trace.lines().filter(|line| line.contains(what)).count();
        self.traces(node, what, before + count).await;
    }
}

async fn wait(is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "it does not come about");
        sleep(Duration::from_millis(2)).await;
    }
}

fn change(account: &str, by: i64) -> Change {
    let account = account.to_owned();
    Change { account, by }
}

/// Gives Alice 100, and then asks for 30 of them for Bob.
async fn begin(nodes: &Nodes) -> Arc<Client> {
    let client = nodes.client(PATIENCE);
    assert_ne!(client.shard("alice"), client.shard("bob"));
    client.transfer(vec![change("alice", 100)]).await.unwrap();
    // The shard hears of it later than the client: what is traced from here on is about the payment.
    let shard = client.shard("alice");
    wait(async || client.status(shard).await.unwrap().under_way == 0).await;
    client
}

fn payment() -> Vec<Change> {
    vec![change("alice", -30), change("bob", 30)]
}

async fn balances(client: &Client) -> (i64, i64) {
    let alice = client.balance("alice").await.unwrap();
    (alice, client.balance("bob").await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_moves_money_and_one_of_too_much_does_not() {
    for protocol in ["two-phase-commit", "three-phase-commit"] {
        let nodes = Nodes::start(protocol).await;
        let client = begin(&nodes).await;
        client.transfer(payment()).await.unwrap();
        assert_eq!(balances(&client).await, (70, 30));
        let too_much = vec![change("alice", -71), change("bob", 71)];
        let refused = client.transfer(too_much).await;
        assert!(
            matches!(refused, Err(CallError::NotDone { .. })),
            "{refused:?}"
        );
        assert_eq!(balances(&client).await, (70, 30));
        assert!(client.transfer(Vec::new()).await.is_err());
        let twice = vec![change("alice", 1), change("alice", 1)];
        assert!(client.transfer(twice).await.is_err());
        let overflow = vec![change("alice", i64::MAX)];
        assert!(client.transfer(overflow).await.is_err());
        assert_eq!(nodes.in_doubt(), (true, String::new()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_phase_commit_blocks_while_its_coordinator_is_down() {
    let mut nodes = Nodes::start("two-phase-commit").await;
    let client = begin(&nodes).await;
    let (alice, bob) = nodes.shards();
    // Votes are on their way when the coordinator is killed.
    nodes.link(alice, 0, Condition::Slow(SLOW));
    nodes.link(bob, 0, Condition::Slow(SLOW));
    let paying = {
        let client = Arc::clone(&client);
        tokio::spawn(async move { client.transfer(payment()).await })
    };
    nodes.is_in_doubt(alice, true).await;
    nodes.is_in_doubt(bob, true).await;
    nodes.links_of(0, Condition::Cut);
    nodes.kill(0);
    let outcome = paying.await.unwrap();
    assert!(
        matches!(outcome, Err(CallError::Unknown { .. })),
        "{outcome:?}"
    );
    // However often they ask.
    nodes
        .traces_more(alice, "{\"Timeout\":{\"Commitment\":{\"Inquire\"", 10)
        .await;
    nodes
        .traces_more(bob, "{\"Timeout\":{\"Commitment\":{\"Inquire\"", 10)
        .await;
    let (none, told) = nodes.in_doubt();
    assert!(!none);
    assert!(told.contains("alice") && told.contains("-30"), "{told}");
    assert!(told.contains("bob") && told.contains("+30"), "{told}");
    let hasty = nodes.client(Duration::from_millis(200));
    let locked = hasty.balance("alice").await;
    assert!(
        matches!(locked, Err(CallError::NotDone { .. })),
        "{locked:?}"
    );
    // Others' accounts are not locked.
    assert_eq!(hasty.balance("carol").await, Ok(0));
    // Nor are these when it is up again: it has not committed.
    nodes.links_of(0, Condition::Good);
    nodes.restart(0);
    assert_eq!(balances(&client).await, (100, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_coordinator_has_committed_is_done_though_it_is_killed_before_any_shard_hears() {
    let mut nodes = Nodes::start("two-phase-commit").await;
    let client = begin(&nodes).await;
    let (alice, bob) = nodes.shards();
    nodes.link(0, alice, Condition::Slow(SLOW));
    nodes.link(0, bob, Condition::Slow(SLOW));
    client.transfer(payment()).await.unwrap();
    nodes.links_of(0, Condition::Cut);
    nodes.kill(0);
    nodes.is_in_doubt(alice, true).await;
    nodes.is_in_doubt(bob, true).await;
    nodes.links_of(0, Condition::Good);
    nodes.restart(0);
    assert_eq!(balances(&client).await, (70, 30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_phase_commit_does_not_block_while_its_coordinator_is_down() {
    let mut nodes = Nodes::start("three-phase-commit").await;
    let client = begin(&nodes).await;
    let (alice, bob) = nodes.shards();
    nodes.link(alice, 0, Condition::Slow(SLOW));
    nodes.link(bob, 0, Condition::Slow(SLOW));
    let paying = {
        let client = Arc::clone(&client);
        tokio::spawn(async move { client.transfer(payment()).await })
    };
    nodes.is_in_doubt(alice, true).await;
    nodes.is_in_doubt(bob, true).await;
    nodes.links_of(0, Condition::Cut);
    nodes.kill(0);
    let outcome = paying.await.unwrap();
    assert!(
        matches!(outcome, Err(CallError::Unknown { .. })),
        "{outcome:?}"
    );
    // Nobody has committed, and they agree that nobody will.
    assert_eq!(balances(&client).await, (100, 0));
}

/// The network parts when the first shard has been told that it can commit, and the other not.
async fn parted(nodes: &Nodes, client: &Arc<Client>, told: &str) {
    let (alice, bob) = nodes.shards();
    nodes.link(0, bob, Condition::Slow(SLOW));
    let before = fs::read_to_string(nodes.path("trace", alice)).unwrap();
    let before = before.lines().filter(|line| line.contains(told)).count();
    let paying = {
        let client = Arc::clone(client);
        tokio::spawn(async move { client.transfer(payment()).await })
    };
    nodes.traces(alice, told, before + 1).await;
    nodes.links_of(bob, Condition::Cut);
    // The client is told that it is done, and at Alice's it is.
    paying.await.unwrap().unwrap();
    assert_eq!(client.balance("alice").await, Ok(70));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_phase_commit_is_not_atomic_when_the_network_parts() {
    let nodes = Nodes::start("three-phase-commit").await;
    let client = begin(&nodes).await;
    parted(&nodes, &client, "{\"PreCommit\"").await;
    // Bob's shard takes the others to have failed, and decides alone.
    assert_eq!(client.balance("bob").await, Ok(0));
    nodes.links_of(nodes.shards().1, Condition::Good);
    // For ever: 30 are gone.
    assert_eq!(balances(&client).await, (70, 0));
    assert_eq!(nodes.in_doubt(), (true, String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_phase_commit_is_atomic_when_the_network_parts_and_blocks_until_it_heals() {
    let nodes = Nodes::start("two-phase-commit").await;
    let client = begin(&nodes).await;
    parted(&nodes, &client, "{\"Decision\"").await;
    let bob = nodes.shards().1;
    nodes
        .traces_more(bob, "{\"Timeout\":{\"Commitment\":{\"Inquire\"", 10)
        .await;
    nodes.is_in_doubt(bob, true).await;
    nodes.links_of(bob, Condition::Good);
    assert_eq!(balances(&client).await, (70, 30));
}

/// Payments at random, while nodes are killed, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_money_is_made_or_lost_whichever_nodes_are_killed() {
    const ACCOUNTS: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];
    let mut nodes = Nodes::start("two-phase-commit").await;
    let client = nodes.client(PATIENCE);
    for account in ACCOUNTS {
        client.transfer(vec![change(account, 100)]).await.unwrap();
    }
    let (in_flight, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let payers: Vec<_> = (0..4)
        .map(|_| {
            let client = nodes.client(Duration::from_secs(5));
            let (in_flight, done) = (Arc::clone(&in_flight), Arc::clone(&done));
            tokio::spawn(async move {
                loop {
                    let from = fastrand::usize(..ACCOUNTS.len());
                    let to = (from + fastrand::usize(1..ACCOUNTS.len())) % ACCOUNTS.len();
                    let amount = fastrand::i64(1..20);
                    let changes = vec![
                        change(ACCOUNTS[from], -amount),
                        change(ACCOUNTS[to], amount),
                    ];
                    in_flight.fetch_add(1, Ordering::Relaxed);
                    let outcome = client.transfer(changes).await;
                    in_flight.fetch_sub(1, Ordering::Relaxed);
                    done.fetch_add(u64::from(outcome.is_ok()), Ordering::Relaxed);
                }
            })
        })
        .collect();
    for victim in (0..NODES).cycle().take(9) {
        let before = done.load(Ordering::Relaxed);
        wait(async || done.load(Ordering::Relaxed) >= before + 20).await;
        wait(async || in_flight.load(Ordering::Relaxed) > 0).await;
        nodes.kill(victim);
        nodes.restart(victim);
    }
    payers.iter().for_each(|payer| payer.abort());
    wait(async || {
        let mut are_idle = true;
        for node in (0..NODES).map(ProcessId) {
            let status = client.status(node).await.unwrap();
            are_idle &= status.under_way == 0;
        }
        are_idle
    })
    .await;
    let mut sum = 0;
    for account in ACCOUNTS {
        let balance = client.balance(account).await.unwrap();
        assert!(balance >= 0, "{account} has {balance}");
        sum += balance;
    }
    assert_eq!(sum, 600);
}

#[test]
fn three_phase_commit_is_not_run_without_saying_what_it_assumes() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = |protocol, more: &[&str]| {
        let mut command = quorate(["cluster", "--protocol", protocol, "--directory"]);
        command.arg(directory.path().join("data")).args(more);
        command
    };
    fails(cluster("three-phase-commit", &[]), "--assume-synchronous");
    fails(
        cluster("two-phase-commit", &["--nodes", "1"]),
        "a coordinator and at least one shard",
    );
}

#[test]
fn accounts_are_not_asked_of_a_cluster_that_has_keys_nor_keys_of_one_that_has_accounts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cluster.toml");
    let nodes = "nodes = [\"127.0.0.1:1\", \"127.0.0.1:2\"]";
    let ask = |arguments: &[&str]| {
        let mut command = quorate(arguments);
        command.arg("--config").arg(&file);
        command
    };
    fs::write(&file, format!("name = \"a\"\n{nodes}")).unwrap();
    fails(ask(&["balance", "alice"]), "has keys and no accounts");
    fs::write(
        &file,
        format!("name = \"a\"\nprotocol = \"two-phase-commit\"\n{nodes}"),
    )
    .unwrap();
    fails(ask(&["get", "alice"]), "has accounts and no keys");
}
