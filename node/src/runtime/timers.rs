//! Timers that are set, and when they fire.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The timers of a process that are set. There are few.
#[derive(Clone, Debug)]
pub struct Timers<Timer>(BTreeMap<Timer, Instant>);

impl<Timer> Default for Timers<Timer> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<Timer: Ord + Clone> Timers<Timer> {
    /// Sets one, or sets it anew: it fires after so long. One that would never fire within what the clock can tell never does.
    pub fn set(&mut self, timer: Timer, now: Instant, after: Duration) {
        match now.checked_add(after) {
            Some(at) => self.0.insert(timer, at),
            None => self.0.remove(&timer),
        };
    }

    /// Stops one.
    pub fn cancel(&mut self, timer: &Timer) {
        self.0.remove(timer);
    }

    /// When the next one fires.
    pub fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Takes out one that has fired by now: the earliest.
    pub fn fired(&mut self, now: Instant) -> Option<Timer> {
        let (timer, at) = self.0.iter().min_by_key(|(_, at)| **at)?;
        if *at > now {
            return None;
        }
        let timer = timer.clone();
        self.0.remove(&timer);
        Some(timer)
    }
}
