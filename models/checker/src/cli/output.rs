//! What the command line prints on standard output.

use std::io::Write;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanCount;
use itertools::Itertools;
use serde::Serialize;

use super::CommandLine;
use super::arguments::Format;
use crate::Strength;
use crate::report::{
    AddedTable, Cell, CheckReport, MutantReport, Outcome, PanicReport, PropertyReport, json_line,
};

/// Writes to standard output. Whoever reads it may stop reading.
pub fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints an object on a line.
pub fn json(object: &impl Serialize) {
    print(&json_line(object));
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(header);
    table
}

fn count(number: usize) -> String {
    HumanCount(number as u64).to_string()
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::AsExpected => "as expected",
        Outcome::NotAsExpected => "NOT AS EXPECTED",
        Outcome::NotExhausted => "NOT EXHAUSTED",
    }
}

/// Models with their instances and mutants.
pub fn list(line: &CommandLine, format: Format) {
    for model in line.models {
        if format == Format::Json {
            model.instances().iter().for_each(json);
            model.mutants().iter().for_each(json);
            continue;
        }
        print(&format!("{}: {}\n", model.name(), model.summary()));
        let mut instances = table(&["instance", "what it shows", "by default"]);
        for listed in model.instances() {
            let by_default = if listed.by_default { "yes" } else { "" };
            instances.add_row([listed.instance, listed.summary, by_default]);
        }
        print(&instances.to_string());
        let mut mutants = table(&["mutant", "what it does wrong", "breaks", "in instance"]);
        for listed in model.mutants() {
            mutants.add_row([
                listed.mutant,
                listed.summary,
                listed.breaks,
                listed.instance,
            ]);
        }
        print(&mutants.to_string());
    }
}

/// A finished check in a line.
pub fn check_line(report: &CheckReport) -> String {
    let states = &report.states;
    let stopped = report.stopped.as_deref();
    format!(
        "{} states, {} generated, depth {}, {:.1} s, {}",
        count(states.unique),
        count(states.generated),
        states.depth,
        report.seconds,
        stopped.map_or("exhausted".to_owned(), |why| format!("stopped {why}")),
    )
}

/// Of a claim in so many instances each is named.
const NAMED_MAX: usize = 2;

/// How sure the counts are, and what claims about fair runs rest on.
fn assumptions(reports: &[CheckReport]) {
    let chance: f64 = reports.iter().map(|report| report.collision_chance).sum();
    print(&format!(
        "chance that two states were taken for one, in all: at most {chance:.1e}"
    ));
    let is_fair = |report: &&CheckReport| !report.fairness.is_empty();
    let fair = reports.iter().filter(is_fair);
    let by_fairness = fair.into_group_map_by(|report| (report.model, report.fairness.clone()));
    for (model, fairness) in (reports.iter().map(|r| (r.model, r.fairness.clone()))).unique() {
        let Some(reports) = by_fairness.get(&(model, fairness.clone())) else {
            continue;
        };
        let instances = reports.iter().map(|report| report.instance.as_str());
        let assumed = fairness.iter().map(|assumption| match assumption.strength {
            Strength::Weak => format!("{} (weak)", assumption.name),
            Strength::Strong => format!("{} (strong)", assumption.name),
        });
        print(&format!(
            "{model} {}: claims about fair runs assume fairness of {}",
            instances.collect::<Vec<_>>().join(", "),
            assumed.collect::<Vec<_>>().join(", "),
        ));
    }
}

/// Finished checks: a table of instances, a table of claims, and each counterexample.
pub fn checks(line: &CommandLine, reports: &[CheckReport]) {
    let header = [
        "model",
        "instance",
        "states",
        "generated",
        "depth",
        "seconds",
        "exhausted",
        "claims",
    ];
    let mut instances = table(&header);
    for column in 2..=5 {
        if let Some(column) = instances.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for report in reports {
        let total = report.properties.len();
        let as_expected = |p: &&PropertyReport| report.outcome_of(p) == Outcome::AsExpected;
        let expected = report.properties.iter().filter(as_expected).count();
        instances.add_row([
            report.model.to_owned(),
            report.instance.clone(),
            count(report.states.unique),
            count(report.states.generated),
            report.states.depth.to_string(),
            format!("{:.1}", report.seconds),
            if report.exhausted { "yes" } else { "NO" }.to_owned(),
            format!("{expected} of {total} {}", word(report.outcome())),
        ]);
    }
    print(&instances.to_string());
    for report in reports {
        if let Some(summary) = summary(line, report) {
            print(&format!("{} {}: {summary}", report.model, report.instance));
        }
    }
    claims(reports);
    assumptions(reports);
    for report in reports {
        if let Some(why) = &report.stopped {
            print(&format!(
                "{} {}: stopped {why}",
                report.model, report.instance
            ));
        }
        if let Some(panic) = &report.panic {
            print(&format!(
                "{} {}: the model's own code panicked: {}",
                report.model, report.instance, panic.message
            ));
            panicked(panic);
        }
        for property in &report.properties {
            // Of what is expected to fail, one run is enough to read.
            if report.outcome_of(property) != Outcome::AsExpected
                || is_shortest(reports, report, property)
            {
                counterexample(line, report, property);
            }
        }
    }
    let unchecked = reports.iter().flat_map(|report| &report.unchecked).unique();
    for name in unchecked {
        print(&format!(
            "not checked, for Stateright has no properties of steps and of fair runs: {name}"
        ));
    }
}

/// What an instance is, if it was checked with its own parameters.
fn summary(line: &CommandLine, report: &CheckReport) -> Option<&'static str> {
    let mut models = line.models.iter();
    let model = models.find(|model| model.name() == report.model)?;
    let mut instances = model.instances().into_iter();
    let listed = instances.find(|listed| listed.instance == report.instance);
    listed.map(|listed| listed.summary)
}

fn claims(reports: &[CheckReport]) {
    let mut claims = table(&["model", "claim", "kind", "expected", "verdict"]);
    let all = reports
        .iter()
        .flat_map(|report| report.properties.iter().map(move |p| (report, p)));
    let named = all.into_group_map_by(|(report, p)| (report.model, p.name, p.kind, p.expected));
    // In the order in which the models state them.
    let order = reports
        .iter()
        .flat_map(|r| {
            r.properties
                .iter()
                .map(move |p| (r.model, p.name, p.kind, p.expected))
        })
        .unique();
    for key @ (model, name, kind, expected) in order {
        let checked = &named[&key];
        let verdict = |wanted: Outcome| {
            let instances = checked.iter().filter(|(r, p)| r.outcome_of(p) == wanted);
            let instances: Vec<&str> = instances.map(|(r, _)| r.instance.as_str()).collect();
            (!instances.is_empty()).then(|| instances.join(", "))
        };
        let verdict = if let Some(different) = verdict(Outcome::NotAsExpected) {
            format!("NOT AS EXPECTED in {different}")
        } else if let Some(undecided) = verdict(Outcome::NotExhausted) {
            format!("UNDECIDED in {undecided}")
        } else {
            match checked.len() {
                few @ 1..=NAMED_MAX => {
                    let instances = checked.iter().take(few).map(|(r, _)| r.instance.as_str());
                    let instances: Vec<&str> = instances.collect();
                    format!("as expected in {}", instances.join(", "))
                }
                many => format!("as expected in {many} instances"),
            }
        };
        let expected = if expected { "holds" } else { "fails" };
        claims.add_row([model, name, kind, expected, &verdict]);
    }
    print(&claims.to_string());
}

/// Whether no other instance has a shorter counterexample to the same claim.
fn is_shortest(reports: &[CheckReport], report: &CheckReport, property: &PropertyReport) -> bool {
    let length = |p: &PropertyReport| p.counterexample.as_ref().map(Vec::len);
    let runs = reports.iter().filter(|other| other.model == report.model);
    let runs = runs.flat_map(|other| other.properties.iter().map(move |p| (other, p)));
    let of_claim = runs.filter(|(_, p)| p.name == property.name && p.counterexample.is_some());
    let shortest = of_claim.min_by_key(|(_, p)| length(p));
    shortest.is_none_or(|(other, _)| other.instance == report.instance)
}

fn counterexample(line: &CommandLine, report: &CheckReport, property: &PropertyReport) {
    let missing = property.counterexample.is_none();
    if report.outcome_of(property) != Outcome::NotAsExpected && missing {
        return;
    }
    let heading = format!("{} {}: {}", report.model, report.instance, property.name);
    if missing {
        let reason = match property.holds {
            Some(true) if property.vacuous => match property.kind {
                "always" => "holds, but of no state: the model has no initial state",
                "every step" => "holds, but of no step: the model takes none",
                _ => "holds, but asks for nothing: its trigger never occurs",
            },
            Some(true) => "holds",
            _ => NEVER_HAPPENS,
        };
        return print(&format!("{heading}: {reason}"));
    }
    let expected = match report.outcome_of(property) {
        Outcome::AsExpected => ", as expected",
        _ => "",
    };
    print(&format!("{heading}: a counterexample{expected}"));
    let steps = property.counterexample.iter().flatten();
    let count = steps.clone().count();
    for (at, step) in steps.enumerate() {
        if property.cycle == Some(at) {
            print("     and from here on for ever, again and again:");
        }
        print(&format!("{:>3}. {step}", at + 1));
    }
    if property.cycle == Some(count) {
        print("     and from here on for ever nothing, for nothing fair is left to happen");
    }
    if let Some(address) = &property.address {
        // The name of an instance with other parameters ends with these.
        let mut words = report.instance.split(' ');
        let instance = words.next().unwrap_or_default();
        let flags = words.filter_map(|word| word.split_once('='));
        let flags = flags.map(|(name, value)| {
            let value = value.trim_matches('"');
            format!(" --{} {value}", name.replace('_', "-"))
        });
        print(&format!(
            "  to see it: {} explore {} --instance {instance}{}\n  and open   {address}",
            line.name,
            report.model,
            flags.collect::<String>()
        ));
    }
}

/// Of what was claimed to happen some time. A protocol that has stopped to do something is a bug as well.
const NEVER_HAPPENS: &str =
    "never happens: the instance is too weak to show it, or the protocol or the model has a bug";

/// The run to a panic.
fn panicked(panic: &PanicReport) {
    match &panic.run {
        None => print("  where is not known"),
        Some(run) if run.is_empty() => print("  in an initial state"),
        Some(run) => {
            for (at, step) in run.iter().enumerate() {
                print(&format!("{:>3}. {step}", at + 1));
            }
        }
    }
}

/// The tables of models beside their checks. Tables with the same heading are printed as one.
pub fn tables(added: &[AddedTable]) {
    let headings = added.iter().map(|added| &added.heading).unique();
    for heading in headings {
        let alike = added.iter().filter(|added| added.heading == *heading);
        let alike: Vec<&AddedTable> = alike.collect();
        let rows: Vec<&Vec<Cell>> = alike.iter().flat_map(|added| &added.rows).collect();
        let mut told = table(&alike[0].columns);
        for (number, column) in told.column_iter_mut().enumerate() {
            let is_number = |row: &&Vec<Cell>| matches!(row[number], Cell::Number(_));
            if rows.iter().all(is_number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for row in rows {
            told.add_row(row.iter().map(|cell| match cell {
                Cell::Number(number) => count(*number),
                Cell::Words(words) => words.clone(),
            }));
        }
        let footing = alike[0].footing.map(|footing| format!("\n{footing}"));
        print(&format!("{heading}\n{told}{}", footing.unwrap_or_default()));
    }
}

/// One mutant, with its shortest counterexample.
pub fn mutant(line: &CommandLine, report: &MutantReport) {
    print(&format!("{}: {}", report.mutant, report.summary));
    let (breaks, instance) = (report.breaks, report.instance);
    let Some(steps) = report.steps else {
        let why = match (report.found, report.complete) {
            (true, _) => format!("breaks {breaks} in {instance}: it never happens"),
            (false, true) => format!("SURVIVES in {instance}: {breaks} is not broken"),
            (false, false) => match &report.panic {
                Some(panic) => format!("PANICS in {instance}: {}", panic.message),
                None => format!("NOT EXHAUSTED in {instance}: {breaks} is not broken"),
            },
        };
        print(&format!("  {why}"));
        for line in report.panic.iter().flat_map(|panic| &panic.run).flatten() {
            print(&format!("  {line}"));
        }
        print("");
        return;
    };
    print(&format!(
        "  breaks {breaks} in {steps} steps, in {instance}:"
    ));
    for line in &report.run {
        print(&format!("  {line}"));
    }
    if let Some(address) = &report.address {
        print(&format!(
            "  to see it: {} explore {} --mutant {}\n  and open   {address}\n",
            line.name, report.model, report.mutant
        ));
    }
}

/// All mutants, in a table.
pub fn mutants(reports: &[MutantReport]) {
    let mut mutants = table(&[
        "model", "mutant", "breaks", "instance", "steps", "seconds", "found",
    ]);
    for report in reports {
        mutants.add_row([
            report.model.to_owned(),
            report.mutant.to_owned(),
            report.breaks.to_owned(),
            report.instance.to_owned(),
            report
                .steps
                .map(|steps| steps.to_string())
                .unwrap_or_default(),
            format!("{:.1}", report.seconds),
            if report.found { "yes" } else { "NO" }.to_owned(),
        ]);
    }
    print(&mutants.to_string());
}
