//! What clients ask of a ledger.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use comfy_table::Table;
use futures_util::future::join_all;
use quorate::atomic_commit::COORDINATOR;
use quorate::ledger::Change;
use quorate::protocol::ProcessId;
use quorate::three_phase_commit::ThreePhaseCommit;
use quorate::two_phase_commit::TwoPhaseCommit;
use quorate_node::ledger::{Client, Status, Timed};
use quorate_node::transport::CallError;

use super::ClientArguments;
use super::config::{Cluster, Protocol};

/// Puts money on an account.
pub(crate) fn deposit(
    arguments: &ClientArguments,
    account: String,
    amount: i64,
) -> Result<ExitCode> {
    let change = Change {
        account,
        by: amount,
    };
    ask(arguments, async |client| {
        client.transfer(vec![change]).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Moves money.
pub(crate) fn transfer(
    arguments: &ClientArguments,
    from: String,
    to: String,
    amount: i64,
) -> Result<ExitCode> {
    let change = |account, by| Change { account, by };
    let changes = vec![change(from, -amount), change(to, amount)];
    ask(arguments, async |client| {
        client.transfer(changes).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Prints how much there is on an account.
pub(crate) fn balance(arguments: &ClientArguments, account: &str) -> Result<ExitCode> {
    ask(arguments, async |client| {
        println!("{}", client.balance(account).await?);
        Ok(ExitCode::SUCCESS)
    })
}

/// Lists what is in doubt.
pub(crate) fn in_doubt(arguments: &ClientArguments) -> Result<ExitCode> {
    ask(arguments, async |client| {
        let mut table = table(&["shard", "transaction", "account", "by"]);
        let mut is_all = true;
        for (node, _, status) in statuses(&client).await {
            if node == COORDINATOR {
                continue;
            }
            match status {
                Ok(status) => {
                    for (transaction, changes) in status.in_doubt {
                        for Change { account, by } in changes {
                            is_all = false;
                            let (shard, transaction) =
                                (node.0.to_string(), transaction.to_string());
                            table.add_row([shard, transaction, account, format!("{by:+}")]);
                        }
                    }
                }
                Err(error) => {
                    is_all = false;
                    eprintln!("quorate: shard {}: {error}", node.0);
                }
            }
        }
        if table.row_count() > 0 {
            println!("{table}");
        }
        Ok(match is_all {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    })
}

/// Prints how each node is.
pub(crate) fn status(arguments: &ClientArguments) -> Result<ExitCode> {
    ask(arguments, async |client| {
        let mut table = table(&[
            "node",
            "address",
            "role",
            "under way",
            "in doubt",
            "accounts",
        ]);
        let mut are_up = true;
        for (node, address, status) in statuses(&client).await {
            let role = match node {
                COORDINATOR => "coordinator",
                _ => "shard",
            };
            let mut row = vec![node.0.to_string(), address, role.to_owned()];
            match status {
                Ok(status) => row.extend([
                    status.under_way.to_string(),
                    status.in_doubt.len().to_string(),
                    status.accounts.to_string(),
                ]),
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

async fn statuses(client: &Client) -> Vec<(ProcessId, String, Result<Status, CallError>)> {
    let nodes: Vec<_> = client.nodes().collect();
    let all = nodes.into_iter().map(async |(node, address)| {
        let status = client.status(node).await;
        (node, address.to_string(), status)
    });
    join_all(all).await
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    table
}

/// A client of a cluster that has accounts.
pub(crate) fn client(cluster: &Cluster, patience: Duration) -> Client {
    let protocol = match cluster.protocol {
        Protocol::ThreePhaseCommit => {
            ThreePhaseCommit::<quorate::three_phase_commit::Published>::NAME
        }
        Protocol::TwoPhaseCommit | Protocol::Raft | Protocol::Paxos => {
            TwoPhaseCommit::<quorate::two_phase_commit::Published>::NAME
        }
    };
    Client::new(&cluster.name, protocol, cluster.nodes.clone(), patience)
}

fn ask(
    arguments: &ClientArguments,
    what: impl AsyncFnOnce(Client) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let cluster = Cluster::read_with(&arguments.config, "accounts")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(what(client(&cluster, arguments.timeout)))
}
