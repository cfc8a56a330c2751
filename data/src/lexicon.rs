//! Names and words in several languages, and what reading them left out.

use std::collections::HashSet;

use alambic_files::text::visible;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::error::{DataError, Fault, Place};
use crate::language;
use crate::normalise::normalise;
use crate::source::{Extent, Source};
use crate::table::Table;

/// One name or word in the languages that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What splits go by: the [key](crate::normalise::whole_name_key) of the English or romanised whole name,
    /// for a word too that is part of a name.
    pub key: String,
    /// The form in each language, by language code, in normal form; `en` is always among them.
    pub forms: IndexMap<String, String>,
    /// The value of the table's split column, where it has one.
    pub split: Option<String>,
    /// The line of the file, counted from 1; the row in a format without lines.
    pub line: usize,
}

/// What became of the rows of a corpus; it goes into the report of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The files, as the user named them.
    pub source: String,
    /// Rows read.
    pub rows: usize,
    /// Entries kept: rows, or the words of rows.
    pub kept: usize,
    /// Forms kept, by language code.
    pub forms: IndexMap<String, usize>,
    /// How many rows, forms or entries were dropped, by reason. A reason that begins with a language code
    /// counts forms of that language, any other rows or entries as it says.
    pub dropped: IndexMap<String, usize>,
    /// How files were read, where their names do not say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The reason for dropping a row in which nothing stands.
const BLANK: &str = "rows in which nothing stands";

impl Reading {
    /// What a user is told of it: what was dropped, with reasons, and how files were read.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let reasons: Vec<String> =
            self.dropped.iter().map(|(reason, count)| format!("{reason}: {count}")).collect();
        let dropped =
            (!reasons.is_empty()).then(|| format!("left out of {} rows: {}", self.rows, reasons.join("; ")));
        dropped.into_iter().chain(self.notes.iter().map(|note| visible(note))).collect()
    }

    /// Notes how a table was read, and what of it makes no row of a corpus.
    pub(crate) fn table(&mut self, table: &Table<'_>) {
        self.notes.extend(table.notes());
        self.rows += table.blank();
        if table.blank() > 0 {
            *self.dropped.entry(BLANK.into()).or_default() += table.blank();
        }
    }

    /// Notes how a file that is no table was read.
    pub(crate) fn source(&mut self, source: &Source) {
        self.notes.extend(source.notes.iter().map(|note| format!("{}: {note}", source.name)));
    }

    /// The error that nothing of a corpus can be used, and why.
    pub(crate) fn nothing_kept(&self, source: &str) -> DataError {
        let reasons: Vec<_> =
            self.dropped.iter().map(|(reason, count)| format!("{reason} ({count})")).collect();
        let fault = Fault::NothingKept { rows: self.rows, reasons: reasons.join("; ") };
        DataError::new(Place::file(source), fault)
    }
}

/// One fingerprint of several files.
pub(crate) fn of_all(fingerprints: &[String]) -> String {
    match fingerprints {
        [one] => one.clone(),
        several => blake3::hash(several.join("\n").as_bytes()).to_hex().to_string(),
    }
}

/// A corpus of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lexicon {
    /// The corpus kind: `names-table`, `dakshina`, `aksharantar`.
    pub name: String,
    /// Language codes, English first.
    pub languages: Vec<String>,
    /// The entries in the order of the file.
    pub entries: Vec<Entry>,
    /// What was dropped and why.
    pub reading: Reading,
    /// BLAKE3 of the files' bytes, in hexadecimal.
    pub fingerprint: String,
}

/// A lexicon in the making, which counts what it drops.
#[derive(Debug)]
pub(crate) struct Gathering {
    name: &'static str,
    languages: Vec<String>,
    sources: Vec<String>,
    fingerprints: Vec<String>,
    entries: Vec<Entry>,
    reading: Reading,
}

impl Gathering {
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
            reading: Reading::default(),
        })
    }

    /// Notes a file that is read.
    pub(crate) fn source(&mut self, name: &str, fingerprint: String) {
        self.sources.push(name.to_owned());
        self.fingerprints.push(fingerprint);
    }

    /// Notes how a table is read.
    pub(crate) fn table(&mut self, table: &Table<'_>) {
        self.reading.table(table);
    }

    /// Counts a row read.
    pub(crate) fn row(&mut self) {
        self.reading.rows += 1;
    }

    /// Counts something dropped.
    pub(crate) fn drop(&mut self, reason: impl Into<String>) {
        self.drop_many(reason, 1);
    }

    pub(crate) fn drop_many(&mut self, reason: impl Into<String>, count: usize) {
        if count > 0 {
            *self.reading.dropped.entry(reason.into()).or_default() += count;
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

    /// Ends the lexicon: drops forms that are too long, entries left without a pair of forms, and entries
    /// that say the same of the same name again. It is an error if nothing of a whole corpus is left.
    pub(crate) fn finish(mut self, max_characters: usize, extent: Extent) -> Result<Lexicon, DataError> {
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
            return Err(self.reading.nothing_kept(&source));
        }
        let fingerprint = of_all(&self.fingerprints);
        Ok(Lexicon {
            name: self.name.to_owned(),
            languages: self.languages,
            reading: Reading { source, kept: kept.len(), forms, ..self.reading },
            entries: kept,
            fingerprint,
        })
    }
}

/// The reason for dropping an entry that no pair can be made of.
pub(crate) const NO_PAIR: &str = "entries left with fewer than two forms";

/// What makes an entry the same as another: all but the line.
fn identity(entry: &Entry) -> (String, Option<String>, Vec<(String, String)>) {
    let forms = entry.forms.iter().map(|(code, form)| (code.clone(), form.clone())).collect();
    (entry.key.clone(), entry.split.clone(), forms)
}
