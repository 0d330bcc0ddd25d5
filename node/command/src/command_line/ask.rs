//! What clients ask.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use comfy_table::Table;
use futures_util::future::join_all;
use quorate_node::key_value::{Client, Query, Reply, Role, Session, Status};

use super::ClientArguments;
use super::config::Cluster;

/// Gives a key a value.
pub(crate) fn put(arguments: &ClientArguments, key: String, value: String) -> Result<ExitCode> {
    in_session(arguments, async |session| {
        session.put(key.into(), value.into()).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Prints the value of a key.
pub(crate) fn get(arguments: &ClientArguments, key: String) -> Result<ExitCode> {
    ask(arguments, async |client| {
        match client.get(key.into()).await? {
            Some(value) => {
                print(&[&value])?;
                Ok(ExitCode::SUCCESS)
            }
            None => {
                eprintln!("quorate: there is no such key");
                Ok(ExitCode::FAILURE)
            }
        }
    })
}

/// Takes a key out.
pub(crate) fn delete(arguments: &ClientArguments, key: String) -> Result<ExitCode> {
    in_session(arguments, async |session| {
        let was_there = session.delete(key.into()).await?;
        if !was_there {
            eprintln!("quorate: there is no such key");
        }
        Ok(done_if(was_there))
    })
}

/// Gives a key a value if it has the one that is expected.
pub(crate) fn compare_and_swap(
    arguments: &ClientArguments,
    key: String,
    expected: Option<String>,
    new: Option<String>,
) -> Result<ExitCode> {
    in_session(arguments, async |session| {
        let (expected, new) = (expected.map(Bytes::from), new.map(Bytes::from));
        let swapped = session.compare_and_swap(key.into(), expected, new).await?;
        if !swapped {
            eprintln!("quorate: it has another value");
        }
        Ok(done_if(swapped))
    })
}

/// Prints keys and values.
pub(crate) fn range(
    arguments: &ClientArguments,
    from: String,
    to: Option<String>,
    limit: u64,
) -> Result<ExitCode> {
    ask(arguments, async |client| {
        let query = Query::Range {
            from: from.into(),
            to: to.map(Bytes::from),
            limit,
        };
        if let Reply::Pairs { pairs, more } = client.read(query).await? {
            for (key, value) in &pairs {
                print(&[key, b"\t", value])?;
            }
            if more {
                eprintln!(
                    "quorate: there are more; ask from behind the last, or with a higher --limit"
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Prints how each node is.
pub(crate) fn status(arguments: &ClientArguments) -> Result<ExitCode> {
    ask(arguments, async |client| {
        let nodes: Vec<_> = client.nodes().collect();
        let all = nodes.iter().map(|(node, _)| client.status(*node));
        let all = join_all(all).await;
        let leads = |status: &&Status| status.role == Role::Leader;
        let leader = all
            .iter()
            .flatten()
            .filter(leads)
            .max_by_key(|status| status.term);
        let mut table = Table::new();
        table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
        table.set_header([
            "node",
            "address",
            "role",
            "term",
            "committed",
            "log",
            "snapshot",
            "keys",
            "behind the leader",
        ]);
        for ((node, address), status) in nodes.iter().zip(&all) {
            let mut row = vec![node.0.to_string(), address.to_string()];
            match status {
                Ok(status) => {
                    let behind = leader.map(|leader| leader.commit.saturating_sub(status.commit));
                    row.extend([
                        role(status.role).to_owned(),
                        status.term.to_string(),
                        status.commit.to_string(),
                        status.last.to_string(),
                        status.snapshot.to_string(),
                        status.keys.to_string(),
                        behind
                            .map_or_else(|| "nobody leads".to_owned(), |behind| behind.to_string()),
                    ]);
                }
                Err(error) => row.push(error.why().to_owned()),
            }
            table.add_row(row);
        }
        println!("{table}");
        Ok(done_if(leader.is_some()))
    })
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}

fn done_if(done: bool) -> ExitCode {
    match done {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// A line of bytes, whatever they are.
fn print(parts: &[&[u8]]) -> Result<()> {
    let mut output = std::io::stdout().lock();
    for part in parts {
        output.write_all(part)?;
    }
    Ok(output.write_all(b"\n")?)
}

fn in_session(
    arguments: &ClientArguments,
    what: impl AsyncFnOnce(&mut Session) -> Result<ExitCode>,
) -> Result<ExitCode> {
    ask(arguments, async |client| {
        what(&mut client.session().await?).await
    })
}

fn ask(
    arguments: &ClientArguments,
    what: impl AsyncFnOnce(Arc<Client>) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let cluster = Cluster::read_with(&arguments.config, "keys")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let client = Client::new(&cluster.name, cluster.nodes, arguments.timeout);
    runtime.block_on(what(Arc::new(client)))
}
