//! A state of the model as the spec has it: a value for each variable of `Raft.tla`.
//!
//! Nothing is left out. What follows from the rest is checked: what a server has applied, from its log and how far it has
//! committed; where a leader's own entries begin. So is that there is nothing of what the spec leaves out: snapshots, reads
//! and sessions.

use std::collections::BTreeMap;

use quorate::protocol::{Pending, ProcessId, Release};
use quorate::raft::{
    Applied, Durable, ENTRY_BYTES, Entries, Entry, Follower, Index, Leader, Log, Message, Output,
    Position, Progress, Proposal, Published, Raft, Record, Refusal, Register, Request, Role,
    Sending, ServerSet, Sessions, State, Term, Timer,
};
use quorate_checker::{Fairness, Property};
use quorate_models::framework::{Framework, RequestOrder};
use quorate_models::raft::application::{Clients, View};
use quorate_models::raft::bounded_liveness::{self, CATCHES_UP, COMMITS, LEADS_FOR_GOOD};
use quorate_models::raft::parameters::Parameters;
use quorate_models::raft::properties::{
    ANSWERS_ARE_DURABLE, COMMITS_GROW, ELECTION_SAFETY, LEADER_APPEND_ONLY, LEADER_COMPLETENESS,
    LOG_MATCHING, LOG_TERMS_GROW, RECOVERY_READS_BACK, REPLICAS_AGREE, STATE_MACHINE_SAFETY,
    TERMS_GROW, properties,
};
use quorate_models::raft::{self, model, protocol};
use quorate_models::system::{
    Action, Disk, Envelope, Environment, NetworkKind, System, SystemState, Timers,
};

use super::instance::Instance;
use super::spec::{self, Changed, Named, Spec};
use super::value::Value;

type Protocol = Raft<Register>;

type Model = raft::Model<Protocol>;

type ModelState = SystemState<Protocol, Clients>;

/// `Raft.tla`.
pub struct RaftSpec;

impl Spec for RaftSpec {
    const NAME: &'static str = "Raft";

    const MATTERS_IN: &'static [(&'static str, &'static str)] = &[
        ("Propose", "two"),
        ("Campaign", "election-two"),
        ("CampaignAtOnce", "election-atomic"),
        ("CastVote", "election-two"),
        ("CountVote", "election-two"),
        ("StepDown", "election-two"),
        ("TakeEntries", "two"),
        ("HearOfCommit", "two"),
        ("CountAppended", "two"),
        ("BackOff", "two-crash"),
        ("Heartbeat", "heartbeats"),
        ("Flush", "one"),
        ("Crash", "one"),
        ("Recover", "one"),
        ("Drop", "two-bag"),
        ("Stabilise", "live-one"),
    ];

    const FAIRNESS_MATTERS_IN: &'static [(&'static str, &'static str, &'static str)] = &[
        ("Receive", "live-two", "LeadsForGood"),
        ("SomebodyCampaigns", "live-two", "LeadsForGood"),
        ("Heartbeat", "live-lossy", "Commits"),
        ("Flush", "live-one", "Commits"),
        ("Recover", "live-one", "LeadsForGood"),
    ];

    const CHANGED: &'static [Changed] = &[
        Changed {
            without: "a server that two majorities have in common",
            rule: "IsQuorum(S) == 2 * Cardinality(S) > Cardinality(Servers)",
            by: "IsQuorum(S) == 2 * Cardinality(S) >= Cardinality(Servers)",
            instance: "election-two",
            violates: None,
        },
        Changed {
            without: "one vote a term",
            rule: r"mayVote == m.term >= currentTerm[i] /\ voted \in {Nobody, m.from}",
            by: "mayVote == m.term >= currentTerm[i]",
            instance: "election-two",
            violates: None,
        },
        Changed {
            without: "voting only for whose log is up to date (5.4.1)",
            rule: r"grants == mayVote /\ IsUpToDate(m.lastLogTerm, m.lastLogIndex, log[i])",
            by: "grants == mayVote",
            instance: "two",
            violates: None,
        },
        Changed {
            without: "committing entries of its own term only (5.4.2)",
            rule: r"IsQuorum(has(n)) /\ log'[i][n].term = currentTerm'[i]}",
            by: "IsQuorum(has(n))}",
            instance: "two-crash",
            violates: None,
        },
        Changed {
            without: "keeping entries that do not conflict (5.3)",
            rule: "after == IF conflicts = {} THEN Len(log[i]) ELSE Min(conflicts) - 1",
            by: "after == before",
            instance: "two",
            violates: None,
        },
        Changed {
            without: "agreeing in the term of the entry before (5.3)",
            rule: "agrees == HasEntry(i, before, m.prevLogTerm)",
            by: "agrees == before <= Len(log[i])",
            instance: "large-three-terms",
            violates: None,
        },
        Changed {
            without: "committing no further than the log is known to agree",
            rule: "Max({@, Min({m.leaderCommit, lastNew})})]",
            by: "Max({@, Min({m.leaderCommit, Len(log'[i])})})]",
            instance: "heartbeats-three",
            violates: None,
        },
        Changed {
            without: "looking further back a term at a time",
            rule: "agreesPerhaps == IF same = {} THEN m.first ELSE Max(same) + 1",
            by: "agreesPerhaps == m.rejected",
            instance: "two-crash",
            violates: None,
        },
        Changed {
            without: "a vote's being durable before it is told",
            rule: "THEN <<Forced(TermRecord(i))>> ELSE <<>>,",
            by: "THEN <<Lazy(TermRecord(i))>> ELSE <<>>,",
            instance: "two-buffered",
            violates: None,
        },
        Changed {
            without: "an entry's being durable before it is acknowledged",
            rule: "ELSE <<Forced(AppendRecord(after, new))>>",
            by: "ELSE <<Lazy(AppendRecord(after, new))>>",
            instance: "two-overlap",
            violates: None,
        },
        Changed {
            without: "a leader's counting itself when its own disk has the entry (thesis 10.2.1)",
            rule: "Leader(Len(log[i]) + 1, IF Buffered THEN 0 ELSE Len(log[i]) + 1, i)",
            by: "Leader(Len(log[i]) + 1, Len(log[i]) + 1, i)",
            instance: "two-overlap",
            violates: None,
        },
        Changed {
            without: "telling of a commit whoever lacks nothing",
            rule: "<<Commit(i, j)>>",
            by: "<<>>",
            instance: "two",
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
            ("ElectionSafety", ELECTION_SAFETY),
            ("LogMatching", LOG_MATCHING),
            ("LogTermsGrow", LOG_TERMS_GROW),
            ("LeaderCompleteness", LEADER_COMPLETENESS),
            ("StateMachineSafety", STATE_MACHINE_SAFETY),
            ("ReplicasAgree", REPLICAS_AGREE),
            ("AnswersAreDurable", ANSWERS_ARE_DURABLE),
            ("RecoveryReadsBack", RECOVERY_READS_BACK),
        ];
        // Where messages stay all of these are claimed.
        spec::named(names, properties(&Parameters::default()))
    }

    fn steps() -> Vec<Named<Property<Model>>> {
        let names = [
            ("LeaderAppendOnly", LEADER_APPEND_ONLY),
            ("TermsGrow", TERMS_GROW),
            ("CommitsGrow", COMMITS_GROW),
        ];
        spec::named(names, properties(&Parameters::default()))
    }

    fn claims(instance: &Instance) -> Vec<Named<Property<Model>>> {
        let names = [
            ("LeadsForGood", LEADS_FOR_GOOD),
            ("CatchesUp", CATCHES_UP),
            ("Commits", COMMITS),
        ];
        // Where it is claimed there are terms enough, and the bound says so; TLC has no word for it.
        let parameters = Parameters {
            servers: instance.count("Servers"),
            environment: Environment {
                stabilises: true,
                ..Environment::default()
            },
            ..Parameters::default()
        };
        let mut claims = spec::named(names, bounded_liveness::properties(&parameters));
        claims
            .iter_mut()
            .for_each(|claim| claim.of_model.bound = None);
        claims
    }

    fn fairness() -> Vec<Named<Fairness<Model>>> {
        vec![
            Named {
                name: "Receive",
                of_model: Fairness::weak("each link", |_, action| match action {
                    Action::Deliver(envelope) => Some(numbered(envelope.link())),
                    _ => None,
                }),
            },
            Named {
                name: "SomebodyCampaigns",
                of_model: Fairness::weak("campaigns", |_, action| match action {
                    Action::Timeout(_, timer) if **timer == Timer::Election => Some(0),
                    _ => None,
                }),
            },
            Named {
                name: "Heartbeat",
                of_model: Fairness::weak("each leader's heartbeats", |_, action| match action {
                    Action::Timeout(id, timer) if **timer == Timer::Heartbeat => {
                        Some(u64::from(id.0))
                    }
                    _ => None,
                }),
            },
            Named {
                name: "Flush",
                of_model: System::flushes(),
            },
            Named {
                name: "Recover",
                of_model: System::recoveries(),
            },
        ]
    }
}

/// A number for a link.
fn numbered((from, to): (ProcessId, ProcessId)) -> u64 {
    u64::from(from.0) << 16 | u64::from(to.0)
}

/// The same instance of the model.
fn parameters(instance: &Instance) -> Parameters {
    let parameters = Parameters {
        framework: Framework::System,
        forgets_spent: true,
        servers: instance.count("Servers"),
        absent: 0,
        terms: instance.number("TermsMax").into(),
        terms_left: instance.number("TermsLeft").into(),
        ahead_max: 0,
        commands: instance.number("CommandsMax"),
        requests: RequestOrder::Orderly,
        proposals: 0,
        persistent: false,
        reads: 0,
        reads_last: false,
        reads_at: 0,
        snapshots: 0,
        heartbeats: instance.flag("Heartbeats"),
        replicates: instance.flag("Replicates"),
        entries_max: instance.number("EntriesMax"),
        in_flight_max: instance.number("InFlightMax"),
        environment: Environment {
            network: match instance.text("Network") {
                "set" => NetworkKind::Set,
                "bag" => NetworkKind::Bag,
                "fifo" => NetworkKind::Fifo,
                other => panic!("{}: no network {other}", instance.path.display()),
            },
            link_max: instance.number("LinkMax"),
            drops: instance.number("DropsMax"),
            crashes: instance.number("CrashesMax"),
            down_max: instance.number("DownMax"),
            recovery: instance.flag("Recovery"),
            disk: match instance.flag("Buffered") {
                true => Disk::Buffered,
                false => Disk::Atomic,
            },
            timers: match instance.text("Timers") {
                "asynchronous" => Timers::Asynchronous,
                "campaigns" => Timers::CampaignsAsynchronous,
                "accurate" => Timers::Accurate,
                other => panic!("{}: no timers {other}", instance.path.display()),
            },
            stabilises: instance.flag("Stabilises"),
            pending_max: instance.number("PendingMax"),
            atomic_campaigns: instance.flag("AtomicCampaigns"),
            ..Environment::default()
        },
    };
    if let Err(why) = parameters.validate() {
        panic!("{}: {why}", instance.path.display());
    }
    parameters
}

/// How many there are of what.
struct Rendering {
    servers: u16,
    terms: Term,
    commands: u8,
    is_ordered: bool,
}

impl Rendering {
    fn of(instance: &Instance) -> Self {
        Self {
            servers: instance.count("Servers"),
            terms: Term::from(instance.number("TermsMax"))
                + Term::from(instance.number("TermsLeft")),
            commands: instance.number("CommandsMax"),
            is_ordered: instance.text("Network") == "fifo",
        }
    }

    fn state(&self, state: &ModelState) -> BTreeMap<String, Value> {
        assert!(state.cut.is_empty());
        let process = |id: ProcessId| &state.processes[id.index()];
        // What a server that is down knows is what it knew before it first started.
        let knows = |id: ProcessId| process(id).state().cloned().unwrap_or_else(nothing);
        let pending = |id| {
            let entries = process(id).pending();
            Value::sequence(entries.map(|entry| pending(id, entry)))
        };
        state.live().for_each(|(_, knows)| assert_applied(knows));
        let variables = [
            ("up", Value::set(state.live().map(|(id, _)| server(id)))),
            ("currentTerm", self.each(|id| knows(id).term.into())),
            ("votedFor", self.each(|id| candidate(knows(id).voted_for))),
            ("log", self.each(|id| log(&knows(id).log))),
            ("commitIndex", self.each(|id| knows(id).commit.into())),
            ("role", self.each(|id| self.role(id, &knows(id)))),
            ("disk", self.each(|id| disk(&process(id).durable))),
            ("pending", self.each(pending)),
            ("links", self.links(state)),
            ("elected", self.elected(&state.view)),
            ("committed", committed(&state.view)),
            ("proposed", self.proposed(&state.view)),
            ("stable", state.stable.into()),
            ("campaigned", candidate(state.campaigned)),
            ("crashes", u64::from(state.crashes).into()),
            ("drops", u64::from(state.drops).into()),
        ];
        variables
            .map(|(variable, value)| (variable.to_owned(), value))
            .into()
    }

    fn servers(&self) -> impl Iterator<Item = ProcessId> {
        (0..self.servers).map(ProcessId)
    }

    /// A function of servers.
    fn each(&self, value: impl Fn(ProcessId) -> Value) -> Value {
        Value::function(self.servers().map(|id| (server(id), value(id))))
    }

    fn role(&self, me: ProcessId, knows: &State<Register>) -> Value {
        match &knows.role {
            Role::Follower(Follower { leader, installing }) => {
                assert!(installing.is_none());
                let leader = candidate(*leader);
                Value::record([("state", "follower".into()), ("leader", leader)])
            }
            Role::Candidate { votes } => Value::record([
                ("state", "candidate".into()),
                ("votesGranted", servers(*votes)),
            ]),
            Role::Leader(leader) => self.leader(me, knows, leader),
        }
    }

    fn leader(&self, me: ProcessId, knows: &State<Register>, leader: &Leader<Register>) -> Value {
        assert!(leader.reads.is_empty() && leader.round == 0);
        assert!(leader.progress.iter().all(|progress| progress.round == 0));
        let mut entries = (1..).zip(knows.log.entries());
        let own = entries.find(|(_, (term, _))| *term == knows.term);
        assert_eq!(own, Some((leader.first, (knows.term, &Entry::NoOp))));
        let of = |id: ProcessId| &leader.progress[id.index()];
        assert_eq!(
            (of(me).matched, of(me).next, &of(me).sending),
            (0, leader.first, &Sending::Probe),
            "of itself a leader learns nothing that way"
        );
        let probing = self
            .servers()
            .filter(|id| *id != me && of(*id).sending == Sending::Probe);
        Value::record([
            ("state", "leader".into()),
            ("nextIndex", self.each(|id| of(id).next.into())),
            (
                "matchIndex",
                self.each(|id| match id == me {
                    true => leader.durable.into(),
                    false => of(id).matched.into(),
                }),
            ),
            ("probing", Value::set(probing.map(server))),
            ("inFlight", self.each(|id| in_flight(of(id)))),
        ])
    }

    fn links(&self, state: &ModelState) -> Value {
        let on_link = |from, to| {
            let messages = state.network.in_flight();
            let messages = messages.filter(|envelope| envelope.link() == (from, to));
            let messages = messages.map(|envelope| message(&envelope));
            match self.is_ordered {
                true => Value::sequence(messages),
                false => Value::set(messages),
            }
        };
        self.each(|from| self.each(|to| on_link(from, to)))
    }

    fn elected(&self, view: &View) -> Value {
        let led = |term| view.leaders.get(&term).copied().unwrap_or_default();
        Value::function((1..=self.terms).map(|term| (term.into(), servers(led(term)))))
    }

    fn proposed(&self, view: &View) -> Value {
        assert!(view.reads == 0 && view.snapshots == 0 && view.asked.is_empty());
        assert!(view.sessions.is_empty() && view.history.is_none());
        let times = |command| {
            let proposal = Proposal::Command {
                origin: None,
                command,
            };
            u64::from(view.proposed.get(&proposal).copied().unwrap_or(0))
        };
        let commands = 1..=self.commands;
        Value::function(commands.map(|c| (u64::from(c).into(), times(c).into())))
    }
}

/// What a server knows before it first starts.
fn nothing() -> State<Register> {
    State {
        term: 0,
        voted_for: None,
        log: Log::default(),
        snapshot: None,
        commit: 0,
        applied: Applied::default(),
        role: Role::Follower(Follower::default()),
    }
}

/// It has applied the commands that it knows to be committed.
fn assert_applied(knows: &State<Register>) {
    let through = usize::try_from(knows.commit).expect("a short log");
    let committed = knows.log.entries().take(through);
    let commands = committed.map(|(_, entry)| entry_value(entry));
    let commands: Vec<u8> = commands.filter(|command| *command != NO_OP).collect();
    assert_eq!(knows.applied.machine, Register(commands));
    assert_eq!(knows.applied.sessions, Sessions::default());
    assert_eq!(knows.snapshot, None);
}

/// What was sent ahead: the first and the last index of each message.
fn in_flight(progress: &Progress) -> Value {
    let in_flight = match &progress.sending {
        Sending::Probe => None,
        Sending::Pipeline { in_flight } => Some(in_flight),
        Sending::Snapshot { .. } => panic!("there are no snapshots"),
    };
    let in_flight = in_flight.into_iter().flatten();
    Value::sequence(in_flight.map(|(last, bytes)| {
        assert_eq!(bytes % ENTRY_BYTES, 0);
        let first = last + 1 - (bytes / ENTRY_BYTES) as Index;
        Value::record([("first", first.into()), ("last", (*last).into())])
    }))
}

fn committed(view: &View) -> Value {
    let entries = view.committed.iter();
    let told = entries.flat_map(|(index, terms)| {
        let terms = terms.iter();
        terms.map(|(term, by)| {
            Value::record([
                ("index", (*index).into()),
                ("term", (*term).into()),
                ("by", (*by).into()),
            ])
        })
    });
    Value::set(told)
}

fn disk(durable: &Durable<Register>) -> Value {
    assert_eq!(durable.snapshot, None);
    Value::record([
        ("currentTerm", durable.term.into()),
        ("votedFor", candidate(durable.voted_for)),
        ("log", log(&durable.log)),
    ])
}

fn pending(of: ProcessId, entry: &Pending<Protocol>) -> Value {
    let mut releases = entry.releases.as_slice();
    if !entry.forced {
        // What a leader has taken: it asks when it is durable, and nothing waits.
        let Record::Append { after, entries } = &entry.record else {
            panic!("lazy is what a leader takes: {:?}", entry.record);
        };
        let last = after + entries.len() as Index;
        assert_eq!(releases, [Release::Durable(last)]);
        releases = &[];
    }
    let waiting = releases.iter().map(|release| match release {
        Release::Send { to, message: sent } => message(&Envelope {
            from: of,
            to: *to,
            message: sent.clone(),
        }),
        Release::Emit(told) => output(told),
        Release::Durable(_) => panic!("a follower asks for no report"),
    });
    Value::record([
        ("record", record(&entry.record)),
        ("forced", entry.forced.into()),
        ("waiting", Value::sequence(waiting)),
    ])
}

fn record(record: &Record<Register>) -> Value {
    match record {
        Record::Term { term, voted_for } => Value::record([
            ("type", "Term".into()),
            ("term", (*term).into()),
            ("votedFor", candidate(*voted_for)),
        ]),
        Record::Append { after, entries: of } => Value::record([
            ("type", "Append".into()),
            ("after", (*after).into()),
            ("entries", entries(of)),
        ]),
        Record::Snapshot { .. } => panic!("there are no snapshots"),
    }
}

fn output(output: &Output<Register>) -> Value {
    match output {
        Output::Leads { term } => {
            Value::record([("type", "Leads".into()), ("term", (*term).into())])
        }
        Output::Committed {
            by,
            term,
            first,
            last,
        } => {
            assert_eq!(first, last, "entries are taken one by one");
            Value::record([
                ("type", "Committed".into()),
                ("by", (*by).into()),
                ("index", (*first).into()),
                ("term", (*term).into()),
            ])
        }
        Output::Refused {
            request: Request::Propose(refused),
            why: Refusal::NotLeader { leader },
        } => {
            let [refused] = refused.as_slice() else {
                panic!("commands are proposed one by one");
            };
            Value::record([
                ("type", "Refused".into()),
                ("val", u64::from(refused_value(refused)).into()),
                ("leader", candidate(*leader)),
            ])
        }
        other => panic!("the spec has no {other:?}"),
    }
}

fn message(envelope: &Envelope<Message<Register>>) -> Value {
    let message = &envelope.message;
    let (kind, more) = match message {
        Message::RequestVote { last, .. } => (
            "RequestVote",
            vec![
                ("lastLogTerm", last.term.into()),
                ("lastLogIndex", last.index.into()),
            ],
        ),
        Message::Vote { granted, .. } => ("Vote", vec![("granted", (*granted).into())]),
        Message::AppendEntries {
            previous: Position { term, index },
            entries: sent,
            commit,
            round: 0,
            ..
        } => (
            "AppendEntries",
            vec![
                ("prevLogIndex", (*index).into()),
                ("prevLogTerm", (*term).into()),
                ("entries", entries(sent)),
                ("leaderCommit", (*commit).into()),
            ],
        ),
        Message::Commit {
            last: Position { term, index },
            commit,
            ..
        } => (
            "Commit",
            vec![
                ("lastLogIndex", (*index).into()),
                ("lastLogTerm", (*term).into()),
                ("leaderCommit", (*commit).into()),
            ],
        ),
        Message::Appended {
            matched, round: 0, ..
        } => ("Appended", vec![("matched", (*matched).into())]),
        Message::NotAppended {
            rejected,
            conflict,
            first,
            round: 0,
            ..
        } => (
            "NotAppended",
            vec![
                ("rejected", (*rejected).into()),
                ("conflict", conflict.unwrap_or(0).into()),
                ("first", (*first).into()),
            ],
        ),
        other => panic!("the spec has no {other:?}"),
    };
    let fields = [
        ("type", kind.into()),
        ("from", server(envelope.from)),
        ("to", server(envelope.to)),
        ("term", message.term().into()),
    ];
    let fields = fields.into_iter().chain(more);
    Value::function(fields.map(|(field, value)| (field.into(), value)))
}

/// What stands for an entry that does nothing.
const NO_OP: u8 = 0;

fn entry_value(entry: &Entry<u8>) -> u8 {
    match entry {
        Entry::NoOp => NO_OP,
        Entry::Command {
            origin: None,
            command,
        } => *command,
        other => panic!("there are no sessions: {other:?}"),
    }
}

fn refused_value(proposal: &Proposal<u8>) -> u8 {
    match proposal {
        Proposal::Command {
            origin: None,
            command,
        } => *command,
        other => panic!("there are no sessions: {other:?}"),
    }
}

fn entry(term: Term, entry: &Entry<u8>) -> Value {
    Value::record([
        ("term", term.into()),
        ("val", u64::from(entry_value(entry)).into()),
    ])
}

fn log(log: &Log<u8>) -> Value {
    assert_eq!(log.before(), Position::default());
    Value::sequence(log.entries().map(|(term, of)| entry(term, of)))
}

fn entries(entries: &Entries<u8>) -> Value {
    let batches = entries.batches();
    let entries = batches.flat_map(|batch| batch.iter().map(|of| entry(batch.term(), of)));
    Value::sequence(entries)
}

/// Servers are numbered from 1.
fn server(id: ProcessId) -> Value {
    (u64::from(id.0) + 1).into()
}

/// A server, or nobody.
fn candidate(id: Option<ProcessId>) -> Value {
    id.map_or(Value::Integer(0), server)
}

fn servers(servers: ServerSet) -> Value {
    Value::set(servers.iter().map(server))
}
