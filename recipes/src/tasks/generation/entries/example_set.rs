//! Examples in tokens, with their images.

use std::ops::Range;
use std::sync::Arc;

use alambic_data::{Picture, Split};
use alambic_inference::ImageProcessor;
use alambic_models::Config;

use super::examples::AboutImage;
use super::image_codes::ImageCodes;
use super::options::{GenerationEntry, Written};
use super::teacher_images::{TeacherImage, TeacherImages};
use super::teacher_texts::{TeacherTexts, Unlabelled};
use crate::context::RunContext;
use crate::error::RunError;
use crate::images::store::ImageStore;
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;

/// Prompt and target in tokens, the target with its end.
#[derive(Debug, Clone)]
pub(super) struct EncodedVersion {
    pub(super) prompt: Vec<u32>,
    pub(super) target: Vec<u32>,
    /// Whether the teacher wrote the target.
    pub(super) is_teacher_target: bool,
    /// The image that the teacher drew.
    pub(super) drawn: Option<Arc<TeacherImage>>,
}

/// A caption in tokens, and the image of it that the teacher drew.
pub(super) struct DrawnVersion {
    pub(super) caption: Vec<u32>,
    pub(super) teacher: Option<Arc<TeacherImage>>,
}

/// What is read and written of an example.
pub(super) enum EncodedContent {
    /// In each language.
    Versions(Vec<EncodedVersion>),
    /// A text without its end, of which spans are left out anew in every epoch, as its entry says.
    Text(Vec<u32>),
    /// A caption in each language, of which the image is drawn: the one that the caption tells of, or that the teacher drew.
    Drawn(Vec<DrawnVersion>),
}

/// An example in tokens.
pub(super) struct Encoded {
    /// The image that is read or drawn, by its place in the store.
    pub(super) image: Option<usize>,
    /// The number of its entry.
    pub(super) entry: usize,
    pub(super) content: EncodedContent,
}

/// Images as a model reads them; none of one that reads texts alone.
pub(super) type Store<'a> = Option<ImageStore<'a>>;

/// Examples with their images.
pub(super) struct ExampleSet<'a> {
    pub(super) store: Store<'a>,
    pub(super) examples: Vec<Encoded>,
    /// The images in tokens, of a student that reads and writes them so.
    pub(super) codes: Option<ImageCodes<'a>>,
}

impl Encoded {
    /// Whether a target is a label, or a part of the text.
    pub(super) fn has_label(&self) -> bool {
        match &self.content {
            EncodedContent::Versions(versions) => versions.iter().any(|own| !own.is_teacher_target),
            EncodedContent::Text(_) => true,
            EncodedContent::Drawn(versions) => versions.iter().any(|own| own.teacher.is_none()),
        }
    }
}

impl<'a> ExampleSet<'a> {
    pub(super) fn new(processor: Option<ImageProcessor>, config: &'a Config) -> Self {
        let codes = ImageCodes::new(config).filter(|_| processor.is_some());
        Self { store: processor.map(ImageStore::new), examples: Vec::new(), codes }
    }

    /// Whether images are drawn in rows of one kind.
    pub(super) fn draws(&self, rows: &[usize]) -> bool {
        rows.first().is_some_and(|&row| {
            self.examples.get(row).is_some_and(|own| matches!(own.content, EncodedContent::Drawn(_)))
        })
    }

    /// Takes the examples of an entry's split, at most so many, and gives their range.
    pub(super) fn add(
        &mut self,
        (index, entry): (usize, &'a GenerationEntry),
        (context, job): (&'a RunContext<'_>, &Job<'_>),
        split: (Split, usize),
        statistics: &mut DatasetStatistics,
        observer: &mut dyn Observer,
    ) -> Result<Range<usize>, RunError> {
        let first = self.examples.len();
        let store = self.store.as_mut();
        let own = match entry.writes {
            Written::Spans => texts(entry, index, context, split, job, statistics)?,
            Written::ImageTokens => {
                drawn_images((index, entry), (context, job), split, store, statistics, observer)?
            }
            _ => about_images((index, entry), (context, job), split, store, statistics, observer)?,
        };
        self.examples.extend(own);
        Ok(first..self.examples.len())
    }
}

/// The captions of an entry's split, at most so many, in tokens, and the images that are drawn of them, for some of which the teacher
/// draws.
fn drawn_images<'a>(
    (index, entry): (usize, &'a GenerationEntry),
    (context, job): (&'a RunContext<'_>, &Job<'_>),
    (split, most): (Split, usize),
    mut store: Option<&mut ImageStore<'a>>,
    statistics: &mut DatasetStatistics,
    observer: &mut dyn Observer,
) -> Result<Vec<Encoded>, RunError> {
    let tokenizer = job.tokenizer.with_max_length(entry.max_length.min(job.config.max_length()))?;
    let mut about = entry.examples(&context.corpora, split)?;
    subsample(&mut about, most);
    let is_known = |example: &AboutImage<'_>, language: Option<&str>| {
        example.picture.is_some_and(|picture| entry.is_labelled(picture, language))
    };
    let unknown: Vec<&str> = about
        .iter()
        .flat_map(|example| {
            let own = example.versions.iter().filter(|own| !is_known(example, own.language));
            own.map(|own| own.prompt.as_str())
        })
        .collect();
    let drawn = TeacherImages::draw((index, entry), &unknown, split, (context, job), statistics, observer)?;
    let mut examples = Vec::with_capacity(about.len());
    for example in &about {
        let (Some(picture), Some(store)) = (example.picture, store.as_deref_mut()) else { continue };
        let mut versions = Vec::with_capacity(example.versions.len());
        for version in &example.versions {
            let caption = tokenizer.encode_text(&version.prompt, None)?;
            statistics.truncated += usize::from(caption.truncated);
            let teacher = drawn.of(&version.prompt).filter(|_| !is_known(example, version.language));
            versions.push(DrawnVersion { caption: caption.ids, teacher });
        }
        let needs_image = versions.iter().any(|own| own.teacher.is_none());
        let image = needs_image.then(|| store.add(picture)).transpose()?;
        examples.push(Encoded { image, entry: index, content: EncodedContent::Drawn(versions) });
    }
    Ok(examples)
}

/// The texts of an entry's split, at most so many, in tokens.
fn texts(
    entry: &GenerationEntry,
    index: usize,
    context: &RunContext<'_>,
    (split, most): (Split, usize),
    job: &Job<'_>,
    statistics: &mut DatasetStatistics,
) -> Result<Vec<Encoded>, RunError> {
    let tokenizer = job.tokenizer.with_max_length(entry.max_length.min(job.config.max_length()))?;
    let mut texts = entry.texts(&context.corpora, split)?;
    subsample(&mut texts, most);
    let mut examples = Vec::with_capacity(texts.len());
    for text in texts {
        let Some((tokens, is_cut)) = GenerationEntry::span_tokens(&tokenizer, &text)? else { continue };
        statistics.truncated += usize::from(is_cut);
        examples.push(Encoded { image: None, entry: index, content: EncodedContent::Text(tokens) });
    }
    Ok(examples)
}

/// The examples of an entry's split, at most so many, in tokens, whose images go to the store.
fn about_images<'a>(
    (index, entry): (usize, &'a GenerationEntry),
    (context, job): (&'a RunContext<'_>, &Job<'_>),
    (split, most): (Split, usize),
    mut store: Option<&mut ImageStore<'a>>,
    statistics: &mut DatasetStatistics,
    observer: &mut dyn Observer,
) -> Result<Vec<Encoded>, RunError> {
    let tokenizer = job.tokenizer.with_max_length(entry.max_length.min(job.config.max_length()))?;
    let mut about = entry.examples(&context.corpora, split)?;
    subsample(&mut about, most);
    let unlabelled: Vec<Unlabelled<'_>> = about
        .iter()
        .flat_map(|example| {
            let without = example.versions.iter().filter(|version| version.targets.is_empty());
            without.map(|version| (example.picture, version.prompt.as_str(), version.language))
        })
        .collect();
    let generation = &mut statistics.generation;
    let written =
        TeacherTexts::write((index, entry), &unlabelled, split, (context, job), generation, observer)?;
    let mut examples = Vec::with_capacity(about.len());
    for example in &about {
        let mut versions = Vec::with_capacity(example.versions.len());
        for version in &example.versions {
            let label = version.targets.first().copied();
            let text = label.or_else(|| written.of(entry, example.picture, &version.prompt));
            // What the teacher did not bring to an end is no target.
            let Some(text) = text else { continue };
            let prompt = tokenizer.encode_text(&version.prompt, None)?;
            let mut target = job.tokenizer.encode_target(text)?;
            if target.first() == job.config.decoder_start().as_ref() {
                // What begins a text of an encoder stands before every target.
                target.remove(0);
            }
            if target.len() > entry.max_new_tokens {
                statistics.too_long += 1;
                continue;
            }
            statistics.truncated += usize::from(prompt.truncated);
            versions.push(EncodedVersion {
                prompt: prompt.ids,
                target,
                is_teacher_target: label.is_none(),
                drawn: None,
            });
        }
        if versions.is_empty() {
            continue;
        }
        let image = match &mut store {
            Some(store) => picture_read(entry, example.picture).map(|own| store.add(own)).transpose()?,
            None => None,
        };
        examples.push(Encoded { image, entry: index, content: EncodedContent::Versions(versions) });
    }
    Ok(examples)
}

/// The image of an example, if the entry reads it.
pub(super) fn picture_read<'c>(entry: &GenerationEntry, picture: Option<&'c Picture>) -> Option<&'c Picture> {
    picture.filter(|_| entry.reads_images())
}
