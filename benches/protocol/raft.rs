//! How fast commands are replicated by Raft: commands a second through three servers.

use bytes::Bytes;
use criterion::{Criterion, Throughput};

use crate::replicas::{Command, Rounds, Servers};

fn replicate<C: Command>(criterion: &mut Criterion, kind: &str) {
    let mut group = criterion.benchmark_group(format!("commands through 3 Raft servers, {kind}"));
    for commands in [1, 64, 1024] {
        group.throughput(Throughput::Elements(commands));
        let mut rounds = Rounds::new(Servers::<C>::elected());
        group.bench_function(format!("{commands} a round"), |bencher| {
            bencher.iter(|| rounds.pass(commands));
        });
        rounds.check();
    }
    group.finish();
}

/// Commands, of both kinds.
pub fn commands(criterion: &mut Criterion) {
    replicate::<[u8; 8]>(criterion, "8 bytes, inline");
    replicate::<Bytes>(criterion, "64 bytes, shared");
}
