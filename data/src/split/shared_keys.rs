//! Removal of examples that share a key with another split, or with the test split of another corpus.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::options::{Overlap, Split};
use super::report::{HELD_OUT, KEPT, SEEN, count_removed};
use crate::dataset::{Dataset, SplitExample, Splits};

/// Examples with keys, none of which two splits may have in common.
pub trait OverlapKeys {
    /// Name of the examples that share a key, in reports: `texts`.
    const WHAT: &'static str;

    /// Hashes, since those of a whole corpus are held at once.
    fn overlap_keys(&self) -> Vec<u128>;
}

/// Removes from splits what shares a key with a split that goes before them; `overlap` decides which yields. Returns what was
/// removed, by split and reason.
pub(crate) fn remove_shared_keys<T: OverlapKeys>(
    splits: &mut Splits<T>,
    overlap: Overlap,
) -> IndexMap<String, usize> {
    let mut removed = IndexMap::new();
    let (reason, order) = match overlap {
        Overlap::RemoveFromTest => (SEEN, [Split::Train, Split::Validation, Split::Test]),
        Overlap::RemoveFromTraining => (KEPT, [Split::Test, Split::Validation, Split::Train]),
    };
    let mut seen: HashSet<u128> = HashSet::new();
    for split in order {
        let examples = splits.get_mut(split);
        let before = examples.len();
        examples.retain(|example| !example.overlap_keys().iter().any(|key| seen.contains(key)));
        seen.extend(examples.iter().flat_map(T::overlap_keys));
        let reason = format!("{}: {} {reason}", split.name(), T::WHAT);
        count_removed(&mut removed, reason, before - examples.len());
    }
    removed
}

/// Keys of the test split, by which its examples are found in other corpora.
pub(crate) fn test_keys<T: OverlapKeys>(splits: &Splits<T>) -> HashSet<u128> {
    splits.test.iter().flat_map(T::overlap_keys).collect()
}

/// Removes from the training and the validation split what another corpus keeps for its test.
pub(crate) fn remove_held_keys<T: SplitExample + OverlapKeys>(
    dataset: &mut Dataset<T>,
    held: &HashSet<u128>,
) {
    for split in [Split::Train, Split::Validation] {
        let examples = dataset.splits.get_mut(split);
        let before = examples.len();
        examples.retain(|example| !example.overlap_keys().iter().any(|key| held.contains(key)));
        let number = before - examples.len();
        *dataset.report.get_mut(split) -= number;
        let reason = format!("{}: {} {HELD_OUT}", split.name(), T::WHAT);
        count_removed(&mut dataset.report.removed, reason, number);
    }
}
