//! A run from its first stage to its report.

use std::path::PathBuf;
use std::time::Instant;

use alambic_reports::outcome::Outcome;
use alambic_reports::record::{EventLog, FinalFigures, ProgressEvent, RunStatus};

use super::options::RunOptions;
use super::start::{self, Opened};
use super::{ranks, result, trainings};
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::{RunError, with_causes};
use crate::folder::layout::STUDENT;
use crate::folder::place::RunFolder;
use crate::load::Loaded;
use crate::machine;
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
    let begin = Instant::now();
    ranks::check_parts(loaded, &options.ranks)?;
    // The folder stays locked until the run has ended.
    let (mut events, lock) = match start::open(loaded, options)? {
        Opened::Running(events, lock) => (events, lock),
        Opened::Finished(outcome) => {
            observer.note("the run is finished, and nothing is left to do");
            return Ok(Finished { folder: options.out.clone(), outcome: *outcome });
        }
    };
    let (recipe, version) = (loaded.recipe.name.value.clone(), env!("CARGO_PKG_VERSION").to_owned());
    // What a process logged that came to no checkpoint is gone: the run begins.
    events.append(&if events.is_empty() {
        ProgressEvent::RunBegin { recipe, version, seed: loaded.recipe.seed }
    } else {
        ProgressEvent::RunResume { recipe, version }
    })?;
    let folder = RunFolder::new(options.out.clone(), lock);
    match run_logged(loaded, options, folder, &mut events, begin, observer) {
        Ok(outcome) => Ok(Finished { folder: options.out.clone(), outcome }),
        Err(error) => {
            let (status, message) = match &error {
                RunError::Interrupted { .. } => (RunStatus::Interrupted, None),
                other => (RunStatus::Failed, Some(with_causes(other))),
            };
            let seconds = begin.elapsed().as_secs_f64();
            let end = ProgressEvent::RunEnd { status, seconds, error: message, figures: None };
            // The error itself is reported; a log that cannot be written may be its cause.
            let _ = events.append(&end);
            Err(error)
        }
    }
}

/// Runs the trainings of a recipe without evaluating them, or takes what is finished of them, and gives the folder of the student.
///
/// # Errors
/// As for [`run`].
pub(crate) fn train_only(
    loaded: &Loaded,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<PathBuf, RunError> {
    let (mut events, lock) = match start::open(loaded, options)? {
        Opened::Running(events, lock) => (events, lock),
        Opened::Finished(_) => return Ok(options.out.join(STUDENT)),
    };
    let context = context(loaded, options, RunFolder::new(options.out.clone(), lock))?;
    start::check_inputs(loaded, &context)?;
    let trainings = trainings::run(&loaded.recipe, &context, &mut events, observer)?;
    let student = trainings.student.into_iter().next();
    student.map(|run| run.folder).ok_or_else(|| RunError::Recipe("`stages` names no stage".into()))
}

/// What a run works with.
fn context<'o>(
    loaded: &'o Loaded,
    options: &'o RunOptions,
    folder: RunFolder,
) -> Result<RunContext<'o>, RunError> {
    let recipe = &loaded.recipe;
    Ok(RunContext {
        corpora: Corpora::read(&recipe.data, &recipe.dictionary, &recipe.evaluation.data)?,
        models: ModelStore::of_run(&recipe.teacher, &options.out),
        folder,
        interrupt: &options.interrupt,
        ranks: options.ranks.clone(),
        seed: recipe.seed,
    })
}

/// A run whose begin is logged, to its end, which is logged.
fn run_logged(
    loaded: &Loaded,
    options: &RunOptions,
    folder: RunFolder,
    events: &mut EventLog,
    begin: Instant,
    observer: &mut dyn Observer,
) -> Result<Outcome, RunError> {
    let recipe = &loaded.recipe;
    for (name, value) in machine::describe() {
        observer.detail(&format!("{name}: {value}"));
    }
    let context = context(loaded, options, folder)?;
    context.ranks.first(|| start::check_inputs(loaded, &context))?;
    let trainings = trainings::run(recipe, &context, events, observer)?;
    observer.stage(EVALUATION);
    let evaluation = || EVALUATION.to_owned();
    events.append(&ProgressEvent::StageBegin {
        stage: evaluation(),
        seed: None,
        steps: None,
        examples: None,
    })?;
    let evaluation_begin = Instant::now();
    let Some(outcome) = result::conclude(loaded, &context, &trainings, observer)? else {
        context.ranks.barrier()?;
        return Ok(Outcome::read(&options.out)?);
    };
    let seconds = evaluation_begin.elapsed().as_secs_f64();
    events.append(&ProgressEvent::StageEnd { stage: evaluation(), seed: None, steps: None, seconds })?;
    events.append(&ProgressEvent::RunEnd {
        status: RunStatus::Finished,
        seconds: begin.elapsed().as_secs_f64(),
        error: None,
        figures: Some(Box::new(FinalFigures::of(&outcome))),
    })?;
    events.mark()?;
    context.folder.check()?;
    start::finish(&options.out)?;
    context.ranks.barrier()?;
    Ok(outcome)
}
