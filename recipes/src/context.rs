//! Context of a run, for its tasks.

use std::sync::atomic::{AtomicBool, Ordering};

use alambic_ranks::Ranks;

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

    /// The error of a run that was asked to stop.
    pub(crate) fn interrupted(&self) -> RunError {
        RunError::Interrupted { folder: self.folder.path().to_owned() }
    }
}
