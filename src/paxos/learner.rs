//! A learner: it counts acceptances (Lamport 2001, §2.3).

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use super::{AcceptorSet, Message, Output, Paxos, Phase, Refusal, Request, Rules, Timer, Vote};
use crate::protocol::{Data, Effects, Input, ProcessId};

/// What a learner knows. None of it is on disk: after a restart it asks.
#[derive(Clone, Eq, Hash, PartialEq)]
pub enum Learner<V> {
    /// What each acceptor, by its number, has accepted in the highest ballot that was heard of. Older acceptances are
    /// forgotten, so that its memory is bounded: what was chosen by them, higher ballots choose again.
    Counting(BTreeMap<usize, Vote<V>>),
    /// What was chosen.
    Learned(V),
}

impl<V> Default for Learner<V> {
    fn default() -> Self {
        Learner::Counting(BTreeMap::new())
    }
}

impl<V> Learner<V> {
    pub(super) fn timers(&self) -> Vec<Timer> {
        match self {
            Learner::Counting(_) => vec![Timer::Inquire],
            Learner::Learned(_) => Vec::new(),
        }
    }
}

impl<V: Data, R: Rules> Paxos<V, R> {
    pub(super) fn is_learner(&self, process: ProcessId) -> bool {
        let first = self.proposers + self.quorums.acceptors() as u16;
        (first..first + self.learners).contains(&process.0)
    }

    pub(super) fn step_learner(
        &self,
        me: ProcessId,
        learner: &mut Learner<V>,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        match input {
            Input::Receive { from, message } => match message {
                Message::Accepted { ballot, value } => {
                    if let Some(acceptor) = self.acceptor(from) {
                        self.count(learner, acceptor, (ballot, value), effects);
                    }
                }
                Message::Decision { value } => {
                    let knows = self.is_proposer(from) || self.is_learner(from);
                    if matches!(learner, Learner::Counting(_)) && knows {
                        self.learn(learner, value, effects);
                    }
                }
                Message::Inquire => {
                    if let Learner::Learned(value) = learner
                        && from != me
                    {
                        let value = value.clone();
                        effects.send(from, Message::Decision { value });
                    }
                }
                // Those are for the other roles.
                Message::Prepare { .. }
                | Message::Promise { .. }
                | Message::Accept { .. }
                | Message::Rejected { .. } => {}
            },
            Input::Timeout(Timer::Inquire) => {
                let all = (0..self.proposers).map(ProcessId);
                let all = all.chain(self.acceptors()).chain(self.learners());
                effects.send_all(all.filter(|process| *process != me), &Message::Inquire);
            }
            Input::Submit(Request::Read) => {
                if let Learner::Learned(value) = learner {
                    effects.emit(Output::Chosen(value.clone()));
                }
            }
            Input::Submit(Request::Propose(_)) => effects.emit(Output::Refused(Refusal::Role)),
            Input::Start(_)
            | Input::Timeout(Timer::Campaign | Timer::Resend)
            | Input::Durable(_) => {}
        }
    }

    fn count(
        &self,
        learner: &mut Learner<V>,
        acceptor: usize,
        vote: Vote<V>,
        effects: &mut dyn Effects<Self>,
    ) {
        let votes = match learner {
            Learner::Counting(votes) => votes,
            Learner::Learned(value) => {
                // Whoever still asks acceptors has missed it.
                if self.is_proposer(vote.0.proposer) {
                    let value = value.clone();
                    effects.send(vote.0.proposer, Message::Decision { value });
                }
                return;
            }
        };
        if votes
            .get(&acceptor)
            .is_some_and(|(newer, _)| *newer >= vote.0)
        {
            return;
        }
        let (ballot, value) = vote.clone();
        votes.insert(acceptor, vote);
        let counts = |(other, same): &Vote<V>| self.rules.counts(*other, ballot) && *same == value;
        let accepted = votes.iter().filter(|(_, vote)| counts(vote));
        let accepted: AcceptorSet = accepted.map(|(&acceptor, _)| acceptor).collect();
        if self.rules.is_quorum(&self.quorums, Phase::Two, accepted) {
            self.learn(learner, value, effects);
        }
    }

    /// It is chosen. Proposers may rest.
    fn learn(&self, learner: &mut Learner<V>, value: V, effects: &mut dyn Effects<Self>) {
        effects.emit(Output::Chosen(value.clone()));
        let decision = Message::Decision {
            value: value.clone(),
        };
        effects.send_all(self.proposers(), &decision);
        *learner = Learner::Learned(value);
    }
}
