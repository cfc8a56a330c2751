//! `alambic compare`.

use std::path::{Path, PathBuf};

use alambic_files::read;
use alambic_recipes::load::{number_at, values};
use alambic_reports::compare::{Comparison, Difference, SweptKey, ToFirst};
use alambic_reports::metrics;
use alambic_reports::numbers::{NO_VALUE, metric_title, metric_value, thousands, times};
use alambic_reports::plots::ValueFormat;
use alambic_reports::verdict::Verdict;
use alambic_settings::IndexMap;
use clap::Args;

use crate::failure::Failure;
use crate::output::{self, Column};

/// Puts several runs side by side
#[derive(Args)]
pub(crate) struct Arguments {
    /// Folders of runs
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Writes a page, its figures and a table into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Draws the metrics over a number that differs between the recipes, as `baseline.data.pairs.fraction`
    #[arg(long, value_name = "KEY")]
    over: Option<String>,
    /// Groups runs by an axis of the vocabulary of model cards, as `fusion`; `alambic list vocabulary` shows them
    #[arg(long, value_name = "AXIS")]
    group_by: Option<String>,
    /// Prints an array of objects, one for each model of each run
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut comparison = Comparison::read(&arguments.runs).map_err(|errors| {
        Failure::Usage(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nerror: "))
    })?;
    let mut runs = arguments.runs.clone();
    if let Some(axis) = &arguments.group_by {
        let order = comparison.group_by(axis).map_err(|help| {
            Failure::Usage(format!("`--group-by {axis}` is no axis of model cards: {help}"))
        })?;
        runs = order.into_iter().map(|run| arguments.runs[run].clone()).collect();
    }
    if let Some(key) = &arguments.over {
        comparison.swept = Some(swept_key(key, &runs)?);
    }
    if let Some(folder) = &arguments.out {
        comparison.differences = differences(&runs)?;
        comparison.write(folder)?;
    }
    if arguments.json { output::json(&comparison.rows()) } else { table(&comparison) }
}

/// The keys in which the recipes of the runs differ, their names aside. A run without a recipe differs in nothing.
fn differences(runs: &[PathBuf]) -> Result<Vec<Difference>, Failure> {
    let mut recipes = Vec::new();
    for run in runs {
        let path = run.join("recipe.resolved.toml");
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let text = read::state(&path).map_err(|error| Failure::Failed(error.into()))?;
        recipes.push(values(&path, &text).map_err(Failure::from)?);
    }
    let mut keys: IndexMap<&String, ()> = IndexMap::new();
    keys.extend(recipes.iter().flat_map(IndexMap::keys).map(|key| (key, ())));
    let own = |key: &&String| !["name", "description"].contains(&key.as_str());
    let differences = keys.into_keys().filter(own).map(|key| Difference {
        key: key.clone(),
        values: recipes.iter().map(|recipe| recipe.get(key).cloned()).collect(),
    });
    let differs =
        |difference: &Difference| difference.values.iter().any(|value| *value != difference.values[0]);
    Ok(differences.filter(differs).collect())
}

/// The values of a key in the recipes of the runs.
fn swept_key(key: &str, runs: &[PathBuf]) -> Result<SweptKey, Failure> {
    let value = |run: &PathBuf| {
        let path = run.join("recipe.resolved.toml");
        let text = read::state(&path).map_err(|error| Failure::Failed(error.into()))?;
        number_at(&path, &text, key)
            .map_err(Failure::from)?
            .ok_or_else(|| Failure::Usage(format!("{}: `{key}` is not a number there", path.display())))
    };
    let values: Vec<f64> = runs.iter().map(value).collect::<Result<_, Failure>>()?;
    let share = values.iter().all(|value| (0.0..=1.0).contains(value));
    let name = Path::new(key).extension().map_or(key.to_owned(), |last| last.to_string_lossy().into_owned());
    let format = if share { ValueFormat::Percent } else { ValueFormat::Plain };
    Ok(SweptKey { name, format, values })
}

/// Prints a table with a row for each model of each run, and which of them were evaluated on other data than others, or without
/// labels.
pub(super) fn table(comparison: &Comparison) -> Result<(), Failure> {
    let rows = comparison.rows();
    let mut names: Vec<&str> = Vec::new();
    for name in rows.iter().flat_map(|row| row.metrics.keys()) {
        let shown = metrics::find(name).is_ok() && !metrics::is_reference(name);
        if shown && !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let titles: Vec<String> = names.iter().map(|name| metric_title(name)).collect();
    let grouped_by = comparison.grouped_by();
    let mut columns: Vec<Column> = grouped_by.map(Column::text).into_iter().collect();
    columns.extend([Column::text("run"), Column::text("model"), Column::number("examples").optional(4)]);
    // The first is the one by which models are compared.
    let metric = |(place, title)| Column::number(title).optional(if place == 0 { 0 } else { 2 });
    columns.extend(titles.iter().map(String::as_str).enumerate().map(metric));
    columns.extend([
        Column::number("parameters").optional(3),
        Column::number("speed-up").optional(1),
        Column::text("to baseline"),
    ]);
    let to_first = comparison.first_compared_with().map(|first| format!("to {first}"));
    columns.extend(to_first.as_deref().map(Column::text));
    let rows = rows.iter().map(|row| {
        let mut cells: Vec<String> = row.group.iter().cloned().collect();
        cells.extend([row.run.clone(), row.model.clone(), thousands(row.examples as u64)]);
        cells.extend(names.iter().map(|name| metric_value(name, row.metrics.get(*name).copied().flatten())));
        cells.push(row.parameters.map_or_else(|| NO_VALUE.to_owned(), thousands));
        cells.push(times(row.speedup));
        cells.push(row.verdict.map_or(NO_VALUE, Verdict::word).to_owned());
        if to_first.is_some() {
            let words = row.to_first.as_ref().map(ToFirst::in_words);
            cells.push(words.unwrap_or_else(|| NO_VALUE.to_owned()));
        }
        cells
    });
    output::table(&columns, rows.collect())?;
    let notes = comparison.different_test_data().into_iter().chain(comparison.without_labels());
    notes.into_iter().try_for_each(|note| output::line(&note))
}
