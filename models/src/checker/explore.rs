//! Breadth-first search, level by level, in parallel.

use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use stateright::Model;

use super::visited::{Fingerprint, Visited, fingerprint};
use super::{Condition, End, Exploration, Options, Progress, Property, Run, Verdict};

/// How many states a worker takes from the frontier at a time.
const CHUNK: usize = 256;
const NOT_DETERMINISTIC: &str =
    "the model is not deterministic: a state that was visited is not found again";
/// How often progress is reported.
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// Visits every reachable state of `model` and decides each of `properties`.
///
/// Everything returned but the time is the same for any number of threads, unless the search ran out of
/// memory.
///
/// # Panics
///
/// If the model panics, or if it is not deterministic: equal states must have equal actions and steps. If
/// the search is to stop at a property that is not among `properties`.
pub fn explore<M>(model: &M, properties: &[Property<M>], options: &Options<'_>) -> Exploration<M>
where
    M: Model + Sync,
    M::State: Clone + Hash + Send + Sync,
    M::Action: Clone + Send,
{
    if let Some(name) = options.stop_at {
        let known = properties.iter().any(|property| property.name == name);
        assert!(known, "there is no property {name:?} to stop at");
    }
    let search = Search {
        model,
        properties,
        memory_max: options.memory_max,
        visited: Visited::new(),
        witnesses: properties.iter().map(|_| Mutex::default()).collect(),
        found: properties.iter().map(|_| AtomicBool::new(false)).collect(),
        unique: AtomicUsize::new(0),
        generated: AtomicUsize::new(0),
        cut: AtomicUsize::new(0),
        depth: AtomicUsize::new(0),
        frontier: AtomicUsize::new(0),
        out_of_memory: AtomicBool::new(false),
        start: Instant::now(),
    };
    let over = (Mutex::new(false), Condvar::new());
    let end = std::thread::scope(|scope| {
        if let Some(report) = options.progress {
            let (search, over) = (&search, &over);
            scope.spawn(move || {
                let mut ended = over.0.lock().expect("nobody panics holding it");
                while !*ended {
                    let (guard, wait) = over
                        .1
                        .wait_timeout(ended, REPORT_EVERY)
                        .expect("nobody panics holding it");
                    ended = guard;
                    if wait.timed_out() {
                        report(&search.progress());
                    }
                }
            });
        }
        let over = Over(&over);
        let end = search.run(options);
        drop(over);
        end
    });
    Exploration {
        progress: search.progress(),
        end,
        verdicts: search.verdicts(),
    }
}

/// Whether this process has more memory resident than that, in bytes.
pub(super) fn is_beyond(memory_max: usize) -> bool {
    memory_stats::memory_stats().is_some_and(|memory| memory.physical_mem > memory_max)
}

/// Ends the reporting of progress, also when the search panics.
struct Over<'a>(&'a (Mutex<bool>, Condvar));

impl Drop for Over<'_> {
    fn drop(&mut self) {
        if let Ok(mut ended) = self.0.0.lock() {
            *ended = true;
        }
        self.0.1.notify_all();
    }
}

/// Where a property's witness is: at the end of a shortest way to a state, or one step behind it.
/// Ordered: shorter first, then by fingerprints, so that the choice does not depend on threads.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Witness {
    depth: u32,
    state: Fingerprint,
    step_to: Option<Fingerprint>,
}

struct Search<'a, M: Model> {
    model: &'a M,
    properties: &'a [Property<M>],
    memory_max: usize,
    visited: Visited,
    witnesses: Vec<Mutex<Option<Witness>>>,
    /// Whether a witness was found on an earlier level: later ones are longer.
    found: Vec<AtomicBool>,
    unique: AtomicUsize,
    generated: AtomicUsize,
    cut: AtomicUsize,
    depth: AtomicUsize,
    frontier: AtomicUsize,
    out_of_memory: AtomicBool,
    start: Instant,
}

type Frontier<M> = Vec<(<M as Model>::State, Fingerprint)>;

impl<M> Search<'_, M>
where
    M: Model + Sync,
    M::State: Clone + Hash + Send + Sync,
    M::Action: Clone + Send,
{
    fn run(&self, options: &Options<'_>) -> End {
        let mut frontier = self.begin();
        let mut depth = 1;
        loop {
            // The workers' own figures of the last level come in any order.
            self.frontier.store(frontier.len(), Ordering::Relaxed);
            let is_empty = frontier.is_empty();
            if !is_empty {
                self.depth.store(depth as usize, Ordering::Relaxed);
            }
            if self.settle_level(options.stop_at) {
                return End::Found;
            }
            if is_empty {
                return match self.cut.load(Ordering::Relaxed) {
                    0 => End::Exhausted,
                    cut => End::Boundary(cut),
                };
            }
            depth += 1;
            frontier = self.expand(frontier, depth, options.threads);
            if self.out_of_memory.load(Ordering::Relaxed) {
                return End::Memory;
            }
        }
    }

    /// Looks no further for witnesses of properties that have one: those of later levels are longer.
    /// Returns whether the property of this name has one.
    fn settle_level(&self, stop_at: Option<&str>) -> bool {
        let mut is_over = false;
        for (index, property) in self.properties.iter().enumerate() {
            let witness = self.witnesses[index].lock();
            if witness.expect("no worker panics holding it").is_some() {
                self.found[index].store(true, Ordering::Relaxed);
                is_over |= stop_at == Some(property.name);
            }
        }
        is_over
    }

    fn begin(&self) -> Frontier<M> {
        let mut frontier = Vec::new();
        for state in self.model.init_states() {
            if self.is_cut(&state) {
                continue;
            }
            self.generated.fetch_add(1, Ordering::Relaxed);
            let state_fingerprint = fingerprint(&state);
            if self.visited.insert(state_fingerprint, state_fingerprint, 1) {
                self.unique.fetch_add(1, Ordering::Relaxed);
                self.judge_state(&state, state_fingerprint, 1);
                frontier.push((state, state_fingerprint));
            }
        }
        frontier
    }

    /// Expands one level into the next, whose states have this depth.
    fn expand(&self, frontier: Frontier<M>, depth: u32, threads: usize) -> Frontier<M> {
        let cursor = AtomicUsize::new(0);
        let threads = threads.clamp(1, frontier.len().div_ceil(CHUNK));
        let work = || {
            let mut next = Vec::new();
            loop {
                let from = cursor.fetch_add(CHUNK, Ordering::Relaxed);
                if from >= frontier.len() || self.is_out_of_memory() {
                    return next;
                }
                let to = frontier.len().min(from + CHUNK);
                for (state, state_fingerprint) in &frontier[from..to] {
                    self.expand_state(state, *state_fingerprint, depth, &mut next);
                }
                self.frontier
                    .store(frontier.len() - to + next.len(), Ordering::Relaxed);
            }
        };
        if threads == 1 {
            return work();
        }
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let mut next = Vec::new();
            for worker in workers {
                match worker.join() {
                    Ok(part) if next.is_empty() => next = part,
                    Ok(part) => next.extend(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            next
        })
    }

    fn expand_state(
        &self,
        state: &M::State,
        state_fingerprint: Fingerprint,
        depth: u32,
        frontier: &mut Frontier<M>,
    ) {
        let mut actions = Vec::new();
        self.model.actions(state, &mut actions);
        let (mut generated, mut unique) = (0, 0);
        for action in actions {
            let Some(next) = self.model.next_state(state, action.clone()) else {
                continue;
            };
            if self.is_cut(&next) {
                continue;
            }
            generated += 1;
            let next_fingerprint = fingerprint(&next);
            let step = (state_fingerprint, next_fingerprint);
            self.judge_step(state, &action, &next, step, depth);
            if self
                .visited
                .insert(next_fingerprint, state_fingerprint, depth)
            {
                unique += 1;
                self.judge_state(&next, next_fingerprint, depth);
                frontier.push((next, next_fingerprint));
            }
        }
        self.generated.fetch_add(generated, Ordering::Relaxed);
        self.unique.fetch_add(unique, Ordering::Relaxed);
    }

    fn is_cut(&self, state: &M::State) -> bool {
        let cut = !self.model.within_boundary(state);
        if cut {
            self.cut.fetch_add(1, Ordering::Relaxed);
        }
        cut
    }

    fn is_out_of_memory(&self) -> bool {
        let out = is_beyond(self.memory_max);
        if out {
            self.out_of_memory.store(true, Ordering::Relaxed);
        }
        out || self.out_of_memory.load(Ordering::Relaxed)
    }

    fn judge_state(&self, state: &M::State, state_fingerprint: Fingerprint, depth: u32) {
        for (index, property) in self.properties.iter().enumerate() {
            if self.found[index].load(Ordering::Relaxed) {
                continue;
            }
            let is_witness = match property.condition {
                Condition::Always(condition) => !condition(self.model, state),
                Condition::Sometimes(condition) => condition(self.model, state),
                Condition::EveryStep(_) | Condition::SomeStep(_) => false,
            };
            if is_witness {
                self.witness(
                    index,
                    Witness {
                        depth,
                        state: state_fingerprint,
                        step_to: None,
                    },
                );
            }
        }
    }

    fn judge_step(
        &self,
        state: &M::State,
        action: &M::Action,
        next: &M::State,
        (from, to): (Fingerprint, Fingerprint),
        depth: u32,
    ) {
        for (index, property) in self.properties.iter().enumerate() {
            if self.found[index].load(Ordering::Relaxed) {
                continue;
            }
            if self.is_witness_step(property, state, action, next) {
                self.witness(
                    index,
                    Witness {
                        depth,
                        state: from,
                        step_to: Some(to),
                    },
                );
            }
        }
    }

    fn is_witness_step(
        &self,
        property: &Property<M>,
        state: &M::State,
        action: &M::Action,
        next: &M::State,
    ) -> bool {
        match property.condition {
            Condition::EveryStep(condition) => !condition(self.model, state, action, next),
            Condition::SomeStep(condition) => condition(self.model, state, action, next),
            Condition::Always(_) | Condition::Sometimes(_) => false,
        }
    }

    fn witness(&self, index: usize, witness: Witness) {
        let mut best = self.witnesses[index]
            .lock()
            .expect("no worker panics holding it");
        if best.is_none_or(|best| witness < best) {
            *best = Some(witness);
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            unique: self.unique.load(Ordering::Relaxed),
            generated: self.generated.load(Ordering::Relaxed),
            depth: self.depth.load(Ordering::Relaxed),
            frontier: self.frontier.load(Ordering::Relaxed),
            elapsed: self.start.elapsed(),
        }
    }

    fn verdicts(&self) -> Vec<Verdict<M>> {
        let witnesses = self.witnesses.iter();
        let witnesses = witnesses.map(|w| *w.lock().expect("no worker panics holding it"));
        let verdict = |(&property, witness): (&Property<M>, Option<Witness>)| Verdict {
            property,
            witness: witness.map(|witness| self.replay(&property, witness)),
        };
        self.properties.iter().zip(witnesses).map(verdict).collect()
    }

    /// Turns fingerprints back into a run by stepping the model along them. Of several actions that
    /// take the last step of a property over steps, it is one that the property is about.
    fn replay(&self, property: &Property<M>, witness: Witness) -> Run<M> {
        let mut way = self.visited.way(witness.state).into_iter();
        let first = way.next().expect("a way has a state");
        let mut initial = self.model.init_states().into_iter();
        let initial = initial
            .find(|state| fingerprint(state) == first)
            .expect(NOT_DETERMINISTIC);
        let mut run = Run {
            initial,
            steps: Vec::new(),
        };
        for to in way {
            self.follow(&mut run, to, |_, _, _| true);
        }
        if let Some(to) = witness.step_to {
            self.follow(&mut run, to, |state, action, next| {
                self.is_witness_step(property, state, action, next)
            });
        }
        run
    }

    /// Extends a run by a step to the state with this fingerprint.
    fn follow(
        &self,
        run: &mut Run<M>,
        to: Fingerprint,
        is_wanted: impl Fn(&M::State, &M::Action, &M::State) -> bool,
    ) {
        let at = run.last();
        let step = self
            .model
            .next_steps(at)
            .into_iter()
            .find(|(action, next)| fingerprint(next) == to && is_wanted(at, action, next))
            .expect(NOT_DETERMINISTIC);
        run.steps.push(step);
    }
}
