//! What waits to be sent by one connection: bytes, so many and no more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;

use super::{Error, Settings, frame};

/// What waits to be sent by one connection. Whoever puts something in never waits.
#[derive(Debug)]
pub struct Outbox {
    waiting: Mutex<Waiting>,
    changed: Notify,
    frame_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Waiting {
    frames: Vec<u8>,
    is_open: bool,
}

impl Outbox {
    /// Of a connection that there is.
    pub fn new(settings: &Settings) -> Self {
        let outbox = Self::closed(settings);
        outbox.open();
        outbox
    }

    /// Of a connection that there is not yet.
    pub(super) fn closed(settings: &Settings) -> Self {
        let waiting = Waiting {
            frames: Vec::new(),
            is_open: false,
        };
        Self {
            waiting: Mutex::new(waiting),
            changed: Notify::new(),
            frame_max: settings.frame_max,
            bytes_max: settings.outbox_max,
        }
    }

    /// There is a connection now.
    pub(super) fn open(&self) {
        self.lock().is_open = true;
    }

    /// There is none any more: what waits is dropped.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.is_open = false;
        waiting.frames = Vec::new();
    }

    /// Puts a message in, to be sent after those that wait.
    ///
    /// # Errors
    ///
    /// If it is too long, or there is no room, or no connection: it is dropped.
    pub fn put(&self, message: &impl Serialize) -> Result<(), Error> {
        let mut waiting = self.lock();
        if !waiting.is_open {
            return Err(Error::Closed);
        }
        if waiting.frames.len() >= self.bytes_max {
            return Err(Error::Full);
        }
        let was_empty = waiting.frames.is_empty();
        frame::put(&mut waiting.frames, message, self.frame_max)?;
        drop(waiting);
        if was_empty {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Takes out all that waits, once something does. The bytes that are given back are used for what comes next.
    pub(super) async fn take(&self, mut sent: Vec<u8>) -> Vec<u8> {
        sent.clear();
        while !self.swap(&mut sent) {
            self.changed.notified().await;
        }
        sent
    }

    /// Puts what waits in the place of these bytes, and those in its place, if anything waits.
    fn swap(&self, bytes: &mut Vec<u8>) -> bool {
        let mut waiting = self.lock();
        let any_waits = !waiting.frames.is_empty();
        if any_waits {
            std::mem::swap(&mut waiting.frames, bytes);
        }
        any_waits
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
