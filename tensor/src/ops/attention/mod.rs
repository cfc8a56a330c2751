//! Multi-head attention.

mod cached;
mod kernel;
mod operation;

use std::sync::Arc;

use candle_core::{Result, Tensor, bail};

pub use cached::attend_cached;

use self::operation::{Packing, run};
use super::dropout::Mask;

/// Which keys a query may look at, and which of its probabilities are dropped.
#[derive(Debug, Clone, Default)]
pub struct AttentionMask {
    /// `[batch, keys]`, 1 for a real token and 0 for padding.
    pub keys: Option<Arc<Vec<u8>>>,
    /// A query sees no key after itself.
    pub causal: bool,
    /// Dropout of the probabilities, `[batch, heads, queries, keys]`, after the softmax.
    pub dropped: Option<Mask>,
}

impl AttentionMask {
    /// Padding alone.
    #[must_use]
    pub fn keys(keys: Arc<Vec<u8>>) -> Self {
        Self { keys: Some(keys), ..Self::default() }
    }

    /// Earlier positions alone.
    #[must_use]
    pub fn causal() -> Self {
        Self { causal: true, ..Self::default() }
    }

    /// The same, with dropout of the probabilities.
    #[must_use]
    pub fn dropping(&self, dropped: Option<Mask>) -> Self {
        Self { dropped, ..self.clone() }
    }

    /// Whether a query of an example may look at a key out of `width`.
    pub(super) fn allows(&self, example: usize, query: usize, key: usize, width: usize) -> bool {
        !(self.causal && key > query)
            && self.keys.as_ref().is_none_or(|keys| keys[example * width + key] != 0)
    }

    /// Fails unless the mask was made for so many examples, heads, queries and keys.
    fn check(&self, (batch, heads, queries, keys): (usize, usize, usize, usize)) -> Result<()> {
        self.check_keys(batch, keys)?;
        match &self.dropped {
            Some(dropped) => dropped.check("attention", &(batch, heads, queries, keys).into()),
            None => Ok(()),
        }
    }

    /// Fails unless the mask was made for so many examples and keys.
    pub(super) fn check_keys(&self, batch: usize, keys: usize) -> Result<()> {
        match &self.keys {
            Some(mask) if mask.len() != batch * keys => {
                bail!("attention: a mask of {} entries does not fit [{batch}, {keys}]", mask.len())
            }
            _ => Ok(()),
        }
    }
}

/// The number of attention heads, and the factor on their scores.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    /// How many.
    pub count: usize,
    /// The factor on query times key, usually one over the square root of the head's width.
    pub scale: f32,
}

impl Heads {
    /// Heads that split `width` evenly, scores divided by the square root of their width.
    ///
    /// # Errors
    /// When the width does not divide.
    pub fn new(count: usize, width: usize) -> Result<Self> {
        let heads = Self { count, scale: 1.0 / ((width / count.max(1)) as f32).sqrt() };
        heads.check(width)?;
        Ok(heads)
    }

    /// Fails unless the heads split `width` evenly.
    pub(super) fn check(self, width: usize) -> Result<()> {
        if width == 0 || self.count == 0 || !width.is_multiple_of(self.count) {
            bail!("attention: a width of {width} does not divide into {} heads", self.count)
        }
        Ok(())
    }
}

/// Attention of `query` `[batch, queries, width]` over `key` and `value` `[batch, keys, width]`; the context has the
/// query's shape.
///
/// # Errors
/// When the shapes do not fit or a tensor is not `f32`.
pub fn attend(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    heads: Heads,
    mask: &AttentionMask,
) -> Result<Tensor> {
    Ok(run([query, key, value], heads, mask, Packing::None, false)?.context)
}

/// Self-attention over a packed `[batch, length, 3 * width]` of query, key and value.
///
/// # Errors
/// As for [`attend`].
pub fn attend_packed(packed: &Tensor, heads: Heads, mask: &AttentionMask) -> Result<Tensor> {
    Ok(run([packed], heads, mask, Packing::All, false)?.context)
}

/// Attention of `query` `[batch, queries, width]` over a packed `[batch, keys, 2 * width]` of key and value.
///
/// # Errors
/// As for [`attend`].
pub fn attend_cross(
    query: &Tensor,
    key_value: &Tensor,
    heads: Heads,
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
    heads: Heads,
    mask: &AttentionMask,
) -> Result<(Tensor, Tensor, Tensor)> {
    run([packed], heads, mask, Packing::All, true)?.tapped()
}

/// As [`attend_cross`], with what [`attend_packed_with_taps`] gives.
///
/// # Errors
/// As for [`attend`].
pub fn attend_cross_with_taps(
    query: &Tensor,
    key_value: &Tensor,
    heads: Heads,
    mask: &AttentionMask,
) -> Result<(Tensor, Tensor, Tensor)> {
    run([query, key_value], heads, mask, Packing::KeyValue, true)?.tapped()
}
