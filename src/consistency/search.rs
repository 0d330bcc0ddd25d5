//! The search for an order of operations that explains a history.
//!
//! Operations are put in order one by one: each must follow those that precede it, and its response must be the one that the
//! specification gives. A memo table keeps what was tried in vain: a set of operations in order, with the state that they
//! left (Wing, Gong: *Testing and Verifying Concurrent Objects*, JPDC 17, 1993; the table is of Lowe: *Testing for
//! Linearizability*, CPE 29(4), 2017). A set is known by the sum of 128 pseudo-random bits for each of its operations: two
//! sets of one search are taken for the same with a probability of less than 10⁻²⁴ in 10⁷ steps.

use alloc::vec;
use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

use super::history::Moment;
use super::specification::{Call, Specification};

/// How many operations may be put into an order, in all, before a search gives up. A step keeps at most some 40 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Budget {
    /// The steps that are left.
    pub steps: u64,
}

impl Budget {
    /// A budget of this many steps.
    pub fn new(steps: u64) -> Self {
        Self { steps }
    }

    pub(super) fn spend(&mut self) -> Result<(), Exhausted> {
        self.spend_all(1)
    }

    pub(super) fn spend_all(&mut self, steps: usize) -> Result<(), Exhausted> {
        self.steps = self.steps.checked_sub(steps as u64).ok_or(Exhausted)?;
        Ok(())
    }
}

/// The search has used up its budget.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Exhausted;

/// The result of a search.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// An order of operations, by their places in the list that was searched. Those without an outcome may be missing.
    Order(Vec<usize>),
    /// There is none. No attempt has put the operation at this place, and all before it, in order: it is the first to
    /// return of which this is so.
    Stuck(usize),
}

/// Searches for an order of all operations that returned, and of some of the others, in which each follows those that
/// precede it in real time. The operations are of one object.
pub(super) fn search<S: Specification>(
    specification: &S,
    operations: &[&Call<S>],
    budget: &mut Budget,
) -> Result<Found, Exhausted> {
    let mut search = Search::new(specification, operations);
    loop {
        if search.missing == 0 {
            let order = search.steps.iter().map(|step| step.operation);
            return Ok(Found::Order(order.collect()));
        }
        // From where the list is to be looked through next.
        let mut at = search.next[HEAD];
        if let Some(read) = search.read_that_is_due(at) {
            // In whatever order the rest can be put, it can be after this, which changes nothing: no other choice is tried.
            budget.spend()?;
            search.take(read, search.state, false);
            continue;
        }
        loop {
            match search.take_next(at, budget)? {
                Taken::Operation => break,
                Taken::Nothing => match search.take_back() {
                    Some(next) => at = next,
                    None => return Ok(Found::Stuck(search.furthest)),
                },
            }
        }
    }
}

/// A place in the list of events: the head, which is no event, or an event's number and one.
type Place = usize;

const HEAD: Place = 0;

/// An event of an operation, by its place in the searched list.
#[derive(Clone, Copy)]
enum Event {
    Invocation(usize),
    Return(usize),
}

/// A number of a state that the search has met.
type StateId = u32;

/// A step that an attempt has taken.
struct Step {
    operation: usize,
    before: StateId,
    /// Whether something else could have been done instead.
    is_choice: bool,
}

enum Taken {
    Operation,
    Nothing,
}

struct Search<'a, S: Specification> {
    specification: &'a S,
    operations: &'a [&'a Call<S>],
    events: Vec<Event>,
    /// The events of operations that are not in order, in their order: a doubly linked list.
    next: Vec<Place>,
    previous: Vec<Place>,
    /// Where an operation's events are; a return that is [`HEAD`] did not happen.
    invocations: Vec<Place>,
    returns: Vec<Place>,
    /// An operation without an outcome that requested the same earlier: the later one need not take effect before it.
    twins: Vec<Option<usize>>,
    is_taken: Vec<bool>,
    /// How many operations returned that are not in order.
    missing: usize,
    steps: Vec<Step>,
    set: u128,
    state: StateId,
    states: Vec<S::State>,
    ids: HashMap<S::State, StateId>,
    tried: HashSet<(u128, StateId)>,
    furthest: usize,
    furthest_return: Place,
}

impl<'a, S: Specification> Search<'a, S> {
    fn new(specification: &'a S, operations: &'a [&'a Call<S>]) -> Self {
        let mut events: Vec<(Moment, bool, Event)> = Vec::with_capacity(2 * operations.len());
        for (index, operation) in operations.iter().enumerate() {
            events.push((operation.invoked, false, Event::Invocation(index)));
            if let Some(returned) = operation.returned {
                events.push((returned, true, Event::Return(index)));
            }
        }
        // At one moment, invocations come first: operations that touch overlap.
        events.sort_by_key(|(moment, is_return, _)| (*moment, *is_return));
        let places = events.len() + 1;
        let mut search = Self {
            specification,
            operations,
            events: events.into_iter().map(|(_, _, event)| event).collect(),
            next: (1..=places).map(|place| place % places).collect(),
            previous: (0..places)
                .map(|place| (place + places - 1) % places)
                .collect(),
            invocations: vec![HEAD; operations.len()],
            returns: vec![HEAD; operations.len()],
            twins: twins::<S>(operations),
            is_taken: vec![false; operations.len()],
            missing: operations.iter().filter(|o| o.returned.is_some()).count(),
            steps: Vec::new(),
            set: 0,
            state: 0,
            states: vec![specification.initial()],
            ids: HashMap::from_iter([(specification.initial(), 0)]),
            tried: HashSet::new(),
            furthest: 0,
            furthest_return: HEAD,
        };
        for (number, event) in search.events.iter().enumerate() {
            match *event {
                Event::Invocation(operation) => search.invocations[operation] = number + 1,
                Event::Return(operation) => search.returns[operation] = number + 1,
            }
        }
        search
    }

    fn event(&self, place: Place) -> Option<Event> {
        place.checked_sub(1).map(|number| self.events[number])
    }

    /// The operations that may be put in order now: those that were invoked before the first return that is in the list.
    fn candidates(&self, from: Place) -> impl Iterator<Item = usize> {
        let mut place = from;
        core::iter::from_fn(move || match self.event(place)? {
            Event::Return(_) => None,
            Event::Invocation(operation) => {
                place = self.next[place];
                Some(operation)
            }
        })
    }

    /// The state after an operation, if it may take effect.
    fn after(&self, operation: usize) -> Option<S::State> {
        let call = self.operations[operation];
        let state = &self.states[self.state as usize];
        self.specification
            .step(state, &call.request, call.response.as_ref())
    }

    /// A candidate that only reads, and returned what it finds now. A write of the value that the object holds is none: the
    /// history may need its effect later.
    fn read_that_is_due(&self, from: Place) -> Option<usize> {
        self.candidates(from).find(|operation| {
            let call = self.operations[*operation];
            call.returned.is_some()
                && self
                    .specification
                    .is_read(&call.request, call.response.as_ref())
                && self.after(*operation).is_some()
        })
    }

    /// Puts the next candidate in order that may take effect, and was not tried so before.
    fn take_next(&mut self, from: Place, budget: &mut Budget) -> Result<Taken, Exhausted> {
        let mut place = from;
        while let Some(Event::Invocation(operation)) = self.event(place) {
            place = self.next[place];
            if self.twins[operation].is_some_and(|twin| !self.is_taken[twin]) {
                continue;
            }
            let Some(after) = self.after(operation) else {
                continue;
            };
            let state = self.id(after);
            // Without a response, it need not take effect if that changes nothing.
            if state == self.state && self.operations[operation].returned.is_none() {
                continue;
            }
            budget.spend()?;
            if self.tried.insert((self.set ^ mark(operation), state)) {
                self.take(operation, state, true);
                return Ok(Taken::Operation);
            }
        }
        if let Some(Event::Return(operation)) = self.event(place)
            && place > self.furthest_return
        {
            self.furthest = operation;
            self.furthest_return = place;
        }
        Ok(Taken::Nothing)
    }

    fn id(&mut self, state: S::State) -> StateId {
        if let Some(id) = self.ids.get(&state) {
            return *id;
        }
        let id = StateId::try_from(self.states.len()).expect("fewer states than steps");
        self.states.push(state.clone());
        self.ids.insert(state, id);
        id
    }

    fn take(&mut self, operation: usize, state: StateId, is_choice: bool) {
        self.steps.push(Step {
            operation,
            before: self.state,
            is_choice,
        });
        self.state = state;
        self.set ^= mark(operation);
        self.is_taken[operation] = true;
        self.unlink(self.invocations[operation]);
        if self.returns[operation] != HEAD {
            self.unlink(self.returns[operation]);
            self.missing -= 1;
        }
    }

    /// Takes back the last step that was a choice, and all after it: the place from which to go on, if there was one.
    fn take_back(&mut self) -> Option<Place> {
        while let Some(step) = self.steps.pop() {
            let operation = step.operation;
            self.state = step.before;
            self.set ^= mark(operation);
            self.is_taken[operation] = false;
            // In the opposite order: what was next to it then is again.
            if self.returns[operation] != HEAD {
                self.link(self.returns[operation]);
                self.missing += 1;
            }
            self.link(self.invocations[operation]);
            if step.is_choice {
                return Some(self.next[self.invocations[operation]]);
            }
        }
        None
    }

    fn unlink(&mut self, place: Place) {
        let (previous, next) = (self.previous[place], self.next[place]);
        self.next[previous] = next;
        self.previous[next] = previous;
    }

    fn link(&mut self, place: Place) {
        let (previous, next) = (self.previous[place], self.next[place]);
        self.next[previous] = place;
        self.previous[next] = place;
    }
}

/// For each operation without an outcome, the one before it that requested the same.
fn twins<S: Specification>(operations: &[&Call<S>]) -> Vec<Option<usize>> {
    let mut last: HashMap<&S::Request, usize> = HashMap::new();
    let mut twins = vec![None; operations.len()];
    let mut unknown: Vec<usize> = (0..operations.len()).collect();
    unknown.retain(|index| operations[*index].returned.is_none());
    unknown.sort_by_key(|index| operations[*index].invoked);
    for index in unknown {
        twins[index] = last.insert(&operations[index].request, index);
    }
    twins
}

/// Pseudo-random bits of an operation (SplitMix64: Steele, Lea, Flood: *Fast Splittable Pseudorandom Number Generators*,
/// OOPSLA 2014).
pub(super) fn mark(operation: usize) -> u128 {
    let half = |seed: u64| {
        let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let seed = 2 * operation as u64 + 1;
    u128::from(half(seed)) << 64 | u128::from(half(seed + 1))
}
