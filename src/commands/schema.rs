//! `alambic schema`.

use alambic_losses::{LossKind, added_losses};
use alambic_recipes::schema::Recipe;
use alambic_recipes::suite::schema::Suite;
use alambic_settings::{Setting, json_schema};
use clap::Args;

use crate::failure::Failure;
use crate::output;

/// Prints the JSON Schema of a recipe, or of a suite, for editors
#[derive(Args)]
pub(crate) struct Arguments {
    /// The schema of a suite file
    #[arg(long)]
    suite: bool,
}

pub(crate) fn run(arguments: &Arguments, losses: &'static [LossKind]) -> Result<(), Failure> {
    if arguments.suite {
        return output::json(&json_schema(&Suite::describe(), "Alambic suite"));
    }
    output::json(&json_schema(&Recipe::describe().with_added(&added_losses(losses)?), "Alambic recipe"))
}
