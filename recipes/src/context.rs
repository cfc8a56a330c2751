//! Context of a run, for its tasks.

use std::sync::atomic::{AtomicBool, Ordering};

use alambic_ranks::Ranks;
use alambic_teachers::{Asking, TeacherError};

use crate::corpora::Corpora;
use crate::error::RunError;
use crate::folder::place::RunFolder;
use crate::model_store::ModelStore;

/// Corpora, models and folder of a run.
#[derive(Debug)]
pub(crate) struct RunContext<'a> {
    pub(crate) corpora: Corpora,
    pub(crate) models: ModelStore<'a>,
    pub(crate) folder: RunFolder,
    /// Set from outside to have the run stop.
    pub(crate) interrupt: &'a AtomicBool,
    /// The processes that work on it together.
    pub(crate) ranks: Ranks,
    /// The recipe's own seed, whatever the seed of a repetition.
    pub(crate) seed: u64,
}

impl RunContext<'_> {
    /// Whether the run is to stop.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// How a teacher of the run is asked about texts, of which models read so many tokens at most.
    pub(crate) fn asking(&self, max_length: usize) -> Asking<'_> {
        Asking { max_length, ranks: &self.ranks, interrupt: self.interrupt }
    }

    /// An error of a run, or that of one that was asked to stop where a teacher says so.
    pub(crate) fn stopped(&self, error: RunError) -> RunError {
        match error {
            RunError::Teacher(TeacherError::Interrupted) => self.interrupted(),
            other => other,
        }
    }

    /// The error of a run that was asked to stop.
    pub(crate) fn interrupted(&self) -> RunError {
        RunError::Interrupted { folder: self.folder.path().to_owned() }
    }
}
