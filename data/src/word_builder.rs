//! Builder of datasets of names and words.

use std::collections::HashSet;

use indexmap::IndexMap;

use crate::dataset::Dataset;
use crate::error::{DataError, Fault, Place};
use crate::language;
use crate::normalise::normalise;
use crate::source::Extent;
use crate::stable_hash::join_fingerprints;
use crate::statistics::ReadStatistics;
use crate::table::Table;
use crate::words::{Entry, NO_PAIR, WordDetails};

/// Builder of a dataset of words, which counts what it drops.
#[derive(Debug)]
pub(crate) struct WordsBuilder {
    name: &'static str,
    languages: Vec<String>,
    sources: Vec<String>,
    fingerprints: Vec<String>,
    entries: Vec<Entry>,
    statistics: ReadStatistics,
}

impl WordsBuilder {
    /// Begins a lexicon of English and the given languages. All must be known.
    pub(crate) fn new<'a>(
        name: &'static str,
        place: &Place,
        languages: impl IntoIterator<Item = &'a String>,
    ) -> Result<Self, DataError> {
        let mut codes = vec!["en".to_owned()];
        for code in languages {
            if language::find(code).is_none() {
                return Err(DataError::new(place.clone(), Fault::UnknownLanguage(code.clone())));
            }
            if !codes.contains(code) {
                codes.push(code.clone());
            }
        }
        if codes.len() == 1 {
            return Err(DataError::new(place.clone(), Fault::NoLanguage));
        }
        Ok(Self {
            name,
            languages: codes,
            sources: Vec::new(),
            fingerprints: Vec::new(),
            entries: Vec::new(),
            statistics: ReadStatistics::default(),
        })
    }

    /// Notes a file that is read.
    pub(crate) fn add_source(&mut self, name: &str, fingerprint: String) {
        self.sources.push(name.to_owned());
        self.fingerprints.push(fingerprint);
    }

    /// Notes how a table is read.
    pub(crate) fn add_table(&mut self, table: &Table<'_>) {
        self.statistics.add_table(table);
    }

    /// Counts a row read.
    pub(crate) fn count_row(&mut self) {
        self.statistics.rows += 1;
    }

    /// Counts something dropped.
    pub(crate) fn drop(&mut self, reason: impl Into<String>) {
        self.drop_many(reason, 1);
    }

    pub(crate) fn drop_many(&mut self, reason: impl Into<String>, count: usize) {
        if count > 0 {
            *self.statistics.dropped.entry(reason.into()).or_default() += count;
        }
    }

    /// The normal form of a text, if it holds a letter of its language's script. An empty text is no form
    /// and nothing to count.
    pub(crate) fn form(&mut self, text: &str, code: &str) -> Option<String> {
        let form = normalise(text, code);
        if form.is_empty() {
            return None;
        }
        let script = language::find(code).map(|language| language.script);
        if script.is_some_and(|script| form.chars().any(|character| script.has_letter(character))) {
            Some(form)
        } else {
            self.drop(format!("{code}: no letter of its script"));
            None
        }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The entries so far, for a change to all of them.
    pub(crate) fn entries_mut(&mut self) -> &mut Vec<Entry> {
        &mut self.entries
    }

    /// Builds the dataset: drops forms that are too long, entries left without a pair of forms, and entries
    /// that say the same of the same name again. It is an error if nothing of a whole corpus is left.
    pub(crate) fn build(
        mut self,
        max_characters: usize,
        extent: Extent,
    ) -> Result<Dataset<Entry>, DataError> {
        let mut seen = HashSet::new();
        let mut kept = Vec::with_capacity(self.entries.len());
        for mut entry in std::mem::take(&mut self.entries) {
            let mut long = Vec::new();
            entry.forms.retain(|code, form| {
                let fits = form.chars().count() <= max_characters;
                if !fits {
                    long.push(code.clone());
                }
                fits
            });
            for code in long {
                self.drop(format!("{code}: longer than {max_characters} characters"));
            }
            if !entry.forms.contains_key("en") || entry.forms.len() < 2 {
                self.drop(NO_PAIR);
            } else if seen.insert(identity(&entry)) {
                kept.push(entry);
            } else {
                self.drop("entries that repeat an earlier one");
            }
        }
        let mut forms: IndexMap<String, usize> =
            self.languages.iter().map(|code| (code.clone(), 0)).collect();
        for code in kept.iter().flat_map(|entry| entry.forms.keys()) {
            *forms.entry(code.clone()).or_default() += 1;
        }
        let source = self.sources.join(", ");
        if kept.is_empty() && extent == Extent::Whole {
            return Err(self.statistics.nothing_kept(&source));
        }
        let statistics = ReadStatistics { source, kept: kept.len(), forms, ..self.statistics };
        let details = WordDetails { corpus: self.name.to_owned(), languages: self.languages };
        Ok(Dataset::new(kept, details, statistics, join_fingerprints(&self.fingerprints)))
    }
}

/// Identity of an entry: all but the line.
fn identity(entry: &Entry) -> (String, Option<String>, Vec<(String, String)>) {
    let forms = entry.forms.iter().map(|(code, form)| (code.clone(), form.clone())).collect();
    (entry.key.clone(), entry.split.clone(), forms)
}
