//! Training a model that chooses.

use alambic_data::{ChoiceQuestion, Split, Text};
use alambic_inference::MultipleChoicePipeline;
use alambic_models::architecture::Batch;
use alambic_models::{Config, Pass, Tokenizer};
use alambic_reports::metrics::{Metric, Prediction};
use alambic_teachers::Teacher;

use super::options::ChoicesData;
use super::questions::{QuestionRows, description, predict, reference};
use crate::context::RunContext;
use crate::error::RunError;
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::tasks::task::Task;
use crate::training::encoded::EncodedSplits;
use crate::training::encoded_examples::{EncodedExamples, TextBatch};
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;
use crate::training::supervision::{AnsweredSplits, outputs_over};
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::teacher_outputs::TeacherOutputs;
use crate::training::validation::{defined_value, validation_loss};

/// Questions that are validated together.
const BATCH: usize = 16;

/// The epoch of what no epoch changes.
const ANY_EPOCH: u64 = 0;

/// Questions with choices, and the student and the teacher that score the choices.
pub(crate) struct ChoiceTraining<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    train: QuestionRows<'a>,
    validation: QuestionRows<'a>,
    /// The pairs of both splits in tokens.
    splits: EncodedSplits,
    taps: Taps,
    /// The teacher's outputs over pairs; none without a teacher, or where no loss reads them.
    outputs: Option<TeacherOutputs<'a>>,
    /// The metric of the student's choices; none where no loss trains them, and the loss is the metric.
    metric: Option<&'static Metric>,
    statistics: DatasetStatistics,
}

impl<'a> ChoiceTraining<'a> {
    /// Takes the questions of a training, encodes their pairs, and has the teacher read them where its outputs are to be cached.
    pub(crate) fn new(
        data: &ChoicesData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let mut questions = data.selected(&context.corpora, Split::Train)?;
        let mut validation = data.selected(&context.corpora, Split::Validation)?;
        subsample(&mut validation, job.train.validation_examples);
        let taps = job.taps();
        let answering = job.teacher.and_then(Teacher::answering).filter(|_| !taps.teacher.is_empty());
        let mut answers = None;
        if let Some(teacher) = answering {
            let asking = context.asking(data.max_length());
            let asked = AnsweredSplits::ask(job.label, teacher, (questions, validation), &asking, observer)?;
            (questions, validation, answers) = (asked.texts, asked.validation, Some(asked.answers));
        }
        let (train, validation) = (QuestionRows::new(questions), QuestionRows::new(validation));
        let texts = train.texts();
        let validation_texts: Vec<Text> = validation.texts().into_iter().cloned().collect();
        let model = (job.config, job.tokenizer);
        let splits = EncodedSplits::new(&texts, validation_texts, data.max_length(), model, job.teacher)?;
        let read = texts.iter().copied().chain(&splits.validation_texts);
        let (outputs, cached) = outputs_over(job, &taps, &splits, read, answers, observer)?;
        let predicts = taps.student.iter().any(|tap| tap == "logits");
        let is_labelled = validation.questions().iter().any(|question| question.label.is_some());
        let metric = if predicts && is_labelled { job.optional_metric(description())? } else { None };
        let are_truncated: Vec<usize> = splits.examples.are_truncated().map(usize::from).collect();
        let statistics = DatasetStatistics {
            examples: train.questions().len(),
            labelled: train.questions().iter().filter(|question| question.label.is_some()).count(),
            truncated: train.most(&are_truncated).into_iter().sum(),
            validation: validation.questions().len(),
            cached,
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config: job.config,
            tokenizer: job.tokenizer,
            train,
            validation,
            splits,
            taps,
            outputs,
            metric,
            statistics,
        })
    }

    /// The forward pass over questions of a split. `before` pairs of others lie before those of the split in the teacher's cache.
    fn run(
        &self,
        (questions, examples, before): (&QuestionRows<'_>, &EncodedExamples, usize),
        batch: &[usize],
        pass: Pass<'_>,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let batch = questions.batch(batch);
        let TextBatch { own, other, .. } = examples.batch(&batch.rows, ANY_EPOCH)?;
        let teacher = match &self.outputs {
            None => None,
            Some(outputs) => {
                let rows: Vec<usize> = batch.rows.iter().map(|row| before + row).collect();
                Some(batch.by_question(outputs.trace(&rows, &other, &self.taps)?)?)
            }
        };
        let model = self.config.build(context.weights)?;
        let student = model.forward(&Batch::of_texts(own), pass, self.taps.of_student())?;
        Ok(ForwardOutputs { student: batch.by_question(student)?, teacher, targets: batch.targets() })
    }

    /// The weighted sum of the terms over the validation split.
    fn validation_loss(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let split = (&self.validation, &self.splits.validation, self.splits.examples.count());
        validation_loss(self.validation.questions().len(), BATCH, context, |batch| {
            self.run(split, batch, Pass::Evaluate, context)
        })
    }
}

impl TrainingTask for ChoiceTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)> {
        let of_pairs: Vec<usize> =
            self.splits.examples.lengths(epoch).into_iter().map(|(own, _)| own).collect();
        self.train.most(&of_pairs).into_iter().map(|length| (length, 0)).collect()
    }

    fn has_labels(&self, batch: &[usize]) -> bool {
        batch.iter().any(|&index| self.train.questions()[index].label.is_some())
    }

    fn forward(
        &self,
        batch: &[usize],
        _: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let split = (&self.train, &self.splits.examples, 0);
        self.run(split, batch, Pass::Train(context.dropout), context)
    }

    fn primary_metric(&self) -> PrimaryMetric {
        self.metric.map_or(PrimaryMetric::LOSS, Into::into)
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let Some(metric) = self.metric else { return self.validation_loss(context) };
        let network = self.config.build(context.weights)?.into();
        let pipeline =
            MultipleChoicePipeline::new(self.config, network, self.tokenizer, self.splits.max_length)?;
        let labelled: Vec<&ChoiceQuestion> =
            self.validation.questions().iter().filter(|question| question.label.is_some()).copied().collect();
        let references: Vec<Prediction> = labelled.iter().map(|question| reference(question)).collect();
        defined_value(metric, &predict(&pipeline, &labelled)?, &references)
    }
}
