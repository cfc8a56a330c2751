//! Masks of attention.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Result, Tensor, bail};

use super::image_mask::{ImageAttention, ImagePattern};
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
    /// Tokens of the source in each example, at the front of its row, behind which its target follows: a query sees the whole
    /// source, and of the target what is not after itself. A source of no token is [`Self::causal`], one of the whole row sees
    /// all. Padding belongs behind the target.
    pub prefix: Option<Arc<Vec<u32>>>,
    /// A query sees no key that is more places away than this, before or after itself.
    pub window: Option<usize>,
    /// Bias of the scores before the softmax, `[batch, heads, queries, keys]`, or of one example for all. Not for a ragged
    /// layout.
    pub bias: Option<Tensor>,
    /// Rows that hold an image each, whose tokens see few of the others of it. It stands in place of all other fields, and nothing is
    /// dropped.
    pub image: Option<ImageAttention>,
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

    /// Sources and targets in one row, with so many tokens of the source in each example.
    #[must_use]
    pub fn prefix(sources: Arc<Vec<u32>>) -> Self {
        Self { prefix: Some(sources), ..Self::default() }
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

    /// The same, with no key further away than `window`.
    #[must_use]
    pub fn with_window(&self, window: Option<usize>) -> Self {
        Self { window, ..self.clone() }
    }

    /// The same, with a bias of the scores.
    #[must_use]
    pub fn with_bias(&self, bias: Option<Tensor>) -> Self {
        Self { bias, ..self.clone() }
    }

    /// The same, in which tokens of an image see these of it; without a pattern all that they see else.
    #[must_use]
    pub fn with_image_pattern(&self, pattern: Option<ImagePattern>) -> Self {
        let image = pattern.zip(self.image.clone());
        Self { image: image.map(|(pattern, own)| ImageAttention { pattern, ..own }), ..self.clone() }
    }

    /// Whether which keys a query sees depends on its place.
    pub(crate) fn depends_on_query(&self) -> bool {
        self.causal || self.window.is_some() || self.prefix.is_some()
    }

    /// Whether which keys a query sees depends on its example.
    pub(crate) fn depends_on_example(&self) -> bool {
        self.keys.is_some() || self.prefix.is_some()
    }

    /// The keys out of `width`, whether padding or not, that a query of an example sees: the first, and the one behind the last.
    pub(crate) fn range(&self, example: usize, query: usize, width: usize) -> (usize, usize) {
        let end = match &self.prefix {
            Some(sources) => width.min((sources[example] as usize).max(query + 1)),
            None if self.causal => width.min(query + 1),
            None => width,
        };
        match self.window {
            None => (0, end),
            Some(window) => (query.saturating_sub(window).min(end), end.min(query + window + 1)),
        }
    }

    /// The keys out of `width` that any of some queries of an example that follow on each other sees. Neither bound falls from
    /// one query to the next.
    pub(crate) fn span(&self, example: usize, queries: Range<usize>, width: usize) -> Range<usize> {
        let start = self.range(example, queries.start, width).0;
        start..self.range(example, queries.end - 1, width).1
    }

    /// Whether a query of an example may look at a key out of `width`.
    pub(crate) fn is_allowed(&self, example: usize, query: usize, key: usize, width: usize) -> bool {
        let (start, end) = self.range(example, query, width);
        (start..end).contains(&key) && self.keys.as_ref().is_none_or(|keys| keys[example * width + key] != 0)
    }

    /// Fails unless the mask was made for so many examples and keys.
    pub(crate) fn check_keys(&self, batch: usize, keys: usize) -> Result<()> {
        self.check_prefix(batch, keys)?;
        match &self.keys {
            Some(mask) if mask.len() != batch * keys => {
                bail!("attention: a mask of {} entries does not fit [{batch}, {keys}]", mask.len())
            }
            _ => Ok(()),
        }
    }

    /// Fails unless each of so many examples has a source that so many keys hold.
    pub(crate) fn check_prefix(&self, batch: usize, keys: usize) -> Result<()> {
        match &self.prefix {
            Some(sources) if sources.len() != batch => {
                bail!("attention: sources of {} examples do not fit a batch of {batch}", sources.len())
            }
            Some(sources) => match sources.iter().find(|&&source| source as usize > keys) {
                Some(source) => bail!("attention: a source of {source} tokens does not fit {keys} keys"),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }
}
