use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::document::Image;
use crate::outcome::{Latency, Outcome};
use crate::plots::Figure;
use crate::verdict::BaselineComparison;

/// Content of the report of a run. Parts that are empty are left out of the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The name of the recipe.
    pub recipe: String,
    /// What the recipe is for, one paragraph.
    pub description: String,
    /// When the run ended, for instance `2026-11-21`.
    pub date: String,
    /// What an example is called.
    pub examples: Noun,
    /// Which examples the models were evaluated on, for instance `the test split of names.tsv`.
    pub evaluated_on: String,
    /// The result, as in `metrics.json`.
    pub outcome: Outcome,
    /// The comparison of student and baseline; none without a baseline.
    pub comparison: Option<BaselineComparison>,
    /// What each model of the outcome is, by its key.
    pub models: IndexMap<String, String>,
    /// Time for one example: setting (`batch 1`) to model to time.
    pub timings: IndexMap<String, IndexMap<String, Latency>>,
    /// How time was measured, one sentence.
    pub timing_note: Option<String>,
    /// What models of the student's kind are for, one sentence; none where its kind does not say it.
    #[serde(default)]
    pub purpose: Option<String>,
    /// The stages, in order.
    pub stages: Vec<StageSummary>,
    /// The corpora that were read.
    pub corpora: Vec<CorpusReading>,
    /// What the pipeline did, where the teacher is one.
    pub pipeline: Option<PipelineNotes>,
    /// What became of training augmented texts, training by training.
    pub augmentations: Vec<AugmentationNotes>,
    /// Some outputs side by side.
    pub samples: Vec<Sample>,
    /// How many of all examples each group has that samples are chosen of.
    #[serde(default)]
    pub sample_groups: IndexMap<String, u64>,
    /// Some examples with images; not part of the data, since images are large.
    #[serde(skip)]
    pub illustrated_examples: IllustratedExamples,
    /// Figures on quality, shown beside the tables by slice.
    pub quality_figures: Vec<Figure>,
    /// Figures on time.
    pub time_figures: Vec<Figure>,
    /// Figures on training.
    pub training_figures: Vec<Figure>,
    /// Figures of quality against cost, on the first screen.
    pub cost_figures: Vec<Figure>,
    /// What a reader should heed.
    pub warnings: Vec<String>,
    /// Versions, machine, threads: label to value.
    pub environment: IndexMap<String, String>,
}

/// One and many of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noun {
    /// `word`.
    pub one: String,
    /// `words`.
    pub many: String,
}

/// One stage of training with one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StageSummary {
    /// Its name in the recipe.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// How many steps it took.
    pub steps: u64,
    /// How many examples it was trained on.
    pub examples: u64,
    /// Wall time.
    pub seconds: f64,
    /// What it was trained with, by name: data, learning rate, batch and what else matters.
    #[serde(default)]
    pub settings: IndexMap<String, String>,
    /// Each loss term at its end, a mean over the last steps; NaN is written as null.
    #[serde(with = "crate::record::numbers_or_null")]
    pub losses: IndexMap<String, f64>,
    /// The share of each term in the gradient, a mean over the steps at which it was measured; empty for one term.
    pub shares: IndexMap<String, f64>,
    /// What was kept of the teacher's outputs, for instance `412.0 MB kept without loss`; none if it read along.
    #[serde(default)]
    pub teacher_outputs: Option<String>,
    /// The checkpoint that was kept, for instance `step 1,200, cer 13.4 % on validation`.
    pub kept: Option<String>,
}

/// What became of a corpus on reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CorpusReading {
    /// Its name in the recipe.
    pub name: String,
    /// Where it comes from.
    pub source: String,
    /// Its licence, as far as known.
    pub licence: Option<String>,
    /// Rows in its files.
    pub rows: u64,
    /// Rows that were kept.
    pub kept: u64,
    /// Why others were dropped: reason to number of rows.
    pub dropped: IndexMap<String, u64>,
    /// What the kept rows were used for: split to number of rows.
    pub splits: IndexMap<String, u64>,
}

/// What a chain of models did to the inputs it was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PipelineNotes {
    /// What it is, for instance `hi → en → ta, greedy, by one model used twice`.
    pub description: String,
    /// How many inputs it was given.
    pub inputs: u64,
    /// Why outputs were dropped: reason to number of inputs.
    pub dropped: IndexMap<String, u64>,
    /// Some inputs with what the stages made of them.
    pub examples: Vec<PipelineExample>,
}

/// One input on its way through a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PipelineExample {
    /// The input, with the BCP 47 tag of its language.
    pub source: Text,
    /// What the first stages put out, in order.
    pub intermediate: Vec<Text>,
    /// What the last stage put out.
    pub output: Text,
    /// The score of the output, a mean log probability, where it was kept.
    pub score: Option<f64>,
}

/// What became of the texts of a training that were varied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AugmentationNotes {
    /// The training.
    pub training: String,
    /// Texts that were augmented.
    pub texts: u64,
    /// Variants that were made.
    pub made: u64,
    /// Why variants were left out: reason to number of variants.
    pub removed: IndexMap<String, u64>,
    /// Some texts, each with a variant.
    pub examples: Vec<[String; 2]>,
}

/// A text with its language, and what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Text {
    /// The text.
    pub text: String,
    /// The BCP 47 tag of its language, where there is one.
    pub language: Option<String>,
    /// Smaller text after it: the romanised form of a name, the probability of an output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// A small image that it is about or stands for; not part of the data, since images are large.
    #[serde(skip)]
    pub image: Option<Image>,
}

/// One example with what each model made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sample {
    /// Why it is shown, for instance `student wrong, teacher right`; empty where nothing is right or wrong.
    pub group: String,
    /// The slice it belongs to.
    pub slice: String,
    /// The input.
    pub source: Text,
    /// The right answer; none where there is none.
    pub reference: Option<Text>,
    /// The output of each model by its key, in the language of the reference.
    pub outputs: IndexMap<String, Text>,
}

/// Examples with images, under one heading: attention maps of each model, or the images that each retrieved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IllustratedExamples {
    /// The heading.
    pub title: String,
    /// What the images show.
    pub about: String,
    /// The examples; none where there are no images.
    pub examples: Vec<IllustratedExample>,
}

/// An example with the images that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllustratedExample {
    /// The input.
    pub source: String,
    /// The images, each with its caption.
    pub images: Vec<Image>,
}

impl Text {
    /// A text in a language.
    #[must_use]
    pub fn new(text: &str, language: Option<&str>) -> Self {
        Self { text: text.to_string(), language: language.map(ToString::to_string), note: None, image: None }
    }

    /// The same with smaller text after it.
    #[must_use]
    pub fn with_note(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }

    /// The same with a small image.
    #[must_use]
    pub fn with_image(self, image: Option<Image>) -> Self {
        Self { image, ..self }
    }
}
