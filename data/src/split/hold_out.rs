//! Names and forms that a split may not hold, and their removal.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::report::count_removed;
use crate::normalise::words;
use crate::words::{Entry, NO_PAIR};

/// Names and words that must never be in the training of another corpus.
#[derive(Debug, Clone, Default)]
pub struct HoldOut(pub(super) EntryForms);

impl HoldOut {
    /// Holds out the names, and each form, of some entries: usually a test split.
    #[must_use]
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut hold_out = Self::default();
        hold_out.add(entries);
        hold_out
    }

    /// Holds out more.
    pub fn add<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        self.0.extend(entries);
    }

    /// Whether nothing is held out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.keys.is_empty()
    }

    /// Whether this whole name, by its key, is held out.
    #[must_use]
    pub fn holds_key(&self, key: &str) -> bool {
        self.0.keys.contains(key)
    }

    /// Whether this form of a language, or a word of it, is held out.
    #[must_use]
    pub fn holds_form(&self, code: &str, form: &str) -> bool {
        self.0.has(code, form, Match::Words)
    }
}

/// Comparison of a form with those of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    /// As a whole.
    Whole,
    /// As a whole or any of its words.
    Words,
}

/// Keys and forms of some entries. The sets are only asked, never walked through, so their order cannot show.
#[derive(Debug, Clone, Default)]
pub(crate) struct EntryForms {
    keys: HashSet<String>,
    forms: HashMap<String, HashSet<String>>,
}

impl EntryForms {
    pub(crate) fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut seen = Self::default();
        seen.extend(entries);
        seen
    }

    pub(super) fn extend<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        for entry in entries {
            self.keys.insert(entry.key.clone());
            for (code, form) in &entry.forms {
                self.forms.entry(code.clone()).or_default().insert(form.clone());
            }
        }
    }

    fn has(&self, code: &str, form: &str, by: Match) -> bool {
        self.forms.get(code).is_some_and(|forms| {
            forms.contains(form)
                || by == Match::Words && words(form).into_iter().any(|word| forms.contains(word))
        })
    }

    /// Removes entries whose key or English form was seen, and single forms of other languages that were;
    /// then entries left with fewer than two forms.
    pub(crate) fn strip(&self, entries: &mut Vec<Entry>, by: Match, removals: &mut Removals<'_>) {
        entries.retain_mut(|entry| {
            if self.keys.contains(&entry.key) {
                removals.count("names");
                return false;
            }
            if entry.forms.get("en").is_some_and(|form| self.has("en", form, by)) {
                removals.count("English words");
                return false;
            }
            entry.forms.retain(|code, form| {
                let keep = !self.has(code, form, by);
                if !keep {
                    removals.count(&format!("{code} form"));
                }
                keep
            });
            if entry.forms.len() < 2 {
                removals.left_alone();
            }
            entry.forms.len() >= 2
        });
    }
}

/// Counts of what [`EntryForms::strip`] removes.
#[derive(Debug)]
pub(crate) struct Removals<'a> {
    split: &'static str,
    reason: &'static str,
    counts: &'a mut IndexMap<String, usize>,
}

impl<'a> Removals<'a> {
    pub(crate) fn new(
        split: &'static str,
        reason: &'static str,
        counts: &'a mut IndexMap<String, usize>,
    ) -> Self {
        Self { split, reason, counts }
    }

    fn count(&mut self, what: &str) {
        count_removed(self.counts, format!("{}: {what} {}", self.split, self.reason), 1);
    }

    fn left_alone(&mut self) {
        count_removed(self.counts, format!("{}: {NO_PAIR}", self.split), 1);
    }
}
