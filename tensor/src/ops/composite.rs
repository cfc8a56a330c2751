//! Composites: what the operations have in common out of candle's own, for tensors that are not in CPU memory.
//!
//! Each operation has a composite beside its fused form, which takes and gives the same. It is made of `candle_nn` where
//! that has the operation, and its gradients are candle's, through what it is made of. The fused kernels of `candle_nn`
//! 0.11.1 (`softmax_last_dim`, `layer_norm`) cut the gradient without an error, so they run where none is wanted: on what
//! no tracked tensor takes part in.

use candle_core::{D, Result, Tensor};

/// Whether the fused operations cannot reach a tensor.
pub(super) fn is_needed(tensor: &Tensor) -> bool {
    !tensor.device().is_cpu()
}

/// The weighted mean of losses of rows, `[rows]`. What stands in a row of weight zero plays no part.
pub(super) fn mean_of_rows(losses: &Tensor, weights: &[f32]) -> Result<Tensor> {
    let total: f32 = weights.iter().sum();
    let inverse = if total > 0.0 { 1.0 / total } else { 0.0 };
    let shares: Vec<f32> = weights.iter().map(|weight| weight * inverse).collect();
    let counted: Vec<u8> = weights.iter().map(|&weight| u8::from(weight != 0.0)).collect();
    let counted = Tensor::from_vec(counted, losses.shape(), losses.device())?;
    let losses = counted.where_cond(losses, &losses.zeros_like()?)?;
    let shares = Tensor::from_vec(shares, losses.shape(), losses.device())?;
    (losses * shares)?.sum_all()
}

/// `[.., columns]` as rows.
pub(super) fn rows(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.reshape(((), x.dim(D::Minus1)?))
}
