//! Splits of names and words, which may share neither a name nor a form in any language.

use std::borrow::Cow;
use std::collections::HashSet;

use indexmap::IndexMap;

use super::hold_out::{EntryForms, HoldOut, Match, Removals};
use super::options::{Overlap, Split, SplitOptions};
use super::report::{HELD_OUT, KEPT, SEEN, count_removed};
use crate::dataset::{Dataset, SplitExample, Splits};
use crate::words::{Entry, WordDetails};

impl SplitExample for Entry {
    type Details = WordDetails;

    fn split_value(&self) -> Option<&str> {
        self.split.as_deref()
    }

    fn split_key<'e>(&'e self, _: &'e WordDetails) -> Cow<'e, str> {
        Cow::Borrowed(&self.key)
    }

    fn languages(details: &WordDetails) -> &[String] {
        &details.languages
    }

    fn remove_overlap(
        Splits { train, validation, test }: &mut Splits<Self>,
        options: &SplitOptions,
        held_out: &HoldOut,
    ) -> IndexMap<String, usize> {
        let mut removed = IndexMap::new();
        if !held_out.is_empty() {
            let HoldOut(held) = held_out;
            held.strip(train, Match::Words, &mut Removals::new("train", "held out", &mut removed));
            held.strip(validation, Match::Words, &mut Removals::new("validation", "held out", &mut removed));
        }
        match options.overlap {
            Overlap::RemoveFromTest => {
                let mut seen = EntryForms::of(&*train);
                seen.strip(validation, Match::Whole, &mut Removals::new("validation", SEEN, &mut removed));
                seen.extend(&*validation);
                seen.strip(test, Match::Whole, &mut Removals::new("test", SEEN, &mut removed));
            }
            Overlap::RemoveFromTraining => {
                let mut kept = EntryForms::of(&*test);
                kept.strip(validation, Match::Whole, &mut Removals::new("validation", KEPT, &mut removed));
                kept.extend(&*validation);
                kept.strip(train, Match::Whole, &mut Removals::new("train", KEPT, &mut removed));
            }
        }
        for (split, entries) in [(Split::Train, train), (Split::Validation, validation), (Split::Test, test)]
        {
            let before = entries.len();
            remove_repeats(entries);
            let reason = format!("{}: entries that repeat an earlier one", split.name());
            count_removed(&mut removed, reason, before - entries.len());
        }
        removed
    }
}

/// Removes from the training and the validation split what another corpus keeps for its test.
pub(crate) fn remove_held_out(dataset: &mut Dataset<Entry>, HoldOut(held): &HoldOut) {
    for split in [Split::Train, Split::Validation] {
        let entries = dataset.splits.get_mut(split);
        let removed = &mut dataset.report.removed;
        held.strip(entries, Match::Words, &mut Removals::new(split.name(), HELD_OUT, removed));
        *dataset.report.get_mut(split) = entries.len();
    }
}

/// The same forms under several names: `north` of many names is trained on and tested once.
fn remove_repeats(entries: &mut Vec<Entry>) {
    let mut seen = HashSet::new();
    entries.retain(|entry| {
        let forms: Vec<_> = entry.forms.iter().map(|(code, form)| (code.clone(), form.clone())).collect();
        seen.insert(forms)
    });
}
