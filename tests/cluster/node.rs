//! A node of its own process, with a bug or without, on a disk that forgets what was not synced.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::LineWriter;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use quorate::protocol::{Effect, ProcessId};
use quorate::raft::{
    Chunk, Durable, Limits, Published, Raft, Role, Rules, Sessions, Snapshot, State,
};
use quorate_models::mutant::{Mutated, unforced};
use quorate_node::key_value::{KeyValue, Map, PROTOCOL, Settings as Timing};
use quorate_node::runtime::{Node, Settings, Trace};
use quorate_node::storage::{Identity, Store};
use quorate_node::transport::{Hello, Speaker, bind};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::disk::PowerLoss;

pub type Server = Raft<Map, &'static dyn Rules>;
type Effects = Vec<Effect<Server>>;

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Bug {
    None,
    TellsBeforeItIsDurable,
    LosesItsVote,
    ReadsWithoutQuorum,
    SnapshotsLackSessions,
    /// A snapshot replaces the log on disk, and what comes behind it is not written again.
    ReplacedLogsEndAtTheSnapshot,
    NeverSyncs,
}

/// What a node is started with: an argument of its process, as JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Arguments {
    pub bug: Bug,
    pub node: u16,
    pub address: SocketAddr,
    pub peers: BTreeMap<u16, SocketAddr>,
    pub directory: PathBuf,
    pub trace: PathBuf,
    pub heartbeat: Duration,
    pub election: Duration,
    pub snapshot_bytes: u64,
}

/// A leader that answers reads without asking who still follows it.
#[derive(Debug)]
struct NeedsNoQuorumToRead;

impl Rules for NeedsNoQuorumToRead {
    fn is_confirmed(&self, _: u64, _: u64) -> bool {
        true
    }
}

fn tells_before_it_is_durable(_: &State<Map>, now: &State<Map>, effects: Effects) -> Effects {
    let mut effects = unforced(effects, |_| true);
    if matches!(now.role, Role::Leader(_)) {
        effects.sort_by_key(|effect| !matches!(effect, Effect::ReportDurable(_)));
    }
    effects
}

/// It is what a node writes: a record that sums the log up is written as what replaces the log.
fn snapshots_lack_sessions(durable: &mut Durable<Map>) {
    if let Some(snapshot) = &mut durable.snapshot {
        let mut chunks = snapshot.chunks.clone();
        chunks[0] = Chunk::Sessions(Sessions::default());
        let last = snapshot.last;
        *snapshot = Snapshot { last, chunks }.into();
    }
}

fn ends_at_the_snapshot(durable: &mut Durable<Map>) {
    if let Some(snapshot) = &durable.snapshot {
        durable.log.truncate(snapshot.last.index);
    }
}

fn protocol(bug: Bug, servers: usize) -> Mutated<Server> {
    let rules: &'static dyn Rules = match bug {
        Bug::ReadsWithoutQuorum => &NeedsNoQuorumToRead,
        _ => &Published,
    };
    let server = Raft::with_rules(servers, Limits::default(), rules);
    let mut mutated = Mutated::of(server.expect("a cluster that makes sense"));
    match bug {
        Bug::TellsBeforeItIsDurable => mutated.effects = Some(tells_before_it_is_durable),
        Bug::SnapshotsLackSessions => mutated.replaced = Some(snapshots_lack_sessions),
        Bug::LosesItsVote => mutated.recovered = Some(|_, durable| durable.voted_for = None),
        Bug::ReplacedLogsEndAtTheSnapshot => mutated.replaced = Some(ends_at_the_snapshot),
        Bug::None | Bug::ReadsWithoutQuorum | Bug::NeverSyncs => {}
    }
    mutated
}

/// Runs until it is killed.
pub fn run(arguments: &str) {
    let arguments: Arguments = serde_json::from_str(arguments).expect("arguments of a node");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(serve(arguments));
}

/// Whose data a node's is.
pub fn identity(node: u16) -> Identity {
    Identity {
        cluster: "faults".to_owned(),
        node: u64::from(node),
        protocol: PROTOCOL.to_owned(),
    }
}

async fn serve(arguments: Arguments) {
    let Arguments { bug, node, .. } = arguments;
    std::fs::create_dir_all(&arguments.directory).expect("a directory");
    let file = arguments.directory.join("disk");
    // Where nothing was ever synced there was no store.
    let is_new = std::fs::metadata(&file).map_or(0, |file| file.len()) == 0;
    let disk = PowerLoss::open(&file, bug != Bug::NeverSyncs).expect("a file");
    let store = match is_new {
        true => Store::create_on(disk, &identity(node), 0).expect("a new store"),
        false => Store::open_on(disk, &identity(node)).expect("the store").0,
    };
    let mut options = File::options();
    let trace = options.append(true).create(true).open(&arguments.trace);
    let trace = Trace::new(LineWriter::new(trace.expect("a trace")));
    assemble(arguments, store, Some(trace))
        .await
        .run(CancellationToken::new())
        .await
        .expect("a disk that works");
}

/// A node with its bug, of whose arguments those about files are not needed any more.
pub async fn assemble(
    arguments: Arguments,
    store: Store,
    trace: Option<Trace>,
) -> Node<Mutated<Server>, KeyValue> {
    let me = ProcessId(arguments.node);
    let peers = arguments.peers.into_iter();
    let servers = peers.len() + 1;
    Node {
        protocol: protocol(arguments.bug, servers),
        me,
        store,
        service: KeyValue::new(
            me,
            Timing {
                heartbeat: arguments.heartbeat,
                election: arguments.election,
                snapshot_bytes: arguments.snapshot_bytes,
            },
        ),
        hello: Hello {
            cluster: "faults".to_owned(),
            protocol: PROTOCOL.to_owned(),
            speaker: Speaker::Node(me),
        },
        listener: bind(arguments.address, false).await.expect("an address"),
        peers: peers
            .map(|(peer, address)| (ProcessId(peer), address))
            .collect(),
        settings: Settings {
            log_bytes_max: 1 << 16,
            ..Settings::default()
        },
        trace,
    }
}
