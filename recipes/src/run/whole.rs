//! A run from its first stage to its report.

use std::path::PathBuf;

use alambic_reports::outcome::Outcome;

use super::options::RunOptions;
use super::start::{self, Opened};
use super::{result, trainings};
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::folder::place::RunFolder;
use crate::load::Loaded;
use crate::model_store::ModelStore;
use crate::names::EVALUATION;
use crate::observer::Observer;

/// A run that came to its end.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The run's folder.
    pub folder: PathBuf,
    /// Content of `metrics.json`.
    pub outcome: Outcome,
}

/// Runs a recipe from its first stage to its report.
///
/// # Errors
/// [`RunError::Interrupted`] when it was asked to stop; any other when something failed. What is done stays and can
/// be resumed.
pub fn run(loaded: &Loaded, options: &RunOptions, observer: &mut dyn Observer) -> Result<Finished, RunError> {
    // The folder stays locked until the run has ended.
    let (mut events, lock) = match start::open(loaded, options)? {
        Opened::Running(events, lock) => (events, lock),
        Opened::Finished(outcome) => {
            observer.note("the run is finished, and nothing is left to do");
            return Ok(Finished { folder: options.out.clone(), outcome: *outcome });
        }
    };
    let recipe = &loaded.recipe;
    let context = RunContext {
        corpora: Corpora::read(&recipe.data, &recipe.evaluation.data)?,
        models: ModelStore::of_run(&recipe.teacher, &options.out),
        folder: RunFolder::new(options.out.clone(), lock),
        interrupt: &options.interrupt,
        seed: recipe.seed,
    };
    start::check_inputs(loaded, &context)?;
    let trainings = trainings::run(recipe, &context, &mut events, observer)?;
    observer.stage(EVALUATION);
    let outcome = result::conclude(loaded, &context, &trainings, observer)?;
    context.folder.check()?;
    start::finish(&options.out)?;
    Ok(Finished { folder: options.out.clone(), outcome })
}
