//! What clients ask of registers.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use comfy_table::Table;
use futures_util::future::join_all;
use quorate_node::registers::Client;

use super::ClientArguments;
use super::config::Cluster;

/// Writes a register, unless something is written there.
pub(crate) fn write(arguments: &ClientArguments, name: String, value: String) -> Result<ExitCode> {
    ask(arguments, async |client| {
        let value = Bytes::from(value);
        let holds = client.write(name, value.clone()).await?;
        if holds == value {
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!(
            "quorate: it has been written, and holds for good: {}",
            String::from_utf8_lossy(&holds)
        );
        Ok(ExitCode::FAILURE)
    })
}

/// Prints what a register holds.
pub(crate) fn read(arguments: &ClientArguments, name: String) -> Result<ExitCode> {
    ask(arguments, async |client| {
        let Some(value) = client.read(name).await? else {
            eprintln!("quorate: nothing has been written there");
            return Ok(ExitCode::FAILURE);
        };
        let mut out = std::io::stdout().lock();
        out.write_all(&value)?;
        out.write_all(b"\n")?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Prints how each node is.
pub(crate) fn status(arguments: &ClientArguments) -> Result<ExitCode> {
    ask(arguments, async |client| {
        let nodes: Vec<_> = client.nodes().collect();
        let all = join_all(nodes.iter().map(|(node, _)| client.status(*node))).await;
        let mut table = Table::new();
        table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
        table.set_header(["node", "address", "chosen", "open", "waiting"]);
        let mut are_up = true;
        for ((node, address), status) in nodes.iter().zip(all) {
            let mut row = vec![node.0.to_string(), address.to_string()];
            match status {
                Ok(status) => {
                    let counts = [status.chosen, status.open, status.waiting];
                    row.extend(counts.map(|count| count.to_string()));
                }
                Err(error) => {
                    are_up = false;
                    row.push(error.why().to_owned());
                }
            }
            table.add_row(row);
        }
        println!("{table}");
        Ok(match are_up {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    })
}

/// A client of a cluster that has registers.
pub(crate) fn client(cluster: &Cluster, patience: Duration) -> Client {
    Client::new(&cluster.name, cluster.nodes.clone(), patience)
}

fn ask(
    arguments: &ClientArguments,
    what: impl AsyncFnOnce(Client) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let cluster = Cluster::read_with(&arguments.config, "registers")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(what(client(&cluster, arguments.timeout)))
}
