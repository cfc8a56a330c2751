//! Training embeddings of sentences of one language.

use std::borrow::Borrow;
use std::sync::Arc;

use alambic_data::{Split, Text};
use alambic_inference::EncoderPipeline;
use alambic_losses::Targets;
use alambic_models::architecture::Batch;
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, EncodedText, ModelError, Pass, TapSelection, Tokenizer, Trace};
use alambic_reports::metrics::{Metric, Prediction, PredictionKind};
use alambic_teachers::cache::EncodedTexts;
use alambic_teachers::{Teacher, TeacherError};
use alambic_tensor::candle::{self, Tensor};
use alambic_tensor::device;
use alambic_tensor::principal_components::PrincipalComponents;
use indexmap::{IndexMap, IndexSet};

use super::check::EMBEDDING;
use super::examples::{SentenceExample, single};
use super::options::{SentenceExamples, SentenceTargets, SimilarityData};
use crate::context::RunContext;
use crate::error::RunError;
use crate::evaluation::scored_pairs::cosines;
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::tasks::task::Task;
use crate::training::answers::AnswerOutputs;
use crate::training::encoded::EncodedSplits;
use crate::training::encoded_examples::EncodedExamples;
use crate::training::job::Job;
use crate::training::masking::VALIDATION;
use crate::training::sides::SideRows;
use crate::training::statistics::DatasetStatistics;
use crate::training::supervision::{AnsweredSplits, outputs_over};
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::teacher_outputs::TeacherOutputs;
use crate::training::validation::{validation_loss, validation_value};

/// Examples that are validated together, and texts that a teacher reads together.
const BATCH: usize = 32;

/// Training texts by which a teacher's components are rotated.
const ROTATED: usize = 10_000;

/// Examples of one split, by the places of their texts among those of the split.
struct NumberedExamples {
    texts: Vec<Vec<u32>>,
    /// The score of each; empty where they have none.
    scores: Vec<f32>,
    /// The language of each, where it is known.
    languages: Vec<Option<String>>,
}

/// Sentences, and the student and the teacher that read them.
pub(crate) struct SimilarityTraining<'a> {
    config: &'a Config,

    tokenizer: &'a Tokenizer,
    /// Every text of either split, once.
    splits: EncodedSplits,
    train: NumberedExamples,
    validation: NumberedExamples,
    /// Whether the texts of an example are read under a dropout of their own each.
    repeats: bool,
    taps: Taps,
    outputs: Option<TeacherOutputs<'a>>,
    /// The metric of validation pairs with scores; none where the loss is the metric.
    metric: Option<&'static Metric>,
    statistics: DatasetStatistics,
}

impl<'a> SimilarityTraining<'a> {
    /// Takes the examples of a training, encodes their texts, and has the teacher read them where its outputs are to be cached.
    pub(crate) fn new(
        data: &SimilarityData,
        context: &RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let corpora = &context.corpora;
        let train = data.examples(corpora, Split::Train)?;
        let mut validation = data.examples(corpora, Split::Validation)?.examples;
        subsample(&mut validation, job.train.validation_examples);
        if train.held_out > 0 {
            observer.note(&format!(
                "{}: {} examples are left out, since a text of theirs is in a validation or test split",
                job.label, train.held_out
            ));
        }
        let (mut texts, mut validation_texts) = (distinct(&train.examples), distinct(&validation));
        let taps = job.taps();
        let mut answers = None;
        if let Some(teacher) = job.teacher.and_then(Teacher::answering).filter(|_| !taps.teacher.is_empty()) {
            let asking = context.asking(data.max_length());
            let splits = (texts, validation_texts);
            let asked = AnsweredSplits::ask(job.label, teacher, splits, &asking, observer)?;
            (texts, validation_texts, answers) = (asked.texts, asked.validation, Some(asked.answers));
        }
        let (train, validation) =
            (numbered(&train.examples, &texts), numbered(&validation, &validation_texts));
        let model = (job.config, job.tokenizer);
        let splits = EncodedSplits::new(&texts, validation_texts, data.max_length(), model, job.teacher)?;
        let read = texts.iter().map(Borrow::borrow).chain(&splits.validation_texts);
        let (mut outputs, cached) = outputs_over(job, &taps, &splits, read, answers, observer)?;
        if data.targets_of_teacher() == SentenceTargets::Components {
            outputs = outputs.map(|outputs| components(&outputs, &splits, &taps, job)).transpose()?;
        }
        let has_scores = !validation.scores.is_empty();
        let metric = if has_scores { job.optional_metric(PredictionKind::Number)? } else { None };
        let statistics = DatasetStatistics {
            examples: train.texts.len(),
            labelled: train.scores.len(),
            truncated: splits.examples.truncated(),
            validation: validation.texts.len(),
            cached,
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config: job.config,

            tokenizer: job.tokenizer,
            splits,
            train,
            validation,
            repeats: data.form() == SentenceExamples::Dropout,
            taps,
            outputs,
            metric,
            statistics,
        })
    }

    /// The forward pass over examples of a split. `before` texts of others lie before that split in the teacher's cache.
    fn run(
        &self,
        (examples, encoded, before): (&NumberedExamples, &EncodedExamples, usize),
        batch: &[usize],
        epoch: u64,
        pass: Pass<'_>,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let texts: Vec<&[u32]> = batch.iter().map(|&index| examples.texts[index].as_slice()).collect();
        let sides = texts.first().map_or(0, |texts| texts.len());
        let rows = SideRows::new(&texts, self.repeats);
        let read: Vec<usize> =
            rows.read.iter().map(|&(example, side)| texts[example][side] as usize).collect();
        let inputs = encoded.batch(&read, epoch)?;
        let network = self.config.build(context.weights)?;
        let input = Batch { text: Some(inputs.own), ..Batch::default() };
        let student = network.forward(&input, pass, self.taps.of_student())?;
        let cached: Vec<usize> = read.iter().map(|text| before + text).collect();
        let teacher = self.outputs.as_ref().map(|outputs| {
            Ok::<_, RunError>(rows.spread(outputs.trace(&cached, &inputs.other, &self.taps)?)?)
        });
        let scores = batch.iter().filter_map(|&index| examples.scores.get(index).copied());
        Ok(ForwardOutputs {
            student: rows.spread(student)?,
            teacher: teacher.transpose()?,
            targets: Targets {
                numbers: Arc::new(scores.collect()),
                texts: Arc::new(rows.numbers),
                texts_per_example: sides,
                ..Targets::default()
            },
        })
    }
}

impl TrainingTask for SimilarityTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)> {
        let lengths = self.splits.examples.lengths(epoch);
        let longest = |texts: &Vec<u32>| texts.iter().map(|&text| lengths[text as usize].0).max();
        self.train.texts.iter().map(|texts| (longest(texts).unwrap_or(0), 0)).collect()
    }

    fn languages(&self) -> Option<Vec<&str>> {
        self.train.languages.iter().map(Option::as_deref).collect()
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let part = (&self.train, &self.splits.examples, 0);
        self.run(part, batch, epoch, Pass::Train(context.dropout), context)
    }

    fn primary_metric(&self) -> PrimaryMetric {
        self.metric.map_or(PrimaryMetric::LOSS, PrimaryMetric::from)
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let Some(metric) = self.metric else {
            let part = (&self.validation, &self.splits.validation, self.splits.examples.count());
            return validation_loss(self.validation.texts.len(), BATCH, context, |batch| {
                self.run(part, batch, VALIDATION, Pass::Evaluate, context)
            });
        };
        let network = Arc::from(self.config.build(context.weights)?);
        let pipeline = EncoderPipeline::new(self.config, network, self.tokenizer, self.splits.max_length)?;
        let text = |number: u32| self.splits.validation_texts[number as usize].first.as_str();
        let pairs: Vec<(&str, &str)> =
            self.validation.texts.iter().map(|texts| (text(texts[0]), text(texts[1]))).collect();
        let predictions = cosines(&pipeline, &pairs, None)?;
        let references: Vec<Prediction> =
            self.validation.scores.iter().copied().map(Prediction::number).collect();
        // What has no value, as a correlation of cosines that are all the same, is no better than any other.
        Ok(validation_value(metric, &predictions, &references, &[])?.unwrap_or(-1.0))
    }
}

/// The principal components over the training texts of a teacher's embeddings, as many as the student's have numbers, rotated towards
/// those of the untrained student: else the student would have to learn a rotation, of which the vectors of rare tokens see little.
fn components<'a>(
    outputs: &TeacherOutputs<'_>,
    splits: &EncodedSplits,
    taps: &Taps,
    job: &Job<'_>,
) -> Result<TeacherOutputs<'a>, RunError> {
    let EncodedTexts { texts, padding } = splits.read_by_teacher();
    let of_teacher = |batch: &[usize]| -> Result<Trace, RunError> {
        let read: Vec<&EncodedText> = batch.iter().map(|&place| texts[place]).collect();
        outputs.trace(batch, &TextInput::pad(&read, padding), taps)
    };
    let places: Vec<usize> = (0..texts.len()).collect();
    let teacher = embeddings(&places, |place| texts[place].ids.len(), of_teacher)?;
    let network = job.config.build(job.initial)?;
    let of_student = |batch: &[usize]| -> Result<Trace, RunError> {
        let input = Batch { text: Some(splits.examples.batch(batch, 0)?.own), ..Batch::default() };
        Ok(network.forward(&input, Pass::Evaluate, TapSelection::named([EMBEDDING]))?)
    };
    let training = splits.examples.count();
    let some: Vec<usize> = (0..training).step_by(training.div_ceil(ROTATED).max(1)).collect();
    let student = embeddings(&some, |place| texts[place].ids.len(), of_student)?;
    let reduced = || -> candle::Result<Vec<Vec<f32>>> {
        let width = student.dim(1)?.min(teacher.dim(1)?);
        let mut components = PrincipalComponents::of(&teacher.narrow(0, 0, training)?, width)?;
        if student.dim(1)? == width {
            let places: Vec<u32> = some.iter().map(|&place| place as u32).collect();
            let coordinates =
                components.apply(&teacher.index_select(&Tensor::new(places, teacher.device())?, 0)?)?;
            components = components.rotated_towards(&coordinates, &student)?;
        }
        components.apply(&teacher)?.to_vec2()
    };
    Ok(TeacherOutputs::Answered(AnswerOutputs::of_vectors(reduced().map_err(ModelError::from)?)))
}

/// The embeddings `[texts, width]` of texts by their places, those of about one length being read together.
fn embeddings(
    places: &[usize],
    length: impl Fn(usize) -> usize,
    read: impl Fn(&[usize]) -> Result<Trace, RunError>,
) -> Result<Tensor, RunError> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|&index| length(places[index]));
    let mut vectors = vec![Vec::new(); places.len()];
    for batch in order.chunks(BATCH) {
        let trace = read(&batch.iter().map(|&index| places[index]).collect::<Vec<_>>())?;
        let found = trace.get(EMBEDDING).ok_or_else(|| TeacherError::MissingTap(EMBEDDING.to_owned()))?;
        for (&index, vector) in batch.iter().zip(found.to_vec2::<f32>().map_err(ModelError::from)?) {
            vectors[index] = vector;
        }
    }
    Ok(Tensor::new(vectors, device::current()).map_err(ModelError::from)?)
}

/// The texts of examples, each once.
fn distinct(examples: &[SentenceExample<'_>]) -> Vec<Text> {
    let texts: IndexSet<&str> = examples.iter().flat_map(|example| &example.texts).copied().collect();
    texts.into_iter().map(single).collect()
}

/// Examples by the places of their texts; those of which a text is not there are left out.
fn numbered(examples: &[SentenceExample<'_>], texts: &[Text]) -> NumberedExamples {
    let places: IndexMap<&str, u32> =
        texts.iter().zip(0..).map(|(text, place)| (text.first.as_str(), place)).collect();
    let mut numbered = NumberedExamples { texts: Vec::new(), scores: Vec::new(), languages: Vec::new() };
    for example in examples {
        let texts: Option<Vec<u32>> = example.texts.iter().map(|text| places.get(text).copied()).collect();
        if let Some(texts) = texts {
            numbered.texts.push(texts);
            numbered.scores.extend(example.score);
            numbered.languages.push(example.language.map(str::to_owned));
        }
    }
    numbered
}
