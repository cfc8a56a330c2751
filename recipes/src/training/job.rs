//! One training, as its task sees it.

use std::path::Path;

use alambic_losses::Term;
use alambic_models::{Config, Tokenizer};
use alambic_reports::metrics::{Metric, TaskDescription, default_metrics, find};
use alambic_settings::At;
use alambic_teachers::Teacher;
use alambic_tensor::parameters::Weights;

use super::taps::Taps;
use super::teacher_outputs::CacheScope;
use crate::error::RunError;
use crate::options::train::TrainOptions;

/// Job of a training: student, teacher, losses, options.
pub(crate) struct Job<'a> {
    /// The training's own name: that of its folder, events and records.
    pub(crate) label: &'a str,
    /// The stage whose data it shares, for the records of what the teacher wrote.
    pub(crate) stage: &'a str,
    pub(crate) config: &'a Config,
    /// The student's weights before the training.
    pub(crate) initial: &'a Weights,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) teacher: Option<&'a dyn Teacher>,
    /// The teacher's name in the recipe.
    pub(crate) teacher_name: Option<&'a At<String>>,
    pub(crate) terms: &'a [Term],
    pub(crate) train: &'a TrainOptions,
    pub(crate) seed: u64,
    /// The folder of the detector whose regions the student reads.
    pub(crate) detector: Option<&'a Path>,
    /// Where the teacher's outputs are cached, and how often they are read.
    pub(crate) cache: &'a CacheScope<'a>,
}

impl Job<'_> {
    /// The metric by which checkpoints are chosen: the one that the training names, or the usual one of a task.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn metric<'t>(
        &self,
        task: impl Into<TaskDescription<'t>>,
    ) -> Result<&'static Metric, RunError> {
        self.optional_metric(task)?.ok_or_else(|| {
            RunError::Recipe(format!("stage `{}` has no metric by which to choose checkpoints", self.stage))
        })
    }

    /// The same; none where no metric suits the task.
    ///
    /// # Errors
    /// When the name is not a metric's.
    pub(crate) fn optional_metric<'t>(
        &self,
        task: impl Into<TaskDescription<'t>>,
    ) -> Result<Option<&'static Metric>, RunError> {
        match &self.train.metric_for_best_model {
            Some(name) => Ok(Some(find(&name.value)?)),
            None => Ok(default_metrics(task).next()),
        }
    }

    /// The taps of student and teacher that the terms read.
    pub(crate) fn taps(&self) -> Taps {
        Taps::of(self.terms)
    }
}
