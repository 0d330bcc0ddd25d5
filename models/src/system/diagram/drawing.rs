//! A [`Sequence`] on a plane.

use super::style::STYLE;
use super::{End, Flight, Line, LineKind, Mark, Sequence, TurningPoint};
use quorate_checker::svg::Svg;

type Point = (i32, i32);

/// From the top to the first row.
const HEADER: i32 = 52;
/// Between lines of text.
const LINE: i32 = 15;
/// Above a row's first line and below its last.
const MARGIN: i32 = 10;
/// Between rows: what arrows need to be seen.
const GAP: i32 = 22;
/// The application's lane.
const APPLICATION: i32 = 66;
/// Between lanes, at least.
const LANES_APART: i32 = 120;
/// Between a lane and its text.
const INDENT: i32 = 14;
/// Between a lane and its text where a small shape comes first.
const INDENT_SHAPE: i32 = 28;
/// The longest text shown; the rest is in its tool tip.
const TEXT_MAX: usize = 36;

/// How wide a text is, of a font whose characters are all equally wide.
fn width(text: &str) -> i32 {
    let characters = text.chars().count().min(TEXT_MAX);
    i32::try_from(characters).expect("a short text") * 67 / 10
}

/// Where a row is.
#[derive(Clone, Copy)]
struct Band {
    /// Where arrows arrive.
    top: i32,
    /// Where the first line of text is.
    first: i32,
    /// Where arrows leave.
    bottom: i32,
}

/// Where lanes and rows are.
struct Layout {
    lanes: Vec<i32>,
    bands: Vec<Band>,
    width: i32,
    /// The end of the lanes.
    bottom: i32,
}

impl Layout {
    fn new(sequence: &Sequence) -> Self {
        let half = |lane: usize| width(&sequence.lanes[lane]) / 2;
        let mut texts = vec![0; sequence.lanes.len()];
        for line in sequence.rows.iter().flat_map(|row| &row.lines) {
            texts[line.lane] = texts[line.lane].max(indent(line.kind) + width(&line.text));
        }
        let mut lanes = vec![APPLICATION + 60 + half(0)];
        for lane in 1..sequence.lanes.len() {
            let apart = LANES_APART
                .max(texts[lane - 1] + 24)
                .max(half(lane - 1) + half(lane) + 24);
            lanes.push(lanes[lane - 1] + apart);
        }
        let mut top = HEADER;
        let band = |row: &super::Row| {
            let lines = (0..sequence.lanes.len())
                .map(|lane| row.lines.iter().filter(|line| line.lane == lane).count());
            let lines = lines.max().unwrap_or(0).max(1);
            let more = LINE * i32::try_from(lines - 1).expect("few lines");
            let (first, bottom) = (top + MARGIN, top + 2 * MARGIN + more);
            let band = Band { top, first, bottom };
            top = bottom + GAP;
            band
        };
        let bands: Vec<Band> = sequence.rows.iter().map(band).collect();
        let last = sequence.lanes.len() - 1;
        Self {
            width: (lanes[last] + texts[last].max(half(last)) + 16).max(560),
            bottom: bands.last().map_or(HEADER, |band| band.bottom) + GAP,
            lanes,
            bands,
        }
    }

    /// In the gap beside `to`, on the side of `from`.
    fn beside(&self, from: usize, to: usize) -> i32 {
        let neighbour = match from.cmp(&to) {
            std::cmp::Ordering::Less => self.lanes[to - 1],
            std::cmp::Ordering::Greater => self.lanes[to + 1],
            std::cmp::Ordering::Equal => self.lanes[to] - LANES_APART / 2,
        };
        i32::midpoint(neighbour, self.lanes[to])
    }
}

/// Between a lane and its text.
fn indent(kind: LineKind) -> i32 {
    match kind {
        LineKind::Heading(_) => INDENT,
        _ => INDENT_SHAPE,
    }
}

impl Sequence {
    /// The diagram as an SVG element.
    pub(super) fn draw(&self) -> String {
        let layout = Layout::new(self);
        let (legend, height) = legend(&layout);
        let mut svg = Svg::default();
        svg.open(
            "svg",
            &[
                ("xmlns", &"http://www.w3.org/2000/svg"),
                ("class", &"quorate-diagram"),
                ("width", &layout.width),
                ("height", &height),
                ("viewBox", &format!("0 0 {} {height}", layout.width)),
            ],
        );
        svg.text("style", &[], STYLE);
        svg.open("g", &[("class", &"quorate-steps")]);
        self.draw_lanes(&mut svg, &layout);
        for flight in &self.flights {
            draw_flight(&mut svg, &layout, flight);
        }
        for row in 0..self.rows.len() {
            self.draw_row(&mut svg, &layout, row);
        }
        svg.close("g");
        draw_legend(&mut svg, &legend);
        svg.close("svg");
        svg.finish()
    }

    fn draw_lanes(&self, svg: &mut Svg, layout: &Layout) {
        let foot = layout.bottom;
        svg.words(
            "quorate-name quorate-request-text",
            (APPLICATION, 12),
            "application",
        );
        svg.line(
            "quorate-application",
            (APPLICATION, 38),
            (APPLICATION, foot),
        );
        for (number, (lane, &x)) in self.lanes.iter().zip(&layout.lanes).enumerate() {
            svg.words("quorate-name", (x, 12), lane);
            svg.words("quorate-number", (x, 27), &format!("process {number}"));
            let mut y = 38;
            for outage in self.outages.iter().filter(|o| o.lane == number) {
                let down = layout.bands[outage.from].first;
                let up = outage.to.map_or(foot, |row| layout.bands[row].first);
                svg.line("quorate-lane", (x, y), (x, down));
                svg.line("quorate-down", (x, down), (x, up));
                y = up;
            }
            svg.line("quorate-lane", (x, y), (x, foot));
        }
    }

    fn draw_row(&self, svg: &mut Svg, layout: &Layout, row: usize) {
        let band = layout.bands[row];
        let number = if row == 0 {
            "start".to_owned()
        } else {
            row.to_string()
        };
        svg.words("quorate-step", (32, band.first), &number);
        if let Some((lane, mark)) = self.rows[row].mark {
            draw_mark(svg, (layout.lanes[lane], band.first), band, mark);
        }
        if let Some(turning_point) = self.rows[row].turning_point {
            draw_turning_point(svg, layout, band, turning_point);
        }
        let mut next = vec![band.first; self.lanes.len()];
        for line in &self.rows[row].lines {
            let y = &mut next[line.lane];
            draw_line(svg, (layout.lanes[line.lane], *y), line);
            *y += LINE;
        }
        for flight in &self.flights {
            if flight.end == End::Dropped(row) {
                let x = layout.beside(flight.from, flight.to);
                let class = "quorate-drop-text";
                let place = (x - width(&flight.text) / 2, band.first + 6);
                draw_text(svg, class, place, &flight.text);
            }
        }
    }
}

/// How a process came to act, on its lane.
fn draw_mark(svg: &mut Svg, at: Point, band: Band, mark: Mark) {
    let (x, y) = at;
    if mark != Mark::Crash {
        svg.leaf(
            "rect",
            &[
                ("class", &"quorate-activity"),
                ("x", &(x - 3)),
                ("y", &band.top),
                ("width", &6),
                ("height", &(band.bottom - band.top)),
                ("rx", &2),
            ],
        );
    }
    match mark {
        Mark::Delivery => {}
        Mark::Request => {
            let (from, to) = ((APPLICATION, y), (x - 4, y));
            svg.line("quorate-request", from, to);
            svg.head("quorate-request-head", from, to);
        }
        Mark::Timeout => svg.clock("quorate-timeout", at),
        Mark::Flush => svg.disk("quorate-flush", at, 7),
        Mark::Crash => svg.cross("quorate-crash", at, 8),
        Mark::Recovery => svg.ring("quorate-recovery", at, 7),
    }
}

/// What happens to all processes is a line across all lanes.
fn draw_turning_point(svg: &mut Svg, layout: &Layout, band: Band, turning_point: TurningPoint) {
    let (class, text) = match turning_point {
        TurningPoint::Partition(_) => ("quorate-partition", "quorate-partition-text"),
        TurningPoint::Healing => ("quorate-healing", "quorate-healing-text"),
        TurningPoint::Stabilisation => ("quorate-stabilisation", "quorate-stabilisation-text"),
    };
    let (left, right) = (APPLICATION - 20, layout.width - 16);
    svg.line(class, (left, band.first), (right, band.first));
    let place = (layout.lanes[0] + INDENT, band.first);
    draw_text(svg, text, place, &turning_point.text(layout.lanes.len()));
}

/// A message's way. Into the own lane it goes in an arc.
fn draw_flight(svg: &mut Svg, layout: &Layout, flight: &Flight) {
    let start = (layout.lanes[flight.from], layout.bands[flight.sent].bottom);
    let (class, end) = match flight.end {
        End::Delivered(row) => {
            let side = if flight.from <= flight.to { -4 } else { 4 };
            let x = layout.lanes[flight.to] + side;
            ("quorate-message", (x, layout.bands[row].top))
        }
        End::Dropped(row) | End::TakenAlong(row) => {
            let x = layout.beside(flight.from, flight.to);
            ("quorate-drop", (x, layout.bands[row].top))
        }
    };
    svg.open("g", &[]);
    svg.text("title", &[], &flight.text);
    let comes_from = if flight.from == flight.to {
        let bend = (start.0 - LANES_APART / 3, i32::midpoint(start.1, end.1));
        let way = format!(
            "M{} {}Q{} {} {} {}",
            start.0, start.1, bend.0, bend.1, end.0, end.1
        );
        svg.path(class, &way);
        bend
    } else {
        svg.line(class, start, end);
        start
    };
    match flight.end {
        End::Delivered(_) => svg.head("quorate-head", comes_from, end),
        End::Dropped(_) | End::TakenAlong(_) => svg.cross("quorate-drop-end", end, 5),
    }
    svg.close("g");
}

/// A line of text beside a lane, behind the small shape that says what it is.
fn draw_line(svg: &mut Svg, (x, y): Point, line: &Line) {
    let shape = (x + INDENT + 4, y);
    let class = match line.kind {
        LineKind::Heading(Mark::Delivery) => "quorate-message-text",
        LineKind::Heading(Mark::Request) => "quorate-request-text",
        LineKind::Heading(Mark::Timeout) => "quorate-timeout-text",
        LineKind::Heading(Mark::Flush) => "quorate-durable-text",
        LineKind::Heading(Mark::Crash) => "quorate-crash-text",
        LineKind::Heading(Mark::Recovery) => "quorate-recovery-text",
        LineKind::Durable => {
            svg.disk("quorate-durable", shape, 4);
            "quorate-durable-text"
        }
        LineKind::Written => {
            svg.disk("quorate-written", shape, 4);
            "quorate-written-text"
        }
        LineKind::Lost => {
            svg.cross("quorate-lost", shape, 3);
            "quorate-lost-text"
        }
        LineKind::Told => {
            let (class, text) = told(&line.text);
            svg.told(class, shape);
            text
        }
        LineKind::InFlight { left, right } => {
            for (sends, side) in [(left, -1), (right, 1)] {
                if sends {
                    let (start, tip) = ((x + 5 * side, y), (x + 24 * side, y));
                    svg.line("quorate-in-flight", start, (x + 18 * side, y));
                    svg.head("quorate-in-flight-head", start, tip);
                }
            }
            "quorate-in-flight-text"
        }
    };
    draw_text(svg, class, (x + indent(line.kind), y), &line.text);
}

/// The classes of an output: decisions have the colours that everyone expects.
fn told(text: &str) -> (&'static str, &'static str) {
    if text.contains("Commit") {
        ("quorate-commit", "quorate-commit-text")
    } else if text.contains("Abort") {
        ("quorate-abort", "quorate-abort-text")
    } else {
        ("quorate-told", "quorate-told-text")
    }
}

fn draw_text(svg: &mut Svg, class: &str, (x, y): Point, text: &str) {
    if text.chars().count() <= TEXT_MAX {
        svg.words(class, (x, y), text);
        return;
    }
    let start: String = text.chars().take(TEXT_MAX - 1).collect();
    svg.open("g", &[]);
    svg.text("title", &[], text);
    svg.words(class, (x, y), &format!("{start}…"));
    svg.close("g");
}

/// Draws something at a place.
type Shape = fn(&mut Svg, Point);
/// An entry of the legend: where, its text, its shape.
type Entry = (Point, &'static str, Shape);

/// Places the legend, as wide as the diagram. Returns the diagram's height with it, too.
fn legend(layout: &Layout) -> (Vec<Entry>, i32) {
    let entries: [(&str, Shape); 9] = [
        ("message", |svg, (x, y)| {
            svg.line("quorate-message", (x - 9, y), (x + 7, y));
            svg.head("quorate-head", (x - 9, y), (x + 9, y));
        }),
        ("in flight", |svg, (x, y)| {
            svg.line("quorate-in-flight", (x - 9, y), (x + 4, y));
            svg.head("quorate-in-flight-head", (x - 9, y), (x + 9, y));
        }),
        ("lost", |svg, (x, y)| {
            svg.line("quorate-drop", (x - 12, y), (x + 4, y));
            svg.cross("quorate-drop-end", (x + 4, y), 5);
        }),
        ("crash", |svg, at| svg.cross("quorate-crash", at, 6)),
        ("recovery", |svg, at| svg.ring("quorate-recovery", at, 6)),
        ("timer", |svg, at| svg.clock("quorate-timeout", at)),
        ("writing", |svg, at| svg.disk("quorate-written", at, 5)),
        ("on disk", |svg, at| svg.disk("quorate-flush", at, 5)),
        ("told to the application", |svg, at| {
            svg.told("quorate-told", at)
        }),
    ];
    let (mut x, mut y) = (20, layout.bottom + 22);
    let mut placed = Vec::new();
    for (text, shape) in entries {
        let space = 18 + width(text) + 26;
        if x + space > layout.width {
            (x, y) = (20, y + 20);
        }
        placed.push(((x, y), text, shape));
        x += space;
    }
    (placed, y + 16)
}

fn draw_legend(svg: &mut Svg, legend: &[Entry]) {
    svg.open("g", &[("class", &"quorate-legend")]);
    for &((x, y), text, shape) in legend {
        shape(svg, (x, y));
        draw_text(svg, "quorate-number-text", (x + 16, y), text);
    }
    svg.close("g");
}
