//! Messages that can change nothing any more are left out of states: when that is right, and whether it is so here.
//!
//! A message is *spent* if a rule of the [`Application`] says so: one condition on its sender, one on its receiver, one on
//! the application's view. A spent message is forgotten as soon as it is spent ([`System::is_spent`]). That is a claim
//! about the protocol's code, so [`System::check_forgetting`] asks the code, at the end of a search.
//!
//! # The claim
//!
//! The *whole model* keeps spent messages in flight. (They take no room there on a link with a `link_max`: this bound counts
//! messages that are not spent.) Its states without their spent messages, in flight and held back, are those of the reduced
//! model; so are its steps, but for deliveries and drops of spent messages, which lead to the same state without spent
//! messages. Hence a claim about processes, views and messages that are not spent has the same answer in both. Where timers
//! are accurate this needs one thing more: that the whole model comes to rest where the reduced model does.
//!
//! # What is checked
//!
//! A *part* is what a process knows and what its disk holds ([`Knowledge`]). The search keeps every distinct part, the
//! steps between them, every distinct view, and every message that was ever sent ([`Interned`]). Messages are asked about one
//! by one; the answers that they get join them. For each message *m*, and each rule that calls *m* spent somewhere:
//!
//! 1. *Spent for good.* Each step from a part that meets the rule's condition leads to one that meets it: of senders,
//!    receivers and views alike, and whatever happens: deliveries, timers, requests, flushes, crashes, recoveries. A request
//!    counts only if some view that meets the rule's condition allows it.
//! 2. *In vain.* Each part that takes input, and meets the condition on the receiver, is stepped with *m*. It writes nothing,
//!    emits nothing, asks for no report, and its state stays as it is.
//! 3. *Answered in vain.* What it sends thereupon is lost, or spent: for the part that sends it; for each part that meets
//!    the rule's condition on the sender of *m*, if that is whom the answer goes to, or else for every part of whoever it
//!    goes to; and for each view that meets the rule's condition.
//! 4. *Answers end.* No message gets, by way of answers, an answer equal to itself.
//!
//! # Why that is enough
//!
//! By induction over the steps of a run of the whole model: after each, the state without spent messages is one that the
//! search has found; whatever is spent in it is among the messages asked about; and whatever was spent still is.
//!
//! * *A step other than a delivery or a drop of a spent message.* The process, its timers, the view and the budgets are as
//!   in the state that the search has found, so the same step is there: its outcome is among those looked at, and what it
//!   sends is among the messages asked about. A process may hold back spent messages besides. No condition sees that (that is
//!   why it gets [`Knowledge`], not [`Process`]), nor does the protocol's step, and a crash drops them. The step changes one part
//!   or the view, or in a campaign several in turn: by 1 what was spent is.
//! * *A delivery of a spent message.* The rule's conditions are met by the parts and the view of this state, which are among
//!   those looked at. By 2 nothing but the network or what is held back changes, by 3 only by spent messages. What is held
//!   back is sent later, or lost, and is then still spent by 1. A receiver that is down, or that first needs a flush, takes no
//!   input; 1 carries spentness over its recovery or its flush, and then it is asked.
//! * *The other way round* each step of the reduced model is one of the whole model, at once or, on a FIFO link, after the
//!   spent messages in front of the one that is delivered. They can be delivered wherever that one can.
//! * *Rest.* By 4 only finitely many deliveries of spent messages follow each other, so the whole model comes to rest where the
//!   reduced model is at rest, and no fair run consists of them.
//!
//! # What is not checked
//!
//! * That messages are lost which [`Application::is_lost`] names is an assumption of the model.
//! * [`Application::withholds`] must not look at the network, nor may a property whose answer is to hold of spent messages.
//! * A drop in the budget may be wasted on a spent message. The whole model can do less afterwards, never more.
//! * The conditions of a rule on sender and receiver are looked at one by one, so that the work is parts × messages. Parts
//!   that never meet are not told from those that do: a violation may be one that no run shows. So a violation
//!   searches for a [run of the whole model](System::whole).
//! * In a [quotient](quorate_checker::quotient) numbers mean nothing but their order. What was found are parts of
//!   representatives, and a spent message is not renamed along with the state that forgets it. So each message is asked about
//!   with all numbers up to the highest that was met, and with one below the lowest ([`Application::with_other_numbers`]). A
//!   number between two of a part that are next to each other is not among them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use derive_where::derive_where;
use quorate::protocol::{Effect, EffectList, Input, ProcessId, Protocol, Release};

use super::interned::Interned;
use super::process::{Happening, InternedProcess};
use super::view::InternedView;
use super::{Action, Application, Envelope, Process, System, SystemState};

/// What a process knows, and what its disk holds: all that conditions of spentness may depend on. What is being written, and
/// what waits for that, is no part of it.
#[derive_where(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Knowledge<'a, P: Protocol> {
    /// What the process knows, or nothing if it is down.
    pub state: Option<&'a P::State>,
    /// What its disk is known to hold.
    pub durable: &'a P::Durable,
}

impl<P: Protocol> Process<P> {
    /// What it knows, and what its disk holds.
    pub fn knowledge(&self) -> Knowledge<'_, P> {
        Knowledge {
            state: self.state(),
            durable: &self.durable,
        }
    }
}

/// What the check has found.
#[derive_where(Debug)]
pub struct Asked<P: Protocol + 'static> {
    /// How many messages count as spent, with some sender, receiver and view that were found.
    pub messages: usize,
    /// How many parts were found, of all processes.
    pub parts: usize,
    /// How many times a spent message was delivered.
    pub deliveries: usize,
    /// What is wrong, if anything.
    pub violation: Option<Violation<P>>,
}

/// A message that counts as spent, and is not.
#[derive_where(Clone, Debug)]
pub struct Violation<P: Protocol + 'static> {
    /// The message.
    pub message: Envelope<P::Message>,
    /// Why it is not spent.
    pub fault: Fault<P>,
}

/// Why a message that counts as spent is not.
#[derive_where(Clone, Debug)]
pub enum Fault<P: Protocol + 'static> {
    /// It is spent for good only until this step of its sender or receiver.
    Revived {
        /// The process before.
        before: Process<P>,
        /// The process afterwards.
        after: Process<P>,
    },
    /// It is spent for good only until the application asks, or is told, something.
    RevivedByView,
    /// It changes its receiver.
    Changes {
        /// The receiver, before.
        receiver: Process<P>,
        /// What it would do, or know then.
        consequences: Vec<String>,
    },
    /// Its receiver answers it, and the answer is not spent.
    Answered {
        /// The receiver.
        receiver: Process<P>,
        /// The answer.
        answer: Envelope<P::Message>,
    },
    /// It is answered, the answer is, and so on for ever.
    Endless,
}

impl<P: Protocol + 'static> Violation<P> {
    /// What is wrong, in sentences. Processes have these names.
    pub fn sentences(&self, names: &[String]) -> Vec<String> {
        let name = |id: ProcessId| &names[id.index()];
        let envelope = |envelope: &Envelope<P::Message>| {
            let Envelope { from, to, message } = envelope;
            format!("{message:?} from {} to {}", name(*from), name(*to))
        };
        let known = |process: &Process<P>| match process.state() {
            Some(knows) => format!("{}, {knows:?}", name(process.id)),
            None => format!("{}, down, disk: {:?}", name(process.id), process.durable),
        };
        let mut sentences = vec![format!("{} counts as spent", envelope(&self.message))];
        sentences.extend(match &self.fault {
            Fault::Revived { before, after } => vec![
                format!("so it does at {}", known(before)),
                format!("and no more at {}, one step later", known(after)),
            ],
            Fault::RevivedByView => {
                vec!["and no more after a later request to the application, or its answer".into()]
            }
            Fault::Changes {
                receiver,
                consequences,
            } => vec![
                format!("delivered at {}", known(receiver)),
                format!("it makes the process {}", consequences.join(", ")),
            ],
            Fault::Answered { receiver, answer } => vec![
                format!("delivered at {}", known(receiver)),
                format!("it is answered with {}, not spent", envelope(answer)),
            ],
            Fault::Endless => vec!["and its answers are answered without end".into()],
        });
        sentences
    }
}

impl<P: Protocol + 'static, A: Application<P> + 'static> System<P, A> {
    /// Whether a message can change nothing any more, by one of the application's rules. States that differ in such
    /// messages only are one.
    pub fn is_spent(&self, state: &SystemState<P, A>, envelope: &Envelope<P::Message>) -> bool {
        let [sender, receiver] =
            [envelope.from, envelope.to].map(|id| state.processes[id.index()].knowledge());
        let application = &self.application;
        (0..application.spent_rules()).any(|rule| {
            application.is_past_for_receiver(rule, envelope, receiver)
                && application.is_past_for_sender(rule, envelope, sender)
                && (!A::SPENDS_BY_VIEW || application.is_past_for_view(rule, envelope, &state.view))
        })
    }

    /// The whole model: spent messages stay in flight.
    pub fn whole(self) -> Self {
        Self {
            keeps_spent: true,
            ..self
        }
    }

    /// Of the whole model: whether a step leaves spent what is spent, and a delivery of a spent message changes nothing.
    pub fn keeps_spent_messages_spent(
        &self,
        state: &SystemState<P, A>,
        action: &Action<P>,
        next: &SystemState<P, A>,
    ) -> bool {
        let is_spent = |at, envelope: &Envelope<P::Message>| {
            self.application.is_lost(envelope) || self.is_spent(at, envelope)
        };
        let revived = |envelope: &Interned<Envelope<P::Message>>| {
            self.is_spent(state, envelope) && !self.is_spent(next, envelope)
        };
        let stays_spent = !state.network.in_flight().any(|envelope| revived(&envelope));
        let Action::Deliver(delivered) = action else {
            return stays_spent;
        };
        if !self.is_spent(state, delivered) {
            return stays_spent;
        }
        let (before, after) = (
            &state.processes[delivered.to.index()],
            &next.processes[delivered.to.index()],
        );
        let outboxes = [state, next].map(|at| &at.network.outboxes[delivered.to.index()]);
        let sent = outboxes[1].beyond(outboxes[0]);
        let held = |process: &Process<P>| {
            let pending = process.pending();
            let releases = pending.flat_map(|pending| pending.releases.clone());
            releases.collect::<Vec<Release<P>>>()
        };
        let records = |process: &Process<P>| process.pending_len();
        let held_before = held(before);
        let held_in_vain = |release: &Release<P>| match release {
            _ if held_before.contains(release) => true,
            Release::Send { to, message } => {
                let (from, to, message) = (delivered.to, *to, message.clone());
                is_spent(next, &Envelope { from, to, message })
            }
            Release::Emit(_) | Release::Durable(_) => false,
        };
        stays_spent
            && before.knowledge() == after.knowledge()
            && records(before) == records(after)
            && held(after).iter().all(held_in_vain)
            && state.view == next.view
            && sent.iter().all(|envelope| is_spent(next, envelope))
    }

    /// Asks the protocol about each message that was ever sent and counts as spent. The search that this system was made for
    /// is over, and has visited every state.
    pub fn check_forgetting(&self) -> Asked<P> {
        let mut inquiry = Inquiry::new(self);
        let violation = inquiry.run().err();
        let is_spent = |asked: &&Message<P>| asked.rules.iter().any(Rule::applies);
        Asked {
            messages: inquiry.messages.iter().filter(is_spent).count(),
            parts: inquiry.parts.iter().map(|parts| parts.all.len()).sum(),
            deliveries: inquiry.deliveries,
            violation,
        }
    }
}

/// A set of parts, or of views, by their numbers.
#[derive(Clone, Eq, Hash, PartialEq)]
struct Bits(Box<[u64]>);

impl Bits {
    fn new(count: usize, contains: impl Fn(usize) -> bool) -> Self {
        let word = |at: usize| {
            let numbers = at * 64..count.min(at * 64 + 64);
            let bits = numbers.filter(|number| contains(*number));
            bits.fold(0, |word, number| word | 1 << (number % 64))
        };
        Self((0..count.div_ceil(64)).map(word).collect())
    }

    fn contains(&self, number: u32) -> bool {
        let number = number as usize;
        self.0[number / 64] >> (number % 64) & 1 == 1
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    fn is_within(&self, others: &[&Self]) -> bool {
        let mut words = self.0.iter().enumerate();
        words.all(|(at, word)| others.iter().fold(*word, |left, other| left & !other.0[at]) == 0)
    }
}

/// Sets, each kept once: most conditions are true of the same parts.
#[derive(Default)]
struct Sets {
    all: Vec<Bits>,
    known: HashMap<Bits, u32>,
}

impl Sets {
    fn number(&mut self, set: Bits) -> u32 {
        let next = self.all.len() as u32;
        let number = *self.known.entry(set.clone()).or_insert(next);
        if number == next {
            self.all.push(set);
        }
        number
    }

    fn get(&self, number: u32) -> &Bits {
        &self.all[number as usize]
    }
}

/// From which part to which, and if that needs a request, which.
type PartStep<P> = (u32, u32, Option<Interned<<P as Protocol>::Request>>);

/// What was found of a process.
struct Parts<P: Protocol + 'static> {
    all: Vec<InternedProcess<P>>,
    steps: Vec<PartStep<P>>,
    /// Those that take input, by what they know.
    live: Vec<Vec<u32>>,
    sets: Sets,
}

/// A message that is asked about.
struct Message<P: Protocol + 'static> {
    envelope: Interned<Envelope<P::Message>>,
    rules: Vec<Rule>,
}

/// Where the conditions of a rule are true: numbers of sets.
#[derive(Clone, Copy)]
struct Rule {
    sender: u32,
    receiver: u32,
    view: u32,
    /// Whether all three are true somewhere.
    applies: bool,
}

impl Rule {
    fn applies(&self) -> bool {
        self.applies
    }
}

struct Inquiry<'a, P: Protocol + 'static, A: Application<P> + 'static> {
    system: &'a System<P, A>,
    parts: Vec<Parts<P>>,
    views: Vec<InternedView<P, A>>,
    view_sets: Sets,
    /// From which view to which.
    view_steps: Vec<(u32, u32)>,
    messages: Vec<Message<P>>,
    numbers: HashMap<Interned<Envelope<P::Message>>, usize>,
    /// Which message is answered by which.
    answers: BTreeSet<(usize, usize)>,
    /// Whether an answer to a message, spent by a rule, is spent by these rules, by their bits.
    answered_in_vain: HashMap<(usize, usize, usize, u64), bool>,
    deliveries: usize,
}

impl<'a, P: Protocol + 'static, A: Application<P> + 'static> Inquiry<'a, P, A> {
    fn new(system: &'a System<P, A>) -> Self {
        let mut by_process: Vec<Vec<InternedProcess<P>>> = system.ids().map(|_| vec![]).collect();
        for process in system.all_processes() {
            by_process[process.id.index()].push(process);
        }
        let mut views = match A::SPENDS_BY_VIEW {
            true => system.all_views(),
            false => Vec::new(),
        };
        views.sort_unstable_by_key(|view| view.content_hash());
        let numbers: HashMap<InternedView<P, A>, u32> = views.iter().copied().zip(0..).collect();
        let view_steps = views.iter().flat_map(|view| {
            let after = view.memo().after.pairs().into_iter();
            after.map(|(_, next)| (numbers[view], numbers[next]))
        });
        Self {
            parts: by_process.into_iter().map(Parts::new).collect(),
            view_steps: view_steps.collect(),
            views,
            view_sets: Sets::default(),
            system,
            messages: Vec::new(),
            numbers: HashMap::new(),
            answers: BTreeSet::new(),
            answered_in_vain: HashMap::new(),
            deliveries: 0,
        }
    }

    fn run(&mut self) -> Result<(), Violation<P>> {
        if self.system.application.spent_rules() == 0 {
            return Ok(());
        }
        let mut sent = self.system.all_envelopes();
        sent.sort_unstable_by(|one, other| Envelope::cmp(one, other));
        let other = self.system.application.with_other_numbers(&sent);
        let other = other.into_iter();
        sent.extend(other.map(|envelope| self.system.intern_envelope(envelope)));
        for envelope in sent {
            if !self.system.application.is_lost(&envelope) {
                self.ask_about(envelope);
            }
        }
        let mut asked = 0;
        while asked < self.messages.len() {
            let new = asked..self.messages.len();
            asked = new.end;
            self.check_that_spent_stays_spent(new.clone())?;
            self.deliver(new)?;
        }
        self.check_that_answers_end()
    }

    /// The number of a message, with where it is spent.
    fn ask_about(&mut self, envelope: Interned<Envelope<P::Message>>) -> usize {
        if let Some(&known) = self.numbers.get(&envelope) {
            return known;
        }
        let application = &self.system.application;
        let (from, to) = (envelope.from.index(), envelope.to.index());
        let rules = (0..application.spent_rules()).map(|rule| {
            let sender = self.parts[from]
                .set(|sender| application.is_past_for_sender(rule, &envelope, sender.knowledge()));
            let receiver = self.parts[to].set(|receiver| {
                application.is_past_for_receiver(rule, &envelope, receiver.knowledge())
            });
            let view = self.view_sets.number(match A::SPENDS_BY_VIEW {
                true => Bits::new(self.views.len(), |view| {
                    application.is_past_for_view(rule, &envelope, &self.views[view])
                }),
                false => Bits::new(1, |_| true),
            });
            let sets = [
                self.parts[from].sets.get(sender),
                self.parts[to].sets.get(receiver),
                self.view_sets.get(view),
            ];
            Rule {
                sender,
                receiver,
                view,
                applies: sets.iter().all(|set| !set.is_empty()),
            }
        });
        let rules = rules.collect();
        let number = self.messages.len();
        self.messages.push(Message { envelope, rules });
        self.numbers.insert(envelope, number);
        number
    }

    fn violation(&self, message: usize, fault: Fault<P>) -> Violation<P> {
        Violation {
            message: Envelope::clone(&self.messages[message].envelope),
            fault,
        }
    }

    fn check_that_spent_stays_spent(&self, new: Range<usize>) -> Result<(), Violation<P>> {
        let mut known_parts = HashSet::new();
        let mut known_views = HashSet::new();
        for number in new {
            let Message { envelope, rules } = &self.messages[number];
            for rule in rules.iter().filter(|rule| rule.applies()) {
                let views = self.view_sets.get(rule.view);
                if known_views.insert(rule.view) && A::SPENDS_BY_VIEW {
                    let mut steps = self.view_steps.iter();
                    if steps.any(|(from, to)| views.contains(*from) && !views.contains(*to)) {
                        return Err(self.violation(number, Fault::RevivedByView));
                    }
                }
                let sides = [(envelope.from, rule.sender), (envelope.to, rule.receiver)];
                for (process, set) in sides {
                    if !known_parts.insert((process, set, rule.view)) {
                        continue;
                    }
                    if let Some((before, after)) = self.revived(process, set, views) {
                        let [before, after] = [before, after].map(|part| Process::clone(&part));
                        let fault = Fault::Revived { before, after };
                        return Err(self.violation(number, fault));
                    }
                }
            }
        }
        Ok(())
    }

    /// A step of a process out of a set of its parts, if there is one, with requests that one of these views allows.
    fn revived(
        &self,
        process: ProcessId,
        set: u32,
        views: &Bits,
    ) -> Option<(InternedProcess<P>, InternedProcess<P>)> {
        let parts = &self.parts[process.index()];
        let set = parts.sets.get(set);
        let is_allowed = |wanted: Interned<P::Request>| {
            let mut allowing = (0..).zip(&self.views).filter(|(at, _)| views.contains(*at));
            !A::SPENDS_BY_VIEW
                || allowing.any(|(_, view)| view.memo().requests.contains(&(process, wanted)))
        };
        let step = parts.steps.iter().find(|(before, after, request)| {
            set.contains(*before) && !set.contains(*after) && request.is_none_or(is_allowed)
        });
        step.map(|(before, after, _)| (parts.all[*before as usize], parts.all[*after as usize]))
    }

    /// Delivers messages wherever they count as spent.
    fn deliver(&mut self, new: Range<usize>) -> Result<(), Violation<P>> {
        for at in 0..self.parts.len() {
            let is_asked = |number: &usize| {
                let Message { envelope, rules } = &self.messages[*number];
                envelope.to.index() == at && rules.iter().any(Rule::applies)
            };
            let messages: Vec<usize> = new.clone().filter(is_asked).collect();
            let live = std::mem::take(&mut self.parts[at].live);
            for group in &live {
                self.deliver_to(at, group, &messages)?;
            }
            self.parts[at].live = live;
        }
        Ok(())
    }

    /// Delivers messages to parts of a process that know the same.
    fn deliver_to(
        &mut self,
        at: usize,
        group: &[u32],
        messages: &[usize],
    ) -> Result<(), Violation<P>> {
        let process = self.parts[at].all[group[0] as usize];
        let knows = process.state().expect("it takes input");
        let mut state = knows.clone();
        let mut effects = EffectList::new();
        for &number in messages {
            let spent: Vec<(usize, u32)> = self.spent_at(at, group, number).collect();
            if spent.is_empty() {
                continue;
            }
            self.deliveries += 1;
            let Envelope { from, message, .. } = &*self.messages[number].envelope;
            let (from, message) = (*from, message.clone());
            let receive = Input::Receive { from, message };
            (self.system.protocol).step(process.id, &mut state, receive, &mut effects);
            let receiver = || Process::clone(&process);
            let effects: Vec<Effect<P>> = effects.drain().collect();
            let consequences = consequences(knows, &state, &effects);
            if !consequences.is_empty() {
                let receiver = receiver();
                let fault = Fault::Changes {
                    receiver,
                    consequences,
                };
                return Err(self.violation(number, fault));
            }
            for effect in effects {
                let Effect::Send { to, message } = effect else {
                    continue;
                };
                let from = process.id;
                let answer = Envelope { from, to, message };
                if self.system.application.is_lost(&answer) {
                    continue;
                }
                let answer = self.ask_about(self.system.intern_envelope(answer));
                self.answers.insert((number, answer));
                for &(rule, part) in &spent {
                    if !self.is_answered_in_vain((number, rule), part, answer) {
                        let (receiver, answer) = (receiver(), self.messages[answer].envelope);
                        let answer = Envelope::clone(&answer);
                        let fault = Fault::Answered { receiver, answer };
                        return Err(self.violation(number, fault));
                    }
                }
            }
        }
        Ok(())
    }

    /// By which rule a message counts as spent at which of these parts of its receiver.
    fn spent_at<'b>(
        &'b self,
        at: usize,
        group: &'b [u32],
        number: usize,
    ) -> impl Iterator<Item = (usize, u32)> + use<'b, 'a, P, A> {
        let rules = self.messages[number].rules.iter().enumerate();
        let rules = rules.filter(|(_, rule)| rule.applies());
        rules.flat_map(move |(number, rule)| {
            let set = self.parts[at].sets.get(rule.receiver);
            let parts = group.iter().filter(|part| set.contains(**part));
            parts.map(move |part| (number, *part))
        })
    }

    /// Whether the answer that this part gives to a message, spent by this rule, is spent wherever it goes.
    fn is_answered_in_vain(
        &mut self,
        (number, rule): (usize, usize),
        part: u32,
        answer: usize,
    ) -> bool {
        let (from, to) = self.messages[answer].envelope.link();
        let asked = self.messages[number].rules[rule];
        let rules = self.messages[answer].rules.iter().enumerate();
        let views = self.view_sets.get(asked.view);
        let by = rules.filter(|(_, by)| {
            let senders = self.parts[from.index()].sets.get(by.sender);
            senders.contains(part) && views.is_within(&[self.view_sets.get(by.view)])
        });
        let by = by.fold(0, |bits, (by, _)| bits | 1_u64 << by);
        let key = (number, rule, answer, by);
        if let Some(&known) = self.answered_in_vain.get(&key) {
            return known;
        }
        let parts = &self.parts[to.index()];
        let rules = self.messages[answer].rules.iter().enumerate();
        let rules = rules.filter(|(at, _)| by >> at & 1 == 1);
        let spent: Vec<&Bits> = rules.map(|(_, by)| parts.sets.get(by.receiver)).collect();
        let is_in_vain = match to == self.messages[number].envelope.from {
            true => parts.sets.get(asked.sender).is_within(&spent),
            false => Bits::new(parts.all.len(), |_| true).is_within(&spent),
        };
        self.answered_in_vain.insert(key, is_in_vain);
        is_in_vain
    }

    /// Takes away messages that get no answer, as long as there are any.
    fn check_that_answers_end(&self) -> Result<(), Violation<P>> {
        let mut left = self.answers.clone();
        loop {
            let answered: BTreeSet<usize> = left.iter().map(|(message, _)| *message).collect();
            let before = left.len();
            left.retain(|(_, answer)| answered.contains(answer));
            match left.first() {
                None => return Ok(()),
                Some(&(message, _)) if left.len() == before => {
                    return Err(self.violation(message, Fault::Endless));
                }
                Some(_) => {}
            }
        }
    }
}

impl<P: Protocol + 'static> Parts<P> {
    fn new(mut all: Vec<InternedProcess<P>>) -> Self {
        all.sort_unstable_by_key(|process| process.content_hash());
        let numbers: HashMap<InternedProcess<P>, u32> = all.iter().copied().zip(0..).collect();
        let mut steps = Vec::new();
        let mut live: HashMap<&P::State, Vec<u32>> = HashMap::new();
        for (process, number) in all.iter().zip(0..) {
            for (happening, outcome) in process.memo().outcomes.pairs() {
                let request = match happening {
                    Happening::Submit(request) => Some(*request),
                    _ => None,
                };
                let next = numbers[&outcome.process];
                if next != number {
                    steps.push((number, next, request));
                }
            }
            if let Some(knows) = process.state().filter(|_| process.memo().takes_input) {
                live.entry(knows).or_default().push(number);
            }
        }
        steps.sort_unstable_by_key(|(before, after, request)| {
            (*before, *after, request.map(Interned::content_hash))
        });
        steps.dedup();
        let mut live: Vec<Vec<u32>> = live.into_values().collect();
        live.sort_unstable();
        Self {
            all,
            steps,
            live,
            sets: Sets::default(),
        }
    }

    /// The set of the parts of which this is true.
    fn set(&mut self, is_true: impl Fn(&Process<P>) -> bool) -> u32 {
        let set = Bits::new(self.all.len(), |part| is_true(&self.all[part]));
        self.sets.number(set)
    }
}

/// What comes of a step, but for what is sent. Timers are a function of the state.
fn consequences<P: Protocol>(
    before: &P::State,
    after: &P::State,
    effects: &[Effect<P>],
) -> Vec<String> {
    let effects = effects.iter().filter_map(|effect| match effect {
        Effect::Persist(record) | Effect::Append(record) => Some(format!("write {record:?}")),
        Effect::Emit(output) => Some(format!("emit {output:?}")),
        Effect::ReportDurable(position) => Some(format!("ask for a report of {position}")),
        Effect::Send { .. } | Effect::SetTimer(_) | Effect::CancelTimer(_) => None,
    });
    let changed = (before != after).then(|| format!("become {after:?}"));
    effects.chain(changed).collect()
}
