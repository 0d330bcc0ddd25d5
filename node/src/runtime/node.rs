//! A node's one thread of control.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, Receiver, UnboundedReceiver, UnboundedSender};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::{Error, Host, Log, Process, Service, Trace};
use crate::storage::{self, Batch, Refused, Store, Writer};
use crate::transport::{self, Hello, Inboxes, Outbox, Transport};
use quorate::protocol::{Effect, Input, ProcessId, Protocol};

/// Batches that wait for the disk, each the work of a turn.
const BATCHES_MAX: usize = 1 << 8;

/// How a node is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How it speaks.
    pub transport: transport::Settings,
    /// Messages, and requests, that wait for a turn. When there are so many, no more are read.
    pub inbox_max: usize,
    /// Messages, and requests, of one turn.
    pub turn_max: usize,
    /// Bytes of records after which a log is replaced by the fewest that say the same, if no record has summed it up before;
    /// or, if it has then grown to less than three times what these were, later.
    pub log_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            transport: transport::Settings::default(),
            inbox_max: 1 << 12,
            turn_max: 1 << 10,
            log_bytes_max: 64 << 20,
        }
    }
}

/// A process, and what it runs on.
#[derive(Debug)]
pub struct Node<P: Protocol, S> {
    /// The protocol.
    pub protocol: P,
    /// Which of its processes.
    pub me: ProcessId,
    /// Where its records are.
    pub store: Store,
    /// What clients may ask.
    pub service: S,
    /// Who it is, to others.
    pub hello: Hello,
    /// Where others find it.
    pub listener: TcpListener,
    /// Where it finds others.
    pub peers: BTreeMap<ProcessId, SocketAddr>,
    /// How it is run.
    pub settings: Settings,
    /// Where its steps are written to.
    pub trace: Option<Trace>,
}

/// What was written: how many records, and since when they were waiting; or why not.
type Written = (usize, Instant, Result<(), Arc<storage::Error>>);

impl<P, S> Node<P, S>
where
    P: Protocol,
    P::Message: Send + 'static,
    S: Service<P>,
{
    /// Runs it until it is stopped: then what it has written is synced, and its store is closed.
    ///
    /// # Errors
    ///
    /// If its disk fails: then it stops by itself.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let mut durable = P::Durable::default();
        for record in self.store.read::<P>(self.me)? {
            P::apply(&mut durable, &record);
        }
        let (to_messages, messages) = mpsc::channel(self.settings.inbox_max);
        let (to_requests, requests) = mpsc::channel(self.settings.inbox_max);
        let inboxes = Inboxes {
            messages: to_messages,
            requests: to_requests,
        };
        let transport = &self.settings.transport;
        let transport =
            Transport::start(&self.hello, self.listener, &self.peers, transport, inboxes);
        let mut surroundings = Surroundings {
            me: self.me,
            transport,
            service: self.service,
            trace: self.trace,
        };
        let now = Instant::now();
        let process = Process::start(self.protocol, self.me, durable, now, &mut surroundings);
        let (to_written, written) = mpsc::unbounded_channel();
        let turns = Turns {
            process,
            surroundings,
            writer: Writer::new(self.store, BATCHES_MAX),
            to_written,
            batch: Batch::new(),
            batch_records: 0,
            log_bytes: 0,
            log_bytes_max: self.settings.log_bytes_max,
            turn_max: self.settings.turn_max,
            settings: self.settings,
            metrics: Metrics::new(),
        };
        turns.run(messages, requests, written, stop).await
    }
}

/// Whom the process speaks to.
struct Surroundings<S> {
    me: ProcessId,
    transport: Transport,
    service: S,
    trace: Option<Trace>,
}

impl<P: Protocol, S: Service<P>> Host<P> for Surroundings<S> {
    fn send(&mut self, to: ProcessId, message: P::Message) {
        self.transport.send(to, &message);
    }

    fn emit(&mut self, output: P::Output) {
        self.service.tell(output);
    }

    fn duration(&mut self, timer: &P::Timer) -> Duration {
        self.service.duration(timer)
    }

    fn step(&mut self, input: &Input<P>, effects: &[Effect<P>]) {
        if let Some(trace) = &mut self.trace {
            trace.step(self.me, input, effects);
        }
    }

    fn durable(&mut self, count: usize) {
        if let Some(trace) = &mut self.trace {
            trace.durable(self.me, count);
        }
    }

    fn watches(&self) -> bool {
        self.trace.is_some()
    }
}

impl<P: Protocol> Log<P> for Batch {
    type Error = storage::Error;

    fn append(&mut self, process: ProcessId, record: &P::Record) -> Result<(), storage::Error> {
        Batch::append::<P>(self, process, record)
    }

    fn replace(&mut self, process: ProcessId, durable: &P::Durable) -> Result<(), storage::Error> {
        Batch::replace::<P>(self, process, durable)
    }
}

struct Turns<P: Protocol, S> {
    process: Process<P>,
    surroundings: Surroundings<S>,
    writer: Writer,
    to_written: UnboundedSender<Written>,
    /// What the writer was not given, for it was full.
    batch: Batch,
    batch_records: usize,
    /// Bytes written since the log was last replaced.
    log_bytes: usize,
    log_bytes_max: usize,
    turn_max: usize,
    settings: Settings,
    metrics: Metrics,
}

impl<P: Protocol, S: Service<P>> Turns<P, S> {
    async fn run(
        mut self,
        mut messages: Receiver<(ProcessId, P::Message)>,
        mut requests: Receiver<(Arc<Outbox>, S::Request)>,
        mut written: UnboundedReceiver<Written>,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        let (mut received, mut asked, mut done) = (Vec::new(), Vec::new(), Vec::new());
        let alarm = sleep_until(Instant::now().into());
        tokio::pin!(alarm);
        self.end_turn()?;
        while !stop.is_cancelled() {
            match self.process.next_timer() {
                // It may go off early: then a turn has nothing to do, and it is set anew.
                Some(at) if alarm.is_elapsed() || alarm.deadline() > at.into() => {
                    alarm.as_mut().reset(at.into());
                }
                _ => {}
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = written.recv_many(&mut done, usize::MAX) => {}
                _ = messages.recv_many(&mut received, self.turn_max) => {}
                _ = requests.recv_many(&mut asked, self.turn_max) => {}
                () = &mut alarm, if self.process.next_timer().is_some() => {}
            }
            done.extend(std::iter::from_fn(|| written.try_recv().ok()));
            let room = self.turn_max.saturating_sub(received.len());
            received.extend(std::iter::from_fn(|| messages.try_recv().ok()).take(room));
            let room = self.turn_max.saturating_sub(asked.len());
            asked.extend(std::iter::from_fn(|| requests.try_recv().ok()).take(room));

            self.turn(&mut done, &mut received, &mut asked)?;
            // Whoever reads and writes sockets gets a turn, too.
            tokio::task::yield_now().await;
        }
        if let Some(trace) = &mut self.surroundings.trace {
            trace.flush().map_err(Error::Trace)?;
        }
        let store = self.writer.finish().ok_or(Error::WriterPanicked)?;
        Ok(store.close()?)
    }

    fn turn(
        &mut self,
        done: &mut Vec<Written>,
        received: &mut Vec<(ProcessId, P::Message)>,
        asked: &mut Vec<(Arc<Outbox>, S::Request)>,
    ) -> Result<(), Error> {
        let now = Instant::now();
        let host = &mut self.surroundings;
        self.metrics.turns.increment(1);
        self.metrics
            .messages_received
            .increment(received.len() as u64);
        self.metrics.requests.increment(asked.len() as u64);
        for (records, since, result) in done.drain(..) {
            result.map_err(Error::Storage)?;
            self.metrics.sync_seconds.record(now - since);
            self.process.durable(records, now, host);
        }
        for (from, message) in received.drain(..) {
            let input = Input::Receive { from, message };
            self.process.step(input, now, host);
        }
        self.process.fire(now, host);
        for (client, request) in asked.drain(..) {
            let state = self.process.state();
            host.service.ask(state, &client, request);
        }
        loop {
            let requests = host.service.submit(self.process.state());
            if requests.is_empty() {
                break;
            }
            for request in requests {
                self.process.step(Input::Submit(request), now, host);
            }
        }
        self.end_turn()
    }

    /// Has written what there is to write.
    fn end_turn(&mut self) -> Result<(), Error> {
        if self.process.has_more() {
            self.give()?;
        }
        if self.batch_records > 0 {
            let (batch, records) = (std::mem::take(&mut self.batch), self.batch_records);
            let (to_written, since) = (self.to_written.clone(), Instant::now());
            let done = move |result| {
                // Who listens no more has come to an end.
                let _ = to_written.send((records, since, result));
            };
            match self.writer.write(batch, done) {
                Ok(()) => {
                    self.metrics.records.record(records as f64);
                    self.batch_records = 0;
                }
                // When something is durable there is room.
                Err(Refused::Full(batch)) => self.batch = batch,
                Err(Refused::Ended) => return Err(Error::WriterPanicked),
            }
        }
        self.metrics.pending.set(self.process.pending() as f64);
        let counters = self.surroundings.transport.counters();
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed) as f64;
        self.metrics.messages_sent.set(count(&counters.sent));
        self.metrics.messages_dropped.set(count(&counters.dropped));
        self.surroundings.service.turned(self.process.state());
        Ok(())
    }

    /// Puts into the batch what the disk was not given; or, if it is time, the fewest records that say all.
    fn give(&mut self) -> Result<(), Error> {
        let before = self.batch.bytes();
        let given = self.process.give(&mut self.batch)?;
        self.batch_records += given.records;
        if !given.replaced {
            self.log_bytes += self.batch.bytes() - before;
            if self.log_bytes <= self.log_bytes_max {
                return Ok(());
            }
            self.process.replace(&mut self.batch)?;
        }
        let bytes = self.batch.bytes();
        self.log_bytes = 0;
        self.log_bytes_max = self.settings.log_bytes_max.max(2 * bytes);
        tracing::info!(bytes, "log replaced");
        Ok(())
    }
}
