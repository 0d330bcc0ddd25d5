//! Paxos with so many ballots and no more: when a proposer that is alone leads to a decision, and what a ballot brings
//! where there are two.

use itertools::iproduct;
use quorate::paxos::{Paxos, Published};
use quorate_checker::check::Claimed;
use quorate_checker::{Answer, Options, Property, explore};
use quorate_models::paxos::application::Value;
use quorate_models::paxos::bounded_liveness::{ALL_LEARN, BALLOT_DECIDES, claims, fairness};
use quorate_models::paxos::parameters::Parameters;
use quorate_models::paxos::{Model, model, protocol};
use quorate_models::system::{Disk, Environment, NetworkKind};

type Protocol = Paxos<Value>;

fn claimed(parameters: &Parameters) -> Claimed<Model<Protocol>> {
    parameters.validate().expect("sensible parameters");
    model(parameters, protocol(parameters, Published))
}

fn holds(parameters: &Parameters, property: Property<Model<Protocol>>) -> bool {
    let Claimed { model, .. } = claimed(parameters);
    let fairness = fairness(parameters);
    let exploration = explore(&model, &[property], &fairness, &Options::default());
    assert!(exploration.exhausted(), "{parameters:?}");
    match exploration.verdicts[0].answer {
        Answer::Holds => true,
        Answer::Fails => false,
        other => panic!("{other:?}: {parameters:?}"),
    }
}

fn claim(parameters: &Parameters, name: &str) -> Property<Model<Protocol>> {
    let mut claims = claims(parameters).into_iter();
    claims.find(|claim| claim.name == name).expect("a claim")
}

/// What is expected of a lone proposer comes out, wherever it is claimed.
#[test]
fn a_lone_proposer_leads_to_a_decision_if_ballots_acceptors_and_messages_last() {
    let networks = [NetworkKind::Set, NetworkKind::Bag, NetworkKind::Fifo];
    let disks = [Disk::Atomic, Disk::Buffered];
    let (mut hold, mut fail) = (0, 0);
    for (acceptors, learners, ballots, crashes, recovery, drops, network, disk, inquiries) in iproduct!(
        1..=3,
        1..=2,
        1..=2,
        0..=1,
        [false, true],
        0..=2,
        networks,
        disks,
        [false, true]
    ) {
        let recovers = crashes > 0 && recovery;
        let size = acceptors + learners + u16::from(drops) + u16::from(recovers);
        if size > 4 || inquiries && (size > 3 || network != NetworkKind::Set) {
            continue;
        }
        let parameters = Parameters {
            proposers: 1,
            acceptors,
            learners,
            ballots,
            inquiries,
            environment: Environment {
                network,
                drops,
                crashes,
                recovery,
                disk,
                ..Environment::default()
            },
            ..Parameters::default()
        };
        let mut properties = claimed(&parameters).properties;
        properties.retain(|property| property.name == ALL_LEARN);
        let [property] = properties[..] else {
            panic!("one claim of {parameters:?}");
        };
        assert_eq!(
            holds(&parameters, property),
            property.expected,
            "{parameters:?}"
        );
        match property.expected {
            true => hold += 1,
            false => fail += 1,
        }
    }
    assert!(hold > 50 && fail > 50, "{hold} hold, {fail} fail");
}

/// Nobody outbids the last ballot there is: so all learn without a crash, and need not if its proposer crashes. Both are
/// owed to the bound. That a ballot decides, unless there is a higher one, is not.
#[test]
fn of_two_proposers_the_highest_ballot_decides_unless_its_proposer_crashes() {
    let two = |ballots, crashes| Parameters {
        acceptors: 2,
        ballots,
        environment: Environment {
            crashes,
            ..Environment::default()
        },
        ..Parameters::default()
    };
    for ballots in 2..=3 {
        let calm = two(ballots, 0);
        assert!(holds(&calm, claim(&calm, BALLOT_DECIDES)));
        assert!(holds(&calm, claim(&calm, ALL_LEARN)));
    }
    let crashing = two(2, 1);
    assert!(!holds(&crashing, claim(&crashing, BALLOT_DECIDES)));
    assert!(!holds(&crashing, claim(&crashing, ALL_LEARN)));
}
