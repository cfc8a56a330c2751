//! Training side of a task: its examples, the forward pass over a batch, and the metric that selects checkpoints.

use alambic_losses::{Inputs, Targets, Term};
use alambic_models::Trace;
use alambic_ranks::Ranks;
use alambic_reports::metrics::{Direction, Metric};
use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::Dropout;
use alambic_tensor::parameters::Weights;

use super::statistics::DatasetStatistics;
use crate::error::RunError;

/// The state of training that a forward pass over a batch depends on.
pub(crate) struct ForwardContext<'a> {
    /// The student's weights and the projections of its terms, tracked.
    pub(crate) weights: &'a Weights,
    pub(crate) dropout: &'a Dropout,
    /// The terms whose taps are wanted.
    pub(crate) terms: &'a [Term],
    /// The processes whose batches are one to terms that gather them; none in validation.
    pub(crate) ranks: Option<&'a Ranks>,
}

/// Outputs of a forward pass over a batch, for the losses.
pub(crate) struct ForwardOutputs {
    pub(crate) student: Trace,
    /// None where no term reads a tap of the teacher.
    pub(crate) teacher: Option<Trace>,
    pub(crate) targets: Targets,
}

impl ForwardOutputs {
    /// Each term over a batch, before its weight.
    pub(crate) fn losses<'t>(
        &self,
        context: &ForwardContext<'t>,
    ) -> Result<Vec<(&'t Term, Tensor)>, RunError> {
        let inputs = Inputs {
            student: &self.student,
            teacher: self.teacher.as_ref(),
            targets: &self.targets,
            projections: context.weights,
            ranks: context.ranks,
        };
        context.terms.iter().map(|term| Ok((term, term.loss(&inputs)?))).collect()
    }

    /// The weighted sum of the terms over a batch.
    pub(crate) fn total(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let mut total = 0.0;
        for (term, loss) in self.losses(context)? {
            total += term.weight * f64::from(loss.to_scalar::<f32>()?);
        }
        Ok(total)
    }
}

/// The metric by which checkpoints are chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PrimaryMetric {
    pub(crate) name: &'static str,
    pub(crate) direction: Direction,
}

impl PrimaryMetric {
    /// The weighted sum of the terms over the validation split.
    pub(crate) const LOSS: Self = Self { name: "loss", direction: Direction::Lower };
}

impl From<&Metric> for PrimaryMetric {
    fn from(metric: &Metric) -> Self {
        Self { name: metric.name, direction: metric.direction }
    }
}

/// The training side of a task: its examples, the forward pass over a batch of them, and the metric by which checkpoints are
/// chosen.
pub(crate) trait TrainingTask {
    /// Statistics of the examples.
    fn statistics(&self) -> &DatasetStatistics;

    /// Tokens of source and target of each example, as an epoch has them.
    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)>;

    /// Whether a batch has labels, so that what only they reach gets a gradient.
    fn has_labels(&self, _batch: &[usize]) -> bool {
        true
    }

    /// The forward pass of the student over a batch, and the teacher's where a term reads it. `batch` holds indices of
    /// examples.
    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError>;

    /// Metric of [`Self::validate`].
    fn primary_metric(&self) -> PrimaryMetric;

    /// The value of the primary metric on the validation split.
    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError>;
}
