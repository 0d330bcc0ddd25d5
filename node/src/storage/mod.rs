//! Storage: what processes have written is read back after a crash.
//!
//! A [`Store`] is the disk of one node. All processes of the node share it, each with a log of its own; a [`Batch`] of what
//! they write is one transaction, and one sync. What was written is durable when [`Store::write`] returns, and then it
//! is all there or, if the power fails before, none of it is. A [`Writer`] makes one batch of all that many ask it to write
//! while it syncs: group commit.
//!
//! What a process reads back is its records in the order in which it wrote them; their fold
//! ([`Protocol::apply`]) is what it starts with. When its log has grown long, it is replaced by the fewest records of the
//! same fold ([`Protocol::records`]).
//!
//! # What is refused
//!
//! A store belongs to one node of one cluster, which runs one protocol: its [`Identity`]. A node that finds another's is
//! not started on it, nor on an empty one, unless it is new: a member that has forgotten what it promised is as bad
//! as one that lies. Damage, and versions that are not known, are refused too: see [`Error`]. After an error nothing more is
//! written: a sync that has failed says nothing about what is on disk, and to try it again says no more.
//!
//! # On disk
//!
//! One file, of [redb]: a table with the identity, and one with the records, by process, number, and number of the piece. A
//! record is a byte with its version and then its [postcard] encoding. A long one is in pieces, for redb gives each a page of
//! the next power of two.
//!
//! A new store can set room aside: the file system then has no blocks to find, and none to note, while records are written,
//! and a disk that is too small is found out at once.
//!
//! [postcard]: https://docs.rs/postcard

use std::collections::BTreeMap;
use std::path::Path;

use redb::{Builder, Database, ReadableDatabase, TableDefinition};
use serde::{Deserialize, Serialize};

use quorate::protocol::{ProcessId, Protocol};

mod directory;
mod error;
mod forgetful;
mod record;
mod writer;

pub use error::Error;
pub use forgetful::{ForgetfulDisk, Survives};
pub use record::VERSION;
pub use redb::StorageBackend as Disk;
pub use writer::{Refused, Writer};

/// How the tables are laid out. Another is refused.
const FORMAT: u64 = 2;

const IDENTITY: TableDefinition<&str, &[u8]> = TableDefinition::new("identity");
const FORMAT_KEY: &str = "format";
const IDENTITY_KEY: &str = "identity";
/// Whether nobody has it open: there is something.
const CLOSED_KEY: &str = "closed";
/// By process, by the record's number in its log, and by the number of the piece.
const RECORDS: TableDefinition<(u16, u64, u32), &[u8]> = TableDefinition::new("records");
/// How many bytes a piece of a record has, but for the last: with what the engine puts beside them they fill its page.
const PIECE: usize = (1 << 15) - (1 << 6);

/// What takes up the room that is set aside, until there is enough of it.
const ROOM: TableDefinition<u64, &[u8]> = TableDefinition::new("room");
/// What stands behind that room, so that the file is not cut when it is free.
const END_OF_ROOM: TableDefinition<u64, &[u8]> = TableDefinition::new("end of room");
/// How much of it is written at once, in bytes; a page of the engine's, with its header. Of the size that records have, for the
/// system keeps what was written at once together, and looks through all of that when a part is written again.
const PIECE_OF_ROOM: usize = (1 << 16) - (1 << 10);

/// How much of the file is kept in memory, in bytes: records are written once and read once.
const CACHE_BYTES: usize = 16 << 20;

/// Whose a store is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster's name.
    pub cluster: String,
    /// The node's number in it.
    pub node: u64,
    /// What its processes run.
    pub protocol: String,
}

/// What was found when a store was opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Recovery {
    /// Whether it had not been closed ([`Store::close`]): of what was being written then nothing is left, or all. It
    /// was reported durable to nobody.
    pub was_interrupted: bool,
    /// How many records there are, of all processes.
    pub records: u64,
}

/// What is written at once: all of it, or none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Batch(Vec<(ProcessId, Write)>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Write {
    Append(Vec<u8>),
    Replace(Vec<Vec<u8>>),
}

impl Batch {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a record at the end of a process's log.
    ///
    /// # Errors
    ///
    /// If it cannot be encoded.
    pub fn append<P: Protocol>(
        &mut self,
        process: ProcessId,
        record: &P::Record,
    ) -> Result<(), Error> {
        let write = Write::Append(record::encode(record)?);
        self.0.push((process, write));
        Ok(())
    }

    /// Puts these records in the place of a process's log: the fewest whose fold is the same.
    ///
    /// # Errors
    ///
    /// If one cannot be encoded.
    pub fn replace<P: Protocol>(
        &mut self,
        process: ProcessId,
        durable: &P::Durable,
    ) -> Result<(), Error> {
        let records = P::records(durable);
        let encoded = records.iter().map(record::encode).collect::<Result<_, _>>();
        // What the process has written in this batch goes with the rest.
        self.0.retain(|(writer, _)| *writer != process);
        self.0.push((process, Write::Replace(encoded?)));
        Ok(())
    }

    /// Puts what another has behind what this has.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many bytes the records in it have.
    pub fn bytes(&self) -> usize {
        let bytes = |write: &Write| match write {
            Write::Append(record) => record.len(),
            Write::Replace(records) => records.iter().map(Vec::len).sum(),
        };
        self.0.iter().map(|(_, write)| bytes(write)).sum()
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The disk of a node.
#[derive(Debug)]
pub struct Store {
    database: Database,
    /// The number of each process's next record.
    next: BTreeMap<u16, u64>,
    has_failed: bool,
}

impl Store {
    /// A new node's store, in a directory that is empty or does not exist, with so many bytes of room, roughly, set aside.
    ///
    /// # Errors
    ///
    /// If there is something in the directory, or it cannot be written.
    pub fn create(directory: &Path, identity: &Identity, room: u64) -> Result<Self, Error> {
        let disk = directory::create(directory)?;
        let created = Self::create_on(disk, identity, room);
        match &created {
            Ok(_) => directory::finish(directory)?,
            Err(Error::InUse) => {}
            // What it takes up, of a disk that is full perhaps, is of no use.
            Err(_) => directory::abandon(directory)?,
        }
        created
    }

    /// The store of a node that has run before.
    ///
    /// # Errors
    ///
    /// If there is none, or it is another's, or it is damaged, or in use.
    pub fn open(directory: &Path, identity: &Identity) -> Result<(Self, Recovery), Error> {
        Self::open_on(directory::open(directory)?, identity)
    }

    /// A new node's store, on a disk that is empty, with so many bytes of room, roughly, set aside.
    ///
    /// # Errors
    ///
    /// If there is something on the disk, or it cannot be written.
    pub fn create_on(disk: impl Disk, identity: &Identity, room: u64) -> Result<Self, Error> {
        if disk.len()? != 0 {
            return Err(Error::NotEmpty);
        }
        let database = builder().create_with_backend(disk)?;
        set_aside(&database, room)?;
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(IDENTITY)?;
            table.insert(FORMAT_KEY, &FORMAT.to_le_bytes()[..])?;
            let identity = postcard::to_stdvec(identity).map_err(Error::NotEncoded)?;
            table.insert(IDENTITY_KEY, &identity[..])?;
            transaction.open_table(RECORDS)?;
        }
        transaction.commit()?;
        Ok(Self {
            database,
            next: BTreeMap::new(),
            has_failed: false,
        })
    }

    /// The store of a node that has run before, on its disk.
    ///
    /// # Errors
    ///
    /// If there is none, or it is another's, or it is damaged, or in use.
    pub fn open_on(disk: impl Disk, identity: &Identity) -> Result<(Self, Recovery), Error> {
        if disk.len()? == 0 {
            return Err(Error::Empty);
        }
        let mut builder = builder();
        // All of it is read anyway. This way what is damaged is refused, and not taken for a file that was closed.
        builder.set_check_integrity_on_open(true);
        let database = builder.create_with_backend(disk)?;
        check_identity(&database, identity)?;
        let was_interrupted = open_for_writing(&database)?;
        let mut next = BTreeMap::new();
        let (mut records, mut pieces) = (0, 0);
        let transaction = database.begin_read()?;
        for entry in transaction
            .open_table(RECORDS)?
            .range::<(u16, u64, u32)>(..)?
        {
            let (process, number, piece) = entry?.0.value();
            let missing = |number| Error::Missing {
                process: ProcessId(process),
                number,
            };
            if piece == 0 {
                let expected = next.insert(process, number + 1);
                if expected.is_some_and(|expected| expected != number) {
                    return Err(missing(number - 1));
                }
                (records, pieces) = (records + 1, 0);
            } else if next.get(&process) != Some(&(number + 1)) || piece != pieces {
                return Err(missing(number));
            }
            pieces += 1;
        }
        let recovery = Recovery {
            was_interrupted,
            records,
        };
        let store = Self {
            database,
            next,
            has_failed: false,
        };
        Ok((store, recovery))
    }

    /// What a process has written, in order.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or was not written by this version.
    pub fn read<P: Protocol>(&self, process: ProcessId) -> Result<Vec<P::Record>, Error> {
        let transaction = self.database.begin_read()?;
        let table = transaction.open_table(RECORDS)?;
        let mut records: Vec<P::Record> = Vec::new();
        // What was read of a record, and its number.
        let mut begun: Option<(u64, Vec<u8>)> = None;
        let decode = |(number, bytes): (u64, Vec<u8>)| record::decode(process, number, &bytes);
        for entry in table.range((process.0, 0, 0)..=(process.0, u64::MAX, u32::MAX))? {
            let (key, piece) = entry?;
            let (_, number, _) = key.value();
            match &mut begun {
                Some((begun, bytes)) if *begun == number => bytes.extend_from_slice(piece.value()),
                _ => {
                    let whole = begun.replace((number, piece.value().to_vec()));
                    records.extend(whole.map(decode).transpose()?);
                }
            }
        }
        records.extend(begun.map(decode).transpose()?);
        Ok(records)
    }

    /// Writes a batch: it is durable when this returns.
    ///
    /// # Errors
    ///
    /// If it could not be written: then nobody knows whether it is durable, and nothing more is written.
    pub fn write(&mut self, batch: Batch) -> Result<(), Error> {
        if self.has_failed {
            return Err(Error::Stopped);
        }
        let written = self.commit(batch);
        self.has_failed = written.is_err();
        written
    }

    /// Notes that it was not interrupted.
    ///
    /// # Errors
    ///
    /// If it could not be written, now or before.
    pub fn close(self) -> Result<(), Error> {
        if self.has_failed {
            return Err(Error::Stopped);
        }
        let transaction = self.database.begin_write()?;
        transaction
            .open_table(IDENTITY)?
            .insert(CLOSED_KEY, &[][..])?;
        transaction.commit()?;
        Ok(())
    }

    fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(RECORDS)?;
            for (ProcessId(process), write) in batch.0 {
                let next = self.next.entry(process).or_insert(0);
                let records = match write {
                    Write::Append(record) => vec![record],
                    Write::Replace(records) => {
                        table.retain_in((process, 0, 0)..(process, *next, 0), |_, _| false)?;
                        records
                    }
                };
                for record in records {
                    for (piece, bytes) in (0..).zip(record.chunks(PIECE)) {
                        table.insert((process, *next, piece), bytes)?;
                    }
                    *next += 1;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Has the engine's file grow, writes all of that, and frees it again.
fn set_aside(database: &Database, room: u64) -> Result<(), Error> {
    let piece = vec![0; PIECE_OF_ROOM];
    let pieces = room / PIECE_OF_ROOM as u64;
    if pieces == 0 {
        return Ok(());
    }
    for (table, pieces) in [(ROOM, pieces), (END_OF_ROOM, 1)] {
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(table)?;
            for number in 0..pieces {
                table.insert(number, &piece[..])?;
            }
        }
        transaction.commit()?;
    }
    let transaction = database.begin_write()?;
    transaction.delete_table(ROOM)?;
    transaction.commit()?;
    Ok(())
}

/// Notes that it is open. Returns whether it was not closed before.
fn open_for_writing(database: &Database) -> Result<bool, Error> {
    let transaction = database.begin_write()?;
    let was_closed = transaction
        .open_table(IDENTITY)?
        .remove(CLOSED_KEY)?
        .is_some();
    transaction.commit()?;
    Ok(!was_closed)
}

/// Refuses a store of another layout, and another's.
fn check_identity(database: &Database, expected: &Identity) -> Result<(), Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(IDENTITY) {
        // Nobody ever got as far as to name it: nothing was reported durable.
        Err(redb::TableError::TableDoesNotExist(_)) => return Err(Error::Empty),
        table => table?,
    };
    let format = table.get(FORMAT_KEY)?;
    let format = format.and_then(|bytes| Some(u64::from_le_bytes(bytes.value().try_into().ok()?)));
    if format != Some(FORMAT) {
        let found = format.unwrap_or_default();
        return Err(Error::Format { found });
    }
    let found = table.get(IDENTITY_KEY)?;
    let found = found.and_then(|bytes| postcard::from_bytes::<Identity>(bytes.value()).ok());
    match found {
        Some(found) if found == *expected => Ok(()),
        Some(found) => Err(Error::Foreign {
            found,
            expected: expected.clone(),
        }),
        None => Err(Error::Damaged("its identity cannot be read".to_owned())),
    }
}
