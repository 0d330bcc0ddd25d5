//! When a write is acknowledged: not before the disks of a majority have synced it. Each disk is asked.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use quorate_command::load::free_ports;
use quorate_node::key_value::Client;
use quorate_node::storage::Store;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

use crate::node::{Arguments, Bug, assemble, identity};
use crate::processes::NODES;

/// Values are found on a disk by what they begin with; their number follows.
const MARK: &[u8] = b"value number ";
/// Digits of that number.
const DIGITS: usize = 8;
/// Clients, which write at the same time.
const CLIENTS: u64 = 16;
/// How many values each writes.
const VALUES: u64 = 50;
/// How long a sync takes: what leaves before it has ended is seen.
const SYNC: Duration = Duration::from_millis(2);

/// A disk that knows which values it has synced.
#[derive(Clone, Debug, Default)]
struct Watched {
    disk: Arc<InMemoryBackend>,
    values: Arc<Mutex<Values>>,
}

#[derive(Debug, Default)]
struct Values {
    written: Vec<u64>,
    synced: HashSet<u64>,
}

impl Watched {
    fn values(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The numbers of the values in what is written.
fn numbers(data: &[u8]) -> impl Iterator<Item = u64> {
    let marked = data.windows(MARK.len() + DIGITS);
    let marked = marked.filter_map(|bytes| bytes.strip_prefix(MARK));
    marked.filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
}

impl StorageBackend for Watched {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        let written = std::mem::take(&mut self.values().written);
        sleep(SYNC);
        self.disk.sync_data()?;
        self.values().synced.extend(written);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.values().written.extend(numbers(data));
        self.disk.write(offset, data)
    }
}

/// Three nodes in this process, on such disks: how many writes were acknowledged, or one that was too early.
pub fn check(bug: Bug) -> Result<u64, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    LocalSet::new().block_on(&runtime, write_all(bug))
}

async fn write_all(bug: Bug) -> Result<u64, String> {
    let first = free_ports(NODES);
    let addresses: Vec<_> = (first..first + NODES)
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .collect();
    let disks = [(); NODES as usize].map(|()| Watched::default());
    let stop = CancellationToken::new();
    let mut nodes = Vec::new();
    for (node, disk) in (0..NODES).zip(&disks) {
        let others = (0..NODES).filter(|other| *other != node);
        let arguments = Arguments {
            bug,
            node,
            address: addresses[usize::from(node)],
            peers: others
                .map(|other| (other, addresses[usize::from(other)]))
                .collect(),
            directory: PathBuf::new(),
            trace: PathBuf::new(),
            heartbeat: Duration::from_millis(30),
            election: Duration::from_millis(250),
            snapshot_bytes: 1 << 20,
        };
        let store = Store::create_on(disk.clone(), &identity(node), 0).expect("a new store");
        let node = assemble(arguments, store, None).await;
        nodes.push(tokio::task::spawn_local(node.run(stop.clone())));
    }
    let clients = (0..CLIENTS).map(|client| write(client, &addresses, &disks));
    let outcome = futures_util::future::try_join_all(clients).await;
    stop.cancel();
    for node in nodes {
        node.await
            .expect("no panic")
            .map_err(|error| error.to_string())?;
    }
    Ok(outcome?.into_iter().sum())
}

/// What one client does: how many writes were acknowledged.
async fn write(client: u64, nodes: &[SocketAddr], disks: &[Watched]) -> Result<u64, String> {
    let patience = Duration::from_secs(30);
    let connection = Arc::new(Client::new("faults", nodes.to_vec(), patience));
    let session = connection.session().await;
    let mut session = session.map_err(|error| error.to_string())?;
    for number in client * VALUES..(client + 1) * VALUES {
        let mut value = MARK.to_vec();
        value.extend(format!("{number:0DIGITS$}").bytes());
        let done = session.put(format!("key {client}").into(), value.into());
        done.await.map_err(|error| error.to_string())?;
        let synced = |disk: &&Watched| disk.values().synced.contains(&number);
        let count = disks.iter().filter(synced).count();
        if count <= disks.len() / 2 {
            return Err(format!(
                "value {number} is acknowledged when {count} of {} disks have synced it",
                disks.len()
            ));
        }
    }
    Ok(VALUES)
}
