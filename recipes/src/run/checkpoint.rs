//! Checkpoints: complete, and either there or not.
//!
//! A checkpoint is written into a folder of another name and renamed when it is whole, so a process killed at any
//! moment leaves the former one. The newest two are kept.

use std::path::{Path, PathBuf};

use alambic_tensor::parameters::{self, Weights};
use alambic_tensor::random::Position;
use serde::{Deserialize, Serialize};

use super::RunError;

/// How many checkpoints of a stage stay.
const KEPT: usize = 2;

/// All of a stage's state that is no tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Steps taken.
    pub(crate) step: usize,
    /// Epoch and next batch.
    pub(crate) position: (u64, usize),
    /// The dropout stream.
    pub(crate) dropout: Position,
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
    /// Writes the checkpoint into a stage's folder and deletes those that are too old.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), RunError> {
        let name = format!("step-{:08}", self.progress.step);
        let (partial, whole) = (folder.join(format!("{name}.part")), folder.join(&name));
        remove(&partial)?;
        std::fs::create_dir_all(&partial).map_err(RunError::file(&partial))?;
        let sets = [
            ("parameters", Some(&self.parameters)),
            ("optimiser", Some(&self.optimiser)),
            ("average", self.average.as_ref()),
            ("best", self.best.as_ref()),
        ];
        for (name, weights) in sets {
            if let Some(weights) = weights {
                parameters::save(weights, &[], &partial.join(format!("{name}.safetensors")))?;
            }
        }
        let path = partial.join("progress.json");
        let text =
            serde_json::to_string_pretty(&self.progress).map_err(|error| RunError::content(&path, error))?;
        std::fs::write(&path, text).map_err(RunError::file(&path))?;
        remove(&whole)?;
        std::fs::rename(&partial, &whole).map_err(RunError::file(&whole))?;
        let mut steps = list(folder)?;
        for (_, old) in steps.drain(..steps.len().saturating_sub(KEPT)) {
            remove(&old)?;
        }
        Ok(())
    }

    /// The step of the newest checkpoint of a stage's folder; 0 if there is none.
    pub(crate) fn newest_step(folder: &Path) -> Result<usize, RunError> {
        Ok(list(folder)?.last().map_or(0, |(step, _)| *step))
    }

    /// The newest checkpoint of a stage's folder, if there is one.
    pub(crate) fn newest(folder: &Path) -> Result<Option<Self>, RunError> {
        let Some((_, path)) = list(folder)?.pop() else { return Ok(None) };
        let progress_path = path.join("progress.json");
        let text = std::fs::read_to_string(&progress_path).map_err(RunError::file(&progress_path))?;
        let progress =
            serde_json::from_str(&text).map_err(|error| RunError::content(&progress_path, error))?;
        let set = |name: &str| {
            let path = path.join(format!("{name}.safetensors"));
            if path.is_file() { parameters::load(&path).map(Some) } else { Ok(None) }
        };
        Ok(Some(Self {
            progress,
            parameters: set("parameters")?.unwrap_or_default(),
            optimiser: set("optimiser")?.unwrap_or_default(),
            average: set("average")?,
            best: set("best")?,
        }))
    }
}

/// The whole checkpoints of a folder by step.
fn list(folder: &Path) -> Result<Vec<(usize, PathBuf)>, RunError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(RunError::file(folder))? {
        let path = entry.map_err(RunError::file(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(step) = name.strip_prefix("step-").and_then(|step| step.parse().ok()) {
            found.push((step, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes a folder with all it holds, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), RunError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(RunError::file(path)(error)),
        _ => Ok(()),
    }
}
