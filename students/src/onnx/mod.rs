//! Students as ONNX files, written and read back without Python.

mod bert;
mod blocks;
mod builder;
mod proto;

use std::path::Path;

use alambic_models::bert::BertConfig;
use alambic_tensor::parameters::Weights;
use prost::Message;

pub use builder::Storage;

use self::proto::Model;
use crate::StudentError;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Written {
    /// Bytes of the file.
    pub bytes: u64,
    /// The largest difference that storing made to a weight, over the largest weight of its tensor.
    pub difference: f64,
}

/// Writes an encoder of BERT's family as an ONNX file, and reads it back to see that it is whole.
///
/// # Errors
/// When the file cannot be written, or does not read back as it was.
pub fn export(
    path: &Path,
    config: &BertConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Written, StudentError> {
    let (model, difference) = bert::graph(config, weights, storage)?;
    let failed = |source| StudentError::File { path: path.to_owned(), source };
    std::fs::write(path, model.encode_to_vec()).map_err(failed)?;
    let read = std::fs::read(path).map_err(failed)?;
    match Model::decode(read.as_slice()) {
        Ok(back) if back == model => Ok(Written { bytes: read.len() as u64, difference }),
        _ => Err(StudentError::Unfaithful { path: path.to_owned(), difference: f32::INFINITY }),
    }
}
