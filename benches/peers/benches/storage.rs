//! Records appended and synced, read back, and dropped: by Quorate's store, which is redb's, beside fjall and a bare file.
//!
//! Syncs are what takes the time. What they take differs by the minute: compare what stands in one group.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fjall::{Keyspace, KeyspaceCreateOptions, PersistMode};
use quorate::paxos::{Ballot, Paxos, Record};
use quorate::protocol::ProcessId;
use quorate_node::storage::{Batch, Identity, Store};
use tempfile::TempDir;

type Protocol = Paxos<Vec<u8>>;

const ME: ProcessId = ProcessId(0);
const VALUE_BYTES: usize = 256;
/// How many records are read back.
const LOG: u64 = 100_000;

fn record() -> Record<Vec<u8>> {
    Record::Accepted {
        ballot: Ballot {
            round: 1,
            proposer: ME,
        },
        value: vec![7; VALUE_BYTES],
    }
}

fn batch(records: u64) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..records {
        let appended = batch.append::<Protocol>(ME, &record());
        appended.expect("it can be encoded");
    }
    batch
}

fn identity() -> Identity {
    Identity {
        cluster: "bench".to_owned(),
        node: 1,
        protocol: "paxos".to_owned(),
    }
}

/// On the disk that this is built on: a directory in memory would measure nothing.
fn directory() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

/// fjall, used likewise: records by number, a batch and a sync at a time.
struct Fjall {
    database: fjall::Database,
    records: Keyspace,
    next: u64,
}

impl Fjall {
    fn open(path: &Path) -> Self {
        let database = fjall::Database::builder(path).open().expect("a database");
        let records = database.keyspace("records", KeyspaceCreateOptions::default);
        Self {
            records: records.expect("a keyspace"),
            database,
            next: 0,
        }
    }

    fn append(&mut self, records: u64) {
        let mut batch = self.database.batch();
        for _ in 0..records {
            batch.insert(&self.records, self.next.to_be_bytes(), [7; VALUE_BYTES]);
            self.next += 1;
        }
        self.commit(batch);
    }

    fn drop_all(&mut self) {
        let mut batch = self.database.batch();
        for number in 0..self.next {
            batch.remove(&self.records, number.to_be_bytes());
        }
        self.commit(batch);
    }

    fn commit(&self, batch: fjall::OwnedWriteBatch) {
        batch.commit().expect("there is room");
        let synced = self.database.persist(PersistMode::SyncData);
        synced.expect("there is room");
    }

    fn count(&self) -> usize {
        let values = self.records.iter().map(|entry| entry.value());
        let lengths = values.map(|value| value.expect("it can be read").len());
        lengths.filter(|length| *length == VALUE_BYTES).count()
    }
}

fn append(criterion: &mut Criterion) {
    for records in [1, 16, 256] {
        let name = format!("{records} records of {VALUE_BYTES} bytes appended and synced");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(records));
        let directory = directory();
        let mut file = File::create(directory.path().join("file")).expect("a file");
        let bytes = vec![7; VALUE_BYTES * records as usize];
        group.bench_function("a bare file", |bencher| {
            bencher.iter(|| {
                file.write_all(&bytes).expect("there is room");
                file.sync_data().expect("there is room");
            });
        });
        let mut store = Store::create(&directory.path().join("store"), &identity(), 0);
        group.bench_function("Quorate (redb)", |bencher| {
            let store = store.as_mut().expect("a new store");
            bencher.iter(|| store.write(batch(records)).expect("there is room"));
        });
        let mut fjall = Fjall::open(&directory.path().join("fjall"));
        group.bench_function("fjall", |bencher| bencher.iter(|| fjall.append(records)));
        group.finish();
    }
}

/// A store, and fjall's, with a log each.
fn logs(directory: &Path) -> (PathBuf, PathBuf) {
    let paths = (directory.join("store"), directory.join("fjall"));
    let mut store = Store::create(&paths.0, &identity(), 0).expect("a new store");
    let mut fjall = Fjall::open(&paths.1);
    for _ in 0..LOG / 1000 {
        store.write(batch(1000)).expect("there is room");
        fjall.append(1000);
    }
    store.close().expect("there is room");
    paths
}

fn recover(criterion: &mut Criterion) {
    let directory = directory();
    let (store, fjall) = logs(directory.path());
    let mut group = criterion.benchmark_group(format!("{LOG} records opened and read"));
    group.sample_size(10);
    group.bench_function("Quorate (redb)", |bencher| {
        bencher.iter(|| {
            let (store, _) = Store::open(&store, &identity()).expect("its own");
            let records = store.read::<Protocol>(ME).expect("they can be read");
            assert_eq!(records.len(), LOG as usize);
            store.close().expect("there is room");
        });
    });
    group.bench_function("fjall", |bencher| {
        bencher.iter(|| assert_eq!(Fjall::open(&fjall).count(), LOG as usize));
    });
    group.finish();
}

fn truncate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("10000 records dropped and synced");
    group.sample_size(10);
    let directory = directory();
    let mut store = Store::create(&directory.path().join("store"), &identity(), 0).expect("new");
    group.bench_function("Quorate (redb)", |bencher| {
        let prepare = |store: &mut Store| {
            store.write(batch(10_000)).expect("there is room");
            let mut replaced = Batch::new();
            let nothing = replaced.replace::<Protocol>(ME, &Default::default());
            nothing.expect("it can be encoded");
            replaced
        };
        let store = std::cell::RefCell::new(&mut store);
        bencher.iter_batched(
            || prepare(&mut store.borrow_mut()),
            |replaced| store.borrow_mut().write(replaced).expect("there is room"),
            BatchSize::PerIteration,
        );
    });
    let fjall = std::cell::RefCell::new(Fjall::open(&directory.path().join("fjall")));
    group.bench_function("fjall", |bencher| {
        bencher.iter_batched(
            || {
                let mut fjall = fjall.borrow_mut();
                fjall.next = 0;
                fjall.append(10_000);
            },
            |()| fjall.borrow_mut().drop_all(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, append, recover, truncate);
criterion_main!(benches);
