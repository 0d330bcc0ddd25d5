//! Registers to which each value is written at most once: linearizability without a search.
//!
//! The operations of a value are its *cluster*: its write, and the reads that return it. A cluster's *zone* lies between the
//! earliest return and the latest invocation of its operations. If the earliest return comes first, the register holds the
//! value throughout the zone, which is *forward*; otherwise the zone is *backward*, and all the cluster's operations
//! overlap at any moment of it. A history is linearizable if and only if no read precedes its value's write, no two
//! forward zones overlap, and no backward zone lies inside a forward one (Gibbons, Korach: *Testing Shared Memories*,
//! SIAM J. Comput. 26(4), 1997, theorem 4.2).

use alloc::vec;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::history::{Moment, Operation};
use super::specification::{Access, Call, Specification, access};

/// Whether the history is linearizable.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Zones {
    /// An order that explains it, by the operations' places in the list that was asked about.
    Order(Vec<usize>),
    /// Operations that alone are not linearizable, by their places.
    Contradiction(Vec<usize>),
}

/// The operations of a value.
struct Cluster {
    /// `None` is what the register holds at first: written before all moments.
    write: Option<usize>,
    reads: usize,
    /// The earliest return, and the operation that returned.
    first_return: (Moment, Option<usize>),
    /// The latest invocation, and the operation that was invoked.
    last_invocation: (Moment, Option<usize>),
}

/// Comes before all moments of a history, which are one more here.
const BEFORE_ALL: Moment = 0;

impl Cluster {
    fn of_initial_value() -> Self {
        Self {
            write: None,
            reads: 0,
            first_return: (BEFORE_ALL, None),
            last_invocation: (BEFORE_ALL, None),
        }
    }

    fn of_write<Q, A>(place: usize, write: &Operation<Q, A>) -> Self {
        let (invoked, returned) = moments(write);
        Self {
            write: Some(place),
            reads: 0,
            first_return: (returned, Some(place)),
            last_invocation: (invoked, Some(place)),
        }
    }

    fn add_read<Q, A>(&mut self, place: usize, read: &Operation<Q, A>) {
        self.reads += 1;
        let (invoked, returned) = moments(read);
        if returned < self.first_return.0 {
            self.first_return = (returned, Some(place));
        }
        if invoked > self.last_invocation.0 {
            self.last_invocation = (invoked, Some(place));
        }
    }

    fn is_forward(&self) -> bool {
        self.first_return.0 < self.last_invocation.0
    }

    fn left(&self) -> Moment {
        self.first_return.0.min(self.last_invocation.0)
    }

    fn right(&self) -> Moment {
        self.first_return.0.max(self.last_invocation.0)
    }

    /// Operations that alone have this zone.
    fn witnesses(&self) -> impl Iterator<Item = usize> {
        let witnesses = [self.write, self.first_return.1, self.last_invocation.1];
        witnesses.into_iter().flatten()
    }
}

/// When an operation was invoked, and when it returned.
fn moments<Q, A>(operation: &Operation<Q, A>) -> (Moment, Moment) {
    let returned = operation.returned.unwrap_or(Moment::MAX);
    (
        operation.invoked.saturating_add(1),
        returned.saturating_add(1),
    )
}

/// Judges the operations of one object. `None` if the object is no register that is read and written only, or a value is
/// written twice.
pub(super) fn zones<S: Specification>(specification: &S, operations: &[&Call<S>]) -> Option<Zones> {
    let accesses = || operations.iter().map(|call| access(specification, call));
    let initial = specification.as_register()?.initial_value();
    let mut clusters = vec![Cluster::of_initial_value()];
    let mut of_value: HashMap<&S::Value, usize> = HashMap::from_iter([(initial, 0)]);
    for (place, access) in accesses().enumerate() {
        match access? {
            Access::Write(value) => {
                if of_value.insert(value, clusters.len()).is_some() {
                    return None;
                }
                clusters.push(Cluster::of_write(place, operations[place]));
            }
            Access::Read(_) | Access::Unread => {}
            Access::Swap { .. } | Access::FailedSwap { .. } => return None,
        }
    }
    let mut cluster_of = vec![None; operations.len()];
    for (place, access) in accesses().enumerate() {
        match access? {
            Access::Write(value) => cluster_of[place] = of_value.get(value).copied(),
            Access::Read(value) => {
                let Some(cluster) = of_value.get(value).copied() else {
                    return Some(Zones::Contradiction(vec![place]));
                };
                let write = clusters[cluster].write;
                if let Some(write) = write
                    && operations[place].precedes(operations[write])
                {
                    return Some(Zones::Contradiction(vec![place, write]));
                }
                clusters[cluster].add_read(place, operations[place]);
                cluster_of[place] = Some(cluster);
            }
            _ => {}
        }
    }
    let has_effect = |cluster: &Cluster| {
        let write = cluster.write.map(|write| operations[write]);
        cluster.reads > 0 || write.is_none_or(|write| write.returned.is_some())
    };
    let mut by_left: Vec<usize> = (0..clusters.len()).collect();
    by_left.retain(|cluster| has_effect(&clusters[*cluster]));
    by_left.sort_unstable_by_key(|cluster| {
        let cluster = &clusters[*cluster];
        (cluster.left(), cluster.is_forward(), cluster.right())
    });
    if let Some((one, other)) = contradiction(&clusters, &by_left) {
        let mut witnesses: Vec<usize> = one.witnesses().chain(other.witnesses()).collect();
        witnesses.sort_unstable();
        witnesses.dedup();
        return Some(Zones::Contradiction(witnesses));
    }
    Some(Zones::Order(order(
        operations,
        &clusters,
        &by_left,
        &cluster_of,
    )))
}

/// Two clusters neither of which can come first, if there are such. The clusters are given by their left ends.
fn contradiction<'a>(
    clusters: &'a [Cluster],
    by_left: &[usize],
) -> Option<(&'a Cluster, &'a Cluster)> {
    let mut forward: Option<&Cluster> = None;
    for cluster in by_left.iter().map(|cluster| &clusters[*cluster]) {
        if let Some(forward) = forward {
            let overlaps = cluster.left() < forward.right();
            let is_inside = forward.left() < cluster.left() && cluster.right() < forward.right();
            if (cluster.is_forward() && overlaps) || is_inside {
                return Some((forward, cluster));
            }
        }
        if cluster.is_forward() {
            forward = Some(cluster);
        }
    }
    None
}

/// The clusters by their left ends, each with its write first: if there is no contradiction, no operation follows one that it
/// precedes.
fn order<Q, A>(
    operations: &[&Operation<Q, A>],
    clusters: &[Cluster],
    by_left: &[usize],
    cluster_of: &[Option<usize>],
) -> Vec<usize> {
    let mut rank = vec![None; clusters.len()];
    for (number, cluster) in by_left.iter().enumerate() {
        rank[*cluster] = Some(number);
    }
    let rank_of = |place: usize| cluster_of[place].and_then(|cluster| rank[cluster]);
    let mut order: Vec<usize> = (0..operations.len()).collect();
    order.retain(|place| rank_of(*place).is_some());
    order.sort_unstable_by_key(|place| {
        let is_read =
            cluster_of[*place].is_some_and(|cluster| clusters[cluster].write != Some(*place));
        (rank_of(*place), is_read, operations[*place].invoked, *place)
    });
    order
}
