//! Names and words in several languages.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// One name or word in the languages that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Key by which splits go: the [key](crate::normalise::whole_name_key) of the English or romanised whole name,
    /// for a word too that is part of a name.
    pub key: String,
    /// The form in each language, by language code, in normal form; `en` is always among them.
    pub forms: IndexMap<String, String>,
    /// The value of the table's split column, where it has one.
    pub split: Option<String>,
    /// The line of the file, counted from 1; the row in a format without lines.
    pub line: usize,
}

/// Details of a dataset of words: its languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordDetails {
    /// The kind of the corpus: `names-table`, `dakshina`, `aksharantar`.
    pub corpus: String,
    /// Language codes, English first.
    pub languages: Vec<String>,
}

/// The reason for dropping an entry that no pair can be made of.
pub(crate) const NO_PAIR: &str = "entries left with fewer than two forms";
