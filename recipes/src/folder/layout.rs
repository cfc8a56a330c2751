//! The names of all that a run writes into its folder.

use std::fs;
use std::path::{Path, PathBuf};

use alambic_files::digests::DIGESTS;
use alambic_files::lock::LOCK;
use alambic_files::write;

use crate::error::RunError;

/// The recipe as it was written.
pub(crate) const RECIPE: &str = "recipe.toml";
/// Every value of the recipe, with where it came from.
pub(crate) const RESOLVED: &str = "recipe.resolved.toml";
/// The log of events.
pub(crate) const EVENTS: &str = "events.jsonl";
/// File with the digests of a run's inputs.
pub(crate) const INPUTS: &str = "inputs.json";

/// File by which ranks see that they share the folder, gone a moment later.
pub(crate) const TOKEN: &str = ".alambic.ranks";

/// Models that a run trains: a folder for each training.
pub(crate) const CHECKPOINTS: &str = "checkpoints";
/// The student, as it is shipped.
pub(crate) const STUDENT: &str = "student";
/// Teachers that read otherwise than their own folders say.
pub(crate) const TEACHERS: &str = "teachers";
/// Detectors whose tags are in another language.
pub(crate) const DETECTORS: &str = "detectors";
/// The student before its training.
pub(crate) const UNTRAINED: &str = "untrained";
/// Records of what teachers wrote, and of texts that were varied.
pub(crate) const RECORDS: &str = "teacher-outputs";
/// Mined corpora.
pub(crate) const CORPORA: &str = "corpora";
/// Caches of teachers' outputs: a folder for each stage.
pub(crate) const CACHE: &str = "cache";

/// Files that are written when everything is done, the result last.
pub(crate) const RESULTS: [&str; 8] = [
    EVENTS,
    "environment.json",
    "steps.parquet",
    "evaluations.parquet",
    "scores.parquet",
    "report.html",
    "report.md",
    "metrics.json",
];

/// The files at the top of a run's folder other than [`RESULTS`].
pub(super) const FILES: [&str; 6] = [RECIPE, RESOLVED, INPUTS, DIGESTS, LOCK, TOKEN];

/// The folder of a finished training's model, next to its checkpoints.
pub(crate) const FINISHED: &str = "finished";

/// Where a finished training's model lies.
pub(crate) fn finished_folder(run: &Path, label: &str) -> PathBuf {
    run.join(CHECKPOINTS).join(label).join(FINISHED)
}

/// Makes a folder within that of a run, which must be there: a run whose folder vanished does not build another.
///
/// # Errors
/// When the run's folder is gone, or the system refuses.
pub(crate) fn make_folder(run: &Path, folder: &Path) -> Result<(), RunError> {
    fs::metadata(run).map_err(RunError::file(run))?;
    Ok(write::create_folder(folder)?)
}

/// Entries of a folder, in the order of names.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, RunError> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(RunError::file(folder))?;
    entries.sort_unstable();
    Ok(entries)
}

/// The last part of a path; empty where it is no text, which no name of a run's is.
pub(super) fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
