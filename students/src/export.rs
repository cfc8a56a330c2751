//! Export of finished models to the formats that other programs load.

use std::path::{Path, PathBuf};

use alambic_inference::detector_folder;
use alambic_models::{Config, ModelFolder, Precision, TokenizerFiles};
use serde_json::Value;

use crate::StudentError;
use crate::export_card::write_card;
use crate::export_folder::ExportFolder;
use crate::onnx::{self, OnnxFile, Storage};
use crate::save_pretrained::{
    add_detector, file_error, save_pretrained, write_json, write_module_weights, write_settings,
};

/// Format of an exported model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Weights of a Hugging Face folder, for transformers and sentence-transformers.
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

/// The folder of the ONNX files within that of an export, as transformers.js, Optimum and sentence-transformers look for it.
const ONNX: &str = "onnx";

/// Keys of `config.json` that mean nothing to this program and something to others.
const KEPT: [&str; 3] = ["sentence_transformers", "sbert_ce_default_activation_function", "tokenizer_class"];

/// Exports a model's folder into the folder `to`: with its weights into `hf/`, and the files of [`onnx::export`] into
/// `onnx/`. `to` and `hf/` are each laid out as a repository of the Hugging Face hub is, with configuration, tokenizer, card
/// and what sentence-transformers reads of a pooling. Each is read back and compared. `precision` is that of `hf` and `onnx`.
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
                if let Some(detector) = detector_folder(model) {
                    add_detector(&path, &detector)?;
                }
                keep(&path.join("config.json"), folder.json())?;
                write_card(&path, &config, &folder)?;
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
        let place = target.partial().join(ONNX);
        std::fs::create_dir_all(&place).map_err(file_error(&place))?;
        let written = onnx::export(&place, &config, &weights, storage)?;
        all.extend(written.into_iter().map(|OnnxFile { path, bytes, difference }| ExportedFile {
            format,
            path,
            bytes,
            difference,
        }));
    }
    if formats.iter().any(|format| *format != ExportFormat::HuggingFace) {
        write_settings(target.partial(), &config, &tokenizer, precision)?;
        write_module_weights(target.partial(), &config, &weights, precision)?;
        keep(&target.partial().join("config.json"), folder.json())?;
        write_card(target.partial(), &config, &folder)?;
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
