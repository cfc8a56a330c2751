//! Export of finished models to the formats that other programs load.

use std::path::{Path, PathBuf};

use alambic_inference::detector_folder;
use alambic_models::{Config, ModelFolder, Precision, TokenizerFiles};
use serde_json::Value;

use crate::StudentError;
use crate::export_folder::ExportFolder;
use crate::onnx::{self, OnnxFile, Storage};
use crate::save_pretrained::{add_detector, save_pretrained, sentence_pooling, write_json};

/// Format of an exported model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// A Hugging Face folder, for transformers and sentence-transformers.
    HuggingFace,
    /// ONNX files: one of a text encoder, three of a dual encoder.
    Onnx,
    /// ONNX files whose matrices are in eight bits.
    Int8,
}

/// Folder or file of an export.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedFile {
    /// The form that it is, or is part of.
    pub format: ExportFormat,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of its weights.
    pub bytes: u64,
    /// The largest difference that storing made to a weight: over the largest of its tensor in ONNX, as it is in a
    /// Hugging Face folder.
    pub difference: f64,
}

/// The folder of the Hugging Face form within that of an export.
const HUGGING_FACE: &str = "hf";

/// Keys of `config.json` that mean nothing to this program and something to others.
const KEPT: [&str; 3] = ["sentence_transformers", "sbert_ce_default_activation_function", "tokenizer_class"];

/// Exports a model's folder into the folder `to`: `hf/`, and the files of [`onnx::export`], and beside ONNX
/// files the model's `config.json`, what a tokenizer needs, and what sentence-transformers reads of a pooling. Each is read
/// back and compared. `precision` is that of `hf` and `onnx`.
///
/// All forms are written, or none. A folder that is there may be empty, or hold an earlier export of the same model, whose
/// other forms stay.
///
/// # Errors
/// When a file is missing or broken, cannot be written, or does not read back as it was, the architecture has no such
/// form, or the folder is the model's own, holds files of others, or is in use.
pub fn export(
    model: &Path,
    formats: &[ExportFormat],
    precision: Precision,
    to: &Path,
) -> Result<Vec<ExportedFile>, StudentError> {
    let folder = ModelFolder::open(model)?;
    let config = Config::open(&folder)?;
    let tokenizer =
        if config.reads_texts() { TokenizerFiles::checked(model)? } else { TokenizerFiles::read(model)? };
    let target = ExportFolder::open(to, &folder)?;
    let weights = config.weights(&folder)?;
    let mut all = Vec::new();
    for &format in formats {
        let storage = match (format, precision) {
            (ExportFormat::HuggingFace, _) => {
                let path = target.partial().join(HUGGING_FACE);
                let difference = save_pretrained(&path, &config, &weights, &tokenizer, precision)?.into();
                keep(&path.join("config.json"), folder.json())?;
                if let Some(detector) = detector_folder(model) {
                    add_detector(&path, &detector)?;
                }
                all.push(ExportedFile {
                    format,
                    bytes: ModelFolder::open(&path)?.bytes()?,
                    difference,
                    path,
                });
                continue;
            }
            (ExportFormat::Int8, _) => Storage::Int8,
            (ExportFormat::Onnx, Precision::F16) => Storage::F16,
            (ExportFormat::Onnx, Precision::F32) => Storage::F32,
        };
        let written = onnx::export(target.partial(), &config, &weights, storage)?;
        all.extend(written.into_iter().map(|OnnxFile { path, bytes, difference }| ExportedFile {
            format,
            path,
            bytes,
            difference,
        }));
        tokenizer.write(target.partial())?;
        if let Some((encoder, pooling)) = sentence_pooling(&config) {
            pooling.write(target.partial(), encoder.width, encoder.max_length(), &tokenizer)?;
        }
        write_json(&target.partial().join("config.json"), folder.json())?;
    }
    for one in &mut all {
        if let Ok(within) = one.path.strip_prefix(target.partial()) {
            one.path = to.join(within);
        }
    }
    target.publish()?;
    Ok(all)
}

/// Puts keys of the model's own `config.json` into the one that was written.
fn keep(written: &Path, own: &Value) -> Result<(), StudentError> {
    let kept: Vec<&str> = KEPT.into_iter().filter(|key| own.get(key).is_some()).collect();
    if kept.is_empty() {
        return Ok(());
    }
    let mut json = ModelFolder::open(written.parent().unwrap_or(written))?.json().clone();
    for key in kept {
        json[key] = own[key].clone();
    }
    write_json(written, &json)
}
