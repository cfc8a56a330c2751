//! Sinusoidal positions.

use alambic_tensor::candle::{Result, Tensor};
use alambic_tensor::device;

/// `[length, width]`: the first half of the columns are sines, the second cosines, of the position divided by
/// `10000^(2i / width)`. Marian does not interleave them.
pub(super) fn sinusoids(length: usize, width: usize) -> Result<Tensor> {
    let half = width.div_ceil(2);
    let mut values = vec![0.0f32; length * width];
    for (position, row) in values.chunks_exact_mut(width.max(1)).enumerate() {
        for (column, value) in row.iter_mut().enumerate() {
            let index = if column < half { column } else { column - half };
            let angle = position as f64 / 10_000f64.powf(2.0 * index as f64 / width as f64);
            *value = if column < half { angle.sin() } else { angle.cos() } as f32;
        }
    }
    Tensor::from_vec(values, (length, width), device::current())
}
