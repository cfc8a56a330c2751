//! Scoring of predictions against the labels of a suite's benchmark.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use alambic_data::benchmarks::{Gold, Predictions, References};
use alambic_data::texts::OUTSIDE;
use alambic_data::{BenchmarkFault, DataError, Fault, Place};
use alambic_files::text::quoted;
use alambic_reports::ReportError;
use alambic_reports::suite::{
    LanguageOutcome, MissingTask, SCHEMA, SuiteModel, SuiteOutcome, SuiteSpec, score_language,
};
use alambic_settings::IndexMap;
use rayon::prelude::*;

use super::load::LoadedSuite;
use super::schema::SuiteTask;
use crate::error::RunError;

/// Languages that a reason lists.
const LISTED: usize = 8;

/// Why a suite could not be scored.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// Files of predictions, labels or results that are wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A metric that does not go with predictions.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A model that cannot be trained or asked.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A recipe of a fine-tuning that is wrong.
    #[error("{0}")]
    Recipe(String),
    /// There is nothing to score.
    #[error("{0}")]
    Nothing(String),
}

impl SuiteError {
    /// The error that no task can be scored, for reasons.
    pub(super) fn nothing(suite: &LoadedSuite, missing: &[MissingTask]) -> Self {
        let reasons: Vec<String> =
            missing.iter().map(|own| format!("  {}: {}", own.task, own.reason)).collect();
        let name = suite.suite.name.value.as_str();
        Self::Nothing(format!("no task of `{name}` can be scored:\n{}", reasons.join("\n")))
    }
}

/// What came of a scoring.
#[derive(Debug)]
pub struct SuiteScores {
    /// The values.
    pub outcome: SuiteOutcome,
    /// What they are of: the suite, with the languages that the setting has.
    pub spec: SuiteSpec,
    /// What a user should know of how they came about.
    pub notes: Vec<String>,
}

impl SuiteScores {
    /// These and those of other models on the same suite.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.outcome.models.extend(other.outcome.models);
        for missing in other.outcome.missing {
            if !self.outcome.missing.contains(&missing) {
                self.outcome.missing.push(missing);
            }
        }
        for (name, task) in other.spec.tasks {
            let Some(own) = self.spec.tasks.get_mut(&name) else { continue };
            for note in task.notes {
                if !own.notes.contains(&note) {
                    own.notes.push(note);
                }
            }
        }
        self.notes.extend(other.notes);
        self
    }
}

/// Values of metrics by language: metric, then language.
type TaskValues = IndexMap<String, IndexMap<String, LanguageOutcome>>;

/// Labels of a language of a task that has no fixed list of them.
#[derive(Debug)]
pub(super) struct LabelSet {
    language: String,
    /// The file that they are of.
    source: String,
    labels: BTreeSet<String>,
}

impl LabelSet {
    /// Of what is right in a language of a task; none where the labels are a fixed list, or one alone.
    pub(super) fn of(task: &SuiteTask, language: &str, references: &References) -> Option<Self> {
        let labels: BTreeSet<String> = match &references.gold {
            _ if !task.corpus.inner().classes().is_empty() => return None,
            Gold::Classes(all) => all.iter().cloned().collect(),
            Gold::Tags(all) => all.iter().flatten().filter(|tag| *tag != OUTSIDE).cloned().collect(),
            _ => return None,
        };
        let own = Self { language: language.to_owned(), source: references.source.clone(), labels };
        Some(own).filter(|own| own.labels.len() > 1)
    }

    /// Refuses languages of a task that have no label of the first one: a model is trained in the labels of one language.
    pub(super) fn check_all(all: &[Self]) -> Result<(), DataError> {
        let Some((first, others)) = all.split_first() else { return Ok(()) };
        let mut faults: Option<DataError> = None;
        for own in others.iter().filter(|own| own.labels.is_disjoint(&first.labels)) {
            let fault = BenchmarkFault::DifferentLabels {
                language: own.language.clone(),
                labels: own.labels.iter().cloned().collect(),
                other: first.language.clone(),
                others: first.labels.iter().cloned().collect(),
            };
            DataError::note(&mut faults, Err(DataError::new(Place::file(&own.source), fault.into())));
        }
        faults.map_or(Ok(()), Err)
    }
}

/// What became of one language of a task.
enum Scored {
    Values(IndexMap<String, LanguageOutcome>, Option<String>, Option<LabelSet>),
    NoPredictions,
    NoLabels,
}

/// Scores the predictions of a model, in the layouts of the benchmarks' submissions: a folder for each task, in it a file for each
/// language. A task whose folder is not there is missing; one of which a language is missing has values of the others, and no
/// average. `labels` holds a folder for each task as well. Where labels are not needed, languages
/// whose labels were taken out of the test part have no values; else they are an error.
///
/// # Errors
/// Every fault of every file; [`SuiteError::Nothing`] where no task has predictions.
pub fn score(
    suite: &LoadedSuite,
    predictions: &Path,
    labels: &Path,
    model: &str,
    setting: &str,
    needs_labels: bool,
) -> Result<SuiteScores, SuiteError> {
    for (what, folder) in [("predictions", predictions), ("labels", labels)] {
        if !folder.is_dir() {
            let path = quoted(&folder.display().to_string());
            return Err(SuiteError::Nothing(format!(
                "there is no folder `{path}`, where the {what} should be"
            )));
        }
    }
    let tasks = &suite.suite.task;
    let wanted: Vec<(&str, &SuiteTask, &str)> = tasks
        .iter()
        .filter(|(name, _)| predictions.join(name).is_dir())
        .flat_map(|(name, task)| {
            task.languages.iter().map(move |own| (name.as_str(), task, own.value.as_str()))
        })
        .collect();
    let scored: Vec<Result<Scored, SuiteError>> = wanted
        .par_iter()
        .map(|(name, task, language)| {
            let own = score_file(name, task, language, predictions, labels);
            own.or_else(|error| {
                if needs_labels || !is_without_labels(&error) { Err(error) } else { Ok(Scored::NoLabels) }
            })
        })
        .collect();
    let mut faults: Option<DataError> = None;
    let mut by_task: IndexMap<&str, Vec<(&str, Scored)>> = IndexMap::new();
    for ((name, _, language), own) in wanted.iter().zip(scored) {
        match own {
            Ok(own) => by_task.entry(name).or_default().push((language, own)),
            Err(SuiteError::Data(error)) => DataError::note(&mut faults, Err(error)),
            Err(error) => return Err(error),
        }
    }
    for languages in by_task.values_mut() {
        let labels = languages.iter_mut().filter_map(|(_, own)| match own {
            Scored::Values(_, _, labels) => labels.take(),
            _ => None,
        });
        DataError::note(&mut faults, LabelSet::check_all(&labels.collect::<Vec<_>>()));
    }
    if let Some(error) = faults {
        return Err(error.into());
    }
    let mut values: IndexMap<String, TaskValues> = IndexMap::new();
    let (mut missing, mut notes) = (Vec::new(), unknown_folders(suite, predictions));
    for (name, task) in tasks {
        let reason = match by_task.swap_remove(name.as_str()) {
            None => Some(format!(
                "there is no folder `{}`",
                quoted(&predictions.join(name).display().to_string())
            )),
            Some(languages) => {
                let reason = incomplete(name, task, &languages, [predictions, labels]);
                let own = collect(name, languages, &mut notes);
                missing.extend(without_metrics(name, task, &own));
                values.insert(name.clone(), own);
                reason
            }
        };
        missing.extend(reason.map(|reason| MissingTask { task: name.clone(), reason }));
    }
    values.retain(|_, metrics| metrics.values().any(|languages| !languages.is_empty()));
    if values.is_empty() {
        return Err(SuiteError::nothing(suite, &missing));
    }
    let spec = suite.spec();
    let model = [(model.to_owned(), SuiteModel::new(&spec, values))].into_iter().collect();
    let outcome = SuiteOutcome {
        schema: SCHEMA,
        suite: suite.suite.name.value.clone(),
        setting: setting.to_owned(),
        shots: None,
        source: suite.suite.source.value.clone(),
        models: model,
        missing,
    };
    Ok(SuiteScores { outcome, spec, notes })
}

/// Whether labels were taken out of a test part, and nothing else is wrong.
pub(super) fn is_without_labels(error: &SuiteError) -> bool {
    let SuiteError::Data(error) = error else { return false };
    let is_without = |problem: &alambic_data::Problem| match &problem.fault {
        Fault::Benchmark(fault) => fault.is_without_labels(),
        _ => false,
    };
    error.more == 0 && error.problems.iter().all(is_without)
}

/// The values of a language of a task.
fn score_file(
    name: &str,
    task: &SuiteTask,
    language: &str,
    predictions: &Path,
    labels: &Path,
) -> Result<Scored, SuiteError> {
    let layout = task.layout();
    let path = predictions.join(name).join(layout.file_name(language));
    let Some(path) = existing(&path) else { return Ok(Scored::NoPredictions) };
    let Some(references) = task.corpus.references(labels, name, language)? else {
        return Ok(Scored::NoLabels);
    };
    let predictions = layout.read(&path, &references)?;
    let metrics: Vec<&str> =
        task.metrics.iter().chain(&task.shown).map(|metric| metric.value.as_str()).collect();
    let values = score_language(&metrics, &references, &predictions, language)?;
    let labels = LabelSet::of(task, language, &references);
    Ok(Scored::Values(values, unanswered(name, language, &references, &predictions), labels))
}

/// A file, or the same compressed with gzip.
fn existing(path: &Path) -> Option<PathBuf> {
    let mut name = path.file_name()?.to_owned();
    name.push(".gz");
    [path.to_owned(), path.with_file_name(name)].into_iter().find(|path| path.exists())
}

/// Says of how many questions there is no answer: they count as wrong, as in the published scripts.
fn unanswered(
    name: &str,
    language: &str,
    references: &References,
    predictions: &Predictions,
) -> Option<String> {
    let (Gold::Answers(gold), Predictions::Answers(found)) = (&references.gold, predictions) else {
        return None;
    };
    let missing = gold.iter().filter(|(id, _)| !found.contains_key(id)).count();
    (missing > 0).then(|| {
        format!("{name}, {language}: {missing} of {} questions have no answer and count as wrong", gold.len())
    })
}

/// The values by metric, those of each language in turn.
fn collect(name: &str, languages: Vec<(&str, Scored)>, notes: &mut Vec<String>) -> TaskValues {
    let mut all = TaskValues::new();
    for (language, scored) in languages {
        let Scored::Values(values, note, _) = scored else { continue };
        notes.extend(note);
        for (metric, value) in values {
            if value.value.is_none() {
                notes.push(format!("{name}, {language}: `{metric}` has no value"));
            }
            all.entry(metric).or_default().insert(language.to_owned(), value);
        }
    }
    all
}

/// Why a task is not whole: the languages without predictions, and those without labels.
fn incomplete(
    name: &str,
    task: &SuiteTask,
    languages: &[(&str, Scored)],
    [predictions, labels]: [&Path; 2],
) -> Option<String> {
    let of = |wanted: fn(&Scored) -> bool| {
        languages.iter().filter(|(_, own)| wanted(own)).map(|(language, _)| *language).collect::<Vec<&str>>()
    };
    let path = |path: PathBuf| quoted(&path.display().to_string());
    let mut reasons = Vec::new();
    let without = of(|own| matches!(own, Scored::NoPredictions));
    if let Some(first) = without.first() {
        let file = path(predictions.join(name).join(task.layout().file_name(first)));
        reasons.push(format!("no predictions in {} (there is no `{file}`)", listed(&without)));
    }
    let without = of(|own| matches!(own, Scored::NoLabels));
    if let Some(first) = without.first() {
        let names: Vec<String> =
            task.corpus.names(first).iter().map(|name| format!("`{}`", quoted(name))).collect();
        let folder = path(task.corpus.folder(labels, name));
        let names = if names.is_empty() { "a file of that language".to_owned() } else { names.join(" or ") };
        reasons.push(format!("no labels in {} (`{folder}` has no {names})", listed(&without)));
    }
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// Counted metrics of which there is no value, as that of a direction that is not predicted.
fn without_metrics(name: &str, task: &SuiteTask, values: &TaskValues) -> Option<MissingTask> {
    let lacking: Vec<&str> = task
        .metrics
        .iter()
        .map(|metric| metric.value.as_str())
        .filter(|metric| !values.contains_key(*metric))
        .collect();
    let has_values = !values.is_empty();
    (has_values && !lacking.is_empty()).then(|| MissingTask {
        task: name.to_owned(),
        reason: format!("no predictions for {}", lacking.join(", ")),
    })
}

/// Folders of predictions that belong to no task.
fn unknown_folders(suite: &LoadedSuite, predictions: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(predictions).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !suite.suite.task.contains_key(name) && !name.starts_with('.'))
        .collect();
    names.sort();
    let name = suite.suite.name.value.as_str();
    let note = |folder: &String| {
        format!("the folder `{}` is of no task of `{name}`, and is not scored", quoted(folder))
    };
    names.iter().map(note).collect()
}

/// Codes of languages, the first ones of many.
pub(super) fn listed(languages: &[&str]) -> String {
    let shown = languages.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    match languages.len().checked_sub(LISTED) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}
