//! Quorate's servers.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use quorate::protocol::{Effect, Input, ProcessId};
use quorate::raft::{
    Index, Limits, Message, Origin, Output, Proposal, Raft, Request, StateMachine, Timer,
};
use quorate_node::runtime::{Host, Process};
use quorate_node::storage::Batch;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::sleep_until;

use super::REPLICAS;
use super::disk::{Disk, On};

/// Messages, commands and reports of one turn, as of a node.
const TURN_MAX: usize = 1 << 10;
/// Batches that wait for the disk.
const BATCHES_MAX: usize = 1 << 8;
const LEADER: ProcessId = ProcessId(0);

/// It sums up.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Sum(u64);

impl StateMachine for Sum {
    type Command = u64;
    type Query = ();
    type Reply = u64;
    type Chunk = u64;

    fn apply(&mut self, command: &u64) -> u64 {
        self.0 += command;
        self.0
    }

    fn query(&self, (): &()) -> u64 {
        self.0
    }

    fn snapshot(&self) -> Vec<u64> {
        vec![self.0]
    }

    fn restore(chunks: &[u64]) -> Option<Self> {
        chunks.first().map(|sum| Self(*sum))
    }

    fn size(_: &u64) -> usize {
        size_of::<u64>()
    }
}

pub enum Event {
    Message(ProcessId, Message<Sum>),
    Open(u64, oneshot::Sender<Index>),
    Command(Origin, u64, oneshot::Sender<u64>),
    Durable(usize),
}

/// Servers that run.
pub struct Servers {
    servers: Vec<UnboundedSender<Event>>,
}

/// A client, and its session.
pub struct Client {
    leader: UnboundedSender<Event>,
    session: Index,
    sequence: u64,
}

impl super::Replicas for Servers {
    type Client = Client;

    async fn start(directory: &Path, on: On) -> Result<Self> {
        let (servers, inboxes): (Vec<_>, Vec<_>) =
            (0..REPLICAS).map(|_| unbounded_channel()).unzip();
        let (leads, led) = oneshot::channel();
        let mut leads = Some(leads);
        for (me, inbox) in (0..).map(ProcessId).zip(inboxes) {
            let others = Others {
                me,
                servers: servers.clone(),
                opening: HashMap::new(),
                waiting: HashMap::new(),
                leads: leads.take_if(|_| me == LEADER),
            };
            let raft = Raft::new(REPLICAS.into(), Limits::default())?;
            let disk = Disk::new(on, directory, me.0.into(), BATCHES_MAX)?;
            tokio::spawn(serve(raft, disk, others, inbox));
        }
        led.await?;
        Ok(Self { servers })
    }

    async fn client(&self) -> Result<Client> {
        let leader = self.servers[LEADER.index()].clone();
        let (sender, receiver) = oneshot::channel();
        leader.send(Event::Open(fastrand::u64(..), sender))?;
        let session = receiver.await?;
        let sequence = 0;
        Ok(Client {
            leader,
            session,
            sequence,
        })
    }

    async fn command(client: &mut Client, number: u64) -> Result<u64> {
        client.sequence += 1;
        let (session, sequence) = (client.session, client.sequence);
        let (sender, receiver) = oneshot::channel();
        let origin = Origin { session, sequence };
        client.leader.send(Event::Command(origin, number, sender))?;
        Ok(receiver.await?)
    }
}

/// Whom a server speaks to.
struct Others {
    me: ProcessId,
    servers: Vec<UnboundedSender<Event>>,
    opening: HashMap<u64, oneshot::Sender<Index>>,
    waiting: HashMap<Origin, oneshot::Sender<u64>>,
    leads: Option<oneshot::Sender<()>>,
}

impl Host<Raft<Sum>> for Others {
    fn send(&mut self, to: ProcessId, message: Message<Sum>) {
        // Who has come to an end hears nothing.
        let _ = self.servers[to.index()].send(Event::Message(self.me, message));
    }

    fn emit(&mut self, output: Output<Sum>) {
        match output {
            Output::Opened { ticket, session } => {
                answer(self.opening.remove(&ticket), session);
            }
            Output::Replied { origin, reply } => {
                answer(self.waiting.remove(&origin), reply);
            }
            Output::Leads { .. } => answer(self.leads.take(), ()),
            Output::Committed { .. } => {}
            other => panic!("not foreseen here: {other:?}"),
        }
    }

    fn duration(&mut self, timer: &Timer) -> Duration {
        match timer {
            Timer::Heartbeat => Duration::from_millis(50),
            // The same leads throughout.
            Timer::Election if self.me == LEADER => Duration::from_millis(100),
            Timer::Election => Duration::from_secs(60),
        }
    }

    fn step(&mut self, _: &Input<Raft<Sum>>, _: &[Effect<Raft<Sum>>]) {}

    fn durable(&mut self, _: usize) {}

    fn watches(&self) -> bool {
        false
    }
}

/// Answers who waits, if he still does.
fn answer<T>(waiting: Option<oneshot::Sender<T>>, with: T) {
    if let Some(sender) = waiting {
        let _ = sender.send(with);
    }
}

/// What a node does, without a network.
async fn serve(
    raft: Raft<Sum>,
    disk: Disk,
    mut others: Others,
    mut inbox: UnboundedReceiver<Event>,
) -> Result<()> {
    let me = others.me;
    let durable = others.servers[me.index()].clone();
    let start = Default::default();
    let mut process = Process::start(raft, me, start, Instant::now(), &mut others);
    let mut events = Vec::new();
    let (mut batch, mut records) = (Batch::new(), 0);
    loop {
        records += process.give(&mut batch)?.records;
        if records > 0 {
            let (durable, count) = (durable.clone(), records);
            let done = move |is_written| {
                if is_written {
                    let _ = durable.send(Event::Durable(count));
                }
            };
            match disk.write(std::mem::take(&mut batch), done)? {
                None => records = 0,
                Some(refused) => batch = refused,
            }
        }
        let alarm = process.next_timer();
        let alarm = alarm.unwrap_or_else(|| Instant::now() + Duration::from_secs(60));
        tokio::select! {
            _ = inbox.recv_many(&mut events, TURN_MAX) => {}
            () = sleep_until(alarm.into()) => {}
        }
        let now = Instant::now();
        let mut proposed = Vec::new();
        for event in events.drain(..) {
            match event {
                Event::Message(from, message) => {
                    process.step(Input::Receive { from, message }, now, &mut others);
                }
                Event::Durable(count) => process.durable(count, now, &mut others),
                Event::Open(ticket, sender) => {
                    others.opening.insert(ticket, sender);
                    proposed.push(Proposal::OpenSession { ticket });
                }
                Event::Command(origin, command, sender) => {
                    others.waiting.insert(origin, sender);
                    let origin = Some(origin);
                    proposed.push(Proposal::Command { origin, command });
                }
            }
        }
        process.fire(now, &mut others);
        if !proposed.is_empty() {
            let request = Request::Propose(proposed);
            process.step(Input::Submit(request), now, &mut others);
        }
        // As a node does: whoever has something for it gets a turn, too.
        tokio::task::yield_now().await;
    }
}
