//! A disk in memory that forgets what was not synced, fills up, and fails when told to: for tests.

use std::fmt::{self, Debug};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// A disk in memory. What was written and not synced is there until [`ForgetfulDisk::crash`]; then any of it may be gone.
///
/// Clones are the same disk.
#[derive(Clone)]
pub struct ForgetfulDisk(Arc<Mutex<Contents>>);

/// What becomes of a write that was not synced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Survives {
    /// It is on disk all the same.
    Whole,
    /// So many of its bytes are, or all if there are fewer.
    Prefix(usize),
    /// It is gone.
    Not,
}

#[derive(Clone, Debug)]
enum Operation {
    Write(u64, Vec<u8>),
    SetLength(u64),
}

struct Contents {
    /// What a reader sees.
    now: Vec<u8>,
    /// What a crash leaves for sure.
    synced: Vec<u8>,
    /// What was done since then, in order.
    unsynced: Vec<Operation>,
    /// How many more operations succeed.
    operations_left: Option<usize>,
    /// How many more syncs succeed.
    syncs_left: Option<usize>,
    /// How many bytes there is room for.
    room: Option<u64>,
    operations: usize,
    syncs: usize,
}

impl Operation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, data) => {
                let begin = *offset as usize;
                let end = begin + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[begin..end].copy_from_slice(data);
            }
            Self::SetLength(length) => bytes.resize(*length as usize, 0),
        }
    }
}

impl Default for ForgetfulDisk {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Debug for ForgetfulDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let contents = self.contents();
        write!(
            f,
            "ForgetfulDisk({} bytes, {} operations not synced)",
            contents.now.len(),
            contents.unsynced.len()
        )
    }
}

impl ForgetfulDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk that holds this, durably.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Contents {
            now: bytes.clone(),
            synced: bytes,
            unsynced: Vec::new(),
            operations_left: None,
            syncs_left: None,
            room: None,
            operations: 0,
            syncs: 0,
        })))
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        // Whoever panicked did so between operations.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails every operation after so many more: as if the power were off.
    pub fn fail_after(&self, operations: usize) {
        self.contents().operations_left = Some(operations);
    }

    /// Fails every sync after so many more.
    pub fn fail_syncs_after(&self, syncs: usize) {
        self.contents().syncs_left = Some(syncs);
    }

    /// Has room for so many bytes from now on.
    pub fn fill_up_at(&self, bytes: u64) {
        self.contents().room = Some(bytes);
    }

    /// How many operations there were.
    pub fn operations(&self) -> usize {
        self.contents().operations
    }

    /// How many syncs there were.
    pub fn syncs(&self) -> usize {
        self.contents().syncs
    }

    /// How many writes are not synced.
    pub fn unsynced(&self) -> usize {
        self.contents().unsynced.len()
    }

    /// All bytes that a reader sees.
    pub fn bytes(&self) -> Vec<u8> {
        self.contents().now.clone()
    }

    /// What a crash leaves: all that was synced, and of each later operation, by its number, what survives. A
    /// change of the length survives if any of it does.
    pub fn crash(&self, mut survives: impl FnMut(usize) -> Survives) -> Self {
        let contents = self.contents();
        let mut bytes = contents.synced.clone();
        for (number, operation) in contents.unsynced.iter().enumerate() {
            match (survives(number), operation) {
                (Survives::Not, _) => {}
                (Survives::Prefix(length), Operation::Write(offset, data)) => {
                    let data = data[..length.min(data.len())].to_vec();
                    Operation::Write(*offset, data).apply(&mut bytes);
                }
                (Survives::Whole | Survives::Prefix(_), operation) => operation.apply(&mut bytes),
            }
        }
        Self::of(bytes)
    }
}

impl Contents {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        take(&mut self.operations_left, "the power is off")
    }

    fn change(&mut self, operation: Operation) -> io::Result<()> {
        self.operate()?;
        let end = match &operation {
            Operation::Write(offset, data) => offset + data.len() as u64,
            Operation::SetLength(length) => *length,
        };
        if self.room.is_some_and(|room| end > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        operation.apply(&mut self.now);
        self.unsynced.push(operation);
        Ok(())
    }
}

/// One of so many; none is left when there are no more.
fn take(left: &mut Option<usize>, otherwise: &str) -> io::Result<()> {
    match left {
        None => Ok(()),
        Some(0) => Err(io::Error::other(otherwise)),
        Some(left) => {
            *left -= 1;
            Ok(())
        }
    }
}

impl StorageBackend for ForgetfulDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.contents().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let contents = self.contents();
        let end = offset.checked_add(out.len() as u64);
        match end.and_then(|end| contents.now.get(offset as usize..end as usize)) {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.contents().change(Operation::SetLength(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut contents = self.contents();
        contents.operate()?;
        take(&mut contents.syncs_left, "the sync has failed")?;
        contents.syncs += 1;
        contents.unsynced.clear();
        contents.synced = contents.now.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.contents()
            .change(Operation::Write(offset, data.to_vec()))
    }
}
