//! What is known of a recipe's student by the axes of the vocabulary of model cards.

use alambic_data::ContentKind;
use alambic_models::{Config, ImageInput, Role, Tokenizer};
use alambic_reports::vocabulary::Classification;

use crate::corpora::Corpora;
use crate::error::RunError;
use crate::options::card::texts;
use crate::schema::Recipe;
use crate::setting::settings;
use crate::stage_order::{stage_options, student_of};

/// Script of texts that are read as they are written.
const ORIGINAL: &str = "original";

/// What the program knows of the student that the last stage trains: from its architecture, its tokenizer, and the data, tasks and
/// losses of the stages that train it.
///
/// # Errors
/// When a stage or its student is not declared.
pub(crate) fn classify(
    recipe: &Recipe,
    corpora: &Corpora,
    config: &Config,
    tokenizer: Option<&Tokenizer>,
) -> Result<Classification, RunError> {
    let mut own = Classification::default();
    let role = config.role();
    let fusion = match (role, config) {
        (Role::DualEncoder, _) => Some("dual"),
        (Role::FusionEncoder, Config::Lxmert(_)) => Some("two-stream"),
        (Role::FusionEncoder, _) | (_, Config::Oscar(_) | Config::Unimo(_)) => Some("single-stream"),
        (Role::EncoderDecoder, _) if config.image_input().is_some() => Some("encoder-decoder"),
        _ => None,
    };
    if let Some(fusion) = fusion {
        own.add("fusion", fusion);
    }
    match config.image_input() {
        Some(_) if role == Role::ImageTokenizer => own.add("visual-input", "tokens"),
        Some(ImageInput::Patches(_)) => own.add("visual-input", "patches"),
        Some(ImageInput::Regions(_)) => own.add("visual-input", "regions"),
        None => {}
    }
    if let Some(tokenizer) = tokenizer.filter(|_| config.reads_texts()) {
        own.add("script", tokenizer.unified_script().map_or(ORIGINAL, |script| script.name()));
        let is_told = matches!(config, Config::TextEncoder(own) if own.structure.languages > 0);
        own.add("language-embeddings", if is_told { "learned" } else { "none" });
    }
    let Some(last) = recipe.stages.last() else { return Ok(own) };
    let student = student_of(recipe, last)?;
    for stage in recipe.stages.iter() {
        if student_of(recipe, stage)? != student {
            continue;
        }
        let options = stage_options(recipe, stage)?;
        let task = options.data.task();
        for loss in options.loss.iter() {
            let name = loss.name();
            own.add("objectives", if name == LABELS { task.label_objective() } else { name });
        }
        for name in task.corpora() {
            let data = match corpora.kind(std::slice::from_ref(name)) {
                Some(ContentKind::Questions)
                    if [Role::ObjectDetector, Role::ImageTokenizer].contains(&role) =>
                {
                    "images"
                }
                Some(ContentKind::Questions | ContentKind::PictureChoices) => "image-text",
                Some(ContentKind::Parallel | ContentKind::Words) => "parallel",
                Some(
                    ContentKind::Texts | ContentKind::Choices | ContentKind::Passages | ContentKind::Search,
                ) => "monolingual",
                None => continue,
            };
            own.add("data", data);
        }
        let of_languages = options.train.sampling.as_ref().map(|sampling| sampling.value.exponent);
        if let Some(exponent) = of_languages.or(task.sampling_exponent()) {
            own.add("sampling-exponent", &exponent.to_string());
        }
    }
    Ok(own)
}

/// How the student comes to its task in the languages that it is evaluated in, where all examples are read.
pub(crate) fn add_setting(
    own: &mut Classification,
    recipe: &Recipe,
    corpora: &Corpora,
) -> Result<(), RunError> {
    settings(recipe, corpora)?.into_iter().for_each(|setting| own.add("setting", setting));
    Ok(())
}

/// The loss on labels, whose objective depends on the task.
const LABELS: &str = "cross-entropy";

/// The same with what `[card]` of the recipe says.
pub(crate) fn with_card(mut own: Classification, recipe: &Recipe) -> Classification {
    for (axis, values) in &recipe.card {
        for value in texts(values) {
            own.add(axis, &value);
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use alambic_losses::Loss;
    use alambic_reports::vocabulary::VOCABULARY;
    use alambic_settings::Kind;

    use super::LABELS;

    #[test]
    fn every_loss_has_an_objective_of_the_vocabulary() {
        let objectives = &VOCABULARY["objectives"];
        for (name, _) in Loss::list() {
            assert!(
                name == LABELS || objectives.value(name).is_ok(),
                "{name} is not in `reports/vocabulary.toml`"
            );
        }
        for name in objectives.known_as.keys() {
            assert!(Loss::list().iter().any(|(loss, _)| loss == name), "{name} is no loss");
        }
    }
}
