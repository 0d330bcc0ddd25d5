//! Reads without an entry in the log: a leader asks who still follows it (§8; thesis §6.4, ReadIndex).
//!
//! A read must see all that was committed before it was asked. A leader has all that, but does not know how far, before
//! an entry of its own term is committed; and it may have been deposed without knowing. So a read waits for both: for its
//! index to be applied, and for a quorum to answer a message that was sent after the read was asked.

use alloc::vec::Vec;
use derive_where::derive_where;

use super::replication::not_leader;
use super::{
    Index, Output, Purpose, Raft, Refusal, Request, Role, Rules, State, StateMachine, Ticket,
};
use crate::protocol::{Effects, ProcessId};

/// Reads that wait at a leader.
#[derive_where(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Waiting<M: StateMachine> {
    /// What they ask.
    pub reads: Vec<(Ticket, M::Query)>,
    /// The round that a quorum must answer.
    pub round: u64,
    /// The index that must be applied.
    pub index: Index,
}

impl<M: StateMachine, R: Rules> Raft<M, R> {
    /// Clients want to read.
    pub(super) fn read(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        reads: Vec<(Ticket, M::Query)>,
        effects: &mut dyn Effects<Self>,
    ) {
        let max = self.limits.reads_max;
        let refusal = match &state.role {
            Role::Leader(_) if reads.len() > max => Some(Refusal::TooMuch { max: max as u64 }),
            Role::Leader(leader) => {
                let waiting: usize = leader.reads.iter().map(|waiting| waiting.reads.len()).sum();
                (waiting + reads.len() > max).then_some(Refusal::Full)
            }
            Role::Follower(_) | Role::Candidate { .. } => Some(not_leader(state)),
        };
        if let Some(why) = refusal {
            let request = Request::Read(reads);
            return effects.emit(Output::Refused { request, why });
        }
        if let Role::Leader(leader) = &mut state.role {
            leader.round += 1;
            leader.reads.push_back(Waiting {
                reads,
                round: leader.round,
                index: self.rules.read_index(state.commit, leader.first),
            });
            self.remind(me, state, effects);
            self.answer_reads(me, state, effects);
        }
    }

    /// A follower has answered a round.
    pub(super) fn confirm(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        from: ProcessId,
        round: u64,
        effects: &mut dyn Effects<Self>,
    ) {
        if let Role::Leader(leader) = &mut state.role {
            let progress = &mut leader.progress[from.index()];
            if progress.round < round.min(leader.round) {
                progress.round = round.min(leader.round);
                self.answer_reads(me, state, effects);
            }
        }
    }

    /// Answers the reads that need to wait no longer.
    pub(super) fn answer_reads(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        effects: &mut dyn Effects<Self>,
    ) {
        if matches!(&state.role, Role::Leader(leader) if leader.reads.is_empty()) {
            return;
        }
        let confirmed = self.reached_by_quorum(state, Purpose::Reading, 0, |leader, server| {
            match server == me {
                true => leader.round,
                false => leader.progress[server.index()].round,
            }
        });
        let confirmed = confirmed.unwrap_or(0);
        let Role::Leader(leader) = &mut state.role else {
            return;
        };
        let may_answer = |waiting: &Waiting<M>| {
            self.rules.is_confirmed(waiting.round, confirmed) && waiting.index <= state.commit
        };
        while let Some(waiting) = leader.reads.pop_front_if(|waiting| may_answer(waiting)) {
            for (ticket, query) in waiting.reads {
                let reply = state.applied.machine.query(&query);
                effects.emit(Output::Answered { ticket, reply });
            }
        }
    }
}
