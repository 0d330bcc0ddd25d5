//! Load whose history is recorded: who the clients are, and values that are easily judged.

use std::cell::Cell;
use std::path::Path;

use anyhow::{Context, Error, Result};
use bytes::Bytes;
use quorate_command::history::{End, Operation, Recorder};

/// A history in the making. All clients are in one thread.
pub(super) struct Recording {
    recorder: Recorder,
    values: Cell<u64>,
    processes: Cell<u64>,
}

/// What a value is filled up with.
const FILLER: u8 = b'.';

impl Recording {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let recorder = Recorder::create(path).with_context(|| format!("{}", path.display()))?;
        Ok(Self {
            recorder,
            values: Cell::new(0),
            processes: Cell::new(0),
        })
    }

    /// A number that no process has had.
    pub(super) fn process(&self) -> u64 {
        next(&self.processes)
    }

    /// A value of this length, or of one that suffices, which was not written before: so a history is easily judged.
    pub(super) fn value(&self, bytes: usize) -> Bytes {
        let mut value = next(&self.values).to_string().into_bytes();
        value.resize(value.len().max(bytes), FILLER);
        value.into()
    }

    /// Records the write of a value. If it fails, its outcome stays unknown.
    pub(super) async fn write<T, E: Into<Error>>(
        &self,
        process: u64,
        key: &str,
        value: &Bytes,
        done: impl Future<Output = Result<T, E>>,
    ) -> Result<T> {
        let write = Operation::Write(Some(unfilled(value)));
        self.recorder.invoked(process, key.as_bytes(), write)?;
        let result = done.await.map_err(Into::into)?;
        let recorder = &self.recorder;
        recorder.ended(process, key.as_bytes(), write, End::Written)?;
        Ok(result)
    }

    /// Records a read.
    pub(super) async fn read<E: Into<Error>>(
        &self,
        process: u64,
        key: &str,
        done: impl Future<Output = Result<Option<Bytes>, E>>,
    ) -> Result<Option<Bytes>> {
        let recorder = &self.recorder;
        recorder.invoked(process, key.as_bytes(), Operation::Read)?;
        let value = done.await.map_err(Into::into)?;
        let read = End::Read(value.as_deref().map(unfilled));
        recorder.ended(process, key.as_bytes(), Operation::Read, read)?;
        Ok(value)
    }

    pub(super) fn finish(&self) -> Result<()> {
        Ok(self.recorder.flush()?)
    }
}

fn unfilled(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| *byte != FILLER);
    &value[..end.map_or(0, |end| end + 1)]
}

fn next(counter: &Cell<u64>) -> u64 {
    counter.replace(counter.get() + 1)
}
