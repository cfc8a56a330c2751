//! Multi-head attention.

mod cached;
mod kernel;
mod operation;

use std::sync::Arc;

use candle_core::{D, Result, Tensor, bail};

pub use cached::attend_cached;

use self::operation::{Attention, Packing};
use super::dropout::{Mask, dropout};
use super::softmax::softmax;
use crate::graph;

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
    fn check(self, width: usize) -> Result<()> {
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
/// When the shapes do not fit or a tensor is not `f32` in CPU memory.
pub fn attend(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    heads: Heads,
    mask: &AttentionMask,
) -> Result<Tensor> {
    let tracked = query.track_op() || key.track_op() || value.track_op();
    let operation = Attention::new(heads, mask, Packing::None, tracked);
    graph::apply3(&query.contiguous()?, &key.contiguous()?, &value.contiguous()?, operation)
}

/// Self-attention over a packed `[batch, length, 3 * width]` of query, key and value.
///
/// # Errors
/// As for [`attend`].
pub fn attend_packed(packed: &Tensor, heads: Heads, mask: &AttentionMask) -> Result<Tensor> {
    let operation = Attention::new(heads, mask, Packing::All, packed.track_op());
    graph::apply1(&packed.contiguous()?, operation)
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
    let tracked = query.track_op() || key_value.track_op();
    let operation = Attention::new(heads, mask, Packing::KeyValue, tracked);
    graph::apply2(&query.contiguous()?, &key_value.contiguous()?, operation)
}

/// As [`attend`], by separate differentiable steps: the context, the scores before softmax and mask, and the
/// probabilities before dropout, both `[batch, heads, queries, keys]`. For losses and readers that look at attention itself.
///
/// # Errors
/// As for [`attend`].
pub fn attend_with_taps(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    heads: Heads,
    mask: &AttentionMask,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (batch, queries, width) = query.dims3()?;
    let (_, keys, _) = key.dims3()?;
    heads.check(width)?;
    mask.check((batch, heads.count, queries, keys))?;
    if key.dims() != [batch, keys, width] || key.shape() != value.shape() {
        bail!(
            "attention: query {:?}, key {:?} and value {:?} do not fit each other",
            query.shape(),
            key.shape(),
            value.shape()
        )
    }
    let split = |tensor: &Tensor| {
        let (batch, length, width) = tensor.dims3()?;
        tensor.reshape((batch, length, heads.count, width / heads.count))?.transpose(1, 2)?.contiguous()
    };
    let scores =
        (split(query)?.matmul(&split(key)?.transpose(D::Minus2, D::Minus1)?)? * f64::from(heads.scale))?;
    let probabilities = softmax(&scores, Some(mask))?;
    let context = dropout(&probabilities, mask.dropped.clone())?;
    let context = context.matmul(&split(value)?)?.transpose(1, 2)?.contiguous()?.reshape(query.shape())?;
    Ok((context, scores, probabilities))
}
