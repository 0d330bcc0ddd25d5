//! Timers as a function of the state: set and cancelled by the difference that a step makes, so that no rule has to think of
//! them.

use super::{Effects, Input, Protocol};

/// Takes a step, and sets and cancels timers by the difference: those that `timers` names afterwards are set. A timer that
/// expires is set no more, so that it is set again if it is named again; one that was not set expires too late, and nothing
/// happens. Before its start a process has no timers.
///
/// A rule that *restarts* a timer which stays set does so itself, by [`Effects::set_timer`].
pub fn with_timers<P: Protocol + ?Sized, S, T: AsRef<[P::Timer]>>(
    state: &mut S,
    timers: impl Fn(&S) -> T,
    input: Input<P>,
    effects: &mut dyn Effects<P>,
    step: impl FnOnce(&mut S, Input<P>, &mut dyn Effects<P>),
) {
    let before = (!matches!(input, Input::Start(_))).then(|| timers(state));
    let before = before.as_ref().map_or(&[][..], AsRef::as_ref);
    let expired = match &input {
        Input::Timeout(timer) if !before.contains(timer) => return,
        Input::Timeout(timer) => Some(timer.clone()),
        _ => None,
    };
    step(state, input, effects);
    let is_running = |timer: &P::Timer| before.contains(timer) && expired.as_ref() != Some(timer);
    let after = timers(state);
    let after = after.as_ref();
    for timer in before {
        if is_running(timer) && !after.contains(timer) {
            effects.cancel_timer(timer.clone());
        }
    }
    for timer in after {
        if !is_running(timer) {
            effects.set_timer(timer.clone());
        }
    }
}
