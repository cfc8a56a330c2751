//! Checkpoints: complete, and either there or not.
//!
//! A checkpoint is written into a folder of another name with the digests of its files, synced, and renamed when it is
//! whole, so a process killed at any moment, or a power cut, leaves the former one. The newest two are kept: where the newer
//! is damaged, training goes on from the older.

use std::path::{Path, PathBuf};

use alambic_files::digests::{self, DIGESTS, Digests};
use alambic_files::{FileError, read, write};
use alambic_reports::record::LogMark;
use alambic_tensor::parameters::{self, Weights};
use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::folder::layout::FINISHED;

/// The files of a checkpoint that hold tensors.
const SETS: [&str; 4] = ["parameters", "optimiser", "average", "best"];
/// How many checkpoints of a stage stay.
const KEPT: usize = 2;

/// All of a stage's state that is no tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Steps taken.
    pub(crate) step: usize,
    /// Epoch and next batch.
    pub(crate) position: (u64, usize),
    /// Step and value of the best validation so far.
    pub(crate) best: Option<(usize, f64)>,
    /// Validations since.
    pub(crate) without_better: usize,
    /// Parameters that the losses do not reach, frozen at the first step.
    pub(crate) frozen: Vec<String>,
    /// Terms that were warned of, since they make up too little of the gradient.
    #[serde(default)]
    pub(crate) weak: Vec<String>,
    /// Seconds spent training.
    pub(crate) seconds: f64,
    /// How far the log of events goes.
    pub(crate) events: LogMark,
}

/// A stage's state.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) progress: Progress,
    /// Parameters and projections.
    pub(crate) parameters: Weights,
    pub(crate) optimiser: Weights,
    pub(crate) average: Option<Weights>,
    /// The weights of the best validation.
    pub(crate) best: Option<Weights>,
}

impl Checkpoint {
    /// Writes the checkpoint into a stage's folder, which must be there, and deletes those that are too old.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), RunError> {
        let whole = folder.join(format!("step-{:08}", self.progress.step));
        let partial = write::partial(&whole);
        write::begin_folder(&partial)?;
        let sets = [Some(&self.parameters), Some(&self.optimiser), self.average.as_ref(), self.best.as_ref()];
        for (name, weights) in SETS.iter().zip(sets) {
            if let Some(weights) = weights {
                parameters::save(weights, &[], &partial.join(format!("{name}.safetensors")))?;
            }
        }
        let path = partial.join(PROGRESS);
        let text =
            serde_json::to_string_pretty(&self.progress).map_err(|error| RunError::content(&path, error))?;
        std::fs::write(&path, text).map_err(RunError::file(&path))?;
        digests::publish(&partial, &whole)?;
        let mut steps = list(folder)?;
        steps.truncate(steps.len().saturating_sub(KEPT));
        steps.iter().try_for_each(|(_, old)| discard_own(old))
    }

    /// The newest sound checkpoint of a stage's folder, if there is one, and what is wrong with newer ones, which are set
    /// aside: training that comes to their steps again writes its own.
    ///
    /// # Errors
    /// When there are checkpoints and all are damaged; the error names a file of the newest.
    pub(crate) fn newest(folder: &Path) -> Result<Option<(Self, Vec<FileError>)>, RunError> {
        let Some((path, damaged)) = newest_sound(folder)? else { return Ok(None) };
        let set = |name: &str| {
            let path = path.join(format!("{name}.safetensors"));
            if path.is_file() { parameters::load(&path).map(Some) } else { Ok(None) }
        };
        let checkpoint = Self {
            progress: progress(&path)?,
            parameters: set("parameters")?.unwrap_or_default(),
            optimiser: set("optimiser")?.unwrap_or_default(),
            average: set("average")?,
            best: set("best")?,
        };
        for (path, _) in &damaged {
            let aside = write::partial(path);
            write::discard(&aside)?;
            std::fs::rename(path, &aside).map_err(RunError::file(path))?;
        }
        Ok(Some((checkpoint, damaged.into_iter().map(|(_, error)| error).collect())))
    }

    /// How far the log of events went when the newest sound checkpoint of a stage's folder was written, if there is one.
    ///
    /// # Errors
    /// As for [`Self::newest`].
    pub(crate) fn newest_mark(folder: &Path) -> Result<Option<LogMark>, RunError> {
        newest_sound(folder)?.map(|(path, _)| Ok(progress(&path)?.events)).transpose()
    }
}

/// All of a checkpoint that is no tensor.
const PROGRESS: &str = "progress.json";

fn progress(checkpoint: &Path) -> Result<Progress, RunError> {
    let path = checkpoint.join(PROGRESS);
    let text = read::state(&path)?;
    serde_json::from_str(&text).map_err(|error| RunError::content(&path, error))
}

/// A checkpoint, and the newer ones with what is wrong with each.
type Sound = (PathBuf, Vec<(PathBuf, FileError)>);

/// The newest checkpoint of a folder whose files are as they were written.
fn newest_sound(folder: &Path) -> Result<Option<Sound>, RunError> {
    let mut damaged = Vec::new();
    for (_, path) in list(folder)?.into_iter().rev() {
        match Digests::require(&path).and_then(|digests| digests.check(&path)) {
            Ok(()) => return Ok(Some((path, damaged))),
            Err(error) => damaged.push((path, error)),
        }
    }
    match damaged.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(None),
    }
}

/// Kind of a training's folder, by its name.
pub(crate) enum Kind {
    /// A checkpoint of a step.
    Step(usize),
    /// The finished model.
    Finished,
    /// One of these that is being written, or set aside.
    Partial,
}

/// Kind of a path in the folder of a training, if a run made it.
pub(crate) fn kind(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?;
    let whole = name.strip_suffix(".part");
    let step = whole.unwrap_or(name).strip_prefix("step-").and_then(|step| step.parse().ok());
    let is_removed = || name.starts_with(".step-") && name.ends_with(".old.part");
    match (step, whole) {
        _ if !path.is_dir() => None,
        (Some(step), None) => Some(Kind::Step(step)),
        (None, None) if name == FINISHED => Some(Kind::Finished),
        (Some(_), Some(_)) | (None, Some(FINISHED)) => Some(Kind::Partial),
        _ => is_removed().then_some(Kind::Partial),
    }
}

/// Files of a checkpoint's folder that no checkpoint has.
pub(crate) fn foreign(checkpoint: &Path) -> Result<Vec<PathBuf>, RunError> {
    let is_own = |path: &PathBuf| {
        let name = digests::relative(checkpoint, path);
        name == PROGRESS || name == DIGESTS || SETS.iter().any(|set| name == format!("{set}.safetensors"))
    };
    Ok(digests::files_below(checkpoint)?.into_iter().filter(|path| !is_own(path)).collect())
}

/// Removes a checkpoint, unless somebody has put something into it.
fn discard_own(checkpoint: &Path) -> Result<(), RunError> {
    if foreign(checkpoint)?.is_empty() {
        write::discard(checkpoint)?;
    }
    Ok(())
}

/// Removes the checkpoints of a training that is finished, and what was being written when a process was killed.
pub(crate) fn clear(folder: &Path) -> Result<(), RunError> {
    for entry in std::fs::read_dir(folder).map_err(RunError::file(folder))? {
        let path = entry.map_err(RunError::file(folder))?.path();
        match kind(&path) {
            Some(Kind::Step(_)) => discard_own(&path)?,
            Some(Kind::Partial) => write::discard(&path)?,
            Some(Kind::Finished) | None => {}
        }
    }
    Ok(())
}

/// The checkpoints of a folder by step.
fn list(folder: &Path) -> Result<Vec<(usize, PathBuf)>, RunError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(RunError::file(folder))? {
        let path = entry.map_err(RunError::file(folder))?.path();
        if let Some(Kind::Step(step)) = kind(&path) {
            found.push((step, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}
