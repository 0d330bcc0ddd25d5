//! What a system remembers: the parts of its states, and what becomes of each.
//!
//! A part belongs to the system that made it, for what becomes of it depends on protocol, application and
//! environment. One that another system made is made anew.

use std::sync::atomic::{AtomicU64, Ordering};

use derive_where::derive_where;
use quorate::protocol::Protocol;

use super::interned::{Interned, Interner, Memo};
use super::network::{Envelopes, InternedOutbox, Outbox, OutboxMemo, Traffic};
use super::process::{Happening, InternedProcess, Outcome, ProcessMemo};
use super::view::{self, InternedView, News, ViewMemo};
use super::{Application, Envelope, Event, Process, System, SystemState};

/// Every distinct part of a state that a system has met.
#[derive_where(Default)]
pub(super) struct Memory<P: Protocol + 'static, A: Application<P> + 'static> {
    system: SystemId,
    processes: Interner<Process<P>, ProcessMemo<P>>,
    outboxes: Interner<Outbox<P::Message>, OutboxMemo<P::Message>>,
    views: Interner<A::View, ViewMemo<P, A>>,
    envelopes: Interner<Envelope<P::Message>, ()>,
    timers: Interner<P::Timer, ()>,
    requests: Interner<P::Request, ()>,
    sent: Interner<Vec<Interned<Envelope<P::Message>>>, ()>,
    told: Interner<Vec<P::Output>, ()>,
}

/// A number that no other system has.
struct SystemId(u64);

impl Default for SystemId {
    fn default() -> Self {
        static SYSTEMS: AtomicU64 = AtomicU64::new(0);
        Self(SYSTEMS.fetch_add(1, Ordering::Relaxed))
    }
}

impl<P: Protocol + 'static, A: Application<P> + 'static> System<P, A> {
    /// A process as this system's states have it.
    pub fn intern_process(&self, process: Process<P>) -> InternedProcess<P> {
        self.memory.processes.intern(process, |process| {
            let timers = match process.state() {
                Some(knows) => {
                    let mut timers = self.protocol.timers(knows);
                    timers.retain(|timer| self.application.permits(process.id, knows, timer));
                    timers
                }
                None => Vec::new(),
            };
            let timers = timers.into_iter();
            ProcessMemo {
                system: self.memory.system.0,
                takes_input: process.takes_input(&self.environment),
                timers: timers.map(|timer| self.timer(timer)).collect(),
                reads_back: process.reads_back(&self.protocol),
                outcomes: Memo::default(),
            }
        })
    }

    /// Every distinct process that it has met.
    pub(super) fn all_processes(&self) -> Vec<InternedProcess<P>> {
        self.memory.processes.all()
    }

    /// Every distinct view that it has met.
    pub(super) fn all_views(&self) -> Vec<InternedView<P, A>> {
        self.memory.views.all()
    }

    /// Every distinct message that it has met: all that were ever sent.
    pub(super) fn all_envelopes(&self) -> Vec<Interned<Envelope<P::Message>>> {
        self.memory.envelopes.all()
    }

    /// A state with other processes and other messages in the place of these, which say the same in other words.
    pub fn in_other_words(
        &self,
        state: &SystemState<P, A>,
        process: impl Fn(&Process<P>) -> Process<P>,
        message: impl Fn(&P::Message) -> P::Message,
    ) -> SystemState<P, A> {
        let mut next = state.clone();
        for at in &mut next.processes {
            *at = self.intern_process(process(at));
        }
        for outbox in &mut next.network.outboxes {
            let other = outbox.map(self.environment.network, |envelope| {
                let &Envelope { from, to, .. } = &**envelope;
                let message = message(&envelope.message);
                self.intern_envelope(Envelope { from, to, message })
            });
            *outbox = self.intern_outbox(other);
        }
        next
    }

    /// An outbox as this system's states have it.
    pub(super) fn intern_outbox(&self, outbox: Outbox<P::Message>) -> InternedOutbox<P::Message> {
        self.memory.outboxes.intern(outbox, |outbox| OutboxMemo {
            system: self.memory.system.0,
            deliverable: outbox.deliverable(self.environment.network).collect(),
            parts: Default::default(),
            after: Memo::default(),
        })
    }

    /// A view as this system's states have it.
    pub(super) fn intern_view(&self, view: A::View) -> InternedView<P, A> {
        self.memory.views.intern(view, |view| {
            let mut requests = Vec::new();
            self.application.requests(view, &mut requests);
            let requests = requests.into_iter();
            let request = |(process, request)| {
                let request = self.memory.requests.intern(request, |_| ());
                (process, request)
            };
            ViewMemo {
                system: self.memory.system.0,
                requests: requests.map(request).collect(),
                after: Memo::default(),
            }
        })
    }

    /// A message as this system's states have it.
    pub(super) fn intern_envelope(
        &self,
        envelope: Envelope<P::Message>,
    ) -> Interned<Envelope<P::Message>> {
        self.memory.envelopes.intern(envelope, |_| ())
    }

    fn timer(&self, timer: P::Timer) -> Interned<P::Timer> {
        self.memory.timers.intern(timer, |_| ())
    }

    fn envelopes(&self, envelopes: Vec<Interned<Envelope<P::Message>>>) -> Envelopes<P::Message> {
        self.memory.sent.intern(envelopes, |_| ())
    }

    /// This system's equal of a process.
    #[inline]
    pub(super) fn own_process(&self, process: InternedProcess<P>) -> InternedProcess<P> {
        match process.memo().system == self.memory.system.0 {
            true => process,
            false => self.intern_process(Process::clone(&process)),
        }
    }

    /// This system's equal of an outbox.
    #[inline]
    pub(super) fn own_outbox(
        &self,
        outbox: InternedOutbox<P::Message>,
    ) -> InternedOutbox<P::Message> {
        match outbox.memo().system == self.memory.system.0 {
            true => outbox,
            false => self.intern_outbox(Outbox::clone(&outbox)),
        }
    }

    /// This system's equal of a view.
    #[inline]
    pub(super) fn own_view(&self, view: InternedView<P, A>) -> InternedView<P, A> {
        match view.memo().system == self.memory.system.0 {
            true => view,
            false => self.intern_view(A::View::clone(&view)),
        }
    }

    /// What a process makes of what happens to it.
    pub(super) fn outcome(
        &self,
        process: InternedProcess<P>,
        happening: Happening<P>,
    ) -> Outcome<P> {
        let process = self.own_process(process);
        process.memo().outcomes.recall(happening, || {
            let (process, events) = process.after(happening, &self.protocol, &self.environment);
            let (mut sent, mut told) = (Vec::new(), Vec::new());
            for event in events {
                match event {
                    Event::Sent(envelope, _) => sent.push(self.intern_envelope(envelope)),
                    Event::Told(_, output) => told.push(output),
                    Event::Wrote(..)
                    | Event::Durable(..)
                    | Event::Lost(..)
                    | Event::PushedOut(_)
                    | Event::Exchanged(..)
                    | Event::Partitioned(_)
                    | Event::Healed
                    | Event::Stabilised => {}
                }
            }
            Outcome {
                process: self.intern_process(process),
                sent: (!sent.is_empty()).then(|| self.envelopes(sent)),
                told: (!told.is_empty()).then(|| self.memory.told.intern(told, |_| ())),
            }
        })
    }

    /// What becomes of an outbox.
    pub(super) fn outbox_after(
        &self,
        outbox: InternedOutbox<P::Message>,
        traffic: Traffic<P::Message>,
    ) -> InternedOutbox<P::Message> {
        let outbox = self.own_outbox(outbox);
        outbox.memo().after.recall(traffic, || {
            let mut outbox = Outbox::clone(&outbox);
            match traffic {
                Traffic::Send(envelopes) => {
                    for &envelope in envelopes.iter() {
                        outbox.send(&self.environment, envelope);
                    }
                }
                Traffic::Remove(envelope) => outbox.remove(envelope),
                Traffic::TakeAlong(envelopes) => outbox.remove_last(&envelopes),
            }
            self.intern_outbox(outbox)
        })
    }

    /// What becomes of a view.
    pub(super) fn view_after(&self, view: InternedView<P, A>, news: News<P>) -> InternedView<P, A> {
        let view = self.own_view(view);
        view.memo().after.recall(news, || match news {
            News::Submitted(process, request) => {
                let after = self.application.submitted(&view, process, &request);
                after.map_or(view, |after| self.intern_view(after))
            }
            News::Told(process, outputs) => self.intern_view(view::told(
                &self.application,
                &view,
                process,
                outputs.iter(),
            )),
        })
    }

    /// What a crash of an outbox's sender may take along.
    pub(super) fn parts(
        &self,
        outbox: InternedOutbox<P::Message>,
    ) -> &'static [Envelopes<P::Message>] {
        let outbox = self.own_outbox(outbox);
        outbox.memo().parts.get_or_init(|| {
            let parts = outbox.parts(self.environment.network).into_iter();
            parts.map(|part| self.envelopes(part)).collect()
        })
    }
}
