//! Errors of metrics, reports and their files.

use std::path::{Path, PathBuf};

/// The result of an operation of this crate.
pub type Result<T, E = ReportError> = std::result::Result<T, E>;

/// An error of this crate. The text says which operation, which file or metric, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file or folder could not be read or written.
    #[error("cannot {operation} `{}`: {source}", path.display())]
    File {
        /// What was tried: `read`, `write`, `create`.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written whole.
    #[error(transparent)]
    Written(#[from] alambic_files::FileError),
    /// The log of a run's events is not the one that its checkpoint was written with.
    #[error(
        "`{}` {what}, so the report would lack steps: bring the file back, or start the run anew with `--overwrite`",
        path.display()
    )]
    LogChanged {
        /// The event log.
        path: PathBuf,
        /// In what it differs.
        what: String,
    },
    /// A line of `events.jsonl` is no JSON object.
    #[error(
        "`{}`, line {line}: no JSON object ({reason}); only the last line of an event log may be cut short: \
         remove this line, or take the run anew",
        path.display()
    )]
    Event {
        /// The event log.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A value could not be written as JSON.
    #[error("cannot write {what} as JSON: {source}")]
    Json {
        /// What was to be written.
        what: String,
        /// What the serialiser said.
        source: serde_json::Error,
    },
    /// A table could not be made or written.
    #[error("cannot write the table `{}`: {reason}", path.display())]
    Table {
        /// The Parquet file.
        path: PathBuf,
        /// What polars said.
        reason: String,
    },
    /// Two lists that go together differ in length.
    #[error("{what}: {found} values for {expected} examples; there must be one for each example")]
    Length {
        /// Which list.
        what: String,
        /// How many values it should hold.
        expected: usize,
        /// How many values it holds.
        found: usize,
    },
    /// There is no metric of this name.
    #[error("there is no metric `{name}`{}; the metrics are {known}", hint(suggestion.as_deref()))]
    UnknownMetric {
        /// The name that was asked for.
        name: String,
        /// The metric whose name is closest, when it is close.
        suggestion: Option<String>,
        /// All names, separated by commas.
        known: String,
    },
    /// A file of document frequencies is not one.
    #[error("`{}`: no document frequencies: {reason}", path.display())]
    DocumentFrequencies {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A metric was given predictions of which it accepts none.
    #[error(
        "`{metric}` compares {} with {}, and was given {} and {}: name a metric that suits them",
        expected[0], expected[1], found[0], found[1]
    )]
    PredictionKind {
        /// The metric.
        metric: &'static str,
        /// The kinds of predictions and of references that it accepts.
        expected: [String; 2],
        /// The kinds of a prediction and of its reference.
        found: [&'static str; 2],
    },
    /// Nothing to compare: a side without scores.
    #[error("cannot compare on `{metric}`: {reason}")]
    Comparison {
        /// The metric on which the comparison was to be made.
        metric: String,
        /// What is missing.
        reason: String,
    },
    /// A folder is not the one of a finished run.
    #[error("`{}` is no finished run: {reason}", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// A figure could not be drawn.
    #[error("cannot draw the plot `{name}`: {reason}")]
    Plot {
        /// The name of the plot, the stem of its file.
        name: String,
        /// What went wrong.
        reason: String,
    },
}

/// A file operation's error with its path.
pub(crate) fn file_error(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ReportError {
    let path = path.to_path_buf();
    move |source| ReportError::File { operation, path, source }
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}
