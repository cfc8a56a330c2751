//! Attention over separate and packed query, key and value.
//!
//! Where a mask has a ragged layout, `[batch, length, ..]` stands for `[tokens, ..]`; scores and probabilities are padded,
//! with zeros, all the same.

use candle_core::{Result, Tensor};

use super::operation::{Packing, run};
use super::sparse::attend_image;
use super::{AttentionHeads, AttentionMask};

/// Attention of `query` `[batch, queries, width]` over `key` and `value` `[batch, keys, width]`; the context has the
/// query's shape.
///
/// # Errors
/// When the shapes do not fit or a tensor is not `f32`.
pub fn attend(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    heads: AttentionHeads,
    mask: &AttentionMask,
) -> Result<Tensor> {
    Ok(run([query, key, value], heads, mask, Packing::None, false)?.context)
}

/// Self-attention over a packed `[batch, length, 3 * width]` of query, key and value.
///
/// # Errors
/// As for [`attend`].
pub fn attend_packed(packed: &Tensor, heads: AttentionHeads, mask: &AttentionMask) -> Result<Tensor> {
    if let Some(image) = &mask.image {
        return attend_image(packed, heads, image);
    }
    Ok(run([packed], heads, mask, Packing::All, false)?.context)
}

/// Attention of `query` `[batch, queries, width]` over a packed `[batch, keys, 2 * width]` of key and value.
///
/// # Errors
/// As for [`attend`].
pub fn attend_cross(
    query: &Tensor,
    key_value: &Tensor,
    heads: AttentionHeads,
    mask: &AttentionMask,
) -> Result<Tensor> {
    Ok(run([query, key_value], heads, mask, Packing::KeyValue, false)?.context)
}

/// As [`attend_packed`]: the context, the scores before softmax and mask, and the probabilities before dropout, both
/// `[batch, heads, queries, keys]`, for losses and readers that look at attention itself.
///
/// # Errors
/// As for [`attend`].
pub fn attend_packed_with_taps(
    packed: &Tensor,
    heads: AttentionHeads,
    mask: &AttentionMask,
) -> Result<(Tensor, Tensor, Tensor)> {
    if let Some(image) = &mask.image {
        let (batch, length, _) = packed.dims3()?;
        let bias = image.additive(batch, heads.count, length, packed.device())?;
        let mask = AttentionMask::default().with_bias(Some(bias));
        let (context, _, probabilities) = run([packed], heads, &mask, Packing::All, true)?.tapped()?;
        // Scores are those without the mask, of which large negative numbers would leave nothing.
        let (_, scores, _) = run([packed], heads, &AttentionMask::default(), Packing::All, true)?.tapped()?;
        return Ok((context, scores, probabilities));
    }
    run([packed], heads, mask, Packing::All, true)?.tapped()
}

/// As [`attend_cross`], with what [`attend_packed_with_taps`] gives.
///
/// # Errors
/// As for [`attend`].
pub fn attend_cross_with_taps(
    query: &Tensor,
    key_value: &Tensor,
    heads: AttentionHeads,
    mask: &AttentionMask,
) -> Result<(Tensor, Tensor, Tensor)> {
    run([query, key_value], heads, mask, Packing::KeyValue, true)?.tapped()
}
