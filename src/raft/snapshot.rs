//! Snapshots: what was applied takes the place of the log, and is sent to who lacks that part of it (§7).

use alloc::sync::Arc;
use alloc::vec::Vec;

use derive_where::derive_where;

use super::{
    Applied, Chunk, Log, Message, Output, Position, Progress, Raft, Record, Role, Rules, Sending,
    Snapshot, State, StateMachine,
};
use crate::protocol::{Effects, ProcessId};

/// A snapshot that a follower is being sent. A crash forgets it.
#[derive_where(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Installing<M: StateMachine> {
    /// Where it ends.
    pub last: Position,
    /// The chunks so far.
    pub chunks: Vec<Chunk<M>>,
}

impl<M: StateMachine> Applied<M> {
    /// All that was applied, in parts.
    pub(super) fn chunks(&self) -> Vec<Chunk<M>> {
        let sessions = Chunk::Sessions(self.sessions.clone());
        let machine = self.machine.snapshot().into_iter().map(Chunk::Machine);
        core::iter::once(sessions).chain(machine).collect()
    }

    /// What these parts say was applied, if they do.
    pub(super) fn restore(chunks: &[Chunk<M>]) -> Option<Self> {
        let (first, rest) = chunks.split_first()?;
        let Chunk::Sessions(sessions) = first else {
            return None;
        };
        let machine = rest.iter().map(|chunk| match chunk {
            Chunk::Machine(chunk) => Some(chunk.clone()),
            Chunk::Sessions(_) => None,
        });
        Some(Self {
            machine: M::restore(&machine.collect::<Option<Vec<_>>>()?)?,
            sessions: sessions.clone(),
        })
    }
}

impl<C> Log<C> {
    /// Drops what a snapshot covers that ends there, and what comes behind unless that is kept.
    pub(super) fn put_behind(&mut self, last: Position, keeps_suffix: bool) {
        match keeps_suffix {
            true => self.compact(last),
            false => *self = Self::after(last),
        }
    }
}

impl<M: StateMachine, R: Rules> Raft<M, R> {
    /// Puts a snapshot in the place of what was applied.
    pub(super) fn compact(&self, state: &mut State<M>, effects: &mut dyn Effects<Self>) {
        let index = state.commit;
        let Some(term) = state.log.term(index) else {
            return;
        };
        if index == state.log.before().index {
            return;
        }
        let last = Position { term, index };
        let chunks = state.applied.chunks();
        let snapshot = Arc::new(Snapshot { last, chunks });
        state.log.put_behind(last, true);
        state.snapshot = Some(Arc::clone(&snapshot));
        if let Role::Leader(leader) = &mut state.role {
            leader.progress.iter_mut().for_each(Progress::start_over);
        }
        effects.append(Record::Snapshot {
            snapshot,
            keeps_suffix: true,
        });
        effects.emit(Output::Compacted { last });
    }

    /// Sends a follower the chunk that it needs next.
    pub(super) fn send_chunk(
        &self,
        state: &mut State<M>,
        to: ProcessId,
        effects: &mut dyn Effects<Self>,
    ) {
        let (Role::Leader(leader), Some(snapshot)) = (&state.role, &state.snapshot) else {
            return;
        };
        let Sending::Snapshot { chunk: number } = leader.progress[to.index()].sending else {
            return;
        };
        let Some(chunk) = snapshot.chunks.get(number as usize) else {
            return;
        };
        let message = Message::InstallSnapshot {
            term: state.term,
            last: snapshot.last,
            number,
            chunks: snapshot.chunks.len() as u64,
            chunk: chunk.clone(),
            round: leader.round,
        };
        effects.send(to, message);
    }

    /// A follower says which chunk it needs next.
    pub(super) fn received(
        &self,
        state: &mut State<M>,
        from: ProcessId,
        last: Position,
        next: u64,
        effects: &mut dyn Effects<Self>,
    ) {
        let (Role::Leader(leader), Some(snapshot)) = (&mut state.role, &state.snapshot) else {
            return;
        };
        let Sending::Snapshot { chunk } = &mut leader.progress[from.index()].sending else {
            return;
        };
        let is_known = last == snapshot.last && next < snapshot.chunks.len() as u64;
        if is_known && *chunk != next {
            *chunk = next;
            self.send_chunk(state, from, effects);
        }
    }

    /// A leader sends a chunk of its snapshot.
    pub(super) fn install_snapshot(
        &self,
        state: &mut State<M>,
        from: ProcessId,
        last: Position,
        (number, chunks, chunk): (u64, u64, Chunk<M>),
        round: u64,
        effects: &mut dyn Effects<Self>,
    ) {
        let Role::Follower(follower) = &mut state.role else {
            return;
        };
        let term = state.term;
        if self.rules.is_old_snapshot(state.commit, last.index) {
            follower.installing = None;
            let matched = state.commit;
            return effects.send(
                from,
                Message::Appended {
                    term,
                    matched,
                    round,
                },
            );
        }
        let installing = follower.installing.get_or_insert_with(|| beginning(last));
        if installing.last != last {
            *installing = beginning(last);
        }
        if number == installing.chunks.len() as u64 {
            installing.chunks.push(chunk);
        }
        let next = installing.chunks.len() as u64;
        if next < chunks {
            let message = Message::Received {
                term,
                last,
                next,
                round,
            };
            return effects.send(from, message);
        }
        let installed = follower.installing.take();
        let chunks = installed.map(|installing| installing.chunks);
        self.install(
            state,
            Snapshot {
                last,
                chunks: chunks.unwrap_or_default(),
            },
            effects,
        );
        let message = match state.commit >= last.index {
            true => Message::Appended {
                term,
                matched: last.index,
                round,
            },
            false => Message::Received {
                term,
                last,
                next: 0,
                round,
            },
        };
        effects.send(from, message);
    }

    /// A snapshot takes the place of what it covers.
    fn install(
        &self,
        state: &mut State<M>,
        snapshot: Snapshot<M>,
        effects: &mut dyn Effects<Self>,
    ) {
        let last = snapshot.last;
        let Some(applied) = Applied::restore(&snapshot.chunks) else {
            return effects.emit(Output::Malformed { last });
        };
        let here = state.log.term(last.index);
        let keeps_suffix = self.rules.keeps_suffix(here, last.term);
        let snapshot = Arc::new(snapshot);
        state.log.put_behind(last, keeps_suffix);
        state.snapshot = Some(Arc::clone(&snapshot));
        state.applied = applied;
        state.commit = last.index;
        effects.persist(Record::Snapshot {
            snapshot,
            keeps_suffix,
        });
        effects.emit(Output::Committed {
            by: state.term,
            term: last.term,
            first: last.index,
            last: last.index,
        });
    }
}

fn beginning<M: StateMachine>(last: Position) -> Installing<M> {
    Installing {
        last,
        chunks: Vec::new(),
    }
}
