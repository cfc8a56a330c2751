//! `alambic list`.

use std::path::{Path, PathBuf};

use alambic_data::Corpus;
use alambic_data::benchmarks::Benchmark;
use alambic_losses::{Loss, LossKind};
use alambic_models::{Config, ModelFolder, TAP_PATTERNS};
use alambic_recipes::{book, load, suite, templates};
use alambic_reports::metrics::METRICS;
use alambic_reports::vocabulary::VOCABULARY;
use alambic_settings::Kind;
use alambic_settings::types::{NamedTable, summary};
use alambic_students::Student;
use alambic_teachers::TeacherOptions;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::model_folder;
use crate::failure::Failure;
use crate::output::{self, Column};

/// Lists recipes, kinds of tasks, teachers, students, losses, metrics, formats, suites, benchmarks, taps or the axes of model
/// cards
#[derive(Args)]
pub(crate) struct Arguments {
    /// What to list
    what: What,
    /// With `taps`: the model whose taps are shown, a folder or `hf:OWNER/NAME[@REVISION]`
    model: Option<PathBuf>,
    /// Prints an array of objects
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Recipes that come with the program
    Recipes,
    /// Kinds of tasks, for `alambic new --from`
    Tasks,
    /// Kinds of teachers
    Teachers,
    /// Kinds of students
    Students,
    /// Loss terms
    Losses,
    /// Metrics
    Metrics,
    /// Formats of corpora
    Corpora,
    /// Suites that come with the program, for `alambic score`
    Suites,
    /// Formats of benchmarks that suites read
    Benchmarks,
    /// Places in a network whose tensors can be read
    Taps,
    /// Axes by which model cards classify models
    Vocabulary,
}

pub(crate) fn run(arguments: &Arguments, losses: &'static [LossKind]) -> Result<(), Failure> {
    if arguments.model.is_some() && arguments.what != What::Taps {
        return Err(Failure::Usage("a model is only for `list taps`".into()));
    }
    let entries = match arguments.what {
        What::Recipes => recipes()?,
        What::Tasks => pairs(templates().into_iter().map(|task| (task.name, task.summary))),
        What::Teachers => kinds(TeacherOptions::LIST),
        What::Students => kinds(Student::LIST),
        What::Losses => {
            let own = losses.iter().map(|entry| (entry.name, entry.table));
            kinds(&Loss::list().into_iter().chain(own).collect::<Vec<_>>())
        }
        What::Corpora => kinds(Corpus::LIST),
        What::Suites => suites()?,
        What::Benchmarks => kinds(Benchmark::LIST),
        What::Metrics => pairs(METRICS.iter().map(|metric| (metric.name, metric.summary))),
        What::Vocabulary => {
            pairs(VOCABULARY.iter().map(|(name, axis)| (name.as_str(), axis.meaning.as_str())))
        }
        What::Taps => match &arguments.model {
            Some(model) => return taps(model, arguments.json),
            None => pairs(TAP_PATTERNS.iter().copied()),
        },
    };
    if arguments.json {
        let object = |(name, summary): &(String, String)| json!({ "name": name, "summary": summary });
        return output::json(&entries.iter().map(object).collect::<Vec<_>>());
    }
    let rows = entries.into_iter().map(|(name, summary)| vec![name, summary]).collect();
    output::table(&[Column::text("name"), Column::text("what it is")], rows)
}

fn pairs<'a>(entries: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    entries.map(|(name, summary)| (name.to_owned(), summary.to_owned())).collect()
}

fn kinds(kinds: &[NamedTable]) -> Vec<(String, String)> {
    kinds.iter().map(|(name, table)| ((*name).to_owned(), summary(&table().doc))).collect()
}

fn recipes() -> Result<Vec<(String, String)>, Failure> {
    let entry = |(name, _): (&str, &str)| {
        let name = format!("builtin:{name}");
        let loaded = load(&name, &[])?;
        Ok((name, loaded.recipe.description))
    };
    book::recipes().map(entry).collect()
}

fn suites() -> Result<Vec<(String, String)>, Failure> {
    let entry = |(name, _): &(&str, &str)| {
        let name = format!("builtin:{name}");
        let loaded = suite::load(&name)?;
        Ok((name, loaded.suite.description))
    };
    suite::book::SUITES.iter().map(entry).collect()
}

fn taps(model: &Path, json: bool) -> Result<(), Failure> {
    let taps = Config::open(&ModelFolder::open(&model_folder(model)?)?)?.outline().taps();
    if json { output::json(&taps) } else { output::line(&taps.join("\n")) }
}
