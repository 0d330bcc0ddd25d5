//! A process, and the three phases when nobody fails.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{
    COORDINATOR, Decision, Durable, Message, Output, Record, Refusal, Remembered, Request, Rules,
    ThreePhaseCommit, Timer, TransactionId, Vote,
};
use crate::protocol::{Effects, ProcessId};

/// What a process knows.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct State {
    /// The epoch of the ids that the coordinator gives out, from 1; a participant's is 0.
    pub epoch: u64,
    /// How many ids of this epoch it has given out.
    pub begun: u64,
    /// Where each transaction stands.
    pub transactions: BTreeMap<TransactionId, Progress>,
}

/// Where a transaction stands at a process that knows it.
#[derive(Clone, Eq, Hash, PartialEq)]
pub enum Progress {
    /// The application is at work. Volatile.
    Working,
    /// The process takes part, and knows no outcome.
    Undecided(Undecided),
    /// It has failed since it took part, and asks for the outcome.
    Recovering {
        /// Who takes part, beside the coordinator.
        participants: BTreeSet<ProcessId>,
    },
    /// Finished.
    Committed,
    /// Finished.
    Aborted,
}

/// What a process knows of a transaction that is undecided.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Undecided {
    /// Who takes part, beside the coordinator.
    pub participants: BTreeSet<ProcessId>,
    /// Whether it knows that all have voted Yes. Otherwise it is uncertain.
    pub is_committable: bool,
    /// Whom it follows; itself, if it coordinates.
    pub coordinator: ProcessId,
    /// Who has failed, as far as it knows, those before the coordinator included.
    pub failed: BTreeSet<ProcessId>,
    /// If it coordinates: what it waits for.
    pub round: Option<Round>,
}

/// What a coordinator waits for.
#[derive(Clone, Eq, Hash, PartialEq)]
pub enum Round {
    /// The first phase.
    Votes {
        /// Who has voted Yes.
        yes: BTreeSet<ProcessId>,
    },
    /// The termination protocol: where all stand.
    Reports {
        /// Where those stand who have said so, itself included.
        reports: BTreeMap<ProcessId, Standing>,
    },
    /// The second phase.
    Acknowledgements {
        /// Who is committable, itself included.
        from: BTreeSet<ProcessId>,
    },
}

/// Where a transaction stands at a process, whether it knows it or not.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Standing {
    /// No trace of it: no work begun, or the work lost in a crash.
    Unknown,
    /// The application is at work.
    Working,
    /// It has voted Yes, or asked for votes, and does not know whether all have voted Yes.
    Uncertain,
    /// All have voted Yes.
    Committable,
    /// It has failed since it took part, and knows no outcome.
    Recovering,
    /// Finished.
    Committed,
    /// Finished.
    Aborted,
}

impl State {
    /// Where a transaction stands.
    pub fn standing(&self, transaction: TransactionId) -> Standing {
        match self.transactions.get(&transaction) {
            None => Standing::Unknown,
            Some(Progress::Working) => Standing::Working,
            Some(Progress::Undecided(undecided)) => undecided.standing(),
            Some(Progress::Recovering { .. }) => Standing::Recovering,
            Some(Progress::Committed) => Standing::Committed,
            Some(Progress::Aborted) => Standing::Aborted,
        }
    }

    pub(super) fn undecided(&mut self, transaction: TransactionId) -> Option<&mut Undecided> {
        match self.transactions.get_mut(&transaction)? {
            Progress::Undecided(undecided) => Some(undecided),
            _ => None,
        }
    }

    /// The timers that are set: a function of the rest.
    pub(super) fn timers(&self) -> Vec<Timer> {
        let transactions = self.transactions.keys();
        transactions
            .flat_map(|&transaction| self.timers_of(transaction))
            .collect()
    }

    /// Those of one transaction.
    pub(super) fn timers_of(&self, transaction: TransactionId) -> Vec<Timer> {
        match self.transactions.get(&transaction) {
            Some(Progress::Undecided(Undecided {
                round: Some(Round::Votes { .. }),
                ..
            })) => vec![Timer::Deadline { transaction }],
            Some(Progress::Undecided(undecided)) => {
                let suspect = |process| Timer::Suspect {
                    transaction,
                    process,
                };
                let suspects = undecided.awaited().map(suspect);
                core::iter::once(Timer::Resend { transaction })
                    .chain(suspects)
                    .collect()
            }
            Some(Progress::Recovering { .. }) => vec![Timer::Inquire { transaction }],
            None | Some(Progress::Working | Progress::Committed | Progress::Aborted) => Vec::new(),
        }
    }

    pub(super) fn durable(&self) -> Durable {
        let remembered = |(&transaction, progress): (&TransactionId, &Progress)| {
            let remembered = match progress {
                Progress::Working => return None,
                Progress::Undecided(Undecided { participants, .. })
                | Progress::Recovering { participants } => Remembered::Prepared {
                    participants: participants.clone(),
                },
                Progress::Committed => Remembered::Committed,
                Progress::Aborted => Remembered::Aborted,
            };
            Some((transaction, remembered))
        };
        Durable {
            epoch: self.epoch,
            transactions: self.transactions.iter().filter_map(remembered).collect(),
        }
    }
}

impl Undecided {
    pub(super) fn standing(&self) -> Standing {
        match self.is_committable {
            true => Standing::Committable,
            false => Standing::Uncertain,
        }
    }

    /// Those who take part, and are not known to have failed.
    pub(super) fn operational(&self) -> impl Iterator<Item = ProcessId> + use<'_> {
        everybody(&self.participants).filter(|process| !self.failed.contains(process))
    }

    pub(super) fn is_operational(&self, process: ProcessId) -> bool {
        self.operational().any(|operational| operational == process)
    }

    /// Of whom something is expected.
    pub(super) fn awaited(&self) -> impl Iterator<Item = ProcessId> + use<'_> {
        self.operational().filter(|process| match &self.round {
            None => *process == self.coordinator,
            Some(Round::Votes { yes }) => *process != COORDINATOR && !yes.contains(process),
            Some(Round::Reports { reports }) => !reports.contains_key(process),
            Some(Round::Acknowledgements { from }) => !from.contains(process),
        })
    }
}

/// The coordinator and these participants.
pub(super) fn everybody(
    participants: &BTreeSet<ProcessId>,
) -> impl Iterator<Item = ProcessId> + use<'_> {
    core::iter::once(COORDINATOR).chain(participants.iter().copied())
}

impl<R: Rules> ThreePhaseCommit<R> {
    pub(super) fn submit_to_coordinator(
        &self,
        state: &mut State,
        request: Request,
        effects: &mut dyn Effects<Self>,
    ) {
        match request {
            Request::Begin => {
                state.begun += 1;
                let transaction = TransactionId {
                    epoch: state.epoch,
                    number: state.begun,
                };
                state.transactions.insert(transaction, Progress::Working);
                effects.emit(Output::Begun(transaction));
            }
            Request::Work(transaction) => {
                effects.emit(Output::Refused(transaction, Refusal::Role));
            }
            Request::Commit {
                transaction,
                participants,
            } => self.prepare_all(state, transaction, participants, effects),
            Request::Abort(transaction) => match state.transactions.get(&transaction) {
                Some(Progress::Working) => self.abort_alone(state, transaction, effects),
                Some(Progress::Undecided(Undecided {
                    round: Some(Round::Votes { .. }),
                    ..
                })) => self.decide(COORDINATOR, state, transaction, Decision::Abort, effects),
                _ => refuse(state, transaction, effects),
            },
        }
    }

    pub(super) fn submit_to_participant(
        &self,
        state: &mut State,
        request: Request,
        effects: &mut dyn Effects<Self>,
    ) {
        match request {
            Request::Begin => {
                effects.emit(Output::Refused(TransactionId::default(), Refusal::Role));
            }
            Request::Commit { transaction, .. } => {
                effects.emit(Output::Refused(transaction, Refusal::Role));
            }
            Request::Work(transaction) => match state.standing(transaction) {
                Standing::Unknown | Standing::Working => {
                    state.transactions.insert(transaction, Progress::Working);
                    effects.emit(Output::Working(transaction));
                }
                _ => refuse(state, transaction, effects),
            },
            Request::Abort(transaction) => match state.standing(transaction) {
                Standing::Working => self.abort_alone(state, transaction, effects),
                _ => refuse(state, transaction, effects),
            },
        }
    }

    /// The first phase. Asking again for a commit that has been decided is answered again.
    fn prepare_all(
        &self,
        state: &mut State,
        transaction: TransactionId,
        participants: BTreeSet<ProcessId>,
        effects: &mut dyn Effects<Self>,
    ) {
        match state.standing(transaction) {
            Standing::Working => {}
            Standing::Unknown => {
                return effects.emit(Output::Refused(transaction, Refusal::Unknown));
            }
            Standing::Uncertain | Standing::Committable | Standing::Recovering => return,
            Standing::Committed => {
                return effects.emit(Output::Decided(transaction, Decision::Commit));
            }
            Standing::Aborted => {
                return effects.emit(Output::Decided(transaction, Decision::Abort));
            }
        }
        if participants.is_empty() || !participants.iter().all(|&p| self.is_participant(p)) {
            return effects.emit(Output::Refused(transaction, Refusal::Participants));
        }
        effects.persist(Record::Prepared {
            transaction,
            participants: participants.clone(),
        });
        let prepare = Message::Prepare {
            transaction,
            participants: participants.clone(),
        };
        effects.send_all(participants.iter().copied(), &prepare);
        let undecided = Undecided {
            participants,
            is_committable: false,
            coordinator: COORDINATOR,
            failed: BTreeSet::new(),
            round: Some(Round::Votes {
                yes: BTreeSet::new(),
            }),
        };
        let progress = Progress::Undecided(undecided);
        state.transactions.insert(transaction, progress);
    }

    pub(super) fn receive(
        &self,
        me: ProcessId,
        state: &mut State,
        from: ProcessId,
        message: Message,
        effects: &mut dyn Effects<Self>,
    ) {
        // Whoever takes no part has no say.
        if let Some(
            Progress::Undecided(Undecided { participants, .. })
            | Progress::Recovering { participants },
        ) = state.transactions.get(&message.transaction())
            && !everybody(participants).any(|process| process == from)
        {
            return;
        }
        match message {
            Message::Prepare {
                transaction,
                participants,
            } => {
                let is_sensible = participants.iter().all(|&p| self.is_participant(p));
                if from == COORDINATOR && participants.contains(&me) && is_sensible {
                    self.prepare(state, transaction, participants, effects);
                }
            }
            Message::Vote { transaction, vote } => {
                if me == COORDINATOR {
                    self.receive_vote(state, from, transaction, vote, effects);
                }
            }
            Message::PreCommit { transaction } => {
                self.pre_commit(me, state, from, transaction, effects);
            }
            Message::Acknowledge { transaction } => {
                if let Some(undecided) = state.undecided(transaction)
                    && undecided.is_operational(from)
                    && let Some(Round::Acknowledgements { from: all }) = &mut undecided.round
                {
                    all.insert(from);
                    self.check_acknowledgements(me, state, transaction, effects);
                }
            }
            Message::Decision {
                transaction,
                decision,
            } => {
                // What the coordinator is still working on nobody else has decided.
                if me != COORDINATOR || state.standing(transaction) != Standing::Working {
                    self.adopt(state, transaction, decision, effects);
                }
            }
            Message::Elected { transaction } => {
                self.elected(me, state, from, transaction, effects);
            }
            Message::StateRequest { transaction } => {
                self.report(me, state, from, transaction, effects);
            }
            Message::StateReport {
                transaction,
                standing,
            } => {
                let is_reported = matches!(
                    standing,
                    Standing::Aborted
                        | Standing::Uncertain
                        | Standing::Committable
                        | Standing::Committed
                );
                if let Some(undecided) = state.undecided(transaction)
                    && is_reported
                    && undecided.is_operational(from)
                    && let Some(Round::Reports { reports }) = &mut undecided.round
                {
                    reports.insert(from, standing);
                    self.check_reports(me, state, transaction, effects);
                }
            }
            Message::Inquire { transaction } => {
                self.answer(me, state, from, transaction, effects);
            }
        }
    }

    /// A participant votes: a promise, forced before it is given; or a No, forced before it is said.
    fn prepare(
        &self,
        state: &mut State,
        transaction: TransactionId,
        participants: BTreeSet<ProcessId>,
        effects: &mut dyn Effects<Self>,
    ) {
        let standing = state.standing(transaction);
        let Some(vote) = self.rules.vote(standing) else {
            return;
        };
        match (vote, state.transactions.get(&transaction)) {
            // It repeats a Yes to whom it has given it, and not if it has come to follow another since.
            (Vote::Yes, Some(Progress::Undecided(undecided))) => {
                if undecided.coordinator != COORDINATOR {
                    return;
                }
            }
            (Vote::Yes, _) => {
                effects.persist(Record::Prepared {
                    transaction,
                    participants: participants.clone(),
                });
                effects.emit(Output::Prepared(transaction));
                let undecided = Undecided {
                    participants,
                    is_committable: false,
                    coordinator: COORDINATOR,
                    failed: BTreeSet::new(),
                    round: None,
                };
                let progress = Progress::Undecided(undecided);
                state.transactions.insert(transaction, progress);
            }
            (Vote::No, Some(Progress::Aborted)) => {}
            (Vote::No, _) => self.abort_alone(state, transaction, effects),
        }
        effects.send(COORDINATOR, Message::Vote { transaction, vote });
    }

    fn receive_vote(
        &self,
        state: &mut State,
        from: ProcessId,
        transaction: TransactionId,
        vote: Vote,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(Undecided {
            round: Some(Round::Votes { yes }),
            participants,
            failed,
            ..
        }) = state.undecided(transaction)
        else {
            return;
        };
        if !participants.contains(&from) {
            return;
        }
        match vote {
            Vote::Yes => {
                yes.insert(from);
                if self.rules.pre_commits(yes.len(), participants.len()) {
                    self.pre_commit_all(COORDINATOR, state, transaction, effects);
                }
            }
            Vote::No => {
                // It has aborted, and need not be told.
                failed.insert(from);
                self.decide(COORDINATOR, state, transaction, Decision::Abort, effects);
            }
        }
    }

    /// Votes have not come in time. Nobody has been made committable: it may abort.
    pub(super) fn deadline(
        &self,
        state: &mut State,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        if let Some(undecided) = state.undecided(transaction)
            && let Some(Round::Votes { yes }) = &undecided.round
        {
            let (yes, participants) = (yes.len(), undecided.participants.len());
            let decision = self.rules.deadline(yes, participants);
            self.decide(COORDINATOR, state, transaction, decision, effects);
        }
    }

    /// The second phase, of the first coordinator or of one that terminates: all who are uncertain become
    /// committable, itself included.
    pub(super) fn pre_commit_all(
        &self,
        me: ProcessId,
        state: &mut State,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(undecided) = state.undecided(transaction) else {
            return;
        };
        let mut from = BTreeSet::from([me]);
        if let Some(Round::Reports { reports }) = &undecided.round {
            let committable = reports.iter().filter(|(_, s)| **s == Standing::Committable);
            from.extend(committable.map(|(&process, _)| process));
        }
        undecided.is_committable = true;
        undecided.round = Some(Round::Acknowledgements { from });
        effects.send_all(undecided.awaited(), &Message::PreCommit { transaction });
        self.check_acknowledgements(me, state, transaction, effects);
    }

    /// The second phase at a participant.
    fn pre_commit(
        &self,
        me: ProcessId,
        state: &mut State,
        from: ProcessId,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(undecided) = state.undecided(transaction) else {
            // Whoever has decided says so.
            if matches!(
                state.standing(transaction),
                Standing::Committed | Standing::Aborted
            ) {
                self.tell(me, state, from, transaction, effects);
            }
            return;
        };
        if self.rules.follows(!undecided.is_operational(from)) {
            undecided.follow(from);
            undecided.is_committable = true;
            effects.send(from, Message::Acknowledge { transaction });
        }
    }

    /// The commit point.
    pub(super) fn check_acknowledgements(
        &self,
        me: ProcessId,
        state: &mut State,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(undecided) = state.undecided(transaction) else {
            return;
        };
        let Some(Round::Acknowledgements { from }) = &undecided.round else {
            return;
        };
        let others = || undecided.operational().filter(|&process| process != me);
        let acknowledged = others().filter(|process| from.contains(process)).count();
        if self.rules.commits(acknowledged, others().count()) {
            self.decide(me, state, transaction, Decision::Commit, effects);
        }
    }

    /// A coordinator decides: forced before anyone learns of it. All who have not failed are told.
    pub(super) fn decide(
        &self,
        me: ProcessId,
        state: &mut State,
        transaction: TransactionId,
        decision: Decision,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(undecided) = state.undecided(transaction) else {
            return;
        };
        let told: Vec<ProcessId> = undecided.operational().filter(|p| *p != me).collect();
        self.settle(state, transaction, decision, effects);
        effects.send_all(told, &decided(transaction, decision));
    }

    /// Decides, and tells only the application: forced.
    pub(super) fn settle(
        &self,
        state: &mut State,
        transaction: TransactionId,
        decision: Decision,
        effects: &mut dyn Effects<Self>,
    ) {
        effects.persist(record(transaction, decision));
        finish(state, transaction, decision, effects);
    }

    /// Its own abort, of what it has not voted on: forced before anyone learns of it, because the network may
    /// deliver a Prepare, and the application redo the work, after a crash has forgotten it.
    pub(super) fn abort_alone(
        &self,
        state: &mut State,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        self.settle(state, transaction, Decision::Abort, effects);
    }

    /// The outcome is told. An abort is not forced: if a crash loses it, the process is recovering, or does
    /// not know the transaction, as before.
    fn adopt(
        &self,
        state: &mut State,
        transaction: TransactionId,
        decision: Decision,
        effects: &mut dyn Effects<Self>,
    ) {
        match (decision, state.standing(transaction)) {
            (
                Decision::Commit,
                Standing::Uncertain | Standing::Committable | Standing::Recovering,
            ) => self.settle(state, transaction, decision, effects),
            (
                Decision::Abort,
                Standing::Working
                | Standing::Uncertain
                | Standing::Committable
                | Standing::Recovering,
            ) => {
                effects.append(record(transaction, decision));
                finish(state, transaction, decision, effects);
            }
            // It is finished, or unknown; a commit of what was not voted on is sent by no correct process.
            _ => {}
        }
    }
}

impl Undecided {
    /// Follows a coordinator: all before it have failed, so that nobody listens to them again.
    pub(super) fn follow(&mut self, coordinator: ProcessId) {
        let before = everybody(&self.participants).filter(|&process| process < coordinator);
        self.failed.extend(before);
        self.coordinator = coordinator;
        self.round = None;
    }
}

fn finish<R: Rules>(
    state: &mut State,
    transaction: TransactionId,
    decision: Decision,
    effects: &mut dyn Effects<ThreePhaseCommit<R>>,
) {
    effects.emit(Output::Decided(transaction, decision));
    let progress = match decision {
        Decision::Commit => Progress::Committed,
        Decision::Abort => Progress::Aborted,
    };
    state.transactions.insert(transaction, progress);
}

fn record(transaction: TransactionId, decision: Decision) -> Record {
    match decision {
        Decision::Commit => Record::Committed { transaction },
        Decision::Abort => Record::Aborted { transaction },
    }
}

pub(super) fn decided(transaction: TransactionId, decision: Decision) -> Message {
    Message::Decision {
        transaction,
        decision,
    }
}

/// A request that cannot be met.
fn refuse<R: Rules>(
    state: &State,
    transaction: TransactionId,
    effects: &mut dyn Effects<ThreePhaseCommit<R>>,
) {
    let refusal = match state.standing(transaction) {
        Standing::Unknown | Standing::Working => Refusal::Unknown,
        Standing::Uncertain | Standing::Committable | Standing::Recovering => Refusal::Prepared,
        Standing::Committed | Standing::Aborted => Refusal::Finished,
    };
    effects.emit(Output::Refused(transaction, refusal));
}
