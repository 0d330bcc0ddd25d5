//! Sessions: that a command which a client sends again is applied once (§8; thesis §6.3).
//!
//! A client opens a session, whose name is the index of the entry that opened it. It numbers its commands, has one under
//! way at a time, and may send it again, to anybody, until it has a reply. Whoever wants several under way opens
//! several sessions. All servers decide alike what is repeated and which sessions end, because they decide it when
//! they apply the log; so sessions are a part of the snapshot. What they decide it by is in the log too: an entry that
//! opens a session carries the limit of the leader that appended it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Entry, Index, Rules};

/// What a client proposes. The leader makes an [`Entry`] of it, and adds what no client chooses.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Proposal<C> {
    /// To open a session.
    OpenSession {
        /// By which the client knows the reply.
        ticket: u64,
    },
    /// To apply a command to the state machine.
    Command {
        /// The command's session and number. Without, the client is not answered, and a command that is sent again is
        /// applied again.
        origin: Option<Origin>,
        /// What the state machine applies.
        command: C,
    },
}

impl<C> Proposal<C> {
    /// The entry that a leader with this limit on open sessions appends.
    pub(super) fn into_entry(self, sessions_max: usize) -> Entry<C> {
        match self {
            Proposal::OpenSession { ticket } => Entry::OpenSession {
                ticket,
                sessions_max: sessions_max as u64,
            },
            Proposal::Command { origin, command } => Entry::Command { origin, command },
        }
    }
}

/// How many sessions are open at most, whatever limit an entry carries. Servers decide by it what ends, so that it is the
/// same for all: another value is another version of what is replicated.
pub const SESSIONS_MAX: u64 = 1 << 20;

/// Which command of which client.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Origin {
    /// The index of the entry that opened the session.
    pub session: Index,
    /// The command's number in it, from 1.
    pub sequence: u64,
}

/// One client's session.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Session<Reply> {
    /// The index of the last entry that used it.
    pub used: Index,
    /// The number of its last command; 0 if it had none.
    pub sequence: u64,
    /// What that was answered.
    pub reply: Option<Reply>,
}

/// All sessions that are open.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Sessions<Reply> {
    open: BTreeMap<Index, Session<Reply>>,
}

/// What becomes of a session's command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome<Reply> {
    /// It is applied, now or the first time.
    Applied(Reply),
    /// It was applied, and the client has seen the reply: it has sent a later one.
    Past,
    /// The session is not open, or no more.
    Ended,
}

impl<Reply> Default for Sessions<Reply> {
    fn default() -> Self {
        Self {
            open: BTreeMap::new(),
        }
    }
}

impl<Reply: Clone> Sessions<Reply> {
    /// Opens the session of this name. If more than `sessions_max` are open then, those end that were not used for
    /// longest: several, if an earlier leader had a higher limit.
    ///
    /// The limit is replicated, and comes from a peer: no more than [`SESSIONS_MAX`] stay open, whatever it is.
    pub fn open(&mut self, session: Index, sessions_max: u64) {
        let opened = Session {
            used: session,
            sequence: 0,
            reply: None,
        };
        self.open.insert(session, opened);
        let stay = sessions_max.min(SESSIONS_MAX) as usize;
        let end = self.open.len().saturating_sub(stay);
        if end == 0 {
            return;
        }
        let open = self.open.iter();
        let by_use = open.map(|(name, session)| (session.used, *name));
        let mut by_use: Vec<(Index, Index)> = by_use.collect();
        // Two have the same use only in a snapshot that no server has made; their names decide then, everywhere alike.
        by_use.select_nth_unstable(end - 1);
        for (_, name) in &by_use[..end] {
            self.open.remove(name);
        }
    }

    /// Applies a command, the entry at `index`, unless it is repeated.
    pub fn apply<R: Rules + ?Sized>(
        &mut self,
        rules: &R,
        index: Index,
        origin: Origin,
        apply: impl FnOnce() -> Reply,
    ) -> Outcome<Reply> {
        let Some(session) = self.open.get_mut(&origin.session) else {
            return Outcome::Ended;
        };
        session.used = index;
        if !rules.is_repeated(session.sequence, origin.sequence) {
            session.sequence = origin.sequence;
            session.reply = Some(apply());
        }
        match &session.reply {
            Some(reply) if session.sequence == origin.sequence => Outcome::Applied(reply.clone()),
            _ => Outcome::Past,
        }
    }

    /// Those that are open, by name.
    pub fn iter(&self) -> impl Iterator<Item = (Index, &Session<Reply>)> {
        self.open.iter().map(|(index, session)| (*index, session))
    }
}
