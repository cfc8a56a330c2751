//! `alambic show`.

use alambic_recipes::{Start, load, suite};
use clap::Args;

use crate::failure::Failure;
use crate::output;

/// Prints a recipe or a suite that comes with the program, or the template of a kind of task
#[derive(Args)]
pub(crate) struct Arguments {
    /// `builtin:NAME`, as `alambic list recipes` or `list suites` shows it, or a kind of task, as `alambic list tasks` does
    recipe: String,
    /// Prints every value of the recipe, with what it extends, and where each comes from
    #[arg(long)]
    resolved: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let suite = arguments.recipe.strip_prefix("builtin:").filter(|_| !arguments.resolved);
    if let Some((_, text)) = suite::book::SUITES.iter().find(|(name, _)| Some(*name) == suite) {
        return output::line(text.trim_end());
    }
    let found = Start::find(&arguments.recipe).map_err(|error| Failure::Usage(error.to_string()))?;
    match found {
        Start::Recipe(name, _) if arguments.resolved => {
            output::line(load(format!("builtin:{name}"), &[])?.resolved_toml().trim_end())
        }
        Start::Task(_) if arguments.resolved => Err(Failure::Usage(format!(
            "`--resolved` is for recipes; write one by `alambic new NAME --from {}`",
            arguments.recipe
        ))),
        found => output::line(found.text().trim_end()),
    }
}
