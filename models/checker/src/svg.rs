//! Just enough SVG: elements, attributes, text, escaped; and shapes.

use std::fmt::{Display, Write};

/// An attribute: its name and value.
pub type Attribute<'a> = (&'a str, &'a dyn Display);

/// An SVG document in the making.
#[derive(Debug, Default)]
pub struct Svg(String);

impl Svg {
    /// Begins an element.
    pub fn open(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        self.start(name, attributes);
        self.0.push('>');
    }

    /// Ends an element.
    pub fn close(&mut self, name: &str) {
        write!(self.0, "</{name}>").expect("a string takes everything");
    }

    /// An element without content.
    pub fn leaf(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        self.start(name, attributes);
        self.0.push_str("/>");
    }

    /// An element with text.
    pub fn text(&mut self, name: &str, attributes: &[Attribute<'_>], content: &str) {
        self.open(name, attributes);
        self.0.push_str(&escaped(content));
        self.close(name);
    }

    /// The document.
    pub fn finish(self) -> String {
        self.0
    }

    fn start(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        write!(self.0, "<{name}").expect("a string takes everything");
        for (name, value) in attributes {
            let value = escaped(&value.to_string());
            write!(self.0, " {name}=\"{value}\"").expect("a string takes everything");
        }
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no way to write the other control characters.
            '\n' | '\t' | '\r' => escaped.push(' '),
            control if control.is_control() => escaped.push('�'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Shapes, each with its class, at points `(x, y)`.
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
