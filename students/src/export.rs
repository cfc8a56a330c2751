//! A finished model in the forms that other programs load.

use std::path::{Path, PathBuf};

use alambic_models::{Config, ModelFolder, Precision, TokenizerFiles};

use crate::StudentError;
use crate::eyes::detector_of;
use crate::onnx::{self, Storage};
use crate::ship::{add_detector, file_error, ship};

/// A form of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A Hugging Face folder, for transformers and sentence-transformers.
    HuggingFace,
    /// An ONNX file.
    Onnx,
    /// An ONNX file whose matrices are in eight bits.
    Int8,
}

/// One form that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The form.
    pub format: Format,
    /// The folder or file.
    pub path: PathBuf,
    /// Bytes of its weights.
    pub bytes: u64,
    /// The largest difference that storing made to a weight: over the largest of its tensor in ONNX, as it is in a
    /// Hugging Face folder.
    pub difference: f64,
}

/// Writes a model's folder in other forms into the folder `to`: `hf/`, `model.onnx`, `model.int8.onnx`, and beside the
/// ONNX files what a tokenizer needs. Each is read back and compared. `precision` is that of `hf` and `onnx`.
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
    let write = |&format: &Format| -> Result<Exported, StudentError> {
        let (name, storage) = match (format, precision) {
            (Format::HuggingFace, _) => {
                let path = to.join("hf");
                let difference = ship(&path, &config, &weights, &tokenizer, precision)?.into();
                if let Some(detector) = detector_of(model) {
                    add_detector(&path, &detector)?;
                }
                return Ok(Exported { format, bytes: ModelFolder::open(&path)?.bytes()?, difference, path });
            }
            (Format::Int8, _) => ("model.int8.onnx", Storage::Int8),
            (Format::Onnx, Precision::F16) => ("model.onnx", Storage::F16),
            (Format::Onnx, Precision::F32) => ("model.onnx", Storage::F32),
        };
        let Config::Bert(encoder) = &config else {
            return Err(StudentError::Size(format!(
                "{}: a {} has no ONNX form here; `hf` is the form that it has",
                folder.path().display(),
                config.model_type()
            )));
        };
        let path = to.join(name);
        let written = onnx::export(&path, encoder, &weights, storage)?;
        tokenizer.write(to)?;
        Ok(Exported { format, path, bytes: written.bytes, difference: written.difference })
    };
    formats.iter().map(write).collect()
}
