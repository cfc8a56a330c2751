//! Counts of n-grams.

use std::hash::Hash;

use indexmap::IndexMap;

/// How often a text has each n-gram of 1 to so many items, in the order in which they first occur, so that sums over them are the
/// same in every run.
#[derive(Debug, Clone)]
pub(crate) struct NgramCounts<'t, T> {
    counts: IndexMap<&'t [T], usize>,
    items: usize,
}

impl<'t, T: Hash + Eq> NgramCounts<'t, T> {
    /// Counts the n-grams of a text.
    pub(crate) fn of(items: &'t [T], most: usize) -> Self {
        let mut counts: IndexMap<&[T], usize> = IndexMap::new();
        for order in 1..=most {
            for ngram in items.windows(order) {
                *counts.entry(ngram).or_default() += 1;
            }
        }
        Self { counts, items: items.len() }
    }

    /// How often each n-gram occurs in one of several texts at most.
    pub(crate) fn maximum(all: &[Self]) -> IndexMap<&'t [T], usize> {
        let mut most: IndexMap<&[T], usize> = IndexMap::new();
        for (ngram, &count) in all.iter().flat_map(|own| &own.counts) {
            let found = most.entry(*ngram).or_default();
            *found = count.max(*found);
        }
        most
    }

    /// N-grams with their counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'t [T], usize)> {
        self.counts.iter().map(|(ngram, count)| (*ngram, *count))
    }

    /// The counts themselves.
    pub(crate) fn counts(&self) -> &IndexMap<&'t [T], usize> {
        &self.counts
    }

    /// Number of items of the text.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// Number of n-grams of each order from 1 to N.
    pub(crate) fn totals<const N: usize>(&self) -> [usize; N] {
        std::array::from_fn(|order| self.items.saturating_sub(order))
    }

    /// Number of n-grams of each order that others have too, none counting more often than there.
    pub(crate) fn matches<const N: usize>(&self, others: &IndexMap<&[T], usize>) -> [usize; N] {
        let mut matches = [0; N];
        for (ngram, count) in self.iter() {
            if let Some(found) = others.get(ngram) {
                matches[ngram.len() - 1] += count.min(*found);
            }
        }
        matches
    }
}

/// The length that is closest to another one; of two equally close ones the shorter.
pub(crate) fn closest_length(length: usize, lengths: impl Iterator<Item = usize>) -> usize {
    lengths.min_by_key(|own| (own.abs_diff(length), *own)).unwrap_or_default()
}
