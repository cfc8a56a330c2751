//! `alambic cache`.

use std::path::PathBuf;

use alambic_losses::LossKind;
use alambic_recipes::{Depth, RunError, cache, check, is_fatal, record};
use alambic_reports::numbers::{NO_VALUE, bytes, thousands};
use clap::Args;

use super::{RecipeArguments, interrupt};
use crate::failure::Failure;
use crate::log::show;
use crate::output::{self, Column};
use crate::progress::Progress;

/// Computes the teachers' outputs over the texts of a recipe ahead, for all runs that name the same `cache.folder`
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    recipe: RecipeArguments,
    /// Writes what the teacher says of every text into this table (`.jsonl` or `.parquet`), which a teacher of the kind
    /// `recorded` reads, instead of a cache
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The stage whose teacher is recorded, where several have one
    #[arg(long, value_name = "NAME", requires = "record")]
    stage: Option<String>,
    /// Prints an array with an object for each stage
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, losses: &'static [LossKind]) -> Result<(), Failure> {
    let loaded = arguments.recipe.load(losses)?;
    let diagnostics = check(&loaded, Depth::Whole);
    if is_fatal(&diagnostics) {
        return Err(diagnostics.into());
    }
    show(&diagnostics);
    let flag = interrupt("stopping after this batch; once more quits at once")?;
    if let Some(path) = &arguments.record {
        let recorded = record(&loaded, arguments.stage.as_deref(), path, &flag, &mut Progress::new());
        let recorded = recorded.map_err(|error| failure(error, "interrupted; nothing is written"))?;
        if arguments.json {
            return output::json(&recorded);
        }
        return output::line(&format!(
            "{}: {} texts, by `{}`, with `{}`",
            recorded.path.display(),
            thousands(recorded.texts as u64),
            recorded.teacher,
            recorded.answers
        ));
    }
    let interrupted = "interrupted; the same command goes on where it stopped";
    let stages = cache(&loaded, &flag, &mut Progress::new()).map_err(|error| failure(error, interrupted))?;
    if arguments.json {
        return output::json(&stages);
    }
    let rows = stages.iter().map(|stage| {
        let (texts, size, folder) = match &stage.cache {
            Some(cache) => {
                (thousands(cache.texts as u64), bytes(cache.bytes), cache.folder.display().to_string())
            }
            None => (NO_VALUE.to_owned(), NO_VALUE.to_owned(), NO_VALUE.to_owned()),
        };
        let taps = if stage.taps.is_empty() { NO_VALUE.to_owned() } else { stage.taps.join(", ") };
        vec![stage.stage.clone(), texts, size, taps, folder, stage.summary.clone()]
    });
    let columns = [
        Column::text("stage"),
        Column::number("texts"),
        Column::number("size"),
        Column::text("taps of the teacher"),
        Column::text("folder"),
        Column::text("what is cached"),
    ];
    output::table(&columns, rows.collect())
}

fn failure(error: RunError, interrupted: &str) -> Failure {
    match error {
        RunError::Interrupted { .. } => Failure::Interrupted(interrupted.into()),
        RunError::Recipe(message) => Failure::Usage(message),
        other => other.into(),
    }
}
