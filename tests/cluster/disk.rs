//! A disk that forgets what was not synced when its process is killed: as a machine does that loses power.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use redb::StorageBackend;

/// How long a sync takes: as on a disk that turns.
const SYNC: Duration = Duration::from_millis(8);

/// A file, and what was written since the last sync: in memory only.
#[derive(Debug)]
pub struct PowerLoss {
    file: File,
    contents: Mutex<Contents>,
    /// Whether a sync does what it says.
    syncs: bool,
}

#[derive(Debug)]
struct Contents {
    now: Vec<u8>,
    /// Parts that were written since: begin and end.
    unsynced: Vec<(usize, usize)>,
}

impl PowerLoss {
    /// The disk with this file.
    pub fn open(path: &Path, syncs: bool) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let contents = Contents {
            now: std::fs::read(path)?,
            unsynced: Vec::new(),
        };
        Ok(Self {
            file,
            contents: Mutex::new(contents),
            syncs,
        })
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for PowerLoss {
    fn len(&self) -> io::Result<u64> {
        Ok(self.contents().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let begin = offset as usize;
        let contents = self.contents();
        let bytes = contents.now.get(begin..begin + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.contents().now.resize(length as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        if !self.syncs {
            return Ok(());
        }
        sleep(SYNC);
        let mut contents = self.contents();
        // That a sync is all or nothing is no claim of this test; tests/nodes/storage.rs has those that are torn.
        self.file.set_len(contents.now.len() as u64)?;
        let length = contents.now.len();
        for (begin, end) in std::mem::take(&mut contents.unsynced) {
            let end = end.min(length);
            if begin < end {
                self.file
                    .write_all_at(&contents.now[begin..end], begin as u64)?;
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let begin = offset as usize;
        let end = begin + data.len();
        let mut contents = self.contents();
        if contents.now.len() < end {
            contents.now.resize(end, 0);
        }
        contents.now[begin..end].copy_from_slice(data);
        contents.unsynced.push((begin, end));
        Ok(())
    }
}
