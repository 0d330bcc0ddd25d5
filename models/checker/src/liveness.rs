//! Claims about fair runs: a fair component or a fair dead end that refutes one, and the run to it.
//!
//! What refutes a claim is a run that goes somewhere and stays in a fair component for ever. For each kind
//! of claim the states are named where such a run may begin to count (*roots*), where it may go
//! (*allowed*), and what it must visit again and again (*must*):
//!
//! | claim | roots | allowed | must |
//! | --- | --- | --- | --- |
//! | eventually *goal* | initial states | without goal | |
//! | *trigger* leads to *goal* | every state with trigger | without goal | |
//! | infinitely often *goal* | every state | without goal | |
//! | eventually always *goal* | every state | all | a state without goal |

use std::collections::{HashMap, VecDeque};

use super::components::{component_of, fair_states};
use super::graph::{Class, Graph, OUTSIDE, Step, UNFAIR};
use super::property::Strength;
use super::segmented::{BitSet, Segmented};
use super::visited::Number;

/// The reachable states, numbered level by level, and their steps.
pub struct Space<'a> {
    /// The steps.
    pub graph: &'a Graph,
    /// The first number of each level.
    pub levels: &'a [usize],
    /// Where each state is first reached from.
    pub parents: &'a Segmented<Number>,
    /// The strength of each class, and a rank that does not depend on threads.
    pub classes: &'a [(Strength, usize)],
}

/// Which states a claim is about, of those that have been expanded.
pub struct Claim<'a> {
    pub kind: Kind<'a>,
    /// Where the goal is met.
    pub goal: &'a BitSet,
    /// Where a bound of the model withholds a step.
    pub bound: Option<&'a BitSet>,
}

/// The kind of a claim.
pub enum Kind<'a> {
    Eventually,
    /// With the states in which the trigger is true.
    LeadsTo(&'a BitSet),
    InfinitelyOften,
    EventuallyAlways,
}

/// What refutes a claim: a way from an initial state, and the steps of a cycle from its end. Without
/// steps the run stutters there.
#[derive(Debug)]
pub struct Lasso {
    pub stem: Vec<Number>,
    pub cycle: Vec<Step>,
}

/// What a search says about a claim.
pub enum Finding {
    /// No fair run refutes it.
    Holds,
    /// None could: nowhere does it ask for a goal that is not met already.
    Vacuous,
    /// This one does.
    Fails(Lasso),
    /// None does, but some are cut short by a bound of the model.
    Bound,
}

impl Space<'_> {
    /// Decides a claim. Also returns how many bytes that took at most.
    pub fn decide(&self, claim: &Claim<'_>) -> (Finding, usize) {
        let strengths: Vec<Strength> = self.classes.iter().map(|(strength, _)| *strength).collect();
        let mut region = self.region(claim);
        let is_vacuous = region.iter().next().is_none();
        let mut is_bounded = false;
        if let Some(bound) = claim.bound {
            for state in bound.iter() {
                is_bounded |= region.contains(state);
                region.remove(state);
            }
        }
        let without_goal = match claim.kind {
            Kind::EventuallyAlways => {
                let mut states = region.clone();
                claim.goal.iter().for_each(|state| states.remove(state));
                Some(states)
            }
            Kind::Eventually | Kind::LeadsTo(_) | Kind::InfinitelyOften => None,
        };
        let fair = fair_states(self.graph, &strengths, &region, without_goal.as_ref());
        let bytes = fair.bytes_peak;
        if fair.is_empty {
            let finding = match (is_bounded, is_vacuous) {
                (true, _) => Finding::Bound,
                (false, true) => Finding::Vacuous,
                (false, false) => Finding::Holds,
            };
            return (finding, bytes);
        }
        let stem = self.way_to(claim, &fair.all, usize::MAX);
        let stem = stem.expect("a fair component that was found is reached");
        let entry = *stem.last().expect("a way has a state");
        let members = component_of(self.graph, &fair.all, entry);
        let cycle = self.cycle(entry, &members, without_goal.as_ref());
        // Standing still is easier to read, if it is no longer.
        let length = stem.len() + cycle.len();
        let dead_end = match cycle.is_empty() {
            true => None,
            false => self.way_to(claim, &fair.dead_ends, length),
        };
        let lasso = match dead_end {
            Some(stem) => Lasso {
                stem,
                cycle: Vec::new(),
            },
            None => Lasso { stem, cycle },
        };
        // The ways take a number for each state.
        (Finding::Fails(lasso), bytes.max(self.parents.bytes()))
    }

    fn is_root(&self, claim: &Claim<'_>, state: Number) -> bool {
        self.is_allowed(claim, state)
            && match claim.kind {
                Kind::Eventually => (state as usize) < self.levels.get(1).copied().unwrap_or(0),
                Kind::LeadsTo(trigger) => trigger.contains(state),
                Kind::InfinitelyOften | Kind::EventuallyAlways => true,
            }
    }

    fn is_allowed(&self, claim: &Claim<'_>, state: Number) -> bool {
        let is_allowed = match claim.kind {
            Kind::Eventually | Kind::LeadsTo(_) | Kind::InfinitelyOften => {
                !claim.goal.contains(state)
            }
            Kind::EventuallyAlways => true,
        };
        is_allowed && self.graph.is_expanded(state)
    }

    /// The allowed states that are reached from roots by way of allowed states.
    fn region(&self, claim: &Claim<'_>) -> BitSet {
        let states = self.graph.states();
        let mut region = BitSet::new(states);
        let mut open = Segmented::default();
        for root in (0..states as Number).filter(|&state| self.is_root(claim, state)) {
            if region.insert(root) {
                open.push(root);
            }
            while let Some(state) = open.pop() {
                for Step { target, .. } in self.graph.steps_of(state) {
                    if target != OUTSIDE && self.is_allowed(claim, target) && region.insert(target)
                    {
                        open.push(target);
                    }
                }
            }
        }
        region
    }

    /// A shortest way from an initial state to one of `targets` that refutes the claim so far: by way of
    /// allowed states, from a root on. None if it would take more than `length` states.
    fn way_to(&self, claim: &Claim<'_>, targets: &BitSet, length: usize) -> Option<Vec<Number>> {
        const UNKNOWN: Number = Number::MAX;
        let mut from = Segmented::of(UNKNOWN, self.graph.states());
        let mut states: Vec<Number> = Vec::new();
        for depth in 0..length {
            if let Some(&first) = self.levels.get(depth) {
                let end = self.levels.get(depth + 1);
                let end = end.copied().unwrap_or(self.graph.states());
                for root in first as Number..end as Number {
                    if from.get(root as usize) == UNKNOWN && self.is_root(claim, root) {
                        from.set(root as usize, root);
                        states.push(root);
                    }
                }
            } else if states.is_empty() {
                return None;
            }
            let nearest = states.iter().filter(|&&state| targets.contains(state));
            if let Some(&nearest) = nearest.min() {
                return Some(self.way_back(nearest, &from));
            }
            let mut next = Vec::new();
            for state in states {
                for Step { target, .. } in self.graph.steps_of(state) {
                    if target != OUTSIDE
                        && from.get(target as usize) == UNKNOWN
                        && self.is_allowed(claim, target)
                    {
                        from.set(target as usize, state);
                        next.push(target);
                    }
                }
            }
            states = next;
        }
        None
    }

    /// The way to a state: the one that was found from a root, and before it the one to the root.
    fn way_back(&self, state: Number, from: &Segmented<Number>) -> Vec<Number> {
        let mut way = vec![state];
        let mut at = state;
        while from.get(at as usize) != at {
            at = from.get(at as usize);
            way.push(at);
        }
        while at as usize >= self.levels[1] {
            at = self.parents.get(at as usize);
            way.push(at);
        }
        way.reverse();
        way
    }

    /// A fair cycle from `start` within a fair component: from where it stands it always goes the shortest
    /// way to whatever fairness still asks for. Empty if it may stand still.
    fn cycle(&self, start: Number, members: &BitSet, must: Option<&BitSet>) -> Vec<Step> {
        let mut open = Open::new(self, members, must);
        open.visit(start);
        let mut cycle: Vec<Step> = Vec::new();
        let mut at = start;
        while !open.is_empty() {
            let steps = self.walk(at, members, |state, step| match step {
                None => open.asks_for_state(state),
                Some(step) => open.asks_for_step(step),
            });
            for step in steps {
                open.take(at, step.target);
                at = step.target;
                cycle.push(step);
            }
        }
        if at != start {
            cycle.extend(self.walk(at, members, |state, step| step.is_none() && state == start));
        }
        cycle
    }

    /// The shortest walk within a component to a state, or over a step, that is wanted: asked of a
    /// state without a step, and of each of its steps.
    fn walk(
        &self,
        start: Number,
        members: &BitSet,
        is_wanted: impl Fn(Number, Option<Step>) -> bool,
    ) -> Vec<Step> {
        let mut came_by: HashMap<Number, (Number, Step)> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        let way = |came_by: &HashMap<Number, (Number, Step)>, end: Number, last: Option<Step>| {
            let mut steps: Vec<Step> = last.into_iter().collect();
            let mut at = end;
            while at != start {
                let (from, step) = came_by[&at];
                steps.push(step);
                at = from;
            }
            steps.reverse();
            steps
        };
        while let Some(state) = queue.pop_front() {
            if state != start && is_wanted(state, None) {
                return way(&came_by, state, None);
            }
            for step in self.graph.steps_of(state) {
                if step.target == OUTSIDE || !members.contains(step.target) {
                    continue;
                }
                if is_wanted(state, Some(step)) {
                    return way(&came_by, state, Some(step));
                }
                if step.target != start && !came_by.contains_key(&step.target) {
                    came_by.insert(step.target, (state, step));
                    queue.push_back(step.target);
                }
            }
        }
        unreachable!("within a fair component, everything that fairness asks for is reached")
    }
}

/// What fairness still asks for of a cycle.
struct Open<'a> {
    space: &'a Space<'a>,
    members: &'a BitSet,
    /// Weak classes that are to be taken, or to be disabled somewhere.
    weak: Vec<Class>,
    /// Strong classes that are to be taken.
    strong: Vec<Class>,
    /// States of which one is to be visited.
    must: Option<&'a BitSet>,
}

impl<'a> Open<'a> {
    fn new(space: &'a Space<'a>, members: &'a BitSet, must: Option<&'a BitSet>) -> Self {
        let steps = members.iter().flat_map(|state| space.graph.steps_of(state));
        let mut classes: Vec<Class> = Vec::new();
        let mut is_known = vec![false; space.classes.len()];
        for class in steps.map(|step| step.class).filter(|&c| c != UNFAIR) {
            if !std::mem::replace(&mut is_known[class as usize], true) {
                classes.push(class);
            }
        }
        classes.sort_unstable_by_key(|&class| space.classes[class as usize].1);
        let is_weak = |class: &Class| space.classes[*class as usize].0 == Strength::Weak;
        let (weak, strong) = classes.into_iter().partition(is_weak);
        Self {
            space,
            members,
            weak,
            strong,
            must,
        }
    }

    fn is_empty(&self) -> bool {
        self.weak.is_empty() && self.strong.is_empty() && self.must.is_none()
    }

    fn enables(&self, state: Number, class: Class) -> bool {
        let mut steps = self.space.graph.steps_of(state);
        steps.any(|step| step.class == class)
    }

    fn asks_for_state(&self, state: Number) -> bool {
        self.must.is_some_and(|must| must.contains(state))
            || self.weak.iter().any(|&class| !self.enables(state, class))
    }

    fn asks_for_step(&self, step: Step) -> bool {
        self.weak.contains(&step.class) || self.strong.contains(&step.class)
    }

    fn visit(&mut self, state: Number) {
        let mut weak = std::mem::take(&mut self.weak);
        weak.retain(|&class| self.enables(state, class));
        self.weak = weak;
        self.must = self.must.filter(|must| !must.contains(state));
    }

    /// A step is one of every class that has an action from the one state to the other.
    fn take(&mut self, from: Number, to: Number) {
        for step in self.space.graph.steps_of(from) {
            if step.target == to && self.members.contains(to) {
                self.weak.retain(|&class| class != step.class);
                self.strong.retain(|&class| class != step.class);
            }
        }
        self.visit(to);
    }
}
