//! The commands, one file each.

mod bench;
mod cache;
mod check;
mod compare;
mod completions;
mod evaluate;
mod explain;
mod export;
mod generation;
mod list;
mod loss;
mod man;
mod new;
mod plan;
mod predict;
mod require;
mod run;
mod schema;
mod score;
mod show;
mod tensors;
mod trace;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use alambic_hub::Hub;
use alambic_losses::LossKind;
use alambic_models::{Config, ModelFolder};
use alambic_ranks::Ranks;
use alambic_recipes::{Loaded, builtin_model, load_with};
use alambic_settings::Diagnostics;
use alambic_tensor::device::{self, DeviceSpec};
use alambic_tensor::precision::MatmulPrecision;
use alambic_tensor::threads::install;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::log::{say, warn};

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    Run(run::Arguments),
    Check(check::Arguments),
    Plan(plan::Arguments),
    Cache(cache::Arguments),
    List(list::Arguments),
    Explain(explain::Arguments),
    Schema(schema::Arguments),
    New(new::Arguments),
    Show(show::Arguments),
    Trace(trace::Arguments),
    Loss(loss::Arguments),
    Export(export::Arguments),
    Predict(Box<predict::Arguments>),
    Compare(compare::Arguments),
    Evaluate(evaluate::Arguments),
    Score(score::Arguments),
    Bench(bench::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// What a command computes with.
#[derive(Clone)]
pub(crate) struct Machine {
    /// How many threads, if that is given.
    pub(crate) threads: Option<usize>,
    pub(crate) device: DeviceSpec,
    /// The processes that do it together.
    pub(crate) ranks: Ranks,
}

impl Command {
    /// Whether several processes that a launcher started do it together, since each would otherwise write the same files.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Run(_) | Self::Cache(_) | Self::Evaluate(_))
    }

    /// Does it on this machine, with the losses that the program adds; `program` describes the whole command line.
    pub(crate) fn run(
        &self,
        machine: Machine,
        losses: &'static [LossKind],
        program: clap::Command,
    ) -> Result<(), Failure> {
        let Machine { threads, device, ranks } = machine;
        // Others need no device, which takes its time to open; the precisions that it has are checked.
        let is_needed = matches!(
            self,
            Self::Run(_) | Self::Trace(_) | Self::Predict(_) | Self::Evaluate(_) | Self::Bench(_)
        );
        if is_needed || matches!(self, Self::Check(_) | Self::Plan(_)) {
            device::choose(device).map_err(|error| Failure::Failed(Box::new(error)))?;
        }
        match self {
            Self::Run(arguments) => run::run(arguments, threads, &ranks, losses),
            // One cache has one process that writes it, for which the others wait.
            Self::Cache(_) if !ranks.is_first() => Ok(()),
            Self::Evaluate(arguments) => compute_with(threads, || evaluate::run(arguments, &ranks)),
            Self::Completions(arguments) => completions::run(arguments, program),
            Self::Man(arguments) => man::run(arguments, program),
            _ => compute_with(threads, || self.run_on_pool(losses)),
        }
    }

    /// Does it, those aside that need no pool, `run`, which takes the number of threads from its recipe, and `evaluate`, which shares its work with
    /// other processes.
    fn run_on_pool(&self, losses: &'static [LossKind]) -> Result<(), Failure> {
        match self {
            Self::Run(_) | Self::Evaluate(_) | Self::Completions(_) | Self::Man(_) => Ok(()),
            Self::Check(arguments) => check::run(arguments, losses),
            Self::Plan(arguments) => plan::run(arguments, losses),
            Self::Cache(arguments) => cache::run(arguments, losses),
            Self::List(arguments) => list::run(arguments, losses),
            Self::Explain(arguments) => explain::run(arguments, losses),
            Self::Schema(arguments) => schema::run(arguments, losses),
            Self::New(arguments) => new::run(arguments),
            Self::Show(arguments) => show::run(arguments),
            Self::Trace(arguments) => trace::run(arguments),
            Self::Loss(arguments) => loss::run(arguments, losses),
            Self::Export(arguments) => export::run(arguments),
            Self::Predict(arguments) => predict::run(arguments),
            Self::Compare(arguments) => compare::run(arguments),
            Self::Score(arguments) => score::run(arguments),
            Self::Bench(arguments) => bench::run(arguments),
        }
    }
}

/// Reads what numbers are multiplied as, by its name in recipes.
fn precisions() -> impl TypedValueParser<Value = MatmulPrecision> {
    let names = MatmulPrecision::LIST.iter().map(|(name, _)| *name);
    PossibleValuesParser::new(names)
        .try_map(|name| MatmulPrecision::from_name(&name).ok_or_else(|| format!("`{name}` is no precision")))
}

/// Does something on a pool of so many threads. Without a number, the library takes what `RAYON_NUM_THREADS` or the
/// machine says.
fn compute_with(
    threads: Option<usize>,
    work: impl FnOnce() -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    install(threads, work).map_err(|error| Failure::Failed(Box::new(error)))?
}

/// Folder of a model: a path, of a run's folder that of its student; `hf:OWNER/NAME[@REVISION]`, fetched if it is not in the
/// cache; or `builtin:NAME`.
fn model_folder(model: &Path) -> Result<PathBuf, Failure> {
    let text = model.to_str().unwrap_or_default();
    if let Some(name) = text.strip_prefix("hf:") {
        return Ok(Hub::from_environment().model(name)?);
    }
    if let Some(name) = text.strip_prefix("builtin:") {
        return builtin_model(name).map_err(|error| Failure::Usage(error.to_string()));
    }
    let student = model.join("student");
    let is_run = student.join("config.json").is_file() && !model.join("config.json").is_file();
    Ok(if is_run { student } else { model.to_owned() })
}

/// Says on standard error which tensors of a model's folder are not read, if there are such.
fn warn_unread_tensors(folder: &ModelFolder, config: &Config) -> Result<(), Failure> {
    if let Some(message) = config.unused_tensors(folder)? {
        warn(&message);
    }
    Ok(())
}

/// Says on standard error where products are not made as asked.
fn warn_fallback(precision: MatmulPrecision) {
    if let Some(message) = precision.fallback() {
        warn(&message);
    }
}

/// Set by the first Ctrl-C, so that work stops where it can be gone on with, and says so. The second ends the process.
fn interrupt(message: &'static str) -> Result<Arc<AtomicBool>, Failure> {
    let interrupt = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupt);
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        say(message);
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Failed(Box::new(error)))?;
    Ok(interrupt)
}

/// A recipe and what is laid over it.
#[derive(Args)]
struct RecipeArguments {
    /// Path of a recipe, or `builtin:NAME`
    recipe: PathBuf,
    /// Sets a key, as `train.steps=100`; paths are taken from the current folder
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Leaves out the baseline and the upper bound
    #[arg(long)]
    no_baseline: bool,
}

impl RecipeArguments {
    fn load(&self, losses: &'static [LossKind]) -> Result<Loaded, Failure> {
        Ok(loaded(&self.recipe, &self.set, self.no_baseline, losses)?)
    }
}

/// Loads a recipe, with flags laid over it, and without its baseline if that is to be left out.
fn loaded(
    recipe: &Path,
    set: &[String],
    no_baseline: bool,
    losses: &'static [LossKind],
) -> Result<Loaded, Diagnostics> {
    let loaded = load_with(recipe, set, losses)?;
    Ok(if no_baseline { loaded.without_baseline() } else { loaded })
}
