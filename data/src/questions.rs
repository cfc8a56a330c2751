//! Questions about images, with their answers.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use crate::dataset::{Dataset, SplitExample, Splits};
use crate::mixing::Mixer;
use crate::pictures::{Picture, Pixels};
use crate::raster::Raster;
use crate::shape_boxes::ShapeBoxes;
use crate::split::{HoldOut, Overlap, OverlapKeys, Split, SplitOptions, remove_shared_keys};
use crate::stable_hash::{self, unit_interval};

/// The answers to whether a statement is true, as NLVR2 writes them: the second is true.
pub const STATEMENT_ANSWERS: [&str; 2] = ["False", "True"];

/// A question about an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The question, in the corpus's own language.
    pub text: String,
    /// The question in other languages, by their codes.
    pub translations: IndexMap<String, String>,
    /// The image, as an index into those of the corpus.
    pub image: usize,
    /// Indices of right answers, each with its score in 0 to 1.
    pub answers: Vec<(u32, f32)>,
    /// Kind of the question; empty where there is one kind only.
    pub kind: String,
    /// The value of the corpus's split.
    pub split: Option<String>,
}

impl Question {
    /// The question in a language, if it is asked in it; without one, in the corpus's own, which is the first of `languages`.
    #[must_use]
    pub fn in_language(&self, language: Option<&str>, languages: &[String]) -> Option<&str> {
        match language {
            Some(code) if languages.first().is_none_or(|own| own != code) => {
                self.translations.get(code).map(String::as_str)
            }
            _ => Some(&self.text),
        }
    }
}

/// Details of a dataset of questions: its images, its answers and its languages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuestionDetails {
    /// The answers that there are.
    pub answers: Vec<String>,
    /// Least number of questions outside the test split with an answer as their best for it to be a class, where the corpus
    /// decides that. It is applied when the corpus is split: the other answers are dropped.
    pub min_answer_count: Option<usize>,
    /// The images.
    pub images: Vec<Picture>,
    /// The images without a question, each with its split: training until the corpus is split.
    pub unasked: Vec<(usize, Split)>,
    /// The languages in which questions are asked, the corpus's own first; empty where it is not known.
    pub languages: Vec<String>,
    /// Tags of objects in other languages, by their codes.
    pub tags: IndexMap<String, IndexMap<String, String>>,
    /// Answers in the languages in which they are known, by their codes, from each of `answers`.
    pub translated_answers: IndexMap<String, IndexMap<String, String>>,
    /// How training questions are mixed with words of other languages, anew in every epoch; none: they are not.
    pub mixer: Option<Arc<Mixer>>,
}

impl QuestionDetails {
    /// Whether the answers are the classes: not so where some are still to be left out.
    #[must_use]
    pub fn has_final_answers(&self) -> bool {
        self.min_answer_count.is_none()
    }

    /// Whether the questions are statements that are true or false.
    #[must_use]
    pub fn are_statements(&self) -> bool {
        self.answers == STATEMENT_ANSWERS
    }

    /// An answer, by its index, in a language, if it is known in it; without one, as the corpus has it.
    #[must_use]
    pub fn answer_in(&self, answer: u32, language: Option<&str>) -> Option<&str> {
        let own = self.answers.get(answer as usize)?;
        match language {
            Some(code) => self.translated_answers.get(code)?.get(own).map(String::as_str),
            None => Some(own),
        }
    }

    /// Details of images alone, some of which are without a question.
    pub(crate) fn of_images(images: Vec<Picture>, questions: &[Question]) -> Self {
        let asked: HashSet<usize> = questions.iter().map(|question| question.image).collect();
        let unasked = (0..images.len()).filter(|image| !asked.contains(image));
        Self { unasked: unasked.map(|image| (image, Split::Train)).collect(), images, ..Self::default() }
    }

    /// Number of images without a question in a split.
    pub(crate) fn count_unasked(&self, split: Split) -> usize {
        self.unasked.iter().filter(|(_, own)| *own == split).count()
    }
}

impl Dataset<Question> {
    /// The images of a split, as indices into those of the corpus, each once: first those about which something is asked.
    #[must_use]
    pub fn images_of(&self, split: Split) -> IndexSet<usize> {
        let asked = self.splits.get(split).iter().map(|question| question.image);
        let unasked = self.details.unasked.iter().filter(|(_, own)| *own == split).map(|(image, _)| *image);
        asked.chain(unasked).collect()
    }
}

/// Questions about one image are in one split.
impl OverlapKeys for Question {
    const WHAT: &'static str = "questions about images";

    /// The image, by its place in the corpus.
    fn overlap_keys(&self) -> Vec<u128> {
        vec![self.image as u128]
    }
}

/// Questions go by the name of their image, or of its group. Once they are split it is known which answers are classes: what is left out is a
/// question's answer no longer.
impl SplitExample for Question {
    type Details = QuestionDetails;

    fn split_value(&self) -> Option<&str> {
        self.split.as_deref()
    }

    fn split_key<'e>(&'e self, details: &'e QuestionDetails) -> Cow<'e, str> {
        Cow::Borrowed(details.images[self.image].split_name())
    }

    fn other_split_values(details: &QuestionDetails) -> impl Iterator<Item = Option<&str>> {
        let splits = details.unasked.iter().flat_map(|(image, _)| &details.images[*image].splits);
        splits.map(Option::as_deref)
    }

    fn remove_overlap(
        splits: &mut Splits<Self>,
        options: &SplitOptions,
        _: &HoldOut,
    ) -> IndexMap<String, usize> {
        remove_shared_keys(splits, options.overlap)
    }

    fn languages(details: &QuestionDetails) -> &[String] {
        &details.languages
    }

    fn finish_split(dataset: &mut Dataset<Self>, options: &SplitOptions) {
        let Dataset { splits, details, statistics, report, .. } = dataset;
        if let Some(min_answer_count) = details.min_answer_count.take() {
            details.answers = keep_common_answers(&details.answers, splits, min_answer_count);
        }
        let unanswerable = splits.iter().filter(|question| question.answers.is_empty()).count();
        if unanswerable > 0 {
            let reason = "questions without a known answer, which are kept";
            statistics.dropped.insert(reason.into(), unanswerable);
        }
        for (image, split) in &mut details.unasked {
            *split = split_of(&details.images[*image], options);
        }
        for split in [Split::Train, Split::Validation, Split::Test] {
            *report.get_mut(split) += details.count_unasked(split);
        }
        let trained = details.unasked.iter().filter(|(_, split)| *split == Split::Train);
        let values = trained.flat_map(|(image, _)| &details.images[*image].splits).map(Option::as_deref);
        options.count_unnamed(values, &mut report.unnamed);
    }
}

/// Keys of an image among those of all corpora: that of its pixels, and those of its group; one in common makes images one. See
/// [`picture_key`].
#[must_use]
pub fn picture_keys(picture: &Picture) -> Vec<u128> {
    if let Pixels::Joined(parts) = &picture.pixels
        && boxes_of(parts).is_none()
    {
        return parts.iter().flat_map(picture_keys).collect();
    }
    let of_group = picture.group.iter().flat_map(|group| group.keys.iter().copied());
    std::iter::once(picture_key(picture)).chain(of_group).collect()
}

/// Key of an image among those of all corpora: the bytes of its file, which is read through, or its pixels. Copies of a
/// file are one image, whatever they are called. One that cannot be read is known by its path; the error comes when it is loaded. One
/// without pixels is known by its name.
#[must_use]
pub fn picture_key(picture: &Picture) -> u128 {
    let of_pixels = |Raster { width, height, rgb }: &Raster| {
        let pixels = blake3::hash(rgb).to_hex();
        stable_hash::key(&["pixels", &width.to_string(), &height.to_string(), &pixels])
    };
    match &picture.pixels {
        Pixels::File(path) => match alambic_files::digests::Digest::of_file(path) {
            Ok(digest) => stable_hash::key(&["bytes", &digest.blake3]),
            Err(_) => stable_hash::key(&["file", &path.to_string_lossy()]),
        },
        Pixels::Unknown => stable_hash::key(&["name", &picture.name]),
        Pixels::Held(raster) => of_pixels(raster),
        Pixels::Drawn(drawing) => of_pixels(drawing.raster()),
        Pixels::Boxes(boxes) => of_pixels(&boxes.raster()),
        Pixels::Joined(parts) => {
            if let Some(boxes) = boxes_of(parts) {
                return of_pixels(&boxes.raster());
            }
            let keys: Vec<String> = parts.iter().map(|part| picture_key(part).to_string()).collect();
            stable_hash::key(&keys.iter().map(String::as_str).collect::<Vec<_>>())
        }
        Pixels::Cell(cell) => match cell.raster() {
            Ok(raster) => of_pixels(&raster),
            Err(_) => stable_hash::key(&["name", &picture.name]),
        },
    }
}

/// The boxes of an image that is made of them, each shown by itself. One box alone is no image to be known again by: boxes with few shapes
/// recur.
fn boxes_of(parts: &[Picture]) -> Option<ShapeBoxes> {
    let own = parts.iter().map(|part| match &part.pixels {
        Pixels::Boxes(boxes) => Some(&**boxes),
        _ => None,
    });
    own.collect::<Option<Vec<_>>>().map(|all| ShapeBoxes::together(&all))
}

/// The split of an image without a question. Where its rows have several values of the split, the split that does not yield
/// goes first.
fn split_of(picture: &Picture, options: &SplitOptions) -> Split {
    let without = [None];
    let values = if picture.splits.is_empty() { &without[..] } else { &picture.splits };
    let splits = values.iter().map(|value| options.assign(value.as_deref(), picture.split_name()));
    let split = match options.overlap {
        Overlap::RemoveFromTest => splits.min_by_key(|split| *split as usize),
        Overlap::RemoveFromTraining => splits.max_by_key(|split| *split as usize),
    };
    split.unwrap_or(Split::Train)
}

/// The answers that are the best one of so many questions or more outside the test split, the commonest first and of equally
/// common ones by the alphabet. The questions' answers become places among them.
fn keep_common_answers(
    answers: &[String],
    splits: &mut Splits<Question>,
    min_answer_count: usize,
) -> Vec<String> {
    let mut counts = vec![0; answers.len()];
    for question in splits.train.iter().chain(&splits.validation) {
        if let Some(best) = best(&question.answers) {
            counts[best as usize] += 1;
        }
    }
    let mut order: Vec<usize> =
        (0..answers.len()).filter(|&answer| counts[answer] >= min_answer_count).collect();
    order.sort_by(|&left, &right| {
        counts[right].cmp(&counts[left]).then_with(|| answers[left].cmp(&answers[right]))
    });
    let mut places = vec![None; answers.len()];
    for (place, &answer) in order.iter().enumerate() {
        places[answer] = Some(place as u32);
    }
    for question in splits.iter_mut() {
        question.answers = std::mem::take(&mut question.answers)
            .into_iter()
            .filter_map(|(answer, score)| Some((places[answer as usize]?, score)))
            .collect();
    }
    order.into_iter().map(|answer| answers[answer].clone()).collect()
}

/// The best answer of a question, if any is known; of equally good ones the first.
#[must_use]
pub fn best(answers: &[(u32, f32)]) -> Option<u32> {
    let best = answers.iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(answer, _)| *answer)
}

/// Whether an image is in a share of all, by the hash of its name, or of its group's. Smaller shares lie within larger ones.
#[must_use]
pub fn is_in_subsample(picture: &Picture, fraction: f64) -> bool {
    fraction >= 1.0 || unit_interval(&["images", picture.split_name()]) < fraction
}

/// Whether an image is in the share of all whose labels are known, by another hash of the same name. Smaller shares lie within larger
/// ones.
#[must_use]
pub fn is_in_labelled_share(picture: &Picture, share: f64) -> bool {
    share >= 1.0 || unit_interval(&["labelled", picture.split_name()]) < share
}
