//! The parameters of the sketches, and named instances. An instance names the claims that its sketch violates.

use clap::Args;
use quorate_checker::instances::{Instance, put};
use serde::Serialize;

use super::paxos::Compares;
use super::raft::{CAN_ELECT, Peers};
use super::two_phase_commit::{CAN_STILL_COMMIT, Participants};
use crate::atomic_commit::{AGREEMENT as AC1, ALL_COMMIT, STABILITY};
use crate::paxos::bounded_liveness::ALL_LEARN;
use crate::paxos::properties::{
    AGREEMENT, ANSWERS_ARE_DURABLE as PAXOS_ANSWERS_ARE_DURABLE, CHOSEN, CHOSEN_ONCE,
    HIGHER_BALLOTS, ONE_VALUE_A_BALLOT, PROMISES_GROW,
};
use crate::raft::properties::{
    ANSWERS_ARE_DURABLE, COMMITS, ELECTION_SAFETY, LEADER_APPEND_ONLY, LOG_MATCHING,
    LOG_TERMS_GROW, TERMS_GROW,
};
use crate::system::{Environment, EnvironmentFlags, ProcessSet};
use crate::two_phase_commit::liveness::IN_DOUBT_DECIDES;
use crate::two_phase_commit::properties::{COMMITTED_NEVER_PREPARED, NO_ABORT_WITHOUT_CAUSE};

/// A sketch, in one of its readings.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// Two-phase commit, with such participants.
    TwoPhaseCommit(Participants),
    /// Raft, with such peers.
    Raft(Peers),
    /// Paxos, with acceptors that compare with this.
    Paxos(Compares),
}

/// Everything that distinguishes one instance from another.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Parameters {
    /// The sketch.
    pub sketch: Which,
    /// How many participants, nodes, or acceptors.
    pub members: u16,
    /// The highest number of calls of `commit`, of terms, or of rounds of ballots.
    pub rounds: u8,
    /// How many commands there are (Raft), or proposers with a value each (Paxos).
    pub values: u8,
    /// Whether the application may abort work, so that participants vote No (two-phase commit).
    pub gives_up: bool,
    /// What the environment may do.
    #[serde(flatten)]
    pub environment: Environment,
    /// The claims that are expected to fail, by name. With other parameters others may fail.
    #[serde(skip)]
    pub breaks: Vec<&'static str>,
}

impl Parameters {
    fn of(sketch: Which, members: u16) -> Self {
        Self {
            sketch,
            members,
            rounds: 1,
            values: 0,
            gives_up: false,
            environment: Environment::default(),
            breaks: Vec::new(),
        }
    }

    /// How many processes there are.
    fn processes(&self) -> u32 {
        let others = match self.sketch {
            Which::TwoPhaseCommit(_) => 1,
            Which::Raft(_) => 0,
            Which::Paxos(_) => self.values.into(),
        };
        u32::from(self.members) + others
    }

    /// Why these parameters make no sense, if they do not.
    ///
    /// # Errors
    ///
    /// A sentence that names the parameter and says what to do.
    pub fn validate(&self) -> Result<(), String> {
        if self.members == 0 {
            return Err("members 0 leaves nobody to ask: give at least 1".into());
        }
        if self.rounds == 0 {
            return Err("rounds 0 leaves nothing to happen: give at least 1".into());
        }
        let is_two_phase_commit = matches!(self.sketch, Which::TwoPhaseCommit(_));
        if is_two_phase_commit && self.values != 0 {
            return Err(
                "two-phase commit has one transaction, and no values: leave values at 0".into(),
            );
        }
        if matches!(self.sketch, Which::Paxos(_)) && self.values == 0 {
            return Err("values 0 leaves nobody to propose one: give at least 1".into());
        }
        if self.gives_up && !is_two_phase_commit {
            return Err(
                "only participants of two-phase commit give work up: leave gives-up off".into(),
            );
        }
        let (processes, most) = (self.processes(), ProcessSet::PROCESSES_MAX);
        if processes > u32::from(most) {
            return Err(format!(
                "{processes} processes are more than the {most} that a model can have: give fewer members or values"
            ));
        }
        self.environment.validate(processes as usize)
    }
}

/// The named instances, default ones first.
pub fn instances() -> Vec<Instance<Parameters>> {
    let instance = |name, summary, parameters| Instance {
        name,
        summary,
        by_default: true,
        parameters,
    };
    let two = Parameters::of(Which::TwoPhaseCommit(Participants::Voting), 2);
    let lossy = Environment {
        drops: 1,
        ..Environment::default()
    };
    let crashing = Environment {
        crashes: 1,
        ..Environment::default()
    };
    let elections = |sketch, members| Parameters {
        breaks: vec![ELECTION_SAFETY, ANSWERS_ARE_DURABLE, CAN_ELECT],
        ..Parameters::of(sketch, members)
    };
    let commands = |sketch, members| Parameters {
        values: 2,
        breaks: vec![
            ELECTION_SAFETY,
            ANSWERS_ARE_DURABLE,
            CAN_ELECT,
            LEADER_APPEND_ONLY,
            LOG_MATCHING,
            COMMITS,
        ],
        ..Parameters::of(sketch, members)
    };
    // Of 2 nodes, each has enough votes by its own.
    let elects_itself = |mut parameters: Parameters| {
        parameters.breaks.retain(|claim| *claim != CAN_ELECT);
        parameters
    };
    let paxos = |sketch, values| Parameters {
        values,
        ..Parameters::of(sketch, 3)
    };
    vec![
        instance(
            "2pc-empty",
            "2 participants as written: whatever they return is a refusal, and nothing ever commits",
            Parameters {
                breaks: vec!["a commit", NO_ABORT_WITHOUT_CAUSE, ALL_COMMIT],
                ..Parameters::of(Which::TwoPhaseCommit(Participants::Empty), 2)
            },
        ),
        instance(
            "2pc",
            "2 participants that vote, and nothing fails",
            two.clone(),
        ),
        instance(
            "2pc-refusing",
            "2 participants that vote, and may refuse",
            Parameters {
                gives_up: true,
                ..two.clone()
            },
        ),
        instance(
            "2pc-lossy",
            "2 participants that vote; a message is lost, and they wait for ever",
            Parameters {
                environment: lossy,
                breaks: vec![IN_DOUBT_DECIDES],
                ..two.clone()
            },
        ),
        instance(
            "2pc-crash",
            "2 participants that vote; two crashes, whereupon the application calls again",
            Parameters {
                rounds: 2,
                environment: Environment {
                    crashes: 2,
                    ..Environment::default()
                },
                breaks: vec![
                    AC1,
                    STABILITY,
                    CAN_STILL_COMMIT,
                    COMMITTED_NEVER_PREPARED,
                    IN_DOUBT_DECIDES,
                ],
                ..two
            },
        ),
        instance(
            "raft-others-2",
            "2 nodes, peers without oneself, as written: each elects itself",
            elects_itself(elections(Which::Raft(Peers::Others), 2)),
        ),
        instance(
            "raft-others-3",
            "3 nodes, peers without oneself, as written",
            elections(Which::Raft(Peers::Others), 3),
        ),
        instance(
            "raft-all-2",
            "2 nodes, all are peers, as written: a majority elects",
            Parameters {
                rounds: 2,
                breaks: vec![ANSWERS_ARE_DURABLE, CAN_ELECT],
                ..Parameters::of(Which::Raft(Peers::All), 2)
            },
        ),
        instance(
            "raft-all-3",
            "3 nodes, all are peers, as written: a majority elects, and its votes are forgotten",
            elections(Which::Raft(Peers::All), 3),
        ),
        instance(
            "raft-all-crash",
            "2 nodes, all are peers, as printed: a majority elects; a crash erases votes and terms",
            Parameters {
                environment: crashing.clone(),
                breaks: vec![ELECTION_SAFETY, TERMS_GROW, ANSWERS_ARE_DURABLE, CAN_ELECT],
                ..Parameters::of(Which::Raft(Peers::All), 2)
            },
        ),
        instance(
            "raft-others-commands",
            "2 nodes, peers without oneself, 2 terms, with commands",
            {
                let commands = commands(Which::Raft(Peers::Others), 2);
                let mut two_terms = elects_itself(commands);
                two_terms.rounds = 2;
                two_terms.breaks.push(LOG_TERMS_GROW);
                two_terms
            },
        ),
        instance(
            "raft-all-commands",
            "3 nodes, all are peers, with commands",
            commands(Which::Raft(Peers::All), 3),
        ),
        instance(
            "paxos-accepted",
            "2 proposers, 3 acceptors that compare with what they have accepted",
            Parameters {
                breaks: vec![
                    AGREEMENT,
                    CHOSEN_ONCE,
                    HIGHER_BALLOTS,
                    PROMISES_GROW,
                    PAXOS_ANSWERS_ARE_DURABLE,
                ],
                ..paxos(Which::Paxos(Compares::Accepted), 2)
            },
        ),
        instance(
            "paxos-accepted-crash",
            "2 proposers, 2 acceptors that compare with what they have accepted; a crash",
            Parameters {
                members: 2,
                environment: crashing.clone(),
                breaks: vec![
                    AGREEMENT,
                    CHOSEN_ONCE,
                    HIGHER_BALLOTS,
                    ONE_VALUE_A_BALLOT,
                    PROMISES_GROW,
                    PAXOS_ANSWERS_ARE_DURABLE,
                ],
                ..paxos(Which::Paxos(Compares::Accepted), 2)
            },
        ),
        instance(
            "paxos-accepted-alone",
            "a proposer, 3 acceptors that compare with what they have accepted",
            Parameters {
                breaks: vec![PAXOS_ANSWERS_ARE_DURABLE],
                ..paxos(Which::Paxos(Compares::Accepted), 1)
            },
        ),
        instance(
            "paxos-promised",
            "2 proposers, 3 acceptors that compare with what they have promised: nothing is ever chosen",
            Parameters {
                breaks: vec![PAXOS_ANSWERS_ARE_DURABLE, CHOSEN],
                ..paxos(Which::Paxos(Compares::Promised), 2)
            },
        ),
        instance(
            "paxos-promised-alone",
            "a proposer, 3 acceptors that compare with what they have promised",
            Parameters {
                breaks: vec![PAXOS_ANSWERS_ARE_DURABLE, CHOSEN, ALL_LEARN],
                ..paxos(Which::Paxos(Compares::Promised), 1)
            },
        ),
        instance(
            "paxos-promised-crash",
            "a proposer, 3 acceptors that compare with what they have promised; two crashes erase promises: a value is chosen",
            Parameters {
                environment: Environment {
                    crashes: 2,
                    ..Environment::default()
                },
                breaks: vec![PAXOS_ANSWERS_ARE_DURABLE, ALL_LEARN],
                ..paxos(Which::Paxos(Compares::Promised), 1)
            },
        ),
        Instance {
            by_default: false,
            ..instance(
                "raft-others-4",
                "4 nodes, peers without oneself, as written: half of them elect",
                elections(Which::Raft(Peers::Others), 4),
            )
        },
    ]
}

/// Command-line flags that override an instance's parameters.
#[derive(Args, Clone, Debug, Default)]
pub struct ParameterFlags {
    /// Participants, nodes, or acceptors
    #[arg(long, value_name = "COUNT")]
    pub members: Option<u16>,
    /// Calls of commit by the application, terms, or rounds of ballots
    #[arg(long, value_name = "COUNT")]
    pub rounds: Option<u8>,
    /// Commands of Raft's clients, or proposers of Paxos, each with a value
    #[arg(long, value_name = "COUNT")]
    pub values: Option<u8>,
    /// Whether participants of two-phase commit may refuse
    #[arg(long, value_name = "BOOL")]
    pub gives_up: Option<bool>,
    #[command(flatten)]
    environment: EnvironmentFlags,
}

impl ParameterFlags {
    /// The parameters with the given flags in place of their own values.
    pub fn apply(&self, mut parameters: Parameters) -> Parameters {
        put(&mut parameters.members, self.members);
        put(&mut parameters.rounds, self.rounds);
        put(&mut parameters.values, self.values);
        put(&mut parameters.gives_up, self.gives_up);
        self.environment.apply(&mut parameters.environment);
        parameters
    }
}
