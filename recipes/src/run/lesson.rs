//! What one kind of task brings to training.

use alambic_losses::{Targets, Term};
use alambic_models::Trace;
use alambic_reports::metrics::Metric;
use alambic_tensor::ops::Dropout;
use alambic_tensor::parameters::Weights;

use super::RunError;

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

/// The examples of a training, the passes over a batch of them, and the measure by which checkpoints are chosen.
pub(crate) trait Lesson {
    /// Tokens of source and target of each example, as an epoch has them.
    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)>;

    /// The student's pass over a batch, and the teacher's where a term asks for it. `batch` holds indices of examples.
    fn passes(&self, batch: &[usize], epoch: u64, study: &Study<'_>) -> Result<Passes, RunError>;

    /// The metric of [`Self::validate`].
    fn metric(&self) -> &'static Metric;

    /// How good these weights are on the validation part.
    fn validate(&self, weights: &Weights) -> Result<f64, RunError>;

    /// Examples of the validation part.
    fn validation_examples(&self) -> usize;
}
