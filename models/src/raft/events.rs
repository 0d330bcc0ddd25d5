//! What is interesting and does happen: the situations that the paper draws, and those that its rules are for. A model in
//! which they did not come about would claim little.
//!
//! Each is claimed of the instances that are named here, as they are: of other parameters nothing is said.

use derive_where::derive_where;
use quorate::raft::{Durable, Index, Log, Message, Position, Register, Role, Sending, State, Term};
use quorate_checker::{Condition, Property};

use super::Model;
use super::parameters::{Parameters, instances};
use super::properties::{AnyRaft, ModelState, leaders, logs};
use crate::system::Action;

/// An event: what it is, and in which instances it happens.
#[derive_where(Debug)]
pub struct Event<P: AnyRaft> {
    /// The event in words, with the section or figure of the paper.
    pub name: &'static str,
    /// The states or steps in which the event happens.
    pub condition: Condition<Model<P>>,
    /// The names of the instances in which the event happens.
    pub instances: &'static [&'static str],
}

/// What does happen under these parameters, where they are those of a named instance.
pub fn properties<P: AnyRaft>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    let same = |instance: &str| {
        let mut named = instances().into_iter();
        named.any(|named| named.name == instance && named.parameters == *parameters)
    };
    let happen = events()
        .into_iter()
        .filter(|event| event.instances.iter().any(|name| same(name)));
    happen
        .map(|event| Property::holds(event.name, event.condition))
        .collect()
}

/// All of them.
pub fn events<P: AnyRaft>() -> Vec<Event<P>> {
    use Condition::{SomeStep, Sometimes};
    let event = |name, condition, instances| Event {
        name,
        condition,
        instances,
    };
    vec![
        event(
            "a candidate gives way to the leader of its term (§5.2)",
            SomeStep(a_candidate_gives_way),
            &["overlap", "overlap-two"],
        ),
        event(
            "a log is longer than its leader's (Figure 7 c, d)",
            Sometimes(a_log_is_longer_than_its_leaders),
            &["replication", "commands"],
        ),
        event(
            "a log lacks an entry of its leader's, and has another in its place (Figure 7 e, f)",
            Sometimes(a_log_differs_from_its_leaders),
            &["commands", "figure-8"],
        ),
        event(
            "an entry is sent before the one before it is acknowledged (thesis §10.2.2)",
            Sometimes(a_leader_sends_ahead),
            &["figure-8", "heartbeats"],
        ),
        event(
            "an entry is committed that its leader's disk does not have yet (thesis §10.2.1)",
            Sometimes(a_leader_commits_before_its_disk),
            &["overlap", "overlap-two"],
        ),
        event(
            "a crash takes an entry that was not durable yet",
            SomeStep(a_crash_takes_an_entry),
            &["overlap", "overlap-crash"],
        ),
        event(
            "an earlier term's entry is on a majority, and its leader does not commit it (Figure 8 c)",
            Sometimes(a_majority_has_what_is_not_committed),
            &["figure-8"],
        ),
        event(
            "an entry that a majority has is overwritten (Figure 8 d)",
            SomeStep(what_a_majority_has_is_overwritten),
            &["figure-8"],
        ),
        event(
            "a snapshot takes the place of a log that conflicts with it (§7)",
            SomeStep(a_snapshot_replaces_a_conflict),
            &["snapshot", "snapshot-three"],
        ),
        event(
            "a snapshot takes the place of a log's beginning, and the rest stays (§7)",
            SomeStep(a_snapshot_leaves_the_rest),
            &["snapshot"],
        ),
        event(
            "a server crashes that has a part of a snapshot",
            SomeStep(a_crash_takes_a_part_of_a_snapshot),
            &["snapshot-cut-short"],
        ),
        event(
            "a read waits at a leader that another has replaced (thesis §6.4)",
            Sometimes(a_read_waits_at_a_deposed_leader),
            &["reads"],
        ),
        event(
            "a read waits at a server that leads again, and an answer to what it asked in its first term is on its way",
            Sometimes(an_earlier_answer_comes_to_a_read_that_waits),
            &["leads-again"],
        ),
        event(
            "a snapshot with a session is installed (§8)",
            SomeStep(a_snapshot_brings_a_session),
            &["snapshot-sessions"],
        ),
        event(
            "a server restarts from a snapshot with a session (§8)",
            SomeStep(a_session_is_restored),
            &["snapshot-sessions-crash"],
        ),
    ]
}

/// The servers that were up before a step and are up after it, and have changed.
fn changed<'a, P: AnyRaft>(
    state: &'a ModelState<P>,
    next: &'a ModelState<P>,
) -> impl Iterator<Item = (&'a State<Register>, &'a State<Register>)> {
    let changed = state.changed(next);
    changed.filter_map(|(before, now)| Some((before.state()?, now.state()?)))
}

/// The servers that crash in a step: what each knew, and what it still has on its disk.
fn crashed<'a, P: AnyRaft>(
    state: &'a ModelState<P>,
    next: &'a ModelState<P>,
) -> impl Iterator<Item = (&'a State<Register>, &'a Durable<Register>)> {
    let down = state.changed(next).filter(|(_, now)| !now.is_up());
    down.filter_map(|(before, now)| Some((before.state()?, &now.durable)))
}

fn a_candidate_gives_way<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    changed(state, next).any(|(before, now)| {
        before.term == now.term
            && matches!(before.role, Role::Candidate { .. })
            && matches!(now.role, Role::Follower(_))
    })
}

/// Whether this holds of a leader's log and the log of one who follows it.
fn of_a_follower<P: AnyRaft>(
    state: &ModelState<P>,
    holds: impl Fn(&Log<u8>, &Log<u8>) -> bool,
) -> bool {
    leaders(state).any(|(leader, leads)| {
        let mut others = state.live().filter(|(server, _)| *server != leader);
        others.any(|(_, knows)| knows.term == leads.term && holds(&leads.log, &knows.log))
    })
}

fn a_log_is_longer_than_its_leaders<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    of_a_follower(state, |leads, follows| {
        follows.last().index > leads.last().index
    })
}

fn a_log_differs_from_its_leaders<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    of_a_follower(state, |leads, follows| {
        let mut common = indexes(leads).filter(|index| follows.term(*index).is_some());
        common.any(|index| leads.term(index) != follows.term(index))
    })
}

fn a_leader_sends_ahead<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    leaders(state).any(|(_, knows)| {
        match &knows.role {
        Role::Leader(leader) => leader.progress.iter().any(|progress| {
            matches!(&progress.sending, Sending::Pipeline { in_flight } if in_flight.len() > 1)
        }),
        Role::Follower(_) | Role::Candidate { .. } => false,
    }
    })
}

fn a_leader_commits_before_its_disk<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    leaders(state).any(|(_, knows)| match &knows.role {
        Role::Leader(leader) => leader.first <= knows.commit && leader.durable < knows.commit,
        Role::Follower(_) | Role::Candidate { .. } => false,
    })
}

fn a_crash_takes_an_entry<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    crashed(state, next).any(|(knew, has)| knew.log.last().index > has.log.last().index)
}

/// Whether a majority of the servers has an entry of this term at this index.
fn is_on_majority<P: AnyRaft>(state: &ModelState<P>, index: Index, term: Option<Term>) -> bool {
    let having = logs(state).filter(|log| log.term(index) == term);
    2 * having.count() > state.processes.len()
}

fn a_majority_has_what_is_not_committed<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    leaders(state).any(|(_, knows)| {
        let mut uncommitted = indexes(&knows.log).filter(|index| *index > knows.commit);
        uncommitted.any(|index| {
            let term = knows.log.term(index);
            term < Some(knows.term) && is_on_majority(state, index, term)
        })
    })
}

fn what_a_majority_has_is_overwritten<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    changed(state, next).any(|(before, now)| {
        indexes(&before.log).any(|index| {
            let term = before.log.term(index);
            let replaced = now.log.term(index).is_some_and(|now| Some(now) != term);
            replaced && is_on_majority(state, index, term)
        })
    })
}

/// Whether in this step a server installs a snapshot of which this holds: with the log that it had.
fn installs<P: AnyRaft>(
    state: &ModelState<P>,
    next: &ModelState<P>,
    holds: impl Fn(&Log<u8>, Position) -> bool,
) -> bool {
    changed(state, next).any(|(before, now)| {
        // What a server compacts itself it has committed.
        let snapshot = now.log.before();
        snapshot.index > before.commit && holds(&before.log, snapshot)
    })
}

fn a_snapshot_replaces_a_conflict<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    installs(state, next, |log, snapshot| {
        let here = log.term(snapshot.index);
        here.is_some_and(|here| here != snapshot.term)
    })
}

fn a_snapshot_leaves_the_rest<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    installs(state, next, |log, snapshot| {
        log.term(snapshot.index) == Some(snapshot.term) && log.last().index > snapshot.index
    })
}

fn a_crash_takes_a_part_of_a_snapshot<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    crashed(state, next).any(|(knew, _)| match &knew.role {
        Role::Follower(follower) => follower.installing.is_some(),
        Role::Candidate { .. } | Role::Leader(_) => false,
    })
}

fn a_read_waits_at_a_deposed_leader<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    let last = state.view.leaders.keys().max();
    leaders(state).any(|(_, knows)| match &knows.role {
        Role::Leader(leader) => !leader.reads.is_empty() && Some(&knows.term) < last,
        Role::Follower(_) | Role::Candidate { .. } => false,
    })
}

fn an_earlier_answer_comes_to_a_read_that_waits<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
) -> bool {
    leaders(state).any(|(server, knows)| {
        let waits = matches!(&knows.role, Role::Leader(leader) if !leader.reads.is_empty());
        let mut answers = state
            .network
            .in_flight()
            .filter(|answer| answer.to == server);
        waits
            && answers.any(|answer| match answer.message {
                Message::Appended { term, round, .. } => term < knows.term && round > 0,
                _ => false,
            })
    })
}

/// Whether somebody's session is open at a server.
fn has_session(knows: &State<Register>) -> bool {
    knows.applied.sessions.iter().next().is_some()
}

fn a_snapshot_brings_a_session<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    let installed = changed(state, next).filter(|(before, now)| {
        let snapshot = now.log.before();
        snapshot.index > before.commit
    });
    let mut brought = installed.filter(|(before, now)| !has_session(before) && has_session(now));
    brought.next().is_some()
}

fn a_session_is_restored<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    let mut up = state.changed(next);
    up.any(|(before, now)| !before.is_up() && now.state().is_some_and(has_session))
}

/// The indexes of a log's entries.
fn indexes(log: &Log<u8>) -> impl Iterator<Item = Index> + use<> {
    log.before().index + 1..=log.last().index
}
