//! The shapes of a diagram, and how they look on the Explorer's dark ground.

use super::svg::Svg;

/// Classes begin with `quorate-`: the Explorer's page has its own. The first rule is for that page: without
/// it a wide diagram does not scroll, but goes below everything else.
pub const STYLE: &str = "
.main-flex-right { min-width: 0; }
.quorate-diagram { font: 11px 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace; }
.quorate-diagram text { fill: #e7ecef; stroke: #142b46; stroke-width: 4px; paint-order: stroke;
  stroke-linejoin: round; dominant-baseline: central; }
.quorate-diagram line, .quorate-diagram path, .quorate-diagram circle { fill: none;
  stroke-linecap: round; stroke-linejoin: round; }
.quorate-diagram .quorate-name { font-weight: bold; text-anchor: middle; }
.quorate-diagram .quorate-number { text-anchor: middle; fill: #8098ad; font-size: 10px; }
.quorate-diagram .quorate-step { text-anchor: end; fill: #8098ad; font-size: 10px; }
.quorate-diagram .quorate-rule { stroke: #1f3d5c; }
.quorate-diagram .quorate-lane { stroke: #5d7f9b; stroke-width: 2; }
.quorate-diagram .quorate-down { stroke: #ff6b6b; stroke-width: 1.5; stroke-dasharray: 2 6; opacity: 0.7; }
.quorate-diagram .quorate-activity { fill: #5d7f9b; }
.quorate-diagram .quorate-message { stroke: #8fc7ff; stroke-width: 1.5; }
.quorate-diagram .quorate-head { fill: #8fc7ff; stroke: none; }
.quorate-diagram .quorate-application, .quorate-diagram .quorate-request { stroke: #cdb4ff; stroke-width: 1.5; stroke-dasharray: 1 4; }
.quorate-diagram .quorate-request-head { fill: #cdb4ff; stroke: none; }
.quorate-diagram text.quorate-request-text { fill: #cdb4ff; }
.quorate-diagram .quorate-drop { stroke: #ff9f5a; stroke-width: 1.5; stroke-dasharray: 5 4; }
.quorate-diagram .quorate-drop-end { stroke: #ff9f5a; stroke-width: 2.5; }
.quorate-diagram text.quorate-drop-text { fill: #ff9f5a; }
.quorate-diagram .quorate-crash { stroke: #ff6b6b; stroke-width: 4; }
.quorate-diagram text.quorate-crash-text { fill: #ff6b6b; font-weight: bold; }
.quorate-diagram .quorate-recovery { stroke: #5fe3e3; stroke-width: 3; fill: #142b46; }
.quorate-diagram text.quorate-recovery-text { fill: #5fe3e3; font-weight: bold; }
.quorate-diagram .quorate-timeout { stroke: #f2e27a; stroke-width: 1.5; fill: #142b46; }
.quorate-diagram text.quorate-timeout-text { fill: #f2e27a; }
.quorate-diagram .quorate-partition { stroke: #ff6b6b; stroke-width: 2; stroke-dasharray: 10 4; }
.quorate-diagram text.quorate-partition-text { fill: #ff6b6b; font-weight: bold; }
.quorate-diagram .quorate-healing { stroke: #5fe3e3; stroke-width: 2; stroke-dasharray: 10 4; }
.quorate-diagram text.quorate-healing-text { fill: #5fe3e3; font-weight: bold; }
.quorate-diagram .quorate-stabilisation { stroke: #7ee0c0; stroke-width: 2; stroke-dasharray: 10 4; }
.quorate-diagram text.quorate-stabilisation-text { fill: #7ee0c0; font-weight: bold; }
.quorate-diagram .quorate-flush { stroke: #e7ecef; fill: #4f7ea8; }
.quorate-diagram .quorate-durable { stroke: #bcd; fill: #4f7ea8; }
.quorate-diagram text.quorate-durable-text { fill: #bcd; }
.quorate-diagram .quorate-written { stroke: #8098ad; stroke-dasharray: 2 2; }
.quorate-diagram text.quorate-written-text { fill: #8098ad; font-style: italic; }
.quorate-diagram .quorate-lost { stroke: #ff9f5a; stroke-width: 2; }
.quorate-diagram text.quorate-lost-text { fill: #ff9f5a; }
.quorate-diagram .quorate-told { fill: #fff9d1; }
.quorate-diagram text.quorate-told-text { fill: #fff9d1; }
.quorate-diagram .quorate-commit { fill: #7ee08a; }
.quorate-diagram text.quorate-commit-text { fill: #7ee08a; font-weight: bold; }
.quorate-diagram .quorate-abort { fill: #ff8f8f; }
.quorate-diagram text.quorate-abort-text { fill: #ff8f8f; font-weight: bold; }
.quorate-diagram .quorate-in-flight { stroke: #8fc7ff; stroke-width: 1.5; stroke-dasharray: 3 3; opacity: 0.6; }
.quorate-diagram .quorate-in-flight-head { fill: #8fc7ff; opacity: 0.6; }
.quorate-diagram text.quorate-in-flight-text { fill: #8fc7ff; opacity: 0.7; font-style: italic; }
";

impl Svg {
    /// A straight line.
    pub fn line(&mut self, class: &str, (x1, y1): (i32, i32), (x2, y2): (i32, i32)) {
        self.leaf(
            "line",
            &[
                ("class", &class),
                ("x1", &x1),
                ("y1", &y1),
                ("x2", &x2),
                ("y2", &y2),
            ],
        );
    }

    /// Text, vertically centred.
    pub fn words(&mut self, class: &str, (x, y): (i32, i32), words: &str) {
        self.text("text", &[("class", &class), ("x", &x), ("y", &y)], words);
    }

    /// A path.
    pub fn path(&mut self, class: &str, way: &str) {
        self.leaf("path", &[("class", &class), ("d", &way)]);
    }

    /// An arrow's head at its tip, for a line that comes from `from`.
    pub fn head(&mut self, class: &str, from: (i32, i32), tip: (i32, i32)) {
        let (x, y) = (f64::from(tip.0), f64::from(tip.1));
        let angle = (y - f64::from(from.1)).atan2(x - f64::from(from.0));
        let corner = |turn: f64| {
            let (sin, cos) = (angle + turn).sin_cos();
            format!("{:.1},{:.1}", x - 9.0 * cos, y - 9.0 * sin)
        };
        let points = format!("{x},{y} {} {}", corner(0.4), corner(-0.4));
        self.leaf("polygon", &[("class", &class), ("points", &points)]);
    }

    /// A ✕.
    pub fn cross(&mut self, class: &str, (x, y): (i32, i32), radius: i32) {
        let (left, top, size) = (x - radius, y - radius, 2 * radius);
        let way = format!(
            "M{left} {top}l{size} {size}M{left} {}l{size} -{size}",
            y + radius
        );
        self.path(class, &way);
    }

    /// A circle.
    pub fn ring(&mut self, class: &str, (x, y): (i32, i32), radius: i32) {
        let attributes: &[(&str, &dyn std::fmt::Display)] =
            &[("class", &class), ("cx", &x), ("cy", &y), ("r", &radius)];
        self.leaf("circle", attributes);
    }

    /// A clock.
    pub fn clock(&mut self, class: &str, (x, y): (i32, i32)) {
        let (left, top) = (x - 8, y - 4);
        let way = format!("M{left} {y}a8 8 0 1 1 16 0a8 8 0 1 1 -16 0M{x} {top}V{y}h4");
        self.path(class, &way);
    }

    /// A disk: a drum of this half width.
    pub fn disk(&mut self, class: &str, (x, y): (i32, i32), half: i32) {
        let (left, top, width, depth) = (x - half, y - half + 1, 2 * half, half / 2);
        let height = 2 * half - 2;
        let way = format!(
            "M{left} {top}a{half} {depth} 0 0 1 {width} 0v{height}a{half} {depth} 0 0 1 -{width} 0z\
             M{left} {top}a{half} {depth} 0 0 0 {width} 0"
        );
        self.path(class, &way);
    }

    /// A triangle that points to the left, where the application is.
    pub fn told(&mut self, class: &str, (x, y): (i32, i32)) {
        let points = format!("{},{y} {},{} {},{}", x - 5, x + 4, y - 5, x + 4, y + 5);
        self.leaf("polygon", &[("class", &class), ("points", &points)]);
    }
}
