//! Models that ask for an order of operations which extends an order of chains: sequential consistency, PRAM and consistent
//! prefix.
//!
//! The search is that of linearizability, with other candidates: the first operation of each chain that is not in order. What
//! was tried is known by how far each chain is in order, and the state of each object.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

use super::history::{Object, Session};
use super::judge::{Finding, WrongPart};
use super::search::{Budget, Exhausted, mark};
use super::specification::{Call, Specification};
use super::verdict::Explanation;

/// An operation of a chain.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// Its place in the list that is searched.
    place: usize,
    /// Whether its response counts: in PRAM, that of another session's does not.
    is_explained: bool,
}

/// Operations that follow one another.
#[derive(Clone, Debug)]
struct Chain {
    links: Vec<Link>,
    /// The first of them follows this many operations of another chain.
    after: (usize, usize),
    /// Whether they have to be in the order.
    is_required: bool,
}

/// Of which operations there is an order.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// Operations that are left out.
    is_there: &'a dyn Fn(usize) -> bool,
    /// Operations whose response counts.
    is_explained: &'a dyn Fn(usize) -> bool,
    /// Whether operations whose outcome is unknown have to be in the order.
    unknown_are_required: bool,
}

/// A chain for each session: what it invokes follows what has returned. An operation whose outcome is unknown is a chain of its
/// own: it may take effect much later.
fn chains<S: Specification>(operations: &[&Call<S>], asked: Asked<'_>) -> Vec<Chain> {
    let mut sessions: BTreeMap<Session, usize> = BTreeMap::new();
    let mut chains: Vec<Chain> = Vec::new();
    let mut places: Vec<usize> = (0..operations.len())
        .filter(|p| (asked.is_there)(*p))
        .collect();
    places.sort_by_key(|place| operations[*place].invoked);
    for place in places {
        let fresh = chains.len();
        let chain = *sessions.entry(operations[place].session).or_insert(fresh);
        if chain == fresh {
            chains.push(Chain {
                links: Vec::new(),
                after: (fresh, 0),
                is_required: true,
            });
        }
        let link = Link {
            place,
            is_explained: (asked.is_explained)(place),
        };
        match operations[place].returned {
            Some(_) => chains[chain].links.push(link),
            None => {
                let after = (chain, chains[chain].links.len());
                chains.push(Chain {
                    links: vec![link],
                    after,
                    is_required: asked.unknown_are_required,
                });
            }
        }
    }
    chains
}

fn is_read<S: Specification>(specification: &S, call: &Call<S>) -> bool {
    specification.is_read(&call.request, call.response.as_ref())
}

/// Sequential consistency: one order of all operations.
pub(super) fn sequential<S: Specification>(
    specification: &S,
    operations: &[&Call<S>],
    budget: &mut Budget,
) -> Result<Finding, Exhausted> {
    let asked = Asked {
        is_there: &|_| true,
        is_explained: &|_| true,
        unknown_are_required: false,
    };
    let chains = chains::<S>(operations, asked);
    let order = search(specification, operations, chains, budget)?;
    Ok(finding(order.map(|order| vec![order])))
}

/// PRAM: for each session an order of its operations and of all other sessions' writes.
///
/// Which of the operations happened whose outcome is unknown is the same for all sessions: every choice is tried.
pub(super) fn pram<S: Specification>(
    specification: &S,
    operations: &[&Call<S>],
    budget: &mut Budget,
) -> Result<Finding, Exhausted> {
    let sessions: BTreeSet<Session> = operations.iter().map(|call| call.session).collect();
    let is_write = |place: usize| !is_read(specification, operations[place]);
    let unknown = |place: &usize| operations[*place].returned.is_none() && is_write(*place);
    let unknown: Vec<usize> = (0..operations.len()).filter(unknown).collect();
    let mut happened = vec![false; operations.len()];
    loop {
        let mut orders = Vec::new();
        for session in &sessions {
            let is_its = |place: usize| operations[place].session == *session;
            let asked = Asked {
                is_there: &|place| match operations[place].returned {
                    Some(_) => is_its(place) || is_write(place),
                    None => happened[place],
                },
                is_explained: &is_its,
                unknown_are_required: true,
            };
            let chains = chains::<S>(operations, asked);
            match search(specification, operations, chains, budget)? {
                Some(order) => orders.push(order),
                None => break,
            }
        }
        if orders.len() == sessions.len() {
            return Ok(finding(Some(orders)));
        }
        // The next choice, as a binary number.
        budget.spend()?;
        let mut digits = unknown.iter();
        let turns = digits.position(|place| !happened[*place]);
        for place in &unknown[..turns.unwrap_or(unknown.len())] {
            happened[*place] = false;
        }
        match turns {
            Some(digit) => happened[unknown[digit]] = true,
            None => return Ok(finding(None)),
        }
    }
}

/// Consistent prefix: one order of all writes that extends session order, and each read somewhere in it.
pub(super) fn consistent_prefix<S: Specification>(
    specification: &S,
    operations: &[&Call<S>],
    budget: &mut Budget,
) -> Result<Finding, Exhausted> {
    let is_read = |place: usize| is_read(specification, operations[place]);
    let asked = Asked {
        is_there: &|place| !is_read(place),
        is_explained: &|_| true,
        unknown_are_required: false,
    };
    let mut chains = chains::<S>(operations, asked);
    let reads = (0..operations.len()).filter(|place| is_read(*place));
    for place in reads.filter(|place| operations[*place].returned.is_some()) {
        chains.push(Chain {
            links: vec![Link {
                place,
                is_explained: true,
            }],
            after: (chains.len(), 0),
            is_required: true,
        });
    }
    let order = search(specification, operations, chains, budget)?;
    Ok(finding(order.map(|order| vec![order])))
}

fn finding(orders: Option<Vec<Vec<usize>>>) -> Finding {
    match orders {
        Some(orders) => Finding::Holds(Explanation {
            orders,
            reads_from: Vec::new(),
        }),
        None => Finding::Wrong(WrongPart::Everything),
    }
}

/// A step that an attempt has taken: the next operation of a chain.
struct Step {
    chain: usize,
    /// The number of its object's state before.
    before: u32,
    /// Whether something else could have been done instead.
    is_choice: bool,
}

struct Search<'a, S: Specification> {
    specification: &'a S,
    operations: &'a [&'a Call<S>],
    chains: Vec<Chain>,
    /// How many operations of each chain are in order.
    done: Vec<usize>,
    /// The object of each operation, numbered from 0.
    objects: Vec<usize>,
    /// The state of each object, by its number in `states`.
    at: Vec<u32>,
    states: Vec<S::State>,
    ids: HashMap<S::State, u32>,
    /// The operations in order, and the state of each object, as bits.
    known_by: u128,
    tried: HashSet<u128>,
    steps: Vec<Step>,
    /// How many required operations are not in order.
    missing: usize,
}

/// An order of the operations of the chains, without some of those that are not required; `None` if there is none.
fn search<S: Specification>(
    specification: &S,
    operations: &[&Call<S>],
    chains: Vec<Chain>,
    budget: &mut Budget,
) -> Result<Option<Vec<usize>>, Exhausted> {
    let mut search = Search::new(specification, operations, chains);
    // The chain to try next.
    let mut from = 0;
    while search.missing > 0 {
        if from == 0
            && let Some(chain) = search.read_that_is_due()
        {
            budget.spend()?;
            search.step(chain, search.state_of(chain), false);
        } else if search.next_choice(from, budget)? {
            from = 0;
        } else {
            match search.take_back() {
                Some(chain) => from = chain + 1,
                None => return Ok(None),
            }
        }
    }
    Ok(Some(search.order()))
}

impl<'a, S: Specification> Search<'a, S> {
    fn new(specification: &'a S, operations: &'a [&'a Call<S>], chains: Vec<Chain>) -> Self {
        let mut numbers: BTreeMap<Object, usize> = BTreeMap::new();
        let objects = operations.iter().map(|operation| {
            let fresh = numbers.len();
            *numbers.entry(operation.object).or_insert(fresh)
        });
        let objects: Vec<usize> = objects.collect();
        let initial = specification.initial();
        let required = chains.iter().filter(|chain| chain.is_required);
        Self {
            specification,
            operations,
            done: vec![0; chains.len()],
            objects,
            at: vec![0; numbers.len()],
            states: vec![initial.clone()],
            ids: HashMap::from_iter([(initial, 0)]),
            known_by: 0,
            tried: HashSet::new(),
            steps: Vec::new(),
            missing: required.map(|chain| chain.links.len()).sum(),
            chains,
        }
    }

    /// The next operation of a chain, if all that it follows is in order.
    fn next(&self, chain: usize) -> Option<Link> {
        let (other, count) = self.chains[chain].after;
        let link = self.chains[chain].links.get(self.done[chain]).copied();
        link.filter(|_| self.done[other] >= count)
    }

    /// The state of its object after an operation, if that may take effect.
    fn after(&self, link: Link) -> Option<S::State> {
        let call = self.operations[link.place];
        let response = call.response.as_ref().filter(|_| link.is_explained);
        let state = &self.states[self.at[self.objects[link.place]] as usize];
        self.specification.step(state, &call.request, response)
    }

    /// The object of a chain's next operation.
    fn object_of(&self, chain: usize) -> usize {
        self.objects[self.chains[chain].links[self.done[chain]].place]
    }

    /// The state of that object.
    fn state_of(&self, chain: usize) -> u32 {
        self.at[self.object_of(chain)]
    }

    /// A chain whose next operation only reads, and returned what it finds now: whatever else can come next can come after it.
    fn read_that_is_due(&self) -> Option<usize> {
        (0..self.chains.len()).find(|chain| {
            self.next(*chain).is_some_and(|link| {
                let call = self.operations[link.place];
                call.returned.is_some()
                    && is_read(self.specification, call)
                    && self.after(link).is_some()
            })
        })
    }

    /// Takes the next operation of a chain, from this chain on, that may take effect and was not tried so before.
    fn next_choice(&mut self, from: usize, budget: &mut Budget) -> Result<bool, Exhausted> {
        for chain in from..self.chains.len() {
            let after = self.next(chain).and_then(|link| self.after(link));
            let Some(state) = after else { continue };
            let state = self.id(state);
            budget.spend()?;
            if self
                .tried
                .insert(self.known_by ^ self.difference(chain, state))
            {
                self.step(chain, state, true);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn id(&mut self, state: S::State) -> u32 {
        if let Some(id) = self.ids.get(&state) {
            return *id;
        }
        let id = u32::try_from(self.states.len()).expect("fewer states than steps");
        self.states.push(state.clone());
        self.ids.insert(state, id);
        id
    }

    /// The bits that change if the chain's next operation leaves its object in this state.
    fn difference(&self, chain: usize, state: u32) -> u128 {
        let place = self.chains[chain].links[self.done[chain]].place;
        let object = self.objects[place];
        // Behind the numbers of all operations.
        let of_state =
            |state: u32| mark(self.operations.len() + self.at.len() * state as usize + object);
        mark(place) ^ of_state(self.at[object]) ^ of_state(state)
    }

    fn step(&mut self, chain: usize, state: u32, is_choice: bool) {
        let object = self.object_of(chain);
        self.known_by ^= self.difference(chain, state);
        let before = core::mem::replace(&mut self.at[object], state);
        self.steps.push(Step {
            chain,
            before,
            is_choice,
        });
        self.done[chain] += 1;
        self.missing -= usize::from(self.chains[chain].is_required);
    }

    /// Takes back the last step that was a choice, and all after it: its chain.
    fn take_back(&mut self) -> Option<usize> {
        while let Some(Step {
            chain,
            before,
            is_choice,
        }) = self.steps.pop()
        {
            self.done[chain] -= 1;
            self.missing += usize::from(self.chains[chain].is_required);
            let object = self.object_of(chain);
            let after = core::mem::replace(&mut self.at[object], before);
            self.known_by ^= self.difference(chain, after);
            if is_choice {
                return Some(chain);
            }
        }
        None
    }

    fn order(&self) -> Vec<usize> {
        let mut done = vec![0; self.chains.len()];
        let order = self.steps.iter().map(|Step { chain, .. }| {
            done[*chain] += 1;
            self.chains[*chain].links[done[*chain] - 1].place
        });
        order.collect()
    }
}
