//! The end of a validation.

use alambic_reports::metrics::{Metric, Prediction, Scores, ScoringContext, score_all};

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
    let context = ScoringContext { classes, seed: 0 };
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
