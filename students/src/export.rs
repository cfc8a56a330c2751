//! A finished model in the forms that other programs load.

use std::path::{Path, PathBuf};

use alambic_models::bert::{BertConfig, Family, Pooling};
use alambic_models::{ModelFolder, Precision, write_weights};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::onnx::{self, Storage};
use crate::ship::{file_error, largest_difference, ship};

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

/// What a folder holds for tokenizers of any library; copied as it is.
const TOKENIZER_FILES: [&str; 8] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
];

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
    if Family::of(folder.model_type()?).is_none() {
        return formats.iter().map(|format| marian(&folder, *format, precision, to)).collect();
    }
    let config = BertConfig::open(&folder)?;
    let (weights, missing) = config.adopt(&folder.weights()?);
    if let Some(name) = missing.first() {
        return Err(alambic_models::ModelError::MissingTensor(name.clone()).into());
    }
    let pooling = Pooling::open(&folder)?;
    formats
        .iter()
        .map(|&format| {
            let storage = match (format, precision) {
                (Format::HuggingFace, _) => {
                    return encoder_folder(&folder, &config, &weights, pooling, precision, &to.join("hf"));
                }
                (Format::Int8, _) => Storage::Int8,
                (Format::Onnx, Precision::F16) => Storage::F16,
                (Format::Onnx, Precision::F32) => Storage::F32,
            };
            let path = to.join(if format == Format::Int8 { "model.int8.onnx" } else { "model.onnx" });
            let written = onnx::export(&path, &config, &weights, pooling, storage)?;
            copy_tokenizer(&folder, to)?;
            Ok(Exported { format, path, bytes: written.bytes, difference: written.difference })
        })
        .collect()
}

/// An encoder-decoder, which has a Hugging Face folder alone.
fn marian(
    folder: &ModelFolder,
    format: Format,
    precision: Precision,
    to: &Path,
) -> Result<Exported, StudentError> {
    if format != Format::HuggingFace {
        return Err(StudentError::Size(format!(
            "{}: an encoder-decoder has no ONNX form here; `hf` is the form that it has",
            folder.path().display()
        )));
    }
    let (path, weights) = (to.join("hf"), folder.weights()?);
    ship(&path, &folder.config("marian")?, &weights, &folder.tokenizer()?, precision)?;
    compared(format, path, &weights)
}

fn encoder_folder(
    folder: &ModelFolder,
    config: &BertConfig,
    weights: &Weights,
    pooling: Option<Pooling>,
    precision: Precision,
    path: &Path,
) -> Result<Exported, StudentError> {
    std::fs::create_dir_all(path).map_err(file_error(path))?;
    let mut json = config.to_json();
    json["dtype"] = match precision {
        Precision::F32 => "float32".into(),
        Precision::F16 => "float16".into(),
    };
    let mut files = vec![("config.json", json)];
    if let Some(pooling) = pooling {
        files.extend(pooling.files(config.width, config.longest()));
    }
    for (name, value) in files {
        let file = path.join(name);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).map_err(file_error(parent))?;
        }
        std::fs::write(&file, format!("{value:#}\n")).map_err(file_error(&file))?;
    }
    copy_tokenizer(folder, path)?;
    write_weights(path, weights, precision)?;
    compared(Format::HuggingFace, path.to_owned(), weights)
}

/// What a Hugging Face folder that was just written holds, held against the weights that it was made of.
fn compared(format: Format, path: PathBuf, weights: &Weights) -> Result<Exported, StudentError> {
    let written = ModelFolder::open(&path)?;
    let difference = largest_difference(weights, &written.weights()?)?;
    if difference.is_finite() {
        Ok(Exported { format, bytes: written.bytes()?, difference: difference.into(), path })
    } else {
        Err(StudentError::Unfaithful { path, difference })
    }
}

fn copy_tokenizer(from: &ModelFolder, to: &Path) -> Result<(), StudentError> {
    for name in TOKENIZER_FILES {
        let (source, target) = (from.path().join(name), to.join(name));
        // A model may be exported into its own folder.
        if source.is_file() && source != target {
            std::fs::copy(&source, &target).map_err(file_error(&target))?;
        }
    }
    Ok(())
}
