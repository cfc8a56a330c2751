//! Digests of models.

use std::path::PathBuf;

use alambic_files::digests::{files_below, hash_file};
use alambic_models::text_encoder::Pooling;
use alambic_models::{ModelError, ModelFolder, Tokenizer};

use crate::TeacherError;

/// Digest of a folder's configuration, weights, vocabulary and pooling.
pub(crate) fn model_digest(folder: &ModelFolder, tokenizer: &Tokenizer) -> Result<String, TeacherError> {
    let mut hasher = blake3::Hasher::new();
    let (before, after) = (folder.path().join("config.json"), folder.path().join("tokenizer.json"));
    let mut files: Vec<PathBuf> = [before].into_iter().chain(folder.weight_files()?).collect();
    if after.is_file() {
        files.push(after);
    } else {
        hasher.update(tokenizer.to_json()?.as_bytes());
    }
    for place in folder.dense_folders()? {
        let within = files_below(&place).map_err(ModelError::from)?;
        files.extend(within);
    }
    for file in files {
        hash_file(&mut hasher, &file).map_err(ModelError::from)?;
    }
    if let Some(options) = tokenizer.options_beside_json() {
        hasher.update(options.as_bytes());
    }
    if let Some(pooling) = Pooling::open(folder)? {
        hasher.update(pooling.identity().as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}
