//! Running a recipe: stages, baseline, evaluation and report.
//!
//! A run can be killed at any moment and resumed: each training goes on from its newest sound checkpoint or is taken as
//! finished, each record of what a teacher wrote is completed, and everything after the trainings is computed anew. A run
//! that is finished stays as it is.

mod average;
mod captions;
mod checkpoint;
pub(crate) mod corpora;
pub(crate) mod environment;
mod error;
pub(crate) mod evaluation;
mod exam;
pub(crate) mod feed;
mod folder;
pub(crate) mod lesson;
mod losses;
pub(crate) mod masking;
mod objects;
pub(crate) mod parallel;
pub(crate) mod questions;
mod result;
pub(crate) mod retrieval;
mod stage;
pub(crate) mod texts;
mod timing;
mod train;
pub(crate) mod trainings;
pub(crate) mod words;
pub(crate) mod workshop;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use alambic_reports::outcome::Outcome;
pub use error::RunError;

use self::corpora::Corpora;
use self::folder::Opened;
pub use self::folder::resumable;
use self::workshop::Workshop;
use crate::load::Loaded;
use crate::observer::Observer;

/// What to do about a folder that holds a run.
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
    /// What to do about a run that is there.
    pub mode: StartMode,
    /// Set from outside to have the run finish its step, write a checkpoint and stop.
    pub interrupt: Arc<AtomicBool>,
}

/// A run that came to its end.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The run's folder.
    pub folder: PathBuf,
    /// What `metrics.json` holds.
    pub outcome: Outcome,
}

/// Runs a recipe from its first stage to its report.
///
/// # Errors
/// [`RunError::Interrupted`] when it was asked to stop; any other when something failed. What is done stays and can
/// be resumed.
pub fn run(loaded: &Loaded, options: &RunOptions, observer: &mut dyn Observer) -> Result<Finished, RunError> {
    // The folder stays locked until the run has ended.
    let (mut events, lock) = match folder::open(loaded, options)? {
        Opened::Running(events, lock) => (events, lock),
        Opened::Finished(outcome) => {
            observer.note("the run is finished, and nothing is left to do");
            return Ok(Finished { folder: options.out.clone(), outcome: *outcome });
        }
    };
    let recipe = &loaded.recipe;
    let workshop = Workshop {
        recipe,
        corpora: Corpora::read(&recipe.data)?,
        folder: options.out.clone(),
        interrupt: &options.interrupt,
        lock: Some(lock),
    };
    folder::same_inputs(&workshop)?;
    let trainings = trainings::run(&workshop, &mut events, observer)?;
    let outcome = result::conclude(loaded, &workshop, &trainings, observer)?;
    workshop.check_place()?;
    folder::finish(&options.out)?;
    Ok(Finished { folder: options.out.clone(), outcome })
}
