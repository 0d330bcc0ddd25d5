//! What was reported durable is read back, whatever a crash leaves of the rest; and what is damaged, or another's, is refused.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use quorate::protocol::ProcessId;
use quorate::two_phase_commit::{Durable, Record, TransactionId, TwoPhaseCommit};
use quorate_node::storage::{
    Batch, Disk, Error, ForgetfulDisk, Identity, Refused, Store, Survives, Writer,
};

const ONE: ProcessId = ProcessId(0);
const TWO: ProcessId = ProcessId(7);

fn identity() -> Identity {
    Identity {
        cluster: "test".to_owned(),
        node: 3,
        protocol: "two-phase-commit".to_owned(),
    }
}

/// A record that is told from others by its number.
fn record(number: u64) -> Record {
    Record::Committed {
        transaction: TransactionId { epoch: 1, number },
    }
}

fn batch(process: ProcessId, numbers: impl IntoIterator<Item = u64>) -> Batch {
    let mut batch = Batch::new();
    for number in numbers {
        let appended = batch.append::<TwoPhaseCommit>(process, &record(number));
        appended.expect("it can be encoded");
    }
    batch
}

/// The fold of the records of these numbers.
fn durable(numbers: impl IntoIterator<Item = u64>) -> Durable {
    let mut durable = Durable::default();
    for number in numbers {
        durable.apply(&record(number));
    }
    durable
}

fn read(store: &Store) -> [Vec<Record>; 2] {
    [ONE, TWO].map(|process| {
        let records = store.read::<TwoPhaseCommit>(process);
        records.expect("it can be read")
    })
}

/// What is written, a batch at a time, and what is read back when so many batches are.
fn history() -> (Vec<Batch>, Vec<[Vec<Record>; 2]>) {
    let mut replaced = Batch::new();
    let anew = replaced.replace::<TwoPhaseCommit>(ONE, &durable([5, 6]));
    anew.expect("it can be encoded");
    replaced.extend(batch(TWO, [13]));
    let mut both = batch(ONE, [4]);
    both.extend(batch(TWO, [11, 12]));
    let batches = vec![
        batch(ONE, [1]),
        batch(ONE, [2, 3]),
        both,
        // More than a page.
        batch(TWO, 100..400),
        replaced,
        batch(ONE, [7]),
    ];
    let records = |numbers: &[u64]| numbers.iter().copied().map(record).collect::<Vec<_>>();
    let many: Vec<u64> = [11, 12].into_iter().chain(100..400).collect();
    let more: Vec<u64> = many.iter().copied().chain([13]).collect();
    let states = vec![
        [vec![], vec![]],
        [records(&[1]), vec![]],
        [records(&[1, 2, 3]), vec![]],
        [records(&[1, 2, 3, 4]), records(&[11, 12])],
        [records(&[1, 2, 3, 4]), records(&many)],
        [records(&[5, 6]), records(&more)],
        [records(&[5, 6, 7]), records(&more)],
    ];
    (batches, states)
}

/// Writes all on this disk. Returns how many batches were reported durable, if the store came to be at all.
fn write_history(disk: &ForgetfulDisk) -> Option<usize> {
    let mut store = Store::create_on(disk.clone(), &identity(), 0).ok()?;
    let (batches, _) = history();
    let mut written = batches.into_iter().map(|batch| store.write(batch));
    let failed = written.position(|result| result.is_err());
    Some(failed.unwrap_or(written.len().max(history().0.len())))
}

/// Opens what a crash has left, and asserts that it is what was written up to some moment after the last report.
fn assert_is_a_prefix(left: ForgetfulDisk, reported: Option<usize>, how: &str) {
    let (_, states) = history();
    match Store::open_on(left, &identity()) {
        Ok((store, recovery)) => {
            let found = read(&store);
            let counted = found.iter().map(Vec::len).sum::<usize>();
            assert_eq!(recovery.records, counted as u64);
            let batches = states.iter().position(|state| *state == found);
            let batches = batches.unwrap_or_else(|| panic!("{how}: no prefix: {found:?}"));
            let reported = reported.unwrap_or(0);
            assert!(
                batches >= reported,
                "{how}: {batches} of {reported} are left"
            );
        }
        // It never came to be.
        Err(_) if reported.is_none() => {}
        Err(error) => panic!("{how}: {error}"),
    }
}

#[test]
fn whatever_a_crash_at_any_moment_leaves_a_prefix_is_read_back_with_all_that_was_reported() {
    let whole = ForgetfulDisk::new();
    assert_eq!(write_history(&whole), Some(6));
    let operations = whole.operations();
    assert!(operations > 30, "{operations} are too few to be cut");
    let mut unsynced_max = 0;
    for cut in 0..=operations {
        let disk = ForgetfulDisk::new();
        disk.fail_after(cut);
        let reported = write_history(&disk);
        let unsynced = disk.unsynced();
        unsynced_max = unsynced_max.max(unsynced);
        let assert = |survives: &dyn Fn(usize) -> Survives, how: &str| {
            let how = format!("cut after {cut} operations, {how} of {unsynced}");
            assert_is_a_prefix(disk.crash(survives), reported, &how);
        };
        let keep = |kept: bool| if kept { Survives::Whole } else { Survives::Not };
        assert(&|_| Survives::Not, "none");
        assert(&|_| Survives::Whole, "all");
        for this in 0..unsynced {
            assert(&|number| keep(number == this), "one");
            assert(&|number| keep(number != this), "all but one");
            assert(&|number| keep(number <= this), "the first");
            for bytes in [1, 100, 512, 2048] {
                let torn = |number| match number == this {
                    true => Survives::Prefix(bytes),
                    false => Survives::Whole,
                };
                assert(&torn, "all, one torn,");
            }
        }
        for subset in 0..20_u64 {
            // Any pattern will do.
            let bits = (subset + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            assert(&|number| keep(bits >> (number % 64) & 1 == 1), "some");
        }
    }
    assert!(unsynced_max > 3, "nothing could be lost");
}

#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out_by_that_test() {
    /// Reports what it has not synced.
    #[derive(Clone, Debug)]
    struct Liar(ForgetfulDisk);

    impl Disk for Liar {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.0.write(offset, data)
        }
    }

    let disk = ForgetfulDisk::new();
    let mut store = Store::create_on(Liar(disk.clone()), &identity(), 0).expect("an empty disk");
    store.write(batch(ONE, [1])).expect("it says so");
    let left = disk.crash(|_| Survives::Not);
    assert!(matches!(
        Store::open_on(left, &identity()),
        Err(Error::Empty)
    ));
}

#[test]
fn that_a_write_was_interrupted_is_reported() {
    let disk = ForgetfulDisk::new();
    let mut store = Store::create_on(disk.clone(), &identity(), 0).expect("an empty disk");
    store.write(batch(ONE, [1, 2])).expect("there is room");
    disk.fail_after(1);
    store.write(batch(ONE, [3])).expect_err("the power is off");
    let left = disk.crash(|_| Survives::Whole);
    let (store, recovery) = Store::open_on(left.clone(), &identity()).expect("it is whole");
    assert!(recovery.was_interrupted);
    assert_eq!(recovery.records, 2);
    store.close().expect("there is room");
    let (_, recovery) = Store::open_on(left, &identity()).expect("it was closed");
    assert!(!recovery.was_interrupted);
}

/// A store that was closed, as bytes.
fn closed() -> (Vec<u8>, [Vec<Record>; 2]) {
    let disk = ForgetfulDisk::new();
    write_history(&disk);
    (disk.bytes(), history().1.pop().expect("there are states"))
}

/// Opens bytes that are not what was written: they must be refused, or say the same.
fn assert_is_refused_or_the_same(bytes: Vec<u8>, written: &[Vec<Record>; 2], how: &str) -> bool {
    match Store::open_on(ForgetfulDisk::of(bytes), &identity()) {
        Ok((store, _)) => {
            let found = [ONE, TWO].map(|process| store.read::<TwoPhaseCommit>(process));
            match found {
                [Ok(one), Ok(two)] => {
                    assert!([one, two] == *written, "{how}: other records are read");
                    false
                }
                _ => true,
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.len() > 40,
                "{how}: what is to be done is not said: {text}"
            );
            true
        }
    }
}

#[test]
fn damage_is_refused_wherever_it_matters_and_nothing_else_is_ever_read() {
    let (bytes, written) = closed();
    let mut refused = 0;
    let in_use: Vec<usize> = (0..bytes.len())
        .filter(|place| bytes[*place] != 0)
        .collect();
    let places = in_use.iter().step_by(in_use.len() / 1500 + 1);
    for place in places {
        let mut damaged = bytes.clone();
        damaged[*place] ^= 0x41;
        let how = format!("byte {place}");
        refused += usize::from(assert_is_refused_or_the_same(damaged, &written, &how));
    }
    assert!(refused > 100, "{refused} of {} refused", in_use.len());
}

#[test]
fn a_file_that_was_cut_short_is_refused() {
    let (bytes, written) = closed();
    for length in (1..bytes.len()).step_by(4096 * 3 + 17) {
        let cut = bytes[..length].to_vec();
        let how = format!("cut to {length} bytes");
        assert!(assert_is_refused_or_the_same(cut, &written, &how), "{how}");
    }
}

#[test]
fn bytes_of_anything_are_refused() {
    let config = ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let bytes = prop::collection::vec(any::<u8>(), 1..20_000);
    let refused = runner.run(&bytes, |bytes| {
        let opened = Store::open_on(ForgetfulDisk::of(bytes), &identity());
        prop_assert!(opened.is_err());
        Ok(())
    });
    refused.expect("all are refused");
}

#[test]
fn after_a_sync_that_failed_nothing_more_is_written_and_a_restart_reads_what_was_reported() {
    let disk = ForgetfulDisk::new();
    let mut store = Store::create_on(disk.clone(), &identity(), 0).expect("an empty disk");
    store.write(batch(ONE, [1])).expect("there is room");
    disk.fail_syncs_after(0);
    let failed = store.write(batch(ONE, [2])).expect_err("the sync fails");
    assert!(matches!(failed, Error::Disk(_)), "{failed:?}");
    let operations = disk.operations();
    let stopped = store.write(batch(ONE, [3])).expect_err("it has stopped");
    assert!(matches!(stopped, Error::Stopped), "{stopped:?}");
    assert_eq!(disk.operations(), operations, "nothing is tried");
    let left = disk.crash(|_| Survives::Not);
    let (store, _) = Store::open_on(left, &identity()).expect("it is whole");
    assert_eq!(read(&store), [vec![record(1)], vec![]]);
}

#[test]
fn a_full_disk_refuses_what_is_new_and_keeps_what_is_there() {
    let disk = ForgetfulDisk::new();
    let mut store = Store::create_on(disk.clone(), &identity(), 0).expect("an empty disk");
    store.write(batch(ONE, [1])).expect("there is room");
    disk.fill_up_at(disk.bytes().len() as u64);
    let mut reported = 1;
    let full = loop {
        match store.write(batch(ONE, 0..2_000)) {
            Ok(()) => reported += 2_000,
            Err(error) => break error,
        }
    };
    assert!(full.to_string().contains("make room"), "{full}");
    drop(store);
    let left = disk.crash(|_| Survives::Not);
    let (store, recovery) = Store::open_on(left, &identity()).expect("it is whole");
    assert_eq!(recovery.records, reported);
    assert_eq!(read(&store)[0].first(), Some(&record(1)));
}

#[test]
fn anothers_store_is_refused_and_an_empty_one_of_who_has_run_before_and_a_full_one_of_who_is_new() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("node");
    let missing = Store::open(&path, &identity()).expect_err("there is none");
    assert!(matches!(missing, Error::Empty), "{missing:?}");
    let mut store = Store::create(&path, &identity(), 0).expect("it is new");
    store.write(batch(ONE, [1])).expect("there is room");
    let used = Store::open(&path, &identity()).expect_err("it is open");
    assert!(matches!(used, Error::InUse), "{used:?}");
    drop(store);
    let full = Store::create(&path, &identity(), 0).expect_err("it has run before");
    assert!(matches!(full, Error::NotEmpty), "{full:?}");
    for other in [
        Identity {
            cluster: "another".to_owned(),
            ..identity()
        },
        Identity {
            node: 4,
            ..identity()
        },
        Identity {
            protocol: "raft".to_owned(),
            ..identity()
        },
    ] {
        let foreign = Store::open(&path, &other).expect_err("it is another's");
        assert!(matches!(foreign, Error::Foreign { .. }), "{foreign:?}");
    }
    let (store, _) = Store::open(&path, &identity()).expect("its own");
    assert_eq!(read(&store), [vec![record(1)], vec![]]);
    drop(store);
    std::fs::write(path.join("quorate.redb"), "").expect("it is a file");
    let empty = Store::open(&path, &identity()).expect_err("all is gone");
    assert!(matches!(empty, Error::Empty), "{empty:?}");
}

#[test]
fn a_store_that_was_never_finished_is_made_anew_and_not_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, half) = (
        directory.path(),
        directory.path().join("quorate.redb.unfinished"),
    );
    std::fs::write(&half, [7; 5000]).expect("it is a file");
    let unfinished = Store::open(path, &identity()).expect_err("it is none");
    assert!(matches!(unfinished, Error::Unfinished), "{unfinished:?}");
    let mut store = Store::create(path, &identity(), 0).expect("it is new");
    assert!(!half.exists());
    store.write(batch(ONE, [1])).expect("there is room");
    drop(store);
    let (store, _) = Store::open(path, &identity()).expect("its own");
    assert_eq!(read(&store), [vec![record(1)], vec![]]);
}

#[test]
fn a_store_that_another_is_making_is_not_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let half = directory.path().join("quorate.redb.unfinished");
    let other = std::fs::File::create(&half).expect("it is a file");
    other.lock().expect("nobody has it");
    let used = Store::create(directory.path(), &identity(), 0).expect_err("another has it");
    assert!(matches!(used, Error::InUse), "{used:?}");
}

/// How much room is set aside in tests.
const ROOM: u64 = 4 << 20;

#[test]
fn room_that_is_set_aside_is_neither_given_back_nor_more_taken_while_there_is_enough() {
    let disk = ForgetfulDisk::new();
    let mut store = Store::create_on(disk.clone(), &identity(), ROOM).expect("an empty disk");
    let begun = disk.len().expect("the power is on");
    let assert_length = |round| {
        let length = disk.len().expect("the power is on");
        let lengths = ROOM..=begun;
        assert!(lengths.contains(&length), "{length} in round {round}");
    };
    for round in 0..4 {
        for number in 0..10 {
            let numbers = number * 1000..(number + 1) * 1000;
            store.write(batch(TWO, numbers)).expect("there is room");
            assert_length(round);
        }
        let mut replaced = Batch::new();
        let anew = replaced.replace::<TwoPhaseCommit>(TWO, &durable([round]));
        anew.expect("it can be encoded");
        store.write(replaced).expect("there is room");
        for number in 0..20 {
            store.write(batch(ONE, [number])).expect("there is room");
            assert_length(round);
        }
    }
}

#[test]
fn a_crash_while_room_is_set_aside_leaves_no_store_or_a_whole_one() {
    let whole = ForgetfulDisk::new();
    Store::create_on(whole.clone(), &identity(), ROOM).expect("an empty disk");
    let mut found = BTreeSet::new();
    for cut in 0..=whole.operations() {
        let disk = ForgetfulDisk::new();
        disk.fail_after(cut);
        let created = Store::create_on(disk.clone(), &identity(), ROOM).is_ok();
        for survives in [Survives::Not, Survives::Prefix(512), Survives::Whole] {
            let opened = Store::open_on(disk.crash(|_| survives), &identity());
            assert!(!created || opened.is_ok(), "{cut}: {:?}", opened.err());
            if let Ok((store, recovery)) = opened {
                assert_eq!(recovery.records, 0);
                assert_eq!(read(&store), [vec![], vec![]]);
                found.insert("a store");
            } else {
                found.insert("none");
            }
        }
    }
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_disk_without_the_room_that_is_to_be_set_aside_is_full_at_once() {
    let disk = ForgetfulDisk::new();
    disk.fill_up_at(ROOM / 2);
    let full = Store::create_on(disk, &identity(), ROOM).expect_err("it is full");
    let is_full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
    assert!(
        matches!(&full, Error::Disk(error) if is_full(error)),
        "{full:?}"
    );
}

#[test]
fn all_that_wait_while_a_sync_runs_share_the_next_and_are_told_in_order() {
    /// A disk whose syncs wait until they may go on.
    #[derive(Clone, Debug)]
    struct Gate(ForgetfulDisk, Arc<(Mutex<bool>, Condvar)>);

    impl Disk for Gate {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            let (is_open, changed) = &*self.1;
            let is_open = is_open.lock().expect("nobody panics");
            drop(changed.wait_while(is_open, |is_open| !*is_open));
            self.0.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.0.write(offset, data)
        }
    }

    let disk = ForgetfulDisk::new();
    let gate = Gate(disk.clone(), Arc::new((Mutex::new(true), Condvar::new())));
    let store = Store::create_on(gate.clone(), &identity(), 0).expect("an empty disk");
    let writer = Writer::new(store, 100);
    let (told, tells) = channel();
    let syncs = disk.syncs();
    *gate.1.0.lock().expect("nobody panics") = false;
    for number in 0..50 {
        let told = told.clone();
        let done = move |result: Result<(), Arc<Error>>| {
            result.expect("it is durable");
            told.send(number).expect("somebody listens");
        };
        writer
            .write(batch(ONE, [number]), done)
            .expect("there is room");
    }
    assert!(tells.try_recv().is_err(), "nothing is durable");
    *gate.1.0.lock().expect("nobody panics") = true;
    gate.1.1.notify_all();
    let order: Vec<u64> = (0..50).map(|_| tells.recv().expect("it is told")).collect();
    assert_eq!(order, (0..50).collect::<Vec<_>>());
    // The first begins alone, at most.
    let shared = disk.syncs() - syncs;
    assert!(shared <= 2 * 2, "{shared} syncs for 50 batches");
    let store = writer.finish().expect("nothing has panicked");
    assert_eq!(read(&store)[0], (0..50).map(record).collect::<Vec<_>>());
}

#[test]
fn who_waits_for_a_sync_that_fails_is_told_and_so_is_everybody_after() {
    let disk = ForgetfulDisk::new();
    let store = Store::create_on(disk.clone(), &identity(), 0).expect("an empty disk");
    disk.fail_syncs_after(0);
    let writer = Writer::new(store, 10);
    let (told, tells) = channel();
    for number in 0..5 {
        let told = told.clone();
        let done = move |result: Result<(), Arc<Error>>| {
            told.send(result.is_err()).expect("somebody listens");
        };
        writer
            .write(batch(ONE, [number]), done)
            .expect("there is room");
        assert_eq!(tells.recv(), Ok(true));
    }
}

#[test]
fn more_than_may_wait_is_handed_back() {
    let disk = ForgetfulDisk::new();
    let store = Store::create_on(disk, &identity(), 0).expect("an empty disk");
    let writer = Writer::new(store, 1);
    let (go_on, may_go_on) = channel::<()>();
    let (begun, has_begun) = channel();
    let wait = move |_| {
        begun.send(()).expect("somebody listens");
        // Whoever is told holds the writer up.
        let _ = may_go_on.recv();
    };
    writer.write(batch(ONE, [1]), wait).expect("there is room");
    has_begun.recv().expect("it is written");
    writer.write(batch(ONE, [2]), |_| ()).expect("one may wait");
    match writer.write(batch(ONE, [3]), |_| ()) {
        Err(Refused::Full(back)) => assert_eq!(back, batch(ONE, [3])),
        other => panic!("{other:?}"),
    }
    drop(go_on);
    let store = writer.finish().expect("nothing has panicked");
    assert_eq!(read(&store)[0], [record(1), record(2)]);
}

#[test]
fn a_log_that_is_replaced_has_the_fewest_records_of_the_same_fold() {
    let disk = ForgetfulDisk::new();
    let mut store = Store::create_on(disk.clone(), &identity(), 0).expect("an empty disk");
    let ended = |number| Record::End {
        transaction: TransactionId { epoch: 1, number },
    };
    let commit = |number| Record::Commit {
        transaction: TransactionId { epoch: 1, number },
        participants: BTreeSet::from([TWO]),
    };
    let mut written = Durable::default();
    let mut all = Batch::new();
    for number in 0..100 {
        for record in [commit(number), ended(number)] {
            written.apply(&record);
            all.append::<TwoPhaseCommit>(ONE, &record)
                .expect("it can be encoded");
        }
    }
    let last = commit(100);
    written.apply(&last);
    all.append::<TwoPhaseCommit>(ONE, &last)
        .expect("it can be encoded");
    store.write(all).expect("there is room");
    // What stands before it in the same batch is replaced, too; another's is not.
    let mut anew = batch(ONE, 200..300);
    anew.extend(batch(TWO, [11]));
    let bytes = anew.bytes();
    anew.replace::<TwoPhaseCommit>(ONE, &written)
        .expect("it can be encoded");
    assert!(anew.bytes() < bytes, "what is replaced is not written");
    store.write(anew).expect("there is room");
    assert_eq!(read(&store)[1], [record(11)]);
    assert_eq!(read(&store)[0], [last]);
    // Numbers go on, so that what comes behind is in order.
    store.write(batch(ONE, [5])).expect("there is room");
    drop(store);
    let (store, recovery) =
        Store::open_on(ForgetfulDisk::of(disk.bytes()), &identity()).expect("it was closed");
    assert_eq!(recovery.records, 3);
    assert_eq!(read(&store)[0], [commit(100), record(5)]);
}
