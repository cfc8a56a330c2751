//! One training from its data to a finished model folder.

use std::path::{Path, PathBuf};

use alambic_files::{digests, write};
use alambic_losses::{Loss, ScheduledValue, Term};
use alambic_models::{Config, Initialiser, ModelFolder, Precision, Tokenizer};
use alambic_reports::numbers::{metric_title, metric_value};
use alambic_reports::record::{EventLog, LogMark, ProgressEvent};
use alambic_settings::At;
use alambic_students::{InitialModel, Student, add_detector, add_re_ranker, save_pretrained};
use alambic_teachers::Teacher;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::Dropout;
use alambic_tensor::optimiser::AdamW;
use alambic_tensor::parameters::{self, Parameters, Weights};
use alambic_tensor::{Streams, WeightMasks};
use indexmap::IndexSet;

use super::initial::{BuildInputs, build_student};
use super::unfinished::PageWriter;
use crate::class_distances::{give_class_distances, nearest_pairs};
use crate::context::RunContext;
use crate::error::RunError;
use crate::folder::layout::{CHECKPOINTS, finished_folder, make_folder};
use crate::observer::Observer;
use crate::options::train::{Optimiser, TrainOptions};
use crate::schema::Recipe;
use crate::tasks::task::Task;
use crate::training::callbacks::{CheckpointWriter, Recorder, StepRecorder, TrainerCallback, Validator};
use crate::training::checkpoint::{self, Checkpoint, Progress};
use crate::training::job::Job;
use crate::training::moving_average::ExponentialMovingAverage;
use crate::training::output::{DELTA, MASKS, MaskCounts, PROJECTIONS, SUMMARY, TrainOutput};
use crate::training::sampler::BatchSampler;
use crate::training::schedules::schedules;
use crate::training::state::TrainState;
use crate::training::statistics::DatasetStatistics;
use crate::training::task::TrainingTask;
use crate::training::teacher_outputs::CacheScope;
use crate::training::trainer::{Stop, Trainer};
use crate::training::weight_choice::changes;

/// Start of a student that does not go on from an earlier training.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start<'a> {
    /// It is built as the recipe declares it.
    Built(&'a Student),
    /// Random weights of this configuration.
    Random(&'a Config),
}

/// The part of a student's weights that a training changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Masked<'a> {
    pub(crate) masks: &'a WeightMasks,
    pub(crate) rest: Rest,
}

/// What becomes of the weights that a training does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// They are zero.
    Zero,
    /// They stay as they are.
    Held,
}

/// Training of a stage: student, teacher, data, options.
pub(crate) struct Training<'a> {
    /// The training's own name: that of its folder, events and records.
    pub(crate) label: String,
    /// The stage whose data it shares, for the records of what the teacher wrote.
    pub(crate) stage: &'a str,
    pub(crate) start: Start<'a>,
    pub(crate) teacher: Option<&'a dyn Teacher>,
    pub(crate) teacher_name: Option<&'a At<String>>,
    pub(crate) task: &'a dyn Task,
    pub(crate) loss: &'a [At<Loss>],
    pub(crate) freeze: &'a [String],
    /// The part of the weights that is trained; none where all are.
    pub(crate) masked: Option<Masked<'a>>,
    /// The weights whose changes are saved beside the model, where a part of them is trained.
    pub(crate) changed_from: Option<&'a Weights>,
    pub(crate) train: &'a TrainOptions,
    /// Steps to take instead of what the options say.
    pub(crate) steps: Option<usize>,
    pub(crate) seed: u64,
    /// The folder of an earlier training of the same student, to go on from.
    pub(crate) from: Option<PathBuf>,
    /// The folder of the detector whose regions the student reads.
    pub(crate) detector: Option<PathBuf>,
    /// The folder of the model that chooses among the images that the student draws.
    pub(crate) re_ranker: Option<PathBuf>,
    /// The vocabulary, decided by the caller.
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) cache: CacheScope<'a>,
    /// For the page of the run while it goes on.
    pub(crate) recipe: &'a Recipe,
}

/// Trains, or takes what is finished already; none if it was interrupted.
pub(crate) fn train(
    context: &RunContext<'_>,
    training: &Training<'_>,
    events: &mut EventLog,
    observer: &mut dyn Observer,
) -> Result<Option<TrainOutput>, RunError> {
    let folder = context.folder.path().join(CHECKPOINTS).join(&training.label);
    let ranks = &context.ranks;
    if let Some(output) = ranks.first(|| TrainOutput::read_whole(&folder))? {
        return Ok(Some(output));
    }
    observer.stage(&training.label);
    let initial = ranks.first(|| initial_model(context, training))?;
    let initial = match training.masked {
        Some(Masked { masks, rest: Rest::Zero }) => {
            InitialModel { weights: masks.zero(&initial.weights)?, ..initial }
        }
        _ => initial,
    };
    let held = training.masked.map(|masked| held(masked.masks, &initial.weights)).transpose()?;
    let terms = bind(training, &initial.config)?;
    let classes = training.task.head(&context.corpora)?.labels;
    let streams = Streams::new(training.seed);
    ranks.first(|| give_class_distances(&terms, &classes, &context.models, streams))?;
    let job = Job {
        label: &training.label,
        stage: training.stage,
        config: &initial.config,
        initial: &initial.weights,
        tokenizer: training.tokenizer,
        teacher: training.teacher,
        teacher_name: training.teacher_name,
        terms: &terms,
        train: training.train,
        seed: training.seed,
        detector: training.detector.as_deref(),
        cache: &training.cache,
    };
    let task = training.task.training(context, &job, observer)?;
    let statistics = task.statistics().clone();
    if statistics.examples == 0 {
        return Err(RunError::Recipe(no_examples(&statistics)));
    }
    let mut state = state(training, &*task, &initial, &terms)?;
    let steps = steps(training, &state.sampler)?;
    ranks.first(|| make_folder(context.folder.path(), &folder))?;
    let label = || training.label.clone();
    if let Some((checkpoint, damaged)) = ranks.first(|| Checkpoint::newest(&folder))? {
        let step = checkpoint.progress.step;
        for error in damaged {
            observer.warn(&format!("{error}; training goes on from step {step}"));
        }
        state.restore(checkpoint, &*task)?;
        let step = step as u64;
        events.append(&ProgressEvent::StageResume { stage: label(), seed: training.seed, step })?;
    } else {
        let (steps, examples) = (Some(steps as u64), Some(statistics.examples as u64));
        let seed = Some(training.seed);
        events.append(&ProgressEvent::StageBegin { stage: label(), seed, steps, examples })?;
    }
    let mut trainer = Trainer {
        label: &training.label,
        task: &*task,
        terms: &terms,
        options: training.train,
        steps,
        masked: training.masked.map(|masked| masked.masks).zip(held.as_ref()),
        clamped: &clamped(&initial.config, &terms),
        interrupt: context.interrupt,
        ranks,
        callbacks: callbacks(context, training, &*task, &terms, steps, &folder),
    };
    observer.task(&title(&job, &statistics), steps, state.progress.step);
    let mut recorder = Recorder { label: &training.label, seed: training.seed, events, observer };
    if trainer.run(&mut state, &mut recorder)? == Stop::Interrupted {
        recorder.observer.finished("interrupted; the checkpoint is written");
        return Ok(None);
    }
    recorder.events.append(&ProgressEvent::StageEnd {
        stage: label(),
        seed: Some(training.seed),
        steps: Some(state.progress.step as u64),
        seconds: state.progress.seconds,
    })?;
    let output = output(training, (&*task, &terms), (&initial, &classes), &state, recorder.events)?;
    let best = state.best.take().unwrap_or_else(|| state.parameters.detached());
    // A training that an estimate cuts short shows nothing of the model.
    if training.steps.is_none() {
        task.check_finished(&best)?;
    }
    if ranks.is_first() {
        write_finished(context, training, &initial, &best, &output)?;
    }
    // The others may go on from it.
    ranks.barrier()?;
    recorder.observer.finished(&match output.best {
        Some((step, value)) => format!(
            "validation {} {} at step {step}",
            metric_title(&output.metric),
            metric_value(&output.metric, Some(value))
        ),
        None => format!("{} steps", output.steps),
    });
    Ok(Some(output))
}

/// What a training that begins is called, with how much it reads.
fn title(job: &Job<'_>, statistics: &DatasetStatistics) -> String {
    let (label, examples, size) = (job.label, statistics.examples, job.train.batch.size);
    let left_out = match statistics.too_long {
        0 => String::new(),
        count => format!("; {count} more are too long and left out"),
    };
    format!("{label}: {examples} examples, batches of {size}{left_out}")
}

/// Parameters that are clamped below a number: the model's own, and the numbers that terms train along.
fn clamped<'t>(config: &Config, terms: &'t [Term]) -> Vec<(&'t str, f64)> {
    let learnt = terms.iter().flat_map(|term| &term.learnt).map(|number| (number.name, number.max));
    config.clamped_parameters().iter().copied().chain(learnt).collect()
}

/// The masked weights as they are before a training.
fn held(masks: &WeightMasks, weights: &Weights) -> Result<Weights, RunError> {
    masks.check(weights)?;
    let value = |name: &str| Ok((name.to_owned(), weights[name].to_dtype(DType::F32)?.contiguous()?));
    masks.names().map(value).collect()
}

/// Message about a training without examples.
fn no_examples(statistics: &DatasetStatistics) -> String {
    let dropped: usize = statistics.generation.dropped.values().sum();
    format!(
        "the data holds no example to train on; the teacher was given {} texts and {dropped} of its outputs were dropped",
        statistics.generation.requests
    )
}

/// The student before this training.
pub(crate) fn initial_model(
    context: &RunContext<'_>,
    training: &Training<'_>,
) -> Result<InitialModel, RunError> {
    let (head, streams) = (training.task.head(&context.corpora)?, Streams::new(training.seed));
    match (&training.from, training.start) {
        (Some(folder), _) => {
            let folder = ModelFolder::open(folder)?;
            if folder.tokenizer()?.identity()? != training.tokenizer.identity()? {
                return Err(RunError::Recipe(format!(
                    "stage `{}` goes on with a student of another vocabulary; give both stages the same teacher, or the same data",
                    training.stage
                )));
            }
            let config = Config::open(&folder)?;
            let weights = config.weights(&folder)?;
            let (config, weights) = config.with_head_weights(weights, &head, &streams)?;
            Ok(InitialModel { config, weights })
        }
        (None, Start::Random(config)) => {
            Ok(InitialModel { config: config.clone(), weights: config.initial_weights(&streams)? })
        }
        (None, Start::Built(student)) => build_student(
            context,
            &BuildInputs {
                student,
                task: training.task,
                tokenizer: training.tokenizer,
                head: &head,
                streams,
            },
        ),
    }
}

/// The loss terms, bound to student and teacher.
fn bind(training: &Training<'_>, config: &Config) -> Result<Vec<Term>, RunError> {
    let student = config.outline();
    let teacher = training.teacher.map(|teacher| match teacher.answering() {
        Some(teacher) => teacher.form().outline_for(&student),
        // Records of generated texts have no taps: a term that needs some does not fit them.
        None => teacher.outline().cloned().unwrap_or_default(),
    });
    let teacher = teacher.map(|teacher| training.task.outline_of_targets(&student, teacher));
    training.loss.iter().map(|loss| Ok(loss.inner().bind(&student, teacher.as_ref())?)).collect()
}

/// Everything that training changes, at its beginning.
fn state(
    training: &Training<'_>,
    task: &dyn TrainingTask,
    initial: &InitialModel,
    terms: &[Term],
) -> Result<TrainState, RunError> {
    let streams = Streams::new(training.seed);
    let dropout = Dropout::new(&streams);
    let mut parameters = Parameters::from_weights(&initial.weights)?;
    for (name, tensor) in projections(training.from.as_deref(), terms, streams)? {
        parameters.insert(&name, &tensor)?;
    }
    let untrained = training.masked.map(|masked| masked.masks.untrained()).transpose()?.unwrap_or_default();
    // What is frozen by a student's options is so for the sake of the weights that it starts from.
    let frozen: &[&str] = match training.start {
        Start::Random(_) => &[],
        Start::Built(_) => initial.config.frozen_parameters(),
    };
    // Position tables and the bias of the logits are buffers of published checkpoints, not parameters.
    parameters.freeze(|name| {
        name.ends_with("embed_positions.weight")
            || name == "final_logits_bias"
            || untrained.iter().any(|own| own == name)
            || training.freeze.iter().any(|prefix| name.starts_with(prefix.as_str()))
            || frozen.iter().any(|prefix| name.starts_with(prefix))
            || training.task.untrainable_parameters().iter().any(|prefix| name.starts_with(prefix))
    });
    let sampler = BatchSampler::new(task, terms, training.train, training.seed)?;
    let Optimiser::AdamW(optimiser) = training.train.optimiser.clone();
    let weights = parameters.detached();
    Ok(TrainState {
        optimiser: AdamW::new(optimiser).with_sparse_tables(initial.config.sparse_tables()),
        average: ExponentialMovingAverage::new(training.train.ema_decay, &weights)?,
        progress: Progress {
            step: 0,
            position: sampler.position(),
            best: None,
            without_better: 0,
            frozen: Vec::new(),
            weak: Vec::new(),
            seconds: 0.0,
            events: LogMark::default(),
        },
        best: None,
        parameters,
        sampler,
        dropout,
    })
}

/// Steps of a training at most.
fn steps(training: &Training<'_>, sampler: &BatchSampler) -> Result<usize, RunError> {
    let options = training.train;
    let epoch = sampler.batches().div_ceil(options.gradient_accumulation).max(1);
    let by_epochs = options.epochs.map(|epochs| (epochs * epoch as f64).ceil() as usize);
    let fewest = || [options.steps, by_epochs].into_iter().flatten().min();
    training.steps.or_else(fewest).ok_or_else(|| {
        RunError::Recipe(format!("`train` of stage `{}` needs `epochs` or `steps`", training.stage))
    })
}

/// Callbacks of the loop: each step is recorded, then validated, then shown, then stored; the last two by the first rank.
fn callbacks<'a>(
    context: &'a RunContext<'_>,
    training: &Training<'a>,
    task: &'a dyn TrainingTask,
    terms: &'a [Term],
    steps: usize,
    folder: &Path,
) -> Vec<Box<dyn TrainerCallback + 'a>> {
    let ranks = &context.ranks;
    let mut callbacks: Vec<Box<dyn TrainerCallback + 'a>> = vec![
        Box::new(StepRecorder { task, terms, steps }),
        Box::new(Validator { ranks, task, terms, every: training.train.validate_every, steps }),
    ];
    if ranks.is_first() {
        callbacks.push(Box::new(PageWriter {
            recipe: training.recipe,
            context,
            label: training.label.clone(),
            seed: training.seed,
            loss_weights: loss_weights(terms),
            schedules: schedules(terms),
            examples: task.statistics().examples,
            every: training.train.validate_every,
            steps,
        }));
        callbacks.push(Box::new(CheckpointWriter {
            every: training.train.checkpoint_every,
            folder: folder.to_owned(),
            run: &context.folder,
        }));
    }
    callbacks
}

/// The account of a training that is done.
fn output(
    training: &Training<'_>,
    (task, terms): (&dyn TrainingTask, &[Term]),
    (initial, classes): (&InitialModel, &[String]),
    state: &TrainState,
    events: &EventLog,
) -> Result<TrainOutput, RunError> {
    let statistics = task.statistics().clone();
    Ok(TrainOutput {
        label: training.label.clone(),
        steps: state.progress.step,
        seconds: state.progress.seconds,
        examples: statistics.examples,
        labelled: statistics.labelled,
        too_long: statistics.too_long,
        truncated: statistics.truncated,
        validation_examples: statistics.validation,
        metric: task.primary_metric().name.to_owned(),
        best: state.progress.best,
        frozen: state.progress.frozen.clone(),
        parameters: initial.weights.values().map(Tensor::elem_count).sum(),
        nearest_classes: terms
            .iter()
            .find_map(|term| Some(nearest_pairs(term.class_distances.as_ref()?.get()?, classes)))
            .unwrap_or_default(),
        masked: training.masked.map(|masked| mask_counts(masked.masks)).transpose()?,
        loss_weights: loss_weights(terms),
        schedules: schedules(terms),
        generation: statistics.generation,
        cached: statistics.cached,
        augmentation: statistics.augmentation,
        events: events.mark()?,
    })
}

/// How many weights masks are about, and how many of these are trained.
fn mask_counts(masks: &WeightMasks) -> Result<MaskCounts, RunError> {
    let (weights, trained) = masks.counts()?;
    Ok(MaskCounts { weights, trained })
}

/// Loss terms, each with its factor in their sum.
fn loss_weights(terms: &[Term]) -> Vec<(String, ScheduledValue)> {
    terms.iter().map(|term| (term.name.to_owned(), term.weight)).collect()
}

/// Initial projections and learnt numbers of the terms: those that an earlier training of the student saved, or new ones.
fn projections(from: Option<&Path>, terms: &[Term], streams: Streams) -> Result<Weights, RunError> {
    let saved = match from.map(|folder| folder.join(PROJECTIONS)).filter(|path| path.is_file()) {
        Some(path) => parameters::load(&path)?,
        None => Weights::new(),
    };
    // A stream of its own, so that a projection does not change the student's initial weights.
    let mut initialiser = Initialiser::new(&Streams::new(streams.seed() ^ u64::MAX));
    let mut weights = Weights::new();
    for projection in terms.iter().flat_map(|term| &term.projections) {
        let name = |part: &str| format!("{}.{part}", projection.name);
        let (weight, bias) = match (saved.get(&name("weight")), saved.get(&name("bias"))) {
            (Some(weight), Some(bias)) => (weight.clone(), bias.clone()),
            _ => (
                initialiser.glorot(projection.outputs, projection.inputs)?,
                Tensor::zeros(projection.outputs, DType::F32, device::current())?,
            ),
        };
        weights.insert(name("weight"), weight);
        weights.insert(name("bias"), bias);
    }
    for number in terms.iter().flat_map(|term| &term.learnt) {
        let value = match saved.get(number.name) {
            Some(value) => value.clone(),
            None => Tensor::new(number.initial, device::current())?,
        };
        weights.insert(number.name.to_owned(), value);
    }
    Ok(weights)
}

/// Writes the finished model in one move, and clears the checkpoints, which nobody needs any more.
fn write_finished(
    context: &RunContext<'_>,
    training: &Training<'_>,
    initial: &InitialModel,
    best: &Weights,
    output: &TrainOutput,
) -> Result<(), RunError> {
    context.folder.check()?;
    let whole = finished_folder(context.folder.path(), &training.label);
    let partial = write::partial(&whole);
    write::begin_folder(&partial)?;
    let own: IndexSet<&String> = initial.weights.keys().collect();
    let part = |inside: bool| -> Weights {
        best.iter()
            .filter(|(name, _)| own.contains(name) == inside)
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect()
    };
    // The tokenizer of a model that reads no texts has no length to be held to, so that a later stage or program opens it.
    let max_length = if initial.config.reads_texts() { initial.config.max_length() } else { usize::MAX };
    let tokenizer = training.tokenizer.files(max_length)?;
    save_pretrained(&partial, &initial.config, &part(true), &tokenizer, Precision::F32)?;
    if let Some(detector) = &training.detector {
        add_detector(&partial, detector)?;
    }
    if let Some(re_ranker) = &training.re_ranker {
        add_re_ranker(&partial, re_ranker)?;
    }
    let projections = part(false);
    if !projections.is_empty() {
        parameters::save(&projections, &[], &partial.join(PROJECTIONS))?;
    }
    if let Some(Masked { masks, .. }) = training.masked {
        masks.save(&partial.join(MASKS))?;
        if let Some(before) = training.changed_from {
            parameters::save(&changes(masks, before, best)?, &[], &partial.join(DELTA))?;
        }
    }
    let path = partial.join(SUMMARY);
    let text = serde_json::to_string_pretty(output).map_err(|error| RunError::content(&path, error))?;
    std::fs::write(&path, text).map_err(RunError::file(&path))?;
    digests::publish(&partial, &whole)?;
    checkpoint::clear(write::parent(&whole))
}
