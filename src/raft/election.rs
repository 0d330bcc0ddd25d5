//! Election: terms, votes, campaigns (§5.2, §5.4.1).

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec;

use super::{
    Applied, Batch, Durable, Entry, Follower, Leader, Message, Output, Position, Progress, Purpose,
    Raft, Refusal, Request, Role, Rules, ServerSet, State, StateMachine, Term, Timer, save_term,
};
use crate::protocol::{Effects, ProcessId};

impl<M: StateMachine, R: Rules> Raft<M, R> {
    /// Comes up with what is on disk. What is committed beyond the snapshot it will be told.
    pub(super) fn start(&self, state: &mut State<M>, durable: Durable<M>) {
        if let Some(snapshot) = &durable.snapshot {
            let applied = Applied::restore(&snapshot.chunks);
            state.applied = applied.expect("it was restored before it was written");
            state.commit = snapshot.last.index;
        }
        state.term = durable.term;
        state.voted_for = durable.voted_for;
        state.log = durable.log;
        state.snapshot = durable.snapshot.as_ref().map(Arc::clone);
    }

    /// Follows into a higher term, if it is one. Neither term nor vote is written yet: a vote that is given in the
    /// same step goes into the same record.
    pub(super) fn hear_of_term(
        &self,
        state: &mut State<M>,
        heard: Term,
        effects: &mut dyn Effects<Self>,
    ) -> bool {
        let term = self.rules.term(state.term, heard);
        if term == state.term {
            return false;
        }
        state.term = term;
        state.voted_for = self.rules.vote_in_new_term(state.voted_for);
        self.follow(state, None, effects);
        true
    }

    /// Becomes a follower, or stays one.
    pub(super) fn follow(
        &self,
        state: &mut State<M>,
        leader: Option<ProcessId>,
        effects: &mut dyn Effects<Self>,
    ) {
        if let Role::Follower(follower) = &mut state.role {
            if follower.leader != leader {
                follower.leader = leader;
                follower.installing = None;
            }
            return;
        }
        let follower = Role::Follower(Follower {
            leader,
            installing: None,
        });
        if let Role::Leader(led) = core::mem::replace(&mut state.role, follower) {
            for waiting in led.reads {
                effects.emit(Output::Refused {
                    request: Request::Read(waiting.reads),
                    why: Refusal::NotLeader { leader },
                });
            }
        }
    }

    /// Nothing was heard of a leader for too long.
    pub(super) fn campaign(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        effects: &mut dyn Effects<Self>,
    ) {
        if matches!(state.role, Role::Leader(_)) {
            return;
        }
        state.term += 1;
        state.voted_for = Some(me);
        state.role = Role::Candidate {
            votes: self.rules.first_votes(me),
        };
        save_term(state, effects);
        let request = Message::RequestVote {
            term: state.term,
            last: state.log.last(),
        };
        effects.send_all(self.others(me, state), &request);
        self.count_votes(me, state, effects);
    }

    /// A candidate asks for a vote. Term and vote become durable together, before the answer is sent.
    pub(super) fn request_vote(
        &self,
        state: &mut State<M>,
        candidate: ProcessId,
        (term, last): (Term, Position),
        is_new_term: bool,
        effects: &mut dyn Effects<Self>,
    ) {
        let rules = &self.rules;
        let granted = rules.may_vote(state.term, term, state.voted_for, candidate)
            && rules.is_up_to_date(last, state.log.last());
        let is_new_vote = granted && state.voted_for != Some(candidate);
        if granted {
            state.voted_for = Some(candidate);
        }
        if is_new_term || is_new_vote {
            save_term(state, effects);
        }
        if granted {
            effects.set_timer(Timer::Election);
        }
        let term = state.term;
        effects.send(candidate, Message::Vote { term, granted });
    }

    /// Somebody has voted for this candidate.
    pub(super) fn vote(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        voter: ProcessId,
        effects: &mut dyn Effects<Self>,
    ) {
        if let Role::Candidate { votes } = &mut state.role {
            votes.insert(voter);
            self.count_votes(me, state, effects);
        }
    }

    fn count_votes(&self, me: ProcessId, state: &mut State<M>, effects: &mut dyn Effects<Self>) {
        let Role::Candidate { votes } = state.role else {
            return;
        };
        if self.is_quorum(state, Purpose::Election, votes) {
            self.lead(me, state, effects);
        }
    }

    /// Whether these are enough.
    pub(super) fn is_quorum(&self, state: &State<M>, purpose: Purpose, servers: ServerSet) -> bool {
        let configuration = self.configuration(state);
        self.rules.is_quorum(configuration, purpose, servers)
    }

    /// Begins its term with an entry that does nothing, and tells everybody.
    fn lead(&self, me: ProcessId, state: &mut State<M>, effects: &mut dyn Effects<Self>) {
        let first = state.log.last().index + 1;
        state.role = Role::Leader(Leader {
            first,
            durable: 0,
            progress: vec![Progress::unknown(first); self.servers],
            reads: VecDeque::new(),
            round: 0,
        });
        effects.emit(Output::Leads { term: state.term });
        self.take(state, Batch::new(state.term, vec![Entry::NoOp]), effects);
        for server in self.others(me, state) {
            self.send_entries(state, server, effects);
        }
    }
}
