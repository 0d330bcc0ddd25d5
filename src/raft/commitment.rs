//! Commitment: what a quorum has is committed, and applied (§5.3, §5.4.2).

use smallvec::SmallVec;

use super::{
    Applied, Entry, Index, Leader, Outcome, Output, Progress, Purpose, Raft, Role, Rules, Sending,
    ServerSet, State, StateMachine,
};
use crate::protocol::{Effects, ProcessId};

impl<M: StateMachine, R: Rules> Raft<M, R> {
    /// Commits if a quorum has come to have an entry, and tells everybody; `index` is what somebody has now.
    pub(super) fn commit_what_a_quorum_has(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        index: Index,
        effects: &mut Effects<Self>,
    ) -> bool {
        if index <= state.commit {
            return false;
        }
        let commits = self.reached_by_quorum(me, state, Purpose::Commitment, |leader, server| {
            match server == me {
                true => leader.durable,
                false => leader.progress[server.index()].matched,
            }
        });
        let term = state.log.term(commits);
        let is_committed = term.is_some_and(|term| self.rules.commits(term, state.term));
        if commits <= state.commit || !is_committed {
            return false;
        }
        self.advance(state, commits, effects);
        for server in self.others(me, state) {
            let Role::Leader(leader) = &state.role else {
                break;
            };
            let Progress { next, sending, .. } = &leader.progress[server.index()];
            if let Sending::Pipeline { .. } = sending {
                match *next > state.log.last().index {
                    true => self.send_commit(state, server, effects),
                    false => self.send_ahead(state, server, effects),
                }
            }
        }
        self.answer_reads(me, state, effects);
        true
    }

    /// The highest number that a quorum has reached.
    pub(super) fn reached_by_quorum(
        &self,
        me: ProcessId,
        state: &State<M>,
        purpose: Purpose,
        reached: impl Fn(&Leader<M>, ProcessId) -> u64,
    ) -> u64 {
        let Role::Leader(leader) = &state.role else {
            return 0;
        };
        let servers = self.others(me, state).chain([me]);
        let mut reached: SmallVec<[(u64, ProcessId); 8]> = servers
            .map(|server| (reached(leader, server), server))
            .collect();
        reached.sort_unstable_by(|one, other| other.cmp(one));
        let mut servers = ServerSet::default();
        for (number, server) in reached {
            servers.insert(server);
            if self.is_quorum(state, purpose, servers) {
                return number;
            }
        }
        0
    }

    /// Commits up to this index, and applies what is new. A leader replies.
    pub(super) fn advance(&self, state: &mut State<M>, index: Index, effects: &mut Effects<Self>) {
        let State {
            term: by,
            log,
            commit,
            applied,
            role,
            ..
        } = state;
        let through = index.min(log.last().index);
        if through <= *commit {
            return;
        }
        let replies = matches!(role, Role::Leader(_));
        for (first, term, entries) in log.range(*commit + 1, through) {
            let last = first + entries.len() as Index - 1;
            let by = *by;
            effects.emit(Output::Committed {
                by,
                term,
                first,
                last,
            });
            for (index, entry) in (first..).zip(entries) {
                let output = self.apply_entry(applied, index, entry);
                if let Some(output) = output.filter(|_| replies) {
                    effects.emit(output);
                }
            }
        }
        *commit = through;
    }

    /// Applies one entry. Returns what to tell its client.
    fn apply_entry(
        &self,
        applied: &mut Applied<M>,
        index: Index,
        entry: &Entry<M::Command>,
    ) -> Option<Output<M>> {
        let Applied { machine, sessions } = applied;
        match entry {
            Entry::NoOp => None,
            Entry::OpenSession { ticket } => {
                sessions.open(index, self.limits.sessions_max);
                Some(Output::Opened {
                    ticket: *ticket,
                    session: index,
                })
            }
            Entry::Command {
                origin: None,
                command,
            } => {
                machine.apply(command);
                None
            }
            Entry::Command {
                origin: Some(origin),
                command,
            } => {
                let apply = || machine.apply(command);
                let origin = *origin;
                match sessions.apply(&self.rules, index, origin, apply) {
                    Outcome::Applied(reply) => Some(Output::Replied { origin, reply }),
                    // The client has gone on.
                    Outcome::Past => None,
                    Outcome::Ended => Some(Output::Ended { origin }),
                }
            }
        }
    }
}
