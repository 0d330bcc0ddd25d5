//! Where a replica writes, whosever it is.

use std::path::Path;

use anyhow::{Result, bail};
use quorate_node::storage::{Batch, Identity, Refused, Store, Writer};

use super::bare_file::BareFile;

/// On what replicas write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum On {
    /// Quorate's store, from which everything can be read back.
    Store,
    /// A file to which as many bytes are appended.
    File,
}

/// Where a replica writes.
pub enum Disk {
    Store(Writer),
    File(BareFile),
}

impl Disk {
    /// A new one, of the replica of this number. So many batches may wait.
    pub fn new(on: On, directory: &Path, number: u64, batches_max: usize) -> Result<Self> {
        let path = directory.join(number.to_string());
        match on {
            On::Store => {
                let identity = Identity {
                    cluster: "in process".to_owned(),
                    node: number,
                    protocol: "raft".to_owned(),
                };
                let store = Store::create(&path, &identity, 0)?;
                Ok(Self::Store(Writer::new(store, batches_max)))
            }
            On::File => Ok(Self::File(BareFile::new(&path)?)),
        }
    }

    /// Has it written. Gives it back if there is no room now.
    pub fn write(
        &self,
        batch: Batch,
        done: impl FnOnce(bool) + Send + 'static,
    ) -> Result<Option<Batch>> {
        match self {
            Self::Store(writer) => {
                match writer.write(batch, move |written| done(written.is_ok())) {
                    Ok(()) => Ok(None),
                    Err(Refused::Full(batch)) => Ok(Some(batch)),
                    Err(refused) => bail!("{refused}"),
                }
            }
            Self::File(file) => {
                let bytes = vec![0; batch.bytes()];
                file.write(bytes, move |written| done(written.is_ok()));
                Ok(None)
            }
        }
    }
}
