//! `cargo models lattice`: which consistency model is stronger than which, shown on all small histories.
//!
//! A model is stronger than another if all its histories are the other's. That is looked for in all histories up to a size: those
//! of reads and writes of two registers in real time; those in session order only, which may be larger; and those that write one
//! of two registers and read both at once. Each value is written once, so that a read tells from which write it has its value,
//! and all outcomes are known.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Command, value_parser};
use itertools::Itertools;
use quorate::consistency::{
    Budget, Call, Consistency, MultiRegister, Part, Register, RegisterRequest, RegisterResponse,
    Specification, satisfies,
};
use quorate_checker::cli::{AddedCommand, Format};
use quorate_checker::entry::UsageError;
use quorate_checker::report::Outcome;
use quorate_checker::svg::Svg;
use serde::Serialize;

use crate::history::ToldOperation;
use crate::picture;

type Registers = Register<u32>;
const REGISTERS: Registers = Register { initial: 0 };

type Snapshots = MultiRegister<u32>;
const SNAPSHOTS: Snapshots = MultiRegister { initial: 0 };

/// The names of the registers.
const NAMES: [&str; 2] = ["x", "y"];

/// Small histories need fewer steps.
const BUDGET: Budget = Budget { steps: 1_000_000 };

/// For each pair of models, a smallest history that the first admits and the second does not.
#[derive(Debug, Default)]
pub struct Witnesses {
    found: BTreeMap<(Consistency, Consistency), Vec<ToldOperation>>,
    /// How many histories were looked at.
    pub histories: usize,
}

impl Witnesses {
    /// The history that the first admits and the second does not.
    pub fn get(&self, first: Consistency, second: Consistency) -> Option<&[ToldOperation]> {
        self.found.get(&(first, second)).map(Vec::as_slice)
    }

    fn add<S: Specification>(
        &mut self,
        specification: &S,
        models: &[Consistency],
        operations: &[Call<S>],
        tell: impl Fn(&Call<S>) -> String,
    ) {
        self.histories += 1;
        let admits = |model: &Consistency| {
            let holds = satisfies(*model, specification, operations, BUDGET);
            let holds = holds.expect("the model is about these operations");
            holds.expect("the history is small")
        };
        let (admitting, others): (Vec<Consistency>, Vec<Consistency>) =
            models.iter().partition(|model| admits(model));
        for pair in admitting.into_iter().cartesian_product(others) {
            self.found.entry(pair).or_insert_with(|| {
                let told = operations.iter().map(|call| ToldOperation {
                    process: call.session.to_string(),
                    invoked: 2 * call.invoked,
                    returned: call.returned.map(|returned| 2 * returned + 1),
                    text: tell(call),
                });
                told.collect()
            });
        }
    }
}

/// What is enumerated: up to how many operations.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Of histories in real time.
    pub timed: usize,
    /// Of histories in session order.
    pub untimed: usize,
    /// Of histories that read both registers at once.
    pub snapshots: usize,
}

/// Looks for histories that tell models from one another.
pub fn witnesses(sizes: Sizes) -> Witnesses {
    let mut witnesses = Witnesses::default();
    let all = Consistency::ALL.into_iter();
    let of_registers: Vec<Consistency> = all
        .filter(|model| *model != Consistency::ConsistentPrefix)
        .collect();
    for size in 1..=sizes.timed {
        timed(size, &mut |shape| {
            fill(shape, &mut |operations| {
                witnesses.add(&REGISTERS, &of_registers, operations, tell_access);
            });
        });
    }
    let of_sessions = of_registers
        .iter()
        .copied()
        .filter(|model| is_untimed(*model));
    let of_sessions: Vec<Consistency> = of_sessions.collect();
    for size in 1..=sizes.untimed {
        for shape in untimed(size) {
            fill(&shape, &mut |operations| {
                witnesses.add(&REGISTERS, &of_sessions, operations, tell_access);
            });
        }
    }
    let of_snapshots = [
        Consistency::Linearizable,
        Consistency::Sequential,
        Consistency::Pram,
        Consistency::ConsistentPrefix,
    ];
    for size in 1..=sizes.snapshots {
        for shape in untimed(size) {
            fill_snapshots(&shape, &mut |operations| {
                witnesses.add(&SNAPSHOTS, &of_snapshots, operations, tell_parts);
            });
        }
    }
    if sizes.untimed < SEVEN.len() {
        witnesses.add(&REGISTERS, &of_sessions, &seven(), tell_access);
    }
    witnesses
}

/// The smallest history that is causally convergent, and neither causal memory nor PRAM: session, register, whether it writes, and
/// the value. To find it takes minutes (`--untimed 7`), to judge it none.
const SEVEN: [(u32, u32, bool, u32); 7] = [
    (0, 0, true, 1),
    (0, 1, false, 0),
    (0, 1, false, 7),
    (0, 0, false, 1),
    (1, 1, true, 5),
    (1, 0, true, 6),
    (1, 1, true, 7),
];

fn seven() -> Vec<Call<Registers>> {
    let operations = (0..).zip(SEVEN);
    let calls = operations.map(|(moment, (session, object, is_write, value))| {
        // The sessions begin together.
        let moment = moment - 4 * u64::from(session);
        access((session, moment, moment), object, is_write, value)
    });
    calls.collect()
}

/// A write, or a read, of this value.
fn access(at: (u32, u64, u64), object: u32, is_write: bool, value: u32) -> Call<Registers> {
    let (request, response) = match is_write {
        true => (RegisterRequest::Write(value), RegisterResponse::Written),
        false => (RegisterRequest::Read, RegisterResponse::Value(value)),
    };
    call::<Registers>(at, object, request, response)
}

/// Whether a model is about session order only.
fn is_untimed(model: Consistency) -> bool {
    !matches!(
        model,
        Consistency::Linearizable | Consistency::Regular(_) | Consistency::Safe(_)
    )
}

fn tell_access(call: &Call<Registers>) -> String {
    let name = NAMES[call.object as usize];
    match (&call.request, &call.response) {
        (RegisterRequest::Write(value), _) => format!("{name} := {value}"),
        (_, Some(RegisterResponse::Value(value))) => format!("{name} is {value}"),
        _ => unreachable!("all outcomes are known, and nothing is swapped"),
    }
}

fn tell_parts(call: &Call<Snapshots>) -> String {
    let mut values = call.response.iter().flatten();
    let parts = call.request.iter().map(|part| match part {
        Part::Write(key, value) => format!("{} := {value}", NAMES[*key as usize]),
        Part::Read(key) => {
            let value = values.next().expect("each read has a value");
            format!("{} is {value}", NAMES[*key as usize])
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Who invokes when and returns when: each operation's session and moments.
type Shape = Vec<(u32, u64, u64)>;

/// All shapes of this many operations, in real time, each once but for the names of sessions.
fn timed(size: usize, then: &mut impl FnMut(&Shape)) {
    // Events in phases: some operations begin, then some that are open end, and so on.
    fn extend(
        shape: &mut Vec<(u32, u64, Option<u64>)>,
        size: usize,
        phase: u64,
        then: &mut impl FnMut(&Shape),
    ) {
        let open: Vec<usize> = (0..shape.len())
            .filter(|op| shape[*op].2.is_none())
            .collect();
        let left = size - shape.len();
        if left == 0 {
            // The rest ends together: nobody begins afterwards.
            let whole = shape.iter().map(|(session, invoked, returned)| {
                (*session, *invoked, returned.unwrap_or(phase))
            });
            then(&whole.collect());
            return;
        }
        let sessions = shape.iter().map(|(session, ..)| *session).max();
        let sessions = sessions.map_or(0, |most| most + 1);
        // In a later phase, somebody must have ended in the one before.
        let ended: Vec<Vec<usize>> = match phase {
            0 => vec![Vec::new()],
            _ => open
                .into_iter()
                .powerset()
                .filter(|ended| !ended.is_empty())
                .collect(),
        };
        for ended in ended {
            for op in &ended {
                shape[*op].2 = Some(phase - 1);
            }
            let busy: Vec<u32> = shape
                .iter()
                .filter(|(_, _, returned)| returned.is_none())
                .map(|(session, ..)| *session)
                .collect();
            let idle: Vec<u32> = (0..sessions)
                .filter(|session| !busy.contains(session))
                .collect();
            for again in idle.into_iter().powerset() {
                for new in 0..=left as u32 {
                    let begun = again.len() + new as usize;
                    if begun == 0 || begun > left {
                        continue;
                    }
                    let before = shape.len();
                    let begin = again.iter().copied().chain(sessions..sessions + new);
                    shape.extend(begin.map(|session| (session, phase, None)));
                    extend(shape, size, phase + 1, then);
                    shape.truncate(before);
                }
            }
            for op in &ended {
                shape[*op].2 = None;
            }
        }
    }
    extend(&mut Vec::new(), size, 0, then);
}

/// All shapes of this many operations in session order: the operations of different sessions overlap.
fn untimed(size: usize) -> Vec<Shape> {
    /// Numbers that add up to this one, none larger than the one before.
    fn parts(sum: usize, largest: usize) -> Vec<Vec<usize>> {
        if sum == 0 {
            return vec![Vec::new()];
        }
        let firsts = (1..=sum.min(largest)).rev();
        let all = firsts.flat_map(|first| {
            let rest = parts(sum - first, first).into_iter();
            rest.map(move |rest| [vec![first], rest].concat())
        });
        all.collect()
    }
    let shapes = parts(size, size).into_iter().map(|lengths| {
        let sessions = (0..).zip(lengths);
        let ops = sessions.flat_map(|(session, length)| {
            (0..length as u64).map(move |number| (session, number, number))
        });
        ops.collect()
    });
    shapes.collect()
}

/// All histories of a shape: each operation writes or reads one of two registers, each read has the value of a write of its
/// register, or the initial value.
fn fill(shape: &Shape, then: &mut impl FnMut(&[Call<Registers>])) {
    let kinds = (0..NAMES.len() as u32).cartesian_product([true, false]);
    for ops in std::iter::repeat_n(kinds, shape.len()).multi_cartesian_product() {
        // Registers are named in the order in which they appear.
        if ops[0].0 != 0 {
            continue;
        }
        let values = ops.iter().enumerate().map(|(op, (object, is_write))| {
            if *is_write {
                return vec![op as u32 + 1];
            }
            let writes = ops.iter().enumerate();
            let writes = writes.filter(|(_, (other, is_write))| *is_write && other == object);
            let written = writes.map(|(write, _)| write as u32 + 1);
            std::iter::once(0).chain(written).collect::<Vec<u32>>()
        });
        for values in values.multi_cartesian_product() {
            let calls = shape.iter().zip(&ops).zip(values);
            let calls = calls
                .map(|((at, (object, is_write)), value)| access(*at, *object, *is_write, value));
            then(&calls.collect::<Vec<_>>());
        }
    }
}

/// All histories of a shape: each operation writes one of two registers, or reads both.
fn fill_snapshots(shape: &Shape, then: &mut impl FnMut(&[Call<Snapshots>])) {
    // The register that is written, if one is.
    let kinds = [None, Some(0_u32), Some(1)];
    for ops in std::iter::repeat_n(kinds, shape.len()).multi_cartesian_product() {
        if ops.iter().flatten().next() == Some(&1) {
            continue;
        }
        let written = |register: u32| {
            let writes = ops.iter().enumerate();
            let writes = writes.filter(move |(_, key)| **key == Some(register));
            std::iter::once(0).chain(writes.map(|(write, _)| write as u32 + 1))
        };
        let operations = ops.iter().enumerate().map(|(op, key)| match key {
            Some(key) => vec![(vec![Part::Write(*key, op as u32 + 1)], Vec::new())],
            None => {
                let values = written(0).cartesian_product(written(1).collect::<Vec<_>>());
                let reads = vec![Part::Read(0), Part::Read(1)];
                values.map(|(x, y)| (reads.clone(), vec![x, y])).collect()
            }
        });
        for operations in operations.multi_cartesian_product() {
            let calls = shape.iter().zip(operations);
            let calls =
                calls.map(|(at, (request, response))| call::<Snapshots>(*at, 0, request, response));
            then(&calls.collect::<Vec<_>>());
        }
    }
}

fn call<S: Specification>(
    (session, invoked, returned): (u32, u64, u64),
    object: u32,
    request: S::Request,
    response: S::Response,
) -> Call<S> {
    Call::<S> {
        session,
        object,
        invoked,
        returned: Some(returned),
        request,
        response: Some(response),
    }
}

/// The command `lattice`.
#[derive(Clone, Copy, Debug)]
pub struct LatticeCommand;

impl AddedCommand for LatticeCommand {
    fn command(&self) -> Command {
        let size = |name: &'static str, help: &'static str, default: &'static str| {
            Arg::new(name)
                .long(name)
                .value_name("COUNT")
                .help(help)
                .value_parser(value_parser!(u8).range(1..=9))
                .default_value(default)
        };
        Command::new("lattice")
            .about("Shows which consistency model is stronger than which, on all small histories")
            .arg(size(
                "timed",
                "Operations of the largest histories in real time",
                "4",
            ))
            .arg(size(
                "untimed",
                "Operations of the largest histories in session order",
                "6",
            ))
            .arg(size(
                "snapshots",
                "Operations of the largest histories that read several registers at once",
                "4",
            ))
            .arg(
                Arg::new("svg")
                    .long("svg")
                    .value_name("FILE")
                    .help("Draws the lattice into this file")
                    .value_parser(value_parser!(std::path::PathBuf)),
            )
    }

    fn run(&self, matches: &ArgMatches, format: Format) -> Result<Outcome, UsageError> {
        let size = |name| usize::from(*matches.get_one::<u8>(name).expect("has a default"));
        let sizes = Sizes {
            timed: size("timed"),
            untimed: size("untimed"),
            snapshots: size("snapshots"),
        };
        let witnesses = witnesses(sizes);
        let relations = relations(&witnesses);
        match format {
            Format::Table => print(&relations, &witnesses),
            Format::Json => {
                for relation in &relations {
                    let line = serde_json::to_string(relation);
                    println!("{}", line.expect("texts and numbers"));
                }
            }
        }
        if let Some(path) = matches.get_one::<std::path::PathBuf>("svg") {
            let written = std::fs::write(path, svg());
            written.map_err(|error| UsageError(format!("{}: {error}", path.display())))?;
        }
        let outcomes = relations.iter().map(|relation| match relation.finding {
            Finding::Shown => Outcome::AsExpected,
            Finding::Missing => Outcome::NotExhausted,
            Finding::Refuted => Outcome::NotAsExpected,
        });
        Ok(outcomes.max().unwrap_or(Outcome::AsExpected))
    }
}

/// A claim about two models, and what the histories say of it.
#[derive(Debug, Serialize)]
pub struct Relation {
    /// The one model.
    #[serde(serialize_with = "by_name")]
    pub model: Consistency,
    /// The other.
    #[serde(serialize_with = "by_name")]
    pub other: Consistency,
    /// Whether each history of the model is one of the other.
    pub implies: bool,
    /// How it came out.
    pub finding: Finding,
    /// A smallest history that the model admits and the other does not.
    pub history: Option<Vec<ToldOperation>>,
}

fn by_name<S: serde::Serializer>(model: &Consistency, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(model.name())
}

/// What the histories say of a claim.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// It is so.
    Shown,
    /// A history is said to be there, and was not found: larger ones may show it.
    Missing,
    /// A history is there that contradicts it.
    Refuted,
}

/// Whether histories can tell the models apart: consistent prefix is compared on those that read several registers at once.
fn are_compared(model: Consistency, other: Consistency) -> bool {
    let has_snapshots = |model| {
        matches!(
            model,
            Consistency::Linearizable
                | Consistency::Sequential
                | Consistency::Pram
                | Consistency::ConsistentPrefix
        )
    };
    let prefix = Consistency::ConsistentPrefix;
    model != other
        && ((model != prefix && other != prefix) || (has_snapshots(model) && has_snapshots(other)))
}

/// Every two models that are compared.
pub fn relations(witnesses: &Witnesses) -> Vec<Relation> {
    let all = Consistency::ALL;
    let pairs = all.into_iter().cartesian_product(all);
    let compared = pairs.filter(|(model, other)| are_compared(*model, *other));
    let relations = compared.map(|(model, other)| {
        let history = witnesses.get(model, other);
        let implies = model.implies(other);
        Relation {
            model,
            other,
            implies,
            finding: match (implies, history) {
                (true, None) | (false, Some(_)) => Finding::Shown,
                (false, None) => Finding::Missing,
                (true, Some(_)) => Finding::Refuted,
            },
            history: history.map(<[ToldOperation]>::to_vec),
        }
    });
    relations.collect()
}

fn print(relations: &[Relation], witnesses: &Witnesses) {
    let find = |model, other| {
        let mut relations = relations.iter();
        relations.find(|relation| relation.model == model && relation.other == other)
    };
    let show = |relation: &Relation| {
        let (model, other) = (relation.model, relation.other);
        match (&relation.history, relation.finding) {
            (Some(history), _) => {
                println!("  {model}, and not {other}:");
                for line in picture::text(history).lines() {
                    println!("    {line}");
                }
            }
            (None, Finding::Missing) => {
                println!("  {model}, and not {other}: no history of these sizes");
            }
            (None, _) => {}
        }
    };
    println!("Looked at {} histories.\n", witnesses.histories);
    println!("Stronger and weaker, with a smallest history that only the weaker admits:\n");
    for model in Consistency::ALL {
        for weaker in model.weaker() {
            println!("{model} > {weaker}");
            [find(model, weaker), find(weaker, model)]
                .into_iter()
                .flatten()
                .for_each(show);
        }
    }
    println!("\nNeither is stronger, with a smallest history for each:\n");
    for [model, other] in Consistency::ALL.into_iter().array_combinations() {
        if are_compared(model, other) && !model.implies(other) && !other.implies(model) {
            println!("{model} | {other}");
            [find(model, other), find(other, model)]
                .into_iter()
                .flatten()
                .for_each(show);
        }
    }
}

/// The lattice as an SVG document: the stronger above the weaker.
pub fn svg() -> String {
    // Each model one row below the lowest that is stronger.
    fn row(model: Consistency) -> usize {
        let stronger = Consistency::ALL.into_iter();
        let stronger = stronger.filter(|other| other.weaker().contains(&model));
        stronger.map(|other| row(other) + 1).max().unwrap_or(0)
    }
    const WIDTH: i32 = 270;
    const HEIGHT: i32 = 90;
    let rows = Consistency::ALL
        .into_iter()
        .into_group_map_by(|model| row(*model));
    let most = rows.values().map(Vec::len).max().unwrap_or(0) as i32;
    let place = |model: Consistency| {
        let number = row(model);
        let beside = &rows[&number];
        let index = beside.iter().position(|other| *other == model);
        let index = index.expect("each model is in its row") as i32;
        let left = (most - beside.len() as i32) * WIDTH / 2;
        let x = left + index * WIDTH + WIDTH / 2;
        (x, number as i32 * HEIGHT + HEIGHT / 2)
    };
    let (width, height) = (most * WIDTH, rows.len() as i32 * HEIGHT);
    let mut svg = Svg::default();
    svg.open(
        "svg",
        &[
            ("xmlns", &"http://www.w3.org/2000/svg"),
            ("class", &"quorate-lattice"),
            ("width", &width),
            ("height", &height),
        ],
    );
    svg.text(
        "style",
        &[],
        ".quorate-lattice { font: 13px sans-serif; } .quorate-lattice rect { fill: #d7e8f7; stroke: #3b6ea5; }
         .quorate-lattice line { stroke: #3b6ea5; } .quorate-lattice text { text-anchor: middle; dominant-baseline: central; }",
    );
    for model in Consistency::ALL {
        for weaker in model.weaker() {
            svg.line("quorate-stronger", place(model), place(weaker));
        }
    }
    for model in Consistency::ALL {
        let (x, y) = place(model);
        let (half_width, half_height) = (WIDTH / 2 - 8, 15);
        svg.leaf(
            "rect",
            &[
                ("x", &(x - half_width)),
                ("y", &(y - half_height)),
                ("width", &(2 * half_width)),
                ("height", &(2 * half_height)),
                ("rx", &6),
            ],
        );
        svg.text("text", &[("x", &x), ("y", &y)], model.name());
    }
    svg.close("svg");
    svg.finish()
}
