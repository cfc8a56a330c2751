//! Keys and values of a source and of what is written behind it, token by token, under the mask of two parts.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::AttentionMask;

use super::TextEncoder;
use crate::ModelError;
use crate::layers::LayerCache;

/// Caches of all layers of one decoding, whose source sees itself, and nothing of what comes after it.
pub(crate) struct SourceCache {
    caches: Vec<LayerCache>,
    /// The places of the source of each row that are no padding.
    sources: Vec<Vec<u32>>,
    /// Places of the source of each row, padding included.
    length: usize,
}

impl SourceCache {
    /// Reads a source of normed embeddings, `[batch, length, width]`, with 1 for a token and 0 for padding in `[batch, length]`, with room
    /// for `capacity` tokens behind it.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub(crate) fn new(
        encoder: &TextEncoder,
        embedded: Tensor,
        mask: &Arc<Vec<u8>>,
        capacity: usize,
    ) -> Result<Self, ModelError> {
        let (batch, length, width) = embedded.dims3()?;
        let cache = LayerCache::new(batch, length + capacity, width);
        let mut caches = vec![cache; encoder.config().layers];
        let seen = AttentionMask::keys(Arc::clone(mask));
        encoder.fill(embedded, &seen, &vec![length as u32; batch], &mut caches)?;
        let kept = |row: &[u8]| (0..row.len() as u32).filter(|&key| row[key as usize] != 0).collect();
        Ok(Self { caches, sources: mask.chunks(length.max(1)).map(kept).collect(), length })
    }

    /// The last state of the next token of each row, `[rows, 1, width]`, of its normed embedding; the token joins the caches. So many
    /// stand between the source and it.
    ///
    /// # Errors
    /// When the capacity is used up.
    pub(crate) fn step(
        &mut self,
        encoder: &TextEncoder,
        embedded: Tensor,
        written: usize,
    ) -> Result<Tensor, ModelError> {
        let own = self.length as u32..=(self.length + written) as u32;
        let keys: Vec<Vec<u32>> =
            self.sources.iter().map(|source| source.iter().copied().chain(own.clone()).collect()).collect();
        encoder.step(embedded, &mut self.caches, &keys)
    }

    /// Takes the last token of each row out again.
    pub(crate) fn pop(&mut self) {
        self.caches.iter_mut().for_each(LayerCache::pop);
    }

    /// Makes row `i` a copy of the former row `rows[i]`.
    pub(crate) fn select(&mut self, rows: &[usize]) {
        self.caches.iter_mut().for_each(|cache| cache.select(rows));
        self.sources = rows.iter().map(|&row| self.sources[row].clone()).collect();
    }
}
