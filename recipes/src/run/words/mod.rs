//! Words written in another language: what a stage trains on, and how it is taught.

pub(crate) mod exam;
mod examples;
pub(crate) mod samples;
mod similarity;
mod validation;

use alambic_data::Split;
use alambic_models::marian::{Marian, MarianConfig};
use alambic_models::{Pass, Wanted};
use alambic_reports::metrics::find;
use alambic_teachers::{Forced, Teacher};

use self::exam::METRICS;
use self::examples::Examples;
use self::samples::Gatherer;
use self::validation::Validation;
use super::RunError;
use super::exam::measured_by;
use super::folder::layout::RECORDS;
use super::lesson::{Lesson, Material, Measure, Passes, Study, thin};
use super::stage::Job;
use super::workshop::Workshop;
use crate::observer::Observer;

/// Samples of words, and the student and the teacher that read and write them.
pub(crate) struct WordLesson<'a> {
    config: &'a MarianConfig,
    teacher: Option<&'a dyn Teacher>,
    examples: Examples,
    validation: Validation<'a>,
    material: Material,
}

impl<'a> WordLesson<'a> {
    /// Gathers the samples of a training, which the teacher may have to write first, and tokenizes them. Those of the
    /// validation that are too long for the student are left out.
    pub(crate) fn new(
        workshop: &'a Workshop<'_>,
        job: &Job<'a>,
        config: &'a MarianConfig,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let checkpoint = |name: &str| workshop.checkpoint(name);
        let gatherer = Gatherer {
            corpora: &workshop.corpora,
            teacher: job.teacher,
            checkpoint: &checkpoint,
            records: workshop.folder.join(RECORDS),
            stage: job.stage,
        };
        let (samples, writing) = gatherer.gather(job.data, Split::Train, observer)?;
        let (mut validation, _) = gatherer.gather(job.data, Split::Validation, observer)?;
        thin(&mut validation, job.train.validation_examples);
        let longest = config.max_position_embeddings;
        validation.retain(|sample| sample.source.chars().count() + 2 <= longest);
        let examples = Examples::new(&samples, job.tokenizer, (config.decoder_start_token_id, longest))?;
        let material = Material {
            examples: examples.count(),
            labelled: samples.iter().filter(|sample| !sample.taught).count(),
            too_long: examples.too_long,
            validation: validation.len(),
            writing,
            ..Material::default()
        };
        let metric = find(measured_by(&workshop.recipe.evaluation, &METRICS, &METRICS)[0])?;
        let validation = Validation { samples: validation, tokenizer: job.tokenizer, config, metric };
        Ok(Self { config, teacher: job.teacher, examples, validation, material })
    }
}

impl Lesson for WordLesson<'_> {
    fn material(&self) -> &Material {
        &self.material
    }

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
                Some(teacher.trace(forced.into(), &Wanted::named(of_teacher.into_iter().cloned()))?)
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

    fn measure(&self) -> Measure {
        self.validation.metric.into()
    }

    fn validate(&self, study: &Study<'_>) -> Result<f64, RunError> {
        self.validation.value(study.weights)
    }
}
