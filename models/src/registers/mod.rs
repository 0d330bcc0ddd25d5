//! Write-once registers in an environment: whatever becomes of nodes and messages, they are linearizable.

use std::collections::BTreeSet;

use itertools::Itertools;
use quorate::paxos::{self, Ballot, Progress, Published, Rules};
use quorate::protocol::{ProcessId, Protocol};
use quorate::registers::{
    Decree, Durable, Kept, Message, Output, Record, Register, Registers, Request, Role, State,
    Ticket, Timer,
};
use quorate_checker::check::Claimed;
use quorate_checker::{Condition, Property, stateright_properties};

use crate::mutant::Mutated;
use crate::paxos::application::{has_passed, is_busy, is_preparing};
use crate::register::{self, History, Operation, Value};
use crate::system::{Application, Envelope, Knowledge, System, SystemState};

pub mod entry;
pub mod mutants;
pub mod parameters;

use parameters::Parameters;

/// The register that they all use: others behave as it does, for decrees have nothing in common.
pub const NAME: &str = "register";

/// Registers, by their types.
pub trait AnyRegisters:
    Protocol<
        State = State<Value>,
        Message = Message<Value>,
        Timer = Timer,
        Record = Record<Value>,
        Durable = Durable<Value>,
        Request = Request<Value>,
        Output = Output<Value>,
    > + Sync
    + 'static
{
}

impl AnyRegisters for Registers<Value> {}
impl AnyRegisters for Mutated<Registers<Value>> {}

/// Who asks: client `i` does one thing, the `i`th.
#[derive(Clone, Debug)]
pub struct Clients {
    /// What each client does, and which node it asks.
    pub operations: Vec<(ProcessId, Operation)>,
    /// The node that a client that writes asks as well while it has no answer, if there is one.
    pub asked_again: Option<ProcessId>,
    /// No proposer begins a higher round than this.
    pub rounds: u64,
    /// Whether nodes tell each other decisions, and ask for them. If not, a node comes to know what was chosen by acceptances.
    pub decisions: bool,
    /// Whether a read that was not answered in time has chosen what it has found.
    pub reads_again: bool,
    /// Whether messages that can change nothing any more are forgotten.
    pub forgets_spent: bool,
}

impl Clients {
    /// Whether any client asks this node.
    fn is_asked(&self, node: ProcessId) -> bool {
        let mut asked = self.operations.iter();
        asked.any(|(asked, _)| *asked == node) || self.asked_again == Some(node)
    }

    /// Whether a node that is told what was chosen learns nothing by it: whoever comes to know that answers with it, however
    /// late that is.
    fn is_answered_in_vain<P: AnyRegisters>(&self, node: Knowledge<'_, P>) -> bool {
        !self.decisions || has_written(node)
    }

    /// What nodes do about this decree that has no end: only so many rounds.
    fn permits_campaign(&self, node: ProcessId, decree: &Decree<Value>) -> bool {
        let paxos::State::Proposer(proposer) = decree.knows(Role::Proposer) else {
            return true;
        };
        let Progress::Waiting { heard } = proposer.progress else {
            return true;
        };
        // A proposer's number is its node's.
        let next = Published.ballot(proposer.ballot(), Some(heard), node);
        next.round <= self.rounds
    }
}

impl<P: AnyRegisters> Application<P> for Clients {
    type View = History;

    fn initial(&self) -> History {
        let register = register::Register {
            holds: 0,
            once: true,
        };
        History::new(register)
    }

    fn requests(&self, history: &History, requests: &mut Vec<(ProcessId, Request<Value>)>) {
        for (client, (node, operation)) in (0..).zip(&self.operations) {
            let nodes = match (history.invoked(client), history.waits(client)) {
                (0, _) => vec![*node],
                (_, true) if *operation != Operation::Read => {
                    self.asked_again.into_iter().collect()
                }
                _ => continue,
            };
            let (ticket, name) = (client.into(), NAME.to_owned());
            let request = match *operation {
                Operation::Write(value) => Request::Write {
                    ticket,
                    name,
                    value,
                },
                Operation::Read => Request::Read { ticket, name },
            };
            requests.extend(nodes.into_iter().map(|node| (node, request.clone())));
        }
    }

    fn submitted(
        &self,
        history: &History,
        _: ProcessId,
        request: &Request<Value>,
    ) -> Option<History> {
        let (client, operation) = match request {
            Request::Write { ticket, value, .. } => (*ticket, Operation::Write(*value)),
            Request::Read { ticket, .. } => (*ticket, Operation::Read),
        };
        let client = u16::try_from(client).expect("a client's number");
        let mut next = history.clone();
        next.invoke(client, operation);
        (next != *history).then_some(next)
    }

    fn told(&self, history: &History, _: ProcessId, output: &Output<Value>) -> Option<History> {
        let client = u16::try_from(output.ticket).expect("a client's number");
        let mut next = history.clone();
        next.answer(client, output.value.unwrap_or(0));
        (next != *history).then_some(next)
    }

    fn forgets(&self) -> bool {
        self.forgets_spent || !self.decisions
    }

    fn is_lost(&self, envelope: &Envelope<Message<Value>>) -> bool {
        let Message::Decree { message, .. } = &envelope.message else {
            return false;
        };
        match message {
            paxos::Message::Decision { .. } => !self.decisions,
            // Nobody asks there.
            paxos::Message::Accepted { .. } => !self.decisions && !self.is_asked(envelope.to),
            _ => false,
        }
    }

    fn spent_rules(&self) -> usize {
        match self.forgets_spent {
            true => SPENT_RULES,
            false => 0,
        }
    }

    fn is_past_for_sender(
        &self,
        rule: usize,
        envelope: &Envelope<Message<Value>>,
        sender: Knowledge<'_, P>,
    ) -> bool {
        use paxos::Message::{Accept, Accepted, Decision, Inquire, Prepare, Promise, Rejected};
        let is_answered_in_vain = || self.is_answered_in_vain(sender);
        match (rule, &envelope.message) {
            (SETTLED, Message::Decree { message, .. }) => match message {
                Prepare { .. } | Accept { .. } | Inquire => is_answered_in_vain(),
                Promise { .. } | Rejected { .. } | Accepted { .. } | Decision { .. } => true,
            },
            (SETTLED, _) => false,
            (_, Message::Decree { message, .. }) => match message {
                Prepare { ballot } | Accept { ballot, .. } => {
                    is_past(sender, *ballot, is_busy) && is_answered_in_vain()
                }
                Promise { .. } | Rejected { .. } => true,
                Accepted { .. } | Decision { .. } | Inquire => false,
            },
            (_, Message::Poll { ticket, .. }) => {
                !is_waiting(sender, *ticket) && is_answered_in_vain()
            }
            (_, Message::Vote { .. }) => true,
        }
    }

    fn is_past_for_receiver(
        &self,
        rule: usize,
        envelope: &Envelope<Message<Value>>,
        receiver: Knowledge<'_, P>,
    ) -> bool {
        use paxos::Message::{Accept, Accepted, Decision, Inquire, Prepare, Promise, Rejected};
        match (rule, &envelope.message) {
            (SETTLED, _) => has_written(receiver),
            (_, Message::Decree { message, .. }) => match message {
                Prepare { ballot } => has_promised(receiver, |promised| promised >= *ballot),
                Accept { ballot, .. } => has_promised(receiver, |promised| promised > *ballot),
                Promise { ballot, .. } => is_past(receiver, *ballot, is_preparing),
                Rejected { ballot, .. } => is_past(receiver, *ballot, is_busy),
                Accepted { .. } | Decision { .. } | Inquire => false,
            },
            (_, Message::Poll { .. }) => true,
            (_, Message::Vote { ticket, .. }) => !is_waiting(receiver, *ticket),
        }
    }

    const SPENDS_BY_VIEW: bool = true;

    /// A node that does not wait for votes may never have been asked to read. Once a read was answered, or forgotten in a
    /// crash, its client does not ask there again.
    fn is_past_for_view(
        &self,
        _: usize,
        envelope: &Envelope<Message<Value>>,
        history: &History,
    ) -> bool {
        match &envelope.message {
            Message::Decree { .. } => true,
            Message::Poll { ticket, .. } | Message::Vote { ticket, .. } => {
                let client = u16::try_from(*ticket).expect("a client's number");
                history.invoked(client) > 0
            }
        }
    }

    fn permits(&self, node: ProcessId, knows: &State<Value>, timer: &Timer) -> bool {
        match timer {
            Timer::Decree {
                timer: paxos::Timer::Campaign,
                name,
                ..
            } => match knows.get(name) {
                Some(Register::Open(decree)) => self.permits_campaign(node, decree),
                _ => true,
            },
            Timer::Decree {
                timer: paxos::Timer::Inquire,
                ..
            } => self.decisions,
            Timer::Decree { .. } => true,
            Timer::Read(_) => self.reads_again,
        }
    }
}

/// The rule by which messages are spent whose receiver has written down what was chosen.
const SETTLED: usize = 0;
/// How many rules there are. By the other messages are spent whose ballot, or whose read, is past.
const SPENT_RULES: usize = 2;

/// Whether a node has written down what was chosen.
fn has_written<P: AnyRegisters>(node: Knowledge<'_, P>) -> bool {
    matches!(node.durable.0.get(NAME), Some(Kept::Chosen(_)))
}

/// Whether a node's acceptor has promised such a ballot. A node that has written down what was chosen promises and accepts
/// nothing.
fn has_promised<P: AnyRegisters>(
    node: Knowledge<'_, P>,
    is_wanted: impl Fn(Ballot) -> bool,
) -> bool {
    match node.durable.0.get(NAME) {
        Some(Kept::Decree(durable)) => durable.promised.is_some_and(is_wanted),
        Some(Kept::Chosen(_)) => true,
        None => false,
    }
}

/// See [`has_passed`]. A node that has written down what was chosen has.
fn is_past<P: AnyRegisters>(
    node: Knowledge<'_, P>,
    ballot: Ballot,
    progress: fn(&Progress<Value>) -> bool,
) -> bool {
    let durable = match node.durable.0.get(NAME) {
        Some(Kept::Decree(durable)) => durable,
        Some(Kept::Chosen(_)) => return true,
        None => return false,
    };
    let register = node.state.and_then(|knows| knows.get(NAME));
    let knows = match register {
        Some(Register::Open(decree)) => match decree.knows(Role::Proposer) {
            paxos::State::Proposer(proposer) => Some(proposer),
            _ => None,
        },
        _ => None,
    };
    has_passed(durable, knows, ballot, progress)
}

fn is_waiting<P: AnyRegisters>(node: Knowledge<'_, P>, ticket: Ticket) -> bool {
    let register = node.state.and_then(|knows| knows.get(NAME));
    matches!(register, Some(Register::Open(decree)) if decree.waits(ticket))
}

/// The nodes in [`System`].
pub type Model<P> = System<P, Clients>;

/// The name of the claim that is the point of it.
pub const LINEARIZABLE: &str = "what clients are told is linearizable";
/// The name of the claim that nodes agree.
pub const AGREEMENT: &str =
    "no two nodes know, or have written down, that different values were chosen";
/// The name of the claim that a disk has what its node believes.
pub const READS_BACK: &str = "whoever comes up again finds what it believes durable";

/// What a linearizable register does not need, though it is sometimes called strong consistency.
pub const SAME_EVERYWHERE: &str = "all nodes hold the same at every moment";

/// The clients that these parameters describe: each at a node of its own, those that write first.
pub fn clients(parameters: &Parameters) -> Clients {
    let writes = (1..=parameters.writers).map(Operation::Write);
    let reads = (0..parameters.readers).map(|_| Operation::Read);
    let nodes = (0..).map(ProcessId);
    let other = ProcessId(u16::from(parameters.writers) + u16::from(parameters.readers));
    Clients {
        operations: nodes.zip(writes.chain(reads)).collect(),
        asked_again: parameters.asks_again.then_some(other),
        rounds: parameters.rounds,
        decisions: parameters.decisions,
        reads_again: parameters.reads_again,
        forgets_spent: parameters.forgets_spent,
    }
}

/// The protocol that these parameters describe, which are valid.
pub fn protocol(parameters: &Parameters) -> Registers<Value> {
    Registers::new(parameters.nodes.into()).expect("valid parameters")
}

/// The model under these parameters, and what is claimed of it.
pub fn model<P: AnyRegisters>(parameters: &Parameters, protocol: P) -> Claimed<Model<P>> {
    let properties = vec![
        Property::holds(
            LINEARIZABLE,
            Condition::Always(|_: &Model<P>, state: &SystemState<P, Clients>| {
                state.view.is_linearizable()
            }),
        ),
        Property::holds(
            AGREEMENT,
            Condition::Always(|_: &Model<P>, state: &SystemState<P, Clients>| {
                chosen(state).len() <= 1
            }),
        ),
        Property::holds(READS_BACK, Condition::Always(Model::recovery_reads_back)),
        Property::fails(
            SAME_EVERYWHERE,
            Condition::Always(|_, state: &SystemState<P, Clients>| {
                state.live().map(|(_, knows)| held(knows)).all_equal()
            }),
        ),
        Property::holds(
            "all clients have an answer",
            Condition::Sometimes(|model: &Model<P>, state: &SystemState<P, Clients>| {
                let clients = 0..model.application().operations.len() as u16;
                let has_answer =
                    |client| state.view.invoked(client) > 0 && !state.view.waits(client);
                clients.into_iter().all(has_answer)
            }),
        ),
    ];
    let mut model = System::new(
        protocol,
        clients(parameters),
        parameters.environment.clone(),
    );
    model.properties = stateright_properties(&properties);
    Claimed {
        model,
        properties,
        fairness: Vec::new(),
    }
}

/// What a node would answer of the register.
fn held(knows: &State<Value>) -> Option<Value> {
    match knows.get(NAME)? {
        Register::Chosen(value) => Some(*value),
        Register::Open(_) => None,
    }
}

/// What nodes know, or have on their disks, to be chosen.
fn chosen<P: AnyRegisters>(state: &SystemState<P, Clients>) -> BTreeSet<Value> {
    let mut chosen = BTreeSet::new();
    for process in &state.processes {
        if let Some(knows) = process.state()
            && let Some(Register::Chosen(value)) = knows.get(NAME)
        {
            chosen.insert(*value);
        }
        if let Some(Kept::Chosen(value)) = process.durable.0.get(NAME) {
            chosen.insert(*value);
        }
    }
    chosen
}
