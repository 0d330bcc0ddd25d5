//! The file of a store, and the directory that it is in.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use redb::backends::FileBackend;

use super::Error;

const FILE: &str = "quorate.redb";

/// The file of a new store. Its name is durable.
pub(super) fn create(directory: &Path) -> Result<FileBackend, Error> {
    fs::create_dir_all(directory)?;
    if fs::read_dir(directory)?.next().is_some() {
        return Err(Error::NotEmpty);
    }
    let mut options = OpenOptions::new();
    let path = directory.join(FILE);
    let file = options.read(true).write(true).create_new(true).open(path)?;
    File::open(directory)?.sync_all()?;
    if let Some(parent) = directory.canonicalize()?.parent() {
        File::open(parent)?.sync_all()?;
    }
    backend(file)
}

/// The file of a store that there is.
pub(super) fn open(directory: &Path) -> Result<FileBackend, Error> {
    let mut options = OpenOptions::new();
    match options.read(true).write(true).open(directory.join(FILE)) {
        Ok(file) => backend(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Empty),
        Err(error) => Err(error.into()),
    }
}

fn backend(file: File) -> Result<FileBackend, Error> {
    Ok(FileBackend::new(file)?)
}
