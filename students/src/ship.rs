//! Writing a student as a Hugging Face folder.

use std::path::Path;

use alambic_models::marian::MarianConfig;
use alambic_models::{ModelFolder, Precision, Tokenizer, write_weights};
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;

use crate::StudentError;

/// Writes `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json` and
/// `generation_config.json`, loads the weights back and compares them.
///
/// The files make transformers decode greedily from the padding token to the end token and nothing else.
///
/// # Errors
/// When a file cannot be written, or what was written does not load back as it was.
pub fn ship(
    folder: &Path,
    config: &MarianConfig,
    weights: &Weights,
    tokenizer: &Tokenizer,
    precision: Precision,
) -> Result<(), StudentError> {
    std::fs::create_dir_all(folder).map_err(file_error(folder))?;
    let mut json = config.to_json()?;
    json["dtype"] = match precision {
        Precision::F32 => "float32".into(),
        Precision::F16 => "float16".into(),
    };
    let generation = serde_json::json!({
        "decoder_start_token_id": config.decoder_start_token_id,
        "pad_token_id": config.pad_token_id,
        "eos_token_id": config.eos_token_id,
        "do_sample": false,
        "num_beams": 1,
        // transformers counts the start token too.
        "max_length": config.max_position_embeddings,
    });
    for (name, value) in [
        ("config.json", &json),
        ("generation_config.json", &generation),
        ("tokenizer_config.json", &tokenizer.transformers_config(config.max_position_embeddings)),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, format!("{value:#}\n")).map_err(file_error(&path))?;
    }
    let path = folder.join("tokenizer.json");
    std::fs::write(&path, tokenizer.to_json()? + "\n").map_err(file_error(&path))?;
    write_weights(folder, weights, precision)?;
    let difference = largest_difference(weights, &ModelFolder::open(folder)?.weights()?)?;
    // Half precision keeps eleven bits: a weight of size 8 may move by 0.004.
    let allowed = if precision == Precision::F16 { 1e-2 } else { 0.0 };
    if difference > allowed {
        return Err(StudentError::Unfaithful { path: folder.to_owned(), difference });
    }
    Ok(())
}

pub(crate) fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> StudentError {
    let path = path.to_owned();
    move |source| StudentError::File { path, source }
}

/// The largest difference between weights of the same name; infinite if a name is missing.
pub(crate) fn largest_difference(written: &Weights, read: &Weights) -> Result<f32, StudentError> {
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
