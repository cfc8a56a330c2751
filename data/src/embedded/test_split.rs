//! The test split of the embedded names.

use alambic_settings::IndexMap;

use crate::split::{EntryForms, Match, Removals};
use crate::stable_hash::unit_interval;
use crate::word_builder::WordsBuilder;
use crate::words::Entry;

/// The value of [`crate::Entry::split`] for names that no training may see.
pub const TEST: &str = "test";

/// Salt and share of the test split. A change to either would let names that shipped models were never
/// trained on change places with names that they were.
const SALT: &str = "alambic names";
const SHARE: f64 = 0.2;

/// Marks the test split, and removes from it what the other names hold: a word that also occurs there cannot
/// test anything.
pub(crate) fn hold_out_test_split(builder: &mut WordsBuilder) {
    let entries = std::mem::take(builder.entries_mut());
    let (mut test, train): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| unit_interval(&[SALT, &entry.key]) < SHARE);
    let mut removed = IndexMap::new();
    EntryForms::of(&train).strip(
        &mut test,
        Match::Whole,
        &mut Removals::new("test split", "also in the training split", &mut removed),
    );
    for (reason, count) in removed {
        builder.drop_many(reason, count);
    }
    let marked = |mut entry: Entry, split: &str| {
        entry.split = Some(split.to_owned());
        entry
    };
    let entries = builder.entries_mut();
    entries.extend(train.into_iter().map(|entry| marked(entry, "train")));
    entries.extend(test.into_iter().map(|entry| marked(entry, TEST)));
    entries.sort_by_key(|entry| entry.line);
}
