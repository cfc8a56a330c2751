//! Training side of a task: its examples, the forward pass over a batch, and the metric that selects checkpoints.

use std::ops::Range;

use alambic_losses::{Inputs, Targets, Term};
use alambic_models::Trace;
use alambic_ranks::Ranks;
use alambic_reports::metrics::{Direction, Metric};
use alambic_settings::IndexMap;
use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::Dropout;
use alambic_tensor::parameters::{Parameters, Weights};

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
    /// How far the stage is, for what of the terms changes over its steps; 1 in validation, so that all of a stage count alike.
    pub(crate) progress: f64,
    /// The step that is taken, counted from 1; none in validation.
    pub(crate) step: Option<usize>,
}

/// Outputs of a forward pass over a batch, for the losses.
pub(crate) struct ForwardOutputs {
    pub(crate) student: Trace,
    /// None where no term reads a tap of the teacher.
    pub(crate) teacher: Option<Trace>,
    pub(crate) targets: Targets,
}

impl ForwardOutputs {
    /// Each term that counts over a batch, before its weight.
    pub(crate) fn losses<'t>(
        &self,
        context: &ForwardContext<'t>,
        counts: impl Fn(&Term) -> bool,
    ) -> Result<Vec<(&'t Term, Tensor)>, RunError> {
        let inputs = Inputs {
            student: &self.student,
            teacher: self.teacher.as_ref(),
            targets: &self.targets,
            projections: context.weights,
            ranks: context.ranks,
            progress: context.progress,
            step: context.step,
        };
        let counted = context.terms.iter().filter(|term| counts(term));
        counted.map(|term| Ok((term, term.loss(&inputs)?))).collect()
    }

    /// The weighted sum of the terms that count over a batch.
    pub(crate) fn total(
        &self,
        context: &ForwardContext<'_>,
        counts: impl Fn(&Term) -> bool,
    ) -> Result<f64, RunError> {
        let mut total = 0.0;
        for (term, loss) in self.losses(context, counts)? {
            total += term.weight.at(context.progress) * f64::from(loss.to_scalar::<f32>()?);
        }
        Ok(total)
    }
}

/// A step that was taken.
pub(crate) struct FinishedStep<'a> {
    /// The weights as it left them.
    pub(crate) parameters: &'a Parameters,
    /// Its number, counted from 1.
    pub(crate) step: usize,
    /// Epoch and examples of each of its parts, those of all ranks in their order.
    pub(crate) batches: &'a [(u64, Vec<usize>)],
}

/// The metric by which checkpoints are chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PrimaryMetric {
    pub(crate) name: &'static str,
    pub(crate) direction: Direction,
}

impl PrimaryMetric {
    /// The weighted sum of the terms over the validation split, with what is scheduled as at the end of the stage: a checkpoint is
    /// compared with earlier ones by one loss, not by that of its step.
    pub(crate) const LOSS: Self = Self { name: "loss", direction: Direction::Lower };
}

impl From<&Metric> for PrimaryMetric {
    fn from(metric: &Metric) -> Self {
        Self { name: metric.name, direction: metric.direction }
    }
}

/// Examples that come in batches of their own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BatchGroup {
    /// Indices of its examples.
    pub(crate) examples: Range<usize>,
    /// How often a batch is of this group, to the shares of the others.
    pub(crate) share: f64,
}

/// The training side of a task: its examples, the forward pass over a batch of them, and the metric by which checkpoints are
/// chosen.
pub(crate) trait TrainingTask {
    /// Statistics of the examples.
    fn statistics(&self) -> &DatasetStatistics;

    /// Tokens of source and target of each example, as an epoch has them.
    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)>;

    /// The language of each example, as [`Self::lengths`] numbers them; none of tasks without languages, or where that of an
    /// example is not known.
    fn languages(&self) -> Option<Vec<&str>> {
        None
    }

    /// The groups of which batches are, each batch of one, with their shares of the batches; none where any examples go together.
    fn groups(&self) -> Vec<BatchGroup> {
        Vec::new()
    }

    /// Whether a batch has labels, so that what only they reach gets a gradient.
    fn has_labels(&self, _batch: &[usize]) -> bool {
        true
    }

    /// Whether a term counts over a batch: batches of one group may lack what those of another one have.
    fn counts(&self, _term: &Term, _batch: &[usize]) -> bool {
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

    /// The same by its name, first of all, and further figures that are recorded.
    fn validate_all(&self, context: &ForwardContext<'_>) -> Result<IndexMap<String, f64>, RunError> {
        Ok([(self.primary_metric().name.to_owned(), self.validate(context)?)].into_iter().collect())
    }

    /// What the task itself changes over the steps, by its name, at a progress from 0 to 1, for the record.
    fn schedules(&self, _progress: f64) -> IndexMap<String, f64> {
        IndexMap::new()
    }

    /// Sets what no gradient moves, and gives figures of the step for the record. All ranks come to the same.
    fn after_step(&self, _step: &FinishedStep<'_>) -> Result<IndexMap<String, f64>, RunError> {
        Ok(IndexMap::new())
    }

    /// Fails where a model that was trained to the end is of no use.
    fn check_finished(&self, _weights: &Weights) -> Result<(), RunError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alambic_losses::recorded::parse;
    use alambic_models::{Outline, TapSelection};
    use alambic_settings::AddedKinds;
    use alambic_tensor::Streams;
    use alambic_tensor::candle::Device;

    use super::*;

    #[test]
    fn sum_of_the_terms_has_the_weights_of_its_progress() {
        let outline = Outline { classes: 2, ..Outline::default() };
        let options = ["weight={ linear = { start = 1, end = 3 } }".to_owned()];
        let loss = parse("logits", &options, &AddedKinds::default()).unwrap().unwrap();
        let terms = [loss.inner().bind(&outline, Some(&outline)).unwrap()];
        let trace = |logits: [f32; 2]| {
            let mut trace = Trace::new(TapSelection::All);
            trace.record("logits", &Tensor::new(&[logits], &Device::Cpu).unwrap());
            trace
        };
        let outputs = ForwardOutputs {
            student: trace([1.0, 0.0]),
            teacher: Some(trace([0.0, 2.0])),
            targets: Targets::default(),
        };
        let (weights, dropout) = (Weights::new(), Dropout::new(&Streams::new(1)));
        let total = |progress| {
            let context = ForwardContext {
                weights: &weights,
                dropout: &dropout,
                terms: &terms,
                ranks: None,
                progress,
                step: None,
            };
            outputs.total(&context, |_| true).unwrap()
        };
        assert!(total(0.0) > 0.0);
        assert_eq!([total(0.5), total(1.0)], [2.0 * total(0.0), 3.0 * total(0.0)]);
    }
}
