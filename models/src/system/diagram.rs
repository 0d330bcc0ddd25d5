//! Sequence diagrams: what happened on a path, before it is [drawn](drawing).
//!
//! Time goes down, a row a step. A message's arrow leaves where the network got it, which for effects that
//! were held back is the flush that released them, and ends where it arrived or was lost.

use quorate::protocol::{ProcessId, Protocol};
use stateright::Path;

use super::{
    Action, Application, Envelope, Event, Journal, NetworkKind, ProcessSet, System, SystemState,
    journal,
};

mod drawing;
mod style;

/// What a diagram shows. Lanes and rows are numbered from 0; row 0 is the start.
struct Sequence {
    /// The processes' names.
    lanes: Vec<String>,
    rows: Vec<Row>,
    flights: Vec<Flight>,
    outages: Vec<Outage>,
}

/// What happened in one step.
#[derive(Default)]
struct Row {
    /// Who acted, and how, if it was a process.
    mark: Option<(usize, Mark)>,
    lines: Vec<Line>,
    /// What happened to all processes at once, if that is what happened.
    turning_point: Option<TurningPoint>,
}

/// What happens to all processes at once: from here on it is another world.
#[derive(Clone, Copy, Eq, PartialEq)]
enum TurningPoint {
    /// These are cut off from the others.
    Partition(ProcessSet),
    /// The cut is no more.
    Healing,
    /// Nothing fails any more.
    Stabilisation,
}

/// How a process came to act.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Mark {
    Delivery,
    Request,
    Timeout,
    Flush,
    Crash,
    Recovery,
}

/// A line of text beside a lane.
struct Line {
    lane: usize,
    kind: LineKind,
    text: String,
}

/// What a line of text says.
#[derive(Clone, Copy, Eq, PartialEq)]
enum LineKind {
    /// What the step is.
    Heading(Mark),
    /// A record is durable.
    Durable,
    /// A record is being written.
    Written,
    /// A record, or a message, is gone.
    Lost,
    /// The application is told.
    Told,
    /// A message is still on its way, to lanes on the left, and on the right.
    InFlight { left: bool, right: bool },
}

/// A message's way.
struct Flight {
    from: usize,
    to: usize,
    /// The row in which it was sent.
    sent: usize,
    end: End,
    text: String,
}

/// How a message's way ended.
#[derive(Clone, Copy, Eq, PartialEq)]
enum End {
    /// It was received in this row.
    Delivered(usize),
    /// The network lost it in this row.
    Dropped(usize),
    /// Its sender's crash took it along in this row.
    TakenAlong(usize),
}

/// A time for which a process was down.
struct Outage {
    lane: usize,
    from: usize,
    /// The row in which it recovered, if it did.
    to: Option<usize>,
}

/// The sequence diagram, as SVG, of what these processes do over this network: what happens when they start, and each
/// action with what happens in its step.
pub fn sequence_diagram<P: Protocol + 'static>(
    names: Vec<String>,
    network: NetworkKind,
    start: Vec<Event<P>>,
    steps: impl IntoIterator<Item = (Action<P>, Vec<Event<P>>)>,
) -> String {
    let mut story = Story::new(network);
    story.rows.push(Row::default());
    story.happened(start);
    for (action, events) in steps {
        story.step(&action, events);
    }
    story.into_sequence(names).draw()
}

impl<P: Protocol + 'static, A: Application<P> + 'static> System<P, A> {
    pub(super) fn diagram_of(&self, path: Path<SystemState<P, A>, Action<P>>) -> String {
        let mut journal = Journal::recording();
        self.initial(&mut journal);
        let steps = path.into_vec().into_iter().filter_map(|(state, action)| {
            let action = action?;
            let step = self.explain(&state, &action);
            Some((action, step.map(|(_, events)| events).unwrap_or_default()))
        });
        let network = self.environment.network;
        sequence_diagram(self.names(), network, journal.into_events(), steps)
    }
}

/// A message sent, and what became of it so far.
struct Sending<M> {
    envelope: Envelope<M>,
    row: usize,
    end: Option<End>,
}

/// A path, told step by step.
struct Story<P: Protocol> {
    network: NetworkKind,
    rows: Vec<Row>,
    sendings: Vec<Sending<P::Message>>,
    outages: Vec<Outage>,
}

impl<P: Protocol + 'static> Story<P> {
    fn new(network: NetworkKind) -> Self {
        Self {
            network,
            rows: Vec::new(),
            sendings: Vec::new(),
            outages: Vec::new(),
        }
    }

    /// The number of the row that is being told.
    fn row(&self) -> usize {
        self.rows.len() - 1
    }

    fn step(&mut self, action: &Action<P>, events: Vec<Event<P>>) {
        self.rows.push(Row::default());
        let row = self.row();
        match action {
            Action::Deliver(envelope) => {
                self.end(envelope, End::Delivered(row));
                self.act(
                    envelope.to,
                    Mark::Delivery,
                    format!("{:?}", envelope.message),
                );
            }
            Action::Drop(envelope) => self.end(envelope, End::Dropped(row)),
            Action::Timeout(id, timer) => self.act(*id, Mark::Timeout, format!("{timer:?}")),
            Action::Campaign(id, timer, _) => self.act(*id, Mark::Timeout, format!("{timer:?}")),
            Action::Submit(id, request) => self.act(*id, Mark::Request, format!("{request:?}")),
            Action::Flush(id) => self.act(*id, Mark::Flush, flushed(&events)),
            Action::Crash(id, lost) => {
                self.act(*id, Mark::Crash, "crashes".to_owned());
                self.outages.push(Outage {
                    lane: id.index(),
                    from: row,
                    to: None,
                });
                for envelope in lost.iter() {
                    self.end(envelope, End::TakenAlong(row));
                    self.line(*id, LineKind::Lost, on_the_way(envelope));
                }
            }
            Action::Recover(id) => {
                self.act(*id, Mark::Recovery, "recovers".to_owned());
                let outage = self.outages.iter_mut().rfind(|o| o.lane == id.index());
                outage.expect("what recovers was down").to = Some(row);
            }
            Action::Partition(cut) => self.turning_point(TurningPoint::Partition(*cut)),
            Action::Heal => self.turning_point(TurningPoint::Healing),
            Action::Stabilise => self.turning_point(TurningPoint::Stabilisation),
        }
        self.happened(events);
    }

    /// Tells what a step, or the start, has brought about.
    fn happened(&mut self, events: Vec<Event<P>>) {
        let is_flush = matches!(self.rows[self.row()].mark, Some((_, Mark::Flush)));
        let mut durable = Vec::new();
        for event in &events {
            if let Event::Durable(id, record) = event {
                durable.push((*id, record.clone()));
            }
        }
        for event in events {
            match event {
                Event::Wrote(id, record, _) => {
                    if !durable.contains(&(id, record.clone())) {
                        self.line(id, LineKind::Written, format!("{record:?}"));
                    }
                }
                // A flush has it in its heading.
                Event::Durable(..) if is_flush => {}
                Event::Durable(id, record) => {
                    self.line(id, LineKind::Durable, format!("{record:?}"));
                }
                Event::Lost(id, record) => self.line(id, LineKind::Lost, format!("{record:?}")),
                // A set holds one copy of all equal messages: sending it again is what to show.
                Event::Sent(envelope, sent) if sent || self.network == NetworkKind::Set => {
                    let row = self.row();
                    self.sendings.push(Sending {
                        envelope,
                        row,
                        end: None,
                    });
                }
                Event::Sent(envelope, _) => {
                    self.line(envelope.from, LineKind::Lost, on_the_way(&envelope));
                }
                Event::PushedOut(envelope) => {
                    let row = self.row();
                    self.end(&envelope, End::Dropped(row));
                }
                Event::Exchanged(envelope, arrived) => {
                    let row = self.row();
                    let end = match arrived {
                        true => End::Delivered(row),
                        false => End::Dropped(row),
                    };
                    self.end(&envelope, end);
                }
                Event::Told(id, output) => self.line(id, LineKind::Told, format!("{output:?}")),
                // A line across all lanes tells it.
                Event::Partitioned(_) | Event::Healed | Event::Stabilised => {}
            }
        }
    }

    fn turning_point(&mut self, what: TurningPoint) {
        let row = self.row();
        self.rows[row].turning_point = Some(what);
    }

    fn act(&mut self, id: ProcessId, mark: Mark, heading: String) {
        let row = self.row();
        self.rows[row].mark = Some((id.index(), mark));
        self.line(id, LineKind::Heading(mark), heading);
    }

    fn line(&mut self, id: ProcessId, kind: LineKind, text: String) {
        let row = self.row();
        let lane = id.index();
        self.rows[row].lines.push(Line { lane, kind, text });
    }

    /// A message's way has ended: that of the copy which the network would take.
    fn end(&mut self, envelope: &Envelope<P::Message>, end: End) {
        let open = |s: &Sending<_>| s.envelope == *envelope && s.end.is_none();
        let same = |s: &Sending<_>| s.envelope == *envelope;
        let found = match (self.network, end) {
            (NetworkKind::Set, _) => self.sendings.iter().rposition(same),
            (_, End::TakenAlong(_)) => self.sendings.iter().rposition(open),
            (_, End::Delivered(_) | End::Dropped(_)) => self.sendings.iter().position(open),
        };
        let sending = &mut self.sendings[found.expect("what ends was sent")];
        if sending.end.is_none() {
            sending.end = Some(end);
        } else {
            let again = Sending {
                envelope: envelope.clone(),
                row: sending.row,
                end: Some(end),
            };
            self.sendings.push(again);
        }
        if self.network == NetworkKind::Set && matches!(end, End::Dropped(_)) {
            // One copy was all that there was, however often it was sent.
            self.sendings.retain(|sending| !open(sending));
        }
    }

    fn into_sequence(mut self, lanes: Vec<String>) -> Sequence {
        let mut flights = Vec::new();
        for Sending { envelope, row, end } in std::mem::take(&mut self.sendings) {
            match end {
                Some(end) => flights.push(Flight {
                    from: envelope.from.index(),
                    to: envelope.to.index(),
                    sent: row,
                    end,
                    text: format!("{:?}", envelope.message),
                }),
                None => self.rows[row].still_on_its_way(&envelope),
            }
        }
        Sequence {
            lanes,
            rows: self.rows,
            flights,
            outages: self.outages,
        }
    }
}

impl TurningPoint {
    /// What it is, beside its line.
    fn text(self, lanes: usize) -> String {
        match self {
            Self::Partition(cut) => {
                let ids = (0..).map(ProcessId).take(lanes);
                let sides = journal::sides(cut, ids, |id| format!("{id:?}"));
                format!("partition: {sides}")
            }
            Self::Healing => "healed: no partition".to_owned(),
            Self::Stabilisation => "stable: no faults, accurate timers".to_owned(),
        }
    }
}

impl Row {
    /// Adds a line, or a destination to the line of the same message to somebody else.
    fn still_on_its_way<M: std::fmt::Debug>(&mut self, envelope: &Envelope<M>) {
        let lane = envelope.from.index();
        let to_left = envelope.to < envelope.from;
        let start = format!("{:?} ⇢ ", envelope.message);
        for line in &mut self.lines {
            if let LineKind::InFlight { left, right } = &mut line.kind
                && line.lane == lane
                && line.text.starts_with(&start)
            {
                *left |= to_left;
                *right |= !to_left;
                line.text += &format!(", {:?}", envelope.to);
                return;
            }
        }
        self.lines.push(Line {
            lane,
            kind: LineKind::InFlight {
                left: to_left,
                right: !to_left,
            },
            text: on_the_way(envelope),
        });
    }
}

fn on_the_way<M: std::fmt::Debug>(envelope: &Envelope<M>) -> String {
    format!("{:?} ⇢ {:?}", envelope.message, envelope.to)
}

/// What a flush has made durable.
fn flushed<P: Protocol>(events: &[Event<P>]) -> String {
    let records = events.iter().filter_map(|event| match event {
        Event::Durable(_, record) => Some(format!("{record:?}")),
        _ => None,
    });
    records.collect::<Vec<_>>().join(", ")
}
