//! The file of a store, and the directory that it is in.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use redb::backends::FileBackend;

use super::Error;

const FILE: &str = "quorate.redb";
/// What it is called until it is a store.
const UNFINISHED: &str = "quorate.redb.unfinished";

/// The file of a store that is being made. What was left of an attempt that came to no end is overwritten: nothing was ever
/// promised on it.
pub(super) fn create(directory: &Path) -> Result<FileBackend, Error> {
    fs::create_dir_all(directory)?;
    for entry in fs::read_dir(directory)? {
        if entry?.file_name() != UNFINISHED {
            return Err(Error::NotEmpty);
        }
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(directory.join(UNFINISHED))?;
    match file.try_lock() {
        Ok(()) => file.set_len(0)?,
        Err(TryLockError::WouldBlock) => return Err(Error::InUse),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    // The engine has locks of its own.
    file.unlock()?;
    backend(file)
}

/// Removes the file of a store that cannot be made.
pub(super) fn abandon(directory: &Path) -> Result<(), Error> {
    Ok(fs::remove_file(directory.join(UNFINISHED))?)
}

/// Gives the file of a store its name, durably.
pub(super) fn finish(directory: &Path) -> Result<(), Error> {
    fs::rename(directory.join(UNFINISHED), directory.join(FILE))?;
    File::open(directory)?.sync_all()?;
    if let Some(parent) = directory.canonicalize()?.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// The file of a store that there is.
pub(super) fn open(directory: &Path) -> Result<FileBackend, Error> {
    let mut options = OpenOptions::new();
    match options.read(true).write(true).open(directory.join(FILE)) {
        Ok(file) => backend(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match directory.join(UNFINISHED).try_exists()? {
                true => Err(Error::Unfinished),
                false => Err(Error::Empty),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn backend(file: File) -> Result<FileBackend, Error> {
    Ok(FileBackend::new(file)?)
}
