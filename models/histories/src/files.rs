//! Files of events, in three formats. Which one a file has is seen from its first character.
//!
//! * **Lines of JSON**, one event each:
//!   `{"process": 3, "type": "invoke", "f": "write", "key": "x", "value": 5, "time": 12000}`. `process` is a number or a name;
//!   `type` is `invoke`, `ok`, `fail` (it did not happen) or `info` (its outcome is unknown). `key`, `value` and `time`
//!   (nanoseconds) may be missing, and other fields are ignored.
//! * **Clojure's notation** (EDN), as Jepsen stores it: maps with the same fields, `{:process 3, :type :invoke, :f :write, :value
//!   5}`, one after the other, in a vector or in a list, with comments.
//! * **Lines of Jepsen's log**: `INFO  jepsen.util - 3 :invoke :write 5`, with tabs or blanks between. Lines of other loggers are
//!   skipped.
//!
//! Events of the process `nemesis`, which brings faults upon a system, are skipped.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, Read};

use clojure_reader::edn::{self, Edn};
use serde::Deserialize;

use crate::datum::Datum;
use crate::event::{Event, Process};

/// An event, and the number of the line on which it begins, from 1.
pub type Numbered = (u64, Event);

/// Events from a file, or the first thing in it that is wrong.
pub type Events<'a> = Box<dyn Iterator<Item = Result<Numbered, FileError>> + 'a>;

/// Something in a file that is no history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileError {
    /// On which line, from 1; `None` if it is missing in the whole file.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: String,
}

impl FileError {
    pub(crate) fn at(line: u64, message: impl fmt::Display) -> Self {
        Self {
            line: Some(line),
            message: message.to_string(),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for FileError {}

/// The longest line that is read, in bytes.
const LINE_MAX: u64 = 64 << 20;

/// The events of a file.
///
/// # Errors
///
/// If the file cannot be read, or its format is not known. What is wrong with an event is said in its place.
pub fn events<'a>(input: impl BufRead + 'a) -> Result<Events<'a>, FileError> {
    let mut lines = Lines {
        input,
        line: 0,
        buffer: Vec::new(),
    };
    // Comments are Clojure's.
    let mut is_edn = false;
    let first = loop {
        let Some(line) = lines.next()? else {
            return Err(FileError {
                line: None,
                message: "the file has no events".into(),
            });
        };
        match line.trim_start().chars().next() {
            None => {}
            Some(';') => is_edn = true,
            Some(_) => break line.to_owned(),
        }
    };
    let number = lines.line;
    let start = first.trim_start();
    let inside = start.strip_prefix('{').map(str::trim_start);
    is_edn |= start.starts_with(['[', '(', '#'])
        || inside.is_some_and(|inside| !inside.starts_with(['"', '}']));
    if is_edn {
        let mut text = first.into_bytes();
        let rest = lines.input.read_to_end(&mut text);
        rest.map_err(|error| FileError::at(number, error))?;
        let text = String::from_utf8(text).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            FileError::at(number + newlines(before), "this is not UTF-8")
        })?;
        return Ok(Box::new(EdnEvents {
            text,
            at: 0,
            line: number,
            closing: None,
        }));
    }
    let read: fn(&str) -> Result<Option<Event>, String> = match inside {
        Some(_) => json_event,
        None => log_event,
    };
    Ok(Box::new(LineEvents {
        first: Some(first),
        lines,
        read,
        is_over: false,
    }))
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The lines of a file.
struct Lines<R> {
    input: R,
    /// The number of the last line that was read.
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<&str>, FileError> {
        self.buffer.clear();
        self.line += 1;
        let mut line = self.input.by_ref().take(LINE_MAX);
        let read = line.read_until(b'\n', &mut self.buffer);
        match read.map_err(|error| FileError::at(self.line, error))? as u64 {
            0 => Ok(None),
            LINE_MAX => Err(FileError::at(
                self.line,
                format_args!("longer than {LINE_MAX} bytes"),
            )),
            _ => match std::str::from_utf8(&self.buffer) {
                Ok(line) => Ok(Some(line)),
                Err(_) => Err(FileError::at(self.line, "this is not UTF-8")),
            },
        }
    }
}

/// Events of which each has a line.
struct LineEvents<R> {
    /// The line that was read to know the format.
    first: Option<String>,
    lines: Lines<R>,
    read: fn(&str) -> Result<Option<Event>, String>,
    is_over: bool,
}

impl<R: BufRead> Iterator for LineEvents<R> {
    type Item = Result<Numbered, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            let first = self.first.take();
            let line = match &first {
                Some(line) => line,
                None => match self.lines.next() {
                    Ok(Some(line)) => line,
                    Ok(None) => break,
                    Err(error) => {
                        self.is_over = true;
                        return Some(Err(error));
                    }
                },
            };
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            match (self.read)(line) {
                Ok(None) => {}
                Ok(Some(event)) => return Some(Ok((self.lines.line, event))),
                Err(message) => {
                    self.is_over = true;
                    return Some(Err(FileError::at(self.lines.line, message)));
                }
            }
        }
        self.is_over = true;
        None
    }
}

/// A line of JSON.
#[derive(Deserialize)]
struct JsonEvent<'a> {
    process: Datum,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    f: Cow<'a, str>,
    #[serde(default)]
    key: Datum,
    #[serde(default)]
    value: Datum,
    time: Option<u64>,
}

fn json_event(line: &str) -> Result<Option<Event>, String> {
    let event: JsonEvent<'_> = serde_json::from_str(line).map_err(|error| {
        // It knows this line only, and calls it the first.
        let error = error.to_string();
        error.replace(" at line 1 column", ", at column")
    })?;
    let process = Process::try_from(event.process)?;
    if process.is_nemesis() {
        return Ok(None);
    }
    Ok(Some(Event {
        process,
        kind: event.kind.parse()?,
        function: event.f.parse()?,
        key: event.key,
        value: event.value,
        time: event.time,
    }))
}

/// The logger of Jepsen's operations.
const LOGGER: &str = "jepsen.util";

fn log_event(line: &str) -> Result<Option<Event>, String> {
    let Some((_, told)) = line.split_once(LOGGER) else {
        // The lines of other loggers begin like its own.
        let is_log = ["INFO", "WARN", "ERROR", "DEBUG"];
        let is_log = is_log.iter().any(|level| line.contains(level));
        return match is_log {
            true => Ok(None),
            false => Err("neither JSON, nor Clojure's notation, nor a line of Jepsen's log".into()),
        };
    };
    let mut rest = told.trim_start_matches([' ', '-', ':']);
    let mut field = |name| {
        let (field, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = after.trim_start();
        match field {
            "" => Err(format!("the {name} is missing")),
            field => Ok(field),
        }
    };
    let process = field("process")?;
    let kind = field("type")?;
    let function = field("function")?;
    let process = match process.parse() {
        Ok(number) => Process::Number(number),
        Err(_) => Process::Name(process.trim_start_matches(':').to_owned()),
    };
    if process.is_nemesis() {
        return Ok(None);
    }
    let value = match rest {
        "" => return Err("the value is missing".into()),
        value => edn::read(value).map_err(|error| edn_message(&error))?,
    };
    let value = match value {
        (value, after) if after.trim().is_empty() => value,
        (_, after) => {
            let after = after.trim();
            return Err(format!("there is more behind the value: {after}"));
        }
    };
    Ok(Some(Event {
        process,
        kind: name(kind)?.parse()?,
        function: name(function)?.parse()?,
        key: Datum::Nil,
        value: Datum::from(&value),
        time: None,
    }))
}

fn name(keyword: &str) -> Result<&str, String> {
    let name = keyword.strip_prefix(':');
    name.ok_or_else(|| format!("{keyword} should be a keyword, like :invoke"))
}

fn edn_message(error: &clojure_reader::error::Error) -> String {
    format!("not Clojure's notation: {:?}", error.code)
}

/// Events in Clojure's notation.
struct EdnEvents {
    text: String,
    /// What is read, in bytes.
    at: usize,
    /// The line of what comes next.
    line: u64,
    /// The bracket that ends the vector or the list around the maps, if they are in one.
    closing: Option<char>,
}

impl EdnEvents {
    fn skip(&mut self, bytes: usize) {
        let skipped = &self.text.as_bytes()[self.at..self.at + bytes];
        self.line += newlines(skipped);
        self.at += bytes;
    }

    /// Skips what separates forms.
    fn skip_space(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let space = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', ',']).len();
            let comment = match rest[space..].starts_with(';') {
                true => rest[space..].find('\n').unwrap_or(rest.len() - space),
                false => 0,
            };
            self.skip(space + comment);
            if space + comment == 0 {
                return;
            }
        }
    }

    fn read(&mut self) -> Result<Option<Numbered>, FileError> {
        loop {
            self.skip_space();
            let rest = &self.text[self.at..];
            let Some(next) = rest.chars().next() else {
                return match self.closing {
                    None => Ok(None),
                    Some(closing) => {
                        let message = format_args!("the file ends before its '{closing}'");
                        Err(FileError::at(self.line, message))
                    }
                };
            };
            match (next, self.closing) {
                ('[', None) => self.closing = Some(']'),
                ('(', None) => self.closing = Some(')'),
                (bracket, Some(closing)) if bracket == closing => self.closing = None,
                ('{' | '#', _) => {
                    let line = self.line;
                    let (form, after) = edn::read(rest).map_err(|error| {
                        let lines = error.line.unwrap_or(1).saturating_sub(1) as u64;
                        FileError::at(line + lines, edn_message(&error))
                    })?;
                    let bytes = rest.len() - after.len();
                    let event = edn_event(&form).map_err(|error| FileError::at(line, error))?;
                    drop(form);
                    self.skip(bytes);
                    match event {
                        Some(event) => return Ok(Some((line, event))),
                        None => continue,
                    }
                }
                _ => {
                    let message =
                        format_args!("expected a map like {{:process 1, …}}, found '{next}'");
                    return Err(FileError::at(self.line, message));
                }
            }
            self.skip(next.len_utf8());
        }
    }
}

impl Iterator for EdnEvents {
    type Item = Result<Numbered, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.read().transpose();
        if matches!(next, Some(Err(_))) {
            self.at = self.text.len();
            self.closing = None;
        }
        next
    }
}

fn edn_event(form: &Edn<'_>) -> Result<Option<Event>, String> {
    let map = match form {
        // A record: its fields are a map's.
        Edn::Tagged(_, map) => map,
        map => map,
    };
    if !matches!(map, Edn::Map(_)) {
        return Err(format!(
            "expected a map like {{:process 1, …}}, found {map}"
        ));
    }
    let field = |name: &'static str| map.get(&Edn::key(name));
    let required = |name| {
        let field = field(name);
        field.ok_or_else(|| format!("the event has no :{name}"))
    };
    let keyword = |name| match required(name)? {
        Edn::Key(keyword) => Ok(&**keyword),
        other => Err(format!("its :{name} should be a keyword, not {other}")),
    };
    let process = Process::try_from(Datum::from(required("process")?))?;
    if process.is_nemesis() {
        return Ok(None);
    }
    let datum = |name| field(name).map(Datum::from).unwrap_or_default();
    let time = match field("time") {
        Some(Edn::Int(time)) => u64::try_from(*time).ok(),
        _ => None,
    };
    Ok(Some(Event {
        process,
        kind: keyword("type")?.parse()?,
        function: keyword("f")?.parse()?,
        key: datum("key"),
        value: datum("value"),
        time,
    }))
}
