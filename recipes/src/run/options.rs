//! Options of a run: its folder, and how it starts.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use alambic_ranks::Ranks;

/// Mode of starting where a folder holds a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartMode {
    /// Refuse it.
    Fresh,
    /// Go on with it.
    Resume,
    /// Delete it, if it holds nothing but what a run wrote, and start anew.
    Overwrite,
}

/// Where and how to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The run's folder.
    pub out: PathBuf,
    /// How to start where a run is there.
    pub mode: StartMode,
    /// Set from outside to have the run finish its step, write a checkpoint and stop.
    pub interrupt: Arc<AtomicBool>,
    /// The processes that run the recipe together, each of which calls [`run`](crate::run()) with the same recipe and folder.
    pub ranks: Ranks,
}
