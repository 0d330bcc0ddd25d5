//! Strongly connected components, and which of them are fair.
//!
//! Every state has an implicit step to itself (stuttering), so a state alone is a component too. A
//! component is *fair* if a run can stay in it for ever, visit all of it again and again, and keep every
//! fairness assumption: of each weak class, some action is taken inside it or the class is disabled
//! somewhere in it; of each strong class, some action is taken inside it or the class is disabled
//! everywhere in it.

use super::graph::{Class, Graph, OUTSIDE, UNFAIR};
use super::property::Strength;
use super::segmented::{BitSet, Segmented};
use super::visited::Number;

/// Fair components, all together.
pub struct FairStates {
    /// The states of all maximal fair components.
    pub all: BitSet,
    /// Those in which a run may stutter: no fair class is enabled.
    pub dead_ends: BitSet,
    /// Whether there are none.
    pub is_empty: bool,
    /// How many bytes the search took at most.
    pub bytes_peak: usize,
}

/// Finds the fair components among the states `inside`, of those that have a state in `must`, if given.
pub fn fair_states(
    graph: &Graph,
    strengths: &[Strength],
    inside: &BitSet,
    must: Option<&BitSet>,
) -> FairStates {
    let mut found = FairStates {
        all: BitSet::new(graph.states()),
        dead_ends: BitSet::new(graph.states()),
        is_empty: true,
        bytes_peak: 0,
    };
    let mut judge = Judge::new(graph, strengths);
    let mut search = Search::new(graph);
    // Parts of components that may be fair without the states that a strong class forbids.
    let mut parts: Vec<Vec<Number>> = Vec::new();
    let mut settle = |component: &Component<'_>, parts: &mut Vec<Vec<Number>>| {
        if must.is_some_and(|must| !component.members().any(|state| must.contains(state))) {
            return;
        }
        match judge.judge(component) {
            Fair::Yes => {
                found.is_empty = false;
                for state in component.members() {
                    found.all.insert(state);
                    if must.is_none_or(|must| must.contains(state)) && judge.is_dead_end(state) {
                        found.dead_ends.insert(state);
                    }
                }
            }
            Fair::Without(part) if part.is_empty() => {}
            Fair::Without(part) => parts.push(part),
            Fair::No => {}
        }
    };
    search.run(inside, inside.iter(), |component| {
        settle(component, &mut parts);
    });
    if !parts.is_empty() {
        let mut inside = BitSet::new(graph.states());
        while let Some(part) = parts.pop() {
            for &state in &part {
                inside.insert(state);
                search.forget(state);
            }
            search.run(&inside, part.iter().copied(), |component| {
                settle(component, &mut parts);
            });
            part.iter().for_each(|&state| inside.remove(state));
        }
    }
    found.bytes_peak = search.bytes() + inside.bytes() * 3;
    found
}

/// The component of a state among the states `inside`.
pub fn component_of(graph: &Graph, inside: &BitSet, state: Number) -> BitSet {
    let mut members = BitSet::new(graph.states());
    Search::new(graph).run(inside, std::iter::once(state), |component| {
        if component.contains(state) {
            component.members().for_each(|member| {
                members.insert(member);
            });
        }
    });
    members
}

/// A maximal component among the states of a search.
struct Component<'a> {
    search: &'a Search<'a>,
    inside: &'a BitSet,
    /// Where on the stack it begins.
    from: usize,
    number: u32,
}

impl Component<'_> {
    fn members(&self) -> impl Iterator<Item = Number> {
        (self.from..self.search.stack.len()).map(|at| self.search.stack.get(at))
    }

    fn contains(&self, state: Number) -> bool {
        state != OUTSIDE
            && self.inside.contains(state)
            && self.search.indices.get(state as usize) == self.number
    }
}

const DONE: u32 = u32::MAX;
const IS_NOT_ROOT: u32 = 1 << 31;

/// Pearce's algorithm (*A space-efficient algorithm for finding strongly connected components*,
/// Information Processing Letters 116, 2016), without recursion.
struct Search<'a> {
    graph: &'a Graph,
    /// For each state: 0, or while its component is being found the smallest index that it reaches, or
    /// the number of its component, counted downwards.
    indices: Segmented<u32>,
    /// The way to where the search is: a state, whether it is known not to be the root of its
    /// component, and its next step.
    way: Segmented<[u32; 2]>,
    /// States whose component is being found.
    stack: Segmented<Number>,
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph) -> Self {
        Self {
            graph,
            indices: Segmented::of(0, graph.states()),
            way: Segmented::default(),
            stack: Segmented::default(),
        }
    }

    /// Makes a state one that was not searched.
    fn forget(&mut self, state: Number) {
        self.indices.set(state as usize, 0);
    }

    fn bytes(&self) -> usize {
        self.indices.bytes() + self.way.bytes() + self.stack.bytes()
    }

    fn enter(&mut self, state: Number, index: &mut u32) {
        self.indices.set(state as usize, *index);
        *index += 1;
        let step = self.graph.first_step(state).unwrap_or(DONE);
        self.way.push([state, step]);
    }

    /// Finds all components that can be reached from `roots`, without leaving `inside`.
    fn run(
        &mut self,
        inside: &BitSet,
        roots: impl Iterator<Item = Number>,
        mut found: impl FnMut(&Component<'_>),
    ) {
        let mut index = 1;
        let mut number = u32::MAX;
        for root in roots {
            if self.indices.get(root as usize) != 0 {
                continue;
            }
            self.enter(root, &mut index);
            while let Some([tagged, at]) = self.way.last() {
                let state = tagged & !IS_NOT_ROOT;
                let top = self.way.len() - 1;
                if at != DONE {
                    let (step, next) = self.graph.step(at);
                    self.way.set(top, [tagged, next.unwrap_or(DONE)]);
                    let target = step.target;
                    if target == OUTSIDE || !inside.contains(target) {
                        continue;
                    }
                    if self.indices.get(target as usize) == 0 {
                        self.enter(target, &mut index);
                    } else {
                        self.reach(top, target);
                    }
                    continue;
                }
                self.way.pop();
                self.stack.push(state);
                if tagged & IS_NOT_ROOT == 0 {
                    let lowest = self.indices.get(state as usize);
                    let mut from = self.stack.len() - 1;
                    // The states above it on the stack, and itself, which came last.
                    while from > 0 {
                        let below = self.stack.get(from - 1) as usize;
                        if self.indices.get(below) < lowest {
                            break;
                        }
                        from -= 1;
                    }
                    for at in from..self.stack.len() {
                        self.indices.set(self.stack.get(at) as usize, number);
                    }
                    index -= (self.stack.len() - from) as u32;
                    found(&Component {
                        search: self,
                        inside,
                        from,
                        number,
                    });
                    number -= 1;
                    while self.stack.len() > from {
                        self.stack.pop();
                    }
                }
                if let Some(top) = self.way.len().checked_sub(1) {
                    self.reach(top, state);
                }
            }
        }
    }

    /// Notes that the state at a place on the way has a step to this one, which has been entered.
    fn reach(&mut self, place: usize, target: Number) {
        let [tagged, next] = self.way.get(place);
        let state = (tagged & !IS_NOT_ROOT) as usize;
        let reached = self.indices.get(target as usize);
        if reached < self.indices.get(state) {
            self.indices.set(state, reached);
            self.way.set(place, [tagged | IS_NOT_ROOT, next]);
        }
    }
}

enum Fair {
    Yes,
    No,
    /// No, but these of its states may contain a fair component.
    Without(Vec<Number>),
}

/// Judges components, with counters for each class.
struct Judge<'a> {
    graph: &'a Graph,
    strengths: &'a [Strength],
    /// In how many members each class is enabled.
    enabled: Vec<usize>,
    /// In which member, by its place, it was seen last.
    seen_in: Vec<usize>,
    /// Whether it is taken inside.
    is_taken: Vec<bool>,
    /// The classes whose counters are in use.
    met: Vec<Class>,
}

impl<'a> Judge<'a> {
    fn new(graph: &'a Graph, strengths: &'a [Strength]) -> Self {
        let classes = strengths.len();
        Self {
            graph,
            strengths,
            enabled: vec![0; classes],
            seen_in: vec![0; classes],
            is_taken: vec![false; classes],
            met: Vec::new(),
        }
    }

    fn is_dead_end(&self, state: Number) -> bool {
        self.graph.steps_of(state).all(|step| step.class == UNFAIR)
    }

    fn judge(&mut self, component: &Component<'_>) -> Fair {
        for class in self.met.drain(..) {
            self.enabled[class as usize] = 0;
            self.seen_in[class as usize] = 0;
            self.is_taken[class as usize] = false;
        }
        let mut size = 0;
        for state in component.members() {
            size += 1;
            for step in self.graph.steps_of(state) {
                if step.class == UNFAIR {
                    continue;
                }
                let class = step.class as usize;
                if self.enabled[class] == 0 {
                    self.met.push(step.class);
                }
                if self.seen_in[class] != size {
                    self.seen_in[class] = size;
                    self.enabled[class] += 1;
                }
                if !self.is_taken[class] {
                    self.is_taken[class] = component.contains(step.target);
                }
            }
        }
        let put_off = |class: &Class| !self.is_taken[*class as usize];
        let strength = |class: &Class| self.strengths[*class as usize];
        let mut put_off_classes = self.met.iter().filter(|class| put_off(class));
        if put_off_classes.any(|c| self.enabled[*c as usize] == size) {
            // Enabled everywhere and never taken: so in every part.
            return Fair::No;
        }
        let is_forbidden = |step: super::graph::Step| {
            step.class != UNFAIR
                && put_off(&step.class)
                && strength(&step.class) == Strength::Strong
        };
        let is_fair = self
            .met
            .iter()
            .all(|class| !put_off(class) || strength(class) == Strength::Weak);
        if is_fair {
            return Fair::Yes;
        }
        let allowed = |state: &Number| !self.graph.steps_of(*state).any(is_forbidden);
        Fair::Without(component.members().filter(allowed).collect())
    }
}
