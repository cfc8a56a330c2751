//! Words written in another language: what a stage trains on, and how it is taught.

mod examples;
pub(crate) mod samples;
mod validation;

use alambic_models::marian::{Marian, MarianConfig};
use alambic_models::{Pass, Tokenizer, Wanted};
use alambic_reports::metrics::{Metric, find};
use alambic_teachers::{Forced, Teacher};
use alambic_tensor::parameters::Weights;

use self::examples::Examples;
use self::samples::Sample;
use self::validation::Validation;
use super::RunError;
use super::lesson::{Lesson, Passes, Study};

/// Samples of words, and the student and the teacher that read and write them.
pub(crate) struct WordLesson<'a> {
    config: &'a MarianConfig,
    teacher: Option<&'a dyn Teacher>,
    examples: Examples,
    validation: Validation<'a>,
}

impl<'a> WordLesson<'a> {
    /// Tokenizes the samples. Those of the validation that are too long for the student are left out.
    pub(crate) fn new(
        config: &'a MarianConfig,
        tokenizer: &'a Tokenizer,
        teacher: Option<&'a dyn Teacher>,
        samples: &[Sample],
        mut validation: Vec<Sample>,
    ) -> Result<Self, RunError> {
        let longest = config.max_position_embeddings;
        validation.retain(|sample| sample.source.chars().count() + 2 <= longest);
        Ok(Self {
            config,
            teacher,
            examples: Examples::new(samples, tokenizer, (config.decoder_start_token_id, longest))?,
            validation: Validation { samples: validation, tokenizer, config, metric: find("cer")? },
        })
    }

    /// How many examples there are.
    pub(crate) fn count(&self) -> usize {
        self.examples.count()
    }

    /// Samples that were longer than the student's positions.
    pub(crate) fn too_long(&self) -> usize {
        self.examples.too_long
    }
}

impl Lesson for WordLesson<'_> {
    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)> {
        self.examples.lengths(epoch)
    }

    fn passes(&self, batch: &[usize], epoch: u64, study: &Study<'_>) -> Result<Passes, RunError> {
        let batch = self.examples.batch(batch, epoch);
        let student = Marian::new(self.config, study.weights)?;
        let wanted = Wanted::named(study.terms.iter().flat_map(|term| term.student_taps.iter().cloned()));
        let of_teacher: Vec<&String> = study.terms.iter().flat_map(|term| &term.teacher_taps).collect();
        let equal_lengths = study.terms.iter().any(|term| term.equal_lengths);
        let teacher = match self.teacher {
            Some(teacher) if !of_teacher.is_empty() => {
                let forced = Forced {
                    sources: &batch.requests,
                    target: Some(&batch.decoder),
                    least_length: if equal_lengths { batch.source.length } else { 0 },
                };
                Some(teacher.trace(forced, &Wanted::named(of_teacher.into_iter().cloned()))?)
            }
            _ => None,
        };
        let mut source = batch.source;
        if let (true, Some(trace)) = (equal_lengths, &teacher) {
            let length = trace.mask("encoder").map_or(0, |mask| mask.len() / source.batch.max(1));
            source = source.padded(length, self.config.pad_token_id);
        }
        let student = student.trace(&source, Some(&batch.decoder), Pass::Train(study.dropout), wanted)?;
        Ok(Passes { student, teacher, targets: batch.targets })
    }

    fn metric(&self) -> &'static Metric {
        self.validation.metric
    }

    fn validate(&self, weights: &Weights) -> Result<f64, RunError> {
        self.validation.character_error_rate(weights)
    }

    fn validation_examples(&self) -> usize {
        self.validation.samples.len()
    }
}
