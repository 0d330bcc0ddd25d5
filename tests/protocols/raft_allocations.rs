//! Entries are shared, not copied: how often memory is allocated does not depend on how many there are in a round.

#[path = "../../benches/protocol/replicas.rs"]
mod replicas;

use std::hint::black_box;

use allocation_counter::measure;
use bytes::Bytes;
use replicas::{Command, Rounds, Servers};

/// The most allocations of a round of so many commands, once queues have their size, and between two compactions. Those
/// that make the commands are not counted.
fn allocations<C: Command>(commands: u64) -> u64 {
    let mut rounds = Rounds::new(Servers::<C>::elected());
    (0..100).for_each(|_| rounds.pass(commands));
    let clients = measure(|| (0..commands).map(C::new).for_each(drop));
    let passes = (0..20).map(|_| measure(|| rounds.pass(commands)).count_total);
    let most = passes.max().expect("there are rounds");
    rounds.check();
    most - clients.count_total
}

#[test]
fn a_round_of_a_thousand_commands_allocates_as_often_as_a_round_of_ten() {
    for (few, many) in [
        (allocations::<[u8; 8]>(10), allocations::<[u8; 8]>(1024)),
        (allocations::<Bytes>(10), allocations::<Bytes>(1024)),
    ] {
        assert_eq!(few, many);
        // The list of what is proposed, and that by which all share it.
        assert!(many <= 2, "{many} allocations");
    }
}

#[test]
fn allocations_are_counted() {
    let counted = measure(|| {
        (0..7).for_each(|number| drop(black_box(Box::new(number))));
    });
    assert_eq!(counted.count_total, 7);
}
