//! Means over the tokens of sequences.

use candle_core::{Result, Tensor};

/// The mean over the tokens of each sequence, `[batch, width]`, of states `[batch, length, width]`. `mask` is
/// `[batch, length]` row by row, 1 for a token and 0 for padding; a sequence without tokens has a mean of zero.
///
/// # Errors
/// When the mask does not fit the states.
pub fn masked_mean(states: &Tensor, mask: &[u8]) -> Result<Tensor> {
    let (batch, length, _) = states.dims3()?;
    let weights: Vec<f32> = mask.iter().map(|&kept| f32::from(kept)).collect();
    let weights = Tensor::from_vec(weights, (batch, length, 1), states.device())?;
    // The guard of sentence-transformers against a sequence without tokens.
    let counts = weights.sum(1)?.maximum(1e-9)?;
    states.broadcast_mul(&weights)?.sum(1)?.broadcast_div(&counts)
}
