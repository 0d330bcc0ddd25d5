//! The definitions of consistency models, word for word, by brute force: all orders, all sets.
//!
//! An operation whose outcome is unknown happened or did not: both are tried. If it did, it may have done so later than what its
//! session invoked next: in session order, it comes after earlier operations, and before none.

use itertools::Itertools;
use quorate::consistency::{
    Access, Agreement, Arbitration, Call, Consistency, Guarantee, Specification,
};

/// A read or a write of a register.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Op<'a, V> {
    session: u32,
    object: u32,
    is_write: bool,
    value: &'a V,
    invoked: u64,
    returned: Option<u64>,
}

/// Operations in an order.
type Order<T> = Vec<T>;

/// Whether the model admits the history.
pub fn admits<S: Specification>(
    consistency: Consistency,
    specification: &S,
    operations: &[Call<S>],
) -> bool {
    let is_read = |call: &Call<S>| specification.is_read(&call.request, call.response.as_ref());
    let (known, unknown): (Vec<&Call<S>>, Vec<&Call<S>>) =
        operations.iter().partition(|call| call.returned.is_some());
    let unknown = unknown.into_iter().filter(|call| !is_read(call));
    unknown.powerset().any(|happened| {
        let calls: Vec<&Call<S>> = known.iter().copied().chain(happened).collect();
        match consistency {
            Consistency::Linearizable => permutations(&calls, precedes_in_time::<S>)
                .any(|order| is_legal(specification, &order, |_| true)),
            Consistency::DeltaAtomic(delta) => {
                let precedes = |a: &&Call<S>, b: &&Call<S>| {
                    let earlier = if is_read(b) { delta } else { 0 };
                    a.returned
                        .is_some_and(|returned| returned < b.invoked.saturating_sub(earlier))
                };
                permutations(&calls, precedes)
                    .any(|order| is_legal(specification, &order, |_| true))
            }
            Consistency::KAtomic(k) => {
                let access = |call: &Call<S>| {
                    let register = specification.as_register().expect("a register");
                    let access = register.access(&call.request, call.response.as_ref());
                    match access.expect("an access") {
                        Access::Write(value) => (true, value.clone()),
                        Access::Read(value) => (false, value.clone()),
                        other => panic!("{other:?}"),
                    }
                };
                let is_one_of_the_last = |order: &[&Call<S>], place: usize| {
                    let call = order[place];
                    let (is_write, value) = access(call);
                    let register = specification.as_register().expect("a register");
                    let before = order[..place].iter().rev();
                    let written = before
                        .filter(|other| other.object == call.object)
                        .map(|other| access(other))
                        .filter_map(|(is_write, value)| is_write.then_some(value))
                        .chain([register.initial_value().clone()]);
                    is_write || written.take(k.get() as usize).contains(&value)
                };
                permutations(&calls, precedes_in_time::<S>)
                    .any(|order| (0..order.len()).all(|place| is_one_of_the_last(&order, place)))
            }
            Consistency::Sequential => permutations(&calls, session_order::<S>)
                .any(|order| is_legal(specification, &order, |_| true)),
            Consistency::Pram => sessions::<S>(&calls).all(|session| {
                let is_there = |call: &&Call<S>| call.session == session || !is_read(call);
                let seen: Vec<&Call<S>> = calls.iter().copied().filter(is_there).collect();
                permutations(&seen, session_order::<S>)
                    .any(|order| is_legal(specification, &order, |call| call.session == session))
            }),
            Consistency::ConsistentPrefix => {
                let (reads, writes): (Vec<&Call<S>>, Vec<&Call<S>>) =
                    calls.iter().copied().partition(|call| is_read(call));
                permutations(&writes, session_order::<S>).any(|order| {
                    is_legal(specification, &order, |_| true)
                        && reads.iter().all(|read| {
                            (0..=order.len()).any(|prefix| {
                                let mut order = order[..prefix].to_vec();
                                order.push(read);
                                is_legal(specification, &order, |_| true)
                            })
                        })
                })
            }
            _ => of_registers(consistency, specification, &calls),
        }
    })
}

fn precedes_in_time<S: Specification>(a: &&Call<S>, b: &&Call<S>) -> bool {
    a.returned.is_some_and(|returned| returned < b.invoked)
}

fn session_order<S: Specification>(a: &&Call<S>, b: &&Call<S>) -> bool {
    a.session == b.session && precedes_in_time::<S>(a, b)
}

/// All orders in which nothing follows what it comes before.
fn permutations<T: Copy>(
    things: &[T],
    before: impl Fn(&T, &T) -> bool,
) -> impl Iterator<Item = Order<T>> {
    let orders = things.iter().copied().permutations(things.len());
    orders.filter(move |order| {
        order
            .iter()
            .array_combinations()
            .all(|[first, then]| !before(then, first))
    })
}

/// Whether operations may follow each other, with the responses that are asked for.
fn is_legal<S: Specification>(
    specification: &S,
    order: &[&Call<S>],
    is_asked: impl Fn(&Call<S>) -> bool,
) -> bool {
    let mut states = std::collections::BTreeMap::new();
    order.iter().all(|call| {
        let initial = || specification.initial();
        let state = states.entry(call.object).or_insert_with(initial);
        let response = call.response.as_ref().filter(|_| is_asked(call));
        match specification.step(state, &call.request, response) {
            Some(after) => {
                *state = after;
                true
            }
            None => false,
        }
    })
}

fn sessions<S: Specification>(calls: &[&Call<S>]) -> impl Iterator<Item = u32> {
    calls.iter().map(|call| call.session).sorted().dedup()
}

fn of_registers<S: Specification>(
    consistency: Consistency,
    specification: &S,
    calls: &[&Call<S>],
) -> bool {
    let register = specification.as_register().expect("a register");
    let ops: Vec<Op<'_, S::Value>> = calls
        .iter()
        .map(|call| {
            let access = register.access(&call.request, call.response.as_ref());
            let (is_write, value) = match access.expect("an access") {
                Access::Write(value) => (true, value),
                Access::Read(value) => (false, value),
                other => panic!("{other:?}"),
            };
            Op {
                session: call.session,
                object: call.object,
                is_write,
                value,
                invoked: call.invoked,
                returned: call.returned,
            }
        })
        .collect();
    let history = Registers {
        initial: register.initial_value(),
        ops,
    };
    match consistency {
        Consistency::Causal => history.is_causal(),
        Consistency::CausalConvergence => history.is_convergent(),
        Consistency::CausalMemory => history.is_memory(),
        Consistency::Guarantee(guarantee, arbitration) => history.keeps(guarantee, arbitration),
        // Said of one register, and of several if it is true of each.
        Consistency::Regular(agreement) => history
            .of_each()
            .all(|history| history.is_regular(agreement, |_| true)),
        Consistency::Safe(agreement) => history
            .of_each()
            .all(|one| one.is_regular(agreement, |read| !one.overlaps_write(read))),
        other => panic!("{other} is not about registers alone"),
    }
}

struct Registers<'a, V> {
    initial: &'a V,
    ops: Vec<Op<'a, V>>,
}

/// A strict partial order of few things: for each, the set of those that come before it.
type Before = Vec<u32>;

/// All strict partial orders of this many things that contain the pairs for which `must` is true.
fn partial_orders(count: usize, must: impl Fn(usize, usize) -> bool) -> Vec<Before> {
    let mut orders: Vec<Before> = vec![Vec::new()];
    // Things are added one by one, each with what comes before it and what comes after it among those that are there.
    for new in 0..count {
        let mut larger = Vec::new();
        for order in &orders {
            for (below, above) in (0..1_u32 << new).cartesian_product(0..1_u32 << new) {
                let fits = |a: usize| {
                    // What is below is closed downwards, what is above upwards, and all below is before all above.
                    let is = |set: u32| set >> a & 1 == 1;
                    let is_closed = !is(below) || order[a] & !below == 0;
                    let before_is_above = order[a] & above != 0;
                    is_closed
                        && (!before_is_above || is(above))
                        && (!is(above) || below & !order[a] == 0)
                        && !(is(below) && is(above))
                        && (!must(a, new) || is(below))
                        && (!must(new, a) || is(above))
                };
                if (0..new).all(fits) {
                    let mut order: Before = order.clone();
                    for (a, before) in order.iter_mut().enumerate() {
                        if above >> a & 1 == 1 {
                            *before |= 1 << new;
                        }
                    }
                    order.push(below);
                    larger.push(order);
                }
            }
        }
        orders = larger;
    }
    orders
}

impl<'a, V: Eq + Clone> Registers<'a, V> {
    /// The operations of each register.
    fn of_each(&self) -> impl Iterator<Item = Registers<'a, V>> {
        let objects = self.ops.iter().map(|op| op.object).unique();
        objects.map(|object| {
            let ops = self.ops.iter().filter(move |op| op.object == object);
            Registers {
                initial: self.initial,
                ops: ops.cloned().collect(),
            }
        })
    }

    fn session_order(&self, a: usize, b: usize) -> bool {
        self.ops[a].session == self.ops[b].session && self.precedes(a, b)
    }

    fn precedes(&self, a: usize, b: usize) -> bool {
        let returned = self.ops[a].returned;
        returned.is_some_and(|returned| returned < self.ops[b].invoked)
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.ops.len()
    }

    fn reads(&self) -> impl Iterator<Item = usize> {
        self.all().filter(|op| !self.ops[*op].is_write)
    }

    fn writes(&self) -> Vec<usize> {
        self.all().filter(|op| self.ops[*op].is_write).collect()
    }

    /// Whether a read returns what was written last to its register before it in this order.
    fn explains(&self, order: &[usize], read: usize) -> bool {
        let before = order.iter().take_while(|op| **op != read);
        let writes = before.filter(|op| {
            let op = &self.ops[**op];
            op.is_write && op.object == self.ops[read].object
        });
        let found = writes
            .last()
            .map_or(self.initial, |write| self.ops[*write].value);
        found == self.ops[read].value
    }

    /// All orders of these operations that extend the partial order.
    fn extensions(&self, ops: &[usize], before: &Before) -> impl Iterator<Item = Order<usize>> {
        permutations(ops, |a, b| before[*b] >> *a & 1 == 1)
    }

    fn causal_orders(&self) -> Vec<Before> {
        partial_orders(self.ops.len(), |a, b| self.session_order(a, b))
    }

    /// The causal past of an operation, and that.
    fn past(&self, before: &Before, op: usize) -> Vec<usize> {
        let is_past = |other: &usize| *other == op || before[op] >> *other & 1 == 1;
        self.all().filter(is_past).collect()
    }

    fn is_causal(&self) -> bool {
        self.causal_orders().iter().any(|before| {
            self.reads().all(|read| {
                let past = self.past(before, read);
                let mut orders = self.extensions(&past, before);
                orders.any(|order| self.explains(&order, read))
            })
        })
    }

    fn is_convergent(&self) -> bool {
        self.causal_orders().iter().any(|before| {
            let all: Vec<usize> = self.all().collect();
            self.extensions(&all, before).any(|arbitration| {
                self.reads().all(|read| {
                    let past = self.past(before, read);
                    let mut order = arbitration.clone();
                    order.retain(|op| past.contains(op) && *op != read);
                    order.push(read);
                    self.explains(&order, read)
                })
            })
        })
    }

    fn is_memory(&self) -> bool {
        self.causal_orders().iter().any(|before| {
            self.all().all(|op| {
                let past = self.past(before, op);
                let reads: Vec<usize> = self
                    .reads()
                    .filter(|read| *read == op || self.session_order(*read, op))
                    .collect();
                let mut orders = self.extensions(&past, before);
                orders.any(|order| reads.iter().all(|read| self.explains(&order, *read)))
            })
        })
    }

    /// The guarantee, of these visible sets.
    fn allows(&self, guarantee: Guarantee, visible: &[(usize, Vec<usize>)]) -> bool {
        let earlier_reads = |op: usize| {
            let reads = visible.iter();
            reads.filter(move |(read, _)| self.session_order(*read, op))
        };
        visible.iter().all(|(read, set)| {
            let has = |write: &usize| set.contains(write);
            let is_earlier = |write: &usize, op| self.session_order(*write, op);
            match guarantee {
                Guarantee::ReadYourWrites => {
                    let writes = self.writes();
                    writes.iter().filter(|w| is_earlier(w, *read)).all(has)
                }
                Guarantee::MonotonicReads => earlier_reads(*read).all(|(_, s)| s.iter().all(has)),
                Guarantee::MonotonicWrites => set.iter().all(|seen| {
                    let writes = self.writes();
                    writes.iter().filter(|w| is_earlier(w, *seen)).all(has)
                }),
                Guarantee::WritesFollowReads => {
                    let mut reads = set.iter().flat_map(|seen| earlier_reads(*seen));
                    reads.all(|(_, s)| s.iter().all(has))
                }
            }
        })
    }

    /// Whether the guarantee asks that one write is ordered before another.
    fn orders(
        &self,
        guarantee: Guarantee,
        visible: &[(usize, Vec<usize>)],
        first: usize,
        then: usize,
    ) -> bool {
        match guarantee {
            Guarantee::ReadYourWrites | Guarantee::MonotonicReads => false,
            Guarantee::MonotonicWrites => self.session_order(first, then),
            Guarantee::WritesFollowReads => visible
                .iter()
                .any(|(read, set)| self.session_order(*read, then) && set.contains(&first)),
        }
    }

    fn keeps(&self, guarantee: Guarantee, arbitration: Arbitration) -> bool {
        let sets = self.reads().map(|read| {
            let writes = self.writes().into_iter();
            let writes = writes.filter(move |write| !self.session_order(read, *write));
            let sets = writes.powerset().map(move |set| (read, set));
            sets.collect::<Vec<_>>()
        });
        let mut choices: Vec<Vec<(usize, Vec<usize>)>> = sets.multi_cartesian_product().collect();
        if self.reads().next().is_none() {
            choices = vec![Vec::new()];
        }
        choices.iter().any(|visible| {
            let orders = || {
                permutations(&self.writes(), |a, b| {
                    self.orders(guarantee, visible, *a, *b)
                })
                .collect::<Vec<_>>()
            };
            let returns = |order: &Vec<usize>, (read, set): &(usize, Vec<usize>)| {
                let mut order = order.clone();
                order.retain(|write| set.contains(write));
                order.push(*read);
                self.explains(&order, *read)
            };
            self.allows(guarantee, visible)
                && match arbitration {
                    Arbitration::OfAll => orders()
                        .iter()
                        .any(|order| visible.iter().all(|seen| returns(order, seen))),
                    Arbitration::OfEach => {
                        let sessions = self.ops.iter().map(|op| op.session).unique();
                        let all = orders();
                        sessions.into_iter().all(|session| {
                            all.iter().any(|order| {
                                let mut seen = visible
                                    .iter()
                                    .filter(|(read, _)| self.ops[*read].session == session);
                                seen.all(|seen| returns(order, seen))
                            })
                        })
                    }
                }
        })
    }

    fn overlaps_write(&self, read: usize) -> bool {
        self.all().any(|write| {
            self.ops[write].is_write
                && self.ops[write].object == self.ops[read].object
                && !self.precedes(write, read)
                && !self.precedes(read, write)
        })
    }

    fn is_regular(&self, agreement: Agreement, is_asked: impl Fn(usize) -> bool) -> bool {
        let reads: Vec<usize> = self.reads().filter(|read| is_asked(*read)).collect();
        let orders = |ops: &[usize]| {
            permutations(ops, |a, b| self.precedes(*a, *b)).collect::<Vec<Order<usize>>>()
        };
        let writes = self.writes();
        match agreement {
            Agreement::None => reads.iter().all(|read| {
                let ops: Vec<usize> = writes.iter().copied().chain([*read]).collect();
                orders(&ops).iter().any(|order| self.explains(order, *read))
            }),
            Agreement::OnWrites => orders(&writes).iter().any(|order| {
                reads.iter().all(|read| {
                    (0..=order.len()).any(|place| {
                        let (before, after) = order.split_at(place);
                        let fits = before.iter().all(|write| !self.precedes(*read, *write))
                            && after.iter().all(|write| !self.precedes(*write, *read));
                        let order: Vec<usize> = before.iter().copied().chain([*read]).collect();
                        fits && self.explains(&order, *read)
                    })
                })
            }),
        }
    }
}
