//! Accounts over shards: every run of small ledgers, above two-phase and three-phase commit; and bugs of the application, each
//! of which is found.

use quorate::ledger::{Change, Ledger, Output, Record};
use quorate::protocol::{Effect, ProcessId, Protocol};
use quorate::three_phase_commit::ThreePhaseCommit;
use quorate::two_phase_commit::TwoPhaseCommit;
use quorate_models::checker::{Answer, Exploration, Options, explore};
use quorate_models::ledger::{
    AGREEMENT, ATOMIC, AnyLedger, Clients, HAS_WORK, Model, UP_TO_DATE, model,
};
use quorate_models::mutant::Mutated;
use quorate_models::system::{Disk, Environment, NetworkKind, Timers};

fn change(account: &str, by: i64) -> Change {
    let account = account.to_owned();
    Change { account, by }
}

/// Something for both accounts, each at another shard; and, with a second transfer, something from one to the other.
fn clients(transfers: usize, reads: bool) -> Clients {
    let transfers = [
        vec![change("a", 2), change("b", 1)],
        vec![change("a", -1), change("b", 1)],
    ][..transfers]
        .to_vec();
    let shard = two_phase_commit().shard("b");
    let reads = reads.then(|| (shard, "b".to_owned()));
    Clients { transfers, reads }
}

fn two_phase_commit() -> Ledger<TwoPhaseCommit> {
    Ledger::new(TwoPhaseCommit::new(2).unwrap())
}

fn three_phase_commit() -> Ledger<ThreePhaseCommit> {
    Ledger::new(ThreePhaseCommit::new(2).unwrap())
}

fn explored<P>(protocol: P, clients: Clients, environment: Environment) -> Exploration<Model<P>>
where
    P: AnyLedger + Sync,
    Model<P>: Sync,
{
    environment.validate(3).unwrap();
    let (model, properties) = model(protocol, clients, environment);
    let exploration = explore(&model, &properties, &[], &Options::default());
    assert!(exploration.exhausted());
    exploration
}

/// That all that is claimed comes out so, but for these.
fn holds<P>(protocol: P, clients: Clients, environment: Environment, but: &[&str])
where
    P: AnyLedger + Sync,
    Model<P>: Sync,
{
    let exploration = explored(protocol, clients, environment);
    for verdict in &exploration.verdicts {
        let fails = but.contains(&verdict.property.name);
        let expected = if fails { Answer::Fails } else { Answer::Holds };
        assert_eq!(verdict.answer, expected, "{}", verdict.property.name);
    }
    println!("{} states", exploration.progress.unique);
}

fn crash() -> Environment {
    Environment {
        crashes: 1,
        ..Environment::default()
    }
}

#[test]
fn accounts_are_at_both_shards() {
    let ledger = two_phase_commit();
    assert_ne!(ledger.shard("a"), ledger.shard("b"));
}

#[test]
fn a_transfer_is_all_or_nothing_though_any_process_crashes_once() {
    holds(two_phase_commit(), clients(1, false), crash(), &[]);
}

#[test]
fn a_transfer_is_all_or_nothing_though_records_that_were_not_synced_are_lost() {
    let environment = Environment {
        disk: Disk::Buffered,
        ..crash()
    };
    holds(two_phase_commit(), clients(1, false), environment, &[]);
}

#[test]
fn two_transfers_on_the_same_accounts_do_not_mix() {
    holds(
        two_phase_commit(),
        clients(2, false),
        Environment::default(),
        &[],
    );
}

#[test]
fn a_balance_has_what_a_client_was_told_is_done() {
    holds(two_phase_commit(), clients(1, true), crash(), &[]);
}

#[test]
fn above_three_phase_commit_it_is_all_or_nothing_where_suspicions_are_right() {
    let environment = Environment {
        network: NetworkKind::Bag,
        timers: Timers::Accurate,
        ..crash()
    };
    holds(three_phase_commit(), clients(1, false), environment, &[]);
}

#[test]
fn above_three_phase_commit_it_is_not_where_they_are_wrong() {
    let but = [ATOMIC, AGREEMENT];
    holds(
        three_phase_commit(),
        clients(1, false),
        Environment::default(),
        &but,
    );
}

type Effects = Vec<Effect<Ledger<TwoPhaseCommit>>>;
type State = <Ledger<TwoPhaseCommit> as Protocol>::State;

/// That a ledger with such a bug breaks this.
fn breaks(
    effects: fn(&State, &State, Effects) -> Effects,
    clients: Clients,
    environment: Environment,
    claim: &str,
) {
    let mut mutated = Mutated::of(two_phase_commit());
    mutated.effects = Some(effects);
    let exploration = explored(mutated, clients, environment);
    let verdict = exploration.verdict(claim).unwrap();
    assert_eq!(verdict.answer, Answer::Fails, "{claim}");
}

fn without(effects: Effects, is_left_out: fn(&Effect<Ledger<TwoPhaseCommit>>) -> bool) -> Effects {
    let effects = effects.into_iter();
    effects.filter(|effect| !is_left_out(effect)).collect()
}

#[test]
fn a_shard_that_does_not_write_its_work_loses_half_a_transfer() {
    let no_work: fn(&State, &State, Effects) -> Effects = |_, _, effects| {
        without(effects, |effect| {
            matches!(effect, Effect::Append(Record::Work { .. }))
        })
    };
    breaks(no_work, clients(1, false), crash(), ATOMIC);
}

#[test]
fn a_shard_that_does_not_write_that_it_has_applied_a_transfer_is_found_out() {
    let not_applied: fn(&State, &State, Effects) -> Effects = |_, _, effects| {
        without(effects, |effect| {
            matches!(effect, Effect::Append(Record::Applied { .. }))
        })
    };
    breaks(
        not_applied,
        clients(1, false),
        Environment::default(),
        HAS_WORK,
    );
}

#[test]
fn a_shard_that_tells_a_balance_that_is_in_doubt_tells_an_old_one() {
    let tells: fn(&State, &State, Effects) -> Effects = |_, _, mut effects| {
        for effect in &mut effects {
            if let Effect::Emit(Output::Balance { balance, .. }) = effect {
                *balance = Ok(balance.clone().unwrap_or(0));
            }
        }
        effects
    };
    breaks(tells, clients(1, true), Environment::default(), UP_TO_DATE);
}

#[test]
fn a_coordinator_that_tells_before_it_has_decided_is_found_out() {
    let early: fn(&State, &State, Effects) -> Effects = |_, _, mut effects| {
        effects.sort_by_key(|effect| !matches!(effect, Effect::Emit(Output::Finished { .. })));
        effects
    };
    let environment = Environment {
        disk: Disk::Buffered,
        ..crash()
    };
    breaks(early, clients(1, false), environment, ATOMIC);
}

#[test]
fn only_a_shard_has_balances_and_only_a_coordinator_transfers() {
    let ledger = two_phase_commit();
    assert_eq!(ledger.name(ProcessId(0)), "coordinator");
    assert_eq!(ledger.name(ProcessId(2)), "shard 2");
}
