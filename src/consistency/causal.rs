//! Causal consistency and PRAM of registers, given from which write each read has its value: claims that orders have no cycle
//! (Bouajjani, Enea, Guerraoui, Hamza: *On Verifying Causal Consistency*, POPL 2017, section 5: the bad patterns).

use alloc::vec;
use alloc::vec::Vec;

use super::registers::{Registers, Sources, topological};

/// The causal past of each operation, itself included: how many of the first operations of each session are in it. The causal
/// order is the smallest that contains session order and, for each read, that its source comes first. So the past has with each
/// operation all earlier ones of its session.
struct Pasts {
    order: Vec<usize>,
    of: Vec<Vec<usize>>,
    /// Where in its session each operation is.
    number: Vec<usize>,
}

/// Session order and sources, as pairs.
fn causes(registers: &Registers, sources: &Sources) -> Vec<(usize, usize)> {
    let ops = registers.ops.iter().enumerate();
    let mut edges: Vec<(usize, usize)> = ops
        .filter_map(|(op, access)| Some((access.follows?, op)))
        .collect();
    edges.extend(
        registers
            .reads()
            .filter_map(|read| Some((sources[read]?, read))),
    );
    edges
}

impl Pasts {
    /// `None` if the causal order has a cycle (CyclicCO).
    fn new(registers: &Registers, sources: &Sources) -> Option<Self> {
        let count = registers.ops.len();
        let order = topological(count, &causes(registers, sources))?;
        let mut number = vec![0; count];
        for ops in &registers.sessions {
            for (index, op) in ops.iter().enumerate() {
                number[*op] = index;
            }
        }
        let mut of: Vec<Vec<usize>> = vec![Vec::new(); count];
        for op in &order {
            let session = registers.ops[*op].session;
            let mut past = match registers.ops[*op].follows {
                Some(before) => of[before].clone(),
                None => vec![0; registers.sessions.len()],
            };
            if let Some(source) = sources[*op] {
                for (mine, its) in past.iter_mut().zip(&of[source]) {
                    *mine = (*mine).max(*its);
                }
            }
            past[session] = number[*op] + 1;
            of[*op] = past;
        }
        Some(Self { order, of, number })
    }

    /// Whether an operation is in the past of another, or is that.
    fn has(&self, registers: &Registers, past_of: usize, op: usize) -> bool {
        self.number[op] < self.of[past_of][registers.ops[op].session]
    }
}

/// For each register, session and number of operations, the last write to the register among the session's first operations.
struct LastWrites {
    /// By register and session: the writes, with their numbers in the session.
    writes: Vec<Vec<Vec<(usize, usize)>>>,
}

impl LastWrites {
    fn new(registers: &Registers) -> Self {
        let mut writes = vec![vec![Vec::new(); registers.sessions.len()]; registers.objects];
        for (session, ops) in registers.sessions.iter().enumerate() {
            for (number, op) in ops.iter().enumerate() {
                let access = &registers.ops[*op];
                if access.is_write {
                    writes[access.object][session].push((number, *op));
                }
            }
        }
        Self { writes }
    }

    /// The last write to the register in each session, before these numbers.
    fn before<'a>(&'a self, object: usize, numbers: &'a [usize]) -> impl Iterator<Item = usize> {
        let sessions = self.writes[object].iter().zip(numbers);
        sessions.filter_map(|(writes, end)| {
            let count = writes.partition_point(|(number, _)| number < end);
            Some(writes[count.checked_sub(1)?].1)
        })
    }
}

/// The causal order, if the sources are those of a causally consistent history: no read of an initial value has a write in its
/// past (WriteCOInitRead), and between no read and its source another write comes (WriteCORead).
fn causal_order(registers: &Registers, sources: &Sources) -> Option<(Pasts, LastWrites)> {
    let pasts = Pasts::new(registers, sources)?;
    let last = LastWrites::new(registers);
    for read in registers.reads() {
        for write in last.before(registers.ops[read].object, &pasts.of[read]) {
            // The last of each session has the largest past.
            let is_between = match sources[read] {
                None => true,
                Some(source) => write != source && pasts.has(registers, write, source),
            };
            if is_between {
                return None;
            }
        }
    }
    Some((pasts, last))
}

/// Causal consistency: the causal order.
pub(super) fn causal(registers: &Registers, sources: &Sources) -> Option<Vec<Vec<usize>>> {
    let (pasts, _) = causal_order(registers, sources)?;
    Some(vec![pasts.order])
}

/// Causal convergence: an order of all operations, in which each read finds the last write of its causal past.
///
/// Beside the causal order, each other write in a read's past comes before its source (CyclicCF).
pub(super) fn convergence(registers: &Registers, sources: &Sources) -> Option<Vec<Vec<usize>>> {
    let (pasts, last) = causal_order(registers, sources)?;
    let mut edges = causes(registers, sources);
    for read in registers.reads() {
        if let Some(source) = sources[read] {
            let writes = last.before(registers.ops[read].object, &pasts.of[read]);
            edges.extend(
                writes
                    .filter(|write| *write != source)
                    .map(|write| (write, source)),
            );
        }
    }
    topological(registers.ops.len(), &edges).map(|order| vec![order])
}

/// Causal memory: for each session an order of its causal past, in which its reads find the last write.
pub(super) fn memory(registers: &Registers, sources: &Sources) -> Option<Vec<Vec<usize>>> {
    let (pasts, _) = causal_order(registers, sources)?;
    let edges = causes(registers, sources);
    let sessions = registers.sessions.iter().filter_map(|ops| ops.last());
    let orders = sessions.map(|last| {
        let is_past = |op: usize| pasts.has(registers, *last, op);
        as_seen(registers, sources, *last, &edges, is_past)
    });
    orders.collect()
}

/// PRAM: for each session an order of its operations and of all writes, in which its reads find the last write.
pub(super) fn pram(registers: &Registers, sources: &Sources) -> Option<Vec<Vec<usize>>> {
    let mut orders = Vec::new();
    for (session, ops) in registers.sessions.iter().enumerate() {
        let Some(last) = ops.last() else { continue };
        let is_there = |op: usize| {
            let access = &registers.ops[op];
            access.is_write || access.session == session
        };
        let there = (0..registers.ops.len()).filter(|op| is_there(*op));
        let mut edges: Vec<(usize, usize)> = there
            .filter_map(|op| Some((registers.earlier(op).find(|op| is_there(*op))?, op)))
            .collect();
        let reads = ops.iter().filter_map(|read| Some((sources[*read]?, *read)));
        edges.extend(reads);
        orders.push(as_seen(registers, sources, *last, &edges, is_there)?);
    }
    Some(orders)
}

/// An order of the operations that are there, which extends `edges`, and in which the reads of the session of `last` find the
/// last write (WriteHBInitRead, CyclicHB).
///
/// A write that comes before a read of another one comes before that one, too; this is repeated until nothing is added.
fn as_seen(
    registers: &Registers,
    sources: &Sources,
    last: usize,
    edges: &[(usize, usize)],
    is_there: impl Fn(usize) -> bool,
) -> Option<Vec<usize>> {
    let ops: Vec<usize> = (0..registers.ops.len())
        .filter(|op| is_there(*op))
        .collect();
    let mut index = vec![None; registers.ops.len()];
    for (at, op) in ops.iter().enumerate() {
        index[*op] = Some(at);
    }
    let edges = edges.iter();
    let mut edges: Vec<(usize, usize)> = edges
        .filter_map(|(first, then)| Some((index[*first]?, index[*then]?)))
        .collect();
    let session = registers.ops[last].session;
    let reads: Vec<usize> = registers.sessions[session]
        .iter()
        .copied()
        .filter(|op| !registers.ops[*op].is_write)
        .collect();
    loop {
        let order = topological(ops.len(), &edges)?;
        let before = Ancestors::new(ops.len(), &order, &edges);
        let known = edges.len();
        for read in &reads {
            let at = index[*read]?;
            for (other, op) in ops.iter().enumerate() {
                let access = &registers.ops[*op];
                let is_other = access.is_write
                    && access.object == registers.ops[*read].object
                    && Some(*op) != sources[*read];
                if !is_other || !before.has(at, other) {
                    continue;
                }
                let source = index[sources[*read]?]?;
                if !before.has(source, other) {
                    edges.push((other, source));
                }
            }
        }
        if edges.len() == known {
            // Before each read comes what must, and no more.
            let first_read = |thing: usize| {
                let mut reads = reads.iter();
                let reads_after = |read: &usize| {
                    index[*read].is_some_and(|at| at == thing || before.has(at, thing))
                };
                reads.position(reads_after).unwrap_or(usize::MAX)
            };
            let mut order = order;
            order.sort_by_cached_key(|thing| first_read(*thing));
            return Some(order.into_iter().map(|at| ops[at]).collect());
        }
    }
}

/// Which things come before which, as bits.
struct Ancestors {
    words: usize,
    bits: Vec<u64>,
}

impl Ancestors {
    fn new(count: usize, order: &[usize], edges: &[(usize, usize)]) -> Self {
        let words = count.div_ceil(64);
        let mut ancestors = Self {
            words,
            bits: vec![0; words * count],
        };
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (first, then) in edges {
            before[*then].push(*first);
        }
        for thing in order {
            for first in &before[*thing] {
                ancestors.bits[thing * words + first / 64] |= 1 << (first % 64);
                for word in 0..words {
                    let its = ancestors.bits[first * words + word];
                    ancestors.bits[thing * words + word] |= its;
                }
            }
        }
        ancestors
    }

    fn has(&self, of: usize, thing: usize) -> bool {
        self.bits[of * self.words + thing / 64] >> (thing % 64) & 1 == 1
    }
}
