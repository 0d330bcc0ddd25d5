//! Group commit: while one sync runs, all that others want written waits for the next, and shares it.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use metrics::counter;

use super::{Batch, Error, Store};

/// What is called when a batch is durable, or is known not to become so.
type Done = Box<dyn FnOnce(Result<(), Arc<Error>>) + Send>;

/// A thread that writes what it is given, and syncs once for all that has come meanwhile.
#[derive(Debug)]
pub struct Writer {
    queue: Option<SyncSender<(Batch, Done)>>,
    thread: Option<JoinHandle<Store>>,
}

/// A batch is not taken.
#[derive(Debug)]
pub enum Refused {
    /// As many wait as may: here it is again, for later.
    Full(Batch),
    /// The writer has come to an end.
    Ended,
}

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => write!(f, "too much waits for the disk: try again later"),
            Self::Ended => write!(f, "the writer has come to an end: start the node again"),
        }
    }
}

impl std::error::Error for Refused {}

impl Writer {
    /// Writes to this store; at most so many batches wait.
    pub fn new(store: Store, batches_max: usize) -> Self {
        let (sender, receiver) = sync_channel(batches_max);
        let writer = thread::Builder::new().name("writer".to_owned());
        let thread = writer.spawn(move || write_all(store, &receiver, batches_max));
        let thread = thread.expect("the operating system has room for a thread");
        Self {
            queue: Some(sender),
            thread: Some(thread),
        }
    }

    /// Has a batch written, and then calls `done`: with an error if it could not be written, as all that come after it.
    ///
    /// # Errors
    ///
    /// If too many wait, or the writer has come to an end.
    pub fn write(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<(), Arc<Error>>) + Send + 'static,
    ) -> Result<(), Refused> {
        let Some(queue) = &self.queue else {
            return Err(Refused::Ended);
        };
        queue
            .try_send((batch, Box::new(done)))
            .map_err(|error| match error {
                TrySendError::Full((batch, _)) => Refused::Full(batch),
                TrySendError::Disconnected(_) => Refused::Ended,
            })
    }

    /// Writes what waits, and gives the store back; nothing if the thread has panicked.
    pub fn finish(mut self) -> Option<Store> {
        self.queue = None;
        self.thread.take()?.join().ok()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It has told whoever waited; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

fn write_all(mut store: Store, queue: &Receiver<(Batch, Done)>, batches_max: usize) -> Store {
    let syncs = counter!("quorate_syncs_total");
    let mut failure: Option<Arc<Error>> = None;
    let mut waiting = Vec::new();
    while let Ok((mut batch, done)) = queue.recv() {
        waiting.push(done);
        for (more, done) in queue.try_iter().take(batches_max) {
            batch.extend(more);
            waiting.push(done);
        }
        if failure.is_none() {
            failure = store.write(batch).err().map(Arc::new);
            syncs.increment(1);
        }
        for done in waiting.drain(..) {
            done(match &failure {
                None => Ok(()),
                Some(error) => Err(Arc::clone(error)),
            });
        }
    }
    store
}
