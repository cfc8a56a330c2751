//! Training a model that answers questions about images.

use std::borrow::Cow;
use std::sync::Arc;

use alambic_data::mixing::Mixer;
use alambic_data::questions::best;
use alambic_data::{Split, is_in_subsample};
use alambic_inference::{ImageProcessor, VisualQuestionAnsweringPipeline};
use alambic_losses::Targets;
use alambic_models::{Config, EncodedText, Pass, Tokenizer, architecture};
use alambic_reports::metrics::{Metric, Prediction};
use alambic_tensor::Streams;
use rand::seq::index::sample;
use rayon::prelude::*;

use super::options::QuestionsData;
use super::questions::{answer_all, description, reference, subsample_languages};
use crate::context::RunContext;
use crate::corpora::images::QuestionExample;
use crate::error::RunError;
use crate::images::inputs::{PairedInputs, StudentInputs, TeacherInputs};
use crate::images::store::ImageStore;
use crate::images::views::Views;
use crate::tasks::task::Task;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::validation::defined_value;

/// Questions, the images that they are about, and the student and the teacher that answer them.
pub(crate) struct QuestionTraining<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    /// Most tokens of a question, with what is read with it.
    max_length: usize,
    /// Right answers of each example, with their scores; none where only the teacher answers.
    answers: Vec<Option<&'a [(u32, f32)]>>,
    inputs: PairedInputs<'a>,
    /// How each question is mixed with words of other languages, and its text; none where it is not.
    mixed: Vec<Option<(&'a Mixer, &'a str)>>,
    /// That of questions that are mixed.
    question_tokenizer: Tokenizer,
    validation: ImageStore<'a>,
    /// Questions of the validation split, and the image of each by its place.
    validated: Vec<(String, usize)>,
    references: Vec<Prediction>,
    /// How many answers there are.
    classes: usize,
    /// For the patches that are read where an image has too many.
    streams: Streams,
    taps: Taps,
    /// None where no loss reads its taps.
    teacher: Option<TeacherInputs<'a>>,
    metric: &'static Metric,
    statistics: DatasetStatistics,
}

impl<'a> QuestionTraining<'a> {
    /// Takes the questions of a training and encodes them, and prepares their images for student and teacher.
    pub(crate) fn new(
        data: &'a QuestionsData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
    ) -> Result<Self, RunError> {
        let config = job.config;
        let image_processor = ImageProcessor::with_detector(config, job.detector)?;
        let max_length = data.max_length().min(config.max_length());
        let names = config.outline().labels;
        let (mut questions, mut answers, mut to_validate) = (Vec::new(), Vec::new(), Vec::new());
        for options in data.questions.iter() {
            for example in options.selected(&context.corpora, Split::Train)? {
                let is_labelled = is_in_subsample(example.picture, options.fraction * options.labelled);
                answers.push(is_labelled.then_some(example.question.answers.as_slice()));
                questions.push(example);
            }
            to_validate.extend(options.selected(&context.corpora, Split::Validation)?);
        }
        subsample_languages(&mut to_validate, job.train.validation_examples);
        let read: Vec<_> = questions.iter().map(|example| (example.text, example.picture)).collect();
        let tokenizer = job.tokenizer.with_max_length(max_length)?;
        let inputs = PairedInputs::new(&read, image_processor.clone(), &tokenizer, config.padding())?;
        let mixed = questions.iter().map(|example| Some((&**example.mixer?, example.text))).collect();
        let taps = job.taps();
        let read: Vec<_> = questions.iter().map(|example| (example.teacher_text, example.picture)).collect();
        let student =
            StudentInputs { image_processor: &image_processor, same_texts: data.shares_texts_with_teacher() };
        let teacher = TeacherInputs::new(job.teacher, taps.of_teacher(), &read, &student, data.max_length())?;
        let references: Vec<Prediction> =
            to_validate.iter().map(|example| reference(example.question, &names)).collect();
        let mut validation = ImageStore::new(image_processor);
        let validated = to_validate
            .into_iter()
            .map(|QuestionExample { picture, text, .. }| Ok((text.to_owned(), validation.add(picture)?)))
            .collect::<Result<Vec<_>, RunError>>()?;
        let statistics = DatasetStatistics {
            examples: questions.len(),
            labelled: answers.iter().flatten().count(),
            truncated: inputs.tokens().iter().filter(|tokens| tokens.truncated).count(),
            validation: validated.len(),
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            max_length,
            answers,
            inputs,
            mixed,
            question_tokenizer: tokenizer,
            validation,
            validated,
            metric: job.metric(description(&references))?,
            references,
            classes: names.len(),
            streams: Streams::new(job.seed),
            teacher,
            taps,
            statistics,
        })
    }

    /// The student's tokens of a question, mixed with words of other languages where its corpus asks for it.
    fn tokens(&self, row: usize, epoch: u64) -> Result<Cow<'_, EncodedText>, RunError> {
        let Some((mixer, text)) = self.mixed[row] else {
            return Ok(Cow::Borrowed(&self.inputs.tokens()[row]));
        };
        // Of the languages of a question, those alone that are mixed have a mixer.
        let mixed = mixer.mix_text(text, None, &mut self.streams.mixing(epoch, &[text]));
        self.inputs.encode(row, &mixed, &self.question_tokenizer).map(Cow::Owned)
    }

    /// References of each question: the best answer, and the score of every answer.
    fn targets(&self, rows: &[usize]) -> Targets {
        let mut scores = vec![0.0; rows.len() * self.classes];
        for (row, &index) in rows.iter().enumerate() {
            for &(answer, score) in self.answers[index].unwrap_or_default() {
                scores[row * self.classes + answer as usize] = score;
            }
        }
        let known = |index: usize| self.answers[index].unwrap_or_default();
        let best = |&index: &usize| best(known(index)).unwrap_or_default();
        let is = |yes: bool| f32::from(u8::from(yes));
        let answered = |&index: &usize| is(!known(index).is_empty());
        let has_scores = |&index: &usize| is(self.answers[index].is_some());
        let all_have = rows.iter().all(|&index| self.answers[index].is_some());
        Targets {
            classes: Arc::new(rows.iter().map(best).collect()),
            labelled: Arc::new(rows.iter().map(answered).collect()),
            teacher_mask: Arc::new(vec![1.0; rows.len()]),
            scores: Arc::new(scores),
            scored: Arc::new(if all_have { Vec::new() } else { rows.iter().map(has_scores).collect() }),
            ..Targets::default()
        }
    }
}

impl TrainingTask for QuestionTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)> {
        let own = self.inputs.tokens();
        // A question that cannot be encoded is reported where its batch is made.
        let length =
            |row: usize| self.tokens(row, epoch).map_or(own[row].ids.len(), |tokens| tokens.ids.len());
        (0..own.len()).into_par_iter().map(|row| (length(row), 0)).collect()
    }

    fn has_labels(&self, rows: &[usize]) -> bool {
        self.statistics.labelled == 0 || rows.iter().any(|&index| self.answers[index].is_some())
    }

    fn forward(
        &self,
        rows: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let first = rows.first().copied().unwrap_or_default();
        let mut random = self.streams.patches(epoch, first as u64);
        let mut sampler = |count: usize, most: usize| {
            let mut picked = sample(&mut random, count, most).into_vec();
            picked.sort_unstable();
            picked
        };
        let views = Some(Views::new(self.streams, epoch));
        let tokens = rows.iter().map(|&row| self.tokens(row, epoch)).collect::<Result<Vec<_>, RunError>>()?;
        let tokens: Vec<&EncodedText> = tokens.iter().map(Cow::as_ref).collect();
        let batch = self.inputs.batch_of(rows, &tokens, &mut sampler, views)?;
        let network = architecture::build(self.config, context.weights)?;
        let wanted = self.taps.of_student();
        let student = network.forward(&batch, Pass::Train(context.dropout), wanted)?;
        let teacher = self.teacher.as_ref().map(|teacher| teacher.trace(rows, &batch, &mut sampler, views));
        let teacher = teacher.transpose()?;
        Ok(ForwardOutputs { student, teacher, targets: self.targets(rows) })
    }

    fn primary_metric(&self) -> PrimaryMetric {
        self.metric.into()
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let network = architecture::build(self.config, context.weights)?;
        let image_processor = self.validation.image_processor().clone();
        let pipeline = VisualQuestionAnsweringPipeline::new(
            self.config,
            network.into(),
            image_processor,
            self.tokenizer,
            self.max_length,
        )?;
        let asked: Vec<(&str, usize)> =
            self.validated.iter().map(|(text, place)| (text.as_str(), *place)).collect();
        let logits = answer_all(&pipeline, &self.validation, &asked)?;
        let predictions: Vec<Prediction> =
            logits.iter().map(|logits| Prediction::Class(pipeline.label(logits))).collect();
        defined_value(self.metric, &predictions, &self.references)
    }
}
