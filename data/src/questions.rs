//! Questions about images, with their answers.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use indexmap::map::Entry;

use crate::error::{DataError, Fault, Place, Problems};
use crate::lexicon::Reading;
use crate::pictures::{Picture, size_of};
use crate::source::Extent;
use crate::split::{Split, SplitError, SplitOptions, SplitReport, assign, check_values};
use crate::stable_hash::unit_interval;

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
    /// What kind of question it is; empty where there is one kind only.
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

/// A corpus of questions about images.
#[derive(Debug, Clone, PartialEq)]
pub struct VisualQuestions {
    /// The answers that there are.
    pub answers: Vec<String>,
    /// The images.
    pub images: Vec<Picture>,
    /// The questions in the order of the files.
    pub questions: Vec<Question>,
    /// The languages in which questions are asked, the corpus's own first; empty where it is not known.
    pub languages: Vec<String>,
    /// What tags of objects are called in other languages, by their codes.
    pub tags: IndexMap<String, IndexMap<String, String>>,
    /// What was dropped and why.
    pub reading: Reading,
    /// BLAKE3 of the files' bytes, in hexadecimal.
    pub fingerprint: String,
}

impl VisualQuestions {
    /// The images of which nothing is asked.
    #[must_use]
    pub fn unasked(&self) -> Vec<usize> {
        let asked: HashSet<usize> = self.questions.iter().map(|question| question.image).collect();
        (0..self.images.len()).filter(|image| !asked.contains(image)).collect()
    }
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
    /// The images of which nothing is asked, each with its part.
    pub unasked: Vec<(usize, Split)>,
    /// Sizes, questions and these images counted.
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
    let unasked = corpus.unasked();
    let values = corpus.questions.iter().map(|question| question.split.as_deref());
    let values = values.chain(unasked.iter().map(|&image| corpus.images[image].split.as_deref()));
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
    let unasked: Vec<(usize, Split)> = unasked
        .into_iter()
        .map(|image| {
            let picture = &corpus.images[image];
            (image, assign(picture.split.as_deref(), &picture.name, options))
        })
        .collect();
    let images = |part: Split| unasked.iter().filter(|(_, own)| *own == part).count();
    let report = SplitReport {
        train: train.len() + images(Split::Train),
        validation: validation.len() + images(Split::Validation),
        test: test.len() + images(Split::Test),
        removed: IndexMap::new(),
    };
    Ok(QuestionSplits { train, validation, test, unasked, report })
}

/// Whether an image is in a share of all, by the hash of its name. Smaller shares lie within larger ones.
#[must_use]
pub fn is_chosen(picture: &Picture, fraction: f64) -> bool {
    fraction >= 1.0 || unit_interval(&["images", &picture.name]) < fraction
}

/// A question before its answers are known by their index.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) text: String,
    /// The text in other languages, by their codes.
    pub(crate) translations: IndexMap<String, String>,
    pub(crate) image: PathBuf,
    /// Answers, each with its score in 0 to 1.
    pub(crate) answers: Vec<(String, f32)>,
    pub(crate) kind: String,
    pub(crate) split: Option<String>,
    /// Where it stands, for what is wrong with it.
    pub(crate) place: Place,
}

/// The answers that are to be told apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known<'a> {
    /// These.
    Listed(&'a [String]),
    /// Those that are the best answer to so many questions or more outside the test part, the commonest first.
    Common(usize),
}

/// What questions are in other languages, by their numbers.
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

    /// What a question is in all languages in which it is known.
    pub(crate) fn of(&self, number: &K) -> IndexMap<String, String> {
        self.0.get(number).cloned().unwrap_or_default()
    }
}

/// English, and the languages of translations.
pub(crate) fn english_and<T>(translations: &IndexMap<String, T>) -> Vec<String> {
    std::iter::once("en".to_owned()).chain(translations.keys().cloned()).collect()
}

/// The split of the questions that say nothing of which answers there are.
pub(crate) const TEST: &str = "test";

/// Makes a corpus of questions. Answers that are not known are left out; a question without any other stays, and nobody can
/// answer it.
///
/// # Errors
/// All images that are not there, if the whole corpus is read; that nothing is left.
pub(crate) fn collect(
    source: String,
    fingerprint: String,
    rows: Vec<Raw>,
    known: Known<'_>,
    languages: Vec<String>,
    extent: Extent,
) -> Result<VisualQuestions, DataError> {
    let answers = match known {
        Known::Listed(answers) => answers.to_vec(),
        Known::Common(least) => common(&rows, least),
    };
    let index: HashMap<&str, u32> =
        answers.iter().enumerate().map(|(index, answer)| (answer.as_str(), index as u32)).collect();
    let mut reading = Reading { source, rows: rows.len(), ..Reading::default() };
    let mut images: IndexMap<PathBuf, Place> = IndexMap::new();
    let mut questions = Vec::with_capacity(rows.len());
    for row in rows {
        if row.text.is_empty() {
            *reading.dropped.entry("rows without a question".into()).or_default() += 1;
            continue;
        }
        let known: Vec<(u32, f32)> = row
            .answers
            .iter()
            .filter_map(|(answer, score)| Some((*index.get(answer.as_str())?, *score)))
            .collect();
        if known.is_empty() {
            let reason = "questions without a known answer, which are kept";
            *reading.dropped.entry(reason.into()).or_default() += 1;
        }
        let image = match images.get_index_of(&row.image) {
            Some(image) => image,
            None => images.insert_full(row.image, row.place).0,
        };
        questions.push(Question {
            text: row.text,
            translations: row.translations,
            image,
            answers: known,
            kind: row.kind,
            split: row.split,
        });
    }
    let problems = if extent == Extent::Whole { damaged(&images) } else { Problems::default() };
    reading.kept = questions.len();
    if questions.is_empty() && extent == Extent::Whole {
        return Err(reading.nothing_kept(&reading.source));
    }
    let images = images.into_keys().map(Picture::of_file).collect();
    let tags = IndexMap::new();
    problems.or(VisualQuestions { answers, images, questions, languages, tags, reading, fingerprint })
}

/// An image with captions.
#[derive(Debug)]
pub(crate) struct Captioned {
    pub(crate) image: PathBuf,
    pub(crate) captions: Vec<String>,
    pub(crate) split: Option<String>,
    /// Where it stands, for what is wrong with it.
    pub(crate) place: Place,
}

/// Makes a corpus of images with captions, of which nothing is asked. Rows of the same image are one image, whose split is
/// that of the first.
///
/// # Errors
/// All images that are not there, if the whole corpus is read; that nothing is left.
pub(crate) fn collect_captions(
    source: String,
    fingerprint: String,
    rows: Vec<Captioned>,
    extent: Extent,
) -> Result<VisualQuestions, DataError> {
    let mut reading = Reading { source, rows: rows.len(), ..Reading::default() };
    let mut images: IndexMap<PathBuf, Place> = IndexMap::new();
    let mut pictures: Vec<Picture> = Vec::new();
    for row in rows {
        let mut captions = row.captions;
        captions.retain(|caption| !caption.is_empty());
        if captions.is_empty() {
            *reading.dropped.entry("rows without a caption".into()).or_default() += 1;
            continue;
        }
        let entry = images.entry(row.image.clone());
        let place = entry.index();
        if let Entry::Vacant(entry) = entry {
            entry.insert(row.place);
            pictures.push(Picture { split: row.split, ..Picture::of_file(row.image) });
        }
        pictures[place].captions.append(&mut captions);
        reading.kept += 1;
    }
    let problems = if extent == Extent::Whole { damaged(&images) } else { Problems::default() };
    if pictures.is_empty() && extent == Extent::Whole {
        return Err(reading.nothing_kept(&reading.source));
    }
    problems.or(VisualQuestions {
        answers: Vec::new(),
        images: pictures,
        questions: Vec::new(),
        languages: Vec::new(),
        tags: IndexMap::new(),
        reading,
        fingerprint,
    })
}

/// The images that are not there, or cannot be read.
fn damaged(images: &IndexMap<PathBuf, Place>) -> Problems {
    let mut problems = Problems::default();
    for (path, place) in images {
        if let Some(fault) = fault(path) {
            problems.push(place.clone(), fault);
        }
    }
    problems
}

/// What is wrong with the file of an image, as far as its head tells.
fn fault(path: &Path) -> Option<Fault> {
    let shown = path.display().to_string();
    if !path.is_file() {
        return Some(Fault::NoImage(shown));
    }
    match size_of(path) {
        Ok((width, height)) if width > 0 && height > 0 => None,
        Ok(_) => Some(Fault::DamagedImage { path: shown, reason: "it has no pixels".into() }),
        Err(reason) => Some(Fault::DamagedImage { path: shown, reason }),
    }
}

/// The best answers outside the test part, by how many questions have them; of equally common ones by the alphabet.
fn common(rows: &[Raw], least: usize) -> Vec<String> {
    let mut counts: IndexMap<&str, usize> = IndexMap::new();
    for row in rows.iter().filter(|row| row.split.as_deref() != Some(TEST)) {
        let best = row.answers.iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
        if let Some((answer, _)) = best {
            *counts.entry(answer).or_default() += 1;
        }
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().filter(|(_, count)| *count >= least).collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    counts.into_iter().map(|(answer, _)| answer.to_owned()).collect()
}
