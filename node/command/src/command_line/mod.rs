//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use config::Protocol;
use quorate_node::transport::CallError;

mod ask;
mod bench;
mod cluster;
mod config;
mod ledger;
mod recording;
mod registers;
mod serve;

/// A request's outcome is unknown: other than a failure, which is known.
const UNKNOWN: u8 = 3;

/// A replicated key-value store, by Raft; accounts over shards, by two-phase or three-phase commit; registers that are written
/// once, by Paxos: the very code that the model checker steps.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a cluster on this machine: a process for each node, until Ctrl-C.
    Cluster(cluster::Arguments),
    /// Runs one node.
    Serve(serve::Arguments),
    /// Gives a key a value.
    Put {
        /// Which key.
        key: String,
        /// Which value.
        value: String,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Prints the value of a key. Exit status 1 if it is not there.
    Get {
        /// Which key.
        key: String,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Takes a key out. Exit status 1 if it was not there.
    Delete {
        /// Which key.
        key: String,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Compares and swaps: gives a key a value if it has the one that is expected. Exit status 1 if it has not.
    Cas {
        /// Which key.
        key: String,
        /// The value that it must have. Without, it must not be there.
        #[arg(long)]
        expected: Option<String>,
        /// The value that it gets. Without, it is taken out.
        #[arg(long)]
        new: Option<String>,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Prints keys and values, in order.
    Range {
        /// From this key on.
        #[arg(default_value = "")]
        from: String,
        /// And before this one.
        to: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 1000)]
        limit: u64,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Puts money on an account.
    Deposit {
        /// Which account.
        account: String,
        /// How much.
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        amount: i64,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Moves money from an account to another: all of it, or nothing.
    Transfer {
        /// From which account.
        from: String,
        /// To which.
        to: String,
        /// How much.
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        amount: i64,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Prints how much there is on an account.
    Balance {
        /// Which account.
        account: String,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Lists the transactions that shards are bound to without knowing the outcome, and the accounts that these lock. Exit
    /// status 1 if there are any, or a shard does not answer.
    InDoubt {
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Writes a register, unless something is written there. Exit status 1 if it holds something else for good.
    Write {
        /// Which register.
        name: String,
        /// What.
        value: String,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Prints what a register holds for good. Exit status 1 if nothing is written there.
    Read {
        /// Which register.
        name: String,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Measures throughput and latency of a cluster on this machine.
    Bench(bench::Arguments),
    /// Prints how each node is. Exit status 1 if nobody leads, or, where nobody does, if one does not answer.
    Status {
        #[command(flatten)]
        client: ClientArguments,
    },
}

/// Whom a client asks.
#[derive(Args, Clone, Debug)]
struct ClientArguments {
    /// The cluster's file, as `quorate cluster` writes it.
    #[arg(long, default_value = "quorate-data/cluster.toml")]
    config: PathBuf,
    /// How many seconds to go on asking.
    #[arg(long, default_value = "10", value_parser = seconds)]
    timeout: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "give a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Does what the command line says.
pub(crate) fn run() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let result = match command {
        Command::Cluster(arguments) => cluster::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Put { key, value, client } => ask::put(&client, key, value),
        Command::Get { key, client } => ask::get(&client, key),
        Command::Delete { key, client } => ask::delete(&client, key),
        Command::Cas {
            key,
            expected,
            new,
            client,
        } => ask::compare_and_swap(&client, key, expected, new),
        Command::Range {
            from,
            to,
            limit,
            client,
        } => ask::range(&client, from, to, limit),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Deposit {
            account,
            amount,
            client,
        } => ledger::deposit(&client, account, amount),
        Command::Transfer {
            from,
            to,
            amount,
            client,
        } => ledger::transfer(&client, from, to, amount),
        Command::Balance { account, client } => ledger::balance(&client, &account),
        Command::InDoubt { client } => ledger::in_doubt(&client),
        Command::Write {
            name,
            value,
            client,
        } => registers::write(&client, name, value),
        Command::Read { name, client } => registers::read(&client, name),
        Command::Status { client } => status(&client),
    };
    result.unwrap_or_else(|error| {
        eprintln!("quorate: {error:#}");
        match is_unknown(&error) {
            true => ExitCode::from(UNKNOWN),
            false => ExitCode::FAILURE,
        }
    })
}

fn is_unknown(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(CallError::Unknown { .. }))
}

/// Prints how each node of a cluster is, whatever it runs.
fn status(arguments: &ClientArguments) -> anyhow::Result<ExitCode> {
    match config::Cluster::read(&arguments.config)?.protocol {
        Protocol::Raft => ask::status(arguments),
        Protocol::TwoPhaseCommit | Protocol::ThreePhaseCommit => ledger::status(arguments),
        Protocol::Paxos => registers::status(arguments),
    }
}
