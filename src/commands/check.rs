//! `alambic check`.

use alambic_losses::LossKind;
use alambic_recipes::{Depth, check_with_messages, is_fatal};
use alambic_settings::Diagnostics;
use clap::Args;

use super::{RecipeArguments, loaded};
use crate::failure::Failure;
use crate::log::show;
use crate::output;

/// Shows every mistake of a recipe, and of the tables and models that it names, at once
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    recipe: RecipeArguments,
    /// Reads only the heads of tables
    #[arg(long)]
    quick: bool,
    /// Prints each mistake as a JSON object, one a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, losses: &'static [LossKind]) -> Result<(), Failure> {
    let depth = if arguments.quick { Depth::Quick } else { Depth::Whole };
    let RecipeArguments { recipe, set, no_baseline } = &arguments.recipe;
    let (diagnostics, messages) = match loaded(recipe, set, *no_baseline, losses) {
        Ok(loaded) => check_with_messages(&loaded, depth),
        Err(diagnostics) => (diagnostics, Vec::new()),
    };
    if arguments.json {
        for diagnostic in diagnostics.shown() {
            output::json_line(&diagnostic.to_json())?;
        }
    } else {
        show(&diagnostics);
    }
    if is_fatal(&diagnostics) {
        return Err(Failure::Reported);
    }
    if arguments.json {
        return Ok(());
    }
    for message in &messages {
        output::line(message)?;
    }
    output::line(&verdict(&arguments.recipe.recipe.to_string_lossy(), &diagnostics))
}

fn verdict(recipe: &str, diagnostics: &Diagnostics) -> String {
    match diagnostics.count() {
        0 => format!("{recipe}: nothing is wrong"),
        1 => format!("{recipe}: nothing is wrong, 1 warning"),
        count => format!("{recipe}: nothing is wrong, {count} warnings"),
    }
}
