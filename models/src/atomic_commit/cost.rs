//! What a transaction costs, counted on the model.

use quorate::atomic_commit::{Output, Request};
use quorate::protocol::{ProcessId, Protocol};

use super::application::Clients;
use crate::cost::{CostReport, Counted, cost};
use crate::framework::RequestOrder;
use crate::system::SystemState;

/// How many participants a transaction has whose cost is counted.
pub const PARTICIPANTS: u16 = 2;

/// What a transaction costs that commits, and one that a participant has aborted before it is asked to vote; from
/// Begin, with delays until the last participant has decided.
pub fn costs<P>(model: &'static str, protocol: impl Fn() -> P) -> Vec<CostReport>
where
    P: Protocol<Request = Request, Output = Output> + 'static,
{
    let counted = Counted {
        asks: |at, request| !matches!(request, Request::Abort(_)) || at == ProcessId(1),
        begins: |_| true,
        ends: have_decided,
        // The coordinator shares the node of the first participant.
        node: |_, process| process.index().saturating_sub(1),
    };
    let runs = [("commits", false), ("aborts", true)].into_iter();
    let reports = runs.map(|(run, aborts)| CostReport {
        model,
        processes: format!("{PARTICIPANTS} participants"),
        run,
        cost: cost(protocol(), clients(aborts), &counted),
    });
    reports.collect()
}

/// The application of one transaction.
pub(super) fn clients(aborts: bool) -> Clients {
    Clients {
        participants: PARTICIPANTS,
        transactions: 1,
        aborts,
        requests: RequestOrder::Orderly,
    }
}

fn have_decided<P>(state: &SystemState<P, Clients>) -> bool
where
    P: Protocol<Request = Request, Output = Output>,
{
    let told = state.view.transactions.values().next();
    told.is_some_and(|told| (1..=PARTICIPANTS).all(|id| told.has_decided(ProcessId(id))))
}
