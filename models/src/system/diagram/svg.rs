//! Just enough SVG: elements, attributes, text, escaped.

use std::fmt::{Display, Write};

/// An attribute: its name and value.
pub type Attribute<'a> = (&'a str, &'a dyn Display);

/// An SVG document in the making.
#[derive(Default)]
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
