//! Breadth-first search, level by level, in parallel.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use stateright::Model;

use super::graph::{Class, Classes, Expansion, Graph, OUTSIDE, STEPS_MAX, Step};
use super::property::class_of;
use super::segmented::{BitSet, Segmented};
use super::visited::{Fingerprint, Level, NUMBERS_MAX, Number, Visited, Visitor};
use super::{Condition, End, Exploration, Fairness, Options, Progress, Property};

mod verdicts;

/// How many states a worker takes from the frontier at a time.
const CHUNK: usize = 512;
/// After how many states a worker lets tables grow.
const VISITOR_STATES: usize = 8;
const NOT_DETERMINISTIC: &str =
    "the model is not deterministic: a state that was visited is not found again";
/// How often progress is reported.
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// Visits every reachable state of `model` and decides each of `properties`; those about fair runs under the
/// assumptions of `fairness`.
///
/// Everything returned but the time is the same for any number of threads, unless the search was stopped
/// by a limit, or the model panicked: then the run to the panic is as short for any number of threads, and may be another.
///
/// # Panics
///
/// If the model is not deterministic: equal states must have equal actions and steps. If the search is to stop at a
/// property that is not among `properties`.
pub fn explore<M>(
    model: &M,
    properties: &[Property<M>],
    fairness: &[Fairness<M>],
    options: &Options<'_>,
) -> Exploration<M>
where
    M: Model + Sync,
    M::State: Clone + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Send,
{
    if let Some(name) = options.stop_at {
        let known = properties.iter().any(|property| property.name == name);
        assert!(known, "there is no property {name:?} to stop at");
    }
    let search = Search {
        model,
        properties,
        fairness,
        options,
        planes: planes(properties, options.stop_at),
        visited: Visited::new(options.fingerprint_bits),
        classes: Classes::default(),
        witnesses: properties.iter().map(|_| Mutex::default()).collect(),
        found: properties.iter().map(|_| AtomicBool::new(false)).collect(),
        unique: AtomicUsize::new(0),
        generated: AtomicUsize::new(0),
        cut: AtomicUsize::new(0),
        depth: AtomicUsize::new(0),
        frontier: AtomicUsize::new(0),
        stopped: OnceLock::new(),
        caught: Mutex::default(),
        caught_at: AtomicU32::new(Number::MAX),
        start: Instant::now(),
    };
    let over = (Mutex::new(false), Condvar::new());
    std::thread::scope(|scope| {
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
        let exploration = search.run();
        drop(over);
        exploration
    })
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

/// Where a property's witness is: a state, or a step from one. Ordered: shorter first, then by numbers and
/// fingerprints, so that the choice does not depend on threads.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Witness {
    State(Fingerprint),
    Step(Number, Fingerprint),
}

/// A set of states that claims about fair runs are decided by.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Plane {
    Goal(usize, usize),
    Trigger(usize, usize),
    Bound(usize),
}

/// The sets of states that these properties need, each of a property, by its index, and a case. If the
/// search is to stop at one property, no other needs any.
fn planes<M: Model>(properties: &[Property<M>], stop_at: Option<&str>) -> Vec<Plane> {
    let mut planes = Vec::new();
    for (index, property) in properties.iter().enumerate() {
        if !property.condition.is_liveness() || stop_at.is_some_and(|name| name != property.name) {
            continue;
        }
        for case in 0..property.condition.cases() {
            planes.push(Plane::Goal(index, case));
            if matches!(property.condition, Condition::LeadsTo { .. }) {
                planes.push(Plane::Trigger(index, case));
            }
        }
        planes.extend(property.bound.map(|_| Plane::Bound(index)));
    }
    planes
}

/// A panic of the model's code: in its actions and steps, or in what is claimed of it.
struct Caught {
    place: Place,
    message: String,
}

/// Where the model's code panicked.
#[derive(Clone, Copy)]
enum Place {
    /// While it listed its initial states, or looked at the one with this index.
    Initial(Option<usize>),
    /// While this state was expanded, when so many of its actions had been begun.
    Expanding(Number, usize),
}

/// The message of a panic.
pub(super) fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}

struct Search<'a, M: Model> {
    model: &'a M,
    properties: &'a [Property<M>],
    fairness: &'a [Fairness<M>],
    options: &'a Options<'a>,
    planes: Vec<Plane>,
    visited: Visited,
    classes: Classes,
    witnesses: Vec<Mutex<Option<Witness>>>,
    /// Whether a witness was found on an earlier level: later ones are longer.
    found: Vec<AtomicBool>,
    unique: AtomicUsize,
    generated: AtomicUsize,
    cut: AtomicUsize,
    depth: AtomicUsize,
    frontier: AtomicUsize,
    /// Why the search stopped before its end, if it did.
    stopped: OnceLock<End>,
    /// The first panic of the model's code: on its level, of the state with the lowest number.
    caught: Mutex<Option<Caught>>,
    /// That number.
    caught_at: AtomicU32,
    start: Instant,
}

/// States that wait to be expanded, each with the number that it was given when it was generated.
type Chunk<M> = Vec<(<M as Model>::State, Number)>;

/// The states of a level that wait to be expanded, by the worker that has generated them: it comes to its
/// own first, the last generated before the others, so that most states are freed by whoever allocated
/// them, and while they are in its cache.
struct Frontier<M: Model>(Vec<Mutex<VecDeque<Chunk<M>>>>);

impl<M: Model> Frontier<M> {
    fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Mutex::default()).collect())
    }

    fn of(&self, worker: usize) -> MutexGuard<'_, VecDeque<Chunk<M>>> {
        self.0[worker].lock().expect("nobody panics holding it")
    }

    fn put(&self, worker: usize, chunks: Vec<Chunk<M>>) {
        *self.of(worker) = chunks.into();
    }

    /// States for a worker: its own, or else those that wait longest at another.
    fn take(&self, own: usize) -> Option<Chunk<M>> {
        let mine = self.of(own).pop_back();
        let mut others = (0..self.0.len()).filter(|&worker| worker != own);
        mine.or_else(|| others.find_map(|worker| self.of(worker).pop_front()))
    }

    fn states(&self) -> usize {
        let of = |worker| self.of(worker).iter().map(Vec::len).sum::<usize>();
        (0..self.0.len()).map(of).sum()
    }

    fn is_small(&self) -> bool {
        let of = |worker| self.of(worker).len();
        (0..self.0.len()).map(of).sum::<usize>() <= 1
    }
}

/// A worker beside the first. It lives as long as the search, and so does what its allocator keeps for it.
struct Other<M: Model> {
    task: Sender<Arc<Level>>,
    reports: Receiver<std::thread::Result<Part<M>>>,
}

/// What a worker makes of its part of a level.
struct Part<M: Model> {
    /// New states.
    next: Vec<Chunk<M>>,
    /// The steps of the states that it has expanded.
    expansion: Expansion,
    /// In which planes these states are.
    marks: Vec<(usize, Number)>,
    known_classes: HashMap<(usize, u64), Class>,
    /// How many states it has generated of the chunk at hand, and how many of them were new.
    generated: usize,
    unique: usize,
    /// Room for the actions of a state.
    actions: Vec<M::Action>,
    /// How many actions of the state at hand were begun.
    begun: usize,
}

impl<M: Model> Part<M> {
    fn new() -> Self {
        Self {
            next: Vec::new(),
            expansion: Expansion::default(),
            marks: Vec::new(),
            known_classes: HashMap::new(),
            generated: 0,
            unique: 0,
            actions: Vec::new(),
            begun: 0,
        }
    }

    fn push(&mut self, state: M::State, number: Number) {
        match self.next.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push((state, number)),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push((state, number));
                self.next.push(chunk);
            }
        }
    }
}

/// The space as far as it has been explored.
#[derive(Default)]
struct Explored {
    /// How many initial states were generated.
    initial: usize,
    /// The first number of each level.
    levels: Vec<usize>,
    parents: Segmented<Number>,
    graph: Graph,
    planes: Vec<BitSet>,
}

impl<M> Search<'_, M>
where
    M: Model + Sync,
    M::State: Clone + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Send,
{
    fn explore(&self, explored: &mut Explored) -> End {
        let threads = self.options.threads.max(1);
        let frontier = Frontier::new(threads);
        std::thread::scope(|scope| {
            let others = (1..threads).map(|own| {
                let (task, tasks) = channel::<Arc<Level>>();
                let (report, reports) = channel();
                let frontier = &frontier;
                scope.spawn(move || {
                    for level in tasks {
                        let expand = AssertUnwindSafe(|| self.expand(frontier, own, &level));
                        // If nobody listens, the search is over: the first worker has panicked.
                        let _ = report.send(catch_unwind(expand));
                    }
                });
                Other { task, reports }
            });
            self.explore_with(explored, &frontier, others.collect())
        })
    }

    /// Explores with other workers, which wait.
    fn explore_with(
        &self,
        explored: &mut Explored,
        frontier: &Frontier<M>,
        others: Vec<Other<M>>,
    ) -> End {
        explored.planes = self.planes.iter().map(|_| BitSet::new(0)).collect();
        frontier.put(0, self.begin());
        explored.initial = self.generated.load(Ordering::Relaxed);
        let mut level = self.settle(explored, Vec::new());
        loop {
            let states = frontier.states();
            self.frontier.store(states, Ordering::Relaxed);
            if states > 0 {
                self.depth.fetch_add(1, Ordering::Relaxed);
            }
            let is_over = self.settle_witnesses();
            if self.caught().is_some() {
                return End::Panicked;
            }
            if is_over {
                return End::Found;
            }
            if let Some(&end) = self.stopped.get() {
                return end;
            }
            if states == 0 {
                return match self.cut.load(Ordering::Relaxed) {
                    0 => End::Exhausted,
                    cut => End::Boundary(cut),
                };
            }
            let parts = self.expand_level(frontier, &others, level);
            level = self.settle(explored, parts);
        }
    }

    /// Numbers the new states of a level, and keeps the steps that lead to them.
    fn settle(&self, explored: &mut Explored, parts: Vec<Part<M>>) -> Level {
        let first = explored.parents.len();
        explored.levels.push(first);
        let level = self.visited.settle(first, self.options.threads);
        for parents in &level.parents {
            explored.parents.extend(parents.iter().copied());
        }
        if !self.planes.is_empty() {
            let states = explored.parents.len();
            explored.graph.resize(states);
            explored
                .planes
                .iter_mut()
                .for_each(|plane| plane.grow(states));
            for part in parts {
                explored.graph.extend(part.expansion, &level);
                for (plane, state) in part.marks {
                    explored.planes[plane].insert(state);
                }
            }
            if explored.graph.steps() > STEPS_MAX / 2 {
                self.stop(End::Memory);
            }
        }
        level
    }

    /// Looks no further for witnesses of properties that have one: those of later levels are longer.
    /// Returns whether the property to stop at has one.
    fn settle_witnesses(&self) -> bool {
        let mut is_over = false;
        for (index, property) in self.properties.iter().enumerate() {
            let witness = self.witnesses[index].lock();
            if witness.expect("no worker panics holding it").is_some() {
                self.found[index].store(true, Ordering::Relaxed);
                is_over |= self.options.stop_at == Some(property.name);
            }
        }
        is_over
    }

    fn begin(&self) -> Vec<Chunk<M>> {
        let mut part = Part::<M>::new();
        let initial = self.catching(|| self.model.init_states());
        let initial = initial.unwrap_or_else(|message| {
            self.caught_in(Place::Initial(None), message);
            Vec::new()
        });
        for (index, state) in initial.into_iter().enumerate() {
            if let Err(message) = self.catching(|| self.begin_with(state, &mut part)) {
                self.caught_in(Place::Initial(Some(index)), message);
                break;
            }
        }
        part.next
    }

    fn begin_with(&self, state: M::State, part: &mut Part<M>) {
        if self.is_cut(&state) {
            return;
        }
        self.generated.fetch_add(1, Ordering::Relaxed);
        let fingerprint = self.visited.fingerprint(&state);
        let visit = self.visited.visitor().visit(fingerprint, 0);
        if visit.is_new {
            self.unique.fetch_add(1, Ordering::Relaxed);
            self.judge_state(&state, fingerprint);
            part.push(state, visit.number);
        }
    }

    /// Runs the model's code.
    ///
    /// # Errors
    ///
    /// The message that it panics with.
    fn catching<T>(&self, code: impl FnOnce() -> T) -> Result<T, String> {
        catch_unwind(AssertUnwindSafe(code)).map_err(|panic| message_of(&*panic))
    }

    fn caught(&self) -> MutexGuard<'_, Option<Caught>> {
        self.caught.lock().expect("nobody panics holding it")
    }

    /// Notes a panic of the model's code, unless one of a lower state is known.
    fn caught_in(&self, place: Place, message: String) {
        let number = match place {
            Place::Initial(_) => 0,
            Place::Expanding(number, _) => number,
        };
        let mut caught = self.caught();
        if number < self.caught_at.load(Ordering::Relaxed) {
            self.caught_at.store(number, Ordering::Relaxed);
            *caught = Some(Caught { place, message });
        }
    }

    /// Expands one level into the next.
    fn expand_level(
        &self,
        frontier: &Frontier<M>,
        others: &[Other<M>],
        level: Level,
    ) -> Vec<Part<M>> {
        let level = Arc::new(level);
        // A small level is not worth waking anybody.
        let others = if frontier.is_small() { &[] } else { others };
        for other in others {
            let sent = other.task.send(Arc::clone(&level));
            sent.expect("a worker ends after its last task");
        }
        let mut parts = vec![self.expand(frontier, 0, &level)];
        for other in others {
            let report = other.reports.recv();
            let report = report.expect("a worker reports on each task");
            parts.push(report.unwrap_or_else(|panic| resume_unwind(panic)));
        }
        for (own, part) in parts.iter_mut().enumerate() {
            frontier.put(own, std::mem::take(&mut part.next));
        }
        parts
    }

    /// Expands states of the frontier until none is left.
    fn expand(&self, frontier: &Frontier<M>, own: usize, level: &Level) -> Part<M> {
        let mut part = Part::new();
        while let Some(chunk) = frontier.take(own) {
            if self.is_stopped() {
                break;
            }
            self.expand_chunk(chunk, level, &mut part);
        }
        part
    }

    fn expand_chunk(&self, chunk: Chunk<M>, level: &Level, part: &mut Part<M>) {
        let expanded = chunk.len();
        (part.generated, part.unique) = (0, 0);
        let mut visitor = self.visited.visitor();
        for (at, (state, number)) in chunk.into_iter().enumerate() {
            if at % VISITOR_STATES == 0 {
                drop(visitor);
                visitor = self.visited.visitor();
            }
            let number = level.number(number);
            // Of those that panic, the one with the lowest number counts, whichever comes first.
            if number > self.caught_at.load(Ordering::Relaxed) {
                continue;
            }
            part.begun = 0;
            let expand = || self.expand_state(&state, number, &mut visitor, part);
            if let Err(message) = self.catching(expand) {
                if !self.planes.is_empty() {
                    part.expansion.take_back();
                }
                self.caught_in(Place::Expanding(number, part.begun), message);
            }
        }
        self.generated.fetch_add(part.generated, Ordering::Relaxed);
        self.unique.fetch_add(part.unique, Ordering::Relaxed);
        self.frontier.fetch_sub(expanded, Ordering::Relaxed);
    }

    fn expand_state(
        &self,
        state: &M::State,
        number: Number,
        visitor: &mut Visitor<'_>,
        part: &mut Part<M>,
    ) {
        let keeps_steps = !self.planes.is_empty();
        if keeps_steps {
            self.mark(state, number, part);
        }
        let mut actions = std::mem::take(&mut part.actions);
        self.model.actions(state, &mut actions);
        for action in actions.drain(..) {
            part.begun += 1;
            let Some(next) = self.model.next_state(state, action.clone()) else {
                continue;
            };
            if self.is_cut(&next) {
                if keeps_steps {
                    let step = self.step_by(&action, OUTSIDE, part);
                    part.expansion.step(step);
                }
                continue;
            }
            part.generated += 1;
            self.judge_step(state, &action, &next, number);
            // What changes nothing leads where it begins, and is no step of a run.
            if next == *state {
                continue;
            }
            let fingerprint = self.visited.fingerprint(&next);
            let visit = visitor.visit(fingerprint, number);
            if keeps_steps {
                let step = self.step_by(&action, visit.number, part);
                part.expansion.step(step);
            }
            if visit.is_new {
                part.unique += 1;
                self.judge_state(&next, fingerprint);
                part.push(next, visit.number);
            }
        }
        part.actions = actions;
    }

    /// A step by an action.
    fn step_by(&self, action: &M::Action, target: Number, part: &mut Part<M>) -> Step {
        let class = class_of(self.fairness, self.model, action);
        let class = self.classes.number(class, &mut part.known_classes);
        Step { target, class }
    }

    /// Notes in which planes a state is.
    fn mark(&self, state: &M::State, number: Number, part: &mut Part<M>) {
        part.expansion.begin(number);
        for (at, &plane) in self.planes.iter().enumerate() {
            let is_in = match plane {
                Plane::Goal(index, case) => {
                    let condition = &self.properties[index].condition;
                    condition.is_goal(self.model, state, case)
                }
                Plane::Trigger(index, case) => {
                    let condition = &self.properties[index].condition;
                    condition.is_trigger(self.model, state, case)
                }
                Plane::Bound(index) => {
                    let bound = self.properties[index].bound;
                    bound.is_some_and(|bound| bound(self.model, state))
                }
            };
            if is_in {
                part.marks.push((at, number));
            }
        }
    }

    fn is_cut(&self, state: &M::State) -> bool {
        let cut = !self.model.within_boundary(state);
        if cut {
            self.cut.fetch_add(1, Ordering::Relaxed);
        }
        cut
    }

    /// Whether the search has been stopped, or is to be.
    fn is_stopped(&self) -> bool {
        let options = self.options;
        let is_interrupted = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        if options.interrupt.is_some_and(is_interrupted) {
            self.stop(End::Interrupted);
        } else if options
            .time_max
            .is_some_and(|time| self.start.elapsed() >= time)
        {
            self.stop(End::Time);
        } else if is_beyond(options.memory_max)
            || self.unique.load(Ordering::Relaxed) > NUMBERS_MAX / 2
        {
            self.stop(End::Memory);
        }
        self.stopped.get().is_some()
    }

    fn stop(&self, end: End) {
        self.stopped.get_or_init(|| end);
    }

    fn judge_state(&self, state: &M::State, fingerprint: Fingerprint) {
        for (index, property) in self.properties.iter().enumerate() {
            if self.found[index].load(Ordering::Relaxed) {
                continue;
            }
            let is_witness = match property.condition {
                Condition::Always(condition) => !condition(self.model, state),
                Condition::Sometimes(condition) => condition(self.model, state),
                _ => false,
            };
            if is_witness {
                self.witness(index, Witness::State(fingerprint));
            }
        }
    }

    fn judge_step(&self, state: &M::State, action: &M::Action, next: &M::State, from: Number) {
        for (index, property) in self.properties.iter().enumerate() {
            if self.found[index].load(Ordering::Relaxed) {
                continue;
            }
            if self.is_witness_step(property, state, action, next) {
                self.witness(index, Witness::Step(from, self.visited.fingerprint(next)));
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
            _ => false,
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
}
