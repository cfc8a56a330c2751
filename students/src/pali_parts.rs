//! The parts of a PaLI by themselves.

use std::path::Path;

use alambic_models::pali::PaliConfig;
use alambic_models::{Config, PREPROCESSOR, Precision, TokenizerFiles, write_weights};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::save_pretrained::{file_error, save_pretrained, write_json};

/// Folder of the image encoder, a `CLIPVisionModel` of transformers.
const IMAGE_ENCODER: &str = "vision_model";

/// Folder of the language model, a T5 of transformers.
const LANGUAGE_MODEL: &str = "language_model";

/// Writes both parts of a model as Hugging Face folders within its own.
///
/// # Errors
/// When a file cannot be written, or what was written does not load back as it was.
pub(crate) fn save_parts(
    folder: &Path,
    config: &PaliConfig,
    weights: &Weights,
    tokenizer: &TokenizerFiles,
    precision: Precision,
) -> Result<(), StudentError> {
    let image = folder.join(IMAGE_ENCODER);
    std::fs::create_dir_all(&image).map_err(file_error(&image))?;
    let own = weights.iter().filter(|(name, _)| name.starts_with(PaliConfig::IMAGE_ENCODER));
    let own: Weights = own.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
    write_json(&image.join("config.json"), &config.image_encoder_json()?)?;
    write_json(&image.join(PREPROCESSOR), &config.image_processor().to_json())?;
    write_weights(&image, &own, precision)?;
    let own = weights.iter().filter_map(|(name, tensor)| {
        Some((name.strip_prefix(PaliConfig::LANGUAGE_MODEL)?.to_owned(), tensor.clone()))
    });
    let language = Config::from(config.text_config.clone());
    save_pretrained(&folder.join(LANGUAGE_MODEL), &language, &own.collect(), tokenizer, precision)?;
    Ok(())
}
