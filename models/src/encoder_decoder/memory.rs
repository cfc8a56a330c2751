//! What a decoder reads of its source.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::ops::AttentionMask;

use crate::ModelError;

/// The encoder's output as cross-attention reads it.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    /// `[rows, length, 2 * width of all heads]` for every layer.
    pub(super) key_values: Vec<Tensor>,
    pub(super) mask: AttentionMask,
    /// The source of each row.
    pub(super) sources: Vec<usize>,
}

impl Memory {
    /// Makes row `i` a copy of the former row `rows[i]`.
    pub(super) fn select(&mut self, rows: &[usize]) -> Result<(), ModelError> {
        let sources: Vec<usize> = rows.iter().map(|&row| self.sources[row]).collect();
        if sources == self.sources {
            // Rows of a source have the same memory.
            return Ok(());
        }
        self.sources = sources;
        let indices: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        let indices = Tensor::new(indices.as_slice(), device::current())?;
        for key_value in &mut self.key_values {
            *key_value = key_value.index_select(&indices, 0)?;
        }
        if let (Some(mask), Some(first)) = (&self.mask.keys, self.key_values.first()) {
            let length = first.dim(1)?;
            let mask =
                rows.iter().flat_map(|&row| mask[row * length..(row + 1) * length].iter().copied()).collect();
            self.mask.keys = Some(Arc::new(mask));
        }
        Ok(())
    }
}
