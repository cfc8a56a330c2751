//! `alambic explain`.

use alambic_losses::{LossKind, added_losses};
use alambic_recipes::renamed_keys::RENAMED_KEYS;
use alambic_recipes::schema::Recipe;
use alambic_recipes::suite::schema::Suite;
use alambic_settings::{RenamedKeys, Setting, explain};
use clap::Args;

use crate::failure::Failure;
use crate::output;

/// Describes a key of a recipe, or of a suite: its meaning, type and default
#[derive(Args)]
pub(crate) struct Arguments {
    /// A dotted key, as `stage.*.train.max-grad-norm`; its last name alone, as `max-grad-norm`; or words that its meaning has,
    /// as `learning rate`; left out, the keys at the top
    key: Vec<String>,
    /// A key of a suite file, as `task.*.kind`
    #[arg(long)]
    suite: bool,
}

pub(crate) fn run(arguments: &Arguments, losses: &'static [LossKind]) -> Result<(), Failure> {
    if arguments.suite {
        return output::line(&explain(&Suite::describe(), &arguments.key.join(" "), RenamedKeys::default())?);
    }
    let recipe = Recipe::describe().with_added(&added_losses(losses)?);
    output::line(&explain(&recipe, &arguments.key.join(" "), RENAMED_KEYS)?)
}
