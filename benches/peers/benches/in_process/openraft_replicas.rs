//! openraft's nodes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::{Stream, TryStreamExt};
use openraft::errors::{RPCError, RaftError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::v2::RaftNetworkV2;
use openraft::network::{RPCOption, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::storage::{
    EntryResponder, IOFlushed, LogState, RaftLogReader, RaftLogStorage, RaftSnapshotBuilder,
    RaftStateMachine,
};
use openraft::type_config::alias::{
    EntryOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf, VoteOf,
};
use openraft::{
    BasicNode, Config, EntryPayload, OptionalSend, Raft, SnapshotPolicy, StoredMembership,
};
use quorate::protocol::ProcessId;
use quorate::raft::Record;
use quorate_node::storage::Batch;
use tokio::sync::oneshot;

use super::REPLICAS;
use super::disk::{Disk, On};
use super::quorate_replicas::Sum as QuorateSum;

openraft::declare_raft_types!(
    /// A command is a number; it is answered with the sum of all.
    pub Types:
        D = u64,
        R = u64,
);

type Node = Raft<Types, Sum>;
type Entry = EntryOf<Types>;
type LogId = LogIdOf<Types>;
type Vote = VoteOf<Types>;

/// Batches that wait for the disk: it takes what it is given.
const BATCHES_MAX: usize = 1 << 16;

/// Nodes that run.
pub struct Nodes {
    leader: Node,
}

impl super::Replicas for Nodes {
    type Client = Node;

    async fn start(directory: &Path, on: On) -> Result<Self> {
        let router = Router::default();
        for id in 0..u64::from(REPLICAS) {
            // Large batches, no snapshots.
            let config = Config {
                heartbeat_interval: 50,
                election_timeout_min: 1000,
                election_timeout_max: 2000,
                max_payload_entries: 1024,
                snapshot_policy: SnapshotPolicy::Never,
                ..Config::default()
            };
            let log = Log::new(Disk::new(on, directory, id, BATCHES_MAX)?);
            let config = Arc::new(config.validate()?);
            let node = Raft::new(id, config, router.clone(), log, Sum::default()).await?;
            router.0.lock().expect("no panic").insert(id, node);
        }
        let leader = router.node(0);
        let members: BTreeMap<u64, BasicNode> = (0..u64::from(REPLICAS))
            .map(|id| (id, BasicNode::default()))
            .collect();
        leader.initialize(members).await?;
        // It campaigns at once; until it leads it does nothing.
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Err(error) = leader.client_write(0).await {
            if Instant::now() > deadline {
                return Err(error.into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
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

impl Link {
    /// Who fails has come to an end.
    fn unreachable(error: &RaftError<Types>) -> RPCError<Types> {
        Unreachable::new(error).into()
    }
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = ();

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let answer = self.router.node(self.target).append_entries(request).await;
        answer.map_err(|error| Self::unreachable(&error))
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        _: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let answer = self.router.node(self.target).vote(request).await;
        answer.map_err(|error| Self::unreachable(&error))
    }

    async fn full_snapshot(
        &mut self,
        _: VoteOf<Types>,
        _: SnapshotOf<Types, ()>,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        unreachable!("there are no snapshots")
    }
}

/// A log in memory, and a disk that it is written to.
#[derive(Clone)]
struct Log {
    kept: Arc<Mutex<Kept>>,
    disk: Arc<Disk>,
}

#[derive(Default)]
struct Kept {
    entries: BTreeMap<u64, Entry>,
    vote: Option<Vote>,
    purged: Option<LogId>,
}

impl Log {
    fn new(disk: Disk) -> Self {
        Self {
            kept: Arc::default(),
            disk: Arc::new(disk),
        }
    }

    /// Has a record written: as Quorate has it on disk.
    fn write(
        &self,
        record: &Record<QuorateSum>,
        done: impl FnOnce(bool) + Send + 'static,
    ) -> io::Result<()> {
        let mut batch = Batch::new();
        let encoded = batch.append::<quorate::raft::Raft<QuorateSum>>(ProcessId(0), record);
        encoded.map_err(io::Error::other)?;
        match self.disk.write(batch, done).map_err(io::Error::other)? {
            None => Ok(()),
            Some(_) => Err(io::Error::other("too much waits for the disk")),
        }
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        let kept = self.kept.lock().expect("no panic");
        Ok(kept
            .entries
            .range(range)
            .map(|(_, entry)| entry.clone())
            .collect())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.kept.lock().expect("no panic").vote)
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
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

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        self.kept.lock().expect("no panic").vote = Some(*vote);
        let (sender, receiver) = oneshot::channel();
        let term = vote.leader_id().term;
        let record = Record::Term {
            term,
            voted_for: None,
        };
        self.write(&record, |is_written| {
            // It waits for the answer.
            let _ = sender.send(is_written);
        })?;
        written(receiver.await.expect("the thread answers"))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let (mut term, mut first, mut commands) = (0, 0, Vec::new());
        {
            let mut kept = self.kept.lock().expect("no panic");
            for entry in entries {
                if commands.is_empty() {
                    (term, first) = (entry.log_id.leader_id.term, entry.log_id.index);
                }
                commands.push(match entry.payload {
                    EntryPayload::Normal(command) => {
                        let origin = None;
                        quorate::raft::Entry::Command { origin, command }
                    }
                    EntryPayload::Blank | EntryPayload::Membership(_) => quorate::raft::Entry::NoOp,
                });
                kept.entries.insert(entry.log_id.index, entry);
            }
        }
        let record = Record::Append {
            after: first.saturating_sub(1),
            entries: quorate::raft::Batch::new(term, commands).into(),
        };
        self.write(&record, move |is_written| {
            callback.io_completed(written(is_written));
        })
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let mut kept = self.kept.lock().expect("no panic");
        kept.entries
            .split_off(&last.map_or(0, |last| last.index + 1));
        Ok(())
    }

    async fn purge(&mut self, to: LogId) -> Result<(), io::Error> {
        let mut kept = self.kept.lock().expect("no panic");
        kept.entries = kept.entries.split_off(&(to.index + 1));
        kept.purged = Some(to);
        Ok(())
    }
}

/// How it was written.
fn written(is_written: bool) -> io::Result<()> {
    match is_written {
        true => Ok(()),
        false => Err(io::Error::other("the disk has failed")),
    }
}

/// It sums up.
#[derive(Default)]
pub struct Sum {
    sum: u64,
    applied: Option<LogId>,
    membership: StoredMembershipOf<Types>,
}

/// There are no snapshots here.
pub struct NoSnapshots;

impl RaftSnapshotBuilder<Types> for NoSnapshots {
    type SnapshotData = ();

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<Types, ()>, io::Error> {
        unreachable!("the policy is to take none")
    }
}

impl RaftStateMachine<Types> for Sum {
    type SnapshotData = ();
    type SnapshotBuilder = NoSnapshots;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogId>, StoredMembershipOf<Types>), io::Error> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            self.applied = Some(entry.log_id);
            match entry.payload {
                EntryPayload::Blank => {}
                EntryPayload::Normal(number) => self.sum += number,
                EntryPayload::Membership(membership) => {
                    self.membership = StoredMembership::new(Some(entry.log_id), membership);
                }
            }
            if let Some(responder) = responder {
                responder.send(self.sum);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> NoSnapshots {
        NoSnapshots
    }

    async fn install_snapshot(
        &mut self,
        _: &SnapshotMetaOf<Types>,
        (): (),
    ) -> Result<(), io::Error> {
        unreachable!("nobody sends one")
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<Types, ()>>, io::Error> {
        Ok(None)
    }
}
