//! `alambic explain`.

use alambic_losses::{LossKind, added_losses};
use alambic_recipes::renamed_keys::RENAMED_KEYS;
use alambic_recipes::schema::Recipe;
use alambic_reports::vocabulary;
use alambic_settings::{Setting, explain};
use clap::Args;

use crate::failure::Failure;
use crate::output;

/// First part of the names of axes of model cards.
const VOCABULARY: &str = "vocabulary";

/// Describes a key of a recipe: its meaning, type and default; or an axis of model cards, its values
#[derive(Args)]
pub(crate) struct Arguments {
    /// A dotted key, as `stage.*.train.max-grad-norm`; its last name alone, as `max-grad-norm`; or words that its meaning has,
    /// as `learning rate`; `vocabulary`, or an axis of it as `vocabulary.fusion`; left out, the keys at the top
    key: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, losses: &'static [LossKind]) -> Result<(), Failure> {
    let words = arguments.key.join(" ");
    if let Some(axis) = words.strip_prefix(VOCABULARY) {
        let axis = axis.strip_prefix('.').or(axis.is_empty().then_some(""));
        if let Some(axis) = axis {
            let page = vocabulary::explain(Some(axis).filter(|axis| !axis.is_empty()));
            return output::line(
                &page.map_err(|help| Failure::Usage(format!("there is no axis `{axis}`: {help}")))?,
            );
        }
    }
    let recipe = Recipe::describe().with_added(&added_losses(losses)?);
    output::line(&explain(&recipe, &words, RENAMED_KEYS)?)
}
