//! A proposer: two phases in a ballot of its own (Lamport 2001, §2.2).

use alloc::vec;
use alloc::vec::Vec;
use derive_where::derive_where;

use super::{
    AcceptorSet, Ballot, Message, Output, Paxos, Phase, Record, Refusal, Request, Rules, Timer,
    Vote,
};
use crate::protocol::{Data, Effects, Input, ProcessId};

/// What a proposer knows.
#[derive(Clone, Eq, Hash, PartialEq)]
#[derive_where(Default)]
pub struct Proposer<V> {
    /// Its last ballot, and what the application wants. On disk.
    pub campaign: Option<Vote<V>>,
    /// How far it has come in that ballot.
    pub progress: Progress<V>,
}

/// How far a proposer has come.
#[derive(Clone, Eq, Hash, PartialEq)]
#[derive_where(Default)]
pub enum Progress<V> {
    /// Nothing is wanted of it.
    #[derive_where(default)]
    Idle,
    /// Phase 1: it asks for promises.
    Preparing {
        /// Who has promised.
        promises: AcceptorSet,
        /// Of what promises have reported, what was accepted in the highest ballot.
        adopted: Option<Vote<V>>,
    },
    /// Phase 2: it asks to accept this value.
    Accepting {
        /// Which.
        value: V,
    },
    /// It was rejected, or has restarted, and waits before it tries again.
    Waiting {
        /// The ballot that it was rejected for, or its own.
        heard: Ballot,
    },
    /// It knows what was chosen.
    Decided {
        /// Which.
        value: V,
    },
}

impl<V> Proposer<V> {
    /// Its last ballot.
    pub fn ballot(&self) -> Option<Ballot> {
        self.campaign.as_ref().map(|(ballot, _)| *ballot)
    }

    pub(super) fn timers(&self) -> Vec<Timer> {
        match self.progress {
            Progress::Idle | Progress::Decided { .. } => Vec::new(),
            Progress::Preparing { .. } | Progress::Accepting { .. } => vec![Timer::Resend],
            Progress::Waiting { .. } => vec![Timer::Campaign],
        }
    }
}

impl<V: Data, R: Rules> Paxos<V, R> {
    pub(super) fn step_proposer(
        &self,
        me: ProcessId,
        proposer: &mut Proposer<V>,
        input: Input<Self>,
        effects: &mut dyn Effects<Self>,
    ) {
        match input {
            Input::Start(durable) => {
                proposer.campaign = durable.campaign;
                if let Some((ballot, _)) = &proposer.campaign {
                    // What it has heard in this ballot is gone.
                    proposer.progress = Progress::Waiting { heard: *ballot };
                }
            }
            Input::Submit(Request::Propose(value)) => self.propose(me, proposer, value, effects),
            Input::Submit(Request::Read) => effects.emit(Output::Refused(Refusal::Role)),
            Input::Receive { from, message } => {
                self.receive_at_proposer(me, proposer, from, message, effects);
            }
            Input::Timeout(Timer::Campaign) => {
                if let (Some((_, proposal)), Progress::Waiting { heard }) =
                    (&proposer.campaign, &proposer.progress)
                {
                    let (proposal, heard) = (proposal.clone(), Some(*heard));
                    self.begin_campaign(me, proposer, proposal, heard, effects);
                }
            }
            Input::Timeout(Timer::Resend) => self.resend(proposer, effects),
            Input::Timeout(Timer::Inquire) | Input::Durable(_) => {}
        }
    }

    fn propose(
        &self,
        me: ProcessId,
        proposer: &mut Proposer<V>,
        value: V,
        effects: &mut dyn Effects<Self>,
    ) {
        match (&proposer.progress, &proposer.campaign) {
            (Progress::Decided { value }, _) => effects.emit(Output::Chosen(value.clone())),
            (_, None) => self.begin_campaign(me, proposer, value, None, effects),
            (_, Some((_, proposal))) => {
                if *proposal != value {
                    effects.emit(Output::Refused(Refusal::Busy));
                }
            }
        }
    }

    /// Phase 1a. The ballot is on disk before anyone hears of it: a restart takes a higher one.
    fn begin_campaign(
        &self,
        me: ProcessId,
        proposer: &mut Proposer<V>,
        proposal: V,
        heard: Option<Ballot>,
        effects: &mut dyn Effects<Self>,
    ) {
        let ballot = self.rules.ballot(proposer.ballot(), heard, me);
        effects.persist(Record::Campaign {
            ballot,
            proposal: proposal.clone(),
        });
        effects.send_all(self.acceptors(), &Message::Prepare { ballot });
        proposer.campaign = Some((ballot, proposal));
        proposer.progress = Progress::Preparing {
            promises: AcceptorSet::default(),
            adopted: None,
        };
        self.check_promises(proposer, effects);
    }

    fn receive_at_proposer(
        &self,
        me: ProcessId,
        proposer: &mut Proposer<V>,
        from: ProcessId,
        message: Message<V>,
        effects: &mut dyn Effects<Self>,
    ) {
        let current = proposer.ballot();
        match message {
            Message::Promise { ballot, accepted } => {
                if self.rules.counts_promise(current, ballot)
                    && let Some(acceptor) = self.acceptor(from)
                {
                    self.receive_promise(proposer, acceptor, accepted, effects);
                }
            }
            Message::Rejected { ballot, promised } => {
                // One is enough to give up this ballot: whoever has promised more takes no part in it any more.
                let is_busy = matches!(
                    proposer.progress,
                    Progress::Preparing { .. } | Progress::Accepting { .. }
                );
                let is_mine = self.rules.gives_up(current, ballot) && self.acceptor(from).is_some();
                if is_mine && is_busy && promised > ballot {
                    proposer.progress = Progress::Waiting { heard: promised };
                }
            }
            Message::Decision { value } => {
                let is_known = matches!(proposer.progress, Progress::Decided { .. });
                if !is_known && self.is_learner(from) {
                    effects.emit(Output::Chosen(value.clone()));
                    proposer.progress = Progress::Decided { value };
                }
            }
            Message::Inquire => {
                if let Progress::Decided { value } = &proposer.progress
                    && from != me
                {
                    let value = value.clone();
                    effects.send(from, Message::Decision { value });
                }
            }
            // Those are for the other roles.
            Message::Prepare { .. } | Message::Accept { .. } | Message::Accepted { .. } => {}
        }
    }

    fn receive_promise(
        &self,
        proposer: &mut Proposer<V>,
        acceptor: usize,
        accepted: Option<Vote<V>>,
        effects: &mut dyn Effects<Self>,
    ) {
        let Progress::Preparing { promises, adopted } = &mut proposer.progress else {
            return;
        };
        if promises.contains(acceptor) {
            return;
        }
        if let Some(vote) = accepted {
            let held = adopted.as_ref().map(|(ballot, _)| *ballot);
            if self.rules.adopts(held, vote.0, promises.len()) {
                *adopted = Some(vote);
            }
        }
        promises.insert(acceptor);
        self.check_promises(proposer, effects);
    }

    /// Phase 2a, when a quorum has promised.
    fn check_promises(&self, proposer: &mut Proposer<V>, effects: &mut dyn Effects<Self>) {
        let Progress::Preparing { promises, adopted } = &proposer.progress else {
            return;
        };
        let Some((ballot, proposal)) = &proposer.campaign else {
            return;
        };
        if !self.rules.is_quorum(&self.quorums, Phase::One, *promises) {
            return;
        }
        let value = match adopted {
            Some((_, value)) => value.clone(),
            None => proposal.clone(),
        };
        let accept = Message::Accept {
            ballot: *ballot,
            value: value.clone(),
        };
        effects.send_all(self.acceptors(), &accept);
        proposer.progress = Progress::Accepting { value };
    }

    /// Says again what may have been lost.
    fn resend(&self, proposer: &Proposer<V>, effects: &mut dyn Effects<Self>) {
        let Some(ballot) = proposer.ballot() else {
            return;
        };
        match &proposer.progress {
            Progress::Preparing { promises, .. } => {
                let missing = (self.acceptors().enumerate())
                    .filter(|(acceptor, _)| !promises.contains(*acceptor))
                    .map(|(_, process)| process);
                effects.send_all(missing, &Message::Prepare { ballot });
            }
            Progress::Accepting { value } => {
                let value = value.clone();
                effects.send_all(self.acceptors(), &Message::Accept { ballot, value });
            }
            Progress::Idle | Progress::Waiting { .. } | Progress::Decided { .. } => {}
        }
    }
}
