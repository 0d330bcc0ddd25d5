//! A state of the model as the spec has it: a value for each variable of `Paxos.tla`.
//!
//! Nothing is left out. What each proposer proposes, which is a constant of the spec, is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use quorate::paxos::{
    Acceptor, AcceptorSet, Ballot, Durable, Learner, Message, Output, Paxos, Progress, Proposer,
    Published, Record, State, Timer, Vote,
};
use quorate::protocol::{Pending, ProcessId, Release};
use quorate_checker::{Condition, Fairness, Property};
use quorate_models::framework::{Framework, RequestOrder};
use quorate_models::paxos::application::{self, Clients};
use quorate_models::paxos::bounded_liveness::{self, ALL_LEARN, BALLOT_DECIDES};
use quorate_models::paxos::parameters::Parameters;
use quorate_models::paxos::properties::{
    AGREEMENT, ANSWERS_ARE_DURABLE, CHOSEN_ONCE, HIGHER_BALLOTS, LEARNED_IS_CHOSEN,
    ONE_VALUE_A_BALLOT, RECOVERY_READS_BACK, VALIDITY, chosen, properties,
};
use quorate_models::paxos::{self, model, protocol};
use quorate_models::system::{
    Action, Disk, Envelope, Environment, NetworkKind, System, SystemState,
};

use super::instance::Instance;
use super::spec::{self, Changed, Named, Spec};
use super::value::{Value, process_id};

type Protocol = Paxos<application::Value>;

type Model = paxos::Model<Protocol>;

type ModelState = SystemState<Protocol, Clients>;

/// `Paxos.tla`.
pub struct PaxosSpec;

impl Spec for PaxosSpec {
    const NAME: &'static str = "Paxos";

    const MATTERS_IN: &'static [(&'static str, &'static str)] = &[
        ("Propose", "one"),
        ("Campaign", "one-buffered"),
        ("CountPromise", "one"),
        ("GiveUp", "rounds"),
        ("Resend", "live-lossy"),
        ("Phase1b", "one"),
        ("Phase2b", "one"),
        ("CountVote", "one"),
        ("Learn", "one"),
        ("Inquire", "inquiring"),
        ("Answer", "inquiring"),
        ("Flush", "one-buffered"),
        ("Crash", "one-buffered"),
        ("Recover", "one-buffered"),
        ("Drop", "live-lossy"),
    ];

    const FAIRNESS_MATTERS_IN: &'static [(&'static str, &'static str, &'static str)] = &[
        ("Receive", "live-one", "AllLearn"),
        ("Campaign", "live-one", "AllLearn"),
        ("Resend", "live-lossy", "AllLearn"),
        ("Inquire", "large-live-inquiring", "AllLearn"),
        ("Flush", "live-buffered", "AllLearn"),
        ("Recover", "live-one", "AllLearn"),
    ];

    const CHANGED: &'static [Changed] = &[
        Changed {
            without: "one promise of a quorum",
            rule: "HavePromised(S) == Cardinality(S) >= Quorum1",
            by: "HavePromised(S) == Cardinality(S) + 1 >= Quorum1",
            instance: "flexible-duel",
            violates: Some("Refines"),
        },
        Changed {
            without: "the votes that promises report",
            rule: "THEN <<Promise(a, m.from, m.bal, LastVote(a))>>",
            by: "THEN <<Promise(a, m.from, m.bal, NoVote)>>",
            instance: "flexible-duel",
            violates: Some("Refines"),
        },
        Changed {
            without: "giving way to what promises report",
            rule: "decree == IF adopted = NoVote THEN Proposal(p) ELSE adopted.val",
            by: "decree == Proposal(p)",
            instance: "flexible-duel",
            violates: Some("Refines"),
        },
        Changed {
            without: "keeping promises",
            rule: "accepts == m.bal >= maxBal[a]",
            by: "accepts == TRUE",
            instance: "flexible-duel",
            violates: Some("Refines"),
        },
        Changed {
            without: "a campaign's being above what it has heard of",
            rule: "NextBallot(p, Max(lastTried[p], progress[p].heard))",
            by: "NextBallot(p, lastTried[p])",
            instance: "large-four-ballots",
            violates: None,
        },
        Changed {
            without: "preferring the vote in the highest ballot",
            rule: "IF m.vote.bal > k.adopted.bal THEN m.vote",
            by: "IF k.adopted = NoVote THEN m.vote",
            instance: "large-adopting",
            violates: None,
        },
        Changed {
            without: "giving up in phase 2",
            rule: "progress[p].status \\in {\"trying\", \"polling\"}\n  IN",
            by: "progress[p].status = \"trying\"\n  IN",
            instance: "rounds",
            violates: None,
        },
        Changed {
            without: "accepting's being a promise",
            rule: "IN  /\\ Receives(m, \"Accept\")\n      /\\ maxBal' = [maxBal EXCEPT ![a] = Max(@, m.bal)]",
            by: "IN  /\\ Receives(m, \"Accept\")\n      /\\ UNCHANGED maxBal",
            instance: "one",
            violates: None,
        },
        Changed {
            without: "counting votes of one ballot only",
            rule: "next[a] = next[m.from]}",
            by: "next[a].val = m.val}",
            instance: "duel",
            violates: None,
        },
        Changed {
            without: "telling whoever still asks acceptors",
            rule: "React(m, <<>>, <<Decision(l, Owner(m.bal), outcome[l])>>)",
            by: "React(m, <<>>, <<>>)",
            instance: "bag",
            violates: None,
        },
        Changed {
            without: "what waits for any record",
            rule: "i \\in IF Duplicates THEN 1..last ELSE {last}",
            by: "i \\in {last}",
            instance: "buffered-inquiring",
            violates: None,
        },
        Changed {
            without: "what waits for the last record only",
            rule: "i \\in IF Duplicates THEN 1..last ELSE {last}",
            by: "i \\in 1..last",
            instance: "bag-buffered",
            violates: None,
        },
    ];

    type Model = Model;

    fn model(instance: &Instance) -> Model {
        let parameters = parameters(instance);
        model(&parameters, protocol(&parameters, Published)).model
    }

    fn render(instance: &Instance, state: &spec::State<Self>) -> BTreeMap<String, Value> {
        Rendering::of(instance).state(state)
    }

    fn invariants() -> Vec<Named<Property<Model>>> {
        let names = [
            ("Agreement", AGREEMENT),
            ("Validity", VALIDITY),
            ("OneIsChosen", CHOSEN_ONCE),
            ("HigherBallotsProposeIt", HIGHER_BALLOTS),
            ("OneValueABallot", ONE_VALUE_A_BALLOT),
            ("AnswersAreDurable", ANSWERS_ARE_DURABLE),
            ("LearnedIsChosen", LEARNED_IS_CHOSEN),
            ("RecoveryReadsBack", RECOVERY_READS_BACK),
        ];
        // Where messages stay all of these are claimed.
        spec::named(names, properties(&Parameters::default()))
    }

    fn steps() -> Vec<Named<Property<Model>>> {
        let refines = Condition::EveryStep(|model: &Model, state: &ModelState, _, next| {
            let values = |state| -> BTreeSet<_> {
                let chosen = chosen(model, state).into_iter();
                chosen.map(|(_, value)| value).collect()
            };
            let (before, after) = (values(state), values(next));
            after == before || before.is_empty() && after.len() == 1
        });
        vec![Named {
            name: "Refines",
            of_model: Property::holds("each step chooses the first value, or none", refines),
        }]
    }

    fn claims(instance: &Instance) -> Vec<Named<Property<Model>>> {
        let names = [("AllLearn", ALL_LEARN), ("BallotDecides", BALLOT_DECIDES)];
        spec::named(names, bounded_liveness::claims(&parameters(instance)))
    }

    fn fairness() -> Vec<Named<Fairness<Model>>> {
        let weak = |name, class| Named {
            name,
            of_model: Fairness::weak(name, class),
        };
        vec![
            weak("Receive", System::deliveries().class),
            weak("Campaign", |model, action| {
                timer(model, action, Timer::Campaign)
            }),
            weak("Resend", |model, action| {
                timer(model, action, Timer::Resend)
            }),
            weak("Inquire", |model, action| {
                timer(model, action, Timer::Inquire)
            }),
            weak("Flush", System::flushes().class),
            weak("Recover", System::recoveries().class),
        ]
    }
}

/// The class of an action that is the firing of this timer.
fn timer(model: &Model, action: &Action<Protocol>, timer: Timer) -> Option<u64> {
    match action {
        Action::Timeout(_, fired) if **fired == timer => (System::timers().class)(model, action),
        _ => None,
    }
}

/// The same instance of the model.
fn parameters(instance: &Instance) -> Parameters {
    let parameters = Parameters {
        framework: Framework::System,
        proposers: instance.count("Proposers"),
        acceptors: instance.count("Acceptors"),
        learners: instance.count("Learners"),
        ballots: instance.number("BallotsMax").into(),
        phase_1: instance.number("Quorum1").into(),
        phase_2: instance.number("Quorum2").into(),
        inquiries: instance.flag("Inquiries"),
        forgets_spent: instance.has_view(),
        reads: 0,
        requests: RequestOrder::Orderly,
        environment: Environment {
            network: match instance.flag("Duplicates") {
                true => NetworkKind::Set,
                false => NetworkKind::Bag,
            },
            drops: instance.number("DropsMax"),
            crashes: instance.number("CrashesMax"),
            down_max: instance.number("DownMax"),
            recovery: instance.flag("Recovery"),
            disk: match instance.flag("Buffered") {
                true => Disk::Buffered,
                false => Disk::Atomic,
            },
            pending_max: instance.number("PendingMax"),
            ..Environment::default()
        },
    };
    if let Err(why) = parameters.validate() {
        panic!("{}: {why}", instance.path.display());
    }
    parameters
}

/// Who has which role.
struct Rendering {
    proposers: Range<u16>,
    acceptors: Range<u16>,
    learners: Range<u16>,
}

impl Rendering {
    fn of(instance: &Instance) -> Self {
        let first_acceptor = instance.count("Proposers");
        let first_learner = first_acceptor + instance.count("Acceptors");
        Self {
            proposers: 0..first_acceptor,
            acceptors: first_acceptor..first_learner,
            learners: first_learner..first_learner + instance.count("Learners"),
        }
    }

    fn state(&self, state: &ModelState) -> BTreeMap<String, Value> {
        assert!(!state.stable && state.campaigned.is_none() && state.cut.is_empty());
        // What a process that is down knows is what it knew before it first started.
        let knows = |id: ProcessId| state.processes[id.index()].state().cloned();
        let proposer = |id| match knows(id) {
            Some(State::Proposer(proposer)) => proposer,
            None => Proposer::default(),
            other => panic!("{id:?} is no proposer: {other:?}"),
        };
        let acceptor = |id| match knows(id) {
            Some(State::Acceptor(acceptor)) => acceptor,
            None => Acceptor::default(),
            other => panic!("{id:?} is no acceptor: {other:?}"),
        };
        let learner = |id| match knows(id) {
            Some(State::Learner(learner)) => learner,
            None => Learner::default(),
            other => panic!("{id:?} is no learner: {other:?}"),
        };
        let proposers = || self.proposers.clone().map(ProcessId);
        let acceptors = || self.acceptors.clone().map(ProcessId);
        let learners = || self.learners.clone().map(ProcessId);
        let informed = || proposers().chain(learners());
        let last_vote = |id| self.vote(acceptor(id).accepted);
        let outcome = |id: ProcessId| match self.proposers.contains(&id.0) {
            true => match proposer(id).progress {
                Progress::Decided { value } => Some(value),
                _ => None,
            },
            false => match learner(id) {
                Learner::Learned(value) => Some(value),
                Learner::Counting(_) => None,
            },
        };
        let told = |id| {
            let all = state.view.chosen.iter();
            Value::set(
                all.filter(|(by, _)| *by == id)
                    .map(|(_, told)| value(*told)),
            )
        };
        let processes = || state.processes().map(|(id, _)| id);
        let process = |id: ProcessId| &state.processes[id.index()];
        let pending = |id| {
            let entries = process(id).pending();
            Value::sequence(entries.map(|entry| self.pending(id, entry)))
        };
        let in_flight = state.network.in_flight();
        let variables = [
            ("up", Value::set(state.live().map(|(id, _)| process_id(id)))),
            (
                "lastTried",
                each(proposers(), |id| self.last_tried(id, proposer(id).campaign)),
            ),
            (
                "progress",
                each(proposers(), |id| self.progress(&proposer(id).progress)),
            ),
            (
                "maxBal",
                each(acceptors(), |id| self.ballot(acceptor(id).promised)),
            ),
            ("maxVBal", each(acceptors(), |id| last_vote(id).0)),
            ("maxVal", each(acceptors(), |id| last_vote(id).1)),
            (
                "votes",
                each(learners(), |id| {
                    let learner = learner(id);
                    each(acceptors(), |acceptor| self.heard(&learner, acceptor))
                }),
            ),
            (
                "outcome",
                each(informed(), |id| outcome(id).map_or(NOTHING, value)),
            ),
            (
                "disk",
                each(processes(), |id| self.disk(id, &process(id).durable)),
            ),
            ("pending", each(processes(), pending)),
            ("messages", Value::set(in_flight.map(|e| self.message(&e)))),
            ("told", each(informed(), told)),
            ("crashes", u64::from(state.crashes).into()),
            ("drops", u64::from(state.drops).into()),
        ];
        variables
            .map(|(variable, value)| (variable.to_owned(), value))
            .into()
    }

    /// A ballot's number.
    fn ballot(&self, ballot: Option<Ballot>) -> Value {
        let Some(Ballot { round, proposer }) = ballot else {
            return NOTHING;
        };
        let proposers = u64::from(self.proposers.end);
        ((round - 1) * proposers + u64::from(proposer.0) + 1).into()
    }

    /// The ballot of a vote, and the value.
    fn vote(&self, vote: Option<Vote<application::Value>>) -> (Value, Value) {
        match vote {
            Some((ballot, voted)) => (self.ballot(Some(ballot)), value(voted)),
            None => (NOTHING, NOTHING),
        }
    }

    fn vote_record(&self, vote: Option<Vote<application::Value>>) -> Value {
        let (bal, val) = self.vote(vote);
        Value::record([("bal", bal), ("val", val)])
    }

    /// A proposer's last ballot. What it proposes is always the same.
    fn last_tried(&self, of: ProcessId, campaign: Option<Vote<application::Value>>) -> Value {
        campaign.map_or(NOTHING, |(ballot, proposal)| {
            self.campaign(of, ballot, proposal)
        })
    }

    fn campaign(&self, of: ProcessId, ballot: Ballot, proposal: application::Value) -> Value {
        assert_eq!(u16::from(proposal), self.proposers.end - of.0);
        self.ballot(Some(ballot))
    }

    fn progress(&self, progress: &Progress<application::Value>) -> Value {
        let (mut promised, mut vote) = (AcceptorSet::default(), None);
        let (mut decree, mut above) = (NOTHING, None);
        let status = match progress {
            Progress::Idle | Progress::Decided { .. } => "idle",
            Progress::Preparing { promises, adopted } => {
                (promised, vote) = (*promises, *adopted);
                "trying"
            }
            Progress::Accepting { value: asked } => {
                decree = value(*asked);
                "polling"
            }
            Progress::Waiting { heard } => {
                above = Some(*heard);
                "waiting"
            }
        };
        let promises = self.acceptors.clone().enumerate();
        let promises = promises.filter(|(acceptor, _)| promised.contains(*acceptor));
        Value::record([
            ("status", status.into()),
            (
                "promises",
                Value::set(promises.map(|(_, id)| process_id(ProcessId(id)))),
            ),
            ("adopted", self.vote_record(vote)),
            ("decree", decree),
            ("heard", self.ballot(above)),
        ])
    }

    /// What a learner has heard of an acceptor.
    fn heard(&self, learner: &Learner<application::Value>, acceptor: ProcessId) -> Value {
        let number = usize::from(acceptor.0 - self.acceptors.start);
        self.vote_record(match learner {
            Learner::Counting(votes) => votes.get(&number).copied(),
            Learner::Learned(_) => None,
        })
    }

    fn disk(&self, of: ProcessId, durable: &Durable<application::Value>) -> Value {
        let (max_v_bal, max_val) = self.vote(durable.accepted);
        Value::record([
            ("lastTried", self.last_tried(of, durable.campaign)),
            ("maxBal", self.ballot(durable.promised)),
            ("maxVBal", max_v_bal),
            ("maxVal", max_val),
        ])
    }

    fn pending(&self, of: ProcessId, entry: &Pending<Protocol>) -> Value {
        assert!(entry.forced, "all records are");
        let waiting = entry.releases.iter().map(|release| match release {
            Release::Send { to, message } => self.message(&Envelope {
                from: of,
                to: *to,
                message: message.clone(),
            }),
            Release::Emit(Output::Chosen(chosen)) => Value::record([
                ("type", "Output".into()),
                ("from", process_id(of)),
                ("val", value(*chosen)),
            ]),
            Release::Emit(Output::Refused(_)) | Release::Durable(_) => {
                panic!("nothing is refused, and Paxos asks for no report: {release:?}")
            }
        });
        Value::record([
            ("record", self.record(of, &entry.record)),
            ("waiting", Value::sequence(waiting)),
        ])
    }

    fn record(&self, of: ProcessId, record: &Record<application::Value>) -> Value {
        match record {
            Record::Campaign { ballot, proposal } => Value::record([
                ("type", "Campaign".into()),
                ("bal", self.campaign(of, *ballot, *proposal)),
            ]),
            Record::Promised { ballot } => Value::record([
                ("type", "Promised".into()),
                ("bal", self.ballot(Some(*ballot))),
            ]),
            Record::Accepted {
                ballot,
                value: voted,
            } => Value::record([
                ("type", "Accepted".into()),
                ("bal", self.ballot(Some(*ballot))),
                ("val", value(*voted)),
            ]),
        }
    }

    fn message(&self, envelope: &Envelope<Message<application::Value>>) -> Value {
        let ballot = |ballot: &Ballot| self.ballot(Some(*ballot));
        let (kind, more) = match &envelope.message {
            Message::Prepare { ballot: asked } => ("Prepare", vec![("bal", ballot(asked))]),
            Message::Promise {
                ballot: promised,
                accepted,
            } => (
                "Promise",
                vec![
                    ("bal", ballot(promised)),
                    ("vote", self.vote_record(*accepted)),
                ],
            ),
            Message::Accept {
                ballot: asked,
                value: proposed,
            } => (
                "Accept",
                vec![("bal", ballot(asked)), ("val", value(*proposed))],
            ),
            Message::Accepted {
                ballot: cast,
                value: voted,
            } => (
                "Accepted",
                vec![("bal", ballot(cast)), ("val", value(*voted))],
            ),
            Message::Rejected {
                ballot: rejected,
                promised,
            } => (
                "Rejected",
                vec![("bal", ballot(rejected)), ("promised", ballot(promised))],
            ),
            Message::Decision { value: chosen } => ("Decision", vec![("val", value(*chosen))]),
            Message::Inquire => ("Inquire", vec![]),
        };
        let fields = [
            ("type", kind.into()),
            ("from", process_id(envelope.from)),
            ("to", process_id(envelope.to)),
        ];
        let fields = fields.into_iter().chain(more);
        Value::function(fields.map(|(field, value)| (field.into(), value)))
    }
}

/// No ballot, and no value.
const NOTHING: Value = Value::Integer(0);

fn value(value: application::Value) -> Value {
    u64::from(value).into()
}

/// A function of these processes.
fn each(processes: impl Iterator<Item = ProcessId>, value: impl Fn(ProcessId) -> Value) -> Value {
    Value::function(processes.map(|id| (process_id(id), value(id))))
}
