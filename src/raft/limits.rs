//! Flow control: a limit on everything that may pile up.

/// How much may pile up at a server. Each server may have other limits: what it replicates or applies depends on its own
/// only where the log says so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of entries in one message. One entry always fits.
    pub message_bytes_max: usize,
    /// Messages with entries that a leader sends a follower ahead of its answers.
    pub in_flight_messages_max: usize,
    /// Bytes of entries in them.
    pub in_flight_bytes_max: usize,
    /// Entries that a leader takes beyond those that are committed.
    pub uncommitted_max: u64,
    /// Reads that wait at a leader.
    pub reads_max: usize,
    /// Sessions that are open after a client has opened one with this leader, up to
    /// [`SESSIONS_MAX`](super::SESSIONS_MAX): those that were not used for longest end. The entry carries it, so that
    /// followers end the same, whatever their own is.
    pub sessions_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 1 << 20,
            in_flight_messages_max: 64,
            in_flight_bytes_max: 16 << 20,
            uncommitted_max: 1 << 16,
            reads_max: 1 << 14,
            sessions_max: 1 << 14,
        }
    }
}
