//! Parallel sentences in several languages.

use std::borrow::Cow;
use std::collections::HashSet;

use alambic_settings::settings;
use indexmap::IndexMap;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::dataset::{Dataset, SplitExample, Splits};
use crate::error::{DataError, Fault, Place};
use crate::language::{self, Script};
use crate::source::{Extent, TableSource};
use crate::split::{HoldOut, OverlapKeys, SplitOptions, remove_held_keys, remove_shared_keys, test_keys};
use crate::stable_hash::{self, join_fingerprints, unit_interval};
use crate::statistics::ReadStatistics;
use crate::table::Table;
use crate::words::Entry;

/// A sentence in the languages that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The text in each language, by language code, in NFC.
    pub texts: IndexMap<String, String>,
    /// The value of the corpus's split.
    pub split: Option<String>,
}

impl Translation {
    /// Whether it is in a share of all, by the hash of its text in a language. Smaller shares lie within larger ones.
    #[must_use]
    pub fn is_in_subsample(&self, language: &str, fraction: f64) -> bool {
        let text = self.texts.get(language).map_or("", String::as_str);
        fraction >= 1.0 || unit_interval(&["sentences", &key(text)]) < fraction
    }
}

impl From<&Translation> for Entry {
    /// A sentence as the forms of a word, to be written in another of its languages.
    fn from(translation: &Translation) -> Self {
        let first = translation.texts.values().next();
        Self {
            key: key(first.map_or("", String::as_str)),
            forms: translation.texts.clone(),
            split: translation.split.clone(),
            line: 0,
        }
    }
}

/// Details of a dataset of translations: their languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranslationDetails {
    /// Language codes, in the order in which the corpus has them.
    pub languages: Vec<String>,
}

impl OverlapKeys for Translation {
    const WHAT: &'static str = "sentences of which a text is";

    fn overlap_keys(&self) -> Vec<u128> {
        self.texts.iter().map(|(language, text)| stable_hash::key(&[language, &key(text)])).collect()
    }
}

/// Whether a character counts where texts are compared: letters, digits, and the signs above and below letters, which are vowels in many
/// scripts.
pub(crate) fn is_significant(letter: char) -> bool {
    letter.is_alphanumeric() || is_combining_mark(letter)
}

/// Texts of one language in their order, each once, with all of their different translations into another: of a table with several
/// columns of a language, or with the same text in several rows, a text has several references.
#[must_use]
pub fn with_references<'t>(
    sentences: impl IntoIterator<Item = &'t Translation>,
    source: &str,
    target: &str,
) -> IndexMap<&'t str, Vec<&'t str>> {
    let mut all: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for sentence in sentences {
        if let (Some(text), Some(reference)) = (sentence.texts.get(source), sentence.texts.get(target)) {
            let references = all.entry(text).or_default();
            if !references.contains(&reference.as_str()) {
                references.push(reference);
            }
        }
    }
    all
}

/// Key of a text, by which splits go: its lower-case letters and digits alone.
#[must_use]
pub fn key(text: &str) -> String {
    let letters: String =
        text.chars().filter(|letter| is_significant(*letter)).flat_map(char::to_lowercase).collect();
    if letters.is_empty() { text.to_owned() } else { letters }
}

/// Sentences go by their text in the first of the corpus's languages, and no two splits share a text in any language.
impl SplitExample for Translation {
    type Details = TranslationDetails;

    fn split_value(&self) -> Option<&str> {
        self.split.as_deref()
    }

    fn split_key<'e>(&'e self, details: &'e TranslationDetails) -> Cow<'e, str> {
        let first = details.languages.iter().find_map(|language| self.texts.get(language));
        Cow::Owned(key(first.map_or("", String::as_str)))
    }

    fn remove_overlap(
        splits: &mut Splits<Self>,
        options: &SplitOptions,
        _: &HoldOut,
    ) -> IndexMap<String, usize> {
        remove_shared_keys(splits, options.overlap)
    }

    fn languages(details: &TranslationDetails) -> &[String] {
        &details.languages
    }

    fn test_keys(dataset: &Dataset<Self>) -> HashSet<u128> {
        test_keys(&dataset.splits)
    }

    fn remove_keys(dataset: &mut Dataset<Self>, held: &HashSet<u128>) {
        remove_held_keys(dataset, held);
    }
}

settings! {
    /// Filters of sentences: by length, script, copies and repeats.
    pub struct BitextFilters {
        /// Texts of fewer characters are dropped.
        #[range(1..)]
        pub min_characters: usize = 1,
        /// Texts of more characters are dropped.
        #[range(1..)]
        pub max_characters: usize = 1000,
        /// Texts that have fewer words are dropped. Of languages without blanks between words, every two characters count as
        /// one.
        #[range(1..)]
        pub min_words: usize = 1,
        /// Translations are dropped whose longer text has more than so many times the characters of the shorter one; 0 for no
        /// limit.
        #[range(0.0..)]
        pub ratio: f64 = 9.0,
        /// Whether texts without a letter of their language's script are dropped, where it is known.
        pub script: bool = true,
        /// Whether translations that are equal in two languages, letter for letter, are dropped: they are not translated.
        pub copies: bool = true,
        /// Whether sentences are dropped that repeat an earlier one in all languages.
        pub repeats: bool = true,
        /// Languages whose texts have blanks where they are written without, as tokenised Japanese has; the blanks are taken
        /// out.
        pub without_blanks: Vec<String> = Vec::new(),
    }
}

/// Languages that are written without blanks between words.
const UNSPACED: [Script; 3] = [Script::Han, Script::Japanese, Script::Thai];

/// The share of texts of a wrong script from which on a corpus is refused: its columns are crossed.
const CROSSED: f64 = 0.5;

/// Builder of a dataset of translations, which counts what it drops.
#[derive(Debug)]
pub(crate) struct BitextBuilder<'a> {
    filters: &'a BitextFilters,
    languages: Vec<String>,
    sources: Vec<String>,
    fingerprints: Vec<String>,
    sentences: Vec<Translation>,
    seen: HashSet<Vec<(String, String)>>,
    statistics: ReadStatistics,
    /// Texts of each language that were read, and how many of them are of another script.
    scripts: IndexMap<String, (usize, usize)>,
}

impl<'a> BitextBuilder<'a> {
    /// Begins a corpus of these languages.
    pub(crate) fn new(
        filters: &'a BitextFilters,
        languages: Vec<String>,
        place: &Place,
    ) -> Result<Self, DataError> {
        if languages.len() < 2 {
            return Err(DataError::new(place.clone(), Fault::NoLanguage));
        }
        Ok(Self {
            filters,
            languages,
            sources: Vec::new(),
            fingerprints: Vec::new(),
            sentences: Vec::new(),
            seen: HashSet::new(),
            statistics: ReadStatistics::default(),
            scripts: IndexMap::new(),
        })
    }

    /// Number of sentences kept so far.
    pub(crate) fn len(&self) -> usize {
        self.sentences.len()
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

    /// Notes how a file that is no table is read.
    pub(crate) fn add_file(&mut self, source: &TableSource) {
        self.add_source(&source.name, source.fingerprint());
        self.statistics.add_source(source);
    }

    /// Counts something dropped.
    pub(crate) fn drop(&mut self, reason: impl Into<String>) {
        *self.statistics.dropped.entry(reason.into()).or_default() += 1;
    }

    /// Takes a sentence, or counts why not.
    pub(crate) fn push<'t>(
        &mut self,
        texts: impl IntoIterator<Item = (&'t str, &'t str)>,
        split: Option<&str>,
    ) {
        self.statistics.rows += 1;
        let mut kept: IndexMap<String, String> = IndexMap::new();
        for (language, text) in texts {
            match self.text(language, text) {
                Ok(text) => {
                    kept.insert(language.to_owned(), text);
                }
                Err(reason) => self.drop(format!("{language}: {reason}")),
            }
        }
        if kept.len() < 2 {
            return self.drop("rows without a pair of texts");
        }
        let lengths = || kept.values().map(|text| text.chars().count());
        let (min, max) = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
        let ratio = self.filters.ratio;
        if ratio > 0.0 && max as f64 > ratio * min as f64 {
            return self.drop(format!("rows of lengths that differ by more than {ratio} times"));
        }
        let mut different: HashSet<&String> = HashSet::new();
        if self.filters.copies && !kept.values().all(|text| different.insert(text)) {
            return self.drop("rows that are not translated");
        }
        let identity: Vec<(String, String)> =
            kept.iter().map(|(language, text)| (language.clone(), text.clone())).collect();
        if self.filters.repeats && !self.seen.insert(identity) {
            return self.drop("rows that repeat an earlier one");
        }
        let split = split.map(str::trim).filter(|split| !split.is_empty()).map(str::to_owned);
        self.sentences.push(Translation { texts: kept, split });
    }

    /// A text as it is kept, or why it is not.
    fn text(&mut self, language: &str, text: &str) -> Result<String, String> {
        let blank = if self.filters.without_blanks.iter().any(|own| own == language) { "" } else { " " };
        let text: String = text.split_whitespace().collect::<Vec<_>>().join(blank).nfc().collect();
        let (filters, count) = (self.filters, text.chars().count());
        if count == 0 {
            return Err("nothing".into());
        }
        if let Some(script) = language::script(language) {
            let known = self.scripts.entry(language.to_owned()).or_default();
            // What has no letter at all, as a number, is of every script.
            let mut letters = text.chars().filter(|character| character.is_alphabetic()).peekable();
            let wrong = letters.peek().is_some() && !letters.any(|letter| script.has_letter(letter));
            known.0 += 1;
            known.1 += usize::from(wrong);
            if wrong && filters.script {
                return Err("no letter of its script".into());
            }
        }
        if count < filters.min_characters {
            return Err(format!("shorter than {} characters", filters.min_characters));
        }
        if count > filters.max_characters {
            return Err(format!("longer than {} characters", filters.max_characters));
        }
        let unspaced = language::script(language).is_some_and(|own| UNSPACED.contains(&own));
        let words = if unspaced { count.div_ceil(2) } else { text.split(' ').count() };
        if words < filters.min_words {
            return Err(format!("fewer than {} words", filters.min_words));
        }
        Ok(text)
    }

    /// Builds the dataset.
    ///
    /// # Errors
    /// When nothing of a whole corpus is left, or most texts of a language are of another script.
    pub(crate) fn build(self, extent: Extent) -> Result<Dataset<Translation>, DataError> {
        let source = self.sources.join(", ");
        for (language, (texts, wrong)) in &self.scripts {
            if self.filters.script && *wrong as f64 > CROSSED * *texts as f64 {
                let fault = Fault::WrongScript { language: language.clone(), texts: *texts, wrong: *wrong };
                return Err(DataError::new(Place::file(&source), fault));
            }
        }
        if self.sentences.is_empty() && extent == Extent::Whole {
            return Err(self.statistics.nothing_kept(&source));
        }
        let mut forms: IndexMap<String, usize> =
            self.languages.iter().map(|language| (language.clone(), 0)).collect();
        for language in self.sentences.iter().flat_map(|sentence| sentence.texts.keys()) {
            *forms.entry(language.clone()).or_default() += 1;
        }
        let statistics = ReadStatistics { source, kept: self.sentences.len(), forms, ..self.statistics };
        let details = TranslationDetails { languages: self.languages };
        Ok(Dataset::new(self.sentences, details, statistics, join_fingerprints(&self.fingerprints)))
    }
}
