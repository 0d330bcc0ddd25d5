//! Regular and safe registers (Lamport: *On Interprocess Communication*, Distributed Computing 1, 1986, part II; for many writers
//! Shao, Welch, Pierce, Lee: *Multiwriter Consistency Conditions for Shared Memory Registers*, SIAM J. Comput. 40(1), 2011).

use alloc::vec;
use alloc::vec::Vec;

use super::judge::{Finding, Stop, WrongPart};
use super::registers::{Registers, Sources, topological};
use super::search::Budget;
use super::verdict::Explanation;

/// Whether reads agree on the order of writes. With a single writer there is no difference.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Agreement {
    /// Each read has an order of the writes in real-time order, in which it finds the last before it (weak: MWRegWeak).
    None,
    /// All reads have the same order (strong: MWRegWO, write order; it asks that any two reads agree on the writes that began
    /// before both returned. These sets lie one in the other, so that the order of the largest is one for all).
    OnWrites,
}

/// Of which reads it is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asked {
    /// Regular: of all.
    All,
    /// Safe: of those that overlap no write.
    WithoutOverlap,
}

/// Judges the operations of one register.
pub(super) fn find(
    registers: &Registers,
    asked: Asked,
    agreement: Agreement,
    budget: &mut Budget,
) -> Result<Finding, Stop> {
    let overlaps_write = |read: usize| {
        let read = &registers.ops[read];
        let mut writes = registers.ops.iter().filter(|op| op.is_write);
        writes.any(|write| !write.precedes(read) && !read.precedes(write))
    };
    let asked_reads = registers.reads().filter(|read| match asked {
        Asked::All => true,
        Asked::WithoutOverlap => !overlaps_write(*read),
    });
    let registers = registers.with_reads(asked_reads.collect());
    match agreement {
        Agreement::None => Ok(weak(&registers)),
        Agreement::OnWrites => Ok(registers.find(budget, strong)?),
    }
}

/// Each read for itself: its source must not begin after it, and no other write come between.
fn weak(registers: &Registers) -> Finding {
    let mut reads_from = Vec::new();
    for (read, candidates) in registers.candidates() {
        let may_be_source = |source: &&Option<usize>| {
            let access = &registers.ops[read];
            let writes = registers.writes_of(access.object);
            let mut before = writes.filter(|write| registers.ops[*write].precedes(access));
            match source {
                None => before.next().is_none(),
                Some(source) => {
                    let source = &registers.ops[*source];
                    let is_between = |write: usize| source.precedes(&registers.ops[write]);
                    !access.precedes(source) && !before.any(is_between)
                }
            }
        };
        match candidates.iter().find(may_be_source) {
            Some(source) => reads_from.push((read, *source)),
            None => {
                let writes = registers.writes_of(registers.ops[read].object);
                let mut ops: Vec<usize> = writes.chain([read]).collect();
                ops.sort_unstable();
                return Finding::Wrong(WrongPart::Operations(registers.places(ops)));
            }
        }
    }
    let place = |op| registers.places([op])[0];
    let reads_from = reads_from.into_iter();
    Finding::Holds(Explanation {
        orders: Vec::new(),
        reads_from: reads_from
            .map(|(read, write)| (place(read), write.map(place)))
            .collect(),
    })
}

/// One order of the writes for all reads.
fn strong(registers: &Registers, sources: &Sources) -> Option<Vec<Vec<usize>>> {
    let ops = &registers.ops;
    let mut edges = Vec::new();
    for (op, access) in ops.iter().enumerate() {
        for other in registers
            .writes_of(access.object)
            .filter(|other| *other != op)
        {
            if access.is_write {
                if access.precedes(&ops[other]) {
                    edges.push((op, other));
                }
                continue;
            }
            match sources[op] {
                Some(source) if source == other && access.precedes(&ops[other]) => return None,
                Some(source) if source == other => {}
                Some(source) if ops[other].precedes(access) => edges.push((other, source)),
                Some(source) if access.precedes(&ops[other]) => edges.push((source, other)),
                None if ops[other].precedes(access) => return None,
                _ => {}
            }
        }
    }
    let mut order = topological(ops.len(), &edges)?;
    order.retain(|op| ops[*op].is_write);
    Some(vec![order])
}
