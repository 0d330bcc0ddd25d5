//! Checks that a driver's timers are those that the protocol reads off its state.

use quorate::protocol::{Effect, Input, Protocol};

/// The timers that a driver with a clock would have running at a process.
pub(super) struct TimersRunning<P: Protocol>(Vec<P::Timer>);

impl<P: Protocol> TimersRunning<P> {
    /// Those of a process in this state; none before it starts.
    pub(super) fn of(protocol: &P, state: Option<&P::State>) -> Self {
        Self(state.map_or_else(Vec::new, |state| protocol.timers(state)))
    }

    /// Follows a step.
    ///
    /// # Panics
    ///
    /// If the timers are then not those that the protocol reads off its state.
    pub(super) fn assert_after(
        &mut self,
        protocol: &P,
        input: &Input<P>,
        state: &P::State,
        effects: &[Effect<P>],
    ) {
        let Self(running) = self;
        if let Input::Timeout(fired) = input {
            running.retain(|timer| timer != fired);
        }
        for effect in effects {
            match effect {
                Effect::SetTimer(timer) | Effect::CancelTimer(timer) => {
                    running.retain(|other| other != timer);
                }
                _ => {}
            }
            if let Effect::SetTimer(timer) = effect {
                running.push(timer.clone());
            }
        }
        running.sort();
        let mut read_off = protocol.timers(state);
        read_off.sort();
        assert!(
            *running == read_off,
            "timers set are {running:?}, and timers read off {state:?} are {read_off:?}"
        );
    }
}
