//! A history: what sessions requested of objects, and how they were answered, in real-time order.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

/// A moment in real time. A history compares moments only: one operation precedes another if it returned at an earlier
/// moment than the other was invoked. Operations of which neither precedes the other overlap.
pub type Moment = u64;

/// A sequential client: its next operation is invoked after the last one has returned.
pub type Session = u32;

/// A named thing that operations are about: a register, a key of a map, a queue.
pub type Object = u32;

/// One operation: a request, and the response that it was given.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Operation<Q, A> {
    /// The session that invoked it.
    pub session: Session,
    /// The object that it is about.
    pub object: Object,
    /// When it was invoked.
    pub invoked: Moment,
    /// When it returned; `None` if its outcome is unknown.
    pub returned: Option<Moment>,
    /// The request.
    pub request: Q,
    /// The response; `None` if the outcome is unknown: the operation may have taken effect at any moment after its
    /// invocation, or never.
    pub response: Option<A>,
}

impl<Q, A> Operation<Q, A> {
    /// Whether this operation returned before the other was invoked.
    pub fn precedes(&self, other: &Self) -> bool {
        self.returned
            .is_some_and(|returned| returned < other.invoked)
    }
}

/// The operations of all sessions, by the moment of their invocation.
///
/// Moments are counted in *phases*: a new one begins when an operation is invoked after another has returned in the
/// present one. So the moments are as few as the order allows (Fishburn: *Interval Orders and Interval Graphs*, 1985,
/// section 2), and two histories are equal if the same operations precede the same others: a model may keep a history in
/// its state. (The phase that only a forgotten operation began stays: see [`History::fail`].)
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct History<Q, A> {
    operations: Vec<Operation<Q, A>>,
    /// Where in `operations` the pending operation of a session is.
    pending: BTreeMap<Session, usize>,
    phase: Moment,
    has_return: bool,
}

/// An event that cannot follow what the history has so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HistoryError {
    /// The session has invoked an operation that has not returned.
    IsPending(Session),
    /// The session has no operation that could return.
    IsIdle(Session),
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IsPending(session) => write!(
                f,
                "session {session} invokes an operation before its last one has returned"
            ),
            Self::IsIdle(session) => {
                write!(
                    f,
                    "session {session} has no pending operation that could return"
                )
            }
        }
    }
}

impl core::error::Error for HistoryError {}

impl<Q, A> Default for History<Q, A> {
    fn default() -> Self {
        Self {
            operations: Vec::new(),
            pending: BTreeMap::new(),
            phase: 0,
            has_return: false,
        }
    }
}

impl<Q, A> History<Q, A> {
    /// A history without operations.
    pub fn new() -> Self {
        Self::default()
    }

    /// The operations, by the moment of their invocation; those of one moment by session.
    pub fn operations(&self) -> &[Operation<Q, A>] {
        &self.operations
    }

    /// Whether the session has an operation that has not returned.
    pub fn is_pending(&self, session: Session) -> bool {
        self.pending.contains_key(&session)
    }

    /// The session invokes an operation.
    ///
    /// # Errors
    ///
    /// If the session's last operation is pending.
    pub fn invoke(
        &mut self,
        session: Session,
        object: Object,
        request: Q,
    ) -> Result<(), HistoryError> {
        if self.is_pending(session) {
            return Err(HistoryError::IsPending(session));
        }
        if self.has_return {
            self.phase += 1;
            self.has_return = false;
        }
        // Operations that begin at one moment have no order among them: by session, so that equal histories are equal.
        let later = self.operations.iter().rev();
        let later = later
            .take_while(|other| other.invoked == self.phase && other.session > session)
            .count();
        let place = self.operations.len() - later;
        if later > 0 {
            for pending in self.pending.values_mut().filter(|at| **at >= place) {
                *pending += 1;
            }
        }
        self.operations.insert(
            place,
            Operation {
                session,
                object,
                invoked: self.phase,
                returned: None,
                request,
                response: None,
            },
        );
        self.pending.insert(session, place);
        Ok(())
    }

    /// The session's pending operation returns.
    ///
    /// # Errors
    ///
    /// If the session has none.
    pub fn respond(&mut self, session: Session, response: A) -> Result<(), HistoryError> {
        let place = self.end(session)?;
        self.operations[place].returned = Some(self.phase);
        self.operations[place].response = Some(response);
        self.has_return = true;
        Ok(())
    }

    /// The session learns that its pending operation has had no effect and will have none: the history forgets it.
    ///
    /// # Errors
    ///
    /// If the session has none.
    pub fn fail(&mut self, session: Session) -> Result<(), HistoryError> {
        let place = self.end(session)?;
        self.operations.remove(place);
        for pending in self.pending.values_mut().filter(|at| **at > place) {
            *pending -= 1;
        }
        Ok(())
    }

    /// The session gives up its pending operation, whose outcome stays unknown, and may invoke another.
    ///
    /// # Errors
    ///
    /// If the session has none.
    pub fn give_up(&mut self, session: Session) -> Result<(), HistoryError> {
        self.end(session).map(|_| ())
    }

    fn end(&mut self, session: Session) -> Result<usize, HistoryError> {
        self.pending
            .remove(&session)
            .ok_or(HistoryError::IsIdle(session))
    }
}
