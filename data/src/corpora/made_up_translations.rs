//! Sentences about scenes, in several languages.

use alambic_settings::settings;
use rand::Rng;

use super::ReadCorpus;
use super::made_up_scenes::ALL_KINDS;
use crate::content::Content;
use crate::error::{DataError, Place};
use crate::parallel::{BitextBuilder, BitextFilters};
use crate::scenes::{Scene, SceneLanguage, SceneOptions, stream};
use crate::source::Extent;

settings! {
    /// Made-up sentences about scenes of coloured shapes, each in several languages: for trying a recipe without data.
    /// Half of them are questions. Where a question can be put in two ways, lots are drawn for each language, so that a
    /// sentence may have two translations. Scores here do not carry over to real texts.
    pub struct MadeUpTranslations {
        /// Number of sentences.
        #[range(1..=100_000)]
        pub size: usize = 3000,
        /// Another number gives other sentences.
        pub seed: u64 = 1,
        /// Whether half of them are questions; else all are statements.
        pub questions: bool = true,
        /// The languages, that by which splits go first.
        pub languages: Vec<SceneLanguage> = SceneLanguage::ALL.to_vec(),
    }
}

/// The name that stands for a file's.
const NAME: &str = "made-up-translations";

/// Sentences that are made where only the head of a corpus is wanted.
const HEAD: usize = 100;

/// Scenes after which there are no more sentences, for each one wanted.
const TRIES: usize = 20;

/// Of what scenes are spoken of; nobody sees them.
const SCENES: SceneOptions = SceneOptions {
    side: 64,
    objects: (1, 4),
    radii: (0.08, 0.16),
    variety: (6, 8),
    distinct: false,
    overlap: 0.0,
    noise: 0.0,
};

impl ReadCorpus for MadeUpTranslations {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let wanted = if extent == Extent::Head { self.size.min(HEAD) } else { self.size };
        let languages: Vec<&str> = self.languages.iter().map(|language| language.name()).collect();
        let filters = BitextFilters {
            min_characters: 1,
            max_characters: usize::MAX,
            min_words: 1,
            ratio: 0.0,
            script: true,
            copies: true,
            repeats: true,
            without_blanks: Vec::new(),
        };
        let known = languages.iter().map(|&language| language.to_owned()).collect();
        let mut builder = BitextBuilder::new(&filters, known, &Place::file(NAME))?;
        builder.add_source(NAME, blake3::hash(format!("{NAME} {self:?}").as_bytes()).to_hex().to_string());
        for number in 0..wanted * TRIES {
            if builder.len() == wanted {
                break;
            }
            let mut random = stream(NAME, self.seed, number);
            let scene = Scene::invent(&SCENES, &mut random);
            let texts: Vec<String> = if random.random_bool(0.5) && self.questions {
                let Some(asked) = scene.ask(&ALL_KINDS, 1, SCENES.variety, &mut random).into_iter().next()
                else {
                    continue;
                };
                let mut put =
                    |language: &SceneLanguage| language.ask(asked.query.put(random.random_bool(0.5)));
                self.languages.iter().map(&mut put).collect()
            } else {
                let statement = scene.describe(&mut random);
                self.languages.iter().map(|language| language.say(&statement)).collect()
            };
            builder.push(languages.iter().copied().zip(texts.iter().map(String::as_str)), None);
        }
        Ok(builder.build(extent)?.into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::dataset::Dataset;
    use crate::parallel::Translation;

    fn sentences(size: usize, seed: u64) -> Dataset<Translation> {
        let options =
            MadeUpTranslations { size, seed, questions: true, languages: SceneLanguage::ALL.to_vec() };
        match options.read(Extent::Whole).unwrap() {
            Content::Parallel(sentences) => sentences,
            _ => unreachable!("they are parallel sentences"),
        }
    }

    #[test]
    fn a_seed_decides_the_sentences_and_more_begin_with_fewer() {
        let all = sentences(400, 1);
        assert_eq!((all.splits.train.len(), all.details.languages.len()), (400, 3));
        assert_eq!(sentences(100, 1).splits.train[..], all.splits.train[..100]);
        assert_ne!(sentences(100, 2).splits.train, sentences(100, 1).splits.train);
    }

    #[test]
    fn statements_alone_have_no_question_and_each_word_of_the_dictionaries() {
        let options = MadeUpTranslations {
            size: 200,
            seed: 1,
            questions: false,
            languages: SceneLanguage::ALL.to_vec(),
        };
        let Content::Parallel(all) = options.read(Extent::Whole).unwrap() else {
            unreachable!("they are parallel sentences")
        };
        let texts: Vec<&str> =
            all.splits.train.iter().flat_map(|own| own.texts.values().map(AsRef::as_ref)).collect();
        assert!(!texts.is_empty() && texts.iter().all(|text| !text.contains(['?', '？'])));
        for language in ["hi", "ja"] {
            let (_, table) =
                crate::embedded::TABLES.iter().find(|(name, _)| name.ends_with(language)).unwrap();
            for (word, translation) in table.lines().skip(1).filter_map(|line| line.split_once('\t')) {
                let says = |own: &str, part: &str| {
                    all.splits.train.iter().any(|sentence| sentence.texts[own].contains(part))
                };
                assert!(says("en", word) && says(language, translation), "{word} {translation}");
            }
        }
    }

    #[test]
    fn some_sentences_have_two_translations_and_none_is_another_sentences() {
        let all = sentences(2000, 1);
        let mut translations: HashMap<&str, HashSet<&str>> = HashMap::new();
        for sentence in &all.splits.train {
            translations.entry(&sentence.texts["en"]).or_default().insert(&sentence.texts["ja"]);
        }
        assert!(translations.values().all(|different| different.len() <= 2));
        assert!(translations.values().filter(|different| different.len() == 2).count() > 100);
    }
}
