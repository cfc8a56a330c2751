//! Which metrics an evaluation has.

use alambic_reports::metrics::{Metric, PredictionKind, defaults, find};

use crate::error::RunError;
use crate::options::evaluation::EvaluationOptions;

/// The metrics of predictions of a kind, the one by which models are compared first: those that the recipe names and that
/// accept such predictions, or the usual ones. `classes` are those of the task, if there are any.
///
/// # Errors
/// When a name is not a metric's.
pub(crate) fn evaluation_metrics(
    options: &EvaluationOptions,
    kind: PredictionKind,
    classes: &[String],
) -> Result<Vec<&'static Metric>, RunError> {
    let mut named = Vec::new();
    for name in &options.metrics {
        let metric = find(&name.value)?;
        if metric.suits(kind, classes) {
            named.push(metric);
        }
    }
    Ok(if named.is_empty() { defaults(kind, classes) } else { named })
}
