//! Training texts varied with the help of a model.

use std::borrow::Cow;
use std::collections::HashSet;

use alambic_data::Text;
use alambic_reports::numbers::counted;
use alambic_settings::At;
use alambic_teachers::{AugmentOptions, Augmenter, Passage};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::observer::Observer;
use crate::run::RunError;
use crate::run::folder::layout::{RECORDS, make_folder};
use crate::run::stage::Job;
use crate::run::workshop::Workshop;
use crate::schema::{Recipe, TextData};

/// Texts that are shown with a variant.
const SAMPLES: usize = 12;

/// What became of texts that were varied, for the report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Augmented {
    /// Texts that were varied.
    pub(crate) texts: usize,
    /// Variants that were made, those left out included.
    pub(crate) made: usize,
    /// How many variants were left out, by reason.
    pub(crate) removed: IndexMap<String, usize>,
    /// Some texts, each with a variant.
    pub(crate) samples: Vec<[String; 2]>,
}

/// The texts of a training, those of each table of its data given by themselves, with the variants that the data ask for.
pub(super) fn vary<'t>(
    workshop: &Workshop<'_>,
    job: &Job<'_>,
    texts: Vec<Vec<&'t Text>>,
    observer: &mut dyn Observer,
) -> Result<(Vec<Cow<'t, Text>>, Augmented), RunError> {
    if job.data.texts.iter().all(|data| data.augment.is_none()) {
        return Ok((texts.into_iter().flatten().map(Cow::Borrowed).collect(), Augmented::default()));
    }
    let mut variation = Variation::new(workshop, job, &texts);
    let mut all = Vec::new();
    for (data, texts) in job.data.texts.iter().zip(texts) {
        let variants = match &data.augment {
            Some(options) => variation.of(data, options, &texts, observer)?,
            None => Vec::new(),
        };
        all.extend(texts.into_iter().map(Cow::Borrowed));
        all.extend(variants.into_iter().map(Cow::Owned));
    }
    let augmented = variation.augmented;
    for [text, variant] in augmented.samples.iter().take(3) {
        observer.note(&format!("{}: `{text}` becomes `{variant}`", job.label));
    }
    Ok((all, augmented))
}

/// Varies the texts of a training.
struct Variation<'a> {
    workshop: &'a Workshop<'a>,
    job: &'a Job<'a>,
    /// What the training's texts say already.
    trained_on: HashSet<String>,
    /// What models are validated or judged on.
    held_out: HashSet<String>,
    augmented: Augmented,
}

impl<'a> Variation<'a> {
    /// Of a training on these texts.
    fn new(workshop: &'a Workshop<'a>, job: &'a Job<'a>, texts: &[Vec<&Text>]) -> Self {
        let held_out = workshop.corpora.held_out_texts().map(said).collect();
        let trained_on = texts.iter().flatten().map(|text| said(text)).collect();
        Self { workshop, job, trained_on, held_out, augmented: Augmented::default() }
    }

    /// The variants of some texts of the training, with their labels.
    fn of(
        &mut self,
        data: &TextData,
        options: &AugmentOptions,
        texts: &[&Text],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Text>, RunError> {
        let Self { workshop, job, .. } = *self;
        let teacher = job.teacher.and_then(|_| workshop.recipe.stage.get(job.stage)?.teacher.as_ref());
        let near = neighbours_of(options, teacher).ok_or_else(|| {
            RunError::Recipe(format!(
                "`{}` varies texts and has no teacher: name one as `teacher` or `model` of `augment`",
                job.stage
            ))
        })?;
        let model = options.model.as_ref().map(|name| workshop.encoder(name)).transpose()?;
        // The recipe's own seed: repetitions train on the same texts.
        let augmenter = Augmenter::new(options, workshop.encoder(near)?, model, workshop.recipe.seed)?;
        let records = workshop.folder.join(RECORDS);
        make_folder(&workshop.folder, &records)?;
        let path = records.join(record_name(workshop.recipe, data, options, near));
        let passages: Vec<Passage> = texts.iter().map(|text| passage(text)).collect();
        observer.task(&format!("{}: texts are varied", job.label), passages.len(), 0);
        let mut done = 0;
        let varied = augmenter.complete(&path, &passages, &mut |count| {
            done += count;
            observer.progress(done);
        })?;
        let mut variants = Vec::new();
        let every = (texts.len() / SAMPLES).max(1);
        for (index, (text, varied)) in texts.iter().zip(varied).enumerate() {
            let mut show = index % every == 0 && self.augmented.samples.len() < SAMPLES;
            for Passage { text: first, second } in varied.variants {
                let variant = Text { first, second, ..Text::clone(text) };
                if self.takes(&variant) {
                    if std::mem::take(&mut show) {
                        self.augmented.samples.push([shown(text), shown(&variant)]);
                    }
                    variants.push(variant);
                }
            }
        }
        self.augmented.texts += texts.len();
        observer.finished(&format!(
            "{} of {}, in {}",
            counted(variants.len(), "variant", "variants"),
            counted(texts.len(), "text", "texts"),
            path.display()
        ));
        Ok(variants)
    }

    /// Whether a variant says something new, and nothing that is held out.
    fn takes(&mut self, variant: &Text) -> bool {
        self.augmented.made += 1;
        let said = said(variant);
        let reason = if self.held_out.contains(&said) {
            "says the same as a text of a validation or test part"
        } else if !self.trained_on.insert(said) {
            "says the same as another training text"
        } else {
            return true;
        };
        *self.augmented.removed.entry(reason.to_owned()).or_default() += 1;
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

/// The file of what was made: that of the first stage that varies the same texts in the same way, so that stages that
/// follow one another share it.
fn record_name(recipe: &Recipe, data: &TextData, options: &AugmentOptions, near: &At<String>) -> String {
    for (stage, table) in recipe.stages.iter().filter_map(|name| Some((name, recipe.stage.get(&name.value)?)))
    {
        for (index, other) in table.data.texts.iter().enumerate() {
            let Some(augment) = &other.augment else { continue };
            let same_texts = other.data == data.data && other.fraction == data.fraction;
            let same_words = neighbours_of(augment, table.teacher.as_ref()) == Some(near);
            let named = AugmentOptions { teacher: options.teacher.clone(), ..augment.clone() };
            if same_texts && same_words && named == *options {
                return format!("{}.varied-{index}.jsonl", stage.value);
            }
        }
    }
    let index = recipe.baseline.iter().flat_map(|own| own.data.texts.iter()).position(|own| own == data);
    format!("baseline.varied-{}.jsonl", index.unwrap_or_default())
}

fn passage(text: &Text) -> Passage {
    Passage { text: text.first.clone(), second: text.second.clone() }
}

/// What a text says, however it is spaced and capitalised.
fn said(text: &Text) -> String {
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
