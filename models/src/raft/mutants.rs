//! Bugs of Raft, each with the property that it must break and the instance that shows it.

use std::sync::Arc;

use quorate::protocol::{Effect, ProcessId};
use quorate::raft::{
    Chunk, Configuration, Durable, Index, Message, Position, Published, Purpose, Raft, Record,
    Register, Role, Rules, ServerSet, Sessions, State, Term,
};

use super::parameters::Parameters;
use super::{bounded_liveness, liveness, properties, protocol};
use crate::mutant::{self, Mutated, unforced, wrong_rule};
use crate::reduction::SPENT;

/// All mutants are of one type: rules as a trait object, wrapped for those whose bug is no rule.
pub type MutatedRaft = Mutated<Raft<Register, &'static dyn Rules>>;

/// A wrong Raft.
pub type Mutant = mutant::Mutant<&'static dyn Rules, Raft<Register, &'static dyn Rules>>;
/// Where its bug is.
pub type Bug = mutant::Bug<&'static dyn Rules, Raft<Register, &'static dyn Rules>>;

impl Mutant {
    /// The wrong protocol.
    pub fn protocol(&self, parameters: &Parameters) -> MutatedRaft {
        self.bug
            .put_into(|wrong| protocol(parameters, wrong.unwrap_or(&Published)))
    }
}

wrong_rule!(
    AdoptsAnyTerm,
    fn term(&self, _: Term, heard: Term) -> Term {
        heard
    }
);
wrong_rule!(
    IgnoresVotedFor,
    fn may_vote(&self, current: Term, asked: Term, _: Option<ProcessId>, _: ProcessId) -> bool {
        asked == current
    }
);
wrong_rule!(
    CountsEarlierVotes,
    fn counts_vote(&self, _: Term, _: Term, granted: bool) -> bool {
        granted
    }
);
wrong_rule!(
    CountsRefusals,
    fn counts_vote(&self, current: Term, answered: Term, _: bool) -> bool {
        answered == current
    }
);
wrong_rule!(
    CountsAnyAnswer,
    fn counts_answer(&self, _: Term, _: Term) -> bool {
        true
    }
);
wrong_rule!(
    HalfIsEnough,
    fn is_quorum(&self, configuration: &Configuration, _: Purpose, servers: ServerSet) -> bool {
        servers.len() >= configuration.voters.len() / 2
    }
);
wrong_rule!(
    CountsPeersOnly,
    fn is_quorum(&self, configuration: &Configuration, _: Purpose, servers: ServerSet) -> bool {
        let peers = configuration.voters.len() - 1;
        servers.len() > peers / 2
    }
);
wrong_rule!(
    CommitsAlone,
    fn is_quorum(
        &self,
        configuration: &Configuration,
        purpose: Purpose,
        servers: ServerSet,
    ) -> bool {
        purpose == Purpose::Commitment || Published.is_quorum(configuration, purpose, servers)
    }
);
wrong_rule!(
    /// Of five servers this and a majority that elects need have none in common; of three or four they have.
    CommitsWithTwo,
    fn is_quorum(
        &self,
        configuration: &Configuration,
        purpose: Purpose,
        servers: ServerSet,
    ) -> bool {
        match purpose {
            Purpose::Commitment => servers.len() >= 2.min(configuration.voters.len()),
            Purpose::Election | Purpose::Reading => {
                Published.is_quorum(configuration, purpose, servers)
            }
        }
    }
);
wrong_rule!(
    AnyLogWillDo,
    fn is_up_to_date(&self, _: Position, _: Position) -> bool {
        true
    }
);
wrong_rule!(
    LongerLogWins,
    fn is_up_to_date(&self, candidate: Position, own: Position) -> bool {
        candidate.index >= own.index
    }
);
wrong_rule!(
    LengthBeforeTerm,
    fn is_up_to_date(&self, candidate: Position, own: Position) -> bool {
        (candidate.index, candidate.term) >= (own.index, own.term)
    }
);
wrong_rule!(
    ReplacesAll,
    fn replaces_from(&self, previous: Index, _: Option<Index>) -> Option<Index> {
        Some(previous + 1)
    }
);
wrong_rule!(
    NeverReplaces,
    fn replaces_from(&self, _: Index, _: Option<Index>) -> Option<Index> {
        None
    }
);
wrong_rule!(
    ChecksNoTerm,
    fn matches(&self, here: Option<Term>, _: Term) -> bool {
        here.is_some()
    }
);
wrong_rule!(
    CommitsWhatIsThere,
    fn commits_to(&self, leader: Index, _: Index) -> Index {
        leader
    }
);
wrong_rule!(
    CommitsAnyTerm,
    fn commits(&self, _: Term, _: Term) -> bool {
        true
    }
);
wrong_rule!(
    KeepsAnySuffix,
    fn keeps_suffix(&self, _: Option<Term>, _: Term) -> bool {
        true
    }
);
wrong_rule!(
    InstallsOldSnapshots,
    fn is_old_snapshot(&self, _: Index, _: Index) -> bool {
        false
    }
);
wrong_rule!(
    DoesNotVoteForItself,
    fn first_votes(&self, _: ProcessId) -> ServerSet {
        ServerSet::default()
    }
);
wrong_rule!(
    KeepsItsVote,
    fn vote_in_new_term(&self, voted_for: Option<ProcessId>) -> Option<ProcessId> {
        voted_for
    }
);
wrong_rule!(
    WantsMoreThanItHas,
    fn is_up_to_date(&self, candidate: Position, own: Position) -> bool {
        candidate > own
    }
);
wrong_rule!(
    NeedsNoQuorumToRead,
    fn is_confirmed(&self, _: u64, _: u64) -> bool {
        true
    }
);
wrong_rule!(
    ReadsWhatItKnows,
    fn read_index(&self, commit: Index, _: Index) -> Index {
        commit
    }
);
wrong_rule!(
    CountsEarlierRounds,
    fn confirms(&self, _: Term, _: Term) -> bool {
        true
    }
);
wrong_rule!(
    AppliesAgain,
    fn is_repeated(&self, _: u64, _: u64) -> bool {
        false
    }
);

/// A server that never comes to a higher term, and votes in any higher one, once. Its answer says its own term, so that
/// nobody is elected.
#[derive(Clone, Copy, Debug)]
struct NeverAdoptsTerm;

impl Rules for NeverAdoptsTerm {
    fn term(&self, current: Term, _: Term) -> Term {
        current
    }

    fn may_vote(
        &self,
        current: Term,
        asked: Term,
        voted_for: Option<ProcessId>,
        _: ProcessId,
    ) -> bool {
        asked > current && voted_for.is_none()
    }
}

type Effects = Vec<Effect<Raft<Register, &'static dyn Rules>>>;

/// What a follower's log does not match, it says that it has.
fn nacks_are_acks(_: &State<Register>, _: &State<Register>, mut effects: Effects) -> Effects {
    for effect in &mut effects {
        if let Effect::Send { message, .. } = effect
            && let Message::NotAppended {
                term,
                rejected,
                round,
                ..
            } = *message
        {
            *message = Message::Appended {
                term,
                matched: rejected,
                round,
            };
        }
    }
    effects
}

/// A leader takes its own entries for durable at once.
fn counts_itself_at_once(
    _: &State<Register>,
    now: &State<Register>,
    mut effects: Effects,
) -> Effects {
    if matches!(now.role, Role::Leader(_)) {
        effects.sort_by_key(|effect| !matches!(effect, Effect::ReportDurable(_)));
    }
    effects
}

/// A leader sends the state machine of its snapshot, and no sessions.
fn sends_no_sessions(_: &State<Register>, _: &State<Register>, mut effects: Effects) -> Effects {
    for effect in &mut effects {
        if let Effect::Send { message, .. } = effect
            && let Message::InstallSnapshot {
                chunk: Chunk::Sessions(sessions),
                ..
            } = message
        {
            *sessions = Sessions::default();
        }
    }
    effects
}

/// A server restores the state machine of its snapshot, and no sessions.
fn restores_no_sessions(_: ProcessId, durable: &mut Durable<Register>) {
    let Some(snapshot) = &mut durable.snapshot else {
        return;
    };
    for chunk in &mut Arc::make_mut(snapshot).chunks {
        if let Chunk::Sessions(sessions) = chunk {
            *sessions = Sessions::default();
        }
    }
}

/// What is done without such messages.
fn unsent(mut effects: Effects, is_unsent: fn(&Message<Register>) -> bool) -> Effects {
    effects.retain(|effect| !matches!(effect, Effect::Send { message, .. } if is_unsent(message)));
    effects
}

/// All mutants.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "never-adopts-term",
        summary: "a server never comes to a higher term, and votes if it has not voted",
        breaks: properties::LEADS,
        instance: "election",
        bug: Bug::Rule("term", &NeverAdoptsTerm),
    },
    Mutant {
        name: "adopts-any-term",
        summary: "a server comes to whatever term it hears of",
        breaks: properties::TERMS_GROW,
        instance: "election",
        bug: AdoptsAnyTerm::BUG,
    },
    Mutant {
        name: "ignores-voted-for",
        summary: "a server votes without looking whom it has voted for",
        breaks: properties::ELECTION_SAFETY,
        instance: "election",
        bug: IgnoresVotedFor::BUG,
    },
    Mutant {
        name: "counts-earlier-votes",
        summary: "a candidate counts votes of earlier terms",
        breaks: SPENT,
        instance: "overlap-two",
        bug: CountsEarlierVotes::BUG,
    },
    Mutant {
        name: "counts-refusals",
        summary: "a candidate counts refusals as votes",
        breaks: SPENT,
        instance: "overlap-two",
        bug: CountsRefusals::BUG,
    },
    Mutant {
        name: "counts-earlier-answers",
        summary: "a leader counts acknowledgements of an earlier term",
        breaks: SPENT,
        instance: "crash",
        bug: CountsAnyAnswer::BUG,
    },
    Mutant {
        name: "half-is-a-quorum",
        summary: "half of the servers are a quorum",
        breaks: properties::ELECTION_SAFETY,
        instance: "election-two",
        bug: HalfIsEnough::BUG,
    },
    Mutant {
        name: "counts-peers-only",
        summary: "more than half of the other servers are a quorum",
        breaks: properties::ELECTION_SAFETY,
        instance: "election-four",
        bug: CountsPeersOnly::BUG,
    },
    Mutant {
        name: "restart-loses-vote",
        summary: "a restart loses the vote",
        breaks: properties::ELECTION_SAFETY,
        instance: "election-crash",
        bug: Bug::Recovered(|_, durable| durable.voted_for = None),
    },
    Mutant {
        name: "restart-loses-term",
        summary: "a restart loses term and vote",
        breaks: properties::ELECTION_SAFETY,
        instance: "election-crash",
        bug: Bug::Recovered(|_, durable| {
            durable.term = 0;
            durable.voted_for = None;
        }),
    },
    Mutant {
        name: "vote-not-forced",
        summary: "a server votes before that is durable",
        breaks: properties::ELECTION_SAFETY,
        instance: "election-crash",
        bug: Bug::Effects(|_, _, effects| {
            unforced(effects, |record| matches!(record, Record::Term { .. }))
        }),
    },
    Mutant {
        name: "restart-loses-log",
        summary: "a restart loses the log",
        breaks: properties::LEADER_COMPLETENESS,
        instance: "crash",
        bug: Bug::Recovered(|_, durable| durable.log.truncate(0)),
    },
    Mutant {
        name: "restart-loses-last-entry",
        summary: "a restart loses the last entry",
        breaks: properties::LEADER_COMPLETENESS,
        instance: "crash",
        bug: Bug::Recovered(|_, durable| {
            let last = durable.log.last().index;
            durable.log.truncate(last.saturating_sub(1));
        }),
    },
    Mutant {
        name: "entries-not-forced",
        summary: "a follower acknowledges entries before they are durable",
        breaks: properties::ANSWERS_ARE_DURABLE,
        instance: "overlap",
        bug: Bug::Effects(|_, _, effects| {
            unforced(effects, |record| matches!(record, Record::Append { .. }))
        }),
    },
    Mutant {
        name: "counts-itself-at-once",
        summary: "a leader counts itself before its entries are durable",
        breaks: properties::STATE_MACHINE_SAFETY,
        instance: "overlap-crash",
        bug: Bug::Effects(counts_itself_at_once),
    },
    Mutant {
        name: "commits-with-two",
        summary: "a leader commits what it and one other server have, however many there are",
        breaks: properties::LEADER_COMPLETENESS,
        instance: "five",
        bug: CommitsWithTwo::BUG,
    },
    Mutant {
        name: "any-log-will-do",
        summary: "a server votes whether or not the candidate's log is up to date",
        breaks: properties::LEADER_COMPLETENESS,
        instance: "replication",
        bug: AnyLogWillDo::BUG,
    },
    Mutant {
        name: "longer-log-wins",
        summary: "up to date is a log that is as long",
        breaks: properties::LEADER_COMPLETENESS,
        instance: "figure-8",
        bug: LongerLogWins::BUG,
    },
    Mutant {
        name: "length-before-term",
        summary: "up to date is a longer log, and of two as long that of the later term",
        breaks: properties::LEADER_COMPLETENESS,
        instance: "commands",
        bug: LengthBeforeTerm::BUG,
    },
    Mutant {
        name: "replaces-all",
        summary: "a follower drops what comes behind new entries, without looking",
        breaks: properties::LEADER_COMPLETENESS,
        instance: "replication",
        bug: ReplacesAll::BUG,
    },
    Mutant {
        name: "never-replaces",
        summary: "a follower never replaces entries that conflict",
        breaks: properties::LEADER_COMPLETENESS,
        instance: "figure-8",
        bug: NeverReplaces::BUG,
    },
    Mutant {
        name: "checks-no-term",
        summary: "a follower does not look of what term the entry before new ones is",
        breaks: properties::LOG_MATCHING,
        instance: "commands",
        bug: ChecksNoTerm::BUG,
    },
    Mutant {
        name: "commits-what-is-there",
        summary: "a follower commits as far as its leader, whatever it has there",
        breaks: properties::STATE_MACHINE_SAFETY,
        instance: "heartbeats",
        bug: CommitsWhatIsThere::BUG,
    },
    Mutant {
        name: "nacks-are-acks",
        summary: "a follower says that it has what it rejects",
        breaks: properties::LEADER_COMPLETENESS,
        instance: "heartbeats",
        bug: Bug::Effects(nacks_are_acks),
    },
    Mutant {
        name: "commits-alone",
        summary: "a leader commits what it alone has",
        breaks: properties::LEADER_COMPLETENESS,
        instance: "replication",
        bug: CommitsAlone::BUG,
    },
    Mutant {
        name: "figure-8",
        summary: "a leader commits an entry of an earlier term because a quorum has it",
        breaks: properties::LEADER_COMPLETENESS,
        instance: "figure-8",
        bug: CommitsAnyTerm::BUG,
    },
    Mutant {
        name: "conflict-stays-behind-snapshot",
        summary: "a follower installs a snapshot and keeps a log that conflicts with it",
        breaks: properties::LOG_TERMS_GROW,
        instance: "snapshot",
        bug: KeepsAnySuffix::BUG,
    },
    Mutant {
        name: "installs-old-snapshots",
        summary: "a follower installs a snapshot that is behind what it has applied",
        breaks: properties::COMMITS_GROW,
        instance: "snapshot-late",
        bug: InstallsOldSnapshots::BUG,
    },
    Mutant {
        name: "sends-no-sessions",
        summary: "a leader sends snapshots without the sessions of clients",
        breaks: properties::REPLICAS_AGREE,
        instance: "snapshot-sessions",
        bug: Bug::Effects(sends_no_sessions),
    },
    Mutant {
        name: "restores-no-sessions",
        summary: "a restart restores a snapshot without the sessions of clients",
        breaks: properties::REPLICAS_AGREE,
        instance: "snapshot-sessions-crash",
        bug: Bug::Recovered(restores_no_sessions),
    },
    Mutant {
        name: "counts-earlier-rounds",
        summary: "a leader takes an answer to what it asked when it led before for one of its new term",
        breaks: properties::CONFIRMED_IN_TERM,
        instance: "leads-again",
        bug: CountsEarlierRounds::BUG,
    },
    Mutant {
        name: "reads-without-quorum",
        summary: "a leader reads without asking who still follows it",
        breaks: properties::LINEARIZABLE,
        instance: "reads",
        bug: NeedsNoQuorumToRead::BUG,
    },
    Mutant {
        name: "reads-before-own-entry",
        summary: "a leader reads before an entry of its own term is committed",
        breaks: properties::LINEARIZABLE,
        instance: "reads",
        bug: ReadsWhatItKnows::BUG,
    },
    Mutant {
        name: "applies-again",
        summary: "a command that a client has sent again is applied again",
        breaks: properties::APPLIED_ONCE,
        instance: "sessions",
        bug: AppliesAgain::BUG,
    },
    Mutant {
        name: "does-not-count-itself",
        summary: "a candidate does not count its own vote",
        breaks: liveness::ELECTED,
        instance: "elected-without-one",
        bug: DoesNotVoteForItself::BUG,
    },
    Mutant {
        name: "keeps-its-vote",
        summary: "a server that comes to a higher term still has the vote that it gave",
        breaks: liveness::ELECTED,
        instance: "elected-without-one",
        bug: KeepsItsVote::BUG,
    },
    Mutant {
        name: "wants-a-longer-log",
        summary: "a server votes only for a log that is more up to date than its own",
        breaks: liveness::ELECTED,
        instance: "elected",
        bug: WantsMoreThanItHas::BUG,
    },
    Mutant {
        name: "never-refuses",
        summary: "a follower whose log does not match does not say so",
        breaks: bounded_liveness::CATCHES_UP,
        instance: "catches-up",
        bug: Bug::Effects(|_, _, effects| {
            unsent(effects, |message| {
                matches!(message, Message::NotAppended { .. })
            })
        }),
    },
    Mutant {
        name: "never-sends-snapshots",
        summary: "what a leader has compacted is sent to nobody",
        breaks: bounded_liveness::CATCHES_UP,
        instance: "catches-up-by-snapshot",
        bug: Bug::Effects(|_, _, effects| {
            unsent(effects, |message| {
                matches!(message, Message::InstallSnapshot { .. })
            })
        }),
    },
];
