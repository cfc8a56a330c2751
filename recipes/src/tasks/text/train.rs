//! Training a model that reads texts.

use std::borrow::Borrow;

use alambic_data::{Label, Split, Text};
use alambic_inference::EncoderPipeline;
use alambic_models::architecture::{Architecture, Batch};
use alambic_models::{Config, Pass, TapSelection, Tokenizer};
use alambic_ranks::in_turns;
use alambic_reports::metrics::{Direction, Metric, Prediction, TaskDescription};
use alambic_teachers::Teacher;
use alambic_tensor::ops::{CrossEntropy, cross_entropy};

use super::labels::{kind_of, predict, reference};
use super::options::TextsData;
use crate::context::RunContext;
use crate::error::RunError;
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::tasks::task::Task;
use crate::training::encoded::EncodedSplits;
use crate::training::encoded_examples::{EncodedExamples, LabelledTokens, TextBatch};
use crate::training::job::Job;
use crate::training::masking::{Masking, VALIDATION};
use crate::training::statistics::DatasetStatistics;
use crate::training::supervision::{AnsweredSplits, outputs_over};
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::teacher_outputs::TeacherOutputs;
use crate::training::validation::{validation_loss, validation_value};

/// Texts that are validated together.
const BATCH: usize = 32;

/// Texts, and the student and the teacher that read them.
pub(crate) struct TextTraining<'a> {
    config: &'a Config,
    labels: &'a [String],
    tokenizer: &'a Tokenizer,
    splits: EncodedSplits,
    taps: Taps,
    /// The teacher's outputs; none without a teacher, or where no loss reads them.
    outputs: Option<TeacherOutputs<'a>>,
    /// The metric of the student's predictions; none where no loss trains them, and the loss is the metric.
    metric: Option<&'static Metric>,
    /// Whether masked tokens are predicted, and the metric is perplexity.
    is_masked: bool,
    statistics: DatasetStatistics,
}

impl<'a> TextTraining<'a> {
    /// Takes the texts of a training, encodes them, and has the teacher read them where its outputs are to be cached.
    pub(crate) fn new(
        data: &TextsData,
        context: &RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (config, labels) = (job.config, job.config.require_text_head()?.labels);
        let (mut texts, augmentation) =
            data.augmented(context, job, data.selected(&context.corpora, Split::Train)?, observer)?;
        let mut validation = data.selected(&context.corpora, Split::Validation)?.concat();
        subsample(&mut validation, job.train.validation_examples);
        let taps = job.taps();
        let answering = job.teacher.and_then(Teacher::answering).filter(|_| !taps.teacher.is_empty());
        let mut answers = None;
        if let Some(teacher) = answering {
            let asking = context.asking(data.max_length());
            let asked = AnsweredSplits::ask(job.label, teacher, (texts, validation), &asking, observer)?;
            (texts, validation, answers) = (asked.texts, asked.validation, Some(asked.answers));
        }
        let validation: Vec<Text> = validation.into_iter().cloned().collect();
        let model = (job.config, job.tokenizer);
        let tokens = if data.labels_all_tokens() { LabelledTokens::All } else { LabelledTokens::First };
        let mut splits =
            EncodedSplits::labelled(&texts, validation, data.max_length(), model, job.teacher, tokens)?;
        let is_mixed = texts.iter().any(|text| text.mixer.is_some());
        if is_mixed && answers.is_some() {
            return Err(RunError::Recipe(format!(
                "the teacher of `{}` is asked about texts before the training, and they are mixed in every epoch: leave `mixing` out",
                job.label
            )));
        }
        splits.mix(&texts, job.seed);
        if let Some(options) = data.texts.iter().find_map(|options| options.mask.as_ref()) {
            let masking = Masking::new(options, job.tokenizer, job.seed)?;
            let left_out = splits.mask(&masking).ok_or_else(|| {
                RunError::Recipe(format!(
                    "`{}` masks tokens, and its teacher has another vocabulary than its student",
                    job.label
                ))
            })?;
            if left_out > 0 {
                observer
                    .note(&format!("{}: {left_out} texts without a token to mask are left out", job.label));
            }
        }
        let is_masked = data.is_masked();
        let live = job.teacher.filter(|_| !taps.teacher.is_empty() && (is_masked || is_mixed));
        let (outputs, cached) = if let Some(teacher) = live {
            // What is masked or mixed anew in every epoch is never read twice.
            (Some(TeacherOutputs::Live(teacher)), None)
        } else {
            let read = texts.iter().map(Borrow::borrow).chain(&splits.validation_texts);
            outputs_over(job, &taps, &splits, read, answers, observer)?
        };
        // Where no term trains the head, its predictions say nothing of what is learnt.
        let predicts = taps.student.iter().any(|tap| tap == "logits");
        let kind = kind_of(context.corpora.labels(&data.names())?);
        let is_labelled = splits.validation_texts.iter().any(|text| text.label != Label::None);
        let metric = if predicts && !is_masked && is_labelled {
            job.optional_metric(TaskDescription::new(kind, labels))?
        } else {
            None
        };
        let statistics = DatasetStatistics {
            examples: splits.examples.count(),
            labelled: splits.examples.labelled(),
            truncated: splits.examples.truncated(),
            validation: splits.validation.count(),
            cached,
            augmentation,
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config,
            labels,
            tokenizer: job.tokenizer,
            splits,
            taps,
            outputs,
            metric,
            is_masked: predicts && is_masked,
            statistics,
        })
    }

    /// The forward pass over texts of a split. `before` texts of others lie before that split in the teacher's cache.
    fn run(
        &self,
        (examples, before): (&EncodedExamples, usize),
        batch: &[usize],
        epoch: u64,
        pass: Pass<'_>,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let rows: Vec<usize> = batch.iter().map(|index| before + index).collect();
        let batch = examples.batch(batch, epoch)?;
        let model = self.config.build(context.weights)?;
        let wanted = self.taps.of_student();
        let trace = |outputs: &TeacherOutputs<'_>| outputs.trace(&rows, &batch.other, &self.taps);
        let teacher = self.outputs.as_ref().map(trace).transpose()?;
        Ok(ForwardOutputs {
            student: model.forward(&Batch::of_texts(batch.own), pass, wanted)?,
            teacher,
            targets: batch.targets,
        })
    }

    /// The weighted sum of the terms over the validation split.
    fn validation_loss(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let part = (&self.splits.validation, self.splits.examples.count());
        validation_loss(part.0.count(), BATCH, context, |batch| {
            self.run(part, batch, VALIDATION, Pass::Evaluate, context)
        })
    }
}

impl TrainingTask for TextTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)> {
        self.splits.examples.lengths(epoch)
    }

    fn languages(&self) -> Option<Vec<&str>> {
        self.splits.examples.languages()
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        self.run((&self.splits.examples, 0), batch, epoch, Pass::Train(context.dropout), context)
    }

    fn primary_metric(&self) -> PrimaryMetric {
        match self.metric {
            Some(metric) => metric.into(),
            None if self.is_masked => PrimaryMetric { name: "perplexity", direction: Direction::Lower },
            None => PrimaryMetric::LOSS,
        }
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        if self.is_masked {
            return perplexity(&*self.config.build(context.weights)?, &self.splits.validation);
        }
        let Some(metric) = self.metric else { return self.validation_loss(context) };
        let pipeline = EncoderPipeline::new(
            self.config,
            self.config.build(context.weights)?.into(),
            self.tokenizer,
            self.splits.max_length,
        )?;
        let is_labelled = |text: &&Text| text.label != Label::None;
        let texts: Vec<&Text> = self.splits.validation_texts.iter().filter(is_labelled).collect();
        let references: Vec<Prediction> = texts.iter().map(|text| reference(text, self.labels)).collect();
        let predictions = predict(&pipeline, &texts)?;
        let value = validation_value(metric, &predictions, &references, self.labels)?;
        // What has no value, as a correlation of predictions that are all the same, is no better than any other.
        Ok(value.unwrap_or(match metric.direction {
            Direction::Lower => f64::MAX,
            Direction::Higher => -1.0,
        }))
    }
}

/// The perplexity of a model over masked texts: `exp(-1/N Σ log p)` over the N tokens that were chosen.
fn perplexity(model: &dyn Architecture, texts: &EncodedExamples) -> Result<f64, RunError> {
    let indices: Vec<usize> = (0..texts.count()).collect();
    let parts = in_turns(indices.chunks(BATCH), |batch| {
        let TextBatch { own, targets, .. } = texts.batch(batch, VALIDATION)?;
        let trace = model.forward(&Batch::of_texts(own), Pass::Evaluate, TapSelection::named(["logits"]))?;
        let Some(logits) = trace.get("logits") else { return Ok((0.0, 0.0)) };
        let count: f32 = targets.labelled.iter().sum();
        let settings = CrossEntropy { targets: targets.classes, weights: targets.labelled, smoothing: 0.0 };
        let mean = f64::from(cross_entropy(logits, settings)?.to_scalar::<f32>()?);
        Ok::<_, RunError>((mean * f64::from(count), f64::from(count)))
    })?;
    let (mut total, mut tokens) = (0.0, 0.0);
    for (sum, count) in parts {
        total += sum;
        tokens += count;
    }
    Ok((total / tokens.max(1.0)).exp())
}
