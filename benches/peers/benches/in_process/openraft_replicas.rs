//! openraft's nodes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Cursor, Write};
use std::ops::RangeBounds;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use anyhow::Result;
use openraft::error::{InstallSnapshotError, RPCError, RaftError, RemoteError};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::storage::{LogFlushed, LogState, RaftLogStorage, RaftStateMachine};
use openraft::{
    BasicNode, Config, Entry, EntryPayload, LogId, OptionalSend, Raft, RaftLogReader, RaftNetwork,
    RaftNetworkFactory, RaftSnapshotBuilder, ServerState, Snapshot, SnapshotMeta, SnapshotPolicy,
    StorageError, StoredMembership, Vote,
};
use tokio::sync::oneshot;

use super::REPLICAS;

openraft::declare_raft_types!(
    /// A command is a number; it is answered with the sum of all.
    pub Types:
        D = u64,
        R = u64,
);

type Node = Raft<Types>;
type Stored<T> = Result<T, StorageError<u64>>;
type Answered<T, E = RaftError<u64>> = Result<T, RPCError<u64, BasicNode, E>>;

/// Nodes that run.
pub struct Nodes {
    leader: Node,
}

impl super::Replicas for Nodes {
    type Client = Node;

    async fn start(directory: &Path) -> Result<Self> {
        let router = Router::default();
        for id in 0..u64::from(REPLICAS) {
            let first = u64::from(id > 0);
            // As in its own benchmark: large batches, no snapshots. The same leads throughout.
            let config = Config {
                heartbeat_interval: 50,
                election_timeout_min: 200 + first * 60_000,
                election_timeout_max: 400 + first * 60_000,
                max_payload_entries: 1024,
                snapshot_policy: SnapshotPolicy::Never,
                ..Config::default()
            };
            let log = Log::new(&directory.join(id.to_string()))?;
            let config = Arc::new(config.validate()?);
            let node = Raft::new(id, config, router.clone(), log, Sum::default()).await?;
            router.0.lock().expect("no panic").insert(id, node);
        }
        let leader = router.node(0);
        let members: BTreeMap<u64, BasicNode> = (0..u64::from(REPLICAS))
            .map(|id| (id, BasicNode::default()))
            .collect();
        leader.initialize(members).await?;
        leader
            .wait(None)
            .state(ServerState::Leader, "it leads")
            .await?;
        Ok(Self { leader })
    }

    async fn client(&self) -> Result<Node> {
        Ok(self.leader.clone())
    }

    async fn command(client: &mut Node, number: u64) -> Result<u64> {
        Ok(client.client_write(number).await?.data)
    }
}

/// By which nodes reach each other: by a call.
#[derive(Clone, Default)]
struct Router(Arc<Mutex<BTreeMap<u64, Node>>>);

impl Router {
    fn node(&self, id: u64) -> Node {
        self.0.lock().expect("no panic")[&id].clone()
    }
}

struct Link {
    router: Router,
    target: u64,
}

impl RaftNetworkFactory<Types> for Router {
    type Network = Link;

    async fn new_client(&mut self, target: u64, _: &BasicNode) -> Link {
        let router = self.clone();
        Link { router, target }
    }
}

impl RaftNetwork<Types> for Link {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Answered<AppendEntriesResponse<u64>> {
        let answer = self.router.node(self.target).append_entries(request).await;
        answer.map_err(|error| RemoteError::new(self.target, error).into())
    }

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<Types>,
        _: RPCOption,
    ) -> Answered<InstallSnapshotResponse<u64>, RaftError<u64, InstallSnapshotError>> {
        let answer = self
            .router
            .node(self.target)
            .install_snapshot(request)
            .await;
        answer.map_err(|error| RemoteError::new(self.target, error).into())
    }

    async fn vote(
        &mut self,
        request: VoteRequest<u64>,
        _: RPCOption,
    ) -> Answered<VoteResponse<u64>> {
        let answer = self.router.node(self.target).vote(request).await;
        answer.map_err(|error| RemoteError::new(self.target, error).into())
    }
}

/// What is called when bytes are durable.
type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// A log in memory, and a file that it is written to.
#[derive(Clone)]
struct Log {
    kept: Arc<Mutex<Kept>>,
    file: mpsc::Sender<(Vec<u8>, Done)>,
}

#[derive(Default)]
struct Kept {
    entries: BTreeMap<u64, Entry<Types>>,
    vote: Option<Vote<u64>>,
    purged: Option<LogId<u64>>,
}

impl Log {
    fn new(path: &Path) -> io::Result<Self> {
        let mut file = File::create(path)?;
        let (sender, receiver) = mpsc::channel::<(Vec<u8>, Done)>();
        thread::spawn(move || {
            while let Ok((mut bytes, done)) = receiver.recv() {
                let mut waiting = vec![done];
                for (more, done) in receiver.try_iter() {
                    bytes.extend(more);
                    waiting.push(done);
                }
                let written = file.write_all(&bytes).and_then(|()| file.sync_data());
                let failed = written.err().map(|error| error.to_string());
                for done in waiting {
                    done(match &failed {
                        None => Ok(()),
                        Some(why) => Err(io::Error::other(why.clone())),
                    });
                }
            }
        });
        Ok(Self {
            kept: Arc::default(),
            file: sender,
        })
    }

    fn write(&self, bytes: Vec<u8>, done: impl FnOnce(io::Result<()>) + Send + 'static) {
        let sent = self.file.send((bytes, Box::new(done)));
        sent.expect("the thread goes on as long as it is asked");
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Stored<Vec<Entry<Types>>> {
        let kept = self.kept.lock().expect("no panic");
        Ok(kept
            .entries
            .range(range)
            .map(|(_, entry)| entry.clone())
            .collect())
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Stored<LogState<Types>> {
        let kept = self.kept.lock().expect("no panic");
        let last = kept.entries.last_key_value().map(|(_, entry)| entry.log_id);
        Ok(LogState {
            last_purged_log_id: kept.purged,
            last_log_id: last.or(kept.purged),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<u64>) -> Stored<()> {
        self.kept.lock().expect("no panic").vote = Some(*vote);
        let (sender, receiver) = oneshot::channel();
        let bytes = vote.leader_id().term.to_le_bytes().to_vec();
        self.write(bytes, |written| drop(sender.send(written)));
        let written = receiver.await.expect("the thread answers");
        written.map_err(|error| openraft::StorageIOError::write_vote(&error).into())
    }

    async fn read_vote(&mut self) -> Stored<Option<Vote<u64>>> {
        Ok(self.kept.lock().expect("no panic").vote)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<Types>) -> Stored<()>
    where
        I: IntoIterator<Item = Entry<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut bytes = Vec::new();
        {
            let mut kept = self.kept.lock().expect("no panic");
            for entry in entries {
                bytes.extend(entry.log_id.leader_id.term.to_le_bytes());
                bytes.extend(entry.log_id.index.to_le_bytes());
                if let EntryPayload::Normal(number) = entry.payload {
                    bytes.extend(number.to_le_bytes());
                }
                kept.entries.insert(entry.log_id.index, entry);
            }
        }
        self.write(bytes, |written| callback.log_io_completed(written));
        Ok(())
    }

    async fn truncate(&mut self, from: LogId<u64>) -> Stored<()> {
        let mut kept = self.kept.lock().expect("no panic");
        kept.entries.split_off(&from.index);
        Ok(())
    }

    async fn purge(&mut self, to: LogId<u64>) -> Stored<()> {
        let mut kept = self.kept.lock().expect("no panic");
        kept.entries = kept.entries.split_off(&(to.index + 1));
        kept.purged = Some(to);
        Ok(())
    }
}

/// It sums up.
#[derive(Default)]
struct Sum {
    sum: u64,
    applied: Option<LogId<u64>>,
    membership: StoredMembership<u64, BasicNode>,
}

/// There are no snapshots here.
struct NoSnapshots;

impl RaftSnapshotBuilder<Types> for NoSnapshots {
    async fn build_snapshot(&mut self) -> Stored<Snapshot<Types>> {
        unreachable!("the policy is to take none")
    }
}

impl RaftStateMachine<Types> for Sum {
    type SnapshotBuilder = NoSnapshots;

    async fn applied_state(
        &mut self,
    ) -> Stored<(Option<LogId<u64>>, StoredMembership<u64, BasicNode>)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Stored<Vec<u64>>
    where
        I: IntoIterator<Item = Entry<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries.into_iter();
        let apply = |entry: Entry<Types>| {
            self.applied = Some(entry.log_id);
            match entry.payload {
                EntryPayload::Blank => {}
                EntryPayload::Normal(number) => self.sum += number,
                EntryPayload::Membership(membership) => {
                    self.membership = StoredMembership::new(Some(entry.log_id), membership);
                }
            }
            self.sum
        };
        Ok(entries.map(apply).collect())
    }

    async fn get_snapshot_builder(&mut self) -> NoSnapshots {
        NoSnapshots
    }

    async fn begin_receiving_snapshot(&mut self) -> Stored<Box<Cursor<Vec<u8>>>> {
        unreachable!("nobody sends one")
    }

    async fn install_snapshot(
        &mut self,
        _: &SnapshotMeta<u64, BasicNode>,
        _: Box<Cursor<Vec<u8>>>,
    ) -> Stored<()> {
        unreachable!("nobody sends one")
    }

    async fn get_current_snapshot(&mut self) -> Stored<Option<Snapshot<Types>>> {
        Ok(None)
    }
}
