//! `alambic run`.

use std::path::{Path, PathBuf};

use alambic_losses::LossKind;
use alambic_ranks::{Launcher, Ranks};
use alambic_recipes::observer::{Observer, Silent};
use alambic_recipes::{Loaded, RunOptions, StartMode, plan, resumable, started_ranks};
use alambic_reports::compare::{ComparedRun, Comparison};
use alambic_reports::numbers::duration;
use clap::Args;

use super::plan::notes;
use super::require::{self, Requirement};
use super::{compare, compute_with, interrupt, loaded};
use crate::failure::Failure;
use crate::log::{say, show};
use crate::output;
use crate::progress::Progress;

/// Runs all stages of a recipe, evaluates, reports and ships the student
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Arguments {
    /// Path of a recipe, or `builtin:NAME`; may be left out with `--resume --out`
    #[arg(required_unless_present = "resume")]
    recipe: Option<PathBuf>,
    /// Sets a key, as `train.steps=100`; paths are taken from the current folder
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Leaves out the baseline and the upper bound: no student is trained without a teacher
    #[arg(long)]
    no_baseline: bool,
    /// A figure of metrics.json with the bound that it has to keep, as `retention=0.95`, `accuracy>=0.9` or `cer<=0.1`; where it
    /// does not, the command ends with 1
    #[arg(long, value_name = "FIGURE=BOUND")]
    require: Vec<Requirement>,
    /// The run's folder; `runs/NAME` if left out
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Goes on with the run in the folder
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Deletes the run in the folder and starts anew
    #[arg(long)]
    overwrite: bool,
    /// Prints what metrics.json holds
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(
    arguments: &Arguments,
    threads: Option<usize>,
    ranks: &Ranks,
    losses: &'static [LossKind],
) -> Result<(), Failure> {
    let loaded = recipe(arguments, losses)?;
    let out = arguments.out.clone().unwrap_or_else(|| Path::new("runs").join(&loaded.recipe.name.value));
    // A run goes on with as many batches a step as it was started with, however many ranks share them.
    let started = if arguments.resume { started_ranks(&out)? } else { None };
    let loaded = loaded.with_ranks(started.unwrap_or(ranks.count()));
    let threads = threads.or(loaded.recipe.threads).or_else(|| {
        let is_said = std::env::var_os("RAYON_NUM_THREADS").is_some();
        Launcher::of_environment().filter(|_| !is_said)?.placement().threads()
    });
    compute_with(threads, || run_loaded(arguments, &loaded, out, ranks))
}

fn run_loaded(arguments: &Arguments, loaded: &Loaded, out: PathBuf, ranks: &Ranks) -> Result<(), Failure> {
    let plan = plan(loaded)?;
    // The recipe of a run that goes on holds every key, and was warned of when the run began.
    if arguments.recipe.is_some() {
        show(&plan.warnings);
    }
    notes(&plan).for_each(|note| say(&note));
    let mode = match (arguments.resume, arguments.overwrite) {
        (true, _) => StartMode::Resume,
        (_, true) => StartMode::Overwrite,
        _ => StartMode::Fresh,
    };
    let interrupt = interrupt("stopping after this step; once more quits at once")?;
    let options = RunOptions { out, mode, interrupt, ranks: ranks.clone() };
    if !ranks.is_first() {
        alambic_recipes::run(loaded, &options, &mut Silent)?;
        return Ok(());
    }
    let mut progress = Progress::of_run(&plan);
    if !ranks.is_alone() {
        progress.note(&format!("{} ranks run the recipe together", ranks.count()));
    }
    let finished = alambic_recipes::run(loaded, &options, &mut progress)?;
    if let Some(seconds) = progress.seconds() {
        say(&format!("the run took {}", duration(seconds)));
    }
    let outcome = finished.outcome.clone();
    if arguments.json {
        output::json(&outcome)?;
        return require::check(&arguments.require, &outcome);
    }
    let name = finished.folder.display().to_string();
    let run = ComparedRun { name, outcome: finished.outcome, validations: None, to_first: None };
    compare::table(&Comparison::new(vec![run]))?;
    output::line(&format!("report: {}", finished.folder.join("report.html").display()))?;
    require::check(&arguments.require, &outcome)
}

/// The recipe that is named, or the one of the run to go on with.
fn recipe(arguments: &Arguments, losses: &'static [LossKind]) -> Result<Loaded, Failure> {
    let named = |recipe: &Path| loaded(recipe, &arguments.set, arguments.no_baseline, losses);
    match (&arguments.recipe, &arguments.out) {
        (Some(recipe), _) => Ok(named(recipe)?),
        (None, Some(out)) => Ok(named(&resumable(out)?)?),
        (None, None) => Err(Failure::Usage("name the recipe, or the folder of its run with `--out`".into())),
    }
}
