//! Export of finished models to the formats that other programs load.

use std::path::{Path, PathBuf};

use alambic_files::digests::relative;
use alambic_files::read;
use alambic_models::architecture::{self, Architecture, Batch};
use alambic_models::text_encoder::{Head, pair_activation};
use alambic_models::{Config, ModelFolder, Precision, Tokenizer, TokenizerFiles};
use serde_json::{Map, Value, json};

use crate::StudentError;
use crate::export_card::write_card;
use crate::export_folder::{ExportFolder, HUGGING_FACE};
use crate::onnx::{self, Storage};
use crate::outputs::{OutputDifference, Outputs, outputs};
use crate::pali_parts::save_parts;
use crate::samples::samples;
use crate::save_pretrained::{
    copy_inner_models, save_pretrained, write_json, write_module_weights, write_settings,
};

/// Format of an exported model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Weights of a Hugging Face folder, for transformers and sentence-transformers.
    HuggingFace,
    /// ONNX files.
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
    /// The largest difference of an output from the model that was exported, over texts, pictures and regions made for it; none
    /// where it gives nothing that the model gives.
    pub outputs: Option<OutputDifference>,
}

impl ExportedFile {
    /// What was measured, as it is recorded and printed.
    #[must_use]
    pub fn measured(&self) -> Value {
        let outputs = self
            .outputs
            .as_ref()
            .map(|own| json!({ "output": own.output, "difference": own.difference, "largest": own.largest }));
        json!({ "bytes": self.bytes, "difference": self.difference, "outputs": outputs })
    }
}

/// Keys of `config.json` that mean nothing to this program and something to others.
const KEPT: [&str; 3] = ["sentence_transformers", "sbert_ce_default_activation_function", "tokenizer_class"];

/// File of the settings of generation in transformers.
const GENERATION: &str = "generation_config.json";

/// Most bytes of it.
const LONGEST: u64 = 16 << 20;

/// Exports a model's folder into the folder `to`: with its weights into `hf/`, those of a PaLI also by its parts, and the files of [`onnx::export`] into
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
    let comparison = Comparison::of(&config, &*architecture::build(&config, &weights)?, model)?;
    let mut all = Vec::new();
    // How the names of the first ONNX files end.
    let mut suffix = None;
    for &format in formats {
        let storage = match (format, precision) {
            (ExportFormat::HuggingFace, _) => {
                let path = target.partial().join(HUGGING_FACE);
                let difference = save_pretrained(&path, &config, &weights, &tokenizer, precision)?.into();
                let read = ModelFolder::open(&path)?;
                let network = architecture::open(&read)?;
                let found = outputs(&config, &*network, &comparison.batch)?;
                copy_inner_models(model, &path)?;
                keep(&path.join("config.json"), &config, &folder)?;
                keep_generation(&path, &config, &folder)?;
                if let Config::Pali(own) = &config {
                    save_parts(&path, own, &weights, &tokenizer, precision)?;
                }
                write_card(&path, &config, &folder, None)?;
                all.push(ExportedFile {
                    format,
                    bytes: read.bytes()?,
                    difference,
                    outputs: comparison.check(&path, &found, precision == Precision::F32)?,
                    path,
                });
                continue;
            }
            (ExportFormat::Int8, _) => Storage::Int8,
            (ExportFormat::Onnx, Precision::F16) => Storage::F16,
            (ExportFormat::Onnx, Precision::F32) => Storage::F32,
        };
        suffix.get_or_insert(storage.suffix());
        let written = onnx::export(target.partial(), &config, &weights, storage)?;
        let files: Vec<(&str, &Path)> =
            written.iter().map(|file| (file.graph, file.path.as_path())).collect();
        let found = onnx::run_files(&config, &files, &comparison.batch)?;
        for (file, found) in written.into_iter().zip(found) {
            all.push(ExportedFile {
                format,
                bytes: file.bytes,
                difference: file.difference,
                outputs: comparison.check(&file.path, &found, storage == Storage::F32)?,
                path: file.path,
            });
        }
    }
    if let Some(suffix) = suffix {
        write_settings(target.partial(), &config, &tokenizer, precision)?;
        write_module_weights(target.partial(), &config, &weights, precision)?;
        keep(&target.partial().join("config.json"), &config, &folder)?;
        keep_generation(target.partial(), &config, &folder)?;
        write_card(target.partial(), &config, &folder, Some(suffix))?;
    }
    let mut measured = Map::new();
    for one in &mut all {
        measured.insert(relative(target.partial(), &one.path), one.measured());
        if let Ok(within) = one.path.strip_prefix(target.partial()) {
            one.path = to.join(within);
        }
    }
    target.publish(measured)?;
    Ok(all)
}

/// Inputs and outputs of the model that is exported, by which what is written is compared with it.
struct Comparison {
    batch: Batch,
    outputs: Outputs,
}

impl Comparison {
    fn of(config: &Config, network: &dyn Architecture, folder: &Path) -> Result<Self, StudentError> {
        let tokenizer = config.reads_texts().then(|| Tokenizer::open(folder)).transpose()?;
        let batch = samples(config, network, tokenizer.as_ref())?;
        Ok(Self { outputs: outputs(config, network, &batch)?, batch })
    }

    /// The largest difference of the outputs of what was written. Numbers that are stored in 32 bits may differ by rounding
    /// alone, others by what is finite.
    fn check(
        &self,
        path: &Path,
        found: &Outputs,
        is_exact: bool,
    ) -> Result<Option<OutputDifference>, StudentError> {
        let Some(largest) = OutputDifference::between(&self.outputs, found) else { return Ok(None) };
        if if is_exact { largest.is_rounding() } else { largest.difference.is_finite() } {
            return Ok(Some(largest));
        }
        let OutputDifference { output, difference, largest } = largest;
        Err(StudentError::OtherOutput { path: path.to_owned(), output, difference, largest })
    }
}

/// Puts the model's own settings of generation in place of greedy ones: beams, tokens that are never written.
fn keep_generation(written: &Path, config: &Config, model: &ModelFolder) -> Result<(), StudentError> {
    let own = model.root().join(GENERATION);
    if !config.writes_texts() || !own.is_file() {
        return Ok(());
    }
    let settings: Value = serde_json::from_str(&read::text(&own, LONGEST)?)
        .map_err(|error| alambic_files::FileError::content(&own, error))?;
    write_json(&written.join(GENERATION), &settings)
}

/// Puts keys of the model's own `config.json` into the one that was written, and the activation that sentence-transformers
/// applies to the logits of pairs, which it keeps in a file of its own since version 6.
fn keep(written: &Path, config: &Config, model: &ModelFolder) -> Result<(), StudentError> {
    let own = model.json();
    let kept: Vec<&str> = KEPT.into_iter().filter(|key| own.get(key).is_some()).collect();
    let activation = match config.text_head() {
        Some(own) if own.head == Head::Sequence => pair_activation(model)?,
        _ => None,
    };
    if kept.is_empty() && activation.is_none() {
        return Ok(());
    }
    let mut json = ModelFolder::open(written.parent().unwrap_or(written))?.json().clone();
    for key in kept {
        json[key] = own[key].clone();
    }
    if let Some(activation) = activation {
        json["sentence_transformers"]["activation_fn"] = activation.into();
    }
    write_json(written, &json)
}
