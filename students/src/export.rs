//! A finished model in the forms that other programs load.

use std::path::{Path, PathBuf};

use alambic_models::{Config, ModelFolder, Precision, TokenizerFiles};

use crate::StudentError;
use crate::eyes::detector_of;
use crate::onnx::{self, Storage, Written};
use crate::ship::{add_detector, file_error, ship, write_json};

/// A form of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A Hugging Face folder, for transformers and sentence-transformers.
    HuggingFace,
    /// ONNX files: one of a text encoder, three of a dual encoder.
    Onnx,
    /// ONNX files whose matrices are in eight bits.
    Int8,
}

/// A folder or a file that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The form that it is, or is part of.
    pub format: Format,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of its weights.
    pub bytes: u64,
    /// The largest difference that storing made to a weight: over the largest of its tensor in ONNX, as it is in a
    /// Hugging Face folder.
    pub difference: f64,
}

/// Writes a model's folder in other forms into the folder `to`: `hf/`, and what [`onnx::export`] says, and beside ONNX
/// files the model's `config.json` and what a tokenizer needs. Each is read back and compared. `precision` is that of `hf`
/// and `onnx`.
///
/// # Errors
/// When a file is missing or broken, cannot be written, or does not read back as it was, or the architecture has no such
/// form.
pub fn export(
    model: &Path,
    formats: &[Format],
    precision: Precision,
    to: &Path,
) -> Result<Vec<Exported>, StudentError> {
    let folder = ModelFolder::open(model)?;
    std::fs::create_dir_all(to).map_err(file_error(to))?;
    let config = Config::open(&folder)?;
    let weights = config.weights(&folder)?;
    let tokenizer = TokenizerFiles::read(folder.path())?;
    let mut all = Vec::new();
    for &format in formats {
        let storage = match (format, precision) {
            (Format::HuggingFace, _) => {
                let path = to.join("hf");
                let difference = ship(&path, &config, &weights, &tokenizer, precision)?.into();
                if let Some(detector) = detector_of(model) {
                    add_detector(&path, &detector)?;
                }
                all.push(Exported { format, bytes: ModelFolder::open(&path)?.bytes()?, difference, path });
                continue;
            }
            (Format::Int8, _) => Storage::Int8,
            (Format::Onnx, Precision::F16) => Storage::F16,
            (Format::Onnx, Precision::F32) => Storage::F32,
        };
        let written = onnx::export(to, &config, &weights, storage)?;
        all.extend(written.into_iter().map(|Written { path, bytes, difference }| Exported {
            format,
            path,
            bytes,
            difference,
        }));
        tokenizer.write(to)?;
        write_json(&to.join("config.json"), folder.json())?;
    }
    Ok(all)
}
