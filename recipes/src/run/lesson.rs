//! What one kind of task brings to training.

use std::collections::BTreeSet;

use alambic_losses::{Inputs, Targets, Term};
use alambic_models::Trace;
use alambic_reports::metrics::{Direction, Metric};
use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::Dropout;
use alambic_tensor::parameters::Weights;

use super::RunError;
use super::texts::augment::Augmented;
use super::words::samples::Writing;

/// The state of training that the passes over a batch depend on.
pub(crate) struct Study<'a> {
    /// The student's weights and the projections of its terms, tracked.
    pub(crate) weights: &'a Weights,
    pub(crate) dropout: &'a Dropout,
    /// What is wanted of the passes: the terms' taps.
    pub(crate) terms: &'a [Term],
}

/// What the terms compare.
pub(crate) struct Passes {
    pub(crate) student: Trace,
    /// None where no term looks at the teacher.
    pub(crate) teacher: Option<Trace>,
    pub(crate) targets: Targets,
}

impl Passes {
    /// Each term over a batch, before its weight.
    pub(crate) fn losses<'t>(&self, study: &Study<'t>) -> Result<Vec<(&'t Term, Tensor)>, RunError> {
        let inputs = Inputs {
            student: &self.student,
            teacher: self.teacher.as_ref(),
            targets: &self.targets,
            projections: study.weights,
        };
        study.terms.iter().map(|term| Ok((term, term.loss(&inputs)?))).collect()
    }

    /// The weighted sum of the terms over a batch.
    pub(crate) fn total(&self, study: &Study<'_>) -> Result<f64, RunError> {
        let mut total = 0.0;
        for (term, loss) in self.losses(study)? {
            total += term.weight * f64::from(loss.to_scalar::<f32>()?);
        }
        Ok(total)
    }
}

/// What a training learns from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Material {
    /// Examples.
    pub(crate) examples: usize,
    /// Examples with a label of the data.
    pub(crate) labelled: usize,
    /// Examples that were longer than the student's positions and are left out.
    pub(crate) too_long: usize,
    /// Examples that were cut to fit.
    pub(crate) truncated: usize,
    /// Examples of the validation part.
    pub(crate) validation: usize,
    /// What the teacher wrote.
    pub(crate) writing: Writing,
    /// What is kept of the teacher's outputs, if they are kept.
    pub(crate) kept: Option<String>,
    /// What became of texts that were varied.
    pub(crate) augmented: Augmented,
}

/// By what checkpoints are chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) direction: Direction,
}

impl From<&Metric> for Measure {
    fn from(metric: &Metric) -> Self {
        Self { name: metric.name, direction: metric.direction }
    }
}

/// The examples of a training, the passes over a batch of them, and the measure by which checkpoints are chosen.
pub(crate) trait Lesson {
    /// What there is to learn from.
    fn material(&self) -> &Material;

    /// Tokens of source and target of each example, as an epoch has them.
    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)>;

    /// Whether the labels of a batch say something, so that what only they reach gets a gradient.
    fn is_told(&self, _batch: &[usize]) -> bool {
        true
    }

    /// The student's pass over a batch, and the teacher's where a term asks for it. `batch` holds indices of examples.
    fn passes(&self, batch: &[usize], epoch: u64, study: &Study<'_>) -> Result<Passes, RunError>;

    /// What [`Self::validate`] measures.
    fn measure(&self) -> Measure;

    /// How good the weights are on the validation part.
    fn validate(&self, study: &Study<'_>) -> Result<f64, RunError>;
}

/// Keeps at most `most` of some examples, evenly spread.
pub(crate) fn thin<T>(examples: &mut Vec<T>, most: usize) {
    let count = examples.len();
    if count > most {
        let kept: BTreeSet<usize> = (0..most).map(|index| index * count / most).collect();
        let mut index = 0;
        examples.retain(|_| {
            index += 1;
            kept.contains(&(index - 1))
        });
    }
}
