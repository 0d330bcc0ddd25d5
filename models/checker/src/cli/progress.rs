//! Progress: a line that changes on a terminal, plain lines now and then elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::Progress;

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Watches one search, on standard error.
pub struct Watch {
    what: String,
    bar: Option<ProgressBar>,
    last_line: Mutex<Instant>,
}

impl Watch {
    /// Begins to watch.
    pub fn start(what: String) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {prefix}  {msg}")
                .expect("the template is well-formed");
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.set_prefix(what.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self {
            what,
            bar,
            last_line: Mutex::new(Instant::now()),
        }
    }

    /// Shows how far the search has come.
    pub fn report(&self, progress: &Progress) {
        let rate = progress.unique as f64 / progress.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        let line = format!(
            "{} states, {} a second, frontier {}, depth {}",
            HumanCount(progress.unique as u64),
            HumanCount(rate as u64),
            HumanCount(progress.frontier as u64),
            progress.depth
        );
        if let Some(bar) = &self.bar {
            bar.set_message(line);
        } else if let Ok(mut last) = self.last_line.lock()
            && last.elapsed() >= LINE_EVERY
        {
            *last = Instant::now();
            eprintln!("{}: {line}", self.what);
        }
    }

    /// Ends, with what came out.
    pub fn finish(self, line: Option<String>) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        if let Some(line) = line {
            eprintln!("{}: {line}", self.what);
        }
    }
}
