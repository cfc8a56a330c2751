//! What a run would do, as it is planned.

use alambic_losses::ScheduledValue;
use alambic_reports::outcome::{BASELINE, UPPER_BOUND};
use alambic_settings::{Diagnostics, IndexMap};
use serde::{Serialize, Serializer};

use crate::check::counts::Count;
use crate::names::SEED;

/// Serializes counts as an object by sort.
fn by_sort<S: Serializer>(counts: &[Count], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|own| (own.sort.key, own.json())))
}

/// Serializes the counts of an evaluation.
fn of_evaluation<S: Serializer>(counts: &[Count], serializer: S) -> Result<S::Ok, S::Error> {
    let key = |own: &Count| {
        if own.by_direction.is_empty() {
            format!("evaluation-{}", own.sort.key)
        } else {
            "evaluation".to_owned()
        }
    };
    serializer.collect_map(counts.iter().map(|own| (key(own), own.json())))
}

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// Name of the recipe.
    pub recipe: String,
    /// The seeds that student and baseline are trained with.
    pub seeds: Vec<u64>,
    /// The corpora by name.
    pub corpora: IndexMap<String, PlannedCorpus>,
    /// The stages in order.
    pub stages: Vec<PlannedStage>,
    /// The baseline, if one is trained.
    pub baseline: Option<PlannedBaseline>,
    /// The upper bound, if one is trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper_bound: Option<PlannedBaseline>,
    /// Examples to evaluate on: `evaluation` by direction, `evaluation-SORT` of others.
    #[serde(flatten, serialize_with = "of_evaluation")]
    pub evaluation: Vec<Count>,
    /// Most bytes of checkpoints and finished models at any time.
    pub checkpoint_bytes: u64,
    /// Warnings of [`crate::check()`].
    #[serde(skip)]
    pub warnings: Diagnostics,
}

/// A corpus and its splits, in entries.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedCorpus {
    /// The files.
    pub source: String,
    /// Rows read.
    pub rows: usize,
    /// Dropped ones by reason, before the corpus was split.
    pub dropped: IndexMap<String, usize>,
    /// How files were read, where their names do not say so.
    pub notes: Vec<String>,
    /// Languages.
    pub languages: Vec<String>,
    /// Entries to train on.
    pub train: usize,
    /// Entries to choose checkpoints on.
    pub validation: usize,
    /// Entries to report on.
    pub test: usize,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedStage {
    /// Its name.
    pub name: String,
    /// The student that it trains.
    pub student: PlannedModel,
    /// Its teacher.
    pub teacher: Option<PlannedTeacher>,
    /// Examples to train on, by their sort.
    #[serde(serialize_with = "by_sort")]
    pub examples: Vec<Count>,
    /// Examples of the validation split, of which at most `validation-examples` are used.
    pub validation: usize,
    /// Steps and batches.
    pub training: PlannedTraining,
    /// The choice of a part of the weights, where the stage makes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse: Option<PlannedSparse>,
    /// The stage whose choice of weights it keeps to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masked_by: Option<String>,
    /// Loss terms.
    pub losses: Vec<PlannedLoss>,
    /// Texts that models read of an example: of a question with choices its prompt with each of them.
    pub texts_per_example: f64,
    /// Texts that are written by teachers before the training, and recorded: for training and validation.
    pub teacher_outputs: usize,
    /// Size on disk of the teacher's outputs over the stage's texts, where losses read any.
    pub cache: Option<PlannedCache>,
}

impl PlannedStage {
    /// Names of the stage's trainings, in their order: one, or one a round.
    #[must_use]
    pub fn trainings(&self) -> Vec<&str> {
        match &self.sparse {
            Some(sparse) => sparse.trainings.iter().map(String::as_str).collect(),
            None => vec![&self.name],
        }
    }
}

/// A teacher's outputs over the texts of a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedCache {
    /// Texts, those of the validation included.
    pub texts: usize,
    /// About how many bytes they take up, by the lengths of some texts.
    pub bytes: u64,
    /// Whether they are to be cached.
    pub cached: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// A model to be trained.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedModel {
    /// Its name among the recipe's students.
    pub name: String,
    /// The kind, such as `encoder-decoder` or `encoder-layers`, or `stage NAME` where it goes on from an earlier stage.
    pub start: String,
    /// Layers of the encoder.
    pub encoder_layers: usize,
    /// Layers of the decoder; 0 for a model that reads alone.
    pub decoder_layers: usize,
    /// Width of hidden states.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Inner width of the encoder's feed-forward layers.
    pub feed_forward: usize,
    /// Tokens of its vocabulary.
    pub vocabulary: usize,
    /// Parameters.
    pub parameters: usize,
}

/// A teacher.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedTeacher {
    /// Its name among the recipe's teachers.
    pub name: String,
    /// `checkpoint`, `pipeline`, `recorded`, `endpoint` or `ensemble`.
    pub kind: String,
    /// Each step: model, and the language that it writes; none where the kind has no steps.
    pub steps: Vec<(String, Option<String>)>,
    /// Parameters, a model used twice counting once; none where they are not known.
    pub parameters: Option<usize>,
    /// What a model behind an API has still to be asked, for all stages and the evaluation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<PlannedRequests>,
}

/// Requests to a model behind an API.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedRequests {
    /// Texts.
    pub texts: usize,
    /// Requests, without repetitions.
    pub requests: usize,
    /// Tokens of prompts, roughly.
    pub prompt_tokens: u64,
    /// Tokens of answers, roughly.
    pub answer_tokens: u64,
}

/// The choice of a part of a student's weights.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedSparse {
    /// `magnitude`, `change` or `random`.
    pub kind: String,
    /// Weights among which some are chosen.
    pub weights: usize,
    /// Weights that are left after each round of pruning, or that are chosen in the end.
    pub trained: Vec<usize>,
    /// The trainings of the stage in their order, as observers hear them.
    pub trainings: Vec<String>,
}

/// Steps and batches of a training.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedTraining {
    /// Steps of the optimiser at most.
    pub steps: usize,
    /// Whether that is the exact number: not where a teacher may drop examples, or batches are limited by tokens.
    pub exact: bool,
    /// Examples in a batch.
    pub batch: usize,
    /// Batches whose gradients are added up for a step.
    pub gradient_accumulation: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// The schedule.
    pub schedule: String,
}

/// One loss term, bound to student and teacher.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedLoss {
    /// The method.
    pub name: String,
    /// Its weight.
    pub weight: ScheduledValue,
    /// What else of it changes over the steps, by the key of the option.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub schedules: IndexMap<String, ScheduledValue>,
    /// Taps of the student with their shapes.
    pub student: IndexMap<String, String>,
    /// Taps of the teacher with their shapes.
    pub teacher: IndexMap<String, String>,
    /// The projections that are trained along: name, inputs and outputs of each.
    pub projections: Vec<(String, usize, usize)>,
}

/// The student without a teacher.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedBaseline {
    /// Examples to train on, by their sort.
    #[serde(serialize_with = "by_sort")]
    pub examples: Vec<Count>,
    /// Steps: those of all stages that train the student.
    pub steps: usize,
    /// How many are trained for each seed: two where the student takes weights over.
    pub models: usize,
    /// Their names, as observers hear them.
    #[serde(skip)]
    pub names: Vec<&'static str>,
}

/// A training with about how much work it is.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedWork {
    /// Its name, as observers hear it.
    pub name: String,
    /// Name of its student: a unit of work takes different models different times.
    pub student: String,
    /// Steps, at most.
    pub steps: usize,
    /// Number that grows as the time of all steps does: examples times parameters, a pass backward counting as two forward.
    pub work: f64,
}

impl Plan {
    /// All trainings in the order in which they run, each as often as there are seeds for it.
    #[must_use]
    pub fn trainings(&self) -> Vec<PlannedWork> {
        let Some(last) = self.stages.last() else { return Vec::new() };
        let work = |name: &str, stage: &PlannedStage, steps: usize, has_teacher: bool| {
            let training = &stage.training;
            let examples = (steps * training.batch * training.gradient_accumulation) as f64;
            let is_live = has_teacher && !stage.cache.as_ref().is_some_and(|cache| cache.cached);
            let reads_teacher = stage.losses.iter().any(|loss| !loss.teacher.is_empty());
            let teacher = stage.teacher.as_ref().filter(|_| is_live && reads_teacher);
            let teacher = teacher.and_then(|teacher| teacher.parameters).unwrap_or_default();
            let parameters = 3 * stage.student.parameters + teacher;
            let texts = examples * stage.texts_per_example;
            PlannedWork {
                name: name.to_owned(),
                student: stage.student.name.clone(),
                steps,
                work: texts * parameters as f64,
            }
        };
        let stage = |suffix: String| {
            move |own: &PlannedStage| {
                let names = own.trainings();
                let work = |name| work(&format!("{name}{suffix}"), own, own.training.steps, true);
                names.into_iter().map(work).collect::<Vec<_>>()
            }
        };
        let mut trainings: Vec<PlannedWork> = self.stages.iter().flat_map(stage(String::new())).collect();
        let own = || self.stages.iter().filter(|own| own.student.name == last.student.name);
        for seed in self.seeds.iter().skip(1) {
            trainings.extend(own().flat_map(stage(format!("{SEED}{seed}"))));
        }
        for (_, baseline) in self.baselines() {
            for name in &baseline.names {
                for (index, seed) in self.seeds.iter().enumerate() {
                    let name = if index == 0 { (*name).to_owned() } else { format!("{name}{SEED}{seed}") };
                    trainings.push(work(&name, last, baseline.steps, false));
                }
            }
        }
        trainings
    }

    /// The baseline and the upper bound by the name of their table.
    pub fn baselines(&self) -> impl Iterator<Item = (&'static str, &PlannedBaseline)> {
        let both = [(BASELINE, &self.baseline), (UPPER_BOUND, &self.upper_bound)];
        both.into_iter().filter_map(|(name, planned)| Some((name, planned.as_ref()?)))
    }
}
