//! Training a fusion encoder to say whether a caption and an image belong together.

use std::sync::Arc;

use alambic_data::Split;
use alambic_inference::{ImageProcessor, MATCHING_LABELS, log_odds};
use alambic_losses::Targets;
use alambic_models::{Config, EncodedText, Pass, TapSelection, Tokenizer, architecture};
use alambic_reports::metrics::{Metric, Prediction, PredictionKind, TaskDescription};
use alambic_tensor::Streams;
use rand::Rng;

use super::options::MatchingsData;
use crate::context::RunContext;
use crate::error::RunError;
use crate::images::inputs::{PairedInputs, StudentInputs, TeacherInputs, TextImagePair};
use crate::images::views::Views;
use crate::subsample::subsample;
use crate::tasks::image_text_retrieval::is_told_by;
use crate::tasks::task::Task;
use crate::training::job::Job;
use crate::training::masking::VALIDATION;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::validation::validation_value;

/// Examples that are validated together.
const BATCH: usize = 32;

/// Place of the class of pairs that belong together.
const MATCHED: u32 = 1;

/// Captions of a split with their images.
struct Examples<'p> {
    pairs: Vec<TextImagePair<'p>>,
    inputs: PairedInputs<'p>,
}

/// A pair as a model reads it.
struct DrawnPair {
    /// The caption whose image is read.
    row: usize,
    /// The caption that is read.
    text: usize,
    class: u32,
}

/// Captions with images, and the student that compares them.
pub(crate) struct MatchingTraining<'a> {
    config: &'a Config,
    tokenizer: Tokenizer,
    train: Examples<'a>,
    validation: Examples<'a>,
    mismatched_caption: f64,
    streams: Streams,
    taps: Taps,
    /// None where no loss reads its taps.
    teacher: Option<TeacherInputs<'a>>,
    labels: Vec<String>,
    metric: &'static Metric,
    statistics: DatasetStatistics,
}

impl<'a> MatchingTraining<'a> {
    /// Takes the captions of a training, and prepares their images.
    pub(crate) fn new(
        data: &MatchingsData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
    ) -> Result<Self, RunError> {
        let config = job.config;
        let Some(options) = data.matching.iter().next() else {
            return Err(RunError::Recipe(format!("stage `{}` has no captions with images", job.stage)));
        };
        let image_processor = ImageProcessor::with_detector(config, job.detector)?;
        let tokenizer = job.tokenizer.with_max_length(data.max_length().min(config.max_length()))?;
        let take = |split: Split, max: usize| -> Result<Examples<'a>, RunError> {
            let mut pairs = data.examples(&context.corpora, split)?;
            subsample(&mut pairs, max);
            let inputs = PairedInputs::new(&pairs, image_processor.clone(), &tokenizer, config.padding())?;
            Ok(Examples { pairs, inputs })
        };
        let train = take(Split::Train, usize::MAX)?;
        let validation = take(Split::Validation, job.train.validation_examples)?;
        let taps = job.taps();
        let student = StudentInputs { image_processor: &image_processor, same_texts: true };
        let teacher =
            TeacherInputs::new(job.teacher, taps.of_teacher(), &train.pairs, &student, data.max_length())?;
        let labels = MATCHING_LABELS.map(str::to_owned).to_vec();
        let metric = job.metric(TaskDescription::new(PredictionKind::Class, &labels))?;
        let statistics = DatasetStatistics {
            examples: train.pairs.len(),
            labelled: train.pairs.len(),
            truncated: train.inputs.tokens().iter().filter(|tokens| tokens.truncated).count(),
            validation: validation.pairs.len(),
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config,
            tokenizer,
            train,
            validation,
            mismatched_caption: options.mismatched_caption_probability,
            streams: Streams::new(job.seed),
            taps,
            teacher,
            labels,
            metric,
            statistics,
        })
    }

    /// The two pairs of each caption in an epoch: first all captions with their own images, then the drawn ones.
    fn pairs(&self, examples: &Examples<'_>, rows: &[usize], epoch: u64) -> Vec<DrawnPair> {
        let own = rows.iter().map(|&row| DrawnPair { row, text: row, class: MATCHED });
        let drawn = rows.iter().map(|&row| self.drawn(examples, row, epoch));
        own.chain(drawn).collect()
    }

    /// The second pair of a caption: its image with another caption, or it with another image.
    fn drawn(&self, examples: &Examples<'_>, row: usize, epoch: u64) -> DrawnPair {
        let mut random = self.streams.pairing(epoch, row as u64);
        let chance: f64 = random.random();
        let count = examples.pairs.len();
        // Captions of one image are no other's; where some draws find none, there may be no other image.
        let other = (0..20)
            .map(|_| random.random_range(0..count))
            .find(|&other| examples.pairs[other].1.name != examples.pairs[row].1.name);
        let other = other.unwrap_or(row);
        let (row, text) = if chance < self.mismatched_caption { (row, other) } else { (other, row) };
        let is_true = is_told_by(examples.pairs[row].1, examples.pairs[text].0);
        DrawnPair { row, text, class: u32::from(is_true) * MATCHED }
    }

    /// Tokens of a pair: the caption with the tags of the image.
    fn tokens(&self, examples: &Examples<'_>, pair: &DrawnPair) -> Result<EncodedText, RunError> {
        if pair.row == pair.text {
            return Ok(examples.inputs.tokens()[pair.row].clone());
        }
        examples.inputs.encode(pair.row, examples.pairs[pair.text].0, &self.tokenizer)
    }

    /// The student's pass over pairs of a split.
    fn run(
        &self,
        examples: &Examples<'_>,
        pairs: &[DrawnPair],
        views: Option<Views>,
        pass: Pass<'_>,
        (context, wanted): (&ForwardContext<'_>, TapSelection),
    ) -> Result<ForwardOutputs, RunError> {
        let tokens: Vec<EncodedText> =
            pairs.iter().map(|pair| self.tokens(examples, pair)).collect::<Result<_, _>>()?;
        let rows: Vec<usize> = pairs.iter().map(|pair| pair.row).collect();
        // Every patch is read.
        let mut all = |count: usize, _: usize| (0..count).collect();
        let batch = examples.inputs.batch_of(&rows, &tokens.iter().collect::<Vec<_>>(), &mut all, views)?;
        let network = architecture::build(self.config, context.weights)?;
        let student = network.forward(&batch, pass, wanted)?;
        let teacher = match &self.teacher {
            Some(teacher) if matches!(pass, Pass::Train(_)) => {
                let texts: Vec<&str> = pairs.iter().map(|pair| examples.pairs[pair.text].0).collect();
                Some(teacher.trace_texts(&rows, &texts, &batch, &mut all, views)?)
            }
            _ => None,
        };
        let targets = Targets {
            classes: Arc::new(pairs.iter().map(|pair| pair.class).collect()),
            labelled: Arc::new(vec![1.0; pairs.len()]),
            teacher_mask: Arc::new(vec![1.0; pairs.len()]),
            ..Targets::default()
        };
        Ok(ForwardOutputs { student, teacher, targets })
    }
}

impl TrainingTask for MatchingTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        self.train.inputs.tokens().iter().map(|tokens| (tokens.ids.len(), 0)).collect()
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let pairs = self.pairs(&self.train, batch, epoch);
        let views = Some(Views::new(self.streams, epoch));
        let wanted = (context, self.taps.of_student());
        self.run(&self.train, &pairs, views, Pass::Train(context.dropout), wanted)
    }

    fn primary_metric(&self) -> PrimaryMetric {
        self.metric.into()
    }

    /// The metric of the classes of pairs, which are the same in every validation.
    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let rows: Vec<usize> = (0..self.validation.pairs.len()).collect();
        let pairs = self.pairs(&self.validation, &rows, VALIDATION);
        let class = |class: u32| Prediction::Class(self.labels[class as usize].clone());
        let mut found = Vec::with_capacity(pairs.len());
        for batch in pairs.chunks(BATCH) {
            let wanted = (context, TapSelection::named(["logits"]));
            let outputs = self.run(&self.validation, batch, None, Pass::Evaluate, wanted)?;
            let logits = outputs.student.get("logits").ok_or_else(|| {
                RunError::Recipe("the student has no logits of whether a text and an image match".into())
            })?;
            let is_matched = |row: &Vec<f32>| u32::from(log_odds(row) > 0.0);
            found.extend(logits.to_vec2::<f32>()?.iter().map(|row| class(is_matched(row))));
        }
        let right: Vec<Prediction> = pairs.iter().map(|pair| class(pair.class)).collect();
        let value = validation_value(self.metric, &found, &right, &self.labels)?;
        value.ok_or_else(|| {
            RunError::Recipe(format!(
                "`{}` has no value over the validation split: {}",
                self.metric.name, self.metric.undefined
            ))
        })
    }
}
