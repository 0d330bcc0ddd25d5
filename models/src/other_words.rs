//! Of canonical forms, in which ballots and terms have other numbers, the part that is alike in all protocols.

use quorate::protocol::{Effect, HoldBack, Protocol, Release};

/// A hold-back queue whose records and messages are renamed by `record` and `message`.
pub fn hold_back_in_other_words<P: Protocol, W>(
    hold_back: &HoldBack<P>,
    words: &mut W,
    record: impl Fn(&P::Record, &mut W) -> P::Record,
    message: impl Fn(&P::Message, &mut W) -> P::Message,
) -> HoldBack<P> {
    let mut renamed = HoldBack::new();
    // What was held back is held back again.
    let mut released = Vec::new();
    for pending in hold_back.pending() {
        let record = record(&pending.record, words);
        let write = match pending.forced {
            true => Effect::Persist(record),
            false => Effect::Append(record),
        };
        renamed.push(write, &mut released);
        for release in &pending.releases {
            let held = match release {
                Release::Send { to, message: sent } => Effect::Send {
                    to: *to,
                    message: message(sent, words),
                },
                Release::Emit(output) => Effect::Emit(output.clone()),
                Release::Durable(position) => Effect::ReportDurable(*position),
            };
            renamed.push(held, &mut released);
        }
    }
    assert!(released.is_empty(), "what waits for records was released");
    renamed
}
