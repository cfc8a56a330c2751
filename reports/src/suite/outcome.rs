use std::path::Path;

use alambic_files::digests;
use alambic_files::lock::Lock;
use alambic_files::text::json_visible;
use alambic_files::{read, write};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::spec::SuiteSpec;
use crate::error::{ReportError, Result};

/// The version of the format of `suite.json`.
pub const SCHEMA: u32 = 1;

/// The name of the result's file.
const FILE: &str = "suite.json";

/// The files of a result.
const FILES: [&str; 3] = [FILE, "report.html", "report.md"];

/// Values of models over a suite. What has no value is null; values are shares of 1 where metrics are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SuiteOutcome {
    /// The version of this format, [`SCHEMA`].
    pub schema: u32,
    /// The suite's name.
    pub suite: String,
    /// How models were trained and asked: `zero-shot`, `few-shot`, `translate-test`, `translate-train`.
    pub setting: String,
    /// How many examples of a target language were trained on, in few-shot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shots: Option<usize>,
    /// Code of the language of the training data.
    pub source: String,
    /// The models by name.
    pub models: IndexMap<String, SuiteModel>,
    /// Tasks that have no score, and languages that are missing in one, with the reason.
    pub missing: Vec<MissingTask>,
}

/// Values of one model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SuiteModel {
    /// The tasks by name; those without a value are left out.
    pub tasks: IndexMap<String, TaskOutcome>,
    /// The mean of the scores of each group's tasks; null where one of them has none.
    pub groups: IndexMap<String, Option<f64>>,
    /// The mean over all tasks, or over all groups; null where one has no score.
    pub all: Option<f64>,
}

/// Values of a task.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TaskOutcome {
    /// The mean of the averages of the metrics that count; null where one has none, or the benchmark takes no such mean.
    pub score: Option<f64>,
    /// The metrics by name, those that count first.
    pub metrics: IndexMap<String, MetricOutcome>,
}

/// Values of a metric.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MetricOutcome {
    /// The mean over the task's languages, each counting as much, without those that the suite leaves out; null where one has no
    /// value.
    pub average: Option<f64>,
    /// The same without the source.
    pub average_without_source: Option<f64>,
    /// The average without the source over the value of the source; null where the task has no source.
    pub transfer: Option<f64>,
    /// The languages by code.
    pub languages: IndexMap<String, LanguageOutcome>,
}

/// The value of a metric in a language.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LanguageOutcome {
    /// The value.
    pub value: Option<f64>,
    /// Its 95 % bootstrap interval over examples; null where only values are known.
    pub interval: Option<[f64; 2]>,
    /// Over how many examples; null where that is not known.
    pub examples: Option<usize>,
}

/// A task without a score, or without some of its languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MissingTask {
    /// The task.
    pub task: String,
    /// Why.
    pub reason: String,
}

impl SuiteOutcome {
    /// The result as it is printed and written.
    ///
    /// # Errors
    /// [`ReportError::Json`].
    pub fn json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|source| ReportError::Json { what: FILE.to_string(), source })?;
        Ok(json_visible(&text))
    }

    /// Writes `suite.json`, `report.html`, `report.md` and the figures under `plots/` into a folder, which is made if it is not
    /// there. What an earlier scoring wrote makes way.
    ///
    /// # Errors
    /// When the folder holds files of these names that no scoring wrote, and those of [`crate::document::Document::write`].
    pub fn write(&self, spec: &SuiteSpec, folder: &Path) -> Result<()> {
        write::create_folder(folder)?;
        let _lock = Lock::acquire(folder, "alambic score")?;
        digests::check_only(folder, &FILES)?;
        self.write_locked(spec, folder)
    }

    /// The same into a folder that is there, that this process has locked, and that may hold other files.
    ///
    /// # Errors
    /// Those of [`Self::write`].
    pub fn write_locked(&self, spec: &SuiteSpec, folder: &Path) -> Result<()> {
        digests::check_replaceable(folder, &FILES)?;
        digests::register(folder, &FILES)?;
        write::write(&folder.join(FILE), format!("{}\n", self.json()?).as_bytes())?;
        self.document(spec).write(folder, "report")?;
        Ok(digests::record(folder, &FILES)?)
    }

    /// Reads the `suite.json` of a folder.
    ///
    /// # Errors
    /// [`ReportError::NotARun`] when there is none, or its form is not known.
    pub fn read(folder: &Path) -> Result<Self> {
        let no_suite = |reason: String| ReportError::NotARun { path: folder.to_path_buf(), reason };
        let path = folder.join(FILE);
        if !path.is_file() {
            return Err(no_suite(format!("it holds no {FILE}")));
        }
        let outcome: Self = serde_json::from_str(&read::state(&path)?)
            .map_err(|error| no_suite(format!("its {FILE} has an unknown form: {error}")))?;
        if outcome.schema != SCHEMA {
            let found = outcome.schema;
            return Err(no_suite(format!(
                "its {FILE} has schema {found}, this program reads schema {SCHEMA}"
            )));
        }
        Ok(outcome)
    }
}
