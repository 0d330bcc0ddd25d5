//! The map that nodes replicate, against an ordered map.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use quorate::raft::StateMachine;
use quorate_node::key_value::{Command, Map, Query, Reply};

/// Few, so that they meet, and of lengths about that of a key which stands in the map itself.
fn key() -> impl Strategy<Value = Bytes> {
    let key = (0..3u8, prop::sample::select(vec![0, 1, 23, 24, 25]));
    key.prop_map(|(byte, length)| Bytes::from(vec![byte; length]))
}

fn value() -> impl Strategy<Value = Bytes> {
    (0..4u8, 0..3usize).prop_map(|(byte, length)| Bytes::from(vec![byte; length]))
}

fn command() -> impl Strategy<Value = Command> {
    let some = prop::option::of;
    prop_oneof![
        (key(), value()).prop_map(|(key, value)| Command::Put { key, value }),
        key().prop_map(|key| Command::Delete { key }),
        (key(), some(value()), some(value()))
            .prop_map(|(key, expected, new)| Command::CompareAndSwap { key, expected, new }),
    ]
}

/// What a command does, by the sentence that describes it.
fn apply(pairs: &mut BTreeMap<Vec<u8>, Bytes>, command: Command) -> Reply {
    match command {
        Command::Put { key, value } => {
            pairs.insert(key.to_vec(), value);
            Reply::Done
        }
        Command::Delete { key } => Reply::Swapped(pairs.remove(&key[..]).is_some()),
        Command::CompareAndSwap { key, expected, new } => {
            let is_expected = pairs.get(&key[..]) == expected.as_ref();
            match new {
                _ if !is_expected => None,
                Some(new) => pairs.insert(key.to_vec(), new),
                None => pairs.remove(&key[..]),
            };
            Reply::Swapped(is_expected)
        }
    }
}

fn get(map: &Map, key: &[u8]) -> Option<Bytes> {
    let key = Bytes::copy_from_slice(key);
    match map.query(&Query::Get { key }) {
        Reply::Value(value) => value,
        other => panic!("{other:?} is no value"),
    }
}

fn range(map: &Map, from: &Bytes, to: Option<&Bytes>, limit: u64) -> (Vec<(Bytes, Bytes)>, bool) {
    let (from, to) = (from.clone(), to.cloned());
    match map.query(&Query::Range { from, to, limit }) {
        Reply::Pairs { pairs, more } => (pairs, more),
        other => panic!("{other:?} is no range"),
    }
}

proptest! {
    #[test]
    fn it_does_what_an_ordered_map_does(
        commands in prop::collection::vec(command(), 0..40),
        from in key(),
        to in prop::option::of(key()),
        limit in 0..5u64,
    ) {
        let (mut map, mut pairs) = (Map::default(), BTreeMap::new());
        for command in commands {
            prop_assert_eq!(map.apply(&command), apply(&mut pairs, command));
        }
        prop_assert_eq!(map.len(), pairs.len());
        for (key, value) in &pairs {
            prop_assert_eq!(get(&map, key), Some(value.clone()));
        }
        let all = pairs.into_iter().map(|(key, value)| (Bytes::from(key), value));
        let all: Vec<_> = all.collect();
        prop_assert_eq!(range(&map, &Bytes::new(), None, u64::MAX), (all.clone(), false));
        let within = all.into_iter().filter(|(key, _)| *key >= from && to.as_ref().is_none_or(|to| key < to));
        let within: Vec<_> = within.collect();
        let first = within.iter().take(limit as usize).cloned().collect();
        let more = within.len() as u64 > limit;
        prop_assert_eq!(range(&map, &from, to.as_ref(), limit), (first, more));
        let restored = Map::restore(&map.snapshot()).expect("a snapshot");
        prop_assert_eq!(restored, map);
    }
}
