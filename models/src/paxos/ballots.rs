//! Ballots by rank: states of Paxos that differ in the numbers of ballots only.
//!
//! Processes compare ballots, and take the next one of their own. So what a state means is the order of its ballots,
//! and who owns which; their numbers mean nothing, but for one thing. A proposer that was rejected knows a ballot of
//! the other's, and takes the next one of its own: between these two there is no ballot, whatever their numbers. One
//! that starts, or starts again, knows none but its own last, and takes the next one *blindly*: whether that is above
//! another's depends on how many ballots lie between. So such gaps are kept, but no larger than the number of blind
//! steps that can still come.
//!
//! With three proposers that is not so: a rejected one takes a ballot above the one it heard of, and not knowing the
//! third's, so gaps of any size would matter. Hence there are at most [`PROPOSERS_MAX`].

use std::collections::{BTreeMap, BTreeSet};

use itertools::Itertools;
use quorate::paxos::{
    Acceptor, Ballot, Durable, Learner, Message, Progress, Proposer, Published, Record, Rules,
    State, Vote,
};
use quorate::protocol::Driver;

use super::Model;
use super::application::{Clients, Value};
use super::properties::AnyPaxos;
use crate::other_words::hold_back_in_other_words;
use crate::system::{Envelope, Interned, Process, SystemState};

/// How many proposers there may be.
pub const PROPOSERS_MAX: u16 = 2;

/// The same state with the lowest ballots that keep order, owners, and gaps as far as they matter.
pub fn canonical<P: AnyPaxos>(
    model: &Model<P>,
    state: &SystemState<P, Clients>,
) -> SystemState<P, Clients> {
    canonical_with_gaps(model, state, blind_steps(model, state))
}

/// The same, with gaps up to this size: [`canonical`] knows which.
pub fn canonical_with_gaps<P: AnyPaxos>(
    model: &Model<P>,
    state: &SystemState<P, Clients>,
    gap_max: u64,
) -> SystemState<P, Clients> {
    let mut ballots = BTreeSet::new();
    let mut note = |ballot| {
        ballots.insert(ballot);
        ballot
    };
    for (_, process) in state.processes() {
        renamed_process(process, &mut note);
    }
    for envelope in state.network.in_flight() {
        renamed_message(&envelope.message, &mut note);
    }
    let ranks = ranks(&ballots, may_take_the_first(model, state), gap_max);
    if ranks.iter().all(|(ballot, rank)| ballot == rank) {
        return state.clone();
    }
    model.in_other_words(
        state,
        |process| renamed_process(process, &mut |ballot| ranks[&ballot]),
        |message| renamed_message(message, &mut |ballot| ranks[&ballot]),
    )
}

/// What each of these ballots is called.
fn ranks(ballots: &BTreeSet<Ballot>, is_anchored: bool, gap_max: u64) -> BTreeMap<Ballot, Ballot> {
    let mut ranks = BTreeMap::new();
    let mut below: Option<(Ballot, Ballot)> = None;
    for &ballot in ballots {
        let lowest = |below| Published.ballot(below, None, ballot.proposer);
        let gap = match below {
            None if !is_anchored => 0,
            _ => ballot.round - lowest(below.map(|(ballot, _)| ballot)).round,
        };
        let mut rank = lowest(below.map(|(_, rank)| rank));
        rank.round += gap.min(gap_max);
        ranks.insert(ballot, rank);
        below = Some((ballot, rank));
    }
    ranks
}

fn proposers<'a, P: AnyPaxos>(
    model: &Model<P>,
    state: &'a SystemState<P, Clients>,
) -> impl Iterator<Item = &'a Process<P>> {
    let processes = state.processes().map(|(_, process)| process);
    processes.take(model.application().proposers.into())
}

/// Whether a proposer may, now or after a crash, take the first of its ballots.
fn may_take_the_first<P: AnyPaxos>(model: &Model<P>, state: &SystemState<P, Clients>) -> bool {
    proposers(model, state).any(|process| process.durable.campaign.is_none())
}

/// How many ballots may still be taken by proposers that know none but their own.
fn blind_steps<P: AnyPaxos>(model: &Model<P>, state: &SystemState<P, Clients>) -> u64 {
    let crashes = match state.stable {
        true => 0,
        false => model.environment().crashes - state.crashes,
    };
    let blind = proposers(model, state).filter(|process| match process.state() {
        Some(State::Proposer(proposer)) => match &proposer.progress {
            Progress::Waiting { heard } => Some(*heard) == proposer.ballot(),
            _ => proposer.campaign.is_none(),
        },
        _ => true,
    });
    u64::from(crashes) + blind.count() as u64
}

/// These messages with each other ballot in the place of each of theirs, up to the highest round among them: of the same
/// owners and in the same order. Round 0 is below all that are taken.
pub fn with_other_ballots(
    sent: &[Interned<Envelope<Message<Value>>>],
) -> Vec<Envelope<Message<Value>>> {
    let mut highest = 0;
    for envelope in sent {
        renamed_message(&envelope.message, &mut |ballot| {
            highest = highest.max(ballot.round);
            ballot
        });
    }
    let renamed = sent.iter().flat_map(|envelope| {
        let mut own = BTreeSet::new();
        renamed_message(&envelope.message, &mut |ballot| {
            own.insert(ballot);
            ballot
        });
        let rounds = own.iter().map(|_| 0..=highest).multi_cartesian_product();
        let ballots = rounds.map(move |rounds| {
            let others = own.iter().zip(rounds).map(|(ballot, round)| {
                let proposer = ballot.proposer;
                (*ballot, Ballot { round, proposer })
            });
            others.collect::<BTreeMap<Ballot, Ballot>>()
        });
        let in_order = ballots.filter(|others| others.values().tuple_windows().all(|(a, b)| a < b));
        in_order.map(|others| Envelope {
            message: renamed_message(&envelope.message, &mut |ballot| others[&ballot]),
            ..Envelope::clone(envelope)
        })
    });
    renamed.unique().collect()
}

type Rename<'a> = &'a mut dyn FnMut(Ballot) -> Ballot;

fn renamed_vote(vote: &Vote<Value>, rename: Rename<'_>) -> Vote<Value> {
    let (ballot, value) = *vote;
    (rename(ballot), value)
}

fn renamed_process<P: AnyPaxos>(process: &Process<P>, rename: Rename<'_>) -> Process<P> {
    let driver = process.driver.as_ref().map(|driver| {
        let hold_back = hold_back_in_other_words(
            &driver.hold_back,
            &mut (&mut *rename),
            |record, rename| renamed_record(record, *rename),
            |message, rename| renamed_message(message, *rename),
        );
        let state = renamed_state(&driver.state, rename);
        Driver { state, hold_back }
    });
    Process {
        id: process.id,
        driver,
        durable: renamed_durable(&process.durable, rename),
    }
}

fn renamed_state(knows: &State<Value>, rename: Rename<'_>) -> State<Value> {
    match knows {
        State::Proposer(Proposer { campaign, progress }) => State::Proposer(Proposer {
            campaign: campaign.as_ref().map(|vote| renamed_vote(vote, rename)),
            progress: match progress {
                Progress::Preparing { promises, adopted } => Progress::Preparing {
                    promises: *promises,
                    adopted: adopted.as_ref().map(|vote| renamed_vote(vote, rename)),
                },
                Progress::Waiting { heard } => Progress::Waiting {
                    heard: rename(*heard),
                },
                Progress::Idle | Progress::Accepting { .. } | Progress::Decided { .. } => {
                    progress.clone()
                }
            },
        }),
        State::Acceptor(Acceptor { promised, accepted }) => State::Acceptor(Acceptor {
            promised: promised.map(&mut *rename),
            accepted: accepted.as_ref().map(|vote| renamed_vote(vote, rename)),
        }),
        State::Learner(Learner::Counting(votes)) => {
            let votes = votes.iter();
            let votes = votes.map(|(acceptor, vote)| (*acceptor, renamed_vote(vote, rename)));
            State::Learner(Learner::Counting(votes.collect()))
        }
        State::Learner(Learner::Learned(_)) => knows.clone(),
    }
}

fn renamed_durable(durable: &Durable<Value>, rename: Rename<'_>) -> Durable<Value> {
    Durable {
        campaign: (durable.campaign.as_ref()).map(|vote| renamed_vote(vote, rename)),
        promised: durable.promised.map(&mut *rename),
        accepted: (durable.accepted.as_ref()).map(|vote| renamed_vote(vote, rename)),
    }
}

fn renamed_record(record: &Record<Value>, rename: Rename<'_>) -> Record<Value> {
    let mut record = record.clone();
    match &mut record {
        Record::Campaign { ballot, .. }
        | Record::Promised { ballot }
        | Record::Accepted { ballot, .. } => *ballot = rename(*ballot),
    }
    record
}

fn renamed_message(message: &Message<Value>, rename: Rename<'_>) -> Message<Value> {
    let mut message = message.clone();
    match &mut message {
        Message::Prepare { ballot }
        | Message::Accept { ballot, .. }
        | Message::Accepted { ballot, .. } => *ballot = rename(*ballot),
        Message::Promise { ballot, accepted } => {
            *ballot = rename(*ballot);
            *accepted = accepted.as_ref().map(|vote| renamed_vote(vote, rename));
        }
        Message::Rejected { ballot, promised } => {
            *ballot = rename(*ballot);
            *promised = rename(*promised);
        }
        Message::Decision { .. } | Message::Inquire => {}
    }
    message
}
