//! `alambic schema`.

use alambic_recipes::schema::Recipe;
use alambic_settings::{Setting, json_schema};
use clap::Args;

use crate::failure::Failure;
use crate::output;

/// Prints the JSON Schema of a recipe, for editors
#[derive(Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<(), Failure> {
    output::json(&json_schema(&Recipe::describe(), "Alambic recipe"))
}
