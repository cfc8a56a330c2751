use alambic_settings::{choices, settings};

use super::super::files::LanguageFile;
use super::super::inputs::{
    Examples, ImageCaption, ImageSet, Part, SentenceExample, TextExample, VisualQuestion,
};
use super::super::references::{Gold, References};
use super::super::{BenchmarkFiles, BenchmarkFormat, Layout};
use super::order::shuffled;
use crate::content::Content;
use crate::corpora::{MadeUpOrders, MadeUpScenes, MadeUpTranslations, ReadCorpus, SceneLook};
use crate::error::{BenchmarkFault, DataError, Place};
use crate::pictures::Picture;
use crate::questions::best;
use crate::scenes::{SceneLanguage, SceneQuestionKind};
use crate::source::Extent;
use crate::texts::{Label, Labels};

choices! {
    /// What made-up data are about.
    pub enum MadeUpContent {
        /// Sentences in three languages, each a question or a statement.
        Sentences = "sentences",
        /// Orders in English whose goods, people and places are tagged.
        Orders = "orders",
        /// Sentences in English and their translations.
        Translations = "translations",
        /// Questions about scenes of coloured shapes, in three languages; the size is how many scenes.
        Scenes = "scenes",
        /// Scenes of coloured shapes and their captions, in three languages.
        Captions = "captions",
    }
}

settings! {
    /// Made-up data, for trying a suite without data. Scores here do not carry over to real texts.
    pub struct MadeUp {
        /// What they are about.
        pub content: MadeUpContent,
        /// Examples of each part.
        #[range(1..=50_000)]
        pub size: usize = 400,
        /// Another number gives other examples.
        pub seed: u64 = 1,
    }
}

/// The name that stands for a file's.
const NAME: &str = "made-up";

/// Questions about each scene, at most.
const QUESTIONS: usize = 4;

/// Pixels of a scene's side.
const SIDE: usize = 32;

/// Classes of sentences.
const CLASSES: [&str; 2] = ["question", "statement"];

/// They lie in no folder.
const NO_FILES: BenchmarkFiles = BenchmarkFiles { folder: None, file: None };

impl BenchmarkFormat for MadeUp {
    fn files(&self) -> &BenchmarkFiles {
        &NO_FILES
    }

    fn names(&self) -> &'static [&'static str] {
        &[]
    }

    fn layout(&self) -> Layout {
        match self.content {
            MadeUpContent::Sentences => Layout::Classes,
            MadeUpContent::Orders => Layout::Tags,
            MadeUpContent::Translations => Layout::Places,
            MadeUpContent::Scenes => Layout::QuestionAnswers,
            MadeUpContent::Captions => Layout::Rankings,
        }
    }

    fn classes(&self) -> Vec<&str> {
        if self.content == MadeUpContent::Sentences { CLASSES.to_vec() } else { Vec::new() }
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        Err(DataError::new(
            Place::file(NAME),
            BenchmarkFault::UnknownLanguage(files[0].language.to_owned()).into(),
        ))
    }

    fn is_made_up(&self) -> bool {
        true
    }

    fn made_up(&self, language: &str, part: Part) -> Result<Option<(Examples, References)>, DataError> {
        // Files for the validation part would be another third; it is carved out of training.
        if part == Part::Validation {
            return Ok(None);
        }
        let unknown =
            || DataError::new(Place::file(NAME), BenchmarkFault::UnknownLanguage(language.to_owned()).into());
        let references = |classes: Vec<String>, gold| References { source: NAME.to_owned(), classes, gold };
        match self.content {
            MadeUpContent::Orders if language != "en" => Err(unknown()),
            MadeUpContent::Orders => {
                let (sentences, tags) = self.orders(part)?;
                let gold = Gold::Tags(sentences.iter().filter_map(|own| own.tags.clone()).collect());
                Ok(Some((Examples::Sentences(sentences), references(tags, gold))))
            }
            MadeUpContent::Scenes | MadeUpContent::Captions => {
                let known = SceneLanguage::ALL.into_iter().find(|own| own.name() == language);
                let (examples, gold) = self.scenes(known.ok_or_else(unknown)?, part)?;
                Ok(Some((examples, references(Vec::new(), gold))))
            }
            content => {
                let known = SceneLanguage::ALL.iter().any(|own| own.name() == language);
                let pairs = if known { self.sentences(language, part)? } else { return Err(unknown()) };
                if content == MadeUpContent::Translations {
                    let (queries, others): (Vec<String>, Vec<String>) = pairs.into_iter().unzip();
                    let (candidates, places) = shuffled(&others);
                    return Ok(Some((
                        Examples::Bitext { queries, candidates },
                        references(Vec::new(), Gold::Places(places)),
                    )));
                }
                let class = |english: &str| CLASSES[usize::from(!english.ends_with('?'))].to_owned();
                let labels: Vec<String> = pairs.iter().map(|(english, _)| class(english)).collect();
                let text = |((_, first), label): ((String, String), &String)| TextExample {
                    first,
                    second: None,
                    label: Some(label.clone()),
                };
                let texts = pairs.into_iter().zip(&labels).map(text).collect();
                let classes = CLASSES.map(str::to_owned).to_vec();
                Ok(Some((Examples::Texts(texts), references(classes, Gold::Classes(labels)))))
            }
        }
    }
}

impl MadeUp {
    /// The place of the first example of a part, among those of all parts.
    fn begin(&self, part: Part) -> usize {
        if part == Part::Train { 0 } else { self.size }
    }

    /// Sentences in English with the same in a language.
    fn sentences(&self, language: &str, part: Part) -> Result<Vec<(String, String)>, DataError> {
        let corpus = MadeUpTranslations {
            questions: true,
            size: 2 * self.size,
            seed: self.seed,
            languages: SceneLanguage::ALL.to_vec(),
        };
        let Content::Parallel(all) = corpus.read(Extent::Whole)? else { return Ok(Vec::new()) };
        let texts = all.splits.train.into_iter().skip(self.begin(part)).take(self.size);
        Ok(texts
            .filter_map(|own| Some((own.texts.get("en")?.clone(), own.texts.get(language)?.clone())))
            .collect())
    }

    /// Orders, and all tags.
    fn orders(&self, part: Part) -> Result<(Vec<SentenceExample>, Vec<String>), DataError> {
        let corpus = MadeUpOrders { size: 2 * self.size, seed: self.seed };
        let Content::Texts(all) = corpus.read(Extent::Whole)? else { return Ok(Default::default()) };
        let Labels::Words(tags) = &all.details.labels else { return Ok(Default::default()) };
        let tag = |index: &u32| tags.get(*index as usize).cloned().unwrap_or_default();
        let sentences = all.splits.train.iter().skip(self.begin(part)).take(self.size).map(|own| {
            let own_tags = match &own.label {
                Label::Words(tags) => tags.iter().map(tag).collect(),
                _ => Vec::new(),
            };
            SentenceExample { words: own.first.split(' ').map(str::to_owned).collect(), tags: Some(own_tags) }
        });
        Ok((sentences.collect(), tags.clone()))
    }

    /// Scenes with questions about them or captions in a language.
    fn scenes(&self, language: SceneLanguage, part: Part) -> Result<(Examples, Gold), DataError> {
        let is_asked = self.content == MadeUpContent::Scenes;
        let corpus = MadeUpScenes {
            images: 2 * self.size,
            questions: if is_asked { QUESTIONS } else { 0 },
            seed: self.seed,
            side: SIDE,
            fewest: 1,
            most: 2,
            smallest: 0.14,
            largest: 0.24,
            shapes: 4,
            colours: 6,
            distinct: false,
            overlap: 0.0,
            noise: 0.02,
            captions: usize::from(!is_asked),
            languages: vec![language],
            kinds: vec![SceneQuestionKind::Colour, SceneQuestionKind::Exists],
            look: SceneLook::usual(),
        };
        let begin = self.begin(part);
        let of_part = begin..begin + self.size;
        let Content::Questions(all) = corpus.read(Extent::Whole)? else { return Ok(nothing()) };
        let pictures: Vec<Picture> = all.details.images.into_iter().skip(begin).take(self.size).collect();
        if is_asked {
            let asked = all.splits.train.iter().filter(|own| of_part.contains(&own.image));
            let questions: Vec<VisualQuestion> = asked
                .enumerate()
                .map(|(place, own)| VisualQuestion {
                    id: Some(place.to_string()),
                    text: own.text.clone(),
                    image: own.image - begin,
                    answer: best(&own.answers)
                        .and_then(|answer| all.details.answers.get(answer as usize).cloned()),
                })
                .collect();
            let gold = questions.iter().filter_map(|own| Some((own.id.clone()?, own.answer.clone()?)));
            let gold = Gold::QuestionAnswers(gold.collect());
            let images = ImageSet { pictures, ..ImageSet::default() };
            return Ok((Examples::VisualQuestions { questions, images }, gold));
        }
        let captions: Vec<ImageCaption> = pictures
            .iter()
            .enumerate()
            .flat_map(|(image, own)| {
                own.captions.iter().map(move |caption| ImageCaption { text: caption.text.clone(), image })
            })
            .collect();
        let of_captions = captions.iter().map(|own| own.image).collect();
        let gold = Gold::Images { of_captions, images: pictures.len() };
        let images = ImageSet { pictures, ..ImageSet::default() };
        Ok((Examples::Captions { captions, images }, gold))
    }
}

/// What a corpus of another content would give.
fn nothing() -> (Examples, Gold) {
    (Examples::Texts(Vec::new()), Gold::Classes(Vec::new()))
}
