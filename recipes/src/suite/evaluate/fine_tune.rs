//! Fine-tuning of a model on a task, as a recipe that a user can run again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use alambic_data::benchmarks::{Examples, Part};
use alambic_files::text::quoted;
use alambic_files::write;
use alambic_models::{Config, ModelFolder};
use alambic_reports::numbers::duration;
use alambic_settings::diagnostics::Severity;
use serde_json::Value;

use super::super::kinds::SuiteTaskKind;
use super::super::schema::{ScoredPieces, SuiteTask, SuiteTrain};
use super::super::score::SuiteError;
use super::image_recipe::{image_lines, quoted_path, student_tables};
use super::training_data::{SPLITS, TableKind, file_name, write_split};
use super::{EvaluateOptions, Evaluation};
use crate::check::{Depth, check};
use crate::error::RunError;
use crate::estimate::estimate;
use crate::load::load;
use crate::observer::{Observer, Silent};
use crate::plan::plan;
use crate::run::{RunOptions, StartMode, resumable, train_only};

/// Examples from which on a training is long enough for its time to be reckoned before it begins.
const LONG: usize = 2000;

/// Examples below which none are taken out of training to choose checkpoints by.
const FEW: usize = 400;

/// Examples to train on.
#[derive(Default)]
pub(super) struct TrainingExamples {
    /// Code of their language.
    language: String,
    /// The files of the benchmark, where the recipe reads these.
    files: Vec<PathBuf>,
    validation_files: Vec<PathBuf>,
    /// Else what was read of them.
    train: Option<Examples>,
    validation: Option<Examples>,
    /// Whether the model's head stays, over all of its answers, whichever of them these examples have.
    pub(super) keeps_head: bool,
}

impl TrainingExamples {
    fn is_about_images(&self) -> bool {
        self.train.as_ref().is_some_and(|own| own.images().is_some())
    }
}

/// A model that could not be fine-tuned on a task, and why.
pub(super) enum Tuned {
    /// The folder of the finished model.
    Model(PathBuf),
    /// What keeps it from being trained.
    Refused(String),
}

/// The part of a task's data in a language, with a number of first examples where only so many are wanted, read out of `named` files
/// where they are not the usual ones; none where there are no files.
pub(super) fn training_examples(
    (name, task): (&str, &SuiteTask),
    language: &str,
    named: Option<&str>,
    first: Option<usize>,
    options: &EvaluateOptions,
) -> Result<Option<TrainingExamples>, SuiteError> {
    let files = task.corpus.input_paths(&options.data, name, language, Part::Train, named);
    if files.is_empty() && !task.corpus.is_made_up() {
        return Ok(None);
    }
    let of_usual = named.is_none();
    let validation_files = if of_usual {
        task.corpus.input_paths(&options.data, name, language, Part::Validation, None)
    } else {
        Vec::new()
    };
    let read = |part, named| task.corpus.examples(&options.data, name, language, part, named);
    let language = language.to_owned();
    if task.kind.value == SuiteTaskKind::QuestionAnswering {
        return Ok(Some(TrainingExamples {
            language,
            files,
            validation_files,
            ..TrainingExamples::default()
        }));
    }
    let train = read(Part::Train, named)?;
    let train = train.map(|all| match first {
        Some(count) => all.first(count),
        None => all,
    });
    let validation = if of_usual { read(Part::Validation, None)? } else { None };
    Ok(Some(TrainingExamples { language, files, validation_files, train, validation, keeps_head: false }))
}

/// Fine-tunes the model of a folder on a task, under a label of its own, or takes what was finished before.
pub(super) fn fine_tune(
    evaluation: &Evaluation<'_>,
    (task, train): (&SuiteTask, &SuiteTrain),
    label: &str,
    model: &Path,
    examples: &TrainingExamples,
    observer: &mut dyn Observer,
) -> Result<Tuned, SuiteError> {
    let options = evaluation.options;
    let data = options.out.join("data").join(label);
    let recipe_path = options.out.join("recipes").join(format!("{label}.toml"));
    for folder in [Some(data.as_path()), recipe_path.parent()].into_iter().flatten() {
        write::create_folder(folder).map_err(RunError::from)?;
    }
    let mut kind = None;
    for (split, own) in SPLITS.into_iter().zip([&examples.train, &examples.validation]) {
        if let Some(own) = own {
            kind = write_split(&data, split, own)?.or(kind);
        }
    }
    let count = examples.train.as_ref().map(examples_of_epoch);
    let students =
        if examples.is_about_images() { student_tables(model)? } else { Some(text_student(model)) };
    let Some(students) = students else {
        return Ok(Tuned::Refused("no kind of student goes on with a model of its architecture".into()));
    };
    let config = Config::open(&ModelFolder::open(model).map_err(RunError::from)?).map_err(RunError::from)?;
    let is_told = config.outline().languages.is_some_and(|own| own.are_named());
    let text = recipe(
        label,
        (task, train),
        (model, &students, is_told),
        &data,
        examples,
        (kind, count),
        options.seed,
    );
    write::write(&recipe_path, text.as_bytes()).map_err(RunError::from)?;
    let loaded = load(&recipe_path, &[]).map_err(|found| SuiteError::Recipe(found.render(false)))?;
    let found = check(&loaded, Depth::Quick);
    if let Some(error) = found.list.iter().find(|own| own.severity == Severity::Error) {
        return Ok(Tuned::Refused(error.message.clone()));
    }
    let out = options.out.join("trainings").join(label);
    write::create_folder(write::parent(&out)).map_err(RunError::from)?;
    let mode = if resumable(&out).is_ok() { StartMode::Resume } else { StartMode::Fresh };
    if mode == StartMode::Fresh && count.is_none_or(|count| count >= LONG) {
        // A failure is that of the training itself, which says it.
        let expected = plan(&loaded)
            .ok()
            .and_then(|plan| estimate(&loaded, &plan, &options.interrupt, &mut Silent).ok());
        if let Some(expected) = expected {
            let seconds = expected.trainings.iter().map(|training| training.seconds).sum();
            observer.note(&format!("fine-tuning is expected to take {}", duration(seconds)));
        }
    }
    let run = RunOptions {
        out,
        mode,
        interrupt: std::sync::Arc::clone(&options.interrupt),
        ranks: alambic_ranks::Ranks::alone(),
    };
    Ok(Tuned::Model(train_only(&loaded, &run, observer)?))
}

/// Examples of an epoch: of images with captions, each comes once.
fn examples_of_epoch(examples: &Examples) -> usize {
    match examples {
        Examples::Captions { images, .. } => images.pictures.len(),
        other => other.len(),
    }
}

/// Tables of a recipe that name the text encoder to go on with.
fn text_student(model: &Path) -> String {
    let model = quoted_path(model);
    format!(
        "[teacher.given.checkpoint]\nmodel = {model}\n\n[model.tuned.encoder-layers]\nteacher = \"given\"\n"
    )
}

/// The recipe of a fine-tuning.
fn recipe(
    label: &str,
    (task, train): (&SuiteTask, &SuiteTrain),
    (model, students, is_told): (&Path, &str, bool),
    data: &Path,
    examples: &TrainingExamples,
    (kind, count): (Option<TableKind>, Option<usize>),
    seed: u64,
) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let path = quoted_path;
    let list =
        |paths: &[PathBuf]| format!("[{}]", paths.iter().map(|own| path(own)).collect::<Vec<_>>().join(", "));
    let has_validation = examples.validation.is_some() || !examples.validation_files.is_empty();
    let (corpus, stage_data, loss) = match kind {
        Some(TableKind::Texts { .. }) => ("texts", "texts", "cross-entropy"),
        Some(TableKind::Sentences) => ("conll", "texts", "cross-entropy"),
        Some(TableKind::Choices) => ("choices", "choices", "cross-entropy"),
        Some(TableKind::Questions) => ("image-questions", "questions", "binary-cross-entropy"),
        Some(TableKind::Captions) => ("image-captions", "captions", "image-text-contrast"),
        None => ("squad", "passages", "cross-entropy"),
    };
    let classes: Vec<String> = task.corpus.inner().classes().iter().map(|class| text(class)).collect();
    let mut recipe = format!(
        "# Written by `alambic evaluate`: how a model was fine-tuned on a task of a suite.\nschema = 1\nname = {}\nseed = {seed}\nstages = [\"fine-tune\"]\n\n[data.task.corpus.{corpus}]\n",
        text(label.rsplit('/').next().unwrap_or(label))
    );
    let [train_files, validation_files] = match kind {
        Some(kind) => SPLITS.map(|split| path(&data.join(file_name(kind, split)))),
        None => [list(&examples.files), list(&examples.validation_files)],
    };
    let mut lines = vec![format!("paths = {train_files}")];
    if has_validation {
        lines.push(format!("validation-paths = {validation_files}"));
    }
    if let Some(TableKind::Texts { has_second }) = kind {
        lines.push("label = \"label\"".into());
        lines.extend(has_second.then(|| "second = \"second\"".into()));
    }
    if is_told && kind != Some(TableKind::Choices) {
        // The model has an embedding of each language.
        lines.push(format!("language = {}", text(&examples.language)));
    }
    if !classes.is_empty() && matches!(kind, Some(TableKind::Texts { .. } | TableKind::Sentences)) {
        lines.push(format!("classes = [{}]", classes.join(", ")));
    }
    if kind == Some(TableKind::Questions) {
        if examples.keeps_head {
            lines.push(format!("answers-from = {}", path(&model.join("config.json"))));
        } else if !classes.is_empty() {
            lines.push(format!("answers = [{}]", classes.join(", ")));
        }
    }
    let images = examples.train.as_ref().and_then(Examples::images);
    let (images, regions) = images.map(|images| image_lines(data, images)).unwrap_or_default();
    lines.extend(images);
    recipe.push_str(&(lines.join("\n") + "\n" + &regions));
    let labelled = if task.pieces == ScoredPieces::All { ", label-all-tokens = true" } else { "" };
    // A twentieth of few would choose among checkpoints by chance.
    let is_few = count.is_some_and(|count| count < FEW);
    let fraction = if has_validation || is_few { 0.0 } else { 0.05 };
    // A validation in half an epoch, as far as the number of examples is known.
    let validate_every = count.map_or(500, |count| (count / train.batch / 2).clamp(1, 500));
    let _ = write!(
        recipe,
        "[data.task.split]\ntest-fraction = 0.0\nvalidation-fraction = {fraction:?}\noverlap = \"remove-from-training\"\n\n\
         {students}\n\
         [stage.fine-tune]\nstudent = \"tuned\"\ndata.{stage_data} = {{ data = [\"task\"], max-length = {}{labelled} }}\n\
         [stage.fine-tune.loss.{loss}]\n\n\
         [train]\nepochs = {}\nbatch.size = {}\nvalidate-every = {validate_every}\nvalidation-examples = 2000\n\
         schedule.linear = {{ warmup = 0.1 }}\noptimiser.adamw = {{ learning-rate = {:?}, weight-decay = 0.01 }}\n\n\
         [evaluation]\ndata = [\"task\"]\n",
        train.max_length, train.epochs, train.batch, train.learning_rate
    );
    recipe
}

/// Why a task without training data in a language is not evaluated.
pub(super) fn no_training_data(
    (name, task): (&str, &SuiteTask),
    language: &str,
    named: Option<&str>,
    options: &EvaluateOptions,
) -> String {
    let names: Vec<String> = task
        .corpus
        .input_names(Part::Train, named, language)
        .iter()
        .map(|name| format!("`{}`", quoted(name)))
        .collect();
    let folder = task.corpus.folder(&options.data, name).display().to_string();
    let folder = quoted(&folder);
    let names = if names.is_empty() { "a file to train on".to_owned() } else { names.join(" or ") };
    let has_head = task.kind.value == SuiteTaskKind::ImageTextRetrieval;
    let reason = if has_head { "" } else { "the model has no head for it, and " };
    format!("{reason}there is nothing to fine-tune it on: `{folder}` has no {names}")
}
