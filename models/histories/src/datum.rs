//! Values in files.

use std::fmt;

use clojure_reader::edn::Edn;
use hashbrown::{DefaultHashBuilder, HashTable};
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use std::hash::BuildHasher;

/// A value in a file, of Clojure's notation or of JSON.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Datum {
    /// `nil`, `null`.
    #[default]
    Nil,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// A keyword or a symbol, without its colon.
    Name(String),
    /// A vector, a list, an array or a set.
    List(Vec<Datum>),
    /// Any other value, as it is written: it can be compared, and that is all.
    Other(String),
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Name(value) | Self::Other(value) => f.write_str(value),
            Self::List(values) => {
                f.write_str("[")?;
                for (number, value) in values.iter().enumerate() {
                    if number > 0 {
                        f.write_str(" ")?;
                    }
                    write!(f, "{value}")?;
                }
                f.write_str("]")
            }
        }
    }
}

impl From<&Edn<'_>> for Datum {
    fn from(edn: &Edn<'_>) -> Self {
        match edn {
            Edn::Nil => Self::Nil,
            Edn::Bool(value) => Self::Bool(*value),
            Edn::Int(value) => Self::Integer(*value),
            Edn::Str(text) => Self::Text(text.clone().into_owned()),
            Edn::Key(name) | Edn::Symbol(name) => Self::Name(name.clone().into_owned()),
            Edn::Vector(values) | Edn::List(values) => {
                Self::List(values.iter().map(Self::from).collect())
            }
            Edn::Set(values) => Self::List(values.iter().map(Self::from).collect()),
            other => Self::Other(other.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Datum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DatumVisitor)
    }
}

struct DatumVisitor;

impl<'de> Visitor<'de> for DatumVisitor {
    type Value = Datum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a boolean, a whole number, a text, or a list of such")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Datum, E> {
        Ok(Datum::Nil)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Datum, E> {
        Ok(Datum::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Datum, E> {
        Ok(Datum::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Datum, E> {
        Ok(i64::try_from(value).map_or_else(|_| Datum::Other(value.to_string()), Datum::Integer))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Datum, E> {
        Ok(Datum::Other(value.to_string()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Datum, E> {
        Ok(Datum::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Datum, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Datum::List(list))
    }
}

/// The number of a value in [`Data`].
pub type DatumId = u32;

/// Values, each once, by numbers in the order in which they were met.
#[derive(Debug, Default)]
pub struct Data {
    all: Vec<Datum>,
    ids: HashTable<DatumId>,
    hasher: DefaultHashBuilder,
}

impl Data {
    /// The number of a value: a new one, if it was not met before.
    ///
    /// # Panics
    ///
    /// If there are 2³² others.
    pub fn id(&mut self, datum: Datum) -> DatumId {
        let Self { all, ids, hasher } = self;
        let hash = |datum: &Datum| hasher.hash_one(datum);
        let found = ids.find(hash(&datum), |id| all[*id as usize] == datum);
        if let Some(id) = found {
            return *id;
        }
        let id = DatumId::try_from(all.len()).expect("fewer values than operations");
        ids.insert_unique(hash(&datum), id, |id| hash(&all[*id as usize]));
        all.push(datum);
        id
    }

    /// The value of this number.
    pub fn get(&self, id: DatumId) -> &Datum {
        &self.all[id as usize]
    }
}
