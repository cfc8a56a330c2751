//! Reviews out of a small grammar.

use std::collections::HashSet;

use alambic_settings::settings;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::ReadCorpus;
use crate::content::Content;
use crate::error::DataError;
use crate::source::Extent;
use crate::stable_hash::bytes;
use crate::texts::{Label, Labels, Text, TextsBuilder};

settings! {
    /// Made-up reviews, each with the class `negative` or `positive`, out of a small grammar in English: for trying a
    /// recipe without data. Adjectives carry the class, `not` turns it round, and behind `but` the second half decides;
    /// no counting of words gets all of it. Scores here do not carry over to real texts.
    pub struct MadeUpReviews {
        /// Number of different ones.
        #[range(1..=1_000_000)]
        pub size: usize = 3000,
        /// Another number gives other reviews.
        pub seed: u64 = 1,
        /// Whether the texts have their class as label; else they have none.
        pub labelled: bool = true,
    }
}

/// The name that stands for a file's.
const NAME: &str = "made-up-reviews";

/// What reviews are about.
pub(super) const THINGS: [&str; 24] = [
    "film",
    "plot",
    "cast",
    "score",
    "ending",
    "dialogue",
    "pacing",
    "camera work",
    "book",
    "story",
    "chapter",
    "hotel",
    "room",
    "service",
    "breakfast",
    "menu",
    "soup",
    "waiter",
    "phone",
    "screen",
    "battery",
    "keyboard",
    "album",
    "concert",
];

const ADJECTIVES: [[&str; 20]; 2] = [
    [
        "dull",
        "awful",
        "bland",
        "clumsy",
        "tedious",
        "shallow",
        "noisy",
        "broken",
        "lifeless",
        "weak",
        "messy",
        "annoying",
        "stale",
        "cheap",
        "forgettable",
        "slow",
        "rude",
        "dreadful",
        "flat",
        "sloppy",
    ],
    [
        "wonderful",
        "great",
        "charming",
        "clever",
        "moving",
        "fresh",
        "elegant",
        "superb",
        "lively",
        "strong",
        "witty",
        "delightful",
        "warm",
        "precise",
        "memorable",
        "swift",
        "friendly",
        "brilliant",
        "rich",
        "graceful",
    ],
];

const ADVERBS: [&str; 6] = ["very", "really", "truly", "rather", "quite", "utterly"];

impl ReadCorpus for MadeUpReviews {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut random = ChaCha8Rng::from_seed(bytes(&[NAME, &self.seed.to_string()]));
        let mut builder = TextsBuilder::default();
        let fingerprint = blake3::hash(format!("{NAME} {} {}", self.size, self.seed).as_bytes());
        builder.add_source(NAME, fingerprint.to_hex().to_string());
        let mut seen = HashSet::new();
        while seen.len() < self.size {
            let class = random.random_range(0..2);
            let first = review(class, &mut random);
            if seen.insert(first.clone()) {
                let label = if self.labelled { Label::Class(class as u32) } else { Label::None };
                let (second, negatives, line) = (None, Vec::new(), seen.len());
                builder.push(Text {
                    first,
                    second,
                    negatives,
                    label,
                    id: None,
                    language: None,
                    split: None,
                    line,
                    mixer: None,
                });
            }
        }
        let classes = || Labels::Classes(vec!["negative".into(), "positive".into()]);
        let labels = if self.labelled { classes() } else { Labels::None };
        Ok(builder.build(labels, false, extent)?.into())
    }
}

/// One review of a class: a clause, two that agree, or two of which the second decides.
fn review(class: usize, random: &mut ChaCha8Rng) -> String {
    match random.random_range(0..3) {
        0 => clause(class, random),
        1 => format!("{} and {}", clause(class, random), clause(class, random)),
        _ => format!("{} but {}", clause(1 - class, random), clause(class, random)),
    }
}

/// `the soup was not very dull`.
fn clause(class: usize, random: &mut ChaCha8Rng) -> String {
    clause_about(None, class, random)
}

/// The same about a thing, or about any.
pub(super) fn clause_about(thing: Option<&str>, class: usize, random: &mut ChaCha8Rng) -> String {
    let negated = random.random_bool(0.3);
    let adjectives = &ADJECTIVES[if negated { 1 - class } else { class }];
    let mut words = vec!["the"];
    words.extend(thing.or_else(|| THINGS.choose(random).copied()));
    words.push(if random.random_bool(0.5) { "is" } else { "was" });
    if negated {
        words.push("not");
    }
    if random.random_bool(0.4) {
        words.extend(ADVERBS.choose(random));
    }
    words.extend(adjectives.choose(random));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(size: usize, seed: u64) -> Vec<Text> {
        match (MadeUpReviews { size, seed, labelled: true }).read(Extent::Whole).unwrap() {
            Content::Texts(texts) => texts.splits.train,
            _ => unreachable!("reviews are texts"),
        }
    }

    #[test]
    fn a_seed_decides_the_reviews_and_more_begin_with_fewer() {
        let reviews = texts(400, 1);
        assert_eq!(reviews[..100], texts(100, 1));
        assert_ne!(reviews[..100], texts(100, 2));
        let positive = reviews.iter().filter(|text| text.label == Label::Class(1)).count();
        assert!((150..=250).contains(&positive), "{positive} of 400 are positive");
        assert_eq!(reviews.iter().map(|text| &text.first).collect::<HashSet<_>>().len(), 400);
    }

    #[test]
    fn last_clause_decides_the_class() {
        for text in texts(300, 3) {
            let last = text.first.rsplit(" but ").next().unwrap().rsplit(" and ").next().unwrap();
            let adjective = last.rsplit(' ').next().unwrap();
            let positive = ADJECTIVES[1].contains(&adjective) != last.contains(" not ");
            assert_eq!(text.label, Label::Class(u32::from(positive)), "{}", text.first);
        }
    }
}
