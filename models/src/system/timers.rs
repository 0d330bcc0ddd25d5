//! Checks that a driver's timers are those that the protocol reads off its state.

use quorate::protocol::{Effect, EffectList, Input, Protocol};

/// Checks that the timers which a driver would have running are those that the protocol reads off its
/// state.
pub(super) struct TimersRunning<P: Protocol>(Vec<P::Timer>);

impl<P: Protocol> TimersRunning<P> {
    pub(super) fn before(protocol: &P, state: &P::State, input: &Input<P>) -> Self {
        let mut running = protocol.timers(state);
        if let Input::Timeout(fired) = input {
            running.retain(|timer| timer != fired);
        }
        Self(running)
    }

    pub(super) fn assert_after(mut self, protocol: &P, state: &P::State, effects: &EffectList<P>) {
        for effect in effects.as_slice() {
            match effect {
                Effect::SetTimer(timer) | Effect::CancelTimer(timer) => {
                    self.0.retain(|other| other != timer);
                }
                _ => {}
            }
            if let Effect::SetTimer(timer) = effect {
                self.0.push(timer.clone());
            }
        }
        self.0.sort();
        let mut read_off = protocol.timers(state);
        read_off.sort();
        assert_eq!(
            self.0, read_off,
            "timers set, and timers read off {state:?}"
        );
    }
}
