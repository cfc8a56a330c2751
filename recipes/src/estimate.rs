//! Time and memory of a run, reckoned from a few steps of each of its trainings.
//!
//! Each training of the recipe is run in a folder of its own that is removed again: on a part of its examples, for a
//! few steps, with one validation and one checkpoint; then comes the evaluation on a few examples. Measured are the time of a step,
//! of a validation, of a checkpoint, of what teachers write or read before, and the memory of the process. Reckoned, in
//! proportion to numbers of examples and steps, are their sums.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use std::{env, fs};

use alambic_files::lock::Lock;
use alambic_models::{Config, ModelFolder};
use alambic_ranks::Ranks;
use alambic_reports::outcome::BASELINE;
use alambic_reports::record::EventLog;
use alambic_settings::IndexMap;
use alambic_teachers::TeacherOptions;
use serde::Serialize;

use crate::baselines::{BaselineTraining, baseline_trainings};
use crate::bench::peak_memory;
use crate::cache_scope::cache_scope;
use crate::check::checker::Depth;
use crate::check::model_info::ModelInfo;
use crate::check::{examine, is_fatal};
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::corpora::mining::mine_all;
use crate::error::RunError;
use crate::folder::layout::{EVENTS, finished_folder};
use crate::folder::place::RunFolder;
use crate::load::Loaded;
use crate::model_store::ModelStore;
use crate::names::stage_of;
use crate::observer::Observer;
use crate::options::cache::CacheMode;
use crate::options::train::TrainOptions;
use crate::plan::{Plan, PlannedStage};
use crate::run::result::conclude;
use crate::run::stage::{Start, Training, train};
use crate::run::trainings::{SeedRun, Trainings};
use crate::schema::Recipe;
use crate::stage_order::{previous, stage_options, student_of, student_options};
use crate::stopwatch::Stopwatch;
use crate::training::output::TrainOutput;

/// Steps that are taken of a training whose steps are long, and of one whose steps are short. The first, which also finds what
/// gets a gradient, is not timed.
const STEPS: [usize; 2] = [4, 24];
/// Examples of a step times parameters of its student from which on it is long.
const LONG_STEP: usize = 50_000_000;
/// Fewest examples on which a training is tried, if there are so many.
const MIN_EXAMPLES: usize = 256;
/// Fewest examples of a validation, if there are so many.
const MIN_VALIDATION: usize = 16;
/// Examples on which the models are evaluated, over all directions.
const TEST_EXAMPLES: usize = 64;
/// Examples that are timed one at a time and in batches.
const TIMED_EXAMPLES: usize = 32;
/// Most bytes of a cache of teacher outputs that are gathered in memory, and then written as one file.
const SHARD: u64 = 64 << 20;
/// Message for another process that meets the lock.
const COMMAND: &str = "alambic plan";

/// Time and memory that a run will take.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Estimate {
    /// The trainings in order.
    pub trainings: Vec<EstimatedTraining>,
    /// Seconds of reading the data.
    pub reading_seconds: f64,
    /// Seconds of evaluation and report; none where they could not be tried on a few examples.
    pub evaluation_seconds: Option<f64>,
    /// Seconds of the whole run.
    pub seconds: f64,
    /// Most bytes of memory; none where the system does not say.
    pub peak_memory_bytes: Option<u64>,
}

/// Time and memory of a training.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EstimatedTraining {
    /// Its stage, or the name of a baseline.
    pub name: String,
    /// How many times it is trained, with seeds of its own.
    pub repetitions: usize,
    /// Whether its steps were timed: not where its teacher generates its targets and is not trained yet. What it takes is then
    /// reckoned by that of the others, in proportion to examples and parameters.
    pub is_measured: bool,
    /// Steps of each time, at most.
    pub steps: usize,
    /// Seconds of a step, as measured.
    pub step_seconds: f64,
    /// Seconds of all that comes before the first step, such as what teachers write.
    pub preparation_seconds: f64,
    /// Seconds of all validations.
    pub validation_seconds: f64,
    /// Seconds of all checkpoints.
    pub checkpoint_seconds: f64,
    /// Seconds of all of it.
    pub seconds: f64,
    /// Its share of the whole run.
    pub share: f64,
    /// Most bytes of memory of the process up to its end: as measured, and with what of the teacher's cached outputs was not
    /// tried; none where the system does not say.
    pub peak_memory_bytes: Option<u64>,
}

/// A folder for a trial, removed at its end.
struct TrialFolder(PathBuf);

impl TrialFolder {
    fn create() -> Result<Self, RunError> {
        let path = env::temp_dir().join(format!("alambic-plan-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(RunError::file(&path))?;
        Ok(Self(path))
    }
}

impl Drop for TrialFolder {
    fn drop(&mut self) {
        // What stays lies among temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A trial of a recipe.
struct Trial<'a> {
    /// The recipe, cut short.
    recipe: &'a Recipe,
    context: &'a RunContext<'a>,
    /// What each stage's student is, by the check of the whole recipe.
    students: &'a IndexMap<String, ModelInfo>,
    plan: &'a Plan,
    /// The part of the examples of each training that is tried.
    shares: &'a IndexMap<String, f64>,
}

/// Times a few steps of each training of a recipe that was planned, and reckons time and memory of the whole.
///
/// # Errors
/// When the recipe is wrong, a training fails, or it was asked to stop.
pub fn estimate(
    loaded: &Loaded,
    plan: &Plan,
    interrupt: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Estimate, RunError> {
    let begin = Instant::now();
    let mut checker = examine(loaded, Depth::Whole);
    if is_fatal(&checker.found) {
        return Err(RunError::Recipe("it is wrong, as `alambic check` shows".into()));
    }
    if let Some((name, estimate)) = checker.requests.iter().find(|(_, estimate)| estimate.requests > 0) {
        return Err(RunError::Recipe(format!(
            "teacher `{name}` would have to be asked for it: {estimate}; time is told once the answers are there"
        )));
    }
    drop(std::mem::take(&mut checker.corpora));
    let corpora =
        Corpora::read(&loaded.recipe.data, &loaded.recipe.dictionary, &loaded.recipe.evaluation.data)?;
    let reading_seconds = begin.elapsed().as_secs_f64();
    let folder = TrialFolder::create()?;
    let (short, shares) = cut_short(loaded, plan);
    let context = RunContext {
        corpora,
        models: ModelStore::of_run(&short.recipe.teacher, &folder.0),
        folder: RunFolder::new(folder.0.clone(), Some(Lock::acquire(&folder.0, COMMAND)?)),
        interrupt,
        ranks: Ranks::alone(),
        seed: loaded.recipe.seed,
    };
    let students = &checker.models.stages;
    let trial = Trial { recipe: &short.recipe, context: &context, students, plan, shares: &shares };
    let mut events = EventLog::create(&folder.0.join(EVENTS))?;
    let (mut trainings, trained) = trial.train_all(&folder.0, &mut events, observer)?;
    observer.note("the evaluation is tried on a few examples");
    let evaluation_seconds = match &trained {
        Some(trained) => evaluation(&short, &context, trained, plan, &loaded.recipe)?,
        None => None,
    };
    let seconds = reading_seconds
        + trainings.iter().map(|training| training.seconds).sum::<f64>()
        + evaluation_seconds.unwrap_or_default();
    let mut is_cached = false;
    for training in &mut trainings {
        training.share = training.seconds / seconds;
        let own = plan.stages.iter().find(|planned| planned.name == training.name);
        is_cached |= own.and_then(|planned| planned.cache.as_ref()).is_some_and(|cache| cache.cached);
        // What a process has held it does not give back.
        let more = if is_cached { untried_cache(plan, &shares) } else { 0 };
        training.peak_memory_bytes = training.peak_memory_bytes.map(|bytes| bytes + more);
    }
    let peak_memory_bytes = peak_memory().map(|bytes| bytes + untried_cache(plan, &shares));
    Ok(Estimate { trainings, reading_seconds, evaluation_seconds, seconds, peak_memory_bytes })
}

/// Bytes of memory that the largest cache of a teacher's outputs takes beyond what a part of its texts does: files are mapped,
/// and those under way are in memory twice.
fn untried_cache(plan: &Plan, shares: &IndexMap<String, f64>) -> u64 {
    let memory = |bytes: u64| bytes + 2 * bytes.min(SHARD);
    let untried = plan.stages.iter().filter_map(|planned| {
        let cache = planned.cache.as_ref().filter(|cache| cache.cached)?;
        let tried = (cache.bytes as f64 * shares.get(&planned.name)?) as u64;
        Some(memory(cache.bytes) - memory(tried.min(cache.bytes)))
    });
    untried.max().unwrap_or_default()
}

/// The recipe with a part of its examples and a short evaluation, and the part of each training's examples.
fn cut_short(loaded: &Loaded, plan: &Plan) -> (Loaded, IndexMap<String, f64>) {
    let mut short = loaded.clone();
    let recipe = &mut short.recipe;
    let mut shares = IndexMap::new();
    for planned in &plan.stages {
        let examples: usize = planned.examples.iter().map(|own| own.count).sum();
        let share = share(planned, examples);
        shares.insert(planned.name.clone(), share);
        if let Some(stage) = recipe.stage.get_mut(&planned.name) {
            stage.data.value.scale_fractions(share);
        }
    }
    for (table, planned) in plan.baselines() {
        let options = if table == BASELINE { &mut recipe.baseline } else { &mut recipe.upper_bound };
        if let (Some(options), Some(last)) = (options, plan.stages.last()) {
            let examples: usize = planned.examples.iter().map(|own| own.count).sum();
            let share = share(last, examples);
            shares.insert(table.to_owned(), share);
            options.data.value.scale_fractions(share);
        }
    }
    // What is cached for other runs stays as it is.
    recipe.cache.folder = None;
    recipe.repetitions = 1;
    let directions: usize = plan.evaluation.iter().map(|own| own.by_direction.len().max(1)).sum();
    let limit = (TEST_EXAMPLES / directions.max(1)).max(2);
    recipe.evaluation.value.limit = Some(recipe.evaluation.limit.map_or(limit, |own| own.min(limit)));
    recipe.evaluation.value.timed_examples = recipe.evaluation.timed_examples.min(TIMED_EXAMPLES);
    let untrained: Vec<String> = recipe
        .teacher
        .iter()
        .filter(|(_, options)| matches!(options, TeacherOptions::Checkpoint(own) if own.stage.is_some()))
        .map(|(name, _)| name.clone())
        .collect();
    for options in recipe.teacher.values_mut() {
        if let TeacherOptions::Pipeline(options) = options
            && options.chain.iter().any(|step| untrained.contains(&step.teacher.value))
        {
            // One that is hardly trained seldom ends a text by itself.
            options.max_new_tokens = options.max_new_tokens.min(MAX_NEW_TOKENS);
        }
    }
    (short, shares)
}

/// Tokens after which a model that is hardly trained ends a text: about as many as words and names have.
const MAX_NEW_TOKENS: usize = 12;

/// Steps that are taken of a training.
fn tried_steps(planned: &PlannedStage) -> usize {
    let training = &planned.training;
    let work = training.batch * training.gradient_accumulation * planned.student.parameters;
    STEPS[usize::from(work < LONG_STEP)]
}

/// The part of a training's examples that is enough for the steps and a validation.
fn share(planned: &PlannedStage, examples: usize) -> f64 {
    let of_steps = tried_steps(planned) * planned.training.batch * planned.training.gradient_accumulation;
    let of_validation = (MIN_VALIDATION * examples).checked_div(planned.validation).unwrap_or(examples);
    let wanted = of_steps.max(MIN_EXAMPLES).max(of_validation);
    (wanted as f64 / examples.max(1) as f64).min(1.0)
}

impl Trial<'_> {
    /// Tries every training; the estimates, and what the evaluation needs.
    fn train_all(
        &self,
        folder: &Path,
        events: &mut EventLog,
        observer: &mut dyn Observer,
    ) -> Result<(Vec<EstimatedTraining>, Option<Trainings>), RunError> {
        let (recipe, plan) = (self.recipe, self.plan);
        let last = recipe.stages.last().ok_or_else(|| RunError::Recipe("`stages` names no stage".into()))?;
        let student = student_of(recipe, last)?;
        let seeds = plan.seeds.len();
        let mut estimates = Vec::new();
        let mut others = Vec::new();
        let mut own = SeedRun { seed: recipe.seed, trainings: Vec::new(), folder: PathBuf::new() };
        for planned in &plan.stages {
            observer.note(&format!("a few steps of stage `{}` are timed", planned.name));
            let is_own = planned.student.name == student;
            let steps = planned.training.steps;
            let tried = self.stage(planned, if is_own { seeds } else { 1 }, steps, folder, events);
            let (estimate, output) = match tried {
                Ok(tried) => tried,
                Err(error) if estimates.is_empty() || self.context.is_interrupted() => return Err(error),
                Err(error) => {
                    observer.note(&format!(
                        "stage `{}` cannot be tried before its teacher is trained ({error}): its time and that of what \
                         follows is reckoned by that of the others",
                        planned.name
                    ));
                    self.reckon_others(&mut estimates);
                    return Ok((estimates, None));
                }
            };
            estimates.push(estimate);
            if is_own {
                own.folder = finished_folder(folder, &planned.name);
                own.trainings.push(output);
            } else {
                others.push(output);
            }
        }
        let mut trainings = Trainings { others, student: vec![own], baselines: Vec::new() };
        for baseline in baseline_trainings(recipe, student_options(recipe, &student)?) {
            let name = baseline.name;
            observer.note(&format!("a few steps of `{name}` are timed"));
            let (estimate, output) = self.baseline(&baseline, folder, events)?;
            estimates.push(estimate);
            let run =
                SeedRun { seed: recipe.seed, trainings: vec![output], folder: finished_folder(folder, name) };
            trainings.baselines.push((name.to_owned(), vec![run]));
        }
        Ok((estimates, Some(trainings)))
    }

    /// Adds the trainings that were not tried, whose time is reckoned by the steps of the others.
    fn reckon_others(&self, estimates: &mut Vec<EstimatedTraining>) {
        let planned = self.plan.trainings();
        let name_of = |name: &str| stage_of(name).to_owned();
        let is_tried = |name: &str, tried: &[EstimatedTraining]| tried.iter().any(|own| own.name == name);
        let work: f64 = planned.iter().filter(|own| is_tried(&own.name, estimates)).map(|own| own.work).sum();
        let seconds: f64 = estimates.iter().map(|own| own.step_seconds * own.steps as f64).sum();
        let peak_memory_bytes = estimates.last().and_then(|own| own.peak_memory_bytes);
        let tried = estimates.len();
        for training in planned {
            let name = name_of(&training.name);
            if is_tried(&name, &estimates[..tried]) {
                continue;
            }
            let own = training.work * seconds / work;
            if let Some(known) = estimates[tried..].iter_mut().find(|own| own.name == name) {
                known.repetitions += 1;
                known.seconds += own;
                continue;
            }
            estimates.push(EstimatedTraining {
                name,
                repetitions: 1,
                is_measured: false,
                steps: training.steps,
                step_seconds: own / training.steps.max(1) as f64,
                preparation_seconds: 0.0,
                validation_seconds: 0.0,
                checkpoint_seconds: 0.0,
                seconds: own,
                share: 0.0,
                peak_memory_bytes,
            });
        }
    }

    fn stage(
        &self,
        planned: &PlannedStage,
        repetitions: usize,
        steps: usize,
        folder: &Path,
        events: &mut EventLog,
    ) -> Result<(EstimatedTraining, TrainOutput), RunError> {
        let (recipe, context, name) = (self.recipe, self.context, planned.name.as_str());
        let options = stage_options(recipe, name)?;
        let info = self.info(name)?;
        let mut watch = Stopwatch::default();
        let begin = Instant::now();
        let corpora = options.data.task().corpora();
        mine_all((&recipe.data, &recipe.evaluation.data), context, corpora, &mut watch)?;
        let mined = begin.elapsed().as_secs_f64();
        watch.tasks.clear();
        let own = student_options(recipe, &planned.student.name)?;
        let teacher = options.teacher.as_ref().map(|name| context.models.teacher(name)).transpose()?;
        // Where the whole is not cached, neither is the part.
        let mut caching = recipe.clone();
        if planned.cache.as_ref().is_some_and(|cache| !cache.cached) {
            caching.cache.mode = CacheMode::Off;
        }
        let short = short_options(&options.train, tried_steps(planned));
        let training = Training {
            label: name.to_owned(),
            stage: name,
            start: Start::Built(own),
            teacher: teacher.as_deref(),
            teacher_name: options.teacher.as_ref(),
            task: options.data.task(),
            loss: &options.loss,
            freeze: &options.freeze,
            masked: None,
            changed_from: None,
            train: &short,
            steps: Some(short.validate_every),
            seed: recipe.seed,
            from: previous(recipe, name, "")?.map(|label| finished_folder(folder, &label)),
            detector: context.models.detector(own, &context.corpora)?,
            re_ranker: context.models.re_ranker(own)?,
            tokenizer: &info.tokenizer,
            cache: cache_scope(&caching, Some(folder), name, (context.interrupt, &context.ranks)),
            recipe,
        };
        let begin = Instant::now();
        let output = train(context, &training, events, &mut watch)?.ok_or_else(interrupted)?;
        let wall = begin.elapsed().as_secs_f64();
        let share = self.shares.get(name).copied().unwrap_or(1.0);
        let tried = Tried { watch: &watch, wall, mined, share, output: &output };
        Ok((tried.estimate(name, repetitions, (steps, &options.train), planned.validation), output))
    }

    fn baseline(
        &self,
        &BaselineTraining { name, table, options, is_random }: &BaselineTraining<'_>,
        folder: &Path,
        events: &mut EventLog,
    ) -> Result<(EstimatedTraining, TrainOutput), RunError> {
        let (recipe, context) = (self.recipe, self.context);
        let none = || RunError::Recipe(format!("the plan has no training `{name}`"));
        let planned = self.plan.stages.last().ok_or_else(none)?;
        let (_, baseline) = self.plan.baselines().find(|(own, _)| *own == table).ok_or_else(none)?;
        let stage = stage_options(recipe, &planned.name)?;
        let own = student_options(recipe, &planned.student.name)?;
        let finished = ModelFolder::open(&finished_folder(folder, &planned.name))?;
        let (tokenizer, shape) = (finished.tokenizer()?, Config::open(&finished)?);
        let mut watch = Stopwatch::default();
        let short = short_options(&stage.train, tried_steps(planned));
        let training = Training {
            label: name.to_owned(),
            stage: name,
            start: if is_random { Start::Random(&shape) } else { Start::Built(own) },
            teacher: None,
            teacher_name: None,
            task: options.data.task(),
            loss: &options.loss,
            freeze: &[],
            masked: None,
            changed_from: None,
            train: &short,
            steps: Some(short.validate_every),
            seed: recipe.seed,
            from: None,
            detector: context.models.detector(own, &context.corpora)?,
            re_ranker: context.models.re_ranker(own)?,
            tokenizer: &tokenizer,
            cache: cache_scope(recipe, Some(folder), name, (context.interrupt, &context.ranks)),
            recipe,
        };
        let begin = Instant::now();
        let output = train(context, &training, events, &mut watch)?.ok_or_else(interrupted)?;
        let wall = begin.elapsed().as_secs_f64();
        let share = self.shares.get(table).copied().unwrap_or(1.0);
        let tried = Tried { watch: &watch, wall, mined: 0.0, share, output: &output };
        let seeds = self.plan.seeds.len();
        Ok((tried.estimate(name, seeds, (baseline.steps, &stage.train), planned.validation), output))
    }

    fn info(&self, stage: &str) -> Result<&ModelInfo, RunError> {
        let unknown =
            || RunError::Recipe(format!("the student of stage `{stage}` is not known before it is trained"));
        self.students.get(stage).ok_or_else(unknown)
    }
}

/// The error of a trial that was asked to stop.
fn interrupted() -> RunError {
    RunError::Recipe("interrupted before all trainings were timed".into())
}

/// A training of so many steps with one validation and one checkpoint.
fn short_options(options: &TrainOptions, steps: usize) -> TrainOptions {
    TrainOptions { validate_every: steps, checkpoint_every: steps, patience: None, ..options.clone() }
}

/// What was measured of a training.
struct Tried<'a> {
    watch: &'a Stopwatch,
    /// Seconds of all of it.
    wall: f64,
    /// Seconds of mining before it.
    mined: f64,
    /// The part of its examples.
    share: f64,
    output: &'a TrainOutput,
}

impl Tried<'_> {
    /// Reckons the whole of a training of so many steps, whose validation split has so many examples.
    fn estimate(
        &self,
        name: &str,
        repetitions: usize,
        (steps, options): (usize, &TrainOptions),
        validation: usize,
    ) -> EstimatedTraining {
        let watch = self.watch;
        let times = repetitions as f64;
        let loop_seconds =
            watch.steps.iter().sum::<f64>() + watch.validation.unwrap_or_default() + watch.writing;
        // Loading models, reading texts.
        let constant = (self.wall - loop_seconds - watch.preparation()).max(0.0);
        let preparation_seconds = self.mined + watch.preparation() / self.share + times * constant;
        let validated = validation.min(options.validation_examples) as f64;
        let each =
            watch.validation.unwrap_or_default() / self.output.validation_examples.max(1) as f64 * validated;
        let validation_seconds = times * each * steps.div_ceil(options.validate_every) as f64;
        let checkpoints = steps / options.checkpoint_every + 1;
        let checkpoint_seconds = times * watch.writing * checkpoints as f64;
        let step_seconds = watch.step_seconds();
        EstimatedTraining {
            name: name.to_owned(),
            repetitions,
            is_measured: true,
            steps,
            step_seconds,
            preparation_seconds,
            validation_seconds,
            checkpoint_seconds,
            seconds: preparation_seconds
                + times * step_seconds * steps as f64
                + validation_seconds
                + checkpoint_seconds,
            share: 0.0,
            peak_memory_bytes: peak_memory(),
        }
    }
}

/// Seconds of evaluation and report, reckoned from those over a few examples; none where so few do not do.
fn evaluation(
    short: &Loaded,
    context: &RunContext<'_>,
    trained: &Trainings,
    plan: &Plan,
    recipe: &Recipe,
) -> Result<Option<f64>, RunError> {
    let mut watch = Stopwatch::default();
    let begin = Instant::now();
    let Ok(Some(outcome)) = conclude(short, context, trained, &mut watch) else {
        return if context.interrupt.load(Ordering::Relaxed) { Err(interrupted()) } else { Ok(None) };
    };
    let constant = begin.elapsed().as_secs_f64() - watch.preparation();
    let limit = recipe.evaluation.limit.unwrap_or(usize::MAX);
    let all: usize = plan
        .evaluation
        .iter()
        .flat_map(|own| {
            let single = own.by_direction.is_empty().then_some(own.count);
            own.by_direction.values().copied().chain(single).map(|count| count.min(limit))
        })
        .sum();
    let tried = outcome.examples.max(1);
    let timed = |most: usize, examples: usize| most.min(examples).max(1) as f64;
    let of_timing =
        timed(recipe.evaluation.timed_examples, all) / timed(short.recipe.evaluation.timed_examples, tried);
    let seeds = recipe.repetitions as f64;
    let tasks = watch.tasks.iter().map(|(title, seconds)| {
        if title == "timing" { seconds * of_timing } else { seconds * seeds * all as f64 / tried as f64 }
    });
    Ok(Some(constant + tasks.sum::<f64>()))
}
