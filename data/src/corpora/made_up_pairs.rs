//! Pairs of sentences out of a small grammar.

use std::collections::HashSet;

use alambic_settings::{choices, settings};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::ReadCorpus;
use super::made_up_reviews::{THINGS, clause_about};
use crate::content::Content;
use crate::error::DataError;
use crate::source::Extent;
use crate::stable_hash::bytes;
use crate::texts::{Label, Labels, Text, TextsBuilder};

choices! {
    /// What made-up pairs are.
    pub enum PairForm {
        /// Two sentences, and from 0 to 1 how alike they are.
        Scored = "scored",
        /// A sentence, one that says the same, and one that says the opposite.
        Triples = "triples",
    }
}

settings! {
    /// Made-up pairs of English sentences, each of which praises or blames a thing: for trying a recipe without data. Two sentences
    /// that judge one thing alike score 1, those that judge it otherwise 0.5, those that judge two things alike 0.25, and others 0.
    /// Scores here do not carry over to real texts.
    pub struct MadeUpPairs {
        /// Number of different ones.
        #[range(1..=1_000_000)]
        pub size: usize = 3000,
        /// Another number gives other pairs.
        pub seed: u64 = 1,
        /// What they are.
        pub form: PairForm = PairForm::Scored,
    }
}

/// The name that stands for a file's.
const NAME: &str = "made-up-pairs";

impl ReadCorpus for MadeUpPairs {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let form = self.form.name();
        let mut random = ChaCha8Rng::from_seed(bytes(&[NAME, form, &self.seed.to_string()]));
        let mut builder = TextsBuilder::default();
        let described = format!("{NAME} {form} {} {}", self.size, self.seed);
        builder.add_source(NAME, blake3::hash(described.as_bytes()).to_hex().to_string());
        let mut seen = HashSet::new();
        while seen.len() < self.size {
            let text = match self.form {
                PairForm::Scored => scored(seen.len() + 1, &mut random),
                PairForm::Triples => triple(seen.len() + 1, &mut random),
            };
            if seen.insert(text.texts().collect::<Vec<_>>().join("\t")) {
                builder.push(text);
            }
        }
        let labels = match self.form {
            PairForm::Scored => Labels::Numbers,
            PairForm::Triples => Labels::None,
        };
        Ok(builder.build(labels, true, extent)?.into())
    }
}

/// A thing out of the grammar.
fn thing(random: &mut ChaCha8Rng) -> &'static str {
    THINGS.choose(random).copied().unwrap_or_default()
}

/// Two sentences with their score.
fn scored(line: usize, random: &mut ChaCha8Rng) -> Text {
    let (one, class) = (thing(random), random.random_range(0..2));
    let other = if random.random_bool(0.5) { one } else { thing(random) };
    let other_class = random.random_range(0..2);
    let score = match (one == other, class == other_class) {
        (true, true) => 1.0,
        (true, false) => 0.5,
        (false, true) => 0.25,
        (false, false) => 0.0,
    };
    Text {
        first: clause_about(Some(one), class, random),
        second: Some(clause_about(Some(other), other_class, random)),
        negatives: Vec::new(),
        label: Label::Number(score),
        id: None,
        language: None,
        split: None,
        line,
        mixer: None,
    }
}

/// Two sentences that say the same of a thing, and one that says the opposite.
fn triple(line: usize, random: &mut ChaCha8Rng) -> Text {
    let (thing, class) = (Some(thing(random)), random.random_range(0..2));
    Text {
        first: clause_about(thing, class, random),
        second: Some(clause_about(thing, class, random)),
        negatives: vec![clause_about(thing, 1 - class, random)],
        label: Label::None,
        id: None,
        language: None,
        split: None,
        line,
        mixer: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(form: PairForm, seed: u64) -> Vec<Text> {
        match (MadeUpPairs { size: 400, seed, form }).read(Extent::Whole).unwrap() {
            Content::Texts(texts) => texts.splits.train,
            other => panic!("{other:?}"),
        }
    }

    /// What a sentence is about.
    fn thing_of(text: &str) -> &'static str {
        THINGS.into_iter().find(|thing| text.starts_with(&format!("the {thing} "))).unwrap()
    }

    #[test]
    fn scores_are_of_things_and_judgements() {
        let pairs = texts(PairForm::Scored, 1);
        assert_eq!(pairs, texts(PairForm::Scored, 1));
        assert_ne!(pairs, texts(PairForm::Scored, 2));
        for pair in &pairs {
            let Label::Number(score) = pair.label else { panic!("{pair:?}") };
            let is_one_thing = thing_of(&pair.first) == thing_of(pair.second.as_ref().unwrap());
            assert_eq!(score >= 0.5, is_one_thing, "{pair:?}");
        }
        for score in [0.0, 0.25, 0.5, 1.0] {
            let count = pairs.iter().filter(|pair| pair.label == Label::Number(score)).count();
            assert!((60..140).contains(&count), "{count} of 400 score {score}");
        }
    }

    #[test]
    fn triples_are_of_one_thing() {
        for triple in texts(PairForm::Triples, 1) {
            let things: Vec<&str> = triple.texts().map(thing_of).collect();
            assert_eq!(things, [things[0]; 3], "{triple:?}");
        }
    }
}
