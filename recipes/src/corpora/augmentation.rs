//! Corpora whose training images are augmented.

use std::sync::Arc;

use alambic_data::augment::{
    Augmentation, LANGUAGES_OF_SIDES, RandomResizedCrop, counts_or_places, has_side,
};
use alambic_data::{Content, Pixels, Question, QuestionDetails};
use alambic_files::text::quoted;
use alambic_reports::numbers::thousands;
use alambic_settings::IndexMap;

use super::collection::Corpora;
use crate::error::RunError;
use crate::options::data::DataOptions;

/// What keeps the images of a corpus from being augmented.
#[derive(Debug)]
pub(crate) struct AugmentationProblem {
    /// The keys that lead to the option.
    pub(crate) key: Vec<String>,
    pub(crate) message: String,
    pub(crate) label: &'static str,
    pub(crate) help: &'static str,
}

impl AugmentationProblem {
    /// The error of a run.
    pub(crate) fn into_error(self) -> RunError {
        RunError::Recipe(format!("`{}`: {}; {}", self.key.join("."), self.message, self.help))
    }
}

/// Share of the texts of a corpus that count or place objects from which on its images are not cropped.
const MAX_PLACED: f64 = 0.01;

impl Corpora {
    /// Gives the images of corpora that are to be augmented what they are augmented by, and says what of it is not possible.
    pub(crate) fn augment(&mut self, data: &IndexMap<String, DataOptions>) -> Vec<AugmentationProblem> {
        let mut problems = Vec::new();
        for (name, options) in data {
            let Some(augmentation) = &options.augment else { continue };
            // What keeps a corpus from being read is reported where that is read.
            let Some(content) = self.get_mut(name) else { continue };
            problems.extend(of_corpus(name, options, augmentation, content));
            if let Content::Questions(questions) = content {
                let texts = Texts::new(&questions.details, questions.splits.iter());
                let sided = texts.with_sides();
                let augmentation = Arc::new(augmentation.clone());
                for (picture, has_side) in questions.details.images.iter_mut().zip(sided) {
                    picture.may_be_mirrored &= !has_side;
                    picture.augmentation = Some(Arc::clone(&augmentation));
                }
            }
        }
        problems
    }
}

/// What is wrong with the augmentation of a corpus.
fn of_corpus(
    name: &str,
    options: &DataOptions,
    augmentation: &Augmentation,
    content: &Content,
) -> Vec<AugmentationProblem> {
    let mut problems = Vec::new();
    let mut report = |keys: &[&str], message: String, label, help| {
        let key = ["data", name, "augment"].iter().chain(keys).map(|key| (*key).to_owned()).collect();
        problems.push(AugmentationProblem { key, message, label, help });
    };
    let Content::Questions(questions) = content else {
        report(
            &[],
            format!("data `{name}` holds {}, and images alone are augmented", content.kind().name()),
            "augments images",
            "leave `augment` out",
        );
        return problems;
    };
    if options.regions.is_some() {
        report(
            &[],
            format!("the regions of data `{name}` are on record, and pixels that change do not change them"),
            "changes pixels",
            "leave out `augment` or `regions`",
        );
    }
    if let Some(crop) = &augmentation.random_resized_crop
        && crop.bounds().is_none()
    {
        let key = if is_pair(crop) { "ratio" } else { "scale" };
        report(
            &["random-resized-crop", key],
            format!("`{key}` holds no lower and upper bound"),
            "is not two numbers in ascending order",
            "write two numbers, as `scale = [0.08, 1.0]`",
        );
    }
    let texts = Texts::new(&questions.details, questions.splits.iter());
    let unknown = texts.unknown_languages();
    if augmentation.flip > 0.0 && !unknown.is_empty() {
        let names: Vec<String> = unknown.iter().map(|code| format!("`{}`", quoted(code))).collect();
        report(
            &["flip"],
            format!("words of sides are not known in {}", names.join(", ")),
            "flips images that such a text may tell of",
            "leave `flip` out, or read texts in other languages",
        );
    }
    if augmentation.crops() {
        let (placed, all) = texts.placed();
        let is_drawn =
            questions.details.images.iter().any(|picture| matches!(picture.pixels, Pixels::Drawn(_)));
        if (is_drawn && all > 0) || placed as f64 > MAX_PLACED * all as f64 {
            let message = if is_drawn {
                format!("the texts of data `{name}` tell of all that is in a scene, which a crop cuts off")
            } else {
                format!(
                    "{} of {} texts of data `{name}` count or place objects, which a crop cuts off",
                    thousands(placed as u64),
                    thousands(all as u64)
                )
            };
            report(
                &["random-resized-crop"],
                message,
                "shows a part of the image",
                "leave `random-resized-crop` out; `colour-jitter` changes no object",
            );
        }
    }
    problems
}

/// Whether the bounds of the area are two numbers in ascending order.
fn is_pair(crop: &RandomResizedCrop) -> bool {
    matches!(crop.scale[..], [low, high] if low <= high)
}

/// A text about an image.
struct ImageText<'c> {
    image: usize,
    text: &'c str,
    language: Option<&'c str>,
    is_question: bool,
}

/// The texts about the images of a corpus.
struct Texts<'c> {
    all: Vec<ImageText<'c>>,
    images: usize,
}

impl<'c> Texts<'c> {
    fn new(details: &'c QuestionDetails, questions: impl Iterator<Item = &'c Question>) -> Self {
        let own = details.languages.first().map(String::as_str);
        let mut all = Vec::new();
        for question in questions {
            let mut add = |text: &'c str, language| {
                all.push(ImageText { image: question.image, text, language, is_question: true });
            };
            add(&question.text, own);
            question.translations.iter().for_each(|(code, text)| add(text, Some(code)));
        }
        for (image, picture) in details.images.iter().enumerate() {
            let captions = picture.captions.iter().map(|own| (own.text.as_str(), own.language.as_deref()));
            // Of a tag no language is known.
            let tags = picture.objects.iter().map(|object| (object.tag.as_str(), None));
            all.extend(captions.chain(tags).map(|(text, language)| ImageText {
                image,
                text,
                language,
                is_question: false,
            }));
        }
        Self { all, images: details.images.len() }
    }

    /// Whether a text of each image has a word of sides.
    fn with_sides(&self) -> Vec<bool> {
        let mut sided = vec![false; self.images];
        for text in &self.all {
            if !sided[text.image] && has_side(text.text, text.language) {
                sided[text.image] = true;
            }
        }
        sided
    }

    /// Languages in which no word of sides is known, in the order in which they come.
    fn unknown_languages(&self) -> Vec<&'c str> {
        let mut unknown = Vec::new();
        for code in self.all.iter().filter_map(|text| text.language) {
            let language = code.split('-').next().unwrap_or(code);
            if !LANGUAGES_OF_SIDES.contains(&language) && !unknown.contains(&code) {
                unknown.push(code);
            }
        }
        unknown
    }

    /// How many texts count or place objects, of how many.
    fn placed(&self) -> (usize, usize) {
        let is_placed = |text: &&ImageText<'_>| counts_or_places(text.text, text.language, text.is_question);
        (self.all.iter().filter(is_placed).count(), self.all.len())
    }
}
