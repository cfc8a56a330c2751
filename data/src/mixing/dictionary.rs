//! Dictionaries: words and their translations.

use std::collections::HashMap;
use std::fmt;

use alambic_settings::Location;
use unicode_normalization::UnicodeNormalization;

use crate::error::{DataError, Fault, MixingFault, Place, Problems};
use crate::language_code::{check_code, is_same_language};
use crate::parallel::is_significant;
use crate::source::{Extent, TableSource};
use crate::table::{lines, utf8};

/// A dictionary from one language to another.
#[derive(Clone, PartialEq)]
pub struct Dictionary {
    /// Its file, or the corpus that it was induced from.
    pub source: String,
    /// BLAKE3 of the bytes of its file, in hexadecimal, or the fingerprint of the corpus.
    pub fingerprint: String,
    /// Words as they are written, each with its translations in the order of the file, without repeats.
    words: HashMap<String, Vec<String>>,
    /// The same by words in small letters.
    small: HashMap<String, Vec<String>>,
}

/// Number of its words, not all of them.
impl fmt::Debug for Dictionary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Dictionary")
            .field("source", &self.source)
            .field("words", &self.words.len())
            .finish_non_exhaustive()
    }
}

/// Translations of a word as a dictionary has them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Translations<'d> {
    /// The translations: at least one.
    pub(super) all: &'d [String],
    /// Whether the dictionary has the word as it is written, and not in small letters alone.
    pub(super) is_as_written: bool,
}

impl Dictionary {
    /// A dictionary of pairs of a word and a translation, in NFC, each with single blanks within. Pairs without a letter or digit on
    /// either side are left out.
    #[must_use]
    pub fn new(
        source: String,
        fingerprint: String,
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut dictionary = Self { source, fingerprint, words: HashMap::new(), small: HashMap::new() };
        for (word, translation) in pairs {
            let (word, translation) = (plain(&word), plain(&translation));
            if ![&word, &translation].into_iter().all(|text| text.chars().any(is_significant)) {
                continue;
            }
            let small = word.to_lowercase();
            for (table, word) in [(&mut dictionary.words, word), (&mut dictionary.small, small)] {
                let translations: &mut Vec<String> = table.entry(word).or_default();
                if !translations.contains(&translation) {
                    translations.push(translation.clone());
                }
            }
        }
        dictionary
    }

    /// Reads the dictionary to a language from a file.
    ///
    /// # Errors
    /// Where the file cannot be read, is no table of two columns, has a header with other languages or crossed ones, or holds no
    /// pair of words.
    pub fn read(location: &Location, language: &str) -> Result<Self, DataError> {
        let source = TableSource::open_lines(location, Extent::Whole)?;
        let mut problems = Problems::default();
        let (mut pairs, mut is_first) = (Vec::new(), true);
        for (number, line) in lines(&source.bytes) {
            let Some(line) = utf8(&source, number, line, &mut problems) else { continue };
            if line.trim().is_empty() {
                continue;
            }
            let place = || Place::line(&source.name, number);
            let cells: Vec<&str> = if line.contains('\t') {
                line.split('\t').map(str::trim).collect()
            } else {
                line.split_whitespace().collect()
            };
            let &[word, translation] = cells.as_slice() else {
                problems.push(place(), Fault::ColumnCount { found: cells.len(), expected: 2 });
                continue;
            };
            if std::mem::take(&mut is_first) && is_header(word, translation, language) {
                if let Some(fault) = header_fault(word, translation, language) {
                    problems.push(place(), fault.into());
                }
                continue;
            }
            match (word.is_empty(), translation.is_empty()) {
                (true, _) => problems.push(place(), Fault::EmptyField("word")),
                (_, true) => problems.push(place(), Fault::EmptyField("translation")),
                _ => pairs.push((word.to_owned(), translation.to_owned())),
            }
        }
        let fingerprint = source.fingerprint();
        let dictionary = Self::new(source.name.clone(), fingerprint, pairs);
        if dictionary.is_empty() {
            problems.push_if_none(Place::file(&source.name), MixingFault::NoWords.into());
        }
        problems.or(dictionary)
    }

    /// Number of its words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether it has no words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The translations of a word, as it is written or else in small letters; none where it is not in the dictionary.
    pub(super) fn find(&self, word: &str) -> Option<Translations<'_>> {
        let word = plain(word);
        let as_written = self.words.get(&word).map(|all| Translations { all, is_as_written: true });
        as_written.or_else(|| {
            let all = self.small.get(&word.to_lowercase())?;
            Some(Translations { all, is_as_written: false })
        })
    }

    /// All translations, in no order.
    pub(super) fn translations(&self) -> impl Iterator<Item = &String> {
        self.words.values().flatten()
    }
}

/// A word or a phrase in NFC with single blanks within.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").nfc().collect()
}

/// Whether the first line has the codes of two languages; a pair of short words is a pair as any other.
fn is_header(first: &str, second: &str, language: &str) -> bool {
    let are_codes = check_code(first).is_ok() && check_code(second).is_ok();
    let has_own = is_language(second, language) && is_known(first);
    let is_crossed = is_language(first, language) && is_known(second);
    are_codes && first != second && (has_own || is_crossed || first == "en" && is_known(second))
}

/// Whether a code is that of a language, or of the language without script and region.
fn is_language(code: &str, language: &str) -> bool {
    let base = language.split('-').next().unwrap_or(language);
    is_same_language(code, language) || is_same_language(code, base)
}

/// Whether a code is that of a language that has a name here.
fn is_known(code: &str) -> bool {
    crate::language::find_any(code).is_some()
}

/// What is wrong with a header of two codes.
fn header_fault(first: &str, second: &str, language: &str) -> Option<MixingFault> {
    if is_language(second, language) {
        return None;
    }
    let codes = [first.to_owned(), second.to_owned()];
    let is_crossed = is_language(first, language);
    let language = language.to_owned();
    Some(if is_crossed {
        MixingFault::CrossedHeader { codes, language }
    } else {
        MixingFault::OtherLanguage { codes, language }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, language: &str) -> Result<Dictionary, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.txt");
        std::fs::write(&path, text).unwrap();
        Dictionary::read(&Location::File(path), language)
    }

    fn fault(text: &str, language: &str) -> Fault {
        read(text, language).unwrap_err().problems.remove(0).fault
    }

    fn found(dictionary: &Dictionary, word: &str) -> Vec<String> {
        dictionary.find(word).map_or_else(Vec::new, |found| found.all.to_vec())
    }

    #[test]
    fn columns_are_between_tabs_or_blanks_and_a_header_is_left_out() {
        let tabs =
            read("en\tde\nsky\tHimmel\nsky\tHimmel\nice  cream\tEis\r\nsky\tFirmament\n", "de").unwrap();
        assert_eq!(found(&tabs, "sky"), ["Himmel", "Firmament"]);
        assert_eq!((found(&tabs, "ice cream").len(), tabs.len()), (1, 2));
        let muse = read("\u{feff}the der\nthe  die\n\nEuropean europäisch", "de").unwrap();
        assert_eq!((found(&muse, "the").len(), found(&muse, "european").len()), (2, 1));
        assert!(muse.find("European").unwrap().is_as_written);
        assert!(!muse.find("EUROPEAN").unwrap().is_as_written);
        // Short words of both languages, of which neither is a code of the dictionary's.
        assert_eq!(read("on auf\nso so\n", "de").unwrap().len(), 2);
    }

    #[test]
    fn normal_forms_of_a_word_are_one_word() {
        let dictionary = read("cafe\u{301}\tKaffeehaus\n", "de").unwrap();
        assert_eq!(found(&dictionary, "Café"), ["Kaffeehaus"]);
    }

    #[test]
    fn headers_of_other_languages_and_crossed_ones_are_refused() {
        let crossed = fault("de\ten\nHimmel\tsky\n", "de");
        assert!(matches!(crossed, Fault::Mixing(MixingFault::CrossedHeader { .. })), "{crossed}");
        let other = fault("en\tfr\nsky\tciel\n", "de");
        assert!(matches!(other, Fault::Mixing(MixingFault::OtherLanguage { .. })), "{other}");
        assert_eq!(read("en\tzh\nsky\t天空\n", "zh-Hans").unwrap().len(), 1);
    }

    #[test]
    fn files_without_pairs_of_words_are_refused() {
        for text in ["", "\n \n", "en\tde\n", "—\t–\n"] {
            assert_eq!(fault(text, "de"), MixingFault::NoWords.into(), "{text:?}");
        }
        assert!(matches!(fault("sky\n", "de"), Fault::ColumnCount { found: 1, .. }));
        assert!(matches!(fault("sky\tHimmel\tnoun\n", "de"), Fault::ColumnCount { found: 3, .. }));
        assert!(matches!(fault("sky\t\n", "de"), Fault::EmptyField("translation")));
        assert!(matches!(fault("\tHimmel\n", "de"), Fault::EmptyField("word")));
    }
}
