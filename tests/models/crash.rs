//! A crash of one process, chosen by a number: what a model enumerates, and a random walk picks one of.

use quorate::protocol::{ProcessId, Protocol};
use quorate_models::system::{Action, Application, Interned, NetworkKind, System, SystemState};

/// The crash of one process, if any is up, and with it goes a part of what it had in flight: on a bag any part, on a FIFO
/// link what was sent last.
pub fn crash<P, A>(
    model: &System<P, A>,
    state: &SystemState<P, A>,
    choice: u16,
) -> Option<Action<P>>
where
    P: Protocol + 'static,
    A: Application<P> + 'static,
{
    let live: Vec<ProcessId> = state.live().map(|(id, _)| id).collect();
    let victim = *live.get(usize::from(choice) % live.len().max(1))?;
    let sent = state.network.in_flight().filter(|e| e.from == victim);
    let lost: Vec<_> = match model.environment().network {
        NetworkKind::Set => Vec::new(),
        NetworkKind::Bag => {
            let is_lost = |number: usize| choice.rotate_left(number as u32 % 16) & 1 == 1;
            let numbered = sent.enumerate().filter(|(number, _)| is_lost(*number));
            numbered.map(|(_, envelope)| envelope).collect()
        }
        NetworkKind::Fifo => {
            let to = ProcessId(choice % state.processes.len() as u16);
            let link: Vec<_> = sent.filter(|e| e.to == to).collect();
            let kept = usize::from(choice / 7) % (link.len() + 1);
            link[kept..].to_vec()
        }
    };
    Some(Action::Crash(victim, Interned::new(lost)))
}
