//! Sessions: that a command which a client sends again is applied once (§8; thesis §6.3).
//!
//! A client opens a session, whose name is the index of the entry that opened it. It numbers its commands, has one under
//! way at a time, and may send it again, to anybody, until it has a reply. Whoever wants several under way opens
//! several sessions. All servers decide alike what is repeated and which sessions end, because they decide it when
//! they apply the log; so sessions are a part of the snapshot.

use alloc::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Index, Rules};

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
    /// Opens the session of this name. If there are too many then, the one ends that was not used for longest.
    pub fn open(&mut self, session: Index, sessions_max: usize) {
        let opened = Session {
            used: session,
            sequence: 0,
            reply: None,
        };
        self.open.insert(session, opened);
        if self.open.len() > sessions_max {
            let oldest = self.open.iter().min_by_key(|(_, session)| session.used);
            let oldest = oldest.map(|(session, _)| *session);
            oldest.map(|session| self.open.remove(&session));
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
