//! The student's model card.

use std::path::Path;

use alambic_files::text::shell_word;
use alambic_models::{Config, ModelFolder};
use alambic_reports::card::{Card, DataSource, Usage};
use alambic_reports::outcome::{BASELINE, Outcome, STUDENT, TEACHER};
use alambic_reports::report::Report;
use alambic_reports::vocabulary::Classification;
use alambic_settings::{IndexMap, Location};
use alambic_students::{Library, python_usage};
use alambic_teachers::TeacherOptions;

use super::results::Results;
use crate::classification::{add_setting, classify, with_card};
use crate::error::RunError;
use crate::evaluation::evaluator::CardMetadata;
use crate::folder::layout::RESOLVED;
use crate::load::{Loaded, values};
use crate::run::summaries::file_name;

/// Options of training that change no weight, or that no reader compares: ends of keys.
const UNSHOWN: [&str; 5] =
    ["validate-every", "validation-examples", "checkpoint-every", "no-decay", "window"];

impl Results<'_> {
    /// The card of the student whose folder is `shipped`.
    pub(super) fn card(
        &self,
        outcome: &Outcome,
        report: &Report,
        hashes: IndexMap<String, String>,
        shipped: &Path,
    ) -> Result<Card, RunError> {
        let recipe = &self.loaded.recipe;
        let CardMetadata { task, tags, languages, example, output, command, limits } = self.evaluation.card();
        let python = python_usage(&Config::open(&ModelFolder::open(shipped)?)?, &example);
        let mut tags: Vec<String> = tags.into_iter().map(str::to_owned).collect();
        if matches!(python.library, Library::SentenceTransformers | Library::Model2Vec) {
            tags.push(python.library.name().to_owned());
        }
        tags.push("knowledge-distillation".to_owned());
        let purpose = self.evaluation.purpose();
        let described = recipe.description.trim_end_matches('.');
        let sentences = [Some(described.to_owned()).filter(|text| !text.is_empty()), purpose];
        let description = match sentences {
            [Some(described), Some(purpose)] => format!("{described}. {purpose}"),
            [described, purpose] => described.or(purpose).unwrap_or_default(),
        };
        let hub_task = python.task.unwrap_or(task).to_owned();
        let classification = self.classification(shipped, &hub_task, &languages)?;
        let options = self.options()?;
        let evaluated = recipe.evaluation.data.first().map(|name| name.value.clone()).unwrap_or_default();
        let evaluated_on_hub = datasets(&options, &format!("data.{evaluated}.corpus.")).into_iter().next();
        Ok(Card {
            title: recipe.name.value.clone(),
            licences: licences(report),
            classification,
            languages,
            base_model: self.base_model(),
            datasets: datasets(&options, "data."),
            library: python.library.name().to_owned(),
            task: Some(hub_task),
            tags,
            description,
            teacher: report.models.get(TEACHER).map(|model| format!("Teacher: {model}.")),
            data: report
                .corpora
                .iter()
                .map(|corpus| DataSource {
                    name: corpus.name.clone(),
                    source: corpus.source.clone(),
                    licence: corpus.licence.clone().unwrap_or_else(|| "not stated in the recipe".into()),
                    rows: corpus.splits.get("train").copied().unwrap_or_default(),
                })
                .collect(),
            examples: report.examples.clone(),
            evaluated: outcome.examples,
            evaluated_on: report.evaluated_on.clone(),
            evaluated_dataset: evaluated_on_hub.unwrap_or(evaluated),
            figures: [STUDENT, TEACHER, BASELINE]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), outcome.model(name)?.clone())))
                .collect(),
            language_sets: outcome.languages.clone(),
            recipe: recipe.name.value.clone(),
            command: format!("alambic run {}", shell_word(file_name(&self.loaded.location.to_string()))),
            seed: recipe.seed,
            hyperparameters: self.hyperparameters(&options),
            recipe_text: written_options(self.loaded),
            versions: [("Alambic".to_owned(), env!("CARGO_PKG_VERSION").to_owned())].into(),
            hashes,
            usage: Usage { code: python.code, output, command },
            limits,
        })
    }

    /// What the student is by the axes of the vocabulary of cards.
    pub(super) fn classification(
        &self,
        shipped: &Path,
        hub_task: &str,
        languages: &[String],
    ) -> Result<Classification, RunError> {
        let recipe = &self.loaded.recipe;
        let folder = ModelFolder::open(shipped)?;
        let config = Config::open(&folder)?;
        let tokenizer = config.reads_texts().then(|| folder.tokenizer()).transpose()?;
        let mut own = classify(recipe, &self.context.corpora, &config, tokenizer.as_ref())?;
        add_setting(&mut own, recipe, &self.context.corpora)?;
        own.add("tasks", hub_task);
        for language in languages {
            own.add("languages", language);
        }
        Ok(with_card(own, recipe))
    }

    /// All options of the recipe by their dotted keys.
    fn options(&self) -> Result<IndexMap<String, String>, RunError> {
        values(Path::new(RESOLVED), &self.loaded.resolved_toml())
            .map_err(|error| RunError::Recipe(error.to_string()))
    }

    /// The model of the hub whose weights the student began with, or else that of its teacher.
    fn base_model(&self) -> Option<String> {
        let recipe = &self.loaded.recipe;
        let sources = recipe.model.values().flat_map(|model| model.inner().source_models());
        let sources: Vec<&str> = sources.map(|name| name.value.as_str()).collect();
        let of_stages = recipe.stage.values().filter_map(|stage| stage.teacher.as_ref());
        let teachers = of_stages.chain(&recipe.evaluation.teacher).map(|name| name.value.as_str());
        sources.into_iter().chain(teachers).find_map(|name| match recipe.teacher.get(name)? {
            TeacherOptions::Checkpoint(options) => match options.model.as_ref()? {
                Location::Hub(name) => Some(repository(name)?.0),
                Location::File(_) | Location::Builtin(_) => None,
            },
            TeacherOptions::Pipeline(_)
            | TeacherOptions::Recorded(_)
            | TeacherOptions::Endpoint(_)
            | TeacherOptions::Ensemble(_) => None,
        })
    }

    /// Options of each stage that change weights: those of training, and the losses.
    fn hyperparameters(
        &self,
        options: &IndexMap<String, String>,
    ) -> IndexMap<String, IndexMap<String, String>> {
        let of_stage = |stage: &str| {
            let own = options.iter().filter_map(|(key, value)| {
                let key = key.strip_prefix(&format!("stage.{stage}."))?;
                let is_shown = (key.starts_with("train.") || key.starts_with("loss."))
                    && !UNSHOWN.iter().any(|end| key.ends_with(end));
                is_shown.then(|| (key.to_owned(), value.clone()))
            });
            (stage.to_owned(), own.collect())
        };
        self.loaded.recipe.stages.iter().map(|stage| of_stage(&stage.value)).collect()
    }
}

/// The licences of all corpora, each once; none where one of them is not stated.
fn licences(report: &Report) -> Vec<String> {
    let mut licences: Vec<String> = Vec::new();
    for corpus in &report.corpora {
        let Some(licence) = &corpus.licence else { return Vec::new() };
        if !licences.contains(licence) {
            licences.push(licence.clone());
        }
    }
    licences
}

/// Owner and name of a repository of the hub, and the path within it.
fn repository(location: &str) -> Option<(String, &str)> {
    let (owner, rest) = location.split_once('/')?;
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    let name = name.split('@').next()?;
    Some((format!("{owner}/{name}"), path))
}

/// Datasets of the hub whose files are named by options with this prefix, each once.
fn datasets(options: &IndexMap<String, String>, prefix: &str) -> Vec<String> {
    let mut datasets = Vec::new();
    for (_, value) in options.iter().filter(|(key, _)| key.starts_with(prefix) && key.contains(".corpus.")) {
        for part in value.split([',', '[', ']', ' ', '{', '}']) {
            if let Some((dataset, path)) = part.strip_prefix("hf:").and_then(repository)
                && !path.is_empty()
                && !datasets.contains(&dataset)
            {
                datasets.push(dataset);
            }
        }
    }
    datasets
}

/// The recipe with all that was written for it, in flags and in recipes that it extends: without defaults, and of a path of
/// a machine the last part.
fn written_options(loaded: &Loaded) -> String {
    let resolved = loaded.resolved_toml();
    let mut lines: Vec<String> = Vec::new();
    for line in resolved.lines() {
        let (value, origin) = line.rsplit_once("  # ").unwrap_or((line, ""));
        if origin == "default" {
            continue;
        }
        if value.is_empty() && lines.last().is_none_or(String::is_empty) {
            continue;
        }
        let parts = value.split('"').enumerate().map(|(place, part)| {
            let is_path = place % 2 == 1 && Path::new(part).is_absolute();
            if is_path { file_name(part) } else { part }
        });
        lines.push(parts.collect::<Vec<_>>().join("\""));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datasets_of_the_hub_are_found_in_options() {
        let options = [
            ("data.a.corpus.table.paths", "[hf:owner/name@main/train.tsv, hf:owner/name/test.tsv]"),
            ("data.b.corpus.table.paths", "own/hf.tsv"),
            ("teacher.t.checkpoint.model", "hf:owner/model"),
        ];
        let options = options.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(datasets(&options, "data."), ["owner/name"]);
        assert!(datasets(&options, "data.b.corpus.").is_empty());
    }

    #[test]
    fn a_recipe_on_a_card_has_no_defaults_and_no_paths_of_a_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.toml");
        std::fs::write(&path, "schema = 1\nextends = \"builtin:quickstart\"\nname = \"own\"\n").unwrap();
        let table = format!("data.names.source=\"{}\"", folder.path().join("table.tsv").display());
        let loaded = crate::load::load(&path, &[table]).unwrap();
        let text = written_options(&loaded);
        assert!(text.contains("source = \"table.tsv\"") && text.contains("name = \"own\""), "{text}");
        assert!(!text.contains("max-grad-norm") && !text.contains("  # "), "{text}");
        assert!(!text.contains(&*folder.path().to_string_lossy()), "{text}");
    }
}
