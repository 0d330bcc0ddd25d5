//! What the application has asked and been told, as states have it.

use derive_where::derive_where;
use quorate::protocol::{ProcessId, Protocol};

use super::Application;
use super::interned::{Interned, Memo};

/// A view as states have it.
pub type InternedView<P, A> = Interned<<A as Application<P>>::View, ViewMemo<P, A>>;

/// What happens to a view.
#[derive_where(Clone, Copy, Eq, Hash, PartialEq)]
pub enum News<P: Protocol + 'static> {
    /// A request has been submitted.
    Submitted(ProcessId, Interned<P::Request>),
    /// A process has told this, in order.
    Told(ProcessId, Interned<Vec<P::Output>>),
}

/// What is known about a view.
#[derive_where(Debug)]
pub struct ViewMemo<P: Protocol + 'static, A: Application<P> + 'static> {
    /// The system that knows it.
    pub(super) system: u64,
    /// What may be asked now, and of whom.
    pub(super) requests: Vec<(ProcessId, Interned<P::Request>)>,
    /// What becomes of it.
    pub(super) after: Memo<News<P>, InternedView<P, A>>,
}

/// The view after a process has told these.
pub(super) fn told<'a, P: Protocol, A: Application<P>>(
    application: &A,
    view: &A::View,
    process: ProcessId,
    outputs: impl IntoIterator<Item = &'a P::Output>,
) -> A::View
where
    P::Output: 'a,
{
    let mut view = view.clone();
    for output in outputs {
        view = application.told(&view, process, output).unwrap_or(view);
    }
    view
}
