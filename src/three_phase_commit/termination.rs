//! What happens when somebody fails: the termination protocol among those who have not, and recovery of
//! those who have (Bernstein, Hadzilacos, Goodman 1987, §7.5).

use alloc::collections::BTreeMap;

use super::process::{decided, everybody};
use super::{
    COORDINATOR, Decision, Durable, Message, Output, Progress, Record, Remembered, Round, Rules,
    Standing, State, Termination, ThreePhaseCommit, TransactionId,
};
use crate::protocol::{Effects, ProcessId};

impl<R: Rules> ThreePhaseCommit<R> {
    /// A process has failed: it was suspected, or says so itself.
    pub(super) fn fails(
        &self,
        me: ProcessId,
        state: &mut State,
        transaction: TransactionId,
        process: ProcessId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(undecided) = state.undecided(transaction) else {
            return;
        };
        if !undecided.is_operational(process) {
            return;
        }
        undecided.failed.insert(process);
        match undecided.round {
            Some(Round::Votes { .. }) => self.deadline(state, transaction, effects),
            Some(Round::Reports { .. }) => self.check_reports(me, state, transaction, effects),
            Some(Round::Acknowledgements { .. }) => {
                self.check_acknowledgements(me, state, transaction, effects);
            }
            None if undecided.coordinator == process => {
                match self.rules.coordinator_failed(undecided.standing()) {
                    Some(decision) => self.settle(state, transaction, decision, effects),
                    None => self.elect(me, state, transaction, effects),
                }
            }
            None => {}
        }
    }

    /// The coordinator has failed: whoever is next in the order of ids coordinates.
    fn elect(
        &self,
        me: ProcessId,
        state: &mut State,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(undecided) = state.undecided(transaction) else {
            return;
        };
        let last = undecided.coordinator;
        let next = undecided.operational().find(|&process| process > last);
        match next {
            Some(process) if process == me => self.terminate(me, state, transaction, effects),
            Some(process) => {
                undecided.follow(process);
                effects.send(process, Message::Elected { transaction });
            }
            // It has come to follow a later one, though it had not failed, and that one has: somebody's
            // suspicion was wrong.
            None => {}
        }
    }

    /// A process is told that it is to coordinate, because all before it have failed.
    pub(super) fn elected(
        &self,
        me: ProcessId,
        state: &mut State,
        from: ProcessId,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        match state.transactions.get(&transaction) {
            Some(Progress::Undecided(undecided)) => {
                if undecided.coordinator < me {
                    self.terminate(me, state, transaction, effects);
                }
            }
            // That it has failed itself, its inquiry says.
            Some(Progress::Recovering { .. }) => {}
            None | Some(Progress::Working | Progress::Committed | Progress::Aborted) => {
                self.tell(me, state, from, transaction, effects);
            }
        }
    }

    /// Begins to coordinate: asks where all stand.
    fn terminate(
        &self,
        me: ProcessId,
        state: &mut State,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(undecided) = state.undecided(transaction) else {
            return;
        };
        undecided.follow(me);
        let reports = BTreeMap::from([(me, undecided.standing())]);
        undecided.round = Some(Round::Reports { reports });
        effects.send_all(undecided.awaited(), &Message::StateRequest { transaction });
        self.check_reports(me, state, transaction, effects);
    }

    /// A later coordinator asks where the process stands. From now on it ignores those before.
    pub(super) fn report(
        &self,
        me: ProcessId,
        state: &mut State,
        from: ProcessId,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        match state.standing(transaction) {
            Standing::Uncertain | Standing::Committable => {
                let Some(undecided) = state.undecided(transaction) else {
                    return;
                };
                if !self.rules.follows(!undecided.is_operational(from)) {
                    return;
                }
                undecided.follow(from);
            }
            // It is not counted.
            Standing::Recovering => return,
            // One that has not voted aborts, and is counted as aborted.
            Standing::Unknown | Standing::Working => {
                if me == COORDINATOR {
                    return;
                }
                self.abort_alone(state, transaction, effects);
            }
            Standing::Committed | Standing::Aborted => {}
        }
        let standing = state.standing(transaction);
        let report = Message::StateReport {
            transaction,
            standing,
        };
        effects.send(from, report);
    }

    /// The termination rules, when all that are operational have reported.
    pub(super) fn check_reports(
        &self,
        me: ProcessId,
        state: &mut State,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(undecided) = state.undecided(transaction) else {
            return;
        };
        let Some(Round::Reports { reports }) = &undecided.round else {
            return;
        };
        if undecided.awaited().next().is_some() {
            return;
        }
        let count = |wanted| reports.values().filter(|&&s| s == wanted).count();
        let (aborted, committed) = (count(Standing::Aborted), count(Standing::Committed));
        let committable = count(Standing::Committable);
        match self.rules.terminates(aborted, committed, committable) {
            Termination::Decide(decision) => {
                self.decide(me, state, transaction, decision, effects);
            }
            Termination::PreCommit => self.pre_commit_all(me, state, transaction, effects),
        }
    }

    /// Takes up what the disk remembers: whoever was undecided asks everybody for the outcome. Work is gone.
    pub(super) fn start(
        &self,
        me: ProcessId,
        state: &mut State,
        durable: Durable,
        effects: &mut dyn Effects<Self>,
    ) {
        if me == COORDINATOR {
            state.epoch = self.rules.epoch(durable.epoch);
            effects.persist(Record::Started { epoch: state.epoch });
        }
        for (transaction, remembered) in durable.transactions {
            let progress = match remembered {
                Remembered::Committed => {
                    effects.emit(Output::Decided(transaction, Decision::Commit));
                    Progress::Committed
                }
                Remembered::Aborted => {
                    effects.emit(Output::Decided(transaction, Decision::Abort));
                    Progress::Aborted
                }
                Remembered::Prepared { participants } => {
                    if me != COORDINATOR {
                        effects.emit(Output::Prepared(transaction));
                    }
                    let others = everybody(&participants).filter(|&process| process != me);
                    effects.send_all(others, &Message::Inquire { transaction });
                    Progress::Recovering { participants }
                }
            };
            state.transactions.insert(transaction, progress);
        }
    }

    /// Still recovering: asks again.
    pub(super) fn inquire(
        &self,
        me: ProcessId,
        state: &mut State,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let Some(Progress::Recovering { participants }) = state.transactions.get(&transaction)
        else {
            return;
        };
        if let Some(decision) = self.rules.recovering() {
            return self.settle(state, transaction, decision, effects);
        }
        let others = everybody(participants).filter(|&process| process != me);
        effects.send_all(others, &Message::Inquire { transaction });
    }

    /// A process asks for the outcome, which says that it has failed.
    pub(super) fn answer(
        &self,
        me: ProcessId,
        state: &mut State,
        from: ProcessId,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        self.fails(me, state, transaction, from, effects);
        self.tell(me, state, from, transaction, effects);
    }

    /// Tells the outcome, if it is known or the process can still make it abort.
    pub(super) fn tell(
        &self,
        me: ProcessId,
        state: &mut State,
        to: ProcessId,
        transaction: TransactionId,
        effects: &mut dyn Effects<Self>,
    ) {
        let standing = state.standing(transaction);
        let Some(decision) = self.rules.answer(standing) else {
            return;
        };
        if matches!(standing, Standing::Unknown | Standing::Working) {
            // The coordinator remembers whatever it has asked to vote on.
            if me == COORDINATOR {
                return;
            }
            self.abort_alone(state, transaction, effects);
        }
        effects.send(to, decided(transaction, decision));
    }
}

/// Says once more what may have been lost: on its way, or in a crash of the process that it was said to.
pub(super) fn resend<R: Rules>(
    state: &mut State,
    transaction: TransactionId,
    effects: &mut dyn Effects<ThreePhaseCommit<R>>,
) {
    let Some(undecided) = state.undecided(transaction) else {
        return;
    };
    let message = match undecided.round {
        // A coordinator that has decided tells the outcome.
        None => Message::Elected { transaction },
        Some(Round::Reports { .. }) => Message::StateRequest { transaction },
        Some(Round::Acknowledgements { .. }) => Message::PreCommit { transaction },
        // There is a deadline.
        Some(Round::Votes { .. }) => return,
    };
    effects.send_all(undecided.awaited(), &message);
}
