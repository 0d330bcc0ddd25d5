//! Load on a cluster, and what comes of it: what benchmarks of Quorate, and of others beside it, have in common.
//!
//! Clients are in a *closed loop*: each has one request under way, and makes the next when that is answered. So throughput is
//! what so many clients get, and latency what each of them sees.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

mod counted;
mod machine;
mod plot;

pub use counted::Counted;
pub use machine::{Disk, cpu_time, free_ports};
pub use plot::plot;

/// What was measured.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Measured {
    /// Of what system.
    pub system: String,
    /// What clients did.
    pub work: String,
    /// How many of them.
    pub clients: usize,
    /// How much they got, together.
    pub operations_per_second: f64,
    /// In half of the cases it took no longer.
    pub p50_milliseconds: f64,
    /// In 99 of 100.
    pub p99_milliseconds: f64,
    /// In 999 of 1000.
    pub p999_milliseconds: f64,
    /// Of all processes of the cluster.
    pub cpu_microseconds_per_operation: f64,
    /// Of the clients.
    pub client_cpu_microseconds_per_operation: f64,
    /// How often its nodes have synced their disks, if that was counted.
    #[serde(default)]
    pub syncs_per_operation: Option<f64>,
    /// How many messages they have sent each other, if that was counted.
    #[serde(default)]
    pub messages_per_operation: Option<f64>,
}

/// What is measured, and how long.
#[derive(Clone, Debug)]
pub struct Load<'a> {
    /// The system's name.
    pub system: &'a str,
    /// What clients do.
    pub work: &'a str,
    /// The processes of the cluster.
    pub processes: &'a [u32],
    /// Where its nodes tell Prometheus what they have done, if that is to be counted.
    pub metrics: &'a [SocketAddr],
    /// How long, after a time of the same length, or a second, to warm up.
    pub time: Duration,
}

impl Load<'_> {
    /// Has these clients do this again and again.
    ///
    /// # Errors
    ///
    /// The first of the operation's, and if the times of the processes cannot be read.
    pub async fn measure<C, E>(
        &self,
        clients: &mut [C],
        operation: impl AsyncFn(&mut C) -> Result<(), E>,
    ) -> Result<Measured, E>
    where
        E: From<std::io::Error>,
    {
        let warm_up = self.time.min(Duration::from_secs(1));
        closed_loop(clients, warm_up, &operation).await?;
        let own_process = [std::process::id()];
        let cpu = cpu_time(self.processes)?;
        let own = cpu_time(&own_process)?;
        let counted = Counted::of_all(self.metrics).await?;
        let (latencies, elapsed) = closed_loop(clients, self.time, &operation).await?;
        let cpu = cpu_time(self.processes)?.saturating_sub(cpu);
        let own = cpu_time(&own_process)?.saturating_sub(own);
        let counted = Counted::of_all(self.metrics).await? - counted;
        let count = latencies.len() as f64;
        let per_operation = |number: f64| (!self.metrics.is_empty()).then_some(number / count);
        let milliseconds = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        Ok(Measured {
            system: self.system.to_owned(),
            work: self.work.to_owned(),
            clients: clients.len(),
            operations_per_second: count / elapsed.as_secs_f64(),
            p50_milliseconds: milliseconds(0.5),
            p99_milliseconds: milliseconds(0.99),
            p999_milliseconds: milliseconds(0.999),
            cpu_microseconds_per_operation: cpu.as_secs_f64() * 1e6 / count,
            client_cpu_microseconds_per_operation: own.as_secs_f64() * 1e6 / count,
            syncs_per_operation: per_operation(counted.syncs),
            messages_per_operation: per_operation(counted.messages),
        })
    }
}

/// What all clients do for so long: latencies in microseconds, and how long it was.
async fn closed_loop<C, E>(
    clients: &mut [C],
    time: Duration,
    operation: &impl AsyncFn(&mut C) -> Result<(), E>,
) -> Result<(Histogram<u64>, Duration), E> {
    let begin = Instant::now();
    // Of microseconds, up to an hour, by three digits. One for all: a thousand of them are no more in any cache.
    let latencies = Histogram::new_with_bounds(1, 3_600_000_000, 3);
    let latencies = RefCell::new(latencies.expect("bounds that make sense"));
    let clients = clients.iter_mut().map(async |client| {
        let mut asked = begin;
        while asked - begin < time {
            operation(client).await?;
            let answered = Instant::now();
            let latency = (answered - asked).as_micros() as u64;
            latencies.borrow_mut().saturating_record(latency);
            asked = answered;
        }
        Ok::<_, E>(())
    });
    try_join_all(clients).await?;
    Ok((latencies.into_inner(), begin.elapsed()))
}

/// What was measured, for people.
pub fn table(measured: &[Measured]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    let is_counted = measured.iter().any(|row| row.syncs_per_operation.is_some());
    let counted: &[&str] = match is_counted {
        true => &["syncs/operation", "messages/operation"],
        false => &[],
    };
    let header = [
        "",
        "",
        "clients",
        "operations/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "CPU µs/operation",
        "of clients",
    ];
    table.set_header(header.iter().chain(counted));
    for row in measured {
        let mut cells = vec![
            row.system.clone(),
            row.work.clone(),
            row.clients.to_string(),
            format!("{:.0}", row.operations_per_second),
            format!("{:.2}", row.p50_milliseconds),
            format!("{:.2}", row.p99_milliseconds),
            format!("{:.2}", row.p999_milliseconds),
            format!("{:.1}", row.cpu_microseconds_per_operation),
            format!("{:.1}", row.client_cpu_microseconds_per_operation),
        ];
        let counted = [row.syncs_per_operation, row.messages_per_operation];
        cells.extend(
            counted
                .into_iter()
                .flatten()
                .map(|count| format!("{count:.2}")),
        );
        table.add_row(cells);
    }
    table
        .column_iter_mut()
        .skip(2)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}
