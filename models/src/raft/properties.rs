//! What Raft claims of every state and every step: the five properties of Figure 3, over all that ever happened, and
//! what they rest on.

use std::collections::BTreeMap;
use std::ops::Range;

use itertools::Itertools;
use quorate::protocol::{ProcessId, Protocol};
use quorate::raft::{
    Durable, Entry, Index, Log, Message, Output, Record, Register, Request, Role, State, Term,
    Timer,
};
use quorate_checker::{Condition, Property};

use super::Model;
use super::application::Clients;
use super::parameters::Parameters;
use crate::register::History;
use crate::system::{Action, NetworkKind, SystemState};

/// Raft, by whatever rules.
pub trait AnyRaft:
    Protocol<
        State = State<Register>,
        Message = Message<Register>,
        Timer = Timer,
        Record = Record<Register>,
        Durable = Durable<Register>,
        Request = Request<Register>,
        Output = Output<Register>,
    > + 'static
{
}
impl<P> AnyRaft for P where
    P: Protocol<
            State = State<Register>,
            Message = Message<Register>,
            Timer = Timer,
            Record = Record<Register>,
            Durable = Durable<Register>,
            Request = Request<Register>,
            Output = Output<Register>,
        > + 'static
{
}

pub(super) type ModelState<P> = SystemState<P, Clients>;

/// At most one leader is ever elected in a term (§5.2).
pub const ELECTION_SAFETY: &str = "Election Safety: at most one server leads a term";
/// A leader never overwrites or deletes entries of its log (§5.3): its log before a step is a prefix of its log after.
pub const LEADER_APPEND_ONLY: &str = "Leader Append-Only: a leader only appends to its log";
/// Logs with a common position are equal up to it (§5.3).
pub const LOG_MATCHING: &str = "Log Matching: logs that share a position agree up to it";
/// In a log terms only grow: what is more up to date is then what ends in a later term.
pub const LOG_TERMS_GROW: &str = "terms never decrease along a log";
/// What is committed in a term is in the log of every leader of a higher one (§5.4).
pub const LEADER_COMPLETENESS: &str =
    "Leader Completeness: leaders of later terms have what is committed";
/// An entry that was once committed at an index is the only one ever (§5.4.3).
pub const STATE_MACHINE_SAFETY: &str = "State Machine Safety: one entry is committed at an index";
/// Servers that have applied as much have the same state.
pub const REPLICAS_AGREE: &str = "who has applied as much has the same state";
/// Terms never decrease, also across a crash.
pub const TERMS_GROW: &str = "terms never decrease";
/// A commit index never decreases while its server is up.
pub const COMMITS_GROW: &str = "a commit index never decreases while its server is up";
/// What was answered is on disk: votes, and entries of the answer's term.
pub const ANSWERS_ARE_DURABLE: &str = "what a server has answered is on its disk";
/// A recovery finds what its process believed durable.
pub const RECOVERY_READS_BACK: &str = "recovery reads back what was believed durable";
/// Clients that write in sessions, and read, have a register.
pub const LINEARIZABLE: &str = "a register on the log is linearizable";
/// A server whose answer confirms a leader for a read (thesis §6.4) had reached the leader's term when it answered.
pub const CONFIRMED_IN_TERM: &str = "who confirms a read has come to its leader's term";
/// A session's command is applied once, however often it is sent.
pub const APPLIED_ONCE: &str = "a session's command is applied once";
/// Somebody leads.
pub const LEADS: &str = "a leader is elected";
/// Something that a client proposed is committed.
pub const COMMITS: &str = "a command is committed";

/// The properties that apply under these parameters.
pub fn properties<P: AnyRaft>(parameters: &Parameters) -> Vec<Property<Model<P>>> {
    use Condition::{Always, EveryStep, SomeStep, Sometimes};
    let environment = &parameters.environment;
    let mut properties = vec![
        Property::holds(ELECTION_SAFETY, Always(one_leader_a_term)),
        Property::holds(LEADER_APPEND_ONLY, EveryStep(leaders_append)),
        Property::holds(TERMS_GROW, EveryStep(terms_grow)),
        Property::holds(
            RECOVERY_READS_BACK,
            Always(|model: &Model<P>, state: &ModelState<P>| model.recovery_reads_back(state)),
        ),
        Property::holds(
            LEADS,
            Sometimes(|_: &Model<P>, state: &ModelState<P>| !state.view.leaders.is_empty()),
        ),
    ];
    // There every answer that was ever sent is still there, unless it is spent.
    if environment.network == NetworkKind::Set && environment.drops == 0 {
        properties.push(Property::holds(
            ANSWERS_ARE_DURABLE,
            Always(answers_are_durable),
        ));
    }
    if parameters.servers > 1 && !environment.atomic_campaigns {
        properties.push(Property::holds("a vote is split", Sometimes(is_vote_split)));
    }
    if parameters.servers > 2 && parameters.terms > 1 {
        properties.push(Property::holds(
            "two lead at once, in different terms",
            Sometimes(two_lead),
        ));
    }
    if parameters.replicates {
        properties.extend([
            Property::holds(LOG_MATCHING, Always(logs_match)),
            Property::holds(LOG_TERMS_GROW, Always(log_terms_grow)),
            Property::holds(LEADER_COMPLETENESS, Always(leaders_are_complete)),
            Property::holds(STATE_MACHINE_SAFETY, Always(one_entry_an_index)),
            Property::holds(REPLICAS_AGREE, Always(replicas_agree)),
            Property::holds(COMMITS_GROW, EveryStep(commits_grow)),
        ]);
        if parameters.proposals > 0 {
            properties.extend([
                Property::holds(
                    LINEARIZABLE,
                    Always(|_, state: &ModelState<P>| {
                        let history = state.view.history.as_ref();
                        history.is_none_or(History::is_linearizable)
                    }),
                ),
                Property::holds(APPLIED_ONCE, Always(applied_once)),
            ]);
        }
        if parameters.proposals > 0 && parameters.commands > 0 {
            properties.push(Property::holds(
                "a client is answered",
                Sometimes(|model: &Model<P>, state: &ModelState<P>| {
                    is_answered(state, 0..model.application().commands.into())
                }),
            ));
        }
        if parameters.proposals > 1 {
            properties.push(Property::holds(
                "a command is in the log twice",
                Sometimes(is_in_log_twice),
            ));
        }
        if parameters.reads > 0 {
            properties.extend([
                Property::holds(CONFIRMED_IN_TERM, Always(rounds_are_of_the_term)),
                Property::holds(
                    "a read is answered",
                    Sometimes(|model: &Model<P>, state: &ModelState<P>| {
                        let clients = model.application();
                        let first = u16::from(clients.commands);
                        is_answered(state, first..first + u16::from(clients.reads))
                    }),
                ),
                Property::holds("a read has to wait", Sometimes(a_read_waits)),
            ]);
        }
        if parameters.commands > 0 {
            properties.push(Property::holds(COMMITS, Sometimes(a_command_is_applied)));
        }
        if parameters.servers > 2 && parameters.terms > 1 {
            properties.push(Property::holds(
                "an entry is overwritten",
                SomeStep(an_entry_is_overwritten),
            ));
        }
    }
    properties
}

fn one_leader_a_term<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    state.view.has_one_leader_a_term()
}

/// The servers that lead now, with their logs.
pub(super) fn leaders<P: AnyRaft>(
    state: &ModelState<P>,
) -> impl Iterator<Item = (ProcessId, &State<Register>)> {
    state
        .live()
        .filter(|(_, knows)| matches!(knows.role, Role::Leader(_)))
}

/// A log's entries with their indexes and terms.
fn entries(log: &Log<u8>) -> impl Iterator<Item = (Index, Term, &Entry<u8>)> {
    (log.before().index + 1..)
        .zip(log.entries())
        .map(|(index, (term, entry))| (index, term, entry))
}

/// Whether one log has all that another has, as far as neither is compacted.
fn extends(log: &Log<u8>, other: &Log<u8>) -> bool {
    let known: BTreeMap<Index, _> = entries(log)
        .map(|(index, term, entry)| (index, (term, entry)))
        .collect();
    let mut wanted = entries(other).filter(|(index, ..)| *index > log.before().index);
    wanted.all(|(index, term, entry)| known.get(&index) == Some(&(term, entry)))
}

fn leaders_append<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    state.changed(next).all(|(before, now)| {
        let (Some(before), Some(now)) = (before.state(), now.state()) else {
            return true;
        };
        let both_lead =
            matches!(before.role, Role::Leader(_)) && matches!(now.role, Role::Leader(_));
        !both_lead || before.term != now.term || extends(&now.log, &before.log)
    })
}

/// The log of each server: what it knows, or what it will know when it comes up again.
pub(super) fn logs<P: AnyRaft>(state: &ModelState<P>) -> impl Iterator<Item = &Log<u8>> {
    state.processes().map(|(_, process)| match process.state() {
        Some(knows) => &knows.log,
        None => &process.durable.log,
    })
}

fn logs_match<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    let mut pairs = logs(state).collect_vec().into_iter().array_combinations();
    pairs.all(|[one, other]| match_up(one, other))
}

fn log_terms_grow<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    logs(state).all(|log| {
        let terms = log.entries().map(|(term, _)| term);
        std::iter::once(log.before().term).chain(terms).is_sorted()
    })
}

fn match_up(one: &Log<u8>, other: &Log<u8>) -> bool {
    let known: BTreeMap<Index, _> = entries(other)
        .map(|(index, term, entry)| (index, (term, entry)))
        .collect();
    let common: Vec<_> = entries(one)
        .filter_map(|(index, term, entry)| Some(((term, entry), *known.get(&index)?)))
        .collect();
    let shared = common.iter().rposition(|(one, other)| one.0 == other.0);
    shared.is_none_or(|shared| common[..=shared].iter().all(|(one, other)| one == other))
}

fn leaders_are_complete<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    leaders(state).all(|(_, leader)| {
        state.view.committed.iter().all(|(index, terms)| {
            let mut earlier = terms.iter().filter(|(_, by)| **by < leader.term);
            earlier.all(|(term, _)| {
                *index < leader.log.before().index || leader.log.term(*index) == Some(*term)
            })
        })
    })
}

fn one_entry_an_index<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    state.view.has_one_entry_an_index()
}

fn replicas_agree<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    let applied = state
        .live()
        .map(|(_, knows)| (knows.commit, &knows.applied));
    let mut pairs = applied.collect_vec().into_iter().array_combinations();
    pairs.all(|[(one, this), (other, that)]| one != other || this == that)
}

fn terms_grow<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    state.changed(next).all(|(before, now)| {
        let term = |durable: &Durable<Register>, knows: Option<&State<Register>>| {
            knows.map_or(durable.term, |knows| knows.term)
        };
        let is_same_incarnation = before.is_up() && now.is_up();
        now.durable.term >= before.durable.term
            && (!is_same_incarnation
                || term(&now.durable, now.state()) >= term(&before.durable, before.state()))
    })
}

fn commits_grow<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    state
        .changed(next)
        .all(|(before, now)| match (before.state(), now.state()) {
            (Some(before), Some(now)) => now.commit >= before.commit,
            _ => true,
        })
}

fn answers_are_durable<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    state.network.in_flight().all(|envelope| {
        let durable = &state.processes[envelope.from.index()].durable;
        match &envelope.message {
            Message::Vote {
                term,
                granted: true,
            } => {
                durable.term > *term
                    || durable.term == *term && durable.voted_for == Some(envelope.to)
            }
            // In a later term a leader may have replaced them.
            Message::Appended { term, matched, .. } => {
                durable.term > *term
                    || durable.term == *term && durable.log.last().index >= *matched
            }
            message => durable.term >= message.term(),
        }
    })
}

fn is_vote_split<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    let candidates = state.live().filter_map(|(_, knows)| match knows.role {
        Role::Candidate { .. } => Some(knows.term),
        _ => None,
    });
    candidates.duplicates().next().is_some()
}

fn is_answered<P: AnyRaft>(state: &ModelState<P>, mut clients: Range<u16>) -> bool {
    let history = state.view.history.as_ref();
    history.is_some_and(|history| {
        clients.any(|client| history.invoked(client) > 0 && !history.waits(client))
    })
}

fn applied_once<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    let mut applied = state.live().map(|(_, knows)| &knows.applied.machine.0);
    applied.all(|applied| applied.iter().all_unique())
}

fn is_in_log_twice<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    logs(state).any(|log| {
        let commands = log.entries().map(|(_, entry)| entry);
        let mut commands = commands.filter(|entry| matches!(entry, Entry::Command { .. }));
        !commands.all_unique()
    })
}

fn rounds_are_of_the_term<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    leaders(state).all(|(me, knows)| match &knows.role {
        Role::Leader(leader) => {
            let mut others = state.processes().zip(&leader.progress);
            others.all(|((server, process), progress)| {
                let has_come = process.durable.term >= knows.term;
                server == me || progress.round == 0 || has_come
            })
        }
        Role::Follower(_) | Role::Candidate { .. } => true,
    })
}

/// For a leader's first entry to be committed, though who follows it has answered.
fn a_read_waits<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    leaders(state).any(|(_, knows)| match &knows.role {
        Role::Leader(leader) => {
            let answered = leader.progress.iter().map(|progress| progress.round).max();
            leader
                .reads
                .iter()
                .any(|waiting| answered >= Some(waiting.round))
        }
        _ => false,
    })
}

fn two_lead<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    leaders(state).count() > 1
}

fn a_command_is_applied<P: AnyRaft>(_: &Model<P>, state: &ModelState<P>) -> bool {
    state
        .live()
        .any(|(_, knows)| !knows.applied.machine.0.is_empty())
}

fn an_entry_is_overwritten<P: AnyRaft>(
    _: &Model<P>,
    state: &ModelState<P>,
    _: &Action<P>,
    next: &ModelState<P>,
) -> bool {
    state
        .changed(next)
        .any(|(before, now)| match (before.state(), now.state()) {
            (Some(before), Some(now)) => {
                let common = before.log.last().index.min(now.log.last().index);
                (before.log.before().index.max(now.log.before().index) + 1..=common)
                    .any(|index| before.log.term(index) != now.log.term(index))
            }
            _ => false,
        })
}
