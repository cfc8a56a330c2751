//! Paraphrases out of sentences that have several translations.

use std::collections::HashSet;

use alambic_settings::{At, settings};
use indexmap::IndexMap;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::content::Content;
use crate::corpora::ReadCorpus;
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::parallel::{Translation, TranslationDetails, is_significant};
use crate::source::Extent;
use crate::statistics::ReadStatistics;

settings! {
    /// Paraphrases, mined out of sentences that have several translations (Dadas, 2022).
    ///
    /// Translations of one sentence are candidates, those stay whose embedding a teacher of both languages finds near that of
    /// the sentence, those that differ only in capitals and punctuation count once, and what is left of each sentence
    /// is shuffled and paired one by one, the last of an odd number with the first; for validation and test one pair of each
    /// sentence is taken. Its splits are those of the corpora that it is mined from, whatever `split` is, and no text of the
    /// training split is in another. A paraphrase stands under the language's code with `-2` behind it. It is mined
    /// before the first stage that reads it, and lies in the run's folder as `corpora/NAME.jsonl`, which a `parallel-table`
    /// reads.
    pub struct MinedParaphrases {
        /// The corpora of parallel sentences.
        pub of: Vec<At<String>>,
        /// The teacher: a sentence encoder that reads both languages.
        pub teacher: At<String>,
        /// The language of the sentences.
        pub source: At<String>,
        /// The language of the translations, whose paraphrases are wanted.
        pub target: At<String>,
        /// Cosine similarity of sentence and translation above which a translation stays.
        #[range(-1.0..=1.0)]
        pub min_similarity: f64 = 0.7,
        /// Normalised indel similarity, character by character, above which pairs are dropped; equal texts have 1.
        #[range(0.0..=1.0)]
        pub max_character_similarity: f64 = 0.99,
    }
}

impl MinedParaphrases {
    /// The languages of the corpus: that of the translations, and that of their paraphrases.
    #[must_use]
    pub fn languages(&self) -> [String; 2] {
        [self.target.value.clone(), format!("{}-2", self.target.value)]
    }
}

impl ReadCorpus for MinedParaphrases {
    /// Nothing yet: only a run mines.
    fn read(&self, _: Extent) -> Result<Content, DataError> {
        let named: Vec<&str> = self.of.iter().map(|name| name.as_str()).collect();
        let statistics = ReadStatistics {
            source: format!("mined from {}", named.join(", ")),
            ..ReadStatistics::default()
        };
        let details = TranslationDetails { languages: self.languages().to_vec() };
        let fingerprint = blake3::hash(format!("{self:?}").as_bytes()).to_hex().to_string();
        Ok(Dataset::<Translation>::new(Vec::new(), details, statistics, fingerprint).into())
    }
}

/// A sentence with its translations, two or more that are different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates<'c> {
    /// The sentence.
    pub source: &'c str,
    /// Its translations.
    pub targets: Vec<&'c str>,
}

/// The sentences that have two different translations or more, whatever their capitals; in the order in which they come
/// first.
#[must_use]
pub fn find_candidates<'c>(sentences: &[&'c Translation], source: &str, target: &str) -> Vec<Candidates<'c>> {
    let mut groups: IndexMap<String, (Candidates<'c>, HashSet<String>)> = IndexMap::new();
    for sentence in sentences {
        let (Some(own), Some(other)) = (sentence.texts.get(source), sentence.texts.get(target)) else {
            continue;
        };
        let (group, seen) = groups
            .entry(own.to_lowercase())
            .or_insert_with(|| (Candidates { source: own, targets: Vec::new() }, HashSet::new()));
        if seen.insert(other.to_lowercase()) {
            group.targets.push(other);
        }
    }
    groups.into_values().map(|(group, _)| group).filter(|group| group.targets.len() > 1).collect()
}

/// Translations without duplicates: the first of those that differ in capitals and punctuation only.
#[must_use]
pub fn remove_duplicates<'c>(targets: &[&'c str]) -> Vec<&'c str> {
    let mut seen = HashSet::new();
    let key = |text: &str| {
        let letter = |letter: char| if is_significant(letter) { letter } else { ' ' };
        let spaced: String = text.chars().map(letter).collect();
        spaced.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    targets.iter().filter(|target| seen.insert(key(target))).copied().collect()
}

/// Translations of a sentence in pairs, drawn by lot, the last of an odd number with the first; none where there are not two.
#[must_use]
pub fn pair_up<'c>(mut targets: Vec<&'c str>, random: &mut ChaCha8Rng) -> Vec<[&'c str; 2]> {
    let [first, _, ..] = targets[..] else { return Vec::new() };
    targets.shuffle(random);
    let wrapped = targets.first().copied().unwrap_or(first);
    targets.chunks(2).map(|pair| [pair[0], pair.get(1).copied().unwrap_or(wrapped)]).collect()
}

/// Normalised indel similarity of two texts, in 0 to 1: one less the share of characters that have to be inserted or deleted.
#[must_use]
pub fn indel_similarity(one: &str, other: &str) -> f64 {
    rapidfuzz::fuzz::ratio(one.chars(), other.chars())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn sentence(en: &str, ja: &str) -> Translation {
        let texts = [("en", en), ("ja", ja)];
        Translation {
            texts: texts.map(|(language, text)| (language.to_owned(), text.to_owned())).into(),
            split: None,
        }
    }

    #[test]
    fn sentences_with_two_translations_are_found_whatever_their_capitals() {
        let all = [
            sentence("Hello.", "やあ"),
            sentence("hello.", "こんにちは"),
            sentence("HELLO.", "やあ"),
            sentence("Bye.", "さようなら"),
            sentence("bye.", "さようなら"),
        ];
        let found = find_candidates(&all.iter().collect::<Vec<_>>(), "en", "ja");
        assert_eq!(found, [Candidates { source: "Hello.", targets: vec!["やあ", "こんにちは"] }]);
        assert!(find_candidates(&all.iter().collect::<Vec<_>>(), "ja", "en").is_empty());
    }

    #[test]
    fn what_differs_in_punctuation_alone_counts_once() {
        assert_eq!(
            remove_duplicates(&["Hello, you!", "hello you", "hello to you"]),
            ["Hello, you!", "hello to you"]
        );
        assert_eq!(remove_duplicates(&["सड़क", "सडक", "सड़क!"]), ["सड़क", "सडक"]);
    }

    #[test]
    fn the_last_of_an_odd_number_is_paired_with_the_first() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let pairs = pair_up(vec!["a", "b", "c"], &mut random);
        assert_eq!(pairs.len(), 2);
        assert_eq!(pairs[1][1], pairs[0][0]);
        let all: HashSet<&str> = pairs.iter().flatten().copied().collect();
        assert_eq!(all.len(), 3);
        assert_eq!(pair_up(vec!["a", "b", "c"], &mut ChaCha8Rng::seed_from_u64(1)), pairs);
        assert!(pair_up(vec!["a"], &mut random).is_empty());
    }

    #[test]
    fn likeness_is_that_of_putting_in_and_taking_out() {
        assert!((indel_similarity("same", "same") - 1.0).abs() < 1e-9);
        // Of six letters, one is taken out and one put in.
        assert!((indel_similarity("abc", "abd") - 4.0 / 6.0).abs() < 1e-9);
        assert!(indel_similarity("ab", "cd").abs() < 1e-9);
    }
}
