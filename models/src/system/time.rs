//! When timers fire.
//!
//! *Asynchronous* timers may fire whenever they are set: nothing is known about delays, so a process cannot
//! tell one that is down from one that is slow.
//!
//! *Accurate* timers fire only at *quiescence*: where no delivery to a live process and no flush would change
//! anything. That is so where delays are bounded, and every timer is longer than all that is on its way when
//! it is set, with all that comes of it, can take. What waits at a cut of the network is not on its way:
//! nobody knows how long the cut will stay, so no timer is longer than that. Three kinds of timers are held to
//! more than that:
//!
//! * One that [suspects](TimerKind::Suspects) a process fires only if that process is down, or on the other
//!   side of a cut. That nobody who is up and can be reached is silent for so long is assumed: at quiescence
//!   everything sent to and fro has arrived, but whoever still waits itself says nothing. Who is down and who is cut off are equally silent, and nobody can tell which it is. Without
//!   partitions this is a perfect failure detector, which synchronous systems have (Chandra, Toueg:
//!   *Unreliable failure detectors for reliable distributed systems*, JACM 43(2), 1996); with them it is
//!   wrong about whoever is up across the cut.
//! * One that [heartbeats](TimerKind::Heartbeat) of another process restart does not fire while that process is up and can
//!   be reached.
//! * One that begins a [campaign](TimerKind::Campaigns) fires at one process at a time, and at each live one in
//!   its turn. Time-outs of random length do that: in the long run somebody's is shorter than all others' by
//!   more than a campaign takes, and everybody's is some time. Without it campaigns can thwart each other for
//!   ever. Whose turn it is goes round: to the next, among those at which such a timer may fire, after the
//!   last to campaign. Or else there is an oracle that names one leader to all, Ω (Chandra, Hadzilacos, Toueg:
//!   *The weakest failure detector for solving consensus*, JACM 43(4), 1996): it fires at the first process that is
//!   up, and at no other ([`Campaigns`](super::Campaigns)).
//!
//! In between, it may be that only campaigns begin at any moment, and all other timers are accurate
//! ([`Timers::CampaignsAsynchronous`]): what is said again is then said again where it was lost. That leaves out runs,
//! and a model that it makes smaller says so.
//!
//! Both hold from the start in a synchronous system ([`Timers::Accurate`]), in which processes still fail,
//! messages are still lost and the network may still part. In a system that *stabilises* they hold from some
//! moment on, which nobody is told, and from then on nothing fails, either, and there is no cut: partial
//! synchrony (Dwork, Lynch, Stockmeyer: *Consensus in the presence of partial synchrony*, JACM 35(2), 1988).
//! Before that moment it is asynchronous, so what terminates here terminates however long it was not.

use itertools::Itertools;
use quorate::protocol::{ProcessId, Protocol, TimerKind};

use super::interned::Interned;
use super::state::Change;
use super::{Action, Application, Campaigns, Journal, ProcessSet, System, SystemState, Timers};

impl<P: Protocol + 'static, A: Application<P> + 'static> System<P, A> {
    /// Whether timers are accurate now.
    pub fn has_accurate_timers(&self, state: &SystemState<P, A>) -> bool {
        self.environment.timers == Timers::Accurate || state.stable
    }

    /// Adds the timers that may fire. All deliveries and flushes that may happen are among the actions: those that
    /// a cut holds up are not.
    pub(super) fn timeouts(&self, state: &SystemState<P, A>, actions: &mut Vec<Action<P>>) {
        if self.has_accurate_timers(state) {
            if self.is_quiescent(state, actions) {
                self.accurate_timeouts(state, actions);
            }
            return;
        }
        let is_at_rest = match self.environment.timers {
            Timers::Asynchronous => true,
            Timers::CampaignsAsynchronous => self.is_quiescent(state, actions),
            // Accurate ones were above.
            Timers::Never | Timers::Accurate => return,
        };
        let is_asynchronous = self.environment.timers == Timers::Asynchronous;
        for (id, timer) in self.timers_set(state) {
            if self.is_withheld(state, id, &timer) {
                continue;
            }
            let fires = Action::Timeout(id, timer);
            match self.kind(state, id, &timer).campaigns() {
                true if self.environment.atomic_campaigns => {
                    let with = self.who_can_answer(state, id).into_iter().powerset();
                    let with = with.map(ProcessSet::from_iter);
                    actions.extend(with.map(|with| Action::Campaign(id, timer, with)));
                }
                true => actions.push(fires),
                false if is_asynchronous => actions.push(fires),
                false if is_at_rest && self.is_justified(state, id, &timer) => actions.push(fires),
                false => {}
            }
        }
    }

    /// The timers that are set at processes that take input.
    fn timers_set(
        &self,
        state: &SystemState<P, A>,
    ) -> impl Iterator<Item = (ProcessId, Interned<P::Timer>)> {
        let processes = state
            .processes
            .iter()
            .map(|process| self.own_process(*process));
        let processes = processes.filter(|process| process.memo().takes_input);
        processes.flat_map(|process| {
            let timers = process.memo().timers.iter();
            timers.map(move |timer| (process.id, *timer))
        })
    }

    /// What a timer that is set means.
    fn kind(&self, state: &SystemState<P, A>, id: ProcessId, timer: &P::Timer) -> TimerKind {
        let state = state.processes[id.index()].state();
        let state = state.expect("a timer is set at a process that is up");
        self.protocol.timer_kind(state, timer)
    }

    /// Whether a bound of the model keeps a timer that is set from firing now.
    fn is_withheld(&self, state: &SystemState<P, A>, id: ProcessId, timer: &P::Timer) -> bool {
        let environment = &self.environment;
        self.application.withholds(environment, state, id, timer)
    }

    /// The processes that another can reach, and that take input.
    fn who_can_answer(&self, state: &SystemState<P, A>, asked_by: ProcessId) -> Vec<ProcessId> {
        let processes = state
            .processes
            .iter()
            .map(|process| self.own_process(*process));
        let others =
            processes.filter(|process| process.id != asked_by && process.memo().takes_input);
        let reached = others
            .map(|process| process.id)
            .filter(|id| !state.are_apart(asked_by, *id));
        reached.collect()
    }

    /// Whether none of these actions is a delivery or a flush that would change anything.
    fn is_quiescent(&self, state: &SystemState<P, A>, actions: &[Action<P>]) -> bool {
        let is_at_rest = |action: &Action<P>| match action {
            Action::Flush(_) => false,
            Action::Deliver(_) => self.after(state, action, &mut Journal::off()).is_none(),
            _ => true,
        };
        actions.iter().all(is_at_rest)
    }

    /// Whether a timer does not suspect anybody who is up and can be reached, and is started anew by nobody.
    fn is_justified(&self, state: &SystemState<P, A>, by: ProcessId, timer: &P::Timer) -> bool {
        let kind = self.kind(state, by, timer);
        if let TimerKind::Suspects(of) = kind {
            return !state.processes[of.index()].is_up() || state.are_apart(by, of);
        }
        let is_restarted = self.timers_set(state).any(|(other, with)| {
            other != by
                && !state.are_apart(by, other)
                && self.kind(state, other, &with).restarts(kind)
        });
        !is_restarted
    }

    fn accurate_timeouts(&self, state: &SystemState<P, A>, actions: &mut Vec<Action<P>>) {
        let set = self.timers_set(state);
        let is_justified =
            |(by, timer): &(ProcessId, Interned<P::Timer>)| self.is_justified(state, *by, timer);
        let justified: Vec<_> = set
            .filter(is_justified)
            .filter(|(by, timer)| !self.is_withheld(state, *by, timer))
            .collect();
        let campaigns = |(id, timer): &&(ProcessId, Interned<P::Timer>)| {
            self.kind(state, *id, timer).campaigns()
        };
        let turn = match self.environment.campaigns {
            Campaigns::InTurn => {
                let candidates = justified.iter().filter(campaigns).map(|(id, _)| *id);
                candidates.min_by_key(|id| (Some(*id) <= state.campaigned, *id))
            }
            Campaigns::Leader => state.leader(),
        };
        let may_fire = justified
            .iter()
            .filter(|timer| !campaigns(timer) || Some(timer.0) == turn);
        actions.extend(may_fire.map(|&(id, timer)| Action::Timeout(id, timer)));
    }

    /// Notes whose campaign is the last, if a timer begins one and that matters.
    pub(super) fn note_campaign(
        &self,
        change: &mut Change<'_, P, A>,
        id: ProcessId,
        timer: Interned<P::Timer>,
    ) {
        if self.has_accurate_timers(change.now())
            && self.environment.campaigns == Campaigns::InTurn
            && change.now().campaigned != Some(id)
            && self.kind(change.now(), id, &timer).campaigns()
        {
            change.next().campaigned = Some(id);
        }
    }
}
