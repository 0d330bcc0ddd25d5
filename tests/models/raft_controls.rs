//! What may be done in another way than Raft does it: changes of its rules and of its effects that break nothing. A check
//! that finds bugs has to let these pass.

use quorate::protocol::Effect;
use quorate::raft::{
    Configuration, Published, Purpose, Raft, Record, Register, Rules, ServerSet, State,
};
use quorate_checker::check::Claimed;
use quorate_checker::{Options, explore};
use quorate_models::mutant::Mutated;
use quorate_models::raft::mutants::MUTANTS;
use quorate_models::raft::parameters::{Parameters, instances};
use quorate_models::raft::properties::{ANSWERS_ARE_DURABLE, AnyRaft};
use quorate_models::raft::{model, protocol};

fn parameters(instance: &str) -> Parameters {
    let mut instances = instances().into_iter();
    let instance = instances.find(|known| known.name == instance);
    instance.expect("a named instance").parameters
}

/// The claims that do not hold, by name; every state has been looked at.
fn broken<P: AnyRaft>(parameters: &Parameters, protocol: P) -> Vec<&'static str>
where
    quorate_models::raft::Model<P>: Send + Sync,
{
    parameters.validate().expect("sensible parameters");
    let Claimed {
        model,
        properties,
        fairness,
    } = model(parameters, protocol);
    let found = explore(&model, &properties, &fairness, &Options::default());
    assert!(found.exhausted());
    let broken = found
        .verdicts
        .iter()
        .filter(|verdict| !verdict.as_expected());
    broken.map(|verdict| verdict.property.name).collect()
}

/// Elects with more than half, and commits with half.
#[derive(Clone, Copy, Debug)]
struct CommitsWithHalf;

impl Rules for CommitsWithHalf {
    fn is_quorum(
        &self,
        configuration: &Configuration,
        purpose: Purpose,
        servers: ServerSet,
    ) -> bool {
        let voters = configuration.voters.len();
        match purpose {
            Purpose::Election => servers.len() > voters / 2,
            Purpose::Commitment | Purpose::Reading => 2 * servers.len() >= voters,
        }
    }
}

/// Each set that elects and each that commits have a server in common: that is all that is needed of them (§5.4.3).
#[test]
fn of_an_even_number_of_servers_half_may_commit_if_more_elect() {
    let two = parameters("snapshot-crash");
    let four = Parameters {
        servers: 4,
        commands: 0,
        ..parameters("commands")
    };
    for parameters in [two, Parameters { terms: 2, ..four }] {
        let name = format!("{} servers", parameters.servers);
        let broken = broken(&parameters, protocol(&parameters, CommitsWithHalf));
        assert!(broken.is_empty(), "{name}: {broken:?}");
    }
}

/// The mutant that is found among five servers.
#[test]
fn two_of_four_servers_may_commit_where_two_of_five_may_not() {
    let mut mutants = MUTANTS.iter();
    let mutant = mutants.find(|mutant| mutant.name == "commits-with-two");
    let mutant = mutant.expect("a listed mutant");
    let five = parameters(mutant.instance);
    assert_eq!(five.servers, 5);
    for servers in [3, 4] {
        let fewer = Parameters {
            servers,
            ..five.clone()
        };
        // Among so few nothing is overwritten there, by whatever rules.
        let published = broken(&fewer, protocol(&fewer, Published));
        assert_eq!(published, ["an entry is overwritten"]);
        let broken = broken(&fewer, mutant.protocol(&fewer));
        assert_eq!(broken, published, "{servers} servers");
    }
    let broken = broken(&five, mutant.protocol(&five));
    assert!(broken.contains(&mutant.breaks), "{broken:?}");
}

/// Effects, with the term and the vote of each record that has both in a record each.
fn apart(
    before: &State<Register>,
    effects: Vec<Effect<Raft<Register>>>,
    is_vote_first: bool,
) -> Vec<Effect<Raft<Register>>> {
    let split = |effect| match effect {
        Effect::Persist(Record::Term { term, voted_for }) if term != before.term => {
            let first = match is_vote_first {
                true => Record::Term {
                    term: before.term,
                    voted_for,
                },
                false => Record::Term {
                    term,
                    voted_for: before.voted_for,
                },
            };
            let second = Record::Term { term, voted_for };
            vec![Effect::Persist(first), Effect::Persist(second)]
        }
        other => vec![other],
    };
    effects.into_iter().flat_map(split).collect()
}

/// Term and vote in a record each, in this order: what that breaks in an instance.
fn broken_apart(instance: &str, is_vote_first: bool) -> Vec<&'static str> {
    let mut parameters = parameters(instance);
    // Room for one record more than a step writes.
    parameters.environment.pending_max = 4;
    let mut protocol = Mutated::of(protocol(&parameters, Published));
    protocol.effects = Some(match is_vote_first {
        true => |before, _, effects| apart(before, effects, true),
        false => |before, _, effects| apart(before, effects, false),
    });
    broken(&parameters, protocol)
}

/// A vote of the earlier term is for somebody who, if it asks in the later one, may as well have it.
#[test]
fn a_term_may_become_durable_before_the_vote_in_it() {
    for instance in ["election-two", "election-crash"] {
        let broken = broken_apart(instance, false);
        assert!(broken.is_empty(), "{instance}: {broken:?}");
    }
}

/// Whoever a server votes for had left the earlier term, with that on disk, before it asked: so a vote for it there elects
/// nobody. But that vote has taken the place of one that was told.
#[test]
fn a_vote_that_becomes_durable_before_its_term_elects_nobody_though_it_overwrites_another() {
    for instance in ["election-two", "election-crash"] {
        assert_eq!(
            broken_apart(instance, true),
            [ANSWERS_ARE_DURABLE],
            "{instance}"
        );
    }
}
