//! How many words of texts a dictionary has.

use std::collections::HashSet;
use std::sync::Arc;

use super::dictionary::Dictionary;
use super::mixer::{Mixer, Stretch, find, stretches};
use crate::parallel::is_significant;

/// How many running words of texts the dictionary to a language has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Code of the language.
    pub language: String,
    /// File of the dictionary.
    pub source: String,
    /// Number of its words.
    pub entries: usize,
    /// Running words of the texts that are to be mixed.
    pub words: usize,
    /// Those that it has.
    pub found: usize,
    /// Those that are among its translations.
    pub among_translations: usize,
}

impl Coverage {
    /// Whether its columns are most likely crossed: far more words of the texts are translations than words that are looked up.
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        self.among_translations > 2 * self.found && 10 * self.among_translations > self.words
    }

    /// Share of the words that it has, in 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.found as f64 / self.words.max(1) as f64
    }
}

impl Mixer {
    /// How many of some words, each with the punctuation around it, every dictionary has. Words without a letter or digit do not
    /// count.
    #[must_use]
    pub fn coverage<'t>(&self, words: impl Iterator<Item = &'t str>) -> Vec<Coverage> {
        let words: Vec<&str> = words.filter(|word| word.chars().any(is_significant)).collect();
        let of = |(language, dictionary): &(String, Arc<Dictionary>)| {
            let translations: HashSet<String> =
                dictionary.translations().map(|word| word.to_lowercase()).collect();
            let is_translation = |word: &&&str| {
                let [_, word, _] = super::case::parted(word);
                translations.contains(&word.to_lowercase())
            };
            Coverage {
                language: language.clone(),
                source: dictionary.source.clone(),
                entries: dictionary.len(),
                words: words.len(),
                found: words.iter().filter(|word| find(dictionary, word).is_some()).count(),
                among_translations: words.iter().filter(is_translation).count(),
            }
        };
        self.dictionaries().iter().map(of).collect()
    }
}

/// The words of a text.
pub fn words_of(text: &str) -> impl Iterator<Item = &str> {
    stretches(text).filter_map(|stretch| if let Stretch::Word(word) = stretch { Some(word) } else { None })
}

#[cfg(test)]
mod tests {
    use alambic_settings::Setting;

    use super::super::MixingOptions;
    use super::*;

    #[test]
    fn running_words_are_counted_on_both_sides() {
        let coverage = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(word, other)| ((*word).to_owned(), (*other).to_owned()));
            let dictionary = Arc::new(Dictionary::new("words.tsv".into(), String::new(), pairs));
            let options = MixingOptions::when_absent().unwrap();
            let mixer = Mixer::new(&options, vec![("de".into(), dictionary)], None);
            mixer.coverage(words_of("The sky, the sea — the ice.")).remove(0)
        };
        let right = coverage(&[("the", "der"), ("sky", "Himmel")]);
        assert_eq!((right.words, right.found, right.among_translations), (6, 4, 0));
        assert!(!right.is_crossed() && right.share() > 0.6);
        let crossed = coverage(&[("der", "the"), ("Himmel", "sky")]);
        assert_eq!((crossed.found, crossed.among_translations), (0, 4));
        assert!(crossed.is_crossed());
    }
}
