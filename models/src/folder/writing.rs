//! Writing weights into a folder.

use std::path::Path;

use alambic_files::text::quoted;
use alambic_tensor::candle::DType;
use alambic_tensor::parameters::{self, Weights};

use crate::{ModelError, check_finite};

/// The number format of stored weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits, IEEE half precision.
    F16,
}

/// Writes `model.safetensors` into a folder, marked as transformers expects (`format: pt`).
///
/// # Errors
/// When the file cannot be written, or a number is infinite or NaN in so many bits.
pub fn write_weights(folder: &Path, weights: &Weights, precision: Precision) -> Result<(), ModelError> {
    let file = folder.join("model.safetensors");
    let kind = match precision {
        Precision::F32 => DType::F32,
        Precision::F16 => DType::F16,
    };
    let weights: Weights = weights
        .iter()
        .map(|(name, tensor)| {
            let stored = tensor.detach().to_dtype(kind)?;
            let bits = kind.size_in_bytes() * 8;
            check_finite(name, &stored).map_err(|_| {
                let message =
                    format!("tensor `{}`: a number is infinite or NaN in {bits} bits", quoted(name));
                ModelError::content(&file, message)
            })?;
            Ok((name.clone(), stored))
        })
        .collect::<Result<_, ModelError>>()?;
    parameters::save(&weights, &[("format", "pt")], &file)?;
    Ok(())
}
