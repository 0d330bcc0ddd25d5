//! Commitment: what a quorum has is committed, and applied (§5.3, §5.4.2).

use super::{
    Applied, Entry, Index, Leader, Outcome, Output, Purpose, Raft, Role, Rules, State, StateMachine,
};
use crate::protocol::{Effects, ProcessId};

impl<M: StateMachine, R: Rules> Raft<M, R> {
    /// Commits if a quorum has come to have an entry, and tells everybody; `index` is what somebody has now.
    pub(super) fn commit_what_a_quorum_has(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        index: Index,
        effects: &mut dyn Effects<Self>,
    ) -> bool {
        if index <= state.commit {
            return false;
        }
        let (purpose, above) = (Purpose::Commitment, state.commit);
        let commits =
            self.reached_by_quorum(state, purpose, above, |leader, server| match server == me {
                true => leader.durable,
                false => leader.progress[server.index()].matched,
            });
        let is_committed = |index: &Index| {
            let term = state.log.term(*index);
            term.is_some_and(|term| self.rules.commits(term, state.term))
        };
        let Some(commits) = commits.filter(is_committed) else {
            return false;
        };
        self.advance(state, commits, effects);
        for server in self.others(me, state) {
            self.bring_up_to_date(state, server, effects);
        }
        self.answer_reads(me, state, effects);
        true
    }

    /// The highest number that a quorum has reached, if it is above this one.
    pub(super) fn reached_by_quorum(
        &self,
        state: &State<M>,
        purpose: Purpose,
        above: u64,
        reached: impl Fn(&Leader<M>, ProcessId) -> u64,
    ) -> Option<u64> {
        let Role::Leader(leader) = &state.role else {
            return None;
        };
        let servers = self.configuration(state).voters;
        let numbers = servers.iter().map(|server| reached(leader, server));
        let by_quorum = numbers.filter(|number| {
            let have = |server: &ProcessId| reached(leader, *server) >= *number;
            *number > above && self.is_quorum(state, purpose, servers.iter().filter(have).collect())
        });
        by_quorum.max()
    }

    /// Commits up to this index, and applies what is new. A leader replies.
    pub(super) fn advance(
        &self,
        state: &mut State<M>,
        index: Index,
        effects: &mut dyn Effects<Self>,
    ) {
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
            Entry::OpenSession {
                ticket,
                sessions_max,
            } => {
                sessions.open(index, *sessions_max);
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
