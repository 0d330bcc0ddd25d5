//! How much memory the checker keeps for each state and each step, the peak while its tables grow included.
//!
//! Bytes are counted by the allocator. The model's states own none, and few of them wait to be expanded, so
//! that the rest is what the checker keeps: at most 40 bytes a state (64 with 128-bit fingerprints), and 8 a
//! step where there are claims about fair runs. The sizes differ by little steps, so that one of them
//! meets the tables just grown. A part that is larger than allowed ends the benchmark with an error.

use std::process::ExitCode;

use comfy_table::{CellAlignment, Table, presets};
use peak_alloc::PeakAlloc;
use quorate_checker::{
    Condition, Exploration, Fairness, FingerprintBits, Options, Property, explore,
};
use stateright::Model;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Levels of so many states, from each of which three steps lead to the next level, and one back.
struct Levels {
    width: u64,
    depth: u64,
}

impl Model for Levels {
    type State = u64;
    type Action = u64;

    fn init_states(&self) -> Vec<u64> {
        (0..self.width).collect()
    }

    fn actions(&self, state: &u64, actions: &mut Vec<u64>) {
        let (level, place) = (state / self.width, state % self.width);
        actions
            .extend((0..3).map(|step| (level + 1) * self.width + (place * 7 + step) % self.width));
        actions.push(level.saturating_sub(9) * self.width + place);
    }

    fn next_state(&self, _: &u64, action: u64) -> Option<u64> {
        (action < self.width * self.depth).then_some(action)
    }
}

const WIDTH: u64 = 512;

/// The peak of bytes while a model of so many levels is explored, and what was found.
fn measure(depth: u64, is_liveness: bool, bits: FingerprintBits) -> (usize, Exploration<Levels>) {
    let model = Levels {
        width: WIDTH,
        depth,
    };
    let last = |model: &Levels, state: &u64| state / model.width + 1 == model.depth;
    let condition = match is_liveness {
        // False only in the end, so that the whole space is searched for fair components.
        true => Condition::InfinitelyOften(last),
        false => Condition::Sometimes(last),
    };
    let steps = Fairness::strong("each place", |model: &Levels, to| Some(to % model.width));
    let options = Options {
        fingerprint_bits: bits,
        ..Options::default()
    };
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let properties = [Property::holds("the last level", condition)];
    let exploration = explore(&model, &properties, &[steps], &options);
    (ALLOCATOR.peak_usage() - before, exploration)
}

fn main() -> ExitCode {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
        "fingerprints",
        "claims",
        "states",
        "steps",
        "bytes a state",
        "allowed",
        "its own account",
    ]);
    for column in 2..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut is_within = true;
    for (bits, allowed) in [
        (FingerprintBits::Bits64, 40.0),
        (FingerprintBits::Bits128, 64.0),
    ] {
        for (claims, is_liveness) in [("states", false), ("fair runs", true)] {
            // The worst of sizes that grow by a fiftieth each.
            let sizes = (0..10).map(|step| 2_000 * (100 + 2 * step) / 100);
            let measured = sizes.map(|depth| {
                let (peak, exploration) = measure(depth, is_liveness, bits);
                let states = exploration.progress.unique as f64;
                let of_states = peak.saturating_sub(8 * exploration.steps) as f64;
                (of_states / states, exploration)
            });
            let worst = measured.max_by(|(a, _), (b, _)| a.total_cmp(b));
            let (bytes, exploration) = worst.expect("there are sizes");
            let states = exploration.progress.unique;
            let steps = exploration.steps;
            let account = exploration.memory.states + exploration.memory.steps;
            table.add_row([
                format!("{} bits", bits.number()),
                claims.to_owned(),
                states.to_string(),
                steps.to_string(),
                format!("{bytes:.1}"),
                format!("{allowed:.0}"),
                format!(
                    "{:.1}",
                    account.saturating_sub(8 * steps) as f64 / states as f64
                ),
            ]);
            is_within &= bytes <= allowed;
        }
    }
    println!("{table}");
    match is_within {
        true => ExitCode::SUCCESS,
        false => {
            eprintln!("error: a state takes more bytes than is allowed");
            ExitCode::FAILURE
        }
    }
}
