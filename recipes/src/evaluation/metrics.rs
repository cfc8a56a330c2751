//! Metrics of an evaluation.

use alambic_reports::metrics::{Metric, TaskDescription, find, select_metrics};

use crate::error::RunError;
use crate::options::evaluation::EvaluationOptions;

/// The metrics of a task, the one by which models are compared first: those that the recipe names and that suit the task, or
/// the usual ones.
///
/// # Errors
/// When a name is not a metric's.
pub(crate) fn evaluation_metrics<'a>(
    options: &EvaluationOptions,
    task: impl Into<TaskDescription<'a>>,
) -> Result<Vec<&'static Metric>, RunError> {
    for name in &options.metrics {
        find(&name.value)?;
    }
    Ok(select_metrics(options.metrics.iter().map(|name| name.as_str()), task))
}
