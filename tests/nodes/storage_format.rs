//! What is on a disk: golden bytes, so that what one version has written the next one reads; and what is refused.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use quorate::atomic_commit::TransactionId;
use quorate::ledger::{self, Change, Ledger};
use quorate::paxos::{self, Ballot, Paxos};
use quorate::protocol::{ProcessId, Protocol};
use quorate::raft::{
    Batch as Entries, Chunk, Entry, Origin, Position, Raft, Record, Sessions, Snapshot,
    StateMachine,
};
use quorate::registers::{self, Registers};
use quorate::three_phase_commit::{self, ThreePhaseCommit};
use quorate::two_phase_commit::{self, TwoPhaseCommit};
use quorate_node::storage::{Batch, Error, ForgetfulDisk, Identity, Store, Survives};
use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
};

const IDENTITY: TableDefinition<&str, &[u8]> = TableDefinition::new("identity");
/// How many bytes a piece of a record has.
const PIECE: usize = (1 << 15) - (1 << 6);
const RECORDS: TableDefinition<(u16, u64, u32), &[u8]> = TableDefinition::new("records");

/// A state machine that keeps the last byte.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Byte(u8);

impl StateMachine for Byte {
    type Command = u8;
    type Query = ();
    type Reply = u8;
    type Chunk = u8;

    fn apply(&mut self, command: &u8) -> u8 {
        self.0 = *command;
        self.0
    }
    fn query(&self, (): &()) -> u8 {
        self.0
    }
    fn snapshot(&self) -> Vec<u8> {
        vec![self.0]
    }
    fn restore(chunks: &[u8]) -> Option<Self> {
        chunks.first().copied().map(Self)
    }
    fn size(_: &u8) -> usize {
        1
    }
}

fn identity() -> Identity {
    Identity {
        cluster: "golden".to_owned(),
        node: 1,
        protocol: "any".to_owned(),
    }
}

/// A store with these records, that is closed.
fn written<P: Protocol>(records: &[P::Record]) -> ForgetfulDisk {
    let disk = ForgetfulDisk::new();
    let mut store = Store::create_on(disk.clone(), &identity(), 0).expect("an empty disk");
    let mut batch = Batch::new();
    for record in records {
        let appended = batch.append::<P>(ProcessId(2), record);
        appended.expect("it can be encoded");
    }
    store.write(batch).expect("there is room");
    store.close().expect("there is room");
    disk.crash(|_| Survives::Not)
}

fn database(disk: &ForgetfulDisk) -> Database {
    let copy = disk.crash(|_| Survives::Whole);
    let opened = Builder::new().create_with_backend(copy);
    opened.expect("it was closed")
}

/// What is on disk of each record.
fn bytes<P: Protocol>(records: &[P::Record]) -> Vec<String> {
    let disk = written::<P>(records);
    let (store, _) = Store::open_on(disk.clone(), &identity()).expect("its own");
    let read = store.read::<P>(ProcessId(2)).expect("they can be read");
    assert!(read == records, "{read:?}, not {records:?}");
    let database = database(&disk);
    let transaction = database.begin_read().expect("it can be read");
    let table = transaction.open_table(RECORDS).expect("there is one");
    let entries = table.iter().expect("it can be read");
    let entries = entries.zip(0..).map(|(entry, number)| {
        let (key, bytes) = entry.expect("it can be read");
        assert_eq!(key.value(), (2, number, 0));
        let mut hex = String::new();
        for byte in bytes.value() {
            write!(hex, "{byte:02x}").expect("to a string");
        }
        hex
    });
    entries.collect()
}

const TRANSACTION: TransactionId = TransactionId {
    epoch: 3,
    number: 300,
};

#[test]
fn records_of_two_phase_commit_have_these_bytes() {
    use two_phase_commit::Record;
    let transaction = TRANSACTION;
    let some = BTreeSet::from([ProcessId(1), ProcessId(2)]);
    let records = [
        Record::Started { epoch: 3 },
        Record::Commit {
            transaction,
            participants: some.clone(),
        },
        Record::End { transaction },
        Record::Prepared {
            transaction,
            peers: some,
        },
        Record::Committed { transaction },
        Record::Aborted { transaction },
        Record::Retired { below: transaction },
    ];
    let golden = [
        "020003",
        "020103ac02020102",
        "020203ac02",
        "020303ac02020102",
        "020403ac02",
        "020503ac02",
        "020603ac02",
    ];
    assert_eq!(bytes::<TwoPhaseCommit>(&records), golden);
}

#[test]
fn records_of_a_ledger_have_these_bytes() {
    use ledger::Record;
    let transaction = TRANSACTION;
    let account = "bob".to_owned();
    let changes = vec![Change {
        account: account.clone(),
        by: -30,
    }];
    let records = [
        Record::Commitment(two_phase_commit::Record::Started { epoch: 3 }),
        Record::Work {
            transaction,
            changes,
        },
        Record::Applied { transaction },
        Record::Dropped { transaction },
        Record::Balance {
            account,
            balance: 70,
        },
    ];
    let golden = [
        "02000003",
        "020103ac020103626f623b",
        "020203ac02",
        "020303ac02",
        "020403626f628c01",
    ];
    assert_eq!(bytes::<Ledger<TwoPhaseCommit>>(&records), golden);
}

#[test]
fn records_of_three_phase_commit_have_these_bytes() {
    use three_phase_commit::Record;
    let transaction = TRANSACTION;
    let records = [
        Record::Started { epoch: 3 },
        Record::Prepared {
            transaction,
            participants: BTreeSet::from([ProcessId(1), ProcessId(2)]),
        },
        Record::Committed { transaction },
        Record::Aborted { transaction },
    ];
    let golden = ["020003", "020103ac02020102", "020203ac02", "020303ac02"];
    assert_eq!(bytes::<ThreePhaseCommit>(&records), golden);
}

#[test]
fn records_of_paxos_have_these_bytes() {
    use paxos::Record;
    let ballot = Ballot {
        round: 5,
        proposer: ProcessId(1),
    };
    let value = "v".to_owned();
    let proposal = value.clone();
    let records = [
        Record::Campaign { ballot, proposal },
        Record::Promised { ballot },
        Record::Accepted { ballot, value },
    ];
    let golden = ["020005010176", "02010501", "020205010176"];
    assert_eq!(bytes::<Paxos<String>>(&records), golden);
}

#[test]
fn records_of_registers_have_these_bytes() {
    use registers::Record;
    let name = "r".to_owned();
    let promised = paxos::Record::Promised {
        ballot: Ballot {
            round: 5,
            proposer: ProcessId(1),
        },
    };
    let records = [
        Record::Decree {
            name: name.clone(),
            record: promised,
        },
        Record::Chosen {
            name,
            value: "v".to_owned(),
        },
    ];
    let golden = ["02000172010501", "020101720176"];
    assert_eq!(bytes::<Registers<String>>(&records), golden);
}

#[test]
fn records_of_raft_have_these_bytes() {
    let entry = |origin| Entry::Command { origin, command: 9 };
    let origin = Origin {
        session: 7,
        sequence: 8,
    };
    let entries = vec![
        Entry::NoOp,
        Entry::OpenSession {
            ticket: 6,
            sessions_max: 300,
        },
        entry(None),
        entry(Some(origin)),
    ];
    let mut sessions = Sessions::default();
    sessions.open(7, 10);
    let records = [
        Record::Term {
            term: 4,
            voted_for: Some(ProcessId(2)),
        },
        Record::Term {
            term: 5,
            voted_for: None,
        },
        Record::Append {
            after: 1,
            entries: Entries::new(4, entries).into(),
        },
        Record::Snapshot {
            snapshot: Arc::new(Snapshot {
                last: Position { term: 4, index: 5 },
                chunks: vec![Chunk::Sessions(sessions), Chunk::Machine(9)],
            }),
            keeps_suffix: true,
        },
    ];
    let golden = [
        "0200040102",
        "02000500",
        "020101010404000106ac020200090201070809",
        "0202040502000107070000010901",
    ];
    assert_eq!(bytes::<Raft<Byte>>(&records), golden);
}

/// Opens a store in which something was changed behind its back.
fn opened_after(
    change: impl Fn(&mut redb::Table<&str, &[u8]>, &mut redb::Table<(u16, u64, u32), &[u8]>),
) -> Error {
    let promised = |round| paxos::Record::Promised {
        ballot: Ballot {
            round,
            proposer: ProcessId(1),
        },
    };
    reopened_after(&[promised(1), promised(2), promised(3)], change)
}

/// Opens a store of these records in which something was changed behind its back.
fn reopened_after(
    records: &[paxos::Record<String>],
    change: impl Fn(&mut redb::Table<&str, &[u8]>, &mut redb::Table<(u16, u64, u32), &[u8]>),
) -> Error {
    let disk = written::<Paxos<String>>(records);
    let changed = disk.crash(|_| Survives::Whole);
    let database = Builder::new().create_with_backend(changed.clone());
    let database = database.expect("it was closed");
    let transaction = database.begin_write().expect("it can be written");
    {
        let mut identity = transaction.open_table(IDENTITY).expect("there is one");
        let mut records = transaction.open_table(RECORDS).expect("there is one");
        change(&mut identity, &mut records);
    }
    transaction.commit().expect("there is room");
    drop(database);
    let opened = Store::open_on(changed, &identity());
    opened
        .and_then(|(store, _)| store.read::<Paxos<String>>(ProcessId(2)))
        .expect_err("it is not as it was written")
}

#[test]
fn what_another_version_has_written_is_refused_and_says_which() {
    let error = opened_after(|identity, _| {
        let other = 1_u64.to_le_bytes();
        identity
            .insert("format", &other[..])
            .expect("there is room");
    });
    assert!(matches!(error, Error::Format { found: 1 }), "{error:?}");
    let error = opened_after(|_, records| {
        records
            .insert((2, 1, 0), &[1, 1, 5, 1][..])
            .expect("there is room");
    });
    let expected = "record 1 of process 2 is of version 1, and this program knows only 2: run the version that has written it";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_record_that_is_none_is_refused_with_its_place() {
    for bytes in [&[][..], &[2], &[2, 77], &[2, 1, 2, 1, 0], &[2, 1, 2]] {
        let error = opened_after(|_, records| {
            records.insert((2, 1, 0), bytes).expect("there is room");
        });
        let is_refused = matches!(
            error,
            Error::Unreadable {
                process: ProcessId(2),
                number: 1
            }
        );
        assert!(is_refused, "{bytes:?}: {error:?}");
    }
}

#[test]
fn a_record_that_is_gone_is_missed() {
    let error = opened_after(|_, records| {
        records.remove((2, 1, 0)).expect("it was there");
    });
    let is_missed = matches!(
        error,
        Error::Missing {
            process: ProcessId(2),
            number: 1
        }
    );
    assert!(is_missed, "{error:?}");
}

/// What a record is that is so long.
fn accepted(length: usize) -> paxos::Record<String> {
    paxos::Record::Accepted {
        ballot: Ballot {
            round: 1,
            proposer: ProcessId(1),
        },
        value: "x".repeat(length),
    }
}

/// How many pieces there are of each record.
fn pieces(disk: &ForgetfulDisk) -> Vec<usize> {
    let database = database(disk);
    let transaction = database.begin_read().expect("it can be read");
    let table = transaction.open_table(RECORDS).expect("there is one");
    let mut pieces = Vec::new();
    for entry in table.iter().expect("it can be read") {
        let (key, _) = entry.expect("it can be read");
        let (_, record, piece) = key.value();
        match piece {
            0 => pieces.push(1),
            _ => *pieces.last_mut().expect("it has a first piece") += 1,
        }
        assert_eq!(pieces.len() as u64, record + 1);
        assert_eq!(pieces[record as usize], piece as usize + 1);
    }
    pieces
}

#[test]
fn a_long_record_is_written_in_pieces_and_read_back_whole() {
    let shorter = [1, PIECE - 100, PIECE, 3 * PIECE, 1];
    let records = shorter.map(accepted);
    let disk = written::<Paxos<String>>(&records);
    assert_eq!(pieces(&disk), [1, 1, 2, 4, 1]);
    let (store, recovery) = Store::open_on(disk, &identity()).expect("its own");
    assert_eq!(recovery.records, 5);
    let read = store.read::<Paxos<String>>(ProcessId(2));
    assert_eq!(read.expect("they can be read"), records);
}

/// If they were a little longer each would take a page of twice the size.
#[test]
fn pieces_fill_the_pages_of_the_engine() {
    let disk = written::<Paxos<String>>(&[accepted(100 * PIECE)]);
    let database = database(&disk);
    let transaction = database.begin_read().expect("it can be read");
    let table = transaction.open_table(RECORDS).expect("there is one");
    let stats = table.stats().expect("it can be read");
    let (stored, unused) = (stats.stored_bytes(), stats.fragmented_bytes());
    assert!(stored > 100 * PIECE as u64, "{stored} bytes stored");
    assert!(unused < stored / 50, "{unused} bytes beside {stored}");
}

#[test]
fn a_record_as_long_as_its_pieces_is_read_back() {
    for length in PIECE - 20..PIECE + 20 {
        let records = [accepted(length), accepted(1)];
        let disk = written::<Paxos<String>>(&records);
        let (store, _) = Store::open_on(disk, &identity()).expect("its own");
        let read = store.read::<Paxos<String>>(ProcessId(2));
        assert_eq!(read.expect("they can be read"), records);
    }
}

#[test]
fn a_record_of_which_a_piece_is_gone_is_refused_with_its_place() {
    for piece in 0..4 {
        let written = [accepted(1), accepted(3 * PIECE), accepted(1)];
        let error = reopened_after(&written, |_, records| {
            records.remove((2, 1, piece)).expect("it was there");
        });
        let (process, number) = match error {
            Error::Missing { process, number } if piece < 3 => (process, number),
            // Nobody knows that there was another piece, but the record says less than it must.
            Error::Unreadable { process, number } if piece == 3 => (process, number),
            other => panic!("without piece {piece}: {other:?}"),
        };
        assert_eq!(
            (process, number),
            (ProcessId(2), 1),
            "without piece {piece}"
        );
    }
}

#[test]
fn an_identity_that_cannot_be_read_is_refused() {
    for bytes in [&[][..], &[200, 1, 2]] {
        let error = opened_after(|identity, _| {
            identity.insert("identity", bytes).expect("there is room");
        });
        assert!(matches!(error, Error::Damaged(_)), "{error:?}");
    }
}
