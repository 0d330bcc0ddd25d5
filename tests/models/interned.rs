//! Values that are kept once, and what is remembered of them.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use quorate_models::system::{Interned, Interner, Memo};

fn hash<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn equal_values_have_equal_handles_that_hash_alike_whoever_keeps_them() {
    let interner = Interner::default();
    let [first, again] = ["a", "a"].map(|text| interner.intern(text.to_owned(), |_| ()));
    let elsewhere = Interned::new("a".to_owned());
    let other = Interned::new("b".to_owned());
    assert!(std::ptr::eq(&*first, &*again));
    assert!(!std::ptr::eq(&*first, &*elsewhere));
    assert_eq!(first, elsewhere);
    assert_eq!(hash(&first), hash(&elsewhere));
    assert_ne!(first, other);
    assert_ne!(hash(&first), hash(&other));
}

#[test]
fn both_halves_of_a_content_hash_tell_values_apart() {
    let hashes: Vec<u128> = (0..10_000)
        .map(|n| Interned::<_>::new(n).content_hash())
        .collect();
    for half in [
        |hash: &u128| *hash as u64,
        |hash: &u128| (*hash >> 64) as u64,
    ] {
        let distinct: HashSet<u64> = hashes.iter().map(half).collect();
        assert_eq!(distinct.len(), hashes.len());
    }
}

/// All of these hash alike.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Colliding(usize);

impl Hash for Colliding {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[test]
fn keys_that_hash_alike_are_remembered_apart() {
    let memo = Memo::default();
    for n in 0..100 {
        assert_eq!(memo.recall(Colliding(n), || n), n);
    }
    for n in 0..100 {
        assert_eq!(memo.recall(Colliding(n), || unreachable!("known")), n);
    }
    let interner = Interner::default();
    let kept = [0, 1, 0].map(|n| interner.intern(Colliding(n), |_| ()));
    assert!(kept[0] != kept[1] && kept[0] == kept[2]);
}

#[test]
fn all_that_is_kept_or_remembered_is_listed_once() {
    let (memo, interner) = (Memo::default(), Interner::default());
    for n in (0..100).chain(0..100) {
        memo.recall(n, || n + 1);
        interner.intern(n, |_| ());
    }
    let mut pairs: Vec<(i32, i32)> = memo.pairs().into_iter().copied().collect();
    pairs.sort_unstable();
    assert_eq!(pairs, Vec::from_iter((0..100).map(|n| (n, n + 1))));
    let mut kept: Vec<i32> = interner.all().into_iter().map(|kept| *kept).collect();
    kept.sort_unstable();
    assert_eq!(kept, Vec::from_iter(0..100));
}

#[test]
fn threads_that_keep_the_same_values_get_the_same_handles() {
    let interner = Interner::default();
    let keep = || -> Vec<_> { (0..5_000).map(|n| interner.intern(n, |_| ())).collect() };
    let kept: Vec<Vec<_>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(keep)).collect();
        let kept = threads.into_iter().map(|thread| thread.join());
        kept.map(|kept| kept.expect("no panic")).collect()
    });
    for other in &kept[1..] {
        let mut both = kept[0].iter().zip(other);
        assert!(both.all(|(a, b)| std::ptr::eq(&**a, &**b)));
    }
}
