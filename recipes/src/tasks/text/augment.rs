//! Training texts augmented with the help of a model.

use std::borrow::Cow;
use std::collections::HashSet;

use alambic_data::Text;
use alambic_reports::numbers::counted;
use alambic_settings::At;
use alambic_teachers::{AugmentOptions, Augmenter, EncoderTeacher, Passage};

use super::options::{TextData, TextsData};
use crate::context::RunContext;
use crate::error::RunError;
use crate::folder::layout::{RECORDS, make_folder};
use crate::observer::Observer;
use crate::training::job::Job;
use crate::training::statistics::AugmentationStatistics;

/// Texts that are shown with a variant.
const SAMPLES: usize = 12;

impl TextsData {
    /// The texts of a training, those of each table of its data given by themselves, with the variants that the data ask for.
    pub(super) fn augmented<'t>(
        &self,
        context: &RunContext<'_>,
        job: &Job<'_>,
        texts: Vec<Vec<&'t Text>>,
        observer: &mut dyn Observer,
    ) -> Result<(Vec<Cow<'t, Text>>, AugmentationStatistics), RunError> {
        if self.texts.iter().all(|data| data.augment.is_none()) {
            return Ok((
                texts.into_iter().flatten().map(Cow::Borrowed).collect(),
                AugmentationStatistics::default(),
            ));
        }
        let mut augmentation = Augmentation::new(context, job, &texts);
        let mut all = Vec::new();
        for (data, texts) in self.texts.iter().zip(texts) {
            let variants = match &data.augment {
                Some(options) => augmentation.of(data, options, &texts, observer)?,
                None => Vec::new(),
            };
            all.extend(texts.into_iter().map(Cow::Borrowed));
            all.extend(variants.into_iter().map(Cow::Owned));
        }
        let statistics = augmentation.statistics;
        for [text, variant] in statistics.samples.iter().take(3) {
            observer.note(&format!("{}: `{text}` becomes `{variant}`", job.label));
        }
        Ok((all, statistics))
    }
}

/// Augments the texts of a training.
struct Augmentation<'a> {
    context: &'a RunContext<'a>,
    job: &'a Job<'a>,
    /// Texts of the training, normalised.
    trained_on: HashSet<String>,
    /// What models are validated or evaluated on.
    held_out: HashSet<String>,
    statistics: AugmentationStatistics,
}

impl<'a> Augmentation<'a> {
    /// Of a training on these texts.
    fn new(context: &'a RunContext<'a>, job: &'a Job<'a>, texts: &[Vec<&Text>]) -> Self {
        let held_out = context.corpora.held_out_texts().map(normalise).collect();
        let trained_on = texts.iter().flatten().map(|text| normalise(text)).collect();
        Self { context, job, trained_on, held_out, statistics: AugmentationStatistics::default() }
    }

    /// The variants of some texts of the training, with their labels.
    fn of(
        &mut self,
        data: &TextData,
        options: &AugmentOptions,
        texts: &[&Text],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Text>, RunError> {
        let Self { context, job, .. } = *self;
        let near = neighbours_of(options, job.teacher_name).ok_or_else(|| {
            RunError::Recipe(format!(
                "`{}` augments texts and has no teacher: name one as `teacher` or `model` of `augment`",
                job.stage
            ))
        })?;
        let model = options.model.as_ref().map(|name| context.models.encoder(name)).transpose()?;
        // The recipe's own seed: repetitions train on the same texts.
        let embeddings = context.models.encoder(near)?;
        let model = model.map(|model| EncoderTeacher::clone(&model));
        let augmenter = Augmenter::new(options, EncoderTeacher::clone(&embeddings), model, context.seed)?;
        let records = context.folder.path().join(RECORDS);
        make_folder(context.folder.path(), &records)?;
        let path = records.join(record_name(data, options, near));
        let passages: Vec<Passage> = texts.iter().map(|text| passage(text)).collect();
        observer.task(&format!("{}: texts are augmented", job.label), passages.len(), 0);
        let mut done = 0;
        let varied = augmenter.complete(&path, &passages, &context.ranks, &mut |count| {
            done += count;
            observer.progress(done);
        })?;
        let mut variants = Vec::new();
        let every = (texts.len() / SAMPLES).max(1);
        for (index, (text, varied)) in texts.iter().zip(varied).enumerate() {
            let mut show = index % every == 0 && self.statistics.samples.len() < SAMPLES;
            for Passage { text: first, second } in varied.variants {
                let variant = Text { first, second, ..Text::clone(text) };
                if self.takes(&variant) {
                    if std::mem::take(&mut show) {
                        self.statistics.samples.push([shown(text), shown(&variant)]);
                    }
                    variants.push(variant);
                }
            }
        }
        self.statistics.texts += texts.len();
        observer.finished(&format!(
            "{} of {}, in {}",
            counted(variants.len(), "variant", "variants"),
            counted(texts.len(), "text", "texts"),
            path.display()
        ));
        Ok(variants)
    }

    /// Whether a variant is new, and not among the texts that are held out.
    fn takes(&mut self, variant: &Text) -> bool {
        self.statistics.made += 1;
        let normalised = normalise(variant);
        let reason = if self.held_out.contains(&normalised) {
            "equals a text of a validation or test split"
        } else if !self.trained_on.insert(normalised) {
            "equals another training text"
        } else {
            return true;
        };
        *self.statistics.removed.entry(reason.to_owned()).or_default() += 1;
        false
    }
}

/// The checkpoint whose input embeddings say which words are neighbours.
pub(crate) fn neighbours_of<'o>(
    options: &'o AugmentOptions,
    teacher: Option<&'o At<String>>,
) -> Option<&'o At<String>> {
    options.teacher.as_ref().or(options.model.as_ref()).or(teacher)
}

/// The file of what was made. Stages that augment the same texts in the same way share it.
fn record_name(data: &TextData, options: &AugmentOptions, near: &At<String>) -> String {
    let names: Vec<&str> = data.data.iter().map(|name| name.as_str()).collect();
    let AugmentOptions { variants, candidates, probability, model, stop_words, .. } = options;
    let (fraction, model) = (data.fraction, model.as_ref().map(|model| model.as_str()));
    let words = (near.as_str(), model, stop_words);
    let described = format!("{names:?} {fraction} {variants} {candidates} {probability} {words:?}");
    format!("augmented-{}.jsonl", &blake3::hash(described.as_bytes()).to_hex()[..12])
}

fn passage(text: &Text) -> Passage {
    Passage { text: text.first.clone(), second: text.second.clone() }
}

/// A text without its spacing and capitals.
fn normalise(text: &Text) -> String {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    match &text.second {
        None => plain(&text.first),
        Some(second) => format!("{}\t{}", plain(&text.first), plain(second)),
    }
}

fn shown(text: &Text) -> String {
    match &text.second {
        None => text.first.clone(),
        Some(second) => format!("{} / {second}", text.first),
    }
}
