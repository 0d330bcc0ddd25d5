//! A process's log on disk is replaced as soon as a record sums it up: a snapshot of Raft's.

use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate::protocol::{Effect, Input, ProcessId, Protocol as _};
use quorate::raft::{Index, Limits, Message, Output, Proposal, Record, Request, Timer};
use quorate_node::key_value::{Command, Map, Protocol};
use quorate_node::runtime::{Host, Process};
use quorate_node::storage::{Batch, ForgetfulDisk, Identity, Store};

const ME: ProcessId = ProcessId(0);

/// What a server tells.
#[derive(Default)]
struct Told(Vec<Output<Map>>);

impl Host<Protocol> for Told {
    fn send(&mut self, _: ProcessId, _: Message<Map>) {}

    fn emit(&mut self, output: Output<Map>) {
        self.0.push(output);
    }

    fn duration(&mut self, _: &Timer) -> Duration {
        Duration::from_secs(1)
    }

    fn step(&mut self, _: &Input<Protocol>, _: &[Effect<Protocol>]) {}

    fn durable(&mut self, _: usize) {}

    fn watches(&self) -> bool {
        false
    }
}

/// A server that is alone, and its disk.
struct Server {
    process: Process<Protocol>,
    store: Store,
    told: Told,
    now: Instant,
}

impl Server {
    /// It leads.
    fn leads() -> Self {
        let identity = Identity {
            cluster: "alone".to_owned(),
            node: 0,
            protocol: "raft".to_owned(),
        };
        let store = Store::create_on(ForgetfulDisk::new(), &identity, 0).expect("an empty disk");
        let raft = Protocol::new(1, Limits::default()).expect("a sensible number");
        let (now, mut told) = (Instant::now(), Told::default());
        let process = Process::start(raft, ME, Default::default(), now, &mut told);
        let mut server = Self {
            process,
            store,
            told,
            now,
        };
        server.step(Input::Timeout(Timer::Election));
        server.write();
        assert!(matches!(server.told.0[..], [Output::Leads { term: 1 }, ..]));
        server
    }

    fn step(&mut self, input: Input<Protocol>) {
        self.process.step(input, self.now, &mut self.told);
    }

    fn put(&mut self, number: u64) {
        let key = Bytes::from(number.to_string());
        let command = Command::Put {
            value: key.clone(),
            key,
        };
        let origin = None;
        let put = Proposal::Command { origin, command };
        self.step(Input::Submit(Request::Propose(vec![put])));
    }

    /// Writes what there is to write, until there is no more. Returns whether the log was replaced.
    fn write(&mut self) -> bool {
        let mut any_anew = false;
        while self.process.has_more() {
            let mut batch = Batch::new();
            let given = self.process.give(&mut batch);
            let given = given.expect("records can be encoded");
            any_anew |= given.replaced;
            self.store.write(batch).expect("there is room");
            self.process
                .durable(given.records, self.now, &mut self.told);
        }
        any_anew
    }

    fn on_disk(&self) -> Vec<Record<Map>> {
        self.store
            .read::<Protocol>(ME)
            .expect("what was written can be read")
    }

    fn committed(&self) -> Option<Index> {
        let last = |output: &Output<Map>| match output {
            Output::Committed { last, .. } => Some(*last),
            _ => None,
        };
        self.told.0.iter().rev().find_map(last)
    }
}

#[test]
fn a_snapshot_takes_the_place_of_all_that_was_written_in_the_batch_that_it_is_written_in() {
    let mut server = Server::leads();
    for number in 0..10 {
        server.put(number);
        assert!(!server.write(), "an entry sums nothing up");
    }
    // A term, and entries: a no-op, and what was put.
    assert_eq!(server.on_disk().len(), 12);
    // These are not committed when the snapshot is taken, and come behind it.
    server.put(10);
    server.step(Input::Submit(Request::Compact));
    server.put(11);
    assert_eq!(server.committed(), Some(11));
    assert!(server.write(), "a snapshot does");
    assert_eq!(server.committed(), Some(13));

    let records = server.on_disk();
    let [
        Record::Term { .. },
        Record::Snapshot { snapshot, .. },
        Record::Append { after: 11, entries },
    ] = &records[..]
    else {
        panic!("not the fewest records: {records:?}");
    };
    assert_eq!((snapshot.last.index, entries.len()), (11, 2));
    // And they say all that there is: it goes on from there.
    let mut durable = Default::default();
    for record in &records {
        Protocol::apply(&mut durable, record);
    }
    assert_eq!(Protocol::records(&durable), records);
    server.put(12);
    assert!(!server.write(), "what was summed up is on disk");
    assert_eq!(server.on_disk().len(), 4);
    assert_eq!(server.committed(), Some(14));
}
