//! Rewriting of the captions of a corpus.

use rand::Rng;
use rand::seq::SliceRandom;

use super::lexicon::Lexicon;
use super::options::{RewriteLevel, RewriteOptions};
use crate::bm25::Bm25;
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::pictures::Picture;
use crate::questions::Question;
use crate::scenes::{ScenePalette, phrase_changes, rewordings, word_changes};
use crate::split::Split;

/// Nearest captions that are looked at.
const NEAREST: usize = 64;

/// A caption of the training part with its image, as an index into those of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TrainingCaption {
    text: String,
    image: usize,
}

/// Rewrites captions of a corpus, and retrieves those that are like them. It knows images and captions of the training part alone.
#[derive(Debug, Clone)]
pub struct Rewriter {
    options: RewriteOptions,
    captions: Vec<TrainingCaption>,
    index: Bm25,
    lexicon: Lexicon,
    palette: ScenePalette,
}

impl PartialEq for Rewriter {
    /// The index is of the captions.
    fn eq(&self, other: &Self) -> bool {
        (&self.options, &self.captions, &self.lexicon) == (&other.options, &other.captions, &other.lexicon)
    }
}

impl Rewriter {
    /// The rewriter of a corpus that is split.
    ///
    /// # Errors
    /// When the lexicon cannot be read.
    pub fn new(options: &RewriteOptions, corpus: &Dataset<Question>) -> Result<Self, DataError> {
        let mut lexicon = options.lexicon.as_ref().map(Lexicon::read).transpose()?.unwrap_or_default();
        let (images, training) = (&corpus.details.images, corpus.images_of(Split::Train));
        lexicon.add_categories(training.iter().map(|&image| &images[image]));
        let captions: Vec<TrainingCaption> = training
            .iter()
            .flat_map(|&image| images[image].captions.iter().map(move |own| (image, own)))
            .map(|(image, own)| TrainingCaption { text: own.text.clone(), image })
            .collect();
        let index = Bm25::new(captions.iter().map(|own| &own.text), Bm25::K1, Bm25::B);
        let palette = ScenePalette::of(captions.iter().map(|own| own.text.as_str()));
        Ok(Self { options: options.clone(), captions, index, lexicon, palette })
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> &RewriteOptions {
        &self.options
    }

    /// At most `positives` captions that say the same of a picture in other words, in the language of the given one.
    pub fn positives(&self, picture: &Picture, caption: &str, random: &mut impl Rng) -> Vec<String> {
        let language =
            picture.captions.iter().find(|own| own.text == caption).and_then(|own| own.language.as_deref());
        let is_other = |text: &str| folded(text) != folded(caption);
        let of_picture = picture.captions.iter().filter(|own| own.language.as_deref() == language);
        let of_picture = of_picture.map(|own| own.text.clone()).filter(|text| is_other(text));
        let mut found: Vec<String> = rewordings(caption).into_iter().chain(of_picture).collect();
        found.shuffle(random);
        found.truncate(self.options.positives);
        found
    }

    /// At most `negatives` captions that are false of a picture, with their levels: as many of each level, and where one has too few,
    /// more of the others.
    pub fn negatives(
        &self,
        picture: &Picture,
        caption: &str,
        random: &mut impl Rng,
    ) -> Vec<(RewriteLevel, String)> {
        let mut levels = self.options.levels.clone();
        // With a number that the levels do not divide, the first ones have more.
        levels.shuffle(random);
        let mut pools: Vec<(RewriteLevel, std::vec::IntoIter<String>)> = levels
            .into_iter()
            .map(|level| (level, self.falsified(picture, caption, level, usize::MAX, random).into_iter()))
            .collect();
        let mut found: Vec<(RewriteLevel, String)> = Vec::new();
        while found.len() < self.options.negatives && !pools.is_empty() {
            pools.retain_mut(|(level, pool)| {
                if found.len() == self.options.negatives {
                    return true;
                }
                let next = pool.find(|text| found.iter().all(|(_, own)| own != text));
                let is_there = next.is_some();
                found.extend(next.map(|text| (*level, text)));
                is_there
            });
        }
        found
    }

    /// At most so many captions that are false of a picture, of one level, each once: the nearest first of the sentences, and others by
    /// lot.
    pub fn falsified(
        &self,
        picture: &Picture,
        caption: &str,
        level: RewriteLevel,
        count: usize,
        random: &mut impl Rng,
    ) -> Vec<String> {
        let mut found: Vec<String> = match level {
            RewriteLevel::Sentence => {
                let nearest = self.index.search(caption, NEAREST).into_iter();
                let others = nearest.map(|place| &self.captions[place]);
                others.map(|own| own.text.clone()).collect()
            }
            RewriteLevel::Phrase => phrase_changes(caption, &self.palette),
            RewriteLevel::Word => word_changes(caption, &self.palette),
        };
        if level != RewriteLevel::Sentence {
            for occurrence in self.lexicon.occurrences(caption) {
                if occurrence.is_phrase == (level == RewriteLevel::Phrase) {
                    let (before, behind) =
                        (&caption[..occurrence.range.start], &caption[occurrence.range.end..]);
                    found.extend(occurrence.others.iter().map(|other| format!("{before}{other}{behind}")));
                }
            }
            found.shuffle(random);
        }
        let mut seen = Vec::new();
        found.retain(|text| {
            let own = folded(text);
            let is_new = own != folded(caption) && !seen.contains(&own) && !may_be_true(picture, text);
            seen.push(own);
            is_new
        });
        found.truncate(count);
        found
    }

    /// Captions of other images of the training part that are nearest to one and may be true of its picture, at most `retrieved.texts`.
    #[must_use]
    pub fn retrieved_texts(&self, images: &[Picture], picture: &Picture, caption: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for own in self.nearest(images, picture, caption) {
            if found.len() == self.options.retrieved.texts {
                break;
            }
            let is_new = own.text != caption && !found.contains(&own.text);
            if is_new && !is_told_false(picture, &own.text) {
                found.push(own.text.clone());
            }
        }
        found
    }

    /// Images of the training part, as indices into those of the corpus, whose captions are nearest to one and of which it may be true,
    /// at most `retrieved.images`.
    #[must_use]
    pub fn retrieved_images(&self, images: &[Picture], picture: &Picture, caption: &str) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        for own in self.nearest(images, picture, caption) {
            if found.len() == self.options.retrieved.images {
                break;
            }
            if !found.contains(&own.image) && !is_told_false(&images[own.image], caption) {
                found.push(own.image);
            }
        }
        found
    }

    /// The nearest captions of other groups.
    fn nearest<'r>(
        &'r self,
        images: &'r [Picture],
        picture: &'r Picture,
        caption: &str,
    ) -> impl Iterator<Item = &'r TrainingCaption> {
        let nearest = self.index.search(caption, NEAREST).into_iter().map(|place| &self.captions[place]);
        nearest.filter(move |own| {
            images.get(own.image).is_some_and(|other| other.split_name() != picture.split_name())
        })
    }
}

/// A text by which two are the same: without capitals, and blanks and full stops around it.
fn folded(text: &str) -> String {
    text.trim().trim_end_matches(['.', '。', '।']).to_lowercase()
}

/// Whether a corpus can tell that a text is false of a picture: that of a made-up scene.
fn is_told_false(picture: &Picture, text: &str) -> bool {
    picture.scene_contents().is_some_and(|scene| !scene.is_described_by(text))
}

/// Whether a text may be true of a picture: it is one of its captions or tags, or says what a made-up scene shows.
fn may_be_true(picture: &Picture, text: &str) -> bool {
    if let Some(scene) = picture.scene_contents() {
        return scene.is_described_by(text);
    }
    let own = folded(text);
    let translations = picture.captions.iter().flat_map(|own| own.translations.values());
    let captions = picture.captions.iter().map(|own| &own.text);
    let tags = picture.objects.iter().map(|own| &own.tag);
    captions.chain(translations).chain(tags).any(|known| folded(known) == own)
}

#[cfg(test)]
mod tests {
    use alambic_settings::Setting;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::content::Content;
    use crate::corpora::{MadeUpScenes, ReadCorpus};
    use crate::objects::Object;
    use crate::pictures::Caption;
    use crate::questions::QuestionDetails;
    use crate::source::Extent;
    use crate::split::{HoldOut, SplitOptions};
    use crate::statistics::ReadStatistics;

    fn options(negatives: usize) -> RewriteOptions {
        RewriteOptions { negatives, positives: 2, ..RewriteOptions::when_absent().unwrap() }
    }

    fn scenes() -> Dataset<Question> {
        let options =
            MadeUpScenes { images: 200, questions: 0, captions: 3, ..MadeUpScenes::when_absent().unwrap() };
        let Content::Questions(mut corpus) = options.read(Extent::Whole).unwrap() else {
            unreachable!("scenes are asked about")
        };
        let split = SplitOptions { test_fraction: Some(0.3), ..SplitOptions::default() };
        corpus.split(&split, &HoldOut::default()).unwrap();
        corpus
    }

    #[test]
    fn negatives_of_scenes_are_false_and_positives_true() {
        let corpus = scenes();
        let rewriter = Rewriter::new(&options(9), &corpus).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut counts = std::collections::HashMap::new();
        for image in corpus.images_of(Split::Test) {
            let picture = &corpus.details.images[image];
            let scene = picture.scene_contents().unwrap();
            for caption in &picture.captions {
                let negatives = rewriter.negatives(picture, &caption.text, &mut random);
                assert_eq!(negatives.len(), 9, "{}", caption.text);
                for (level, text) in negatives {
                    assert!(!scene.is_described_by(&text), "{} became {text}", caption.text);
                    *counts.entry(level.name()).or_insert(0) += 1;
                }
                for text in rewriter.positives(picture, &caption.text, &mut random) {
                    assert!(scene.is_described_by(&text) && text != caption.text, "{text}");
                }
            }
        }
        let all: usize = counts.values().sum();
        for level in RewriteLevel::ALL {
            let share = counts[level.name()] as f64 / all as f64;
            assert!((share - 1.0 / 3.0).abs() < 0.02, "{}: {share}", level.name());
        }
    }

    #[test]
    fn what_is_retrieved_is_of_the_training_part_and_not_false() {
        let corpus = scenes();
        let (rewriter, images) = (Rewriter::new(&options(8), &corpus).unwrap(), &corpus.details.images);
        let training = corpus.images_of(Split::Train);
        let (mut texts, mut found) = (0, 0);
        for image in corpus.images_of(Split::Test).into_iter().chain(training.iter().copied()) {
            let picture = &images[image];
            let caption = &picture.captions[0].text;
            for text in rewriter.retrieved_texts(images, picture, caption) {
                assert!(picture.scene_contents().unwrap().is_described_by(&text));
                assert!(training.iter().any(|&own| images[own].captions.iter().any(|own| own.text == text)));
                texts += 1;
            }
            for other in rewriter.retrieved_images(images, picture, caption) {
                assert!(training.contains(&other) && other != image);
                assert!(images[other].scene_contents().unwrap().is_described_by(caption));
                found += 1;
            }
        }
        assert!(texts > 20 && found > 20, "{texts} {found}");
    }

    #[test]
    fn other_captions_are_rewritten_by_categories() {
        let picture = |name: &str, category: &str, captions: &[&str], tag: &str| Picture {
            categories: vec![category.to_owned()],
            captions: captions.iter().map(|text| Caption::from((*text).to_owned())).collect(),
            objects: vec![Object::new(tag.to_owned(), [0.0, 0.0, 1.0, 1.0])],
            ..Picture::without_pixels(name.to_owned())
        };
        let images = vec![
            picture("1", "birds", &["an owl at night", "a bird"], "owl"),
            picture("2", "birds", &["a duck"], "duck"),
            picture("3", "birds", &["a snowy owl on a branch"], "snowy owl"),
            picture("4", "tools", &["a saw"], "saw"),
        ];
        let details = QuestionDetails::of_images(images, &[]);
        let mut corpus = Dataset::new(Vec::new(), details, ReadStatistics::default(), String::new());
        corpus.split(&SplitOptions::default(), &HoldOut::default()).unwrap();
        let rewriter = Rewriter::new(&options(8), &corpus).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let own = &corpus.details.images[0];
        let words = rewriter.falsified(own, "an owl at night", RewriteLevel::Word, 9, &mut random);
        assert!(
            words.contains(&"an duck at night".to_owned()) && words.iter().all(|text| !text.contains("saw"))
        );
        let snowy = &corpus.details.images[2];
        let phrases =
            rewriter.falsified(snowy, "a snowy owl on a branch", RewriteLevel::Phrase, 99, &mut random);
        assert!(phrases.contains(&"a duck on a branch".to_owned()), "{phrases:?}");
        assert_eq!(rewriter.positives(own, "an owl at night", &mut random), ["a bird"]);
        let sentences = rewriter.falsified(own, "an owl at night", RewriteLevel::Sentence, 9, &mut random);
        assert_eq!(sentences[0], "a snowy owl on a branch");
        assert!(!sentences.contains(&"a bird".to_owned()));
    }
}
