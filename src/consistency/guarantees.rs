//! The four session guarantees of registers, given from which write each read has its value (Terry, Demers, Petersen,
//! Spreitzer, Theimer, Welch: *Session Guarantees for Weakly Consistent Replicated Data*, PDIS 1994, section 3).
//!
//! The set of visible writes of each read is the smallest that has its source and that the guarantee allows: a larger one asks
//! for more. Then the arbitration must order the visible writes of a read's register before its source.

use alloc::vec;
use alloc::vec::Vec;

use super::registers::{Registers, Sources, topological};

/// A session guarantee.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Guarantee {
    /// To a read are visible the earlier writes of its session.
    ReadYourWrites,
    /// To a read is visible what was visible to the earlier reads of its session.
    MonotonicReads,
    /// Where a write is visible, so are the earlier writes of its session; and they are ordered before it. Taken alone, it asks
    /// nothing of reads of a single register, but that what they return was written: nobody says that a read sees more than
    /// its source and what comes before that.
    MonotonicWrites,
    /// Where a write is visible, so is what was visible to the earlier reads of its session; and that is ordered before it. Taken
    /// alone, it asks of reads of a single register that nothing is read before its own cause.
    WritesFollowReads,
}

/// Who agrees on the order of writes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Arbitration {
    /// Nobody: each session has an order of its own.
    OfEach,
    /// All sessions.
    OfAll,
}

/// Whether the guarantee holds: the arbitrations, one for all sessions or one for each.
pub(super) fn holds(
    guarantee: Guarantee,
    arbitration: Arbitration,
    registers: &Registers,
    sources: &Sources,
) -> Option<Vec<Vec<usize>>> {
    let visible = visible(guarantee, registers, sources)?;
    let of_all = always_ordered(guarantee, registers, &visible);
    let of_read = |read: usize| {
        let object = registers.ops[read].object;
        let writes = visible[read].iter();
        let writes = writes.filter(move |write| registers.ops[**write].object == object);
        let source = sources[read];
        let others = writes.filter(move |write| Some(**write) != source);
        others.filter_map(move |write| Some((*write, source?)))
    };
    let sessions: Vec<Vec<usize>> = match arbitration {
        Arbitration::OfAll => vec![registers.reads().collect()],
        Arbitration::OfEach => registers.sessions.clone(),
    };
    let orders = sessions.iter().map(|ops| {
        let mut edges = of_all.clone();
        let reads = ops.iter().filter(|op| !registers.ops[**op].is_write);
        edges.extend(reads.flat_map(|read| of_read(*read)));
        let mut order = topological(registers.ops.len(), &edges)?;
        order.retain(|op| registers.ops[*op].is_write);
        Some(order)
    });
    orders.collect()
}

/// The visible writes of each read; `None` if a read of an initial value has one to its register, or a later one of its session.
fn visible(
    guarantee: Guarantee,
    registers: &Registers,
    sources: &Sources,
) -> Option<Vec<Vec<usize>>> {
    let mut visible: Vec<Vec<usize>> = sources
        .iter()
        .map(|source| source.iter().copied().collect())
        .collect();
    let earlier = |op: usize| registers.earlier(op);
    let is_write = |op: &usize| registers.ops[*op].is_write;
    loop {
        let mut has_grown = false;
        for read in registers.reads() {
            let mut set = visible[read].clone();
            match guarantee {
                Guarantee::ReadYourWrites => set.extend(earlier(read).filter(is_write)),
                Guarantee::MonotonicReads => {
                    set.extend(earlier(read).flat_map(|other| &visible[other]));
                }
                Guarantee::MonotonicWrites => {
                    let writes = visible[read].iter();
                    set.extend(writes.flat_map(|write| earlier(*write)).filter(is_write));
                }
                Guarantee::WritesFollowReads => {
                    let writes = visible[read].iter();
                    let reads = writes.flat_map(|write| earlier(*write));
                    set.extend(reads.flat_map(|other| &visible[other]));
                }
            }
            set.sort_unstable();
            set.dedup();
            has_grown |= set.len() > visible[read].len();
            visible[read] = set;
        }
        if !has_grown {
            break;
        }
    }
    for read in registers.reads() {
        let is_wrong = |write: &usize| {
            let is_its = registers.ops[*write].object == registers.ops[read].object;
            registers.is_later(*write, read) || (is_its && sources[read].is_none())
        };
        if visible[read].iter().any(is_wrong) {
            return None;
        }
    }
    Some(visible)
}

/// What every arbitration has, whatever is read.
fn always_ordered(
    guarantee: Guarantee,
    registers: &Registers,
    visible: &[Vec<usize>],
) -> Vec<(usize, usize)> {
    let is_write = |op: usize| registers.ops[op].is_write;
    let writes = (0..registers.ops.len()).filter(|op| is_write(*op));
    let mut edges = Vec::new();
    match guarantee {
        Guarantee::ReadYourWrites | Guarantee::MonotonicReads => {}
        Guarantee::MonotonicWrites => {
            for write in writes {
                let earlier = registers.earlier(write).find(|op| is_write(*op));
                edges.extend(earlier.map(|earlier| (earlier, write)));
            }
        }
        Guarantee::WritesFollowReads => {
            for write in writes {
                let reads = registers.earlier(write).filter(|op| !is_write(*op));
                let seen = reads.flat_map(|read| &visible[read]);
                edges.extend(seen.map(|seen| (*seen, write)));
            }
        }
    }
    edges
}
