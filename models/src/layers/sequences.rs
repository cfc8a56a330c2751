//! Sequences of a batch as layers compute them: without their padding where that pays.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::ops::{AttentionMask, RaggedLayout, RaggedPairs};

use crate::{ModelError, TapSelection, Trace};

/// Whether layers compute the padding of a batch, given whether somebody reads it.
#[must_use]
pub fn is_padding_computed(is_read: bool) -> bool {
    // A GPU takes less time over padding than over products for each sequence.
    is_read || !device::current().is_cpu()
}

/// Sequences of a batch in a tensor of their states: padded, `[batch, length, ..]`, or laid end to end, `[tokens, ..]`.
#[derive(Debug, Clone)]
pub(crate) struct Sequences {
    batch: usize,
    /// `[batch, length]`, 1 for a token and 0 for padding.
    mask: Arc<Vec<u8>>,
    /// None where padding is computed as tokens are.
    layout: Option<Arc<RaggedLayout>>,
}

impl Sequences {
    /// Sequences of a mask `[batch, length]`. They are laid end to end if some are padded, and nobody reads their padding.
    pub(crate) fn new(mask: &Arc<Vec<u8>>, batch: usize, wanted: &TapSelection) -> Result<Self, ModelError> {
        let [sequences] = Self::together([mask], batch, wanted)?;
        Ok(sequences)
    }

    /// Sequences of several streams that attend to each other: if one stream's are laid end to end, all are.
    pub(crate) fn together<const N: usize>(
        masks: [&Arc<Vec<u8>>; N],
        batch: usize,
        wanted: &TapSelection,
    ) -> Result<[Self; N], ModelError> {
        // What stands for a sequence is its first token, whatever the mask says of it.
        let starts_with_token = |mask: &[u8]| {
            let length = mask.len() / batch.max(1);
            length > 0 && mask.chunks(length).all(|row| row[0] != 0)
        };
        let unpads = !is_padding_computed(wanted.reads_padding())
            && masks.iter().any(|mask| mask.contains(&0))
            && masks.iter().all(|mask| starts_with_token(mask));
        let of = |mask: &Arc<Vec<u8>>| {
            let layout = unpads.then(|| RaggedLayout::of_mask(mask, batch).map(Arc::new)).transpose()?;
            Ok(Self { batch, mask: mask.clone(), layout })
        };
        let sequences = masks.into_iter().map(of).collect::<Result<Vec<_>, ModelError>>()?;
        sequences.try_into().map_err(|_| ModelError::Input("the streams of a batch are missing".into()))
    }

    /// Sequences whose padding is computed as tokens are.
    pub(crate) fn padded(mask: &Arc<Vec<u8>>, batch: usize) -> Self {
        Self { batch, mask: mask.clone(), layout: None }
    }

    /// The mask with which each attends to itself.
    pub(crate) fn attention(&self) -> AttentionMask {
        match &self.layout {
            Some(layout) => AttentionMask::ragged(layout.clone()),
            None => AttentionMask::keys(self.mask.clone()),
        }
    }

    /// The mask with which each attends to that of another stream.
    pub(crate) fn attention_to(&self, other: &Self) -> AttentionMask {
        match (&self.layout, &other.layout) {
            (Some(queries), Some(keys)) => AttentionMask {
                ragged: Some(RaggedPairs { queries: queries.clone(), keys: keys.clone() }),
                ..AttentionMask::default()
            },
            _ => AttentionMask::keys(other.mask.clone()),
        }
    }

    /// Values of the tokens, of those of all places, `[batch, length]` row by row.
    pub(crate) fn select(&self, padded: &Arc<Vec<u32>>) -> Arc<Vec<u32>> {
        match &self.layout {
            Some(layout) => Arc::new(layout.select(padded)),
            None => padded.clone(),
        }
    }

    /// States as layers compute them, of states `[batch, length, ..]`.
    pub(crate) fn unpad(&self, states: &Tensor) -> Result<Tensor, ModelError> {
        match &self.layout {
            Some(layout) => Ok(layout.unpad(states)?),
            None => Ok(states.clone()),
        }
    }

    /// States `[batch, length, ..]` of those that layers computed, with zeros for padding that they did not.
    pub(crate) fn pad(&self, states: &Tensor) -> Result<Tensor, ModelError> {
        match &self.layout {
            Some(layout) => Ok(layout.pad(states)?),
            None => Ok(states.clone()),
        }
    }

    /// States of tokens that were looked up as one sequence of all tokens, `[1, tokens, width]`, or sequence by sequence.
    pub(crate) fn looked_up(&self, states: Tensor) -> Result<Tensor, ModelError> {
        match &self.layout {
            Some(_) => Ok(states.squeeze(0)?),
            None => Ok(states),
        }
    }

    /// Sequences of which tokens are looked up: all tokens as one, or each by itself.
    pub(crate) fn rows(&self) -> usize {
        if self.layout.is_some() { 1 } else { self.batch }
    }

    /// States as layers compute them, with zeros for padding.
    pub(crate) fn without_padding(&self, states: &Tensor) -> Result<Tensor, ModelError> {
        if self.layout.is_some() {
            return Ok(states.clone());
        }
        let kept: Vec<f32> = self.mask.iter().map(|&kept| f32::from(kept)).collect();
        let kept = Tensor::from_vec(kept, (self.batch, states.dim(1)?, 1), device::current())?;
        Ok(states.broadcast_mul(&kept)?)
    }

    /// Keeps states, padded, if their tap is wanted.
    pub(crate) fn record(&self, tap: &str, states: &Tensor, trace: &mut Trace) -> Result<(), ModelError> {
        if trace.wants(tap) {
            trace.record(tap, &self.pad(states)?);
        }
        Ok(())
    }

    /// The first token's state of each, `[batch, width]`.
    pub(crate) fn first(&self, states: &Tensor) -> Result<Tensor, ModelError> {
        match &self.layout {
            Some(layout) => Ok(layout.first(states)?),
            None => first(states),
        }
    }
}

/// The first token's state of each text, `[batch, width]`.
pub(crate) fn first(hidden: &Tensor) -> Result<Tensor, ModelError> {
    Ok(hidden.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?)
}
