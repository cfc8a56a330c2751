//! `alambic schema`.

use alambic_losses::{LossKind, added_losses};
use alambic_recipes::schema::Recipe;
use alambic_settings::{Setting, json_schema};
use clap::Args;

use crate::failure::Failure;
use crate::output;

/// Prints the JSON Schema of a recipe, for editors
#[derive(Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments, losses: &'static [LossKind]) -> Result<(), Failure> {
    output::json(&json_schema(&Recipe::describe().with_added(&added_losses(losses)?), "Alambic recipe"))
}
