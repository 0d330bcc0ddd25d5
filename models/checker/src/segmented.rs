//! A list that grows without moving what it holds, so that growing takes no memory twice.

const SEGMENT_BITS: usize = 14;
const SEGMENT: usize = 1 << SEGMENT_BITS;

/// A list in segments of equal size.
#[derive(Clone, Debug)]
pub struct Segmented<T> {
    segments: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Segmented<T> {
    fn default() -> Self {
        Self {
            segments: Vec::new(),
            len: 0,
        }
    }
}

impl<T: Copy> Segmented<T> {
    /// A list of equal items.
    pub fn of(item: T, len: usize) -> Self {
        let mut list = Self::default();
        list.resize(len, item);
        list
    }

    /// How many items it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The item at an index.
    pub fn get(&self, at: usize) -> T {
        self.segments[at >> SEGMENT_BITS][at & (SEGMENT - 1)]
    }

    /// Replaces the item at an index.
    pub fn set(&mut self, at: usize, item: T) {
        self.segments[at >> SEGMENT_BITS][at & (SEGMENT - 1)] = item;
    }

    /// Adds an item at the end.
    pub fn push(&mut self, item: T) {
        let segment = self.len >> SEGMENT_BITS;
        if segment == self.segments.len() {
            // The first grows as it fills, for small models.
            let capacity = if segment == 0 { 0 } else { SEGMENT };
            self.segments.push(Vec::with_capacity(capacity));
        }
        self.segments[segment].push(item);
        self.len += 1;
    }

    /// Takes the last item. Its memory is kept for the next.
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        self.segments[self.len >> SEGMENT_BITS].pop()
    }

    /// The last item.
    pub fn last(&self) -> Option<T> {
        Some(self.get(self.len.checked_sub(1)?))
    }

    /// Adds items at the end.
    pub fn extend(&mut self, items: impl IntoIterator<Item = T>) {
        items.into_iter().for_each(|item| self.push(item));
    }

    /// Makes it longer by equal items.
    pub fn resize(&mut self, len: usize, item: T) {
        while self.len < len {
            self.push(item);
        }
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        let items: usize = self.segments.iter().map(Vec::capacity).sum();
        items * size_of::<T>() + self.segments.capacity() * size_of::<Vec<T>>()
    }
}

/// A set of numbers below a limit.
#[derive(Clone, Debug)]
pub struct BitSet(Segmented<u64>);

impl BitSet {
    /// An empty set of numbers below `limit`.
    pub fn new(limit: usize) -> Self {
        Self(Segmented::of(0, limit.div_ceil(64)))
    }

    /// Whether it has this number.
    pub fn contains(&self, number: u32) -> bool {
        self.0.get(number as usize / 64) >> (number % 64) & 1 == 1
    }

    /// Puts a number in. Returns whether it is new.
    pub fn insert(&mut self, number: u32) -> bool {
        let at = number as usize / 64;
        let word = self.0.get(at);
        self.0.set(at, word | 1 << (number % 64));
        word >> (number % 64) & 1 == 0
    }

    /// Takes a number out.
    pub fn remove(&mut self, number: u32) {
        let at = number as usize / 64;
        self.0.set(at, self.0.get(at) & !(1 << (number % 64)));
    }

    /// Makes room for numbers below `limit`.
    pub fn grow(&mut self, limit: usize) {
        self.0.resize(limit.div_ceil(64), 0);
    }

    /// Its numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.0.len()).flat_map(|at| {
            let mut word = self.0.get(at);
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                word &= word.checked_sub(1)?;
                Some(at as u32 * 64 + bit)
            })
        })
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
}
