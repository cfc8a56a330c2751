//! Checks of entries that read or write tokens of images.

use alambic_data::Split;
use alambic_models::Config;
use alambic_settings::{At, Diagnostic, Origin};

use super::options::{GenerationEntry, Read, Written, WrittenData};
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;

/// Reports keys of an entry that make no sense with tokens of images; false if there are any.
pub(super) fn check_image_token_keys(
    entry: &GenerationEntry,
    origin: &Origin,
    checker: &mut Checker<'_>,
) -> bool {
    let mut error = |message: &str, origin: &Origin, label: &str| {
        checker.error("recipe::data", message.to_owned(), origin, label);
        false
    };
    if entry.draws() && entry.reads != [Read::Text] {
        let message = "an image is drawn of a caption by itself";
        return error(message, origin, "set `reads = [\"text\"]`");
    }
    if !entry.draws() && (entry.reads != [Read::ImageTokens] || entry.writes != Written::Caption) {
        let message = "captions are written of tokens of an image by themselves, and nothing else is";
        return error(message, origin, "set `reads = [\"image-tokens\"]` and `writes = \"caption\"`");
    }
    check_keys_beside_image(entry, "tokens of images", checker)
}

/// Reports keys of an entry that make no sense where nothing is read beside the image, or a caption by itself; false if there are any.
pub(super) fn check_keys_beside_image(
    entry: &GenerationEntry,
    read: &str,
    checker: &mut Checker<'_>,
) -> bool {
    let mut error = |message: String, origin: &Origin, label: &str| {
        checker.error("recipe::data", message, origin, label);
        false
    };
    if let Some(prompt) = &entry.prompt {
        return error(format!("no prompt is read beside {read}"), &prompt.origin, "leave it out");
    }
    if !entry.draws() && entry.languages.len() > 1 {
        let message = "captions are to be in several languages, and nothing says which is asked for";
        return error(message.to_owned(), &entry.languages[1].origin, "name one language");
    }
    for (key, place) in [
        ("hide", entry.hide.as_ref().map(|own| &own.origin)),
        ("directions", entry.directions.first().map(|own| &own.origin)),
        ("answer-language", entry.answer_language.as_ref().map(|own| &own.origin)),
    ] {
        if let Some(place) = place {
            let message = format!("`{key}` has no meaning where {read} are read or written");
            return error(message, place, "leave it out");
        }
    }
    true
}

impl WrittenData {
    /// Reports a student that has no image tokenizer where an entry needs one, or that has one and is to read or write something else.
    pub(super) fn check_image_token_student(
        &self,
        site: &Site<'_>,
        name: &str,
        student: &ModelInfo,
        checker: &mut Checker<'_>,
    ) {
        let has_tokenizer = matches!(student.config, Config::ErnieVilg(_));
        let declared = checker.places.key_origin(&["model", name]);
        for (index, entry) in self.generation.iter().enumerate() {
            if entry.has_image_tokens() == has_tokenizer {
                continue;
            }
            let origin = checker.table_origin(site, "generation", index);
            let diagnostic = if has_tokenizer {
                let message = format!(
                    "the student of stage `{}` writes images for captions and captions for images, in tokens",
                    site.name
                );
                Diagnostic::error("student::image-tokens", message)
                    .label(&declared, "an `ernie-vilg`")
                    .label(&origin, "reads or writes something else")
                    .help("use `reads = [\"text\"]` with `writes = \"image-tokens\"`, or `reads = [\"image-tokens\"]` with `writes = \"caption\"`")
            } else {
                let message = format!("the student of stage `{}` has no image tokenizer", site.name);
                Diagnostic::error("student::image-tokens", message)
                    .label(&declared, "has no tokens of images")
                    .label(&origin, "needs them")
                    .help("an `ernie-vilg` has one; `pali` reads images as patches, `reads = [\"image\", \"prompt\"]`")
            };
            checker.report(diagnostic);
        }
        if let Config::ErnieVilg(config) = &student.config {
            let entries = self.generation.iter().filter(|entry| entry.has_image_tokens());
            let names: Vec<At<String>> = entries.flat_map(|entry| entry.data.iter().cloned()).collect();
            checker.check_image_sides(&names, Split::Train, config.image_tokenizer.image_size, &declared);
        }
        if let (true, Some(_)) = (has_tokenizer, self.contrast.first()) {
            let origin = checker.table_origin(site, "contrast", 0);
            let message = "an `ernie-vilg` has no embeddings of texts and images to be contrasted".to_owned();
            checker.error("student::image-tokens", message, &origin, "leave these entries out");
        }
    }
}
