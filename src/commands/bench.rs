//! `alambic bench`.

use std::path::{Path, PathBuf};
use std::process::Command;

use alambic_models::{Config, ModelFolder};
use alambic_recipes::bench::{Grid, Measured, measure, peak_memory};
use alambic_reports::numbers::{NO_VALUE, bytes, milliseconds, thousands};
use alambic_tensor::device;
use alambic_tensor::precision::MatmulPrecision;
use clap::Args;

use super::{model_folder, precisions, warn_fallback, warn_unread_tensors};
use crate::failure::Failure;
use crate::output::{self, Column};
use crate::progress::Progress;

/// Measures models against each other: size, time of a batch, throughput, memory
///
/// Each batch is of random texts; a model that generates texts writes as many tokens as it reads, and one that reads images reads
/// one for each text; two towers are measured with stored images, too. The models take turns, so that what else the machine
/// does hits all alike. Memory is that of a process of its own which writes the largest batch.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Folders of runs or models, or `hf:OWNER/NAME[@REVISION]`
    #[arg(required = true)]
    models: Vec<PathBuf>,
    /// Texts in a batch
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,32")]
    batch: Vec<usize>,
    /// Tokens of a text
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "16,64")]
    length: Vec<usize>,
    /// Precision of matrix products
    #[arg(long, value_name = "P,…", value_delimiter = ',', default_value = "f32", value_parser = precisions())]
    precision: Vec<MatmulPrecision>,
    /// How often each batch is timed
    #[arg(long, value_name = "N", default_value_t = 20)]
    rounds: usize,
    /// Prints an array of objects
    #[arg(long)]
    json: bool,
    /// Writes the largest batch once and prints the most memory used, in bytes
    #[arg(long, hide = true)]
    alone: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let grid = Grid {
        batches: arguments.batch.clone(),
        lengths: arguments.length.clone(),
        rounds: arguments.rounds,
        precisions: arguments.precision.clone(),
    };
    if grid.batches.contains(&0) || grid.lengths.contains(&0) || grid.rounds == 0 {
        return Err(Failure::Usage("`--batch`, `--length` and `--rounds` count from 1".into()));
    }
    let folders: Vec<PathBuf> =
        arguments.models.iter().map(|model| model_folder(model)).collect::<Result<_, _>>()?;
    if arguments.alone {
        measure(&folders, &grid.largest(), &mut alambic_recipes::observer::Silent)?;
        return output::line(&peak_memory().map_or_else(String::new, |bytes| bytes.to_string()));
    }
    for model in &folders {
        let folder = ModelFolder::open(model)?;
        warn_unread_tensors(&folder, &Config::open(&folder)?)?;
    }
    grid.precisions.iter().for_each(|precision| warn_fallback(*precision));
    let mut measured = measure(&folders, &grid, &mut Progress::new())?;
    for model in &mut measured {
        // As the user named it.
        if let Some(index) = folders.iter().position(|folder| *folder == model.folder) {
            let (named, folder) = (arguments.models[index].display(), model.folder.display().to_string());
            model.model = model.model.replacen(&folder, &named.to_string(), 1);
        }
        model.peak_memory_bytes = memory(&model.folder, model.precision, arguments);
    }
    if arguments.json { output::json(&measured) } else { table(&measured) }
}

/// The memory of a process that loads and runs the model alone; none where the system does not say.
fn memory(model: &Path, precision: MatmulPrecision, arguments: &Arguments) -> Option<u64> {
    let list = |values: &[usize]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let output = Command::new(std::env::current_exe().ok()?)
        .arg("--threads")
        .arg(rayon::current_num_threads().to_string())
        .args(["--device", &device::name()])
        .args(["bench", "--alone", "--batch", &list(&arguments.batch), "--length", &list(&arguments.length)])
        .args(["--precision", precision.name()])
        .arg(model)
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn table(measured: &[Measured]) -> Result<(), Failure> {
    let models = measured.iter().map(|model| {
        vec![
            model.model.clone(),
            model.precision.name().to_owned(),
            thousands(model.parameters as u64),
            bytes(model.bytes),
            model.peak_memory_bytes.map_or_else(|| NO_VALUE.to_owned(), bytes),
        ]
    });
    let columns = [
        Column::text("model"),
        Column::text("precision"),
        Column::number("parameters"),
        Column::number("bytes"),
        Column::number("peak memory"),
    ];
    output::table(&columns, models.collect())?;
    let cells = measured.iter().flat_map(|model| {
        model.cells.iter().map(|cell| {
            vec![
                cell.batch.to_string(),
                cell.length.to_string(),
                model.model.clone(),
                model.precision.name().to_owned(),
                milliseconds(cell.latency_ms.p50),
                milliseconds(cell.latency_ms.p95),
                format!("{:.1}", cell.texts_per_second),
                format!("{:.0}", cell.tokens_per_second),
            ]
        })
    });
    let mut cells: Vec<Vec<String>> = cells.collect();
    // Models beside each other for each batch and length; a stable sort keeps their order.
    cells.sort_by_key(|row| (row[0].parse::<usize>().ok(), row[1].parse::<usize>().ok()));
    let columns = [
        Column::number("batch"),
        Column::number("length"),
        Column::text("model"),
        Column::text("precision"),
        Column::number("p50"),
        Column::number("p95"),
        Column::number("texts/s").optional(2),
        Column::number("tokens/s").optional(1),
    ];
    output::table(&columns, cells)
}
