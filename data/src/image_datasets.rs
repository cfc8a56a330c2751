//! Builders of datasets of images, with questions or captions.

use std::collections::HashMap;
use std::hash::Hash;

use indexmap::{IndexMap, IndexSet};

use crate::dataset::Dataset;
use crate::error::{DataError, Place};
use crate::image_files::{ImageFile, Images};
use crate::objects::Object;
use crate::pictures::Caption;
use crate::questions::{Question, QuestionDetails};
use crate::source::Extent;
use crate::statistics::ReadStatistics;

/// A question before its answers are known by their index.
#[derive(Debug)]
pub(crate) struct RawQuestion {
    pub(crate) text: String,
    /// The text in other languages, by their codes.
    pub(crate) translations: IndexMap<String, String>,
    pub(crate) image: ImageFile,
    /// Answers, each with its score in 0 to 1.
    pub(crate) answers: Vec<(String, f32)>,
    pub(crate) kind: String,
    pub(crate) split: Option<String>,
    /// Where it stands, for what is wrong with it.
    pub(crate) place: Place,
}

/// Answers that are classes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnswerClasses<'a> {
    /// These.
    Listed(&'a [String]),
    /// Those that are the best answer to so many questions or more outside the test split, which is not known yet.
    Common(usize),
}

/// Translations of questions, by their numbers.
pub(crate) struct Translations<K>(HashMap<K, IndexMap<String, String>>);

impl<K: Eq + Hash> Translations<K> {
    pub(crate) fn new() -> Self {
        Self(HashMap::new())
    }

    /// Notes a question in a language. One without words is none.
    pub(crate) fn add(&mut self, number: K, language: &str, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.0.entry(number).or_default().insert(language.to_owned(), text.to_owned());
        }
    }

    /// Translations of a question, by language code.
    pub(crate) fn of(&self, number: &K) -> IndexMap<String, String> {
        self.0.get(number).cloned().unwrap_or_default()
    }
}

/// English, and the languages of translations.
pub(crate) fn english_and<T>(translations: &IndexMap<String, T>) -> Vec<String> {
    std::iter::once("en".to_owned()).chain(translations.keys().cloned()).collect()
}

/// The split of the questions of files for testing.
pub(crate) const TEST: &str = "test";

/// Builds a dataset of questions. Answers that are not known are left out; a question without any other stays, and nobody can
/// answer it.
///
/// # Errors
/// All images that are not there, if the whole corpus is read; that nothing is left.
pub(crate) fn build_questions(
    source: String,
    fingerprint: &str,
    rows: Vec<RawQuestion>,
    classes: AnswerClasses<'_>,
    languages: Vec<String>,
    extent: Extent,
) -> Result<Dataset<Question>, DataError> {
    let (answers, min_answer_count) = match classes {
        AnswerClasses::Listed(answers) => (answers.to_vec(), None),
        AnswerClasses::Common(min_answer_count) => {
            let given = rows.iter().flat_map(|row| &row.answers).map(|(answer, _)| answer.clone());
            (given.collect::<IndexSet<String>>().into_iter().collect(), Some(min_answer_count))
        }
    };
    let index: HashMap<&str, u32> =
        answers.iter().enumerate().map(|(index, answer)| (answer.as_str(), index as u32)).collect();
    let mut statistics = ReadStatistics { source, rows: rows.len(), ..ReadStatistics::default() };
    let mut images = Images::new(extent);
    let mut questions = Vec::with_capacity(rows.len());
    for row in rows {
        if row.text.is_empty() {
            *statistics.dropped.entry("rows without a question".into()).or_default() += 1;
            continue;
        }
        let known: Vec<(u32, f32)> = row
            .answers
            .iter()
            .filter_map(|(answer, score)| Some((*index.get(answer.as_str())?, *score)))
            .collect();
        let image = images.take(row.image, row.place);
        questions.push(Question {
            text: row.text,
            translations: row.translations,
            image,
            answers: known,
            kind: row.kind,
            split: row.split,
        });
    }
    statistics.kept = questions.len();
    if questions.is_empty() && extent == Extent::Whole {
        return Err(statistics.nothing_kept(&statistics.source));
    }
    let (images, fingerprint) = images.finish(fingerprint)?;
    let details = QuestionDetails {
        answers,
        min_answer_count,
        languages,
        ..QuestionDetails::of_images(images, &questions)
    };
    Ok(Dataset::new(questions, details, statistics, fingerprint))
}

/// An image with captions.
#[derive(Debug)]
pub(crate) struct CaptionedImage {
    pub(crate) image: ImageFile,
    pub(crate) captions: Vec<String>,
    pub(crate) objects: Vec<Object>,
    pub(crate) split: Option<String>,
    /// Where it stands, for what is wrong with it.
    pub(crate) place: Place,
}

/// Builds a dataset of images with captions, without questions. Rows of the same image are one image.
///
/// # Errors
/// All images that are not there, if the whole corpus is read; that nothing is left.
pub(crate) fn build_captions(
    source: String,
    fingerprint: &str,
    rows: Vec<CaptionedImage>,
    extent: Extent,
) -> Result<Dataset<Question>, DataError> {
    let mut statistics = ReadStatistics { source, rows: rows.len(), ..ReadStatistics::default() };
    let mut images = Images::new(extent);
    for row in rows {
        let mut captions = row.captions;
        captions.retain(|caption| !caption.is_empty());
        if captions.is_empty() {
            *statistics.dropped.entry("rows without a caption".into()).or_default() += 1;
            continue;
        }
        let image = images.take(row.image, row.place);
        let picture = images.picture(image);
        picture.captions.extend(captions.into_iter().map(Caption::from));
        picture.objects.extend(row.objects);
        if !picture.splits.contains(&row.split) {
            picture.splits.push(row.split);
        }
        statistics.kept += 1;
    }
    if statistics.kept == 0 && extent == Extent::Whole {
        return Err(statistics.nothing_kept(&statistics.source));
    }
    let (images, fingerprint) = images.finish(fingerprint)?;
    let details = QuestionDetails::of_images(images, &[]);
    Ok(Dataset::new(Vec::new(), details, statistics, fingerprint))
}
