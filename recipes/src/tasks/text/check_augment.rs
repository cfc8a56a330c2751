//! Checks of texts that are augmented, and of the models that augment them.

use alambic_models::Config;
use alambic_models::text_encoder::Head;
use alambic_settings::{At, Diagnostic, Origin};

use super::augment::neighbours_of;
use super::options::TextsData;
use crate::check::checker::{Checker, Site};

impl TextsData {
    /// Checks the models that augment the texts of a training.
    pub(super) fn check_augmentation(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let position = site.position;
        for (index, texts) in self.texts.iter().enumerate() {
            let Some(augment) = &texts.augment else { continue };
            let index = index.to_string();
            let origin = checker.places.origin(&site.key(&["data", "texts", &index, "augment"]));
            if let Some(name) = &augment.model
                && let Some(config) = check_model(name, &name.origin, position, checker)
                && config.text_head().is_some_and(|own| own.head != Head::MaskedLanguage)
            {
                let message = format!("`{}` has no masked-language head", name.value);
                let help = "leave `model` out: the input embeddings of `teacher` need no head";
                checker.report(
                    Diagnostic::error("teacher::head", message)
                        .label(&name.origin, "cannot predict words")
                        .help(help),
                );
            }
            match neighbours_of(augment, site.named_teacher) {
                None => {
                    let message = format!("`{}` augments texts and has no teacher", site.path.join("."));
                    checker.report(
                        Diagnostic::error("recipe::teacher", message)
                            .label(&origin, "no model to predict neighbours of words")
                            .help("name a checkpoint as `teacher`, for its input embeddings, or as `model`"),
                    );
                }
                // Looked at above.
                Some(name) if augment.model.as_ref() == Some(name) => {}
                Some(name) => {
                    let place = if augment.teacher.is_some() { &name.origin } else { &origin };
                    check_model(name, place, position, checker);
                }
            }
        }
    }
}

/// Reports a model that is no checkpoint that reads, over whole words, or is not there yet. Its form, as far as it
/// is known.
fn check_model(
    name: &At<String>,
    place: &Origin,
    position: usize,
    checker: &mut Checker<'_>,
) -> Option<Config> {
    if !checker.check_checkpoint(name) {
        return None;
    }
    checker.check_order(name, position);
    let info = checker.models.checkpoint(name)?.clone();
    let problem = if info.config.writes_texts() {
        "writes, and a model that reads is needed to augment texts"
    } else if info.config.reads_images() {
        "looks at images as well, and a model of texts alone is needed to augment them"
    } else if info.tokenizer.whole_words().is_empty() {
        "has no whole words in its vocabulary to put in the place of others; BERT's WordPiece has"
    } else {
        return Some(info.config);
    };
    let message = format!("model `{}` {problem}", name.value);
    checker.error("teacher::augment", message, place, "augments these texts");
    None
}
