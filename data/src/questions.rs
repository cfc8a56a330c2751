//! Questions about images, with their answers.

use indexmap::IndexMap;

use crate::lexicon::Reading;
use crate::pictures::Picture;
use crate::split::{Split, SplitError, SplitOptions, SplitReport, assign, check_values};
use crate::stable_hash::unit_interval;

/// A question about an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The question.
    pub text: String,
    /// The image, as an index into those of the corpus.
    pub image: usize,
    /// Indices of right answers, each with its score in 0 to 1.
    pub answers: Vec<(u32, f32)>,
    /// What kind of question it is; empty where there is one kind only.
    pub kind: String,
    /// The value of the corpus's split.
    pub split: Option<String>,
}

/// A corpus of questions about images.
#[derive(Debug, Clone, PartialEq)]
pub struct VisualQuestions {
    /// The answers that there are.
    pub answers: Vec<String>,
    /// The images.
    pub images: Vec<Picture>,
    /// The questions in the order of the files.
    pub questions: Vec<Question>,
    /// What was dropped and why.
    pub reading: Reading,
    /// BLAKE3 of the files' bytes, in hexadecimal.
    pub fingerprint: String,
}

/// The questions of a corpus in three parts that share no image.
#[derive(Debug, Clone, PartialEq)]
pub struct QuestionSplits {
    /// Questions to train on.
    pub train: Vec<Question>,
    /// Questions to choose checkpoints on.
    pub validation: Vec<Question>,
    /// Questions to report on.
    pub test: Vec<Question>,
    /// Sizes.
    pub report: SplitReport,
}

impl QuestionSplits {
    /// The questions of a part.
    #[must_use]
    pub fn part(&self, part: Split) -> &[Question] {
        match part {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }
}

/// Parts the questions of a corpus by split values and by the hash of each image's name: all that is asked of an image is
/// in one part.
///
/// # Errors
/// Where a value of the options matches no question.
pub fn split_questions(
    corpus: &VisualQuestions,
    options: &SplitOptions,
) -> Result<QuestionSplits, SplitError> {
    let values = corpus.questions.iter().map(|question| question.split.as_deref());
    check_values(values, &corpus.reading.source, options)?;
    let [mut train, mut validation, mut test]: [Vec<Question>; 3] = Default::default();
    for question in &corpus.questions {
        let part = match assign(question.split.as_deref(), &corpus.images[question.image].name, options) {
            Split::Train => &mut train,
            Split::Validation => &mut validation,
            Split::Test => &mut test,
        };
        part.push(question.clone());
    }
    let report = SplitReport {
        train: train.len(),
        validation: validation.len(),
        test: test.len(),
        removed: IndexMap::new(),
    };
    Ok(QuestionSplits { train, validation, test, report })
}

/// Whether an image is in a share of all, by the hash of its name. Smaller shares lie within larger ones.
#[must_use]
pub fn is_chosen(picture: &Picture, fraction: f64) -> bool {
    fraction >= 1.0 || unit_interval(&["images", &picture.name]) < fraction
}
