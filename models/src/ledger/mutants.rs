//! Bugs of a ledger, each with the property that it must break and the instance that shows it. Those of the commitment
//! beneath it are in [`crate::two_phase_commit::mutants`] and [`crate::three_phase_commit::mutants`].

use quorate::ledger::{Ledger, Output, Record};
use quorate::protocol::{Effect, Protocol};
use quorate::two_phase_commit::TwoPhaseCommit;

use super::{ATOMIC, HAS_WORK, UP_TO_DATE};
use crate::mutant::{self, Bug};

/// A wrong ledger above two-phase commit. Its rules are those of that.
pub type Mutant = mutant::Mutant<(), Ledger<TwoPhaseCommit>>;

type State = <Ledger<TwoPhaseCommit> as Protocol>::State;
type Effects = Vec<Effect<Ledger<TwoPhaseCommit>>>;

fn without(effects: Effects, is_left_out: fn(&Effect<Ledger<TwoPhaseCommit>>) -> bool) -> Effects {
    let effects = effects.into_iter();
    effects.filter(|effect| !is_left_out(effect)).collect()
}

fn without_work(_: &State, _: &State, effects: Effects) -> Effects {
    without(effects, |effect| {
        matches!(effect, Effect::Append(Record::Work { .. }))
    })
}

fn without_applied(_: &State, _: &State, effects: Effects) -> Effects {
    without(effects, |effect| {
        matches!(effect, Effect::Append(Record::Applied { .. }))
    })
}

fn tells_what_is_in_doubt(_: &State, _: &State, mut effects: Effects) -> Effects {
    for effect in &mut effects {
        if let Effect::Emit(Output::Balance { balance, .. }) = effect {
            *balance = Ok(balance.clone().unwrap_or(0));
        }
    }
    effects
}

fn tells_early(_: &State, _: &State, mut effects: Effects) -> Effects {
    effects.sort_by_key(|effect| !matches!(effect, Effect::Emit(Output::Finished { .. })));
    effects
}

/// All mutants.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "work-not-written",
        summary: "a shard does not write what it shall do",
        breaks: ATOMIC,
        instance: "default",
        bug: Bug::Effects(without_work),
    },
    Mutant {
        name: "applied-not-written",
        summary: "a shard does not write that it has done a transfer",
        breaks: HAS_WORK,
        instance: "default",
        bug: Bug::Effects(without_applied),
    },
    Mutant {
        name: "balance-in-doubt-told",
        summary: "a shard tells a balance that is in doubt as if nothing were to happen to it",
        breaks: UP_TO_DATE,
        instance: "read",
        bug: Bug::Effects(tells_what_is_in_doubt),
    },
    Mutant {
        name: "told-before-decided",
        summary: "a coordinator tells a client before its decision is durable",
        breaks: ATOMIC,
        instance: "buffered",
        bug: Bug::Effects(tells_early),
    },
];
