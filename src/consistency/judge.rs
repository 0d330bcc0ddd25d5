//! Consistency models, by name, and the judgement of a history by one of them.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;

use super::causal;
use super::guarantees::{self, Arbitration, Guarantee};
use super::history::{Moment, Object, Operation};
use super::linearizability;
use super::orders;
use super::registers::Registers;
use super::regular::{self, Agreement, Asked};
use super::search::{Budget, Exhausted};
use super::specification::{Call, Specification};
use super::staleness::{self, LastWrites};
use super::verdict::{Explanation, LeaveOut, Verdict, Violation};

/// A consistency model: a set of histories.
///
/// In each definition, a *write* is an operation that changes the object, a *read* one that does not. An operation whose
/// outcome is unknown happened at some moment, or never. *Session order* is the order of the operations of one session: an
/// operation comes before another if it returned before that was invoked. So one whose outcome is unknown comes before none.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Consistency {
    /// Each operation takes effect at one moment between its invocation and its return. (Herlihy, Wing: *Linearizability: A
    /// Correctness Condition for Concurrent Objects*, TOPLAS 12(3), 1990. For a register: *atomic*, Lamport 1986.)
    Linearizable,
    /// One order of all operations, which extends session order, explains all responses. (Lamport: *How to Make a
    /// Multiprocessor Computer That Correctly Executes Multiprocess Programs*, IEEE ToC C-28(9), 1979.)
    Sequential,
    /// Causal consistency, CC: there is a causal order, a partial order that extends session order, such that for each
    /// operation an order of its causal past explains its response. (Bouajjani, Enea, Guerraoui, Hamza: *On Verifying Causal
    /// Consistency*, POPL 2017, section 3.)
    Causal,
    /// Causal convergence, CCv: causal, and all sessions order all writes in one way: each response is explained by that order
    /// of its causal past. (The same; Burckhardt: *Principles of Eventual Consistency*, 2014.)
    CausalConvergence,
    /// Causal memory, CM: causal, and for each session one order of its causal past explains all its responses. (The same;
    /// Ahamad, Neiger, Burns, Kohli, Hutto: *Causal Memory*, Distributed Computing 9, 1995.)
    CausalMemory,
    /// Pipelined RAM: for each session, an order of its operations and of all other sessions' writes, which extends session
    /// order, explains its responses. (Lipton, Sandberg: *PRAM: A Scalable Shared Memory*, CS-TR-180-88, Princeton 1988.)
    Pram,
    /// A session guarantee (Terry et al.: *Session Guarantees for Weakly Consistent Replicated Data*, PDIS 1994). Each read has
    /// a set of *visible* writes, none of which its own session makes later, and returns the one that is last in the
    /// *arbitration*, an order of all writes.
    Guarantee(Guarantee, Arbitration),
    /// One order of all writes, which extends session order, and each read sees the state after a prefix of it. (Terry:
    /// *Replicated Data Consistency Explained Through Baseball*, CACM 56(12), 2013.) It asks nothing of reads of a single object.
    ConsistentPrefix,
    /// A read returns what was written last before it began, or something that is written meanwhile. (Lamport: *On Interprocess
    /// Communication*, Distributed Computing 1, 1986, part II; for many writers: Shao, Welch, Pierce, Lee: *Multiwriter
    /// Consistency Conditions for Shared Memory Registers*, SIAM J. Comput. 40(1), 2011.) It is said of one register, and of
    /// several if it is true of each.
    Regular(Agreement),
    /// Regular, but asked only of reads that overlap no write. (The same.)
    Safe(Agreement),
    /// Linearizable, once each read is invoked so much earlier: what a read returns may be so old. (Golab, Li, Shah: *Analyzing
    /// Consistency Properties for Fun and Profit*, PODC 2011.) With 0 it is [`Consistency::Linearizable`].
    DeltaAtomic(Moment),
    /// One order of all operations, which extends real time, in which each read returns one of so many values that were written
    /// last. (Aiyer, Alvisi, Bazzi: *On the Availability of Non-strict Quorum Systems*, DISC 2005.) With 1 it is
    /// [`Consistency::Linearizable`].
    KAtomic(NonZeroU32),
}

use Consistency::{
    Causal, CausalConvergence, CausalMemory, ConsistentPrefix, DeltaAtomic, KAtomic, Linearizable,
    Pram, Regular, Safe, Sequential,
};

impl Consistency {
    /// All models but the two families, [`Consistency::DeltaAtomic`] and [`Consistency::KAtomic`]. Of monotonic writes and of writes that follow reads, one arbitration for all sessions asks no more than one for
    /// each.
    pub const ALL: [Self; 17] = [
        Linearizable,
        Sequential,
        Causal,
        CausalConvergence,
        CausalMemory,
        Pram,
        Self::Guarantee(Guarantee::ReadYourWrites, Arbitration::OfEach),
        Self::Guarantee(Guarantee::MonotonicReads, Arbitration::OfEach),
        Self::Guarantee(Guarantee::MonotonicWrites, Arbitration::OfEach),
        Self::Guarantee(Guarantee::WritesFollowReads, Arbitration::OfEach),
        Self::Guarantee(Guarantee::ReadYourWrites, Arbitration::OfAll),
        Self::Guarantee(Guarantee::MonotonicReads, Arbitration::OfAll),
        ConsistentPrefix,
        Regular(Agreement::None),
        Regular(Agreement::OnWrites),
        Safe(Agreement::None),
        Safe(Agreement::OnWrites),
    ];

    /// The name, in lower case; that of its family, of a member of one.
    pub fn name(self) -> &'static str {
        use {Agreement as Ag, Arbitration as Ar, Guarantee as G};
        match self {
            Linearizable => "linearizable",
            Sequential => "sequential",
            Causal => "causal",
            CausalConvergence => "causal-convergence",
            CausalMemory => "causal-memory",
            Pram => "pram",
            Self::Guarantee(G::ReadYourWrites, Ar::OfEach) => "read-your-writes",
            Self::Guarantee(G::MonotonicReads, Ar::OfEach) => "monotonic-reads",
            Self::Guarantee(G::MonotonicWrites, Ar::OfEach) => "monotonic-writes",
            Self::Guarantee(G::WritesFollowReads, Ar::OfEach) => "writes-follow-reads",
            Self::Guarantee(G::ReadYourWrites, Ar::OfAll) => "read-your-writes-in-one-order",
            Self::Guarantee(G::MonotonicReads, Ar::OfAll) => "monotonic-reads-in-one-order",
            Self::Guarantee(G::MonotonicWrites, Ar::OfAll) => "monotonic-writes-in-one-order",
            Self::Guarantee(G::WritesFollowReads, Ar::OfAll) => "writes-follow-reads-in-one-order",
            ConsistentPrefix => "consistent-prefix",
            Regular(Ag::None) => "regular-weak",
            Regular(Ag::OnWrites) => "regular-strong",
            Safe(Ag::None) => "safe-weak",
            Safe(Ag::OnWrites) => "safe-strong",
            DeltaAtomic(_) => "delta-atomic",
            KAtomic(_) => "k-atomic",
        }
    }

    /// The models that are weaker by an arrow of the lattice: their histories are all of this one's and more, and no model is
    /// between, members of families left aside. Of [`Consistency::ConsistentPrefix`] this is meant of objects whose reads see several registers.
    pub fn weaker(self) -> Vec<Self> {
        use Arbitration::{OfAll, OfEach};
        use Guarantee::{MonotonicReads, MonotonicWrites, ReadYourWrites, WritesFollowReads};
        let of = |arbitration, guarantees: &[Guarantee]| {
            let guarantees = guarantees.iter();
            let models = guarantees.map(|guarantee| Self::Guarantee(*guarantee, arbitration));
            models.collect::<Vec<Self>>()
        };
        match self {
            Linearizable => vec![Sequential, Regular(Agreement::OnWrites)],
            Sequential => vec![CausalConvergence, CausalMemory, ConsistentPrefix],
            CausalConvergence => {
                let in_one_order = of(OfAll, &[ReadYourWrites, MonotonicReads]);
                [vec![Causal], in_one_order].concat()
            }
            CausalMemory => vec![Causal, Pram],
            Causal => of(OfEach, &[ReadYourWrites, WritesFollowReads]),
            Pram => of(OfEach, &[ReadYourWrites, MonotonicReads]),
            Self::Guarantee(guarantee, OfAll) => of(OfEach, &[guarantee]),
            Self::Guarantee(MonotonicWrites, OfEach) | ConsistentPrefix => Vec::new(),
            Self::Guarantee(_, OfEach) => of(OfEach, &[MonotonicWrites]),
            Regular(Agreement::OnWrites) => {
                let weaker = vec![Regular(Agreement::None), Safe(Agreement::OnWrites)];
                [weaker, of(OfAll, &[ReadYourWrites])].concat()
            }
            Regular(Agreement::None) => {
                let guarantees = of(OfEach, &[ReadYourWrites, WritesFollowReads]);
                [vec![Safe(Agreement::None)], guarantees].concat()
            }
            Safe(Agreement::OnWrites) => vec![Safe(Agreement::None)],
            Safe(Agreement::None) => Vec::new(),
            // The next member of the family, of which there is no last: none is among all models.
            DeltaAtomic(_) | KAtomic(_) => Vec::new(),
        }
    }

    /// Whether every history of this model is one of the other: the other is weaker, or the same.
    pub fn implies(self, other: Self) -> bool {
        self == other
            || self
                .weaker()
                .into_iter()
                .any(|weaker| weaker.implies(other))
    }

    /// Whether a history satisfies the model if each object's operations do.
    pub fn is_local(self) -> bool {
        match self {
            Linearizable | Regular(_) | Safe(_) | DeltaAtomic(_) | KAtomic(_) => true,
            Self::Guarantee(guarantee, _) => matches!(
                guarantee,
                Guarantee::ReadYourWrites | Guarantee::MonotonicReads
            ),
            Sequential | Causal | CausalConvergence | CausalMemory | Pram | ConsistentPrefix => {
                false
            }
        }
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeltaAtomic(delta) => write!(f, "{delta}-delta-atomic"),
            KAtomic(k) => write!(f, "{k}-atomic"),
            _ => f.write_str(self.name()),
        }
    }
}

/// The model is about registers that are read and written, and nothing else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Inapplicable(pub Consistency);

impl fmt::Display for Inapplicable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is about registers that are read and written, and these operations do more",
            self.0.name()
        )
    }
}

impl core::error::Error for Inapplicable {}

/// Whether a history satisfies a model, without a reason, which costs more than the answer; `None` if the budget, for each
/// object or for all, was too small.
///
/// # Errors
///
/// If the model is not about such operations.
pub fn satisfies<S: Specification>(
    consistency: Consistency,
    specification: &S,
    operations: &[Call<S>],
    budget: Budget,
) -> Result<Option<bool>, Inapplicable> {
    let mut holds = Some(true);
    for places in parts(consistency, operations).into_values() {
        let part: Vec<&Call<S>> = places.iter().map(|place| &operations[*place]).collect();
        match find(consistency, specification, &part, &mut { budget }) {
            Err(Stop::Inapplicable) => return Err(Inapplicable(consistency)),
            Err(Stop::Exhausted) => holds = None,
            Ok(Finding::Holds(_)) => {}
            Ok(Finding::Wrong(_)) => return Ok(Some(false)),
        }
    }
    Ok(holds)
}

/// The places of the operations that are judged together: of each object, or of all.
fn parts<Q, A>(
    consistency: Consistency,
    operations: &[Operation<Q, A>],
) -> BTreeMap<Option<Object>, Vec<usize>> {
    let mut parts: BTreeMap<Option<Object>, Vec<usize>> = BTreeMap::new();
    for (place, operation) in operations.iter().enumerate() {
        let object = consistency.is_local().then_some(operation.object);
        parts.entry(object).or_default().push(place);
    }
    parts
}

/// Judges a history by a model: each object, with this budget for each, if the model is local; otherwise all objects together,
/// under `None`. A history without operations has no verdicts.
///
/// # Errors
///
/// If the model is not about such operations.
pub fn judge<S: Specification>(
    consistency: Consistency,
    specification: &S,
    operations: &[Call<S>],
    budget: Budget,
) -> Result<BTreeMap<Option<Object>, Verdict<S>>, Inapplicable> {
    let mut verdicts = BTreeMap::new();
    for (object, places) in parts(consistency, operations) {
        let part: Vec<&Call<S>> = places.iter().map(|place| &operations[*place]).collect();
        let verdict = match find(consistency, specification, &part, &mut { budget }) {
            Err(Stop::Inapplicable) => return Err(Inapplicable(consistency)),
            Err(Stop::Exhausted) => Verdict::Undecided,
            Ok(Finding::Holds(mut explanation)) => {
                explanation.renumber(&places);
                Verdict::Holds(explanation)
            }
            Ok(Finding::Wrong(wrong)) => {
                let is_wrong = |operations: &[Call<S>]| {
                    let operations: Vec<&Call<S>> = operations.iter().collect();
                    match find(consistency, specification, &operations, &mut { budget }) {
                        Ok(Finding::Wrong(wrong)) => Some(wrong),
                        _ => None,
                    }
                };
                // Whether a read is asked anything depends on the writes that it overlaps.
                let leave_out = match consistency {
                    Safe(_) => LeaveOut::Reads,
                    _ => LeaveOut::ReadsAndValues,
                };
                let part = part.into_iter().cloned().collect();
                let violation =
                    Violation::made_small(specification, part, wrong, leave_out, is_wrong);
                Verdict::Violated(violation)
            }
        };
        verdicts.insert(object, verdict);
    }
    Ok(verdicts)
}

/// How a history came out.
pub(super) enum Finding {
    Holds(Explanation),
    Wrong(WrongPart),
}

/// A part of a wrong history from which the rest may be cut.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum WrongPart {
    /// The operations at these places.
    Operations(Vec<usize>),
    /// All events until the operation at this place returned. A swap that failed later may succeed in it: judge it again.
    UntilReturn(usize),
    /// All operations.
    Everything,
}

/// Why there is no finding.
pub(super) enum Stop {
    Exhausted,
    Inapplicable,
}

impl From<Exhausted> for Stop {
    fn from(_: Exhausted) -> Self {
        Self::Exhausted
    }
}

fn find<S: Specification>(
    consistency: Consistency,
    specification: &S,
    operations: &[&Call<S>],
    budget: &mut Budget,
) -> Result<Finding, Stop> {
    let registers = || Registers::new(specification, operations).ok_or(Stop::Inapplicable);
    match consistency {
        Linearizable => Ok(linearizability::find(specification, operations, budget)?),
        Sequential => Ok(orders::sequential(specification, operations, budget)?),
        ConsistentPrefix => Ok(orders::consistent_prefix(
            specification,
            operations,
            budget,
        )?),
        // Without registers, by a search.
        Pram => match Registers::new(specification, operations) {
            Some(registers) => Ok(registers.find(budget, causal::pram)?),
            None => Ok(orders::pram(specification, operations, budget)?),
        },
        Causal => Ok(registers()?.find(budget, causal::causal)?),
        CausalConvergence => Ok(registers()?.find(budget, causal::convergence)?),
        CausalMemory => Ok(registers()?.find(budget, causal::memory)?),
        Consistency::Guarantee(guarantee, arbitration) => {
            let judge = |registers: &_, source: &_| {
                guarantees::holds(guarantee, arbitration, registers, source)
            };
            Ok(registers()?.find(budget, judge)?)
        }
        Regular(agreement) => regular::find(&registers()?, Asked::All, agreement, budget),
        Safe(agreement) => regular::find(&registers()?, Asked::WithoutOverlap, agreement, budget),
        DeltaAtomic(delta) => {
            let earlier = staleness::with_earlier_reads(specification, operations, delta);
            let earlier: Vec<&Call<S>> = earlier.iter().collect();
            Ok(linearizability::find(specification, &earlier, budget)?)
        }
        KAtomic(k) => match LastWrites::new(specification, operations, k) {
            Some(last_writes) => Ok(last_writes.find(operations, budget)?),
            None => Err(Stop::Inapplicable),
        },
    }
}
