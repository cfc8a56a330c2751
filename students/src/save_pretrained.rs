//! Hugging Face folders of students.

use std::path::Path;

use alambic_files::write;
use alambic_inference::{DETECTOR_FOLDER, RE_RANKER_FOLDER, detector_folder, re_ranker_folder};
use alambic_models::text_encoder::Pooling;
use alambic_models::{Config, ModelFolder, Precision, Tokenizer, TokenizerFiles, write_weights};
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;
use serde_json::Value;

use crate::StudentError;

/// Writes a model as a Hugging Face folder, and gives the largest difference between its weights and those written:
/// `write_settings`'s files, and `model.safetensors`.
///
/// # Errors
/// When a file cannot be written, what was written does not load back as it was, or a model that reads texts has no
/// tokenizer or a damaged one.
pub fn save_pretrained(
    folder: &Path,
    config: &Config,
    weights: &Weights,
    tokenizer: &TokenizerFiles,
    precision: Precision,
) -> Result<f32, StudentError> {
    write_settings(folder, config, tokenizer, precision)?;
    let others = write_dense(folder, config, weights, precision)?;
    write_weights(folder, &others, precision)?;
    let difference = largest_difference(weights, &ModelFolder::open(folder)?.weights()?)?;
    // Half precision keeps eleven bits: a weight of size 8 may move by 0.004.
    let allowed = if precision == Precision::F16 { 1e-2 } else { 0.0 };
    if difference > allowed {
        return Err(StudentError::RoundTrip { path: folder.to_owned(), difference });
    }
    Ok(difference)
}

/// Writes the files of a Hugging Face folder that are no weights: `config.json`, the tokenizer's files; for a generative
/// model `generation_config.json`; for one with pooling the modules of sentence-transformers; for one with image input in
/// transformers `preprocessor_config.json`.
pub(crate) fn write_settings(
    folder: &Path,
    config: &Config,
    tokenizer: &TokenizerFiles,
    precision: Precision,
) -> Result<(), StudentError> {
    let mut json = config.to_json()?;
    json["dtype"] = match precision {
        Precision::F32 => "float32".into(),
        Precision::F16 => "float16".into(),
    };
    let pooling = config.pooling();
    let tokenizer = if pooling.is_some() { tokenizer.clone() } else { tokenizer.for_transformers()? };
    std::fs::create_dir_all(folder).map_err(file_error(folder))?;
    tokenizer.write(folder)?;
    if let Some(pooling) = pooling {
        pooling.write(folder, config.state_width(), config.max_length(), &tokenizer)?;
    }
    // A model of images alone may have no tokenizer, and reads no texts with the one it has.
    if config.reads_texts() || tokenizer != TokenizerFiles::default() {
        tokenizer.check(folder)?;
    }
    if config.reads_texts() {
        let read = Tokenizer::open(folder)?;
        let truncates = !config.writes_texts();
        tokenizer.with_encoding(&read, config.max_length(), truncates)?.write(folder)?;
        if let Some(pooling) = pooling {
            pooling.write_model_file(folder, &tokenizer)?;
        }
    }
    let mut files = vec![("config.json", json)];
    files.extend(config.extra_files());
    for (name, value) in files {
        write_json(&folder.join(name), &value)?;
    }
    Ok(())
}

/// Writes the weights that sentence-transformers looks for beside those of the encoder, which is in another format: those
/// of dense layers, and of recurrent pooling.
pub(crate) fn write_module_weights(
    folder: &Path,
    config: &Config,
    weights: &Weights,
    precision: Precision,
) -> Result<(), StudentError> {
    let others = write_dense(folder, config, weights, precision)?;
    let Some(pooling) = config.pooling() else { return Ok(()) };
    let Some(place) = pooling.recurrent_folder() else { return Ok(()) };
    let layers = pooling.layers();
    let is_own = |name: &str| layers.iter().any(|layer| name.starts_with(layer.as_str()));
    let own = others.into_iter().filter(|(name, _)| is_own(name));
    let without_prefix =
        |name: String| name.split_once('.').map_or(name.clone(), |(_, rest)| rest.to_owned());
    let own: Weights = own.map(|(name, tensor)| (without_prefix(name), tensor)).collect();
    write_module(&folder.join(place), &own, precision)
}

/// Writes the weights of dense layers behind a pooling where sentence-transformers looks for them, and gives all others.
fn write_dense(
    folder: &Path,
    config: &Config,
    weights: &Weights,
    precision: Precision,
) -> Result<Weights, StudentError> {
    let mut others = weights.clone();
    let pooling = config.pooling();
    for (place, dense) in pooling.into_iter().flat_map(Pooling::dense_folders) {
        let mut own = Weights::new();
        for part in ["weight", "bias"] {
            if let Some(tensor) = others.shift_remove(&format!("{}.{part}", dense.name())) {
                own.insert(format!("linear.{part}"), tensor);
            }
        }
        write_module(&folder.join(place), &own, precision)?;
    }
    Ok(others)
}

/// Writes the weights of a module of sentence-transformers.
fn write_module(place: &Path, weights: &Weights, precision: Precision) -> Result<(), StudentError> {
    std::fs::create_dir_all(place).map_err(file_error(place))?;
    Ok(write_weights(place, weights, precision)?)
}

/// Puts the folder of a detector into that of a model that reads what it finds.
///
/// # Errors
/// When a file cannot be read or written.
pub fn add_detector(folder: &Path, detector: &Path) -> Result<(), StudentError> {
    copy(detector, &folder.join(DETECTOR_FOLDER))
}

/// Puts the folder of a model that chooses among drawn images into that of a model that draws them.
///
/// # Errors
/// When a file cannot be read or written.
pub fn add_re_ranker(folder: &Path, re_ranker: &Path) -> Result<(), StudentError> {
    copy(re_ranker, &folder.join(RE_RANKER_FOLDER))
}

/// Copies the models that lie in a model's folder, of which it makes use, into another.
///
/// # Errors
/// When a file cannot be read or written.
pub fn copy_inner_models(from: &Path, to: &Path) -> Result<(), StudentError> {
    if let Some(detector) = detector_folder(from) {
        add_detector(to, &detector)?;
    }
    if let Some(re_ranker) = re_ranker_folder(from) {
        add_re_ranker(to, &re_ranker)?;
    }
    Ok(())
}

/// Writes the folder of a detector anew, with its tags in other words.
///
/// # Errors
/// When it is no detector, a tag has no other name, or a file cannot be read or written.
pub fn rename_tags(
    detector: &Path,
    to: &Path,
    called: &dyn Fn(&str) -> Option<String>,
) -> Result<(), StudentError> {
    let folder = ModelFolder::open(detector)?;
    let Config::Detector(mut config) = Config::open(&folder)? else {
        return Err(StudentError::Incompatible(format!(
            "{}: a detector is needed, and this is none",
            detector.display()
        )));
    };
    for tag in &mut config.tags {
        *tag = called(tag).ok_or_else(|| StudentError::MissingTagTranslation(tag.clone()))?;
    }
    copy(detector, to)?;
    let mut json = config.to_json()?;
    json["dtype"] = folder.json()["dtype"].clone();
    write_json(&to.join("config.json"), &json)
}

/// Copies a model's folder: weights, configuration, tokenizer.
fn copy(from: &Path, to: &Path) -> Result<(), StudentError> {
    std::fs::create_dir_all(to).map_err(file_error(to))?;
    let folder = ModelFolder::open(from)?;
    for path in folder.weight_files()?.into_iter().chain([from.join("config.json")]) {
        if let Some(name) = path.file_name() {
            std::fs::copy(&path, to.join(name)).map_err(file_error(&path))?;
        }
    }
    Ok(TokenizerFiles::read(from)?.write(to)?)
}

/// Writes JSON as people read it.
pub(crate) fn write_json(path: &Path, value: &Value) -> Result<(), StudentError> {
    Ok(write::write(path, format!("{value:#}\n").as_bytes())?)
}

pub(crate) fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> StudentError {
    let path = path.to_owned();
    move |source| StudentError::File { path, source }
}

/// The largest difference between weights of the same name; infinite if a name is missing.
fn largest_difference(written: &Weights, read: &Weights) -> Result<f32, StudentError> {
    let mut largest = 0.0f32;
    for (name, tensor) in written {
        let Some(other) = read.get(name) else { return Ok(f32::INFINITY) };
        let compare = |tensor: &Tensor| tensor.detach().flatten_all()?.to_vec1::<f32>();
        let values = compare(tensor).map_err(alambic_models::ModelError::from)?;
        let others = compare(other).map_err(alambic_models::ModelError::from)?;
        for (value, other) in values.iter().zip(others) {
            largest = largest.max((value - other).abs());
        }
    }
    Ok(largest)
}
