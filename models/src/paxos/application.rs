//! The application above Paxos, and what it has been told.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt::{self, Debug};

use quorate::paxos::{
    Ballot, Durable, Message, Output, Progress, Proposer, Published, Request, Rules, State, Timer,
};
use quorate::protocol::{ProcessId, Protocol};

use super::ballots::with_other_ballots;
use crate::framework::RequestOrder;
use crate::register::{History, Operation, Register};
use crate::system::{Application, Envelope, Interned, Knowledge};

pub use crate::register::Value;

/// The application: it has each proposer propose a value.
#[derive(Clone, Debug)]
pub struct Clients {
    /// How many proposers there are.
    pub proposers: u16,
    /// How many learners there are.
    pub learners: u16,
    /// How many processes there are.
    pub processes: u16,
    /// In what order it asks.
    pub requests: RequestOrder,
    /// How many ballots there are, from the lowest: a proposer begins none beyond. 0 for any number.
    pub ballots: u64,
    /// Whether learners may ask.
    pub inquiries: bool,
    /// Whether messages that can change nothing any more are forgotten.
    pub forgets_spent: bool,
    /// Whether what was proposed is not forgotten, because it is claimed about.
    pub keeps_proposals: bool,
    /// How many times it reads at each learner. If it does, it keeps the history of what it asked and was told.
    pub reads: u8,
}

/// What the application has been told: the values that are chosen, and by whom. There should be one.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct View {
    /// Who has told which.
    pub chosen: BTreeSet<(ProcessId, Value)>,
    /// What it did to the register that a decree is, if that is claimed about: it writes at each proposer, and reads at
    /// each learner.
    pub history: Option<History>,
}

impl View {
    /// The values that are chosen.
    pub fn values(&self) -> BTreeSet<Value> {
        self.chosen.iter().map(|(_, value)| *value).collect()
    }

    /// A process has told this.
    pub fn told(&mut self, process: ProcessId, output: &Output<Value>) {
        match output {
            Output::Chosen(value) => {
                self.chosen.insert((process, *value));
                if let Some(history) = &mut self.history {
                    history.answer(process.0, *value);
                }
            }
            // Nothing has changed.
            Output::Refused(_) => {}
        }
    }
}

impl Clients {
    /// What a proposer proposes. Values fall while ballots rise: were the order the same, whoever took the highest value
    /// for that of the highest ballot would not be found out.
    pub fn value(&self, proposer: ProcessId) -> Value {
        u8::try_from(self.proposers - proposer.0).expect("few proposers")
    }

    /// Those who know what is chosen: the last processes.
    fn learners(&self) -> impl Iterator<Item = ProcessId> + use<> {
        (self.processes - self.learners..self.processes).map(ProcessId)
    }

    fn proposers(&self) -> impl Iterator<Item = ProcessId> + use<> {
        (0..self.proposers).map(ProcessId)
    }

    /// What may be asked of a process in any order, and how many times.
    pub fn any_order(&self, process: ProcessId) -> Vec<(Request<Value>, Option<u8>)> {
        let values: BTreeSet<Value> = match process.0 < self.proposers {
            true => self.proposers().map(|p| self.value(p)).collect(),
            false => BTreeSet::from([self.value(ProcessId(0))]),
        };
        let propose = |value| (Request::Propose(value), None);
        values.into_iter().map(propose).collect()
    }

    /// A ballot's number among all, from 1.
    pub fn rank(&self, ballot: Ballot) -> u64 {
        (ballot.round - 1) * u64::from(self.proposers) + u64::from(ballot.proposer.0) + 1
    }

    /// Whether a proposer that waits to campaign is kept from it, because there are no more ballots.
    pub fn is_out_of_ballots(&self, process: ProcessId, knows: &State<Value>) -> bool {
        match knows {
            State::Proposer(proposer) => match &proposer.progress {
                Progress::Waiting { heard } => {
                    let next = Published.ballot(proposer.ballot(), Some(*heard), process);
                    self.ballots > 0 && self.rank(next) > self.ballots
                }
                _ => false,
            },
            State::Acceptor(_) | State::Learner(_) => false,
        }
    }
}

impl<P> Application<P> for Clients
where
    P: Protocol<
            Request = Request<Value>,
            Output = Output<Value>,
            State = State<Value>,
            Message = Message<Value>,
            Durable = Durable<Value>,
            Timer = Timer,
        >,
{
    type View = View;

    fn initial(&self) -> View {
        let register = Register {
            holds: 0,
            once: true,
        };
        View {
            chosen: BTreeSet::new(),
            history: (self.reads > 0).then(|| History::new(register)),
        }
    }

    fn requests(&self, view: &View, requests: &mut Vec<(ProcessId, Request<Value>)>) {
        if let Some(history) = &view.history {
            let wanted = |learner: &ProcessId| {
                history.waits(learner.0) || history.invoked(learner.0) < self.reads
            };
            let learners = self.learners().filter(wanted);
            requests.extend(learners.map(|learner| (learner, Request::Read)));
        }
        for proposer in self.proposers() {
            match self.requests {
                RequestOrder::Orderly => {
                    requests.push((proposer, Request::Propose(self.value(proposer))));
                }
                RequestOrder::Any => {
                    let all = self.any_order(proposer).into_iter();
                    requests.extend(all.map(|(request, _)| (proposer, request)));
                }
            }
        }
    }

    fn submitted(&self, view: &View, process: ProcessId, request: &Request<Value>) -> Option<View> {
        let history = view.history.as_ref()?;
        let operation = match request {
            Request::Propose(value) => Operation::Write(*value),
            Request::Read => Operation::Read,
        };
        // A proposer proposes once, and is only asked again.
        if operation != Operation::Read && history.invoked(process.0) > 0 {
            return None;
        }
        let mut history = history.clone();
        history.invoke(process.0, operation);
        Some(View {
            history: Some(history),
            ..view.clone()
        })
    }

    fn told(&self, view: &View, process: ProcessId, output: &Output<Value>) -> Option<View> {
        let mut next = view.clone();
        next.told(process, output);
        (next != *view).then_some(next)
    }

    fn forgets(&self) -> bool {
        self.forgets_spent
    }

    fn spent_rules(&self) -> usize {
        usize::from(self.forgets_spent)
    }

    /// A Prepare or an Accept is spent only if the proposer is past its ballot: whoever has promised it may come to promise
    /// more, and to reject it.
    fn is_past_for_sender(
        &self,
        _: usize,
        envelope: &Envelope<Message<Value>>,
        sender: Knowledge<'_, P>,
    ) -> bool {
        match &envelope.message {
            Message::Prepare { ballot } => is_past(sender, *ballot, is_busy),
            // It will be rejected, and that will be late too.
            Message::Accept { ballot, .. } => {
                !self.keeps_proposals && is_past(sender, *ballot, is_busy)
            }
            Message::Promise { .. } | Message::Rejected { .. } => true,
            Message::Accepted { .. } | Message::Decision { .. } | Message::Inquire => false,
        }
    }

    fn is_past_for_receiver(
        &self,
        _: usize,
        envelope: &Envelope<Message<Value>>,
        receiver: Knowledge<'_, P>,
    ) -> bool {
        match &envelope.message {
            Message::Prepare { ballot } => receiver.durable.promised >= Some(*ballot),
            Message::Accept { ballot, .. } => receiver.durable.promised > Some(*ballot),
            Message::Promise { ballot, .. } => is_past(receiver, *ballot, is_preparing),
            Message::Rejected { ballot, .. } => is_past(receiver, *ballot, is_busy),
            Message::Accepted { .. } | Message::Decision { .. } | Message::Inquire => false,
        }
    }

    fn with_other_numbers(
        &self,
        sent: &[Interned<Envelope<Message<Value>>>],
    ) -> Vec<Envelope<Message<Value>>> {
        match self.ballots {
            0 => with_other_ballots(sent),
            _ => Vec::new(),
        }
    }

    fn permits(&self, process: ProcessId, knows: &State<Value>, timer: &Timer) -> bool {
        match timer {
            Timer::Campaign => !self.is_out_of_ballots(process, knows),
            Timer::Inquire => self.inquiries,
            Timer::Resend => true,
        }
    }
}

/// Whether a proposer has begun a higher ballot for good, or will never again make such progress in this one: from
/// there on it only goes forward, and a crash does not take it back to a phase.
fn is_past<P>(
    proposer: Knowledge<'_, P>,
    ballot: Ballot,
    progress: fn(&Progress<Value>) -> bool,
) -> bool
where
    P: Protocol<State = State<Value>, Durable = Durable<Value>>,
{
    let knows = match proposer.state {
        Some(State::Proposer(knows)) => Some(knows),
        _ => None,
    };
    has_passed(proposer.durable, knows, ballot, progress)
}

/// The same of a proposer with this on its disk, that knows this if it is up and has not ended.
pub(crate) fn has_passed(
    durable: &Durable<Value>,
    knows: Option<&Proposer<Value>>,
    ballot: Ballot,
    progress: fn(&Progress<Value>) -> bool,
) -> bool {
    let last = durable.campaign.as_ref().map(|(last, _)| *last);
    match last.cmp(&Some(ballot)) {
        Ordering::Less => false,
        Ordering::Greater => true,
        Ordering::Equal => {
            knows.is_none_or(|knows| knows.ballot() != Some(ballot) || !progress(&knows.progress))
        }
    }
}

pub(crate) fn is_preparing(progress: &Progress<Value>) -> bool {
    matches!(progress, Progress::Preparing { .. })
}

pub(crate) fn is_busy(progress: &Progress<Value>) -> bool {
    matches!(
        progress,
        Progress::Preparing { .. } | Progress::Accepting { .. }
    )
}

impl Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.chosen.is_empty() {
            return write!(f, "knows nothing");
        }
        for (number, (process, value)) in self.chosen.iter().enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            write!(f, "{separator}{value} chosen, says {process:?}")?;
        }
        Ok(())
    }
}
