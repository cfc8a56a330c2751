//! All trainings of a run in their order: the stages, the student again with other seeds, the baseline.

use std::path::PathBuf;

use alambic_models::{Config, ModelFolder, Tokenizer};
use alambic_reports::record::EventLog;
use alambic_settings::At;
use alambic_students::Student;
use alambic_teachers::Teacher;
use alambic_tensor::WeightMasks;

use super::rounds::train_rounds;
use super::stage::{Masked, Rest, Start, Training, train};
use crate::baselines::{BaselineTraining, baseline_trainings};
use crate::cache_scope::cache_scope;
use crate::context::RunContext;
use crate::corpora::mining::mine_all;
use crate::error::RunError;
use crate::folder::layout::finished_folder;
use crate::names::SEED;
use crate::observer::Observer;
use crate::options::sparse::Sparse;
use crate::schema::{Recipe, StageOptions};
use crate::stage_order::{previous, stage_options, student_of, student_options};
use crate::tasks::task::Task;
use crate::training::output::{MASKS, TrainOutput};
use crate::vocabulary::{
    prompted, shares_vocabulary, takes_vocabulary, train_vocabulary, transfer_vocabulary,
};

/// The trainings of one model with one seed, last one last.
#[derive(Debug, Clone)]
pub(crate) struct SeedRun {
    pub(crate) seed: u64,
    pub(crate) trainings: Vec<TrainOutput>,
    /// The finished model.
    pub(crate) folder: PathBuf,
}

impl SeedRun {
    /// Seconds of all trainings together.
    pub(crate) fn seconds(&self) -> f64 {
        self.trainings.iter().map(|trained| trained.seconds).sum()
    }
}

/// Outputs of all trainings.
#[derive(Debug, Clone)]
pub(crate) struct Trainings {
    /// Trainings of other models: teachers.
    pub(crate) others: Vec<TrainOutput>,
    /// The student, once for each seed.
    pub(crate) student: Vec<SeedRun>,
    /// Those of [`baseline_trainings`] by name, once for each seed.
    pub(crate) baselines: Vec<(String, Vec<SeedRun>)>,
}

/// Runs what is not finished yet.
pub(crate) fn run(
    recipe: &Recipe,
    context: &RunContext<'_>,
    events: &mut EventLog,
    observer: &mut dyn Observer,
) -> Result<Trainings, RunError> {
    let Some(last) = recipe.stages.last() else {
        return Err(RunError::Recipe("`stages` names no stage".into()));
    };
    let student = student_of(recipe, last)?;
    let (own, others): (Vec<&At<String>>, Vec<&At<String>>) = {
        let mut own = Vec::new();
        let mut others = Vec::new();
        for stage in recipe.stages.iter() {
            if student_of(recipe, stage)? == student { own.push(stage) } else { others.push(stage) }
        }
        (own, others)
    };
    let mut trainings = Trainings { others: Vec::new(), student: Vec::new(), baselines: Vec::new() };
    // In the recipe's order: a stage may need what an earlier one trained.
    let mut first = SeedRun { seed: recipe.seed, trainings: Vec::new(), folder: PathBuf::new() };
    for stage in recipe.stages.iter() {
        if let Some(options) = recipe.stage.get(&stage.value) {
            let named = options.data.task().corpora();
            mine_all((&recipe.data, &recipe.evaluation.data), context, named, observer)?;
        }
        let from = previous(recipe, stage, "")?.map(|label| finished_folder(context.folder.path(), &label));
        let trained = train_stage(recipe, context, stage, "", recipe.seed, from, events, observer)?;
        if others.contains(&stage) {
            trainings.others.extend(trained);
        } else {
            first.folder = finished_folder(context.folder.path(), stage);
            first.trainings.extend(trained);
        }
    }
    trainings.student.push(first);
    for repetition in 1..recipe.repetitions as u64 {
        let seed = recipe.seed.wrapping_add(repetition);
        let suffix = format!("{SEED}{seed}");
        let mut run = SeedRun { seed, trainings: Vec::new(), folder: PathBuf::new() };
        for stage in &own {
            let label = format!("{}{suffix}", stage.value);
            let from =
                previous(recipe, stage, &suffix)?.map(|label| finished_folder(context.folder.path(), &label));
            run.folder = finished_folder(context.folder.path(), &label);
            let trained = train_stage(recipe, context, stage, &suffix, seed, from, events, observer)?;
            run.trainings.extend(trained);
        }
        trainings.student.push(run);
    }
    let baseline = recipe.baselines().flat_map(|(_, baseline)| baseline.data.task().corpora());
    let named = baseline.chain(&recipe.evaluation.data);
    mine_all((&recipe.data, &recipe.evaluation.data), context, named, observer)?;
    trainings.baselines = baselines(recipe, context, last, &student, &trainings.student, events, observer)?;
    Ok(trainings)
}

/// Trains a stage, with `suffix` behind its name where it is a repetition: its training, or those of its rounds.
fn train_stage(
    recipe: &Recipe,
    context: &RunContext<'_>,
    stage: &str,
    suffix: &str,
    seed: u64,
    from: Option<PathBuf>,
    events: &mut EventLog,
    observer: &mut dyn Observer,
) -> Result<Vec<TrainOutput>, RunError> {
    let options = stage_options(recipe, stage)?;
    let label = format!("{stage}{suffix}");
    let run = || -> Result<Option<Vec<TrainOutput>>, RunError> {
        let ranks = &context.ranks;
        let teacher = || options.teacher.as_ref().map(|name| context.models.teacher(name)).transpose();
        let teacher = ranks.first(teacher)?;
        let task = options.data.task();
        ranks.first(|| prepare_teachers(context, task))?;
        let (student, task) = (student_options(recipe, &student_of(recipe, stage)?)?, options.data.task());
        let of_teacher = teacher.as_deref().and_then(Teacher::tokenizer);
        let tokenizer = match &from {
            // What it has learnt to read.
            Some(folder) if teacher.is_none() || !shares_vocabulary(student, task) => {
                ModelFolder::open(folder)?.tokenizer()?
            }
            _ => ranks.first(|| tokenizer(context, of_teacher, student, task))?,
        };
        let masks = masks(recipe, context, options, suffix)?;
        let training = Training {
            label,
            stage,
            start: Start::Built(student),
            teacher: teacher.as_deref(),
            teacher_name: options.teacher.as_ref(),
            task,
            loss: &options.loss,
            freeze: &options.freeze,
            masked: masks.as_ref().map(|(masks, rest)| Masked { masks, rest: *rest }),
            changed_from: None,
            train: &options.train,
            steps: None,
            seed,
            from,
            detector: ranks.first(|| context.models.detector(student, &context.corpora))?,
            re_ranker: context.models.re_ranker(student)?,
            tokenizer: &tokenizer,
            cache: cache_scope(
                recipe,
                Some(context.folder.path()),
                stage,
                (context.interrupt, &context.ranks),
            ),
            recipe,
        };
        match &options.sparse {
            Some(sparse) => train_rounds(context, training, sparse, events, observer),
            None => Ok(train(context, &training, events, observer)?.map(|output| vec![output])),
        }
    };
    run().map_err(|error| context.stopped(error).in_stage(stage))?.ok_or_else(|| context.interrupted())
}

/// The masks of the stage that a stage is masked by, and what becomes of the rest.
fn masks(
    recipe: &Recipe,
    context: &RunContext<'_>,
    options: &StageOptions,
    suffix: &str,
) -> Result<Option<(WeightMasks, Rest)>, RunError> {
    let Some(by) = &options.masked_by else { return Ok(None) };
    let rest = match &stage_options(recipe, by)?.sparse {
        Some(Sparse::Change(_)) => Rest::Held,
        _ => Rest::Zero,
    };
    let label = format!("{}{suffix}", by.value);
    let path = finished_folder(context.folder.path(), &label).join(MASKS);
    Ok(Some((WeightMasks::load(&path)?, rest)))
}

/// Writes the folders of those of a task's teachers that read otherwise than they are published, which its training opens.
fn prepare_teachers(context: &RunContext<'_>, task: &dyn Task) -> Result<(), RunError> {
    task.teachers().into_iter().try_for_each(|name| context.models.prepare(name))
}

/// The vocabulary of a training: its teacher's, or that of the models whose layers its student takes, or one made of the
/// training split of its data.
fn tokenizer(
    context: &RunContext<'_>,
    of_teacher: Option<&Tokenizer>,
    student: &Student,
    task: &dyn Task,
) -> Result<Tokenizer, RunError> {
    if let Some(tokenizer) = of_teacher.filter(|_| shares_vocabulary(student, task)) {
        return Ok(prompted(tokenizer.clone(), student)?);
    }
    let own = match student.inner().vocabulary_source() {
        Some(source) if takes_vocabulary(student, task) => {
            let whole = ModelFolder::open(&context.models.checkpoint_folder(source)?)?.tokenizer()?;
            transfer_vocabulary(&whole, student, task, &context.corpora)?
        }
        _ => train_vocabulary(student, task, &context.corpora)?,
    };
    Ok(prompted(own, student)?)
}

/// The student without a teacher: same architecture, steps, batches and schedule.
fn baselines(
    recipe: &Recipe,
    context: &RunContext<'_>,
    last: &str,
    student: &str,
    students: &[SeedRun],
    events: &mut EventLog,
    observer: &mut dyn Observer,
) -> Result<Vec<(String, Vec<SeedRun>)>, RunError> {
    let own = student_options(recipe, student)?;
    let trainings = baseline_trainings(recipe, own);
    if trainings.is_empty() {
        return Ok(Vec::new());
    }
    let stage = stage_options(recipe, last)?;
    let folder = ModelFolder::open(&students[0].folder)?;
    let shape = Config::open(&folder)?;
    // The student's vocabulary, whatever the baseline's data hold.
    let tokenizer = folder.tokenizer()?;
    let mut baselines = Vec::new();
    for BaselineTraining { name, options, is_random, .. } in trainings {
        let start = if is_random { Start::Random(&shape) } else { Start::Built(own) };
        let mut runs = Vec::new();
        context.ranks.first(|| prepare_teachers(context, options.data.task()))?;
        for run in students {
            let label =
                if run.seed == recipe.seed { name.to_owned() } else { format!("{name}{SEED}{}", run.seed) };
            let training = Training {
                label: label.clone(),
                stage: name,
                start,
                teacher: None,
                teacher_name: None,
                task: options.data.task(),
                loss: &options.loss,
                freeze: &[],
                masked: None,
                changed_from: None,
                train: &stage.train,
                steps: Some(run.trainings.iter().map(|output| output.steps).sum()),
                seed: run.seed,
                from: None,
                detector: context.ranks.first(|| context.models.detector(own, &context.corpora))?,
                re_ranker: context.models.re_ranker(own)?,
                tokenizer: &tokenizer,
                cache: cache_scope(
                    recipe,
                    Some(context.folder.path()),
                    name,
                    (context.interrupt, &context.ranks),
                ),
                recipe,
            };
            let output = train(context, &training, events, observer)
                .map_err(|error| error.in_stage(&label))?
                .ok_or_else(|| context.interrupted())?;
            runs.push(SeedRun {
                seed: run.seed,
                trainings: vec![output],
                folder: finished_folder(context.folder.path(), &label),
            });
        }
        baselines.push((name.to_owned(), runs));
    }
    Ok(baselines)
}
