//! What a node counts and measures, for Prometheus: through the `metrics` facade, which does nothing unless somebody listens.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// What a node counts and measures.
pub(super) struct Metrics {
    pub(super) turns: Counter,
    pub(super) messages_received: Counter,
    pub(super) requests: Counter,
    pub(super) records: Histogram,
    pub(super) sync_seconds: Histogram,
    pub(super) pending: Gauge,
    pub(super) messages_sent: Gauge,
    pub(super) messages_dropped: Gauge,
}

impl Metrics {
    pub(super) fn new() -> Self {
        Self {
            turns: counter!("quorate_turns_total"),
            messages_received: counter!("quorate_messages_received_total"),
            requests: counter!("quorate_requests_total"),
            records: histogram!("quorate_batch_records"),
            sync_seconds: histogram!("quorate_sync_seconds"),
            pending: gauge!("quorate_records_pending"),
            messages_sent: gauge!("quorate_messages_sent"),
            messages_dropped: gauge!("quorate_messages_dropped"),
        }
    }
}
