//! Evaluation of models on a suite: models without a task's head are fine-tuned on the source, and every model is asked in every
//! language.
//!
//! What is written, below the folder of the evaluation:
//!
//! | folder | what |
//! | --- | --- |
//! | `data/`, `recipes/` | what a model was fine-tuned on, and the recipe of that |
//! | `trainings/` | the runs of these recipes |
//! | `predictions/MODEL/TASK` | a file a language, in the layout of the benchmark's submissions |
//! | `suite.json`, the page | as [`super::score()`] makes them of these files |
//!
//! An evaluation that was killed goes on: predictions that are whole stay, and trainings go on from their checkpoints.

mod bitext;
mod fine_tune;
mod image_recipe;
mod images;
mod plan;
mod predict;
mod setting;
mod state;
mod training_data;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use alambic_data::benchmarks::{Examples, Part, References};
use alambic_data::{BenchmarkFault, DataError, Place};
use alambic_files::{digests, write};
use alambic_inference::LoadedModel;
use alambic_models::{LanguageNumbers, ModelFolder};
use alambic_ranks::Ranks;
use alambic_reports::suite::MissingTask;
use serde::{Deserialize, Serialize};

use super::kinds::SuiteTaskKind;
use super::load::LoadedSuite;
use super::schema::{PaddingInMean, SuiteTask};
use super::score::{LabelSet, SuiteError, SuiteScores, is_without_labels, score};
use crate::error::RunError;
use crate::observer::Observer;
use bitext::Threshold;
use fine_tune::{Tuned, fine_tune, no_training_data, training_examples};
use plan::{PlannedTask, Variant, plan, test_file_of};
use predict::Question;

pub use setting::Setting;

/// The folder of predictions, below that of an evaluation.
const PREDICTIONS: &str = "predictions";
/// The file that says how predictions came about, among them.
const ABOUT: &str = "about.json";

/// A model that is evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluatedModel {
    /// What the report calls it; part of paths.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
}

/// What of a suite is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Selection {
    /// Names of tasks; none for all.
    pub tasks: Vec<String>,
    /// Codes of languages; none for all.
    pub languages: Vec<String>,
}

/// What is evaluated, on which data, and where.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// The models.
    pub models: Vec<EvaluatedModel>,
    /// The folder of data, in it a folder for each task.
    pub data: PathBuf,
    /// The folder of labels, in it a folder for each task; often that of the data.
    pub labels: PathBuf,
    /// How models are trained and asked.
    pub setting: Setting,
    /// Examples of a language that few-shot trains on.
    pub shots: Option<usize>,
    /// What of the suite is evaluated.
    pub selection: Selection,
    /// The folder that is written.
    pub out: PathBuf,
    /// Another folder that predictions are copied into, in the layout of the benchmark's submissions: of several models into a
    /// folder of each.
    pub predictions: Option<PathBuf>,
    /// Whether an evaluation in the folder is gone on with.
    pub resume: bool,
    /// Seed of fine-tuning.
    pub seed: u64,
    /// Set from outside to have it stop where it can be gone on with.
    pub interrupt: Arc<AtomicBool>,
    /// The processes that share the tasks.
    pub ranks: Ranks,
}

/// An evaluation under way.
struct Evaluation<'e> {
    suite: &'e LoadedSuite,
    options: &'e EvaluateOptions,
}

/// How the predictions of a model for a task came about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct About {
    /// Sentences for the report.
    notes: Vec<String>,
    /// Why the task, or part of its languages, has no predictions.
    missing: Vec<String>,
}

/// Evaluates models on a suite.
///
/// Under several ranks each does every n-th of the tasks of all models; the first one scores, and the others get no values.
///
/// # Errors
/// [`SuiteError::Nothing`] where no task can be evaluated; [`RunError::Interrupted`] when it was asked to stop; any other where files
/// are wrong, a training fails, or the folder cannot be written.
pub fn evaluate(
    suite: &LoadedSuite,
    options: &EvaluateOptions,
    observer: &mut dyn Observer,
) -> Result<Option<SuiteScores>, SuiteError> {
    let (planned, unplanned) = plan(suite, options);
    if planned.is_empty() {
        return Err(SuiteError::nothing(suite, &unplanned));
    }
    let evaluation = Evaluation { suite, options };
    evaluation.check_labels(&planned)?;
    let ranks = &options.ranks;
    // The folder stays locked until the evaluation has ended.
    let _lock = if ranks.is_first() { Some(state::open(suite, options)?) } else { None };
    ranks.barrier().map_err(RunError::from)?;
    for own in &unplanned {
        observer.note(&format!("missing: {}: {}", own.task, own.reason));
    }
    let work = options.models.iter().flat_map(|model| planned.iter().map(move |task| (model, task)));
    for (_, (model, task)) in work.enumerate().filter(|(place, _)| place % ranks.count() == ranks.rank()) {
        evaluation.task(model, task, observer)?;
    }
    ranks.barrier().map_err(RunError::from)?;
    if !ranks.is_first() {
        return Ok(None);
    }
    if let Some(folder) = &options.predictions {
        copy_predictions(options, folder)?;
    }
    evaluation.scores(&planned, unplanned).map(Some)
}

impl Evaluation<'_> {
    /// The folder of a model's predictions for a task.
    fn folder(&self, model: &EvaluatedModel, task: &str) -> PathBuf {
        self.options.out.join(PREDICTIONS).join(&model.name).join(task)
    }

    fn source(&self) -> &str {
        self.suite.suite.source.as_str()
    }

    fn check_interrupt(&self) -> Result<(), SuiteError> {
        if self.options.interrupt.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted { folder: self.options.out.clone() }.into());
        }
        Ok(())
    }

    /// Has a model predict a task in all of its languages, unless it did before.
    fn task(
        &self,
        model: &EvaluatedModel,
        planned: &PlannedTask<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), SuiteError> {
        self.check_interrupt()?;
        let whole = self.folder(model, planned.name);
        write::recover(&whole).map_err(RunError::from)?;
        if whole.is_dir() {
            digests::check_listed(&whole.join(ABOUT)).map_err(RunError::from)?;
            return Ok(());
        }
        observer.stage(&format!("{}, {}", planned.name, model.name));
        let partial = write::partial(&whole);
        write::create_folder(write::parent(&whole)).map_err(RunError::from)?;
        write::begin_folder(&partial).map_err(RunError::from)?;
        let mut about = About::default();
        for variant in &planned.variants {
            self.variant(model, planned, variant, &partial, &mut about, observer)?;
        }
        let text =
            serde_json::to_string_pretty(&about).map_err(|error| RunError::content(&partial, error))?;
        write::write(&partial.join(ABOUT), (text + "\n").as_bytes()).map_err(RunError::from)?;
        Ok(digests::publish(&partial, &whole).map_err(RunError::from)?)
    }

    /// One training of a task, where one is needed, and its predictions.
    fn variant(
        &self,
        model: &EvaluatedModel,
        planned: &PlannedTask<'_>,
        variant: &Variant<'_>,
        out: &Path,
        about: &mut About,
        observer: &mut dyn Observer,
    ) -> Result<(), SuiteError> {
        let (name, task) = (planned.name, planned.task);
        let Some(first) = variant.languages.first() else { return Ok(()) };
        let examples = self.inputs(planned, first)?;
        let loaded = LoadedModel::load(&model.folder).map_err(RunError::from)?;
        if let Some(images) = examples.images() {
            let folder =
                task.corpus.images().map(|own| own.folder_in(&task.corpus.folder(&self.options.data, name)));
            if let Some(reason) = images::refusal(&loaded, &examples, folder.as_deref()) {
                about.missing.push(format!("{}: {reason}", variant.languages.join(", ")));
                return Ok(());
            }
            images::check_regions(&model.name, &loaded, images)?;
        }
        // Two towers find images as they are, and are fine-tuned where there is something to do it on.
        let is_untrained =
            matches!(examples, Examples::Captions { .. }) && !self.has_training_data(planned, variant);
        let is_ready = match &examples {
            Examples::Captions { .. } => is_untrained,
            _ => predict::has_head(&loaded, &examples, &task.corpus.inner().classes()),
        };
        let goes_on = is_ready
            && self.options.setting == Setting::FewShot
            && variant.trained_in.is_some()
            && !matches!(examples, Examples::Bitext { .. } | Examples::Mining(_));
        let loaded = if is_ready && !goes_on {
            if is_untrained {
                about.notes.push("two towers, not fine-tuned".into());
            } else if variant.trained_in.is_none()
                && !matches!(examples, Examples::Bitext { .. } | Examples::Mining(_))
            {
                about.notes.push("its own head, not fine-tuned".into());
            }
            loaded
        } else {
            drop(loaded);
            match self.tuned(model, planned, variant, goes_on, observer)? {
                Tuned::Model(folder) => {
                    let language = variant.trained_in.unwrap_or(self.source());
                    let train = task.train.as_ref();
                    let epochs = train.map_or(0, |train| train.epochs);
                    about.notes.push(format!("fine-tuned on {language}, {epochs} epochs"));
                    LoadedModel::load(&folder).map_err(RunError::from)?
                }
                Tuned::Refused(reason) => {
                    about.missing.push(format!("{}: {reason}", variant.languages.join(", ")));
                    return Ok(());
                }
            }
        };
        if loaded.config().outline().languages.is_some_and(|own| !own.are_named()) {
            about
                .notes
                .push("its configuration names no languages (`lang2id`), and it is not told them".into());
        }
        let layer = layer_of(task, &loaded);
        if let (Examples::Bitext { .. } | Examples::Mining(_), Some(layer)) = (&examples, layer) {
            let over = if task.padding == PaddingInMean::Counted { "positions" } else { "tokens" };
            about.notes.push(format!("mean over the {over} of layer {layer}"));
        }
        drop(examples);
        let layouts = task.layout();
        let mut all = 0;
        observer.task(
            &format!("{name}: {} predicts {}", model.name, variant.languages.join(", ")),
            variant.languages.len(),
            0,
        );
        for (done, language) in variant.languages.iter().enumerate() {
            self.check_interrupt()?;
            // Translations of the test part are in the language of the source.
            let named = test_file_of(task, self.options.setting, language, self.source());
            let read_in = if named.is_some() { self.source() } else { language };
            if let Some(reason) = self.untold(task, read_in, &loaded) {
                about.missing.push(format!("{language}: {reason}"));
                continue;
            }
            let examples = self.inputs(planned, language)?;
            let question = Question { task, language, read_in, source: self.source(), layer };
            let threshold = self.threshold(planned.name, &question, &loaded, &examples)?;
            if let Examples::Mining(_) = &examples {
                about.notes.push(match &threshold {
                    Some(own) => format!(
                        "{language}: margin of at least {:.4}, chosen on the validation part",
                        own.least
                    ),
                    None => {
                        format!("{language}: no validation part to choose a margin on, all pairs are kept")
                    }
                });
            }
            let mut count = |done| all += done;
            let found = predict::predict(&loaded, &examples, &question, threshold.as_ref(), &mut count)?;
            layouts.write(&out.join(layouts.file_name(language)), &found)?;
            observer.progress(done + 1);
        }
        observer.finished(&format!("{all} examples"));
        Ok(())
    }

    /// Why a model cannot be told a language, or that of the sentences that look for their translation; none where it is told
    /// none, or has an embedding of it.
    fn untold(&self, task: &SuiteTask, language: &str, model: &LoadedModel) -> Option<String> {
        let languages = model.config().outline().languages.filter(LanguageNumbers::are_named)?;
        let asks = matches!(task.kind.value, SuiteTaskKind::BitextRetrieval | SuiteTaskKind::BitextMining);
        let needed = [Some(language), Some(self.source()).filter(|_| asks)];
        needed
            .into_iter()
            .flatten()
            .find_map(|code| languages.number(code).err())
            .map(|error| error.to_string())
    }

    /// The inputs of a language of a task.
    fn inputs(&self, planned: &PlannedTask<'_>, language: &str) -> Result<Examples, SuiteError> {
        let (name, corpus) = (planned.name, &planned.task.corpus);
        let named = test_file_of(planned.task, self.options.setting, language, self.source());
        let read = corpus.examples(&self.options.data, name, language, Part::Test, named)?;
        let examples = read
            .filter(|own| !own.is_empty())
            .ok_or_else(|| SuiteError::Nothing(format!("`{name}` has no inputs in `{language}`")))?;
        let crossed = examples.crossed(language, self.source()).filter(|_| named.is_none());
        if let Some(wrong) = crossed {
            let (sentences, other) = (examples.len(), self.source().to_owned());
            let fault =
                BenchmarkFault::CrossedLanguages { language: language.to_owned(), other, sentences, wrong };
            let files = corpus.input_paths(&self.options.data, name, language, Part::Test, named);
            let file = files.first().map(|path| path.display().to_string()).unwrap_or_default();
            return Err(DataError::new(Place::file(&file), fault.into()).into());
        }
        let Some(references) = self.references(planned, language)? else { return Ok(examples) };
        if !examples.fit(&references) {
            let (found, expected) = (examples.len(), references.len());
            let (task, language) = (name.to_owned(), language.to_owned());
            let fault = BenchmarkFault::OtherInputs { task, language, found, expected };
            return Err(DataError::new(Place::file(&references.source), fault.into()).into());
        }
        Ok(examples)
    }

    /// What is right in a language of a task; none where the data do not say it.
    fn references(
        &self,
        planned: &PlannedTask<'_>,
        language: &str,
    ) -> Result<Option<References>, SuiteError> {
        let read = planned.task.corpus.references(&self.options.labels, planned.name, language);
        let read = read.map_err(SuiteError::from);
        read.or_else(|error| if is_without_labels(&error) { Ok(None) } else { Err(error) })
    }

    /// Reads all labels once, so that what is wrong with them is known before anything is trained.
    fn check_labels(&self, planned: &[PlannedTask<'_>]) -> Result<(), SuiteError> {
        let mut faults: Option<DataError> = None;
        for task in planned {
            let mut labels = Vec::new();
            for language in task.variants.iter().flat_map(|variant| &variant.languages) {
                // Images that are not there are told of as well.
                let inputs = task.task.corpus.images().map(|_| self.inputs(task, language).map(drop));
                let read = self.references(task, language);
                match read.and_then(|found| inputs.unwrap_or(Ok(())).map(|()| found)) {
                    Err(SuiteError::Data(error)) => DataError::note(&mut faults, Err(error)),
                    Err(error) => return Err(error),
                    Ok(found) => {
                        labels.extend(found.and_then(|own| LabelSet::of(task.task, language, &own)));
                    }
                }
            }
            DataError::note(&mut faults, LabelSet::check_all(&labels));
        }
        faults.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Whether a task's models are fine-tuned first, and there is something to do it on; what is missing in a language that a model has to
    /// be trained in is told when it is looked for.
    fn has_training_data(&self, planned: &PlannedTask<'_>, variant: &Variant<'_>) -> bool {
        let (name, corpus) = (planned.name, &planned.task.corpus);
        let in_language = self.options.setting == Setting::TranslateTrain && variant.trained_in.is_some();
        let files = || corpus.input_paths(&self.options.data, name, self.source(), Part::Train, None);
        planned.task.train.is_some() && (in_language || corpus.is_made_up() || !files().is_empty())
    }

    /// A model that is fine-tuned on a task; one that is ready only in the language itself.
    fn tuned(
        &self,
        model: &EvaluatedModel,
        planned: &PlannedTask<'_>,
        variant: &Variant<'_>,
        is_ready: bool,
        observer: &mut dyn Observer,
    ) -> Result<Tuned, SuiteError> {
        let (options, source) = (self.options, self.source());
        let task = (planned.name, planned.task);
        let Some(train) = &planned.task.train else {
            return Ok(Tuned::Refused(
                "the model has no head for it, and the suite trains nothing for it".into(),
            ));
        };
        let label = format!("{}/{}", model.name, planned.name);
        let translated = planned.task.translated.train.as_deref();
        let (language, named) = match (options.setting, variant.trained_in) {
            (Setting::TranslateTrain, Some(language)) => (language, translated),
            _ => (source, None),
        };
        let own_label = variant.trained_in.filter(|_| options.setting == Setting::TranslateTrain);
        let first_label = own_label.map_or_else(|| label.clone(), |language| format!("{label}.{language}"));
        let task_train = (planned.task, train);
        let tuned = if is_ready {
            Tuned::Model(model.folder.clone())
        } else {
            let Some(examples) = training_examples(task, language, named, None, options)? else {
                return Ok(Tuned::Refused(no_training_data(task, language, named, options)));
            };
            fine_tune(self, task_train, &first_label, &model.folder, &examples, observer)?
        };
        let (Setting::FewShot, Some(language), Tuned::Model(folder)) =
            (options.setting, variant.trained_in, &tuned)
        else {
            return Ok(tuned);
        };
        let few = planned.task.few_shot.as_ref();
        let shots = options.shots.map_or_else(String::new, |shots| shots.to_string());
        let file = few.map(|few| few.file.replace("{shots}", &shots)).unwrap_or_default();
        let Some(mut examples) = training_examples(task, language, Some(&file), options.shots, options)?
        else {
            return Ok(Tuned::Refused(no_training_data(task, language, Some(&file), options)));
        };
        examples.keeps_head = true;
        fine_tune(self, task_train, &format!("{label}.{language}"), folder, &examples, observer)
    }

    /// The margin of a mining task, chosen on its validation part; none of other tasks, or without such a part.
    fn threshold(
        &self,
        name: &str,
        question: &Question<'_>,
        model: &LoadedModel,
        examples: &Examples,
    ) -> Result<Option<Threshold>, SuiteError> {
        if !matches!(examples, Examples::Mining(_)) {
            return Ok(None);
        }
        let Question { task, language, .. } = *question;
        let (corpus, data) = (&task.corpus, &self.options.data);
        let Some(inputs) = corpus.examples(data, name, language, Part::Validation, None)? else {
            return Ok(None);
        };
        let Some(gold) = corpus.validation_references(data, name, language)? else { return Ok(None) };
        Ok(Threshold::of_part(&question.embedders(model)?, &inputs, &gold)?)
    }

    /// The values of all models.
    fn scores(
        &self,
        planned: &[PlannedTask<'_>],
        unplanned: Vec<MissingTask>,
    ) -> Result<SuiteScores, SuiteError> {
        let options = self.options;
        let mut scores: Option<SuiteScores> = None;
        let mut missing = Vec::new();
        for model in &options.models {
            let mut notes = Vec::new();
            for task in planned {
                let about = self.about(model, task.name)?;
                let reason = |reason: &String| MissingTask {
                    task: task.name.to_owned(),
                    reason: format!("{}: {reason}", model.name),
                };
                missing.extend(about.missing.iter().map(reason));
                notes.push((task.name, about.notes));
            }
            let folder = options.out.join(PREDICTIONS).join(&model.name);
            let scored =
                score(self.suite, &folder, &options.labels, &model.name, options.setting.name(), false);
            let mut own = match scored {
                Ok(own) => own,
                // The reasons are known already, where there are some.
                Err(SuiteError::Nothing(_)) if !missing.is_empty() => continue,
                Err(error) => return Err(error),
            };
            // Those that were not evaluated have a reason of their own.
            let is_known = |name: &str| missing.iter().any(|known| known.task == name);
            own.outcome
                .missing
                .retain(|own| planned.iter().any(|task| task.name == own.task) && !is_known(&own.task));
            for (name, notes) in notes {
                if let Some(spec) = own.spec.tasks.get_mut(name) {
                    spec.notes.extend(notes.into_iter().map(|note| format!("{}: {note}", model.name)));
                }
            }
            scores = Some(match scores {
                None => own,
                Some(all) => all.with(own),
            });
        }
        missing.extend(unplanned);
        let mut scores = scores.ok_or_else(|| SuiteError::nothing(self.suite, &missing))?;
        scores.outcome.shots = options.shots.filter(|_| options.setting == Setting::FewShot);
        scores.outcome.missing.extend(missing);
        scores.outcome.write_locked(&scores.spec, &options.out)?;
        Ok(scores)
    }

    fn about(&self, model: &EvaluatedModel, task: &str) -> Result<About, SuiteError> {
        let path = self.folder(model, task).join(ABOUT);
        let text = alambic_files::read::state(&path).map_err(RunError::from)?;
        Ok(serde_json::from_str(&text).map_err(|error| RunError::content(&path, error))?)
    }
}

/// Copies the predictions of an evaluation into a folder.
fn copy_predictions(options: &EvaluateOptions, folder: &Path) -> Result<(), SuiteError> {
    for model in &options.models {
        let from = options.out.join(PREDICTIONS).join(&model.name);
        let to = if options.models.len() == 1 { folder.to_owned() } else { folder.join(&model.name) };
        for path in digests::files_below(&from).map_err(RunError::from)? {
            let name = path.file_name().unwrap_or_default();
            if !name.to_string_lossy().starts_with("test-") {
                continue;
            }
            let target = to.join(digests::relative(&from, &path));
            write::create_folder(write::parent(&target)).map_err(RunError::from)?;
            let bytes = std::fs::read(&path).map_err(RunError::file(&path))?;
            write::write(&target, &bytes).map_err(RunError::from)?;
        }
    }
    Ok(())
}

/// The layer of whose states sentences are embedded: that which the suite names for models of as many layers, where the model has no
/// embedding of its own or padding is counted, or else the last; none for the model's own embedding.
fn layer_of(task: &SuiteTask, model: &LoadedModel) -> Option<usize> {
    let config = model.config();
    if config.embedding_width().is_some() && task.padding == PaddingInMean::Masked {
        return None;
    }
    let layers = config.outline().streams.get("").map_or(0, |stream| stream.layers);
    Some(task.layers.get(&layers.to_string()).copied().unwrap_or(layers).min(layers))
}

/// The name of a model's folder, for reports and paths.
///
/// # Errors
/// When the folder holds no model.
pub fn model_name(folder: &Path) -> Result<String, SuiteError> {
    let opened = ModelFolder::open(folder).map_err(RunError::from)?;
    let whole = opened.root().canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut parts = whole.components().rev().filter_map(|part| part.as_os_str().to_str().map(str::to_owned));
    let last = parts.next().unwrap_or_else(|| "model".to_owned());
    // Students all lie in folders of one name.
    let name = if last == "student" { parts.next().unwrap_or(last) } else { last };
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let plain: String = name.chars().map(|letter| if is_plain(letter) { letter } else { '-' }).collect();
    Ok(plain.trim_start_matches('.').chars().take(100).collect())
}
