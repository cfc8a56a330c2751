//! Word pairs to train and evaluate on: a text with or without its counterpart in another language.

use std::collections::HashSet;

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

use crate::direction::Direction;
use crate::stable_hash::number;
use crate::words::Entry;

/// A text to be written in another language.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SequencePair {
    /// The text in the source language.
    pub source: String,
    /// The text in the target language, where it is known.
    pub target: Option<String>,
    /// Code of the language of `source`.
    pub source_language: String,
    /// Code of the language of `target`.
    pub target_language: String,
    /// The key of the [`Entry`] that the pair is of.
    pub key: String,
}

impl SequencePair {
    /// Whether one of its sides is of a language.
    #[must_use]
    pub fn is_of(&self, language: &str) -> bool {
        self.source_language == language || self.target_language == language
    }

    /// The direction of the pair.
    #[must_use]
    pub fn direction(&self) -> Direction {
        Direction { source: self.source_language.clone(), target: self.target_language.clone() }
    }
}

/// Pairs with targets: for each direction, the entries that have both forms. Two texts are paired once in a
/// direction, under the key that comes first.
#[must_use]
pub fn labelled(entries: &[Entry], directions: &[Direction]) -> Vec<SequencePair> {
    pairs(entries, directions, |entry, direction| entry.forms.get(&direction.target).cloned().map(Some))
}

/// Pairs without targets: for each direction, every text of the source language, once, whether or not the
/// entry has a form in the target language.
#[must_use]
pub fn unlabelled(entries: &[Entry], directions: &[Direction]) -> Vec<SequencePair> {
    pairs(entries, directions, |_, _| Some(None))
}

fn pairs(
    entries: &[Entry],
    directions: &[Direction],
    target: impl Fn(&Entry, &Direction) -> Option<Option<String>>,
) -> Vec<SequencePair> {
    let mut pairs = Vec::new();
    for direction in directions {
        let mut seen = HashSet::new();
        for entry in entries {
            let Some(source) = entry.forms.get(&direction.source) else { continue };
            let Some(target) = target(entry, direction) else { continue };
            if seen.insert((source.clone(), target.clone())) {
                pairs.push(SequencePair {
                    source: source.clone(),
                    target,
                    source_language: direction.source.clone(),
                    target_language: direction.target.clone(),
                    key: entry.key.clone(),
                });
            }
        }
    }
    pairs
}

/// The different texts of a language, in the order in which they first occur: English words that a teacher
/// is to render, for instance.
#[must_use]
pub fn texts(entries: &[Entry], language: &str) -> Vec<String> {
    let texts: IndexSet<&String> = entries.iter().filter_map(|entry| entry.forms.get(language)).collect();
    texts.into_iter().cloned().collect()
}

/// A share of texts, chosen by the hash of `salt` and text: ⌈fraction · n⌉ of n, in their order. Shares are nested,
/// as those of [`subsample`] are.
#[must_use]
pub fn subsample_texts(texts: &[String], fraction: f64, salt: &str) -> Vec<String> {
    places(texts, fraction, salt).into_iter().map(|index| texts[index].clone()).collect()
}

/// The places of a share of texts, in order.
pub(crate) fn places(texts: &[String], fraction: f64, salt: &str) -> Vec<usize> {
    let mut ranks: Vec<(u64, usize)> =
        texts.iter().enumerate().map(|(index, text)| (number(&[salt, text]), index)).collect();
    ranks.sort_unstable();
    let mut kept: Vec<usize> =
        ranks[..count(fraction, ranks.len())].iter().map(|&(_, index)| index).collect();
    kept.sort_unstable();
    kept
}

/// ⌈fraction · n⌉ of n, a fraction beyond [0, 1] counting as the nearer end.
fn count(fraction: f64, of: usize) -> usize {
    ((fraction.clamp(0.0, 1.0) * of as f64).ceil() as usize).min(of)
}

/// A share of the pairs, chosen by the hash of `salt` and pair: ⌈fraction · n⌉ of the n pairs of each
/// direction, in their order. Shares are nested, the 1 % lies within the 10 %, and do not depend on the order
/// of the pairs. A fraction beyond [0, 1] counts as the nearer end.
#[must_use]
pub fn subsample(pairs: &[SequencePair], fraction: f64, salt: &str) -> Vec<SequencePair> {
    let mut ranked: IndexMap<Direction, Vec<(u64, usize)>> = IndexMap::new();
    for (index, pair) in pairs.iter().enumerate() {
        let target = pair.target.as_deref().unwrap_or_default();
        let languages = [pair.source_language.as_str(), pair.target_language.as_str()];
        let hash = number(&[salt, languages[0], languages[1], &pair.key, &pair.source, target]);
        ranked.entry(pair.direction()).or_default().push((hash, index));
    }
    let mut kept = vec![false; pairs.len()];
    for (_, mut ranks) in ranked {
        ranks.sort_unstable();
        for &(_, index) in &ranks[..count(fraction, ranks.len())] {
            kept[index] = true;
        }
    }
    pairs.iter().zip(kept).filter(|(_, kept)| *kept).map(|(pair, _)| pair.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direction::parse;

    fn entry(key: &str, forms: &[(&str, &str)]) -> Entry {
        let forms = forms.iter().map(|&(code, form)| (code.to_owned(), form.to_owned())).collect();
        Entry { key: key.to_owned(), forms, split: None, line: 1 }
    }

    fn directions(patterns: &[&str]) -> Vec<Direction> {
        parse(patterns, &["en", "hi", "ta"].map(str::to_owned)).unwrap()
    }

    #[test]
    fn labelled_pairs_have_both_forms() {
        let entries = [
            entry("goa", &[("en", "goa"), ("hi", "गोवा"), ("ta", "கோவா")]),
            entry("pune", &[("en", "pune"), ("hi", "पुणे")]),
            entry("goa velha", &[("en", "goa"), ("hi", "गोवा")]),
        ];
        let pairs = labelled(&entries, &directions(&["hi-en", "hi-ta"]));
        let shown: Vec<_> = pairs
            .iter()
            .map(|pair| (pair.source.as_str(), pair.target.as_deref().unwrap(), pair.key.as_str()))
            .collect();
        assert_eq!(shown, [("गोवा", "goa", "goa"), ("पुणे", "pune", "pune"), ("गोवा", "கோவா", "goa")]);
        assert_eq!(pairs[2].direction().to_string(), "hi-ta");
    }

    #[test]
    fn unlabelled_pairs_need_the_source_alone() {
        let entries =
            [entry("pune", &[("en", "pune"), ("hi", "पुणे")]), entry("goa", &[("en", "goa"), ("ta", "கோவா")])];
        let pairs = unlabelled(&entries, &directions(&["hi-ta", "ta-hi"]));
        let shown: Vec<_> = pairs.iter().map(|pair| (pair.source.as_str(), pair.target.as_deref())).collect();
        assert_eq!(shown, [("पुणे", None), ("கோவா", None)]);
        assert_eq!(texts(&entries, "en"), ["pune", "goa"]);
    }

    #[test]
    fn shares_are_nested_and_exact() {
        let entries: Vec<_> = (0..250)
            .map(|index| {
                let (hindi, tamil) = (format!("ह{index}"), format!("த{index}"));
                entry(&index.to_string(), &[("en", &index.to_string()), ("hi", &hindi), ("ta", &tamil)])
            })
            .collect();
        let pairs = labelled(&entries, &directions(&["hi-ta", "ta-hi"]));
        let shares: Vec<Vec<SequencePair>> =
            [1.0, 0.1, 0.01].iter().map(|&share| subsample(&pairs, share, "curve")).collect();
        assert_eq!(shares[0], pairs);
        assert_eq!((shares[1].len(), shares[2].len()), (50, 6), "25 and 3 of each direction");
        assert!(shares[2].iter().all(|pair| shares[1].contains(pair)));
        let mut reversed = pairs.clone();
        reversed.reverse();
        let mut again = subsample(&reversed, 0.1, "curve");
        again.reverse();
        assert_eq!(again, shares[1]);
        assert_ne!(subsample(&pairs, 0.1, "other"), shares[1]);
        assert!(subsample(&pairs, f64::NAN, "curve").is_empty());
    }

    #[test]
    fn shares_of_texts_are_nested_and_keep_their_order() {
        let texts: Vec<String> = (0..250).map(|index| format!("text {index:03}")).collect();
        assert_eq!(subsample_texts(&texts, 1.0, "words"), texts);
        let (some, few) = (subsample_texts(&texts, 0.1, "words"), subsample_texts(&texts, 0.01, "words"));
        assert_eq!((some.len(), few.len()), (25, 3));
        assert!(some.is_sorted() && few.iter().all(|text| some.contains(text)));
        assert!(subsample_texts(&texts, 0.0, "words").is_empty());
    }
}
