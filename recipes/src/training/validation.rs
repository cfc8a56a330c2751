//! Values of validations.

use alambic_losses::Term;
use alambic_ranks::in_turns;
use alambic_reports::metrics::{Metric, Prediction, Scores, ScoringContext, score_all};

use super::sampler::validation_batches;
use super::task::{ForwardContext, ForwardOutputs};
use crate::error::RunError;

/// The value of a metric over the validation split; none where it is undefined. `classes` are those of the task, if there are
/// any.
///
/// # Errors
/// When the metric does not accept such predictions.
pub(crate) fn validation_value(
    metric: &'static Metric,
    predictions: &[Prediction],
    references: &[Prediction],
    classes: &[String],
) -> Result<Option<f64>, RunError> {
    let context = ScoringContext { classes, ..ScoringContext::default() };
    let scores = score_all(&[metric.name], predictions, references, context)?;
    Ok(scores.values().next().and_then(Scores::value))
}

/// The same of a metric that has to be defined.
///
/// # Errors
/// When it is not.
pub(crate) fn defined_value(
    metric: &'static Metric,
    predictions: &[Prediction],
    references: &[Prediction],
) -> Result<f64, RunError> {
    validation_value(metric, predictions, references, &[])?.ok_or_else(|| {
        RunError::Recipe(format!(
            "`{}` has no value over the validation split: {}",
            metric.name, metric.undefined
        ))
    })
}

/// The weighted sum of the terms over a validation split of so many examples, a mean over examples. `run` is the forward pass over
/// a batch; ranks that share the work take batches in turns.
///
/// # Errors
/// When a model or a term fails.
pub(crate) fn validation_loss(
    count: usize,
    size: usize,
    context: &ForwardContext<'_>,
    run: impl Fn(&[usize]) -> Result<ForwardOutputs, RunError>,
) -> Result<f64, RunError> {
    validation_loss_of(|_| true, count, size, context, run)
}

/// The same of the terms that count over these examples.
///
/// # Errors
/// When a model or a term fails.
pub(crate) fn validation_loss_of(
    counts: impl Fn(&Term) -> bool,
    count: usize,
    size: usize,
    context: &ForwardContext<'_>,
    run: impl Fn(&[usize]) -> Result<ForwardOutputs, RunError>,
) -> Result<f64, RunError> {
    let sums = in_turns(validation_batches(count, size, context.terms), |batch| {
        Ok::<_, RunError>(run(&batch)?.total(context, &counts)? * batch.len() as f64)
    })?;
    Ok(sums.into_iter().sum::<f64>() / count.max(1) as f64)
}
