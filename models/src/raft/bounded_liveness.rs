//! What Raft claims of fair runs in which faults come to an end: whatever happened before, one server comes to lead for
//! good, and all that are up have what is committed.
//!
//! There are so many terms before that moment, and so many more after it, that claims do not depend on the bound: where a
//! run would need one more, the answer is *inconclusive*.

use quorate::protocol::ProcessId;
use quorate::raft::{Index, Request, Role};
use quorate_checker::{Condition, Fairness, Property, Strength};

use super::Model;
use super::parameters::Parameters;
use super::properties::{AnyRaft, ModelState};
use crate::system::{Action, Disk, System};

/// Progress: one leads, and goes on.
pub const LEADS_FOR_GOOD: &str = "once faults end, all that are up come to follow one leader";
/// Progress: of followers that lag, by what is in the log and by snapshots.
pub const CATCHES_UP: &str = "once faults end, whoever is up comes to have what is committed";
/// Progress: of logs.
pub const COMMITS: &str = "once faults end, all commit what a leader takes, or it leads no more";
/// Progress: of commands.
pub const APPLIES: &str = "once faults end, what is asked again is applied by all that are up";

/// The claims that apply under these parameters: where those that stay up are a quorum.
pub fn properties<P: AnyRaft>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    use Condition::{EventuallyAlways, LeadsTo};
    let environment = &parameters.environment;
    if !environment.stabilises || !parameters.has_quorum() {
        return Vec::new();
    }
    let servers = usize::from(parameters.servers);
    let claim = |name, condition| Property {
        bound: Some(is_out_of_terms),
        ..Property::holds(name, condition)
    };
    let mut properties = vec![
        claim(
            LEADS_FOR_GOOD,
            EventuallyAlways(|_: &Model<P>, state: &ModelState<P>| {
                !state.stable || all_follow_one(state)
            }),
        ),
        claim(
            CATCHES_UP,
            LeadsTo {
                cases: servers,
                trigger: |_: &Model<P>, state: &ModelState<P>, case| {
                    state.stable && lags(state, server(case))
                },
                goal: |_: &Model<P>, state: &ModelState<P>, case| !lags(state, server(case)),
            },
        ),
        claim(
            COMMITS,
            LeadsTo {
                cases: servers,
                trigger: |_: &Model<P>, state: &ModelState<P>, case| {
                    state.stable && has_uncommitted(state, server(case))
                },
                goal: |_: &Model<P>, state: &ModelState<P>, case| {
                    !has_uncommitted(state, server(case))
                },
            },
        ),
    ];
    if parameters.persistent {
        properties.push(claim(
            APPLIES,
            LeadsTo {
                cases: servers * usize::from(parameters.commands),
                trigger: |_: &Model<P>, state: &ModelState<P>, case| {
                    let (server, _) = server_and_command(state, case);
                    state.stable && state.processes[server.index()].is_up()
                },
                goal: |_: &Model<P>, state: &ModelState<P>, case| {
                    let (server, command) = server_and_command(state, case);
                    let knows = state.processes[server.index()].state();
                    knows.is_none_or(|knows| knows.applied.machine.0.contains(&command))
                },
            },
        ));
    }
    properties
}

/// What the claims rely on. Timers are accurate in the end: they fire where all else has come to rest. Clients repeat
/// what they ask.
pub fn fairness<P: AnyRaft>(parameters: &Parameters) -> Vec<Fairness<Model<P>>> {
    let environment = &parameters.environment;
    let mut fairness = vec![
        System::deliveries(),
        Fairness {
            strength: Strength::Strong,
            ..System::timers()
        },
    ];
    if environment.disk == Disk::Buffered {
        fairness.push(System::flushes());
    }
    if parameters.needs_recovery() {
        fairness.push(System::recoveries());
    }
    if parameters.persistent {
        fairness.push(Fairness::weak(
            "each client asks each leader until it is answered",
            |_, action: &Action<P>| match action {
                Action::Submit(server, request) => match &**request {
                    Request::Propose(_) => Some(u64::from(server.0)),
                    Request::Read(_) | Request::Compact => None,
                },
                _ => None,
            },
        ));
    }
    fairness
}

fn server(case: usize) -> ProcessId {
    ProcessId(u16::try_from(case).expect("few servers"))
}

fn server_and_command<P: AnyRaft>(state: &ModelState<P>, case: usize) -> (ProcessId, u8) {
    let servers = state.processes.len();
    let command = u8::try_from(case / servers).expect("few commands") + 1;
    (server(case % servers), command)
}

/// Whether one leads, and all others that are up know it.
fn all_follow_one<P: AnyRaft>(state: &ModelState<P>) -> bool {
    let mut leaders = state
        .live()
        .filter(|(_, knows)| matches!(knows.role, Role::Leader(_)));
    let Some((leader, leads)) = leaders.next() else {
        return false;
    };
    let mut others = state.live().filter(|(server, _)| *server != leader);
    others.all(|(_, knows)| match &knows.role {
        Role::Follower(follower) => knows.term == leads.term && follower.leader == Some(leader),
        Role::Candidate { .. } | Role::Leader(_) => false,
    })
}

/// Whether a server is up and does not have all that is committed.
fn lags<P: AnyRaft>(state: &ModelState<P>, server: ProcessId) -> bool {
    let committed: Index = state.view.committed.keys().max().copied().unwrap_or(0);
    let knows = state.processes[server.index()].state();
    knows.is_some_and(|knows| knows.commit < committed)
}

/// Whether a server leads and has entries that somebody who is up does not know to be committed.
fn has_uncommitted<P: AnyRaft>(state: &ModelState<P>, server: ProcessId) -> bool {
    let knows = state.processes[server.index()].state();
    let leads = knows.filter(|knows| matches!(knows.role, Role::Leader(_)));
    let last = leads.map(|leader| leader.log.last().index);
    last.is_some_and(|last| state.live().any(|(_, knows)| knows.commit < last))
}

/// Whether a server would campaign, but for the bound.
fn is_out_of_terms<P: AnyRaft>(model: &Model<P>, state: &ModelState<P>) -> bool {
    let clients = model.application();
    let terms = clients.terms + clients.terms_left;
    let mut live = state.live();
    live.any(|(_, knows)| knows.term >= terms && !matches!(knows.role, Role::Leader(_)))
}
