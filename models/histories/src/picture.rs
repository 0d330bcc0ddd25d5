//! A few operations as a picture: who overlaps whom. Time goes to the right; a row is a process.

use itertools::Itertools;
use quorate_checker::svg::Svg;

use crate::history::ToldOperation;

/// Where operations are in a picture, in columns of text.
struct Layout<'a> {
    /// Processes in the order of their first operations.
    processes: Vec<&'a str>,
    rows: Vec<Bar<'a>>,
    /// The width of the processes' names.
    margin: usize,
    width: usize,
}

/// An operation, from a column to another.
struct Bar<'a> {
    row: usize,
    from: usize,
    to: usize,
    text: &'a str,
    is_open: bool,
}

/// Between a bar's ends and its text.
const ROOM: usize = 2;

impl<'a> Layout<'a> {
    fn new(operations: &'a [ToldOperation]) -> Self {
        let mut processes: Vec<&str> = Vec::new();
        for operation in operations {
            if !processes.contains(&&*operation.process) {
                processes.push(&operation.process);
            }
        }
        let moments = operations.iter().flat_map(|operation| {
            let returned = operation.returned;
            [Some(operation.invoked), returned].into_iter().flatten()
        });
        let moments: Vec<u64> = moments.sorted().dedup().collect();
        let rank = |moment: u64| moments.partition_point(|other| *other < moment);
        let room = |operation: &ToldOperation| operation.text.chars().count() + 2 * ROOM + 2;
        // Each moment comes after the one before, and behind the texts of operations that end there; and in a row, an operation
        // begins after the one before it, however long that is open.
        let mut columns = vec![0; moments.len()];
        let mut open: Vec<usize> = vec![0; processes.len()];
        let row = |operation: &ToldOperation| {
            let is_its = |process: &&str| **process == operation.process;
            processes.iter().position(is_its).expect("it was collected")
        };
        for at in 0..moments.len() {
            let mut column = if at > 0 { columns[at - 1] + 2 } else { 0 };
            for operation in operations {
                if operation.returned == Some(moments[at]) {
                    column = column.max(columns[rank(operation.invoked)] + room(operation) - 1);
                }
                if operation.invoked == moments[at] {
                    column = column.max(open[row(operation)]);
                }
            }
            columns[at] = column;
            for operation in operations.iter().filter(|o| o.invoked == moments[at]) {
                open[row(operation)] = column + room(operation);
            }
        }
        let end = |operation: &ToldOperation| match operation.returned {
            Some(returned) => columns[rank(returned)],
            None => columns[rank(operation.invoked)] + room(operation) - 1,
        };
        let width = operations.iter().map(end).max().unwrap_or(0) + 1;
        let bars = operations.iter().map(|operation| {
            let next = operations.iter().filter(|other| {
                other.process == operation.process && other.invoked > operation.invoked
            });
            let next = next.map(|other| columns[rank(other.invoked)]).min();
            Bar {
                row: row(operation),
                from: columns[rank(operation.invoked)],
                to: match operation.returned {
                    Some(_) => end(operation),
                    None => next.unwrap_or(width) - 1,
                },
                text: &operation.text,
                is_open: operation.returned.is_none(),
            }
        });
        Self {
            rows: bars.collect(),
            margin: processes
                .iter()
                .map(|p| p.chars().count())
                .max()
                .unwrap_or(0),
            processes,
            width,
        }
    }
}

/// The picture as text: a line for each process. An operation that ends in dots has an unknown outcome.
pub fn text(operations: &[ToldOperation]) -> String {
    let layout = Layout::new(operations);
    let mut lines = Vec::new();
    for (row, process) in layout.processes.iter().enumerate() {
        let mut cells = vec![' '; layout.width];
        for bar in layout.rows.iter().filter(|bar| bar.row == row) {
            cells[bar.from..=bar.to].fill('─');
            cells[bar.from] = '├';
            cells[bar.to] = if bar.is_open { '…' } else { '┤' };
            let length = bar.text.chars().count();
            let start = bar.from + (bar.to - bar.from + 1 - length) / 2;
            cells[start - 1] = ' ';
            cells[start + length] = ' ';
            for (place, character) in bar.text.chars().enumerate() {
                cells[start + place] = if character.is_control() {
                    '�'
                } else {
                    character
                };
            }
        }
        let cells: String = cells.into_iter().collect();
        let margin = layout.margin;
        lines.push(format!("{process:>margin$}  {}", cells.trim_end()));
    }
    lines.join("\n")
}

/// How wide and how high a character is, in pixels.
const CHARACTER: usize = 8;
const ROW: usize = 34;

const STYLE: &str = "
.quorate-history { font: 13px 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace; }
.quorate-history text { dominant-baseline: central; fill: #142b46; }
.quorate-history .quorate-operation { fill: #d7e8f7; stroke: #3b6ea5; }
.quorate-history .quorate-unknown { fill: #f6ecd2; stroke: #a5803b; stroke-dasharray: 4 3; }
";

/// The pictures below one another, each under its title, as an SVG document.
pub fn svg(pictures: &[(String, Vec<ToldOperation>)]) -> String {
    let layouts = pictures
        .iter()
        .map(|(title, operations)| (title, Layout::new(operations)));
    let layouts = layouts.collect::<Vec<_>>();
    let width = layouts.iter().map(|(title, layout)| {
        let picture = layout.margin + layout.width + 4;
        picture.max(title.chars().count() + 2) * CHARACTER
    });
    let height = layouts
        .iter()
        .map(|(_, layout)| (layout.processes.len() + 1) * ROW);
    let (width, height) = (width.max().unwrap_or(0), height.sum::<usize>());
    let mut svg = Svg::default();
    svg.open(
        "svg",
        &[
            ("xmlns", &"http://www.w3.org/2000/svg"),
            ("class", &"quorate-history"),
            ("width", &width),
            ("height", &height),
        ],
    );
    svg.text("style", &[], STYLE);
    let mut top = 0;
    for (title, layout) in &layouts {
        svg.text(
            "text",
            &[
                ("x", &CHARACTER),
                ("y", &(top + ROW / 2)),
                ("font-weight", &"bold"),
            ],
            title,
        );
        top += ROW;
        for (row, process) in layout.processes.iter().enumerate() {
            let middle = top + row * ROW + ROW / 2;
            svg.text("text", &[("x", &CHARACTER), ("y", &middle)], process);
        }
        for bar in &layout.rows {
            let left = (layout.margin + 2 + bar.from) * CHARACTER;
            let wide = (bar.to - bar.from + 1) * CHARACTER;
            let y = top + bar.row * ROW;
            let class = match bar.is_open {
                true => "quorate-unknown",
                false => "quorate-operation",
            };
            svg.leaf(
                "rect",
                &[
                    ("class", &class),
                    ("x", &left),
                    ("y", &(y + 4)),
                    ("width", &wide),
                    ("height", &(ROW - 8)),
                    ("rx", &4),
                ],
            );
            svg.text(
                "text",
                &[
                    ("x", &(left + wide / 2)),
                    ("y", &(y + ROW / 2)),
                    ("text-anchor", &"middle"),
                ],
                bar.text,
            );
        }
        top += layout.processes.len() * ROW;
    }
    svg.close("svg");
    svg.finish()
}
