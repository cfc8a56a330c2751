//! Masks of attention.

use std::sync::Arc;

use candle_core::{Result, bail};

use crate::ops::dropout::DropoutMask;
use crate::ops::ragged::{RaggedLayout, RaggedPairs};

/// Mask of attention: which keys a query may look at, and which of its probabilities are dropped.
#[derive(Debug, Clone, Default)]
pub struct AttentionMask {
    /// `[batch, keys]`, 1 for a real token and 0 for padding.
    pub keys: Option<Arc<Vec<u8>>>,
    /// Layout of queries and keys that are laid end to end without padding, each sequence's seeing those of its own. Query,
    /// key and value are then `[tokens, width]`.
    pub ragged: Option<RaggedPairs>,
    /// A query sees no key after itself.
    pub causal: bool,
    /// Dropout of the probabilities, `[batch, heads, queries, keys]`, or of those of ragged pairs, after the softmax.
    pub dropout: Option<DropoutMask>,
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

    /// Sequences laid end to end, each attending to itself.
    #[must_use]
    pub fn ragged(layout: Arc<RaggedLayout>) -> Self {
        Self { ragged: Some(RaggedPairs::of_self(layout)), ..Self::default() }
    }

    /// The same, with dropout of the probabilities.
    #[must_use]
    pub fn with_dropout(&self, dropout: Option<DropoutMask>) -> Self {
        Self { dropout, ..self.clone() }
    }

    /// Whether a query of an example may look at a key out of `width`.
    pub(crate) fn is_allowed(&self, example: usize, query: usize, key: usize, width: usize) -> bool {
        !(self.causal && key > query)
            && self.keys.as_ref().is_none_or(|keys| keys[example * width + key] != 0)
    }

    /// Fails unless the mask was made for so many examples and keys.
    pub(crate) fn check_keys(&self, batch: usize, keys: usize) -> Result<()> {
        match &self.keys {
            Some(mask) if mask.len() != batch * keys => {
                bail!("attention: a mask of {} entries does not fit [{batch}, {keys}]", mask.len())
            }
            _ => Ok(()),
        }
    }
}
