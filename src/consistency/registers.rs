//! Histories of registers that are read and written only, their values as numbers.
//!
//! Where each value is written once, a read tells from which write it has its value, and consistency models become claims that
//! some order has no cycle. Otherwise each read has a choice among the writes of its value, and a history satisfies a model if
//! it does so for some choice: registers copy values and do not look at them (Bouajjani et al. 2017, section 4).

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::history::{Moment, Object, Session};
use super::judge::{Finding, WrongPart};
use super::search::{Budget, Exhausted};
use super::specification::{Access, Call, Specification, access};
use super::verdict::Explanation;

/// A value, as a number. [`INITIAL`] is the value that registers hold at first.
type Value = u32;

const INITIAL: Value = 0;

/// An operation of a register.
#[derive(Clone, Debug)]
pub(super) struct Op {
    /// Its session, numbered from 0. A write whose outcome is unknown has one of its own: it may take effect much later than
    /// what its client does next.
    pub session: usize,
    /// Its client.
    client: Session,
    /// The operation that it follows immediately in session order.
    pub follows: Option<usize>,
    /// Its register, numbered from 0.
    pub object: usize,
    pub is_write: bool,
    value: Value,
    pub invoked: Moment,
    /// `None` if the outcome is unknown, which is of writes only.
    pub returned: Option<Moment>,
}

impl Op {
    /// Whether it returned before the other was invoked.
    pub fn precedes(&self, other: &Self) -> bool {
        self.returned
            .is_some_and(|returned| returned < other.invoked)
    }
}

/// A history of registers. Operations are named by their index in `ops`.
#[derive(Clone, Debug)]
pub(super) struct Registers {
    pub ops: Vec<Op>,
    /// The place of each operation in the history.
    places: Vec<usize>,
    /// The operations of each session, in session order: that of the client's operations that returned.
    pub sessions: Vec<Vec<usize>>,
    /// The number of registers.
    pub objects: usize,
}

/// The write from which each read has its value; `None` if it is the initial value, and of writes.
pub(super) type Sources = Vec<Option<usize>>;

impl Registers {
    /// The history; `None` if it has other operations than reads and writes of registers. A read whose outcome is unknown says
    /// nothing, and is left out.
    pub fn new<S: Specification>(specification: &S, operations: &[&Call<S>]) -> Option<Self> {
        let initial = specification.as_register()?.initial_value();
        let mut values: HashMap<&S::Value, Value> = HashMap::from_iter([(initial, INITIAL)]);
        let mut clients: BTreeMap<Session, usize> = BTreeMap::new();
        let mut objects: BTreeMap<Object, usize> = BTreeMap::new();
        let mut registers = Self {
            ops: Vec::with_capacity(operations.len()),
            places: Vec::with_capacity(operations.len()),
            sessions: Vec::new(),
            objects: 0,
        };
        for (place, operation) in operations.iter().enumerate() {
            let (is_write, value) = match access(specification, operation)? {
                Access::Write(value) => (true, value),
                Access::Read(value) => (false, value),
                Access::Unread => continue,
                Access::Swap { .. } | Access::FailedSwap { .. } => return None,
            };
            let fresh = Value::try_from(values.len()).ok()?;
            let value = *values.entry(value).or_insert(fresh);
            let fresh = objects.len();
            let object = *objects.entry(operation.object).or_insert(fresh);
            registers.places.push(place);
            registers.ops.push(Op {
                session: 0,
                client: operation.session,
                follows: None,
                object,
                is_write,
                value,
                invoked: operation.invoked,
                returned: operation.returned,
            });
        }
        registers.objects = objects.len();
        let mut in_order: Vec<usize> = (0..registers.ops.len()).collect();
        in_order.sort_by_key(|op| registers.ops[*op].invoked);
        for op in in_order {
            let access = &mut registers.ops[op];
            let fresh = registers.sessions.len();
            let session = *clients.entry(access.client).or_insert(fresh);
            if session == fresh {
                registers.sessions.push(Vec::new());
            }
            access.follows = registers.sessions[session].last().copied();
            access.session = match access.returned {
                Some(_) => session,
                None => {
                    registers.sessions.push(Vec::new());
                    registers.sessions.len() - 1
                }
            };
            registers.sessions[access.session].push(op);
        }
        Some(registers)
    }

    /// The history with these reads only.
    pub fn with_reads(&self, reads: Vec<usize>) -> Self {
        let mut is_kept: Vec<bool> = self.ops.iter().map(|op| op.is_write).collect();
        for read in reads {
            is_kept[read] = true;
        }
        self.restricted(&is_kept).0
    }

    /// The history of some of its operations, and which of the old ones they are.
    fn restricted(&self, is_kept: &[bool]) -> (Self, Vec<usize>) {
        let kept: Vec<usize> = (0..self.ops.len()).filter(|op| is_kept[*op]).collect();
        let new = |op: usize| kept.partition_point(|other| *other < op);
        let sessions = self.sessions.iter().map(|ops| {
            let ops = ops.iter().filter(|op| is_kept[**op]);
            ops.map(|op| new(*op)).collect()
        });
        let ops = kept.iter().map(|op| Op {
            follows: self.earlier(*op).find(|other| is_kept[*other]).map(new),
            ..self.ops[*op].clone()
        });
        let restricted = Self {
            ops: ops.collect(),
            places: kept.iter().map(|op| self.places[*op]).collect(),
            sessions: sessions.collect(),
            objects: self.objects,
        };
        (restricted, kept)
    }

    /// The reads.
    pub fn reads(&self) -> impl Iterator<Item = usize> {
        (0..self.ops.len()).filter(|op| !self.ops[*op].is_write)
    }

    /// The writes of a register.
    pub fn writes_of(&self, object: usize) -> impl Iterator<Item = usize> {
        let is_its = move |op: &usize| self.ops[*op].is_write && self.ops[*op].object == object;
        (0..self.ops.len()).filter(is_its)
    }

    /// The operations before one in session order, the latest first.
    pub fn earlier(&self, op: usize) -> impl Iterator<Item = usize> {
        core::iter::successors(self.ops[op].follows, |op| self.ops[*op].follows)
    }

    /// Whether an operation comes after another in session order.
    pub fn is_later(&self, op: usize, than: usize) -> bool {
        self.ops[op].client == self.ops[than].client && self.ops[than].precedes(&self.ops[op])
    }

    /// The operations as places in the history.
    pub fn places(&self, ops: impl IntoIterator<Item = usize>) -> Vec<usize> {
        ops.into_iter().map(|op| self.places[op]).collect()
    }

    /// The sources that a read may have: writes of its value to its register, and what the register held at first.
    pub fn candidates(&self) -> BTreeMap<usize, Vec<Option<usize>>> {
        let mut writes: HashMap<(usize, Value), Vec<usize>> = HashMap::new();
        for (op, access) in self.ops.iter().enumerate().filter(|(_, op)| op.is_write) {
            writes
                .entry((access.object, access.value))
                .or_default()
                .push(op);
        }
        let candidates = self.reads().map(|read| {
            let access = &self.ops[read];
            let initial = (access.value == INITIAL).then_some(None);
            let writes = writes.get(&(access.object, access.value));
            let writes = writes.into_iter().flatten().copied();
            // In no model a session reads what it writes later.
            let writes = writes.filter(|write| !self.is_later(*write, read));
            (read, initial.into_iter().chain(writes.map(Some)).collect())
        });
        candidates.collect()
    }

    /// Whether `holds`, of a choice of sources, is true for one of them; it is given the history, in which no write has an unknown
    /// outcome unless it is read. An order that it returns explains the history.
    pub fn find(
        &self,
        budget: &mut Budget,
        holds: impl Fn(&Self, &Sources) -> Option<Vec<Vec<usize>>>,
    ) -> Result<Finding, Exhausted> {
        let candidates = self.candidates();
        if let Some((read, _)) = candidates.iter().find(|(_, sources)| sources.is_empty()) {
            return Ok(Finding::Wrong(WrongPart::Operations(self.thin_air(*read))));
        }
        let mut choice: BTreeMap<usize, usize> = candidates.keys().map(|read| (*read, 0)).collect();
        loop {
            let mut sources: Sources = vec![None; self.ops.len()];
            for (read, chosen) in &choice {
                sources[*read] = candidates[read][*chosen];
            }
            budget.spend_all(self.ops.len())?;
            let (seen, sources, kept) = self.without_unseen(&sources);
            if let Some(orders) = holds(&seen, &sources) {
                let whole = |op: usize| kept[op];
                let orders = orders.into_iter();
                let orders = orders.map(|order| self.places(order.into_iter().map(whole)));
                let reads = seen.reads();
                let reads_from = reads.map(|read| {
                    let write = sources[read].map(|write| self.places[kept[write]]);
                    (self.places[kept[read]], write)
                });
                return Ok(Finding::Holds(Explanation {
                    orders: orders.collect(),
                    reads_from: reads_from.collect(),
                }));
            }
            // The next choice, like a number whose digits have as many values as there are candidates.
            let mut is_last = true;
            for (read, chosen) in &mut choice {
                *chosen += 1;
                if *chosen < candidates[read].len() {
                    is_last = false;
                    break;
                }
                *chosen = 0;
            }
            if is_last {
                return Ok(Finding::Wrong(WrongPart::Everything));
            }
        }
    }

    /// A read of a value that nobody has written, or that only its session writes later: with these writes it is wrong.
    fn thin_air(&self, read: usize) -> Vec<usize> {
        let writes = self.writes_of(self.ops[read].object);
        let mut ops: Vec<usize> = writes
            .filter(|write| self.ops[*write].value == self.ops[read].value)
            .collect();
        ops.push(read);
        ops.sort_unstable();
        self.places(ops)
    }

    /// The history without those writes of which nobody knows, and which no read has as its source: they may never have
    /// happened. Its sources, and which of the old operations its operations are.
    fn without_unseen(&self, sources: &Sources) -> (Self, Sources, Vec<usize>) {
        let mut is_seen: Vec<bool> = self.ops.iter().map(|op| op.returned.is_some()).collect();
        for source in sources.iter().flatten() {
            is_seen[*source] = true;
        }
        let (seen, kept) = self.restricted(&is_seen);
        let new = |write: usize| kept.partition_point(|other| *other < write);
        let sources = kept.iter().map(|op| sources[*op].map(new));
        (seen, sources.collect(), kept)
    }
}

/// An order of `count` things that extends these pairs, if there is one (Kahn: *Topological Sorting of Large Networks*, CACM
/// 5(11), 1962).
pub(super) fn topological(count: usize, edges: &[(usize, usize)]) -> Option<Vec<usize>> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut missing = vec![0_usize; count];
    for (first, then) in edges {
        after[*first].push(*then);
        missing[*then] += 1;
    }
    let mut order: Vec<usize> = (0..count).filter(|thing| missing[*thing] == 0).collect();
    let mut at = 0;
    while at < order.len() {
        for then in &after[order[at]] {
            missing[*then] -= 1;
            if missing[*then] == 0 {
                order.push(*then);
            }
        }
        at += 1;
    }
    (order.len() == count).then_some(order)
}
