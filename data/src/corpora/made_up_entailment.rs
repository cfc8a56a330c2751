//! Captions of made-up scenes with statements about them, for text entailment.

use std::collections::HashSet;

use alambic_settings::settings;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::ReadCorpus;
use crate::content::Content;
use crate::error::{DataError, Fault, Place};
use crate::scenes::{EntailmentLabel, EntailmentPair, SceneLanguage, SceneOptions, StatementForm};
use crate::source::Extent;
use crate::stable_hash::bytes;
use crate::texts::{Label, Labels, Text, TextsBuilder};

settings! {
    /// Made-up pairs of a caption and a statement, each with the class `entailment`, `neutral` or `contradiction`: whether the statement
    /// is true of every scene that the caption describes, of some of them, or of none. Captions and statements are those of
    /// `made-up-scenes`, and there is no image. A caption that tells what is there names all of it, one that tells where two objects lie
    /// says nothing of others, and no two objects of a scene are alike. There are as many pairs of each class, give or take one, and
    /// as many statements of each class that tell what is there as that tell where an object lies. For trying a recipe without data; scores here do not carry over to real texts.
    pub struct MadeUpEntailment {
        /// Number of different pairs; fewer where no more turn up.
        #[range(1..=1_000_000)]
        pub size: usize = 3000,
        /// Another number gives other pairs.
        pub seed: u64 = 1,
        /// Least number of objects of a scene.
        #[range(2..=12)]
        pub fewest: usize = 2,
        /// Greatest number of objects of a scene.
        #[range(2..=12)]
        pub most: usize = 4,
        /// Number of different shapes.
        #[range(1..=6)]
        pub shapes: usize = 4,
        /// Number of different colours.
        #[range(1..=8)]
        pub colours: usize = 6,
        /// The languages, in equal shares; a pair is of one.
        pub languages: Vec<SceneLanguage> = vec![SceneLanguage::English],
    }
}

/// The name that stands for a file's.
const NAME: &str = "made-up-entailment";

/// Pairs that are made where only the head of a corpus is wanted.
const HEAD: usize = 60;

/// Scenes after which there are no more pairs, for each one wanted.
const TRIES: usize = 20;

impl ReadCorpus for MadeUpEntailment {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        if self.fewest > self.most {
            return Err(DataError::new(Place::file("fewest"), Fault::MinAboveMax("fewest", "most")));
        }
        let spoken = if self.languages.is_empty() { &[SceneLanguage::English][..] } else { &self.languages };
        let wanted = if extent == Extent::Head { self.size.min(HEAD) } else { self.size };
        // Nobody sees the scenes.
        let options = SceneOptions {
            side: 64,
            objects: (self.fewest, self.most),
            radii: (0.06, 0.12),
            variety: (self.shapes, self.colours),
            distinct: false,
            overlap: 0.0,
            noise: 0.0,
        };
        let mut random = ChaCha8Rng::from_seed(bytes(&[NAME, &self.seed.to_string()]));
        let mut builder = TextsBuilder::default();
        let fingerprint = blake3::hash(format!("{NAME} {self:?}").as_bytes());
        builder.add_source(NAME, fingerprint.to_hex().to_string());
        let mut seen = HashSet::new();
        for _ in 0..wanted.saturating_mul(TRIES) {
            if seen.len() == wanted {
                break;
            }
            let (labels, forms) = (EntailmentLabel::ALL.len(), StatementForm::ALL.len());
            let turn = seen.len() % labels;
            let form = StatementForm::ALL[seen.len() / labels % forms];
            let language = spoken[seen.len() / (labels * forms) % spoken.len()];
            let wanted = (EntailmentLabel::ALL[turn], form);
            let Some(pair) = EntailmentPair::invent(&options, wanted, &mut random) else { continue };
            let [first, second] = pair.say(language);
            if !seen.insert((first.clone(), second.clone())) {
                continue;
            }
            builder.push(Text {
                first,
                second: Some(second),
                negatives: Vec::new(),
                label: Label::Class(turn as u32),
                id: None,
                language: Some(language.name().to_owned()),
                split: None,
                line: seen.len(),
                mixer: None,
            });
        }
        let classes = EntailmentLabel::ALL.map(|label| label.name().to_owned());
        Ok(builder.build(Labels::Classes(classes.to_vec()), true, extent)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &MadeUpEntailment) -> Vec<Text> {
        match options.read(Extent::Whole).unwrap() {
            Content::Texts(texts) => texts.splits.train,
            other => panic!("{other:?}"),
        }
    }

    fn options(size: usize, seed: u64) -> MadeUpEntailment {
        let usual: MadeUpEntailment = alambic_settings::Setting::when_absent().unwrap();
        MadeUpEntailment { size, seed, ..usual }
    }

    #[test]
    fn classes_are_even_and_more_pairs_begin_with_fewer() {
        let pairs = read(&options(300, 1));
        assert_eq!(pairs[..90], read(&options(90, 1)));
        assert_ne!(pairs[..90], read(&options(90, 2)));
        for class in 0..3 {
            assert_eq!(pairs.iter().filter(|own| own.label == Label::Class(class)).count(), 100);
        }
        let keys: HashSet<_> = pairs.iter().map(|own| (&own.first, &own.second)).collect();
        assert_eq!(keys.len(), 300);
    }

    #[test]
    fn pairs_are_of_one_language_each() {
        let languages = vec![SceneLanguage::English, SceneLanguage::Japanese];
        let pairs = read(&MadeUpEntailment { languages, ..options(60, 1) });
        let is_ascii = |own: &Text| own.texts().all(str::is_ascii);
        assert_eq!(pairs.iter().filter(|own| is_ascii(own)).count(), 30);
        assert!(pairs.iter().all(|own| is_ascii(own) == (own.language.as_deref() == Some("en"))));
    }

    #[test]
    fn what_cannot_be_made_is_left_out_or_refused() {
        let few = read(&MadeUpEntailment { shapes: 1, colours: 2, most: 2, ..options(1000, 1) });
        assert!((1..100).contains(&few.len()), "{}", few.len());
        let none = MadeUpEntailment { shapes: 1, colours: 1, ..options(10, 1) };
        assert!(none.read(Extent::Whole).is_err());
        let crossed = MadeUpEntailment { fewest: 5, most: 4, ..options(10, 1) };
        let error = crossed.read(Extent::Whole).unwrap_err().to_string();
        assert!(error.contains("`fewest` is above `most`"), "{error}");
    }
}
