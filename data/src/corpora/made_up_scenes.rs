//! Scenes of coloured shapes with questions.

use std::collections::HashMap;

use alambic_settings::settings;
use indexmap::IndexMap;
use rand_chacha::ChaCha8Rng;

use super::scene_pairs::ScenePairs;
use super::{ReadCorpus, SceneLook};
use crate::content::Content;
use crate::dataset::Dataset;
use crate::error::{DataError, Fault, Place};
use crate::image_datasets::TEST;
use crate::pictures::{Caption, Picture};
use crate::questions::{Question, QuestionDetails, STATEMENT_ANSWERS};
use crate::scenes::{
    Scene, SceneAnswer, SceneLanguage, SceneOptions, SceneQuestion, SceneQuestionKind, SceneTag, Statement,
    answers, is_about, say_hidden, stream, tags,
};
use crate::source::Extent;
use crate::statistics::ReadStatistics;

settings! {
    /// Made-up scenes: coloured shapes in places, with exact boxes and tags, and questions about them; for trying a recipe
    /// without data, and for experiments in which the difficulty is known. Scores here do not carry over
    /// to photographs.
    pub struct MadeUpScenes {
        /// Number of images. They are drawn when they are first read; what is in them is known before, by `check` too.
        #[range(1..=50_000)]
        pub images: usize = 2000,
        /// Questions about each, at most; fewer where no more can be asked.
        #[range(0..=100)]
        pub questions: usize = 8,
        /// Another number gives other scenes.
        pub seed: u64 = 1,
        /// Pixels of a side.
        #[range(8..=1024)]
        pub side: usize = 64,
        /// Least number of objects.
        #[range(1..=12)]
        pub fewest: usize = 3,
        /// Greatest number of objects.
        #[range(1..=12)]
        pub most: usize = 6,
        /// Smallest radius of an object as a share of the side; where there is no room, all are smaller.
        #[range(0.02..=0.45)]
        pub smallest: f64 = 0.09,
        /// Largest radius of an object as a share of the side.
        #[range(0.02..=0.45)]
        pub largest: f64 = 0.19,
        /// Number of different shapes.
        #[range(1..=6)]
        pub shapes: usize = 4,
        /// Number of different colours.
        #[range(1..=8)]
        pub colours: usize = 6,
        /// Whether no two objects of an image have the same colour, as in sort-of-CLEVR, so that a colour names an object.
        pub distinct: bool = false,
        /// Overlap that objects may have, as a share of the distance at which they touch.
        #[range(0.0..=0.8)]
        pub overlap: f64 = 0.0,
        /// Deviation of the noise on every pixel, the range of colours being 1.
        #[range(0.0..=0.5)]
        pub noise: f64 = 0.02,
        /// Captions of each image, for pre-training.
        #[range(0..=100)]
        pub captions: usize = 0,
        /// The languages of questions, captions and answers, the first of which is the corpus's own for questions and captions. Tags
        /// and classes of answers are in English and known in the others.
        pub languages: Vec<SceneLanguage> = vec![SceneLanguage::English],
        /// Kinds of questions.
        pub kinds: Vec<SceneQuestionKind> = ALL_KINDS.to_vec(),
        /// How they look, and which are kept out of training.
        #[flatten]
        pub look: SceneLook,
    }
}

/// All that can be asked.
pub(super) const ALL_KINDS: [SceneQuestionKind; 7] = [
    SceneQuestionKind::Colour,
    SceneQuestionKind::Shape,
    SceneQuestionKind::Count,
    SceneQuestionKind::Exists,
    SceneQuestionKind::Place,
    SceneQuestionKind::Largest,
    SceneQuestionKind::Nearest,
];

/// The name that stands for a file's.
const NAME: &str = "made-up-scenes";

/// How many times as many questions are drawn where only some of them are wanted.
const CURTAIN_DRAWS: usize = 4;

/// Images that are made where only the head of a corpus is wanted.
const HEAD: usize = 20;

impl ReadCorpus for MadeUpScenes {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        for (crossed, least, most) in [
            (self.fewest > self.most, "fewest", "most"),
            (self.smallest > self.largest, "smallest", "largest"),
        ] {
            if crossed {
                return Err(DataError::new(Place::file(least), Fault::MinAboveMax(least, most)));
            }
        }
        let variety = self.variety();
        let spoken = if self.languages.is_empty() { &[SceneLanguage::English][..] } else { &self.languages };
        let languages: Vec<String> = spoken.iter().map(|language| language.name().to_owned()).collect();
        let options = self.scene_options();
        let kept_out = self.look.kept_out(variety)?;
        let answers = answers(self.most, variety);
        let index: HashMap<SceneAnswer, u32> =
            answers.iter().enumerate().map(|(index, answer)| (*answer, index as u32)).collect();
        let (mut images, mut questions) = (Vec::new(), Vec::new());
        let count = if extent == Extent::Head { self.images.min(HEAD) } else { self.images };
        let mut pairs = ScenePairs::new(self.look.pairs, variety, &self.look, spoken);
        for image in 0..count {
            let mut random = stream(NAME, self.seed, image);
            let scene = self.look.of(Scene::invent(&options, &mut random), self.seed, image);
            let is_kept_out = scene.has_any(&kept_out);
            let split = is_kept_out.then(|| TEST.to_owned());
            if self.look.pairs > 0 {
                let picture = self.picture(&scene, image, &mut random);
                if let Some((joined, stated)) =
                    pairs.add(scene, picture, is_kept_out, images.len(), &mut random)
                {
                    images.push(joined);
                    questions.extend(stated);
                }
                continue;
            }
            let told = scene.hidden().filter(|_| self.look.curtain_text);
            let found = self.found(&scene, told, &mut random);
            let is_told = self.look.is_told(self.seed, image);
            let slice = self.look.slice(&[&scene], is_kept_out, told.map(|_| is_told));
            questions.extend(found.into_iter().filter_map(|asked| {
                let answer = *index.get(&asked.answer)?;
                let ask = |language: &SceneLanguage| {
                    let question = language.ask(asked.query);
                    match told.filter(|_| is_told) {
                        Some(told) => format!("{} {question}", say_hidden(*language, told)),
                        None => question,
                    }
                };
                let mut texts = spoken.iter().map(ask);
                Some(Question {
                    text: texts.next()?,
                    translations: languages.iter().skip(1).cloned().zip(texts).collect(),
                    image,
                    answers: vec![(answer, 1.0)],
                    kind: asked.kind.name().to_owned(),
                    split: split.clone(),
                })
            }));
            let mut picture = self.picture(&scene, image, &mut random);
            let visible = scene.visible();
            picture.captions =
                (0..self.captions).map(|_| caption(&visible.describe(&mut random), spoken)).collect();
            picture.style = slice;
            picture.splits.extend(split.map(Some));
            images.push(picture);
        }
        // Scenes without questions are examples themselves, with their captions.
        let examples = if self.questions == 0 { images.len() } else { questions.len() };
        let statistics = ReadStatistics {
            source: NAME.to_owned(),
            rows: examples,
            kept: examples,
            ..ReadStatistics::default()
        };
        let fingerprint = self.fingerprint();
        if questions.is_empty() && self.questions > 0 {
            return Err(statistics.nothing_kept(NAME));
        }
        let tags = SceneLanguage::ALL
            .into_iter()
            .filter(|language| *language != SceneLanguage::English)
            .map(|language| (language.name().to_owned(), tags(language)))
            .collect();
        let known = answers.iter().map(|answer| SceneLanguage::English.answer(*answer)).collect::<Vec<_>>();
        let in_language = |language: &SceneLanguage| {
            let own = answers.iter().map(|answer| language.answer(*answer));
            (language.name().to_owned(), known.iter().cloned().zip(own).collect())
        };
        let (known, translated_answers) = if self.look.pairs > 0 {
            (STATEMENT_ANSWERS.map(str::to_owned).to_vec(), IndexMap::new())
        } else {
            let translated = spoken.iter().map(in_language).collect();
            (known, translated)
        };
        let details = QuestionDetails {
            translated_answers,
            answers: known,
            languages,
            tags,
            ..QuestionDetails::of_images(images, &questions)
        };
        Ok(Dataset::new(questions, details, statistics, fingerprint).into())
    }

    /// Scenes that are kept out of training are for the test.
    fn has_split_files(&self) -> [bool; 2] {
        [false, !self.look.kept_out.is_empty()]
    }
}

impl MadeUpScenes {
    /// Numbers of shapes and of colours.
    fn variety(&self) -> (usize, usize) {
        (self.shapes, self.colours)
    }

    /// The picture of a scene, with what its objects are like where that is asked for.
    fn picture(&self, scene: &Scene, image: usize, random: &mut ChaCha8Rng) -> Picture {
        let options = self.scene_options();
        let mut picture = scene.picture(&options, format!("{NAME} {} {image}", self.seed), random);
        if self.look.attributes {
            picture.objects = scene.attributed_objects(&options);
        }
        picture
    }

    fn scene_options(&self) -> SceneOptions {
        SceneOptions {
            side: self.side,
            objects: (self.fewest, self.most),
            radii: (self.smallest as f32, self.largest as f32),
            variety: self.variety(),
            distinct: self.distinct,
            overlap: self.overlap as f32,
            noise: self.noise as f32,
        }
    }

    /// Questions about what is to be seen of a scene, or else about what a text tells of it.
    fn found(&self, scene: &Scene, told: Option<SceneTag>, random: &mut ChaCha8Rng) -> Vec<SceneQuestion> {
        let Some(told) = told else {
            return scene.visible().ask(&self.kinds, self.questions, self.variety(), random);
        };
        // Of the questions about all that there is, those about what is hidden.
        let mut found = scene.ask(&self.kinds, CURTAIN_DRAWS * self.questions, self.variety(), random);
        found.retain(|asked| is_about(asked.query, told));
        found.truncate(self.questions);
        found
    }

    /// Digest of the options. Scenes of the usual look are known as they were before there were others.
    fn fingerprint(&self) -> String {
        let written = format!("{NAME} {self:?}");
        let usual = format!(", look: {:?}", SceneLook::usual());
        let written = written.replacen(&usual, "", 1).replacen(", attributes: false", "", 1).replacen(
            ", untold: 0.0",
            "",
            1,
        );
        blake3::hash(written.as_bytes()).to_hex().to_string()
    }
}

/// A statement in the first of some languages, with its translations to the others.
fn caption(statement: &Statement, spoken: &[SceneLanguage]) -> Caption {
    let mut texts = spoken.iter().map(|language| (language.name().to_owned(), language.say(statement)));
    let (language, text) = texts.next().unzip();
    Caption { translations: texts.collect(), ..Caption::new(text.unwrap_or_default(), language) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::Picture;

    fn made() -> MadeUpScenes {
        MadeUpScenes {
            images: 60,
            questions: 8,
            seed: 1,
            side: 64,
            fewest: 3,
            most: 6,
            smallest: 0.09,
            largest: 0.19,
            shapes: 4,
            colours: 6,
            distinct: false,
            overlap: 0.0,
            noise: 0.02,
            captions: 0,
            languages: vec![SceneLanguage::English],
            kinds: ALL_KINDS.to_vec(),
            look: SceneLook::usual(),
        }
    }

    fn scenes(change: impl Fn(&mut MadeUpScenes)) -> Dataset<Question> {
        let mut options = made();
        change(&mut options);
        match options.read(Extent::Whole).unwrap() {
            Content::Questions(questions) => questions,
            _ => unreachable!("scenes are asked about"),
        }
    }

    #[test]
    fn a_seed_decides_the_scenes_and_more_begin_with_fewer() {
        let all = scenes(|_| {});
        let fewer = scenes(|options| options.images = 10);
        assert_eq!(all.details.images[..10], fewer.details.images[..]);
        assert_eq!(all.splits.train[..fewer.splits.train.len()], fewer.splits.train[..]);
        assert_ne!(scenes(|options| options.seed = 2).details.images[..10], fewer.details.images[..]);
    }

    #[test]
    fn what_is_said_to_be_there_is_there() {
        let corpus = scenes(|options| options.noise = 0.0);
        for picture in &corpus.details.images {
            let raster = picture.load().unwrap();
            assert_eq!(raster.rgb.len(), 64 * 64 * 3);
            assert!((3..=6).contains(&picture.objects.len()));
            for object in &picture.objects {
                let [left, top, right, bottom] = object.bounds;
                assert!(left < right && top < bottom && right - left < 0.4);
                // The middle of a box has the colour of its tag, and not that of the ground, which is light.
                let (x, y) = (32.0 * (left + right), 32.0 * (top + bottom));
                let pixel = 3 * (y as usize * 64 + x as usize);
                let colour = &raster.rgb[pixel..pixel + 3];
                let spread = colour.iter().max().unwrap() - colour.iter().min().unwrap();
                assert!(spread > 40, "{} at {x}, {y} is {colour:?}", object.tag);
            }
        }
    }

    #[test]
    fn the_same_is_asked_in_every_language() {
        let corpus = scenes(|options| {
            options.languages = SceneLanguage::ALL.to_vec();
            (options.shapes, options.colours) = (6, 8);
        });
        assert_eq!(corpus.details.languages, ["en", "hi", "ja"]);
        assert_eq!(
            corpus.splits.train.iter().map(|question| &question.text).collect::<Vec<_>>(),
            scenes(|options| (options.shapes, options.colours) = (6, 8))
                .splits
                .train
                .iter()
                .map(|question| &question.text)
                .collect::<Vec<_>>()
        );
        let mut known: IndexMap<&str, (&str, &str)> = IndexMap::new();
        for question in &corpus.splits.train {
            let (hindi, japanese) = (&question.translations["hi"], &question.translations["ja"]);
            assert!(hindi.ends_with("है?") || hindi.ends_with("हैं?"), "{hindi}");
            assert!(japanese.ends_with("か？"), "{japanese}");
            assert!(!hindi.chars().chain(japanese.chars()).any(|letter| letter.is_ascii_alphabetic()));
            // One question has one translation, and two have two.
            let pair = (hindi.as_str(), japanese.as_str());
            assert_eq!(*known.entry(&question.text).or_insert(pair), pair);
        }
        for which in [|pair: &(&str, &str)| pair.0.to_owned(), |pair: &(&str, &str)| pair.1.to_owned()] {
            let different: std::collections::HashSet<String> = known.values().map(which).collect();
            assert_eq!(different.len(), known.len());
        }
        for picture in &corpus.details.images {
            for object in &picture.objects {
                assert!(
                    corpus.details.tags.values().all(|tags| tags.contains_key(&object.tag)),
                    "{}",
                    object.tag
                );
            }
        }
    }

    #[test]
    fn distinct_colours_are_distinct() {
        let corpus = scenes(|options| options.distinct = true);
        for picture in &corpus.details.images {
            let colours = picture.objects.iter().filter_map(|object| object.tag.split(' ').next());
            let colours: std::collections::HashSet<&str> = colours.collect();
            assert_eq!(colours.len(), picture.objects.len());
        }
    }

    #[test]
    fn ranges_that_are_crossed_are_refused() {
        let mut options = MadeUpScenes { fewest: 7, ..made() };
        let said = options.read(Extent::Whole).unwrap_err().to_string();
        assert!(said.contains("`fewest` is above `most`"), "{said}");
        (options.fewest, options.smallest) = (1, 0.2);
        let said = options.read(Extent::Whole).unwrap_err().to_string();
        assert!(said.contains("`smallest` is above `largest`"), "{said}");
        // The largest things that there are have room.
        (options.smallest, options.largest) = (0.45, 0.45);
        assert!(options.read(Extent::Whole).is_ok());
    }

    #[test]
    fn captions_say_what_is_there() {
        let corpus = scenes(|options| options.captions = 3);
        for picture in &corpus.details.images {
            assert_eq!(picture.captions.len(), 3);
            for caption in &picture.captions {
                let said: Vec<&str> = caption.text.trim_end_matches('.').split(' ').collect();
                let named = said.windows(2).map(|pair| pair.join(" ").replace(',', ""));
                let tags: Vec<&String> = picture.objects.iter().map(|object| &object.tag).collect();
                assert!(named.filter(|pair| tags.contains(&pair)).count() > 0, "{caption:?} {tags:?}");
            }
        }
        let order = |captions: &[Caption]| captions.iter().any(|caption| caption.text.contains(" is "));
        assert!(corpus.details.images.iter().any(|picture| order(&picture.captions)));
        // What is said of an image does not change what is asked about it.
        assert_eq!(corpus.splits.train, scenes(|_| {}).splits.train);
    }

    #[test]
    fn captions_and_answers_are_known_in_every_language_and_change_nothing_else() {
        let all = scenes(|options| {
            (options.captions, options.languages) = (3, SceneLanguage::ALL.to_vec());
            (options.shapes, options.colours) = (6, 8);
        });
        let english = scenes(|options| {
            options.captions = 3;
            (options.shapes, options.colours) = (6, 8);
        });
        assert_eq!(all.details.answers, english.details.answers);
        assert_eq!(english.details.translated_answers.keys().collect::<Vec<_>>(), ["en"]);
        for (own, other) in all.details.images.iter().zip(&english.details.images) {
            let texts = |own: &Picture| own.captions.iter().map(|own| own.text.clone()).collect::<Vec<_>>();
            assert_eq!((texts(own), own.load().unwrap()), (texts(other), other.load().unwrap()));
            assert!(other.captions.iter().all(|caption| caption.translations.is_empty()));
            let contents = own.scene_contents().unwrap();
            for language in ["en", "hi", "ja"] {
                let captions = own.captions_in(Some(language), &all.details.languages).unwrap();
                assert_eq!(captions.len(), 3);
                for (caption, english) in captions.iter().zip(&own.captions) {
                    assert!(contents.is_described_by(caption), "{caption}");
                    let count = |caption: &str| contents.count_objects(caption);
                    assert_eq!(count(caption), count(&english.text), "{caption}");
                }
            }
            assert_eq!(own.captions_in(Some("de"), &all.details.languages), None);
        }
        for language in ["en", "hi", "ja"] {
            let answers = 0..all.details.answers.len() as u32;
            let known: Vec<&str> =
                answers.map(|answer| all.details.answer_in(answer, Some(language)).unwrap()).collect();
            let different: std::collections::HashSet<&&str> = known.iter().collect();
            assert_eq!(different.len(), all.details.answers.len(), "{known:?}");
            let has_latin = known.iter().any(|own| own.contains(|letter: char| letter.is_ascii_alphabetic()));
            assert_eq!(has_latin, language == "en");
        }
        let yes = all.details.answers.iter().position(|answer| answer == "yes").unwrap() as u32;
        assert_eq!(all.details.answer_in(yes, Some("hi")), Some("हाँ"));
        assert_eq!(all.details.answer_in(yes, Some("ja")), Some("はい"));
        assert_eq!(
            (all.details.answer_in(yes, None), all.details.answer_in(yes, Some("de"))),
            (Some("yes"), None)
        );
        // A corpus whose own language is another one.
        let hindi = scenes(|options| {
            (options.captions, options.languages) = (1, vec![SceneLanguage::Hindi, SceneLanguage::English]);
        });
        let picture = &hindi.details.images[0];
        let caption = &picture.captions[0];
        assert!(caption.text.ends_with('।') && caption.translations["en"].ends_with('.'));
    }

    #[test]
    fn answers_follow_from_the_objects() {
        let corpus = scenes(|options| options.images = 200);
        let mut kinds: IndexMap<&str, usize> = IndexMap::new();
        let mut yes = (0_u32, 0_u32);
        for question in &corpus.splits.train {
            *kinds.entry(&question.kind).or_default() += 1;
            let [(answer, _)] = question.answers[..] else { unreachable!("there is one answer") };
            let answer = corpus.details.answers[answer as usize].as_str();
            let tags: Vec<&str> = corpus.details.images[question.image]
                .objects
                .iter()
                .map(|object| object.tag.as_str())
                .collect();
            let words: Vec<&str> = question.text.trim_end_matches('?').split(' ').collect();
            match question.kind.as_str() {
                "exists" => {
                    let tag = words[words.len() - 2..].join(" ");
                    assert_eq!(tags.contains(&tag.as_str()), answer == "yes", "{} {tags:?}", question.text);
                }
                "count" => {
                    let word = words.iter().find(|word| {
                        tags.iter().any(|tag| {
                            tag.split(' ').any(|part| {
                                word.trim_end_matches('s') == part.trim_end_matches('s')
                                    || word.trim_end_matches("es") == part
                            })
                        })
                    });
                    let count = word.map_or(0, |word| {
                        let of = |part: &str| {
                            word.trim_end_matches('s') == part.trim_end_matches('s')
                                || word.trim_end_matches("es") == part
                        };
                        tags.iter().filter(|tag| tag.split(' ').any(of)).count()
                    });
                    assert_eq!(count.to_string(), answer, "{} {tags:?}", question.text);
                }
                _ => {}
            }
            if answer == "yes" || answer == "no" {
                yes = (yes.0 + u32::from(answer == "yes"), yes.1 + 1);
            }
        }
        assert_eq!(kinds.len(), 7, "{kinds:?}");
        assert!((0.4..0.6).contains(&(f64::from(yes.0) / f64::from(yes.1))), "{yes:?}");
    }
}
