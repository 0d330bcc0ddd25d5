//! Several registers that are read and written together.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt::Debug;
use core::hash::Hash;

use super::super::specification::{AsRegister, Specification};

/// Registers by their keys. An operation is a list of reads and writes, which take effect at once, in their order; it
/// returns the values that it read, in their order.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct MultiRegister<V> {
    /// The value of each register before the first write.
    pub initial: V,
}

/// A part of an operation of a [`MultiRegister`].
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Part<K, V> {
    /// Reads the register of this key.
    Read(K),
    /// Writes it.
    Write(K, V),
}

/// The key of a register.
type Key = u32;

impl<V: Clone + Debug + Eq + Hash> Specification for MultiRegister<V> {
    /// The registers that were written.
    type State = BTreeMap<Key, V>;
    type Request = Vec<Part<Key, V>>;
    type Response = Vec<V>;
    type Value = Infallible;

    fn initial(&self) -> BTreeMap<Key, V> {
        BTreeMap::new()
    }

    fn step(
        &self,
        state: &BTreeMap<Key, V>,
        request: &Vec<Part<Key, V>>,
        response: Option<&Vec<V>>,
    ) -> Option<BTreeMap<Key, V>> {
        let mut state = state.clone();
        let mut returned = response.map(|response| response.iter());
        for part in request {
            match part {
                Part::Read(key) => {
                    let value = state.get(key).unwrap_or(&self.initial);
                    if let Some(returned) = &mut returned
                        && returned.next() != Some(value)
                    {
                        return None;
                    }
                }
                // So that equal registers are equal states.
                Part::Write(key, value) if *value == self.initial => {
                    state.remove(key);
                }
                Part::Write(key, value) => {
                    state.insert(*key, value.clone());
                }
            }
        }
        returned
            .is_none_or(|mut rest| rest.next().is_none())
            .then_some(state)
    }

    fn is_read(&self, request: &Vec<Part<Key, V>>, _: Option<&Vec<V>>) -> bool {
        request.iter().all(|part| matches!(part, Part::Read(_)))
    }

    fn as_register(&self) -> Option<&AsRegister<'_, Self>> {
        None
    }
}
