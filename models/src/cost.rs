//! What a decision costs when nothing fails: messages, message delays and writes, counted on a run of the model.

use std::collections::VecDeque;

use derive_where::derive_where;
use quorate::protocol::{ProcessId, Protocol};
use quorate_checker::report::{AddedTable, Cell, json_line};
use serde::Serialize;
use stateright::Model;

use crate::system::{
    Action, Application, Environment, Event, NetworkKind, System, SystemState, Timers,
};

/// What one decision costs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Cost {
    /// Messages sent.
    pub messages: usize,
    /// Those of them that go to another node, if roles share nodes.
    pub between_nodes: usize,
    /// The longest chain of messages of which each waits for the one before, until those who wait for the decision
    /// know it.
    pub delays: usize,
    /// Records that something waits for.
    pub forced: usize,
    /// Records that nothing waits for.
    pub lazy: usize,
}

/// What one decision of a model costs, for people and programs.
#[derive(Clone, Debug, Serialize)]
pub struct CostReport {
    /// The model's name.
    pub model: &'static str,
    /// How many processes there are of the role that there may be more of.
    pub processes: String,
    /// What happens.
    pub run: &'static str,
    /// What it costs.
    #[serde(flatten)]
    pub cost: Cost,
}

/// The costs of a model's decisions as a table.
pub fn table(costs: &[CostReport]) -> AddedTable {
    let row = |report: &CostReport| {
        let cost = report.cost;
        let words = [report.model, &report.processes, report.run];
        let counts = [
            cost.messages,
            cost.between_nodes,
            cost.delays,
            cost.forced,
            cost.lazy,
        ];
        let words = words.into_iter().map(|words| Cell::Words(words.to_owned()));
        words.chain(counts.map(Cell::Number)).collect()
    };
    AddedTable {
        heading: "what a decision costs, counted on the model; delays are until the last participant has decided, or \
                  the learner knows"
            .to_owned(),
        columns: vec![
            "model",
            "processes",
            "nothing fails, and it",
            "messages",
            "between nodes",
            "message delays",
            "forced writes",
            "lazy writes",
        ],
        rows: costs.iter().map(row).collect(),
        footing: Some(
            "messages are between processes of one role each; between nodes go those that are left where one node is \
             coordinator and participant, or proposer, acceptor and learner\nwhat is bought differs: atomic commit \
             needs the vote of every participant, and two-phase commit waits for its coordinator; Paxos needs any \
             majority of its acceptors, and a leader whom they have promised needs no further promises",
        ),
        objects: costs.iter().map(json_line).collect(),
        is_complete: true,
    }
}

/// What is counted of a run.
#[derive_where(Clone, Copy, Debug)]
pub struct Counted<P: Protocol + 'static, A: Application<P> + 'static> {
    /// What the application asks, of all that it may.
    pub asks: fn(ProcessId, &P::Request) -> bool,
    /// Whether it has come so far that it is counted; from there on it is, the step that led there included.
    pub begins: fn(&SystemState<P, A>) -> bool,
    /// Whether those who wait for the decision know it: later messages delay nobody.
    pub ends: fn(&SystemState<P, A>) -> bool,
    /// On which node a process is, if roles share nodes.
    pub node: fn(&P, ProcessId) -> usize,
}

/// Counts a run to its end, in rounds: each delivers all that is in flight when it begins, as on a network whose
/// links are all equally fast.
pub fn cost<P, A>(protocol: P, application: A, counted: &Counted<P, A>) -> Cost
where
    P: Protocol + 'static,
    A: Application<P> + 'static,
{
    let environment = Environment {
        network: NetworkKind::Bag,
        // A message that is sent again while it is in flight is one more message.
        copies_max: u8::MAX,
        timers: Timers::Never,
        ..Environment::default()
    };
    let system = System::new(protocol, application, environment);
    let mut states = system.init_states();
    let mut state = states.pop().expect("a system has an initial state");
    let mut cost = Cost::default();
    let mut has_begun = (counted.begins)(&state);
    let mut round = VecDeque::new();
    loop {
        let mut enabled = Vec::new();
        system.actions(&state, &mut enabled);
        let request = enabled.iter().copied().find(|action| match action {
            Action::Submit(at, request) => {
                (counted.asks)(*at, request) && system.next_state(&state, *action).is_some()
            }
            _ => false,
        });
        if request.is_none() && round.is_empty() {
            let in_flight = |action: &Action<P>| matches!(action, Action::Deliver(_));
            round.extend(enabled.into_iter().filter(in_flight));
            let delays = has_begun && !(counted.ends)(&state) && !round.is_empty();
            cost.delays += usize::from(delays);
        }
        let Some(next) = request.or_else(|| round.pop_front()) else {
            return cost;
        };
        let step = system.explain(&state, &next);
        let (after, events) = step.expect("what is delivered on a bag is gone");
        state = after;
        has_begun |= (counted.begins)(&state);
        if has_begun {
            let node = |process| (counted.node)(system.protocol(), process);
            events.iter().for_each(|event| cost.add(event, node));
        }
    }
}

impl Cost {
    fn add<P: Protocol>(&mut self, event: &Event<P>, node: impl Fn(ProcessId) -> usize) {
        match event {
            Event::Sent(envelope, true) => {
                self.messages += 1;
                self.between_nodes += usize::from(node(envelope.from) != node(envelope.to));
            }
            Event::Wrote(_, _, true) => self.forced += 1,
            Event::Wrote(_, _, false) => self.lazy += 1,
            _ => {}
        }
    }
}
