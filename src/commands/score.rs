//! `alambic score`.

use std::path::{Path, PathBuf};

use alambic_recipes::suite::{self, SuiteScores, is_results};
use alambic_recipes::text_scores::{TextScoreOptions, score_texts};
use alambic_reports::metrics::find;
use alambic_reports::numbers::NO_VALUE;
use alambic_reports::suite::{SuiteOutcome, SuiteSpec};
use alambic_settings::IndexMap;
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::log::warn;
use crate::output::{self, Column};

/// The settings in which models are trained and asked.
const SETTINGS: [&str; 4] = ["zero-shot", "few-shot", "translate-test", "translate-train"];

/// Scores predictions for a suite of tasks in many languages as its benchmark does, or written texts against references
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of a model's predictions, in it a folder for each task with `test-XX.tsv` or `.json` for each language, and the
    /// folder of labels or data; or tables of published results, `TASK_SHOTS.csv`, of which the averages are taken; with
    /// `--metrics` a file of texts, one a line, and one or several files of references, in which an empty line is no reference
    #[arg(required = true, num_args = 1.., value_names = ["PREDICTIONS", "LABELS"])]
    paths: Vec<PathBuf>,
    /// The suite: a file, or `builtin:NAME`, as `alambic list suites` shows it
    #[arg(long, value_name = "SUITE", required_unless_present = "metrics", conflicts_with = "metrics")]
    suite: Option<String>,
    /// Metrics of written texts, as `alambic list metrics` shows them: `bleu,chrf`
    #[arg(long, value_name = "METRIC", value_delimiter = ',')]
    metrics: Vec<String>,
    /// The language of written texts, by which `bleu` tokenizes them: `zh`, `ja`
    #[arg(long, value_name = "LANGUAGE", requires = "metrics", conflicts_with = "suite")]
    language: Option<String>,
    /// Columns of references, where their files are tables in TSV, CSV, JSON lines or Parquet
    #[arg(
        long,
        value_name = "COLUMN",
        value_delimiter = ',',
        requires = "metrics",
        conflicts_with = "suite"
    )]
    columns: Vec<String>,
    /// In how many images each n-gram is, for `cider-d`: JSON with `ref_len` and `document_frequency`; left out, as the
    /// references have it
    #[arg(long, value_name = "FILE", requires = "metrics", conflicts_with = "suite")]
    document_frequencies: Option<PathBuf>,
    /// What the model is called; left out, as the folder of its predictions
    #[arg(long, value_name = "NAME", conflicts_with = "metrics")]
    model: Option<String>,
    /// How the model was trained and asked, for the report
    #[arg(long, value_parser = SETTINGS, default_value = SETTINGS[0], conflicts_with = "metrics")]
    setting: String,
    /// Writes `suite.json`, a page with its figures and `report.md` into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "metrics")]
    out: Option<PathBuf>,
    /// Prints what `suite.json` holds; of written texts `examples`, `metrics` and `intervals`
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(name) = &arguments.suite else { return texts(arguments) };
    let loaded = suite::load(name)?;
    let SuiteScores { outcome, spec, notes } = match arguments.paths.as_slice() {
        tables if tables.iter().all(|path| is_results(path)) => suite::results(&loaded, tables)?,
        [predictions, labels] => {
            let model = arguments.model.clone().unwrap_or_else(|| name_of(predictions));
            suite::score(&loaded, predictions, labels, &model, &arguments.setting, true)?
        }
        [predictions] => {
            let path = predictions.display();
            return Err(Failure::Usage(format!(
                "the labels are missing: `alambic score {path} LABELS --suite {name}`; a table of results ends in `.csv`"
            )));
        }
        _ => {
            return Err(Failure::Usage(
                "give the folder of predictions and the folder of labels, or tables of results that all end in `.csv`".into(),
            ));
        }
    };
    for note in &notes {
        warn(note);
    }
    if let Some(folder) = &arguments.out {
        outcome.write(&spec, folder)?;
    }
    if arguments.json { output::line(&outcome.json()?) } else { tables(&outcome, &spec) }
}

/// Scores written texts.
fn texts(arguments: &Arguments) -> Result<(), Failure> {
    let Some((outputs, references)) = arguments.paths.split_first().filter(|(_, own)| !own.is_empty()) else {
        let metrics = arguments.metrics.join(",");
        return Err(Failure::Usage(format!(
            "the references are missing: `alambic score TEXTS REFERENCES… --metrics {metrics}`"
        )));
    };
    let references: Vec<&Path> = references.iter().map(PathBuf::as_path).collect();
    let scores = score_texts(&TextScoreOptions {
        outputs,
        references: &references,
        columns: &arguments.columns,
        metrics: &arguments.metrics,
        language: arguments.language.as_deref(),
        document_frequencies: arguments.document_frequencies.as_deref(),
    })?;
    let [fewest, most] = scores.references;
    if arguments.json {
        let metrics: IndexMap<_, _> =
            scores.values.iter().map(|(name, (value, _))| (*name, *value)).collect();
        let intervals: IndexMap<_, _> = scores.values.iter().map(|(name, own)| (*name, own.1)).collect();
        return output::json(&json!({
            "examples": scores.examples,
            "references": [fewest, most],
            "metrics": metrics,
            "intervals": intervals,
        }));
    }
    let columns = [Column::text("metric"), Column::number("value"), Column::number("95 % interval")];
    let rows = scores.values.iter().map(|(name, (value, interval))| {
        let share = find(name).is_ok_and(|metric| metric.is_share);
        let written =
            |value: f64| if share { format!("{:.2}", 100.0 * value) } else { format!("{value:.3}") };
        let interval = interval.map(|[low, high]| format!("{}–{}", written(low), written(high)));
        let none = || NO_VALUE.to_owned();
        vec![(*name).to_owned(), value.map_or_else(none, written), interval.unwrap_or_else(none)]
    });
    output::table(&columns, rows.collect())?;
    let count = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
    output::line(&format!("texts: {}, references of each: {count}", scores.examples))
}

/// The name of a folder.
fn name_of(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map_or_else(|| "predictions".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Prints averages, values by language, and what is missing.
pub(super) fn tables(outcome: &SuiteOutcome, spec: &SuiteSpec) -> Result<(), Failure> {
    let without = format!("without {}", outcome.source);
    let columns = [
        Column::text("model").optional(1),
        Column::text("task"),
        Column::text("metric").optional(2),
        Column::number("average"),
        Column::number(&without),
        Column::number(&outcome.source).optional(3),
        Column::number("transfer"),
        Column::number("languages").optional(4),
    ];
    let rows = outcome.averages(spec).into_iter().map(|row| {
        let own = |text: String| if row.languages.is_some() { text } else { String::new() };
        vec![
            row.model.clone(),
            row.task.clone(),
            row.metric.clone(),
            percent(row.average),
            own(percent(row.without_source)),
            own(percent(row.source)),
            own(row.transfer.map_or_else(|| NO_VALUE.to_owned(), |ratio| format!("{ratio:.3}"))),
            row.languages.map(|[there, all]| format!("{there} of {all}")).unwrap_or_default(),
        ]
    });
    output::table(&columns, rows.collect())?;
    let tasks = outcome.columns(spec);
    let mut columns = vec![Column::text("model").optional(1), Column::text("language")];
    columns.extend(tasks.iter().map(|(_, _, title)| Column::number(title)));
    let rows = outcome.by_language(spec).into_iter().map(|row| {
        let values = row.values.iter().map(|own| own.map_or_else(String::new, |own| percent(own.value)));
        [row.model.clone(), row.language.clone()].into_iter().chain(values).collect()
    });
    output::table(&columns, rows.collect())?;
    let missing = outcome.missing.iter().map(|own| format!("missing: {}: {}", own.task, own.reason));
    missing.chain(outcome.partial_means(spec)).try_for_each(|line| output::line(&line))
}

/// A share in per cent, with the two digits that benchmarks publish.
fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| NO_VALUE.to_owned(), |value| format!("{:.2}", 100.0 * value))
}
