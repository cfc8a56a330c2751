//! Steps that several terms share.

use alambic_tensor::candle::{D, DType, Tensor};
use alambic_tensor::device;

use crate::{Inputs, LossError};

/// The mean of `values` weighted by `weights` of the same shape; 0 where all weights are.
pub(crate) fn weighted_mean(values: &Tensor, weights: &Tensor) -> Result<Tensor, LossError> {
    let total = weights.sum_all()?.to_scalar::<f32>()?;
    let sum = (values * weights)?.sum_all()?;
    Ok((sum / f64::from(if total > 0.0 { total } else { 1.0 }))?)
}

/// The cosines of vectors along the last dimension.
pub(crate) fn cosine(left: &Tensor, right: &Tensor) -> Result<Tensor, LossError> {
    let dot = (left * right)?.sum(D::Minus1)?;
    let norms = (left.sqr()?.sum(D::Minus1)? * right.sqr()?.sum(D::Minus1)?)?;
    Ok((dot / root(&norms)?)?)
}

/// Vectors along the last dimension brought to length one.
pub(crate) fn normalised(vectors: &Tensor) -> Result<Tensor, LossError> {
    Ok(vectors.broadcast_div(&root(&vectors.sqr()?.sum_keepdim(D::Minus1)?)?)?)
}

/// The roots of squares, to be divided by; 1 in the place of 0, so that a vector of zeros stays one, and gets no gradient
/// that is as large as the quotient.
fn root(squares: &Tensor) -> Result<Tensor, LossError> {
    let zeros = squares.detach().lt(f64::from(f32::MIN_POSITIVE))?.to_dtype(DType::F32)?;
    Ok(((squares + f64::from(f32::MIN_POSITIVE))? + zeros)?.sqrt()?)
}

/// `f fᵀ`, `[batch, batch]`.
pub(crate) fn gram(features: &Tensor) -> Result<Tensor, LossError> {
    Ok(features.contiguous()?.matmul(&features.t()?)?)
}

/// `X Yᵀ / √d` by head, `[batch, heads, queries, keys]`, of vectors `[batch, length, heads * d]`. Vectors that come already
/// cut into heads, `[batch, heads, length, width]`, are put together first.
pub(crate) fn head_products(left: &Tensor, right: &Tensor, heads: usize) -> Result<Tensor, LossError> {
    let cut = |tensor: &Tensor| {
        let whole = if tensor.rank() == 4 {
            tensor.transpose(1, 2)?.contiguous()?.flatten_from(2)?
        } else {
            tensor.clone()
        };
        let (batch, length, width) = whole.dims3()?;
        let head_width = width / heads;
        let cut = whole.reshape((batch, length, heads, head_width))?.transpose(1, 2)?.contiguous()?;
        Ok::<_, LossError>((cut, head_width))
    };
    let ((left, width), (right, _)) = (cut(left)?, cut(right)?);
    Ok((left.matmul(&right.transpose(D::Minus2, D::Minus1)?)? / (width as f64).sqrt())?)
}

/// `-Σ [y log σ(z) + (1 - y) log(1 - σ(z))]` over the last dimension, of logits and of targets in 0 to 1.
pub(crate) fn binary_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor, LossError> {
    // log(1 + e^z) - y z.
    Ok((softplus(logits)? - (targets * logits)?)?.sum(D::Minus1)?)
}

/// `log(1 + e^x)`, with the exponential of a number that is never positive.
pub(crate) fn softplus(numbers: &Tensor) -> Result<Tensor, LossError> {
    Ok((numbers.relu()? + (numbers.abs()?.neg()?.exp()? + 1.0)?.log()?)?)
}

/// The logarithms of a softmax over the last dimension.
pub(crate) fn log_softmax(scores: &Tensor) -> Result<Tensor, LossError> {
    // Detached, the largest score is a constant: it cancels, and its gradient need not be computed.
    let shifted = scores.broadcast_sub(&scores.detach().max_keepdim(D::Minus1)?)?;
    let total = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    Ok(shifted.broadcast_sub(&total)?)
}

/// How surely each row of scores `[batch, batch]` picks its own column, and each column its own row: the mean of both
/// cross-entropies.
pub(crate) fn in_batch_cross_entropy(scores: &Tensor) -> Result<Tensor, LossError> {
    Ok(((cross_entropy_from(scores, 0)? + cross_entropy_from(&scores.t()?.contiguous()?, 0)?)? / 2.0)?)
}

/// The same of vectors `[batch, D]` on either side of which those of all ranks are the choices of the other, each product being
/// multiplied by `scale`.
pub(crate) fn gathered_cross_entropy(
    inputs: &Inputs<'_>,
    (left, right): (&Tensor, &Tensor),
    scale: &Tensor,
) -> Result<Tensor, LossError> {
    let (left, right) =
        (gathered_choices(inputs, left, right, scale)?, gathered_choices(inputs, right, left, scale)?);
    Ok(((left + right)? / 2.0)?)
}

/// How surely each vector `[batch, D]` picks its own among the other side's of all ranks, each product being multiplied by `scale`.
pub(crate) fn gathered_choices(
    inputs: &Inputs<'_>,
    own: &Tensor,
    other: &Tensor,
    scale: &Tensor,
) -> Result<Tensor, LossError> {
    let all = inputs.gathered(other, true)?;
    cross_entropy_from(&own.matmul(&all.rows.t()?)?.broadcast_mul(scale)?, all.first)
}

/// How surely each row of scores `[rows, columns]` picks its own column, the first of which is given: the mean cross-entropy.
pub(crate) fn cross_entropy_from(scores: &Tensor, first: usize) -> Result<Tensor, LossError> {
    let (rows, columns) = scores.dims2()?;
    let own: Vec<f32> = (0..rows * columns)
        .map(|cell| if cell % columns == first + cell / columns { 1.0 } else { 0.0 })
        .collect();
    let own = Tensor::from_vec(own, (rows, columns), device::current())?;
    Ok((log_softmax(scores)? * own)?.sum(D::Minus1)?.mean_all()?.neg()?)
}

/// `Σ p (log p - log q)` over the last dimension, for logarithms `p` and `q`. The gradient reaches both.
pub(crate) fn kullback_leibler(p: &Tensor, q: &Tensor) -> Result<Tensor, LossError> {
    Ok((p.exp()? * (p - q)?)?.sum(D::Minus1)?)
}

/// Scores of keys that are padding, replaced by a number whose exponential is negligible: in log
/// space, so that no infinity is multiplied by zero. `mask` is `[batch, keys]`, scores are `[batch, .., keys]`.
pub(crate) fn without_padding(scores: &Tensor, mask: &Tensor) -> Result<Tensor, LossError> {
    let (batch, keys) = mask.dims2()?;
    let mut shape = vec![1; scores.rank()];
    shape[0] = batch;
    shape[scores.rank() - 1] = keys;
    let mask = mask.reshape(shape)?;
    let lowered = mask.affine(-MASKED, MASKED)?;
    Ok(scores.broadcast_mul(&mask)?.broadcast_add(&lowered)?)
}

/// What takes the place of a masked score.
const MASKED: f64 = -10_000.0;
