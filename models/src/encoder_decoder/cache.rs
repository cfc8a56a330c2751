//! Caches of decoding.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::ops::AttentionMask;

use crate::ModelError;

/// Keys and values of one layer's self-attention, `[rows, capacity, 2 * width of all heads]`.
#[derive(Debug, Clone)]
pub(super) struct LayerCache {
    values: Vec<f32>,
    rows: usize,
    capacity: usize,
    length: usize,
    width: usize,
}

impl LayerCache {
    pub(super) fn new(rows: usize, capacity: usize, width: usize) -> Self {
        Self { values: vec![0.0; rows * capacity * 2 * width], rows, capacity, length: 0, width }
    }

    /// Appends the key and value of one token a row, out of a packed `[rows, 1, 3 * width]`.
    ///
    /// # Errors
    /// When the capacity is used up.
    pub(super) fn push(&mut self, packed: &Tensor) -> Result<(), ModelError> {
        if self.length >= self.capacity {
            return Err(ModelError::Input(format!(
                "a target of more than the {} tokens for which decoding was started",
                self.capacity
            )));
        }
        let packed = packed.flatten_all()?.to_vec1::<f32>()?;
        let step = 2 * self.width;
        for (row, packed) in packed.chunks_exact(3 * self.width).enumerate() {
            let start = (row * self.capacity + self.length) * step;
            self.values[start..start + step].copy_from_slice(&packed[self.width..]);
        }
        self.length += 1;
        Ok(())
    }

    /// Width of all heads together.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn rows(&self) -> &[f32] {
        &self.values
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Makes row `i` a copy of the former row `rows[i]`.
    pub(super) fn select(&mut self, rows: &[usize]) {
        let (stride, used) = (self.capacity * 2 * self.width, self.length * 2 * self.width);
        let mut values = vec![0.0; rows.len() * stride];
        for (target, &source) in values.chunks_exact_mut(stride).zip(rows) {
            target[..used].copy_from_slice(&self.values[source * stride..source * stride + used]);
        }
        self.values = values;
        self.rows = rows.len();
    }
}

/// The encoder's output as cross-attention reads it.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    /// `[rows, length, 2 * width of all heads]` for every layer.
    pub(super) key_values: Vec<Tensor>,
    pub(super) mask: AttentionMask,
}

impl Memory {
    /// Makes row `i` a copy of the former row `rows[i]`.
    pub(super) fn select(&mut self, rows: &[usize]) -> Result<(), ModelError> {
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
