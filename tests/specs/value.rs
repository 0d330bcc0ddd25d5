//! Values of TLA+, parsed from what TLC writes: equal values are equal here, however they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use quorate::protocol::ProcessId;

/// A value of TLA+.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Value {
    /// `TRUE` or `FALSE`.
    Boolean(bool),
    /// A number.
    Integer(i64),
    /// A string.
    Text(String),
    /// A set.
    Set(BTreeSet<Value>),
    /// A function. A record is a function of strings, a sequence one of the numbers from 1.
    Function(BTreeMap<Value, Value>),
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Boolean(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Value::Integer(i64::try_from(value).expect("a small number"))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_owned())
    }
}

/// A process.
pub fn process_id(process: ProcessId) -> Value {
    u64::from(process.0).into()
}

impl Value {
    /// The empty set, or the set of these.
    pub fn set(members: impl IntoIterator<Item = Value>) -> Self {
        Value::Set(members.into_iter().collect())
    }

    /// A function from arguments to values.
    pub fn function(pairs: impl IntoIterator<Item = (Value, Value)>) -> Self {
        Value::Function(pairs.into_iter().collect())
    }

    /// A record, from its fields.
    pub fn record<const N: usize>(fields: [(&str, Value); N]) -> Self {
        Value::function(fields.map(|(field, value)| (Value::from(field), value)))
    }

    /// A sequence, or a tuple.
    pub fn sequence(members: impl IntoIterator<Item = Value>) -> Self {
        Value::function((1_u64..).map(Value::from).zip(members))
    }

    /// Parses a value.
    ///
    /// # Errors
    ///
    /// What was expected, and before which text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text };
        let value = parser.value()?;
        parser.end()?;
        Ok(value)
    }

    /// Parses a state, `/\ variable = value` for each variable.
    ///
    /// # Errors
    ///
    /// What was expected, and before which text.
    pub fn parse_state(text: &str) -> Result<BTreeMap<String, Self>, String> {
        let mut parser = Parser { rest: text };
        let mut variables = BTreeMap::new();
        while parser.take("/\\") {
            let variable = parser.identifier()?;
            parser.expect("=")?;
            variables.insert(variable, parser.value()?);
        }
        parser.end()?;
        Ok(variables)
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        match self.take(token) {
            true => Ok(()),
            false => Err(self.expected(&format!("`{token}`"))),
        }
    }

    fn expected(&self, what: &str) -> String {
        let before: String = self.rest.chars().take(40).collect();
        format!("expected {what} before `{before}`")
    }

    fn end(&mut self) -> Result<(), String> {
        match self.rest.trim().is_empty() {
            true => Ok(()),
            false => Err(self.expected("the end")),
        }
    }

    /// The characters up to the first that does not belong.
    fn while_some(&mut self, belongs: impl Fn(char) -> bool) -> &str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn identifier(&mut self) -> Result<String, String> {
        let identifier = self.while_some(|c| c.is_alphanumeric() || c == '_');
        match identifier.is_empty() {
            true => Err(self.expected("an identifier")),
            false => Ok(identifier.to_owned()),
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        if self.take("<<") {
            return Ok(Value::sequence(self.list(">>", Self::value)?));
        }
        if self.take("{") {
            return Ok(Value::set(self.list("}", Self::value)?));
        }
        if self.take("[") {
            return Ok(Value::function(self.list("]", Self::field)?));
        }
        if self.take("(") {
            return self.pairs();
        }
        if self.take("\"") {
            let text = self.while_some(|c| c != '"').to_owned();
            self.expect("\"")?;
            return Ok(Value::Text(text));
        }
        match self.while_some(|c| c.is_alphanumeric() || c == '-') {
            "TRUE" => Ok(Value::Boolean(true)),
            "FALSE" => Ok(Value::Boolean(false)),
            word => match word.parse() {
                Ok(number) => Ok(Value::Integer(number)),
                Err(_) => Err(self.expected("a value")),
            },
        }
    }

    fn list<T>(
        &mut self,
        close: &str,
        member: impl Fn(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut members = Vec::new();
        while !self.take(close) {
            if !members.is_empty() {
                self.expect(",")?;
            }
            members.push(member(self)?);
        }
        Ok(members)
    }

    fn field(&mut self) -> Result<(Value, Value), String> {
        let field = self.identifier()?;
        self.expect("|->")?;
        Ok((Value::Text(field), self.value()?))
    }

    /// `argument :> value @@ …)`.
    fn pairs(&mut self) -> Result<Value, String> {
        let mut pairs = BTreeMap::new();
        loop {
            let argument = self.value()?;
            self.expect(":>")?;
            pairs.insert(argument, self.value()?);
            if self.take(")") {
                return Ok(Value::Function(pairs));
            }
            self.expect("@@")?;
        }
    }
}

/// As TLA+ has it.
impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(true) => f.write_str("TRUE"),
            Value::Boolean(false) => f.write_str("FALSE"),
            Value::Integer(number) => write!(f, "{number}"),
            Value::Text(text) => write!(f, "\"{text}\""),
            Value::Set(members) => write!(f, "{{{}}}", joined(members, ", ")),
            Value::Function(pairs) => write_function(f, pairs),
        }
    }
}

fn write_function(f: &mut fmt::Formatter<'_>, pairs: &BTreeMap<Value, Value>) -> fmt::Result {
    let from_one = (1_u64..).map(Value::from);
    if from_one.zip(pairs.keys()).all(|(at, key)| at == *key) {
        return write!(f, "<<{}>>", joined(pairs.values(), ", "));
    }
    let fields: Option<Vec<String>> = (pairs.iter())
        .map(|(field, value)| match field {
            Value::Text(field) => Some(format!("{field} |-> {value}")),
            _ => None,
        })
        .collect();
    if let Some(fields) = fields {
        return write!(f, "[{}]", joined(fields, ", "));
    }
    let pairs = pairs.iter();
    let pairs = pairs.map(|(argument, value)| format!("{argument} :> {value}"));
    write!(f, "({})", joined(pairs, " @@ "))
}

fn joined<T: Display>(members: impl IntoIterator<Item = T>, between: &str) -> String {
    let members: Vec<String> = members.into_iter().map(|m| m.to_string()).collect();
    members.join(between)
}
