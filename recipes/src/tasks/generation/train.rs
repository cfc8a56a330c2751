//! Training a model that writes words or sentences.

use alambic_data::Split;
use alambic_models::architecture::{self, Batch};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, Pass};
use alambic_reports::metrics::PredictionKind;
use alambic_teachers::{Teacher, TeacherForcing};

use super::examples::EncodedSamples;
use super::options::GenerationData;
use super::samples::SampleCollector;
use super::validation::Validation;
use crate::context::RunContext;
use crate::error::RunError;
use crate::folder::layout::RECORDS;
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};

/// Samples of words or sentences, and the student and the teacher that read and write them.
pub(crate) struct GenerationTraining<'a> {
    config: &'a Config,
    taps: Taps,
    teacher: Option<&'a dyn Teacher>,
    examples: EncodedSamples,
    validation: Validation<'a>,
    statistics: DatasetStatistics,
}

impl<'a> GenerationTraining<'a> {
    /// Gathers the samples of a training, which the teacher may have to write first, and tokenizes them. Those of the
    /// validation that are too long for the student are left out.
    pub(crate) fn new(
        data: &GenerationData,
        context: &RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let config = job.config;
        let collector = SampleCollector {
            corpora: &context.corpora,
            models: &context.models,
            teacher: job.teacher,
            asking: context.asking(usize::MAX),
            records: context.folder.path().join(RECORDS),
            stage: job.stage,
        };
        let (samples, generation) = collector.collect(data, Split::Train, observer)?;
        let (mut validation, _) = collector.collect(data, Split::Validation, observer)?;
        subsample(&mut validation, job.train.validation_examples);
        let max_length = config.max_length();
        let mut fits = Vec::with_capacity(validation.len());
        for sample in &validation {
            let tokens = job.tokenizer.encode_for(&sample.source, &sample.direction.target)?;
            fits.push(tokens.len() <= max_length);
        }
        let mut fits = fits.into_iter();
        validation.retain(|_| fits.next().unwrap_or_default());
        let start = config.decoder_start().ok_or_else(|| {
            RunError::Recipe(format!(
                "stage `{}` trains a model to write texts, and a {} writes none",
                job.stage,
                config.model_type()
            ))
        })?;
        let examples = EncodedSamples::new(&samples, job.tokenizer, (start, max_length))?;
        let statistics = DatasetStatistics {
            examples: examples.count(),
            labelled: samples.iter().filter(|sample| !sample.is_teacher_target).count(),
            too_long: examples.too_long,
            validation: validation.len(),
            generation,
            ..DatasetStatistics::default()
        };
        let metric = job.metric(PredictionKind::Text)?;
        let validation = Validation { samples: validation, tokenizer: job.tokenizer, config, metric };
        Ok(Self { config, taps: job.taps(), teacher: job.teacher, examples, validation, statistics })
    }
}

impl TrainingTask for GenerationTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)> {
        self.examples.lengths(epoch)
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let batch = self.examples.batch(batch, epoch);
        let student = architecture::build(self.config, context.weights)?;
        let wanted = self.taps.of_student();
        let equal_lengths = context.terms.iter().any(|term| term.equal_lengths);
        let teacher = match self.teacher {
            Some(teacher) if !self.taps.teacher.is_empty() => {
                let forced = TeacherForcing {
                    sources: &batch.requests,
                    target: Some(&batch.decoder),
                    min_length: if equal_lengths { batch.source.length } else { 0 },
                };
                Some(teacher.trace(forced.into(), &self.taps.of_teacher())?)
            }
            _ => None,
        };
        let mut source = batch.source;
        if let (true, Some(trace)) = (equal_lengths, &teacher) {
            let length = trace.mask("encoder").map_or(0, |mask| mask.len() / source.batch.max(1));
            source = source.padded(length, self.config.padding());
        }
        let inputs =
            Batch { text: Some(TextInput::new(source)), target: Some(batch.decoder), ..Batch::default() };
        let student = student.forward(&inputs, Pass::Train(context.dropout), wanted)?;
        Ok(ForwardOutputs { student, teacher, targets: batch.targets })
    }

    fn primary_metric(&self) -> PrimaryMetric {
        self.validation.metric.into()
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        self.validation.value(context.weights)
    }
}
