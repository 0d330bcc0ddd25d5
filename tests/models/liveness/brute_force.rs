//! Claims about fair runs decided by their definition: every set of states that a run may visit again
//! and again is tried. It shares nothing with the checker, and takes a few states only.

use quorate_checker::{Answer, Strength};

use super::graph::{Graph, Kind};

/// States, one bit each.
type Set = u32;

struct Steps<'a>(&'a Graph);

impl Steps<'_> {
    fn states(&self) -> impl Iterator<Item = u8> {
        0..self.0.edges.len() as u8
    }

    fn set(&self, is_in: impl Fn(u8) -> bool) -> Set {
        self.states()
            .filter(|&s| is_in(s))
            .fold(0, |set, s| set | 1 << s)
    }

    /// The inner states.
    fn inside(&self) -> Set {
        self.set(|state| !self.0.beyond.contains(&state))
    }

    /// What is reached from these states without leaving a set.
    fn reached(&self, from: Set, within: Set) -> Set {
        let mut reached = from & within;
        loop {
            let next = self.set(|state| {
                let into = |from: u8| {
                    self.0.edges[usize::from(from)]
                        .iter()
                        .any(|e| e.to == state)
                };
                self.states()
                    .any(|from| reached >> from & 1 == 1 && into(from))
            });
            if reached | next & within == reached {
                return reached;
            }
            reached |= next & within;
        }
    }

    fn is_connected(&self, set: Set) -> bool {
        let mut members = self.states().filter(|&state| set >> state & 1 == 1);
        members.all(|state| self.reached(1 << state, set) == set)
    }

    fn enables(&self, state: u8, class: u8) -> bool {
        let mut edges = self.0.edges[usize::from(state)].iter();
        edges.any(|edge| edge.class == Some(class) && edge.to != state)
    }

    fn takes(&self, set: Set, class: u8) -> bool {
        self.states()
            .filter(|&state| set >> state & 1 == 1)
            .any(|state| {
                let mut edges = self.0.edges[usize::from(state)].iter();
                edges.any(|e| e.class == Some(class) && e.to != state && set >> e.to & 1 == 1)
            })
    }

    /// Whether a run that visits exactly these states for ever, and takes every step between them, keeps
    /// both assumptions. One that takes fewer keeps no more.
    fn is_fair(&self, set: Set) -> bool {
        (0..4_u8).all(|class| {
            let mut members = self.states().filter(|&state| set >> state & 1 == 1);
            let is_put_off = match self.0.strengths[usize::from(class / 2)] {
                Strength::Weak => members.all(|state| self.enables(state, class)),
                Strength::Strong => members.any(|state| self.enables(state, class)),
            };
            !is_put_off || self.takes(set, class)
        })
    }
}

/// What the checker must say of the graph's claim.
pub fn answer(graph: &Graph) -> Answer {
    let steps = Steps(graph);
    let inside = steps.inside();
    let initial = graph.initial.iter().fold(0, |set, &s| set | 1 << s);
    let reachable = steps.reached(initial, inside);
    let bound = steps.set(|state| graph.bound.contains(&state));
    let is_cut = initial & !inside != 0 || steps.reached(reachable, Set::MAX) & !inside != 0;
    let cases = match graph.kind {
        Kind::LeadsTo(cases) => cases,
        _ => 1,
    };
    let (mut fails, mut undecided) = (false, is_cut);
    for case in 0..cases {
        let goal = steps.set(|state| graph.goal[case].contains(&state));
        let trigger = steps.set(|state| graph.trigger[case].contains(&state));
        let region = match graph.kind {
            Kind::Eventually => steps.reached(initial, inside & !goal),
            Kind::LeadsTo(_) => steps.reached(reachable & trigger & !goal, inside & !goal),
            Kind::InfinitelyOften => reachable & !goal,
            Kind::EventuallyAlways => reachable,
        };
        undecided |= region & bound != 0;
        let all = 1..1 << graph.edges.len();
        fails |= all.into_iter().any(|set: Set| {
            set & !(region & !bound) == 0
                && (graph.kind != Kind::EventuallyAlways || set & !goal != 0)
                && steps.is_connected(set)
                && steps.is_fair(set)
        });
    }
    match (fails, undecided) {
        (true, _) => Answer::Fails,
        (false, true) => Answer::Undecided,
        (false, false) => Answer::Holds,
    }
}
