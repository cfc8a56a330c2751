//! Questions about images, with their answers.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use indexmap::{IndexMap, IndexSet};

use crate::error::{DataError, Place};
use crate::image_files::{ImageFile, Images};
use crate::lexicon::Reading;
use crate::pictures::{Picture, Pixels, Raster};
use crate::source::Extent;
use crate::split::{
    Overlap, Split, SplitError, SplitOptions, SplitReport, assign, check_values, leave_out, strip,
};
use crate::stable_hash::{self, unit_interval};

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
    /// How many questions outside the test part must have an answer as their best for it to be told apart, where that is
    /// for the corpus to say; the others are left out once it is parted.
    pub least: Option<usize>,
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

    /// The images of its test part, by which they are told in other corpora: of the [`picture_key`]s of all.
    #[must_use]
    pub fn test_keys(&self, keys: &[u128]) -> HashSet<u128> {
        let asked = self.test.iter().map(|question| question.image);
        let unasked = self.unasked.iter().filter(|(_, part)| *part == Split::Test).map(|(image, _)| *image);
        asked.chain(unasked).map(|image| keys[image]).collect()
    }

    /// Takes out of the training and the validation part what is about an image that another corpus keeps for its test.
    /// `keys` are the [`picture_key`]s of this corpus's images.
    pub fn leave_out(&mut self, keys: &[u128], held: &HashSet<u128>) {
        let held: HashSet<u128> =
            (0..keys.len()).filter(|&image| held.contains(&keys[image])).map(|image| image as u128).collect();
        leave_out([&mut self.train, &mut self.validation], &held, ABOUT, place, &mut self.report);
        let before = self.unasked.len();
        self.unasked.retain(|(image, part)| *part == Split::Test || !held.contains(&(*image as u128)));
        let without = self.unasked.len();
        let of = |part: Split, questions: usize| {
            questions + self.unasked.iter().filter(|(_, own)| *own == part).count()
        };
        self.report.train = of(Split::Train, self.train.len());
        self.report.validation = of(Split::Validation, self.validation.len());
        if without < before {
            self.report.removed.insert("images kept for the test of another corpus".into(), before - without);
        }
    }
}

/// What is in one part with all that is asked of the same image.
const ABOUT: &str = "questions about images";

/// The image of a question, by its place in the corpus.
fn place(question: &Question) -> Vec<u128> {
    vec![question.image as u128]
}

/// What tells an image from those of other corpora: the bytes of its file, which is read through, or its pixels. Copies of a
/// file are one image, whatever they are called. One that cannot be read is told by its path: whoever looks at it will say so.
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
        Pixels::Held(raster) => of_pixels(raster),
        Pixels::Drawn(drawing) => of_pixels(drawing.raster()),
    }
}

/// The part of an image of which nothing is asked. Where its rows have several values of the split, the part that does not
/// yield goes first.
fn part_of(picture: &Picture, options: &SplitOptions) -> Split {
    let without = [None];
    let values = if picture.splits.is_empty() { &without[..] } else { &picture.splits };
    let parts = values.iter().map(|value| assign(value.as_deref(), &picture.name, options));
    let part = match options.overlap {
        Overlap::RemoveFromTest => parts.min_by_key(|part| *part as usize),
        Overlap::RemoveFromTraining => parts.max_by_key(|part| *part as usize),
    };
    part.unwrap_or(Split::Train)
}

/// Parts the questions of a corpus, which are moved out of it, by split values and by the hash of each image's name: no part
/// that is trained on asks about an image of one that is not. Then it is known which answers are told apart: what is left
/// out is a question's answer no longer.
///
/// # Errors
/// Where a value of the options matches no question.
pub fn split_questions(
    corpus: &mut VisualQuestions,
    options: &SplitOptions,
) -> Result<QuestionSplits, SplitError> {
    let unasked = corpus.unasked();
    let values = corpus.questions.iter().map(|question| question.split.as_deref());
    let of_images = unasked.iter().flat_map(|&image| &corpus.images[image].splits);
    let values = values.chain(of_images.map(Option::as_deref));
    check_values(values, &corpus.reading.source, options)?;
    let mut parts: [Vec<Question>; 3] = Default::default();
    for question in std::mem::take(&mut corpus.questions) {
        let image = &corpus.images[question.image].name;
        parts[assign(question.split.as_deref(), image, options) as usize].push(question);
    }
    let removed = strip(&mut parts, options.overlap, ABOUT, place);
    if let Some(least) = corpus.least {
        corpus.answers = tell_apart(&corpus.answers, &mut parts, least);
    }
    let unanswerable = parts.iter().flatten().filter(|question| question.answers.is_empty()).count();
    if unanswerable > 0 {
        let reason = "questions without a known answer, which are kept";
        corpus.reading.dropped.insert(reason.into(), unanswerable);
    }
    let unasked: Vec<(usize, Split)> =
        unasked.into_iter().map(|image| (image, part_of(&corpus.images[image], options))).collect();
    let images = |part: Split| unasked.iter().filter(|(_, own)| *own == part).count();
    let [train, validation, test] = parts;
    let of_images = unasked.iter().filter(|(_, part)| *part == Split::Train);
    let of_images = of_images.flat_map(|(image, _)| &corpus.images[*image].splits).map(Option::as_deref);
    let unnamed = options.unnamed(train.iter().map(|question| question.split.as_deref()).chain(of_images));
    let sizes = [
        train.len() + images(Split::Train),
        validation.len() + images(Split::Validation),
        test.len() + images(Split::Test),
    ];
    let report = SplitReport::new(sizes, removed, unnamed);
    Ok(QuestionSplits { train, validation, test, unasked, report })
}

/// The answers that are the best one of so many questions or more outside the test part, the commonest first and of equally
/// common ones by the alphabet. The questions' answers become places among them.
fn tell_apart(answers: &[String], parts: &mut [Vec<Question>; 3], least: usize) -> Vec<String> {
    let mut counts = vec![0; answers.len()];
    for question in [Split::Train, Split::Validation].iter().flat_map(|&part| &parts[part as usize]) {
        if let Some(best) = best(&question.answers) {
            counts[best as usize] += 1;
        }
    }
    let mut order: Vec<usize> = (0..answers.len()).filter(|&answer| counts[answer] >= least).collect();
    order.sort_by(|&left, &right| {
        counts[right].cmp(&counts[left]).then_with(|| answers[left].cmp(&answers[right]))
    });
    let mut places = vec![None; answers.len()];
    for (place, &answer) in order.iter().enumerate() {
        places[answer] = Some(place as u32);
    }
    for question in parts.iter_mut().flatten() {
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
    pub(crate) image: ImageFile,
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
    /// Those that are the best answer to so many questions or more outside the test part, which is not known yet.
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

/// The split of the questions of files for testing.
pub(crate) const TEST: &str = "test";

/// Makes a corpus of questions. Answers that are not known are left out; a question without any other stays, and nobody can
/// answer it.
///
/// # Errors
/// All images that are not there, if the whole corpus is read; that nothing is left.
pub(crate) fn collect(
    source: String,
    fingerprint: &str,
    rows: Vec<Raw>,
    known: Known<'_>,
    languages: Vec<String>,
    extent: Extent,
) -> Result<VisualQuestions, DataError> {
    let (answers, least) = match known {
        Known::Listed(answers) => (answers.to_vec(), None),
        Known::Common(least) => {
            let given = rows.iter().flat_map(|row| &row.answers).map(|(answer, _)| answer.clone());
            (given.collect::<IndexSet<String>>().into_iter().collect(), Some(least))
        }
    };
    let index: HashMap<&str, u32> =
        answers.iter().enumerate().map(|(index, answer)| (answer.as_str(), index as u32)).collect();
    let mut reading = Reading { source, rows: rows.len(), ..Reading::default() };
    let mut images = Images::new(extent);
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
    reading.kept = questions.len();
    if questions.is_empty() && extent == Extent::Whole {
        return Err(reading.nothing_kept(&reading.source));
    }
    let (images, fingerprint) = images.finish(fingerprint)?;
    let tags = IndexMap::new();
    Ok(VisualQuestions { answers, least, images, questions, languages, tags, reading, fingerprint })
}

/// An image with captions.
#[derive(Debug)]
pub(crate) struct Captioned {
    pub(crate) image: ImageFile,
    pub(crate) captions: Vec<String>,
    pub(crate) split: Option<String>,
    /// Where it stands, for what is wrong with it.
    pub(crate) place: Place,
}

/// Makes a corpus of images with captions, of which nothing is asked. Rows of the same image are one image.
///
/// # Errors
/// All images that are not there, if the whole corpus is read; that nothing is left.
pub(crate) fn collect_captions(
    source: String,
    fingerprint: &str,
    rows: Vec<Captioned>,
    extent: Extent,
) -> Result<VisualQuestions, DataError> {
    let mut reading = Reading { source, rows: rows.len(), ..Reading::default() };
    let mut images = Images::new(extent);
    for row in rows {
        let mut captions = row.captions;
        captions.retain(|caption| !caption.is_empty());
        if captions.is_empty() {
            *reading.dropped.entry("rows without a caption".into()).or_default() += 1;
            continue;
        }
        let image = images.take(row.image, row.place);
        let picture = images.picture(image);
        picture.captions.append(&mut captions);
        if !picture.splits.contains(&row.split) {
            picture.splits.push(row.split);
        }
        reading.kept += 1;
    }
    if reading.kept == 0 && extent == Extent::Whole {
        return Err(reading.nothing_kept(&reading.source));
    }
    let (images, fingerprint) = images.finish(fingerprint)?;
    Ok(VisualQuestions {
        answers: Vec::new(),
        least: None,
        images,
        questions: Vec::new(),
        languages: Vec::new(),
        tags: IndexMap::new(),
        reading,
        fingerprint,
    })
}
