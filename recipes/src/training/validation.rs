//! The end of a validation.

use alambic_reports::metrics::{Context, Metric, Prediction};

use crate::error::RunError;

/// The value of a metric over the validation split.
///
/// # Errors
/// When it has none.
pub(crate) fn metric_value(
    metric: &'static Metric,
    predictions: &[Prediction],
    references: &[Prediction],
) -> Result<f64, RunError> {
    metric.value(predictions, references, Context::default())?.ok_or_else(|| {
        RunError::Recipe(format!("`{}` has no value over the validation split: {}", metric.name, metric.undefined))
    })
}
