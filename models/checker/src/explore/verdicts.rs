//! What a search found, turned into verdicts: claims about fair runs decided, witnesses stepped again on the
//! model, and each of them validated before it is reported.

use std::collections::HashMap;
use std::hash::Hash;

use stateright::Model;

use super::{Caught, Explored, NOT_DETERMINISTIC, Place, Plane, Search, Witness};
use crate::liveness::{Claim, Finding, Kind, Lasso, Space};
use crate::property::class_of;
use crate::segmented::BitSet;
use crate::validate::validate;
use crate::visited::Number;
use crate::{Condition, End, Exploration, Memory, Panic, Property, Run, Verdict};

/// What is found out about a claim, over all its cases.
struct Decision {
    /// What refutes it, the shortest of all.
    lasso: Option<Lasso>,
    /// Whether what was not explored could refute it.
    is_open: bool,
    /// Whether nothing could.
    is_vacuous: bool,
    /// How many bytes that took at most.
    bytes: usize,
}

impl Decision {
    fn take(&mut self, finding: Finding) {
        self.is_vacuous &= matches!(finding, Finding::Vacuous);
        match finding {
            Finding::Holds | Finding::Vacuous => {}
            Finding::Bound => self.is_open = true,
            Finding::Fails(lasso) => {
                let length = |lasso: &Lasso| lasso.stem.len() + lasso.cycle.len();
                let shortest = self.lasso.as_ref().map(length);
                if shortest.is_none_or(|shortest| length(&lasso) < shortest) {
                    self.lasso = Some(lasso);
                }
            }
        }
    }
}

impl<M> Search<'_, M>
where
    M: Model + Sync,
    M::State: Clone + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Send,
{
    /// Explores, and reports.
    pub(super) fn run(&self) -> Exploration<M> {
        let mut explored = Explored::default();
        let end = self.explore(&mut explored);
        let table = self.visited.bytes_peak();
        let (places, steps) = explored.graph.bytes();
        let planes: usize = explored.planes.iter().map(BitSet::bytes).sum();
        let kept = explored.parents.bytes() + places + planes;
        // Deciding claims about fair runs takes the memory that the table has free.
        let packed = match self.planes.is_empty() {
            true => table,
            false => self.visited.pack(),
        };
        let is_exhausted = end == End::Exhausted;
        let caught = self.caught().take();
        let mut analysis_peak = 0;
        let verdicts = (0..self.properties.len()).map(|index| {
            let property = self.properties[index];
            if property.condition.is_liveness() {
                let decision = self.decide(index, &explored);
                analysis_peak = analysis_peak.max(decision.bytes);
                let witness = decision.lasso.map(|lasso| self.replay_lasso(&lasso));
                self.validate(&property, witness.as_ref());
                return Verdict {
                    is_vacuous: decision.is_vacuous && is_exhausted,
                    ..Verdict::new(property, witness, is_exhausted && !decision.is_open)
                };
            }
            let witness = *self.witnesses[index]
                .lock()
                .expect("no worker panics holding it");
            let witness = witness.map(|witness| self.replay(&explored, &property, witness));
            self.validate(&property, witness.as_ref());
            Verdict {
                is_vacuous: is_exhausted && self.is_about_nothing(&property, &explored),
                ..Verdict::new(property, witness, is_exhausted)
            }
        });
        let verdicts = verdicts.collect();
        Exploration {
            progress: self.progress(),
            end,
            verdicts,
            steps: explored.graph.steps(),
            classes: self.classes.settled(self.fairness).len(),
            memory: Memory {
                states: kept + table.max(packed + analysis_peak),
                steps,
            },
            fingerprint_bits: self.options.fingerprint_bits.number(),
            panic: caught.map(|caught| self.panic(caught, &explored)),
        }
    }

    /// Whether a claim about all states, or all steps, is about none, for there are none.
    fn is_about_nothing(&self, property: &Property<M>, explored: &Explored) -> bool {
        match property.condition {
            Condition::Always(_) => explored.parents.len() == 0,
            Condition::EveryStep(_) => self.progress().generated == explored.initial,
            _ => false,
        }
    }

    /// Tells where the model panicked, without asking it again for what it panicked at.
    fn panic(&self, Caught { place, message }: Caught, explored: &Explored) -> Panic<M> {
        let (run, action) = match place {
            Place::Initial(index) => {
                let state = index.map(|index| self.model.init_states().swap_remove(index));
                (state.map(Run::of), None)
            }
            Place::Expanding(state, begun) => {
                let run = self.follow_way(&way_to(state, explored));
                let mut actions = Vec::new();
                if begun > 0 {
                    self.model.actions(run.last(), &mut actions);
                }
                let action = actions.into_iter().take(begun).last();
                (Some(run), action)
            }
        };
        Panic {
            message,
            run,
            action,
        }
    }

    /// Nothing is reported that does not replay.
    fn validate(&self, property: &Property<M>, witness: Option<&Run<M>>) {
        if let Some(run) = witness
            && let Err(error) = validate(self.model, property, self.fairness, run)
        {
            panic!(
                "what was found on {:?} cannot be replayed: {error}. If the model is deterministic, \
                 two states had one fingerprint: use more bits",
                property.name
            );
        }
    }

    /// Decides a claim about fair runs, in all its cases.
    fn decide(&self, index: usize, explored: &Explored) -> Decision {
        let classes = self.classes.settled(self.fairness);
        let space = Space {
            graph: &explored.graph,
            levels: &explored.levels,
            parents: &explored.parents,
            classes: &classes,
        };
        let plane = |wanted: Plane| {
            let at = self.planes.iter().position(|&plane| plane == wanted);
            at.map(|at| &explored.planes[at])
        };
        let mut decision = Decision {
            lasso: None,
            is_open: false,
            is_vacuous: true,
            bytes: 0,
        };
        let condition = self.properties[index].condition;
        for case in 0..condition.cases() {
            let Some(goal) = plane(Plane::Goal(index, case)) else {
                // The search was to stop at another property.
                decision.is_open = true;
                break;
            };
            let kind = match (condition, plane(Plane::Trigger(index, case))) {
                (_, Some(trigger)) => Kind::LeadsTo(trigger),
                (Condition::InfinitelyOften(_), None) => Kind::InfinitelyOften,
                (Condition::EventuallyAlways(_), None) => Kind::EventuallyAlways,
                (_, None) => Kind::Eventually,
            };
            let bound = plane(Plane::Bound(index));
            let (finding, bytes) = space.decide(&Claim { kind, goal, bound });
            decision.take(finding);
            decision.bytes = decision.bytes.max(bytes);
        }
        decision
    }

    /// Turns numbers back into a run by stepping the model along them.
    fn replay(&self, explored: &Explored, property: &Property<M>, witness: Witness) -> Run<M> {
        let (state, step_to) = match witness {
            Witness::State(fingerprint) => (
                self.visited.number(fingerprint).expect(NOT_DETERMINISTIC),
                None,
            ),
            Witness::Step(from, to) => (from, Some(to)),
        };
        let mut run = self.follow_way(&way_to(state, explored));
        // Of several actions that take a step that a property is about, it is one that it is about.
        if let Some(to) = step_to {
            let at = run.last();
            let is_wanted = |(action, next): &(M::Action, M::State)| {
                self.visited.fingerprint(next) == to
                    && self.is_witness_step(property, at, action, next)
            };
            let step = self.steps_from(at).find(is_wanted);
            run.steps.push(step.expect(NOT_DETERMINISTIC));
        }
        run
    }

    /// The steps from a state, each when it is asked for: the model may panic at a later one.
    fn steps_from(&self, state: &M::State) -> impl Iterator<Item = (M::Action, M::State)> {
        let mut actions = Vec::new();
        self.model.actions(state, &mut actions);
        let step = |action: M::Action| {
            let next = self.model.next_state(state, action.clone())?;
            Some((action, next))
        };
        actions.into_iter().filter_map(step)
    }

    fn replay_lasso(&self, lasso: &Lasso) -> Run<M> {
        let mut run = self.follow_way(&lasso.stem);
        run.cycle = Some(run.steps.len());
        for step in &lasso.cycle {
            // Of several actions that take the step, one of the class that the cycle is to keep.
            let is_of_class = |action: &M::Action| {
                let class = class_of(self.fairness, self.model, action);
                self.classes.number(class, &mut HashMap::new()) == step.class
            };
            self.follow(&mut run, step.target, is_of_class);
        }
        run
    }

    /// The run along the states with these numbers.
    fn follow_way(&self, way: &[Number]) -> Run<M> {
        let (&first, rest) = way.split_first().expect("a way has a state");
        let initial = self.model.init_states().into_iter();
        let mut initial = initial
            .filter(|state| self.visited.number(self.visited.fingerprint(state)) == Some(first));
        let mut run = Run::of(initial.next().expect(NOT_DETERMINISTIC));
        for &to in rest {
            self.follow(&mut run, to, |_| true);
        }
        run
    }

    /// Extends a run by a step to the state with this number.
    fn follow(&self, run: &mut Run<M>, to: Number, is_wanted: impl Fn(&M::Action) -> bool) {
        let leads = |(action, next): &(M::Action, M::State)| {
            self.visited.number(self.visited.fingerprint(next)) == Some(to) && is_wanted(action)
        };
        let step = self.steps_from(run.last()).find(leads);
        run.steps.push(step.expect(NOT_DETERMINISTIC));
    }
}

/// The numbers of the states on a shortest run to one.
fn way_to(state: Number, explored: &Explored) -> Vec<Number> {
    let mut way = vec![state];
    let mut at = state;
    let initial_states = explored.levels.get(1).copied().unwrap_or(usize::MAX);
    while at as usize >= initial_states {
        at = explored.parents.get(at as usize);
        way.push(at);
    }
    way.reverse();
    way
}
