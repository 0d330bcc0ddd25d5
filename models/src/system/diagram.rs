//! Sequence diagrams.

use quorate::protocol::Protocol;
use stateright::Path;

use super::{Action, Application, System, SystemState};

impl<P: Protocol, A: Application<P>> System<P, A> {
    pub(super) fn sequence_diagram(&self, path: Path<SystemState<P, A>, Action<P>>) -> String {
        let _ = path;
        String::new()
    }
}
