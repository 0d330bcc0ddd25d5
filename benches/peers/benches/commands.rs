//! Commands a second, by Quorate's Raft and by its peers: see the crate's documentation.

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use quorate_peers::raft_rs::Encode;
use quorate_peers::replicas::{Command, Replicas, Rounds, Servers};
use quorate_peers::{omni_paxos, raft_rs};

fn measure<C: Command>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    commands: u64,
    replicas: impl Replicas<C>,
) {
    let mut rounds = Rounds::new(replicas);
    group.bench_function(name, |bencher| bencher.iter(|| rounds.pass(commands)));
    rounds.check();
}

fn compare<C: Encode>(criterion: &mut Criterion, kind: &str) {
    for commands in [1, 64, 1024] {
        let name = format!("commands of {kind}, {commands} a round");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(commands));
        let omni_paxos = omni_paxos::Cluster::elected(commands as usize);
        measure::<C>(&mut group, "Quorate", commands, Servers::elected());
        measure::<C>(&mut group, "omnipaxos", commands, omni_paxos);
        measure::<C>(&mut group, "raft-rs", commands, raft_rs::Cluster::elected());
        group.finish();
    }
}

fn commands(criterion: &mut Criterion) {
    compare::<[u8; 8]>(criterion, "8 bytes, inline");
    compare::<Bytes>(criterion, "64 bytes, shared");
}

criterion_group!(benches, commands);
criterion_main!(benches);
