//! `alambic explain`.

use alambic_losses::{LossKind, added_losses};
use alambic_recipes::renamed_keys::RENAMED_KEYS;
use alambic_recipes::schema::Recipe;
use alambic_recipes::suite::schema::Suite;
use alambic_reports::vocabulary;
use alambic_settings::{RenamedKeys, Setting, explain};
use clap::Args;

use crate::failure::Failure;
use crate::output;

/// First part of the names of axes of model cards.
const VOCABULARY: &str = "vocabulary";

/// Describes a key of a recipe, or of a suite: its meaning, type and default; or an axis of model cards, its values
#[derive(Args)]
pub(crate) struct Arguments {
    /// A dotted key, as `stage.*.train.max-grad-norm`; its last name alone, as `max-grad-norm`; or words that its meaning has,
    /// as `learning rate`; `vocabulary`, or an axis of it as `vocabulary.fusion`; left out, the keys at the top
    key: Vec<String>,
    /// A key of a suite file, as `task.*.kind`
    #[arg(long)]
    suite: bool,
}

pub(crate) fn run(arguments: &Arguments, losses: &'static [LossKind]) -> Result<(), Failure> {
    let words = arguments.key.join(" ");
    if arguments.suite {
        return output::line(&explain(&Suite::describe(), &words, RenamedKeys::default())?);
    }
    if let Some(axis) = words.strip_prefix(VOCABULARY).and_then(|rest| rest.strip_prefix('.')) {
        let page = vocabulary::explain(Some(axis));
        let refused =
            |help| Failure::Usage(format!("the vocabulary of model cards has no axis `{axis}`: {help}"));
        return output::line(&page.map_err(refused)?);
    }
    let recipe = Recipe::describe().with_added(&added_losses(losses)?);
    let page = explain(&recipe, &words, RENAMED_KEYS)?;
    output::line(&page)?;
    // Keys of this name, and then what cards have.
    if words == VOCABULARY {
        output::line("")?;
        output::line(&vocabulary::explain(None).map_err(Failure::Usage)?)?;
    }
    Ok(())
}
