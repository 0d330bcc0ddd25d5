//! That each event of Raft happens somewhere.

use quorate::raft::{Published, Raft, Register};
use quorate_models::raft::events::events;
use quorate_models::raft::parameters::instances;

#[test]
fn each_event_happens_in_an_instance_that_is_checked_by_default() {
    for event in events::<Raft<Register, Published>>() {
        assert!(!event.instances.is_empty(), "{}", event.name);
        for name in event.instances {
            let mut known = instances().into_iter();
            let is_checked = known.any(|known| known.name == *name && known.by_default);
            assert!(is_checked, "{} in {name}", event.name);
        }
    }
}
