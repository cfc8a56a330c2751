//! Batches of token ids.

use std::ops::Range;
use std::sync::Arc;

use alambic_tensor::candle::Tensor;

use crate::{ModelError, integers};

/// Token sequences of one batch, padded to one length.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// `[batch, length]`, row by row.
    pub ids: Arc<Vec<u32>>,
    /// `[batch, length]`, 1 for a token and 0 for padding.
    pub mask: Arc<Vec<u8>>,
    /// Number of sequences.
    pub batch: usize,
    /// The length of each row.
    pub length: usize,
}

impl Tokens {
    /// Pads sequences to the longest.
    #[must_use]
    pub fn pad<S: AsRef<[u32]>>(sequences: &[S], padding: u32) -> Self {
        Self::pad_to(sequences, padding, 0)
    }

    /// Pads sequences to the longest, and to at least `min_length` tokens.
    #[must_use]
    pub fn pad_to<S: AsRef<[u32]>>(sequences: &[S], padding: u32, min_length: usize) -> Self {
        let length = sequences.iter().map(|ids| ids.as_ref().len()).max().unwrap_or(0).max(min_length);
        let mut ids = Vec::with_capacity(sequences.len() * length);
        let mut mask = Vec::with_capacity(sequences.len() * length);
        for sequence in sequences {
            let sequence = sequence.as_ref();
            ids.extend_from_slice(sequence);
            ids.resize(ids.len() + length - sequence.len(), padding);
            mask.resize(mask.len() + sequence.len(), 1);
            mask.resize(mask.len() + length - sequence.len(), 0);
        }
        Self { ids: Arc::new(ids), mask: Arc::new(mask), batch: sequences.len(), length }
    }

    /// From integer tensors `[batch, length]`; without a mask every token counts.
    ///
    /// # Errors
    /// When the shapes are not two-dimensional or differ, an id is negative or none, or the mask is of other numbers than 0
    /// and 1.
    pub fn from_tensors(ids: &Tensor, mask: Option<&Tensor>) -> Result<Self, ModelError> {
        let (batch, length) = ids.dims2()?;
        let ids = integers::ids("input_ids", ids)?;
        let mask = match mask {
            Some(mask) if mask.dims() != [batch, length] => {
                return Err(ModelError::Input(format!(
                    "a mask of shape {:?} does not fit token ids of [{batch}, {length}]",
                    mask.dims()
                )));
            }
            Some(mask) => integers::mask("attention_mask", mask)?,
            None => vec![1; batch * length],
        };
        Ok(Self { ids: Arc::new(ids), mask: Arc::new(mask), batch, length })
    }

    /// The same tokens padded to at least `min_length`.
    #[must_use]
    pub fn padded(&self, min_length: usize, padding: u32) -> Self {
        if min_length <= self.length {
            return self.clone();
        }
        let widen = |values: &[u32]| {
            let rows = values.chunks_exact(self.length.max(1));
            rows.flat_map(|row| {
                row.iter().copied().chain(std::iter::repeat_n(padding, min_length - self.length))
            })
            .collect()
        };
        let mask = self.mask.chunks_exact(self.length.max(1));
        let mask =
            mask.flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0, min_length - self.length)));
        Self {
            ids: Arc::new(widen(&self.ids)),
            mask: Arc::new(mask.collect()),
            batch: self.batch,
            length: min_length,
        }
    }

    /// Each sequence so many times, one behind another.
    #[must_use]
    pub fn repeated(&self, times: usize) -> Self {
        Self {
            ids: Arc::new(repeated_rows(&self.ids, self.length, times)),
            mask: Arc::new(repeated_rows(&self.mask, self.length, times)),
            batch: self.batch * times,
            length: self.length,
        }
    }

    /// A part of the places of every sequence.
    #[must_use]
    pub fn columns(&self, places: Range<usize>) -> Self {
        Self {
            ids: Arc::new(columns(&self.ids, self.length, places.clone())),
            mask: Arc::new(columns(&self.mask, self.length, places.clone())),
            batch: self.batch,
            length: places.len(),
        }
    }

    /// Number of tokens that are not padding.
    #[must_use]
    pub fn count(&self) -> usize {
        self.mask.iter().map(|&kept| usize::from(kept)).sum()
    }
}

/// Rows of so many values, each so many times.
pub(crate) fn repeated_rows<T: Copy>(values: &[T], length: usize, times: usize) -> Vec<T> {
    values.chunks(length.max(1)).flat_map(|row| std::iter::repeat_n(row, times)).flatten().copied().collect()
}

/// A part of rows of so many values.
fn columns<T: Copy>(values: &[T], length: usize, places: Range<usize>) -> Vec<T> {
    values.chunks(length.max(1)).flat_map(|row| &row[places.clone()]).copied().collect()
}
