//! An acceptor: it promises and accepts, on disk before it says so (Lamport 2001, §2.2).

use derive_where::derive_where;

use super::{Ballot, Message, Output, Paxos, Phase, Record, Refusal, Rules, Vote};
use crate::protocol::{Data, Effects, Input, ProcessId};

/// What an acceptor knows. All of it is on disk.
#[derive(Clone, Eq, Hash, PartialEq)]
#[derive_where(Default)]
pub struct Acceptor<V> {
    /// It accepts nothing below this ballot.
    pub promised: Option<Ballot>,
    /// What it has accepted last.
    pub accepted: Option<Vote<V>>,
}

impl<V: Data, R: Rules> Paxos<V, R> {
    pub(super) fn step_acceptor(
        &self,
        acceptor: &mut Acceptor<V>,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        match input {
            Input::Start(durable) => {
                acceptor.promised = durable.promised;
                acceptor.accepted = durable.accepted;
            }
            Input::Receive { from, message } => match message {
                Message::Prepare { ballot } => self.prepare(acceptor, from, ballot, effects),
                Message::Accept { ballot, value } => {
                    self.accept(acceptor, from, ballot, value, effects);
                }
                Message::Inquire => {
                    if let Some((ballot, value)) = acceptor.accepted.clone() {
                        effects.send(from, Message::Accepted { ballot, value });
                    }
                }
                // Those are for the other roles.
                Message::Promise { .. }
                | Message::Accepted { .. }
                | Message::Rejected { .. }
                | Message::Decision { .. } => {}
            },
            Input::Submit(_) => effects.emit(Output::Refused(Refusal::Role)),
            Input::Timeout(_) | Input::Durable(_) => {}
        }
    }

    /// Phase 1b.
    fn prepare(
        &self,
        acceptor: &mut Acceptor<V>,
        from: ProcessId,
        ballot: Ballot,
        effects: &mut dyn Effects<Self>,
    ) {
        if !self.rules.promises(acceptor.promised, ballot) {
            return reject(acceptor, from, ballot, effects);
        }
        self.promise(Phase::One, acceptor, ballot, effects);
        let reported = acceptor.accepted.clone();
        let accepted = reported.filter(|(accepted, _)| self.rules.reports(*accepted));
        effects.send(from, Message::Promise { ballot, accepted });
    }

    /// Phase 2b.
    fn accept(
        &self,
        acceptor: &mut Acceptor<V>,
        from: ProcessId,
        ballot: Ballot,
        value: V,
        effects: &mut dyn Effects<Self>,
    ) {
        let accepted = acceptor.accepted.as_ref().map(|(ballot, _)| *ballot);
        if !self.rules.accepts(acceptor.promised, accepted, ballot) {
            return reject(acceptor, from, ballot, effects);
        }
        let vote = Some((ballot, value.clone()));
        if acceptor.accepted != vote {
            acceptor.accepted = vote;
            acceptor.promised = self.rules.promised(Phase::Two, acceptor.promised, ballot);
            let value = value.clone();
            effects.persist(Record::Accepted { ballot, value });
        }
        effects.send_all(self.learners(), &Message::Accepted { ballot, value });
    }

    fn promise(
        &self,
        phase: Phase,
        acceptor: &mut Acceptor<V>,
        ballot: Ballot,
        effects: &mut dyn Effects<Self>,
    ) {
        let promised = self.rules.promised(phase, acceptor.promised, ballot);
        if promised != acceptor.promised {
            acceptor.promised = promised;
            effects.persist(Record::Promised { ballot });
        }
    }
}

fn reject<V: Data, R: Rules>(
    acceptor: &Acceptor<V>,
    from: ProcessId,
    ballot: Ballot,
    effects: &mut dyn Effects<Paxos<V, R>>,
) {
    if let Some(promised) = acceptor.promised {
        effects.send(from, Message::Rejected { ballot, promised });
    }
}
