//! One training from its data to a finished model folder.

use std::path::{Path, PathBuf};

use alambic_files::digests::{self, Digests};
use alambic_files::{read, write};
use alambic_losses::{Loss, Term};
use alambic_models::bert::Bert;
use alambic_models::oscar::Oscar;
use alambic_models::{Config, Initialiser, ModelFolder, Precision, Tokenizer};
use alambic_reports::numbers::{metric_title, metric_value};
use alambic_reports::record::{EventLog, LogMark};
use alambic_settings::At;
use alambic_students::{Blueprint, Student, add_detector, ship};
use alambic_teachers::Teacher;
use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::Dropout;
use alambic_tensor::optimiser::AdamW;
use alambic_tensor::parameters::{self, Parameters, Weights};
use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

use super::RunError;
use super::average::Average;
use super::captions::CaptionLesson;
use super::checkpoint::{self, Checkpoint, Progress};
use super::feed::Feed;
use super::folder::layout::{CHECKPOINTS, make_folder};
use super::lesson::{Lesson, Material};
use super::objects::ObjectLesson;
use super::parallel::ParallelLesson;
use super::questions::QuestionLesson;
use super::questions::image_texts::ImageTextLesson;
use super::texts::TextLesson;
use super::texts::augment::Augmented;
use super::train::{Stop, Trainer};
use super::words::WordLesson;
use super::words::samples::Writing;
use super::workshop::Workshop;
use crate::observer::Observer;
use crate::schema::{Optimiser, StageData, TrainOptions};

/// What a student starts from where it does not go on from an earlier training.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start<'a> {
    /// It is made as the recipe says.
    Made(&'a Student),
    /// Random weights of this shape.
    Shape(&'a Config),
}

/// What is to be trained, and how.
pub(crate) struct Job<'a> {
    /// The training's own name: that of its folder, events and records.
    pub(crate) label: String,
    /// The stage whose data it shares, for the records of what the teacher wrote.
    pub(crate) stage: &'a str,
    pub(crate) start: Start<'a>,
    pub(crate) teacher: Option<&'a dyn Teacher>,
    pub(crate) data: &'a StageData,
    pub(crate) loss: &'a [At<Loss>],
    pub(crate) freeze: &'a [String],
    pub(crate) train: &'a TrainOptions,
    /// Steps to take instead of what the options say.
    pub(crate) steps: Option<usize>,
    pub(crate) seed: u64,
    /// The folder of an earlier training of the same student, to go on from.
    pub(crate) from: Option<PathBuf>,
    /// The folder of the detector whose regions the student reads.
    pub(crate) detector: Option<PathBuf>,
    /// The vocabulary, decided by the caller.
    pub(crate) tokenizer: &'a Tokenizer,
}

/// A training that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Trained {
    /// The training's name.
    pub(crate) label: String,
    /// Steps taken.
    pub(crate) steps: usize,
    /// Seconds of training, without writing by teachers.
    pub(crate) seconds: f64,
    /// Examples in the data.
    pub(crate) examples: usize,
    /// Examples of labelled pairs among them.
    pub(crate) labelled: usize,
    /// Examples longer than the student's positions, which were left out.
    pub(crate) too_long: usize,
    /// Examples that were cut to fit.
    #[serde(default)]
    pub(crate) truncated: usize,
    /// Examples of the validation.
    pub(crate) validation_examples: usize,
    /// What validations measure.
    pub(crate) metric: String,
    /// Step and value of the best validation.
    pub(crate) best: Option<(usize, f64)>,
    /// Parameters that no loss reaches.
    pub(crate) frozen: Vec<String>,
    /// Parameters of the student.
    pub(crate) parameters: usize,
    /// What the teacher wrote.
    pub(crate) writing: Writing,
    /// What was kept of the teacher's outputs, if they were kept.
    #[serde(default)]
    pub(crate) kept: Option<String>,
    /// What became of texts that were varied.
    #[serde(default)]
    pub(crate) augmented: Augmented,
    /// How far the log of events went when it was done.
    pub(crate) events: LogMark,
}

/// The file that says a training is done.
const SUMMARY: &str = "summary.json";
/// Projections of loss terms, saved beside the model.
pub(crate) const PROJECTIONS: &str = "projections.safetensors";

/// The folder of a finished training's model, beside its checkpoints.
pub(crate) const FINISHED: &str = "finished";

/// Where a finished training's model lies.
pub(crate) fn finished_folder(run: &Path, label: &str) -> PathBuf {
    run.join(CHECKPOINTS).join(label).join(FINISHED)
}

/// What a training left, by its folder, if it is finished.
pub(crate) fn summary(training: &Path) -> Result<Option<Trained>, RunError> {
    let folder = training.join(FINISHED);
    if !folder.is_dir() {
        return Ok(None);
    }
    let path = folder.join(SUMMARY);
    Digests::require(&folder)?.check_file(&folder, SUMMARY)?;
    let text = read::state(&path)?;
    serde_json::from_str(&text).map(Some).map_err(|error| RunError::content(&path, error))
}

/// What a finished training left, if it is finished and as it was written.
fn finished(run: &Path, label: &str) -> Result<Option<Trained>, RunError> {
    let training = run.join(CHECKPOINTS).join(label);
    let Some(trained) = summary(&training)? else { return Ok(None) };
    let folder = training.join(FINISHED);
    Digests::require(&folder)?.check(&folder)?;
    // Where the process was killed that finished it.
    checkpoint::clear(&training)?;
    Ok(Some(trained))
}

/// Trains, or takes what is finished already; none if it was interrupted.
pub(crate) fn train(
    workshop: &Workshop<'_>,
    job: &Job<'_>,
    events: &mut EventLog,
    observer: &mut dyn Observer,
) -> Result<Option<Trained>, RunError> {
    if let Some(trained) = finished(&workshop.folder, &job.label)? {
        return Ok(Some(trained));
    }
    let blueprint = blueprint(workshop, job)?;
    let terms = bind(job, &blueprint.config)?;
    let lesson: Box<dyn Lesson + '_> = match &blueprint.config {
        Config::Marian(config) => Box::new(WordLesson::new(workshop, job, config, observer)?),
        Config::Bert(config) if !job.data.parallel.is_empty() => {
            Box::new(ParallelLesson::new(workshop, job, config, &terms, observer)?)
        }
        Config::Bert(config) => Box::new(TextLesson::new(workshop, job, config, &terms, observer)?),
        Config::Clip(_) => Box::new(CaptionLesson::new(workshop, job, &blueprint.config, &terms)?),
        Config::Detector(config) => Box::new(ObjectLesson::new(workshop, job, config, &terms)?),
        config if job.data.image_texts.is_empty() => {
            Box::new(QuestionLesson::new(workshop, job, config, &terms)?)
        }
        config => Box::new(ImageTextLesson::new(workshop, job, config, &terms)?),
    };
    let mut trainer = prepare(workshop, job, &*lesson, &blueprint, &terms, observer)?;
    let Material { examples, labelled, too_long, truncated, validation, writing, augmented, kept } =
        lesson.material().clone();
    if examples == 0 {
        let dropped: usize = writing.dropped.values().sum();
        return Err(RunError::Recipe(format!(
            "the data holds no example to train on; the teacher was given {} texts and {dropped} of its outputs were dropped",
            writing.requests
        )));
    }
    observer.task(
        &format!("{}: {examples} examples, batches of {}", job.label, job.train.batch.size),
        trainer.steps,
        trainer.progress.step,
    );
    if trainer.run(events, observer)? == Stop::Interrupted {
        observer.finished("interrupted; the checkpoint is written");
        return Ok(None);
    }
    let trained = Trained {
        label: job.label.clone(),
        steps: trainer.progress.step,
        seconds: trainer.progress.seconds,
        examples,
        labelled,
        too_long,
        truncated,
        validation_examples: validation,
        metric: lesson.measure().name.to_owned(),
        best: trainer.progress.best,
        frozen: trainer.progress.frozen.clone(),
        parameters: blueprint.weights.values().map(Tensor::elem_count).sum(),
        writing,
        kept,
        augmented,
        events: events.mark()?,
    };
    let best = trainer.best.take().unwrap_or_else(|| trainer.parameters.detached());
    write_finished(workshop, job, &blueprint, &best, &trained)?;
    observer.finished(&match trained.best {
        Some((step, value)) => format!(
            "validation {} {} at step {step}",
            metric_title(&trained.metric),
            metric_value(&trained.metric, Some(value))
        ),
        None => format!("{} steps", trained.steps),
    });
    Ok(Some(trained))
}

/// The student before this training.
fn blueprint(workshop: &Workshop<'_>, job: &Job<'_>) -> Result<Blueprint, RunError> {
    let (task, streams) = (workshop.task(job.data)?, Streams::new(job.seed));
    match (&job.from, job.start) {
        (Some(folder), _) => {
            let folder = ModelFolder::open(folder)?;
            if folder.tokenizer()?.identity()? != job.tokenizer.identity()? {
                return Err(RunError::Recipe(format!(
                    "stage `{}` goes on with a student of another vocabulary; give both stages the same teacher, or the same data",
                    job.stage
                )));
            }
            let config = Config::open(&folder)?;
            let weights = config.weights(&folder)?;
            Ok(match &config {
                Config::Bert(encoder) => {
                    let (encoder, weights) = Bert::for_task(encoder, &weights, &task, &streams)?;
                    Blueprint { config: encoder.into(), weights }
                }
                Config::Oscar(oscar) => {
                    let (oscar, weights) = Oscar::for_task(oscar, &weights, &task, &streams)?;
                    Blueprint { config: Config::Oscar(oscar), weights }
                }
                _ => Blueprint { config, weights },
            })
        }
        (None, Start::Shape(config)) => {
            Ok(Blueprint { config: config.clone(), weights: config.initial_weights(&streams)? })
        }
        (None, Start::Made(student)) => workshop.make(student, job.data, job.tokenizer, &task, streams),
    }
}

/// The loss terms, held against student and teacher.
fn bind(job: &Job<'_>, config: &Config) -> Result<Vec<Term>, RunError> {
    let student = config.outline();
    // Recorded outputs have no form of their own: a term that needs their taps does not fit it.
    let teacher = job.teacher.map(|teacher| teacher.outline().cloned().unwrap_or_default());
    job.loss.iter().map(|loss| Ok(loss.inner().bind(&student, teacher.as_ref())?)).collect()
}

fn prepare<'a>(
    workshop: &'a Workshop<'_>,
    job: &'a Job<'_>,
    lesson: &'a dyn Lesson,
    blueprint: &'a Blueprint,
    terms: &'a [Term],
    observer: &mut dyn Observer,
) -> Result<Trainer<'a>, RunError> {
    let streams = Streams::new(job.seed);
    let dropout = Dropout::new(&streams);
    let mut parameters = Parameters::from_weights(&blueprint.weights)?;
    for (name, tensor) in projections(job, terms, streams)? {
        parameters.insert(&name, &tensor)?;
    }
    // Position tables and the bias of the logits are buffers of published checkpoints, not parameters.
    parameters.freeze(|name| {
        name.ends_with("embed_positions.weight")
            || name == "final_logits_bias"
            || job.freeze.iter().any(|prefix| name.starts_with(prefix.as_str()))
    });
    let feed = Feed::new(lesson, terms, &job.train.batch, job.seed);
    let epoch = feed.batches().div_ceil(job.train.accumulate).max(1);
    let by_epochs = job.train.epochs.map(|epochs| (epochs * epoch as f64).ceil() as usize);
    let fewest = || [job.train.steps, by_epochs].into_iter().flatten().min();
    let steps = job.steps.or_else(fewest).ok_or_else(|| {
        RunError::Recipe(format!("`train` of stage `{}` needs `epochs` or `steps`", job.stage))
    })?;
    let Optimiser::AdamW(optimiser) = job.train.optimiser.clone();
    let weights = parameters.detached();
    let mut trainer = Trainer {
        stage: &job.label,
        seed: job.seed,
        lesson,
        terms,
        options: job.train,
        steps,
        optimiser: AdamW::new(optimiser),
        ceilings: blueprint.config.ceilings(),
        average: Average::new(job.train.average, &weights)?,
        folder: workshop.folder.join(CHECKPOINTS).join(&job.label),
        interrupt: workshop.interrupt,
        lock: workshop.lock.as_ref(),
        progress: Progress {
            step: 0,
            position: feed.position(),
            dropout: dropout.position(),
            best: None,
            without_better: 0,
            frozen: Vec::new(),
            weak: Vec::new(),
            seconds: 0.0,
            events: LogMark::default(),
        },
        best: None,
        parameters,
        feed,
        dropout,
    };
    make_folder(&workshop.folder, &trainer.folder)?;
    if let Some((checkpoint, damaged)) = Checkpoint::newest(&trainer.folder)? {
        for error in damaged {
            observer.note(&format!("{error}; training goes on from step {}", checkpoint.progress.step));
        }
        trainer.restore(checkpoint)?;
    }
    Ok(trainer)
}

/// Initial projections of the terms: those that an earlier training of the student saved, or new ones.
fn projections(job: &Job<'_>, terms: &[Term], streams: Streams) -> Result<Weights, RunError> {
    let saved = match job.from.as_ref().map(|folder| folder.join(PROJECTIONS)).filter(|path| path.is_file()) {
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
    Ok(weights)
}

/// Writes the finished model in one move, and clears the checkpoints, which nobody needs any more.
fn write_finished(
    workshop: &Workshop<'_>,
    job: &Job<'_>,
    blueprint: &Blueprint,
    best: &Weights,
    trained: &Trained,
) -> Result<(), RunError> {
    workshop.check_place()?;
    let whole = finished_folder(&workshop.folder, &job.label);
    let partial = write::partial(&whole);
    write::begin_folder(&partial)?;
    let own: IndexSet<&String> = blueprint.weights.keys().collect();
    let part = |inside: bool| -> Weights {
        best.iter()
            .filter(|(name, _)| own.contains(name) == inside)
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect()
    };
    let tokenizer = job.tokenizer.files(blueprint.config.longest())?;
    ship(&partial, &blueprint.config, &part(true), &tokenizer, Precision::F32)?;
    if let Some(detector) = &job.detector {
        add_detector(&partial, detector)?;
    }
    let projections = part(false);
    if !projections.is_empty() {
        parameters::save(&projections, &[], &partial.join(PROJECTIONS))?;
    }
    let path = partial.join(SUMMARY);
    let text = serde_json::to_string_pretty(trained).map_err(|error| RunError::content(&path, error))?;
    std::fs::write(&path, text).map_err(RunError::file(&path))?;
    digests::publish(&partial, &whole)?;
    checkpoint::clear(write::parent(&whole))
}
