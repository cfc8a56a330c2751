//! Files of a finished training next to its model.

use std::path::Path;

use alambic_files::digests::Digests;
use alambic_files::read;
use alambic_losses::ScheduledValue;
use alambic_reports::record::LogMark;
use alambic_settings::IndexMap;
use serde::{Deserialize, Serialize};

use super::checkpoint;
use super::statistics::{AugmentationStatistics, GenerationStatistics};
use crate::error::RunError;
use crate::folder::layout::FINISHED;

/// The file that marks a training as done.
pub(crate) const SUMMARY: &str = "summary.json";
/// Projections of loss terms, saved next to the model.
pub(crate) const PROJECTIONS: &str = "projections.safetensors";

/// Masks of the weights, saved next to a model of which a part was trained or pruned.
pub(crate) const MASKS: &str = "masks.safetensors";
/// Changes of the chosen weights, saved next to a model of which these were trained.
pub(crate) const DELTA: &str = "delta.safetensors";

/// How many weights masks are about, and how many of these are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MaskCounts {
    /// Weights that could have been left out.
    pub(crate) weights: usize,
    /// Weights that are trained.
    pub(crate) trained: usize,
}

/// The account of a finished training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct TrainOutput {
    /// The training's name.
    pub(crate) label: String,
    /// Steps taken.
    pub(crate) steps: usize,
    /// Seconds of training, without generation by teachers.
    pub(crate) seconds: f64,
    /// Examples in the data.
    pub(crate) examples: usize,
    /// Examples of labelled pairs among them.
    pub(crate) labelled: usize,
    /// Examples longer than the student's positions or `max-new-tokens`, which were left out.
    pub(crate) too_long: usize,
    /// Examples that were cut to fit.
    pub(crate) truncated: usize,
    /// Examples of the validation.
    pub(crate) validation_examples: usize,
    /// The metric of validations.
    pub(crate) metric: String,
    /// Step and value of the best validation.
    pub(crate) best: Option<(usize, f64)>,
    /// Parameters that no loss reaches.
    pub(crate) frozen: Vec<String>,
    /// Parameters of the student.
    pub(crate) parameters: usize,
    /// The part of the weights that was trained, where it was not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) masked: Option<MaskCounts>,
    /// The classes that are nearest to each other by the distances of `label-prior`, each pair with its distance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) nearest_classes: Vec<(String, String, f32)>,
    /// Loss terms, each with its factor in their sum.
    #[serde(default)]
    pub(crate) loss_weights: Vec<(String, ScheduledValue)>,
    /// What of the terms changed over the steps, by loss and key.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(crate) schedules: IndexMap<String, ScheduledValue>,
    /// Statistics of the teacher's generation.
    pub(crate) generation: GenerationStatistics,
    /// Summary of the cache of teacher outputs, if they were cached.
    pub(crate) cached: Option<String>,
    /// Statistics of augmented texts.
    pub(crate) augmentation: AugmentationStatistics,
    /// How far the log of events went when it was done.
    pub(crate) events: LogMark,
}

impl TrainOutput {
    /// Reads what a training left in its folder; none if it is not finished.
    ///
    /// # Errors
    /// When the account is not as it was written.
    pub(crate) fn read(training: &Path) -> Result<Option<Self>, RunError> {
        let folder = training.join(FINISHED);
        if !folder.is_dir() {
            return Ok(None);
        }
        Digests::require(&folder)?.check_file(&folder, SUMMARY)?;
        let path = folder.join(SUMMARY);
        serde_json::from_str(&read::state(&path)?).map(Some).map_err(|error| RunError::content(&path, error))
    }

    /// The same, of a model whose every file is as it was written; what is left of its checkpoints is removed.
    ///
    /// # Errors
    /// When a file is not as it was written.
    pub(crate) fn read_whole(training: &Path) -> Result<Option<Self>, RunError> {
        let Some(output) = Self::read(training)? else { return Ok(None) };
        let folder = training.join(FINISHED);
        Digests::require(&folder)?.check(&folder)?;
        // Where the process was killed that finished it.
        checkpoint::clear(training)?;
        Ok(Some(output))
    }
}
