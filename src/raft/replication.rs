//! Replication: a leader makes its followers' logs agree with its own (§5.3).

use super::{
    Batch, Entries, Entry, Index, Leader, Message, Position, Progress, Proposal, Raft, Record,
    Refusal, Role, Rules, Sending, State, StateMachine, Term, Timer,
};
use super::{Output, Request};
use crate::protocol::{Effects, ProcessId};
use alloc::vec::Vec;

impl<M: StateMachine, R: Rules> Raft<M, R> {
    /// Clients want these replicated.
    pub(super) fn propose(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        proposals: Vec<Proposal<M::Command>>,
        effects: &mut dyn Effects<Self>,
    ) {
        let count = proposals.len() as u64;
        let uncommitted = state.log.last().index.saturating_sub(state.commit);
        let max = self.limits.uncommitted_max;
        let refusal = match &state.role {
            Role::Leader(_) if count > max => Some(Refusal::TooMuch { max }),
            Role::Leader(_) if uncommitted + count > max => Some(Refusal::Full),
            Role::Leader(_) => None,
            Role::Follower(_) | Role::Candidate { .. } => Some(not_leader(state)),
        };
        if let Some(why) = refusal {
            let request = Request::Propose(proposals);
            return effects.emit(Output::Refused { request, why });
        }
        if proposals.is_empty() {
            return;
        }
        let sessions_max = self.limits.sessions_max;
        let entries = proposals.into_iter();
        let entries = entries.map(|proposal| proposal.into_entry(sessions_max));
        let entries = entries.collect();
        self.take(state, Batch::new(state.term, entries), effects);
        for server in self.others(me, state) {
            self.send_ahead(state, server, effects);
        }
    }

    /// Puts entries in its own log. Nothing waits for that: they are sent meanwhile (thesis §10.2.1).
    pub(super) fn take(
        &self,
        state: &mut State<M>,
        batch: Batch<M::Command>,
        effects: &mut dyn Effects<Self>,
    ) {
        let after = state.log.last().index;
        state.log.append(batch.clone());
        let entries = Entries::from(batch);
        effects.append(Record::Append { after, entries });
        effects.report_durable(state.log.last().index);
    }

    /// Its own log is durable up to an entry of its term: it counts itself. What was reported of earlier terms came
    /// before: its vote for itself was durable, and so was all that it had written earlier, before anybody else voted
    /// for it.
    pub(super) fn own_log_is_durable(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        index: Index,
        effects: &mut dyn Effects<Self>,
    ) {
        if let Role::Leader(leader) = &mut state.role {
            leader.durable = leader.durable.max(index);
            self.commit_what_a_quorum_has(me, state, index, effects);
        }
    }

    /// A leader says that it leads. What it sends tells it, by the answer, if something was lost.
    pub(super) fn heartbeat(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        effects: &mut dyn Effects<Self>,
    ) {
        if matches!(state.role, Role::Leader(_)) {
            self.remind(me, state, effects);
        }
    }

    /// Sends everybody something to answer.
    pub(super) fn remind(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        effects: &mut dyn Effects<Self>,
    ) {
        for server in self.others(me, state) {
            let Role::Leader(leader) = &state.role else {
                return;
            };
            match leader.progress[server.index()].sending {
                Sending::Probe | Sending::Pipeline { .. } => {
                    self.send_heartbeat(state, server, effects);
                }
                Sending::Snapshot { .. } => self.send_entries(state, server, effects),
            }
        }
    }

    /// Sends what a follower lacks, as far as it is sent ahead.
    pub(super) fn send_ahead(
        &self,
        state: &mut State<M>,
        to: ProcessId,
        effects: &mut dyn Effects<Self>,
    ) {
        loop {
            let Role::Leader(leader) = &state.role else {
                return;
            };
            let progress = &leader.progress[to.index()];
            if progress.next > state.log.last().index || !progress.has_room(&self.limits) {
                return;
            }
            self.send_entries(state, to, effects);
        }
    }

    /// Sends one message with what a follower lacks: entries, if it lacks any that are in the log, or a part of the
    /// snapshot.
    pub(super) fn send_entries(
        &self,
        state: &mut State<M>,
        to: ProcessId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Role::Leader(leader) = &mut state.role else {
            return;
        };
        let Leader {
            progress, round, ..
        } = leader;
        let progress = &mut progress[to.index()];
        let is_compacted = progress.next <= state.log.before().index;
        if is_compacted && !matches!(progress.sending, Sending::Snapshot { .. }) {
            progress.sending = Sending::Snapshot { chunk: 0 };
        }
        if let Sending::Snapshot { .. } = progress.sending {
            return self.send_chunk(state, to, effects);
        }
        let size = |entry: &Entry<M::Command>| size::<M>(entry);
        let bytes_max = self.limits.message_bytes_max;
        let (entries, bytes) = state.log.slice(progress.next, bytes_max, size);
        let previous = position(state.log.term(progress.next - 1), progress.next - 1);
        if let Sending::Pipeline { in_flight } = &mut progress.sending
            && !entries.is_empty()
        {
            progress.next += entries.len() as Index;
            in_flight.push_back((progress.next - 1, bytes));
        }
        let message = Message::AppendEntries {
            term: state.term,
            previous,
            entries,
            commit: state.commit,
            round: *round,
        };
        effects.send(to, message);
    }

    /// Says that it leads, and sends nothing else: the follower may be down.
    fn send_heartbeat(&self, state: &mut State<M>, to: ProcessId, effects: &mut dyn Effects<Self>) {
        let Role::Leader(leader) = &state.role else {
            return;
        };
        let before = leader.progress[to.index()].next - 1;
        if before < state.log.before().index {
            return self.send_entries(state, to, effects);
        }
        let message = Message::AppendEntries {
            term: state.term,
            previous: position(state.log.term(before), before),
            entries: Entries::default(),
            commit: state.commit,
            round: leader.round,
        };
        effects.send(to, message);
    }

    /// Sends a follower that is sent ahead what it lacks; if that is nothing, how far it may commit.
    pub(super) fn bring_up_to_date(
        &self,
        state: &mut State<M>,
        to: ProcessId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Role::Leader(leader) = &state.role else {
            return;
        };
        let Progress { next, sending, .. } = &leader.progress[to.index()];
        let Sending::Pipeline { .. } = sending else {
            return;
        };
        if *next <= state.log.last().index {
            return self.send_ahead(state, to, effects);
        }
        let message = Message::Commit {
            term: state.term,
            last: state.log.last(),
            commit: state.commit,
        };
        effects.send(to, message);
    }

    /// Whether who speaks leads: then it is followed, and the election timer starts anew. Whoever leads in an
    /// earlier term is told so.
    pub(super) fn is_led_by(
        &self,
        state: &mut State<M>,
        from: ProcessId,
        term: Term,
        rejected: Index,
        round: u64,
        effects: &mut dyn Effects<Self>,
    ) -> bool {
        if term != state.term {
            let message = Message::NotAppended {
                term: state.term,
                rejected,
                conflict: None,
                first: rejected,
                round,
            };
            effects.send(from, message);
            return false;
        }
        // Nobody else leads in its term.
        if matches!(state.role, Role::Leader(_)) {
            return false;
        }
        self.follow(state, Some(from), effects);
        effects.set_timer(Timer::Election);
        true
    }

    /// A leader sends entries.
    pub(super) fn append_entries(
        &self,
        state: &mut State<M>,
        from: ProcessId,
        (previous, entries): (Position, Entries<M::Command>),
        commit: Index,
        round: u64,
        effects: &mut dyn Effects<Self>,
    ) {
        let last_new = previous.index + entries.len() as Index;
        let log = &mut state.log;
        // What the snapshot covers is committed, so that the leader has it too.
        let covered = log.before().index.saturating_sub(previous.index);
        let (previous, entries) = match covered {
            0 => (previous, entries),
            _ => (log.before(), entries.skip(covered as usize)),
        };
        if !self.rules.matches(log.term(previous.index), previous.term) {
            return disagree(state, from, previous.index, round, effects);
        }
        let conflict = log.conflict(previous.index + 1, &entries);
        let replaced = self.rules.replaces_from(previous.index, conflict);
        if let Some(index) = replaced {
            log.truncate(index - 1);
        }
        let after = log.last().index;
        let entries = entries.skip(after.saturating_sub(previous.index) as usize);
        if replaced.is_some() || !entries.is_empty() {
            log.extend(&entries);
            effects.persist(Record::Append { after, entries });
        }
        let commit = self.rules.commits_to(commit, last_new);
        self.advance(state, commit, effects);
        let message = Message::Appended {
            term: state.term,
            matched: last_new.max(previous.index),
            round,
        };
        effects.send(from, message);
    }

    /// A leader has committed. If the log is the leader's, as far as that has told of it, there is no more to say.
    pub(super) fn hear_of_commit(
        &self,
        state: &mut State<M>,
        from: ProcessId,
        last: Position,
        commit: Index,
        effects: &mut dyn Effects<Self>,
    ) {
        let is_covered = last.index < state.log.before().index;
        if !is_covered && !self.rules.matches(state.log.term(last.index), last.term) {
            return disagree(state, from, last.index, 0, effects);
        }
        let commit = self.rules.commits_to(commit, last.index);
        self.advance(state, commit, effects);
    }

    /// A follower's log agrees with the leader's.
    pub(super) fn appended(
        &self,
        me: ProcessId,
        state: &mut State<M>,
        from: ProcessId,
        matched: Index,
        effects: &mut dyn Effects<Self>,
    ) {
        let Role::Leader(leader) = &mut state.role else {
            return;
        };
        let progress = &mut leader.progress[from.index()];
        let is_piped = matches!(progress.sending, Sending::Pipeline { .. });
        let is_sent_snapshot = matches!(progress.sending, Sending::Snapshot { .. });
        // A snapshot is sent until it is there, whatever the follower had before.
        if is_sent_snapshot && matched < state.log.before().index
            || matched > state.log.last().index
        {
            return;
        }
        progress.agrees(matched);
        let committed = self.commit_what_a_quorum_has(me, state, matched, effects);
        match is_piped || committed {
            true => self.send_ahead(state, from, effects),
            false => self.bring_up_to_date(state, from, effects),
        }
    }

    /// It does not agree there: the leader looks for where it does, a term at a time.
    pub(super) fn not_appended(
        &self,
        state: &mut State<M>,
        from: ProcessId,
        rejected: Index,
        (conflict, first): (Option<Term>, Index),
        effects: &mut dyn Effects<Self>,
    ) {
        let Role::Leader(leader) = &mut state.role else {
            return;
        };
        let Progress {
            matched,
            next,
            sending,
            ..
        } = &mut leader.progress[from.index()];
        let is_late = match sending {
            Sending::Probe => rejected + 1 != *next,
            Sending::Pipeline { .. } => rejected >= *next,
            Sending::Snapshot { .. } => true,
        };
        if is_late || rejected <= *matched {
            return;
        }
        // Behind its own last entry of that term; if it has none, where the follower's begin (§5.3, the last paragraph).
        // Anything lower than what was rejected would do.
        let last = conflict.and_then(|term| state.log.last_of_term(term));
        let last = last.filter(|last| *last < rejected);
        let agrees_perhaps = last.map_or(first, |last| last + 1);
        *next = agrees_perhaps.clamp(*matched + 1, rejected);
        *sending = Sending::Probe;
        self.send_entries(state, from, effects);
    }
}

/// Its log is not the leader's at this index.
fn disagree<M: StateMachine, R: Rules>(
    state: &State<M>,
    leader: ProcessId,
    index: Index,
    round: u64,
    effects: &mut dyn Effects<Raft<M, R>>,
) {
    let log = &state.log;
    let first = log.first_of_run(index);
    let message = Message::NotAppended {
        term: state.term,
        rejected: index,
        conflict: log.term(index),
        first: first.unwrap_or(log.last().index + 1).min(index),
        round,
    };
    effects.send(leader, message);
}

/// Why somebody who does not lead refuses.
pub(super) fn not_leader<M: StateMachine>(state: &State<M>) -> Refusal {
    let leader = match &state.role {
        Role::Follower(follower) => follower.leader,
        Role::Candidate { .. } | Role::Leader(_) => None,
    };
    Refusal::NotLeader { leader }
}

/// The position at this index, whose term is known to whoever sends what comes behind it.
fn position(term: Option<Term>, index: Index) -> Position {
    let term = term.expect("what comes behind is in the log");
    Position { term, index }
}

/// How much room an entry takes in a message, in bytes.
fn size<M: StateMachine>(entry: &Entry<M::Command>) -> usize {
    match entry {
        Entry::NoOp | Entry::OpenSession { .. } => size_of::<u64>(),
        Entry::Command { command, .. } => M::size(command),
    }
}
