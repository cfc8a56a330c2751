//! Metrics of an evaluation.

use alambic_reports::ReportError;
use alambic_reports::metrics::{DocumentFrequencies, Metric, TaskDescription, find, select_metrics};
use alambic_settings::Location;

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

/// The document frequencies that an evaluation names for CIDEr-D; none where it names none.
///
/// # Errors
/// When the file cannot be read, holds something else, or lies elsewhere.
pub(crate) fn document_frequencies(
    options: &EvaluationOptions,
) -> Result<Option<DocumentFrequencies>, ReportError> {
    match &options.document_frequencies {
        None => Ok(None),
        Some(Location::File(path)) => DocumentFrequencies::read(path).map(Some),
        Some(other) => Err(ReportError::DocumentFrequencies {
            path: other.to_string().into(),
            reason: "they are read from a file of this machine".into(),
        }),
    }
}
